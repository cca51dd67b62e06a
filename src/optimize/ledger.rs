//! What everything costs in an average month of the horizon, and what an action changes about it.
//!
//! Machines are priced by the billing simulator over the last 30 days of usage under the commitments that are
//! active in each part of the horizon; everything else by what was billed. Every amount is rounded once, so that
//! differences add up exactly.

use std::collections::BTreeMap;
use std::ops::Range;

use billing::{BillingError, Change as Shift, Demand, LineKey, Meter, PriceBook};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, Period, Provider};
use rayon::prelude::*;
use rust_decimal::Decimal;

use crate::HOURS_PER_MONTH;
use crate::action::Effect;
use crate::placement::Place;
use crate::schedule::{WEEK, hour_of_week};

/// Decimal places of a monthly cost.
const PLACES: u32 = 6;

/// The instance-hours that a machine has of a line, by hour of the window.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) line: LineKey,
    /// Hours and instance-hours per hour; ascending, apart, never zero.
    pub(crate) hours: Vec<(Range<usize>, Decimal)>,
}

impl Run {
    /// All instance-hours.
    pub(crate) fn total(&self) -> Decimal {
        self.hours.iter().map(|(hours, quantity)| *quantity * Decimal::from(hours.len())).sum()
    }
}

/// The line that a machine may come to; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) instance_type: Option<String>,
    pub(crate) place: Option<Place>,
    pub(crate) account: Option<String>,
}

impl Target {
    fn line(self, line: &LineKey) -> LineKey {
        let place =
            self.place.unwrap_or_else(|| Place { provider: line.provider, region: line.region.clone() });
        LineKey {
            provider: place.provider,
            region: place.region,
            account: self.account.unwrap_or_else(|| line.account.clone()),
            instance_type: self.instance_type.unwrap_or_else(|| line.instance_type.clone()),
            os: line.os.clone(),
        }
    }
}

/// The state of the waterfall: usage, billed costs and commitments after the actions so far.
#[derive(Debug, Clone)]
pub(crate) struct Ledger<'a> {
    book: &'a PriceBook,
    window: Period,
    horizon: Period,
    meters: BTreeMap<Provider, Metered<'a>>,
    runs: BTreeMap<String, Run>,
    billed: BTreeMap<String, Decimal>,
    /// Parts of what is billed that no later effect makes cheaper: what moves cost.
    fixed: BTreeMap<String, Decimal>,
    commitments: Vec<Commitment>,
}

/// The usage of one provider, and what it costs.
#[derive(Debug, Clone)]
struct Metered<'a> {
    meter: Meter<'a>,
    /// Share of the horizon in which each set of commitments is active.
    shares: Vec<Decimal>,
    /// Monthly cost.
    cost: Decimal,
}

/// What one action would change. Made by [`Ledger::price`], done by [`Ledger::accept`].
#[derive(Debug)]
pub(crate) struct Change {
    /// The resources that change.
    parts: Vec<Part>,
    usage: Usage,
    /// Monthly cost before − after.
    pub(crate) saving: Decimal,
}

/// Instance-hours that move, by provider, with what that saves a month.
type Usage = Vec<(Provider, billing::Priced, Decimal)>;

/// What becomes of one resource.
#[derive(Debug)]
struct Part {
    resource_id: String,
    run: Option<Run>,
    billed: Option<Decimal>,
    fixed: Option<Decimal>,
}

impl<'a> Ledger<'a> {
    /// The state before anything is done. `usage` of every provider covers exactly `window`; each of `runs` is part
    /// of it, and together they are never more than it.
    pub(crate) fn new(
        book: &'a PriceBook,
        window: Period,
        horizon: Period,
        usage: BTreeMap<Provider, Demand>,
        runs: BTreeMap<String, Run>,
        billed: BTreeMap<String, Decimal>,
        commitments: Vec<Commitment>,
    ) -> Result<Self, BillingError> {
        let billed = billed.into_iter().map(|(id, cost)| (id, cost.round_dp(PLACES))).collect();
        let (meters, fixed) = (BTreeMap::new(), BTreeMap::new());
        let mut ledger = Self { book, window, horizon, meters, runs, billed, fixed, commitments };
        for (provider, demand) in usage {
            let metered = ledger.metered(provider, demand, &ledger.commitments)?;
            ledger.meters.insert(provider, metered);
        }
        Ok(ledger)
    }

