//! Days that were not what was to be expected: sudden jumps of a daily series against its own recent past.

use chrono::{DateTime, Datelike, Utc};
use domain::{Series, Stamp};

use crate::order;
use crate::request::Holiday;

/// The week is the rhythm of daily cost.
const WEEK: usize = 7;
/// Weeks of history behind an expectation.
const WEEKS: usize = 8;
/// Days behind the level of a series.
const LEVEL_DAYS: usize = 14;
/// A day is unexpected when it is off by so many robust standard deviations …
const DEVIATIONS: f64 = 5.0;
/// … and by this share of what was expected.
const SHARE: f64 = 0.2;
/// Months back in which the same day of the month may explain a value (fees at the start of a month).
const MONTHS: u32 = 3;
/// After so many unexpected days in a row the new level is the expectation.
const NEW_LEVEL_AFTER: usize = 7;
/// Scale of the median absolute deviation of a normal distribution (Rousseeuw & Croux 1993).
const MAD_SCALE: f64 = 1.4826;

/// One unexpected point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// Index in the series.
    pub index: usize,
    /// What came.
    pub actual: f64,
    /// What was expected: the median of the same weekday of the last weeks, moved to the recent level.
    pub expected: f64,
    /// Lower end of what was to be expected.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl Anomaly {
    /// In one sentence.
    pub fn reason(&self) -> String {
        let weeks = format!("the same weekday of the last {WEEKS} weeks at the recent level");
        if self.expected.abs() < f64::EPSILON {
            return format!("{:.2} where {weeks} says nothing at all", self.actual);
        }
        let ratio = self.actual / self.expected;
        if ratio >= 2.0 {
            format!("{ratio:.1} times what {weeks} says")
        } else {
            format!(
                "{:.0} % {} what {weeks} says",
                (ratio - 1.0).abs() * 100.0,
                if ratio > 1.0 { "above" } else { "below" }
            )
        }
    }
}

/// Unexpected days among the last `last` points of a daily series.
///
/// Only the past of a day is looked at. Days of `known` occasions are neither judged nor learned from, and an
/// unexpected day is not learned from either, unless the new level stays.
pub fn anomalies(series: &Series, known: &[Holiday], last: usize) -> Vec<Anomaly> {
    let inside = |index: usize| known.iter().any(|occasion| occasion.share(series.grid.step(index)) > 0.0);
    let mut usable: Vec<Option<f64>> =
        series.values.iter().enumerate().map(|(index, value)| value.filter(|_| !inside(index))).collect();
    let first = series.len().saturating_sub(last).max(WEEK * (WEEKS + 1) + LEVEL_DAYS);
    let mut found: Vec<Anomaly> = Vec::new();
    let mut in_a_row = 0;
    for index in first..series.len() {
        let (Some(actual), Some((expected, spread))) = (usable[index], expectation(&usable, index)) else {
            continue;
        };
        let tolerance = (DEVIATIONS * spread).max(SHARE * expected.abs());
        let off = (actual - expected).abs() > tolerance && !is_monthly(series, &usable, index, tolerance);
        if !off {
            in_a_row = 0;
            continue;
        }
        found.push(Anomaly {
            index,
            actual,
            expected,
            lower: expected - tolerance,
            upper: expected + tolerance,
        });
        in_a_row += 1;
        if in_a_row < NEW_LEVEL_AFTER {
            usable[index] = None;
        } else {
            // It stays: give back the days that were held out, so that the level follows.
            (index + 1 - in_a_row..index).for_each(|day| usable[day] = series.values[day]);
        }
    }
    found
}

/// What to expect at `index` from what was before, and how far such expectations were off.
fn expectation(usable: &[Option<f64>], index: usize) -> Option<(f64, f64)> {
    let expected = expected_at(usable, index)?;
    let misses: Vec<f64> = (index - WEEK * WEEKS / 2..index)
        .filter_map(|day| Some((usable[day]? - expected_at(usable, day)?).abs()))
        .collect();
    Some((expected, MAD_SCALE * median(misses)?))
}

