//! What usage pays beyond its commitments, and what a change of it would pay, without billing all of it again.
//!
//! Lines that no active commitment can move usage between do not feel each other. A change is billed in the lines
//! that feel it only, and in its own hours. Sustained-use discounts, which hang on whole months, are reckoned again for
//! the months and the machine series whose uncovered usage the change moves.

mod part;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use domain::Commitment;
use rayon::prelude::*;
use rust_decimal::Decimal;

use self::part::{Filled, Flow, Part};
use crate::demand::{Demand, LineKey};
use crate::price_book::PriceBook;
use crate::simulate::BillingError;
use crate::sustained::months;
use crate::ticks::{from_product, to_ticks};
use crate::waterfall::{Step, Waterfall};

/// Instance-hours (below 0: taken away) of one line in each of some hours of the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whose usage.
    pub line: LineKey,
    /// Hours of the window.
    pub hours: Range<usize>,
    /// Instance-hours per hour.
    pub quantity: Decimal,
}

/// A change of the usage with its price. Made by [`Meter::price`], done by [`Meter::accept`].
#[derive(Debug)]
pub struct Priced {
    /// USD over the window that it saves under each set of active commitments.
    pub savings: Vec<Decimal>,
    changes: Vec<Change>,
    /// What becomes of parts and sets; `None` where the usage has not had one of the lines.
    after: Option<(Vec<Effect>, Vec<Uncovered>)>,
}

/// What a change does in one part.
#[derive(Debug)]
struct Effect {
    part: usize,
    /// In the hours that feel it.
    flows: Vec<Flow>,
    /// What it moves of the usage that can have sustained-use discounts.
    moved: Uncovered,
}

/// Usage of one provider under sets of active commitments, each set as if it held for the whole window.
#[derive(Debug, Clone)]
pub struct Meter<'a> {
    book: &'a PriceBook,
    demand: Demand,
    commitments: Vec<Commitment>,
    /// Which commitments are active, per set.
    active: Vec<Vec<bool>>,
    compiled: Compiled,
    /// Per part, for the usage as it is.
    filled: Vec<Filled>,
    /// Per set, for the usage as it is.
    uncovered: Vec<Uncovered>,
    /// The hours of each month.
    months: Vec<Range<usize>>,
}

/// List price of what no commitment covers (or a change of it) in squared ticks, by pool of sustained-use discounts and
/// hour of the window; empty for pools without any.
type Uncovered = Vec<Vec<i128>>;

/// The legal order for a list of lines, cut into parts that do not feel each other.
#[derive(Debug, Clone)]
struct Compiled {
    lines: Vec<LineKey>,
    waterfall: Waterfall,
    /// Row of the usage of each line; none for lines that a change would add.
    rows: Vec<Option<usize>>,
    /// The parts of all sets: sets that differ elsewhere share them.
    parts: Vec<Part>,
    /// Per set of active commitments, the part of each line.
    sets: Vec<Vec<usize>>,
}

/// A line, hours of the window, and the ticks by which the line changes in each of them.
type Shift = (usize, Range<usize>, i128);

/// Ticks that a line has more (or less) in each hour of a range.
struct Delta {
    line: usize,
    ticks: Vec<i128>,
}

impl<'a> Meter<'a> {
    /// Compiles the order for `demand`, whose lines are of one provider like `commitments`. Each of `active` says
    /// which of them count.
    ///
    /// # Errors
    /// A line without a list price, or a commitment that makes no sense.
    pub fn new(
        demand: Demand,
        commitments: Vec<Commitment>,
        active: Vec<Vec<bool>>,
        book: &'a PriceBook,
    ) -> Result<Self, BillingError> {
        let compiled = Compiled::new(demand.lines().to_vec(), &demand, &commitments, &active, book)?;
        let months = months(demand.period().start, demand.hours());
        let (filled, uncovered) = (Vec::new(), Vec::new());
        let mut meter = Self { book, demand, commitments, active, compiled, filled, uncovered, months };
        meter.take_stock();
        Ok(meter)
    }

    /// The usage as it is now.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// USD over the window under a set of active commitments: what they do not cover, and what they cost.
    pub fn total(&self, set: usize) -> Decimal {
        let list = &self.compiled.waterfall.on_demand;
        let all = |row: usize| self.demand.row(row).iter().sum::<i128>() * list[row];
        let paid: i128 = (0..self.demand.lines().len()).map(all).sum();
        let parts: BTreeSet<usize> = self.compiled.sets[set].iter().copied().collect();
        let covered = parts.into_iter().flat_map(|part| &self.filled[part].saved);
        let discounts = self.uncovered[set].iter().enumerate();
        let off: i128 = discounts.map(|(pool, hours)| self.discount(&self.compiled, pool, hours, None)).sum();
        let paid = paid - covered.sum::<i128>() - off;
        let hours = Decimal::from(self.demand.hours());
        let terms = self.commitments.iter().zip(&self.compiled.waterfall.unit_prices);
        let held = terms.zip(&self.active[set]).filter(|(_, active)| **active);
        let cost = |(commitment, terms): (&Commitment, &crate::UnitPrice)| {
            (commitment.quantity * hours * terms.amortized).round_dp(12)
        };
        from_product(paid) + held.map(|(held, _)| cost(held)).sum::<Decimal>()
    }

