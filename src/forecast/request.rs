//! What to forecast, checked once into a form that the rest of the crate can rely on.

use chrono::{DateTime, Utc};
use domain::{Event, Series, Stamp, share_of_step};

/// Levels when the caller has no wish: the 50, 80, 90 and 95 % intervals and the median.
const DEFAULT_LEVELS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975];

/// A longer horizon than this is a typing error: ten years of hours.
pub const MAX_HORIZON: usize = 87_660;

/// A recurring occasion whose effect is learned from its past occurrences (same `name`).
#[derive(Debug, Clone, PartialEq)]
pub struct Holiday {
    /// Its name; occurrences of one name share one effect.
    pub name: String,
    /// First instant, inclusive.
    pub starts_at: Stamp,
    /// Last instant, exclusive.
    pub ends_at: Stamp,
}

impl Holiday {
    /// The share of a step (its first instant and that of the next) that it takes: 0 to 1.
    pub(crate) fn share(&self, step: (Stamp, Stamp)) -> f64 {
        share_of_step((self.starts_at, self.ends_at), step)
    }
}

/// Another series that drives the one to forecast and whose values ahead are known or planned: orders on the books, a
/// campaign's budget, a price.
#[derive(Debug, Clone, PartialEq)]
pub struct Driver {
    /// Its name.
    pub name: String,
    /// Its values at the stamps of the series, through the last step ahead.
    pub points: Vec<(Stamp, f64)>,
}

/// From an instant on, the clock on the wall is so many seconds ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UtcOffset {
    /// First instant.
    pub from: DateTime<Utc>,
    /// Seconds ahead of UTC, negative west of it.
    pub seconds: i32,
}

/// What to forecast.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `horizon` | – | steps ahead | 1 to 87,660 |
/// | `levels` | 2.5, 5, 10, 25, 50, 75, 90, 95, 97.5 % | quantile levels | inside (0, 1), ascending |
/// | `season_lengths` | `None`: detected by a test | season lengths in steps, looked for before any other | each ≥ 2, or 1 for none |
/// | `events` | none | past ones are kept out of the fit, future ones multiply | multiplier finite, ≥ 0 |
/// | `holidays` | none | recurring days, effect learned by name | – |
/// | `drivers` | none | series known ahead that explain a part of this one | a value for every step ahead |
/// | `utc_offsets` | none: UTC | the wall clock that the shape of the day follows | ascending; the first one also holds before it |
/// | `lower_bound`, `upper_bound` | `None` | hard limits of the quantity (0 and 100 for a percentage) | lower < upper |
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Steps ahead.
    pub horizon: usize,
    /// Quantile levels.
    pub levels: Vec<f64>,
    /// Season lengths in steps that are looked for before any other; `None`: those that the spacing suggests.
    pub season_lengths: Option<Vec<usize>>,
    /// Announced events, past and future.
    pub events: Vec<Event>,
    /// Recurring days whose effect is learned.
    pub holidays: Vec<Holiday>,
    /// What is known ahead and drives the series. The backtest takes their past values as known, too.
    pub drivers: Vec<Driver>,
    /// The wall clock of the series' time zone, over history and horizon.
    pub utc_offsets: Vec<UtcOffset>,
    /// The quantity never goes below this.
    pub lower_bound: Option<f64>,
    /// The quantity never goes above this.
    pub upper_bound: Option<f64>,
}

/// A setting that cannot be used; each names the setting, what was found and what is expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// Horizon of 0 or beyond ten years of hours.
    #[error("horizon {0} is out of range: expected 1 to {MAX_HORIZON} steps")]
    Horizon(usize),
    /// A level that is no probability.
    #[error("quantile level {0} is out of range: expected a number between 0 and 1, both excluded")]
    Level(f64),
    /// No level at all.
    #[error("no quantile level is given: expected at least one between 0 and 1")]
    NoLevel,
    /// A season of no steps.
    #[error("season length {0} is out of range: expected 2 or more steps, or 1 for no season")]
    SeasonLength(usize),
    /// A multiplier that is negative or not a number, or low and high on the wrong sides of it.
    #[error(
        "event {name:?} has an unusable multiplier {found}: expected low <= multiplier <= high, all finite and 0 or more"
    )]
    Multiplier {
        /// Event name.
        name: String,
        /// Low, announced and high multiplier as found.
        found: String,
    },
    /// Bounds that leave no room.
    #[error("bounds {lower} to {upper} leave no room: expected lower < upper, both finite")]
    Bounds {
        /// Lower bound.
        lower: f64,
        /// Upper bound.
        upper: f64,
    },
}

impl From<Series> for Driver {
    fn from(series: Series) -> Self {
        let points = series.values.iter().enumerate();
        let points =
            points.filter_map(|(index, value)| Some((series.grid.stamp(index), (*value)?))).collect();
        Self { points, name: series.unique_id }
    }
}

