//! Right-sizing: every machine, database and cache gets the cheapest type that carries all that was measured, and
//! keeps at least what it has of everything that was not; functions get the memory that they were seen to use.

mod credits;
mod dimension;
mod elsewhere;
mod fit;
pub mod function;
pub(crate) mod need;
mod node;
pub(crate) mod observed;
mod sizing;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Finding, MetricName, Resource, Shape};
use rayon::prelude::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub(crate) use self::dimension::Dimension;
pub(crate) use self::elsewhere::equivalent;
pub(crate) use self::fit::Candidate;
use self::fit::{Load, cheapest, usable};
pub(crate) use self::function::function;
use self::need::Need;
pub(crate) use self::node::change;
use self::observed::{Needs, Node, Observed};
pub use self::sizing::{Machine, Sizing, SizingEvidence, Window};
use crate::managed::{self, Engine, Service};
use crate::metrics::ResourceMetrics;
use crate::policy::{PolicyError, tagged, within};
use crate::{HOURS_PER_MONTH, Metrics, Policy, idle};

/// Added risk of another family, another architecture, of a history without a month's end, and of a history
/// shorter than two weeks (in full for none at all).
const RISK_OTHER_FAMILY: f64 = 0.005;
const RISK_OTHER_ARCHITECTURE: f64 = 0.1;
const RISK_NO_MONTH_END: f64 = 0.002;
const RISK_SHORT_HISTORY: f64 = 0.02;
const FULL_HISTORY_DAYS: f64 = 14.0;

/// Settings of right-sizing: name, meaning (default, bounds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Days of history that are looked at (93, 3 to 400).
    pub lookback_days: u32,
    /// Days of history without which nothing is said (3, 1 to 93).
    pub minimum_days: u32,
    /// Share of the samples of the window without which nothing is said, and without which a metric counts as
    /// not measured (0.6, 0 to 1).
    pub minimum_coverage: f64,
    /// Share of the time of the next month in which demand may exceed what is planned with, at the most (0.02, 0.00001
    /// to 0.2): what a smaller size saves has to be worth even that, see `overload_price`.
    pub overload_probability: f64,
    /// The same within the last two and the first day of a month (0.01, 0 to 0.5).
    pub month_end_probability: f64,
    /// Share of the CPU that is planned with (1, 0.3 to 1): what the future may add is in the need already.
    pub cpu_target: f64,
    /// What time in overload costs, in prices of the current type: with 13, one percent of the time counts like 13 % of
    /// the price (13, 0 to 1000).
    pub overload_price: f64,
    /// Factor on the largest memory use and the most connections (1.15, 1 to 3).
    pub memory_margin: f64,
    /// Doubt about the relative speed of another family (0.1, 0 to 0.5).
    pub speed_doubt: f64,
    /// Demand below this share of the current capacity is noise when days are compared (0.02, 0 to 0.5).
    pub noise_share: f64,
    /// A rise of the last three days above this ratio has to be stood once more by a smaller size; of containers and
    /// functions, it puts a smaller one off (1.5, 1.05 to 10).
    pub shift_ratio: f64,
    /// P95 of CPU above which a machine is too small (0.85, 0.5 to 1).
    pub cpu_saturated: f64,
    /// Largest memory use above which a machine is too small (0.95, 0.5 to 1).
    pub memory_saturated: f64,
    /// Share of a cache's memory that is planned with; the rest is for copying itself while it saves or fails over
    /// (0.75, 0.3 to 1).
    pub cache_memory_target: f64,
    /// Tags of databases whose memory may be cut to what their processes use, because somebody looked at the hits of
    /// their caches.
    pub memory_by_use_tags: Vec<String>,
    /// Tags of databases and caches that fail over to a standby.
    pub standby_tags: Vec<String>,
    /// Smallest saving, as a share of the price, that is worth a restart (0.15, 0 to 0.9).
    pub minimum_saving: f64,
    /// Whether every machine may move to another architecture (false). Resources with one of
    /// `multi_architecture_tags` may in any case.
    pub any_architecture: bool,
    /// Tags of machines whose software runs on either architecture.
    pub multi_architecture_tags: Vec<String>,
    /// Tags of machines that are meant to run at full CPU, so that this is no lack of it.
    pub throughput_tags: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let texts = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        Self {
            lookback_days: 93,
            minimum_days: 3,
            minimum_coverage: 0.6,
            overload_probability: 0.02,
            month_end_probability: 0.01,
            cpu_target: 1.0,
            overload_price: 13.0,
            memory_margin: 1.15,
            speed_doubt: 0.1,
            noise_share: 0.02,
            shift_ratio: 1.5,
            cpu_saturated: 0.85,
            memory_saturated: 0.95,
            cache_memory_target: 0.75,
            memory_by_use_tags: texts(&["memory=by-use"]),
            standby_tags: texts(&["multi-az=true", "multi_az=true", "ha=true", "availability=regional"]),
            minimum_saving: 0.15,
            any_architecture: false,
            multi_architecture_tags: texts(&["multi-arch=true", "arch=multi"]),
            throughput_tags: texts(&[
                "workload=batch",
                "workload=ci",
                "role=batch",
                "role=ci",
                "role=worker",
            ]),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        within("rightsize.lookback_days", f64::from(self.lookback_days), 3.0, 400.0)?;
        within("rightsize.minimum_days", f64::from(self.minimum_days), 1.0, 93.0)?;
        within("rightsize.minimum_coverage", self.minimum_coverage, 0.0, 1.0)?;
        within("rightsize.overload_probability", self.overload_probability, 1e-5, 0.2)?;
        within("rightsize.month_end_probability", self.month_end_probability, 0.0, 0.5)?;
        within("rightsize.cpu_target", self.cpu_target, 0.3, 1.0)?;
        within("rightsize.overload_price", self.overload_price, 0.0, 1000.0)?;
        within("rightsize.memory_margin", self.memory_margin, 1.0, 3.0)?;
        within("rightsize.speed_doubt", self.speed_doubt, 0.0, 0.5)?;
        within("rightsize.noise_share", self.noise_share, 0.0, 0.5)?;
        within("rightsize.shift_ratio", self.shift_ratio, 1.05, 10.0)?;
        within("rightsize.cpu_saturated", self.cpu_saturated, 0.5, 1.0)?;
        within("rightsize.memory_saturated", self.memory_saturated, 0.5, 1.0)?;
        within("rightsize.cache_memory_target", self.cache_memory_target, 0.3, 1.0)?;
        within("rightsize.minimum_saving", self.minimum_saving, 0.0, 0.9)
    }
}