    /// What `changes` would save.
    ///
    /// # Errors
    /// A line without a list price, or hours out of the window.
    pub fn price(&self, changes: Vec<Change>) -> Result<Priced, BillingError> {
        let unknown = |line: &LineKey| self.compiled.lines.binary_search(line).is_err();
        let grown = if changes.iter().any(|change| unknown(&change.line)) {
            let mut lines = self.compiled.lines.clone();
            lines.extend(changes.iter().map(|change| change.line.clone()));
            lines.sort_unstable();
            lines.dedup();
            Some(Compiled::new(lines, &self.demand, &self.commitments, &self.active, self.book)?)
        } else {
            None
        };
        let compiled = grown.as_ref().unwrap_or(&self.compiled);
        let mut overlay: Vec<Shift> = Vec::with_capacity(changes.len());
        for change in &changes {
            let line = compiled.lines.binary_search(&change.line).map_err(|_| refuse(change))?;
            let ticks = to_ticks(change.quantity).ok_or_else(|| refuse(change))?;
            if change.hours.end > self.demand.hours() || change.hours.start > change.hours.end {
                return Err(refuse(change));
            }
            overlay.push((line, change.hours.clone(), ticks));
        }
        let known = grown.is_none().then_some(self.filled.as_slice());
        let touched: BTreeSet<usize> =
            compiled.sets.iter().flat_map(|set| overlay.iter().map(|(line, ..)| set[*line])).collect();
        let touched: Vec<usize> = touched.into_iter().collect();
        let effects: Vec<Effect> =
            touched.into_par_iter().map(|part| self.effect(compiled, part, known, &overlay)).collect();
        let list =
            |(line, hours, ticks): &Shift| ticks * hours.len() as i128 * compiled.waterfall.on_demand[*line];
        let list: i128 = overlay.iter().map(list).sum();
        let of_set = |(set, part_of): (usize, &Vec<usize>)| {
            let mut moved = vec![Vec::new(); compiled.waterfall.sustained.pools()];
            let here: BTreeSet<usize> = overlay.iter().map(|(line, ..)| part_of[*line]).collect();
            let mut saved = -list;
            for effect in effects.iter().filter(|effect| here.contains(&effect.part)) {
                saved += effect.flows.iter().map(|flow| flow.saved).sum::<i128>();
                add(&mut moved, &effect.moved);
            }
            let before = match &grown {
                None => Cow::Borrowed(&self.uncovered[set]),
                Some(_) if moved.iter().all(Vec::is_empty) => Cow::Owned(Uncovered::new()),
                Some(grown) => Cow::Owned(self.uncovered_of(grown, part_of)),
            };
            for (pool, change) in moved.iter().enumerate().filter(|(_, change)| !change.is_empty()) {
                let of = |change| self.discount(compiled, pool, &before[pool], change);
                saved += of(Some(change.as_slice())) - of(None);
            }
            (from_product(saved), moved)
        };
        let (savings, moved): (Vec<Decimal>, Vec<Uncovered>) =
            compiled.sets.iter().enumerate().map(of_set).unzip();
        Ok(Priced { savings, changes, after: grown.is_none().then_some((effects, moved)) })
    }

    /// What changes do in one part. `known` is what commitments do before, by part.
    fn effect(
        &self,
        compiled: &Compiled,
        index: usize,
        known: Option<&[Filled]>,
        changes: &[Shift],
    ) -> Effect {
        let part = &compiled.parts[index];
        let sustained = &compiled.waterfall.sustained;
        let mut effect =
            Effect { part: index, flows: Vec::new(), moved: vec![Vec::new(); sustained.pools()] };
        let mut move_by = |hour: usize, line: usize, ticks: i128| {
            for (pool, price) in sustained.shares(line).iter().filter(|_| ticks != 0) {
                effect.moved[*pool].resize(self.demand.hours(), 0);
                effect.moved[*pool][hour] += ticks * price;
            }
        };
        let own = || changes.iter().filter(|(line, ..)| part.place_of(*line).is_some());
        for (line, hours, ticks) in own() {
            hours.clone().for_each(|hour| move_by(hour, *line, *ticks));
        }
        if part.is_free() {
            return effect;
        }
        let usage = self.usage_of(compiled, part);
        let known = match known {
            Some(known) => Cow::Borrowed(&known[index]),
            None => Cow::Owned(part.fill(&usage, self.demand.hours(), ignore)),
        };
        for hours in union(own().map(|(_, hours, _)| hours.clone())) {
            let deltas = deltas(own(), &hours);
            for (at, hour) in hours.enumerate() {
                let more =
                    deltas.iter().filter_map(|delta| Some((part.place_of(delta.line)?, delta.ticks[at])));
                let take = |line: usize, taken: i128| move_by(hour, part.lines[line], -taken);
                effect.flows.push(part.follow(&usage, &known, hour, more, take));
            }
        }
        effect
    }

