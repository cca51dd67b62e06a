//! Findings on machines whose right size is known by construction.

use chrono::Duration;
use domain::{Finding, HourlyMetric, MetricName, Resource};
use rust_decimal::Decimal;

use super::{Sizing, plan};
use crate::testing::{as_of, daily, load, shapes, tagged, vm};
use crate::{Metrics, Policy, Sample};

fn one(resource: Resource, metrics: Vec<HourlyMetric>) -> Sizing {
    let metrics: Metrics = metrics.into_iter().collect();
    plan(&metrics, &[resource], &shapes(), &Policy::default()).remove(0)
}

fn recommended(sizing: &Sizing) -> Option<&str> {
    sizing.recommended.as_ref().map(|machine| machine.instance_type.as_str())
}

#[test]
fn a_large_machine_with_little_to_do_shrinks_to_what_its_memory_needs() {
    let sizing = one(vm("a", "m6i.4xlarge"), load("a", daily(4.0, 4.0), 12.0));
    assert_eq!(sizing.finding, Finding::OverProvisioned, "{}", sizing.reason);
    // 1.3 of 16 vCPUs and 13.8 GiB: m6i.xlarge (16 GiB) costs 0.2, r6i.large (16 GiB) 0.126.
    assert_eq!(recommended(&sizing), Some("r6i.large"), "{}", sizing.reason);
    assert_eq!(sizing.monthly_saving_usd, (Decimal::new(800, 3) - Decimal::new(126, 3)) * Decimal::from(730));
    assert!(sizing.performance_risk < 0.05, "{}", sizing.performance_risk);
}

#[test]
fn a_busy_machine_is_left_alone() {
    let sizing = one(vm("a", "m6i.xlarge"), load("a", daily(35.0, 25.0), 11.0));
    assert_eq!((sizing.finding, recommended(&sizing)), (Finding::Optimized, None), "{}", sizing.reason);
}

#[test]
fn lack_of_cpu_and_lack_of_memory_call_for_different_machines() {
    let cpu = one(vm("a", "m6i.large"), load("a", daily(85.0, 14.0), 3.0));
    assert_eq!(
        (cpu.finding, recommended(&cpu)),
        (Finding::UnderProvisioned, Some("c6i.xlarge")),
        "{}",
        cpu.reason
    );
    assert_eq!(cpu.limiting_metric, Some(MetricName::CpuUtilization));
    assert!(cpu.monthly_saving_usd < Decimal::ZERO);
    let memory = one(vm("a", "m6i.large"), load("a", daily(30.0, 10.0), 7.9));
    assert_eq!(
        (memory.finding, recommended(&memory)),
        (Finding::UnderProvisioned, Some("r6i.large")),
        "{}",
        memory.reason
    );
    assert_eq!(memory.limiting_metric, Some(MetricName::MemoryUsed));
}

#[test]
fn a_batch_machine_at_full_cpu_lacks_nothing() {
    let batch = tagged(vm("a", "m6i.large"), &[("workload", "batch")]);
    let sizing = one(batch, load("a", |_| 99.0, 6.0));
    assert_ne!(sizing.finding, Finding::UnderProvisioned, "{}", sizing.reason);
}

#[test]
fn what_was_not_measured_is_not_cut() {
    let all = load("a", daily(5.0, 5.0), 4.0);
    for unmeasured in [MetricName::MemoryUsed, MetricName::NetworkOut, MetricName::DiskWriteIops] {
        let metrics = all.iter().filter(|row| row.metric != unmeasured).cloned().collect();
        let sizing = one(vm("a", "m6i.2xlarge"), metrics);
        let current = shapes().into_iter().find(|shape| shape.instance_type == "m6i.2xlarge").unwrap();
        let Some(name) = recommended(&sizing) else { continue };
        let shape = shapes().into_iter().find(|shape| shape.instance_type == name).unwrap();
        let kept = match unmeasured {
            MetricName::MemoryUsed => shape.memory_gib >= current.memory_gib,
            MetricName::NetworkOut => shape.network_gbps >= current.network_gbps,
            _ => shape.ebs_iops >= current.ebs_iops,
        };
        assert!(kept, "{unmeasured}: {name}");
    }
    // Without memory there is still r6i.xlarge: half the CPU, as much memory.
    let metrics = all.iter().filter(|row| row.metric != MetricName::MemoryUsed).cloned().collect();
    let sizing = one(vm("a", "m6i.2xlarge"), metrics);
    assert_eq!(recommended(&sizing), Some("r6i.xlarge"), "{}", sizing.reason);
    assert!(sizing.reason.contains("memory not measured"), "{}", sizing.reason);
}

