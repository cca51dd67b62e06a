use domain::{Commitment, HourlyMetric, Plan, ResourceKind, WorkloadKind};
use proptest::prelude::*;

use super::*;
use crate::containers::tests::{container, used, with};
use crate::plan;
use crate::properties::adds_up;
use crate::testing::{as_of, facts, reserved, tagged, vm};

/// Monthly list price of a node, an m6i.xlarge with 4 vCPUs and 16 GiB.
const NODE: i64 = 146;

fn node(index: usize) -> Resource {
    let mut node = vm(&format!("node-{index}"), "m6i.xlarge");
    node.group = Some("pool-a".to_owned());
    node
}

fn world(
    nodes: usize,
    containers: Vec<Resource>,
    metrics: Vec<HourlyMetric>,
    held: Vec<Commitment>,
) -> Facts {
    let resources = (0..nodes).map(node).chain(containers).collect();
    let mut facts = facts(resources, metrics, held);
    facts.policy.plan.purchases = false;
    facts
}

fn said<'a>(plan: &'a Plan, id: &str) -> Vec<&'a str> {
    plan.skips.iter().filter(|skip| skip.subject == id).map(|skip| skip.reason.as_str()).collect()
}

/// Twelve pods of 1 core and 4 GiB, three to a node, of which 3.4 cores and 13.6 GiB are usable; all would fit on one.
fn lavish() -> (Resource, Vec<HourlyMetric>) {
    (with(container("web"), |web| web.replicas = 12), used("web", |_| 2.4, 0.5))
}

#[test]
fn smaller_requests_free_nodes_and_nodes_are_what_is_saved() {
    let (web, metrics) = lavish();
    let plan = plan(&world(6, vec![web], metrics, vec![])).unwrap();
    adds_up(&plan);
    let [found] = &plan.recommendations[..] else { panic!("{:?}", plan.recommendations) };
    // Four nodes are needed by what is requested, and two stay whatever is requested.
    assert_eq!(found.resource_id.as_deref(), Some("web"));
    assert_eq!(found.estimated_monthly_savings.expected, Decimal::from(2 * NODE));
    assert_eq!(found.estimated_monthly_savings.low, Decimal::ZERO);
    assert!(found.estimated_monthly_savings.high >= found.estimated_monthly_savings.expected);
    assert!(found.summary.contains("frees 2 nodes of pool-a"), "{}", found.summary);
    assert!(found.patch.as_ref().is_some_and(|patch| patch.contains("cpu: 260m")), "{:?}", found.patch);
    assert!(said(&plan, "node-0").iter().any(|why| why.contains("fewer nodes are asked for")));
}

#[test]
fn without_a_pool_that_can_be_packed_nothing_is_claimed() {
    let (web, metrics) = lavish();
    let mut alone = world(0, vec![web.clone()], metrics.clone(), vec![]);
    let mut mixed = world(4, vec![web.clone()], metrics.clone(), vec![]);
    mixed.resources[0].instance_type = Some("m6i.large".to_owned());
    let large = with(web.clone(), |web| web.cpu_request = Some(3.9));
    let large = world(14, vec![large], metrics.clone(), vec![]);
    let mut unknown = world(4, vec![web.clone()], metrics.clone(), vec![]);
    unknown.resources.iter_mut().filter(|resource| resource.kind == ResourceKind::Vm).for_each(|node| {
        node.instance_type = Some("m9x.large".to_owned());
    });
    let two = world(2, vec![web], metrics, vec![]);
    for (facts, why) in [
        (&alone, "no node of its pool"),
        (&mixed, "of several types"),
        (&large, "does not fit on a node"),
        (&unknown, "not in the price book"),
        (&two, "frees no node"),
    ] {
        let plan = plan(facts).unwrap();
        assert!(
            plan.recommendations.iter().all(|found| found.resource_id.as_deref() != Some("web")),
            "{why}"
        );
        assert!(said(&plan, "web").iter().any(|said| said.contains(why)), "{why}: {:?}", said(&plan, "web"));
    }
    // Where the pods are on the bill themselves, that falls with what they request.
    alone.monthly_costs.insert("web".to_owned(), Decimal::from(400));
    let plan = plan(&alone).unwrap();
    adds_up(&plan);
    let saved = plan.recommendations[0].estimated_monthly_savings.expected;
    assert!(saved > Decimal::from(250) && saved < Decimal::from(400), "{saved}");
}

