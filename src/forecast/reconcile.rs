//! Hierarchies: leaves, groups and total made to agree.
//!
//! Minimum-trace reconciliation (Wickramasuriya, Athanasopoulos & Hyndman 2019) with the diagonal of error
//! variances read off the forecasts' own intervals: whoever is surer moves less.

use domain::Forecast;

use crate::linear::{factor, substitute};

/// Smallest variance of a node, as a share of the mean one: a node sure of itself still gives way a little.
const LEAST_VARIANCE_SHARE: f64 = 1e-6;

/// Means are rounded to this many binary digits of the step's total, so that they add up exactly in any order.
const SUM_BITS: i32 = 48;

/// A node above the leaves: its own forecast, and which leaves it is the sum of.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The group's own forecast.
    pub forecast: Forecast,
    /// Indices into the leaves, each at most once.
    pub leaves: Vec<usize>,
}

/// Forecasts that agree: each group's mean is the sum of its leaves' means, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// The leaves, in the order given.
    pub leaves: Vec<Forecast>,
    /// The groups, in the order given.
    pub groups: Vec<Forecast>,
}

/// Forecasts that cannot be put into one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    /// Different horizons or levels.
    #[error(
        "forecast {unique_id:?} has another horizon or other quantile levels than {first:?}: forecast all of them with one request"
    )]
    Shape {
        /// The odd one.
        unique_id: String,
        /// The first leaf.
        first: String,
    },
    /// A group that names a leaf that is not there.
    #[error("group {unique_id:?} refers to leaf {index}, but there are only {leaves} leaves")]
    NoSuchLeaf {
        /// The group.
        unique_id: String,
        /// The index.
        index: usize,
        /// Number of leaves.
        leaves: usize,
    },
}

/// Makes leaves and groups agree.
///
/// Means add up exactly, in any order of addition. Every forecast's quantiles move with its mean and stay ordered;
/// a group's interval is never wider than its leaves' intervals added up. A leaf that was never negative stays so.
///
/// # Errors
/// When the forecasts differ in horizon or levels, or a group names a leaf that is not there.
pub fn reconcile(mut leaves: Vec<Forecast>, mut groups: Vec<Group>) -> Result<Reconciled, ReconcileError> {
    check(&leaves, &groups)?;
    let means = agreed_means(&leaves, &groups);
    for (leaf, means) in leaves.iter_mut().zip(&means) {
        move_to(leaf, means);
    }
    for Group { forecast, leaves: parts } in &mut groups {
        let sums = (0..forecast.horizon())
            .map(|step| parts.iter().map(|part| means[*part][step]).sum())
            .collect::<Vec<f64>>();
        move_to(forecast, &sums);
        narrow(forecast, &leaves, parts);
    }
    leaves.iter_mut().chain(groups.iter_mut().map(|group| &mut group.forecast)).for_each(order);
    Ok(Reconciled { leaves, groups: groups.into_iter().map(|group| group.forecast).collect() })
}

fn check(leaves: &[Forecast], groups: &[Group]) -> Result<(), ReconcileError> {
    let Some(first) = leaves.first().or(groups.first().map(|group| &group.forecast)) else { return Ok(()) };
    let all = leaves.iter().chain(groups.iter().map(|group| &group.forecast));
    if let Some(odd) =
        all.into_iter().find(|other| other.horizon() != first.horizon() || other.levels != first.levels)
    {
        return Err(ReconcileError::Shape {
            unique_id: odd.unique_id.clone(),
            first: first.unique_id.clone(),
        });
    }
    for group in groups {
        if let Some(index) = group.leaves.iter().find(|index| **index >= leaves.len()) {
            return Err(ReconcileError::NoSuchLeaf {
                unique_id: group.forecast.unique_id.clone(),
                index: *index,
                leaves: leaves.len(),
            });
        }
    }
    Ok(())
}

