//! Days on which a service, account or team cost something else than was to be expected.

use chrono::Days;
use domain::from_statistic;
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
/// Two daily excesses of the same days are the same charges when the smaller is at least this percentage of the larger.
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
            let unusual = forecast::anomalies(&series, &known, DAYS_LOOKED_AT).into_iter();
            let worth_it = unusual.filter(|anomaly| (anomaly.actual - anomaly.expected).abs() >= smallest);
            for (anomaly, days) in runs(worth_it.collect()) {
                let Some(day) = series.grid.stamp(anomaly.index).time() else { continue };
                let found = Anomaly {
                    unique_id: series.unique_id.clone(),
                    day: day.date_naive(),
                    last_day: day.date_naive() + Days::new(days - 1),
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

/// Days in a row that are off in the same direction as one anomaly with their sums, and their number.
fn runs(days: Vec<forecast::Anomaly>) -> Vec<(forecast::Anomaly, u64)> {
    let mut runs: Vec<(forecast::Anomaly, u64)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((run, length))
                if run.index + *length as usize == day.index
                    && (run.actual > run.expected) == (day.actual > day.expected) =>
            {
                run.actual += day.actual;
                run.expected += day.expected;
                run.lower += day.lower;
                run.upper += day.upper;
                *length += 1;
            }
            _ => runs.push((day, 1)),
        }
    }
    runs
}

/// Whether two series of different dimensions show the same charges.
fn is_same_cause(one: &Anomaly, other: &Anomaly) -> bool {
    let excess = |anomaly: &Anomaly| (anomaly.actual - anomaly.expected) / Decimal::from(anomaly.days());
    let (one_excess, other_excess) = (excess(one), excess(other));
    let (smaller, larger) =
        (one_excess.abs().min(other_excess.abs()), one_excess.abs().max(other_excess.abs()));
    one.day <= other.last_day
        && other.day <= one.last_day
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

    fn anomaly(day: &str, last_day: &str, actual: i64) -> Anomaly {
        Anomaly {
            unique_id: "cost/service/logs".to_owned(),
            day: day.parse().unwrap(),
            last_day: last_day.parse().unwrap(),
            actual: Decimal::from(actual),
            expected: Decimal::from(100),
            lower: Decimal::from(80),
            upper: Decimal::from(120),
            reason: String::new(),
            also_in: Vec::new(),
        }
    }

    #[test]
    fn one_cause_is_the_same_days_one_direction_and_about_one_size() {
        let seen = anomaly("2026-09-03", "2026-09-04", 900);
        assert!(is_same_cause(&seen, &anomaly("2026-09-03", "2026-09-04", 800)));
        // One of its days was lost in the noise of a larger series.
        assert!(is_same_cause(&seen, &anomaly("2026-09-04", "2026-09-04", 500)));
        assert!(!is_same_cause(&seen, &anomaly("2026-09-05", "2026-09-06", 900)));
        assert!(!is_same_cause(&seen, &anomaly("2026-09-03", "2026-09-04", 300)));
        assert!(!is_same_cause(&seen, &anomaly("2026-09-03", "2026-09-04", -700)));
    }

    #[test]
    fn days_in_a_row_are_one_anomaly_with_their_sums() {
        let day =
            |index, actual| forecast::Anomaly { index, actual, expected: 10.0, lower: 8.0, upper: 12.0 };
        let found = runs(vec![day(4, 30.0), day(5, 20.0), day(6, 2.0), day(9, 40.0)]);
        let shape: Vec<_> = found.iter().map(|(run, days)| (run.index, *days, run.actual)).collect();
        assert_eq!(shape, [(4, 2, 50.0), (6, 1, 2.0), (9, 1, 40.0)]);
        assert_eq!(found[0].0.expected, 20.0);
    }
}