#[test]
fn what_needs_more_gets_it_before_nodes_are_counted() {
    let (web, mut metrics) = lavish();
    // Eight pods that use 1.5 cores each instead of half a core: they take the room that the others leave.
    let busy = with(container("busy"), |busy| (busy.replicas, busy.cpu_request) = (8, Some(0.5)));
    metrics.extend(used("busy", |_| 12.0, 3.4));
    let plan = plan(&world(8, vec![web, busy], metrics, vec![])).unwrap();
    adds_up(&plan);
    let of = |id: &str| plan.recommendations.iter().find(|found| found.resource_id.as_deref() == Some(id));
    let busy = of("busy").unwrap();
    assert_eq!(
        (busy.finding, busy.estimated_monthly_savings.expected),
        (Finding::UnderProvisioned, Decimal::ZERO)
    );
    assert!(of("web").is_none(), "{:?}", of("web"));
    assert!(said(&plan, "web").iter().any(|why| why.contains("frees no node")), "{:?}", said(&plan, "web"));
}

#[test]
fn kept_nodes_stay_and_daemons_take_their_part_of_every_node() {
    let (web, metrics) = lavish();
    let mut kept = world(6, vec![web.clone()], metrics.clone(), vec![]);
    for node in kept.resources.iter_mut().filter(|resource| resource.kind == ResourceKind::Vm) {
        *node = tagged(node.clone(), &[("headroom", "keep")]);
    }
    assert!(plan(&kept).unwrap().recommendations.is_empty());
    // A daemon that takes 2.5 of 3.4 cores leaves room for no pod of a core.
    let agent = with(container("agent"), |agent| {
        (agent.workload_kind, agent.cpu_request) = (WorkloadKind::DaemonSet, Some(2.5));
    });
    let crowded = plan(&world(6, vec![web, agent], metrics, vec![])).unwrap();
    assert!(
        said(&crowded, "web").iter().any(|why| why.contains("does not fit")),
        "{:?}",
        said(&crowded, "web")
    );
}

#[test]
fn what_a_commitment_pays_for_anyway_is_not_saved() {
    let (web, metrics) = lavish();
    let held = vec![reserved("ri", "m6i.xlarge", 6, 365)];
    let plan = plan(&world(6, vec![web], metrics, held)).unwrap();
    adds_up(&plan);
    assert!(plan.recommendations.is_empty() && plan.before == plan.after, "{:?}", plan.recommendations);
}

#[derive(Debug, Clone)]
struct Load {
    request: f64,
    memory: f64,
    used: f64,
    working_set: f64,
    replicas: u32,
}

fn loads() -> impl Strategy<Value = Vec<Load>> {
    let load = (1..30_u32, 1..20_u32, 0.02..1.4_f64, 0.02..1.2_f64, 1..9_u32).prop_map(
        |(request, memory, used, working_set, replicas)| Load {
            request: f64::from(request) / 10.0,
            memory: f64::from(memory) / 2.0,
            used,
            working_set,
            replicas,
        },
    );
    prop::collection::vec(load, 1..7)
}

