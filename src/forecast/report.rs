//! What `headroom backtest` and its twin in the API answer.

use serde::Serialize;

use crate::{Backtest, BacktestSettings, BacktestSummary, merge};

/// Scores of all series of one request, and what was asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BacktestReport {
    /// Steps ahead that were scored.
    pub horizon: usize,
    /// Origins.
    pub windows: usize,
    /// Steps between origins.
    pub step: usize,
    /// Wall-clock seconds of the whole backtest.
    pub seconds: f64,
    /// Wall-clock milliseconds divided by the number of series, on the threads in use.
    pub ms_per_series: f64,
    /// Scores over all series.
    pub overall: BacktestSummary,
    /// Scores by series, in the order of the input.
    pub series: Vec<Backtest>,
}

impl BacktestReport {
    /// Joins the scores of all series; `seconds` is how long they took.
    pub fn new(settings: &BacktestSettings, series: Vec<Backtest>, seconds: f64) -> Self {
        Self {
            horizon: settings.request.horizon,
            windows: settings.windows,
            step: settings.step,
            seconds,
            ms_per_series: seconds * 1000.0 / series.len().max(1) as f64,
            overall: merge(&series),
            series,
        }
    }
}
