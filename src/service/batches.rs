//! The series of a file in batches: read, computed and written at the same time, in order, in bounded memory.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::ensure;
use domain::Series;
use ingest::series::{Skipped, Source, Summary};

use crate::cli::Histories;
use crate::progress;

/// Series of one batch: enough to keep every core busy …
const SERIES: usize = 512;
/// … and points, so that long series stay small, too.
const POINTS: usize = 600_000;

/// Rows and series that an error names when none could be used.
const REASONS: usize = 3;

/// Nobody takes batches any more; the error of whoever stopped comes first.
const STOPPED: &str = "the work on the series ended early";

/// Runs `compute` on batches of the series that were asked for, off this thread, and hands each result to `take`, in
/// order.
pub(crate) fn for_each<T: Send>(
    what: &str,
    asked: &Histories,
    compute: impl Fn(&[Series]) -> T + Send,
    mut take: impl FnMut(T) -> anyhow::Result<()>,
) -> anyhow::Result<Summary> {
    let reading = progress::bar("reading", 0);
    reading.enable_steady_tick(Duration::from_millis(200));
    let source = Source::open(&asked.input, asked.freq)?;
    reading.finish_and_clear();
    let bar = progress::bar(what, source.series());
    let summary = std::thread::scope(|scope| {
        let (batches, to_compute) = sync_channel(1);
        let (results, to_take) = sync_channel(1);
        let reader = scope.spawn(move || -> anyhow::Result<Summary> {
            let mut batch = Batch::default();
            let mut endless = Vec::new();
            let mut summary = source.for_each(&mut |series| {
                if !series.grid.reaches(series.len() + asked.horizon - 1) {
                    endless.push(Skipped {
                        reason: no_stamps(&series, asked.horizon),
                        unique_id: series.unique_id,
                    });
                    return Ok(());
                }
                batch.add(series);
                if batch.is_full() { batches.send(batch.take()).map_err(|_| STOPPED) } else { Ok(()) }
            })?;
            batches.send(batch.take()).map_err(|_| anyhow::anyhow!(STOPPED))?;
            summary.series -= endless.len() as u64;
            endless.into_iter().for_each(|skipped| summary.skip(skipped));
            Ok(summary)
        });
        scope.spawn(move || {
            for batch in to_compute {
                if results.send((batch.len(), compute(&batch))).is_err() {
                    return;
                }
            }
        });
        for (series, result) in to_take {
            take(result)?;
            bar.inc(series as u64);
        }
        reader.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the reader of the series panicked")))
    });
    bar.finish_and_clear();
    let summary = summary?;
    ensure!(summary.series > 0, "{}", nothing(&summary));
    Ok(summary)
}

/// Why a series is not forecast whose steps ahead have no stamps.
fn no_stamps(series: &Series, horizon: usize) -> String {
    let last = series.grid.stamp(series.len().saturating_sub(1));
    format!(
        "there are no {horizon} stamps after its last one, {last}: steps end at {}, times with the year 9999: \
         correct the stamps, or count steps from a smaller number",
        i64::MAX
    )
}

/// Why there is no series to work on.
fn nothing(summary: &Summary) -> String {
    let mut reasons: Vec<String> = summary.skipped.iter().take(REASONS).map(ToString::to_string).collect();
    if summary.rejected > 0 {
        reasons.push(format!("{} of {} rows were rejected", summary.rejected, summary.rows_read));
        reasons.extend(summary.rejects.iter().take(REASONS).map(ToString::to_string));
    }
    if reasons.is_empty() {
        reasons.push("expected rows of unique_id, ds, y".to_owned());
    }
    format!("there is no series in the input: {}", reasons.join("\n  "))
}

/// Series that wait to be computed together.
#[derive(Default)]
struct Batch {
    series: Vec<Series>,
    points: usize,
}

impl Batch {
    fn add(&mut self, series: Series) {
        self.points += series.len();
        self.series.push(series);
    }

    fn is_full(&self) -> bool {
        self.series.len() >= SERIES || self.points >= POINTS
    }

    fn take(&mut self) -> Vec<Series> {
        self.points = 0;
        std::mem::take(&mut self.series)
    }
}
