//! Season lengths: candidates that were told or that the frequency suggests, kept when a test on the autocorrelation
//! finds them.

use std::ops::Range;

use domain::Frequency;

use crate::linear::dot;
use crate::order::{mean, sorted_quantile};

/// What it takes for a season to be believed.
#[derive(Debug, Clone, Copy)]
struct Proof {
    /// Standard errors that its autocorrelation must be above zero.
    errors: f64,
    /// A weaker autocorrelation is of no use, however significant.
    strength: f64,
    /// The newest twelve seasons are looked at, and at least so many points.
    points: usize,
}

/// What it takes instead while history holds few seasons, and none that could come back again and again.
#[derive(Debug, Clone)]
struct FirstReturn {
    /// Seasons that history holds.
    seasons: Range<f64>,
    strength: f64,
}

/// A length that the calendar suggests: many series have it, so one standard error is enough.
const EXPECTED: Proof = Proof { errors: 1.0, strength: 0.1, points: 0 };

/// A week of days is short, so it is looked for in a year.
const EXPECTED_OF_DAYS: Proof = Proof { points: 400, ..EXPECTED };

/// A length that is usual where nothing is known about the steps: one-sided 95 % of the normal distribution.
const USUAL: Proof = Proof { errors: 1.645, strength: 0.1, points: 0 };

/// A length that was looked for among many: the best of a thousand chances must stand out of all of them, which is
/// four or more standard errors of noise of SEARCH_LEAST points.
const SEARCHED: Proof = Proof { errors: 1.645, strength: 0.4, points: 0 };
const SEARCH_LEAST: usize = 150;

/// Seasons that history has to hold: it comes back twice, and a little of it a third time.
const LEAST_SEASONS: f64 = 2.5;

/// A longer season beside a shorter that was found is believed on its first return (two weeks of hours, the newest not
/// whole).
const OF_LONGER: FirstReturn = FirstReturn { seasons: 1.75..LEAST_SEASONS, strength: 0.15 };

/// The day of hours, the week of days and the year of months are so usual that a part of the return is enough, however
/// uncertain it is.
const OF_FAMILIAR: FirstReturn = FirstReturn { seasons: 1.25..3.0, strength: 0.25 };

/// A season longer than this is handled as the year, by members of its own.
const LONGEST_SHORT_SEASON: usize = 2_500;

/// Values further from the median than this many times the middle 80 % of values are pulled in for the test.
const TAMED_REACH: f64 = 1.5;

/// The shortest season is the first whose autocorrelation is this near to the strongest one's: multiples of a season
/// are as strong as the season itself.
const NEARLY_STRONGEST: f64 = 0.7;

/// Without a clock there are more candidates, and so more chances that a short one is a mere echo.
const NEARLY_STRONGEST_OF_STEPS: f64 = 0.85;

/// Share of the autocorrelation at a season that is left at twice the season.
const ECHO: f64 = 0.25;

/// Candidates where the source has no clock: quarters, months, weeks, days of hours, half hours, 5 minutes …
const STEP_CANDIDATES: [usize; 10] = [4, 7, 12, 24, 48, 52, 96, 168, 288, 336];

/// Candidates within one part in so many of a stronger one are the same season, off by a step.
const NEIGHBOURS: usize = 16;

/// A season of its own may be a day, and a week of business days or of all days the longer one.
const WEEKS_OF_DAYS: [usize; 2] = [5, 7];

/// Newest points, and longest lag, that are searched for seasons without a calendar.
const SEARCH_POINTS: usize = 4_000;
const SEARCH_LAG: usize = 1_600;

/// The seasons of a series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seasons {
    /// Up to two season lengths in steps, ascending.
    pub(crate) cycles: Vec<usize>,
    /// Steps per year, where a year fits into history.
    pub(crate) year: Option<usize>,
}

impl Seasons {
    /// The shortest season, 1 when there is none: also the lag that scales MASE.
    pub(crate) fn short(&self) -> usize {
        self.cycles.first().copied().unwrap_or(1)
    }

    /// Steps after which the same time of the year comes back. A lone season of 12 or 4 steps is taken for a year of months
    /// or quarters: the folds will tell.
    pub(crate) fn yearly(&self) -> Option<usize> {
        self.year.or(match self.cycles[..] {
            [season @ (12 | 4)] => Some(season),
            _ => None,
        })
    }

    /// The longer of two seasons.
    pub(crate) fn longer(&self) -> Option<usize> {
        self.cycles.get(1).copied()
    }

