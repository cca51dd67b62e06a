//! Forecasts as they travel: never without interval, score and baseline.

use serde::{Deserialize, Serialize};

use crate::Grid;

/// One model inside a combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Member {
    /// Model name (`ets`, `theta`, `mstl`, …).
    pub model: String,
    /// Weight in the combination, 0 to 1.
    pub weight: f64,
    /// Its own backtest MASE, if it could be scored.
    pub mase: Option<f64>,
}

/// Scores of a backtest over rolling origins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Accuracy {
    /// Mean absolute scaled error (Hyndman & Koehler 2006).
    pub mase: Option<f64>,
    /// Symmetric mean absolute percentage error, in percent (M4 definition, 0 to 200).
    pub smape: f64,
    /// Weighted absolute percentage error, as a ratio.
    pub wape: Option<f64>,
    /// Mean pinball loss over the quantile levels, divided by the mean absolute actual.
    pub wql: Option<f64>,
    /// Share of actuals inside the 50, 80 and 95 % intervals, as ratios.
    pub coverage: [Option<f64>; 3],
    /// Mean error over mean absolute actual: above 0 the forecast was too high.
    pub bias: Option<f64>,
    /// Number of origins scored.
    pub folds: usize,
}

/// What a forecast is made of, for people to read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Components {
    /// Level and growth per step.
    pub trend: Vec<f64>,
    /// Sum of the seasonal parts per step.
    pub seasonal: Vec<f64>,
    /// Multiplier of announced events per step (1 = none).
    pub event_multiplier: Vec<f64>,
}

/// One series' forecast: quantiles on a grid, with its score and the baseline's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Forecast {
    /// The series.
    pub unique_id: String,
    /// When each step is true; index 0 is the first step after history.
    pub grid: Grid,
    /// Mean per step.
    pub mean: Vec<f64>,
    /// Quantile levels, ascending, each in (0, 1).
    pub levels: Vec<f64>,
    /// `quantiles[i][t]`: level `i` at step `t`; never crossing.
    pub quantiles: Vec<Vec<f64>>,
    /// The combination, heaviest member first.
    pub members: Vec<Member>,
    /// Why these members, in one sentence.
    pub reason: String,
    /// Backtest score of this forecast; `None` when history is too short for one fold.
    pub accuracy: Option<Accuracy>,
    /// Backtest score of seasonal naive on the same folds.
    pub baseline: Option<Accuracy>,
    /// MASE by step of the horizon, where scored.
    pub mase_by_step: Vec<Option<f64>>,
    /// What it is made of.
    pub components: Components,
    /// What a reader must know (too short, gaps, constant, …).
    pub warnings: Vec<String>,
}

impl Forecast {
    /// The quantile path nearest to `level`.
    ///
    /// Returns `None` only when the forecast has no quantile at all.
    pub fn quantile(&self, level: f64) -> Option<&[f64]> {
        let distance = |index: &usize| (self.levels[*index] - level).abs();
        let nearest = (0..self.levels.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        self.quantiles.get(nearest).map(Vec::as_slice)
    }

    /// Sum of the first `steps` steps of the quantile path nearest to `level`; `None` beyond the horizon.
    ///
    /// This takes the steps as moving together: wider than for independent steps, and right for errors of level, which
    /// dominate a month.
    pub fn total(&self, level: f64, steps: usize) -> Option<f64> {
        Some(self.quantile(level)?.get(..steps)?.iter().sum())
    }

    /// Number of steps.
    pub fn horizon(&self) -> usize {
        self.mean.len()
    }
}
