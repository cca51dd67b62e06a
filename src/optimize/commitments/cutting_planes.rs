//! The least-cost purchase on scenarios, with a proven bound.
//!
//! The oracle ([`Problem`]) bounds the cost from below by a plane at every point it visits; a linear
//! program finds the point where all planes together are lowest (Kelley 1960). Its value is a lower bound
//! for every possible purchase, the best visited point an upper one. Every second step goes only part of
//! the way from the best point, which keeps the search from swinging (level idea of Lemaréchal et al. 1995).

use microlp::{ComparisonOp, OptimizationDirection, Problem as Program, SolveOptions};
use rayon::prelude::*;

use super::branching::branch;
use super::problem::{Needs, Outcome, Problem};

/// Relative distance of the bounds at which the search stops.
const ENOUGH: f64 = 2e-5;
/// Gap up to which a plan is called proven.
const PROVEN: f64 = 1e-4;
/// Most oracle calls.
const MOST_STEPS: usize = 240;
/// Steps without progress after which the search stops: where the legal order is not the cheapest one, the
/// bounds never meet.
const PATIENCE: usize = 30;
/// Share of the way from the best point to the lowest one, every second step.
const CAUTION: f64 = 0.6;
/// Most columns bought in whole units that are searched as such, most where thousandths are steps, too, and most steps of
/// that search.
const MOST_WHOLE: usize = 24;
/// See [`MOST_WHOLE`].
const MOST_FINE: usize = 4;
/// See [`MOST_WHOLE`].
const MOST_WHOLE_STEPS: usize = 40;
/// Gap at which one step of that search is good enough, and most nodes that it looks at: its bound holds either way, and
/// without them one step in many takes longer than all others together.
const STEP_ENOUGH: f64 = 5e-6;
/// See [`STEP_ENOUGH`].
const MOST_NODES: u64 = 1000;
/// Most sweeps over the columns that are bought in whole units.
const MOST_SWEEPS: usize = 3;
/// Most points tried around one that is not proven.
const MOST_TRIALS: usize = 120;
/// Share of the scenarios that are the tail of the conditional value at risk.
const TAIL: f64 = 0.1;

/// A purchase and how good it provably is.
pub(super) struct Solution {
    /// Units per column.
    pub(super) units: Vec<f64>,
    /// The best purchase there is costs at most this share less.
    pub(super) gap: f64,
    /// The same before purchases were moved to quantities that can be bought: what the legal order and the end of
    /// the search leave open.
    pub(super) relaxed_gap: f64,
}

impl Solution {
    /// The gap, if it is small enough to call the purchase proven.
    pub(super) fn proven(&self) -> Option<f64> {
        (self.gap <= PROVEN).then_some(self.gap)
    }
}

/// In which quantities a column can be bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granularity {
    /// Whole units.
    Whole,
    /// Thousandths.
    Fine,
    /// Any quantity: steps that are only foreseen.
    Any,
}

impl Granularity {
    /// Units of one step; `None` without steps.
    pub(super) fn step(self) -> Option<f64> {
        match self {
            Self::Whole => Some(1.0),
            Self::Fine => Some(0.001),
            Self::Any => None,
        }
    }
}

/// What may be paid at most for all columns together.
pub(super) struct Limit {
    /// USD per unit of each column, 0 or more.
    pub(super) prices: Vec<f64>,
    /// USD.
    pub(super) most: f64,
}

impl Limit {
    pub(super) fn allows(&self, units: &[f64]) -> bool {
        let paid: f64 = self.prices.iter().zip(units).map(|(price, units)| price * units).sum();
        paid <= self.most * (1.0 + 1e-9)
    }
}

/// What is minimized: `(1 − risk)·mean + risk·(mean of the worst tenth)` of the loss against buying nothing.
struct Objective {
    risk: f64,
    nothing: Vec<f64>,
}

/// A plane under the objective: `value ≥ bound + slope·x`.
struct Plane {
    bound: f64,
    slope: Vec<f64>,
}

impl Objective {
    fn new(problem: &Problem, risk: f64) -> Self {
        let nothing = vec![0.0; problem.columns.len()];
        let nothing = problem.evaluate(&nothing).iter().map(|outcome| outcome.cost).collect();
        Self { risk, nothing }
    }

    /// Cost of buying nothing, to relate gaps to.
    fn scale(&self) -> f64 {
        self.nothing.iter().sum::<f64>() / self.nothing.len().max(1) as f64
    }