/// The leaves' means after each took its share of every group's disagreement.
///
/// With leaf variances V, group variances U and summing rows C: b + V Cᵀ (C V Cᵀ + U)⁻¹ (g − C b).
fn agreed_means(leaves: &[Forecast], groups: &[Group]) -> Vec<Vec<f64>> {
    let mut variances: Vec<f64> =
        leaves.iter().chain(groups.iter().map(|group| &group.forecast)).map(variance).collect();
    // Where nothing is in doubt, everybody gives way alike.
    let mean = crate::order::mean(&variances);
    let least = if mean > 0.0 { LEAST_VARIANCE_SHARE * mean } else { 1.0 };
    variances.iter_mut().for_each(|variance| *variance = variance.max(least));
    let (of_leaves, of_groups) = variances.split_at(leaves.len());
    let size = groups.len();
    let mut matrix = vec![0.0; size * size];
    let mut belongs = vec![false; leaves.len()];
    for (row, group) in groups.iter().enumerate() {
        belongs.fill(false);
        group.leaves.iter().for_each(|leaf| belongs[*leaf] = true);
        for (column, other) in groups.iter().enumerate() {
            matrix[row * size + column] =
                other.leaves.iter().filter(|leaf| belongs[**leaf]).map(|leaf| of_leaves[*leaf]).sum();
        }
        matrix[row * size + row] += of_groups[row];
    }
    let solvable = factor(&mut matrix, size).is_some();
    let mut means: Vec<Vec<f64>> = leaves.iter().map(|leaf| leaf.mean.clone()).collect();
    let floors: Vec<f64> = leaves.iter().map(floor).collect();
    for step in 0..leaves.first().map_or(0, Forecast::horizon) {
        let sum = |means: &[Vec<f64>], group: &Group| {
            group.leaves.iter().map(|leaf| means[*leaf][step]).sum::<f64>()
        };
        let mut shares: Vec<f64> =
            groups.iter().map(|group| group.forecast.mean[step] - sum(&means, group)).collect();
        if solvable {
            substitute(&matrix, &mut shares);
            for (group, share) in groups.iter().zip(&shares) {
                group.leaves.iter().for_each(|leaf| means[*leaf][step] += of_leaves[*leaf] * share);
            }
        }
        for (mean, floor) in means.iter_mut().zip(&floors) {
            mean[step] = mean[step].max(*floor);
        }
        let total: f64 = means.iter().map(|mean| mean[step].abs()).sum();
        if total > 0.0 && total.is_finite() {
            let unit = 2.0_f64.powi(total.log2().floor() as i32 - SUM_BITS);
            means.iter_mut().for_each(|mean| mean[step] = (mean[step] / unit).round() * unit);
        }
    }
    means
}

/// Mean square of the width of the 80 % interval over the horizon.
fn variance(forecast: &Forecast) -> f64 {
    let (Some(low), Some(high)) = (forecast.quantile(0.1), forecast.quantile(0.9)) else { return 0.0 };
    crate::order::mean(&low.iter().zip(high).map(|(low, high)| (high - low).powi(2)).collect::<Vec<_>>())
}

/// 0 for a forecast that is nowhere negative.
fn floor(forecast: &Forecast) -> f64 {
    let negative = forecast.mean.iter().chain(forecast.quantiles.iter().flatten()).any(|value| *value < 0.0);
    if negative { f64::MIN } else { 0.0 }
}

/// Moves a forecast to new means: by a factor where it is nowhere negative, else by a difference.
fn move_to(forecast: &mut Forecast, means: &[f64]) {
    let by_factor = floor(forecast) == 0.0;
    for (step, new) in means.iter().enumerate() {
        let old = forecast.mean[step];
        for quantile in &mut forecast.quantiles {
            let value = &mut quantile[step];
            *value = if by_factor && old > 0.0 { *value * (new / old) } else { *value + (new - old) };
            if by_factor {
                *value = value.max(0.0);
            }
        }
        if let Some(trend) = forecast.components.trend.get_mut(step) {
            *trend += new - old;
        }
        forecast.mean[step] = *new;
    }
}

/// Keeps a group's quantiles within its leaves' quantiles added up: the case where all leaves err together.
fn narrow(group: &mut Forecast, leaves: &[Forecast], parts: &[usize]) {
    for (index, level) in group.levels.iter().enumerate() {
        for step in 0..group.mean.len() {
            let together: f64 = parts.iter().map(|part| leaves[*part].quantiles[index][step]).sum();
            let value = &mut group.quantiles[index][step];
            *value = if *level < 0.5 { value.max(together) } else { value.min(together) };
        }
    }
}

/// Quantiles ascending, the mean within the outermost two.
fn order(forecast: &mut Forecast) {
    let outside = |level: Option<&f64>| level.copied().unwrap_or(0.5);
    let (lowest, highest) = (outside(forecast.levels.first()), outside(forecast.levels.last()));
    for step in 0..forecast.mean.len() {
        let mut column: Vec<f64> = forecast.quantiles.iter().map(|quantile| quantile[step]).collect();
        column.sort_by(f64::total_cmp);
        if let Some(first) = column.first_mut().filter(|_| lowest < 0.5) {
            *first = first.min(forecast.mean[step]);
        }
        if let Some(last) = column.last_mut().filter(|_| highest > 0.5) {
            *last = last.max(forecast.mean[step]);
        }
        forecast.quantiles.iter_mut().zip(column).for_each(|(quantile, value)| quantile[step] = value);
    }
}

