//! Databases, caches, functions and disks through the whole plan: what is claimed of their bill, and what is not.

use chrono::{DateTime, Duration, Utc};
use domain::{
    ActionType, Effort, Finding, HourlyMetric, MetricName, Plan, Provider, Recommendation, Resource,
    ResourceKind, ResourceState, Step, TimeCost, UsageHour,
};
use rust_decimal::Decimal;

use crate::properties::adds_up;
use crate::testing::{as_of, daily, facts, hourly, load, reserved, resource, tagged};
use crate::{Facts, plan};

fn database(id: &str, instance_type: &str) -> Resource {
    let mut database = resource(id, ResourceKind::Database);
    (database.instance_type, database.os) = (Some(instance_type.to_owned()), Some("postgres".to_owned()));
    database
}

/// A database that fits a quarter of a db.r6g.2xlarge.
fn quiet(id: &str) -> Vec<HourlyMetric> {
    let mut metrics = load(id, daily(8.0, 4.0), 3.0);
    metrics.extend(hourly(id, MetricName::StorageUsed, |_| 2.0));
    metrics.extend(hourly(id, MetricName::Connections, |_| 20.0));
    metrics
}

fn function(id: &str, gib: f64) -> Resource {
    let mut function = resource(id, ResourceKind::Function);
    function.size_gib = Some(gib);
    function
}

fn used(id: &str, gib: f64) -> Vec<HourlyMetric> {
    hourly(id, MetricName::MemoryUsed, |_| gib)
}

/// Facts in which everything costs 100 a month, `by_time` of it by the hour or second.
fn company(resources: Vec<Resource>, metrics: Vec<HourlyMetric>, by_time: i64) -> Facts {
    let mut facts = facts(resources, metrics, vec![]);
    facts.policy.plan.purchases = false;
    let cost = TimeCost { cost: Decimal::from(by_time), committed: Decimal::ZERO };
    facts.time_costs = facts.monthly_costs.keys().map(|id| (id.clone(), cost)).collect();
    facts
}

fn one<'a>(plan: &'a Plan, id: &str) -> Option<&'a Recommendation> {
    let mut found = plan.recommendations.iter().filter(|found| found.resource_id.as_deref() == Some(id));
    let first = found.next();
    assert!(found.next().is_none(), "{id}");
    first
}

fn refused(facts: &Facts, id: &str, why: &str) {
    let plan = plan(facts).unwrap();
    adds_up(&plan);
    let said: Vec<&str> =
        plan.skips.iter().filter(|skip| skip.subject == id).map(|skip| skip.reason.as_str()).collect();
    assert!(one(&plan, id).is_none() && said.iter().any(|said| said.contains(why)), "{id}: {said:?}");
}

fn value<'a>(found: &'a Recommendation, label: &str) -> &'a str {
    &found.evidence.iter().find(|evidence| evidence.label == label).unwrap().value
}

#[test]
fn only_the_hours_of_a_node_become_cheaper() {
    let facts = company(vec![database("db", "db.r6g.2xlarge")], quiet("db"), 80);
    let plan = plan(&facts).unwrap();
    adds_up(&plan);
    let found = one(&plan, "db").unwrap();
    assert_eq!((found.step, found.action_type), (Step::Rightsize, ActionType::Rightsize));
    assert_eq!(found.recommended.as_deref(), Some("db.m6g.large"), "{}", found.summary);
    // 0.96 to 0.16 USD an hour: five sixths of the 80, and nothing of the other 20.
    let saving = found.estimated_monthly_savings.expected.round_dp(4);
    assert_eq!(saving, Decimal::new(666_667, 4));
    assert!(found.restart_needed && found.implementation_effort == Effort::Medium);
    assert!(value(found, "Interruption").contains("maintenance window"));
    assert_eq!(value(found, "Billed by the hour"), "80.00 of 100.00 USD a month");
    assert!(value(found, "Why this size").contains("costs 83 % less"));
}

