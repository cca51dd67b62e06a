//! Civil dates of a grid, for members that know weekdays, months and years.

use chrono::{Datelike, Timelike};
use domain::{Frequency, Grid, Stamp};

/// What the calendar says about one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Date {
    /// Monday is 0.
    pub(crate) weekday: usize,
    /// First of the month is 0.
    pub(crate) day_of_month: usize,
    /// Length of the month in days.
    pub(crate) month_length: usize,
    /// Share of the year that has passed, 0 to 1.
    pub(crate) year_phase: f64,
}

/// Dates of consecutive steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Calendar {
    /// One date a step.
    pub(crate) dates: Vec<Date>,
}

impl Calendar {
    /// The dates of `length` steps of a daily grid; `None` for every other frequency and for integer steps.
    pub(crate) fn daily(grid: Grid, length: usize) -> Option<Self> {
        if grid.frequency != Frequency::DAY || !matches!(grid.start, Stamp::Time(_)) {
            return None;
        }
        let dates = (0..length)
            .filter_map(|index| grid.stamp(index).time())
            .map(|time| Date {
                weekday: time.weekday().num_days_from_monday() as usize,
                day_of_month: time.day0() as usize,
                month_length: usize::from(time.num_days_in_month()),
                year_phase: (f64::from(time.ordinal0()) + f64::from(time.hour()) / 24.0) / 365.25,
            })
            .collect();
        Some(Self { dates })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_grid_has_civil_dates_and_an_hourly_one_none() {
        let start = Stamp::Time("2026-02-27T00:00:00Z".parse().unwrap());
        let calendar = Calendar::daily(Grid { start, frequency: Frequency::DAY }, 3).unwrap();
        assert_eq!(calendar.dates[0].weekday, 4);
        assert_eq!((calendar.dates[1].day_of_month, calendar.dates[1].month_length), (27, 28));
        assert_eq!(calendar.dates[2].day_of_month, 0);
        assert!(Calendar::daily(Grid { start, frequency: Frequency::HOUR }, 3).is_none());
    }
}
