//! The Theta method (Assimakopoulos & Nikolopoulos 2000) in the form of Hyndman & Billah (2003):
//! the seasonally adjusted series is smoothed simply, with half the slope of its straight line as drift; and the same
//! with all of it, for what grows steadily (a disk that fills).

use super::{Paths, Scale, View, ets};
use crate::order::{mean, median_by_phase};
use crate::seasons::moving_average;

/// Longest stretch whose straight line gives the drift: growth of long ago says nothing.
const LINE_POINTS: usize = 600;

/// Share of the slope that Theta keeps: trends end.
const THETA: f64 = 0.5;

/// All of the slope is kept where the line explains at least this share of the variation …
const STEADY: f64 = 0.5;
/// … over at least so many points, and so many where growth is by a rate: it runs away faster.
const STEADY_POINTS: usize = 30;
const STEADY_POINTS_OF_RATE: usize = 50;

/// The Theta method.
pub(super) fn run(scale: Scale, views: &[View]) -> Option<Paths> {
    smooth_with_drift(scale, THETA, views)
}

/// Smoothing with the whole slope as drift; for series that are nearly a line, their season left out.
pub(super) fn drift(scale: Scale, views: &[View]) -> Option<Paths> {
    smooth_with_drift(scale, 1.0, views)
}

/// Deseasonalizes, smooths with a share of the slope as drift, and puts the season back.
fn smooth_with_drift(scale: Scale, share: f64, views: &[View]) -> Option<Paths> {
    let oldest = views.first()?;
    let season = oldest.seasons.long();
    if oldest.level.len() < 4 || (season > 1 && oldest.level.len() < 2 * season + 2) {
        return None;
    }
    let parts: Option<Vec<_>> =
        views.iter().map(|view| Some(adjust(recent(view.on(scale)?, season), season))).collect();
    let (rests, profiles): (Vec<Vec<f64>>, Vec<Vec<f64>>) = parts?.into_iter().unzip();
    let line = |rest: &'_ [f64]| rest.len().saturating_sub(LINE_POINTS.max(4 * season));
    if share > THETA && !rests.iter().all(|rest| is_steady(&rest[line(rest)..], scale)) {
        return None;
    }
    let horizons: Vec<usize> = views.iter().map(|view| view.horizon).collect();
    let levels = ets::smooth(&rests, season, None, &horizons);
    let paths = views.iter().zip(levels).zip(rests.iter().zip(&profiles)).map(
        |((view, (mut path, alpha)), (rest, profile))| {
            add_drift(&mut path, &rest[line(rest)..], alpha, share);
            path.iter_mut().enumerate().for_each(|(step, value)| {
                *value += profile[(rest.len() + step) % profile.len()];
            });
            view.back(scale, path)
        },
    );
    Some(paths.collect())
}

fn recent(history: &[f64], season: usize) -> &[f64] {
    &history[history.len().saturating_sub((10 * season).max(LINE_POINTS))..]
}

/// The series without its season, and the season by phase (0 = first point), with mean 0.
fn adjust(history: &[f64], season: usize) -> (Vec<f64>, Vec<f64>) {
    if season < 2 {
        return (history.to_vec(), vec![0.0]);
    }
    let trend = moving_average(history, season);
    let mut profile = median_by_phase(history.len(), season, |index| history[index] - trend[index]);
    let centre = mean(&profile);
    profile.iter_mut().for_each(|value| *value -= centre);
    let adjusted = history.iter().enumerate().map(|(index, value)| value - profile[index % season]).collect();
    (adjusted, profile)
}

/// Whether history is nearly a line, and long enough to tell.
fn is_steady(history: &[f64], scale: Scale) -> bool {
    let n = history.len() as f64;
    let centre = mean(history);
    let variation: f64 = history.iter().map(|value| (value - centre).powi(2)).sum();
    let explained = slope(history).powi(2) * n * (n * n - 1.0) / 12.0;
    let least = if scale == Scale::Log { STEADY_POINTS_OF_RATE } else { STEADY_POINTS };
    history.len() >= least && explained >= STEADY * variation
}

/// Adds a share of the slope of a line through `history` to the level that was smoothed with weight `alpha`.
fn add_drift(path: &mut [f64], history: &[f64], alpha: f64, share: f64) {
    let drift = share * slope(history);
    // A smoothed level lags behind a trend; the drift makes up for it from the first step on.
    let lag = (1.0 - (1.0 - alpha).powf(history.len() as f64)) / alpha;
    path.iter_mut().enumerate().for_each(|(step, value)| *value += drift * (step as f64 + lag));
}

/// Least-squares slope per step.
fn slope(values: &[f64]) -> f64 {
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let centre = mean(values);
    let (mut shared, mut square) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let distance = index as f64 - middle;
        shared += distance * (value - centre);
        square += distance * distance;
    }
    if square > 0.0 { shared / square } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seasons::Seasons;

    #[test]
    fn the_slope_of_a_line_is_its_slope() {
        let line: Vec<f64> = (0..50).map(|index| 3.0 + 0.25 * index as f64).collect();
        assert!((slope(&line) - 0.25).abs() < 1e-12);
        assert_eq!(slope(&[1.0]), 0.0);
    }

    #[test]
    fn a_disk_that_fills_goes_on_filling_and_noise_does_not() {
        let seasons = Seasons { cycles: vec![7], year: None };
        let used = |day: usize| 100.0 + 2.0 * day as f64 - if day % 7 >= 5 { 3.0 } else { 0.0 };
        let view = View::plain((0..140).map(used).collect(), &seasons, 60);
        let path = drift(Scale::Level, &[view]).unwrap().remove(0);
        assert!((path[59] - used(199)).abs() < 2.0, "{} instead of {}", path[59], used(199));
        let noise = View::plain((0..140).map(|day| (day * day % 13) as f64).collect(), &seasons, 60);
        assert!(drift(Scale::Level, &[noise]).is_none());
    }

    #[test]
    fn an_exact_season_is_taken_out_completely() {
        let history: Vec<f64> = (0..48).map(|index| 10.0 + [1.0, -2.0, 0.0, 1.0][index % 4]).collect();
        let (adjusted, profile) = adjust(&history, 4);
        assert!((profile.iter().sum::<f64>()).abs() < 1e-12);
        assert!(adjusted.iter().all(|value| (value - 10.0).abs() < 0.5));
    }

    /// The standard Theta model of statsforecast 2.1.1 with fixed parameters:
    /// `forecast_theta(thetamodel(y, 1, "STM", y[0], alpha, 2.0, 3), 4)["mean"]`.
    #[test]
    fn forecasts_what_statsforecast_does() {
        let history: Vec<f64> =
            (0..60).map(|index| 100.0 + 0.5 * index as f64 + (7 * index * index % 23) as f64).collect();
        let expected = [
            (0.3, [143.695_857_52, 143.955_193_45, 144.214_529_38, 144.473_865_3]),
            (0.8, [141.434_524_75, 141.693_860_68, 141.953_196_6, 142.212_532_53]),
        ];
        for (alpha, expected) in expected {
            let weights = ets::Weights { level: alpha, trend: 0.0, damping: 0.0, season: 0.0, carry: 0.0 };
            let mut path = ets::filter(&history, 1, [weights]).predict(4);
            add_drift(&mut path, &history, alpha, THETA);
            let worst = path.iter().zip(expected).map(|(own, other)| (own - other).abs());
            assert!(worst.fold(0.0, f64::max) < 1e-7, "{path:?}");
        }
    }
}
