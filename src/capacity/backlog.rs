//! What waits for workers when a plan begins, and is to be gone after some time.

use domain::{Forecast, Stamp};
use serde::{Deserialize, Serialize};

/// Messages that wait already, and the time in which they are to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Backlog {
    /// Messages, of which demand brings so many each second.
    pub messages: f64,
    /// From the beginning of the forecast on, in seconds.
    pub drain_seconds: u32,
}

impl Backlog {
    /// `arrivals`, and what waits spread evenly over the time in which it is to be gone; a step without clock is an hour.
    pub(crate) fn added_to(self, mut arrivals: Forecast) -> Forecast {
        let drain_seconds = f64::from(self.drain_seconds);
        let grid = &arrivals.grid;
        let since_start = |step: usize| match (grid.start, grid.stamp(step)) {
            (Stamp::Time(start), Stamp::Time(at)) => (at - start).num_milliseconds() as f64 / 1000.0,
            (Stamp::Step(start), Stamp::Step(at)) => (at - start) as f64 * 3600.0,
            _ => 0.0,
        };
        let steps = (0..arrivals.horizon()).map(|step| (since_start(step), since_start(step + 1)));
        let steps: Vec<(f64, f64)> = steps.take_while(|(from, _)| *from < drain_seconds).collect();
        for (step, (from, until)) in steps.into_iter().enumerate() {
            let rate = self.messages / drain_seconds * ((until.min(drain_seconds) - from) / (until - from));
            arrivals.mean[step] += rate;
            arrivals.quantiles.iter_mut().for_each(|path| path[step] += rate);
        }
        arrivals
    }
}
