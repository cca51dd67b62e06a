//! "Had we followed the advice since …": a plan of the past, priced on the usage that came.

use std::collections::BTreeMap;

use billing::{BillingError, LineKey};
use chrono::{DateTime, Utc};
use domain::{
    ActionType, AdviceReplay, Effect, MetricName, Overload, Period, Plan, Recommendation, ReplayedAdvice,
    ReplayedStep, Resource, ResourceKind, ResourceState, RunId, Skip, Step,
};
use rust_decimal::Decimal;

use crate::ledger::{Ledger, Target, list_price, spans};
use crate::managed::{Engine, Service};
use crate::metrics::ResourceMetrics;
use crate::opening::{full_hour, open_over};
use crate::plan::PlanError;
use crate::rightsize::Dimension;
use crate::schedule::hour_of_week;
use crate::{Facts, HOURS_PER_MONTH};

/// Decimal places of an amount.
const PLACES: u32 = 6;

/// What the plan of `run_id` would have saved between its `as_of` and that of `facts`.
///
/// `facts` are those of the later time: usage, commitments and metrics of the time in between, the bill of a month like it,
/// and today's inventory, prices and policy. The usage is billed hour by hour by the simulator of the plan, under the
/// commitments of each day.
///
/// # Errors
/// Times that are not in order, or facts that make no sense (the message names the row). What cannot be priced is not
/// judged, with that reason.
pub fn advice(run_id: RunId, plan: &Plan, facts: &Facts) -> Result<AdviceReplay, PlanError> {
    let window = Period { start: full_hour(plan.as_of), end: full_hour(facts.as_of) };
    let resources: BTreeMap<&str, &Resource> =
        facts.resources.iter().map(|resource| (resource.resource_id.as_str(), resource)).collect();
    let mut items: Vec<Item<'_>> = in_order(plan).map(|advice| Item::new(advice, &resources)).collect();
    let (mut paid, mut unpriced) = (Decimal::ZERO, 0);
    // Each part under the same commitments throughout.
    for span in spans(window, &facts.commitments, full_hour) {
        let opening = open_over(facts, span, span)?;
        unpriced = unpriced.max(opening.unpriced.len());
        let mut ledger = opening.ledger;
        ledger.make_room(targets(&items, &ledger, facts, span).into_iter())?;
        let part = |monthly: Decimal| {
            let hours = Decimal::from((span.end - span.start).num_hours());
            (monthly * hours / Decimal::from(HOURS_PER_MONTH)).round_dp(PLACES)
        };
        paid += part(ledger.total());
        for item in items.iter_mut().filter(|item| item.changed.is_none()) {
            match item.saving(&mut ledger) {
                Ok(Some(monthly)) => *item.realized.get_or_insert(Decimal::ZERO) += part(monthly),
                Ok(None) => {}
                Err(BillingError::MissingPrice(missing)) => item.unpriced = Some(missing.to_string()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    let months = Decimal::from((window.end - window.start).num_hours()) / Decimal::from(HOURS_PER_MONTH);
    let mut replay = AdviceReplay {
        run_id,
        since: window.start,
        until: window.end,
        currency: plan.currency,
        paid,
        with_advice: paid,
        steps: Vec::new(),
        advice: Vec::new(),
        unjudged: Vec::new(),
        assumptions: assumptions(facts, window, unpriced),
    };
    for step in Step::ALL.iter().copied() {
        let (mut judged, mut left) = (Vec::new(), 0);
        for item in items.iter().filter(|item| item.advice.step == step) {
            match item.judged(months, window, facts, &resources) {
                Ok(advice) => judged.push(advice),
                Err(skip) => {
                    left += 1;
                    replay.unjudged.push(skip);
                }
            }
        }
        if judged.is_empty() && left == 0 {
            continue;
        }
        let step = ReplayedStep {
            step,
            judged: judged.len(),
            unjudged: left,
            claimed: judged.iter().map(|advice| advice.claimed).sum(),
            realized: judged.iter().map(|advice| advice.realized).sum(),
        };
        replay.with_advice -= step.realized;
        replay.steps.push(step);
        replay.advice.append(&mut judged);
    }
    replay.advice.sort_by(|a, b| b.realized.cmp(&a.realized).then_with(|| a.key.cmp(&b.key)));
    Ok(replay)
}

/// The recommendations in the order in which the plan does them.
fn in_order(plan: &Plan) -> impl Iterator<Item = &Recommendation> {
    let mut all: Vec<&Recommendation> = plan.recommendations.iter().collect();
    all.sort_by(|a, b| (a.step, &a.resource_id, &a.key).cmp(&(b.step, &b.resource_id, &b.key)));
    all.into_iter()
}

/// What machines would have become, where that has a price.
fn targets<'i>(
    items: &[Item<'i>],
    ledger: &Ledger<'_>,
    facts: &Facts,
    span: Period,
) -> Vec<(&'i str, Target)> {
    let target = |item: &Item<'i>| {
        let id = item.advice.resource_id.as_deref()?;
        let run = ledger.run(id)?;
        let target = match item.advice.effect.as_ref()? {
            Effect::Resize { instance_type, .. } => {
                Target { instance_type: Some(instance_type.clone()), ..Target::default() }
            }
            _ => return None,
        };
        let line = LineKey { instance_type: target.instance_type.clone()?, ..run.line.clone() };
        list_price(&facts.prices, &line, span.start).is_ok().then_some((id, target))
    };
    items.iter().filter(|item| item.changed.is_none()).filter_map(target).collect()
}

/// One recommendation while it is judged.
struct Item<'a> {
    advice: &'a Recommendation,
    /// Why it says nothing about what came, if it does not.
    changed: Option<String>,
    /// Why it has no price, if it has none.
    unpriced: Option<String>,
    realized: Option<Decimal>,
}

impl<'a> Item<'a> {
    fn new(advice: &'a Recommendation, resources: &BTreeMap<&str, &Resource>) -> Self {
        Self { advice, changed: changed(advice, resources), unpriced: None, realized: None }
    }

    /// Does it on the books; what it saves in a month like them, or none where they do not know it.
    fn saving(&self, ledger: &mut Ledger<'_>) -> Result<Option<Decimal>, BillingError> {
        if let Some(purchase) = &self.advice.purchase {
            let saving = ledger.price_commitment(&purchase.commitment)?;
            ledger.add(purchase.commitment.clone())?;
            return Ok(Some(saving));
        }
        let (Some(id), Some(effect)) = (self.advice.resource_id.as_deref(), &self.advice.effect) else {
            return Ok(None);
        };
        if !effect.felt(id).iter().any(|(id, _)| ledger.knows(id)) {
            return Ok(None);
        }
        let change = ledger.price(id, effect)?;
        let saving = change.saving;
        ledger.accept(change)?;
        Ok(Some(saving))
    }

    /// The verdict, or why there is none.
    fn judged(
        &self,
        months: Decimal,
        window: Period,
        facts: &Facts,
        resources: &BTreeMap<&str, &Resource>,
    ) -> Result<ReplayedAdvice, Skip> {
        let advice = self.advice;
        let nothing = || "nothing was billed for it since".to_owned();
        let reason = self.changed.clone().or_else(|| self.unpriced.clone());
        let realized = match (reason, self.realized) {
            (None, Some(realized)) => realized,
            (reason, _) => {
                let subject = advice.resource_id.clone().unwrap_or_else(|| advice.key.clone());
                let reason = reason.unwrap_or_else(nothing);
                return Err(Skip { subject, considered: advice.summary.clone(), reason });
            }
        };
        let resource = advice.resource_id.as_deref().and_then(|id| resources.get(id).copied());
        Ok(ReplayedAdvice {
            key: advice.key.clone(),
            summary: advice.summary.clone(),
            step: advice.step,
            claimed: (advice.estimated_monthly_savings.expected * months).round_dp(PLACES),
            realized,
            overload: resource.and_then(|resource| overload(advice, resource, window, facts)),
        })
    }
}

/// Why what a resource cost since is not what it would have cost without the advice: somebody changed it.
fn changed(advice: &Recommendation, resources: &BTreeMap<&str, &Resource>) -> Option<String> {
    use ActionType::{ChangeStorageClass, Delete, MigrateToGraviton, Rightsize, Upgrade, UseSpot};
    if advice.purchase.is_some() {
        return None;
    }
    if advice.effect.is_none() {
        return Some("the version that gave it did not keep what it does to the bill".to_owned());
    }
    let Some(resource) = advice.resource_id.as_deref().and_then(|id| resources.get(id)) else {
        return Some("it is not in the inventory any more".to_owned());
    };
    let since =
        || resource.state_since.map_or_else(String::new, |at| format!(" since {}", at.format("%Y-%m-%d")));
    let now = match resource.kind {
        ResourceKind::Bucket => resource.storage_class.clone(),
        ResourceKind::Function => resource.size_gib.map(|gib| format!("{:.0} MiB", gib * 1024.0)),
        ResourceKind::Vm | ResourceKind::Database | ResourceKind::Cache | ResourceKind::Disk => {
            resource.instance_type.clone()
        }
        _ => None,
    };
    let sized = matches!(advice.action_type, Rightsize | Upgrade | MigrateToGraviton | ChangeStorageClass);
    match (resource.state, now) {
        (ResourceState::Deleted, _) => Some(format!("it was deleted{}", since())),
        (ResourceState::Stopped, _) if advice.action_type != Delete => {
            Some(format!("it is stopped{}", since()))
        }
        (_, Some(now)) if sized && !now.eq_ignore_ascii_case(&advice.current) => {
            Some(format!("it was changed: it is {now} now"))
        }
        _ if advice.action_type == UseSpot && resource.spot => {
            Some("it runs on spot capacity now".to_owned())
        }
        _ => None,
    }
}

/// The hours since in which what was advised would have been too little.
fn overload(advice: &Recommendation, resource: &Resource, window: Period, facts: &Facts) -> Option<Overload> {
    let metrics = facts.metrics.of(&resource.resource_id)?;
    match (advice.effect.as_ref()?, resource.kind) {
        (Effect::Remove, ResourceKind::Vm) => work_while_off(metrics, window, facts, |_| true),
        (Effect::Schedule { on }, _) => {
            work_while_off(metrics, window, facts, |at| !on.get(hour_of_week(at)).copied().unwrap_or(true))
        }
        (_, ResourceKind::Function) => {
            let mib: f64 = advice.recommended.as_deref()?.strip_suffix(" MiB")?.parse().ok()?;
            let used = metrics.get(&MetricName::MemoryUsed)?;
            let used = used.iter().filter(|reading| window.contains(reading.at));
            let mut found = Overload { limiting: None, ..Overload::default() };
            for reading in used {
                found.hours += 1;
                found.short += u32::from(f64::from(reading.maximum) * 1024.0 > mib);
            }
            found.limiting = (found.short > 0).then_some(MetricName::MemoryUsed);
            (found.hours > 0).then_some(found)
        }
        (_, ResourceKind::Vm | ResourceKind::Database | ResourceKind::Cache) => {
            smaller(advice, resource, metrics, window, facts)
        }
        _ => None,
    }
}

/// Hours in which a machine worked while it would have been off.
fn work_while_off(
    metrics: &ResourceMetrics,
    window: Period,
    facts: &Facts,
    off: impl Fn(DateTime<Utc>) -> bool,
) -> Option<Overload> {
    let mut found = Overload::default();
    for reading in
        metrics.get(&MetricName::CpuUtilization)?.iter().filter(|reading| window.contains(reading.at))
    {
        found.hours += 1;
        let busy = f64::from(reading.p95) > facts.policy.schedule.busy_cpu_percent;
        found.short += u32::from(busy && off(reading.at));
    }
    found.limiting = (found.short > 0).then_some(MetricName::CpuUtilization);
    (found.hours > 0).then_some(found)
}

/// Hours in which a type had less than was demanded of it, in any of the dimensions that were measured.
fn smaller(
    advice: &Recommendation,
    resource: &Resource,
    metrics: &ResourceMetrics,
    window: Period,
    facts: &Facts,
) -> Option<Overload> {
    let shape = |name: &str| {
        let mut shapes = facts.prices.shapes(resource.provider, &resource.region);
        shapes.find(|shape| shape.instance_type.eq_ignore_ascii_case(name))
    };
    let recommended = advice.recommended.as_deref()?;
    if !matches!(advice.step, Step::Rightsize) {
        return None;
    }
    let (now, new) = (shape(&advice.current)?, shape(recommended)?);
    // By hour: whether the advised type was short of anything, and the one there was.
    let mut hours: BTreeMap<DateTime<Utc>, (bool, bool)> = BTreeMap::new();
    let mut most = (0, None);
    for dimension in Dimension::of(Service::of_kind(resource.kind)?) {
        let (had, has) = (dimension.capacity(now), dimension.capacity(new));
        let demand = dimension.demand(metrics, now, Engine::of(resource));
        let mut short = 0;
        for (at, demand) in demand.into_iter().filter(|(at, _)| window.contains(*at)) {
            let hour = hours.entry(at).or_default();
            hour.0 |= demand > has;
            hour.1 |= demand > had;
            short += u32::from(demand > has);
        }
        if short > most.0 {
            most = (short, Some(dimension.metric()));
        }
    }
    let count = |of: fn(&(bool, bool)) -> bool| hours.values().filter(|hour| of(hour)).count() as u32;
    (!hours.is_empty()).then(|| Overload {
        hours: count(|_| true),
        short: count(|hour| hour.0),
        short_anyway: count(|hour| hour.1),
        limiting: most.1,
    })
}

fn assumptions(facts: &Facts, window: Period, unpriced: usize) -> Vec<String> {
    let mut said = vec![
        "the advice is followed in full on the day it was given, and what is done in one step costs nothing itself".to_owned(),
        "what was claimed is an average month of the horizon of the plan: a purchase for when a held commitment ends costs \
         first and saves later"
            .to_owned(),
        "prices are today's, and so is the inventory: what went away or was changed since is not judged".to_owned(),
        "machines are billed hour by hour as they ran, under the commitments of each day; everything else as billed, in the \
         share that the plan expected"
            .to_owned(),
    ];
    if let Some(last) = facts.metrics.last_at().filter(|last| *last < window.end - chrono::Duration::days(1))
    {
        said.push(format!("demand was measured until {}", last.format("%Y-%m-%d")));
    }
    if unpriced > 0 {
        said.push(format!("{unpriced} lines of usage have no price and are left out on both sides"));
    }
    said
}

#[cfg(test)]
mod tests;
