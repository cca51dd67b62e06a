//! Memory of serverless functions: as much as they were seen to use, and what the longer runs of less CPU cost.

use chrono::{DateTime, Duration, Utc};
use domain::{
    ActionType, Effort, Finding, MetricName, Provider, Resource, ResourceKind, Step, from_statistic, to_cents,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::dimension::Dimension;
use super::need::Need;
use crate::Facts;
use crate::action::{Action, Effect, Verdict, evidence};
use crate::idle::short;
use crate::metrics::Reading;
use crate::policy::{PolicyError, within};

const CONSIDERED: &str = "another memory size";
/// MiB in a GiB.
const MIB: f64 = 1024.0;
/// AWS Lambda takes any whole number of MiB between these ("Configure Lambda function memory"); steps that people read.
const AWS_MIB: (u32, u32) = (128, 10_240);
const AWS_STEP_MIB: u32 = 64;
/// Google Cloud functions ("Configure memory and vCPU limits").
const GCP_MIB: [u32; 9] = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];
/// Part of its memory by which a function grows that ran into its limit: what it wanted above it was not seen.
const GROWTH_WHEN_SATURATED: f64 = 1.5;
/// Days after which a function that was not measured is no longer known.
const STALE_DAYS: i64 = 7;
/// Decimal places of what remains of a cost.
const PLACES: u32 = 12;

/// Settings of the memory of functions: name, meaning (default, bounds).
///
/// A function has CPU in proportion to its memory. With the part `ratio` of its memory, a run takes
/// `1 − elasticity + elasticity / ratio` of its time and costs `(1 − elasticity) × ratio + elasticity` of its price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Part of a run that takes longer with less CPU, where it was not measured (0.5, 0 to 1).
    pub elasticity: f64,
    /// The same in a good case (0.2, 0 to 1).
    pub elasticity_low: f64,
    /// The same in a bad case (0.8, 0 to 1).
    pub elasticity_high: f64,
    /// Smallest part of its memory to which a function goes in one step: the next one is taken when its runs have been
    /// measured (0.5, 0.1 to 1).
    pub smallest_step: f64,
    /// Hours with a measurement without which nothing is said (48, 1 to 2000); functions need not run in every hour.
    pub minimum_hours: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            elasticity: 0.5,
            elasticity_low: 0.2,
            elasticity_high: 0.8,
            smallest_step: 0.5,
            minimum_hours: 48,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        within("function.elasticity_low", self.elasticity_low, 0.0, self.elasticity)?;
        within("function.elasticity", self.elasticity, 0.0, 1.0)?;
        within("function.elasticity_high", self.elasticity_high, self.elasticity, 1.0)?;
        within("function.smallest_step", self.smallest_step, 0.1, 1.0)?;
        within("function.minimum_hours", f64::from(self.minimum_hours), 1.0, 2000.0)
    }
}

/// What is said about the memory of a function, whose size is the `size_gib` of the inventory.
pub(crate) fn function(resource: &Resource, facts: &Facts) -> Verdict {
    if resource.kind != ResourceKind::Function {
        return Verdict::NotConcerned;
    }
    decide(resource, facts).unwrap_or_else(|reason| Verdict::skip(resource, CONSIDERED, reason))
}

