//! Conformal quantiles: the errors of the same forecast at earlier origins say how wrong it will be.

use crate::combine::Actuals;
use crate::order::{mean, sorted_quantile};
use crate::paths::normal_quantile;
use crate::recipe::RECIPE;
use crate::repetition::{ErrorSums, Repetition};

/// Own growth of errors over the horizon is believed within these exponents.
const GROWTH_RANGE: (f64, f64) = (0.0, 0.9);

/// Parts of the horizon whose sizes of error are compared.
const STRETCHES: usize = 4;

/// Phases of the season enter with this exponent: a quarter of what is seen is chance.
const PHASE_EXPONENT: f64 = 0.75;

/// Standardized residuals kept when the series' own quantiles are read off.
const FEWEST_OWN: usize = 20;

/// Quantiles of more residuals than about this are read off an even (odd-stepped) sample of them: sorting all of them
/// for every fold that is left out took a tenth of the time of a forecast.
const ENOUGH_OWN: usize = 128;

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
    /// Relative size of each phase of the season, starting at the first step ahead; mean about 1.
    phases: Vec<f64>,
    /// Number of folds that were seen.
    folds: usize,
    /// Share of a fold's squared error that was the same at every step, in the mean of the folds.
    steady: f64,
    /// Standardized residuals, or a sample of them, ascending.
    own: Vec<f64>,
}

/// What came at earlier origins, compared with what had been forecast: residuals by fold.
#[derive(Debug, Clone)]
pub(crate) struct Lessons {
    additive: Vec<FoldResiduals>,
    /// Of log ratios; `None` where one value at or below zero makes ratios mean nothing.
    ratio: Option<Vec<FoldResiduals>>,
    /// Season length (1: none).
    season: usize,
}

/// The residuals of one fold.
#[derive(Debug, Clone)]
struct FoldResiduals {
    steps: Vec<Residual>,
    stretches: [Stretch; STRETCHES],
    sums: ErrorSums,
}

/// Sums over a part of the horizon, from which the growth of errors is told.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    size: f64,
    log_step: f64,
    count: f64,
}

/// The error of one step.
#[derive(Debug, Clone, Copy)]
struct Residual {
    step: usize,
    /// Phase in the season, counted so that the forecast ahead starts at phase 0.
    phase: usize,
    value: f64,
}

impl Lessons {
    /// Compares paths at earlier origins with what came; `phases` are those of the folds' first steps.
    pub(crate) fn new(paths: &[Vec<f64>], actuals: &Actuals, phases: &[usize], season: usize) -> Self {
        let horizon = paths.iter().map(Vec::len).max().unwrap_or(0);
        let logs: Vec<f64> = (1..=horizon).map(|step| (step as f64).ln()).collect();
        let residuals = |error: fn(f64, f64) -> f64| {
            let fold = |((path, actual), phase): ((&Vec<f64>, &Vec<Option<f64>>), &usize)| {
                let phases = (0..season).cycle().skip(phase % season);
                let mut found = FoldResiduals {
                    steps: Vec::with_capacity(path.len()),
                    stretches: Default::default(),
                    sums: ErrorSums::default(),
                };
                for (step, ((path, actual), phase)) in path.iter().zip(actual).zip(phases).enumerate() {
                    let Some(actual) = actual else { continue };
                    let value = error(*actual, *path);
                    let stretch = &mut found.stretches[STRETCHES * step / horizon];
                    stretch.size += value.abs();
                    stretch.log_step += logs[step];
                    stretch.count += 1.0;
                    found.sums.add(value);
                    found.steps.push(Residual { step, phase, value });
                }
                found
            };
            paths.iter().zip(actuals).zip(phases).map(fold).collect()
        };
        let positive = |(path, actual): (&Vec<f64>, &Vec<Option<f64>>)| {
            path.iter().all(|value| *value > 0.0) && actual.iter().flatten().all(|value| *value > 0.0)
        };
        Self {
            additive: residuals(|actual, path| actual - path),
            ratio: paths
                .iter()
                .zip(actuals)
                .all(positive)
                .then(|| residuals(|actual, path| (actual / path).ln())),
            season,
        }
    }
}

