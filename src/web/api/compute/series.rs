//! Series and events as they are sent.

use domain::{Event, Frequency, Grid, Series, Stamp, UnusedEvents};
use serde::Deserialize;
use utoipa::ToSchema;

use super::rows::Faults;

/// Values of one request, over all series.
const MAX_VALUES: usize = 50_000;
/// Series of one request.
const MAX_SERIES: usize = 200;
/// Events of one request.
const MAX_EVENTS: usize = 1_000;
/// Longest step: a year.
const MAX_STEP_SECONDS: i64 = 31_536_000;
/// Larger values are a mistake: their squares would not be numbers any more.
const MAX_VALUE: f64 = 1e15;

/// One series on a regular grid.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeriesBody {
    /// Its name.
    #[schema(min_length = 1)]
    unique_id: String,
    /// When the first value was true: a time from 1800 to 9999, or the number of the first step where there is no
    /// clock.
    start: Stamp,
    /// Distance between values in seconds: 3600 for hours, 86400 for days.
    #[schema(minimum = 1, maximum = 31_536_000)]
    step_seconds: Option<i64>,
    /// Distance between values in calendar months, instead of seconds.
    #[schema(minimum = 1, maximum = 12)]
    step_months: Option<u32>,
    /// The values, oldest first; null where nothing was measured.
    #[schema(min_items = 1, max_items = 50_000)]
    y: Vec<Option<f64>>,
}

impl SeriesBody {
    fn frequency(&self) -> Option<Frequency> {
        match (self.start, self.step_seconds, self.step_months) {
            (Stamp::Time(_), Some(seconds @ 1..=MAX_STEP_SECONDS), None) => Some(Frequency::Seconds(seconds)),
            (Stamp::Time(_), None, Some(months @ 1..=12)) => Some(Frequency::Months(months)),
            (Stamp::Step(_), None, None) => Some(Frequency::Steps(1)),
            _ => None,
        }
    }
}

/// The series of a body, which stand in its field `table`, each with stamps for so many steps `ahead`.
pub(super) fn series(
    sent: Vec<SeriesBody>,
    table: &'static str,
    ahead: usize,
    faults: &mut Faults,
) -> Vec<Series> {
    let stamp = stamp_wanted();
    let early = format!(
        "so early that there is a stamp for each value and {ahead} steps ahead: times end with the year {}, steps \
         at {}",
        Stamp::YEARS.end(),
        i64::MAX
    );
    faults.want_rows(&sent, table, MAX_SERIES);
    let values: usize = sent.iter().map(|series| series.y.len()).sum();
    faults.want(values <= MAX_VALUES, || table.to_owned(), "at most 50000 values, over all series");
    let mut read = Vec::with_capacity(sent.len());
    for (index, series) in sent.into_iter().enumerate() {
        let place = |column: &str| format!("{table}[{index}].{column}");
        let mut row = super::rows::Row { faults, table, index };
        row.want(series.start.within(&Stamp::YEARS), "start", &stamp);
        row.texts(&[("unique_id", &series.unique_id)]);
        row.want(!series.y.is_empty(), "y", "one value or more");
        let Some(frequency) = series.frequency() else {
            let wanted = "one of step_seconds (1 to 31536000) and step_months (1 to 12), and neither where start is \
                          the number of a step";
            faults.want(false, || place("step_seconds"), wanted);
            continue;
        };
        for (at, value) in series.y.iter().enumerate() {
            let fits = value.is_none_or(|value| value.abs() <= MAX_VALUE);
            faults.want(fits, || format!("{}[{at}]", place("y")), "a number between -1e15 and 1e15");
        }
        let grid = Grid { start: series.start, frequency };
        let last = series.y.len().saturating_add(ahead).saturating_sub(1);
        faults.want(grid.reaches(last), || place("start"), &early);
        read.push(Series { unique_id: series.unique_id, grid, values: series.y });
    }
    read
}

/// Wants events that can be used.
pub(super) fn check_events(events: &[Event], faults: &mut Faults) {
    faults.want(events.len() <= MAX_EVENTS, || "events".to_owned(), "at most 1000 events");
    let stamp = stamp_wanted();
    for (index, event) in events.iter().enumerate() {
        let place = |column: &str| format!("events[{index}].{column}");
        for (column, at) in [("starts_at", event.starts_at), ("ends_at", event.ends_at)] {
            faults.want(at.within(&Stamp::YEARS), || place(column), &stamp);
        }
        let same_kind = event.starts_at.kind() == event.ends_at.kind();
        let wanted = "a stamp after starts_at, of the same kind";
        faults.want(same_kind && event.starts_at < event.ends_at, || place("ends_at"), wanted);
        let (low, high) = (event.low(), event.high());
        let ordered = 0.0 <= low && low <= event.multiplier && event.multiplier <= high && high <= 1e6;
        faults.want(ordered, || place("multiplier"), "between multiplier_low and multiplier_high, 0 to 1e6");
    }
}

/// What to say about the events in `table` of a body that none of its series uses.
pub(super) fn unused_events(events: &[Event], table: &str, series: &[Series]) -> Vec<String> {
    let mut unused = UnusedEvents::new(events);
    series.iter().for_each(|series| unused.see(&series.unique_id, series.grid.start));
    unused.warnings(|index| format!("{table}[{index}]"))
}

fn stamp_wanted() -> String {
    format!("a time from {} to {}, or a whole number of steps", Stamp::YEARS.start(), Stamp::YEARS.end())
}
