//! Inputs that several tests share.

use domain::{Components, Forecast, Grid};

/// A forecast that is nothing but its quantiles; the mean is the middle path.
pub(crate) fn forecast(grid: Grid, levels: &[f64], paths: &[Vec<f64>]) -> Forecast {
    Forecast {
        unique_id: "shop".to_owned(),
        grid,
        mean: paths[paths.len() / 2].clone(),
        levels: levels.to_vec(),
        quantiles: paths.to_vec(),
        members: Vec::new(),
        reason: "given by the test".to_owned(),
        accuracy: None,
        baseline: None,
        mase_by_step: Vec::new(),
        components: Components::default(),
        warnings: Vec::new(),
    }
}
