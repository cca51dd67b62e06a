//! Databases and caches whose right size is known by construction: each dimension, and each refusal.

use chrono::Duration;
use domain::{Finding, HourlyMetric, MetricName, Resource, ResourceKind};

use super::{Candidate, Sizing, decide};
use crate::testing::{as_of, daily, hourly, load, managed_shapes, resource, shapes, tagged, vm};
use crate::{Metrics, Policy};

fn node(kind: ResourceKind, instance_type: &str, engine: &str) -> Resource {
    let mut node = resource("n", kind);
    (node.instance_type, node.os) = (Some(instance_type.to_owned()), Some(engine.to_owned()));
    node
}

fn database(instance_type: &str) -> Resource {
    node(ResourceKind::Database, instance_type, "postgres")
}

fn cache(instance_type: &str) -> Resource {
    node(ResourceKind::Cache, instance_type, "redis")
}

/// All that is measured of a database: CPU from `cpu` to a quarter more, the rest flat.
fn measured(cpu: f64, memory_gib: f64, stored_gib: f64, connections: f64) -> Vec<HourlyMetric> {
    let mut metrics = load("n", daily(cpu, cpu / 4.0), memory_gib);
    metrics.extend(hourly("n", MetricName::StorageUsed, |_| stored_gib));
    metrics.extend(hourly("n", MetricName::Connections, |_| connections));
    metrics
}

fn sized(node: &Resource, members: usize, metrics: Vec<HourlyMetric>) -> Sizing {
    let all: Vec<_> = managed_shapes().into_iter().chain(shapes()).collect();
    let candidates: Vec<Candidate<'_>> =
        all.iter().map(|shape| Candidate { shape, hourly: shape.on_demand_hourly }).collect();
    let metrics: Metrics = metrics.into_iter().collect();
    let last = Some(as_of() - Duration::hours(1));
    decide(node, members, metrics.of("n"), &candidates, last, &Policy::default())
}

fn becomes(sizing: &Sizing) -> Option<&str> {
    sizing.recommended.as_ref().map(|machine| machine.instance_type.as_str())
}

#[test]
fn all_that_a_database_stores_fits_beside_what_it_uses() {
    // 6 GiB × 1.15 used and 4 × 1.15 stored are 11.5 of 16 GiB; 10 % of 16 vCPUs are 2.
    let small = sized(&database("db.r6g.4xlarge"), 1, measured(10.0, 6.0, 4.0, 50.0));
    assert_eq!(small.finding, Finding::OverProvisioned, "{}", small.reason);
    assert_eq!(becomes(&small), Some("db.m6g.xlarge"), "{}", small.reason);
}

#[test]
fn memory_that_may_hold_pages_is_not_cut() {
    // 300 GiB are stored: the memory stays, only CPU is cut.
    let metrics = || measured(10.0, 6.0, 300.0, 50.0);
    let kept = sized(&database("db.m6g.2xlarge"), 1, metrics());
    assert_eq!(becomes(&kept), Some("db.r6g.xlarge"), "{}", kept.reason);
    assert!(kept.reason.contains("memory is not cut"), "{}", kept.reason);
    let untouched = sized(&database("db.r6g.2xlarge"), 1, metrics());
    assert_eq!((untouched.finding, becomes(&untouched)), (Finding::Optimized, None), "{}", untouched.reason);
    // What it stores was not measured: the same.
    let unmeasured = |row: &HourlyMetric| row.metric != MetricName::StorageUsed;
    let blind = metrics().into_iter().filter(unmeasured).collect();
    assert_eq!(becomes(&sized(&database("db.r6g.2xlarge"), 1, blind)), None);
    // Somebody looked at the hits of its cache.
    let looked_at = tagged(database("db.r6g.2xlarge"), &[("memory", "by-use")]);
    let cut = sized(&looked_at, 1, metrics());
    assert_eq!(becomes(&cut), Some("db.m6g.large"), "{}", cut.reason);
}

