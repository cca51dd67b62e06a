//! How much of one dimension a machine needs over the next month, and how often a capacity would not do.
//!
//! The month to come is what was seen, recent days counting more, times growth, times one factor for the whole month: how
//! far the level drifts from today's. That is log-normal, with the scale of the machine's own changes from day to day.

use chrono::{DateTime, Datelike, Duration, Utc};

use super::Settings;
use super::dimension::Dimension;
use crate::quantile::{quantile, sorted};

/// Part of the history in which the weight of a sample halves; never less than a week where a week is its rhythm.
const HALF_LIFE: f64 = 0.1;
/// Days from which on a history shows its weekly rhythm. Then all days of a week count alike, and before all hours of a
/// day: otherwise the last hours, whatever their place in the rhythm, would count most.
const RHYTHM_DAYS: f64 = 14.0;
const WEEK_DAYS: f64 = 7.0;
/// Quantile that is the level of a day.
const DAY_LEVEL: f64 = 0.95;
/// Scale of the drift where a machine has not shown its own, in logarithms, and the days that it counts for.
const DRIFT: f64 = 0.1;
const DRIFT_DAYS: f64 = 3.0;
/// The largest scale: what jumps about more is told by the quantiles of its past.
const MOST_DRIFT: f64 = 0.35;
/// Scale of a normal variable over the median of its absolute values: a level that jumps twice a week, or once and for
/// all, does not drift from day to day.
const SCALE_OF_MEDIAN: f64 = 1.482_602_218_505_602;
/// Medians of fifteen equally probable parts of the standard normal distribution.
const DRIFTS: [f64; 15] = [
    -1.833_914_636,
    -1.281_551_566,
    -0.967_421_566,
    -0.727_913_291,
    -0.524_400_513,
    -0.340_694_827,
    -0.167_894_005,
    0.0,
    0.167_894_005,
    0.340_694_827,
    0.524_400_513,
    0.727_913_291,
    0.967_421_566,
    1.281_551_566,
    1.833_914_636,
];
/// Halvings of the range in which the amount is looked for: one part in a million of it.
const HALVINGS: usize = 20;
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
    /// Demand of the last days over that of the days before, where it shifted up.
    pub(crate) shifted: Option<f64>,
    /// What the last and first days of a month asked for, where they were among the samples.
    pub(crate) month_end: Option<f64>,
    /// All values, ascending.
    pub(crate) sorted: Vec<f64>,
    /// For each of them, the weight of those up to it: 1 for the last.
    weights: Vec<f64>,
    /// What the level of the next month may be, over that of the past: growth times drift, each equally probable.
    levels: Vec<f64>,
}

impl Need {
    /// What `demand` (oldest first, not empty) asks for; `current` is the capacity it ran on.
    pub(crate) fn new(
        dimension: Dimension,
        demand: &[(DateTime<Utc>, f64)],
        current: f64,
        settings: &Settings,
    ) -> Self {
        let days = by_day(demand);
        let floor = current * settings.noise_share;
        let levels: Vec<f64> = days.iter().map(|day| day.level).collect();
        let growth = growth(&levels, floor);
        // The largest sample counts, with a margin, and growth on top.
        let outlook = match dimension.is_fatal() {
            true => vec![1.0],
            false => {
                let scale = drift(&days, floor);
                DRIFTS.iter().map(|draw| growth * (scale * draw).exp()).collect()
            }
        };
        let month_end = sorted(demand.iter().filter(|(at, _)| is_month_end(*at)).map(|(_, value)| *value));
        let (values, weights) = weighted(demand, dimension.is_fatal());
        let mut need = Self {
            dimension,
            amount: 0.0,
            shifted: shift(&levels, floor, settings.shift_ratio),
            month_end: (!month_end.is_empty())
                .then(|| quantile(&month_end, 1.0 - settings.month_end_probability)),
            sorted: values,
            weights,
            levels: outlook,
        };
        need.amount = match dimension.is_fatal() {
            true => need.with_month_end(need.seen(1.0) * settings.memory_margin * growth),
            false => need.at(settings.overload_probability),
        };
        need
    }

    /// A peak that comes back for a few hours every month drowns in the quantile of all hours.
    fn with_month_end(&self, peak: f64) -> f64 {
        peak.max(self.month_end.unwrap_or(0.0))
    }

