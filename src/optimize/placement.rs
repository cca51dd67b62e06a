//! Placement: machines move to a region, or a cloud, where the same work costs less, with all that goes there in the
//! price: traffic, work, running twice, and commitments that stay behind.
//!
//! Nothing moves that the policy does not allow, and what belongs together moves together or not at all.

mod cost;
mod filters;
mod proposal;
mod settings;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;

use billing::BillingError;
use chrono::Duration;
use domain::{Provider, Resource, ResourceKind, Skip, to_cents, to_statistic};
use rayon::prelude::*;
use rust_decimal::Decimal;

use self::cost::{Rates, Traffic, Transition};
use self::proposal::{Part, Proposal};
pub use self::settings::{Link, Settings};
use crate::Facts;
use crate::action::{Action, Effect, Relocation};
use crate::ledger::{Ledger, Target};
use crate::metrics::envelope;
use crate::opening::full_hour;
use crate::proposals::Fate;
use crate::rightsize::{self, Candidate, equivalent};
use crate::sizings::is_machine;
pub use domain::Place;

/// What a skip says was considered.
const CONSIDERED: &str = "another place";

/// One resource that moves, with what is in doubt about its saving.
pub(crate) struct Moved<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) action: Action,
    /// USD a month that it may save less, and more.
    pub(crate) less: Decimal,
    pub(crate) more: Decimal,
}

/// What is said about what belongs together.
pub(crate) enum Outcome<'a> {
    /// All of it moves.
    Move(Vec<Moved<'a>>),
    /// Looked at and left where it is.
    Stay(Skip),
}

/// A type of another cloud with the risk of running on it; or why there is none.
type Elsewhere = Result<(String, f64), String>;

/// The rule over one set of facts.
pub(crate) struct Placement<'a> {
    facts: &'a Facts,
    /// What belongs together, where it contains a running machine.
    units: Vec<Vec<&'a Resource>>,
    unit_of: BTreeMap<&'a str, usize>,
    /// By machine and place of another cloud.
    elsewhere: BTreeMap<(&'a str, &'a Place), Elsewhere>,
    /// Who pays, by cloud.
    accounts: BTreeMap<Provider, String>,
}

