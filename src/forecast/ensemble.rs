//! The product's own forecast.

use domain::{Components, Forecast, Series};
use rayon::prelude::*;

use crate::request::{Checked, Request};

/// Forecasts one series. Never fails: what cannot be forecast well falls back to the simplest honest
/// model, and the forecast's warnings say why.
pub fn forecast(series: &Series, request: &Request) -> Forecast {
    one(series, &Checked::new(request))
}

/// Forecasts every series, over all cores of the current rayon pool; the result does not depend on their number.
pub fn forecast_all(series: &[Series], request: &Request) -> Vec<Forecast> {
    let checked = Checked::new(request);
    series.par_iter().map(|series| one(series, &checked)).collect()
}

fn one(series: &Series, request: &Checked) -> Forecast {
    let last = series.values.iter().rev().flatten().copied().find(|value| value.is_finite()).unwrap_or(0.0);
    Forecast {
        unique_id: series.unique_id.clone(),
        grid: series.next_grid(),
        mean: vec![last; request.horizon],
        levels: request.levels.clone(),
        quantiles: vec![vec![last; request.horizon]; request.levels.len()],
        members: Vec::new(),
        reason: "the last value is repeated".to_owned(),
        accuracy: None,
        baseline: None,
        mase_by_step: vec![None; request.horizon],
        components: Components::default(),
        warnings: request.problems.iter().map(ToString::to_string).collect(),
    }
}
