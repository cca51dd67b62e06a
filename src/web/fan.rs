//! A stored forecast as a fan chart: which of its quantiles make which interval.

use chart::{Band, Fan, Unit};
use chrono::{DateTime, Utc};
use domain::Forecast;

/// Intervals that pages show: probability, lower and upper level.
pub(crate) const INTERVALS: [(f64, f64, f64); 3] = [(0.5, 0.25, 0.75), (0.8, 0.1, 0.9), (0.95, 0.025, 0.975)];

/// The path at exactly `level`, if the forecast has it.
pub(crate) fn exact(forecast: &Forecast, level: f64) -> Option<&[f64]> {
    let index = forecast.levels.iter().position(|known| (known - level).abs() < 1e-9)?;
    forecast.quantiles.get(index).map(Vec::as_slice)
}

/// When each of the first `steps` steps is true.
pub(crate) fn times(forecast: &Forecast, steps: usize) -> Vec<DateTime<Utc>> {
    (0..forecast.horizon().min(steps)).filter_map(|index| forecast.grid.stamp(index).time()).collect()
}

/// The fan of the first `steps` steps after `history`. Intervals whose levels are missing are left out.
pub(crate) fn chart(
    forecast: &Forecast,
    history: Vec<(DateTime<Utc>, Option<f64>)>,
    unit: Unit,
    steps: usize,
) -> Fan {
    let times = times(forecast, steps);
    let cut = |path: &[f64]| path.iter().take(times.len()).copied().collect::<Vec<f64>>();
    let bands = INTERVALS.iter().filter_map(|(probability, low, high)| {
        let (low, high) = (exact(forecast, *low)?, exact(forecast, *high)?);
        Some(Band { probability: *probability, low: cut(low), high: cut(high) })
    });
    let median = exact(forecast, 0.5).unwrap_or(&forecast.mean);
    Fan {
        unit,
        history,
        bands: bands.collect(),
        median: cut(median),
        today: forecast.grid.start.time(),
        times,
        marks: vec![],
        budget: None,
    }
}
