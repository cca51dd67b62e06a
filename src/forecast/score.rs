//! Scores of forecasts against what came, by their official definitions.

use serde::{Deserialize, Serialize};

/// Scores of one model over the folds of one series, or averaged over many series.
///
/// `None` means that the score has no meaning here (a constant history has no MASE scale).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// Mean absolute scaled error: scaled with the in-sample seasonal naive error (Hyndman & Koehler 2006).
    pub mase: Option<f64>,
    /// Symmetric mean absolute percentage error, percent, 0 to 200 (M4).
    pub smape: Option<f64>,
    /// Mean pinball loss over the levels, in units of the series.
    pub pinball: Option<f64>,
    /// Twice the mean pinball loss over the levels, divided by the MASE scale.
    pub wql: Option<f64>,
    /// Continuous ranked probability score: twice the pinball loss integrated over the levels, units of the series.
    pub crps: Option<f64>,
    /// Mean scaled interval score of the central 95 % interval (M4).
    pub msis_95: Option<f64>,
    /// Share of actuals inside the central 50 % interval, as a ratio.
    pub coverage_50: Option<f64>,
    /// Share of actuals inside the central 80 % interval, as a ratio.
    pub coverage_80: Option<f64>,
    /// Share of actuals inside the central 95 % interval, as a ratio.
    pub coverage_95: Option<f64>,
    /// Mean error over mean absolute actual: above 0 the forecast was too high.
    pub bias: Option<f64>,
    /// Milliseconds per series; filled by a caller that may read the clock.
    pub ms_per_series: Option<f64>,
    /// Origins scored, summed over series.
    pub folds: usize,
}
