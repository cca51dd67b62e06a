//! What smaller requests are worth: the nodes of a pool that its pods do not need any more.
//!
//! A request costs nothing by itself, the nodes do. So a pool is packed by its requests, before and after, and what the
//! nodes that become free cost is the saving, priced by the one ledger as machines that go. The nodes of such a pool are
//! in no other rule about sizes, and so nothing is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use domain::{
    ActionType, Effort, Evidence, Finding, Provider, Resource, ResourceKind, ResourceState, Shape, Step,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::pack::{Pods, nodes};
use super::{ContainerSizing, Requests, sizings};
use crate::Facts;
use crate::action::{Action, Effect, Verdict, evidence};
use crate::opening::full_hour;
use crate::policy::tagged;
use crate::sizings::is_machine;

const CONSIDERED: &str = "other requests";

/// Provider, account, region and node pool.
pub(super) type Place<'a> = (Provider, &'a str, &'a str, Option<&'a str>);

/// Where a container or a node is.
pub(super) fn place(resource: &Resource) -> Place<'_> {
    (resource.provider, &resource.account, &resource.region, resource.group.as_deref())
}

/// The node pools with known containers, and what is said about each container.
pub(crate) struct Pools<'a> {
    known: BTreeSet<Place<'a>>,
    verdicts: BTreeMap<&'a str, Verdict>,
}

/// One container with its sizing.
struct Member<'a> {
    resource: &'a Resource,
    sizing: ContainerSizing,
}

impl<'a> Pools<'a> {
    /// Sizes the running containers among `resources`, which come in the order of their ids.
    pub(crate) fn new(facts: &'a Facts, resources: &[&'a Resource]) -> Self {
        let runs = |resource: &&&'a Resource| {
            resource.kind == ResourceKind::Container && resource.state == ResourceState::Running
        };
        let containers: Vec<&Resource> = resources.iter().filter(runs).copied().collect();
        let last_hour = Some(full_hour(facts.as_of) - Duration::hours(1));
        let sized = sizings(&containers, &facts.metrics, last_hour, &facts.policy);
        let mut members: BTreeMap<Place<'a>, Vec<Member<'a>>> = BTreeMap::new();
        for (resource, sizing) in containers.into_iter().zip(sized) {
            members.entry(place(resource)).or_default().push(Member { resource, sizing });
        }
        let mut of_place: BTreeMap<Place<'a>, Vec<&'a Resource>> = BTreeMap::new();
        for node in resources.iter().filter(|resource| is_machine(resource) && resource.group.is_some()) {
            of_place.entry(place(node)).or_default().push(node);
        }
        let mut pools = Self { known: members.keys().copied().collect(), verdicts: BTreeMap::new() };
        for (place, members) in members {
            let nodes = of_place.get(&place).map(Vec::as_slice).unwrap_or_default();
            pools.decide(facts, members, nodes);
        }
        pools
    }

    /// The pool of a node whose containers are known.
    pub(crate) fn of_node<'r>(&self, resource: &'r Resource) -> Option<&'r str> {
        let pool = resource.group.as_deref()?;
        (is_machine(resource) && self.known.contains(&place(resource))).then_some(pool)
    }

    /// What is said about a container.
    pub(crate) fn verdict(&self, resource: &Resource) -> Option<&Verdict> {
        self.verdicts.get(resource.resource_id.as_str())
    }

    fn decide(&mut self, facts: &'a Facts, members: Vec<Member<'a>>, nodes: &[&'a Resource]) {
        let kept = |member: &Member<'_>| tagged(member.resource, &facts.policy.plan.keep_tags).is_some();
        let mut cuts = Vec::new();
        for member in &members {
            let billed = facts.monthly_costs.get(&member.resource.resource_id).filter(|cost| !cost.is_zero());
            let verdict = match (member.sizing.finding, &member.sizing.recommended) {
                _ if kept(member) => continue,
                (Finding::OverProvisioned, Some(_)) if billed.is_none() => {
                    cuts.push(member);
                    continue;
                }
                (Finding::UnderProvisioned | Finding::OverProvisioned, Some(new)) => {
                    Verdict::act(on_its_own(facts, member, new, billed.is_some()))
                }
                _ => Verdict::skip(member.resource, CONSIDERED, member.sizing.reason.clone()),
            };
            self.verdicts.insert(&member.resource.resource_id, verdict);
        }
        let packed = Pool::new(facts, &members, nodes);
        let bundle = packed.as_ref().ok().and_then(|pool| pool.free(&members, &mut cuts, facts));
        let together = bundle.as_ref().map(|bundle| bundle.members.as_slice()).unwrap_or_default();
        for (index, member) in cuts.iter().enumerate() {
            let worth = match (&packed, together.first()) {
                (Err(reason), _) => format!("what that saves is not known: {reason}"),
                (Ok(_), Some(first)) if index < together.len() => {
                    format!("it is part of what is recommended for {}", first.resource.resource_id)
                }
                (Ok(_), _) => "but that frees no node, and a request costs nothing by itself".to_owned(),
            };
            let verdict = match &bundle {
                Some(bundle) if index == 0 => Verdict::act(bundle.action(member)),
                _ => Verdict::skip(member.resource, CONSIDERED, format!("{}; {worth}", member.sizing.reason)),
            };
            self.verdicts.insert(&member.resource.resource_id, verdict);
        }
    }
}

