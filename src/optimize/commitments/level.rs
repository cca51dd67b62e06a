//! How the level of usage moves: a random walk under noise and a yearly season, told apart by likelihood.
//!
//! The log of the weekly mean is `level + season + noise`; the level is a random walk with a steady growth, whose
//! weekly variance is `ratio` times that of the noise, the season three yearly harmonics (structural model of Harvey 1989). The
//! Kalman filter gives the likelihood of each ratio of [`RATIOS`]; the ratios are kept with their posterior
//! weights, not chosen between. Usage that only has weather keeps its long-run level, usage that grows or jumps
//! is followed within weeks.

/// Hours of a week.
const WEEK_HOURS: usize = 168;
/// Weeks of a year.
const YEAR_WEEKS: f64 = 52.1775;
/// Yearly harmonics, a sine and a cosine each.
const HARMONICS: usize = 3;
/// Level, growth and season.
const STATES: usize = 2 + 2 * HARMONICS;
/// Weekly variance of the level's steps over that of the noise.
const RATIOS: [f64; 6] = [0.0005, 0.002, 0.008, 0.03, 0.12, 0.5];
/// Prior standard deviation of the growth of the log level in a year: growth has to be seen to be believed.
const YEARLY_GROWTH: f64 = 0.1;
/// Weeks below which no season is looked for.
const SEASON_WEEKS: usize = 52;
/// Standard deviation of the noise that is assumed before any week is seen, and weeks that this is worth.
const ASSUMED_NOISE: f64 = 0.05;
/// See [`ASSUMED_NOISE`].
const ASSUMED_WEEKS: f64 = 4.0;
/// Prior variance of the first harmonic; those after it have it over the square of their number.
const SEASON_VARIANCE: f64 = 0.02;
/// Prior variance of the first level, in units of that of the noise: unknown.
const DIFFUSE: f64 = 1e4;
/// Ratios less likely than this are left out.
const LEAST_WEIGHT: f64 = 0.01;

/// One way to read the history.
pub(super) struct Reading {
    /// Its posterior probability.
    pub(super) weight: f64,
    /// Log level in each week, seen from the end of history.
    pub(super) levels: Vec<f64>,
    /// Variance of the last one.
    pub(super) variance: f64,
    /// Weekly growth of the log level.
    pub(super) growth: f64,
    /// What one more of the last level adds to the growth, and the variance of the growth beyond that.
    pub(super) growth_by_level: f64,
    /// See [`Reading::growth_by_level`].
    pub(super) growth_variance: f64,
    /// Variance that a week adds.
    pub(super) weekly: f64,
}

/// Reads the log level off hourly values that end where history ends: whole weeks back to where the values
/// began. Without a whole week the level is that of the hours there are.
pub(super) fn read(hours: &[f64]) -> Vec<Reading> {
    let mut logs: Vec<f64> =
        hours.rchunks_exact(WEEK_HOURS).map(mean).take_while(|mean| *mean > 0.0).map(f64::ln).collect();
    logs.reverse();
    if logs.is_empty() {
        logs.push(mean(hours).max(f64::MIN_POSITIVE).ln());
    }
    let readings: Vec<(f64, Reading)> = RATIOS.iter().map(|ratio| reading(&logs, *ratio)).collect();
    let best = readings.iter().map(|(likelihood, _)| *likelihood).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = readings.iter().map(|(likelihood, _)| (likelihood - best).exp()).sum();
    readings
        .into_iter()
        .map(|(likelihood, reading)| Reading { weight: (likelihood - best).exp() / total, ..reading })
        .filter(|reading| reading.weight >= LEAST_WEIGHT)
        .collect()
}

/// The log likelihood of a ratio, and what it makes of the history.
fn reading(logs: &[f64], ratio: f64) -> (f64, Reading) {
    let noise = ASSUMED_NOISE * ASSUMED_NOISE;
    let seasonal = logs.len() >= SEASON_WEEKS;
    // The filter counts variances in units of that of the noise, which is read off the errors at the end.
    let mut state = [0.0; STATES];
    let mut spread = [[0.0; STATES]; STATES];
    state[0] = logs[0];
    spread[0][0] = DIFFUSE;
    spread[1][1] = (YEARLY_GROWTH / YEAR_WEEKS).powi(2) / noise;
    for harmonic in 0..HARMONICS * usize::from(seasonal) {
        let variance = SEASON_VARIANCE / noise / ((harmonic + 1) * (harmonic + 1)) as f64;
        for state in [2 + 2 * harmonic, 3 + 2 * harmonic] {
            spread[state][state] = variance;
        }
    }
    let (mut squares, mut volume, mut count) = (ASSUMED_WEEKS * noise, 0.0, ASSUMED_WEEKS);
    for (week, log) in logs.iter().enumerate() {
        if week > 0 {
            step(&mut state, &mut spread, ratio);
        }
        let seen = regressors(week);
        let mut gain: [f64; STATES] = std::array::from_fn(|i| dot(&spread[i], &seen));
        let variance = dot(&gain, &seen) + 1.0;
        let error = log - dot(&state, &seen);
        if week > 0 {
            squares += error * error / variance;
            volume += variance.ln();
            count += 1.0;
        }
        let covariance = gain;
        gain.iter_mut().for_each(|gain| *gain /= variance);
        for i in 0..STATES {
            state[i] += gain[i] * error;
            for j in 0..STATES {
                spread[i][j] -= gain[i] * covariance[j];
            }
        }
    }
    let noise = squares / count;
    let likelihood = -0.5 * (volume + count * noise.ln());
    // Season and growth are taken off, so that the smoother sees a walk that goes nowhere.
    let last = logs.len() - 1;
    let grown = |week: usize| state[1] * (last - week) as f64;
    let plain = logs.iter().enumerate().map(|(week, log)| {
        let season = dot(&state, &regressors(week)) - state[0];
        log - season + grown(week)
    });
    let mut levels = smooth(&plain.collect::<Vec<_>>(), ratio);
    levels.iter_mut().enumerate().for_each(|(week, level)| *level -= grown(week));
    let growth_by_level = spread[0][1] / spread[0][0];
    let reading = Reading {
        weight: 0.0,
        levels,
        variance: spread[0][0] * noise,
        growth: state[1],
        growth_by_level,
        growth_variance: (spread[1][1] - growth_by_level * spread[0][1]).max(0.0) * noise,
        weekly: ratio * noise,
    };
    (likelihood, reading)
}

