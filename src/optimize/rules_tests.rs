//! Each rule on a case that it is about and on a clean one, through the whole plan.

use chrono::Duration;
use domain::{ActionType, MetricName, Plan, Recommendation, ResourceKind, ResourceState, Step, UsageHour};
use rust_decimal::Decimal;

use crate::testing::{as_of, daily, facts, hourly, load, office, reserved, resource, tagged, vm};
use crate::{Facts, PlanError, plan};

fn of<'a>(plan: &'a Plan, id: &str) -> Vec<&'a Recommendation> {
    plan.recommendations.iter().filter(|found| found.resource_id.as_deref() == Some(id)).collect()
}

fn reason<'a>(plan: &'a Plan, id: &str) -> Vec<&'a str> {
    plan.skips.iter().filter(|skip| skip.subject == id).map(|skip| skip.reason.as_str()).collect()
}

/// Without the commit step's share of the work, which has tests of its own.
fn planned(mut facts: Facts) -> Plan {
    facts.policy.plan.purchases = false;
    plan(&facts).unwrap()
}

#[test]
fn forgotten_things_are_deleted_and_used_ones_are_not() {
    let unattached = |id: &str, days: i64| {
        let mut disk = resource(id, ResourceKind::Disk);
        disk.state = ResourceState::Unattached;
        disk.state_since = Some(as_of() - Duration::days(days));
        disk
    };
    let mut snapshot = resource("old-snapshot", ResourceKind::Snapshot);
    snapshot.state_since = Some(as_of() - Duration::days(120));
    let mut image = tagged(snapshot.clone(), &[("image", "golden")]);
    image.resource_id = "image-snapshot".to_owned();
    let mut undated = unattached("undated", 0);
    undated.state_since = None;
    let mut kept = tagged(unattached("kept", 90), &[("headroom", "keep")]);
    kept.state_since = Some(as_of() - Duration::days(90));
    let unused = resource("unused-db", ResourceKind::Database);
    let used = resource("used-db", ResourceKind::Database);
    let unseen = resource("unseen-lb", ResourceKind::LoadBalancer);
    let mut metrics = hourly("unused-db", MetricName::Connections, |_| 0.0);
    metrics.extend(hourly("used-db", MetricName::Connections, |at| f64::from(u8::from(office(at)))));
    let plan = planned(facts(
        vec![
            unattached("forgotten", 40),
            unattached("recent", 5),
            snapshot,
            image,
            undated,
            kept,
            unused,
            used,
            unseen,
        ],
        metrics,
        vec![],
    ));
    for (id, found) in [("forgotten", 1), ("old-snapshot", 1), ("unused-db", 1)] {
        assert_eq!(of(&plan, id).len(), found, "{id}");
        assert_eq!(of(&plan, id)[0].estimated_monthly_savings.expected, Decimal::ONE_HUNDRED);
    }
    for (id, why) in [
        ("recent", "for 5 days only"),
        ("image-snapshot", "image golden"),
        ("undated", "since when is not known"),
        ("kept", "headroom=keep"),
        ("used-db", "up to 1 connections"),
        ("unseen-lb", "not measured"),
    ] {
        assert!(
            of(&plan, id).is_empty() && reason(&plan, id).iter().any(|said| said.contains(why)),
            "{id}: {:?}",
            reason(&plan, id)
        );
    }
}

#[test]
fn dev_machines_follow_office_hours_and_production_does_not() {
    let cpu = |at| if office(at) { 45.0 } else { 1.0 };
    let dev = tagged(vm("dev", "m6i.large"), &[("env", "dev")]);
    let prod = tagged(vm("prod", "m6i.large"), &[("env", "prod")]);
    let night = tagged(vm("night", "m6i.large"), &[("env", "dev")]);
    let mut metrics = load("dev", cpu, 6.0);
    metrics.extend(load("prod", cpu, 6.0));
    metrics.extend(load("night", daily(30.0, 20.0), 6.0));
    let plan = planned(facts(vec![dev, prod, night], metrics, vec![]));
    let found = of(&plan, "dev");
    assert_eq!((found.len(), found[0].action_type), (1, ActionType::Schedule));
    assert!(found[0].summary.contains("Mon–Fri 07:00–18:00"), "{}", found[0].summary);
    // 11 of 24 hours on 20 or 21 weekdays of the 30 days: the rest of 73 USD a month.
    let saving = found[0].estimated_monthly_savings.expected;
    assert!(Decimal::from(48) < saving && saving < Decimal::from(51), "{saving}");
    assert!(of(&plan, "prod").is_empty() && of(&plan, "night").is_empty());
}