/// A pool of nodes that are alike.
struct Pool<'a> {
    name: &'a str,
    shape: &'a Shape,
    /// Its nodes: those that go first come first.
    nodes: Vec<&'a Resource>,
    /// Nodes that are needed by what is requested now.
    needed: usize,
}

/// Containers whose smaller requests together free nodes; the first one stands for them.
struct Bundle<'m, 'a> {
    pool: &'m Pool<'a>,
    members: Vec<&'m Member<'a>>,
    machines: Vec<String>,
    /// Nodes that are needed with this done.
    needed: usize,
    /// Nodes' worth of requests that fall.
    worth: f64,
}

impl<'a> Pool<'a> {
    fn new(facts: &'a Facts, members: &[Member<'a>], nodes: &[&'a Resource]) -> Result<Self, String> {
        let name = members.first().and_then(|member| member.resource.group.as_deref());
        let (Some(name), Some(first)) = (name, nodes.first()) else {
            return Err("no node of its pool is in the inventory".to_owned());
        };
        if nodes.iter().any(|node| node.instance_type != first.instance_type) {
            return Err(format!("the nodes of {name} are of several types"));
        }
        let of = |shape: &&Shape| {
            first.instance_type.as_ref().is_some_and(|kind| shape.instance_type.eq_ignore_ascii_case(kind))
        };
        let Some(shape) = facts.prices.shapes(first.provider, &first.region).find(of) else {
            return Err(format!("the size of the nodes of {name} is not in the price book"));
        };
        let mut removable: Vec<&Resource> = nodes
            .iter()
            .filter(|node| tagged(node, &facts.policy.plan.keep_tags).is_none())
            .copied()
            .collect();
        // The youngest go first: where an autoscaler comes and goes with nodes they have run, and so cost, least.
        removable.sort_by(|a, b| (&b.state_since, &b.resource_id).cmp(&(&a.state_since, &a.resource_id)));
        let mut pool = Self { name, shape, nodes: removable, needed: 0 };
        let now: Vec<(&Member<'_>, Option<&Requests>)> =
            members.iter().map(|member| (member, member.sizing.current.as_ref())).collect();
        let packed = pool.packed(&now, facts);
        let packed =
            packed.ok_or_else(|| format!("a pod does not fit on a node of {name} by what it requests"))?;
        // What is packed worse than it is run must not count as a saving.
        pool.needed = packed.min(nodes.len());
        Ok(pool)
    }

    /// Nodes that hold the pods with these requests; pods of a DaemonSet take their part of every node.
    fn packed(&self, pods: &[(&Member<'_>, Option<&Requests>)], facts: &Facts) -> Option<usize> {
        let usable = facts.policy.containers.node_usable;
        let (mut cores, mut memory_gib) = (self.shape.vcpu * usable, self.shape.memory_gib * usable);
        let mut all = Vec::new();
        for (member, requests) in pods {
            let (Some(requests), Some(container)) = (requests, &member.resource.container) else { continue };
            let each = Pods {
                cores: requests.cpu_request.unwrap_or(0.0),
                memory_gib: requests.memory_request_gib.unwrap_or(0.0),
                count: requests.most_pods,
            };
            if container.workload_kind == domain::WorkloadKind::DaemonSet {
                cores -= each.cores;
                memory_gib -= each.memory_gib;
            } else {
                all.push(each);
            }
        }
        nodes(&all, cores, memory_gib)
    }

    /// The nodes that the cuts free, which are brought into the order of their size: as few of the largest as free all
    /// that can be freed. What needs more gets it before.
    fn free<'m>(
        &'m self,
        members: &'m [Member<'a>],
        cuts: &mut [&'m Member<'a>],
        facts: &Facts,
    ) -> Option<Bundle<'m, 'a>> {
        let gib = facts.policy.containers.gib_in_cores;
        let weight = |requests: Option<&Requests>| {
            requests.map_or(0.0, |requests| f64::from(requests.most_pods) * requests.pod_weight(gib))
        };
        let cut = |member: &Member<'_>| {
            weight(member.sizing.current.as_ref()) - weight(member.sizing.recommended.as_ref())
        };
        cuts.sort_by(|a, b| {
            cut(b).total_cmp(&cut(a)).then(a.resource.resource_id.cmp(&b.resource.resource_id))
        });
        let mut pods: BTreeMap<&str, (&Member<'_>, Option<&Requests>)> = BTreeMap::new();
        for member in members {
            let requests = match member.sizing.finding {
                Finding::UnderProvisioned => member.sizing.recommended.as_ref(),
                _ => member.sizing.current.as_ref(),
            };
            pods.insert(&member.resource.resource_id, (member, requests));
        }
        let node = self.shape.vcpu + gib * self.shape.memory_gib;
        let fewest = facts.policy.containers.fewest_nodes as usize;
        let (mut best, mut worth) = (None, 0.0);
        for (index, member) in cuts.iter().enumerate() {
            pods.insert(&member.resource.resource_id, (member, member.sizing.recommended.as_ref()));
            worth += cut(member) / node;
            let all: Vec<(&Member<'_>, Option<&Requests>)> = pods.values().copied().collect();
            let Some(needed) = self.packed(&all, facts) else { continue };
            let free = self.needed.saturating_sub(needed.max(fewest)).min(self.nodes.len());
            if free > best.as_ref().map_or(0, |bundle: &Bundle<'_, '_>| bundle.machines.len()) {
                let machines = self.nodes[..free].iter().map(|node| node.resource_id.clone()).collect();
                best = Some(Bundle { pool: self, members: cuts[..=index].to_vec(), machines, needed, worth });
            }
        }
        best
    }
}

impl Bundle<'_, '_> {
    /// What is recommended, under the name of `carrier`.
    fn action(&self, carrier: &Member<'_>) -> Action {
        let (machines, name) = (self.machines.len(), self.pool.name);
        let others = match self.members.len() {
            1 => String::new(),
            count => format!(" (and set {} more)", count - 1),
        };
        let mut facts: Vec<Evidence> = self.members.iter().map(|member| change(member)).collect();
        facts.push(evidence(
            "Nodes",
            format!(
                "{name}: {} are needed by what is requested now, {} then; {machines} become free: {}",
                self.pool.needed,
                self.needed,
                self.machines.join(", ")
            ),
        ));
        facts.extend(measured(&carrier.sizing));
        let safe: f64 = self.members.iter().map(|member| 1.0 - member.sizing.performance_risk).product();
        let patches: Vec<&str> =
            self.members.iter().filter_map(|member| member.sizing.patch.as_deref()).collect();
        Action {
            effect: Effect::Free { machines: self.machines.clone() },
            // Nothing is saved before the nodes are gone; at best what is left of a node is used by others.
            range: (0.0, (self.worth / machines.max(1) as f64).max(1.0)),
            risk: 1.0 - safe,
            evidence: facts,
            summary: format!(
                "Set {}{others}, which frees {machines} node{} of {name}",
                set(carrier),
                if machines == 1 { "" } else { "s" }
            ),
            flips_if: format!(
                "{name} does not shrink: its autoscaler is off, or rules about where pods may run keep them apart"
            ),
            patch: Some(patches.join("---\n")),
            ..of(carrier)
        }
    }
}

/// A change that stands on its own: a container that needs more, or one that is on the bill itself.
fn on_its_own(facts: &Facts, member: &Member<'_>, new: &Requests, billed: bool) -> Action {
    let gib = facts.policy.containers.gib_in_cores;
    let weight = |requests: &Requests| requests.mean_pods * requests.pod_weight(gib);
    let now = member.sizing.current.as_ref().map_or(0.0, weight);
    let ratio = if billed && now > 0.0 { weight(new) / now } else { 1.0 };
    let grows = member.sizing.finding == Finding::UnderProvisioned;
    let why = Evidence { label: "Why".to_owned(), value: member.sizing.reason.clone() };
    Action {
        effect: Effect::Keep { share: Decimal::from_f64(ratio).unwrap_or(Decimal::ONE).round_dp(6) },
        range: if grows { (1.0, 1.0) } else { (0.5, 1.0) },
        risk: member.sizing.performance_risk,
        evidence: [change(member), why].into_iter().chain(measured(&member.sizing)).collect(),
        summary: format!("Set {}", set(member)),
        flips_if: match grows {
            true => "it falls back for good, or the software is made to need less".to_owned(),
            false => {
                "the provider bills pods by sizes, and the next smaller one is larger than this".to_owned()
            }
        },
        patch: member.sizing.patch.clone(),
        ..of(member)
    }
}

/// What all actions on a container have in common.
fn of(member: &Member<'_>) -> Action {
    let said = |requests: &Option<Requests>| requests.as_ref().map(ToString::to_string);
    Action {
        step: Step::Rightsize,
        action_type: ActionType::Rightsize,
        finding: member.sizing.finding,
        summary: String::new(),
        current: said(&member.sizing.current).unwrap_or_default(),
        recommended: said(&member.sizing.recommended),
        effect: Effect::Keep { share: Decimal::ONE },
        range: (1.0, 1.0),
        risk: 0.0,
        evidence: Vec::new(),
        flips_if: String::new(),
        effort: Effort::Low,
        restart_needed: true,
        rollback_possible: true,
        lookback_days: member.sizing.evidence.window.map_or(0, |window| window.days.round() as u32),
        patch: None,
    }
}

/// Name and new requests; what becomes of an autoscaler is always said.
fn set(member: &Member<'_>) -> String {
    let new = member.sizing.recommended.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{} to {new}", name(member.resource))
}

fn name(resource: &Resource) -> String {
    match &resource.container {
        Some(container) if container.name == container.workload => {
            format!("{}/{}", container.namespace, container.workload)
        }
        Some(container) => format!("{}/{}/{}", container.namespace, container.workload, container.name),
        None => resource.resource_id.clone(),
    }
}

fn change(member: &Member<'_>) -> Evidence {
    let said = |requests: &Option<Requests>| match requests {
        Some(requests) => format!("{requests}, {:.1} pods", requests.mean_pods),
        None => String::new(),
    };
    let value = format!("{} → {}", said(&member.sizing.current), said(&member.sizing.recommended));
    Evidence { label: name(member.resource), value }
}

/// The measured quantiles in words.
fn measured(sizing: &ContainerSizing) -> Vec<Evidence> {
    let measured = &sizing.evidence;
    let quantile = |(metric, p95): (&domain::MetricName, &f64)| {
        let of = |values: &BTreeMap<domain::MetricName, f64>| values.get(metric).copied().unwrap_or_default();
        let value = format!(
            "P50 {:.2}, P95 {p95:.2}, P99.5 {:.2}, largest {:.2}",
            of(&measured.p50),
            of(&measured.p99_5),
            of(&measured.max)
        );
        evidence(metric.as_str(), value)
    };
    measured.p95.iter().map(quantile).collect()
}

#[cfg(test)]
#[path = "pools_tests.rs"]
mod tests;