    /// The value of a point.
    fn value(&self, outcomes: &[Outcome]) -> f64 {
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

/// The purchase found for a problem or a part of one, in USD against buying nothing.
struct Found {
    units: Vec<f64>,
    value: f64,
    lower: f64,
    /// What lay between value and bound before quantities were rounded.
    relaxed_open: f64,
}

/// Minimizes over the purchases that the granularities allow; `risk` from 0 to 1, see [`Objective`]. Means add up over
/// parts that share nothing, so each part is solved alone. The tail of the losses does not add up, and a limit is shared:
/// with either there is one part.
pub(super) fn minimize(
    problem: &Problem,
    risk: f64,
    granularity: &[Granularity],
    limits: &[Limit],
) -> Solution {
    let found = if risk > 0.0 || !limits.is_empty() {
        solve(problem, risk, granularity, limits)
    } else {
        let parts = problem.parts().into_par_iter().map(|(columns, part)| {
            let granularity: Vec<Granularity> = columns.iter().map(|&column| granularity[column]).collect();
            (columns, solve(&part, risk, &granularity, limits))
        });
        together(problem.columns.len(), parts.collect())
    };
    let scale = Objective::new(problem, risk).scale();
    // Where nothing costs anything, nothing is open: NaN counts as zero.
    let share = |open: f64| (open / (scale + found.value)).max(0.0);
    Solution {
        gap: share(found.value - found.lower),
        relaxed_gap: share(found.relaxed_open),
        units: found.units,
    }
}

fn together(columns: usize, parts: Vec<(Vec<usize>, Found)>) -> Found {
    let mut all = Found { units: vec![0.0; columns], value: 0.0, lower: 0.0, relaxed_open: 0.0 };
    for (columns, found) in parts {
        for (column, units) in columns.into_iter().zip(found.units) {
            all.units[column] = units;
        }
        all.value += found.value;
        all.lower += found.lower;
        all.relaxed_open += found.relaxed_open;
    }
    all
}

fn solve(problem: &Problem, risk: f64, granularity: &[Granularity], limits: &[Limit]) -> Found {
    let objective = &Objective::new(problem, risk);
    let nothing = vec![0.0; problem.columns.len()];
    if nothing.is_empty() || objective.scale() <= 0.0 {
        return Found { units: nothing, value: 0.0, lower: 0.0, relaxed_open: 0.0 };
    }
    let mut search = Search::new(problem, objective, limits);
    if let Some(units) = (risk == 0.0 && limits.is_empty()).then(|| quantile_rule(problem)).flatten() {
        search.visit(&[units]);
        search.lower = search.best_value;
    } else {
        search.relaxed();
    }
    let relaxed_open = search.best_value - search.lower;
    search.make_buyable(granularity);
    if search.gap() > PROVEN {
        search.one_by_one(granularity);
        search.polish(granularity);
    }
    if risk == 0.0 && search.gap() > PROVEN {
        search.branch(granularity);
    }
    Found { value: search.best_value, lower: search.lower, units: search.best, relaxed_open }
}

/// The best point, the planes seen, and the bound they prove.
struct Search<'a> {
    problem: &'a Problem,
    objective: &'a Objective,
    limits: &'a [Limit],
    scale: f64,
    planes: Vec<Plane>,
    best: Vec<f64>,
    best_value: f64,
    lower: f64,
}

impl<'a> Search<'a> {
    fn new(problem: &'a Problem, objective: &'a Objective, limits: &'a [Limit]) -> Self {
        let (best, scale) = (vec![0.0; problem.columns.len()], objective.scale());
        let (best_value, lower) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { problem, objective, limits, scale, planes: Vec::new(), best, best_value, lower }
    }

    /// The best possible cost is below the best known one by at most this share of it.
    fn gap(&self) -> f64 {
        ((self.best_value - self.lower) / (self.scale + self.best_value)).max(0.0)
    }

    /// Evaluates a point within the limits and keeps its plane; infinite beyond them.
    fn visit(&mut self, point: &[f64]) -> f64 {
        let allowed = self.limits.iter().all(|limit| limit.allows(point));
        if allowed { self.evaluate(point) } else { f64::INFINITY }
    }

    fn evaluate(&mut self, point: &[f64]) -> f64 {
        let outcomes = self.problem.evaluate(point);
        let value = self.objective.value(&outcomes);
        self.planes.push(self.objective.plane(&outcomes));
        if value < self.best_value {
            self.best_value = value;
            self.best = point.to_vec();
        }
        value
    }

