//! Level shifts: what lies before a lasting jump only lends its shape, moved to the new level.

use crate::order::{mean, median_by_phase};
use crate::seasons::moving_average;

/// Fewest points on the new level …
const LEAST_AFTER: usize = 3;
/// … and shares of the shortest and of the longest season: five days of days, nearly two days of hours.
const LEAST_OF_SHORT: f64 = 0.7;
const LEAST_OF_LONG: f64 = 0.25;

/// A jump is believed when the levels lie apart by this many times the usual range of both sides together.
const APART: f64 = 1.5;

/// A phase of the season is at least this share of its trend: what is divided by less is noise.
const LEAST_OF_SEASON: f64 = 0.02;

/// Two levels that far apart explain at least this share of the variation; the sums tell before anything is sorted.
const LEAST_EXPLAINED: f64 = 0.2;

/// A level is known when this share of earlier values lies near it.
const KNOWN_SHARE: f64 = 0.03;

/// Candidate places that are compared.
const PLACES: usize = 400;

/// A lasting jump from one level to another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Jump {
    /// First point on the new level.
    place: usize,
    /// What values before it were multiplied by; 1 where they were moved by a difference.
    factor: f64,
    /// What was added to them.
    difference: f64,
}

/// The jumps of a history, the latest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Jumps(Vec<Jump>);

impl Jumps {
    /// What brings a value at a point to the level of today, where that is by a factor.
    pub(crate) fn to_today(&self, at: usize) -> f64 {
        self.0.iter().filter(|jump| at < jump.place).map(|jump| jump.factor).product()
    }

    /// Whether the level jumps after what is known at `origin` and until the point `at`.
    pub(crate) fn lie_between(&self, origin: usize, at: usize) -> bool {
        self.0.iter().any(|jump| origin <= jump.place && jump.place <= at)
    }
}

/// Moves everything before each clear jump to the level after it, the latest jump first; returns the jumps.
///
/// By a factor where nothing is negative and both levels are above zero, else by a difference. A level that the series
/// had before (a batch job) is no jump. Levels are compared without the longest of the `seasons` (ascending lengths).
pub(crate) fn level_out(values: &mut [f64], seasons: &[usize]) -> Jumps {
    let (short, long) = (seasons.first().copied().unwrap_or(1), seasons.last().copied().unwrap_or(1));
    let part = |share: f64, season: usize| (share * season as f64).ceil() as usize;
    let after = LEAST_AFTER.max(part(LEAST_OF_SHORT, short)).max(part(LEAST_OF_LONG, long));
    let n = values.len();
    // Ever longer ends of the series: a late jump is small against the whole, and stands out of its own end.
    let mut lengths: Vec<usize> = std::iter::successors(Some(n), |length| Some(length / 2))
        .take_while(|length| *length >= 3 * after)
        .collect();
    lengths.reverse();
    if lengths.is_empty() {
        return Jumps(Vec::new());
    }
    let positive = values.iter().all(|value| *value >= 0.0);
    let mut levels = without_season(values, long, positive);
    let mut jumps = Vec::new();
    for length in lengths {
        let Some(jump) = jump(&levels, n - length, after, positive) else { continue };
        let move_up = |value: &mut f64| *value = *value * jump.factor + jump.difference;
        levels[..jump.place].iter_mut().for_each(move_up);
        values[..jump.place].iter_mut().for_each(move_up);
        jumps.push(jump);
    }
    Jumps(jumps)
}

/// Where the zeros begin that a history ends with, if they are less than half of it and there were hardly any before.
pub(crate) fn switched_off(values: &[f64]) -> Option<usize> {
    let place = values.iter().rposition(|value| *value != 0.0)? + 1;
    let (earlier, off) = values.split_at(place);
    let zeros = earlier.iter().filter(|value| **value == 0.0).count();
    let known = zeros as f64 > KNOWN_SHARE * place as f64;
    let positive = earlier.iter().all(|value| *value >= 0.0);
    (!off.is_empty() && off.len() < place && positive && !known).then_some(place)
}

/// Values against what is usual at their phase of the season: divided by it, or less it.
fn without_season(values: &[f64], season: usize, positive: bool) -> Vec<f64> {
    if season < 2 {
        return values.to_vec();
    }
    let trend = moving_average(values, season);
    let profile = median_by_phase(values.len(), season, |index| {
        let (value, trend) = (values[index], trend[index]);
        if positive { (value / trend.max(f64::MIN_POSITIVE)).max(LEAST_OF_SEASON) } else { value - trend }
    });
    let usual = values.iter().zip(profile.iter().cycle());
    usual.map(|(value, usual)| if positive { value / usual } else { value - usual }).collect()
}

/// The jump within `levels[start..]`, if there is one.
fn jump(levels: &[f64], start: usize, after: usize, positive: bool) -> Option<Jump> {
    let place = start + best_split(&levels[start..], after)?;
    let (before, now) = (Side::of(&levels[start..place]), Side::of(&levels[place..]));
    let distance = (before.median - now.median).abs();
    if distance <= APART * (before.range + now.range) || distance <= 0.0 || is_known(&now, &levels[..place]) {
        return None;
    }
    let by_factor = positive && before.median > 0.0 && now.median > 0.0;
    let (factor, difference) =
        if by_factor { (now.median / before.median, 0.0) } else { (1.0, now.median - before.median) };
    Some(Jump { place, factor, difference })
}

/// Whether more than a few earlier values lie where the new level lies.
fn is_known(now: &Side, earlier: &[f64]) -> bool {
    let reach = now.range.max(0.1 * now.median.abs());
    let near = earlier.iter().filter(|value| (**value - now.median).abs() <= reach).count();
    near as f64 > KNOWN_SHARE * earlier.len() as f64
}

