//! The past of a series as the members see it: gaps filled, announced events and rare one-offs taken out.

use domain::{Grid, Series};

use crate::order::{mean, median};
use crate::seasons::steps_per_day;
use crate::shift::{self, Jumps};

/// Longest history that is fitted; 16 months of hours, seven weeks of 5-minute points.
const MAX_POINTS: usize = 14_000;

/// A one-off differs from every look-alike by this many typical season-to-season differences …
const ONE_OFF_SPREADS: f64 = 8.0;

/// … and by this share of the typical size of the series.
const ONE_OFF_SHARE: f64 = 1.0;

/// At the end of a history, where a season of at least so many steps repeats, this share is enough …
const ONE_OFF_SHARE_OF_ENDS: f64 = 0.5;
const LEAST_SEASON_OF_ENDS: usize = 7;

/// … for a whole season of at least so many steps (a day), and for the last step of a shorter one (a day of a week).
const LEAST_SEASON_OF_HOURS: usize = 24;

/// One rare episode is forgiven always, a further one for every so many short seasons of history:
/// spikes that come more often are the nature of the series and stay.
const SEASONS_PER_EPISODE: usize = 40;

/// So many measured zeros are a switch-off at least: days of nothing may be a bill that is late.
const LEAST_OFF: usize = 14;

/// Values beyond this cannot be squared safely; they are read as missing.
const MAX_MAGNITUDE: f64 = 1e100;

/// A value that counts as measured.
pub(crate) fn measured(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.abs() <= MAX_MAGNITUDE)
}

/// A series ready to be fitted: the part of it that is used, in units of its own typical size.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// Stamp of the first point used.
    pub(crate) grid: Grid,
    /// Values divided by `unit`; NaN where missing.
    pub(crate) values: Vec<f64>,
    /// True where an announced event or a holiday was going on, or a fee came.
    pub(crate) in_event: Vec<bool>,
    /// Mean absolute value: the unit of `values`.
    pub(crate) unit: f64,
    /// No value was ever below zero.
    pub(crate) non_negative: bool,
    /// What a reader must know.
    pub(crate) warnings: Vec<String>,
}

