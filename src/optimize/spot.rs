//! Spot: machines whose work stands interruption move to interruptible capacity.

mod cost;
pub mod replay;

use std::collections::BTreeSet;

use billing::PriceBook;
use domain::{
    ActionType, Effort, Evidence, Finding, Payment, PricingPlan, Resource, ResourceKind, ResourceState, Step,
    to_statistic,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Effect, Verdict, evidence};
use crate::idle::short;
use crate::policy::{PolicyError, tagged, within};

pub use cost::{Job, Pool};

/// Hours of a month.
const HOURS_PER_MONTH: f64 = 730.0;
/// Correlation of capacity between pools: .22 to .29 was measured between zones.
const POOL_CORRELATION: f64 = 0.25;

/// Settings of the spot rule: name, meaning (default, bounds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Tags that say the work stands interruption. Without one of them nothing is moved.
    pub interruptible_tags: Vec<String>,
    /// Tags of work that is repeated or resumed by itself: such groups need no on-demand floor.
    pub batch_tags: Vec<String>,
    /// Tags that forbid it.
    pub blocking_tags: Vec<String>,
    /// Smallest suitability (0.6, 0 to 1).
    pub minimum_suitability: f64,
    /// Part of a group that stays on demand, unless it is batch work (0.3, 0 to 1).
    pub floor_share: f64,
    /// Part of the instances that the provider takes back in a month (0.15, 0.001 to 0.9).
    pub interrupted_month: f64,
    /// Part of the time in which a pool, one machine type, has capacity (0.8, 0.1 to 1).
    pub pool_availability: f64,
    /// Most pools that a machine is taken from (4, 1 to 20).
    pub pools: usize,
    /// Hours to save a state (0.02, 0 to 10).
    pub checkpoint_hours: f64,
    /// Hours to start again (0.1, 0 to 10).
    pub restart_hours: f64,
    /// Smallest saving against the best other price (0.15, 0 to 0.9).
    pub minimum_saving: f64,
}

impl Default for Settings {
    fn default() -> Self {
        let texts = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        let batch = texts(&["workload=batch", "workload=ci", "role=batch", "role=ci"]);
        let mut interruptible = texts(&["spot=ok", "interruptible=true", "role=worker"]);
        interruptible.extend(batch.iter().cloned());
        Self {
            interruptible_tags: interruptible,
            batch_tags: batch,
            blocking_tags: texts(&[
                "stateful=true",
                "singleton=true",
                "spot=never",
                "role=database",
                "role=db",
                "role=queue",
                "licence=bound",
                "license=bound",
            ]),
            minimum_suitability: 0.6,
            floor_share: 0.3,
            interrupted_month: 0.15,
            pool_availability: 0.8,
            pools: 4,
            checkpoint_hours: 0.02,
            restart_hours: 0.1,
            minimum_saving: 0.15,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        within("spot.minimum_suitability", self.minimum_suitability, 0.0, 1.0)?;
        within("spot.floor_share", self.floor_share, 0.0, 1.0)?;
        within("spot.interrupted_month", self.interrupted_month, 0.001, 0.9)?;
        within("spot.pool_availability", self.pool_availability, 0.1, 1.0)?;
        within("spot.pools", self.pools as f64, 1.0, 20.0)?;
        within("spot.checkpoint_hours", self.checkpoint_hours, 0.0, 10.0)?;
        within("spot.restart_hours", self.restart_hours, 0.0, 10.0)?;
        within("spot.minimum_saving", self.minimum_saving, 0.0, 0.9)
    }
}

/// The group that a machine belongs to, as the rule sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    /// Machines in it, this one included (1 without a group).
    pub(crate) members: usize,
    /// Position of this one by id, 0 first: the first ones are the on-demand floor.
    pub(crate) position: usize,
    /// Whether some of them run on spot capacity already.
    pub(crate) has_spot: bool,
}