    /// What sustained use takes off one pool, in squared ticks, with a change of its usage.
    fn discount(&self, compiled: &Compiled, pool: usize, hours: &[i128], change: Option<&[i128]>) -> i128 {
        let months = self.months.iter().filter(|_| !hours.is_empty());
        let of = |month: &Range<usize>| {
            let mut uncovered = hours[month.clone()].to_vec();
            for (uncovered, change) in uncovered.iter_mut().zip(change.iter().flat_map(|c| &c[month.clone()]))
            {
                *uncovered += change;
            }
            compiled.waterfall.sustained.discount(pool, uncovered)
        };
        months.map(of).sum()
    }

    /// Does what [`price`](Self::price) has priced. The usage must not have changed in between.
    ///
    /// # Errors
    /// Usage that would fall below 0.
    pub fn accept(&mut self, priced: Priced) -> Result<(), BillingError> {
        for change in &priced.changes {
            self.demand.change(&change.line, change.hours.clone(), change.quantity)?;
        }
        let Some((effects, moved)) = priced.after else {
            let lines = self.demand.lines().to_vec();
            self.compiled = Compiled::new(lines, &self.demand, &self.commitments, &self.active, self.book)?;
            self.take_stock();
            return Ok(());
        };
        for Effect { part, flows, .. } in effects {
            for flow in flows {
                self.compiled.parts[part].rise(&mut self.filled[part], &flow);
            }
        }
        for (uncovered, moved) in self.uncovered.iter_mut().zip(&moved) {
            add(uncovered, moved);
        }
        Ok(())
    }

    /// Applies the order to all of the usage under every set.
    fn take_stock(&mut self) {
        let hours = self.demand.hours();
        let of_part = |part: &Part| part.fill(&self.usage_of(&self.compiled, part), hours, ignore);
        self.filled = self.compiled.parts.iter().map(of_part).collect();
        let sets = self.compiled.sets.iter();
        self.uncovered = sets.map(|part_of| self.uncovered_of(&self.compiled, part_of)).collect();
    }

    /// Ticks of the lines of a part, by hour.
    fn usage_of(&self, compiled: &Compiled, part: &Part) -> Vec<Option<&[i128]>> {
        part.lines.iter().map(|&line| compiled.rows[line].map(|row| self.demand.row(row))).collect()
    }

    fn uncovered_of(&self, compiled: &Compiled, part_of: &[usize]) -> Uncovered {
        let sustained = &compiled.waterfall.sustained;
        let mut uncovered = vec![vec![0; self.demand.hours()]; sustained.pools()];
        if sustained.is_empty() {
            return uncovered;
        }
        for (line, row) in compiled.rows.iter().enumerate() {
            for (pool, price) in sustained.shares(line).iter().filter(|_| row.is_some()) {
                let ticks = row.map_or(&[][..], |row| self.demand.row(row));
                for (hour, ticks) in uncovered[*pool].iter_mut().zip(ticks) {
                    *hour += ticks * price;
                }
            }
        }
        for part in part_of.iter().collect::<BTreeSet<_>>() {
            let part = &compiled.parts[*part];
            let take = |hour: usize, line: usize, taken: i128| {
                for (pool, price) in sustained.shares(part.lines[line]) {
                    uncovered[*pool][hour] -= taken * price;
                }
            };
            part.fill(&self.usage_of(compiled, part), self.demand.hours(), take);
        }
        uncovered
    }
}

/// For those who want the sums only.
fn ignore(_hour: usize, _line: usize, _taken: i128) {}

fn refuse(change: &Change) -> BillingError {
    let Change { line, hours, quantity } = change.clone();
    BillingError::Change { instance_type: line.instance_type, hours, quantity }
}

/// Adds what is moved, by pool and hour.
fn add(uncovered: &mut Uncovered, moved: &Uncovered) {
    for (hours, moved) in uncovered.iter_mut().zip(moved) {
        hours.resize(hours.len().max(moved.len()), 0);
        for (hour, moved) in hours.iter_mut().zip(moved) {
            *hour += moved;
        }
    }
}