#[test]
fn connections_keep_the_memory_that_their_limit_is_made_of() {
    // 700 connections of PostgreSQL take 6.2 GiB × 1.15, of MySQL 8.2 × 1.15, of Aurora MySQL 12.4 × 1.15.
    let sized_for = |engine: &str, connections: f64| {
        let node = tagged(node(ResourceKind::Database, "db.m6g.4xlarge", engine), &[("memory", "by-use")]);
        becomes(&sized(&node, 1, measured(4.0, 3.0, 300.0, connections))).map(str::to_owned)
    };
    assert_eq!(sized_for("postgres", 700.0).as_deref(), Some("db.m6g.large"));
    assert_eq!(sized_for("mysql", 700.0).as_deref(), Some("db.r6g.large"));
    assert_eq!(sized_for("Linux", 1_100.0).as_deref(), Some("db.r6g.xlarge"), "as on Aurora MySQL");
    // More than the default limit allows: it was set to something else, and nothing says what a smaller node allows.
    let raised = tagged(database("db.m6g.2xlarge"), &[("memory", "by-use")]);
    let raised = sized(&raised, 1, measured(10.0, 3.0, 300.0, 4_900.0));
    assert_eq!(becomes(&raised), Some("db.r6g.xlarge"), "{}", raised.reason);
    // Not measured: the memory stays.
    let unmeasured = |row: &HourlyMetric| row.metric != MetricName::Connections;
    let blind = measured(4.0, 3.0, 2.0, 0.0).into_iter().filter(unmeasured).collect();
    let blind = sized(&database("db.m6g.2xlarge"), 1, blind);
    assert_eq!(becomes(&blind), Some("db.r6g.xlarge"), "{}", blind.reason);
    assert!(blind.reason.contains("connections not measured"), "{}", blind.reason);
}

#[test]
fn operations_and_network_limit_a_database() {
    for (metrics, limited) in [
        (vec![MetricName::DiskReadIops, MetricName::DiskWriteIops], 2_500.0),
        (vec![MetricName::DiskThroughput], 100.0),
        (vec![MetricName::NetworkOut], 90.0),
    ] {
        let busy = |row: &HourlyMetric| !metrics.contains(&row.metric);
        let mut all: Vec<HourlyMetric> = measured(5.0, 3.0, 2.0, 50.0).into_iter().filter(busy).collect();
        for metric in &metrics {
            all.extend(hourly("n", *metric, |_| limited));
        }
        // Two vCPUs bring 3,000 operations, 75 MB/s to disk and 100 MB/s: more than one of them is needed.
        let sizing = sized(&database("db.r6g.2xlarge"), 1, all);
        let chosen = sizing.recommended.as_ref().unwrap();
        let least = if metrics[0] == MetricName::NetworkOut { 2.0 } else { 4.0 };
        assert!(chosen.vcpu >= least, "{metrics:?}: {}", sizing.reason);
        assert_eq!(sizing.limiting_metric, Some(metrics[0]), "{}", sizing.reason);
    }
}

#[test]
fn the_others_carry_the_load_of_one_that_fails() {
    // 1.9 of 8 vCPUs fit two; with both nodes' work on one they are 3.8.
    let metrics = || measured(18.0, 6.0, 4.0, 50.0);
    let alone = sized(&database("db.r6g.2xlarge"), 1, metrics());
    let pair = sized(&database("db.r6g.2xlarge"), 2, metrics());
    let vcpu = |sizing: &Sizing| sizing.recommended.as_ref().map(|machine| machine.vcpu);
    assert_eq!((vcpu(&alone), vcpu(&pair)), (Some(2.0), Some(4.0)), "{} {}", alone.reason, pair.reason);
    // A pair that could not do that today is not told to grow.
    let busy = sized(&database("db.r6g.2xlarge"), 2, measured(50.0, 6.0, 4.0, 50.0));
    assert_eq!((busy.finding, becomes(&busy)), (Finding::Optimized, None), "{}", busy.reason);
}