#[test]
fn standby_and_readers_fail_over() {
    let standby = tagged(database("standby", "db.r6g.2xlarge"), &[("multi-az", "true")]);
    let mut nodes: Vec<Resource> = ["writer", "reader"].map(|id| database(id, "db.r6g.2xlarge")).into();
    for node in &mut nodes {
        node.group = Some("cluster".to_owned());
    }
    nodes.push(standby);
    let mut metrics = quiet("standby");
    // The reader does nothing; it still has to take over from the writer.
    metrics.extend(load("reader", |_| 1.0, 2.0));
    metrics.extend(
        quiet("reader")
            .into_iter()
            .filter(|row| matches!(row.metric, MetricName::Connections | MetricName::StorageUsed)),
    );
    metrics.extend(quiet("writer").into_iter().filter(|row| row.metric != MetricName::CpuUtilization));
    metrics.extend(hourly("writer", MetricName::CpuUtilization, |_| 18.0));
    let mut blind = company(nodes, metrics, 80);
    let plan = plan(&blind).unwrap();
    adds_up(&plan);
    let found = one(&plan, "standby").unwrap();
    assert!(value(found, "Interruption").contains("standby") && found.implementation_effort == Effort::Low);
    // Without a measurement of the reader, what it does is not known.
    blind.metrics = quiet("writer").into_iter().collect();
    for id in ["writer", "reader"] {
        refused(&blind, id, "not measured");
        let found = one(&plan, id).unwrap();
        assert_eq!(found.recommended.as_deref(), Some("db.m6g.xlarge"), "{id}");
        assert!(value(found, "Interruption").contains("one of 2 nodes"));
    }
}

#[test]
fn what_a_reservation_would_eat_is_not_claimed() {
    let base = company(vec![database("db", "db.r6g.2xlarge")], quiet("db"), 80);
    let mut covered = base.clone();
    covered.time_costs.get_mut("db").unwrap().committed = Decimal::TEN;
    refused(&covered, "db", "commitments pay for 10.00 USD");
    // Reserved for the family, in whatever size.
    let mut held = base.clone();
    held.commitments = vec![reserved("ri-db", "db.r6g.large", 1, 200)];
    refused(&held, "db", "ri-db is reserved for its family until");
    let plan_held = plan(&held).unwrap();
    assert_eq!(plan_held.before, Decimal::ONE_HUNDRED, "its fee is on the bill of the database already");
    assert!(
        plan_held.skips.iter().any(|skip| skip.subject == "ri-db" && skip.reason.contains("not simulated"))
    );
    for other in ["db.m6g.large", "cache.r6g.large", "r6i.large"] {
        let mut elsewhere = base.clone();
        elsewhere.commitments = vec![reserved("ri", other, 1, 200)];
        assert!(one(&plan(&elsewhere).unwrap(), "db").is_some(), "{other}");
    }
}

#[test]
fn what_the_bill_does_not_say_is_not_guessed() {
    let mut unsaid = company(vec![database("db", "db.r6g.2xlarge")], quiet("db"), 80);
    unsaid.time_costs.clear();
    refused(&unsaid, "db", "does not say what of its cost is for hours");
    let mut unbilled = company(vec![database("db", "db.r6g.2xlarge")], quiet("db"), 80);
    unbilled.monthly_costs.clear();
    refused(&unbilled, "db", "not on the bill");
    // A licence is in the price: that of open engines says nothing.
    let mut licensed = company(vec![database("db", "db.r6g.2xlarge")], quiet("db"), 80);
    licensed.resources[0].os = Some("oracle-ee".to_owned());
    refused(&licensed, "db", "no price for db.r6g.2xlarge under oracle-ee");
    // An engine with prices of its own has them for one family only.
    let mut aurora = company(vec![database("db", "db.r6g.2xlarge")], quiet("db"), 80);
    aurora.resources[0].os = Some("aurora-postgresql".to_owned());
    let plan = plan(&aurora).unwrap();
    assert_eq!(one(&plan, "db").unwrap().recommended.as_deref(), Some("db.r6g.large"));
}

#[test]
fn a_database_without_connections_is_deleted_and_not_resized() {
    let mut metrics: Vec<HourlyMetric> =
        quiet("db").into_iter().filter(|row| row.metric != MetricName::Connections).collect();
    metrics.extend(hourly("db", MetricName::Connections, |_| 0.0));
    let plan = plan(&company(vec![database("db", "db.r6g.2xlarge")], metrics, 80)).unwrap();
    assert_eq!(one(&plan, "db").unwrap().step, Step::Delete);
}