/// One sizing per machine, database or cache of `inventory`, in its order: `headroom plan rightsize`.
///
/// `metrics` ends where the file ends: a machine that stopped reporting before has gaps. Prices are
/// `on_demand_hourly` of `catalog`, whose rows may cover several clouds and regions.
pub fn plan(metrics: &Metrics, inventory: &[Resource], catalog: &[Shape], policy: &Policy) -> Vec<Sizing> {
    let mut places: BTreeMap<_, Vec<Candidate<'_>>> = BTreeMap::new();
    for shape in catalog {
        let place = (shape.provider, shape.region.trim().to_ascii_lowercase());
        places.entry(place).or_default().push(Candidate { shape, hourly: shape.on_demand_hourly });
    }
    let end = metrics.last_at();
    let size = |resource: &Resource| {
        let place = (resource.provider, resource.region.trim().to_ascii_lowercase());
        let candidates = places.get(&place).map(Vec::as_slice).unwrap_or_default();
        decide(resource, 1, metrics.of(&resource.resource_id), candidates, end, policy)
    };
    inventory.par_iter().map(size).collect()
}

/// The decision about one machine or managed node, for files and for the joint plan.
///
/// `members` nodes of one cluster take over from each other, this one included; 1 for machines. `last_hour` is the
/// start of the last sample that could exist; `candidates` are all types of the region, each with its price, the
/// current type among them.
pub(crate) fn decide(
    resource: &Resource,
    members: usize,
    metrics: Option<&ResourceMetrics>,
    candidates: &[Candidate<'_>],
    last_hour: Option<DateTime<Utc>>,
    policy: &Policy,
) -> Sizing {
    let settings = &policy.rightsize;
    let observed = Observed::new(metrics, MetricName::CpuUtilization, last_hour, settings);
    let answer = |finding: Finding, reason: String| Sizing {
        resource_id: resource.resource_id.clone(),
        finding,
        current: None,
        recommended: None,
        monthly_saving_usd: Decimal::ZERO,
        performance_risk: 0.0,
        limiting_metric: None,
        evidence: observed.evidence(),
        reason,
    };
    let unknown = |reason: String| answer(Finding::InsufficientData, reason);

    let Some((name, kind)) = resource.instance_type.as_deref().zip(Service::of_kind(resource.kind)) else {
        return unknown("only machines, databases and caches with an instance type can be sized".to_owned());
    };
    let service = Service::of_type(resource.provider, name);
    if kind != Service::Machine && kind != service {
        return unknown(format!("{name} is not the name of a {} type", resource.kind.as_str()));
    }
    let current =
        candidates.iter().find(|candidate| candidate.shape.instance_type.eq_ignore_ascii_case(name));
    let Some(current) = current.filter(|current| Dimension::Cpu.capacity(current.shape) > 0.0) else {
        let engine = managed::name(resource).filter(|_| service != Service::Machine);
        return unknown(format!(
            "no price for {name}{} in {}: the catalogue does not list it",
            engine.map(|engine| format!(" under {engine}")).unwrap_or_default(),
            resource.region
        ));
    };
    let with_current =
        |sizing: Sizing| Sizing { current: Some(Machine::new(current.shape, current.hourly)), ..sizing };
    if let Err(reason) = observed.sufficient(settings) {
        return with_current(unknown(reason));
    }
    let idle = (service == Service::Machine)
        .then(|| idle::machine(&observed.metrics, observed.days(), &policy.idle))
        .flatten();
    if let Some(reason) = idle {
        return Sizing {
            monthly_saving_usd: current.hourly * Decimal::from(HOURS_PER_MONTH),
            performance_risk: 0.5 / (observed.cpu().len() + 1) as f64,
            limiting_metric: Some(MetricName::CpuUtilization),
            ..with_current(answer(Finding::Idle, reason))
        };
    }

    let engine = Engine::of(resource);
    let node = Node {
        service,
        engine,
        members,
        runs_at_full_cpu: tagged(resource, &settings.throughput_tags).is_some(),
        memory_by_use: tagged(resource, &settings.memory_by_use_tags).is_some(),
    };
    let needs = observed.needs(current.shape, settings, node);
    let cpu_average = observed.cpu_average(current.shape);
    let load = Load {
        service,
        engine,
        current: current.shape,
        current_hourly: current.hourly,
        needs: &needs.all,
        cpu_average: &cpu_average,
        hours_each: observed.step_hours(),
        any_architecture: match service {
            Service::Machine => any_architecture(resource, settings),
            Service::Database | Service::Cache => engine.any_architecture(),
        },
    };
    let sized = |finding, chosen: Option<Candidate<'_>>, reason| {
        let shape = chosen.map_or(current.shape, |chosen| chosen.shape);
        let (limiting, risk) = pressure(shape, &load, settings, observed.days());
        Sizing {
            recommended: chosen.map(|chosen| Machine::new(chosen.shape, chosen.hourly)),
            monthly_saving_usd: chosen.map_or(Decimal::ZERO, |chosen| {
                (current.hourly - chosen.hourly) * Decimal::from(HOURS_PER_MONTH)
            }),
            performance_risk: risk,
            limiting_metric: limiting,
            ..with_current(answer(finding, reason))
        }
    };
    if let Some(words) = full(&needs, &load, settings).filter(|_| needs.saturated.is_none()) {
        return sized(Finding::Optimized, None, words);
    }
    let best = cheapest(&load, candidates, settings);

    if let Some((dimension, words)) = needs.saturated {
        let reason = match best {
            Some(best) => {
                format!(
                    "{words}; {} carries it at the least cost, overload counted",
                    best.shape.instance_type
                )
            }
            None => format!("{words}; no type of {} in the catalogue carries it", resource.region),
        };
        let sizing = sized(Finding::UnderProvisioned, best, reason);
        return Sizing { limiting_metric: Some(dimension.metric()), ..sizing };
    }
    let optimized = |reason: String| sized(Finding::Optimized, None, reason);
    let shift = needs.shifted().map(|(dimension, ratio)| {
        let words = dimension.words();
        format!("{words} of the last three days is {ratio:.1} times that of the days before")
    });
    let cheaper = best.filter(|best| best.hourly < current.hourly);
    let Some(best) = cheaper else {
        return optimized(match shift {
            Some(shift) => format!("{shift}: no smaller size stands that once more, until it settles"),
            None => format!("{name} carries the measured peaks at the least cost, overload counted"),
        });
    };
    let saving = current.hourly - best.hourly;
    let share = if current.hourly.is_zero() { Decimal::ZERO } else { saving / current.hourly };
    if domain::to_statistic(share) < settings.minimum_saving {
        return optimized(format!(
            "{} would save {:.0} %: less than the {:.0} % that are worth a restart",
            best.shape.instance_type,
            domain::to_statistic(share) * 100.0,
            settings.minimum_saving * 100.0
        ));
    }
    let kept: Vec<&str> = Dimension::of(service)
        .iter()
        .filter(|dimension| needs.all.iter().all(|need| need.dimension != **dimension))
        .map(|dimension| dimension.words())
        .collect();
    let mut note = shift.map_or(String::new(), |shift| format!("; {shift}, and this stands that once more"));
    if !kept.is_empty() {
        note.push_str(&format!("; {} not measured and therefore not cut", kept.join(", ")));
    }
    if service == Service::Database && best.shape.memory_gib >= current.shape.memory_gib {
        note.push_str("; memory is not cut: what is free of it may hold pages that would be read from disk");
    }
    let reason = format!(
        "{} is expected to be too small in {:.2} % of the time and costs {:.0} % less{note}",
        best.shape.instance_type,
        load.probability_over(best.shape) * 100.0,
        domain::to_statistic(share) * 100.0
    );
    sized(Finding::OverProvisioned, Some(best), reason)
}

