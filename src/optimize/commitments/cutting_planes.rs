//! The least-cost purchase on scenarios, with a proven bound.
//!
//! The oracle ([`Problem`]) bounds the cost from below by a plane at every point it visits; a linear
//! program finds the point where all planes together are lowest (Kelley 1960). Its value is a lower bound
//! for every possible purchase, the best visited point an upper one. Every second step goes only part of
//! the way from the best point, which keeps the search from swinging (level idea of Lemaréchal et al. 1995).

use microlp::{ComparisonOp, OptimizationDirection, Problem as Program};

use super::problem::{Outcome, Problem};

/// Relative distance of the bounds at which the search stops.
const ENOUGH: f64 = 2e-5;
/// Gap up to which a plan is called proven.
const PROVEN: f64 = 1e-4;
/// Most oracle calls.
const MOST_STEPS: usize = 240;
/// Share of the way from the best point to the lowest one, every second step.
const CAUTION: f64 = 0.6;
/// Share of the scenarios that are the tail of the conditional value at risk.
const TAIL: f64 = 0.1;

/// A purchase and how good it provably is.
pub(super) struct Solution {
    /// Units per column.
    pub(super) units: Vec<f64>,
    /// Relative gap; `None` when it stayed above what counts as proven.
    pub(super) gap: Option<f64>,
}

/// What is minimized: `(1 − risk)·mean + risk·(mean of the worst tenth)` of the loss against buying nothing.
pub(super) struct Objective {
    risk: f64,
    nothing: Vec<f64>,
}

/// A plane under the objective: `value ≥ bound + slope·x`.
struct Plane {
    bound: f64,
    slope: Vec<f64>,
}

impl Objective {
    pub(super) fn new(problem: &Problem, risk: f64) -> Self {
        let nothing = vec![0.0; problem.columns.len()];
        let nothing = problem.evaluate(&nothing).iter().map(|outcome| outcome.cost).collect();
        Self { risk, nothing }
    }

    /// Cost of buying nothing, to relate gaps to.
    fn scale(&self) -> f64 {
        self.nothing.iter().sum::<f64>() / self.nothing.len().max(1) as f64
    }

    /// The value of a point.
    pub(super) fn value(&self, outcomes: &[Outcome]) -> f64 {
        let weights = self.weights(outcomes);
        self.losses(outcomes).iter().zip(&weights).map(|(loss, weight)| loss * weight).sum()
    }

    fn plane(&self, outcomes: &[Outcome]) -> Plane {
        let weights = self.weights(outcomes);
        let columns = outcomes.first().map_or(0, |outcome| outcome.slope.len());
        let mut plane = Plane { bound: 0.0, slope: vec![0.0; columns] };
        for ((outcome, weight), nothing) in outcomes.iter().zip(&weights).zip(&self.nothing) {
            plane.bound += weight * (outcome.bound - nothing);
            for (sum, slope) in plane.slope.iter_mut().zip(&outcome.slope) {
                *sum += weight * slope;
            }
        }
        plane
    }

    fn losses(&self, outcomes: &[Outcome]) -> Vec<f64> {
        outcomes.iter().zip(&self.nothing).map(|(outcome, nothing)| outcome.cost - nothing).collect()
    }

    /// Weight of each scenario at this point; any such weights give a valid plane.
    fn weights(&self, outcomes: &[Outcome]) -> Vec<f64> {
        let count = outcomes.len();
        let mut weights = vec![(1.0 - self.risk) / count as f64; count];
        if self.risk > 0.0 {
            let losses = self.losses(outcomes);
            let mut worst: Vec<usize> = (0..count).collect();
            worst.sort_by(|&a, &b| losses[b].total_cmp(&losses[a]).then(a.cmp(&b)));
            let mut tail = TAIL * count as f64;
            let whole = tail;
            for scenario in worst {
                let part = tail.clamp(0.0, 1.0);
                weights[scenario] += self.risk * part / whole;
                tail -= part;
            }
        }
        weights
    }
}

/// Minimizes over purchases of any size.
pub(super) fn minimize(problem: &Problem, objective: &Objective) -> Solution {
    let columns = problem.columns.len();
    let scale = objective.scale().max(f64::MIN_POSITIVE);
    let mut best = vec![0.0; columns];
    if columns == 0 || objective.scale() <= 0.0 {
        return Solution { units: best, gap: Some(0.0) };
    }
    let mut master = Master::new(problem, scale);
    let mut best_value = f64::INFINITY;
    let mut lower = f64::NEG_INFINITY;
    let mut point = best.clone();
    for step in 0..MOST_STEPS {
        let outcomes = problem.evaluate(&point);
        let value = objective.value(&outcomes);
        if value < best_value {
            best_value = value;
            best.clone_from(&point);
        }
        master.add(&objective.plane(&outcomes));
        let Some((bound, lowest)) = master.lowest() else { break };
        lower = lower.max(bound);
        if best_value - lower <= ENOUGH * (scale + best_value) {
            break;
        }
        let caution = if step % 2 == 0 { CAUTION } else { 1.0 };
        point = best.iter().zip(&lowest).map(|(best, lowest)| best + caution * (lowest - best)).collect();
    }
    let gap = ((best_value - lower) / (scale + best_value)).max(0.0);
    Solution { units: best, gap: (gap <= PROVEN).then_some(gap) }
}

/// The linear program over all planes so far, in shares of the most that can be used of each column.
struct Master {
    program: Program,
    value: microlp::Variable,
    shares: Vec<microlp::Variable>,
    most: Vec<f64>,
    scale: f64,
}

impl Master {
    fn new(problem: &Problem, scale: f64) -> Self {
        let mut program = Program::new(OptimizationDirection::Minimize);
        let value = program.add_var(1.0, (-10.0, 10.0));
        let most: Vec<f64> = problem.columns.iter().map(|column| column.most).collect();
        let shares = most.iter().map(|_| program.add_var(0.0, (0.0, 1.0))).collect();
        Self { program, value, shares, most, scale }
    }

    fn add(&mut self, plane: &Plane) {
        let mut terms = vec![(self.value, 1.0)];
        for ((share, most), slope) in self.shares.iter().zip(&self.most).zip(&plane.slope) {
            terms.push((*share, -slope * most / self.scale));
        }
        self.program.add_constraint(terms.as_slice(), ComparisonOp::Ge, plane.bound / self.scale);
    }

    /// Lower bound and where it is; `None` when the solver gives up.
    fn lowest(&self) -> Option<(f64, Vec<f64>)> {
        let solution = self.program.solve().ok()?.into_solution().ok()?;
        let units = self
            .shares
            .iter()
            .zip(&self.most)
            .map(|(share, most)| solution.var_value(*share).max(0.0) * most);
        Some((solution.objective() * self.scale, units.collect()))
    }
}