/// A week passes: the level grows and walks.
fn step(state: &mut [f64; STATES], spread: &mut [[f64; STATES]; STATES], ratio: f64) {
    state[0] += state[1];
    let growth = spread[1];
    for (level, growth) in spread[0].iter_mut().zip(&growth) {
        *level += growth;
    }
    for row in spread.iter_mut() {
        row[0] += row[1];
    }
    spread[0][0] += ratio;
}

/// Level of every week, given all weeks: forward filter, then backward smoother (Rauch, Tung & Striebel 1965).
fn smooth(values: &[f64], ratio: f64) -> Vec<f64> {
    let mut levels = Vec::with_capacity(values.len());
    let mut spreads = Vec::with_capacity(values.len());
    let (mut level, mut spread) = (values[0], 1.0);
    for (week, value) in values.iter().enumerate() {
        if week > 0 {
            let predicted = spread + ratio;
            let gain = predicted / (predicted + 1.0);
            level += gain * (value - level);
            spread = predicted * (1.0 - gain);
        }
        levels.push(level);
        spreads.push(spread);
    }
    for week in (0..values.len() - 1).rev() {
        let share = spreads[week] / (spreads[week] + ratio);
        levels[week] += share * (levels[week + 1] - levels[week]);
    }
    levels
}

/// What the observation of a week sees of the states.
fn regressors(week: usize) -> [f64; STATES] {
    let angle = std::f64::consts::TAU * week as f64 / YEAR_WEEKS;
    std::array::from_fn(|state| match state {
        0 => 1.0,
        1 => 0.0,
        even if even % 2 == 0 => ((even / 2) as f64 * angle).sin(),
        odd => ((odd / 2) as f64 * angle).cos(),
    })
}

fn dot(a: &[f64; STATES], b: &[f64; STATES]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(of: impl Fn(usize) -> f64, count: usize) -> Vec<f64> {
        (0..count * WEEK_HOURS).map(|hour| of(hour / WEEK_HOURS)).collect()
    }

    /// Alternating noise of a tenth.
    fn noise(week: usize) -> f64 {
        1.0 + 0.1 * [0.3, -1.0, 0.9, 0.1, -0.4, 1.0, -0.9][week * 5 % 7]
    }

    fn last(readings: &[Reading]) -> f64 {
        readings.iter().map(|reading| reading.weight * reading.levels[reading.levels.len() - 1]).sum()
    }

    #[test]
    fn a_season_is_no_change_of_level() {
        let wave = |week: usize| {
            10.0 * noise(week) * (0.4 * (week as f64 / YEAR_WEEKS * std::f64::consts::TAU).sin()).exp()
        };
        let readings = read(&weeks(wave, 117));
        assert!((last(&readings) - 10_f64.ln()).abs() < 0.1, "{}", last(&readings));
        assert!(readings.iter().map(|r| r.weight * r.weekly).sum::<f64>() < 0.02 * 0.02);
    }

    #[test]
    fn a_jump_is_followed() {
        let readings =
            read(&weeks(|week| if week < 80 { 10.0 } else { 20.0 } * (1.0 + 0.2 * (noise(week) - 1.0)), 84));
        assert!((last(&readings) - 20_f64.ln()).abs() < 0.2, "{}", last(&readings));
    }

    #[test]
    fn little_history_has_a_level_too() {
        for hours in [vec![3.0], vec![3.0; 100], vec![3.0; 200], vec![0.0; 400], vec![]] {
            let readings = read(&hours);
            assert!((readings.iter().map(|r| r.weight).sum::<f64>() - 1.0).abs() < 0.1);
            assert!(readings.iter().all(|r| r.levels.iter().all(|level| level.is_finite())));
        }
    }
}
