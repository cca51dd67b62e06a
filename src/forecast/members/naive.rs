//! The simplest member: repeat the last season.

use super::{Paths, View};

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
