//! `headroom forecast`: a long table in, quantiles out; no database, bounded memory.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use domain::{Event, Forecast, Stamp, UnusedEvents};
use forecast::Driver;
use ingest::write::{Cell, Kind, TableWriter};
use serde::Serialize;

use crate::batches;
use crate::cli::{self, Quantile};
use crate::commands::{Outcome, events, show_input};
use crate::progress::Stopwatch;
use crate::zone;

/// Warnings shown to people; `--json` has all of them.
pub(crate) const WARNINGS_SHOWN: usize = 20;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    series: usize,
    failed: usize,
    seconds: f64,
    models: BTreeMap<String, usize>,
    warnings: Vec<String>,
    input: ingest::series::Summary,
}

/// Runs the command.
pub(crate) fn run(args: &cli::Forecast, json: bool) -> anyhow::Result<Outcome> {
    let watch = Stopwatch::start();
    keep_inputs(&args.output, &args.histories, args.events.as_deref())?;
    let (events, places) = events(args.events.as_deref())?;
    let request = request(args, events)?;
    threads(args.histories.threads)?;
    let mut sink = Sink::new(&args.output, &args.quantiles, &request);
    let mut unused = UnusedEvents::new(&request.events);
    let input = batches::for_each(
        "forecasting",
        &args.histories,
        |batch| forecast::forecast_all(batch, &request),
        |forecasts| {
            forecasts.iter().try_for_each(|forecast| {
                unused.see(&forecast.unique_id, forecast.grid.start);
                sink.take(forecast)
            })
        },
    )?;
    input.skipped.iter().for_each(|skipped| unused.leave_out(&skipped.unique_id));
    let mut summary = sink.finish()?;
    // before those on single series, of which there may be more than people are shown
    summary.warnings.splice(..0, unused.warnings(|index| places[index].to_string()));
    summary.warnings.extend(input.warnings.iter().cloned());
    summary.series += input.skipped.len();
    summary.failed += input.skipped.len();
    summary.input = input;
    summary.seconds = watch.seconds();
    report(&summary, json, &args.output)?;
    Ok(Outcome::of_rejects(summary.input.unused()))
}

/// Refuses to write over what is read.
pub(crate) fn keep_inputs(
    output: &Path,
    asked: &cli::Histories,
    events: Option<&Path>,
) -> anyhow::Result<()> {
    let inputs =
        [("--input", Some(&*asked.input)), ("--drivers", asked.drivers.as_deref()), ("--events", events)];
    // an output that is not there yet is none of the inputs; devices and pipes keep nothing
    let Some(written) = output.canonicalize().ok().filter(|path| path.is_file()) else { return Ok(()) };
    for (flag, input) in inputs {
        if input.is_some_and(|input| input.canonicalize().is_ok_and(|read| read == written)) {
            let output = output.display();
            return Err(cli::conflict(format!(
                "--output {output} is the file of {flag}, which would be lost: give another name"
            ))
            .into());
        }
    }
    Ok(())
}

/// The request that the flags describe.
fn request(args: &cli::Forecast, events: Vec<Event>) -> anyhow::Result<forecast::Request> {
    let mut request = of_histories(&args.histories)?;
    request.levels = args.quantiles.iter().map(|quantile| quantile.level).collect();
    request.events = events;
    request.check()?;
    Ok(request)
}

/// The part of a request that forecast and backtest share.
pub(crate) fn of_histories(asked: &cli::Histories) -> anyhow::Result<forecast::Request> {
    let mut request = forecast::Request::new(asked.horizon);
    request.season_lengths = asked.season_length.clone();
    request.drivers = drivers(asked)?;
    request.utc_offsets = zone::utc_offsets(&asked.time_zone)?;
    Ok(request)
}

/// The drivers that the flags name.
fn drivers(asked: &cli::Histories) -> anyhow::Result<Vec<Driver>> {
    let Some(path) = &asked.drivers else { return Ok(Vec::new()) };
    let (series, read) = ingest::series::read(path, asked.freq).context("--drivers")?;
    ensure!(
        read.rejected == 0,
        "--drivers {}: {} rows cannot be read, the first is {}",
        path.display(),
        read.rejected,
        read.rejects.first().map_or_else(String::new, ToString::to_string),
    );
    if let Some(skipped) = read.skipped.first() {
        bail!("--drivers {}: {skipped}", path.display());
    }
    ensure!(
        !series.is_empty(),
        "--drivers {}: there is no series in it: expected rows of unique_id, ds, y",
        path.display()
    );
    Ok(series.into_iter().map(Driver::from).collect())
}

