//! Which commitment pays for which instance-hour, in the providers' order.
//!
//! Reservations first, then plans bound to a family, then broad plans; within a kind the owner's usage first,
//! then the highest saving, then the lower rate (AWS Savings Plans user guide, "Understanding how Savings Plans
//! apply to your usage"). The company holds reservations for exactly the types that it runs, so that size
//! flexibility never matters.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use chrono::Duration;
use domain::{Commitment, PricingPlan};
use rust_decimal::Decimal;

use crate::fleet::{Fleet, OS};
use crate::spec::{self, Spec};
use crate::{DemoError, PriceSnapshot};

/// Digits after the point that every amount is rounded to.
pub(crate) const DIGITS: u32 = 10;

/// What one instance cost in one day, under one commitment or on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Line {
    pub(crate) hours: Decimal,
    pub(crate) list: Decimal,
    pub(crate) effective: Decimal,
}

/// What one commitment cost in one day, and how much of that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fee {
    /// Hours of the day within the term.
    pub(crate) hours: u32,
    /// Recurring fee.
    pub(crate) billed: Decimal,
    /// Amortized cost of what covered usage.
    pub(crate) used: Decimal,
    /// Amortized cost of what was lost.
    pub(crate) unused: Decimal,
}

/// One day of machines and commitments.
#[derive(Debug, Clone, Default)]
pub(crate) struct Day {
    /// By instance and commitment; `None` is on demand.
    pub(crate) lines: BTreeMap<(usize, Option<usize>), Line>,
    /// By commitment.
    pub(crate) fees: Vec<Fee>,
}

/// The order of application, compiled once.
#[derive(Debug)]
pub(crate) struct Coverage<'a> {
    fleet: &'a Fleet<'a>,
    commitments: &'a [Commitment],
    /// List price of an instance-hour by entry of the spec.
    list: Vec<Decimal>,
    steps: Vec<Step>,
    /// Amortized USD per hour of one unit of each commitment.
    amortized: Vec<Decimal>,
}

#[derive(Debug)]
struct Step {
    commitment: usize,
    machine: usize,
    /// Amortized USD of a covered instance-hour.
    rate: Decimal,
    /// What a covered instance-hour takes from the commitment.
    takes: Decimal,
}

/// The commitments of the spec, with their terms and the rates locked at purchase.
pub(crate) fn commitments(spec: &Spec, prices: &PriceSnapshot) -> Result<Vec<Commitment>, DemoError> {
    spec.commitments.iter().map(|entry| held(spec, entry, prices)).collect()
}

fn held(spec: &Spec, entry: &spec::Commitment, prices: &PriceSnapshot) -> Result<Commitment, DemoError> {
    let account = spec.account(&entry.account, &entry.id)?;
    let locked = match (&entry.region, &entry.instance_type) {
        (Some(region), Some(instance_type)) => {
            let place = (account.provider, region.as_str());
            let quote =
                prices.quote(place, instance_type, entry.plan, Some((entry.term_years, entry.payment)));
            Some(quote.ok_or_else(|| unknown(&entry.id, instance_type))?)
        }
        _ => None,
    };
    Ok(Commitment {
        id: entry.id.clone(),
        provider: account.provider,
        account: account.id.clone(),
        region: entry.region.clone(),
        plan: entry.plan,
        instance_type: entry.instance_type.clone(),
        family: entry.family.clone(),
        os: entry.os.clone(),
        quantity: entry.quantity,
        term_years: entry.term_years,
        payment: entry.payment,
        starts_at: entry.starts_at,
        ends_at: entry.starts_at + Duration::hours(8760 * i64::from(entry.term_years)),
        hourly: locked.map(|quote| quote.hourly),
        upfront: locked.map(|quote| quote.upfront),
    })
}

impl<'a> Coverage<'a> {
    /// Compiles prices and order.
    pub(crate) fn new(
        spec: &Spec,
        fleet: &'a Fleet<'a>,
        commitments: &'a [Commitment],
        prices: &PriceSnapshot,
    ) -> Result<Self, DemoError> {
        let mut list = Vec::new();
        let mut steps = Vec::new();
        for (machine, entry) in spec.machines.iter().enumerate() {
            let account = spec.account(&entry.account, &entry.name)?;
            let place = (account.provider, entry.region.as_str());
            let on_demand = prices
                .quote(place, &entry.instance_type, PricingPlan::OnDemand, None)
                .ok_or_else(|| unknown(&entry.name, &entry.instance_type))?
                .hourly;
            list.push(on_demand);
            for (index, commitment) in commitments.iter().enumerate() {
                if commitment.provider != account.provider || !reaches(commitment, entry) {
                    continue;
                }
                let terms = Some((commitment.term_years, commitment.payment));
                let Some(quote) = prices.quote(place, &entry.instance_type, commitment.plan, terms) else {
                    continue;
                };
                let rate = quote.effective_hourly().round_dp(DIGITS);
                let takes = if commitment.plan.is_spend_based() { rate } else { Decimal::ONE };
                let order = (
                    stage(commitment.plan),
                    commitment.account != account.id,
                    Reverse((Decimal::ONE - rate / on_demand).round_dp(DIGITS)),
                    rate,
                    machine,
                );
                steps.push((order, Step { commitment: index, machine, rate, takes }));
            }
        }
        steps.sort_by_key(|(order, _)| *order);
        let amortized = commitments
            .iter()
            .map(|commitment| match (commitment.hourly, commitment.upfront) {
                (Some(hourly), Some(upfront)) => {
                    let hours = Decimal::from(8760 * u32::from(commitment.term_years));
                    (hourly + upfront / hours).round_dp(DIGITS)
                }
                _ => Decimal::ONE,
            })
            .collect();
        Ok(Self {
            fleet,
            commitments,
            list,
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            amortized,
        })
    }

