//! Axes: where a value lies, and which round values deserve a tick.

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Timelike, Utc};
use domain::midnight;

/// A linear scale from values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Linear {
    /// The pixel of `value`.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }
}

/// Round ticks that enclose `low..high`: steps of 1, 2 or 5 times a power of ten, about `count` of them.
/// `whole` keeps the step at 1 or more.
pub(crate) fn ticks(low: f64, high: f64, count: usize, whole: bool) -> Vec<f64> {
    let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
    let (low, high) = if high - low > 0.0 { (low, high) } else { (low.min(0.0), low.max(0.0)) };
    let high = if high - low > 0.0 { high } else { low + 1.0 };
    let rough = (high - low) / count.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let mut step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough);
    if whole {
        step = step.max(1.0).round();
    }
    let first = (low / step).floor() as i64;
    let last = (high / step - 1e-9).ceil() as i64;
    (first..=last.max(first + 1)).map(|index| index as f64 * step).collect()
}

/// A tick of a time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeTick {
    pub(crate) at: DateTime<Utc>,
    pub(crate) label: String,
}

/// Distance between the ticks of a time axis.
#[derive(Debug, Clone, Copy)]
enum Stride {
    Hours(u32),
    Days(u32),
    Months(u32),
}

/// Strides that people read, finest first, with their mean length in hours.
const STRIDES: [(Stride, f64); 14] = [
    (Stride::Hours(1), 1.0),
    (Stride::Hours(3), 3.0),
    (Stride::Hours(6), 6.0),
    (Stride::Hours(12), 12.0),
    (Stride::Days(1), 24.0),
    (Stride::Days(2), 48.0),
    (Stride::Days(7), 168.0),
    (Stride::Days(14), 336.0),
    (Stride::Months(1), 730.5),
    (Stride::Months(2), 1461.0),
    (Stride::Months(3), 2191.5),
    (Stride::Months(6), 4383.0),
    (Stride::Months(12), 8766.0),
    (Stride::Months(60), 43_830.0),
];

/// At most `count` ticks in `start..=end` on round UTC times.
pub(crate) fn time_ticks(start: DateTime<Utc>, end: DateTime<Utc>, count: usize) -> Vec<TimeTick> {
    let hours = (end - start).num_seconds() as f64 / 3600.0;
    let stride = STRIDES
        .into_iter()
        .find(|(_, length)| hours / length <= count.max(1) as f64)
        .map_or(Stride::Months(120), |(stride, _)| stride);
    let mut ticks = Vec::new();
    let mut at = floor(start, stride);
    // A bound on top of the arithmetic: a calendar overflow must not loop.
    while at <= end && ticks.len() < 200 {
        if at >= start {
            ticks.push(TimeTick { at, label: label(at, stride) });
        }
        let Some(next) = advance(at, stride) else { break };
        at = next;
    }
    ticks
}

fn floor(at: DateTime<Utc>, stride: Stride) -> DateTime<Utc> {
    let day = at.date_naive();
    match stride {
        Stride::Hours(step) => midnight(day) + Duration::hours(i64::from(at.hour() / step * step)),
        // Weeks start on Monday; other day strides count from the first of a fixed calendar.
        Stride::Days(step) => {
            let offset =
                day.num_days_from_ce().saturating_sub(1).rem_euclid(i32::try_from(step).unwrap_or(1));
            midnight(day - Duration::days(i64::from(offset)))
        }
        Stride::Months(step) => {
            let months = (day.year() * 12 + i32::try_from(day.month0()).unwrap_or(0))
                .div_euclid(i32::try_from(step).unwrap_or(1))
                * i32::try_from(step).unwrap_or(1);
            let month = u32::try_from(months.rem_euclid(12)).unwrap_or(0) + 1;
            midnight(NaiveDate::from_ymd_opt(months.div_euclid(12), month, 1).unwrap_or(day))
        }
    }
}

fn advance(at: DateTime<Utc>, stride: Stride) -> Option<DateTime<Utc>> {
    match stride {
        Stride::Hours(step) => at.checked_add_signed(Duration::hours(i64::from(step))),
        Stride::Days(step) => at.checked_add_signed(Duration::days(i64::from(step))),
        Stride::Months(step) => at.checked_add_months(Months::new(step)),
    }
}

fn label(at: DateTime<Utc>, stride: Stride) -> String {
    match stride {
        Stride::Hours(_) if at.hour() != 0 => at.format("%H:%M").to_string(),
        Stride::Hours(_) | Stride::Days(_) => at.format("%-d %b").to_string(),
        Stride::Months(step) if step >= 12 => at.format("%Y").to_string(),
        Stride::Months(_) => at.format("%b %Y").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_ticks_are_round_and_enclose_the_data() {
        assert_eq!(ticks(0.0, 97.0, 5, false), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(-3.0, 7.0, 5, false), [-4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(ticks(0.0, 2.0, 5, true), [0.0, 1.0, 2.0]);
        assert_eq!(ticks(0.0, 0.0, 5, false).first(), Some(&0.0));
        assert_eq!(ticks(f64::NAN, 1.0, 2, false).len(), 3);
    }

    #[test]
    fn time_ticks_stand_on_round_times() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let labels = |start, end, count| -> Vec<String> {
            time_ticks(at(start), at(end), count).into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels("2026-11-03T20:30:00Z", "2026-11-04T13:00:00Z", 4), ["4 Nov", "06:00", "12:00"]);
        assert_eq!(
            labels("2026-11-15T00:00:00Z", "2027-02-10T00:00:00Z", 4),
            ["Dec 2026", "Jan 2027", "Feb 2027"]
        );
        let weeks = time_ticks(at("2026-11-01T00:00:00Z"), at("2026-11-30T00:00:00Z"), 6);
        assert!(weeks.iter().all(|tick| tick.at.weekday() == chrono::Weekday::Mon), "{weeks:?}");
    }
}
