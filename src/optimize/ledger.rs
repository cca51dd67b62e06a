//! What everything costs in an average month of the horizon, and what an action changes about it.
//!
//! Machines are priced by the billing simulator over the last 30 days of usage under the commitments that are
//! active in each part of the horizon; everything else by what was billed. Every amount is rounded once, so that
//! differences add up exactly.

use std::collections::BTreeMap;
use std::ops::Range;

use billing::{BillingError, Demand, LineKey, PriceBook};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, Period, Provider};
use rust_decimal::Decimal;

use crate::action::Effect;
use crate::schedule::{WEEK, hour_of_week};

/// Hours of a month.
const HOURS_PER_MONTH: u32 = 730;
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

/// The state of the waterfall: usage, billed costs and commitments after the actions so far.
#[derive(Debug, Clone)]
pub(crate) struct Ledger<'a> {
    book: &'a PriceBook,
    window: Period,
    horizon: Period,
    usage: BTreeMap<Provider, Demand>,
    runs: BTreeMap<String, Run>,
    billed: BTreeMap<String, Decimal>,
    commitments: Vec<Commitment>,
    simulated: BTreeMap<Provider, Decimal>,
}

/// What one action would change. Made by [`Ledger::price`], done by [`Ledger::accept`].
#[derive(Debug)]
pub(crate) struct Change {
    resource_id: String,
    run: Option<Run>,
    billed: Option<Decimal>,
    usage: Option<(Provider, Demand, Decimal)>,
    /// Monthly cost before − after.
    pub(crate) saving: Decimal,
}