#[test]
fn batch_goes_to_spot_and_services_do_not() {
    let member = |id: &str, tags: &[(&str, &str)], group: &str| {
        let mut member = tagged(vm(id, "m6i.large"), tags);
        member.group = Some(group.to_owned());
        member
    };
    let mut resources = Vec::new();
    let mut metrics = Vec::new();
    for number in 0..4 {
        resources.push(member(&format!("batch-{number}"), &[("workload", "batch")], "batch"));
        resources.push(member(&format!("worker-{number}"), &[("role", "worker")], "workers"));
        resources.push(member(&format!("web-{number}"), &[("role", "web")], "web"));
        resources.push(member(
            &format!("queue-{number}"),
            &[("workload", "batch"), ("stateful", "true")],
            "queue",
        ));
    }
    for resource in &resources {
        metrics.extend(load(&resource.resource_id, daily(40.0, 15.0), 6.0));
    }
    let plan = planned(facts(resources, metrics, vec![]));
    let spot =
        |name: &str| (0..4).filter(|number| !of(&plan, &format!("{name}-{number}")).is_empty()).count();
    assert_eq!(
        (spot("batch"), spot("workers".trim_end_matches('s')), spot("web"), spot("queue")),
        (4, 2, 0, 0)
    );
    assert!(reason(&plan, "worker-0").iter().any(|said| said.contains("floor")));
    assert!(reason(&plan, "web-0").iter().any(|said| said.contains("nothing says")));
    assert!(reason(&plan, "queue-0").iter().any(|said| said.contains("stateful=true")));
}

#[test]
fn volumes_and_buckets_move_where_it_pays() {
    let disk = |id: &str, gib: f64| {
        let mut disk = resource(id, ResourceKind::Disk);
        (disk.instance_type, disk.state, disk.size_gib) =
            (Some("gp2".to_owned()), ResourceState::Attached, Some(gib));
        disk
    };
    let bucket = |id: &str, reads: f64, kib: f64| {
        let mut bucket = resource(id, ResourceKind::Bucket);
        (bucket.storage_class, bucket.size_gib) = (Some("STANDARD".to_owned()), Some(4000.0));
        (bucket.reads_per_gib_month, bucket.mean_object_kib) = (Some(reads), Some(kib));
        bucket
    };
    let plan = planned(facts(
        vec![
            disk("large", 500.0),
            // Kept at 250 MB/s gp3 costs 200 × 0.08 + 5: more than 200 × 0.10.
            disk("middling", 200.0),
            bucket("cold", 0.001, 4096.0),
            bucket("warm", 1.5, 4096.0),
            bucket("crumbs", 0.001, 8.0),
        ],
        vec![],
        vec![],
    ));
    assert_eq!(of(&plan, "large")[0].action_type, ActionType::Upgrade);
    // 500 × 0.08 + 125 × 0.04 of 500 × 0.10: 90 % remain of the 100 that are billed.
    assert_eq!(of(&plan, "large")[0].estimated_monthly_savings.expected, Decimal::TEN);
    assert!(of(&plan, "middling").is_empty());
    assert_eq!(of(&plan, "cold")[0].recommended.as_deref(), Some("GLACIER_IR"));
    assert!(of(&plan, "warm").is_empty() && of(&plan, "crumbs").is_empty());
}