/// What the spot rule says about a machine that will run as `instance_type` in `running_share` of all hours.
pub(crate) fn machine(
    resource: &Resource,
    instance_type: &str,
    group: Group,
    running_share: f64,
    prices: &PriceBook,
    settings: &Settings,
) -> Verdict {
    const CONSIDERED: &str = "spot";
    if resource.kind != ResourceKind::Vm || resource.state != ResourceState::Running || resource.spot {
        return Verdict::NotConcerned;
    }
    let skip = |reason: String| Verdict::skip(resource, CONSIDERED, reason);
    let Some(consent) = tagged(resource, &settings.interruptible_tags) else {
        // Every other machine would be listed here: only groups are worth a word.
        return match resource.group {
            Some(_) => {
                skip("nothing says that its work stands interruption; tag it spot=ok if it does".to_owned())
            }
            None => Verdict::NotConcerned,
        };
    };
    if let Some(tag) = tagged(resource, &settings.blocking_tags) {
        return skip(format!("blocked by its tag {tag}"));
    }
    let batch = tagged(resource, &settings.batch_tags);
    if group.members < 2 && batch.is_none() {
        return skip("it is the only one of its kind".to_owned());
    }
    let (suitability, mut facts) = suitability(consent, batch, group, running_share);
    if suitability < settings.minimum_suitability {
        return skip(format!("suitability {suitability:.2} is below {}", settings.minimum_suitability));
    }
    let floor =
        if batch.is_some() { 0 } else { (group.members as f64 * settings.floor_share).ceil() as usize };
    if group.position < floor {
        return skip(format!("one of the {floor} machines that stay on demand as a floor"));
    }
    let os = resource.os.as_deref().unwrap_or("Linux");
    let list = prices.on_demand(resource.provider, &resource.region, instance_type, os);
    let spot = prices.spot(resource.provider, &resource.region, instance_type, os);
    let (list, spot) = match (list, spot) {
        (Ok(list), Ok(own)) if list > Decimal::ZERO => {
            let found = pools(resource, instance_type, os, own, prices);
            (to_statistic(list), found.into_iter().take(settings.pools).collect::<Vec<_>>())
        }
        (Ok(_), Ok(_)) => return skip(format!("the list price of {instance_type} is zero")),
        (Err(missing), _) | (_, Err(missing)) => return skip(missing.to_string()),
    };
    let pool = together(&spot, list, settings);
    let job = Job { checkpoint_hours: settings.checkpoint_hours, restart_hours: settings.restart_hours };
    let ratio = job.cost_ratio(&pool);
    let committed = committed_ratio(resource, instance_type, os, list, running_share, prices);
    let best_other = committed.unwrap_or(1.0).min(1.0);
    let exact = Decimal::from_f64(ratio).map(|ratio| ratio.round_dp(6));
    let Some(price_ratio) = exact.filter(|_| ratio < best_other * (1.0 - settings.minimum_saving)) else {
        return skip(format!(
            "spot with interruptions costs {:.0} % of the list price, the best commitment {:.0} %",
            ratio * 100.0,
            best_other * 100.0
        ));
    };
    let names: Vec<&str> = spot.iter().map(|(_, name)| *name).collect();
    facts.extend([
        evidence("Suitability", format!("{suitability:.2}")),
        evidence("Pools, cheapest first", names.join(", ")),
        evidence("Any of them has capacity", format!("{:.0} % of the time", pool.availability * 100.0)),
        evidence("Spot price", format!("{:.0} % of list", pool.price * 100.0)),
        evidence("With interruptions, rework and fallback", format!("{:.0} % of list", ratio * 100.0)),
        evidence("Best commitment at its use", format!("{:.0} % of list", best_other * 100.0)),
        evidence("Interrupted in a month", format!("{:.0} %", settings.interrupted_month * 100.0)),
    ]);
    Verdict::act(Action {
        step: Step::Spot,
        action_type: ActionType::UseSpot,
        finding: Finding::Interruptible,
        summary: format!("Run {} on spot capacity, with on-demand as fallback", short(resource)),
        current: format!("{instance_type}, on demand"),
        recommended: Some(format!("{}, spot", names.join(" or "))),
        effect: Effect::Spot { price_ratio },
        range: (0.7, 1.1),
        risk: pool.hazard * settings.restart_hours,
        evidence: facts,
        flips_if: format!(
            "the spot price rises above {:.0} % of list, or the work turns out not to stand interruption",
            pool.price / ratio * best_other * 100.0
        ),
        effort: Effort::Medium,
        restart_needed: true,
        rollback_possible: true,
        lookback_days: 30,
        patch: None,
    })
}

/// A score from 0 to 1 (logistic over the evidence) and the evidence itself.
fn suitability(consent: &str, batch: Option<&str>, group: Group, running_share: f64) -> (f64, Vec<Evidence>) {
    let mut logit = 0.0;
    let mut facts = Vec::new();
    let mut found = |holds: bool, weight: f64, label: &str, value: String| {
        if holds {
            logit += weight;
            facts.push(evidence(label, value));
        }
    };
    found(true, 1.0, "Consent", consent.to_owned());
    found(batch.is_some(), 1.0, "Repeatable work", batch.unwrap_or_default().to_owned());
    found(group.members >= 3, 0.7, "Machines in the group", group.members.to_string());
    found(group.has_spot, 1.0, "Spot in use", "some of the group run on it already".to_owned());
    found(running_share < 0.5, 0.5, "Runs", format!("{:.0} % of the time", running_share * 100.0));
    (1.0 / (1.0 + f64::exp(-logit)), facts)
}