    /// Prepares for what machines may become: a line that is met for the first time costs the most.
    pub(crate) fn make_room<'t>(
        &mut self,
        targets: impl Iterator<Item = (&'t str, Target)>,
    ) -> Result<(), BillingError> {
        let mut rooms: BTreeMap<Provider, Vec<Shift>> = BTreeMap::new();
        for (resource_id, target) in targets {
            let Some(run) = self.runs.get(resource_id) else { continue };
            let line = target.line(&run.line);
            let room = Shift { line, hours: 0..0, quantity: Decimal::ZERO };
            rooms.entry(room.line.provider).or_default().push(room);
        }
        for (provider, room) in rooms {
            if let Some(Metered { meter, .. }) = self.meters.get_mut(&provider) {
                meter.accept(meter.price(room)?)?;
            }
        }
        Ok(())
    }

    /// Monthly cost of everything.
    pub(crate) fn total(&self) -> Decimal {
        self.simulated_total() + self.billed.values().sum::<Decimal>()
    }

    /// Monthly cost of machines and commitments, by simulation.
    pub(crate) fn simulated_total(&self) -> Decimal {
        self.meters.values().map(|metered| metered.cost).sum()
    }

    /// Commitments held and bought.
    pub(crate) fn commitments(&self) -> &[Commitment] {
        &self.commitments
    }

    /// The usage of one provider over the window.
    pub(crate) fn usage(&self) -> impl Iterator<Item = &Demand> {
        self.meters.values().map(|metered| metered.meter.demand())
    }

    /// What a machine has of the simulated usage, if it is part of it.
    pub(crate) fn run(&self, resource_id: &str) -> Option<&Run> {
        self.runs.get(resource_id)
    }

    /// Whether the resource is on the bill or in the usage.
    pub(crate) fn knows(&self, resource_id: &str) -> bool {
        self.runs.contains_key(resource_id) || self.billed.contains_key(resource_id)
    }

    /// Instance-hours of a simulated machine in a month.
    pub(crate) fn hours_per_month(&self, resource_id: &str) -> Option<Decimal> {
        let month = Decimal::from(HOURS_PER_MONTH) / Decimal::from(self.window_hours());
        self.runs.get(resource_id).map(|run| (run.total() * month).round_dp(PLACES))
    }

    /// Share of the window in which a machine ran; 1 where usage does not tell.
    pub(crate) fn running_share(&self, resource_id: &str) -> f64 {
        let hours = (self.window.end - self.window.start).num_hours().max(1);
        self.runs.get(resource_id).map_or(1.0, |run| domain::to_statistic(run.total() / Decimal::from(hours)))
    }

    /// What `effect` on a resource would save in an average month, everything done so far considered.
    pub(crate) fn price(&self, resource_id: &str, effect: &Effect) -> Result<Change, BillingError> {
        if let Effect::Free { machines } = effect {
            return self.price_without(machines);
        }
        let Some(run) = self.runs.get(resource_id) else { return Ok(self.price_billed(resource_id, effect)) };
        let now = self.billed.get(resource_id).copied();
        let (after, billed) = self.outcome(run, now, effect)?;
        self.exchanged(resource_id, run, after, billed)
    }

    /// What is saved without these machines, all at once.
    fn price_without(&self, machines: &[String]) -> Result<Change, BillingError> {
        let (mut parts, mut moved, mut saving) = (Vec::new(), Vec::new(), Decimal::ZERO);
        for machine in machines {
            let change = self.price_billed(machine, &Effect::Remove);
            saving += change.saving;
            parts.extend(change.parts);
            let (Some(run), Some(part)) = (self.runs.get(machine), parts.last_mut()) else { continue };
            let gone = Run { line: run.line.clone(), hours: Vec::new() };
            moved.extend(shifts(run, &gone));
            part.run = Some(gone);
        }
        let usage = self.saving_by_provider(moved)?;
        saving += usage.iter().map(|(.., saving)| *saving).sum::<Decimal>();
        Ok(Change { parts, usage, saving })
    }