/// Limits the threads of the process; without a limit, all cores work. Threads beyond the cores only get into each other's
/// way: thousands of them never came to an end.
pub(crate) fn threads(count: Option<usize>) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let builder = rayon::ThreadPoolBuilder::new().num_threads(count.unwrap_or(0).min(cores));
    builder.build_global().context("cannot start the threads")
}

/// Writes forecasts as they come and counts them.
struct Sink<'a> {
    output: &'a Path,
    columns: Vec<String>,
    /// For each requested column, its level.
    levels: &'a [f64],
    writer: Option<TableWriter>,
    summary: Summary,
}

impl<'a> Sink<'a> {
    fn new(output: &'a Path, quantiles: &[Quantile], request: &'a forecast::Request) -> Self {
        Self {
            output,
            columns: quantiles.iter().map(|quantile| format!("q{}", quantile.typed)).collect(),
            levels: &request.levels,
            writer: None,
            summary: Summary {
                series: 0,
                failed: 0,
                seconds: 0.0,
                models: BTreeMap::new(),
                warnings: Vec::new(),
                input: ingest::series::Summary::default(),
            },
        }
    }

    fn take(&mut self, forecast: &Forecast) -> anyhow::Result<()> {
        self.write(forecast)?;
        self.count(forecast);
        Ok(())
    }

    fn write(&mut self, forecast: &Forecast) -> anyhow::Result<()> {
        if self.writer.is_none() {
            let stamp =
                if matches!(forecast.grid.start, Stamp::Time(_)) { Kind::Time } else { Kind::Integer };
            let mut columns = vec![("unique_id", Kind::Text), ("ds", stamp), ("mean", Kind::Number)];
            columns.extend(self.columns.iter().map(|name| (name.as_str(), Kind::Number)));
            self.writer = Some(TableWriter::create(self.output, &columns)?);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let paths: Vec<&[f64]> = self.levels.iter().filter_map(|level| forecast.quantile(*level)).collect();
        for (step, mean) in forecast.mean.iter().enumerate() {
            let mut cells = vec![
                Cell::Text(&forecast.unique_id),
                Cell::from(forecast.grid.stamp(step)),
                Cell::Number(*mean),
            ];
            cells.extend(paths.iter().map(|path| Cell::Number(path[step])));
            writer.row(&cells)?;
        }
        Ok(())
    }

    fn count(&mut self, forecast: &Forecast) {
        self.summary.series += 1;
        if forecast.mean.is_empty() {
            self.summary.failed += 1;
        }
        if let Some(member) = forecast.members.first() {
            *self.summary.models.entry(member.model.clone()).or_default() += 1;
        }
        let named = |warning: &String| format!("{}: {warning}", forecast.unique_id);
        self.summary.warnings.extend(forecast.warnings.iter().map(named));
    }

    fn finish(self) -> anyhow::Result<Summary> {
        if let Some(writer) = self.writer {
            writer.finish()?;
        }
        Ok(self.summary)
    }
}

fn report(summary: &Summary, json: bool, output: &Path) -> anyhow::Result<()> {
    if json {
        // With the table on standard output, the summary goes beside it.
        let text = serde_json::to_string_pretty(summary)?;
        if output == Path::new("-") {
            eprintln!("{text}")
        } else {
            outln!("{text}")
        }
        return Ok(());
    }
    for warning in summary.warnings.iter().take(WARNINGS_SHOWN) {
        eprintln!("warning: {warning}");
    }
    if summary.warnings.len() > WARNINGS_SHOWN {
        eprintln!("warning: {} more; --json lists all of them", summary.warnings.len() - WARNINGS_SHOWN);
    }
    let failed = if summary.failed > 0 { format!(", {} failed,", summary.failed) } else { String::new() };
    eprintln!("{} series{failed} in {:.1} s", summary.series, summary.seconds);
    show_input(&summary.input);
    Ok(())
}