    /// Kelley's method over purchases of any size.
    fn relaxed(&mut self) {
        let mut master = self.master(&vec![None; self.problem.columns.len()]);
        let mut point = self.best.clone();
        let mut progress = (f64::INFINITY, 0);
        for step in 0..MOST_STEPS {
            // The program keeps the limits, but for its own rounding.
            self.evaluate(&point);
            master.add(&self.planes[self.planes.len() - 1]);
            let Some((bound, lowest)) = master.lowest() else { break };
            self.lower = self.lower.max(bound);
            if self.gap() < 0.99 * progress.0 {
                progress = (self.gap(), step);
            }
            if self.gap() <= ENOUGH || step - progress.1 > PATIENCE {
                break;
            }
            let caution = if step % 2 == 0 { CAUTION } else { 1.0 };
            point = self
                .best
                .iter()
                .zip(&lowest)
                .map(|(best, lowest)| best + caution * (lowest - best))
                .collect();
        }
    }

    /// Moves the best point to quantities that can be bought. When rounding costs more than counts as
    /// proven, the linear program is solved in whole numbers until its bound meets what it finds.
    fn make_buyable(&mut self, granularity: &[Granularity]) {
        let relaxed = std::mem::take(&mut self.best);
        self.best_value = f64::INFINITY;
        let mut point = self.rounded(&relaxed, granularity);
        let stepped = granularity
            .iter()
            .enumerate()
            .filter_map(|(column, kind)| kind.step().map(|step| (column, step)));
        for (column, step) in stepped {
            let down = (relaxed[column] / step).floor() * step;
            let up = down + step;
            if (relaxed[column] - down).min(up - relaxed[column]) > 1e-9 {
                point[column] = down;
                let lower = self.visit(&point);
                point[column] = up;
                if self.visit(&point) >= lower {
                    point[column] = down;
                }
            }
        }
        self.visit(&point);
        let whole = |kind: &Granularity| kind.step().filter(|step| *step == 1.0);
        for (steps, most) in [
            (granularity.iter().map(whole).collect::<Vec<_>>(), MOST_WHOLE),
            // On a bill of cents an hour, a thousandth of a dollar is a large step, too.
            (granularity.iter().map(|kind| kind.step()).collect(), MOST_FINE),
        ] {
            if self.gap() > PROVEN && steps.iter().flatten().count() <= most {
                self.in_steps(&steps, granularity);
            }
        }
    }

    /// Searches a small problem part by part where nothing else proves the best point.
    fn branch(&mut self, granularity: &[Granularity]) {
        let known = (self.best.clone(), self.scale + self.best_value);
        if let Some(found) = branch(self.problem, granularity, self.limits, known, ENOUGH) {
            (self.best, self.best_value) = (found.units, found.cost - self.scale);
            self.lower = self.lower.max(found.lower - self.scale);
        }
    }

    /// Quantities near `units` that can be bought: none above where there are limits.
    fn rounded(&self, units: &[f64], granularity: &[Granularity]) -> Vec<f64> {
        let round = if self.limits.is_empty() { f64::round } else { |steps: f64| (steps + 1e-9).floor() };
        in_multiples(units, granularity, round)
    }

    fn master(&self, steps: &[Option<f64>]) -> Master {
        let mut master = Master::new(self.problem, self.scale, steps);
        self.limits.iter().for_each(|limit| master.limit(limit));
        master
    }

    /// The linear program with columns in steps.
    fn in_steps(&mut self, steps: &[Option<f64>], granularity: &[Granularity]) {
        let mut master = self.master(steps);
        self.planes.iter().for_each(|plane| master.add(plane));
        let mut tried = Vec::new();
        for _ in 0..MOST_WHOLE_STEPS {
            let Some((bound, lowest)) = master.lowest() else { break };
            self.lower = self.lower.max(bound);
            if self.gap() <= ENOUGH {
                break;
            }
            let next = self.rounded(&lowest, granularity);
            if tried.contains(&next) {
                // The legal order costs more than the bound here, and no plane will change that.
                break;
            }
            self.visit(&next);
            tried.push(next);
            master.add(&self.planes[self.planes.len() - 1]);
        }
    }

    /// One whole unit more or less of each column, as long as that helps: rounding one column changes what the
    /// others are worth.
    fn one_by_one(&mut self, granularity: &[Granularity]) {
        for _ in 0..MOST_SWEEPS {
            let before = self.best_value;
            for column in (0..granularity.len()).filter(|&at| granularity[at] == Granularity::Whole) {
                for unit in [1.0, -1.0] {
                    let mut point = self.best.clone();
                    point[column] += unit;
                    if point[column] >= 0.0 {
                        self.visit(&point);
                    }
                }
            }
            if self.best_value >= before {
                break;
            }
        }
    }