fn pool(loads: &[Load], nodes: usize, held: i64) -> Facts {
    let mut metrics = Vec::new();
    let mut containers = Vec::new();
    for (index, load) in loads.iter().enumerate() {
        let id = format!("c-{index}");
        let pods = f64::from(load.replicas);
        metrics.extend(used(&id, |_| pods * load.request * load.used, load.memory * load.working_set));
        containers.push(with(container(&id), |found| {
            found.cpu_request = Some(load.request);
            found.memory_request_gib = Some(load.memory);
            found.replicas = load.replicas;
        }));
    }
    let held = (held > 0).then(|| reserved("ri", "m6i.xlarge", held, 200)).into_iter().collect();
    world(nodes, containers, metrics, held)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_node_is_counted_twice(loads in loads(), nodes in 1..16_usize, held in 0..4_i64) {
        let facts = pool(&loads, nodes, held);
        let mut resources: Vec<&Resource> = facts.resources.iter().collect();
        resources.sort_by(|a, b| a.resource_id.cmp(&b.resource_id));
        let pools = Pools::new(&facts, &resources);
        let freed: Vec<&String> = pools
            .verdicts
            .values()
            .filter_map(|verdict| match verdict {
                Verdict::Act(action) => Some(&action.effect),
                _ => None,
            })
            .filter_map(|effect| match effect {
                Effect::Free { machines } => Some(machines),
                _ => None,
            })
            .flatten()
            .collect();
        let distinct: BTreeSet<&&String> = freed.iter().collect();
        prop_assert_eq!(distinct.len(), freed.len(), "a node is freed once");
        prop_assert!(freed.is_empty() || freed.len() + 2 <= nodes, "{} of {nodes}", freed.len());

        let plan = plan(&facts).unwrap();
        adds_up(&plan);
        let ids = plan.recommendations.iter().filter_map(|found| found.resource_id.as_deref());
        prop_assert!(ids.clone().all(|id| id.starts_with("c-")), "{:?}", ids.collect::<Vec<_>>());
        let most = Decimal::from(NODE) * Decimal::from(freed.len());
        if held == 0 {
            prop_assert_eq!(plan.before - plan.after, most, "exactly the nodes that go");
        } else {
            prop_assert!(plan.before - plan.after <= most);
        }

        let mut turned = facts.clone();
        turned.resources.reverse();
        prop_assert_eq!(plan, crate::plan(&turned).unwrap());
    }

    #[test]
    fn what_stays_holds_the_pods(loads in loads(), nodes in 3..16_usize) {
        let facts = pool(&loads, nodes, 0);
        let mut resources: Vec<&Resource> = facts.resources.iter().collect();
        resources.sort_by(|a, b| a.resource_id.cmp(&b.resource_id));
        let pools = Pools::new(&facts, &resources);
        let containers: Vec<&Resource> =
            resources.iter().filter(|found| found.kind == ResourceKind::Container).copied().collect();
        let last_hour = Some(as_of() - Duration::hours(1));
        let (mut now, mut then, mut freed) = (Vec::new(), Vec::new(), 0);
        for sizing in sizings(&containers, &facts.metrics, last_hour, &facts.policy) {
            let verdict = pools.verdicts.get(sizing.resource_id.as_str());
            let done = match verdict {
                Some(Verdict::Act(action)) => {
                    if let Effect::Free { machines } = &action.effect {
                        freed += machines.len();
                    }
                    true
                }
                Some(Verdict::Skip(skip)) => skip.reason.contains("it is part of"),
                _ => false,
            };
            let pods = |requests: &Requests| Pods {
                cores: requests.cpu_request.unwrap(),
                memory_gib: requests.memory_request_gib.unwrap(),
                count: requests.most_pods,
            };
            let current = sizing.current.as_ref().unwrap();
            now.push(pods(current));
            then.push(pods(sizing.recommended.as_ref().filter(|_| done).unwrap_or(current)));
        }
        let needed = |all: &[Pods]| super::nodes(all, 4.0 * 0.85, 16.0 * 0.85);
        if freed > 0 {
            // On no more nodes than are left of those that are needed today.
            let left = needed(&now).unwrap().min(nodes) - freed;
            prop_assert!(needed(&then).unwrap() <= left, "{:?} on {left}", needed(&then));
        }
    }
}