fn decide(resource: &Resource, facts: &Facts) -> Result<Verdict, String> {
    let (settings, sizing) = (&facts.policy.function, &facts.policy.rightsize);
    let now = resource.size_gib.filter(|gib| *gib > 0.0);
    let now = now.ok_or("how much memory it has is not in the inventory (size_gib)")?;
    let watched = watched(resource, facts, MetricName::MemoryUsed);
    let days = sufficient(&watched, facts)?;
    let used: Vec<(DateTime<Utc>, f64)> =
        watched.iter().map(|reading| (reading.at, f64::from(reading.maximum))).collect();
    let need = Need::new(Dimension::Memory, &used, now, sizing);
    let largest = need.seen(1.0);
    let lacks = largest > sizing.memory_saturated * now;
    let wanted = if lacks {
        need.amount.max(now * GROWTH_WHEN_SATURATED)
    } else {
        need.amount.max(now * settings.smallest_step)
    };
    let new = size(resource.provider, wanted)?;
    let mib = |gib: f64| format!("{:.0} MiB", gib * MIB);
    if new == now || new > now && !lacks {
        return Err(format!("it used up to {} of {}: no smaller size carries that", mib(largest), mib(now)));
    }
    if lacks && new < now {
        return Err(format!("it used {} of {}: there is no larger size", mib(largest), mib(now)));
    }
    if let Some(ratio) = need.shifted.filter(|_| !lacks) {
        return Err(format!(
            "memory of the last three days is {ratio:.1} times that of the days before: no smaller size until it settles"
        ));
    }

    let measured = busy(&watched_cpu(resource, facts), watched.len());
    let (low, high) = (settings.elasticity_low, settings.elasticity_high);
    let expected = measured.map_or(settings.elasticity, |busy| busy.clamp(low, high));
    let (share, claimed, covered) = remains(resource, facts, (1.0 - new / now) * (1.0 - expected))?;
    if !lacks && claimed < sizing.minimum_saving {
        return Err(format!(
            "{} would save {:.0} % of what is billed for its runs: less than the {:.0} % that are worth a change",
            mib(new),
            claimed * 100.0,
            sizing.minimum_saving * 100.0
        ));
    }
    let part = |elasticity: f64| (1.0 - elasticity) / (1.0 - expected).max(1e-9);
    let slower = |elasticity: f64| 1.0 - elasticity + elasticity * now / new;
    let mut facts_said = vec![
        evidence(
            "Memory used",
            format!("P50 {}, P99.5 {}, largest {}", mib(need.seen(0.5)), mib(need.seen(0.995)), mib(largest)),
        ),
        evidence("Watched", format!("{days:.0} days, {} hours with a run", watched.len())),
        evidence(
            "Part of a run that waits for CPU",
            match measured {
                Some(busy) => {
                    format!(
                        "{expected:.2} (CPU was busy {:.0} % of the time), from {low:.2} to {high:.2}",
                        busy * 100.0
                    )
                }
                None => format!("{expected:.2} assumed, from {low:.2} to {high:.2}: it was not measured"),
            },
        ),
        evidence(
            "Length of a run",
            format!(
                "{:.2} times today's, from {:.2} to {:.2}: compare with its timeout",
                slower(expected),
                slower(low).min(slower(high)),
                slower(low).max(slower(high))
            ),
        ),
    ];
    if covered > Decimal::ZERO {
        let words = format!(
            "{} USD a month of it is paid by plans, of which nothing is counted as saved",
            to_cents(covered)
        );
        facts_said.push(evidence("Commitments", words));
    }
    let (verb, finding) = match lacks {
        true => ("Grow", Finding::UnderProvisioned),
        false => ("Resize", Finding::OverProvisioned),
    };
    Ok(Verdict::act(Action {
        step: Step::Rightsize,
        action_type: ActionType::Rightsize,
        finding,
        summary: format!("{verb} {} from {} to {}", short(resource), mib(now), mib(new)),
        current: mib(now),
        recommended: Some(mib(new)),
        effect: Effect::Keep { share },
        range: (part(high), part(low)),
        risk: need.probability_over(new).min(1.0),
        evidence: facts_said,
        flips_if: match lacks {
            true => "its largest runs are made to need less memory".to_owned(),
            false => format!(
                "a run needs more than {}, or computes for most of its time: then it takes longer and saves less",
                mib(new)
            ),
        },
        effort: Effort::VeryLow,
        restart_needed: false,
        rollback_possible: true,
        lookback_days: days.round() as u32,
        patch: None,
    }))
}

