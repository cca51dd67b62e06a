//! The least-cost purchase of a small problem whose cost is not convex: branch and bound (Land & Doig 1960).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::cutting_planes::{Granularity, Limit};
use super::problem::Problem;

/// Most columns of a problem that is searched.
const MOST_COLUMNS: usize = 3;
/// Most parts that are looked at.
const MOST_PARTS: usize = 20_000;

/// What the search came to, in USD.
pub(super) struct Branched {
    /// The best purchase, in units per column.
    pub(super) units: Vec<f64>,
    /// Its mean cost.
    pub(super) cost: f64,
    /// No purchase costs less.
    pub(super) lower: f64,
}

/// Halves what can be bought until every part is known to hold nothing that is cheaper by more than the share `enough`, and
/// begins with a known purchase and its cost. `None` for a problem that is too large.
pub(super) fn branch(
    problem: &Problem,
    granularity: &[Granularity],
    limits: &[Limit],
    (units, cost): (Vec<f64>, f64),
    enough: f64,
) -> Option<Branched> {
    let mut pieces = problem.pieces().filter(|_| problem.columns.len() <= MOST_COLUMNS)?;
    let top = |(column, kind): (usize, &Granularity)| {
        let most = problem.columns[column].most;
        kind.step().map_or(most, |step| (most / step).ceil() * step)
    };
    let high: Vec<f64> = granularity.iter().enumerate().map(top).collect();
    let mut parts = BinaryHeap::from([Part { bound: f64::NEG_INFINITY, low: vec![0.0; high.len()], high }]);
    let mut best = Branched { units, cost, lower: f64::NEG_INFINITY };
    let enough = |best: &Branched| best.cost * (1.0 - enough);
    for _ in 0..MOST_PARTS {
        let Some(part) = parts.pop().filter(|part| part.bound < enough(&best)) else {
            best.lower = enough(&best);
            return Some(best);
        };
        best.lower = part.bound;
        for (low, high) in part.halves(problem, granularity) {
            if !limits.iter().all(|limit| limit.allows(&low)) {
                continue;
            }
            let (cost, bound) = pieces.bound(&low, &high);
            if cost < best.cost {
                best = Branched { units: low.clone(), cost, ..best };
            }
            // What is dropped here costs at least what is enough now, which is no less than what is in the end.
            if bound < enough(&best) {
                parts.push(Part { bound: bound.max(part.bound), low, high });
            }
        }
    }
    best.lower = best.lower.min(enough(&best));
    Some(best)
}

/// All purchases between two, none of which costs less than a bound.
struct Part {
    bound: f64,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Part {
    /// Both halves, cut through the column of which most is open; one purchase has none.
    fn halves(&self, problem: &Problem, granularity: &[Granularity]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let open = |column: &usize| {
            (self.high[*column] - self.low[*column]) / problem.columns[*column].most.max(f64::MIN_POSITIVE)
        };
        let Some(column) = (0..self.low.len()).max_by(|a, b| open(a).total_cmp(&open(b))) else {
            return vec![];
        };
        let (low, high) = (self.low[column], self.high[column]);
        let step = granularity[column].step();
        let middle = match step {
            Some(step) => ((low + high) / 2.0 / step + 1e-6).floor() * step,
            None => (low + high) / 2.0,
        };
        let (mut below, mut above) = (self.high.clone(), self.low.clone());
        below[column] = middle.max(low);
        above[column] = middle.max(low) + step.unwrap_or_default();
        let mut halves = vec![(self.low.clone(), below)];
        if above[column] <= high + 1e-9 && high > low {
            above[column] = above[column].min(high);
            halves.push((above, self.high.clone()));
        }
        halves
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Part {}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Part {
    /// The part with the lowest bound is the greatest: it comes out of the heap first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.bound.total_cmp(&self.bound)
    }
}