/// Interruptions per hour, from the part that is interrupted in a month.
fn hazard(settings: &Settings) -> f64 {
    -(1.0 - settings.interrupted_month).ln() / HOURS_PER_MONTH
}

/// Several pools, cheapest first, as one: each is paid for in the time in which those before it have no capacity.
fn together(pools: &[(Decimal, &str)], list: f64, settings: &Settings) -> Pool {
    let (mut availability, mut paid) = (0.0, 0.0);
    for (index, (price, _)) in pools.iter().enumerate() {
        let with = any_of(index + 1, settings.pool_availability);
        paid += (with - availability) * to_statistic(*price) / list;
        availability = with;
    }
    Pool {
        price: paid / availability,
        hazard: hazard(settings),
        availability,
        short_stays: 0.0,
        short_gaps: 0.0,
    }
}

/// Part of the time in which one of `count` pools has capacity. Pools that move together count for fewer.
fn any_of(count: usize, availability: f64) -> f64 {
    let count = count as f64;
    let apart = count / (1.0 + (count - 1.0) * POOL_CORRELATION);
    1.0 - (1.0 - availability).powf(apart)
}

/// Spot prices and names of the machine types that can take the place of `instance_type`, itself at `own` among them,
/// cheapest first: of its architecture, at least as large in CPU and memory, and burstable only if it is.
fn pools<'a>(
    resource: &Resource,
    instance_type: &'a str,
    os: &str,
    own: Decimal,
    prices: &'a PriceBook,
) -> BTreeSet<(Decimal, &'a str)> {
    let shapes = || prices.shapes(resource.provider, &resource.region);
    let mut found = BTreeSet::from([(own, instance_type)]);
    if let Some(needed) = shapes().find(|shape| shape.instance_type == instance_type) {
        let fits = shapes().filter(|shape| {
            shape.architecture == needed.architecture
                && shape.vcpu >= needed.vcpu
                && shape.memory_gib >= needed.memory_gib
                && (needed.burstable || !shape.burstable)
        });
        found.extend(fits.filter_map(|shape| {
            let price = prices.spot(resource.provider, &resource.region, &shape.instance_type, os).ok()?;
            Some((price, shape.instance_type.as_str()))
        }));
    }
    found
}

/// What the cheapest one-year commitment without upfront costs per used hour, over the list price: the rate that
/// these hours would get otherwise. `None` where none is offered.
fn committed_ratio(
    resource: &Resource,
    instance_type: &str,
    os: &str,
    list: f64,
    running_share: f64,
    prices: &PriceBook,
) -> Option<f64> {
    let offer = |plan: &PricingPlan| {
        let quote = prices.quote(
            resource.provider,
            &resource.region,
            instance_type,
            os,
            *plan,
            Some(1),
            Some(Payment::NoUpfront),
        );
        quote.ok().map(|quote| to_statistic(quote.effective_hourly()))
    };
    let offers = PricingPlan::ALL.iter().filter(|plan| plan.is_commitment()).filter_map(offer);
    offers.min_by(f64::total_cmp).map(|hourly| hourly / list / running_share.clamp(0.01, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{book, vm};

    #[test]
    fn a_machine_is_taken_from_several_pools_that_carry_it() {
        let (machine, book) = (vm("a", "m6i.xlarge"), book());
        let own = book.spot(machine.provider, &machine.region, "m6i.xlarge", "Linux").unwrap();
        let found: Vec<_> = pools(&machine, "m6i.xlarge", "Linux", own, &book).into_iter().take(3).collect();
        let names: Vec<&str> = found.iter().map(|(_, name)| *name).collect();
        // 4 vCPU and 16 GiB or more on the same architecture; c6i.xlarge has too little memory, m7g is ARM.
        assert_eq!(names, ["m6i.xlarge", "r6i.xlarge", "c6i.2xlarge"]);
    }

    #[test]
    fn more_pools_have_capacity_more_often_but_less_than_if_they_were_independent() {
        let [one, two, four] = [1, 2, 4].map(|count| any_of(count, 0.8));
        assert!((one - 0.8).abs() < 1e-12 && two > one && two < 0.96 && four > two, "{one} {two} {four}");
    }

    #[test]
    fn the_dearer_pools_are_paid_for_when_the_cheaper_ones_are_gone() {
        let settings = Settings::default();
        let pools = [(Decimal::new(35, 2), "a"), (Decimal::new(50, 2), "b")];
        let (one, two) = (together(&pools[..1], 1.0, &settings), together(&pools, 1.0, &settings));
        assert!((one.price - 0.35).abs() < 1e-12);
        assert!(two.price > 0.35 && two.price < 0.38 && two.availability > one.availability, "{two:?}");
    }
}