#[test]
fn a_database_that_grows_costs_more_even_when_it_is_reserved() {
    let mut metrics = load("db", |_| 95.0, 5.0);
    metrics.extend(hourly("db", MetricName::Connections, |_| 20.0));
    let mut facts = company(vec![database("db", "db.m6g.large")], metrics, 80);
    let grown = plan(&facts).unwrap();
    adds_up(&grown);
    let found = one(&grown, "db").unwrap();
    assert_eq!(found.finding, Finding::UnderProvisioned);
    assert_eq!(found.recommended.as_deref(), Some("db.m6g.xlarge"));
    assert_eq!(found.estimated_monthly_savings.expected, Decimal::from(-80));
    // 0.16 USD an hour more, at list price.
    facts.time_costs.get_mut("db").unwrap().committed = Decimal::from(80);
    let reserved = plan(&facts).unwrap();
    assert_eq!(one(&reserved, "db").unwrap().estimated_monthly_savings.expected, Decimal::new(-1168, 1));
}

#[test]
fn usage_of_managed_nodes_is_not_counted_twice() {
    let mut facts = company(vec![database("db", "db.r6g.2xlarge")], quiet("db"), 80);
    facts.usage = (0..720)
        .map(|hour| UsageHour {
            hour: as_of() - Duration::hours(hour + 1),
            provider: Provider::Aws,
            account: "1".to_owned(),
            region: crate::testing::REGION.to_owned(),
            instance_type: "db.r6g.2xlarge".to_owned(),
            os: "Linux".to_owned(),
            quantity: Decimal::ONE,
        })
        .collect();
    assert_eq!(plan(&facts).unwrap().before, Decimal::ONE_HUNDRED);
}

#[test]
fn a_function_has_the_memory_that_it_was_seen_to_use() {
    let plan = plan(&company(vec![function("f", 1.0)], used("f", 0.5), 80)).unwrap();
    adds_up(&plan);
    let found = one(&plan, "f").unwrap();
    // 0.5 × 1.15 GiB are 588.8 MiB: 640.
    assert_eq!(found.recommended.as_deref(), Some("640 MiB"));
    // Half of the run waits for CPU: half of three eighths of what is billed by the second.
    let saving = found.estimated_monthly_savings;
    assert_eq!(saving.expected, Decimal::from(15));
    assert_eq!((saving.low, saving.high), (Decimal::from(6), Decimal::from(24)));
    assert_eq!(
        value(found, "Length of a run"),
        "1.30 times today's, from 1.12 to 1.48: compare with its timeout"
    );
    assert!(value(found, "Part of a run that waits for CPU").contains("assumed"));
    assert!(!found.restart_needed && found.implementation_effort == Effort::VeryLow);
}

#[test]
fn one_step_at_a_time_and_never_below_the_smallest() {
    let recommended = |gib: f64, using: f64, provider: Provider| {
        let mut function = function("f", gib);
        function.provider = provider;
        let plan = plan(&company(vec![function], used("f", using), 80)).unwrap();
        one(&plan, "f").map(|found| found.recommended.clone().unwrap())
    };
    assert_eq!(recommended(4.0, 0.1, Provider::Aws).as_deref(), Some("2048 MiB"));
    assert_eq!(recommended(0.25, 0.02, Provider::Aws).as_deref(), Some("128 MiB"));
    assert_eq!(recommended(0.125, 0.02, Provider::Aws), None);
    // Google Cloud sells powers of two.
    assert_eq!(recommended(4.0, 1.9, Provider::Gcp), None);
    assert_eq!(recommended(4.0, 1.5, Provider::Gcp).as_deref(), Some("2048 MiB"));
    assert_eq!(recommended(4.0, 1.5, Provider::Azure), None);
}

#[test]
fn measured_cpu_replaces_the_assumption() {
    let saving = |busy: f64| {
        let mut metrics = used("f", 0.4);
        metrics.extend(hourly("f", MetricName::CpuUtilization, |_| busy));
        let plan = plan(&company(vec![function("f", 1.0)], metrics, 80)).unwrap();
        one(&plan, "f").map(|found| found.estimated_monthly_savings.expected)
    };
    // Half the memory: 80 × 0.5 × (1 − busy), within the range of the policy.
    assert_eq!(saving(30.0), Some(Decimal::from(28)));
    assert_eq!(saving(5.0), Some(Decimal::from(32)));
    // A function that computes all the time takes longer by as much as it is smaller.
    assert_eq!(saving(95.0), None);
}