    /// What the demand of the next month exceeds in a share `over` of the time, all its levels together.
    pub(crate) fn at(&self, over: f64) -> f64 {
        let highest = self.levels.last().copied().unwrap_or(1.0);
        let (mut low, mut high) = (0.0, self.seen(1.0) * highest);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            match self.share_over(middle) > over {
                true => low = middle,
                false => high = middle,
            }
        }
        self.with_month_end(high)
    }

    /// Asks for as much again as a level that has just risen did: what is smaller has to stand that once more.
    pub(crate) fn rise(&mut self) {
        let Some(ratio) = self.shifted else { return };
        self.amount *= ratio;
        self.levels.iter_mut().for_each(|level| *level *= ratio);
    }

    /// Probability that a sample of the next month is above `capacity` (Jeffreys estimate, so that "never seen" is not
    /// "never").
    pub(crate) fn probability_over(&self, capacity: f64) -> f64 {
        self.share_over(capacity) + 0.5 / (self.sorted.len() + 1) as f64
    }

    fn share_over(&self, capacity: f64) -> f64 {
        let at_level = |level: &f64| {
            let below = self.sorted.partition_point(|value| value * level <= capacity);
            1.0 - below.checked_sub(1).map_or(0.0, |last| self.weights[last])
        };
        self.levels.iter().map(at_level).sum::<f64>() / self.levels.len() as f64
    }

    /// A quantile of what was seen.
    pub(crate) fn seen(&self, level: f64) -> f64 {
        quantile(&self.sorted, level)
    }
}

/// The values of `demand`, ascending, and for each the weight of those up to it; `alike` gives all the same.
fn weighted(demand: &[(DateTime<Utc>, f64)], alike: bool) -> (Vec<f64>, Vec<f64>) {
    let last = demand.last().map(|(at, _)| *at).unwrap_or_default();
    let age = |at: &DateTime<Utc>| (last - *at).num_seconds() as f64 / 86_400.0;
    let history = demand.first().map_or(0.0, |(at, _)| age(at));
    let (rhythm, least) = if history < RHYTHM_DAYS { (1.0, 0.0) } else { (WEEK_DAYS, WEEK_DAYS) };
    let half_life = (history * HALF_LIFE).max(least);
    let weight = |at: &DateTime<Utc>| {
        let age = rhythm * (age(at) / rhythm).floor();
        if alike || half_life <= 0.0 { 1.0 } else { 0.5_f64.powf(age / half_life) }
    };
    let mut pairs: Vec<(f64, f64)> = demand.iter().map(|(at, value)| (*value, weight(at))).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = pairs.iter().map(|(_, weight)| weight).sum();
    let mut so_far = 0.0;
    let up_to = |(_, weight): &(f64, f64)| {
        so_far += weight;
        so_far / total
    };
    let weights = pairs.iter().map(up_to).collect();
    (pairs.into_iter().map(|(value, _)| value).collect(), weights)
}

/// Scale of the change of the level from day to day, in logarithms: the machine's own and [`DRIFT`], each by its days.
/// Levels under `floor` are noise.
fn drift(days: &[Day], floor: f64) -> f64 {
    let fullest = days.iter().map(|day| day.samples).max().unwrap_or(0);
    let whole = days.iter().filter(|day| 2 * day.samples >= fullest);
    let levels: Vec<f64> = whole.map(|day| day.level.max(floor)).collect();
    let changes = sorted(
        levels
            .windows(2)
            .filter(|pair| pair[0] > 0.0 && pair[1] > 0.0)
            .map(|pair| (pair[1] / pair[0]).ln().abs()),
    );
    let own = SCALE_OF_MEDIAN * quantile(&changes, 0.5);
    let count = changes.len() as f64;
    ((DRIFT_DAYS * DRIFT * DRIFT + count * own * own) / (DRIFT_DAYS + count)).sqrt().min(MOST_DRIFT)
}

/// Half of the growth of the daily P95 (slope by Theil and Sen) over the next 30 days, as a factor from 1 to 1.5.
/// Fewer than 14 days tell growth from a weekly rhythm badly: then 1.
fn growth(peaks: &[f64], floor: f64) -> f64 {
    if (peaks.len() as f64) < RHYTHM_DAYS {
        return 1.0;
    }
    let slopes = (0..peaks.len())
        .flat_map(|i| (i + 1..peaks.len()).map(move |j| (peaks[j] - peaks[i]) / (j - i) as f64));
    let slope = quantile(&sorted(slopes), 0.5);
    let level = quantile(&sorted(peaks.iter().copied()), 0.5).max(floor);
    let expected = if level > 0.0 { slope * OUTLOOK_DAYS / level } else { 0.0 };
    1.0 + (GROWTH_BELIEVED * expected).clamp(0.0, GROWTH_LIMIT)
}

