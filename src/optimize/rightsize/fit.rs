//! Which types could carry what was measured, and the cheapest of them.

use std::cmp::Ordering;

use domain::{Provider, Shape, from_statistic};
use rust_decimal::Decimal;

use super::dimension::Dimension;
use super::need::Need;
use super::{Settings, credits};
use crate::managed::{Engine, Service, machine_family};

/// A machine type with its price for the operating system in question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) hourly: Decimal,
}

/// What a machine or managed node has to carry.
#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) service: Service,
    pub(super) engine: Engine,
    /// The type it runs on, and what that costs.
    pub(super) current: &'a Shape,
    pub(super) current_hourly: Decimal,
    /// The measured dimensions.
    pub(super) needs: &'a [Need],
    /// Mean CPU per sample in units of capacity, oldest first, and the hours of one sample.
    pub(super) cpu_average: &'a [f64],
    pub(super) hours_each: f64,
    /// Whether another architecture may be used.
    pub(super) any_architecture: bool,
}

/// The cheapest type that carries the load, the time in overload counted as a cost; of equal costs the same family,
/// the faster one, the name.
pub(super) fn cheapest<'a>(
    load: &Load<'_>,
    candidates: &[Candidate<'a>],
    settings: &Settings,
) -> Option<Candidate<'a>> {
    let other_family = |candidate: &Candidate<'_>| candidate.shape.family != load.current.family;
    let cost = |candidate: &Candidate<'_>| -> Decimal {
        let overload = from_statistic(settings.overload_price * load.probability_over(candidate.shape));
        candidate.hourly + overload * load.current_hourly
    };
    let order =
        |(a_cost, a): &(Decimal, &Candidate<'_>), (b_cost, b): &(Decimal, &Candidate<'_>)| -> Ordering {
            a_cost
                .cmp(b_cost)
                .then_with(|| other_family(a).cmp(&other_family(b)))
                .then_with(|| Dimension::Cpu.capacity(b.shape).total_cmp(&Dimension::Cpu.capacity(a.shape)))
                .then_with(|| a.shape.instance_type.cmp(&b.shape.instance_type))
        };
    let fitting = candidates.iter().filter(|candidate| carries(candidate.shape, load, settings));
    fitting
        .map(|candidate| (cost(candidate), candidate))
        .min_by(|a, b| order(a, b))
        .map(|(_, candidate)| *candidate)
}

impl Load<'_> {
    /// Probability that a sample of the next month asks for more of something than `shape` has.
    pub(super) fn probability_over(&self, shape: &Shape) -> f64 {
        let within = |need: &Need| 1.0 - need.probability_over(need.dimension.capacity(shape)).min(1.0);
        1.0 - self.needs.iter().map(within).product::<f64>()
    }
}

/// Whether `shape` has enough of everything that was measured, no less of anything that was not, and may
/// stand in for the current type at all.
pub(super) fn carries(shape: &Shape, load: &Load<'_>, settings: &Settings) -> bool {
    if Service::of_type(shape.provider, &shape.instance_type) != load.service {
        return false;
    }
    let same_family = shape.family == load.current.family;
    let interchangeable = same_family || is_plain(load.current) && is_plain(shape);
    // One thread does most of the work of a cache, however many there are.
    let one_thread = load.service == Service::Cache && load.engine != Engine::Memcached;
    let slower = shape.performance_per_vcpu < load.current.performance_per_vcpu;
    if !interchangeable || one_thread && slower {
        return false;
    }
    if shape.architecture != load.current.architecture && !load.any_architecture {
        return false;
    }
    let enough = |dimension: &Dimension| match load.needs.iter().find(|need| need.dimension == *dimension) {
        Some(need) => {
            need.amount <= usable(*dimension, shape, load.current, settings)
                || dimension.stated(shape).is_none() && grown(shape, load.current)
        }
        None => not_less(*dimension, shape, load.current),
    };
    Dimension::of(load.service).iter().all(enough)
        && (!shape.burstable || credits::last(shape, load.cpu_average, load.hours_each))
}

/// The part of a capacity that may be planned with: CPU up to the target utilization, and less on another
/// family, whose relative speed is only roughly known; memory of a cache without what it needs to copy itself.
pub(super) fn usable(dimension: Dimension, shape: &Shape, current: &Shape, settings: &Settings) -> f64 {
    let capacity = dimension.capacity(shape);
    match dimension {
        Dimension::Cpu if shape.family == current.family => capacity * settings.cpu_target,
        Dimension::Cpu => capacity * settings.cpu_target * (1.0 - settings.speed_doubt),
        Dimension::Memory if Service::of_type(shape.provider, &shape.instance_type) == Service::Cache => {
            capacity * settings.cache_memory_target
        }
        _ => capacity,
    }
}

/// Whether `shape` is the current type or a larger one of the same family, which has less of nothing.
fn grown(shape: &Shape, current: &Shape) -> bool {
    shape.family == current.family && shape.vcpu >= current.vcpu && shape.memory_gib >= current.memory_gib
}

/// What was not measured is never cut: the catalogue must state at least as much as now, or the type be a
/// larger one of the same family.
fn not_less(dimension: Dimension, shape: &Shape, current: &Shape) -> bool {
    grown(shape, current)
        || matches!((dimension.stated(shape), dimension.stated(current)), (Some(new), Some(now)) if new >= now)
}

/// Whether nothing but the dimensions above tells machines of this family apart: no accelerators, local
/// disks or other specialities that a replacement might lack.
fn is_plain(shape: &Shape) -> bool {
    let family = machine_family(shape.provider, &shape.family).to_ascii_lowercase();
    match shape.provider {
        Provider::Aws => {
            let (class, attributes) = family.split_at(family.find(|c: char| c.is_ascii_digit()).unwrap_or(0));
            matches!(class, "m" | "c" | "r" | "t") && !attributes.contains('d')
        }
        Provider::Azure => {
            let name = family.strip_prefix("standard_").unwrap_or(&family);
            name.starts_with(['a', 'b', 'd', 'e', 'f']) && !name[1..].contains('d')
        }
        Provider::Gcp => {
            let generations =
                ["e2", "n1", "n2", "n2d", "n4", "c2", "c2d", "c3", "c3d", "c4", "t2d", "t2a", "c4a"];
            generations.contains(&family.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(provider: Provider, family: &str) -> Shape {
        Shape {
            provider,
            region: String::new(),
            instance_type: String::new(),
            family: family.to_owned(),
            architecture: String::new(),
            vcpu: 1.0,
            memory_gib: 1.0,
            network_gbps: None,
            ebs_mbps: None,
            ebs_iops: None,
            burstable: false,
            performance_per_vcpu: 1.0,
            on_demand_hourly: Decimal::ONE,
        }
    }

    #[test]
    fn specialities_are_not_plain() {
        for (provider, family, plain) in [
            (Provider::Aws, "m6i", true),
            (Provider::Aws, "t3a", true),
            (Provider::Aws, "m5d", false),
            (Provider::Aws, "g5", false),
            (Provider::Aws, "x2iedn", false),
            (Provider::Aws, "db.r6g", true),
            (Provider::Aws, "db.r6gd", false),
            (Provider::Aws, "cache.m6g", true),
            (Provider::Gcp, "db-custom", false),
            (Provider::Azure, "Dsv5", true),
            (Provider::Azure, "Ddsv5", false),
            (Provider::Azure, "NCv3", false),
            (Provider::Gcp, "n2", true),
            (Provider::Gcp, "a2", false),
        ] {
            assert_eq!(is_plain(&shape(provider, family)), plain, "{family}");
        }
    }
}
