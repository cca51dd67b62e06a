//! The spacing of a series: as typed, or as its stamps show it.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Utc};
use domain::{Frequency, Stamp};

/// Different distances that are counted; a regular file has a handful.
const MAX_DISTANCES: usize = 10_000;

/// Spacings that people choose, the shortest first.
pub(super) const USUAL: [Frequency; 25] = [
    Frequency::Seconds(1),
    Frequency::Seconds(5),
    Frequency::Seconds(10),
    Frequency::Seconds(15),
    Frequency::Seconds(20),
    Frequency::Seconds(30),
    Frequency::Seconds(60),
    Frequency::Seconds(2 * 60),
    Frequency::Seconds(5 * 60),
    Frequency::Seconds(10 * 60),
    Frequency::Seconds(15 * 60),
    Frequency::Seconds(20 * 60),
    Frequency::Seconds(30 * 60),
    Frequency::HOUR,
    Frequency::Seconds(2 * 3_600),
    Frequency::Seconds(3 * 3_600),
    Frequency::Seconds(4 * 3_600),
    Frequency::Seconds(6 * 3_600),
    Frequency::Seconds(8 * 3_600),
    Frequency::Seconds(12 * 3_600),
    Frequency::DAY,
    Frequency::Seconds(7 * 86_400),
    Frequency::Months(1),
    Frequency::Months(3),
    Frequency::Months(12),
];

/// How far, as a share of it, the middle gap of irregular stamps may be from the usual spacing that they are taken for.
const NEAR: f64 = 0.05;

/// A spacing as typed: `1h`, `30min`, `5m`, `90s`, `1d`, `1w`, `1mo`, `1q`, `1y`, or a bare number of integer steps.
pub fn parse_frequency(text: &str) -> Result<Frequency, String> {
    let wrong = || {
        format!("{text:?} is not a spacing: expected something like 1h, 5min, 1d, 1mo or a number of steps")
    };
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let number: i64 = if number.is_empty() { 1 } else { number.parse().map_err(|_| wrong())? };
    if !(1..=1_000_000).contains(&number) {
        return Err(wrong());
    }
    let months =
        |each: u32| u32::try_from(number).map(|number| Frequency::Months(number * each)).map_err(|_| wrong());
    let unit = unit.trim();
    // what other tools write for milliseconds and for months
    if unit == "ms" || unit == "M" {
        return Err(format!(
            "{text:?} could be minutes, months or milliseconds: write 1min or 1mo; a second is the least"
        ));
    }
    match unit.to_ascii_lowercase().as_str() {
        "" if digits > 0 => Ok(Frequency::Steps(number)),
        "s" | "sec" => Ok(Frequency::Seconds(number)),
        "m" | "min" | "t" => Ok(Frequency::Seconds(number * 60)),
        "h" => Ok(Frequency::Seconds(number * 3_600)),
        "d" => Ok(Frequency::Seconds(number * 86_400)),
        "w" => Ok(Frequency::Seconds(number * 604_800)),
        "mo" | "ms" | "me" => months(1),
        "q" | "qs" => months(3),
        "y" | "ys" => months(12),
        _ => Err(wrong()),
    }
}