/// Changes of the lines of one part, hour by hour.
fn deltas<'c>(changes: impl Iterator<Item = &'c Shift>, hours: &Range<usize>) -> Vec<Delta> {
    let mut deltas: Vec<Delta> = Vec::new();
    for (line, of, ticks) in changes {
        let at = deltas.iter().position(|delta| delta.line == *line).unwrap_or_else(|| {
            deltas.push(Delta { line: *line, ticks: vec![0; hours.len()] });
            deltas.len() - 1
        });
        for hour in of.start.max(hours.start)..of.end.min(hours.end) {
            deltas[at].ticks[hour - hours.start] += ticks;
        }
    }
    deltas
}

impl Compiled {
    fn new(
        lines: Vec<LineKey>,
        demand: &Demand,
        commitments: &[Commitment],
        active: &[Vec<bool>],
        book: &PriceBook,
    ) -> Result<Self, BillingError> {
        let waterfall = Waterfall::new(&lines, commitments, book)?;
        let mut parts: Vec<Part> = Vec::new();
        // Equal parts have equal first lines.
        let mut by_line: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut shared = |part: Part| {
            let alike = by_line.entry(part.lines[0]).or_default();
            if let Some(known) = alike.iter().find(|known| parts[**known] == part) {
                return *known;
            }
            parts.push(part);
            alike.push(parts.len() - 1);
            parts.len() - 1
        };
        let mut of_set = |active: &Vec<bool>| -> Vec<usize> {
            let mut part_of = vec![0; lines.len()];
            for part in cut(&waterfall, lines.len(), active) {
                let own = part.lines.clone();
                let index = shared(part);
                own.into_iter().for_each(|line| part_of[line] = index);
            }
            part_of
        };
        let sets = active.iter().map(&mut of_set).collect();
        let rows = lines.iter().map(|line| demand.lines().binary_search(line).ok()).collect();
        Ok(Self { lines, waterfall, rows, parts, sets })
    }
}

/// Cuts the order of a set into parts: lines that an active pool reaches are joined.
fn cut(waterfall: &Waterfall, lines: usize, active: &[bool]) -> Vec<Part> {
    let capacity: Vec<i128> = waterfall
        .pools
        .iter()
        .map(|pool| pool.members.iter().filter(|&&m| active[m]).map(|&m| waterfall.capacity[m]).sum())
        .collect();
    let flows = |step: &&Step| capacity[step.pool] > 0;
    // Every line follows the smallest line that it is joined with.
    let mut joined: Vec<usize> = (0..lines).collect();
    let mut first_of_pool: Vec<Option<usize>> = vec![None; capacity.len()];
    for step in waterfall.steps.iter().filter(flows) {
        let line = root(&joined, step.line);
        let first = root(&joined, *first_of_pool[step.pool].get_or_insert(step.line));
        joined[line.max(first)] = line.min(first);
    }
    let mut lines_of: Vec<Vec<usize>> = Vec::new();
    let mut part_of_root = vec![None; lines];
    let mut places = Vec::with_capacity(lines);
    for line in 0..lines {
        let part = *part_of_root[root(&joined, line)].get_or_insert_with(|| {
            lines_of.push(Vec::new());
            lines_of.len() - 1
        });
        places.push((part, lines_of[part].len()));
        lines_of[part].push(line);
    }
    let mut pool_in_part: Vec<Option<usize>> = vec![None; capacity.len()];
    let mut flows_of: Vec<(Vec<i128>, Vec<Step>)> = vec![(Vec::new(), Vec::new()); lines_of.len()];
    for step in waterfall.steps.iter().filter(flows) {
        let (part, line) = places[step.line];
        let (capacities, steps) = &mut flows_of[part];
        let pool = *pool_in_part[step.pool].get_or_insert_with(|| {
            capacities.push(capacity[step.pool]);
            capacities.len() - 1
        });
        steps.push(Step { pool, line, ..*step });
    }
    let part = |(lines, (capacity, steps)): (Vec<usize>, (Vec<i128>, Vec<Step>))| {
        let list: Vec<i128> = lines.iter().map(|line| waterfall.on_demand[*line]).collect();
        Part::new(lines, capacity, steps, &list)
    };
    lines_of.into_iter().zip(flows_of).map(part).collect()
}

fn root(joined: &[usize], mut line: usize) -> usize {
    while joined[line] != line {
        line = joined[line];
    }
    line
}

/// Ranges that overlap, or touch, as one.
fn union(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut sorted: Vec<Range<usize>> = ranges.collect();
    sorted.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in sorted {
        match joined.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => joined.push(range),
        }
    }
    joined
}
