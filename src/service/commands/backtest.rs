//! `headroom backtest`: how good the forecasts would have been, had they been made earlier.

use rayon::prelude::*;

use crate::cli;
use crate::commands::Outcome;
use crate::commands::forecast::threads;
use crate::context::write_json;
use crate::progress::{self, Stopwatch};

/// Runs the command.
pub(crate) fn run(args: &cli::Backtest, json: bool) -> anyhow::Result<Outcome> {
    let watch = Stopwatch::start();
    threads(args.threads)?;
    let frequency =
        args.freq.as_deref().map(ingest::series::parse_frequency).transpose().map_err(anyhow::Error::msg)?;
    let (all, input) = ingest::series::read(&args.input, frequency)?;
    let mut settings = forecast::BacktestSettings::new(args.horizon);
    settings.windows = args.windows;
    settings.step = args.step.unwrap_or(args.horizon);
    settings.season_lengths = args.season_length.clone();

    let bar = progress::bar("backtesting", all.len() as u64);
    let score = |series| {
        let scored = forecast::backtest(series, &settings);
        bar.inc(1);
        scored
    };
    let series: Vec<forecast::Backtest> = all.par_iter().map(score).collect();
    bar.finish_and_clear();

    let output = forecast::BacktestReport::new(&settings, series, watch.seconds());
    write_json(&args.output, &output)?;
    if !json {
        show(&output.overall);
    } else if args.output != std::path::Path::new("-") {
        outln!("{}", serde_json::to_string_pretty(&output.overall)?);
    }
    Ok(Outcome::of_rejects(input.rejected))
}

fn show(overall: &forecast::BacktestSummary) {
    eprintln!("{} series, {} too short to score", overall.series, overall.skipped);
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
