//! Spot: machines whose work stands interruption move to interruptible capacity.

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

/// Hours of a month.
const HOURS_PER_MONTH: f64 = 730.0;

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
    /// Part of the time in which one of the pools has capacity (0.95, 0.1 to 1).
    pub availability: f64,
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
            availability: 0.95,
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
        within("spot.availability", self.availability, 0.1, 1.0)?;
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
        (Ok(list), Ok(spot)) if list > Decimal::ZERO => (to_statistic(list), to_statistic(spot)),
        (Ok(_), Ok(_)) => return skip(format!("the list price of {instance_type} is zero")),
        (Err(missing), _) | (_, Err(missing)) => return skip(missing.to_string()),
    };
    let ratio = cost_ratio(spot / list, settings);
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
    facts.extend([
        evidence("Spot price", format!("{:.0} % of list", spot / list * 100.0)),
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
        recommended: Some(format!("{instance_type}, spot")),
        effect: Effect::Spot { price_ratio },
        range: (0.7, 1.1),
        risk: hazard(settings) * settings.restart_hours,
        evidence: facts,
        flips_if: format!(
            "the spot price rises above {:.0} % of list, or the work turns out not to stand interruption",
            spot / list / ratio * best_other * 100.0
        ),
        effort: Effort::Medium,
        restart_needed: true,
        rollback_possible: true,
        lookback_days: 30,
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

/// Cost of one useful hour over the list price, for spot at `price` of it with on-demand as fallback.
///
/// With hazard λ, availability A, checkpoint cost C and restart R the best interval is `τ = √(2C/λ)` (Young 1974),
/// the useful hours of an up-run `S = τ·e^(−λ(R+τ+C)) / (1 − e^(−λ(τ+C)))`, the useful share `η = λS`, and the
/// cost `(A·price + 1 − A) / (A·η + (1 − A)·max(1 − RλA/(1 − A), 0))`.
fn cost_ratio(price: f64, settings: &Settings) -> f64 {
    let rate = hazard(settings);
    let (checkpoint, restart) = (settings.checkpoint_hours.max(1e-6), settings.restart_hours);
    let interval = (2.0 * checkpoint / rate).sqrt();
    let useful = interval * (-rate * (restart + interval + checkpoint)).exp()
        / (1.0 - (-rate * (interval + checkpoint)).exp());
    let efficiency = rate * useful;
    let up = settings.availability;
    let down = 1.0 - up;
    let fallback = if down > 0.0 { (1.0 - restart * rate * up / down).max(0.0) } else { 0.0 };
    (up * price + down) / (up * efficiency + down * fallback)
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

    #[test]
    fn interruptions_cost_more_than_the_spot_price_says() {
        let settings = Settings::default();
        let ratio = cost_ratio(0.35, &settings);
        assert!(ratio > 0.35 && ratio < 0.42, "{ratio}");
        // Always there and never taken back: the price alone.
        let calm =
            Settings { interrupted_month: 0.001, availability: 1.0, checkpoint_hours: 0.0, ..settings };
        assert!((cost_ratio(0.35, &calm) - 0.35).abs() < 1e-3);
    }

    #[test]
    fn more_interruptions_and_less_capacity_never_make_it_cheaper() {
        let base = Settings::default();
        let rough = Settings { interrupted_month: 0.5, ..base.clone() };
        let scarce = Settings { availability: 0.5, ..base.clone() };
        assert!(cost_ratio(0.35, &rough) > cost_ratio(0.35, &base));
        assert!(cost_ratio(0.35, &scarce) > cost_ratio(0.35, &base));
    }
}
