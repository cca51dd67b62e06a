//! Conformal quantiles: the errors of the same forecast at earlier origins say how wrong it will be.

use crate::combine::Actuals;
use crate::order::{mean, sorted_quantile};
use crate::recipe::RECIPE;

/// Own growth of errors over the horizon is believed within these exponents.
const GROWTH_RANGE: (f64, f64) = (0.0, 0.9);

/// Phases of the season enter with this exponent: half of what is seen is chance.
const PHASE_EXPONENT: f64 = 0.5;

/// Standardized residuals kept when the series' own quantiles are read off.
const FEWEST_OWN: usize = 20;

/// How the errors of one forecast are distributed, in units of the history.
#[derive(Debug, Clone)]
pub(crate) struct Calibration {
    additive: Spread,
    /// Of log ratios, where the forecast and everything measured is above zero.
    ratio: Option<Spread>,
}

/// Errors on one scale.
#[derive(Debug, Clone)]
struct Spread {
    /// Size of the error at the last scored step.
    size: f64,
    /// Growth exponent over the steps.
    growth: f64,
    /// Last scored step.
    reach: f64,
    /// Relative size by phase of the season, starting at the first step ahead; mean about 1.
    phases: Vec<f64>,
    /// Standardized residuals, ascending.
    own: Vec<f64>,
}

/// What a calibration is learned from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lessons<'a> {
    /// Forecast paths at earlier origins.
    pub(crate) paths: &'a [Vec<f64>],
    /// What came.
    pub(crate) actuals: &'a Actuals,
    /// A fold that is not to be looked at.
    pub(crate) left_out: Option<usize>,
    /// Phase of each fold's first step in the season, counted so that the forecast ahead starts at phase 0.
    pub(crate) phases: &'a [usize],
    /// Season length (1: none).
    pub(crate) season: usize,
}

impl Calibration {
    /// Learns from earlier origins; `None` when they hold no residual.
    pub(crate) fn learn(lessons: Lessons) -> Option<Self> {
        let additive = Spread::learn(lessons, |actual, path| Some(actual - path))?;
        let positive = |value: f64| (value > 0.0).then(|| value.ln());
        // One value at or below zero and ratios mean nothing for the series.
        let defined = lessons.actuals.iter().zip(lessons.paths).all(|(actual, path)| {
            actual
                .iter()
                .zip(path)
                .all(|(actual, path)| *path > 0.0 && actual.is_none_or(|actual| actual > 0.0))
        });
        let ratio = defined
            .then(|| Spread::learn(lessons, |actual, path| Some(positive(actual)? - positive(path)?)))
            .flatten();
        Some(Self { additive, ratio })
    }

    /// Without any fold: errors as large as the changes over a season.
    pub(crate) fn from_changes(history: &[f64], season: usize) -> Self {
        let changes: Vec<f64> =
            (season..history.len()).map(|index| (history[index] - history[index - season]).abs()).collect();
        let additive = Spread {
            size: 1.25 * mean(&changes),
            growth: 0.5,
            reach: season.max(1) as f64,
            phases: vec![1.0],
            own: Vec::new(),
        };
        Self { additive, ratio: None }
    }

    /// Quantile paths around a forecast whose first step has the given phase: one path a level.
    pub(crate) fn quantiles(&self, path: &[f64], levels: &[f64], phase: usize) -> Vec<Vec<f64>> {
        levels
            .iter()
            .map(|level| {
                let additive = self.additive.standard(*level);
                let ratio = self.ratio.as_ref().map(|ratio| (ratio, ratio.standard(*level)));
                path.iter()
                    .enumerate()
                    .map(|(step, value)| {
                        let plain = value + self.additive.size_at(step, phase) * additive;
                        match ratio {
                            Some((spread, standard)) if *value > 0.0 => {
                                let grown =
                                    value * (spread.size_at(step, phase) * standard).clamp(-5.0, 3.0).exp();
                                0.5 * (plain + grown)
                            }
                            _ => plain,
                        }
                    })
                    .collect()
            })
            .collect()
    }
}

impl Spread {
    fn learn(lessons: Lessons, residual: impl Fn(f64, f64) -> Option<f64>) -> Option<Self> {
        let Lessons { paths, actuals, left_out, phases, season } = lessons;
        let mut found: Vec<(usize, usize, f64)> = Vec::new();
        let mut folds = 0_usize;
        for (fold, (path, actual)) in paths.iter().zip(actuals).enumerate() {
            if Some(fold) == left_out {
                continue;
            }
            folds += 1;
            for (step, (predicted, actual)) in path.iter().zip(actual).enumerate() {
                if let Some(residual) = actual.and_then(|actual| residual(actual, *predicted)) {
                    found.push((step, (phases[fold] + step) % season, residual));
                }
            }
        }
        let reach = found.iter().map(|(step, ..)| step + 1).max()? as f64;
        let growth = growth_exponent(&found, reach, folds);
        let grown = |step: usize| ((step + 1) as f64 / reach).powf(growth);
        let flat: Vec<(usize, f64)> =
            found.iter().map(|(step, phase, residual)| (*phase, residual / grown(*step))).collect();
        let phase_sizes = phase_sizes(&flat, season, folds);
        let rests: Vec<f64> =
            flat.iter().map(|(phase, rest)| rest / phase_sizes[phase % phase_sizes.len()]).collect();
        let absolute = mean(&rests.iter().map(|rest| rest.abs()).collect::<Vec<_>>());
        let square = mean(&rests.iter().map(|rest| rest * rest).collect::<Vec<_>>()).sqrt();
        let size = 0.5 * square + 0.5 * absolute;
        let mut own: Vec<f64> =
            if size > 0.0 { rests.iter().map(|rest| rest / size).collect() } else { Vec::new() };
        own.sort_by(f64::total_cmp);
        Some(Self { size, growth, reach, phases: phase_sizes, own })
    }

