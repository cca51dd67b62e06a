//! The simplest members: repeat the last season, or the recent median.

use super::{Paths, View};
use crate::order::median;

/// The recent median looks back this many short seasons, or this many points without one.
const RECENT_SEASONS: usize = 2;
const RECENT_POINTS: usize = 10;

/// Repeats the last season of so many steps; 1: the last value.
pub(super) fn seasonal(season: usize, views: &[View]) -> Option<Paths> {
    views
        .iter()
        .map(|view| {
            let history = &view.level;
            let length = season.min(history.len());
            let start = history.len() - length;
            (length > 0).then(|| (0..view.horizon).map(|step| history[start + step % length]).collect())
        })
        .collect()
}

/// The median of the last points, flat: good for series that return to their middle.
pub(super) fn recent_median(views: &[View]) -> Option<Paths> {
    let seasons = views.first()?.seasons;
    let width = if seasons.short() > 1 { RECENT_SEASONS * seasons.short() } else { RECENT_POINTS };
    let flat = |view: &View| {
        let recent = &view.level[view.level.len().saturating_sub(width)..];
        vec![median(&mut recent.to_vec()); view.horizon]
    };
    Some(views.iter().map(flat).collect())
}
