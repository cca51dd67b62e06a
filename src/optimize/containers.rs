//! Right-sizing of Kubernetes containers: requests from what was used; under an autoscaler that follows CPU, request,
//! target and fewest pods together.

mod autoscale;
mod need;
mod pack;
mod patch;
pub(crate) mod pools;
mod sizing;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Autoscaler, Container, Finding, MetricName, Resource, ResourceKind};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::need::{Turn, cpu, memory};
use self::pools::{Place, place};
pub use self::sizing::{ContainerSizing, Requests};
use crate::metrics::ResourceMetrics;
use crate::policy::{PolicyError, tagged, within};
use crate::rightsize::need::Need;
use crate::rightsize::observed::Observed;
use crate::{Metrics, Policy};

/// Percents.
const PERCENT: f64 = 100.0;

/// Settings of the right-sizing of containers: name, meaning (default, bounds). History and margins are those of [`rightsize`](crate::rightsize::Settings).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Share of the time in which a pod may want more CPU than it requests (0.005, 0.00001 to 0.2).
    pub overload_probability: f64,
    /// CPU of the busiest pod over that of the mean one, which is what is measured (1.2, 1 to 5).
    pub imbalance: f64,
    /// Factor on the memory limit of a container that was killed for lack of memory (1.25, 1 to 3).
    pub oom_margin: f64,
    /// Seconds from demand to pods that serve it: metrics, autoscaler, start (180, 15 to 3600).
    pub reaction_seconds: f64,
    /// Largest CPU target of an autoscaler in percent of the request (85, 30 to 100).
    pub highest_target: f64,
    /// Fewest pods that are recommended for an autoscaler that has no fewer now (2, 1 to 100).
    pub fewest_pods: u32,
    /// What a GiB costs, in cores (0.13, 0.01 to 1): the ratio of the vCPU and GiB prices of the clouds' containers.
    pub gib_in_cores: f64,
    /// Share of a node's cores and memory that pods can request; the rest is the system's and fragments (0.85, 0.3 to 1).
    pub node_usable: f64,
    /// Fewest nodes of a pool (2, 1 to 1000).
    pub fewest_nodes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            overload_probability: 0.005,
            imbalance: 1.2,
            oom_margin: 1.25,
            reaction_seconds: 180.0,
            highest_target: 85.0,
            fewest_pods: 2,
            gib_in_cores: 0.13,
            node_usable: 0.85,
            fewest_nodes: 2,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        within("containers.overload_probability", self.overload_probability, 1e-5, 0.2)?;
        within("containers.imbalance", self.imbalance, 1.0, 5.0)?;
        within("containers.oom_margin", self.oom_margin, 1.0, 3.0)?;
        within("containers.reaction_seconds", self.reaction_seconds, 15.0, 3600.0)?;
        within("containers.highest_target", self.highest_target, 30.0, 100.0)?;
        within("containers.fewest_pods", f64::from(self.fewest_pods), 1.0, 100.0)?;
        within("containers.gib_in_cores", self.gib_in_cores, 0.01, 1.0)?;
        within("containers.node_usable", self.node_usable, 0.3, 1.0)?;
        within("containers.fewest_nodes", f64::from(self.fewest_nodes), 1.0, 1000.0)
    }
}

/// One sizing per container of `inventory`, in its order: `headroom plan containers`. Other resources are left out.
pub fn plan(metrics: &Metrics, inventory: &[Resource], policy: &Policy) -> Vec<ContainerSizing> {
    let containers: Vec<&Resource> =
        inventory.iter().filter(|resource| resource.kind == ResourceKind::Container).collect();
    sizings(&containers, metrics, metrics.last_at(), policy)
}

/// The sizings of `containers`, which are all that there are.
pub(crate) fn sizings(
    containers: &[&Resource],
    metrics: &Metrics,
    last_hour: Option<DateTime<Utc>>,
    policy: &Policy,
) -> Vec<ContainerSizing> {
    let mut of_pod: BTreeMap<_, usize> = BTreeMap::new();
    for resource in containers {
        *of_pod.entry(pod(resource)).or_default() += 1;
    }
    let size = |resource: &&Resource| {
        let in_pod = of_pod.get(&pod(resource)).copied().unwrap_or(1);
        decide(resource, in_pod, metrics.of(&resource.resource_id), last_hour, policy)
    };
    containers.par_iter().map(size).collect()
}