    /// What `effects` on a machine of the simulated usage would save if only they were done to it since `opening`,
    /// everything done to others considered.
    pub(crate) fn price_instead<'e>(
        &self,
        opening: &Self,
        resource_id: &str,
        effects: impl Iterator<Item = &'e Effect>,
    ) -> Result<Change, BillingError> {
        let (Some(run), Some(first)) = (self.runs.get(resource_id), opening.runs.get(resource_id)) else {
            return Ok(self.price_billed(resource_id, &Effect::Keep { share: Decimal::ONE }));
        };
        let (mut after, mut billed) = (first.clone(), opening.billed.get(resource_id).copied());
        for effect in effects {
            (after, billed) = self.outcome(&after, billed, effect)?;
        }
        self.exchanged(resource_id, run, after, billed)
    }

    /// Prices that a machine has `after` of the usage instead of `run`, and costs `billed` outside of it.
    fn exchanged(
        &self,
        resource_id: &str,
        run: &Run,
        after: Run,
        billed: Option<Decimal>,
    ) -> Result<Change, BillingError> {
        let usage = self.saving_by_provider(shifts(run, &after))?;
        let saving: Decimal = usage.iter().map(|(.., saving)| *saving).sum();
        let now = self.billed.get(resource_id).copied().unwrap_or_default();
        let billed = billed.unwrap_or_default();
        let billed_after = (billed != now).then_some(billed);
        let resource_id = resource_id.to_owned();
        Ok(Change {
            parts: vec![Part { resource_id, run: Some(after), billed: billed_after, fixed: None }],
            usage,
            saving: saving + now - billed,
        })
    }

    /// What `effects` on different resources would save together in an average month.
    pub(crate) fn price_together(&self, effects: &[(&str, &Effect)]) -> Result<Decimal, BillingError> {
        let (mut saving, mut moved) = (Decimal::ZERO, Vec::new());
        for (resource_id, effect) in effects {
            let Some(run) = self.runs.get(*resource_id) else {
                saving += self.price_billed(resource_id, effect).saving;
                continue;
            };
            let now = self.billed.get(*resource_id).copied();
            let (after, billed) = self.outcome(run, now, effect)?;
            moved.extend(shifts(run, &after));
            saving += now.unwrap_or_default() - billed.unwrap_or_default();
        }
        let usage = self.saving_by_provider(moved)?;
        Ok(saving + usage.iter().map(|(.., saving)| *saving).sum::<Decimal>())
    }

    /// What it saves a month that instance-hours move, by the provider whose they are.
    fn saving_by_provider(&self, shifts: Vec<Shift>) -> Result<Usage, BillingError> {
        let mut usage = Vec::new();
        for (provider, shifts) in by_provider(shifts) {
            let Some(metered) = self.meters.get(&provider) else { continue };
            let priced = metered.meter.price(shifts)?;
            let saving = self.monthly(&priced.savings, &metered.shares);
            usage.push((provider, priced, saving));
        }
        Ok(usage)
    }

    /// Monthly cost of everything with many effects done, whatever each of them alone saves.
    pub(crate) fn total_after<'e>(
        &self,
        effects: impl Iterator<Item = (&'e str, &'e Effect)>,
        commitments: impl Iterator<Item = Commitment>,
    ) -> Result<Decimal, BillingError> {
        // Nothing is priced on the way, so that the usage alone is followed.
        let mut books = Self {
            meters: BTreeMap::new(),
            runs: self.runs.clone(),
            billed: self.billed.clone(),
            fixed: self.fixed.clone(),
            commitments: self.commitments.clone(),
            ..*self
        };
        let mut usage: BTreeMap<Provider, Demand> = self
            .meters
            .iter()
            .map(|(provider, metered)| (*provider, metered.meter.demand().clone()))
            .collect();
        for (resource_id, effect) in effects.flat_map(|(resource_id, effect)| effect.felt(resource_id)) {
            let Some(run) = books.runs.get(resource_id) else {
                let parts = books.price_billed(resource_id, effect).parts;
                books.note(parts);
                continue;
            };
            let (after, billed) = books.outcome(run, books.billed.get(resource_id).copied(), effect)?;
            for Shift { line, hours, quantity } in shifts(run, &after) {
                if let Some(demand) = usage.get_mut(&line.provider) {
                    demand.change(&line, hours, quantity)?;
                }
            }
            let resource_id = resource_id.to_owned();
            books.note(vec![Part { resource_id, run: Some(after), billed, fixed: None }]);
        }
        books.commitments.extend(commitments);
        let mut total: Decimal = books.billed.values().sum();
        for (provider, demand) in usage {
            total += books.metered(provider, demand, &books.commitments)?.cost;
        }
        Ok(total)
    }

    /// Does what was priced. The ledger must not have changed in between.
    pub(crate) fn accept(&mut self, change: Change) -> Result<(), BillingError> {
        for (provider, priced, saving) in change.usage {
            if let Some(metered) = self.meters.get_mut(&provider) {
                metered.meter.accept(priced)?;
                metered.cost -= saving;
            }
        }
        self.note(change.parts);
        Ok(())
    }

    /// Notes what became of resources, their usage apart.
    fn note(&mut self, parts: Vec<Part>) {
        for part in parts {
            if let Some(run) = part.run {
                self.runs.insert(part.resource_id.clone(), run);
            }
            if let Some(cost) = part.fixed {
                self.fixed.insert(part.resource_id.clone(), cost);
            }
            if let Some(cost) = part.billed {
                self.billed.insert(part.resource_id, cost);
            }
        }
    }

    /// What holding one more commitment would save in an average month.
    pub(crate) fn price_commitment(&self, commitment: &Commitment) -> Result<Decimal, BillingError> {
        let provider = commitment.provider;
        let Some(now) = self.meters.get(&provider) else { return Ok(Decimal::ZERO) };
        let mut commitments = self.commitments.clone();
        commitments.push(commitment.clone());
        Ok(now.cost - self.metered(provider, now.meter.demand().clone(), &commitments)?.cost)
    }

    /// Holds one more commitment.
    pub(crate) fn add(&mut self, commitment: Commitment) -> Result<(), BillingError> {
        let provider = commitment.provider;
        self.commitments.push(commitment);
        if let Some(metered) = self.meters.get(&provider) {
            let metered = self.metered(provider, metered.meter.demand().clone(), &self.commitments)?;
            self.meters.insert(provider, metered);
        }
        Ok(())
    }

    fn price_billed(&self, resource_id: &str, effect: &Effect) -> Change {
        let now = self.billed.get(resource_id).copied().unwrap_or_default();
        let share = match effect {
            Effect::Remove => Decimal::ZERO,
            Effect::Resize { price_ratio, .. } | Effect::Spot { price_ratio } => *price_ratio,
            Effect::Schedule { on } => {
                Decimal::from(on.iter().filter(|on| **on).count()) / Decimal::from(WEEK)
            }
            Effect::Keep { share } => *share,
            Effect::Free { .. } => Decimal::ONE,
            Effect::Move(relocation) => relocation.price_ratio,
        };
        let fixed = match effect {
            Effect::Remove => Decimal::ZERO,
            _ => self.fixed.get(resource_id).copied().unwrap_or_default(),
        };
        let added = effect.monthly();
        let after = ((now - fixed) * share).round_dp(PLACES) + fixed + added;
        let part = Part {
            resource_id: resource_id.to_owned(),
            run: None,
            billed: Some(after),
            fixed: (!added.is_zero()).then_some(fixed + added),
        };
        Change { parts: vec![part], usage: Vec::new(), saving: now - after }
    }

    /// What is left of a run after an effect, and what the machine then costs outside of the simulation.
    fn outcome(
        &self,
        run: &Run,
        billed: Option<Decimal>,
        effect: &Effect,
    ) -> Result<(Run, Option<Decimal>), BillingError> {
        let nothing = || Run { line: run.line.clone(), hours: Vec::new() };
        Ok(match effect {
            Effect::Remove => (nothing(), billed),
            Effect::Resize { instance_type, .. } => {
                let line = LineKey { instance_type: instance_type.clone(), ..run.line.clone() };
                (Run { line, hours: run.hours.clone() }, billed)
            }
            Effect::Move(relocation) => {
                let target = Target {
                    instance_type: relocation.instance_type.clone(),
                    place: Some(relocation.place.clone()),
                    account: relocation.account.clone(),
                };
                let moved = Run { line: target.line(&run.line), hours: run.hours.clone() };
                (moved, Some(billed.unwrap_or_default() + effect.monthly()))
            }
            Effect::Schedule { on } => {
                (Run { line: run.line.clone(), hours: self.within_schedule(&run.hours, on) }, billed)
            }
            Effect::Spot { price_ratio } => {
                let list = list_price(self.book, &run.line, self.window.start)?;
                let months = Decimal::from(HOURS_PER_MONTH) / Decimal::from(self.window_hours());
                let cost = (run.total() * list * *price_ratio * months).round_dp(PLACES);
                (nothing(), Some(billed.unwrap_or_default() + cost))
            }
            Effect::Keep { .. } | Effect::Free { .. } => (run.clone(), billed),
        })
    }

    fn within_schedule(
        &self,
        hours: &[(Range<usize>, Decimal)],
        on: &[bool],
    ) -> Vec<(Range<usize>, Decimal)> {
        let is_on = |hour: &usize| {
            on.get(hour_of_week(self.window.start + Duration::hours(*hour as i64))).copied().unwrap_or(true)
        };
        let mut kept: Vec<(Range<usize>, Decimal)> = Vec::new();
        for (range, quantity) in hours {
            for hour in range.clone().filter(is_on) {
                match kept.last_mut().filter(|(last, had)| last.end == hour && had == quantity) {
                    Some((last, _)) => last.end += 1,
                    None => kept.push((hour..hour + 1, *quantity)),
                }
            }
        }
        kept
    }

    fn window_hours(&self) -> i64 {
        (self.window.end - self.window.start).num_hours().max(1)
    }

    /// Usage repeated over the horizon while commitments start and end.
    fn metered(
        &self,
        provider: Provider,
        demand: Demand,
        commitments: &[Commitment],
    ) -> Result<Metered<'a>, BillingError> {
        let held: Vec<Commitment> =
            commitments.iter().filter(|commitment| commitment.provider == provider).cloned().collect();
        let all = Decimal::from((self.horizon.end - self.horizon.start).num_seconds().max(1));
        let spans = spans(self.horizon, &held, |at| at);
        let shares: Vec<Decimal> =
            spans.iter().map(|span| Decimal::from((span.end - span.start).num_seconds()) / all).collect();
        let active =
            spans.iter().map(|span| held.iter().map(|held| held.is_active(span.start)).collect()).collect();
        let meter = Meter::new(demand, held, active, self.book)?;
        let totals: Vec<Decimal> = (0..shares.len()).into_par_iter().map(|set| meter.total(set)).collect();
        let cost = self.monthly(&totals, &shares);
        Ok(Metered { meter, shares, cost })
    }

    /// Average month of amounts over the window, one for each part of the horizon.
    fn monthly(&self, amounts: &[Decimal], shares: &[Decimal]) -> Decimal {
        let scale = Decimal::from(HOURS_PER_MONTH) / Decimal::from(self.window_hours());
        let mean: Decimal = amounts.iter().zip(shares).map(|(amount, share)| amount * share).sum();
        (mean * scale).round_dp(PLACES)
    }
}

