//! Tables other than bills: utilization, demand, inventory, instance-hours, commitments.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Frequency, HourlyMetric, MetricName, OrganizationId, Period, Series, Stamp, UsageHour};
use serde::Serialize;
use store::PgConnection;
use store::source::Outcome as SourceOutcome;

use super::inputs::{Inputs, Readable};
use crate::commands::{Outcome, show_rejects};
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

/// The same of all files for the list of sources.
pub(crate) fn outcome(results: &[TableResult]) -> SourceOutcome {
    SourceOutcome {
        rows: results.iter().map(|result| result.stored).sum(),
        rejected: results.iter().map(|result| result.rejected).sum(),
        data_until: results.iter().filter_map(|result| result.data_until).max(),
    }
}

/// Loads every file of one kind and tells about it.
pub(super) async fn by_hand(
    context: &Context,
    database: &Database,
    files: &cli::IngestFiles,
    kind: &'static str,
) -> anyhow::Result<Outcome> {
    let results = tables(context, database, &files.source, kind, &files.paths).await?;
    let outcome = Outcome::of_rejects(outcome(&results).rejected);
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

/// Loads tables of a kind other than bills, all of them or none.
pub(crate) async fn tables(
    context: &Context,
    database: &Database,
    source: &str,
    kind: &'static str,
    paths: &[PathBuf],
) -> anyhow::Result<Vec<TableResult>> {
    let mut inputs = Inputs::find(context, paths).await?;
    let mut transaction = database.pool.begin().await.context("cannot connect to the database")?;
    let org = database.org;
    let results = match kind {
        "metrics" => {
            let mut results = Vec::new();
            for index in 0..inputs.len() {
                let input = inputs.open(index).await?;
                results.push(metrics(&mut transaction, org, source, &input)?);
                inputs.close(index);
            }
            results
        }
        "demand" => {
            let mut results = Vec::new();
            for index in 0..inputs.len() {
                let input = inputs.open(index).await?;
                results.push(demand(&mut transaction, org, source, &input).await?);
                inputs.close(index);
            }
            results
        }
        // What these files say replaces what was there: all of them together do, not each one the one before it.
        "inventory" => {
            let (rows, results) = every_row(&mut inputs, kind, ingest::inventory::read).await?;
            store::resource::replace(&mut transaction, org, source, &rows, clock::now()).await?;
            results
        }
        "usage" => {
            let (rows, mut results) = every_row(&mut inputs, kind, ingest::usage::read).await?;
            if let Some(period) = span(&rows) {
                store::usage::replace(&mut transaction, org, source, period, &rows).await?;
                results.iter_mut().for_each(|result| result.data_until = Some(period.end));
            }
            results
        }
        _ => {
            let (rows, results) = every_row(&mut inputs, kind, ingest::commitments::read).await?;
            store::commitment::replace(&mut transaction, org, source, &rows).await?;
            results
        }
    };
    transaction.commit().await.context("the database did not keep the rows")?;
    Ok(results)
}

impl TableResult {
    fn new(kind: &'static str, input: &Readable) -> Self {
        Self {
            kind,
            path: input.name.clone(),
            rows_read: 0,
            stored: 0,
            rejected: 0,
            rejects: Vec::new(),
            data_until: None,
        }
    }

    fn counted(&mut self, input: &Readable, rows_read: u64, rejected: u64, mut rejects: Vec<ingest::Reject>) {
        input.rename(&mut rejects);
        (self.rows_read, self.rejected, self.rejects) = (rows_read, rejected, rejects);
    }
}

fn metrics(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    input: &Readable,
) -> anyhow::Result<TableResult> {
    let mut result = TableResult::new("metrics", input);
    let bar = progress::bar("importing utilization", 0);
    let runtime = tokio::runtime::Handle::current();
    let read = tokio::task::block_in_place(|| {
        ingest::metrics::read(&input.path, None, &mut |hours: Vec<HourlyMetric>| {
            bar.inc(hours.len() as u64);
            let last = hours.iter().map(|row| row.hour + TimeDelta::hours(1)).max();
            result.data_until = result.data_until.max(last);
            runtime.block_on(store::metric::upsert(conn, org, source, &hours)).map(|_| ())
        })
    });
    bar.finish_and_clear();
    let summary = read.map_err(|error| input.blame(error))?;
    result.stored = summary.hours;
    result.counted(input, summary.rows_read, summary.rejected, summary.rejects);
    Ok(result)
}

async fn demand(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    input: &Readable,
) -> anyhow::Result<TableResult> {
    let mut result = TableResult::new("demand", input);
    let read = tokio::task::block_in_place(|| ingest::series::read(&input.path, Some(Frequency::HOUR)));
    let (series, summary) = read.map_err(|error| input.blame(error))?;
    if let Some(skipped) = summary.skipped.first() {
        anyhow::bail!("{}: {skipped}", input.name);
    }
    for one in &series {
        let hours = demand_hours(one)?;
        result.data_until = result.data_until.max(hours.last().map(|row| row.hour + TimeDelta::hours(1)));
        result.stored += store::metric::upsert(conn, org, source, &hours).await?;
    }
    result.counted(input, summary.rows_read, summary.rejected, summary.rejects);
    Ok(result)
}

/// The rows of all files, in order, and what became of each file.
async fn every_row<T>(
    inputs: &mut Inputs,
    kind: &'static str,
    read: fn(&Path) -> Result<ingest::Rows<T>, ingest::ReadError>,
) -> anyhow::Result<(Vec<T>, Vec<TableResult>)> {
    let (mut rows, mut results) = (Vec::new(), Vec::new());
    for index in 0..inputs.len() {
        let input = inputs.open(index).await?;
        let found = tokio::task::block_in_place(|| read(&input.path)).map_err(|error| input.blame(error))?;
        let mut result = TableResult::new(kind, &input);
        result.stored = found.rows.len() as u64;
        result.counted(&input, found.rows_read, found.rejected, found.rejects);
        rows.extend(found.rows);
        results.push(result);
        inputs.close(index);
    }
    Ok((rows, results))
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
