//! Level shifts: what lies before a lasting jump only lends its shape, moved to the new level.

use crate::order::mean;

/// Fewest points on the new level; and at least one long season.
const LEAST_AFTER: usize = 3;

/// A jump is believed when the levels lie apart by this many times the usual range of both sides together.
const APART: f64 = 2.0;

/// Two levels that far apart explain at least this share of the variation; the sums tell before anything is sorted.
const LEAST_EXPLAINED: f64 = 0.2;

/// A level is known when this share of earlier values lies near it.
const KNOWN_SHARE: f64 = 0.03;

/// Candidate places that are compared.
const PLACES: usize = 400;

/// Moves everything before each clear jump to the level after it, the latest jump first; returns where they were.
///
/// By a factor where both levels are above zero and nothing is negative, else by a difference. A level that the
/// series had before (a weekend, a batch job) is no jump.
pub(crate) fn level_out(values: &mut [f64], long: usize) -> Vec<usize> {
    let after = LEAST_AFTER.max(long);
    let n = values.len();
    // Ever longer ends of the series: a late jump is small against the whole, and stands out of its own end.
    let mut lengths: Vec<usize> = std::iter::successors(Some(n), |length| Some(length / 2))
        .take_while(|length| *length >= 3 * after)
        .collect();
    lengths.reverse();
    lengths.into_iter().filter_map(|length| level_out_end(values, n - length, after)).collect()
}

/// Levels out the jump within `values[start..]`, if there is one.
fn level_out_end(values: &mut [f64], start: usize, after: usize) -> Option<usize> {
    let place = start + best_split(&values[start..], after)?;
    let (before, now) = (Side::of(&values[start..place]), Side::of(&values[place..]));
    let distance = (before.median - now.median).abs();
    if distance <= APART * (before.range + now.range) || distance <= 0.0 || is_known(&now, &values[..place]) {
        return None;
    }
    let positive = before.least >= 0.0 && now.least >= 0.0 && before.median > 0.0 && now.median > 0.0;
    for value in &mut values[..place] {
        *value =
            if positive { *value * now.median / before.median } else { *value + now.median - before.median };
    }
    Some(place)
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
    least: f64,
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
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        Self { median, range: high - low, least }
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
        assert_eq!(level_out(&mut values, 24), [200]);
        assert!((mean(&values[..192]) - 10.0).abs() < 0.2, "{}", mean(&values[..192]));
    }

    #[test]
    fn a_season_a_ramp_and_a_late_spike_are_no_jump() {
        let mut season: Vec<f64> = (0..300).map(|index| 10.0 + 9.0 * wave(index)).collect();
        assert_eq!(level_out(&mut season, 24), [] as [usize; 0]);
        let mut ramp: Vec<f64> = (0..300).map(|index| index as f64).collect();
        assert_eq!(level_out(&mut ramp, 1), [] as [usize; 0]);
        let mut spike: Vec<f64> =
            (0..300).map(|index| if index >= 295 { 100.0 } else { 10.0 + wave(index) }).collect();
        let weekly = |index: usize| if index / 24 % 7 >= 5 { 1.0 } else { 20.0 };
        let mut weekend: Vec<f64> = (0..24 * 28).map(weekly).collect();
        assert_eq!(level_out(&mut weekend, 24), [] as [usize; 0]);
        assert_eq!(level_out(&mut spike, 24), [] as [usize; 0]);
    }
}
