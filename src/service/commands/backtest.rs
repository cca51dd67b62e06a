//! `headroom backtest`: how good the forecasts would have been, had they been made earlier.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use domain::Series;
use forecast::{Backtest, BacktestSettings, BacktestSummary, BacktestTotals};
use ingest::write::Draft;
use rayon::prelude::*;
use serde::Serialize;

use crate::batches;
use crate::cli;
use crate::commands::forecast::{WARNINGS_SHOWN, keep_inputs, of_histories, threads};
use crate::commands::{Outcome, show_input};
use crate::progress::Stopwatch;

/// What the output begins with; the scores of each series follow.
#[derive(Debug, Serialize)]
struct Head {
    horizon: usize,
    windows: usize,
    step: usize,
}

/// What it ends with.
#[derive(Debug, Serialize)]
struct Tail<'a> {
    overall: &'a BacktestSummary,
    seconds: f64,
    /// Wall-clock milliseconds of the whole backtest divided by the number of series, on the threads in use.
    ms_per_series: f64,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    overall: &'a BacktestSummary,
    input: &'a ingest::series::Summary,
}

/// Runs the command.
pub(crate) fn run(args: &cli::Backtest, json: bool) -> anyhow::Result<Outcome> {
    let watch = Stopwatch::start();
    keep_inputs(&args.output, &args.histories, None)?;
    threads(args.histories.threads)?;
    let horizon = args.histories.horizon;
    let mut settings = BacktestSettings::new(of_histories(&args.histories)?);
    settings.windows = args.windows;
    settings.step = args.step.unwrap_or(horizon);

    let head = Head { horizon, windows: args.windows, step: settings.step };
    let mut scores = Scores::create(&args.output, &head)?;
    let mut totals = BacktestTotals::default();
    let input = batches::for_each(
        "backtesting",
        &args.histories,
        |batch| batch.par_iter().map(|series| timed(series, &settings)).collect::<Vec<_>>(),
        |scored| {
            scored.iter().for_each(|series| totals.add(series));
            scored.iter().try_for_each(|series| scores.add(series))
        },
    )?;
    for skipped in &input.skipped {
        let (unique_id, warnings) = (skipped.unique_id.clone(), vec![skipped.reason.clone()]);
        let left_out = Backtest { unique_id, models: BTreeMap::new(), warnings };
        totals.add(&left_out);
        scores.add(&left_out)?;
    }
    let overall = totals.summary();
    let seconds = watch.seconds();
    let series = (overall.series + overall.skipped).max(1);
    scores.finish(&Tail { overall: &overall, seconds, ms_per_series: seconds * 1000.0 / series as f64 })?;
    if json {
        // With the scores on standard output, the summary goes beside them.
        let text = serde_json::to_string_pretty(&Told { overall: &overall, input: &input })?;
        if args.output == Path::new("-") { eprintln!("{text}") } else { outln!("{text}") }
    } else {
        input.warnings.iter().take(WARNINGS_SHOWN).for_each(|warning| eprintln!("warning: {warning}"));
        show(&overall);
        show_input(&input);
    }
    Ok(Outcome::of_rejects(input.unused()))
}

/// The backtest of one series; its time stands with our own forecast, which includes every member.
fn timed(series: &Series, settings: &BacktestSettings) -> Backtest {
    let watch = Stopwatch::start();
    let mut scored = forecast::backtest(series, settings);
    if let Some(own) = scored.models.get_mut(forecast::OWN) {
        own.ms_per_series = Some(watch.seconds() * 1000.0);
    }
    scored
}

/// The output: one JSON object whose list of series grows while the work goes on.
struct Scores<'a> {
    output: &'a Path,
    draft: Option<Draft>,
    out: BufWriter<Box<dyn Write>>,
    /// Written before the first series: an input without one leaves nothing behind, not even on standard output.
    head: String,
    series: usize,
}

impl<'a> Scores<'a> {
    fn create(output: &'a Path, head: &Head) -> anyhow::Result<Self> {
        let (draft, out): (_, Box<dyn Write>) = if output == Path::new("-") {
            (None, Box::new(io::stdout()))
        } else {
            let (draft, file): (_, File) = Draft::of(output)?;
            (draft, Box::new(file))
        };
        let head = serde_json::to_string(head)?;
        let head = format!("{},\n\"series\": [", head.trim_end_matches('}'));
        Ok(Self { output, draft, out: BufWriter::new(out), head, series: 0 })
    }

    fn add(&mut self, series: &Backtest) -> anyhow::Result<()> {
        let before = if self.series == 0 { std::mem::take(&mut self.head) } else { ",".to_owned() };
        self.series += 1;
        self.write(&format!("{before}\n{}", serde_json::to_string(series)?))
    }

    fn finish(mut self, tail: &Tail<'_>) -> anyhow::Result<()> {
        let tail = serde_json::to_string(tail)?;
        self.write(&format!("\n],\n{}\n", tail.trim_start_matches('{')))?;
        let Self { output, draft, mut out, .. } = self;
        out.flush().with_context(|| format!("cannot write {}", output.display()))?;
        match draft {
            Some(draft) => Ok(draft.move_to(output)?),
            None => Ok(()),
        }
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        let written = self.out.write_all(text.as_bytes());
        written.with_context(|| format!("cannot write {}", self.output.display()))
    }
}

fn show(overall: &BacktestSummary) {
    eprintln!("{} series, {} too short or left out", overall.series, overall.skipped);
    eprintln!("{:<24} {:>8} {:>8} {:>9} {:>9}", "model", "MASE", "sMAPE", "cover 80", "cover 95");
    for (model, score) in &overall.models {
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        eprintln!(
            "{model:<24} {:>8} {:>8} {:>9} {:>9}",
            shown(score.mase),
            shown(score.smape),
            shown(score.coverage_80),
            shown(score.coverage_95)
        );
    }
}