    /// The longest season below the year, 1 when there is none.
    pub(crate) fn long(&self) -> usize {
        self.cycles.last().copied().unwrap_or(1)
    }
}

/// Seasons that a test finds in `values` (no gaps): of the lengths that were told, else of those that the frequency
/// suggests or that stand out. Told an empty list, there are none but the year.
pub(crate) fn find(values: &[f64], frequency: Frequency, told: Option<&[usize]>) -> Seasons {
    let cycles = match told {
        Some([]) => Vec::new(),
        _ => cycles(&tamed(values), frequency, told.unwrap_or_default()),
    };
    let long = told.unwrap_or_default().iter().copied().find(|length| *length > LONGEST_SHORT_SEASON);
    let year = long.or_else(|| steps_per_year(frequency));
    Seasons { year: year.filter(|length| values.len() > *length && !cycles.contains(length)), cycles }
}

/// The shortest season and a longer one of which it is a part, where there are such.
fn cycles(values: &[f64], frequency: Frequency, told: &[usize]) -> Vec<usize> {
    let has_clock = !matches!(frequency, Frequency::Steps(_));
    let expected = if frequency == Frequency::DAY { EXPECTED_OF_DAYS } else { EXPECTED };
    let proof = if has_clock { expected } else { USUAL };
    let told: Vec<usize> =
        told.iter().copied().filter(|length| (2..=LONGEST_SHORT_SEASON).contains(length)).collect();
    let (suggested, day) = (candidates(frequency), steps_per_day(frequency));
    // Without a calendar, the one who tells knows it.
    let familiar: &[usize] = match frequency {
        Frequency::Months(_) | Frequency::DAY => &suggested,
        Frequency::Seconds(_) => day.as_slice(),
        Frequency::Steps(_) => &told,
    };
    let proven = |lengths: &[usize], proof: Proof| -> Vec<(usize, f64)> {
        let strength = |length: usize| strength(values, length, proof, familiar.contains(&length));
        lengths.iter().filter_map(|length| Some((*length, strength(*length)?))).collect()
    };
    let mut found = proven(&told, expected);
    if found.is_empty() {
        found = proven(&suggested, proof);
        if found.is_empty() || !has_clock {
            // A calendar says nothing here: a day of business hours has any number of steps.
            found.extend(proven(&peaks(values), SEARCHED));
            found = without_neighbours(found);
        }
    }
    let strongest = found.iter().map(|(_, strength)| *strength).fold(0.0, f64::max);
    let enough = if has_clock { NEARLY_STRONGEST } else { NEARLY_STRONGEST_OF_STEPS };
    let short = found.iter().find(|(_, strength)| *strength >= enough * strongest).map(|(season, _)| *season);
    let long = short.and_then(|short| {
        let weeks =
            WEEKS_OF_DAYS.map(|days| days * short).into_iter().filter(|_| !suggested.contains(&short));
        let lengths = told.iter().copied().chain(suggested.iter().copied()).chain(weeks);
        let mut longer = lengths.filter(|length| *length > short && length % short == 0);
        longer.find(|length| comes_beside(values, *length, short, proof))
    });
    short.into_iter().chain(long).collect()
}

/// Ascending lengths, of which those beside a stronger one are left out.
fn without_neighbours(mut found: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    found.sort_unstable_by_key(|(length, _)| *length);
    found.dedup_by_key(|(length, _)| *length);
    let beside = |length: usize, other: usize| other.abs_diff(length) * NEIGHBOURS <= length;
    let outdone = |(length, strength): &(usize, f64)| {
        found.iter().any(|(other, stronger)| beside(*length, *other) && stronger > strength)
    };
    found.iter().filter(|one| !outdone(one)).copied().collect()
}

/// Steps of one year when they are more than a handful.
fn steps_per_year(frequency: Frequency) -> Option<usize> {
    let seconds = frequency.mean_seconds()?;
    let steps = (31_556_952.0 / seconds).round();
    ((50.0..20_000.0).contains(&steps)).then_some(steps as usize)
}

/// Steps of one day; `None` without a clock, and where a day is no whole number of steps.
pub(crate) fn steps_per_day(frequency: Frequency) -> Option<usize> {
    let Frequency::Seconds(step) = frequency else { return None };
    usize::try_from(86_400_i64.checked_div(step).filter(|count| count * step == 86_400)?).ok()
}

