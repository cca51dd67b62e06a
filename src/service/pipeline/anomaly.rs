//! Days on which a service, account or team cost something else than was to be expected.

use chrono::Days;
use domain::{Stamp, from_statistic};
use store::anomaly::Anomaly;
use store::charge::{Query, SeriesScope};

use super::{Job, cost};

/// Days before the end of history that are looked at.
const DAYS_LOOKED_AT: usize = 90;
/// A day has to be off by this much of the organization's mean daily cost to be worth a look.
const WORTH_A_LOOK: f64 = 0.005;

/// Finds and stores anomalies; says how many.
pub(super) async fn find(job: &mut Job<'_>) -> anyhow::Result<usize> {
    let Some(query) = cost::settled(job).await? else { return Ok(0) };
    let known = cost::occasions(job).await?;
    let smallest = smallest_excess(job, &query).await?;
    let mut found = Vec::new();
    for scope in SeriesScope::ALL {
        if scope == SeriesScope::Total {
            continue;
        }
        for series in store::charge::daily_series(job.conn, job.org, scope, &query).await? {
            for anomaly in forecast::anomalies(&series, &known, DAYS_LOOKED_AT) {
                if (anomaly.actual - anomaly.expected).abs() < smallest {
                    continue;
                }
                let Stamp::Time(day) = series.grid.stamp(anomaly.index) else { continue };
                found.push(Anomaly {
                    unique_id: series.unique_id.clone(),
                    day: day.date_naive(),
                    actual: from_statistic(anomaly.actual),
                    expected: from_statistic(anomaly.expected),
                    lower: from_statistic(anomaly.lower),
                    upper: from_statistic(anomaly.upper),
                    reason: anomaly.reason(),
                });
            }
        }
    }
    store::anomaly::save(job.conn, job.org, job.run, &found).await?;
    Ok(found.len())
}

async fn smallest_excess(job: &mut Job<'_>, query: &Query) -> anyhow::Result<f64> {
    let from =
        query.to.checked_sub_days(Days::new(DAYS_LOOKED_AT as u64)).unwrap_or(query.from).max(query.from);
    let days = (query.to - from).num_days().max(1);
    let recent = Query { from, ..query.clone() };
    let total = store::charge::totals(job.conn, job.org, &recent).await?;
    Ok(domain::to_statistic(total.effective) / days as f64 * WORTH_A_LOOK)
}