#[test]
fn functions_are_left_alone_with_a_reason() {
    let facts = |metrics: Vec<HourlyMetric>| company(vec![function("f", 1.0)], metrics, 80);
    refused(&facts(vec![]), "f", "memory was not measured");
    let recent = |hours: i64, from: DateTime<Utc>| {
        move |row: &HourlyMetric| row.hour >= from && row.hour < from + Duration::hours(hours)
    };
    let some = |keep: &dyn Fn(&HourlyMetric) -> bool| used("f", 0.4).into_iter().filter(keep).collect();
    refused(&facts(some(&recent(48, as_of() - Duration::days(2)))), "f", "2.0 days of data");
    refused(&facts(some(&recent(20, as_of() - Duration::days(4)))), "f", "it ran in 20 hours");
    refused(&facts(some(&recent(240, as_of() - Duration::days(30)))), "f", "last measured 20 days ago");
    refused(&facts(used("f", 0.9)), "f", "no smaller size carries that");
    refused(&facts(used("f", 0.7)), "f", "less than the 15 %");
    let jump = as_of() - Duration::days(3);
    let risen = hourly("f", MetricName::MemoryUsed, |at| if at >= jump { 0.5 } else { 0.2 });
    refused(&facts(risen), "f", "until it settles");
    let mut sizeless = facts(used("f", 0.4));
    sizeless.resources[0].size_gib = None;
    refused(&sizeless, "f", "not in the inventory");
    let mut unsaid = facts(used("f", 0.4));
    unsaid.time_costs.clear();
    refused(&unsaid, "f", "GiB-seconds");
    let mut covered = facts(used("f", 0.4));
    covered.time_costs.get_mut("f").unwrap().committed = Decimal::from(80);
    refused(&covered, "f", "commitments pay for all of its runs");
    let mut azure = facts(used("f", 0.4));
    azure.resources[0].provider = Provider::Azure;
    refused(&azure, "f", "by its plan");
}

#[test]
fn what_plans_pay_of_a_function_saves_nothing() {
    let mut facts = company(vec![function("f", 1.0)], used("f", 0.4), 80);
    facts.time_costs.get_mut("f").unwrap().committed = Decimal::from(20);
    let plan = plan(&facts).unwrap();
    let found = one(&plan, "f").unwrap();
    // A quarter of the 60 that are paid on demand.
    assert_eq!(found.estimated_monthly_savings.expected, Decimal::from(15));
    assert!(value(found, "Commitments").contains("20.00 USD"));
}

#[test]
fn a_function_at_its_limit_grows() {
    let plan = plan(&company(vec![function("f", 1.0)], used("f", 0.99), 80)).unwrap();
    adds_up(&plan);
    let found = one(&plan, "f").unwrap();
    assert_eq!((found.finding, found.recommended.as_deref()), (Finding::UnderProvisioned, Some("1536 MiB")));
    assert_eq!(found.estimated_monthly_savings.expected, Decimal::from(-20));
}

#[test]
fn room_on_a_disk_is_said_and_not_claimed() {
    let disk = |id: &str| {
        let mut disk = resource(id, ResourceKind::Disk);
        (disk.instance_type, disk.state, disk.size_gib) =
            (Some("gp3".to_owned()), ResourceState::Attached, Some(500.0));
        disk
    };
    let mut metrics = hourly("roomy", MetricName::StorageUsed, |_| 100.0);
    metrics.extend(hourly("snug", MetricName::StorageUsed, |_| 300.0));
    let facts = company(vec![disk("roomy"), disk("snug"), disk("unmeasured")], metrics, 0);
    refused(&facts, "roomy", "at most 100 of 500 GiB, and 150 would do for about 70.00 USD a month less");
    let plan = plan(&facts).unwrap();
    let of = |id: &str| {
        plan.skips.iter().filter(|skip| skip.subject == id && skip.considered == "less storage").count()
    };
    assert_eq!((of("roomy"), of("snug"), of("unmeasured")), (1, 0, 0));
}
