//! Stamps of one series, put on a regular grid.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Utc};
use domain::{Frequency, Grid, Stamp};

use super::frequency::{Spacings, USUAL, format_frequency};

/// Points of one grid; a point a minute over 15 years stays below.
const MAX_POINTS: usize = 8_000_000;

/// Rows of one series, as they come.
#[derive(Debug, Default)]
pub(super) struct Points {
    /// Seconds of the epoch, or steps; a value that is missing is NaN.
    pub(super) rows: Vec<(i64, f64)>,
    is_time: Option<bool>,
}

/// A series on its grid, and what that took.
pub(super) struct OnGrid {
    pub(super) values: Vec<Option<f64>>,
    pub(super) duplicates: u64,
    pub(super) off_grid: u64,
    pub(super) missing: u64,
}

impl Points {
    /// Adds a row; false when its stamp is of the other kind than the first one's.
    pub(super) fn push(&mut self, stamp: Stamp, value: Option<f64>) -> bool {
        let (is_time, at) = match stamp {
            Stamp::Time(time) => (true, time.timestamp()),
            Stamp::Step(step) => (false, step),
        };
        if *self.is_time.get_or_insert(is_time) != is_time {
            return false;
        }
        self.rows.push((at, value.unwrap_or(f64::NAN)));
        true
    }

    /// The same kind of stamps, no rows.
    pub(super) fn empty(&self) -> Self {
        Self { rows: Vec::new(), is_time: self.is_time }
    }

    /// Oldest first; rows of one stamp keep their order, so that sums do not depend on the sort.
    pub(super) fn sort(&mut self) {
        if !self.rows.is_sorted_by_key(|(at, _)| *at) {
            self.rows.sort_by_key(|(at, _)| *at);
        }
    }

    pub(super) fn stamps(&self) -> impl Iterator<Item = Stamp> {
        self.rows.iter().map(|(at, _)| self.stamp(*at))
    }

    /// Why these stamps cannot be put on a grid of the spacing that was asked for: it is of the other kind.
    pub(super) fn refuse(&self, asked: Frequency) -> Option<String> {
        let given = format_frequency(asked);
        match (self.is_time?, asked) {
            (true, Frequency::Steps(_)) => Some(format!(
                "its stamps are times, and --freq {given} counts steps: give a time, such as 1h"
            )),
            (false, Frequency::Seconds(_) | Frequency::Months(_)) => Some(format!(
                "its stamps are steps, and --freq {given} is a time: give a number of steps, such as 1"
            )),
            _ => None,
        }
    }

    /// The spacing of this series alone, where it is clear and coarser than, or unlike, the common one.
    pub(super) fn own_frequency(&self, common: Option<Frequency>) -> Option<Frequency> {
        let mut spacings = Spacings::default();
        self.stamps().for_each(|stamp| spacings.add(stamp));
        spacings.clear().filter(|own| Some(*own) != common)
    }

    /// Puts the rows on a grid that begins at the first one (for spacings up to a day: on the multiple of the
    /// spacing where most rows lie).
    ///
    /// # Errors
    /// Why there is no such grid: too many points.
    pub(super) fn on_grid(&self, frequency: Option<Frequency>) -> Result<(Grid, OnGrid), String> {
        let is_time = self.is_time.unwrap_or(false);
        let frequency = match frequency {
            Some(Frequency::Steps(_)) | None if is_time => Frequency::DAY,
            Some(Frequency::Steps(step)) => Frequency::Steps(step.max(1)),
            Some(_) | None if !is_time => Frequency::Steps(1),
            Some(other) => other,
            None => Frequency::Steps(1),
        };
        let (first, newest) = match (self.rows.first(), self.rows.last()) {
            (Some((first, _)), Some((newest, _))) => (*first, *newest),
            _ => return Err("it has no rows".to_owned()),
        };
        let too_many = || {
            let (from, to, frequency) = (self.stamp(first), self.stamp(newest), format_frequency(frequency));
            format!(
                "its stamps from {from} to {to} are more than {MAX_POINTS} steps of {frequency} apart: correct the \
                 stamps, or give a coarser --freq"
            )
        };
        let start = match frequency {
            Frequency::Seconds(seconds) => {
                let after = (first - self.phase(seconds)).rem_euclid(seconds);
                // the point nearest to the first row, so that none stands empty before it
                first - after + if after * 2 > seconds { seconds } else { 0 }
            }
            _ => first,
        };
        let index = |at: i64| match frequency {
            Frequency::Seconds(step) | Frequency::Steps(step) => {
                // the nearest point, the earlier one of two equally near; steps can be further apart than an i64 holds
                let (after, step) = (i128::from(at) - i128::from(start), i128::from(step));
                after.div_euclid(step) + i128::from(after.rem_euclid(step) * 2 > step)
            }
            Frequency::Months(months) => {
                i128::from(months_between(start, at).div_euclid(i64::from(months.max(1))))
            }
        };
        let last =
            usize::try_from(index(newest)).ok().filter(|last| *last < MAX_POINTS).ok_or_else(too_many)?;
        let grid = Grid { start: self.stamp(start), frequency };
        let mut sums = vec![(0.0, 0_u32, 0_u32); last + 1];
        let (mut off_grid, mut duplicates, mut before) = (0, 0, None);
        for (at, value) in &self.rows {
            let point = usize::try_from(index(*at)).unwrap_or(0);
            off_grid += u64::from(grid.stamp(point) != self.stamp(*at));
            duplicates += u64::from(before.replace(point) == Some(point));
            if let Some((sum, count, rows)) = sums.get_mut(point) {
                *rows += 1;
                if !value.is_nan() {
                    *sum += value;
                    *count += 1;
                }
            }
        }
        let values: Vec<Option<f64>> =
            sums.iter().map(|(sum, count, _)| (*count > 0).then(|| sum / f64::from(*count))).collect();
        let missing = values.iter().filter(|value| value.is_none()).count() as u64;
        Ok((grid, OnGrid { values, duplicates, off_grid, missing }))
    }