    /// Pays for the hours of one day.
    pub(crate) fn day(&self, spec: &Spec, hours: Range<usize>) -> Day {
        let mut day = Day { lines: BTreeMap::new(), fees: vec![Fee::default(); self.commitments.len()] };
        for hour in hours {
            self.hour(spec, hour, &mut day);
        }
        day
    }

    fn hour(&self, spec: &Spec, hour: usize, day: &mut Day) {
        let at = spec.hour(hour);
        let capacity: Vec<Decimal> = self
            .commitments
            .iter()
            .map(|commitment| if commitment.is_active(at) { commitment.quantity } else { Decimal::ZERO })
            .collect();
        let mut free = capacity.clone();
        let mut open = vec![Decimal::ONE; self.fleet.instances.len()];
        for step in &self.steps {
            for instance in self.fleet.running(step.machine, hour) {
                if free[step.commitment].is_zero() {
                    break;
                }
                if open[instance].is_zero() {
                    continue;
                }
                let wanted = step.takes * open[instance];
                let taken = wanted.min(free[step.commitment]);
                let whole = taken == wanted;
                let covered = if whole { open[instance] } else { (taken / step.takes).round_dp(DIGITS) };
                // a spend plan pays what it has left, whatever the rounding of the covered part
                let paid = if step.takes == step.rate { taken } else { covered * step.rate };
                free[step.commitment] -= taken;
                open[instance] -= covered;
                let line = day.lines.entry((instance, Some(step.commitment))).or_default();
                line.hours += covered;
                line.list += covered * self.list[step.machine];
                line.effective += paid;
                day.fees[step.commitment].used += paid;
            }
        }
        for (machine, list) in self.list.iter().enumerate() {
            for instance in self.fleet.running(machine, hour) {
                if !open[instance].is_zero() {
                    let line = day.lines.entry((instance, None)).or_default();
                    line.hours += open[instance];
                    line.list += open[instance] * list;
                    line.effective += open[instance] * list;
                }
            }
        }
        for (index, commitment) in self.commitments.iter().enumerate() {
            if commitment.is_active(at) {
                let fee = &mut day.fees[index];
                fee.hours += 1;
                fee.billed += commitment.quantity * commitment.hourly.unwrap_or(Decimal::ONE);
                fee.unused += free[index] * self.amortized[index];
            }
        }
    }
}

fn reaches(commitment: &Commitment, machine: &spec::Machine) -> bool {
    let family = machine.instance_type.split('.').next();
    commitment.region.as_deref().is_none_or(|region| region == machine.region)
        && commitment.instance_type.as_deref().is_none_or(|name| name == machine.instance_type)
        && commitment.family.as_deref().is_none_or(|name| Some(name) == family)
        && commitment.os.as_deref().is_none_or(|os| os == OS)
}

fn stage(plan: PricingPlan) -> u8 {
    match plan {
        PricingPlan::Ec2InstanceSp => 1,
        PricingPlan::ComputeSp | PricingPlan::AzureSavingsPlan | PricingPlan::GcpCudFlexible => 2,
        _ => 0,
    }
}

fn unknown(subject: &str, missing: &str) -> DemoError {
    DemoError::Unknown {
        subject: subject.to_owned(),
        missing: missing.to_owned(),
        place: "data/prices/compute.csv",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{demand, price_snapshot};

    #[test]
    fn every_hour_of_a_commitment_is_used_or_lost() {
        let spec = Spec::embedded().unwrap();
        let prices = price_snapshot();
        let demand = demand::series(&spec);
        let fleet = Fleet::new(&spec, &demand).unwrap();
        let commitments = commitments(&spec, &prices).unwrap();
        let coverage = Coverage::new(&spec, &fleet, &commitments, &prices).unwrap();
        for start in [0, 88 * 24, 200 * 24, 425 * 24] {
            let day = coverage.day(&spec, start..start + 24);
            for (index, fee) in day.fees.iter().enumerate() {
                let owed = Decimal::from(fee.hours) * commitments[index].quantity * coverage.amortized[index];
                assert_eq!(fee.used + fee.unused, owed, "{}", commitments[index].id);
                let lines: Decimal = day
                    .lines
                    .iter()
                    .filter(|(key, _)| key.1 == Some(index))
                    .map(|(_, line)| line.effective)
                    .sum();
                assert_eq!(lines, fee.used);
            }
            let hours: Decimal = day.lines.values().map(|line| line.hours).sum();
            let ran: usize = (start..start + 24)
                .map(|hour| {
                    (0..spec.machines.len()).map(|machine| fleet.running(machine, hour).len()).sum::<usize>()
                })
                .sum();
            assert_eq!(hours, Decimal::from(ran));
        }
    }
}