/// Season lengths worth a test, ascending.
fn candidates(frequency: Frequency) -> Vec<usize> {
    let per = |period: f64, seconds: f64| {
        let steps = period / seconds;
        (steps >= 2.0 && (steps - steps.round()).abs() < 1e-6).then_some(steps.round() as usize)
    };
    let mut lengths: Vec<usize> = match frequency {
        Frequency::Months(months) => {
            (12 % months == 0 && months < 12).then(|| (12 / months) as usize).into_iter().collect()
        }
        Frequency::Steps(_) => STEP_CANDIDATES.to_vec(),
        Frequency::Seconds(604_800) => vec![52],
        Frequency::Seconds(seconds) => {
            let seconds = seconds as f64;
            [3_600.0, 86_400.0, 604_800.0].into_iter().filter_map(|period| per(period, seconds)).collect()
        }
    };
    lengths.retain(|length| *length <= LONGEST_SHORT_SEASON * 5);
    lengths
}

/// Lags at which the autocorrelation peaks: the strongest one, and the first that is nearly as strong.
fn peaks(values: &[f64]) -> Vec<usize> {
    let window = &values[values.len().saturating_sub(SEARCH_POINTS)..];
    let longest = (window.len() * 2 / 5).min(SEARCH_LAG);
    if window.len() < SEARCH_LEAST {
        return Vec::new();
    }
    let rest = Centred::new(without_trend(window, longest));
    let at: Vec<f64> = (0..=longest).map(|lag| rest.autocorrelation(lag)).collect();
    // A peak stands above a valley before it.
    let mut valley = f64::INFINITY;
    let mut tops: Vec<usize> = Vec::new();
    for lag in 2..longest {
        valley = valley.min(at[lag - 1]);
        if at[lag] > at[lag - 1] && at[lag] >= at[lag + 1] && at[lag] > valley + SEARCHED.strength {
            tops.push(lag);
        }
    }
    let Some(best) = tops.iter().copied().max_by(|a, b| at[*a].total_cmp(&at[*b])) else { return tops };
    let first = tops.iter().copied().find(|lag| at[*lag] >= NEARLY_STRONGEST_OF_STEPS * at[best]);
    first.into_iter().filter(|first| *first != best).chain([best]).collect()
}

/// The series with wild values pulled in, so that one outburst does not hide a rhythm.
fn tamed(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |level: f64| sorted_quantile(&sorted, level);
    let (middle, reach) = (at(0.5), TAMED_REACH * (at(0.9) - at(0.1)));
    if reach > 0.0 {
        values.iter().map(|value| value.clamp(middle - reach, middle + reach)).collect()
    } else {
        values.to_vec()
    }
}

/// The autocorrelation at `season` after the trend is taken out, where it proves one; of a familiar season, its beginning
/// return is enough.
fn strength(values: &[f64], season: usize, proof: Proof, familiar: bool) -> Option<f64> {
    let held = values.len() as f64 / season as f64;
    let early = familiar && OF_FAMILIAR.seasons.contains(&held);
    if !early && held < LEAST_SEASONS {
        return None;
    }
    let seen = Return::new(without_trend(newest(values, season, proof), season), season)?;
    let proven = if early { seen.strength > OF_FAMILIAR.strength } else { seen.proves(proof) };
    proven.then_some(seen.strength)
}

/// Whether a longer season comes beside a shorter one, whose profile is taken out.
fn comes_beside(values: &[f64], season: usize, shorter: usize, proof: Proof) -> bool {
    let held = values.len() as f64 / season as f64;
    let early = OF_LONGER.seasons.contains(&held);
    if (!early && held < LEAST_SEASONS) || season > LONGEST_SHORT_SEASON * 5 {
        return false;
    }
    let rest = without_profile(&without_trend(newest(values, season, proof), season), shorter);
    Return::new(rest, season).is_some_and(|seen| {
        if early {
            seen.strength > OF_LONGER.strength && seen.is_significant(proof)
        } else {
            seen.proves(proof)
        }
    })
}

/// The points that are looked at.
fn newest(values: &[f64], season: usize, proof: Proof) -> &[f64] {
    &values[values.len().saturating_sub((season * 12).max(proof.points))..]
}

/// How values come back after a season.
struct Return {
    rest: Centred,
    season: usize,
    /// Autocorrelation at the season.
    strength: f64,
}

impl Return {
    /// `None` where they do not come back, or come back as well after half of it.
    fn new(rest: Vec<f64>, season: usize) -> Option<Self> {
        let rest = Centred::new(rest);
        let strength = rest.autocorrelation(season);
        (strength > 0.0 && strength > rest.autocorrelation(season / 2)).then_some(Self {
            rest,
            season,
            strength,
        })
    }

