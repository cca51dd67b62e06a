//! Scores of forecasts against what came, by their official definitions.

use serde::{Deserialize, Serialize};

use crate::order::mean;

/// Scores of one model over the folds of one series, or averaged over many series.
///
/// `None` means that the score has no meaning here (a constant history has no MASE scale).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelScore {
    /// Mean absolute scaled error: scaled with the in-sample seasonal naive error (Hyndman & Koehler 2006).
    pub mase: Option<f64>,
    /// Symmetric mean absolute percentage error, percent, 0 to 200 (M4).
    pub smape: Option<f64>,
    /// Weighted absolute percentage error: sum of errors over sum of actuals, as a ratio.
    pub wape: Option<f64>,
    /// Mean pinball loss over the levels, in units of the series.
    pub pinball: Option<f64>,
    /// Twice the mean pinball loss over the levels, divided by the MASE scale.
    pub wql: Option<f64>,
    /// Continuous ranked probability score: twice the pinball loss over evenly spread levels, in units of the series.
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

/// Scores of a [`ModelScore`], its folds not counted.
const SCORES: usize = 12;

/// Scores averaged one by one: each over those that have it, and the folds added up.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScoreMeans {
    /// Sum and count of each score.
    sums: [(f64, usize); SCORES],
    folds: usize,
}

impl ScoreMeans {
    pub(crate) fn add(&mut self, score: &ModelScore) {
        for ((sum, count), score) in self.sums.iter_mut().zip(score.clone().each()) {
            if let Some(score) = score {
                *sum += *score;
                *count += 1;
            }
        }
        self.folds += score.folds;
    }

    pub(crate) fn score(&self) -> ModelScore {
        let mut means = ModelScore { folds: self.folds, ..ModelScore::default() };
        for (mean, (sum, count)) in means.each().into_iter().zip(self.sums) {
            *mean = (count > 0).then(|| sum / count as f64);
        }
        means
    }
}

/// Levels of the pinball loss (`pinball`, `wql`).
const PINBALL_LEVELS: [f64; 5] = [0.025, 0.1, 0.5, 0.9, 0.975];

/// Levels that every scored fold must have: those of the pinball loss, the intervals, and 5 % steps for CRPS.
pub(crate) const SCORED_LEVELS: [f64; 21] = [
    0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9,
    0.95, 0.975,
];

/// One origin: what was forecast and what came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fold<'a> {
    /// What came; `None` is not scored.
    pub(crate) actual: &'a [Option<f64>],
    /// Point forecast.
    pub(crate) path: &'a [f64],
    /// Quantile paths at [`SCORED_LEVELS`].
    pub(crate) quantiles: &'a [Vec<f64>],
    /// MASE scale at this origin.
    pub(crate) scale: Option<f64>,
}

impl ModelScore {
    /// Scores of one series over its folds.
    pub(crate) fn of(folds: &[Fold]) -> Self {
        let mut means = ScoreMeans::default();
        folds.iter().filter_map(Self::of_fold).for_each(|score| means.add(&score));
        means.score()
    }

    /// Scores of one fold; `None` when nothing came.
    fn of_fold(fold: &Fold) -> Option<Self> {
        let points: Vec<(usize, f64)> =
            fold.actual.iter().enumerate().filter_map(|(step, actual)| Some((step, (*actual)?))).collect();
        if points.is_empty() {
            return None;
        }
        let over = |score: &dyn Fn(usize, f64) -> f64| {
            mean(&points.iter().map(|(step, actual)| score(*step, *actual)).collect::<Vec<_>>())
        };
        let error = over(&|step, actual| (fold.path[step] - actual).abs());
        let size = over(&|_, actual| actual.abs());
        let smape = over(&|step, actual| {
            let both = fold.path[step].abs() + actual.abs();
            if both > 0.0 { 200.0 * (fold.path[step] - actual).abs() / both } else { 0.0 }
        });
        let pinball_at = |index: usize| {
            let level = SCORED_LEVELS[index];
            over(&|step, actual| {
                let short = actual - fold.quantiles[index][step];
                (level * short).max((level - 1.0) * short)
            })
        };
        let index_of = |level: f64| SCORED_LEVELS.iter().position(|known| *known == level).unwrap_or(0);
        let pinball = mean(&PINBALL_LEVELS.map(|level| pinball_at(index_of(level))));
        // The even levels are all but the first and the last.
        let crps = 2.0 * mean(&(1..SCORED_LEVELS.len() - 1).map(pinball_at).collect::<Vec<_>>());
        let inside = |low: f64, high: f64| {
            let (low, high) = (&fold.quantiles[index_of(low)], &fold.quantiles[index_of(high)]);
            over(&|step, actual| if low[step] <= actual && actual <= high[step] { 1.0 } else { 0.0 })
        };
        let interval_score = {
            let (low, high) = (&fold.quantiles[index_of(0.025)], &fold.quantiles[index_of(0.975)]);
            over(&|step, actual| {
                let outside = (low[step] - actual).max(0.0) + (actual - high[step]).max(0.0);
                high[step] - low[step] + 40.0 * outside
            })
        };
        let scaled = |value: f64| fold.scale.map(|scale| value / scale);
        let relative = |value: f64| (size > 0.0).then(|| value / size);
        Some(Self {
            mase: scaled(error),
            smape: Some(smape),
            wape: relative(error),
            pinball: Some(pinball),
            wql: scaled(2.0 * pinball),
            crps: Some(crps),
            msis_95: scaled(interval_score),
            coverage_50: Some(inside(0.25, 0.75)),
            coverage_80: Some(inside(0.1, 0.9)),
            coverage_95: Some(inside(0.025, 0.975)),
            bias: relative(over(&|step, actual| fold.path[step] - actual)),
            ms_per_series: None,
            folds: 1,
        })
    }

    /// Every score but the folds, in a fixed order.
    fn each(&mut self) -> [&mut Option<f64>; SCORES] {
        // Taken apart whole, so that a new score cannot be forgotten here.
        let Self {
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
            folds: _,
        } = self;
        [
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
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_their_definitions() {
        let quantiles: Vec<Vec<f64>> =
            SCORED_LEVELS.iter().map(|level| vec![100.0 + 40.0 * (level - 0.5); 2]).collect();
        let actual = [Some(100.0), Some(130.0)];
        let score = ModelScore::of(&[Fold {
            actual: &actual,
            path: &[100.0, 100.0],
            quantiles: &quantiles,
            scale: Some(10.0),
        }]);
        assert_eq!(score.mase, Some(1.5));
        assert!((score.smape.unwrap() - 100.0 * 30.0 / 230.0).abs() < 1e-12);
        assert_eq!((score.coverage_50, score.coverage_95), (Some(0.5), Some(0.5)));
        // Width 38, and 40 times the 11 by which 130 lies above 119, in half of the points; scaled by 10.
        assert!((score.msis_95.unwrap() - (38.0 + 40.0 * 11.0 / 2.0) / 10.0).abs() < 1e-9);
        assert!((score.bias.unwrap() + 30.0 / 230.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_measured_is_nothing_scored() {
        let quantiles = vec![vec![1.0]; SCORED_LEVELS.len()];
        let fold = Fold { actual: &[None], path: &[1.0], quantiles: &quantiles, scale: None };
        assert_eq!(ModelScore::of(&[fold]), ModelScore::default());
    }
}
