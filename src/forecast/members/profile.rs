//! Seasonal profile plus smoothed level: the typical cycle, moved to where the series is now.

use super::{Paths, View};
use crate::order::{mean, median_by_phase};
use crate::seasons::moving_average;

/// Weight of the newest cycle in the smoothed level.
const LEVEL_SMOOTHING: f64 = 0.4;

/// Cycles that make the profile, at most.
const CYCLES: usize = 8;

/// Median profile of the last cycles of so many steps around a moving average, on the level of the last short seasons.
pub(super) fn run(cycle: usize, views: &[View]) -> Option<Paths> {
    let oldest = views.first()?;
    if cycle < 2 || oldest.level.len() < 2 * cycle {
        return None;
    }
    let short = oldest.seasons.short();
    Some(views.iter().map(|view| path(&view.level, cycle, short, view.horizon)).collect())
}

fn path(history: &[f64], length: usize, short: usize, horizon: usize) -> Vec<f64> {
    let used = (history.len() / length).min(CYCLES) * length;
    let window = &history[history.len() - used..];
    let trend = moving_average(window, length);
    let profile = median_by_phase(used, length, |index| window[index] - trend[index]);
    // Level of each short season against the profile, smoothed towards the newest.
    let rests: Vec<f64> =
        window.iter().enumerate().map(|(index, value)| value - profile[index % length]).collect();
    let mut blocks = rests.chunks_exact(short).map(mean);
    let first = blocks.next().unwrap_or(0.0);
    let level = blocks.fold(first, |level, block| level + LEVEL_SMOOTHING * (block - level));
    (0..horizon).map(|step| level + profile[step % length]).collect()
}
