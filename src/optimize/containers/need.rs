//! What a pod needs of CPU and memory, and whether its request is to follow.

use chrono::{DateTime, Utc};
use domain::{Container, MetricName};

use super::PERCENT;
use crate::Policy;
use crate::rightsize::Dimension;
use crate::rightsize::need::Need;
use crate::rightsize::observed::Observed;

/// Cores and GiB that a request is a whole number of, and the least of each: 10 millicores and 16 MiB.
const CORES: f64 = 0.01;
const GIB: f64 = 16.0 / 1024.0;
/// Part of a CPU limit that a throttled container must grow by: what it wanted beyond was not seen.
const GROWTH_WHEN_THROTTLED: f64 = 1.5;
/// Part of a step that is left out of account, because readings are of single precision.
const CLOSE: f64 = 1e-3;

/// What is said about one dimension of a container.
pub(super) enum Turn {
    /// It needs so much, because of this.
    Raise(f64, String),
    /// It needs only so much.
    Cut(f64),
    /// It is as it should be.
    Keep,
}

/// What the busiest pod of a workload with a fixed number of pods needs of CPU, and its limit where it has one: what is
/// idle on a node costs nothing, so none is set. `full` says that it is meant to use all that it gets.
pub(super) fn cpu(
    container: &Container,
    observed: &Observed,
    full: bool,
    policy: &Policy,
) -> (Turn, Need, Option<f64>) {
    let settings = &policy.rightsize;
    let pods = f64::from(container.replicas.max(1));
    let imbalance = if container.replicas > 1 { policy.containers.imbalance } else { 1.0 };
    let of_pod = |used: f32| f64::from(used) / pods * imbalance;
    let demand: Vec<(DateTime<Utc>, f64)> =
        observed.cpu().iter().map(|reading| (reading.at, of_pod(reading.p95))).collect();
    let largest = demand.iter().map(|(_, cores)| *cores).fold(0.0, f64::max);
    let need = Need::new(Dimension::Cpu, &demand, container.cpu_request.unwrap_or(largest), settings);
    let amount = whole_cores(need.at(policy.containers.overload_probability));
    let often = need.seen(0.95);
    let throttled = container.cpu_limit.filter(|limit| !full && often > settings.cpu_saturated * limit);
    let turn = match (container.cpu_request, throttled) {
        _ if full => Turn::Keep,
        (request, Some(limit)) => Turn::Raise(
            amount.max(request.unwrap_or(0.0)),
            format!("P95 of CPU is {:.0} % of its limit", often / limit * PERCENT),
        ),
        (None, _) => Turn::Raise(amount, "it requests no CPU, so that a full node starves it".to_owned()),
        (Some(request), _) if often > request => {
            Turn::Raise(amount, format!("P95 of CPU is {:.0} % of its request", often / request * PERCENT))
        }
        (Some(request), _) if amount < request => Turn::Cut(amount),
        _ => Turn::Keep,
    };
    let limit = throttled.map(|limit| whole_cores(limit * GROWTH_WHEN_THROTTLED)).or(container.cpu_limit);
    (turn, need, limit)
}

/// What the largest pod needs of memory: its largest use with a margin and growth, more after it was killed, and never
/// less than now where it was not measured. The limit is the request: memory cannot be taken back from a pod, so what it
/// may use beyond its request is what kills it or its neighbours when the node is full.
pub(super) fn memory(container: &Container, observed: &Observed, policy: &Policy) -> (Turn, Option<Need>) {
    let settings = &policy.rightsize;
    let (request, limit) = (container.memory_request_gib, container.memory_limit_gib);
    let grown = |gib: f64| whole_gib(gib * policy.containers.oom_margin);
    let killed = || "it was killed for lack of memory".to_owned();
    let readings = observed.metrics.get(&MetricName::MemoryUsed).map(Vec::as_slice).unwrap_or_default();
    if readings.is_empty() {
        let turn = match limit.or(request).filter(|_| container.oom_killed) {
            Some(gib) => Turn::Raise(grown(gib), killed()),
            None => Turn::Keep,
        };
        return (turn, None);
    }
    let demand: Vec<(DateTime<Utc>, f64)> =
        readings.iter().map(|reading| (reading.at, f64::from(reading.maximum))).collect();
    let largest = demand.iter().map(|(_, gib)| *gib).fold(0.0, f64::max);
    let need = Need::new(Dimension::Memory, &demand, request.unwrap_or(largest), settings);
    let amount = whole_gib(need.amount);
    let full = limit.filter(|limit| largest > settings.memory_saturated * limit);
    let turn = if container.oom_killed {
        Turn::Raise(amount.max(grown(limit.unwrap_or(largest).max(largest))), killed())
    } else if let Some(limit) = full {
        let why = format!("memory reached {:.0} % of its limit", largest / limit * PERCENT);
        Turn::Raise(amount.max(grown(limit)), why)
    } else {
        match request {
            None => {
                Turn::Raise(amount, "it requests no memory, so that a full node evicts it first".to_owned())
            }
            Some(request) if largest > request => Turn::Raise(
                amount,
                format!("memory reached {:.0} % of its request", largest / request * PERCENT),
            ),
            Some(request) if amount < request => Turn::Cut(amount),
            Some(_) => Turn::Keep,
        }
    };
    (turn, Some(need))
}

/// The next larger request that is a whole number of 10 millicores, at least one of them.
pub(super) fn whole_cores(cores: f64) -> f64 {
    ((cores / CORES - CLOSE).ceil().max(1.0) * CORES * 1e6).round() / 1e6
}

/// The next larger request that is a whole number of 16 MiB, at least one of them.
fn whole_gib(gib: f64) -> f64 {
    (gib / GIB - CLOSE).ceil().max(1.0) * GIB
}