    /// Where the rows lie within a spacing: 0 for stamps on the whole hour, 53 for most of them at second 53, and the
    /// middle of stamps that scatter, so that each is nearest to its own point.
    fn phase(&self, seconds: i64) -> i64 {
        let mut counts = BTreeMap::new();
        for (at, _) in self.rows.iter().take(10_000) {
            *counts.entry(at.rem_euclid(seconds)).or_insert(0_u64) += 1;
        }
        let total: u64 = counts.values().sum();
        let most = counts.iter().max_by_key(|(phase, count)| (**count, std::cmp::Reverse(**phase)));
        match most {
            Some((_, count)) if count * 2 < total => middle(&counts, seconds),
            most => most.map_or(0, |(phase, _)| *phase),
        }
    }

    fn stamp(&self, at: i64) -> Stamp {
        if self.is_time == Some(true) {
            Stamp::Time(DateTime::from_timestamp(at, 0).unwrap_or(DateTime::<Utc>::MIN_UTC))
        } else {
            Stamp::Step(at)
        }
    }
}

/// The middle of places within a spacing, of which the last is beside the first, in the largest usual unit that the
/// places scatter more than: the middle of those around the full minute is the full minute.
fn middle(counts: &BTreeMap<i64, u64>, seconds: i64) -> i64 {
    let turn = std::f64::consts::TAU / seconds as f64;
    let (mut sin, mut cos) = (0.0, 0.0);
    for (phase, count) in counts {
        let angle = *phase as f64 * turn;
        sin += angle.sin() * *count as f64;
        cos += angle.cos() * *count as f64;
    }
    let middle = (sin.atan2(cos) / turn).round() as i64;
    let (mut away, mut total) = (0, 0);
    for (phase, count) in counts {
        let after = (phase - middle).rem_euclid(seconds);
        away += i128::from(after.min(seconds - after)) * i128::from(*count);
        total += i128::from(*count);
    }
    let fits = |unit: i64| seconds % unit == 0 && i128::from(unit) * total <= away;
    let units = USUAL.into_iter().rev().filter_map(|usual| match usual {
        Frequency::Seconds(unit) => Some(unit),
        _ => None,
    });
    let unit = units.into_iter().find(|unit| fits(*unit)).unwrap_or(1);
    ((middle + unit / 2).div_euclid(unit) * unit).rem_euclid(seconds)
}

/// Calendar months from one instant to another, by their names.
fn months_between(start: i64, at: i64) -> i64 {
    let month = |seconds: i64| {
        let date = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MIN_UTC);
        i64::from(date.year()) * 12 + i64::from(date.month0())
    };
    month(at) - month(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(rows: &[(&str, f64)]) -> Points {
        let mut points = Points::default();
        for (stamp, value) in rows {
            assert!(points.push(Stamp::Time(stamp.parse().unwrap()), Some(*value)));
        }
        points.sort();
        points
    }

    #[test]
    fn stamps_off_the_grid_go_to_the_nearest_point() {
        let points = points(&[
            ("2026-01-01T00:01:00Z", 1.0),
            ("2026-01-01T00:05:00Z", 2.0),
            ("2026-01-01T00:10:00Z", 3.0),
            ("2026-01-01T00:14:00Z", 4.0),
        ]);
        let (grid, on_grid) = points.on_grid(Some(Frequency::Seconds(300))).unwrap();
        assert_eq!(grid.start.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(on_grid.values, [Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
        assert_eq!((on_grid.off_grid, on_grid.duplicates), (2, 0));
    }

    #[test]
    fn scattered_stamps_lie_on_both_sides_of_their_points() {
        let mut points = Points::default();
        // around the full hour, and around 23 minutes after it
        for (base, start) in [(0, 0), (1_380, 1_380)] {
            points.rows.clear();
            for hour in 0..200_i64 {
                let at = DateTime::from_timestamp(hour * 3_600 + base + (hour * 37) % 121 - 60, 0).unwrap();
                assert!(points.push(Stamp::Time(at), Some(hour as f64)));
            }
            let (grid, on_grid) = points.on_grid(Some(Frequency::HOUR)).unwrap();
            assert_eq!(grid.start, Stamp::Time(DateTime::from_timestamp(start, 0).unwrap()));
            assert_eq!((on_grid.duplicates, on_grid.missing, on_grid.values.len()), (0, 0, 200));
        }
    }

    #[test]
    fn a_typing_error_in_the_year_does_not_fill_memory() {
        let points = points(&[("1971-01-01T00:00:00Z", 1.0), ("2026-01-01T00:00:00Z", 2.0)]);
        let reason = points.on_grid(Some(Frequency::Seconds(60))).err().unwrap();
        assert!(
            reason.contains("1971-01-01T00:00:00Z to 2026-01-01T00:00:00Z")
                && reason.contains("steps of 1min"),
            "{reason}"
        );
        let mut far = Points::default();
        assert!([i64::MIN, 0, i64::MAX].into_iter().all(|step| far.push(Stamp::Step(step), None)));
        assert!(far.on_grid(Some(Frequency::Steps(1))).is_err());
    }
}
