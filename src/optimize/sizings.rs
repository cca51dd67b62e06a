//! The sizes of everything that runs and has a type: machines, databases and caches.

use std::collections::BTreeMap;

use chrono::Duration;
use domain::{Provider, Resource, ResourceKind, ResourceState, Shape};
use rayon::prelude::*;
use rust_decimal::Decimal;

use crate::Facts;
use crate::containers::pools::Pools;
use crate::managed::{self, Service};
use crate::metrics::envelope;
use crate::opening::full_hour;
use crate::rightsize::{Candidate, Sizing, decide};

/// How many running databases or caches of one group there are in a region: they take over from each other.
pub(crate) struct Clusters<'a>(BTreeMap<(ResourceKind, &'a str, &'a str), usize>);

impl<'a> Clusters<'a> {
    pub(crate) fn new(resources: &[&'a Resource]) -> Self {
        let mut sizes = BTreeMap::new();
        for node in resources.iter().filter(|resource| is_sized(resource) && !is_machine(resource)) {
            if let Some(group) = node.group.as_deref() {
                *sizes.entry((node.kind, node.region.as_str(), group)).or_default() += 1;
            }
        }
        Self(sizes)
    }

    /// Nodes of the cluster of a resource, itself included; 1 for machines.
    pub(crate) fn size(&self, resource: &Resource) -> usize {
        let group = resource.group.as_deref();
        let of = |group| self.0.get(&(resource.kind, resource.region.as_str(), group));
        group.and_then(of).copied().unwrap_or(1)
    }
}

/// A type and its price under one operating system or engine.
type Priced<'a> = (&'a Shape, Decimal);

/// Sizes everything that runs and has a type; members of one group and type together, because they have to stay alike.
pub(crate) fn sizings<'a>(
    facts: &Facts,
    resources: &[&'a Resource],
    clusters: &Clusters<'_>,
    pools: &Pools<'_>,
) -> BTreeMap<&'a str, Sizing> {
    let os = |resource: &Resource| match is_machine(resource) {
        true => resource.os.clone().unwrap_or_else(|| "Linux".to_owned()),
        false => managed::price_name(&facts.prices, resource).unwrap_or_default().to_owned(),
    };
    let mut catalogs: BTreeMap<(Provider, &str, String), Vec<Priced<'_>>> = BTreeMap::new();
    let mut units: BTreeMap<(Option<&str>, &str, &str, &str), Vec<&'a Resource>> = BTreeMap::new();
    let own = |resource: &&&Resource| is_sized(resource) && pools.of_node(resource).is_none();
    for sized in resources.iter().filter(own).copied() {
        catalogs.entry((sized.provider, &sized.region, os(sized))).or_insert_with_key(
            |(provider, region, os)| {
                let shapes = facts.prices.shapes(*provider, region);
                let priced = |shape| Some((shape, price_of(facts, shape, os)?));
                shapes.filter_map(priced).collect()
            },
        );
        let kind = sized.instance_type.as_deref().unwrap_or_default();
        let alone = if sized.group.is_none() { sized.resource_id.as_str() } else { "" };
        units.entry((sized.group.as_deref(), &sized.region, kind, alone)).or_default().push(sized);
    }
    let last_hour = Some(full_hour(facts.as_of) - Duration::hours(1));
    let units: Vec<Vec<&Resource>> = units.into_values().collect();
    let size = |members: &Vec<&'a Resource>| -> Vec<(&'a str, Sizing)> {
        let Some(first) = members.first() else { return Vec::new() };
        let catalog =
            catalogs.get(&(first.provider, &first.region, os(first))).map(Vec::as_slice).unwrap_or_default();
        let candidates: Vec<Candidate<'_>> =
            catalog.iter().map(|(shape, hourly)| Candidate { shape, hourly: *hourly }).collect();
        let measured: Vec<_> =
            members.iter().filter_map(|member| facts.metrics.of(&member.resource_id)).collect();
        let together = if measured.len() > 1 { Some(envelope(&measured)) } else { None };
        // Machines of a group do the same work; what an unmeasured node of a cluster does is not known.
        let known = is_machine(first) || measured.len() == members.len();
        let metrics = together.as_ref().or(measured.first().copied()).filter(|_| known);
        let sizing = decide(first, clusters.size(first), metrics, &candidates, last_hour, &facts.policy);
        let of = |member: &&'a Resource| {
            let resource_id = member.resource_id.clone();
            (member.resource_id.as_str(), Sizing { resource_id, ..sizing.clone() })
        };
        members.iter().map(of).collect()
    };
    units.par_iter().flat_map_iter(size).collect()
}

fn price_of(facts: &Facts, shape: &Shape, os: &str) -> Option<Decimal> {
    facts.prices.on_demand(shape.provider, &shape.region, &shape.instance_type, os).ok()
}

/// Whether it runs and has a type to choose.
fn is_sized(resource: &Resource) -> bool {
    Service::of_kind(resource.kind).is_some() && resource.state == ResourceState::Running
}

/// Whether it is a machine that runs.
pub(crate) fn is_machine(resource: &Resource) -> bool {
    resource.kind == ResourceKind::Vm && resource.state == ResourceState::Running
}