    fn proves(&self, proof: Proof) -> bool {
        // A wobble comes back once, a season again and again.
        self.strength > proof.strength
            && self.rest.autocorrelation(2 * self.season) >= ECHO * self.strength
            && self.is_significant(proof)
    }

    /// Whether the strength is beyond its error (Bartlett's, as in M4's Naive2).
    fn is_significant(&self, proof: Proof) -> bool {
        // Lags within the season enter the error of the estimate; a coarse grid of them is enough.
        let stride = (self.season / 24).max(1);
        let lags = (stride..self.season).step_by(stride);
        let inner = lags.map(|lag| self.rest.autocorrelation(lag).powi(2)).sum::<f64>() * stride as f64;
        let count = self.rest.values.len() as f64;
        let error = ((1.0 + 2.0 * inner.min(count / 4.0)) / count).sqrt();
        self.strength > proof.errors * error
    }
}

/// Differences from a centred moving average over one season (ends use what is there).
fn without_trend(values: &[f64], season: usize) -> Vec<f64> {
    let trend = moving_average(values, season);
    values.iter().zip(trend).map(|(value, trend)| value - trend).collect()
}

/// Differences from the mean profile of a season and its moving average.
fn without_profile(values: &[f64], season: usize) -> Vec<f64> {
    let profile: Vec<f64> = (0..season)
        .map(|phase| mean(&values.iter().skip(phase).step_by(season).copied().collect::<Vec<_>>()))
        .collect();
    values.iter().enumerate().map(|(index, value)| value - profile[index % season]).collect()
}

/// Centred moving average over `width` points (an even width counts its two ends half). Towards the ends, where
/// the window does not fit, the last averages are continued along their slope over one more window.
pub(crate) fn moving_average(values: &[f64], width: usize) -> Vec<f64> {
    let n = values.len();
    let half = width / 2;
    if half == 0 {
        return values.to_vec();
    }
    if n < 2 * half + 1 {
        return vec![mean(values); n];
    }
    let mut sums = vec![0.0; n + 1];
    let mut sum = 0.0;
    for (value, after) in values.iter().zip(&mut sums[1..]) {
        sum += value;
        *after = sum;
    }
    let window = 2 * half + 1;
    let (first, last) = (half, n - 1 - half);
    let share = 1.0 / width as f64;
    let ends = if width.is_multiple_of(2) { 0.5 } else { 0.0 };
    let mut averages = vec![0.0; n];
    let windows = sums.iter().zip(&sums[window..]).zip(values.iter().zip(&values[2 * half..]));
    for (average, ((before, after), (left, right))) in averages[first..=last].iter_mut().zip(windows) {
        *average = share * (after - before - ends * (left + right));
    }
    let reach = width.min(last - first).max(1);
    let slope = |from: usize, to: usize| {
        if to > from { (averages[to] - averages[from]) / (to - from) as f64 } else { 0.0 }
    };
    let left = slope(first, (first + reach).min(last));
    let right = slope(last.saturating_sub(reach).max(first), last);
    for index in 0..first {
        averages[index] = averages[first] - left * (first - index) as f64;
    }
    for index in last + 1..n {
        averages[index] = averages[last] + right * (index - last) as f64;
    }
    averages
}

/// Values around their mean.
struct Centred {
    values: Vec<f64>,
    variation: f64,
}

impl Centred {
    fn new(mut values: Vec<f64>) -> Self {
        let centre = mean(&values);
        values.iter_mut().for_each(|value| *value -= centre);
        Self { variation: dot(&values, &values), values }
    }

