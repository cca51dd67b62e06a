//! The plan over the demo company: planted truths are found and the clean control group is left alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use billing::PriceBook;
use chrono::Duration;
use demo::{Company, Expectation, Truth, company};
use domain::{Plan, Step, TimeCost, to_cents};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::placement::{Link, Place};
use crate::properties::adds_up;
use crate::{Facts, Policy, plan};

fn facts(company: Company) -> Facts {
    let start = company.as_of - Duration::days(30);
    let mut monthly_costs: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut time_costs: BTreeMap<String, TimeCost> = BTreeMap::new();
    for charge in &company.charges {
        if let Some(id) = charge.resource_id.as_ref().filter(|_| charge.charge_period_start >= start) {
            *monthly_costs.entry(id.clone()).or_default() += charge.effective_cost;
            if charge.is_billed_by_time() {
                let by_time = time_costs.entry(id.clone()).or_default();
                by_time.cost += charge.effective_cost;
                if charge.commitment_discount_id.is_some() {
                    by_time.committed += charge.effective_cost;
                }
            }
        }
    }
    let month = |cost: &mut Decimal| *cost = *cost * Decimal::from(730) / Decimal::from(720);
    monthly_costs.values_mut().for_each(month);
    for by_time in time_costs.values_mut() {
        [&mut by_time.cost, &mut by_time.committed].into_iter().for_each(month);
    }
    let prices = company.prices;
    let book = PriceBook::new(prices.quotes, prices.shapes, prices.disks, prices.storage, prices.sources);
    Facts {
        as_of: company.as_of,
        currency: company.currency,
        resources: company.resources,
        metrics: company.metrics.into_iter().collect(),
        usage: company.usage,
        monthly_costs,
        time_costs,
        commitments: company.commitments,
        prices: book.unwrap(),
        policy: Policy::default(),
    }
}

fn is_found(truth: &Truth, plan: &Plan) -> Option<bool> {
    let about = |id: &str| truth.resource_ids.iter().any(|truth| truth == id);
    match &truth.expected {
        Expectation::Recommend { actions, finding } => Some(plan.recommendations.iter().any(|found| {
            (truth.resource_ids.is_empty() || found.resource_id.as_deref().is_some_and(about))
                && actions.contains(&found.action_type)
                && finding.is_none_or(|finding| finding == found.finding)
        })),
        Expectation::LeftAlone => {
            let touched =
                plan.recommendations.iter().any(|found| found.resource_id.as_deref().is_some_and(about));
            Some(!touched && plan.skips.iter().any(|skip| about(&skip.subject)))
        }
        Expectation::CommitmentWarning => Some(plan.skips.iter().any(|skip| about(&skip.subject))),
        // Anomalies are not the planner's.
        Expectation::Anomaly { .. } => None,
    }
}

/// What is saved in each step, and the cost before and after, frozen.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Baseline {
    company: String,
    before: Decimal,
    after: Decimal,
    incremental: BTreeMap<Step, Decimal>,
}

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/cost.json");
const REFRESH: &str = "cargo test -p headroom-optimize -- --ignored refresh_models_cost_json";

/// The steps before the commitments, which have a baseline of their own in the replay.
fn baseline() -> Baseline {
    let mut facts = facts(company());
    facts.policy.plan.purchases = false;
    let plan = plan(&facts).unwrap();
    let of_step = |step: &domain::PlanStep| (step.step, to_cents(step.incremental));
    Baseline {
        company: company().name,
        before: to_cents(plan.before),
        after: to_cents(plan.after),
        incremental: plan.steps.iter().map(of_step).collect(),
    }
}

#[test]
fn savings_are_those_of_the_frozen_baseline() {
    let frozen: Baseline = serde_json::from_str(&std::fs::read_to_string(BASELINE).unwrap()).unwrap();
    assert_eq!(baseline(), frozen, "if the change is meant, refresh models/cost.json with: {REFRESH}");
}

#[test]
#[ignore = "writes models/cost.json"]
fn refresh_models_cost_json() {
    let text = serde_json::to_string_pretty(&baseline()).unwrap();
    std::fs::write(BASELINE, text + "\n").unwrap();
}

#[test]
fn planted_truths_are_found_and_controls_left_alone() {
    let company = company();
    let (truths, controls) = (company.truths.clone(), company.controls.clone());
    let facts = facts(company);
    let plan = plan(&facts).unwrap();

    let mut missed = String::new();
    let scored: Vec<(&Truth, bool)> =
        truths.iter().filter_map(|truth| Some((truth, is_found(truth, &plan)?))).collect();
    for (truth, _) in scored.iter().filter(|(_, found)| !found) {
        let _ = writeln!(missed, "missed {} {:?}", truth.id, truth.expected);
        for skip in plan.skips.iter().filter(|skip| truth.resource_ids.contains(&skip.subject)) {
            let _ = writeln!(missed, "    {}: {}", skip.considered, skip.reason);
        }
    }
    let found = scored.iter().filter(|(_, found)| *found).count();
    println!("{found} of {} truths found\n{missed}", scored.len());
    adds_up(&plan);
    let alarms: Vec<&str> = plan
        .recommendations
        .iter()
        .filter(|found| found.step != Step::Commit)
        .filter(|found| found.resource_id.as_ref().is_some_and(|id| controls.contains(id)))
        .map(|found| found.summary.as_str())
        .collect();
    assert_eq!(alarms, Vec::<&str>::new());
    assert!(found as f64 >= 0.9 * scored.len() as f64, "{missed}");
}

#[test]
fn nothing_of_the_demo_is_worth_a_move_though_every_place_is_allowed() {
    let mut facts = facts(company());
    facts.policy.plan.purchases = false;
    let places = ["aws/eu-west-1", "aws/us-east-1", "azure/eastus", "gcp/us-east1"];
    let places = places.map(|place| Place::try_from(place.to_owned()).unwrap());
    let settings = &mut facts.policy.placement;
    (settings.places, settings.other_cloud) = (places.to_vec(), true);
    // Neither distance nor what traffic costs holds anything back.
    let pairs = places.iter().flat_map(|from| places.iter().map(move |to| (from.clone(), to.clone())));
    let link = |(from, to)| Link { from, to, latency_ms: Some(0.0), gib: Some(Decimal::ZERO) };
    settings.links = pairs.map(link).collect();
    let plan = plan(&facts).unwrap();
    adds_up(&plan);
    let moved = plan.recommendations.iter().filter(|found| found.step == Step::Move);
    let moved: Vec<String> = moved
        .map(|found| {
            format!("{} {} {}", found.summary, found.estimated_monthly_savings.expected, found.current)
        })
        .collect();
    let stay = plan.skips.iter().filter(|skip| skip.considered == "another place");
    for skip in stay {
        println!("{}: {}", skip.subject, skip.reason);
    }
    assert_eq!(moved, Vec::<String>::new());
}
