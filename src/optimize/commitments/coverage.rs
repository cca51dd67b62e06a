//! The cheapest purchase that covers a wanted share of the usage, even where covering it does not pay.
//!
//! Usage that stays uncovered is made dearer until the cheapest purchase covers enough (Everett 1963): what is cheapest at
//! `times` the list price is the cheapest of all purchases that cover as much as it does.

use super::cutting_planes::{Granularity, Limit, Solution, minimize};
use super::problem::Problem;

/// How many times the list price uncovered usage costs, tried until enough is covered.
const TIMES: [f64; 8] = [1.1, 1.25, 1.5, 2.0, 3.0, 6.0, 20.0, 1000.0];
/// Steps between the last one that covers too little and the first that covers enough.
const STEPS: usize = 6;
/// Share of the usage above the target that is near enough.
const NEAR: f64 = 0.002;

/// Minimizes as [`minimize`] does, over the purchases that cover at least `target`, or as much as can be covered.
pub(super) fn minimize_covering(
    problem: &Problem,
    target: f64,
    risk: f64,
    granularity: &[Granularity],
    limits: &[Limit],
) -> Solution {
    let at = |times: f64| {
        let mut solution = minimize(&problem.with_uncovered_at(times), risk, granularity, limits);
        // The cost that the gap is a share of is at most `times` the true one.
        solution.gap *= times;
        solution.relaxed_gap *= times;
        (problem.coverage(&solution.units), solution)
    };
    let (mut below, (mut covered, mut found)) = (1.0, at(1.0));
    let mut above = 1.0;
    for times in TIMES {
        if covered >= target {
            break;
        }
        (below, above) = (above, times);
        (covered, found) = at(times);
    }
    for _ in 0..STEPS {
        if covered < target || covered <= target + NEAR || above <= below {
            break;
        }
        let middle = (below * above).sqrt();
        let (share, solution) = at(middle);
        if share >= target {
            (above, covered, found) = (middle, share, solution);
        } else {
            below = middle;
        }
    }
    found
}