    fn autocorrelation(&self, lag: usize) -> f64 {
        match self.values.get(lag..) {
            Some(later) if self.variation > 0.0 => dot(&self.values[..later.len()], later) / self.variation,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic noise in (-0.5, 0.5): the mixing step of SplitMix64.
    fn noise(index: usize) -> f64 {
        let mut mixed = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    }

    fn wave(index: usize, season: f64) -> f64 {
        (index as f64 * std::f64::consts::TAU / season).sin()
    }

    #[test]
    fn finds_the_day_and_the_week_of_hourly_data_and_nothing_in_noise() {
        let busy: Vec<f64> = (0..1000)
            .map(|hour| {
                10.0 + 3.0 * wave(hour, 24.0) - if hour / 24 % 7 >= 5 { 2.0 } else { 0.0 } + noise(hour)
            })
            .collect();
        assert_eq!(find(&busy, Frequency::HOUR, None).cycles, [24, 168]);
        let flat: Vec<f64> = (0..1000).map(|hour| 10.0 + noise(hour)).collect();
        assert_eq!(find(&flat, Frequency::HOUR, None).cycles, [] as [usize; 0]);
    }

    #[test]
    fn two_weeks_of_hours_are_enough_for_a_week() {
        // The newest hours have not come yet, as in what a provider keeps of its metrics.
        let weeks: Vec<f64> = (0..14 * 24 - 5)
            .map(|hour| {
                10.0 + 3.0 * wave(hour, 24.0) - if hour / 24 % 7 >= 5 { 2.0 } else { 0.0 } + noise(hour)
            })
            .collect();
        assert_eq!(find(&weeks, Frequency::HOUR, None).cycles, [24, 168]);
        let alike: Vec<f64> =
            (0..14 * 24 - 5).map(|hour| 10.0 + 3.0 * wave(hour, 24.0) + noise(hour)).collect();
        assert_eq!(find(&alike, Frequency::HOUR, None).cycles, [24]);
    }

    #[test]
    fn a_familiar_season_is_believed_when_it_begins_to_return() {
        let daily: Vec<f64> = (0..40).map(|hour| 10.0 + 3.0 * wave(hour, 24.0) + noise(hour)).collect();
        assert_eq!(find(&daily, Frequency::HOUR, None).cycles, [24]);
        let yearly: Vec<f64> = (0..24).map(|month| 100.0 + month as f64 + 20.0 * wave(month, 12.0)).collect();
        assert_eq!(find(&yearly, Frequency::Months(1), None).cycles, [12]);
        assert_eq!(find(&yearly, Frequency::Steps(1), None).cycles, [] as [usize; 0]);
        assert_eq!(find(&yearly, Frequency::Steps(1), Some(&[12])).cycles, [12]);
        let growing: Vec<f64> = (0..24).map(|month| 100.0 + month as f64 + noise(month)).collect();
        assert_eq!(find(&growing, Frequency::Months(1), None).cycles, [] as [usize; 0]);
    }

    #[test]
    fn a_trend_is_not_a_season() {
        let climbing: Vec<f64> = (0..120).map(|month| month as f64 + noise(month)).collect();
        assert_eq!(find(&climbing, Frequency::Months(1), None).cycles, [] as [usize; 0]);
        let yearly: Vec<f64> = (0..120).map(|month| month as f64 + 5.0 * wave(month, 12.0)).collect();
        assert_eq!(find(&yearly, Frequency::Months(1), None).cycles, [12]);
    }

    #[test]
    fn finds_a_day_of_business_hours_and_a_week_of_such_days() {
        let calls: Vec<f64> = (0..37 * 60)
            .map(|step| {
                let quiet = if step / 37 % 5 == 4 { 2.0 } else { 0.0 };
                10.0 + 3.0 * wave(step, 37.0) - quiet + 0.5 * noise(step)
            })
            .collect();
        assert_eq!(find(&calls, Frequency::Steps(1), None).cycles, [37, 185]);
        let batch: Vec<f64> =
            (0..900).map(|step| if step % 18 < 3 { 9.0 } else { 1.0 } + 0.3 * noise(step)).collect();
        assert_eq!(find(&batch, Frequency::Seconds(300), None).cycles, [18]);
        let flat: Vec<f64> = (0..900).map(noise).collect();
        assert_eq!(find(&flat, Frequency::Steps(1), None).cycles, [] as [usize; 0]);
    }

    #[test]
    fn told_seasons_are_looked_for_first_and_need_to_be_there() {
        let shifts: Vec<f64> = (0..600).map(|hour| 10.0 + wave(hour, 60.0) + 1.5 * noise(hour)).collect();
        assert_eq!(find(&shifts, Frequency::HOUR, Some(&[60])).cycles, [60]);
        let flat: Vec<f64> = (0..1000).map(|hour| 10.0 + noise(hour)).collect();
        assert_eq!(find(&flat, Frequency::HOUR, Some(&[24, 168])), Seasons::default());
        let daily: Vec<f64> = (0..1000).map(|hour| 10.0 + 3.0 * wave(hour, 24.0) + noise(hour)).collect();
        assert_eq!(find(&daily, Frequency::HOUR, Some(&[60])).cycles, [24]);
        assert_eq!(find(&daily, Frequency::HOUR, Some(&[])), Seasons::default());
    }
}