/// The spacing as [`parse_frequency`] reads it, in the largest unit that fits.
pub fn format_frequency(frequency: Frequency) -> String {
    let fitting = |amount: i64, units: [(i64, &str); 5]| {
        let unit = units.into_iter().find(|(size, _)| amount % size == 0);
        unit.map_or_else(|| amount.to_string(), |(size, name)| format!("{}{name}", amount / size))
    };
    match frequency {
        Frequency::Seconds(seconds) => {
            fitting(seconds, [(604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")])
        }
        Frequency::Months(months) => {
            let months = i64::from(months);
            fitting(months, [(12, "y"), (3, "q"), (1, "mo"), (1, "mo"), (1, "mo")])
        }
        Frequency::Steps(steps) => steps.to_string(),
    }
}

/// Distances between neighbouring stamps, counted over series.
#[derive(Debug, Default)]
pub(super) struct Spacings {
    seconds: HashMap<i64, u64>,
    steps: HashMap<i64, u64>,
    /// Distances in calendar months, of stamps that keep their day and time.
    months: HashMap<i64, u64>,
    previous: Option<Stamp>,
}

impl Spacings {
    /// The next stamp begins a new series.
    pub(super) fn next_series(&mut self) {
        self.previous = None;
    }

    /// Counts the distance to the stamp before.
    pub(super) fn add(&mut self, stamp: Stamp) {
        match (self.previous.replace(stamp), stamp) {
            (Some(Stamp::Time(before)), Stamp::Time(now)) => {
                count(&mut self.seconds, (now - before).num_seconds().abs());
                if let Some(months) = whole_months(before, now) {
                    count(&mut self.months, months);
                }
            }
            (Some(Stamp::Step(before)), Stamp::Step(now)) => {
                count(&mut self.steps, now.saturating_sub(before).saturating_abs());
            }
            _ => (),
        }
    }

    /// The most frequent distance, the shortest of equals; calendar months where they fit better, and a usual spacing
    /// for stamps that scatter around it.
    pub(super) fn common(&self) -> Option<Frequency> {
        let (step, step_count) = most(&self.steps);
        let (second, second_count) = most(&self.seconds);
        let (month, month_count) = most(&self.months);
        if month_count > second_count && month_count > step_count {
            return u32::try_from(month).ok().map(Frequency::Months);
        }
        if step_count == 0 && second_count == 0 {
            return None;
        }
        if step_count >= second_count {
            return Some(Frequency::Steps(step));
        }
        Some(self.scattered(second).unwrap_or(Frequency::Seconds(second)))
    }

    /// The usual spacing of stamps that scatter: which of their distances is the most frequent is chance, and a grid of
    /// that would drift away from them. `None` for regular stamps with gaps, most of whose distances are multiples of `most`.
    fn scattered(&self, most: i64) -> Option<Frequency> {
        let mut distances: Vec<(i64, u64)> =
            self.seconds.iter().map(|(distance, count)| (*distance, *count)).collect();
        distances.sort_unstable();
        let total: u64 = distances.iter().map(|(_, count)| count).sum();
        let regular: u64 =
            distances.iter().filter(|(distance, _)| distance % most == 0).map(|(_, count)| count).sum();
        if regular * 2 >= total {
            return None;
        }
        let mut before = 0;
        let (middle, _) = distances.into_iter().find(|(_, count)| {
            before += count;
            before * 2 >= total
        })?;
        USUAL.into_iter().find(|usual| {
            usual.mean_seconds().is_some_and(|seconds| (middle as f64 - seconds).abs() <= NEAR * seconds)
        })
    }

    /// The one distance of nearly all (95 %) of at least eight neighbours.
    pub(super) fn clear(&self) -> Option<Frequency> {
        let total: u64 = self.steps.values().chain(self.seconds.values()).sum();
        let most = most(&self.months).1.max(most(&self.seconds).1).max(most(&self.steps).1);
        if total >= 8 && most * 20 >= total * 19 { self.common() } else { None }
    }
}

fn count(distances: &mut HashMap<i64, u64>, distance: i64) {
    if distance > 0 && (distances.len() < MAX_DISTANCES || distances.contains_key(&distance)) {
        *distances.entry(distance).or_default() += 1;
    }
}

fn most(distances: &HashMap<i64, u64>) -> (i64, u64) {
    let best = distances.iter().max_by_key(|(distance, count)| (**count, std::cmp::Reverse(**distance)));
    best.map_or((0, 0), |(distance, count)| (*distance, *count))
}

/// Months between two stamps on the same day of the month (or both on its last day) at the same time.
fn whole_months(before: DateTime<Utc>, now: DateTime<Utc>) -> Option<i64> {
    let last_day = |stamp: DateTime<Utc>| (stamp + chrono::Duration::days(1)).day() == 1;
    let fits =
        before.time() == now.time() && (before.day() == now.day() || (last_day(before) && last_day(now)));
    let months =
        i64::from(now.year() - before.year()) * 12 + i64::from(now.month()) - i64::from(before.month());
    (fits && months != 0).then_some(months.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacings_as_typed() {
        assert_eq!(parse_frequency("1h"), Ok(Frequency::HOUR));
        assert_eq!(parse_frequency("5min"), Ok(Frequency::Seconds(300)));
        assert_eq!(parse_frequency("D"), Ok(Frequency::DAY));
        assert_eq!(parse_frequency("1q"), Ok(Frequency::Months(3)));
        assert_eq!(parse_frequency("2"), Ok(Frequency::Steps(2)));
        assert_eq!(parse_frequency("MS"), Ok(Frequency::Months(1)));
        for bad in ["", "0h", "-1h", "1x", "h1", "99999999999h", "1ms", "100ms", "1M"] {
            assert!(parse_frequency(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spacings_are_written_as_they_are_read() {
        for text in ["1h", "5min", "90s", "1d", "2w", "1mo", "1q", "1y", "3"] {
            assert_eq!(format_frequency(parse_frequency(text).unwrap()), text);
        }
    }

    /// The spacing of stamps that are this far from a regular one, in turns.
    fn spacing(seconds: i64, offsets: &[i64]) -> Option<Frequency> {
        let mut spacings = Spacings::default();
        for step in 0..400 {
            let at = 1_704_072_200 + step * seconds + offsets[(step as usize * 7) % offsets.len()];
            spacings.add(Stamp::Time(DateTime::from_timestamp(at, 0).unwrap()));
        }
        spacings.common()
    }

    #[test]
    fn scattered_stamps_have_the_usual_spacing_and_regular_ones_their_own() {
        let scatter = [3, -26, 14, 30, -9, -18, 22, -2, 9, -30, 17];
        assert_eq!(spacing(3_600, &scatter), Some(Frequency::HOUR));
        assert_eq!(spacing(3_600, &scatter.map(|offset| offset * 4)), Some(Frequency::HOUR));
        assert_eq!(spacing(300, &scatter), Some(Frequency::Seconds(300)));
        assert_eq!(
            spacing(86_400 * 7, &scatter.map(|offset| offset * 600)),
            Some(Frequency::Seconds(604_800))
        );
        assert_eq!(spacing(3_591, &[0]), Some(Frequency::Seconds(3_591)));
    }

    #[test]
    fn regular_stamps_with_many_gaps_keep_their_spacing() {
        let mut spacings = Spacings::default();
        // one, two, three and four steps of 7 minutes in turns
        for step in (0..400).flat_map(|round| [0, 1, 3, 6].map(|step| round * 10 + step)) {
            spacings.add(Stamp::Time(DateTime::from_timestamp(step * 420, 0).unwrap()));
        }
        assert_eq!(spacings.common(), Some(Frequency::Seconds(420)));
    }

    #[test]
    fn months_of_different_length_are_months() {
        let mut spacings = Spacings::default();
        for month in 1..=12 {
            spacings.add(Stamp::Time(format!("2026-{month:02}-01T00:00:00Z").parse().unwrap()));
        }
        assert_eq!(spacings.common(), Some(Frequency::Months(1)));
        assert_eq!(spacings.clear(), Some(Frequency::Months(1)));
    }
}
