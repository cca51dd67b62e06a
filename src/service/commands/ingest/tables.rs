//! Tables other than bills: utilization, demand, inventory, instance-hours, commitments.

use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Frequency, HourlyMetric, MetricName, Period, Series, Stamp, UsageHour};
use serde::Serialize;
use store::source::Outcome as SourceOutcome;

use super::show_rejects;
use crate::commands::Outcome;
use crate::context::{Context, Database};
use crate::{cli, clock, progress};

/// What `--json` prints for other tables.
#[derive(Debug, Serialize)]
pub(crate) struct TableResult {
    /// What the file holds.
    pub(crate) kind: &'static str,
    /// The file.
    pub(crate) path: String,
    /// Rows in the file.
    pub(crate) rows_read: u64,
    /// Rows stored (hours, for utilization).
    pub(crate) stored: u64,
    /// Rows left out.
    pub(crate) rejected: u64,
    /// The first 1,000 of them.
    pub(crate) rejects: Vec<ingest::Reject>,
    /// End of the data, exclusive, where it has times.
    pub(crate) data_until: Option<DateTime<Utc>>,
}

impl TableResult {
    /// The same for the list of sources.
    pub(crate) fn outcome(&self) -> SourceOutcome {
        SourceOutcome { rows: self.stored, rejected: self.rejected, data_until: self.data_until }
    }
}

/// Loads every file of one kind and tells about it.
pub(super) async fn tables(
    context: &Context,
    database: &Database,
    files: &cli::IngestFiles,
    kind: &'static str,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Done;
    let mut results = Vec::new();
    for path in &files.paths {
        let result = table(database, &files.source, kind, path).await?;
        outcome = outcome.and(Outcome::of_rejects(result.rejected));
        results.push(result);
    }
    if context.json {
        outln!("{}", serde_json::to_string_pretty(&results)?);
        return Ok(outcome);
    }
    for result in &results {
        eprintln!(
            "{}: {} rows read, {} stored, {} rejected",
            result.path, result.rows_read, result.stored, result.rejected
        );
        show_rejects(&result.rejects, result.rejected);
    }
    Ok(outcome)
}

/// Loads one table of a kind other than bills, whole or not at all.
pub(crate) async fn table(
    database: &Database,
    source: &str,
    kind: &'static str,
    path: &Path,
) -> anyhow::Result<TableResult> {
    let mut transaction = database.pool.begin().await.context("cannot connect to the database")?;
    let org = database.org;
    let runtime = tokio::runtime::Handle::current();
    let mut result = TableResult {
        kind,
        path: path.display().to_string(),
        rows_read: 0,
        stored: 0,
        rejected: 0,
        rejects: Vec::new(),
        data_until: None,
    };
    match kind {
        "metrics" => {
            let bar = progress::bar("importing utilization", 0);
            let summary = tokio::task::block_in_place(|| {
                ingest::metrics::read(path, None, &mut |hours: Vec<HourlyMetric>| {
                    bar.inc(hours.len() as u64);
                    let last = hours.iter().map(|row| row.hour + TimeDelta::hours(1)).max();
                    result.data_until = result.data_until.max(last);
                    runtime.block_on(store::metric::upsert(&mut transaction, org, source, &hours)).map(|_| ())
                })
            })?;
            bar.finish_and_clear();
            result.stored = summary.hours;
            result.counted(summary.rows_read, summary.rejected, summary.rejects);
        }
        "demand" => {
            let (series, summary) =
                tokio::task::block_in_place(|| ingest::series::read(path, Some(Frequency::HOUR)))?;
            for one in &series {
                let hours = demand_hours(one)?;
                result.data_until =
                    result.data_until.max(hours.last().map(|row| row.hour + TimeDelta::hours(1)));
                result.stored += store::metric::upsert(&mut transaction, org, source, &hours).await?;
            }
            result.counted(summary.rows_read, summary.rejected, summary.rejects);
        }
        "inventory" => {
            let read = tokio::task::block_in_place(|| ingest::inventory::read(path))?;
            store::resource::replace(&mut transaction, org, source, &read.rows, clock::now()).await?;
            result.stored = read.rows.len() as u64;
            result.counted(read.rows_read, read.rejected, read.rejects);
        }
        "usage" => {
            let read = tokio::task::block_in_place(|| ingest::usage::read(path))?;
            if let Some(period) = span(&read.rows) {
                store::usage::replace(&mut transaction, org, source, period, &read.rows).await?;
                result.data_until = Some(period.end);
            }
            result.stored = read.rows.len() as u64;
            result.counted(read.rows_read, read.rejected, read.rejects);
        }
        _ => {
            let read = tokio::task::block_in_place(|| ingest::commitments::read(path))?;
            store::commitment::replace(&mut transaction, org, source, &read.rows).await?;
            result.stored = read.rows.len() as u64;
            result.counted(read.rows_read, read.rejected, read.rejects);
        }
    }
    transaction.commit().await.context("the database did not keep the rows")?;
    Ok(result)
}

impl TableResult {
    fn counted(&mut self, rows_read: u64, rejected: u64, rejects: Vec<ingest::Reject>) {
        (self.rows_read, self.rejected, self.rejects) = (rows_read, rejected, rejects);
    }
}

/// Hourly demand as a metric of what the series is called after: `queue_length/orders` is the queue length of
/// `orders`; a name without a metric in front is about requests.
fn demand_hours(series: &Series) -> anyhow::Result<Vec<HourlyMetric>> {
    let named = series.unique_id.split_once('/').and_then(|(metric, id)| Some((metric.parse().ok()?, id)));
    let (metric, resource_id) = named.unwrap_or((MetricName::Requests, &series.unique_id));
    let hour = |index: usize, value: f64| match series.grid.stamp(index) {
        Stamp::Time(hour) => Ok(HourlyMetric {
            resource_id: resource_id.to_owned(),
            metric,
            hour,
            average: value,
            p95: value,
            maximum: value,
            samples: 1,
        }),
        Stamp::Step(step) => anyhow::bail!(
            "{}: ds is the integer step {step}: demand to be stored needs times",
            series.unique_id
        ),
    };
    series.values.iter().enumerate().filter_map(|(index, value)| Some(hour(index, (*value)?))).collect()
}

fn span(usage: &[UsageHour]) -> Option<Period> {
    let start = usage.iter().map(|row| row.hour).min()?;
    let last = usage.iter().map(|row| row.hour).max()?;
    Some(Period { start, end: last + TimeDelta::hours(1) })
}