impl<'a> Placement<'a> {
    /// `resources` are in the order of their ids.
    pub(crate) fn new(facts: &'a Facts, resources: &[&'a Resource]) -> Self {
        let settings = &facts.policy.placement;
        let (unit_of, elsewhere, accounts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut placement = Self { facts, units: Vec::new(), unit_of, elsewhere, accounts };
        if settings.places.is_empty() {
            return placement;
        }
        let moves = |resource: &&Resource| resource.kind != ResourceKind::Snapshot;
        let all: Vec<&Resource> = resources.iter().filter(|resource| moves(resource)).copied().collect();
        placement.units = units::units(&all, &settings.together_keys);
        placement.units.retain(|unit| unit.iter().any(|member| is_machine(member)));
        for (index, unit) in placement.units.iter().enumerate() {
            placement.unit_of.extend(unit.iter().map(|member| (member.resource_id.as_str(), index)));
        }
        if settings.other_cloud {
            placement.accounts = accounts_of(facts);
            let found: Vec<_> =
                placement.units.par_iter().flat_map_iter(|unit| elsewhere_of(facts, unit)).collect();
            placement.elsewhere = found.into_iter().collect();
        }
        placement
    }

    /// Machines and what they may become.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&'a str, Target)> {
        let machines = self.units.iter().flatten().filter(|member| is_machine(member));
        machines.flat_map(|machine| {
            let here = Place::of(machine);
            let others = self.facts.policy.placement.places.iter().filter(move |place| **place != here);
            others.filter_map(|place| {
                let id = machine.resource_id.as_str();
                let target = Target { place: Some(place.clone()), ..Target::default() };
                if place.provider == machine.provider {
                    let hourly = self.hourly(place, machine.instance_type.as_deref()?, machine);
                    return hourly.is_ok().then_some((id, target));
                }
                let (instance_type, _) = self.elsewhere.get(&(id, place))?.as_ref().ok()?;
                let account = Some(self.accounts.get(&place.provider)?.clone());
                Some((id, Target { instance_type: Some(instance_type.clone()), account, ..target }))
            })
        })
    }

    /// What is said about each of what belongs together, given what earlier steps do.
    pub(crate) fn outcomes(
        &self,
        fates: &BTreeMap<String, Fate>,
        ledger: &Ledger<'_>,
    ) -> Result<Vec<Outcome<'a>>, BillingError> {
        let machines = self.facts.resources.iter().any(is_machine);
        if self.facts.policy.placement.places.is_empty() && machines {
            let reason = "the policy allows no place to move to: name them in placement.places".to_owned();
            let (subject, considered) = ("machines".to_owned(), CONSIDERED.to_owned());
            return Ok(vec![Outcome::Stay(Skip { subject, considered, reason })]);
        }
        let fate = |id: &str| fates.get(id).cloned().unwrap_or_default();
        let found: Vec<Option<Outcome<'a>>> =
            self.units.par_iter().map(|unit| self.outcome(unit, &fate, ledger)).collect::<Result<_, _>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The move of a machine that belongs to nothing else, if there is one.
    pub(crate) fn alone(
        &self,
        resource: &Resource,
        fate: &Fate,
        ledger: &Ledger<'_>,
    ) -> Result<Option<Action>, BillingError> {
        let unit = self.unit_of.get(resource.resource_id.as_str()).map(|index| &self.units[*index]);
        let Some(unit) = unit.filter(|unit| unit.len() == 1) else { return Ok(None) };
        Ok(match self.outcome(unit, &|_| fate.clone(), ledger)? {
            Some(Outcome::Move(mut moved)) => moved.pop().map(|moved| moved.action),
            _ => None,
        })
    }

    /// Whether a resource moves only with others.
    pub(crate) fn is_tied(&self, resource_id: &str) -> bool {
        self.unit_of.get(resource_id).is_some_and(|index| self.units[*index].len() > 1)
    }

    fn outcome(
        &self,
        unit: &[&'a Resource],
        fate: &dyn Fn(&str) -> Fate,
        ledger: &Ledger<'_>,
    ) -> Result<Option<Outcome<'a>>, BillingError> {
        let settings = &self.facts.policy.placement;
        let stays = |member: &&&Resource| !fate(&member.resource_id).removed;
        let members: Vec<&'a Resource> = unit.iter().filter(stays).copied().collect();
        let Some(first) = members.iter().find(|member| is_machine(member)) else { return Ok(None) };
        if members.len() == 1 && first.spot {
            return Ok(None);
        }
        let here = Place::of(first);
        let others: Vec<&'a Place> =
            self.facts.policy.placement.places.iter().filter(|place| **place != here).collect();
        if others.is_empty() {
            return Ok(None);
        }
        let stay = |reason: String| {
            let reason = match members.len() {
                1 => reason,
                count => format!("{reason}; {count} resources move together or not at all"),
            };
            let (subject, considered) = (first.resource_id.clone(), CONSIDERED.to_owned());
            Ok(Some(Outcome::Stay(Skip { subject, considered, reason })))
        };
        if let Some(reason) = filters::bound(&members, &self.facts.policy.plan.keep_tags, settings) {
            return stay(reason);
        }
        let mut refused = Vec::new();
        let mut best: Option<Proposal<'a>> = None;
        for place in others {
            match self.proposal(&members, &here, place, fate, ledger) {
                Ok(mut proposal) => {
                    let effects =
                        proposal.parts.iter().map(|part| (part.resource.resource_id.as_str(), &part.effect));
                    proposal.saving = ledger.price_together(&effects.collect::<Vec<_>>())?;
                    if best.as_ref().is_none_or(|best| proposal.saving > best.saving) {
                        best = Some(proposal);
                    }
                }
                Err(reason) => refused.push(format!("{place}: {reason}")),
            }
        }
        let Some(best) = best else { return stay(refused.join("; ")) };
        let share = if best.list.is_zero() { 0.0 } else { to_statistic(best.saving / best.list) };
        if share < settings.minimum_saving {
            return stay(format!(
                "{} would save {} USD a month, {:.0} % of its list price, with {} USD lost in commitments that stay \
                 behind: less than the {:.0} % that are worth a move",
                best.place,
                to_cents(best.saving),
                share * 100.0,
                to_cents(best.stranded()),
                settings.minimum_saving * 100.0
            ));
        }
        Ok(Some(Outcome::Move(best.actions(settings))))
    }

    /// Everything about a move to `place` but what it saves on the books; or what forbids it, or is not known.
    fn proposal(
        &self,
        members: &[&'a Resource],
        here: &Place,
        place: &'a Place,
        fate: &dyn Fn(&str) -> Fate,
        ledger: &Ledger<'_>,
    ) -> Result<Proposal<'a>, String> {
        let settings = &self.facts.policy.placement;
        let residency = filters::residency(members, here, place, settings)?;
        let latency = filters::latency(members, here, place, settings)?;
        let rates = Rates::between(here, place, settings)?;
        let machines = members.iter().filter(|member| is_machine(member)).count();
        let mut proposal = Proposal {
            here: here.clone(),
            place: place.clone(),
            parts: Vec::new(),
            latency,
            residency,
            rates,
            list: Decimal::ZERO,
            list_saving: Decimal::ZERO,
            saving: Decimal::ZERO,
        };
        for member in members.iter().copied() {
            let of_member = |reason: String| match members.len() {
                1 => reason,
                _ => format!("{}: {reason}", crate::idle::short(member)),
            };
            if member.kind == ResourceKind::Disk {
                let part = self.disk(member, place, &rates).map_err(of_member)?;
                if ledger.knows(&member.resource_id) {
                    let change = ledger.price(&member.resource_id, &part.effect);
                    proposal.list_saving += change.map_err(|error| of_member(error.to_string()))?.saving;
                    proposal.parts.push(part);
                }
                continue;
            }
            let hours = ledger.hours_per_month(&member.resource_id);
            let hours =
                hours.ok_or_else(|| of_member("it is not in the usage of the last 30 days".to_owned()))?;
            let part = self.machine(member, place, &fate(&member.resource_id), hours, machines, &rates);
            let part = part.map_err(of_member)?;
            if let Some((before, after)) = part.prices {
                proposal.list += before * hours;
                proposal.list_saving += (before - after) * hours - part.effect.monthly();
            }
            proposal.parts.push(part);
        }
        Ok(proposal)
    }

    fn machine(
        &self,
        machine: &'a Resource,
        place: &'a Place,
        fate: &Fate,
        hours: Decimal,
        machines: usize,
        rates: &Rates,
    ) -> Result<Part<'a>, String> {
        let settings = &self.facts.policy.placement;
        let now = fate.instance_type.as_deref().or(machine.instance_type.as_deref());
        let now = now.ok_or_else(|| "its type is not known".to_owned())?;
        let other_cloud = place.provider != machine.provider;
        let (new, risk, account) = if other_cloud {
            if !settings.other_cloud {
                return Err("another cloud, which placement.other_cloud does not allow".to_owned());
            }
            let account = self.accounts.get(&place.provider).cloned().ok_or_else(|| {
                format!("no account is known there: name it in placement.accounts.{}", place.provider)
            })?;
            match self.elsewhere.get(&(machine.resource_id.as_str(), place)) {
                Some(Ok((new, risk))) => (new.as_str(), *risk, Some(account)),
                Some(Err(reason)) => return Err(reason.clone()),
                None => return Err("no type of it was compared".to_owned()),
            }
        } else {
            (now, 0.0, None)
        };
        let before = self.hourly(&Place::of(machine), now, machine)?;
        let after = self.hourly(place, new, machine)?;
        let metrics = self.facts.metrics.of(&machine.resource_id);
        let minimum_coverage = self.facts.policy.rightsize.minimum_coverage;
        let traffic = Traffic::measured(metrics, self.facts.as_of, settings.minimum_days, minimum_coverage)?;
        let transition = Transition::of_machine(after, hours, machines, other_cloud, settings);
        let cost = rates.monthly(&traffic, settings.stays_behind_share);
        Ok(Part {
            resource: machine,
            effect: Effect::Move(Relocation {
                place: place.clone(),
                account,
                instance_type: other_cloud.then(|| new.to_owned()),
                price_ratio: after / before,
                traffic: cost,
                transition: transition.monthly(settings),
            }),
            types: (now.to_owned(), new.to_owned()),
            prices: Some((before, after)),
            traffic: Some((traffic, cost, rates.monthly(&traffic, Decimal::ONE))),
            transition,
            risk,
        })
    }

    fn disk(&self, disk: &'a Resource, place: &Place, rates: &Rates) -> Result<Part<'a>, String> {
        let settings = &self.facts.policy.placement;
        let gib = disk
            .size_gib
            .ok_or_else(|| "its size is not known, and with it what copying costs".to_owned())?;
        let kind = disk.instance_type.clone().unwrap_or_else(|| "disk".to_owned());
        let price = |region: &str| {
            self.facts.prices.disk(disk.provider, region, &kind).ok().map(|disk| disk.gib_month)
        };
        let same_cloud = place.provider == disk.provider;
        let prices = same_cloud.then(|| price(&disk.region).zip(price(&place.region))).flatten();
        let prices = prices.filter(|(before, _)| *before > Decimal::ZERO);
        let transition = Transition::of_disk(gib, rates);
        Ok(Part {
            resource: disk,
            effect: Effect::Move(Relocation {
                place: place.clone(),
                account: None,
                instance_type: None,
                price_ratio: prices.map_or(Decimal::ONE, |(before, after)| after / before),
                traffic: Decimal::ZERO,
                transition: transition.monthly(settings),
            }),
            types: (kind.clone(), kind),
            prices,
            traffic: None,
            transition,
            risk: 0.0,
        })
    }

    fn hourly(&self, place: &Place, instance_type: &str, machine: &Resource) -> Result<Decimal, String> {
        let os = machine.os.as_deref().unwrap_or("Linux");
        let price = self.facts.prices.on_demand(place.provider, &place.region, instance_type, os);
        price.map_err(|missing| missing.to_string())
    }
}

