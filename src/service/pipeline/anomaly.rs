//! Days on which a service, account or team cost something else than was to be expected.

use chrono::Days;
use domain::{Stamp, from_statistic};
use rust_decimal::Decimal;
use store::anomaly::Anomaly;
use store::charge::{Dimension, Query, SeriesScope};

use super::{Job, cost};

/// Days before the end of history that are looked at.
const DAYS_LOOKED_AT: usize = 90;
/// A day has to be off by this much of the organization's mean daily cost to be worth a look.
const WORTH_A_LOOK: f64 = 0.005;
/// What is looked at; the first says best what happened, the others who pays for it.
const DIMENSIONS: [Dimension; 3] = [Dimension::Service, Dimension::Account, Dimension::Team];
/// Two excesses of one day are the same charges when the smaller is at least this percentage of the larger.
const SAME_CAUSE_PERCENT: i64 = 75;

/// Finds and stores anomalies; says how many.
pub(super) async fn find(job: &mut Job<'_>) -> anyhow::Result<usize> {
    let Some(query) = cost::settled(job).await? else { return Ok(0) };
    let known = cost::occasions(job).await?;
    let smallest = smallest_excess(job, &query).await?;
    let mut causes: Vec<Anomaly> = Vec::new();
    for dimension in DIMENSIONS {
        let earlier = causes.len();
        let scope = SeriesScope::By(dimension);
        for series in store::charge::daily_series(job.conn, job.org, scope, &query).await? {
            for anomaly in forecast::anomalies(&series, &known, DAYS_LOOKED_AT) {
                if (anomaly.actual - anomaly.expected).abs() < smallest {
                    continue;
                }
                let Stamp::Time(day) = series.grid.stamp(anomaly.index) else { continue };
                let found = Anomaly {
                    unique_id: series.unique_id.clone(),
                    day: day.date_naive(),
                    actual: from_statistic(anomaly.actual),
                    expected: from_statistic(anomaly.expected),
                    lower: from_statistic(anomaly.lower),
                    upper: from_statistic(anomaly.upper),
                    reason: anomaly.reason(),
                    also_in: Vec::new(),
                };
                match causes[..earlier].iter_mut().find(|cause| is_same_cause(cause, &found)) {
                    Some(cause) => cause.also_in.push(found.unique_id),
                    None => causes.push(found),
                }
            }
        }
    }
    store::anomaly::save(job.conn, job.org, job.run, &causes).await?;
    Ok(causes.len())
}

/// Whether two series of different dimensions show the same charges.
fn is_same_cause(one: &Anomaly, other: &Anomaly) -> bool {
    let (one_excess, other_excess) = (one.actual - one.expected, other.actual - other.expected);
    let (smaller, larger) =
        (one_excess.abs().min(other_excess.abs()), one_excess.abs().max(other_excess.abs()));
    one.day == other.day
        && one_excess.is_sign_negative() == other_excess.is_sign_negative()
        && smaller * Decimal::ONE_HUNDRED >= larger * Decimal::from(SAME_CAUSE_PERCENT)
}

async fn smallest_excess(job: &mut Job<'_>, query: &Query) -> anyhow::Result<f64> {
    let from =
        query.to.checked_sub_days(Days::new(DAYS_LOOKED_AT as u64)).unwrap_or(query.from).max(query.from);
    let days = (query.to - from).num_days().max(1);
    let recent = Query { from, ..query.clone() };
    let total = store::charge::totals(job.conn, job.org, &recent).await?;
    Ok(domain::to_statistic(total.effective) / days as f64 * WORTH_A_LOOK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anomaly(day: &str, actual: i64) -> Anomaly {
        Anomaly {
            unique_id: "cost/service/logs".to_owned(),
            day: day.parse().unwrap(),
            actual: Decimal::from(actual),
            expected: Decimal::from(100),
            lower: Decimal::from(80),
            upper: Decimal::from(120),
            reason: String::new(),
            also_in: Vec::new(),
        }
    }

    #[test]
    fn one_cause_is_one_day_one_direction_and_about_one_size() {
        let seen = anomaly("2026-09-03", 500);
        assert!(is_same_cause(&seen, &anomaly("2026-09-03", 440)));
        assert!(!is_same_cause(&seen, &anomaly("2026-09-04", 500)));
        assert!(!is_same_cause(&seen, &anomaly("2026-09-03", 300)));
        assert!(!is_same_cause(&seen, &anomaly("2026-09-03", -300)));
    }
}