/// The smallest size that a provider sells with at least this many GiB; its largest where none has.
fn size(provider: Provider, gib: f64) -> Result<f64, String> {
    let mib = (gib * MIB - 1e-6).max(0.0);
    match provider {
        Provider::Aws => {
            let steps = (mib / f64::from(AWS_STEP_MIB)).ceil() * f64::from(AWS_STEP_MIB);
            Ok(steps.clamp(f64::from(AWS_MIB.0), f64::from(AWS_MIB.1)) / MIB)
        }
        Provider::Gcp => {
            let found = GCP_MIB.iter().map(|size| f64::from(*size)).find(|size| *size >= mib);
            Ok(found.unwrap_or(f64::from(GCP_MIB[GCP_MIB.len() - 1])) / MIB)
        }
        Provider::Azure => Err("Azure sets the memory of a function by its plan".to_owned()),
    }
}

/// Readings of one metric within the lookback.
fn watched(resource: &Resource, facts: &Facts, metric: MetricName) -> Vec<Reading> {
    let earliest = facts.as_of - Duration::days(i64::from(facts.policy.rightsize.lookback_days));
    let inside = |reading: &&Reading| earliest <= reading.at && reading.at < facts.as_of;
    let metrics = facts.metrics.of(&resource.resource_id);
    let readings = metrics.and_then(|metrics| metrics.get(&metric)).map(Vec::as_slice).unwrap_or_default();
    readings.iter().filter(inside).copied().collect()
}

fn watched_cpu(resource: &Resource, facts: &Facts) -> Vec<Reading> {
    watched(resource, facts, MetricName::CpuUtilization)
}

/// Whether enough was measured, and over how many days.
fn sufficient(readings: &[Reading], facts: &Facts) -> Result<f64, String> {
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return Err("its memory was not measured, and what was not measured is not cut".to_owned());
    };
    let days = (facts.as_of - first.at).num_seconds() as f64 / 86_400.0;
    let (least_days, least_hours) =
        (facts.policy.rightsize.minimum_days, facts.policy.function.minimum_hours);
    if days < f64::from(least_days) {
        return Err(format!("{days:.1} days of data, at least {least_days} are needed"));
    }
    if readings.len() < least_hours as usize {
        return Err(format!("it ran in {} hours, at least {least_hours} are needed", readings.len()));
    }
    let stale = (facts.as_of - last.at).num_days();
    if stale > STALE_DAYS {
        return Err(format!("last measured {stale} days ago"));
    }
    Ok(days)
}

/// Mean part of the time in which the CPU was busy, if it was measured in most of the hours of the runs.
fn busy(cpu: &[Reading], hours: usize) -> Option<f64> {
    let sum: f64 = cpu.iter().map(|reading| f64::from(reading.average)).sum();
    (2 * cpu.len() >= hours && !cpu.is_empty()).then(|| sum / cpu.len() as f64 / 100.0)
}

/// What remains of the whole bill when this part of what its runs cost is saved; the part of that cost that is claimed,
/// and what commitments pay of it. Requests stay as they are, and what is committed saves nothing.
fn remains(resource: &Resource, facts: &Facts, saved: f64) -> Result<(Decimal, f64, Decimal), String> {
    let monthly = facts.monthly_costs.get(&resource.resource_id).filter(|cost| **cost > Decimal::ZERO);
    let monthly = *monthly.ok_or("it is not on the bill of the last 30 days")?;
    let by_time = facts
        .time_costs
        .get(&resource.resource_id)
        .ok_or("the bill does not say what of its cost is for GiB-seconds, which alone follow its memory")?;
    let free = by_time.cost - by_time.committed;
    if free <= Decimal::ZERO {
        return Err(
            "commitments pay for all of its runs: less memory saves nothing until they end".to_owned()
        );
    }
    let share = (Decimal::ONE - free / monthly * from_statistic(saved)).max(Decimal::ZERO).round_dp(PLACES);
    Ok((share, saved * domain::to_statistic(free / by_time.cost), by_time.committed))
}