/// Whether a cache has filled its memory, in words: then its size says nothing about what it needs.
fn full(needs: &Needs, load: &Load<'_>, settings: &Settings) -> Option<String> {
    let memory = needs.all.iter().find(|need| need.dimension == Dimension::Memory)?;
    let has = usable(Dimension::Memory, load.current, load.current, settings);
    (load.service == Service::Cache && memory.seen(1.0) > settings.memory_saturated * has).then(|| {
        format!(
            "{:.1} of {:.1} GiB are used, {has:.1} of which are planned with: a full cache evicts by design or for want \
             of room, and only its hits and evictions tell which",
            memory.seen(1.0),
            load.current.memory_gib
        )
    })
}

/// Whether the software of a machine runs on another architecture, too.
fn any_architecture(resource: &Resource, settings: &Settings) -> bool {
    resource.os.as_deref().is_none_or(|os| os.eq_ignore_ascii_case("linux"))
        && (settings.any_architecture || tagged(resource, &settings.multi_architecture_tags).is_some())
}

/// The dimension nearest to what may be planned with, and the risk of running on `shape`.
fn pressure(shape: &Shape, load: &Load<'_>, settings: &Settings, days: f64) -> (Option<MetricName>, f64) {
    let ratio = |need: &Need| need.amount / usable(need.dimension, shape, load.current, settings);
    let limiting = load.needs.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let mut safe = 1.0 - load.probability_over(shape);
    if shape.instance_type != load.current.instance_type {
        if shape.family != load.current.family {
            safe *= 1.0 - RISK_OTHER_FAMILY;
        }
        // The provider ports what it manages.
        if shape.architecture != load.current.architecture && load.service == Service::Machine {
            safe *= 1.0 - RISK_OTHER_ARCHITECTURE;
        }
        if !load.needs.iter().any(|need| need.month_end.is_some()) {
            safe *= 1.0 - RISK_NO_MONTH_END;
        }
        safe *= 1.0 - RISK_SHORT_HISTORY * (1.0 - days / FULL_HISTORY_DAYS).clamp(0.0, 1.0);
    }
    (limiting.map(|need| need.dimension.metric()), 1.0 - safe)
}

#[cfg(test)]
mod node_tests;
#[cfg(test)]
mod tests;
