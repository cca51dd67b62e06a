//! The combination: members weighted by their backtest errors, joined around the weighted median.

use crate::recipe::RECIPE;

/// One member's forecasts: one path a fold, then the path ahead.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) name: &'static str,
    /// One path a fold, oldest first; empty where history was too short for the member.
    pub(crate) folds: Vec<Vec<f64>>,
    /// The path of the request.
    pub(crate) ahead: Vec<f64>,
}

/// What came in each fold; `None` where nothing usual was measured.
pub(crate) type Actuals = Vec<Vec<Option<f64>>>;

/// Mean absolute error of each member (outer) in each fold (inner); `None` where the member did not apply.
pub(crate) type Errors = Vec<Vec<Option<f64>>>;

/// The errors of members that were tried at the folds.
pub(crate) fn errors(runs: &[Run], actuals: &Actuals) -> Errors {
    let fold_error = |(path, actual): (&Vec<f64>, &Vec<Option<f64>>)| {
        let (mut sum, mut count) = (0.0, 0_usize);
        for (predicted, actual) in path.iter().zip(actual) {
            if let Some(actual) = actual {
                sum += (predicted - actual).abs();
                count += 1;
            }
        }
        (!path.is_empty()).then_some(if count == 0 { 0.0 } else { sum / count as f64 })
    };
    runs.iter().map(|run| run.folds.iter().zip(actuals).map(fold_error).collect()).collect()
}

/// Weights that add up to 1, from every fold but `left_out`, of members that forecast that fold.
///
/// A member that applied to the latest folds alone is taken to have been as much better or worse before as it was
/// there, against the best of the members that always applied; the fewer the folds, the less of a lead is believed.
pub(crate) fn weights(errors: &[Vec<Option<f64>>], left_out: Option<usize>) -> Vec<f64> {
    let recipe = &RECIPE.combination;
    let seen = |folds: &Vec<Option<f64>>| -> Vec<Option<f64>> {
        let others = folds.iter().enumerate().filter(|(fold, _)| Some(*fold) != left_out);
        others.map(|(_, error)| *error).collect()
    };
    let total = |folds: &[Option<f64>]| folds.iter().copied().sum::<Option<f64>>();
    let candidates: Vec<Vec<Option<f64>>> = errors.iter().map(seen).collect();
    let complete = candidates.iter().filter_map(|folds| Some((total(folds)?, folds)));
    let Some((best, leader)) = complete.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return vec![1.0 / errors.len() as f64; errors.len()];
    };
    // A floor keeps a perfect member from dividing by zero.
    let floor = best.max(1e-9);
    let late = |folds: &[Option<f64>]| {
        let both: Vec<(f64, f64)> =
            folds.iter().zip(leader).filter_map(|(own, leader)| (*own).zip(*leader)).collect();
        let (own, other) = both.iter().fold((0.0, 0.0), |sum, (own, other)| (sum.0 + own, sum.1 + other));
        let count = both.len() as f64;
        let ratio = own.max(1e-9) / other.max(1e-9);
        (count > 0.0).then(|| ratio.powf(count / (count + recipe.late_folds)))
    };
    // Error against that of the best member that always applied.
    let score = |folds: &[Option<f64>]| match total(folds) {
        Some(sum) => Some(sum.max(floor) / floor),
        None => late(folds),
    };
    let weight = |(folds, all): (&Vec<Option<f64>>, &Vec<Option<f64>>)| {
        let applied = left_out.is_none_or(|fold| all[fold].is_some());
        score(folds).filter(|_| applied).map_or(0.0, |score| score.powf(-recipe.power))
    };
    let mut weights: Vec<f64> = candidates.iter().zip(errors).map(weight).collect();
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    weights
        .iter_mut()
        .filter(|weight| **weight < recipe.least_share * heaviest)
        .for_each(|weight| *weight = 0.0);
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    weights
}

/// Joins the members' paths: at each step the mean of the middle band of the weight.
pub(crate) fn join<'a>(
    paths: impl Iterator<Item = &'a Vec<f64>>,
    weights: &[f64],
    horizon: usize,
) -> Vec<f64> {
    let chosen: Vec<(&Vec<f64>, f64)> = paths
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(path, weight)| (path, *weight))
        .collect();
    let mut column: Vec<(f64, f64)> = Vec::with_capacity(chosen.len());
    (0..horizon)
        .map(|step| {
            column.clear();
            column.extend(chosen.iter().map(|(path, weight)| (path[step], *weight)));
            column.sort_by(|a, b| a.0.total_cmp(&b.0));
            middle(&column)
        })
        .collect()
}

/// Mean of the values within the band around the weighted median; `column` ascending, weights adding up to 1.
fn middle(column: &[(f64, f64)]) -> f64 {
    let half = (RECIPE.combination.band / 2.0).max(1e-6);
    let (low, high) = (0.5 - half, 0.5 + half);
    let (mut below, mut sum, mut weight_in_band) = (0.0, 0.0, 0.0);
    for (value, weight) in column {
        let inside = (below + weight).min(high) - f64::max(below, low);
        if inside > 0.0 {
            sum += inside * value;
            weight_in_band += inside;
        }
        below += weight;
    }
    if weight_in_band > 0.0 { sum / weight_in_band } else { column.last().map_or(0.0, |(value, _)| *value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn always(errors: &[[f64; 2]]) -> Errors {
        errors.iter().map(|folds| folds.map(Some).to_vec()).collect()
    }

    #[test]
    fn better_members_weigh_more_and_hopeless_ones_nothing() {
        let errors = always(&[[1.1, 1.1], [1.0, 1.0], [1.2, 1.2], [9.0, 9.0]]);
        let weights = weights(&errors, None);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[1] > weights[2] && weights[3] == 0.0, "{weights:?}");
    }

    #[test]
    fn a_fold_that_is_left_out_has_no_say() {
        let errors = always(&[[9.0, 9.0], [1.0, 0.0], [0.0, 100.0]]);
        assert_eq!(weights(&errors, Some(1)), [0.0, 0.0, 1.0]);
        assert_eq!(weights(&errors[..1], None), [1.0]);
    }

    #[test]
    fn a_member_that_came_late_is_judged_by_the_folds_it_saw() {
        let errors: Errors = vec![
            vec![Some(1.0); 4],
            vec![Some(1.0); 4],
            vec![Some(1.2); 4],
            vec![None, None, Some(0.5), Some(0.5)],
            vec![None, None, Some(2.0), Some(2.0)],
        ];
        let all = weights(&errors, None);
        assert!(all[3] > all[1] && all[1] > all[2] && all[2] > all[4] && all[4] > 0.0, "{all:?}");
        let first = weights(&errors, Some(0));
        assert!(first[3] == 0.0 && first[1] > first[2], "it has no say where it did not apply: {first:?}");
        // Half as wrong on two folds is less than half as wrong on all.
        assert!(all[3] < 16.0 * all[1], "{all:?}");
    }

    #[test]
    fn one_wild_member_does_not_move_the_middle() {
        let column = [(1.0, 0.3), (1.1, 0.5), (1e9, 0.2)];
        assert!(middle(&column) < 1.2);
        assert_eq!(middle(&[(4.0, 1.0)]), 4.0);
    }
}