#[test]
fn a_machine_that_a_commitment_covers_saves_nothing_until_it_ends() {
    let idle =
        |id: &str| load(id, |_| 0.5, 1.0).into_iter().filter(|row| row.metric == MetricName::CpuUtilization);
    let company = |days: i64, other: bool| {
        let mut resources = vec![vm("idle", "m6i.large")];
        let mut metrics: Vec<_> = idle("idle").collect();
        if other {
            resources.push(vm("busy", "m6i.large"));
            metrics.extend(load("busy", daily(40.0, 15.0), 6.0));
        }
        planned(facts(resources, metrics, vec![reserved("ri", "m6i.large", 1, days)]))
    };
    // Covered for the whole horizon, and nobody else to take it over.
    let covered = company(365, false);
    assert!(of(&covered, "idle").is_empty());
    assert!(
        reason(&covered, "idle")
            .iter()
            .any(|said| said.contains("held commitments cover it until 2027-03-10"))
    );
    assert!(reason(&covered, "ri").is_empty());
    // It ends after 73 days: the saving of the last four fifths of the year remains.
    let ending = company(73, false);
    assert_eq!(of(&ending, "idle")[0].estimated_monthly_savings.expected, Decimal::new(584, 1));
    assert!(reason(&ending, "ri").iter().any(|said| said.contains("expiring")));
    // Another machine takes the commitment over: all of the list price is saved.
    let reused = company(365, true);
    assert_eq!(of(&reused, "idle")[0].estimated_monthly_savings.expected, Decimal::from(73));
}

#[test]
fn a_resized_machine_is_scheduled_at_its_new_price() {
    let dev = tagged(vm("dev", "m6i.2xlarge"), &[("env", "dev")]);
    let plan = planned(facts(vec![dev], load("dev", |at| if office(at) { 9.0 } else { 0.8 }, 5.0), vec![]));
    let found = of(&plan, "dev");
    assert_eq!(found.len(), 2);
    let saving = |step: Step| {
        let of_step = found.iter().find(|found| found.step == step).unwrap();
        (of_step.stand_alone_monthly_savings, of_step.estimated_monthly_savings.expected)
    };
    // 0.4 → 0.1 USD an hour; then two thirds of 73 instead of two thirds of 292.
    assert_eq!(saving(Step::Rightsize), (Decimal::from(219), Decimal::from(219)));
    let (alone, incremental) = saving(Step::Schedule);
    assert!((alone - incremental * Decimal::from(4)).abs() < Decimal::new(1, 5), "{alone} {incremental}");
}

#[test]
fn what_has_no_price_is_said_and_not_guessed() {
    let mut facts = facts(vec![vm("odd", "z9.large")], load("odd", |_| 0.5, 1.0), vec![]);
    facts.monthly_costs.insert("odd".to_owned(), Decimal::from(55));
    let plan = planned(facts);
    assert!(plan.recommendations.is_empty());
    assert_eq!((plan.before, plan.after), (Decimal::from(55), Decimal::from(55)));
    assert!(plan.skips.iter().any(|skip| skip.considered == "pricing" && skip.subject.contains("z9.large")));
}

#[test]
fn nonsense_is_refused() {
    let twice = facts(vec![vm("a", "m6i.large"), vm("a", "m6i.large")], vec![], vec![]);
    assert_eq!(plan(&twice), Err(PlanError::Duplicate("a".to_owned())));
    let mut euros = facts(vec![], vec![], vec![]);
    euros.currency = "EUR".parse().unwrap();
    assert!(matches!(plan(&euros), Err(PlanError::Currency(_))));
    let mut negative = facts(vec![vm("a", "m6i.large")], vec![], vec![]);
    let row = negative.usage[3].clone();
    negative.usage.push(UsageHour { quantity: Decimal::NEGATIVE_ONE, ..row });
    assert!(matches!(plan(&negative), Err(PlanError::Billing(_))));
    let empty = plan(&facts(vec![], vec![], vec![])).unwrap();
    assert_eq!((empty.before, empty.after, empty.recommendations.len()), (Decimal::ZERO, Decimal::ZERO, 0));
}
