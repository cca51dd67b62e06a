//! The same weeks a year ago, moved by how far this year differs: yearly shape without a yearly model.

use super::{Scale, View};
use crate::order::mean;

/// The year is moved by the difference over the last short seasons, at least this many points.
const RECENT_POINTS: usize = 14;

/// Repeats the path of a year ago (a whole number of short seasons back) at today's level.
pub(super) fn run(scale: Scale, views: &[View]) -> Option<Vec<Vec<f64>>> {
    let oldest = views.first()?;
    let (short, long) = (oldest.seasons.short(), oldest.seasons.long());
    let year = oldest.seasons.year?;
    // A whole number of long seasons, so that weekdays meet weekdays.
    let back = (year + long / 2) / long * long;
    let width = (4 * short).max(RECENT_POINTS).max(long);
    if oldest.level.len() < back + width || back == 0 {
        return None;
    }
    views
        .iter()
        .map(|view| {
            let history = view.on(scale)?;
            let n = history.len();
            let moved = mean(&history[n - width..]) - mean(&history[n - back - width..n - back]);
            let path = (0..view.horizon)
                .map(|step| {
                    let years = step / back + 1;
                    history[n + step - years * back] + moved
                })
                .collect();
            Some(view.back(scale, path))
        })
        .collect()
}