#[cfg(test)]
mod tests {
    use domain::{Components, Frequency, Grid, Stamp};
    use proptest::prelude::*;

    use super::*;

    fn node(name: &str, mean: f64, width: f64) -> Forecast {
        let steps = |value: f64| vec![value; 3];
        Forecast {
            unique_id: name.to_owned(),
            grid: Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) },
            mean: steps(mean),
            levels: vec![0.1, 0.5, 0.9],
            quantiles: vec![steps((mean - width).max(0.0)), steps(mean), steps(mean + width)],
            members: Vec::new(),
            reason: String::new(),
            accuracy: None,
            baseline: None,
            mase_by_step: Vec::new(),
            components: Components { trend: steps(mean), seasonal: steps(0.0), event_multiplier: steps(1.0) },
            warnings: Vec::new(),
        }
    }

    #[test]
    fn the_surer_side_moves_less() {
        let leaves = vec![node("a", 10.0, 1.0), node("b", 10.0, 5.0)];
        let groups = vec![Group { forecast: node("total", 26.0, 0.5), leaves: vec![0, 1] }];
        let Reconciled { leaves, groups } = reconcile(leaves, groups).unwrap();
        assert!(groups[0].mean[0] > 25.5, "the sure total keeps its mean: {}", groups[0].mean[0]);
        let moved = |leaf: usize| leaves[leaf].mean[0] - 10.0;
        assert!(moved(1) > 5.0 * moved(0), "{} and {}", moved(0), moved(1));
        assert_eq!(leaves[0].components.trend[0], leaves[0].mean[0]);
    }

    #[test]
    fn means_without_any_doubt_meet_halfway_and_stay_finite() {
        let leaves = vec![node("a", 10.0, 0.0), node("b", 10.0, 0.0)];
        let groups = vec![Group { forecast: node("total", 26.0, 0.0), leaves: vec![0, 1] }];
        let Reconciled { leaves, groups } = reconcile(leaves, groups).unwrap();
        assert!((leaves[0].mean[0] - 12.0).abs() < 1e-9 && (groups[0].mean[0] - 24.0).abs() < 1e-9);
    }

    #[test]
    fn forecasts_of_different_shape_are_refused() {
        let mut short = node("short", 1.0, 1.0);
        short.mean.pop();
        let error = reconcile(vec![node("a", 1.0, 1.0), short], Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("forecast \"short\" has another horizon"));
        let group = Group { forecast: node("g", 1.0, 1.0), leaves: vec![7] };
        assert!(matches!(
            reconcile(vec![node("a", 1.0, 1.0)], vec![group]),
            Err(ReconcileError::NoSuchLeaf { .. })
        ));
    }

    proptest! {
        #[test]
        fn parts_add_up_in_any_order_and_quantiles_stay_ordered(
            sizes in proptest::collection::vec((0.0..1e6, 0.0..1e4), 1..12),
            total in 0.0..1e7,
            split in 0_usize..12,
        ) {
            let leaves: Vec<Forecast> =
                sizes.iter().map(|(mean, width)| node("leaf", *mean, *width)).collect();
            let split = split.min(leaves.len());
            let all: Vec<usize> = (0..leaves.len()).collect();
            let group = |name: &str, mean: f64, leaves: &[usize]| Group { forecast: node(name, mean, 10.0), leaves: leaves.to_vec() };
            let groups =
                vec![group("first", total / 3.0, &all[..split]), group("rest", total / 2.0, &all[split..]), group("total", total, &all)];
            let result = reconcile(leaves, groups).unwrap();
            for step in 0..3 {
                let forwards: f64 = result.leaves.iter().map(|leaf| leaf.mean[step]).sum();
                let backwards: f64 = result.leaves.iter().rev().map(|leaf| leaf.mean[step]).sum();
                prop_assert_eq!(result.groups[2].mean[step], forwards);
                prop_assert_eq!(forwards, backwards);
                prop_assert_eq!(result.groups[0].mean[step] + result.groups[1].mean[step], forwards);
                for forecast in result.leaves.iter().chain(&result.groups) {
                    let column: Vec<f64> = forecast.quantiles.iter().map(|path| path[step]).collect();
                    prop_assert!(column.is_sorted() && column[0] >= 0.0);
                    prop_assert!(column[0] <= forecast.mean[step] && forecast.mean[step] <= column[2]);
                }
            }
        }
    }
}
