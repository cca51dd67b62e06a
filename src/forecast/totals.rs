//! Scores of any number of series, added one by one.

use std::collections::BTreeMap;

use crate::backtest::{Backtest, BacktestSummary};
use crate::score::ModelScore;

/// What has been added so far; its size does not depend on the number of series.
#[derive(Debug, Clone, Default)]
pub struct BacktestTotals {
    series: usize,
    skipped: usize,
    models: BTreeMap<String, Total>,
}

/// Sums and counts of each score of one model.
#[derive(Debug, Clone, Default)]
struct Total {
    scores: [(f64, usize); 12],
    folds: usize,
}

impl BacktestTotals {
    /// Adds the scores of one series.
    pub fn add(&mut self, backtest: &Backtest) {
        if backtest.models.is_empty() {
            self.skipped += 1;
        } else {
            self.series += 1;
        }
        for (name, score) in &backtest.models {
            if !self.models.contains_key(name) {
                self.models.insert(name.clone(), Total::default());
            }
            if let Some(total) = self.models.get_mut(name) {
                total.add(score);
            }
        }
    }

    /// The mean over series of every score, per model; a score that a series lacks is left out of its mean.
    pub fn summary(&self) -> BacktestSummary {
        BacktestSummary {
            series: self.series,
            skipped: self.skipped,
            models: self.models.iter().map(|(name, total)| (name.clone(), total.mean())).collect(),
        }
    }
}

impl Total {
    fn add(&mut self, score: &ModelScore) {
        // taken apart whole, so that a new score cannot be forgotten here
        let ModelScore {
            mase,
            smape,
            wape,
            pinball,
            wql,
            crps,
            msis_95,
            coverage_50,
            coverage_80,
            coverage_95,
            bias,
            ms_per_series,
            folds,
        } = score;
        let scores = [
            mase,
            smape,
            wape,
            pinball,
            wql,
            crps,
            msis_95,
            coverage_50,
            coverage_80,
            coverage_95,
            bias,
            ms_per_series,
        ];
        for ((sum, count), score) in self.scores.iter_mut().zip(scores) {
            if let Some(score) = score {
                *sum += score;
                *count += 1;
            }
        }
        self.folds += folds;
    }

    fn mean(&self) -> ModelScore {
        let means = self.scores.map(|(sum, count)| (count > 0).then(|| sum / count as f64));
        let [
            mase,
            smape,
            wape,
            pinball,
            wql,
            crps,
            msis_95,
            coverage_50,
            coverage_80,
            coverage_95,
            bias,
            ms_per_series,
        ] = means;
        ModelScore {
            mase,
            smape,
            wape,
            pinball,
            wql,
            crps,
            msis_95,
            coverage_50,
            coverage_80,
            coverage_95,
            bias,
            ms_per_series,
            folds: self.folds,
        }
    }
}