impl<'a> Ledger<'a> {
    /// The state before anything is done. `usage` covers exactly `window`; each of `runs` is part of it, and
    /// together they are never more than it.
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
        let mut ledger =
            Self { book, window, horizon, usage, runs, billed, commitments, simulated: BTreeMap::new() };
        for provider in Provider::ALL {
            ledger.simulated.insert(provider, ledger.monthly_of(provider, &ledger.commitments)?);
        }
        Ok(ledger)
    }

    /// Monthly cost of everything.
    pub(crate) fn total(&self) -> Decimal {
        self.simulated_total() + self.billed.values().sum::<Decimal>()
    }

    /// Monthly cost of machines and commitments, by simulation.
    pub(crate) fn simulated_total(&self) -> Decimal {
        self.simulated.values().sum()
    }

    /// Commitments held and bought.
    pub(crate) fn commitments(&self) -> &[Commitment] {
        &self.commitments
    }

    /// The usage of one provider over the window.
    pub(crate) fn usage(&self) -> impl Iterator<Item = &Demand> {
        self.usage.values()
    }

    /// What a machine has of the simulated usage, if it is part of it.
    pub(crate) fn run(&self, resource_id: &str) -> Option<&Run> {
        self.runs.get(resource_id)
    }

    /// Whether the resource is on the bill or in the usage.
    pub(crate) fn knows(&self, resource_id: &str) -> bool {
        self.runs.contains_key(resource_id) || self.billed.contains_key(resource_id)
    }

    /// Share of the window in which a machine ran; 1 where usage does not tell.
    pub(crate) fn running_share(&self, resource_id: &str) -> f64 {
        let hours = (self.window.end - self.window.start).num_hours().max(1);
        self.runs.get(resource_id).map_or(1.0, |run| domain::to_statistic(run.total() / Decimal::from(hours)))
    }

    /// What `effect` on a resource would save in an average month, everything done so far considered.
    pub(crate) fn price(&self, resource_id: &str, effect: &Effect) -> Result<Change, BillingError> {
        match self.runs.get(resource_id) {
            Some(run) => self.price_simulated(resource_id, run.clone(), effect),
            None => Ok(self.price_billed(resource_id, effect)),
        }
    }

    /// Does what was priced. The ledger must not have changed in between.
    pub(crate) fn accept(&mut self, change: Change) {
        if let Some((provider, demand, cost)) = change.usage {
            self.usage.insert(provider, demand);
            self.simulated.insert(provider, cost);
        }
        if let Some(run) = change.run {
            self.runs.insert(change.resource_id.clone(), run);
        }
        if let Some(cost) = change.billed {
            self.billed.insert(change.resource_id, cost);
        }
    }

    /// What holding one more commitment would save in an average month.
    pub(crate) fn price_commitment(&self, commitment: &Commitment) -> Result<Decimal, BillingError> {
        let provider = commitment.provider;
        let mut commitments = self.commitments.clone();
        commitments.push(commitment.clone());
        let before = self.simulated.get(&provider).copied().unwrap_or_default();
        Ok(before - self.monthly_of(provider, &commitments)?)
    }

    /// Holds one more commitment.
    pub(crate) fn add(&mut self, commitment: Commitment) -> Result<(), BillingError> {
        let provider = commitment.provider;
        self.commitments.push(commitment);
        let cost = self.monthly_of(provider, &self.commitments)?;
        self.simulated.insert(provider, cost);
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
        };
        let after = (now * share).round_dp(PLACES);
        Change {
            resource_id: resource_id.to_owned(),
            run: None,
            billed: Some(after),
            usage: None,
            saving: now - after,
        }
    }

    fn price_simulated(&self, resource_id: &str, run: Run, effect: &Effect) -> Result<Change, BillingError> {
        let provider = run.line.provider;
        let mut demand = match self.usage.get(&provider) {
            Some(demand) => demand.clone(),
            None => Demand::over(self.window, &[])?,
        };
        let billed_now = self.billed.get(resource_id).copied();
        let mut billed = None;
        for (hours, quantity) in &run.hours {
            demand.change(&run.line, hours.clone(), -*quantity)?;
        }
        let after = match effect {
            Effect::Remove => Run { hours: Vec::new(), ..run },
            Effect::Resize { instance_type, .. } => {
                Run { line: LineKey { instance_type: instance_type.clone(), ..run.line }, hours: run.hours }
            }
            Effect::Schedule { on } => Run { hours: self.within_schedule(&run.hours, on), line: run.line },
            Effect::Spot { price_ratio } => {
                let list = self.list_price(&run.line)?;
                let months = Decimal::from(HOURS_PER_MONTH) / Decimal::from(self.window_hours());
                let cost = (run.total() * list * *price_ratio * months).round_dp(PLACES);
                billed = Some(billed_now.unwrap_or_default() + cost);
                Run { hours: Vec::new(), ..run }
            }
            Effect::Keep { .. } => run,
        };
        for (hours, quantity) in &after.hours {
            demand.change(&after.line, hours.clone(), *quantity)?;
        }
        let cost = self.monthly(provider, &demand, &self.commitments)?;
        let before = self.simulated.get(&provider).copied().unwrap_or_default();
        let more_billed = billed.map_or(Decimal::ZERO, |billed| billed - billed_now.unwrap_or_default());
        Ok(Change {
            resource_id: resource_id.to_owned(),
            run: Some(after),
            billed,
            usage: Some((provider, demand, cost)),
            saving: before - cost - more_billed,
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

    /// List price of an instance-hour: the bill of one.
    fn list_price(&self, line: &LineKey) -> Result<Decimal, BillingError> {
        list_price(self.book, line, self.window.start)
    }

    fn window_hours(&self) -> i64 {
        (self.window.end - self.window.start).num_hours().max(1)
    }

    fn monthly_of(&self, provider: Provider, commitments: &[Commitment]) -> Result<Decimal, BillingError> {
        match self.usage.get(&provider) {
            Some(demand) => self.monthly(provider, demand, commitments),
            None => self.monthly(provider, &Demand::over(self.window, &[])?, commitments),
        }
    }

    /// Monthly cost of `demand`, repeated over the horizon while commitments start and end.
    fn monthly(
        &self,
        provider: Provider,
        demand: &Demand,
        commitments: &[Commitment],
    ) -> Result<Decimal, BillingError> {
        let of_provider: Vec<&Commitment> =
            commitments.iter().filter(|commitment| commitment.provider == provider).collect();
        let scale = Decimal::from(HOURS_PER_MONTH) / Decimal::from(self.window_hours());
        let mut sum = Decimal::ZERO;
        for span in spans(self.horizon, &of_provider) {
            // Each part of the horizon is billed as if the window were in it.
            let active = of_provider.iter().filter(|commitment| commitment.is_active(span.start));
            let here: Vec<Commitment> = active
                .map(|commitment| Commitment {
                    starts_at: self.window.start,
                    ends_at: self.window.end,
                    ..(*commitment).clone()
                })
                .collect();
            let share = Decimal::from((span.end - span.start).num_seconds())
                / Decimal::from((self.horizon.end - self.horizon.start).num_seconds().max(1));
            sum += demand.bill(&here, self.book)?.total * share;
        }
        Ok((sum * scale).round_dp(PLACES))
    }
}

/// List price of an instance-hour of a line: the bill of one.
pub(crate) fn list_price(
    book: &PriceBook,
    line: &LineKey,
    hour: DateTime<Utc>,
) -> Result<Decimal, BillingError> {
    let mut one = Demand::over(Period { start: hour, end: hour + Duration::hours(1) }, &[])?;
    one.change(line, 0..1, Decimal::ONE)?;
    Ok(one.bill(&[], book)?.total)
}

/// The horizon cut where commitments start or end.
fn spans(horizon: Period, commitments: &[&Commitment]) -> Vec<Period> {
    let ends = commitments.iter().flat_map(|commitment| [commitment.starts_at, commitment.ends_at]);
    let mut cuts: Vec<DateTime<Utc>> = ends.filter(|cut| horizon.contains(*cut)).collect();
    cuts.extend([horizon.start, horizon.end]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|pair| Period { start: pair[0], end: pair[1] }).collect()
}