#[test]
fn a_database_that_lacks_cpu_or_memory_grows() {
    let cpu = sized(&database("db.m6g.large"), 1, measured(80.0, 5.0, 300.0, 50.0));
    assert_eq!(
        (cpu.finding, becomes(&cpu)),
        (Finding::UnderProvisioned, Some("db.m6g.xlarge")),
        "{}",
        cpu.reason
    );
    let memory = sized(&database("db.m6g.large"), 1, measured(20.0, 7.9, 300.0, 50.0));
    assert_eq!(
        (memory.finding, becomes(&memory)),
        (Finding::UnderProvisioned, Some("db.r6g.large")),
        "{}",
        memory.reason
    );
}

#[test]
fn a_cache_is_as_large_as_what_it_holds() {
    // 3 GiB × 1.15 fit in three quarters of 6.4 GiB.
    let loose = sized(&cache("cache.r6g.xlarge"), 1, load("n", daily(10.0, 5.0), 3.0));
    assert_eq!(becomes(&loose), Some("cache.m6g.large"), "{}", loose.reason);
    // 5 GiB × 1.15 do not.
    let held = sized(&cache("cache.r6g.xlarge"), 1, load("n", daily(10.0, 5.0), 5.0));
    assert_eq!(becomes(&held), Some("cache.r6g.large"), "{}", held.reason);
    let unmeasured = |row: &HourlyMetric| row.metric != MetricName::MemoryUsed;
    let blind = load("n", daily(10.0, 5.0), 3.0).into_iter().filter(unmeasured).collect();
    assert_eq!(becomes(&sized(&cache("cache.r6g.xlarge"), 1, blind)), None);
}

#[test]
fn a_full_cache_says_nothing_about_its_size() {
    let full = sized(&cache("cache.r6g.large"), 1, load("n", daily(10.0, 5.0), 9.6));
    assert_eq!((full.finding, becomes(&full)), (Finding::Optimized, None), "{}", full.reason);
    assert!(full.reason.contains("evicts by design"), "{}", full.reason);
    // It may lack CPU all the same, and then gets that with the memory that it has.
    let busy = sized(&cache("cache.r6g.large"), 1, load("n", |_| 95.0, 9.6));
    assert_eq!(
        (busy.finding, becomes(&busy)),
        (Finding::UnderProvisioned, Some("cache.r6g.xlarge")),
        "{}",
        busy.reason
    );
}

#[test]
fn a_cache_keeps_the_speed_of_its_one_thread() {
    let mut all = managed_shapes();
    for shape in all.iter_mut().filter(|shape| shape.family == "cache.m6g") {
        shape.performance_per_vcpu = 0.9;
    }
    let becomes = |engine: &str| {
        let node = node(ResourceKind::Cache, "cache.r6g.xlarge", engine);
        let metrics: Metrics = load("n", daily(10.0, 5.0), 3.0).into_iter().collect();
        let sizing = super::plan(&metrics, &[node], &all, &Policy::default()).remove(0);
        sizing.recommended.map(|machine| machine.instance_type)
    };
    assert_eq!(becomes("redis").as_deref(), Some("cache.r6g.large"));
    assert_eq!(becomes("memcached").as_deref(), Some("cache.m6g.large"));
}

#[test]
fn services_do_not_take_each_others_types() {
    let machine = sized(&vm("n", "m7g.4xlarge"), 1, load("n", daily(4.0, 4.0), 12.0));
    assert_eq!(becomes(&machine), Some("m7g.xlarge"), "{}", machine.reason);
    let odd = sized(&database("m6i.large"), 1, measured(5.0, 3.0, 2.0, 50.0));
    assert_eq!(odd.finding, Finding::InsufficientData);
    assert!(odd.reason.contains("not the name of a database type"), "{}", odd.reason);
    let unknown =
        sized(&node(ResourceKind::Database, "db.x9.large", "oracle-ee"), 1, measured(5.0, 3.0, 2.0, 5.0));
    assert!(unknown.reason.contains("no price for db.x9.large under oracle-ee"), "{}", unknown.reason);
}

#[test]
fn an_idle_looking_database_is_no_idle_machine() {
    let quiet = sized(&database("db.r6g.2xlarge"), 1, measured(0.4, 3.0, 2.0, 5.0));
    assert_eq!(
        (quiet.finding, becomes(&quiet)),
        (Finding::OverProvisioned, Some("db.m6g.large")),
        "{}",
        quiet.reason
    );
}