/// The instance-hours that leave one run and join another.
fn shifts(before: &Run, after: &Run) -> Vec<Shift> {
    let of = |run: &Run, sign: Decimal| {
        let line = run.line.clone();
        let shift = move |(hours, quantity): &(Range<usize>, Decimal)| Shift {
            line: line.clone(),
            hours: hours.clone(),
            quantity: sign * *quantity,
        };
        run.hours.iter().map(shift).collect::<Vec<_>>()
    };
    let mut all = of(before, Decimal::NEGATIVE_ONE);
    all.extend(of(after, Decimal::ONE));
    all
}

fn by_provider(shifts: Vec<Shift>) -> BTreeMap<Provider, Vec<Shift>> {
    let mut providers: BTreeMap<Provider, Vec<Shift>> = BTreeMap::new();
    for shift in shifts {
        providers.entry(shift.line.provider).or_default().push(shift);
    }
    providers
}

/// List price of an instance-hour of a line: the bill of one.
pub(crate) fn list_price(
    book: &PriceBook,
    line: &LineKey,
    hour: DateTime<Utc>,
) -> Result<Decimal, BillingError> {
    let mut one = Demand::over(Period { start: hour, end: hour + Duration::hours(1) }, &[])?;
    one.change(line, 0..1, Decimal::ONE)?;
    Ok(one.bill(&[], book)?.on_demand_equivalent)
}

