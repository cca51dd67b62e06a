//! How much of one dimension a machine needs over the next month, and how often a capacity would not do.

use chrono::{DateTime, Datelike, Duration, Utc};

use super::Settings;
use super::dimension::Dimension;
use crate::quantile::{quantile, sorted};

/// Days before a next-day quantile can be compared with the past one.
const CALIBRATION_DAYS: usize = 3;
/// Level of the next-day to past ratios that becomes the multiplier.
const CALIBRATION_LEVEL: f64 = 0.9;
/// Days of growth that a sizing has to stand.
const OUTLOOK_DAYS: f64 = 30.0;
/// Share of the measured growth that is believed, and the most it may add.
const GROWTH_BELIEVED: f64 = 0.5;
const GROWTH_LIMIT: f64 = 0.5;
/// Days of which the level is compared with the days before, to see a regime shift.
const RECENT_DAYS: usize = 3;

/// The demand of one dimension, in units of capacity.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    pub(crate) dimension: Dimension,
    /// What has to be carried, headroom for error included.
    pub(crate) amount: f64,
    /// Factor between past quantiles and what came next, growth included.
    pub(crate) multiplier: f64,
    /// Demand of the last days over that of the days before, where it shifted up.
    pub(crate) shifted: Option<f64>,
    /// The last or first days of a month were among the samples.
    pub(crate) month_end_seen: bool,
    /// All values, ascending.
    pub(crate) sorted: Vec<f64>,
}

impl Need {
    /// What `demand` (oldest first, not empty) asks for; `current` is the capacity it ran on.
    pub(crate) fn new(
        dimension: Dimension,
        demand: &[(DateTime<Utc>, f64)],
        current: f64,
        settings: &Settings,
    ) -> Self {
        let level = 1.0 - settings.overload_probability;
        let all = sorted(demand.iter().map(|(_, value)| *value));
        let days = by_day(demand);
        let floor = current * settings.noise_share;
        let multiplier = calibration(&days, level, floor) * growth(&days, floor);
        let month_end = sorted(demand.iter().filter(|(at, _)| is_month_end(*at)).map(|(_, value)| *value));
        let peak = match dimension {
            // The largest sample counts, with a margin, and growth on top.
            dimension if dimension.is_fatal() => {
                all.last().copied().unwrap_or(0.0) * settings.memory_margin * growth(&days, floor)
            }
            _ => quantile(&all, level) * multiplier,
        };
        Self {
            dimension,
            // A peak that comes back for a few hours every month drowns in the quantile of all hours.
            amount: peak.max(quantile(&month_end, 1.0 - settings.month_end_probability)),
            multiplier,
            shifted: shift(&days, floor, settings.shift_ratio),
            month_end_seen: !month_end.is_empty(),
            sorted: all,
        }
    }

    /// Probability that a sample, scaled by the multiplier, is above `capacity` (Jeffreys estimate, so that
    /// "never seen" is not "never").
    pub(crate) fn probability_over(&self, capacity: f64) -> f64 {
        let scale = if self.dimension.is_fatal() { 1.0 } else { self.multiplier };
        let below = self.sorted.partition_point(|value| value * scale <= capacity);
        (self.sorted.len() - below) as f64 / self.sorted.len().max(1) as f64
            + 0.5 / (self.sorted.len() + 1) as f64
    }

    /// A quantile of what was seen.
    pub(crate) fn seen(&self, level: f64) -> f64 {
        quantile(&self.sorted, level)
    }
}

/// The 90th percentile of "next day over past", between 1 and 2: how much a quantile of the past has
/// understated the day that followed. Values under `floor` are noise.
fn calibration(days: &[Vec<f64>], level: f64, floor: f64) -> f64 {
    let mut past: Vec<f64> = Vec::new();
    let mut ratios = Vec::new();
    for (index, day) in days.iter().enumerate() {
        if index >= CALIBRATION_DAYS {
            ratios.push(quantile(day, level).max(floor) / quantile(&past, level).max(floor));
        }
        // Both halves are ascending runs, which a stable sort merges in linear time.
        past.extend_from_slice(day);
        past.sort_by(f64::total_cmp);
    }
    quantile(&sorted(ratios.into_iter()), CALIBRATION_LEVEL).clamp(1.0, 2.0)
}

