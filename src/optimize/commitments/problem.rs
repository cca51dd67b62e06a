//! The purchase problem on scenarios, and its oracle: cost and a valid linear bound at any purchase.
//!
//! The oracle applies the same steps as the exact simulator ([`Waterfall`]), in `f64`. Within one hour,
//! covering usage is a linear program; by duality every vector μ ≥ 0 of prices on the pools gives the bound
//! `Σ_lines d·min(list, min_pools(licence + weight·μ)) − Σ_pools μ·capacity`, which is linear in the
//! purchases. μ is read off the simulator's own marginal usage, so that the bound touches the cost wherever
//! the legal order is the cheapest one, and stays valid where it is not (there, μ is that of the cheapest order). With
//! sustained-use discounts `list` is what the line pays in that hour, given which hours of the month have the most
//! uncovered usage.

mod hour;
mod parts;
mod pieces;

use std::ops::Range;

use billing::{Stage, Sustained, Waterfall};
use domain::to_statistic;
use rayon::prelude::*;

use self::hour::Hour;

/// Work per pass that is spent on detail: scenarios × hour groups × steps.
pub(super) const DETAIL: usize = 4_000_000;

/// Ticks per unit in the billing crate's integers.
const TICKS: f64 = 1e12;

/// Hours of a month where a certain future is cut into months.
pub(super) const MONTH_HOURS: usize = 730;

/// The usage to come: one shape for all scenarios, scaled per block, line and scenario.
#[derive(Clone)]
pub(super) struct Future {
    /// `shape[line][hour]`.
    pub(super) shape: Vec<Vec<f64>>,
    /// Hours that share one multiplier.
    pub(super) block_hours: usize,
    /// `multipliers[scenario][block × lines + line]`.
    pub(super) multipliers: Vec<Vec<f64>>,
}

impl Future {
    /// One certain future, in blocks of `block_hours`.
    pub(super) fn certain(shape: Vec<Vec<f64>>, block_hours: usize) -> Self {
        let blocks = shape.first().map_or(0, Vec::len).div_ceil(block_hours.max(1)).max(1);
        let multipliers = vec![vec![1.0; blocks * shape.len()]];
        Self { shape, block_hours: block_hours.max(1), multipliers }
    }

    fn hours(&self) -> usize {
        self.shape.first().map_or(0, Vec::len)
    }
}

/// A commitment of the waterfall, active in some hours of the future.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    /// Index in the waterfall.
    pub(super) commitment: usize,
    /// Instances, or committed dollars per hour.
    pub(super) units: f64,
    /// Hours of the future.
    pub(super) hours: Range<usize>,
}

/// A purchase that can be made, in units.
#[derive(Clone)]
pub(super) struct Column {
    pool: usize,
    /// What one unit adds to the pool.
    unit: f64,
    /// USD per hour and unit.
    price: f64,
    segments: Range<usize>,
    /// Most units that can ever be used.
    pub(super) most: f64,
}

#[derive(Clone)]
struct Step {
    pool: usize,
    line: usize,
    weight: f64,
    licence: f64,
}

