//! Ridge autoregression on few chosen lags: the last points and the neighbourhood of each season.
//!
//! The normal equations are sums of products of shifted slices of one series, so a fit is a few hundred
//! dot products and one Cholesky factorization; the forecast runs recursively over the horizon.

use super::{Scale, View};
use crate::linear::{dot, solve};
use crate::order::mean;

/// Ridge penalty per observation, for a series of unit variance.
const RIDGE: f64 = 2e-3;

/// The newest rows that are fitted: at least this many, or this many long seasons.
const ROWS: usize = 1_200;
const ROW_SEASONS: usize = 8;

/// Fading memory halves the weight of a row after this many long seasons (or 60 points without a season).
const HALF_LIFE_SEASONS: f64 = 2.0;
const HALF_LIFE_POINTS: f64 = 60.0;

/// What is regressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) scale: Scale,
    pub(super) difference: Difference,
    pub(super) memory: Memory,
}

/// Differences taken before the regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// None: returns to the mean.
    None,
    /// From the point before: keeps its level.
    First,
    /// From a short season before.
    Short,
    /// From a long season before.
    Long,
}

/// How rows are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// All the same.
    Long,
    /// Old rows count less.
    Fading,
}

/// Fits at every origin and forecasts recursively.
pub(super) fn run(spec: Spec, views: &[View]) -> Option<Vec<Vec<f64>>> {
    let oldest = views.first()?;
    let seasons = oldest.seasons;
    let distance = match spec.difference {
        Difference::None => 0,
        Difference::First => 1,
        Difference::Short if seasons.short() > 1 => seasons.short(),
        Difference::Long if seasons.long() > seasons.short() => seasons.long(),
        Difference::Short | Difference::Long => return None,
    };
    let lags = lags(seasons.short(), seasons.long(), oldest.level.len().checked_sub(distance)?);
    let longest = *lags.last()?;
    if oldest.level.len() < distance + longest + 3 * lags.len() + 6 {
        return None;
    }
    views
        .iter()
        .map(|view| {
            let history = view.on(spec.scale)?;
            let keep = (ROW_SEASONS * seasons.long()).max(ROWS) + longest + distance;
            let window = &history[history.len().saturating_sub(keep)..];
            let path = fit_and_predict(
                window,
                &lags,
                distance,
                half_life(spec.memory, seasons.long()),
                view.horizon,
            )?;
            Some(view.back(spec.scale, path))
        })
        .collect()
}

/// The last points, each season with its neighbours and some of its multiples, as far as history carries them.
fn lags(short: usize, long: usize, length: usize) -> Vec<usize> {
    let mut lags: Vec<usize> = vec![1, 2, 3];
    if short > 1 {
        lags.extend([short - 1, short, short + 1]);
        lags.extend((2..=6).map(|cycle| cycle * short));
    } else {
        lags.extend([4, 5, 6]);
    }
    if long > short {
        lags.extend([long - 1, long, long + 1, 2 * long, long + short]);
    }
    lags.retain(|lag| *lag >= 1 && *lag <= length * 2 / 5);
    lags.sort_unstable();
    lags.dedup();
    lags
}

fn half_life(memory: Memory, long: usize) -> Option<f64> {
    (memory == Memory::Fading).then(|| (HALF_LIFE_SEASONS * long as f64).max(HALF_LIFE_POINTS))
}

fn fit_and_predict(
    history: &[f64],
    lags: &[usize],
    distance: usize,
    half_life: Option<f64>,
    horizon: usize,
) -> Option<Vec<f64>> {
    let mut rows: Vec<f64> = (distance..history.len())
        .map(|index| if distance == 0 { history[index] } else { history[index] - history[index - distance] })
        .collect();
    let centre = mean(&rows);
    let spread = mean(&rows.iter().map(|row| (row - centre).powi(2)).collect::<Vec<_>>()).sqrt();
    if spread <= 1e-9 {
        return None;
    }
    rows.iter_mut().for_each(|row| *row = (*row - centre) / spread);
    let coefficients = fit(&rows, lags, half_life)?;

    // The newest values first would need reversing; instead the path is appended to the rows.
    let start = rows.len();
    let reach = 1.5 * rows.iter().fold(0.0_f64, |reach, row| reach.max(row.abs()));
    for _ in 0..horizon {
        let now = rows.len();
        let next: f64 = coefficients[0]
            + lags
                .iter()
                .zip(&coefficients[1..])
                .map(|(lag, coefficient)| coefficient * rows[now - lag])
                .sum::<f64>();
        rows.push(next.clamp(-reach, reach));
    }
    let mut path: Vec<f64> = Vec::with_capacity(horizon);
    for step in 0..horizon {
        let change = rows[start + step] * spread + centre;
        let base = match distance {
            0 => 0.0,
            _ if step >= distance => path[step - distance],
            _ => history[history.len() + step - distance],
        };
        path.push(base + change);
    }
    Some(path)
}

/// Intercept and one coefficient a lag.
fn fit(rows: &[f64], lags: &[usize], half_life: Option<f64>) -> Option<Vec<f64>> {
    let longest = *lags.last()?;
    let count = rows.len() - longest;
    let weights: Option<Vec<f64>> = half_life
        .map(|half_life| (0..count).map(|row| 0.5_f64.powf((count - 1 - row) as f64 / half_life)).collect());
    let column = |lag: usize| &rows[longest - lag..rows.len() - lag];
    let size = lags.len() + 1;
    let mut matrix = vec![0.0; size * size];
    let mut right = vec![0.0; size];
    let ones = vec![1.0; count];
    let target = column(0);
    let mut weighted = vec![0.0; count];
    for row in 0..size {
        let own = if row == 0 { ones.as_slice() } else { column(lags[row - 1]) };
        let left = match &weights {
            None => own,
            Some(weights) => {
                weighted
                    .iter_mut()
                    .zip(own)
                    .zip(weights)
                    .for_each(|((out, own), weight)| *out = own * weight);
                weighted.as_slice()
            }
        };
        right[row] = dot(left, target);
        matrix[row * size] = dot(left, &ones);
        for other in 1..=row {
            matrix[row * size + other] = dot(left, column(lags[other - 1]));
        }
    }
    let total = matrix[0];
    for diagonal in 1..size {
        matrix[diagonal * size + diagonal] += RIDGE * total;
    }
    solve(&mut matrix, &mut right)?;
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_coefficients_of_a_known_process() {
        // y(t) = 0.6 y(t-1) - 0.3 y(t-2) + noise of a small generator
        let mut rows = vec![0.0, 0.0];
        let mut state = 1_u64;
        for index in 2..4000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5;
            rows.push(0.6 * rows[index - 1] - 0.3 * rows[index - 2] + noise);
        }
        let coefficients = fit(&rows, &[1, 2], None).unwrap();
        assert!(
            (coefficients[1] - 0.6).abs() < 0.05 && (coefficients[2] + 0.3).abs() < 0.05,
            "{coefficients:?}"
        );
    }

    #[test]
    fn a_seasonal_wave_is_continued() {
        let wave = |index: usize| (index as f64 * std::f64::consts::TAU / 24.0).sin();
        let history: Vec<f64> = (0..480).map(wave).collect();
        for distance in [0, 1, 24] {
            if let Some(path) = fit_and_predict(&history, &lags(24, 24, 480), distance, None, 48) {
                let worst = path.iter().enumerate().map(|(step, value)| (value - wave(480 + step)).abs());
                assert!(worst.fold(0.0, f64::max) < 0.05, "distance {distance}");
            }
        }
    }
}