/// A period cut where commitments start or end, each of these times taken as `at` has it.
pub(crate) fn spans(
    period: Period,
    commitments: &[Commitment],
    at: impl Fn(DateTime<Utc>) -> DateTime<Utc>,
) -> Vec<Period> {
    let ends = commitments.iter().flat_map(|commitment| [commitment.starts_at, commitment.ends_at]);
    let mut cuts: Vec<DateTime<Utc>> = ends.map(at).filter(|cut| period.contains(*cut)).collect();
    cuts.extend([period.start, period.end]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.array_windows().map(|[start, end]| Period { start: *start, end: *end }).collect()
}

#[cfg(test)]
mod tests {
    use domain::{PriceQuote, PricingPlan};

    use super::*;

    #[test]
    fn a_schedule_loses_sustained_use() {
        let price = Decimal::new(475, 4);
        let quote = PriceQuote {
            provider: Provider::Gcp,
            region: "us-central1".to_owned(),
            instance_type: "n1-standard-1".to_owned(),
            os: "Linux".to_owned(),
            plan: PricingPlan::OnDemand,
            term_years: None,
            payment: None,
            hourly: price,
            upfront: Decimal::ZERO,
        };
        let line = LineKey {
            provider: quote.provider,
            account: "p".to_owned(),
            region: quote.region.clone(),
            instance_type: quote.instance_type.clone(),
            os: quote.os.clone(),
        };
        let book = PriceBook::new(vec![quote], vec![], vec![], vec![], vec![]).unwrap();
        let start: DateTime<Utc> = "2026-04-01T00:00:00Z".parse().unwrap();
        let window = Period { start, end: start + Duration::hours(720) };
        let mut demand = Demand::over(window, &[]).unwrap();
        demand.change(&line, 0..720, Decimal::ONE).unwrap();
        let runs = [("vm".to_owned(), Run { line, hours: vec![(0..720, Decimal::ONE)] })].into();
        let horizon = Period { start: window.end, end: window.end + Duration::days(365) };
        let usage = [(Provider::Gcp, demand)].into();
        let books = Ledger::new(&book, window, horizon, usage, runs, BTreeMap::new(), vec![]).unwrap();
        let month = price * Decimal::from(730);
        // All of the month costs 70 % of the list price.
        let saving = |effect: &Effect| books.price("vm", effect).unwrap().saving;
        assert_eq!(saving(&Effect::Remove), (month * Decimal::new(7, 1)).round_dp(PLACES));
        // About 40 % of it is paid in full up to a quarter, and with 80 % after that.
        let on: Vec<bool> = (0..WEEK).map(|hour| hour % 5 < 2).collect();
        let kept = books.within_schedule(&[(0..720, Decimal::ONE)], &on);
        let hours: usize = kept.iter().map(|(hours, _)| hours.len()).sum();
        let share = Decimal::from(hours) / Decimal::from(720);
        let paid = Decimal::new(25, 2) + (share - Decimal::new(25, 2)) * Decimal::new(8, 1);
        let expected = month * (Decimal::new(7, 1) - paid);
        assert!((saving(&Effect::Schedule { on }) - expected).abs() < Decimal::new(2, 6));
    }
}
