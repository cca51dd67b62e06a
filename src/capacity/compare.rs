//! Policies side by side: on one path of demand, and over an event whose size is in doubt.

use domain::{CapacityPlan, Series, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::policy::{Policy, PolicyName, minutes_between};
use crate::settings::Settings;
use crate::simulate::{Run, Simulation, simulate};

/// Runs each policy of `names` over `demand`, in that order.
///
/// The plan's schedule is laid over the demand by its stamps. [`Run::outcome`] is what
/// [`CapacityPlan::policies`] holds.
pub fn compare(
    plan: &CapacityPlan,
    demand: &Series,
    names: &[PolicyName],
    settings: &Settings,
    simulation: &Simulation,
) -> Vec<Run> {
    names
        .iter()
        .map(|name| {
            let policy = Policy::of(*name, plan, demand.grid.start, settings);
            simulate(demand, &policy, settings, simulation)
        })
        .collect()
}

/// How one policy gets through an event, over several ways in which it may turn out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventOutcome {
    /// Policy name.
    pub policy: String,
    /// Worst path: requests that were never served.
    pub unserved: f64,
    /// Worst path: share of all its requests that were never served, 0 to 1.
    pub unserved_share: f64,
    /// Worst path: minutes in which demand was above capacity.
    pub minutes_short: f64,
    /// Worst path: 95th percentile of latency in milliseconds.
    pub latency_p95_ms: f64,
    /// Mean over the paths: instance-hours of the whole simulation.
    pub instance_hours: f64,
    /// Mean over the paths: their cost, in USD.
    pub cost: Decimal,
    /// Instance-hours during the event, as a share of static peak's.
    pub event_share_of_static_peak: f64,
    /// Instance-hours of the whole simulation, as a share of static peak's.
    pub share_of_static_peak: f64,
}

/// Compares policies over `paths`: the same stretch of time with the event turning out differently.
///
/// `event` is its first instant and the first after it. Static peak is what the plan's largest requirement
/// takes all the time: decided before the event, at the same risk as the plan.
pub fn compare_event(
    plan: &CapacityPlan,
    paths: &[Series],
    event: (Stamp, Stamp),
    names: &[PolicyName],
    settings: &Settings,
    simulation: &Simulation,
) -> Vec<EventOutcome> {
    let peak = f64::from(plan.rows.iter().map(|row| row.required).max().unwrap_or(0));
    names
        .iter()
        .map(|name| {
            let runs: Vec<(Run, f64)> = paths
                .iter()
                .map(|path| {
                    let policy = Policy::of(*name, plan, path.grid.start, settings);
                    let run = simulate(path, &policy, settings, simulation);
                    let minute = |stamp| {
                        usize::try_from(minutes_between(path.grid.start, stamp))
                            .unwrap_or(0)
                            .min(run.instances.len())
                    };
                    let during = &run.instances[minute(event.0)..minute(event.1).max(minute(event.0))];
                    let paid: f64 = during.iter().map(|count| f64::from(*count)).sum();
                    let share = paid / (peak * during.len() as f64).max(1.0);
                    (run, share)
                })
                .collect();
            over_paths(name.to_string(), &runs, peak)
        })
        .collect()
}

fn over_paths(policy: String, runs: &[(Run, f64)], peak: f64) -> EventOutcome {
    let count = runs.len().max(1);
    let worst = |part: fn(&Run) -> f64| runs.iter().map(|(run, _)| part(run)).fold(0.0, f64::max);
    let mean = |part: &dyn Fn(&(Run, f64)) -> f64| runs.iter().map(part).sum::<f64>() / count as f64;
    EventOutcome {
        policy,
        unserved: worst(|run| run.outcome.unserved),
        unserved_share: worst(|run| run.outcome.unserved / run.arrived.max(f64::MIN_POSITIVE)),
        minutes_short: worst(|run| run.outcome.minutes_short),
        latency_p95_ms: worst(|run| run.outcome.latency_p95_ms),
        instance_hours: mean(&|(run, _)| run.outcome.instance_hours),
        cost: runs.iter().map(|(run, _)| run.outcome.cost).sum::<Decimal>() / Decimal::from(count),
        event_share_of_static_peak: mean(&|(_, share)| *share),
        share_of_static_peak: mean(&|(run, _)| {
            run.outcome.instance_hours / (peak * run.instances.len() as f64 / 60.0).max(1.0)
        }),
    }
}