impl History {
    /// Takes the usable part of a series; `in_event` tells which points (by index in the series) an event covers.
    pub(crate) fn new(series: &Series, in_event: impl Fn(usize) -> bool) -> Self {
        let mut warnings = Vec::new();
        let mut values: Vec<f64> =
            series.values.iter().map(|value| measured(*value).unwrap_or(f64::NAN)).collect();
        let broken =
            series.values.iter().filter(|value| value.is_some() && measured(**value).is_none()).count();
        if broken > 0 {
            warnings.push(format!("{broken} values are not finite or beyond 1e100 and are read as missing"));
        }
        let start = values.iter().position(|value| !value.is_nan()).unwrap_or(values.len());
        let start = start.max(values.len().saturating_sub(MAX_POINTS));
        values.drain(..start);
        let missing = values.iter().filter(|value| value.is_nan()).count();
        if missing * 20 > values.len() {
            warnings.push(format!("{missing} of {} points are missing", values.len()));
        }
        let trailing = values.iter().rev().take_while(|value| value.is_nan()).count();
        if trailing > 0 && trailing < values.len() {
            warnings.push(format!("the last {trailing} points are missing: the forecast bridges them"));
        }
        let observed: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        let size = mean(&observed.iter().map(|value| value.abs()).collect::<Vec<_>>());
        let unit = if size > 0.0 { size } else { 1.0 };
        values.iter_mut().for_each(|value| *value /= unit);
        let mut in_event: Vec<bool> = (0..values.len()).map(|index| in_event(start + index)).collect();
        let outside = values.iter().zip(&in_event).any(|(value, in_event)| !value.is_nan() && !in_event);
        if !outside && !observed.is_empty() {
            in_event.fill(false);
            warnings.push("all of history lies within events: it is taken as usual".to_owned());
        }
        Self {
            grid: series.grid.advance(start),
            in_event,
            values,
            unit,
            non_negative: observed.iter().all(|value| *value >= 0.0),
            warnings,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Number of points that were measured.
    pub(crate) fn observed(&self) -> usize {
        self.values.iter().filter(|value| !value.is_nan()).count()
    }

    /// The first `origin` points, with everything unusual replaced by what was usual and everything before a lasting
    /// jump moved to the level after it, judged by these points alone; and the jumps.
    pub(crate) fn usual(&self, origin: usize, seasons: &[usize]) -> (Vec<f64>, Jumps) {
        let mut values = self.without_one_offs(origin, seasons);
        let jumps = shift::level_out(&mut values, seasons);
        (values, jumps)
    }

    /// First of the points that are nothing but zero, where that is taken to last: a season, a day and so many measured
    /// zeros of them at least.
    pub(crate) fn switched_off(&self, seasons: &[usize]) -> Option<usize> {
        self.values.last().filter(|newest| **newest == 0.0 || newest.is_nan())?;
        let place = shift::switched_off(&self.without_one_offs(self.len(), seasons))?;
        let day = steps_per_day(self.grid.frequency).unwrap_or(1);
        let least = LEAST_OFF.max(day).max(seasons.first().copied().unwrap_or(1));
        let zeros = self.values[place..].iter().filter(|value| **value == 0.0).count();
        (zeros >= least).then_some(place)
    }

    /// The first `origin` points with announced events, rare one-offs and gaps filled.
    pub(crate) fn without_one_offs(&self, origin: usize, seasons: &[usize]) -> Vec<f64> {
        let mut values = self.unannounced(origin);
        for index in one_offs(&values, seasons) {
            values[index] = f64::NAN;
        }
        fill(&mut values, seasons);
        values
    }

    /// The first `origin` points; NaN within announced events, too.
    fn unannounced(&self, origin: usize) -> Vec<f64> {
        let points = self.values[..origin].iter().zip(&self.in_event);
        points.map(|(value, in_event)| if *in_event { f64::NAN } else { *value }).collect()
    }

    /// Points that say nothing about the usual course: missing, announced, or a rare one-off.
    pub(crate) fn unusual(&self, seasons: &[usize]) -> Vec<bool> {
        let values = self.unannounced(self.len());
        let mut unusual: Vec<bool> = values.iter().map(|value| value.is_nan()).collect();
        for index in one_offs(&values, seasons) {
            unusual[index] = true;
        }
        unusual
    }
}

/// Indices of rare points unlike every point a season before and after, and of those at the end that are unlike every
/// point before.
fn one_offs(values: &[f64], seasons: &[usize]) -> Vec<usize> {
    let short = seasons.first().copied().unwrap_or(1);
    let n = values.len();
    if n < 4 * short + 4 {
        return Vec::new();
    }
    let mut steps: Vec<f64> = (short..n)
        .map(|index| (values[index] - values[index - short]).abs())
        .filter(|step| !step.is_nan())
        .collect();
    let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).filter(|size| !size.is_nan()).collect();
    let (step, size) = (median(&mut steps), median(&mut sizes));
    let limit = (ONE_OFF_SPREADS * step).max(ONE_OFF_SHARE * size);
    if limit <= 0.0 {
        return Vec::new();
    }
    let distances: Vec<usize> =
        [1, 2, 3].map(|cycle| cycle * short).into_iter().chain(seasons.iter().skip(1).copied()).collect();
    // Whether the value is further than `limit` from all of the others that were measured, of which there must be one.
    let unlike = |index: usize, limit: f64, others: &dyn Fn(usize) -> Option<usize>| {
        let mut any = false;
        for distance in &distances {
            let other = others(*distance).and_then(|other| values.get(other)).copied().unwrap_or(f64::NAN);
            if (values[index] - other).abs() <= limit {
                return false;
            }
            any |= !other.is_nan();
        }
        any
    };
    let unlike_before = |index: usize, limit: f64| {
        !values[index].is_nan() && unlike(index, limit, &|distance| index.checked_sub(distance))
    };
    let rare = |found: Vec<usize>| {
        let episodes = found.windows(2).filter(|pair| pair[1] - pair[0] > short).count() + 1;
        let forgiven = 1 + n / (SEASONS_PER_EPISODE * short);
        if episodes <= forgiven && found.len() * 20 <= n { found } else { Vec::new() }
    };
    let mut found = rare(
        (0..n)
            .filter(|&index| {
                unlike_before(index, limit) && unlike(index, limit, &|distance| Some(index + distance))
            })
            .collect(),
    );
    // Within the last season nothing alike has come since: a point is a one-off when usual ones have, or when it is part
    // of a drop that is still going on, of which nobody knows whether it is an outage or a step that is not whole yet.
    if short >= LEAST_SEASON_OF_ENDS {
        let limit = (ONE_OFF_SPREADS * step).max(ONE_OFF_SHARE_OF_ENDS * size);
        let odd = rare((0..n).filter(|&index| unlike_before(index, limit)).collect());
        let is_odd = |index: &usize| odd.binary_search(index).is_ok();
        let last_usual = (0..n).rev().find(|index| !values[*index].is_nan() && !is_odd(index)).unwrap_or(0);
        let at_end = odd.partition_point(|index| *index < last_usual);
        let going_on = &odd[at_end..];
        let drop = going_on.iter().all(|index| values[*index] < values[index - short]);
        let brief = going_on.len() <= if short < LEAST_SEASON_OF_HOURS { 1 } else { short };
        // Zeros that go on for longer have not ended, however like yesterday's the newest are.
        let zeros = values.iter().rev().take_while(|value| **value == 0.0).count();
        let zeros = if zeros > short { zeros } else { 0 };
        let ended = odd[..at_end].iter().filter(|index| (n - short..n - zeros).contains(*index));
        found.extend(ended.chain(going_on.iter().filter(|_| drop && brief)));
        found.sort_unstable();
        found.dedup();
    }
    found
}

/// Fills gaps with the mean of the same phase a season before and after (the longest season first: a Saturday looks
/// like other Saturdays), or along a line where there is none.
fn fill(values: &mut [f64], seasons: &[usize]) {
    let n = values.len();
    for season in seasons.iter().rev() {
        for index in 0..n {
            if values[index].is_nan() {
                let before = index.checked_sub(*season).map_or(f64::NAN, |before| values[before]);
                let after = values.get(index + season).copied().unwrap_or(f64::NAN);
                values[index] = match (before.is_nan(), after.is_nan()) {
                    (false, false) => 0.5 * (before + after),
                    (false, true) => before,
                    _ => after,
                };
            }
        }
    }
    let mut last: Option<usize> = None;
    for index in 0..n {
        if values[index].is_nan() {
            continue;
        }
        let from = last.map_or(0, |last| last + 1);
        let left = last.map_or(values[index], |last| values[last]);
        let gap = (index - from + 1) as f64;
        for (step, hole) in (from..index).enumerate() {
            values[hole] = left + (values[index] - left) * (step + 1) as f64 / gap;
        }
        last = Some(index);
    }
    let end = last.map_or(0.0, |last| values[last]);
    values[last.map_or(0, |last| last + 1)..].fill(end);
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Stamp};