    /// Where the legal order is not the cheapest one, the cost is not convex and the planes can miss the
    /// best point: a pattern search (Hooke & Jeeves 1961) around it, one column or one exchange at a time.
    fn polish(&mut self, granularity: &[Granularity]) {
        let columns: Vec<usize> =
            (0..granularity.len()).filter(|&at| granularity[at] != Granularity::Any).collect();
        let mut left = MOST_TRIALS;
        for part in [0.25, 0.125, 0.0625, 0.03125, 0.015625] {
            let stride = |column: usize| {
                let step = granularity[column].step().unwrap_or(0.0);
                step.max((self.problem.columns[column].most * part / step).round() * step)
            };
            let strides: Vec<(usize, f64)> = columns.iter().map(|&column| (column, stride(column))).collect();
            let mut better = true;
            while better {
                better = false;
                for &(up, by) in &strides {
                    for &(down, less) in strides.iter().chain([&(usize::MAX, 0.0)]) {
                        // More of one column, less of another (or of none), and the other way round.
                        for sign in [1.0, -1.0] {
                            let mut point = self.best.clone();
                            point[up] += sign * by;
                            if let Some(units) = point.get_mut(down) {
                                *units -= sign * less;
                            }
                            if down == up || point.iter().any(|units| *units < -1e-9) {
                                continue;
                            }
                            if left == 0 {
                                return;
                            }
                            left -= 1;
                            let before = self.best_value;
                            better |= self.visit(&on_grid(&point, granularity)) < before;
                        }
                    }
                }
            }
        }
    }
}

fn on_grid(units: &[f64], granularity: &[Granularity]) -> Vec<f64> {
    in_multiples(units, granularity, f64::round)
}

fn in_multiples(units: &[f64], granularity: &[Granularity], round: fn(f64) -> f64) -> Vec<f64> {
    let of =
        |(units, kind): (&f64, &Granularity)| kind.step().map_or(*units, |step| round(units / step) * step);
    units.iter().zip(granularity).map(of).collect()
}

/// One column whose every unit of use saves the same pays up to the quantity that more than a share
/// `price ÷ saving` of the hours use: the newsvendor's quantile, exact. `None` when this is not that case.
fn quantile_rule(problem: &Problem) -> Option<f64> {
    let Needs { price_ratio, mut needs } = problem.needs()?;
    needs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all: f64 = needs.iter().map(|(hours, _)| hours).sum();
    let mut above = 0.0;
    for (hours, units) in needs {
        above += hours;
        if above >= price_ratio * all {
            return Some(units);
        }
    }
    Some(0.0)
}

/// The linear program over all planes so far: fractions of the most that can be used of each column, or
/// whole steps.
struct Master {
    program: Program,
    value: microlp::Variable,
    /// Variable and units per step of it.
    columns: Vec<(microlp::Variable, f64)>,
    scale: f64,
}

impl Master {
    /// With the steps in which columns are bought, where they are.
    fn new(problem: &Problem, scale: f64, steps: &[Option<f64>]) -> Self {
        let mut program = Program::new(OptimizationDirection::Minimize);
        let value = program.add_var(1.0, (-10.0, 10.0));
        let columns = problem.columns.iter().zip(steps).map(|(column, step)| {
            match step.map(|step| (step, (column.most / step).ceil())) {
                Some((step, most)) if most < f64::from(i32::MAX) => {
                    (program.add_integer_var(0.0, (0, most as i32)), step)
                }
                _ => (program.add_var(0.0, (0.0, 1.0)), column.most.max(f64::MIN_POSITIVE)),
            }
        });
        let columns = columns.collect();
        Self { program, value, columns, scale }
    }

    fn add(&mut self, plane: &Plane) {
        let mut terms = vec![(self.value, 1.0)];
        for ((variable, units), slope) in self.columns.iter().zip(&plane.slope) {
            terms.push((*variable, -slope * units / self.scale));
        }
        self.program.add_constraint(terms.as_slice(), ComparisonOp::Ge, plane.bound / self.scale);
    }

    fn limit(&mut self, limit: &Limit) {
        let scale = limit.most.max(1.0);
        let terms: Vec<_> = self
            .columns
            .iter()
            .zip(&limit.prices)
            .map(|((variable, units), price)| (*variable, price * units / scale))
            .collect();
        self.program.add_constraint(terms.as_slice(), ComparisonOp::Le, limit.most / scale);
    }

    /// Lower bound, and a point that is near it; `None` when the solver gives up.
    fn lowest(&self) -> Option<(f64, Vec<f64>)> {
        let mut options = SolveOptions::default();
        options.mip_gap = STEP_ENOUGH;
        options.node_limit = Some(MOST_NODES);
        let solution = self.program.solve_with(options).ok()?.into_solution().ok()?;
        let units =
            self.columns.iter().map(|(variable, units)| solution.var_value(*variable).max(0.0) * units);
        Some((solution.stats().best_bound? * self.scale, units.collect()))
    }
}
