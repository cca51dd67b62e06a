//! Scores of any number of series, added one by one.

use std::collections::BTreeMap;

use crate::backtest::{Backtest, BacktestSummary};
use crate::score::ScoreMeans;

/// What has been added so far; its size does not depend on the number of series.
#[derive(Debug, Clone, Default)]
pub struct BacktestTotals {
    series: usize,
    skipped: usize,
    models: BTreeMap<String, ScoreMeans>,
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
                self.models.insert(name.clone(), ScoreMeans::default());
            }
            if let Some(means) = self.models.get_mut(name) {
                means.add(score);
            }
        }
    }

    /// The mean over series of every score, per model; a score that a series lacks is left out of its mean.
    pub fn summary(&self) -> BacktestSummary {
        BacktestSummary {
            series: self.series,
            skipped: self.skipped,
            models: self.models.iter().map(|(name, means)| (name.clone(), means.score())).collect(),
        }
    }
}