fn expected_at(usable: &[Option<f64>], index: usize) -> Option<f64> {
    let level_now = level(usable, index)?;
    let moved: Vec<f64> = (1..=WEEKS)
        .filter_map(|week| {
            let day = index.checked_sub(week * WEEK)?;
            let level_then = level(usable, day)?;
            let ratio = if level_then.abs() > f64::EPSILON { level_now / level_then } else { 1.0 };
            Some(usable[day]? * ratio.clamp(0.2, 5.0))
        })
        .collect();
    median(moved)
}

/// Median of the two weeks before `index`.
fn level(usable: &[Option<f64>], index: usize) -> Option<f64> {
    median(usable[index.checked_sub(LEVEL_DAYS)?..index].iter().flatten().copied().collect())
}

/// Whether the same day of one of the last months was like this one.
fn is_monthly(series: &Series, usable: &[Option<f64>], index: usize, tolerance: f64) -> bool {
    let (Stamp::Time(day), Some(actual)) = (series.grid.stamp(index), usable[index]) else { return false };
    (1..=MONTHS).any(|months| {
        let Some(then) =
            day.checked_sub_months(chrono::Months::new(months)).filter(|then| then.day() == day.day())
        else {
            return false;
        };
        let back = days_between(then, day);
        let earlier = back.and_then(|back| index.checked_sub(back)).and_then(|then| usable[then]);
        earlier.is_some_and(|earlier| (earlier - actual).abs() <= tolerance.max(SHARE * actual.abs()))
    })
}

fn days_between(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<usize> {
    usize::try_from((end - start).num_days()).ok()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| order::median(&mut values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Frequency, Grid};

    /// Cheaper weekends, slow growth, a little noise, a fee on the first of each month.
    fn series(change: impl Fn(usize, f64) -> f64) -> Series {
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let grid = Grid { start: Stamp::Time(start), frequency: Frequency::DAY };
        let values = (0..300).map(|index| {
            let day = start + chrono::TimeDelta::days(index as i64);
            let weekend = if day.weekday().num_days_from_monday() >= 5 { 0.7 } else { 1.0 };
            let noise = 1.0 + 0.03 * ((index * 7919 % 101) as f64 / 50.0 - 1.0);
            let fee = if day.day() == 1 { 400.0 } else { 0.0 };
            Some(change(index, (200.0 + index as f64 * 0.2) * weekend * noise + fee))
        });
        Series { unique_id: "cost".to_owned(), grid, values: values.collect() }
    }

    #[test]
    fn finds_the_days_that_were_planted_and_no_other() {
        assert_eq!(anomalies(&series(|_, value| value), &[], 120), Vec::new());
        let planted = series(|index, value| if (260..264).contains(&index) { value * 2.0 } else { value });
        let found: Vec<usize> = anomalies(&planted, &[], 120).iter().map(|anomaly| anomaly.index).collect();
        assert_eq!(found, [260, 261, 262, 263]);
    }

    #[test]
    fn a_known_occasion_is_no_anomaly() {
        let planted = series(|index, value| if index == 260 { value * 10.0 } else { value });
        let stamp = |index| planted.grid.stamp(index);
        let sale = Holiday { name: "sale".to_owned(), starts_at: stamp(260), ends_at: stamp(261) };
        assert_eq!(anomalies(&planted, &[sale], 120), Vec::new());
        assert_eq!(anomalies(&planted, &[], 120).len(), 1);
    }

    #[test]
    fn a_level_that_stays_is_told_for_a_week_and_then_accepted() {
        let shifted = series(|index, value| if index >= 240 { value + 300.0 } else { value });
        let found: Vec<usize> = anomalies(&shifted, &[], 120).iter().map(|anomaly| anomaly.index).collect();
        assert_eq!(found.first(), Some(&240));
        assert!(found.len() <= 14 && found.last().unwrap() < &256, "{found:?}");
    }

    #[test]
    fn the_future_of_a_day_does_not_matter() {
        let planted = series(|index, value| if index == 260 { value * 3.0 } else { value });
        let mut cut = planted.clone();
        cut.values.truncate(270);
        let of_cut: Vec<Anomaly> = anomalies(&cut, &[], 90);
        let of_all = anomalies(&planted, &[], 120).into_iter().filter(|anomaly| anomaly.index < 270);
        assert_eq!(of_cut, of_all.collect::<Vec<_>>());
    }
}