/// What the containers of one kind of pod have in common.
fn pod(resource: &Resource) -> (Place<'_>, Option<[&str; 3]>) {
    let of = resource.container.as_ref().map(|container| {
        [container.namespace.as_str(), container.workload_kind.as_str(), container.workload.as_str()]
    });
    (place(resource), of)
}

/// The decision about one container whose pods have `in_pod` containers; `last_hour` as in right-sizing of machines.
fn decide(
    resource: &Resource,
    in_pod: usize,
    metrics: Option<&ResourceMetrics>,
    last_hour: Option<DateTime<Utc>>,
    policy: &Policy,
) -> ContainerSizing {
    let observed = Observed::new(metrics, MetricName::CpuUsed, last_hour, &policy.rightsize);
    let current = resource.container.as_ref().map(Requests::of);
    let answer = |finding: Finding, reason: String| ContainerSizing {
        resource_id: resource.resource_id.clone(),
        finding,
        current: current.clone(),
        recommended: None,
        performance_risk: 0.0,
        evidence: observed.evidence(),
        patch: None,
        reason,
    };
    let unknown = |reason: String| answer(Finding::InsufficientData, reason);
    let Some(container) = &resource.container else {
        return unknown("what it requests is not known".to_owned());
    };
    if container.replicas == 0 {
        return unknown("it has no pods".to_owned());
    }
    if let Err(reason) = observed.sufficient(&policy.rightsize) {
        return unknown(reason);
    }
    let mut new = Requests::of(container);
    let mut now = new.clone();
    let (memory, memory_need) = memory(container, &observed, policy);
    let mut raised = Vec::new();
    match memory {
        Turn::Raise(gib, why) => {
            (new.memory_request_gib, new.memory_limit_gib) = (Some(gib), Some(gib));
            raised.push(why);
        }
        Turn::Cut(gib) => (new.memory_request_gib, new.memory_limit_gib) = (Some(gib), Some(gib)),
        Turn::Keep => {}
    }
    let (risk, shifted) = match &container.autoscaler {
        None => {
            let full = tagged(resource, &policy.rightsize.throughput_tags).is_some();
            let (turn, need, limit) = cpu(container, &observed, full, policy);
            new.cpu_limit = limit;
            match turn {
                Turn::Raise(cores, why) => {
                    new.cpu_request = Some(cores);
                    raised.push(why);
                }
                Turn::Cut(cores) => new.cpu_request = Some(cores),
                Turn::Keep => {}
            }
            (need.probability_over(new.cpu_request.unwrap_or(0.0)), need.shifted)
        }
        Some(scaler) => match scaled(container, scaler, in_pod, &observed, &mut now, &mut new, policy) {
            Ok(overloaded) => (overloaded, cpu(container, &observed, true, policy).1.shifted),
            Err(reason) => return unknown(reason),
        },
    };
    // A limit costs nothing: it is never lowered, and follows a request that grows beyond it.
    new.cpu_limit = new.cpu_limit.map(|limit| limit.max(new.cpu_request.unwrap_or(0.0)));

    let over = |need: &Need| need.probability_over(new.memory_limit_gib.unwrap_or(f64::INFINITY));
    let risk = 1.0 - (1.0 - risk.min(1.0)) * (1.0 - memory_need.as_ref().map_or(0.0, over).min(1.0));
    let sized = |finding: Finding, reason: String| ContainerSizing {
        current: Some(now.clone()),
        recommended: Some(new.clone()),
        performance_risk: risk,
        patch: Some(patch::write(container, &now, &new)),
        ..answer(finding, reason)
    };
    if !raised.is_empty() {
        return sized(Finding::UnderProvisioned, format!("{}: it should request {new}", raised.join("; ")));
    }
    let optimized = |reason: String| ContainerSizing {
        current: Some(now.clone()),
        performance_risk: risk,
        ..answer(Finding::Optimized, reason)
    };
    let gib_in_cores = policy.containers.gib_in_cores;
    let weight = |requests: &Requests| requests.mean_pods * requests.pod_weight(gib_in_cores);
    let saved = if weight(&now) > 0.0 { 1.0 - weight(&new) / weight(&now) } else { 0.0 };
    if saved <= 0.0 {
        return optimized("its requests are what it needs".to_owned());
    }
    if saved < policy.rightsize.minimum_saving {
        return optimized(format!(
            "requesting {new} would save {:.0} %: less than the {:.0} % that are worth a restart",
            saved * PERCENT,
            policy.rightsize.minimum_saving * PERCENT
        ));
    }
    let shifts = [("CPU", shifted), ("memory", memory_need.as_ref().and_then(|need| need.shifted))];
    if let Some((what, ratio)) = shifts.iter().find_map(|(what, ratio)| Some((what, (*ratio)?))) {
        return optimized(format!(
            "{what} of the last three days is {ratio:.1} times that of the days before: no smaller request until it settles"
        ));
    }
    let note = if memory_need.is_none() { "; memory not measured and therefore not cut" } else { "" };
    sized(
        Finding::OverProvisioned,
        format!(
            "requesting {new} carries what was measured at {:.1} % probability of overload with {:.0} % less requested{note}",
            policy.containers.overload_probability * PERCENT,
            saved * PERCENT
        ),
    )
}