/// Who pays in each cloud: as the policy says, or the account with the most usage there.
fn accounts_of(facts: &Facts) -> BTreeMap<Provider, String> {
    let mut used: BTreeMap<(Provider, &str), Decimal> = BTreeMap::new();
    for row in &facts.usage {
        *used.entry((row.provider, row.account.as_str())).or_default() += row.quantity;
    }
    let mut accounts: BTreeMap<Provider, (Decimal, &str)> = BTreeMap::new();
    for ((provider, account), quantity) in used {
        let most = accounts.entry(provider).or_insert((quantity, account));
        if quantity > most.0 {
            *most = (quantity, account);
        }
    }
    let mut accounts: BTreeMap<Provider, String> =
        accounts.into_iter().map(|(provider, (_, account))| (provider, account.to_owned())).collect();
    accounts.extend(facts.policy.placement.accounts.clone());
    accounts
}

/// The types that machines of a unit would be in other clouds; those of one group and type are sized together,
/// because they have to stay alike.
fn elsewhere_of<'a>(facts: &'a Facts, unit: &[&'a Resource]) -> Vec<((&'a str, &'a Place), Elsewhere)> {
    let settings = rightsize::Settings {
        speed_doubt: facts.policy.placement.speed_doubt,
        ..facts.policy.rightsize.clone()
    };
    let last_hour = Some(full_hour(facts.as_of) - Duration::hours(1));
    let mut kinds: BTreeMap<(Option<&str>, &str, &str), Vec<&'a Resource>> = BTreeMap::new();
    for machine in unit.iter().filter(|member| is_machine(member)).copied() {
        let alone = if machine.group.is_none() { machine.resource_id.as_str() } else { "" };
        let kind = machine.instance_type.as_deref().unwrap_or_default();
        kinds.entry((machine.group.as_deref(), kind, alone)).or_default().push(machine);
    }
    let mut found = Vec::new();
    for ((_, kind, _), machines) in kinds {
        let Some(first) = machines.first() else { continue };
        let os = first.os.as_deref().unwrap_or("Linux");
        let measured: Vec<_> =
            machines.iter().filter_map(|machine| facts.metrics.of(&machine.resource_id)).collect();
        let together = if measured.len() > 1 { Some(envelope(&measured)) } else { None };
        let metrics = together.as_ref().or(measured.first().copied());
        let candidate = |provider: Provider, region: &str, shape: &'a domain::Shape| {
            let hourly = facts.prices.on_demand(provider, region, &shape.instance_type, os).ok()?;
            Some(Candidate { shape, hourly })
        };
        let current = facts.prices.shape(first.provider, &first.region, kind);
        let current = current.and_then(|shape| candidate(first.provider, &first.region, shape));
        let places = facts.policy.placement.places.iter();
        for place in places.filter(|place| place.provider != first.provider) {
            let shapes = facts.prices.shapes(place.provider, &place.region);
            let candidates: Vec<Candidate<'_>> =
                shapes.filter_map(|shape| candidate(place.provider, &place.region, shape)).collect();
            let result = match current {
                Some(current) => equivalent(first, metrics, current, &candidates, last_hour, &settings),
                None => Err(format!("what {kind} can do is not in the catalogue of {}", first.region)),
            };
            let result = result.map(|(best, risk)| (best.shape.instance_type.clone(), risk));
            found.extend(
                machines.iter().map(|machine| ((machine.resource_id.as_str(), place), result.clone())),
            );
        }
    }
    found
}