/// The split into two means that explains most, from sums alone.
fn best_split(values: &[f64], after: usize) -> Option<usize> {
    let n = values.len();
    if n < 3 * after {
        return None;
    }
    let total = mean(values);
    let variation: f64 = values.iter().map(|value| (value - total).powi(2)).sum();
    let stride = (n / PLACES).max(1);
    let (mut best, mut most) = (None, LEAST_EXPLAINED * variation);
    let mut sum = 0.0;
    for (index, value) in values.iter().enumerate() {
        if index >= after && index + after <= n && index % stride == 0 {
            let explained = sum * sum * n as f64 / (index as f64 * (n - index) as f64);
            if explained > most {
                (best, most) = (Some(index), explained);
            }
        }
        sum += value - total;
    }
    // The exact place: the largest step within a stride.
    let near = best?;
    (near.saturating_sub(stride).max(after)..=(near + stride).min(n - after)).max_by(|a, b| {
        let step = |index: usize| (values[index] - values[index - 1]).abs();
        step(*a).total_cmp(&step(*b))
    })
}

/// One side of a split.
struct Side {
    median: f64,
    /// Middle 80 % of values.
    range: f64,
}

impl Side {
    fn of(values: &[f64]) -> Self {
        let mut values = values.to_vec();
        // Nearest ranks: the middle first, then the outer two within their halves.
        let last = values.len() - 1;
        let (low, middle, high) = (last / 10, last / 2, last - last / 10);
        let median = *values.select_nth_unstable_by(middle, f64::total_cmp).1;
        let low = *values[..=middle].select_nth_unstable_by(low, f64::total_cmp).1;
        let high = *values[middle..].select_nth_unstable_by(high - middle, f64::total_cmp).1;
        Self { median, range: high - low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(index: usize) -> f64 {
        (index as f64 * std::f64::consts::TAU / 24.0).sin()
    }

    #[test]
    fn history_before_a_jump_is_moved_to_the_new_level() {
        let mut values: Vec<f64> =
            (0..300).map(|index| (10.0 + wave(index)) * if index < 200 { 8.0 } else { 1.0 }).collect();
        let jumps = level_out(&mut values, &[24]).0;
        assert_eq!(jumps.iter().map(|jump| jump.place).collect::<Vec<_>>(), [200]);
        assert!((jumps[0].factor - 0.125).abs() < 0.01, "{jumps:?}");
        assert!((mean(&values[..192]) - 10.0).abs() < 0.2, "{}", mean(&values[..192]));
    }

    #[test]
    fn a_jump_smaller_than_the_season_is_found_within_days() {
        // A commitment began five days ago and saves 30 %; weekends are at half.
        let value = |day: usize| {
            let weekend = if day % 7 >= 5 { 0.5 } else { 1.0 };
            weekend * (1.0 + 0.04 * wave(5 * day)) * if day >= 115 { 0.7 } else { 1.0 }
        };
        let mut values: Vec<f64> = (0..120).map(value).collect();
        let jumps = level_out(&mut values, &[7]).0;
        assert_eq!(jumps.iter().map(|jump| jump.place).collect::<Vec<_>>(), [115]);
        assert!((jumps[0].factor - 0.7).abs() < 0.03, "{jumps:?}");
    }

    #[test]
    fn what_was_switched_off_stays_off() {
        let busy = |hour: usize| 10.0 + wave(hour);
        let off: Vec<f64> = (0..300).map(|hour| if hour >= 270 { 0.0 } else { busy(hour) }).collect();
        assert_eq!(switched_off(&off), Some(270));
        assert_eq!(switched_off(&off[..270]), None);
        // A batch job rests every night.
        let batch: Vec<f64> = (0..300).map(|hour| if hour % 24 < 4 { 5.0 } else { 0.0 }).collect();
        assert_eq!(switched_off(&batch), None);
    }

    #[test]
    fn hours_of_nothing_stay_nothing() {
        let value = |hour: usize| {
            let open = if hour % 24 >= 2 { 10.0 + 0.3 * wave(5 * hour) } else { 0.0 };
            if hour >= 400 { 3.0 * open } else { open }
        };
        let mut values: Vec<f64> = (0..480).map(value).collect();
        let jumps = level_out(&mut values, &[24]).0;
        assert!(!jumps.is_empty() && jumps.iter().all(|jump| jump.difference == 0.0), "{jumps:?}");
        assert_eq!(values[..24].iter().filter(|value| **value == 0.0).count(), 2);
    }

    #[test]
    fn a_season_a_ramp_and_a_late_spike_are_no_jump() {
        let mut season: Vec<f64> = (0..300).map(|index| 10.0 + 9.0 * wave(index)).collect();
        assert_eq!(level_out(&mut season, &[24]).0, []);
        let mut ramp: Vec<f64> = (0..300).map(|index| index as f64).collect();
        assert_eq!(level_out(&mut ramp, &[]).0, []);
        let mut spike: Vec<f64> =
            (0..300).map(|index| if index >= 295 { 100.0 } else { 10.0 + wave(index) }).collect();
        let weekly = |index: usize| if index / 24 % 7 >= 5 { 1.0 } else { 20.0 };
        let mut weekend: Vec<f64> = (0..24 * 28).map(weekly).collect();
        assert_eq!(level_out(&mut weekend, &[24]).0, []);
        assert_eq!(level_out(&mut spike, &[24]).0, []);
    }
}