/// Chooses request, target and fewest pods together, and gives the share of the time in overload; or why not. A smaller
/// request alone would make the same use a higher percentage and so start pods: the target always goes with it.
fn scaled(
    container: &Container,
    scaler: &Autoscaler,
    in_pod: usize,
    observed: &Observed,
    now: &mut Requests,
    new: &mut Requests,
    policy: &Policy,
) -> Result<f64, String> {
    let settings = &policy.containers;
    let Some(target) = scaler.cpu_target else {
        return Err(
            "its autoscaler follows something else than CPU, with which its pods come and go".to_owned()
        );
    };
    if in_pod > 1 {
        return Err(format!(
            "its autoscaler looks at the {in_pod} containers of the pod together: requests of one do not tell its target"
        ));
    }
    let Some(request) = container.cpu_request else {
        return Err("its autoscaler aims at a share of the CPU request, and there is none".to_owned());
    };
    let demand = autoscale::Demand {
        step_seconds: observed.step_hours() * 3600.0,
        average: observed.cpu().iter().map(|reading| f64::from(reading.average)).collect(),
        peak: observed.cpu().iter().map(|reading| f64::from(reading.p95)).collect(),
    };
    let memory_gib = new.memory_request_gib.unwrap_or(0.0);
    let rules = autoscale::Rules {
        reaction_seconds: settings.reaction_seconds,
        imbalance: settings.imbalance,
        overload_probability: settings.overload_probability,
        highest_target: settings.highest_target / PERCENT,
        fewest: settings.fewest_pods,
        memory_in_cores: settings.gib_in_cores * memory_gib,
    };
    let (fewest, most) = (scaler.min_replicas, scaler.max_replicas);
    let set = autoscale::Setting { request, target: target / PERCENT, fewest, most };
    let replay = autoscale::replay(&demand, set, &rules, f64::INFINITY, f64::INFINITY);
    let Some(today) = replay else { return Err("CPU was not measured".to_owned()) };
    if today.at_most > settings.overload_probability {
        return Err(format!(
            "its autoscaler is at its {most} pods in {:.1} % of the time: raise maxReplicas first, for what it wanted \
             beyond was not seen",
            today.at_most * PERCENT
        ));
    }
    for requests in [&mut *now, &mut *new] {
        (requests.mean_pods, requests.most_pods) = (today.pods, today.largest);
    }
    let Some((setting, outcome)) = autoscale::solve(&demand, set, &rules) else {
        return Ok(today.overloaded);
    };
    new.cpu_request = Some(setting.request);
    new.autoscaler = Some(Autoscaler {
        name: scaler.name.clone(),
        min_replicas: setting.fewest,
        max_replicas: setting.most,
        cpu_target: Some((setting.target * PERCENT).round()),
    });
    (new.mean_pods, new.most_pods) = (outcome.pods, outcome.largest);
    Ok(outcome.overloaded)
}

#[cfg(test)]
mod tests;
