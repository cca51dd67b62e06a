//! The same weeks, months or quarters a year ago, moved by how far this year differs: yearly shape without a yearly
//! model.

use super::{Paths, Scale, View};
use crate::order::mean;

/// The year of days or weeks is moved by the difference over the last short seasons, at least this many points.
const RECENT_POINTS: usize = 14;

/// Repeats the path of a year ago (a whole number of short seasons back) at today's level.
pub(super) fn run(scale: Scale, views: &[View]) -> Option<Paths> {
    let oldest = views.first()?;
    let (short, long) = (oldest.seasons.short(), oldest.seasons.long());
    let year = oldest.seasons.yearly()?;
    // A whole number of long seasons, so that weekdays meet weekdays.
    let back = (year + long / 2) / long * long;
    let width = if back > long {
        (4 * short).max(RECENT_POINTS).max(long)
    } else {
        // Months and quarters: as much of this year as has come, and a quarter of it at least.
        long.min(oldest.level.len().saturating_sub(back)).max(long / 4)
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seasons::Seasons;

    #[test]
    fn two_years_of_months_tell_the_third() {
        let seasons = Seasons { cycles: vec![12], year: None };
        let month = |at: usize| 100.0 + if at % 12 == 6 { 50.0 } else { 0.0 } + (at / 12 * 10) as f64;
        let view = View::plain((0..24).map(month).collect(), &seasons, 12);
        let path = run(Scale::Level, &[view]).unwrap().remove(0);
        assert_eq!(path, (24..36).map(month).collect::<Vec<f64>>());
        let short = View::plain((0..14).map(month).collect(), &seasons, 12);
        assert!(run(Scale::Level, &[short]).is_none(), "two months do not tell how this year differs");
    }
}