    use super::*;

    fn series(values: Vec<Option<f64>>) -> Series {
        let grid = Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) };
        Series { unique_id: "s".to_owned(), grid, values }
    }

    fn daily_wave(days: usize) -> Vec<Option<f64>> {
        (0..24 * days)
            .map(|hour| Some(100.0 + 40.0 * (hour as f64 * std::f64::consts::TAU / 24.0).sin()))
            .collect()
    }

    #[test]
    fn a_tenfold_day_is_taken_out_and_a_lasting_shift_stays() {
        let mut values = daily_wave(20);
        values[24 * 10..24 * 11].iter_mut().flatten().for_each(|value| *value *= 10.0);
        let history = History::new(&series(values), |_| false);
        let (usual, _) = history.usual(history.len(), &[24]);
        let peak = usual.iter().copied().fold(0.0, f64::max) * history.unit;
        assert!((peak - 140.0).abs() < 1e-9, "{peak}");

        let mut values = daily_wave(20);
        values[24 * 10..].iter_mut().flatten().for_each(|value| *value *= 10.0);
        let history = History::new(&series(values), |_| false);
        assert!(!history.unusual(&[24]).contains(&true));
    }

    #[test]
    fn gaps_and_infinite_values_are_filled_from_the_season() {
        let mut values = daily_wave(10);
        values[100] = None;
        values[101] = Some(f64::INFINITY);
        let history = History::new(&series(values.clone()), |_| false);
        let (usual, _) = history.usual(history.len(), &[24]);
        let expected = 100.0 + 40.0 * (101.0 * std::f64::consts::TAU / 24.0).sin();
        assert!((usual[101] * history.unit - expected).abs() < 1e-9);
        assert!(history.warnings[0].starts_with("1 values are not finite"));
    }

    #[test]
    fn a_missing_series_gives_zeros_and_no_panic() {
        let history = History::new(&series(vec![None; 5]), |_| false);
        assert_eq!((history.len(), history.observed()), (0, 0));
        assert!(history.usual(0, &[]).0.is_empty());
    }
}
