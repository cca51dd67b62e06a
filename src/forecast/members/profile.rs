//! Seasonal profile plus smoothed level: the typical cycle, moved to where the series is now.

use super::View;
use crate::order::{mean, median};
use crate::seasons::moving_average;

/// Weight of the newest cycle in the smoothed level.
const LEVEL_SMOOTHING: f64 = 0.4;

/// Which cycle, and how many of them at most make the profile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) cycle: Cycle,
    pub(super) count: usize,
}

/// Which season the profile covers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cycle {
    /// The shortest.
    Short,
    /// The longest, where it differs from the shortest.
    Long,
}

/// Median profile of the last cycles around a moving average, on the level of the last short seasons.
pub(super) fn run(spec: Spec, views: &[View]) -> Option<Vec<Vec<f64>>> {
    let seasons = views.first()?.seasons;
    let length = match spec.cycle {
        Cycle::Short => seasons.short(),
        Cycle::Long if seasons.long() > seasons.short() => seasons.long(),
        Cycle::Long => return None,
    };
    if length < 2 || views[0].level.len() < 2 * length {
        return None;
    }
    Some(
        views
            .iter()
            .map(|view| path(&view.level, length, seasons.short(), spec.count, view.horizon))
            .collect(),
    )
}

fn path(history: &[f64], length: usize, short: usize, count: usize, horizon: usize) -> Vec<f64> {
    let used = (history.len() / length).min(count) * length;
    let window = &history[history.len() - used..];
    let trend = moving_average(window, length);
    let profile: Vec<f64> = (0..length)
        .map(|phase| {
            let mut around: Vec<f64> =
                (phase..used).step_by(length).map(|index| window[index] - trend[index]).collect();
            median(&mut around)
        })
        .collect();
    // Level of each short season against the profile, smoothed towards the newest.
    let rests: Vec<f64> =
        window.iter().enumerate().map(|(index, value)| value - profile[index % length]).collect();
    let mut blocks = rests.chunks_exact(short).map(mean);
    let first = blocks.next().unwrap_or(0.0);
    let level = blocks.fold(first, |level, block| level + LEVEL_SMOOTHING * (block - level));
    (0..horizon).map(|step| level + profile[step % length]).collect()
}
