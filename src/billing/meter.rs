//! What usage pays beyond its commitments, and what a change of it would pay, without billing all of it again.
//!
//! Lines that no active commitment can move usage between do not feel each other. A change is billed in the lines
//! that feel it only, and in its own hours. Sustained-use discounts, which hang on whole months, are reckoned again for
//! the months and the machine series whose uncovered usage the change moves.

use std::borrow::Cow;
use std::ops::Range;

use domain::Commitment;
use rust_decimal::Decimal;

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

/// Usage of one provider under sets of active commitments, each set as if it held for the whole window.
#[derive(Debug, Clone)]
pub struct Meter<'a> {
    book: &'a PriceBook,
    demand: Demand,
    commitments: Vec<Commitment>,
    /// Which commitments are active, per set.
    active: Vec<Vec<bool>>,
    compiled: Compiled,
    /// Per set, part and hour of the window, for the usage as it is; empty where no step is.
    covered: Vec<Vec<Vec<Covered>>>,
    /// Per set, for the usage as it is.
    uncovered: Vec<Uncovered>,
    /// The hours of each month.
    months: Vec<Range<usize>>,
}

/// List price of what no commitment covers (or a change of it) in squared ticks, by pool of sustained-use discounts and
/// hour of the window; empty for pools without any.
type Uncovered = Vec<Vec<i128>>;

/// What commitments do to one part in one hour.
#[derive(Debug, Clone, Copy, Default)]
struct Covered {
    /// What they take off the list price, in squared ticks.
    saved: i128,
    /// The step at which nothing was left of any pool: lines that come later do not matter.
    end: usize,
}

/// The legal order for a list of lines, cut into parts that do not feel each other.
#[derive(Debug, Clone)]
struct Compiled {
    lines: Vec<LineKey>,
    waterfall: Waterfall,
    /// Row of the usage of each line; none for lines that a change would add.
    rows: Vec<Option<usize>>,
    /// Per set of active commitments.
    sets: Vec<Set>,
}

#[derive(Debug, Clone)]
struct Set {
    parts: Vec<Part>,
    /// Part of each line, and its place in it.
    places: Vec<(usize, usize)>,
}

#[derive(Debug, Clone)]
struct Part {
    lines: Vec<usize>,
    /// The order, with lines and pools counted within the part.
    steps: Vec<Step>,
    /// What is active in each pool.
    capacity: Vec<i128>,
    /// First step of each line, and last step of each pool.
    first: Vec<usize>,
    last: Vec<usize>,
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
        let (covered, uncovered) = (Vec::new(), Vec::new());
        let mut meter = Self { book, demand, commitments, active, compiled, covered, uncovered, months };
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
        let covered = self.covered[set].iter().flatten().map(|covered| covered.saved);
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

    /// USD over the window that `changes` would save under each set of active commitments.
    ///
    /// # Errors
    /// A line without a list price, or hours out of the window.
    pub fn saving(&self, changes: &[Change]) -> Result<Vec<Decimal>, BillingError> {
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
        for change in changes {
            let line = compiled.lines.binary_search(&change.line).map_err(|_| self.refuse(change))?;
            let ticks = to_ticks(change.quantity).ok_or_else(|| self.refuse(change))?;
            if change.hours.end > self.demand.hours() || change.hours.start > change.hours.end {
                return Err(self.refuse(change));
            }
            overlay.push((line, change.hours.clone(), ticks));
        }
        let mut savings = Vec::with_capacity(compiled.sets.len());
        for set in 0..compiled.sets.len() {
            let covered = grown.is_none().then(|| self.covered[set].as_slice());
            let (mut saved, moved) = self.moved(compiled, set, covered, &overlay);
            let before = match &grown {
                None => Cow::Borrowed(&self.uncovered[set]),
                Some(_) if moved.iter().all(Vec::is_empty) => Cow::Owned(Uncovered::new()),
                Some(grown) => Cow::Owned(self.uncovered_of(grown, &grown.sets[set])),
            };
            for (pool, change) in moved.iter().enumerate().filter(|(_, change)| !change.is_empty()) {
                let of = |change| self.discount(compiled, pool, &before[pool], change);
                saved += of(Some(change.as_slice())) - of(None);
            }
            savings.push(from_product(saved));
        }
        Ok(savings)
    }