/// Hours with equal commitments and one multiplier, grouped by similar usage.
#[derive(Clone)]
struct Segment {
    hours: f64,
    block: usize,
    held: Vec<f64>,
    counted: bool,
    /// Hours in each group.
    weights: Vec<f64>,
    /// Mean usage per group and line.
    usage: Vec<f64>,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Problem {
    list: Vec<f64>,
    /// Discounts on what is left uncovered in a segment, which counts as one month.
    sustained: Sustained,
    steps: Vec<Step>,
    steps_of_pool: Vec<Vec<usize>>,
    segments: Vec<Segment>,
    multipliers: Vec<Vec<f64>>,
    fixed_price: Vec<f64>,
    pub(super) columns: Vec<Column>,
}

/// A problem with one column whose every used unit saves the same.
pub(super) struct Needs {
    /// Price of a unit over what it saves when used.
    pub(super) price_ratio: f64,
    /// Hours and the units that they could use.
    pub(super) needs: Vec<(f64, f64)>,
}

/// What one purchase vector costs in one scenario, with a bound for all others.
pub(super) struct Outcome {
    /// USD over all hours, held commitments included.
    pub(super) cost: f64,
    /// The same over the hours that are reported.
    pub(super) counted: f64,
    /// For any purchase `x`: `cost(x) ≥ bound + slope·x`.
    pub(super) bound: f64,
    /// USD per unit of each column.
    pub(super) slope: Vec<f64>,
}

impl Problem {
    /// Compiles the problem. Hours before `reported` are the ones that `Outcome::counted` counts.
    pub(super) fn new(
        waterfall: &Waterfall,
        future: Future,
        held: &[Span],
        offered: &[Span],
        reported: usize,
        detail: usize,
    ) -> Self {
        let lines = waterfall.on_demand.len();
        let spend = |pool: usize| matches!(waterfall.pools[pool].stage, Stage::FamilyPlan | Stage::BroadPlan);
        let scale = |pool: usize| if spend(pool) { TICKS } else { 1.0 };
        let mut pool_of = vec![0; waterfall.capacity.len()];
        for (pool, members) in waterfall.pools.iter().enumerate() {
            for &member in &members.members {
                pool_of[member] = pool;
            }
        }
        let unit =
            |commitment: usize| waterfall.capacity[commitment] as f64 / TICKS / scale(pool_of[commitment]);
        let price = |commitment: usize| to_statistic(waterfall.unit_prices[commitment].amortized);
        let list: Vec<f64> = waterfall.on_demand.iter().map(|ticks| *ticks as f64 / TICKS).collect();
        let steps: Vec<Step> = waterfall
            .steps
            .iter()
            .map(|step| Step {
                pool: step.pool,
                line: step.line,
                weight: step.weight as f64 / scale(step.pool),
                licence: step.licence as f64 / TICKS,
            })
            .collect();
        let mut steps_of_pool = vec![Vec::new(); waterfall.pools.len()];
        for (index, step) in steps.iter().enumerate() {
            steps_of_pool[step.pool].push(index);
        }

        let cuts = cuts(&future, held.iter().chain(offered), reported);
        let groups = detail / (future.multipliers.len() * (steps.len() + lines)).max(1);
        let mut segments = Vec::with_capacity(cuts.len());
        let mut fixed_price = Vec::with_capacity(cuts.len());
        for pair in cuts.windows(2) {
            let hours = pair[0]..pair[1];
            let mut capacity = vec![0.0; waterfall.pools.len()];
            let mut fixed = 0.0;
            for span in
                held.iter().filter(|span| span.hours.start <= hours.start && hours.end <= span.hours.end)
            {
                let quantity = unit(span.commitment);
                capacity[pool_of[span.commitment]] += quantity;
                fixed += span.units * price(span.commitment);
            }
            let wanted =
                groups.saturating_mul(hours.len()).div_ceil(future.hours().max(1)).clamp(1, hours.len());
            let (weights, usage) = group_hours(&future.shape, &list, hours.clone(), wanted);
            fixed_price.push(fixed);
            segments.push(Segment {
                hours: hours.len() as f64,
                block: hours.start / future.block_hours,
                held: capacity,
                counted: hours.start < reported,
                weights,
                usage,
            });
        }
        let index_of = |hour: usize| cuts.binary_search(&hour).unwrap_or_else(|at| at);
        let mut problem = Self {
            list,
            sustained: waterfall.sustained.clone(),
            steps,
            steps_of_pool,
            segments,
            multipliers: future.multipliers,
            fixed_price,
            columns: Vec::new(),
        };
        let most = problem.largest_need();
        problem.columns = offered
            .iter()
            .map(|span| Column {
                pool: pool_of[span.commitment],
                unit: unit(span.commitment),
                price: price(span.commitment),
                segments: index_of(span.hours.start)..index_of(span.hours.end),
                most: most[pool_of[span.commitment]] / unit(span.commitment),
            })
            .collect();
        problem
    }

    /// Number of scenarios, all equally likely.
    pub(super) fn scenarios(&self) -> usize {
        self.multipliers.len()
    }

    /// Costs and bounds of the purchases `x` (units per column) in every scenario.
    pub(super) fn evaluate(&self, x: &[f64]) -> Vec<Outcome> {
        let bought = self.capacity(x);
        match self.multipliers.as_slice() {
            [certain] => vec![self.scenario(x, &bought, certain)],
            scenarios => {
                scenarios.par_iter().map(|multipliers| self.scenario(x, &bought, multipliers)).collect()
            }
        }
    }

    /// All usage without any commitment over the reported hours, per scenario.
    pub(super) fn on_demand_cost(&self) -> Vec<f64> {
        let nothing = vec![vec![0.0; self.steps_of_pool.len()]; self.segments.len()];
        let counted = self.segments.iter().zip(&self.fixed_price).filter(|(segment, _)| segment.counted);
        let held: f64 = counted.map(|(segment, price)| segment.hours * price).sum();
        let of = |multipliers: &Vec<f64>| self.scenario(&[], &nothing, multipliers).counted - held;
        self.multipliers.par_iter().map(of).collect()
    }

