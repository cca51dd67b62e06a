//! Series on a regular grid.

use std::fmt;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Duration, Months, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A point in time of a series: a UTC instant, or an integer step where the source has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Stamp {
    /// Integer step.
    Step(i64),
    /// UTC instant.
    Time(DateTime<Utc>),
}

impl Stamp {
    /// The instant; `None` of an integer step.
    pub fn time(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Time(time) => Some(time),
            Self::Step(_) => None,
        }
    }

    /// Years that a time may fall into: before, it is a filler such as 0001-01-01; RFC 3339 ends with the last.
    pub const YEARS: RangeInclusive<i32> = 1800..=9999;

    /// Whether a time falls into these years; a step always does.
    pub fn within(self, years: &RangeInclusive<i32>) -> bool {
        match self {
            Self::Step(_) => true,
            Self::Time(time) => years.contains(&time.year()),
        }
    }

    /// What it is called among others: times or steps.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Step(_) => "steps",
            Self::Time(_) => "times",
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => step.fmt(f),
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true)),
        }
    }
}

/// Distance between two points of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Frequency {
    /// A fixed number of seconds.
    Seconds(i64),
    /// Calendar months (1 month, 3 quarter, 12 year).
    Months(u32),
    /// Integer steps.
    Steps(i64),
}

impl Frequency {
    /// One hour.
    pub const HOUR: Self = Self::Seconds(3600);
    /// One day of UTC.
    pub const DAY: Self = Self::Seconds(86_400);

    /// Seconds, on average over the calendar; `None` for integer steps.
    pub fn mean_seconds(self) -> Option<f64> {
        match self {
            Self::Seconds(seconds) => Some(seconds as f64),
            Self::Months(months) => Some(f64::from(months) * 2_629_746.0),
            Self::Steps(_) => None,
        }
    }
}

/// A regular grid of stamps: `start`, `start + frequency`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Grid {
    /// Stamp of index 0.
    pub start: Stamp,
    /// Distance between neighbours.
    pub frequency: Frequency,
}

impl Grid {
    /// The stamp at `index` (0 is `start`). Saturates at the ends of the calendar.
    pub fn stamp(&self, index: usize) -> Stamp {
        let index_i64 = i64::try_from(index).unwrap_or(i64::MAX);
        match (self.start, self.frequency) {
            (Stamp::Time(start), Frequency::Seconds(seconds)) => {
                let later = Duration::try_seconds(seconds.saturating_mul(index_i64));
                Stamp::Time(
                    later
                        .and_then(|later| start.checked_add_signed(later))
                        .unwrap_or(DateTime::<Utc>::MAX_UTC),
                )
            }
            (Stamp::Time(start), Frequency::Months(months)) => {
                let later = months.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX));
                Stamp::Time(start.checked_add_months(Months::new(later)).unwrap_or(DateTime::<Utc>::MAX_UTC))
            }
            (Stamp::Time(start), Frequency::Steps(_)) => Stamp::Time(start),
            (Stamp::Step(start), Frequency::Steps(step)) => {
                Stamp::Step(start.saturating_add(step.saturating_mul(index_i64)))
            }
            (Stamp::Step(start), _) => Stamp::Step(start.saturating_add(index_i64)),
        }
    }

    /// The step at `index`: its stamp and that of the next.
    pub fn step(&self, index: usize) -> (Stamp, Stamp) {
        (self.stamp(index), self.stamp(index + 1))
    }

    /// Whether the stamp at `index` can be told from those around it and written down: steps end with 64 bits, times
    /// with the last of [`Stamp::YEARS`].
    pub fn reaches(&self, index: usize) -> bool {
        match self.stamp(index) {
            Stamp::Step(step) => step < i64::MAX,
            Stamp::Time(time) => time.year() <= *Stamp::YEARS.end(),
        }
    }

    /// The same grid, starting `index` points later.
    pub fn advance(&self, index: usize) -> Self {
        Self { start: self.stamp(index), frequency: self.frequency }
    }
}

/// One series: values on a grid, `None` where nothing was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub unique_id: String,
    /// When each value was true.
    pub grid: Grid,
    /// The values, oldest first.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// Number of points, missing ones included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no point at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The grid right after the last point: where a forecast starts.
    pub fn next_grid(&self) -> Grid {
        self.grid.advance(self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_step_over_months_days_and_numbers() {
        let january: DateTime<Utc> = "2026-01-31T00:00:00Z".parse().unwrap();
        let monthly = Grid { start: Stamp::Time(january), frequency: Frequency::Months(1) };
        assert_eq!(monthly.stamp(1).to_string(), "2026-02-28T00:00:00Z");
        let daily = Grid { start: Stamp::Time(january), frequency: Frequency::DAY };
        assert_eq!(daily.advance(1).stamp(0).to_string(), "2026-02-01T00:00:00Z");
        let steps = Grid { start: Stamp::Step(5), frequency: Frequency::Steps(2) };
        assert_eq!(steps.stamp(3), Stamp::Step(11));
    }

    #[test]
    fn grids_end_with_64_bits_and_with_the_year_9999() {
        let steps = Grid { start: Stamp::Step(i64::MAX - 10), frequency: Frequency::Steps(3) };
        assert!(steps.reaches(3) && !steps.reaches(4) && !steps.reaches(usize::MAX));
        let last: DateTime<Utc> = "9990-01-01T00:00:00Z".parse().unwrap();
        let yearly = Grid { start: Stamp::Time(last), frequency: Frequency::Months(12) };
        assert!(yearly.reaches(9) && !yearly.reaches(10) && !yearly.reaches(usize::MAX));
        let daily = Grid { start: Stamp::Time(last), frequency: Frequency::DAY };
        assert!(daily.reaches(365) && !daily.reaches(usize::MAX));
    }
}