    fn size_at(&self, step: usize, phase: usize) -> f64 {
        let phase = self.phases[(phase + step) % self.phases.len()];
        self.size * phase * ((step + 1) as f64 / self.reach).powf(self.growth)
    }

    /// Standardized error at a level: the pooled table, mixed with the series' own by its number of residuals.
    fn standard(&self, level: f64) -> f64 {
        let pooled = interpolate(&RECIPE.intervals.levels, &RECIPE.intervals.quantiles, level);
        if self.own.len() < FEWEST_OWN {
            return pooled;
        }
        let share = self.own.len() as f64 / (self.own.len() as f64 + RECIPE.intervals.own);
        share * sorted_quantile(&self.own, level) + (1.0 - share) * pooled
    }
}

/// Slope of log size over log step, from four stretches of the horizon, shrunk towards the recipe's.
fn growth_exponent(found: &[(usize, usize, f64)], reach: f64, folds: usize) -> f64 {
    let recipe = &RECIPE.intervals;
    let stretches = 4;
    let mut sums = vec![(0.0, 0.0, 0_usize); stretches];
    for (step, _, residual) in found {
        let place = ((*step as f64 / reach) * stretches as f64) as usize;
        let stretch = &mut sums[place.min(stretches - 1)];
        stretch.0 += residual.abs();
        stretch.1 += ((step + 1) as f64).ln();
        stretch.2 += 1;
    }
    let points: Vec<(f64, f64)> = sums
        .iter()
        .filter(|(size, _, count)| *count > 0 && *size > 0.0)
        .map(|(size, log_step, count)| (log_step / *count as f64, (size / *count as f64).ln()))
        .collect();
    if points.len() < 3 {
        return recipe.growth;
    }
    let count = points.len() as f64;
    let (x, y) =
        points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let shared: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let square: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let own = (shared / square.max(1e-12)).clamp(GROWTH_RANGE.0, GROWTH_RANGE.1);
    let share = folds as f64 / (folds as f64 + recipe.growth_folds);
    share * own + (1.0 - share) * recipe.growth
}

/// Relative size by phase, smoothed over neighbours; one phase when there is too little to tell them apart.
fn phase_sizes(flat: &[(usize, f64)], season: usize, folds: usize) -> Vec<f64> {
    let overall = mean(&flat.iter().map(|(_, rest)| rest.abs()).collect::<Vec<_>>());
    if season < 2 || folds < 3 || flat.len() < 3 * season || overall <= 0.0 {
        return vec![1.0];
    }
    let mut sums = vec![(0.0, 0.0); season];
    let width = (season / 12) as isize;
    for (phase, rest) in flat {
        for offset in -width..=width {
            let near = (*phase as isize + offset).rem_euclid(season as isize) as usize;
            sums[near].0 += rest.abs();
            sums[near].1 += 1.0;
        }
    }
    let sizes: Vec<f64> = sums
        .iter()
        .map(|(sum, count)| ((sum + 2.0 * overall) / (count + 2.0) / overall).powf(PHASE_EXPONENT))
        .collect();
    let centre = mean(&sizes);
    sizes.iter().map(|size| size / centre).collect()
}

/// Linear between the table's points, its ends beyond.
fn interpolate(levels: &[f64], values: &[f64], level: f64) -> f64 {
    let after = levels.partition_point(|known| *known < level);
    match (after.checked_sub(1), levels.get(after)) {
        (Some(before), Some(next)) => {
            let share = (level - levels[before]) / (next - levels[before]);
            values[before] + share * (values[after] - values[before])
        }
        (None, _) => values.first().copied().unwrap_or(0.0),
        (_, None) => values.last().copied().unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(index: usize) -> f64 {
        ((index as f64 * 12.9898).sin() * 43_758.547).fract()
    }

    #[test]
    fn eighty_percent_of_like_errors_fall_into_the_eighty_percent_interval() {
        let paths = vec![vec![100.0; 50]; 6];
        let actuals: Actuals = (0..6)
            .map(|fold| (0..50).map(|step| Some(100.0 + 10.0 * noise(fold * 50 + step))).collect())
            .collect();
        let lessons =
            Lessons { paths: &paths, actuals: &actuals, left_out: None, phases: &[0; 6], season: 1 };
        let quantiles = Calibration::learn(lessons).unwrap().quantiles(&vec![100.0; 50], &[0.1, 0.9], 0);
        let inside = (0..50)
            .filter(|step| {
                (quantiles[0][*step]..quantiles[1][*step]).contains(&(100.0 + 10.0 * noise(1000 + step)))
            })
            .count();
        assert!((30..=48).contains(&inside), "{inside} of 50");
    }

    #[test]
    fn errors_that_grow_widen_with_the_horizon() {
        let paths = vec![vec![0.0; 40]; 5];
        let actuals: Actuals = (0..5)
            .map(|fold| {
                (0..40).map(|step| Some(noise(fold * 40 + step) * ((step + 1) as f64).sqrt())).collect()
            })
            .collect();
        let lessons =
            Lessons { paths: &paths, actuals: &actuals, left_out: None, phases: &[0; 5], season: 1 };
        let quantiles = Calibration::learn(lessons).unwrap().quantiles(&vec![0.0; 80], &[0.9], 0);
        assert!(quantiles[0][79] > 1.2 * quantiles[0][39] && quantiles[0][39] > 2.0 * quantiles[0][0]);
    }
}