/// The median daily P95 of the last three days over that of the days before, when it is above `ratio`.
fn shift(peaks: &[f64], floor: f64, ratio: f64) -> Option<f64> {
    let cut = peaks.len().checked_sub(RECENT_DAYS).filter(|before| *before >= RECENT_DAYS)?;
    let level = |peaks: &[f64]| quantile(&sorted(peaks.iter().copied()), 0.5);
    // A week has loud and quiet days: compare with the loudest stretch of the same length in the last week.
    let before = peaks[..cut].windows(RECENT_DAYS).map(level).fold(floor, f64::max);
    let found = level(&peaks[cut..]) / before;
    (before > 0.0 && found > ratio).then_some(found)
}

/// What was seen on one UTC day.
struct Day {
    samples: usize,
    /// Its P95.
    level: f64,
}

/// Oldest first.
fn by_day(demand: &[(DateTime<Utc>, f64)]) -> Vec<Day> {
    let day = |values: &[(DateTime<Utc>, f64)]| Day {
        samples: values.len(),
        level: quantile(&sorted(values.iter().map(|(_, value)| *value)), DAY_LEVEL),
    };
    demand.chunk_by(|a, b| a.0.date_naive() == b.0.date_naive()).map(day).collect()
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
    fn steady_demand_needs_what_it_had_and_a_little_for_drift() {
        let steady = need(&hourly(14, |hour| 2.0 + (hour % 24) as f64 / 24.0));
        assert!((2.9..3.2).contains(&steady.amount), "{}", steady.amount);
        assert_eq!(steady.shifted, None);
        let flat = need(&hourly(14, |_| 2.0));
        assert!((2.0..2.2).contains(&flat.amount), "{}", flat.amount);
        assert!((flat.seen(0.5) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn growth_drift_and_surprises_raise_the_need() {
        let growing = need(&hourly(28, |hour| 1.0 + hour as f64 / 400.0));
        assert!(growing.amount > 1.3 * growing.seen(1.0), "{}", growing.amount);
        let jumpy = need(&hourly(14, |hour| 2.0 * [0.6, 1.0, 0.75, 0.55, 0.9][(hour / 24 % 5) as usize]));
        assert!(jumpy.amount > 1.2 * jumpy.seen(1.0), "{}", jumpy.amount);
        let mut shifted = need(&hourly(14, |hour| if hour >= 11 * 24 { 3.0 } else { 1.0 }));
        assert_eq!(shifted.shifted, Some(3.0));
        let (amount, over) = (shifted.amount, shifted.probability_over(8.0));
        shifted.rise();
        assert!((shifted.amount - 3.0 * amount).abs() < 1e-9);
        assert!(over < 0.01 && shifted.probability_over(8.0) > 0.3, "{over}");
    }

    #[test]
    fn two_loud_days_a_week_are_a_rhythm_and_no_drift() {
        let week = |hour: i64| if hour / 24 % 7 < 5 { 4.0 } else { 0.5 };
        let office = need(&hourly(28, week));
        assert!((4.0..4.4).contains(&office.amount), "{}", office.amount);
    }

    #[test]
    fn the_last_week_counts_most_and_all_of_its_days_alike() {
        // Four weeks at 4, the last one at 1 with one day at 2, six days ago.
        let falling = |hour: i64| match hour / 24 {
            28..=34 if hour / 24 == 29 => 2.0,
            28..=34 => 1.0,
            _ => 4.0,
        };
        let need = need(&hourly(35, falling));
        let share = |capacity: f64| need.share_over(capacity);
        // The last of five weeks has 16 of 31 parts of the weight.
        assert!((share(3.0) - 15.0 / 31.0).abs() < 0.02, "{}", share(3.0));
        assert!((share(1.5) - share(3.0) - 16.0 / 31.0 / 7.0).abs() < 0.02, "{}", share(1.5));
    }

    #[test]
    fn the_amount_is_exceeded_as_often_as_is_allowed() {
        let need = need(&hourly(14, |hour| 1.0 + (hour * hour % 97) as f64 / 20.0));
        for over in [0.005, 0.02, 0.1, 0.5] {
            let at = need.at(over);
            assert!(need.share_over(at) <= over && need.share_over(at * 0.98) > over, "{over}: {at}");
        }
    }

    #[test]
    fn the_month_end_peak_counts_though_it_is_rare() {
        // Three hours on the last day of March: 0.2 % of 60 days.
        let peak = |hour: i64| if (28 * 24 + 8..28 * 24 + 11).contains(&hour) { 6.0 } else { 1.0 };
        let closing = need(&hourly(60, peak));
        assert!(closing.month_end.is_some() && closing.amount > 5.0, "{}", closing.amount);
    }

    #[test]
    fn never_seen_is_not_never() {
        let steady = need(&hourly(14, |_| 2.0));
        assert!(steady.probability_over(4.0) > 0.0 && steady.probability_over(4.0) < 0.005);
        assert!(steady.probability_over(1.0) > 0.99);
    }
}