    /// Share of the usage, at list price over the reported hours of all scenarios, that is covered with `x` bought; 1
    /// without usage.
    pub(super) fn coverage(&self, x: &[f64]) -> f64 {
        let (lines, bought) = (self.list.len(), self.capacity(x));
        let mut hour = Hour::new(self);
        let (mut all, mut open) = (0.0, 0.0);
        for multipliers in &self.multipliers {
            for (segment, capacity) in
                self.segments.iter().zip(&bought).filter(|(segment, _)| segment.counted)
            {
                let multipliers = &multipliers[segment.block * lines..(segment.block + 1) * lines];
                for (weight, usage) in segment.weights.iter().zip(segment.usage.chunks_exact(lines.max(1))) {
                    hour.apply(self, usage, multipliers, capacity);
                    let used = usage.iter().zip(multipliers).map(|(usage, multiplier)| usage * multiplier);
                    for ((used, left), list) in used.zip(&hour.open).zip(&self.list) {
                        all += weight * used * list;
                        open += weight * left * list;
                    }
                }
            }
        }
        if all > 0.0 { 1.0 - open / all } else { 1.0 }
    }

    /// The same problem where usage that stays uncovered costs `times` its list price.
    pub(super) fn with_uncovered_at(&self, times: f64) -> Self {
        Self { list: self.list.iter().map(|list| list * times).collect(), ..self.clone() }
    }

    /// The needs of the only column, when nothing else competes with it and all its usage saves the same.
    pub(super) fn needs(&self) -> Option<Needs> {
        let [column] = self.columns.as_slice() else { return None };
        let segments = &self.segments[column.segments.clone()];
        let others_held = segments.iter().flat_map(|segment| segment.held.iter().enumerate());
        if others_held.into_iter().any(|(pool, held)| pool != column.pool && *held > 0.0) {
            return None;
        }
        let steps = || self.steps_of_pool[column.pool].iter().map(|&step| &self.steps[step]);
        let saving = |step: &Step| (self.list[step.line] - step.licence) / step.weight;
        let first = saving(steps().next()?);
        if steps().any(|step| !self.sustained.shares(step.line).is_empty()) {
            return None;
        }
        if steps().any(|step| (saving(step) - first).abs() > 1e-9 * first) {
            return None;
        }
        let lines = self.list.len();
        let mut needs = Vec::new();
        for segment in segments {
            for multipliers in &self.multipliers {
                let multiplier = &multipliers[segment.block * lines..];
                for (hours, usage) in segment.weights.iter().zip(segment.usage.chunks_exact(lines)) {
                    let need: f64 =
                        steps().map(|step| step.weight * usage[step.line] * multiplier[step.line]).sum();
                    needs.push((*hours, ((need - segment.held[column.pool]) / column.unit).max(0.0)));
                }
            }
        }
        Some(Needs { price_ratio: column.price / column.unit / first, needs })
    }

    /// Units of a pool's capacity that its reachable usage can take at most, in any hour and scenario.
    fn largest_need(&self) -> Vec<f64> {
        let lines = self.list.len();
        let mut most = vec![0.0_f64; self.steps_of_pool.len()];
        for segment in &self.segments {
            for usage in segment.usage.chunks_exact(lines.max(1)) {
                for multipliers in &self.multipliers {
                    for (most, steps) in most.iter_mut().zip(&self.steps_of_pool) {
                        let need: f64 = steps
                            .iter()
                            .map(|&step| &self.steps[step])
                            .map(|step| {
                                step.weight
                                    * usage[step.line]
                                    * multipliers[segment.block * lines + step.line]
                            })
                            .sum();
                        *most = most.max(need);
                    }
                }
            }
        }
        most
    }

    /// Capacity per segment and pool with `x` bought.
    fn capacity(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let mut capacity: Vec<Vec<f64>> = self.segments.iter().map(|segment| segment.held.clone()).collect();
        for (column, units) in self.columns.iter().zip(x).filter(|(_, units)| **units > 0.0) {
            for pools in &mut capacity[column.segments.clone()] {
                pools[column.pool] += column.unit * units;
            }
        }
        capacity
    }