    /// Squared ticks that changes save under one set before sustained-use discounts, and what they move of the usage
    /// that can have those. `covered` is what is covered before, by part.
    fn moved(
        &self,
        compiled: &Compiled,
        set: usize,
        covered: Option<&[Vec<Covered>]>,
        changes: &[Shift],
    ) -> (i128, Uncovered) {
        let set = &compiled.sets[set];
        let mut moved = vec![Vec::new(); compiled.waterfall.sustained.pools()];
        let mut saved = 0;
        for part in touched(set, changes) {
            let own: Vec<Shift> =
                changes.iter().filter(|(line, ..)| set.places[*line].0 == part).cloned().collect();
            let known = covered.map(|covered| covered[part].as_slice());
            for hours in union(own.iter().map(|(_, hours, _)| hours.clone())) {
                saved += self.saved(compiled, &set.parts[part], known, hours, &own, &mut moved);
            }
        }
        (saved, moved)
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

    /// Does what [`saving`](Self::saving) has priced.
    ///
    /// # Errors
    /// As there, or usage that would fall below 0.
    pub fn change(&mut self, changes: &[Change]) -> Result<(), BillingError> {
        let known = self.demand.lines().len();
        let mut overlay: Vec<Shift> = Vec::with_capacity(changes.len());
        for change in changes {
            let line = self.demand.lines().binary_search(&change.line);
            let (Ok(line), Some(ticks)) = (line, to_ticks(change.quantity)) else { continue };
            overlay.push((line, change.hours.clone(), ticks));
        }
        let moved: Vec<Uncovered> = match self.compiled.waterfall.sustained.is_empty() {
            true => Vec::new(),
            false => {
                let of = |set: usize| self.moved(&self.compiled, set, Some(&self.covered[set]), &overlay).1;
                (0..self.compiled.sets.len()).map(of).collect()
            }
        };
        for change in changes {
            self.demand.change(&change.line, change.hours.clone(), change.quantity)?;
        }
        if self.demand.lines().len() > known {
            let lines = self.demand.lines().to_vec();
            self.compiled = Compiled::new(lines, &self.demand, &self.commitments, &self.active, self.book)?;
            self.take_stock();
            return Ok(());
        }
        for (uncovered, moved) in self.uncovered.iter_mut().zip(moved) {
            for (hours, change) in uncovered.iter_mut().zip(moved) {
                for (hour, change) in hours.iter_mut().zip(change) {
                    *hour += change;
                }
            }
        }
        for (index, set) in self.compiled.sets.iter().enumerate() {
            for part in touched(set, &overlay) {
                let own = overlay.iter().filter(|(line, ..)| set.places[*line].0 == part);
                let first = own.clone().map(|(line, ..)| set.parts[part].first[set.places[*line].1]).min();
                let known = &self.covered[index][part];
                let hours = union(own.map(|(_, hours, _)| hours.clone())).into_iter().flatten();
                let felt = |hour: &usize| known.get(*hour).is_some_and(|known| first < Some(known.end));
                let felt: Vec<usize> = hours.filter(felt).collect();
                let fresh =
                    self.cover_hours(&self.compiled, &set.parts[part], felt.iter().copied(), 0, &[], ignore);
                for (hour, fresh) in felt.into_iter().zip(fresh) {
                    self.covered[index][part][hour] = fresh;
                }
            }
        }
        Ok(())
    }

    /// Applies the order to all of the usage under every set.
    fn take_stock(&mut self) {
        let sets = self.compiled.sets.iter();
        self.covered = sets.clone().map(|set| self.of_set(set)).collect();
        self.uncovered = sets.map(|set| self.uncovered_of(&self.compiled, set)).collect();
    }

    fn of_set(&self, set: &Set) -> Vec<Vec<Covered>> {
        let hours = 0..self.demand.hours();
        let of_part = |part| self.cover(&self.compiled, part, hours.clone(), &[], ignore);
        set.parts.iter().map(of_part).collect()
    }

    fn uncovered_of(&self, compiled: &Compiled, set: &Set) -> Uncovered {
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
        for part in &set.parts {
            let take = |hour: usize, line: usize, taken: i128| {
                for (pool, price) in sustained.shares(part.lines[line]) {
                    uncovered[*pool][hour] -= taken * price;
                }
            };
            self.cover(compiled, part, 0..self.demand.hours(), &[], take);
        }
        uncovered
    }

    /// Squared ticks that changes of the lines of a part save in some hours before sustained-use discounts; what they
    /// move of the usage that can have those is added to `moved`. `known` is what is covered before.
    fn saved(
        &self,
        compiled: &Compiled,
        part: &Part,
        known: Option<&[Covered]>,
        hours: Range<usize>,
        changes: &[Shift],
        moved: &mut Uncovered,
    ) -> i128 {
        let deltas = deltas(changes, &hours);
        let list =
            |delta: &Delta| delta.ticks.iter().sum::<i128>() * compiled.waterfall.on_demand[delta.line];
        let saved = -deltas.iter().map(list).sum::<i128>();
        let sustained = &compiled.waterfall.sustained;
        let window = self.demand.hours();
        let mut move_by = |hour: usize, line: usize, ticks: i128| {
            for (pool, price) in sustained.shares(line).iter().filter(|_| ticks != 0) {
                moved[*pool].resize(window, 0);
                moved[*pool][hour] += ticks * price;
            }
        };
        for delta in &deltas {
            for (hour, ticks) in hours.clone().zip(&delta.ticks) {
                move_by(hour, delta.line, *ticks);
            }
        }
        if part.steps.is_empty() {
            return saved;
        }
        let first = |delta: &Delta| part.lines.binary_search(&delta.line).map_or(0, |line| part.first[line]);
        let first = deltas.iter().map(first).min().unwrap_or(0);
        let before = match known {
            Some(known) => known[hours.clone()].to_vec(),
            None => self.cover(compiled, part, hours.clone(), &[], ignore),
        };
        // Where the commitments are used up before they come to these lines, nothing changes for them.
        let felt = hours.clone().zip(&before).filter(|(_, before)| first < before.end);
        let felt: Vec<(usize, i128)> = felt.map(|(hour, before)| (hour, before.saved)).collect();
        let felt_hours = || felt.iter().map(|(hour, _)| *hour);
        if part.lines.iter().any(|line| !sustained.shares(*line).is_empty()) {
            let back = |hour: usize, line: usize, taken: i128| move_by(hour, part.lines[line], taken);
            self.cover_hours(compiled, part, felt_hours(), hours.start, &[], back);
        }
        let away = |hour: usize, line: usize, taken: i128| move_by(hour, part.lines[line], -taken);
        let after = self.cover_hours(compiled, part, felt_hours(), hours.start, &deltas, away);
        saved + after.iter().map(|after| after.saved).sum::<i128>()
            - felt.iter().map(|(_, saved)| saved).sum::<i128>()
    }

    fn refuse(&self, change: &Change) -> BillingError {
        let Change { line, hours, quantity } = change.clone();
        BillingError::Change { instance_type: line.instance_type, hours, quantity }
    }

    fn cover(
        &self,
        compiled: &Compiled,
        part: &Part,
        hours: Range<usize>,
        deltas: &[Delta],
        take: impl FnMut(usize, usize, i128),
    ) -> Vec<Covered> {
        self.cover_hours(compiled, part, hours.clone(), hours.start, deltas, take)
    }

    /// Applies the order to a part in some hours; `deltas`, which start at hour `start`, are added to the usage. `take`
    /// is told the hour, the line of the part and the ticks of everything that is covered.
    fn cover_hours(
        &self,
        compiled: &Compiled,
        part: &Part,
        hours: impl Iterator<Item = usize>,
        start: usize,
        deltas: &[Delta],
        mut take: impl FnMut(usize, usize, i128),
    ) -> Vec<Covered> {
        if part.steps.is_empty() {
            return Vec::new();
        }
        let rows: Vec<Option<&[i128]>> =
            part.lines.iter().map(|&line| compiled.rows[line].map(|row| self.demand.row(row))).collect();
        let saves: Vec<i128> = part
            .steps
            .iter()
            .map(|step| compiled.waterfall.on_demand[part.lines[step.line]] - step.licence)
            .collect();
        let own: Vec<Option<&[i128]>> = part
            .lines
            .iter()
            .map(|line| deltas.iter().find(|delta| delta.line == *line).map(|delta| delta.ticks.as_slice()))
            .collect();
        // Usage is looked up when a step first asks for it; the steps end with the last pool that has something left.
        let mut open = vec![0_i128; part.lines.len()];
        let mut seen = vec![usize::MAX; part.lines.len()];
        let mut left = part.capacity.clone();
        let cover = |hour: usize| {
            left.copy_from_slice(&part.capacity);
            let (mut live, mut saved) = (left.len(), 0);
            for (index, step) in part.steps.iter().enumerate() {
                let pool = left[step.pool];
                if pool == 0 {
                    continue;
                }
                if seen[step.line] != hour {
                    seen[step.line] = hour;
                    open[step.line] = rows[step.line].map_or(0, |row| row[hour])
                        + own[step.line].map_or(0, |ticks| ticks[hour - start]);
                }
                let need = open[step.line];
                let wanted = need * step.weight;
                // The rest of a pool goes into the line; less than one tick of usage is lost to rounding.
                let (taken, rest) =
                    if wanted <= pool { (need, pool - wanted) } else { (pool / step.weight, 0) };
                left[step.pool] = rest;
                open[step.line] = need - taken;
                saved += taken * saves[index];
                take(hour, step.line, taken);
                if rest == 0 || part.last[step.pool] == index {
                    live -= 1;
                    if live == 0 {
                        return Covered { saved, end: index + 1 };
                    }
                }
            }
            Covered { saved, end: part.steps.len() }
        };
        hours.map(cover).collect()
    }
}

/// For those who want the sums only.
fn ignore(_hour: usize, _line: usize, _taken: i128) {}

/// The parts that changes touch.
fn touched(set: &Set, changes: &[Shift]) -> Vec<usize> {
    let mut parts: Vec<usize> = changes.iter().map(|(line, ..)| set.places[*line].0).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// Changes of the lines of one part, hour by hour.
fn deltas(changes: &[Shift], hours: &Range<usize>) -> Vec<Delta> {
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
        let sets = active.iter().map(|active| set(&waterfall, lines.len(), active)).collect();
        let rows = lines.iter().map(|line| demand.lines().binary_search(line).ok()).collect();
        Ok(Self { lines, waterfall, rows, sets })
    }
}

/// Joins lines that an active pool reaches.
fn set(waterfall: &Waterfall, lines: usize, active: &[bool]) -> Set {
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
    let mut parts: Vec<Part> = Vec::new();
    let mut part_of_root = vec![None; lines];
    let mut places = Vec::with_capacity(lines);
    for line in 0..lines {
        let part = *part_of_root[root(&joined, line)].get_or_insert_with(|| {
            parts.push(Part { lines: vec![], steps: vec![], capacity: vec![], first: vec![], last: vec![] });
            parts.len() - 1
        });
        places.push((part, parts[part].lines.len()));
        parts[part].lines.push(line);
        parts[part].first.push(usize::MAX);
    }
    let mut pool_in_part: Vec<Option<usize>> = vec![None; capacity.len()];
    for step in waterfall.steps.iter().filter(flows) {
        let (part, line) = places[step.line];
        let part = &mut parts[part];
        let pool = *pool_in_part[step.pool].get_or_insert_with(|| {
            part.capacity.push(capacity[step.pool]);
            part.last.push(0);
            part.capacity.len() - 1
        });
        part.last[pool] = part.steps.len();
        part.first[line] = part.first[line].min(part.steps.len());
        part.steps.push(Step { pool, line, ..*step });
    }
    Set { parts, places }
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

#[cfg(test)]
mod tests {
    use domain::{Period, PricingPlan};
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{book, dec, held, hour, used};

    const TYPES: [&str; 4] = ["m5.large", "m5.2xlarge", "c5.large", "r5.large"];

    fn prices() -> PriceBook {
        use PricingPlan::{ComputeSp, OnDemand, RiStandard};
        book(&[
            ("m5.large", "Linux", OnDemand, "0.1"),
            ("m5.large", "Linux", RiStandard, "0.06"),
            ("m5.large", "Linux", ComputeSp, "0.072"),
            ("m5.2xlarge", "Linux", OnDemand, "0.4"),
            ("m5.2xlarge", "Linux", ComputeSp, "0.284"),
            ("c5.large", "Linux", OnDemand, "0.085"),
            ("c5.large", "Linux", RiStandard, "0.05"),
            ("r5.large", "Linux", OnDemand, "0.126"),
            ("r5.large", "Linux", ComputeSp, "0.09"),
        ])
    }

    proptest! {
        #[test]
        fn a_change_saves_what_two_whole_bills_differ_by(
            rows in prop::collection::vec([1_u32..6, 0_u32..3, 1_u32..6, 0_u32..6], 1..40),
            sizes in [0_u32..9, 0_u32..4, 0_u32..3],
            (from, to) in (0_usize..2, 0_usize..4),
            part in 1_usize..40,
        ) {
            let prices = prices();
            let usage = |row: (usize, &[u32; 4])| {
                let cells = TYPES.iter().zip(*row.1).enumerate().filter(|(_, (_, quantity))| *quantity > 0);
                cells.map(|(_, (name, quantity))| used(row.0 as i64, "1", name, "Linux", &quantity.to_string()))
                    .collect::<Vec<_>>()
            };
            let usage: Vec<_> = rows.iter().enumerate().flat_map(usage).collect();
            let period = Period { start: hour(0), end: hour(rows.len() as i64) };
            let demand = Demand::over(period, &usage).unwrap();
            let commitments = vec![
                held("a", PricingPlan::RiStandard, "m5.large", &sizes[0].to_string()),
                held("b", PricingPlan::RiStandard, "c5.large", &sizes[1].to_string()),
                held("c", PricingPlan::ComputeSp, "", &format!("0.{}", sizes[2])),
            ];
            let active = vec![vec![true, true, true], vec![true, true, false], vec![false; 3]];
            let mut meter = Meter::new(demand, commitments.clone(), active.clone(), &prices).unwrap();
            let line = |name: &str| LineKey::of(&used(0, "1", name, "Linux", "1"));
            let hours = 0..part.min(rows.len());
            let changes = [
                Change { line: line(["m5.large", "c5.large"][from]), hours: hours.clone(), quantity: dec("-0.5") },
                Change { line: line(TYPES[to]), hours, quantity: dec("0.25") },
            ];
            let saving = meter.saving(&changes).unwrap();
            let bills = |meter: &Meter<'_>| -> Vec<Decimal> {
                let of = |active: &Vec<bool>| {
                    let here: Vec<_> = commitments.iter().zip(active).filter(|(_, active)| **active).map(|(c, _)| c.clone()).collect();
                    meter.demand().bill(&here, &prices).unwrap().total
                };
                active.iter().map(of).collect()
            };
            let totals = |meter: &Meter<'_>| -> Vec<Decimal> { (0..3).map(|set| meter.total(set)).collect() };
            let near = |a: Decimal, b: Decimal| (a - b).abs() < dec("0.0000000001");
            let before = bills(&meter);
            prop_assert!(totals(&meter).iter().zip(&before).all(|(a, b)| near(*a, *b)));
            meter.change(&changes).unwrap();
            let after = bills(&meter);
            prop_assert!(totals(&meter).iter().zip(&after).all(|(a, b)| near(*a, *b)));
            for (saving, (before, after)) in saving.iter().zip(before.iter().zip(&after)) {
                prop_assert!(near(*saving, before - after), "{saving} {before} {after}");
            }
        }
    }

    /// Machines of Google Cloud over the end of a month, with what holds for them.
    const MACHINES: [&str; 5] =
        ["n1-standard-4", "n1-highmem-2", "n2-standard-8", "e2-standard-4", "n1-standard-8"];

    fn google_prices() -> PriceBook {
        use PricingPlan::{GcpCudFlexible, GcpCudResource, OnDemand};
        book(&[
            ("n1-standard-4", "Linux", OnDemand, "0.19"),
            ("n1-standard-4", "Linux", GcpCudResource, "0.1197"),
            ("n1-standard-4", "Linux", GcpCudFlexible, "0.1368"),
            ("n1-standard-8", "Linux", OnDemand, "0.38"),
            ("n1-highmem-2", "Linux", OnDemand, "0.1184"),
            ("n2-standard-8", "Linux", OnDemand, "0.3884"),
            ("n2-standard-8", "Linux", GcpCudFlexible, "0.2797"),
            ("e2-standard-4", "Linux", OnDemand, "0.134"),
            ("e2-standard-4", "Linux", GcpCudFlexible, "0.0965"),
        ])
    }

    proptest! {
        #[test]
        fn a_change_of_sustained_use_saves_what_two_whole_bills_differ_by(
            rows in prop::collection::vec([0_u32..6, 0_u32..3, 0_u32..6, 1_u32..6], 1..40),
            sizes in [0_u32..9, 0_u32..9],
            (from, to) in (0_usize..4, 0_usize..5),
            part in 1_usize..40,
        ) {
            let prices = google_prices();
            // Five hours of January, and the rest of February.
            let first = 31 * 24 - 5;
            let usage: Vec<_> = rows.iter().enumerate().flat_map(|(at, row)| {
                let cells = MACHINES.iter().zip(row).filter(|(_, quantity)| **quantity > 0);
                cells.map(|(name, quantity)| used(first + at as i64, "p", name, "Linux", &quantity.to_string())).collect::<Vec<_>>()
            }).collect();
            let period = Period { start: hour(first), end: hour(first + rows.len() as i64) };
            let demand = Demand::over(period, &usage).unwrap();
            let commitments = vec![
                held("r", PricingPlan::GcpCudResource, "n1-standard-4", &sizes[0].to_string()),
                held("f", PricingPlan::GcpCudFlexible, "", &format!("0.{}", sizes[1])),
            ];
            let active = vec![vec![true, true], vec![true, false], vec![false; 2]];
            let mut meter = Meter::new(demand, commitments.clone(), active.clone(), &prices).unwrap();
            let line = |name: &str| LineKey::of(&used(0, "p", name, "Linux", "1"));
            let hours = 0..part.min(rows.len());
            let least = rows[hours.clone()].iter().map(|row| row[from]).min().unwrap();
            let changes = [
                Change { line: line(MACHINES[from]), hours: hours.clone(), quantity: Decimal::from(least) * dec("-0.5") },
                Change { line: line(MACHINES[to]), hours, quantity: dec("0.75") },
            ];
            let bills = |meter: &Meter<'_>| -> Vec<Decimal> {
                let of = |active: &Vec<bool>| {
                    let here: Vec<_> = commitments.iter().zip(active).filter(|(_, active)| **active).map(|(c, _)| c.clone()).collect();
                    meter.demand().bill(&here, &prices).unwrap().total
                };
                active.iter().map(of).collect()
            };
            let totals = |meter: &Meter<'_>| -> Vec<Decimal> { (0..3).map(|set| meter.total(set)).collect() };
            let near = |a: Decimal, b: Decimal| (a - b).abs() < dec("0.0000000001");
            let saving = meter.saving(&changes).unwrap();
            let before = bills(&meter);
            prop_assert!(totals(&meter).iter().zip(&before).all(|(a, b)| near(*a, *b)));
            meter.change(&changes).unwrap();
            let after = bills(&meter);
            prop_assert!(totals(&meter).iter().zip(&after).all(|(a, b)| near(*a, *b)));
            for (saving, (before, after)) in saving.iter().zip(before.iter().zip(&after)) {
                prop_assert!(near(*saving, before - after), "{saving} {before} {after}");
            }
        }
    }

    #[test]
    fn usage_never_falls_below_nothing() {
        let prices = prices();
        let demand = Demand::new(&[used(0, "1", "m5.large", "Linux", "1")]).unwrap();
        let line = demand.lines()[0].clone();
        let mut meter = Meter::new(demand, vec![], vec![vec![]], &prices).unwrap();
        assert!(meter.change(&[Change { line: line.clone(), hours: 0..1, quantity: dec("-2") }]).is_err());
        assert!(meter.saving(&[Change { line, hours: 0..2, quantity: dec("1") }]).is_err());
    }
}
