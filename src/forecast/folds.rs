//! Where in a series' own history its members are tried.

use crate::recipe::RECIPE;
use crate::seasons::Seasons;

/// Fewest points before the oldest origin, and the part of history that they are at least.
const LEAST_HISTORY: usize = 5;
const LEAST_SHARE: usize = 4;

/// Fewest separate folds that say enough …
const SEPARATE: usize = 3;
/// … and overlapping ones, where history is too short for them.
const OVERLAPPING: usize = 5;

/// A horizon of which so many fit into a season is tried at the same phase of earlier seasons.
const SEASONS_APART: usize = 6;

/// A year is tried at so many dates spread over it: a summer's errors say little about December's.
const DATES_OF_YEAR: usize = 26;
/// Years of history that it takes.
const LEAST_YEARS: f64 = 1.5;

/// A horizon of this part of a year is tried where the year and as much of its return have been seen, if a quarter of a year
/// is left: without it nothing would tell a season of the year from a trend.
const PART_OF_YEAR: usize = 10;
const QUARTERS: usize = 4;

/// Origins of the internal backtest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folds {
    /// Number of points before each origin, oldest first.
    pub(crate) origins: Vec<usize>,
    /// Steps scored after each origin; shorter than the request's horizon when history is.
    pub(crate) horizon: usize,
}

/// Plans folds of the request's horizon at the end of `length` points, or as near to it as history allows.
pub(crate) fn plan(length: usize, horizon: usize, seasons: &Seasons) -> Folds {
    let wanted = (2 * seasons.long() + seasons.long() / 4 + 8).min(length / 2).max(length / LEAST_SHARE);
    let least = wanted.max((2 * seasons.short() + 2).min(length * 3 / 5)).max(LEAST_HISTORY);
    let least = least.max(year_seen(length, horizon, seasons).unwrap_or(0));
    let room = length.saturating_sub(least);
    if room == 0 || horizon == 0 {
        return Folds { origins: Vec::new(), horizon: 0 };
    }
    // A horizon that is short against the season is tried at the same phase of earlier seasons: the last hours
    // say little about the same hour tomorrow.
    let short = seasons.short();
    let most = RECIPE.folds.most;
    let (scored, step, count) = if SEASONS_APART * horizon < short && room >= 2 * short + horizon {
        (horizon, short, ((room - horizon) / short + 1).min(most))
    } else if let Some(year) = seasons.year.filter(|year| {
        length as f64 >= LEAST_YEARS * *year as f64 && most * horizon < *year && room >= SEPARATE * horizon
    }) {
        let step = (year / DATES_OF_YEAR / horizon).max(1) * horizon;
        (horizon, step, ((room - horizon) / step + 1).min(year / step))
    } else if room >= SEPARATE * horizon {
        (horizon, horizon, (room / horizon).min(most))
    } else {
        let scored = horizon.min((room * 2 / 3).max(1));
        let step = ((room - scored) / (OVERLAPPING - 1)).max(1);
        // Whole seasons apart, where there is room, so that the origins see the same phase.
        let step = if step > short { step / short * short } else { step };
        (scored, step, ((room - scored) / step + 1).min(OVERLAPPING))
    };
    let newest = length - scored;
    Folds { origins: (0..count).rev().map(|back| newest - back * step).collect(), horizon: scored }
}

/// Points by which the year has been seen and is known to return; `None` where the horizon is too short to ask for it, or
/// history to wait for it.
fn year_seen(length: usize, horizon: usize, seasons: &Seasons) -> Option<usize> {
    let year = seasons.year?;
    let seen = year + year / PART_OF_YEAR;
    (horizon >= year / PART_OF_YEAR && length >= seen + year / QUARTERS).then_some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly() -> Seasons {
        Seasons { cycles: vec![24, 168], year: None }
    }

    #[test]
    fn long_history_gives_separate_folds_of_the_full_horizon() {
        let folds = plan(1000, 48, &weekly());
        assert_eq!(folds.horizon, 48);
        assert_eq!(folds.origins, [424, 472, 520, 568, 616, 664, 712, 760, 808, 856, 904, 952]);
    }

    #[test]
    fn a_short_horizon_is_tried_at_the_same_hour_of_earlier_days() {
        let origins = plan(1000, 3, &weekly()).origins;
        assert_eq!((origins.len(), origins[0], origins[11]), (12, 733, 997));
        assert!(origins.windows(2).all(|pair| pair[1] - pair[0] == 24));
    }

    #[test]
    fn a_year_and_a_half_is_tried_all_over_the_year() {
        let seasons = Seasons { year: Some(8_766), ..weekly() };
        let origins = plan(14_000, 168, &seasons).origins;
        assert_eq!(origins.len(), 26);
        assert!(origins.windows(2).all(|pair| pair[1] - pair[0] == 336) && origins[25] == 13_832);
        assert_eq!(plan(13_000, 168, &seasons).origins.len(), 12);
        // Quarters cover the year as they are.
        let days = Seasons { cycles: vec![7], year: Some(365) };
        assert_eq!(plan(2_000, 90, &days).origins.len(), 12);
    }

    #[test]
    fn a_long_horizon_is_tried_where_the_year_was_seen() {
        let seasons = Seasons { cycles: vec![7], year: Some(365) };
        let folds = plan(790, 365, &seasons);
        assert!(folds.origins.len() >= SEPARATE && folds.origins[0] >= 365 + 36, "{folds:?}");
        assert!(folds.horizon > 200, "{folds:?}");
        // A fortnight does not ask for the year, and fourteen months cannot wait for it.
        assert!(plan(790, 14, &seasons).origins[0] > 401 && plan(425, 90, &seasons).origins[0] < 365);
    }

    #[test]
    fn short_history_gives_shorter_or_overlapping_folds_or_none() {
        let folds = plan(425, 365, &Seasons { cycles: vec![7], year: Some(365) });
        assert!(folds.horizon > 200 && folds.origins[0] >= 20, "{folds:?}");
        assert!(folds.origins.iter().all(|origin| origin + folds.horizon <= 425));
        assert!(plan(5, 10, &Seasons::default()).origins.is_empty());
        assert_eq!(plan(6, 10, &Seasons::default()), Folds { origins: vec![5], horizon: 1 });
    }
}