impl Calibration {
    /// Learns from every fold but `left_out`, the nearest the most, and from how wrong a plain repetition was; `None` when
    /// they hold no residual.
    pub(crate) fn learn(lessons: &Lessons, repetition: &Repetition, left_out: Option<usize>) -> Option<Self> {
        let learn = |folds: &[FoldResiduals], repeated: Option<f64>| {
            let wanted = left_out.unwrap_or(folds.len());
            let weight = |fold: usize| RECIPE.intervals.fading.powf(wanted.abs_diff(fold) as f64);
            let others = folds.iter().enumerate().filter(|(fold, _)| Some(*fold) != left_out);
            let (weights, seen): (Vec<f64>, Vec<&FoldResiduals>) = others
                .filter(|(_, fold)| !fold.steps.is_empty())
                .map(|(place, fold)| (weight(place), fold))
                .unzip();
            Spread::learn(&seen, &weights, lessons.season, repeated)
        };
        Some(Self {
            additive: learn(&lessons.additive, repetition.additive(left_out))?,
            ratio: lessons.ratio.as_ref().and_then(|folds| learn(folds, repetition.ratio(left_out))),
        })
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
            folds: 0,
            steady: 1.0,
            own: Vec::new(),
        };
        Self { additive, ratio: None }
    }

    /// Quantile paths around a forecast whose first step has the given phase: one path a level.
    pub(crate) fn quantiles(&self, path: &[f64], levels: &[f64], phase: usize) -> Vec<Vec<f64>> {
        let sizes = self.additive.sizes(path.len(), phase);
        let ratio = self.ratio.as_ref().map(|ratio| (ratio, ratio.sizes(path.len(), phase)));
        levels
            .iter()
            .map(|level| {
                let additive = self.additive.standard(*level);
                let ratio = ratio.as_ref().map(|(spread, sizes)| (sizes, spread.standard(*level)));
                path.iter()
                    .enumerate()
                    .map(|(step, value)| {
                        let plain = value + sizes[step] * additive;
                        match ratio {
                            Some((sizes, standard)) if *value > 0.0 => {
                                let grown = value * (sizes[step] * standard).clamp(-5.0, 3.0).exp();
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
    fn learn(
        folds: &[&FoldResiduals],
        weights: &[f64],
        season: usize,
        repeated: Option<f64>,
    ) -> Option<Self> {
        let found = || folds.iter().flat_map(|fold| &fold.steps);
        let count: usize = folds.iter().map(|fold| fold.steps.len()).sum();
        let reach = folds.iter().filter_map(|fold| fold.steps.last()).map(|last| last.step + 1).max()?;
        let steady = mean(&folds.iter().map(|fold| fold.sums.steady()).collect::<Vec<_>>());
        let growth = growth_exponent(folds, steady);
        let grown = growth_by_step(reach, reach as f64, growth);
        let mut rests: Vec<f64> = Vec::with_capacity(count);
        rests.extend(found().map(|residual| residual.value / grown[residual.step]));
        let phases = phase_sizes(found().map(|residual| residual.phase).zip(&rests), season, folds.len());
        let mut by_fold = vec![ErrorSums::default(); folds.len()];
        let places =
            folds.iter().enumerate().flat_map(|(place, fold)| std::iter::repeat_n(place, fold.steps.len()));
        for ((rest, residual), place) in rests.iter_mut().zip(found()).zip(places) {
            *rest /= phases[residual.phase];
            by_fold[place].add(*rest);
        }
        let few = (1.0 + RECIPE.intervals.few_folds / folds.len() as f64).sqrt();
        // What was hard to forecast lately still is: sizes of errors change slowly, and the far past says little.
        let recent = by_fold
            .iter()
            .zip(weights)
            .fold(ErrorSums::default(), |sum, (errors, weight)| sum.plus(*weight, *errors));
        let seen = recent.size();
        let size = few * believed_size(seen, &by_fold, weights, repeated);
        // The shape keeps what was uncertain before: divided by the size of all folds alike, it narrows where the newest
        // were easy, and wql rises by 0.3 % on the tuned sets. An odd step meets every phase of an even season.
        let step = (count / ENOUGH_OWN) | 1;
        let mut own: Vec<f64> = rests.iter().step_by(step).map(|rest| rest / size).collect();
        if seen > 0.0 {
            own.sort_unstable_by(f64::total_cmp);
        } else {
            own.clear();
        }
        Some(Self { size, growth, reach: reach as f64, phases, folds: folds.len(), steady, own })
    }

    /// Size of the error at each of `steps` steps, the first of which has the given phase.
    fn sizes(&self, steps: usize, phase: usize) -> Vec<f64> {
        let mut sizes = growth_by_step(steps, self.reach, self.growth);
        let phases = self.phases.iter().cycle().skip(phase % self.phases.len());
        sizes.iter_mut().zip(phases).for_each(|(size, phase)| *size *= self.size * phase);
        sizes
    }

    /// Standardized error at a level: the pooled table, mixed with the series' own by its number of folds:
    /// residuals of one fold are much alike. That they lean to one side is believed the less, the more they are:
    /// a few folds that were too low throughout say nothing of the next.
    fn standard(&self, level: f64) -> f64 {
        let pooled = interpolate(&RECIPE.intervals.levels, &RECIPE.intervals.quantiles, level);
        if self.own.len() < FEWEST_OWN {
            return pooled;
        }
        let folds = self.folds as f64;
        let share = folds / (folds + RECIPE.intervals.own_folds);
        let lean_share = share * folds / (folds + RECIPE.intervals.lean_folds * self.steady);
        let [there, across] = [level, 1.0 - level].map(|level| sorted_quantile(&self.own, level));
        share * 0.5 * (there - across) + lean_share * 0.5 * (there + across) + (1.0 - share) * pooled
    }
}

/// The size of errors as the folds show it with these weights, drawn towards what a plain repetition lets expect: the less,
/// the more alike the folds are and the more of them have a say (empirical Bayes, on the logarithm).
fn believed_size(own: f64, by_fold: &[ErrorSums], weights: &[f64], repeated: Option<f64>) -> f64 {
    let Some(repeated) = repeated else { return own };
    let recipe = &RECIPE.intervals;
    // Folds without any error lay before whatever history has to tell of errors (a launch).
    if own <= 0.0 {
        return recipe.expected_share * repeated;
    }
    let means = by_fold.iter().map(|errors| errors.mean());
    let logs: Vec<f64> = means.filter(|mean| *mean > 0.0).map(f64::ln).collect();
    let centre = mean(&logs);
    let squares: f64 = logs.iter().map(|log| (log - centre).powi(2)).sum();
    let variance = (squares + recipe.fold_variance * recipe.usual_folds)
        / (logs.len().saturating_sub(1) as f64 + recipe.usual_folds);
    // Folds of unequal weight are as good as so many of equal weight (Kish 1965).
    let folds =
        weights.iter().sum::<f64>().powi(2) / weights.iter().map(|weight| weight * weight).sum::<f64>();
    let share = recipe.expected_variance / (recipe.expected_variance + variance / folds);
    own.powf(share) * (recipe.expected_share * repeated).powf(1.0 - share)
}

/// Size of each step's error against that at `reach`.
fn growth_by_step(steps: usize, reach: f64, growth: f64) -> Vec<f64> {
    (1..=steps).map(|step| (step as f64 / reach).powf(growth)).collect()
}

/// Slope of log size over log step, from four stretches of the horizon, shrunk towards the recipe's: errors that add up
/// from step to step keep their sign, and grow.
fn growth_exponent(folds: &[&FoldResiduals], steady: f64) -> f64 {
    let recipe = &RECIPE.intervals;
    let expected = recipe.growth + recipe.growth_of_steady * steady;
    let points: Vec<(f64, f64)> = (0..STRETCHES)
        .map(|place| {
            folds.iter().map(|fold| fold.stretches[place]).fold(Stretch::default(), |sum, stretch| Stretch {
                size: sum.size + stretch.size,
                log_step: sum.log_step + stretch.log_step,
                count: sum.count + stretch.count,
            })
        })
        .filter(|stretch| stretch.size > 0.0)
        .map(|stretch| (stretch.log_step / stretch.count, (stretch.size / stretch.count).ln()))
        .collect();
    if points.len() < 3 {
        return expected;
    }
    let count = points.len() as f64;
    let (x, y) =
        points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let shared: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let square: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let own = (shared / square.max(1e-12)).clamp(GROWTH_RANGE.0, GROWTH_RANGE.1);
    let folds = folds.len() as f64;
    let share = folds / (folds + recipe.growth_folds);
    share * own + (1.0 - share) * expected
}

/// Relative size by phase, smoothed over neighbours; 1 when there is too little to tell them apart.
fn phase_sizes<'a>(rests: impl Iterator<Item = (usize, &'a f64)>, season: usize, folds: usize) -> Vec<f64> {
    let none = || vec![1.0; season.max(1)];
    if season < 2 || folds < 3 {
        return none();
    }
    let mut sums = vec![(0.0, 0.0); season];
    for (phase, rest) in rests {
        sums[phase].0 += rest.abs();
        sums[phase].1 += 1.0;
    }
    let (total, count) = sums.iter().fold((0.0, 0.0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
    let overall = total / count;
    if count < (3 * season) as f64 || total <= 0.0 {
        return none();
    }
    let width = (season / 12) as isize;
    let around = |phase: usize| {
        (-width..=width)
            .map(|offset| sums[(phase as isize + offset).rem_euclid(season as isize) as usize])
            .fold((0.0, 0.0), |total, near| (total.0 + near.0, total.1 + near.1))
    };
    let sizes: Vec<f64> = (0..season)
        .map(around)
        .map(|(sum, count)| ((sum + 2.0 * overall) / (count + 2.0) / overall).powf(PHASE_EXPONENT))
        .collect();
    let centre = mean(&sizes);
    sizes.iter().map(|size| size / centre).collect()
}

/// Linear between the table's points; beyond them as the normal distribution goes on.
fn interpolate(levels: &[f64], values: &[f64], level: f64) -> f64 {
    let after = levels.partition_point(|known| *known < level);
    match (after.checked_sub(1), levels.get(after)) {
        (Some(before), Some(next)) => {
            let share = (level - levels[before]) / (next - levels[before]);
            values[before] + share * (values[after] - values[before])
        }
        (None, _) => beyond(levels.first(), values.first(), level),
        (_, None) => beyond(levels.last(), values.last(), level),
    }
}

fn beyond(end: Option<&f64>, value: Option<&f64>, level: f64) -> f64 {
    let (Some(end), Some(value)) = (end, value) else { return 0.0 };
    value * normal_quantile(level) / normal_quantile(*end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folds::Folds;
    use crate::promises::noise;
    use crate::seasons::Seasons;

    fn unknown() -> Repetition {
        let (folds, seasons) =
            (Folds { origins: vec![0; 8], horizon: 1 }, Seasons { cycles: Vec::new(), year: None });
        Repetition::new(&[], &folds, &seasons)
    }

    #[test]
    fn levels_beyond_the_table_are_further_out() {
        let table = &RECIPE.intervals;
        let at = |level: f64| interpolate(&table.levels, &table.quantiles, level);
        assert_eq!(at(0.995), 3.8);
        assert!(at(0.9999) > 5.0 && at(0.0001) < -5.0, "{} {}", at(0.9999), at(0.0001));
    }

    /// What folds with these errors around zero teach.
    fn lessons(folds: usize, steps: usize, error: impl Fn(usize, usize) -> f64) -> Lessons {
        let actual = |fold| (0..steps).map(|step| Some(error(fold, step))).collect();
        let actuals: Actuals = (0..folds).map(actual).collect();
        Lessons::new(&vec![vec![0.0; steps]; folds], &actuals, &vec![0; folds], 1)
    }

    /// Four folds, each with one error of this size.
    fn one_error_each(sizes: [f64; 4]) -> [ErrorSums; 4] {
        sizes.map(|size| {
            let mut errors = ErrorSums::default();
            errors.add(size);
            errors
        })
    }

    #[test]
    fn folds_that_differ_leave_more_to_what_is_expected() {
        let size = |sizes, repeated| believed_size(2.0, &one_error_each(sizes), &[1.0; 4], repeated);
        let (alike, differing) = ([2.0; 4], [0.1, 0.1, 0.1, 7.7]);
        assert_eq!(size(alike, None), 2.0);
        let expected = 1.0 / RECIPE.intervals.expected_share;
        let (steady, unsteady) = (size(alike, Some(expected)), size(differing, Some(expected)));
        assert!(1.0 < unsteady && unsteady < steady && steady < 2.0, "{unsteady} {steady}");
        let unseen = believed_size(0.0, &one_error_each([0.0; 4]), &[1.0; 4], Some(1.0));
        assert_eq!(unseen, RECIPE.intervals.expected_share, "no error at the folds does not rule out errors");
    }

    #[test]
    fn eighty_percent_of_like_errors_fall_into_the_eighty_percent_interval() {
        let paths = vec![vec![100.0; 50]; 6];
        let actuals: Actuals = (0..6)
            .map(|fold| (0..50).map(|step| Some(100.0 + 10.0 * noise(fold * 50 + step))).collect())
            .collect();
        let lessons = Lessons::new(&paths, &actuals, &[0; 6], 1);
        let quantiles = Calibration::learn(&lessons, &unknown(), None).unwrap().quantiles(
            &vec![100.0; 50],
            &[0.1, 0.9],
            0,
        );
        let inside = (0..50)
            .filter(|step| {
                (quantiles[0][*step]..quantiles[1][*step]).contains(&(100.0 + 10.0 * noise(1000 + step)))
            })
            .count();
        assert!((30..=48).contains(&inside), "{inside} of 50");
    }

    #[test]
    fn what_was_hard_lately_is_in_more_doubt_than_what_was_hard_once() {
        let widest = |hard: std::ops::Range<usize>, left_out: Option<usize>| {
            let error = |fold: usize, step: usize| {
                noise(fold * 20 + step) * if hard.contains(&fold) { 5.0 } else { 1.0 }
            };
            let learnt = Calibration::learn(&lessons(8, 20, error), &unknown(), left_out).unwrap();
            learnt.quantiles(&[0.0; 20], &[0.9], 0)[0][19]
        };
        assert!(widest(6..8, None) > 1.5 * widest(0..2, None));
        // Seen from a fold that is left out, the near ones are those around it.
        assert!(widest(0..2, Some(1)) > 1.2 * widest(0..2, Some(6)));
    }

    #[test]
    fn folds_too_high_throughout_lean_less_than_errors_that_are_high_each_on_its_own() {
        // Five of eight are high, by the fold or by the step.
        let lean = |high: fn(usize, usize) -> usize| {
            let error = |fold, step| if high(fold, step) % 8 < 5 { 1.0 } else { -1.0 };
            let learnt = Calibration::learn(&lessons(8, 40, error), &unknown(), None).unwrap();
            learnt.quantiles(&[0.0; 40], &[0.5], 0)[0][39]
        };
        let (by_fold, by_step) = (lean(|fold, _| fold), lean(|fold, step| 3 * step + fold));
        assert!(0.0 < by_fold && by_fold < 0.6 * by_step, "{by_fold} {by_step}");
    }

    #[test]
    fn errors_that_keep_their_sign_are_expected_to_grow() {
        // Too few stretches to see growth in.
        let growth = |error: fn(usize) -> f64| {
            let lessons = lessons(8, 2, |fold, step| error(fold + step));
            Calibration::learn(&lessons, &unknown(), None).unwrap().additive.growth
        };
        let recipe = &RECIPE.intervals;
        assert_eq!(growth(|at| if at % 2 == 0 { 1.0 } else { -1.0 }), recipe.growth);
        assert_eq!(growth(|_| 1.0), recipe.growth + recipe.growth_of_steady);
    }

    #[test]
    fn the_fewer_folds_have_a_say_the_less_they_are_believed() {
        let by_fold = one_error_each([2.0; 4]);
        let size = |weights: [f64; 4]| believed_size(2.0, &by_fold, &weights, Some(1.0));
        let (one, four) = (size([1.0, 0.0, 0.0, 0.0]), size([1.0; 4]));
        assert!(RECIPE.intervals.expected_share < one && one < four && four < 2.0, "{one} {four}");
        assert_eq!(size([3.0; 4]), four);
    }

    #[test]
    fn errors_that_grow_widen_with_the_horizon() {
        let error = |fold: usize, step: usize| noise(fold * 40 + step) * ((step + 1) as f64).sqrt();
        let lessons = lessons(5, 40, error);
        let quantiles =
            Calibration::learn(&lessons, &unknown(), None).unwrap().quantiles(&vec![0.0; 80], &[0.9], 0);
        assert!(quantiles[0][79] > 1.2 * quantiles[0][39] && quantiles[0][39] > 2.0 * quantiles[0][0]);
    }
}