/// Half of the growth of the daily P95 (slope by Theil and Sen) over the next 30 days, as a factor from 1 to 1.5.
/// Fewer than 14 days tell growth from a weekly rhythm badly: then 1.
fn growth(days: &[Vec<f64>], floor: f64) -> f64 {
    let peaks: Vec<f64> = days.iter().map(|day| quantile(day, 0.95)).collect();
    if peaks.len() < 14 {
        return 1.0;
    }
    let slopes = (0..peaks.len()).flat_map(|i| {
        let peaks = &peaks;
        (i + 1..peaks.len()).map(move |j| (peaks[j] - peaks[i]) / (j - i) as f64)
    });
    let slope = quantile(&sorted(slopes), 0.5);
    let level = quantile(&sorted(peaks.iter().copied()), 0.5).max(floor);
    let expected = if level > 0.0 { slope * OUTLOOK_DAYS / level } else { 0.0 };
    1.0 + (GROWTH_BELIEVED * expected).clamp(0.0, GROWTH_LIMIT)
}

/// The median daily P95 of the last three days over that of the days before, when it is above `ratio`.
fn shift(days: &[Vec<f64>], floor: f64, ratio: f64) -> Option<f64> {
    let cut = days.len().checked_sub(RECENT_DAYS).filter(|before| *before >= RECENT_DAYS)?;
    let level = |days: &[Vec<f64>]| quantile(&sorted(days.iter().map(|day| quantile(day, 0.95))), 0.5);
    // A week has loud and quiet days: compare with the loudest stretch of the same length in the last week.
    let before = days[..cut].windows(RECENT_DAYS).map(level).fold(floor, f64::max);
    let found = level(&days[cut..]) / before;
    (before > 0.0 && found > ratio).then_some(found)
}

/// Sorted values by UTC day, oldest day first.
fn by_day(demand: &[(DateTime<Utc>, f64)]) -> Vec<Vec<f64>> {
    demand
        .chunk_by(|a, b| a.0.date_naive() == b.0.date_naive())
        .map(|day| sorted(day.iter().map(|(_, value)| *value)))
        .collect()
}

/// The last two days of a month and the first of the next: when books are closed and salaries paid.
fn is_month_end(at: DateTime<Utc>) -> bool {
    at.day() == 1 || (at + Duration::days(2)).month() != at.month()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hourly(days: i64, value: impl Fn(i64) -> f64) -> Vec<(DateTime<Utc>, f64)> {
        let start: DateTime<Utc> = "2026-03-03T00:00:00Z".parse().unwrap();
        (0..days * 24).map(|hour| (start + Duration::hours(hour), value(hour))).collect()
    }

    fn need(demand: &[(DateTime<Utc>, f64)]) -> Need {
        Need::new(Dimension::Cpu, demand, 8.0, &Settings::default())
    }

    #[test]
    fn steady_demand_needs_what_it_had() {
        let steady = need(&hourly(14, |hour| 2.0 + (hour % 24) as f64 / 24.0));
        assert!((steady.multiplier - 1.0).abs() < 1e-9, "{}", steady.multiplier);
        assert!((2.9..3.0).contains(&steady.amount), "{}", steady.amount);
        assert_eq!(steady.shifted, None);
    }

    #[test]
    fn growth_and_surprises_raise_the_need() {
        let growing = need(&hourly(28, |hour| 1.0 + hour as f64 / 400.0));
        assert!(growing.multiplier > 1.2 && growing.multiplier <= 3.0, "{}", growing.multiplier);
        let shifted = need(&hourly(14, |hour| if hour >= 11 * 24 { 3.0 } else { 1.0 }));
        assert_eq!(shifted.shifted, Some(3.0));
    }

    #[test]
    fn the_month_end_peak_counts_though_it_is_rare() {
        // Three hours on the last day of March: 0.2 % of 60 days.
        let peak = |hour: i64| if (28 * 24 + 8..28 * 24 + 11).contains(&hour) { 6.0 } else { 1.0 };
        let closing = need(&hourly(60, peak));
        assert!(closing.month_end_seen && closing.amount > 5.0, "{}", closing.amount);
    }

    #[test]
    fn never_seen_is_not_never() {
        let steady = need(&hourly(14, |_| 2.0));
        assert!(steady.probability_over(3.0) > 0.0 && steady.probability_over(3.0) < 0.005);
        assert!(steady.probability_over(1.0) > 0.99);
    }
}
