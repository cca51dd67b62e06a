//! The Theta method (Assimakopoulos & Nikolopoulos 2000) in the form of Hyndman & Billah (2003):
//! the seasonally adjusted series is smoothed simply, with half the slope of its straight line as drift.

use super::{Scale, View, ets};
use crate::order::{mean, median};
use crate::seasons::moving_average;

/// Longest stretch whose straight line gives the drift: growth of long ago says nothing.
const LINE_POINTS: usize = 600;

/// Deseasonalizes, smooths with drift, and puts the season back.
pub(super) fn run(scale: Scale, views: &[View]) -> Option<Vec<Vec<f64>>> {
    let oldest = views.first()?;
    let season = oldest.seasons.long();
    if oldest.level.len() < 4 || (season > 1 && oldest.level.len() < 2 * season + 2) {
        return None;
    }
    let parts: Option<Vec<_>> =
        views.iter().map(|view| Some(adjust(recent(view.on(scale)?, season), season))).collect();
    let (rests, profiles): (Vec<Vec<f64>>, Vec<Vec<f64>>) = parts?.into_iter().unzip();
    let horizons: Vec<usize> = views.iter().map(|view| view.horizon).collect();
    let levels = ets::smooth(&rests, None, &horizons);
    let paths = views.iter().zip(levels).zip(rests.iter().zip(&profiles)).map(
        |((view, mut path), (rest, profile))| {
            let drift = 0.5 * slope(&rest[rest.len().saturating_sub(LINE_POINTS.max(4 * season))..]);
            path.iter_mut().enumerate().for_each(|(step, value)| {
                *value += drift * (step + 1) as f64 + profile[(rest.len() + step) % profile.len()];
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
    let mut profile: Vec<f64> = (0..season)
        .map(|phase| {
            let mut around: Vec<f64> =
                (phase..history.len()).step_by(season).map(|index| history[index] - trend[index]).collect();
            median(&mut around)
        })
        .collect();
    let centre = mean(&profile);
    profile.iter_mut().for_each(|value| *value -= centre);
    let adjusted = history.iter().enumerate().map(|(index, value)| value - profile[index % season]).collect();
    (adjusted, profile)
}

/// Least-squares slope per step.
pub(super) fn slope(values: &[f64]) -> f64 {
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

    #[test]
    fn the_slope_of_a_line_is_its_slope() {
        let line: Vec<f64> = (0..50).map(|index| 3.0 + 0.25 * index as f64).collect();
        assert!((slope(&line) - 0.25).abs() < 1e-12);
        assert_eq!(slope(&[1.0]), 0.0);
    }

    #[test]
    fn an_exact_season_is_taken_out_completely() {
        let history: Vec<f64> = (0..48).map(|index| 10.0 + [1.0, -2.0, 0.0, 1.0][index % 4]).collect();
        let (adjusted, profile) = adjust(&history, 4);
        assert!((profile.iter().sum::<f64>()).abs() < 1e-12);
        assert!(adjusted.iter().all(|value| (value - 10.0).abs() < 0.5));
    }
}
