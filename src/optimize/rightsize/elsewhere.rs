//! The type of another catalogue that carries what a machine needs: for a move to another cloud.

use chrono::{DateTime, Utc};
use domain::{MetricName, Resource};

use super::fit::{Candidate, Load, cheapest};
use super::observed::{Node, Observed};
use super::{Settings, any_architecture, pressure};
use crate::managed::{Engine, Service};
use crate::metrics::ResourceMetrics;
use crate::policy::tagged;

/// The cheapest of `candidates`, which are of another cloud, for a machine that runs on `current`, and the risk of
/// running on it; or why there is none. Their CPUs are compared by the speeds that the catalogues state, with the
/// doubt of `settings`.
pub(crate) fn equivalent<'a>(
    resource: &Resource,
    metrics: Option<&ResourceMetrics>,
    current: Candidate<'_>,
    candidates: &[Candidate<'a>],
    last_hour: Option<DateTime<Utc>>,
    settings: &Settings,
) -> Result<(Candidate<'a>, f64), String> {
    let observed = Observed::new(metrics, MetricName::CpuUtilization, last_hour, settings);
    observed.sufficient(settings)?;
    let (service, engine) = (Service::Machine, Engine::of(resource));
    let runs_at_full_cpu = tagged(resource, &settings.throughput_tags).is_some();
    let node = Node { service, engine, members: 1, runs_at_full_cpu, memory_by_use: false };
    let needs = observed.needs(current.shape, settings, node);
    if let Some((dimension, ratio)) = needs.shifted() {
        return Err(format!(
            "{} of the last three days is {ratio:.1} times that of the days before: no other type until it settles",
            dimension.words()
        ));
    }
    let load = Load {
        service,
        engine,
        current: current.shape,
        current_hourly: current.hourly,
        needs: &needs.all,
        cpu_average: &observed.cpu_average(current.shape),
        hours_each: observed.step_hours(),
        any_architecture: any_architecture(resource, settings),
    };
    let best = cheapest(&load, candidates, settings)
        .ok_or_else(|| "no type in the catalogue carries what was measured, and has the rest".to_owned())?;
    Ok((best, pressure(best.shape, &load, settings, observed.days()).1))
}
