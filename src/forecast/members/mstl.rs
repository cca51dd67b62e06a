//! Multi-season decomposition in the manner of MSTL (Bandara, Hyndman & Bergmeir 2021): seasons are estimated
//! in turn from what the others and the trend leave, the rest is smoothed, and the latest seasons are repeated.

use super::{Paths, Scale, View, ets};
use crate::seasons::moving_average;

/// Longest stretch that is decomposed, in long seasons.
const CYCLES: usize = 12;

/// Rounds of estimating the seasons in turn.
const ROUNDS: usize = 2;

/// Weight of the neighbouring cycle when a phase is smoothed over cycles: seasons change slowly.
const CYCLE_SMOOTHING: f64 = 0.25;

/// Cycles whose mean starts the smoothing of a phase.
const STARTING_CYCLES: usize = 4;

/// Upper limit of the damping of the remainder's trend.
const DAMPING: f64 = 0.98;

/// Decomposes, smooths the seasonally adjusted series with a damped trend, and repeats the last cycles.
pub(super) fn run(scale: Scale, views: &[View]) -> Option<Paths> {
    let oldest = views.first()?;
    let seasons = &oldest.seasons.cycles;
    let long = oldest.seasons.long();
    if seasons.is_empty() || oldest.level.len() < 2 * long + 2 {
        return None;
    }
    let parts: Option<Vec<Decomposition>> =
        views.iter().map(|view| Some(decompose(recent(view.on(scale)?, long), seasons))).collect();
    let (rests, cycles): (Vec<Vec<f64>>, Vec<Vec<Vec<f64>>>) =
        parts?.into_iter().map(|part| (part.adjusted, part.ahead)).unzip();
    let horizons: Vec<usize> = views.iter().map(|view| view.horizon).collect();
    let levels = ets::smooth(&rests, long, Some(DAMPING), &horizons);
    let paths = views.iter().zip(levels).zip(&cycles).map(|((view, (mut path, _)), cycles)| {
        for cycle in cycles {
            path.iter_mut().enumerate().for_each(|(step, value)| *value += cycle[step % cycle.len()]);
        }
        view.back(scale, path)
    });
    Some(paths.collect())
}

fn recent(history: &[f64], long: usize) -> &[f64] {
    &history[history.len().saturating_sub(CYCLES * long)..]
}

/// A series taken apart.
pub(crate) struct Decomposition {
    /// Trend and remainder.
    pub(crate) adjusted: Vec<f64>,
    /// For each season its latest cycle, starting at the first step after the series.
    pub(crate) ahead: Vec<Vec<f64>>,
}

/// Takes the seasons out of a series that has at least two cycles of each.
pub(crate) fn decompose(history: &[f64], seasons: &[usize]) -> Decomposition {
    let n = history.len();
    let mut parts: Vec<Vec<f64>> = seasons.iter().map(|_| vec![0.0; n]).collect();
    let mut adjusted = history.to_vec();
    for _ in 0..ROUNDS {
        for (part, season) in parts.iter_mut().zip(seasons) {
            adjusted.iter_mut().zip(part.iter()).for_each(|(value, part)| *value += part);
            let trend = moving_average(&adjusted, *season);
            let rough: Vec<f64> = adjusted.iter().zip(trend).map(|(value, trend)| value - trend).collect();
            *part = smooth_over_cycles(&rough, *season);
            adjusted.iter_mut().zip(part.iter()).for_each(|(value, part)| *value -= part);
        }
    }
    let ahead = parts.iter().zip(seasons).map(|(part, season)| part[n - season..].to_vec()).collect();
    Decomposition { adjusted, ahead }
}

/// Smooths each phase over its cycles, forwards and backwards, and removes the mean of every cycle.
fn smooth_over_cycles(rough: &[f64], season: usize) -> Vec<f64> {
    let n = rough.len();
    let mut smooth = rough.to_vec();
    // Two passes of exponential smoothing are a symmetric kernel in the middle and one-sided at the ends.
    let cycles = n.div_ceil(season);
    for phase in 0..season.min(n) {
        let first = (n - phase).div_ceil(season).min(STARTING_CYCLES);
        let start = (0..first).map(|cycle| rough[phase + cycle * season]).sum::<f64>() / first as f64;
        smooth[phase] = start + CYCLE_SMOOTHING * (rough[phase] - start);
    }
    for cycle in 1..cycles {
        let (before, now) = smooth.split_at_mut(cycle * season);
        for (now, before) in now.iter_mut().zip(&before[(cycle - 1) * season..]).take(season) {
            *now = before + CYCLE_SMOOTHING * (*now - before);
        }
    }
    for cycle in (1..cycles).rev() {
        let (now, after) = smooth.split_at_mut(cycle * season);
        for (now, after) in now[(cycle - 1) * season..].iter_mut().zip(after) {
            *now = *after + 2.0 * CYCLE_SMOOTHING * (*now - *after);
        }
    }
    let level = moving_average(&smooth, season);
    smooth.iter().zip(level).map(|(value, level)| value - level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seasons_and_a_trend_come_apart() {
        let day = |index: usize| (index as f64 * std::f64::consts::TAU / 24.0).sin();
        let week = |index: usize| if index / 24 % 7 >= 5 { -5.0 / 7.0 } else { 2.0 / 7.0 };
        let history: Vec<f64> =
            (0..24 * 7 * 8).map(|index| 10.0 + 0.001 * index as f64 + day(index) + week(index)).collect();
        let Decomposition { adjusted, ahead } = decompose(&history, &[24, 168]);
        let n = history.len();
        let ahead_at = |step: usize| ahead[0][step % 24] + ahead[1][step % 168];
        let worst =
            (0..168).map(|step| (ahead_at(step) - day(n + step) - week(n + step)).abs()).fold(0.0, f64::max);
        assert!(worst < 0.15, "{worst}");
        assert!((adjusted[n / 2] - 10.0 - 0.001 * (n / 2) as f64).abs() < 0.1);
    }

    /// Seasons are smoothed otherwise than by statsforecast 2.1.1 (loess there, exponentially here), so the two agree
    /// closely, not exactly: `mstl(y, [24, 168])`, the sum of the seasonal columns at hours of the last week.
    #[test]
    fn decomposes_nearly_as_statsforecast_does() {
        let history: Vec<f64> = (0..24 * 7 * 8)
            .map(|hour| {
                let (at, turn) = (hour as f64, hour as f64 * std::f64::consts::TAU / 24.0);
                let weekend = if hour / 24 % 7 >= 5 { -1.0 } else { 0.0 };
                let noise = 0.2 * ((hour * hour * 7 % 101) as f64 / 101.0 - 0.5);
                10.0 + 0.001 * at + turn.sin() * (1.0 + 0.1 * (turn / 3.5).cos()) + weekend + noise
            })
            .collect();
        let n = history.len();
        let Decomposition { adjusted, .. } = decompose(&history, &[24, 168]);
        let expected = [
            (0, 0.3225),
            (6, 1.3347),
            (12, 0.3254),
            (18, -0.7861),
            (30, 1.2018),
            (60, 0.3009),
            (100, 1.244),
            (126, 0.2077),
            (130, -0.2618),
            (150, 0.3197),
        ];
        for (hour, seasonal) in expected {
            let own = history[n - 168 + hour] - adjusted[n - 168 + hour];
            assert!((own - seasonal).abs() < 0.06, "hour {hour}: {own} against {seasonal}");
        }
    }
}