    fn scenario(&self, x: &[f64], capacity: &[Vec<f64>], multipliers: &[f64]) -> Outcome {
        let lines = self.list.len();
        let mut outcome =
            Outcome { cost: 0.0, counted: 0.0, bound: 0.0, slope: vec![0.0; self.columns.len()] };
        let mut hour = Hour::new(self);
        // Dual prices of the pools, summed over the hours of each segment.
        let mut duals = vec![0.0; self.segments.len() * self.steps_of_pool.len()];
        let pools = self.steps_of_pool.len();
        for (index, segment) in self.segments.iter().enumerate() {
            let multipliers = &multipliers[segment.block * lines..(segment.block + 1) * lines];
            let duals = &mut duals[index * pools..(index + 1) * pools];
            let mut cost = self.fixed_price[index] * segment.hours;
            outcome.bound += cost;
            let discounted = self.discounted(segment, multipliers, &capacity[index], &mut hour);
            for (group, (weight, usage)) in
                segment.weights.iter().zip(segment.usage.chunks_exact(lines.max(1))).enumerate()
            {
                let list = discounted.get(group * lines..(group + 1) * lines).unwrap_or(&self.list);
                let (paid, bound) = hour.run(self, list, usage, multipliers, &capacity[index]);
                cost += weight * paid;
                outcome.bound += weight * bound;
                for (sum, dual) in duals.iter_mut().zip(&hour.dual) {
                    *sum += weight * dual;
                }
            }
            // The bound counts held capacity here; what is bought enters through the slopes.
            outcome.bound -= duals.iter().zip(&segment.held).map(|(dual, held)| dual * held).sum::<f64>();
            outcome.cost += cost;
            outcome.counted += if segment.counted { cost } else { 0.0 };
        }
        for (slope, column) in outcome.slope.iter_mut().zip(&self.columns) {
            *slope = column
                .segments
                .clone()
                .map(|segment| {
                    column.price * self.segments[segment].hours
                        - column.unit * duals[segment * pools + column.pool]
                })
                .sum();
        }
        for (column, units) in self.columns.iter().zip(x).filter(|(_, units)| **units > 0.0) {
            for segment in &self.segments[column.segments.clone()] {
                let paid = column.price * units * segment.hours;
                outcome.cost += paid;
                outcome.counted += if segment.counted { paid } else { 0.0 };
            }
        }
        outcome
    }
}

impl Problem {
    /// What an uncovered instance-hour of each line costs in each group of hours of a segment: less the more of the
    /// month its series is in use. Empty where nothing has such a discount.
    ///
    /// The most that any order of the hours would cost is what those of most use pay in full, so that prices read off
    /// one purchase keep the bound valid for every other.
    fn discounted(
        &self,
        segment: &Segment,
        multipliers: &[f64],
        capacity: &[f64],
        hour: &mut Hour,
    ) -> Vec<f64> {
        let (lines, pools) = (self.list.len(), self.sustained.pools());
        if self.sustained.is_empty() {
            return Vec::new();
        }
        let mut uncovered = vec![Vec::with_capacity(segment.weights.len()); pools];
        for usage in segment.usage.chunks_exact(lines.max(1)) {
            hour.apply(self, usage, multipliers, capacity);
            let mut sums = vec![0.0; pools];
            for (line, open) in hour.open.iter().enumerate() {
                for (pool, price) in self.sustained.shares(line) {
                    sums[*pool] += open * *price as f64 / TICKS;
                }
            }
            for (groups, sum) in uncovered.iter_mut().zip(sums) {
                groups.push(sum);
            }
        }
        let mut discounted: Vec<f64> =
            segment.weights.iter().flat_map(|_| self.list.iter().copied()).collect();
        for (pool, uncovered) in uncovered.iter().enumerate() {
            let mut order: Vec<usize> = (0..uncovered.len()).collect();
            order.sort_by(|a, b| uncovered[*b].total_cmp(&uncovered[*a]).then(a.cmp(b)));
            let mut from = 0.0;
            for group in order {
                let to = from + segment.weights[group] / segment.hours;
                let off = 1.0 - self.sustained.paid(pool, from..to);
                from = to;
                for line in 0..lines {
                    let shares = self.sustained.shares(line).iter().filter(|(of, _)| *of == pool);
                    let price: f64 = shares.map(|(_, price)| *price as f64 / TICKS).sum();
                    discounted[group * lines + line] -= price * off;
                }
            }
        }
        discounted
    }
}

/// Where multipliers, commitments or the reported window change.
fn cuts<'a>(future: &Future, spans: impl Iterator<Item = &'a Span>, reported: usize) -> Vec<usize> {
    let hours = future.hours();
    let mut cuts: Vec<usize> = (0..hours)
        .step_by(future.block_hours)
        .chain(spans.flat_map(|span| [span.hours.start, span.hours.end]))
        .chain([hours, reported])
        .map(|cut| cut.min(hours))
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Sorts hours by what their usage costs at list price and averages neighbours into `wanted` groups.
fn group_hours(shape: &[Vec<f64>], list: &[f64], hours: Range<usize>, wanted: usize) -> (Vec<f64>, Vec<f64>) {
    let value = |hour: usize| -> f64 { shape.iter().zip(list).map(|(row, list)| row[hour] * list).sum() };
    let mut sorted: Vec<(f64, usize)> = hours.map(|hour| (value(hour), hour)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut weights = Vec::with_capacity(wanted);
    let mut usage = Vec::with_capacity(wanted * shape.len());
    for group in 0..wanted {
        let members = &sorted[group * sorted.len() / wanted..(group + 1) * sorted.len() / wanted];
        weights.push(members.len() as f64);
        usage.extend(shape.iter().map(|row| {
            members.iter().map(|(_, hour)| row[*hour]).sum::<f64>() / members.len().max(1) as f64
        }));
    }
    (weights, usage)
}