#[test]
fn a_silent_catalogue_shows_nothing_to_be_equal() {
    let mut silent = shapes();
    for shape in &mut silent {
        shape.network_gbps = None;
    }
    let unmeasured =
        |row: &HourlyMetric| !matches!(row.metric, MetricName::NetworkIn | MetricName::NetworkOut);
    let metrics: Metrics = load("a", daily(5.0, 5.0), 4.0).into_iter().filter(unmeasured).collect();
    let sizing = plan(&metrics, &[vm("a", "m6i.2xlarge")], &silent, &Policy::default()).remove(0);
    assert_eq!(recommended(&sizing), None, "{}", sizing.reason);
}

#[test]
fn idle_is_idle_and_a_quiet_router_is_not() {
    let idle = one(vm("a", "m6i.large"), load("a", |_| 0.6, 1.0).into_iter().filter(no_network).collect());
    assert_eq!((idle.finding, recommended(&idle)), (Finding::Idle, None), "{}", idle.reason);
    assert_eq!(idle.monthly_saving_usd, Decimal::new(73, 0));
    // 2 MB/s each way at 0.6 % CPU: it forwards something.
    let router = one(vm("a", "m6i.large"), load("a", |_| 0.6, 1.0));
    assert_ne!(router.finding, Finding::Idle, "{}", router.reason);
    let quiet = one(vm("a", "m6i.large"), load("a", |_| 2.0, 1.0).into_iter().filter(no_network).collect());
    assert_ne!(
        quiet.finding,
        Finding::Idle,
        "2 % CPU counts as idle only with a quiet network: {}",
        quiet.reason
    );
}

fn no_network(row: &HourlyMetric) -> bool {
    !matches!(row.metric, MetricName::NetworkIn | MetricName::NetworkOut)
}

#[test]
fn too_little_data_is_said() {
    let short: Vec<HourlyMetric> = load("a", daily(5.0, 5.0), 4.0)
        .into_iter()
        .filter(|row| row.hour >= as_of() - Duration::days(2))
        .collect();
    assert_eq!(one(vm("a", "m6i.2xlarge"), short).finding, Finding::InsufficientData);
    let gaps: Vec<HourlyMetric> = load("a", daily(5.0, 5.0), 4.0)
        .into_iter()
        .filter(|row| row.hour.timestamp() / 3600 % 2 == 0)
        .collect();
    // Every other hour alone looks like a two-hour step; with a few neighbours left the step is an hour.
    let gaps = gaps.into_iter().chain(
        load("a", daily(5.0, 5.0), 4.0).into_iter().filter(|row| row.hour >= as_of() - Duration::days(1)),
    );
    let sizing = one(vm("a", "m6i.2xlarge"), gaps.collect());
    assert!(sizing.evidence.samples > 0);
    assert_eq!(one(vm("a", "m6i.2xlarge"), Vec::new()).finding, Finding::InsufficientData);
    let unknown = one(vm("a", "z9.large"), load("a", daily(5.0, 5.0), 4.0));
    assert_eq!(unknown.finding, Finding::InsufficientData);
    assert!(unknown.reason.contains("no price for z9.large"), "{}", unknown.reason);
}