impl Request {
    /// A request with default levels, detected seasons and no events.
    pub fn new(horizon: usize) -> Self {
        Self {
            horizon,
            levels: DEFAULT_LEVELS.to_vec(),
            season_lengths: None,
            events: Vec::new(),
            holidays: Vec::new(),
            drivers: Vec::new(),
            utc_offsets: Vec::new(),
            lower_bound: None,
            upper_bound: None,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that cannot be used. [`forecast`](crate::forecast) itself never fails: it leaves
    /// such a setting out and says so in the forecast's warnings.
    pub fn check(&self) -> Result<(), RequestError> {
        Checked::new(self).problems.into_iter().next().map_or(Ok(()), Err)
    }
}

/// A request with every unusable setting left out, and what was left out.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) horizon: usize,
    /// Ascending, distinct, inside (0, 1), never empty.
    pub(crate) levels: Vec<f64>,
    /// Ascending, distinct, each ≥ 2.
    pub(crate) season_lengths: Option<Vec<usize>>,
    pub(crate) events: Vec<Event>,
    pub(crate) holidays: Vec<Holiday>,
    pub(crate) drivers: Vec<Driver>,
    /// Ascending.
    pub(crate) utc_offsets: Vec<UtcOffset>,
    pub(crate) lower_bound: Option<f64>,
    pub(crate) upper_bound: Option<f64>,
    pub(crate) problems: Vec<RequestError>,
}

impl Checked {
    pub(crate) fn new(request: &Request) -> Self {
        let mut problems = Vec::new();
        if request.horizon == 0 || request.horizon > MAX_HORIZON {
            problems.push(RequestError::Horizon(request.horizon));
        }
        let levels = usable_levels(&request.levels, &mut problems);
        let season_lengths = request.season_lengths.as_ref().map(|lengths| {
            let (mut good, bad): (Vec<usize>, Vec<usize>) = lengths.iter().partition(|length| **length >= 2);
            problems.extend(bad.into_iter().filter(|length| *length == 0).map(RequestError::SeasonLength));
            good.sort_unstable();
            good.dedup();
            good
        });
        let (events, bad): (Vec<Event>, Vec<Event>) =
            request.events.iter().cloned().partition(has_usable_multiplier);
        problems.extend(bad.into_iter().map(|event| RequestError::Multiplier {
            found: format!("{} <= {} <= {}", event.low(), event.multiplier, event.high()),
            name: event.name,
        }));
        let (lower_bound, upper_bound) = usable_bounds(request, &mut problems);
        let mut utc_offsets = request.utc_offsets.clone();
        utc_offsets.sort_by_key(|offset| offset.from);
        Self {
            horizon: request.horizon.min(MAX_HORIZON),
            levels,
            season_lengths,
            events,
            holidays: request.holidays.clone(),
            drivers: request.drivers.clone(),
            utc_offsets,
            lower_bound,
            upper_bound,
            problems,
        }
    }
}

fn usable_levels(levels: &[f64], problems: &mut Vec<RequestError>) -> Vec<f64> {
    let (mut good, bad): (Vec<f64>, Vec<f64>) =
        levels.iter().partition(|level| **level > 0.0 && **level < 1.0);
    problems.extend(bad.into_iter().map(RequestError::Level));
    if good.is_empty() {
        problems.push(RequestError::NoLevel);
        good = DEFAULT_LEVELS.to_vec();
    }
    good.sort_by(f64::total_cmp);
    good.dedup();
    good
}

fn has_usable_multiplier(event: &Event) -> bool {
    let (low, middle, high) = (event.low(), event.multiplier, event.high());
    high.is_finite() && 0.0 <= low && low <= middle && middle <= high
}

fn usable_bounds(request: &Request, problems: &mut Vec<RequestError>) -> (Option<f64>, Option<f64>) {
    let lower = request.lower_bound.unwrap_or(f64::NEG_INFINITY);
    let upper = request.upper_bound.unwrap_or(f64::INFINITY);
    let finite = [request.lower_bound, request.upper_bound].into_iter().flatten().all(f64::is_finite);
    if finite && lower < upper {
        return (request.lower_bound, request.upper_bound);
    }
    problems.push(RequestError::Bounds { lower, upper });
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_unusable_setting() {
        assert_eq!(Request::new(24).check(), Ok(()));
        assert_eq!(Request::new(0).check(), Err(RequestError::Horizon(0)));
        let mut request = Request::new(24);
        request.levels = vec![0.5, 1.5];
        assert_eq!(
            request.check().unwrap_err().to_string(),
            "quantile level 1.5 is out of range: expected a number between 0 and 1, both excluded"
        );
        let mut request = Request::new(24);
        (request.lower_bound, request.upper_bound) = (Some(100.0), Some(0.0));
        assert!(matches!(request.check(), Err(RequestError::Bounds { .. })));
    }

    #[test]
    fn levels_are_sorted_and_distinct_after_the_check() {
        let mut request = Request::new(24);
        request.levels = vec![0.9, 0.1, 0.9, f64::NAN];
        let checked = Checked::new(&request);
        assert_eq!(checked.levels, [0.1, 0.9]);
        assert_eq!(checked.problems.len(), 1);
    }
}