#[test]
fn a_machine_that_stopped_reporting_has_gaps() {
    let mut metrics = load("b", daily(5.0, 5.0), 4.0);
    let until = as_of() - Duration::days(20);
    metrics.extend(load("a", daily(5.0, 5.0), 4.0).into_iter().filter(|row| row.hour < until));
    let sizing = one(vm("a", "m6i.2xlarge"), metrics);
    assert_eq!(sizing.finding, Finding::InsufficientData, "{}", sizing.reason);
    assert!(sizing.reason.contains("% of the CPU samples"), "{}", sizing.reason);
}

#[test]
fn after_a_jump_what_is_smaller_has_to_stand_another_one() {
    let jump = as_of() - Duration::days(3);
    let from = |before: f64, after: f64| load("a", move |at| if at >= jump { after } else { before }, 8.0);
    // 30 % of 16 vCPUs are 4.8; another rise to 3.3 times that would take them all.
    let large = one(vm("a", "m6i.4xlarge"), from(9.0, 30.0));
    assert_eq!((large.finding, recommended(&large)), (Finding::Optimized, None), "{}", large.reason);
    assert!(large.reason.contains("until it settles"), "{}", large.reason);
    // 1.3 vCPUs, twice that after another rise: 4 carry it.
    let small = one(vm("a", "m6i.4xlarge"), from(4.0, 8.0));
    assert_eq!(recommended(&small), Some("m6i.xlarge"), "{}", small.reason);
    assert!(small.reason.contains("2.0 times that of the days before, and this stands that once more"));
}

#[test]
fn arm_is_for_those_whose_software_runs_on_it() {
    let busy = |id: &str| load(id, daily(30.0, 15.0), 11.0);
    assert_eq!(recommended(&one(vm("a", "m6i.xlarge"), busy("a"))), None);
    let portable = tagged(vm("a", "m6i.xlarge"), &[("arch", "multi")]);
    let sizing = one(portable, busy("a"));
    assert_eq!(recommended(&sizing), Some("m7g.xlarge"), "{}", sizing.reason);
    assert!(sizing.performance_risk > 0.1);
}

#[test]
fn raw_samples_and_the_output_have_the_shape_of_the_contract() {
    let start = as_of() - Duration::days(14);
    let samples = (0..14 * 288).flat_map(|step| {
        let ds = start + Duration::minutes(5 * step);
        let sample = |metric, value| Sample { resource_id: "a".to_owned(), ds, metric, value };
        let cpu = 8.0 + (step % 288) as f64 / 100.0;
        [
            sample(MetricName::CpuUtilization, cpu),
            sample(MetricName::MemoryUsed, 5.0),
            sample(MetricName::NetworkIn, 1.0),
            sample(MetricName::NetworkOut, 1.0),
            sample(MetricName::DiskReadIops, 10.0),
            sample(MetricName::DiskWriteIops, 10.0),
            sample(MetricName::DiskThroughput, 1.0),
        ]
    });
    let metrics: Metrics = samples.collect();
    let sizing = plan(&metrics, &[vm("a", "m6i.2xlarge")], &shapes(), &Policy::default()).remove(0);
    let json = serde_json::to_value(&sizing).unwrap();
    assert_eq!(json["finding"], "over_provisioned");
    assert_eq!(json["current"]["instance_type"], "m6i.2xlarge");
    assert_eq!(json["recommended"]["instance_type"], "m6i.large");
    assert_eq!(json["recommended"]["hourly"], 0.1);
    assert_eq!(json["monthly_saving_usd"], 219.0);
    assert_eq!(json["evidence"]["samples"], 4032);
    assert_eq!(json["evidence"]["window"]["days"], 14.0);
    assert_eq!(json["evidence"]["max"]["cpu_utilization"], 10.87);
    assert_eq!(json["evidence"]["p99_5"]["memory_used"], 5.0);
    assert!(json["performance_risk"].as_f64().unwrap() < 0.01, "{json}");
    assert!(json["reason"].is_string() && json["limiting_metric"].is_string());
}
