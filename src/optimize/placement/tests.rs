use domain::{
    ActionType, Commitment, HourlyMetric, MetricName, Plan, PricingPlan, Recommendation, ResourceState, Step,
    UsageHour, to_cents,
};
use proptest::prelude::*;

use super::*;
use crate::plan;
use crate::properties::adds_up;
use crate::testing::{
    ELSEWHERE, OTHER_CLOUD, REGION, facts, hourly, may_move, reserved, resource, tagged, vm, wider_book,
};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A machine that needs what it has, sends 0.5 MB/s and receives half of that.
fn busy(id: &str) -> Vec<HourlyMetric> {
    let of = |metric, value: f64| hourly(id, metric, move |_| value);
    [
        of(MetricName::CpuUtilization, 55.0),
        of(MetricName::MemoryUsed, 52.0),
        of(MetricName::NetworkOut, 0.5),
        of(MetricName::NetworkIn, 0.25),
        of(MetricName::DiskReadIops, 20.0),
        of(MetricName::DiskWriteIops, 20.0),
        of(MetricName::DiskThroughput, 1.0),
    ]
    .concat()
}

/// Machines of 0.80 USD an hour that may move to where they cost 0.48.
fn machines(ids: &[&str], held: Vec<Commitment>) -> Facts {
    let metrics = ids.iter().flat_map(|id| busy(id)).collect();
    let mut facts = facts(ids.iter().map(|id| vm(id, "m6i.4xlarge")).collect(), metrics, held);
    facts.policy.plan.purchases = false;
    may_move(&mut facts);
    facts
}

fn moves(plan: &Plan) -> Vec<&Recommendation> {
    let mut moves: Vec<_> = plan.recommendations.iter().filter(|found| found.step == Step::Move).collect();
    moves.sort_by(|a, b| a.key.cmp(&b.key));
    moves
}

fn planned(facts: &Facts) -> Plan {
    let plan = plan(facts).unwrap();
    adds_up(&plan);
    plan
}

/// Something else about the facts.
type Change<'a> = &'a dyn Fn(&mut Facts);

/// Why nothing moved.
fn reason(facts: &Facts) -> String {
    let plan = planned(facts);
    assert!(moves(&plan).is_empty(), "{:?}", moves(&plan));
    let skips =
        plan.skips.iter().filter(|skip| skip.considered == CONSIDERED || skip.considered.starts_with("move"));
    skips.map(|skip| skip.reason.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_move_saves_the_price_less_traffic_and_transition_to_the_cent() {
    let plan = planned(&machines(&["a"], vec![]));
    let [moved] = moves(&plan)[..] else { panic!("{:?}", plan.skips) };
    // 730 h × 0.32 USD are 233.60. Traffic: 1223.758 GiB back at 0.01 and 611.879 there at 0.02 are 24.48. Once:
    // 4 h at 100 USD and 7 days at 0.48 are 480.64, a twelfth of which is 40.05.
    assert_eq!(to_cents(moved.estimated_monthly_savings.expected), dec("169.07"));
    assert_eq!(to_cents(plan.before - plan.after), dec("169.07"));
    assert_eq!(
        (moved.action_type, moved.finding),
        (ActionType::MoveRegion, domain::Finding::CheaperElsewhere)
    );
    assert_eq!(moved.recommended.as_deref(), Some("m6i.4xlarge in aws/eu-west-1"));
    // Twice the work costs 33.33 more; half of the traffic 12.24 less.
    assert_eq!(to_cents(moved.estimated_monthly_savings.low), dec("135.74"));
    assert_eq!(to_cents(moved.estimated_monthly_savings.high), dec("181.31"));
    // 24.48 + 169.07 are 7.9 times the traffic; 169.07 × 12 are 20 more hours; and 29 % of 584.
    assert_eq!(
        moved.flips_if,
        "traffic to pay grows to 7.9 times what was measured, or the move takes more than 24 hours, or the price there \
         rises by 29 % of that here"
    );
    assert!(
        plan.assumptions.iter().any(|said| said.contains("24.48 USD a month for traffic")),
        "{:?}",
        plan.assumptions
    );
    assert!(moved.risk.score > 0.01 && !moved.evidence.is_empty());
}

#[test]
fn a_policy_without_places_is_said_once() {
    let mut facts = machines(&["a", "b"], vec![]);
    facts.policy.placement.places.clear();
    assert_eq!(reason(&facts), "the policy allows no place to move to: name them in placement.places");
    // What runs in the only place is not worth a word.
    facts.policy.placement.places = vec![Place::of(&vm("a", "m6i.4xlarge"))];
    assert_eq!(reason(&facts), "");
}

#[test]
fn hard_filters_go_before_any_saving() {
    let place = |name: &str| Place::try_from(name.to_owned()).unwrap();
    let with = |change: Change<'_>| {
        let mut facts = machines(&["a"], vec![]);
        change(&mut facts);
        reason(&facts)
    };
    let tag = |facts: &mut Facts, key: &str, value: &str| {
        facts.resources[0].tags.insert(key.to_owned(), value.to_owned());
    };
    let filters: [(Change<'_>, &str); 8] = [
        (&|facts| tag(facts, "role", "database"), "the tag role=database of a pins it"),
        (&|facts| tag(facts, "residency", "de"), "names no region group"),
        (
            &|facts| {
                let groups = &mut facts.policy.placement.region_groups;
                groups.insert("de".to_owned(), vec![place("aws/eu-central-1")]);
            },
            "is in the region group de, and it is not",
        ),
        (&|facts| facts.policy.placement.maximum_latency_ms = 19.0, "takes 20 ms, at most 19"),
        (
            &|facts| facts.policy.placement.links.iter_mut().for_each(|link| link.latency_ms = None),
            "round trip takes is not known",
        ),
        (&|facts| facts.policy.placement.links[1].gib = None, "no price of traffic from aws/eu-west-1"),
        (&|facts| facts.prices = crate::testing::book(), "no on_demand price for aws eu-west-1 m6i.4xlarge"),
        (
            &|facts| {
                let rows = busy("a").into_iter().filter(|row| row.metric != MetricName::NetworkIn);
                facts.metrics = rows.collect();
            },
            "incoming network was not measured",
        ),
    ];
    for (change, words) in filters {
        let reason = with(change);
        assert!(reason.contains(words), "{words}: {reason}");
    }
}

#[test]
fn little_is_not_worth_a_move() {
    let mut facts = machines(&["a"], vec![]);
    facts.policy.placement.engineering_hours = Decimal::from(16);
    // 100 USD a month more for the work: 69.07 of 584.
    let reason = reason(&facts);
    assert!(reason.contains("would save 69.07 USD a month, 12 %"), "{reason}");
}

#[test]
fn a_reservation_stays_behind_until_it_ends() {
    // It ends after a fifth of the horizon, in which both are paid: 0.8 × 0.32 − 0.2 × 0.48 are 0.16 an hour,
    // 116.80 a month.
    let mut facts = machines(&["a"], vec![reserved("ri", "m6i.4xlarge", 1, 73)]);
    facts.policy.placement.minimum_saving = 0.05;
    let plan = planned(&facts);
    let [moved] = moves(&plan)[..] else { panic!("{:?}", plan.skips) };
    assert_eq!(to_cents(moved.estimated_monthly_savings.expected), dec("52.27"));
    let lost = moved.evidence.iter().find(|fact| fact.label == "Commitments that stay behind").unwrap();
    assert!(lost.value.starts_with("116.80 USD a month"), "{}", lost.value);
    // For the whole horizon, nothing is saved.
    let reason = reason(&machines(&["a"], vec![reserved("ri", "m6i.4xlarge", 1, 365)]));
    assert!(reason.contains("584.00 USD lost in commitments that stay behind"), "{reason}");
}

#[test]
fn a_compute_savings_plan_follows() {
    let plan_of = |quantity: &str| {
        let held = reserved("sp", "m6i.4xlarge", 1, 365);
        let (region, instance_type, os) = (None, None, None);
        let quantity = dec(quantity);
        Commitment { plan: PricingPlan::ComputeSp, region, instance_type, os, quantity, ..held }
    };
    // 0.336 USD an hour cover 60 % of it here (0.56) and all of it there: what it pays on demand is saved in full.
    let plan = planned(&machines(&["a"], vec![plan_of("0.336")]));
    let [moved] = moves(&plan)[..] else { panic!("{:?}", plan.skips) };
    assert_eq!(to_cents(moved.estimated_monthly_savings.expected), dec("169.07"));
    // A reservation of half of it does not follow: 0.24 an hour and 0.48 there are more than 0.24 and 0.40 here.
    let reason = reason(&machines(&["a"], vec![reserved("ri", "m6i.2xlarge", 1, 365)]));
    assert!(reason.contains("would save -122.93 USD a month"), "{reason}");
}

#[test]
fn a_group_moves_together_with_its_disk_or_not_at_all() {
    let mut facts = machines(&["a", "b"], vec![]);
    let mut disk = resource("disk", domain::ResourceKind::Disk);
    (disk.instance_type, disk.size_gib, disk.state) =
        (Some("gp3".to_owned()), Some(600.0), ResourceState::Attached);
    facts.resources.push(disk);
    facts.monthly_costs.insert("disk".to_owned(), Decimal::from(48));
    for resource in &mut facts.resources {
        resource.group = Some("web".to_owned());
    }
    let plan = planned(&facts);
    let moved = moves(&plan);
    assert_eq!(moved.len(), 3, "{:?}", plan.skips);
    // The disk costs 60 % there, and 600 GiB at 0.02 USD to copy, a twelfth of it a month: 19.20 − 1.
    assert_eq!(to_cents(moved[2].estimated_monthly_savings.expected), dec("18.20"));
    let lost = moved[0].evidence.iter().find(|fact| fact.label == "Commitments that stay behind").unwrap();
    assert!(lost.value.starts_with("0.00 USD"), "{}", lost.value);
    // The work is shared: 16.67 USD a month less for each than alone.
    assert_eq!(to_cents(moved[0].estimated_monthly_savings.expected), dec("185.74"));
    // One that is pinned keeps all of them.
    let mut pinned = facts.clone();
    pinned.resources[1] = tagged(pinned.resources[1].clone(), &[("placement", "pinned")]);
    let found = reason(&pinned);
    assert!(
        found.contains("placement=pinned of b") && found.contains("3 resources move together"),
        "{found}"
    );
    // And so does a disk whose size nobody knows.
    facts.resources[2].size_gib = None;
    assert!(reason(&facts).contains("disk: its size is not known"));
}

#[test]
fn later_steps_see_the_new_place() {
    let mut facts = machines(&["a"], vec![]);
    facts.resources[0] = tagged(facts.resources[0].clone(), &[("workload", "batch"), ("app", "jobs")]);
    let mut disk = tagged(resource("disk", domain::ResourceKind::Disk), &[("app", "jobs")]);
    (disk.instance_type, disk.size_gib, disk.state) =
        (Some("gp2".to_owned()), Some(600.0), ResourceState::Attached);
    facts.resources.push(disk);
    facts.monthly_costs.insert("disk".to_owned(), Decimal::from(60));
    let plan = planned(&facts);
    let of = |step: Step| {
        let mut found = plan.recommendations.iter().filter(|found| found.step == step);
        found.next().unwrap_or_else(|| panic!("no {step}: {:?}", plan.skips))
    };
    assert_eq!(moves(&plan).len(), 2);
    // Spot costs 35 % of 0.48 USD there, and little more with interruptions.
    let list = dec("0.48") * Decimal::from(730);
    let spot = of(Step::Spot).estimated_monthly_savings.expected / list;
    assert!(spot > dec("0.55") && spot < dec("0.65"), "{spot}");
    // gp3 costs 80 % of the 36 USD that gp2 costs there; copying is no cheaper by it. What it has to carry was not
    // measured: another 125 MB/s at 0.04 USD are 5 USD.
    assert_eq!(to_cents(of(Step::Storage).estimated_monthly_savings.expected), dec("2.20"));
}

#[test]
fn another_cloud_needs_consent_and_an_account() {
    let mut facts = machines(&["a"], vec![]);
    let [here, there] =
        ["aws/eu-central-1", "gcp/europe-west3"].map(|name| Place::try_from(name.to_owned()).unwrap());
    for link in &mut facts.policy.placement.links {
        for place in [&mut link.from, &mut link.to] {
            if place.region == ELSEWHERE {
                *place = there.clone();
            }
        }
    }
    facts.policy.placement.places = vec![here, there];
    facts.policy.placement.engineering_hours_other_cloud = Decimal::from(4);
    assert!(reason(&facts).contains("another cloud, which placement.other_cloud does not allow"));
    facts.policy.placement.other_cloud = true;
    assert!(reason(&facts).contains("name it in placement.accounts.gcp"));
    facts.policy.placement.accounts = [(Provider::Gcp, "shop".to_owned())].into();
    let plan = planned(&facts);
    let [moved] = moves(&plan)[..] else { panic!("{:?}", plan.skips) };
    // The smallest that carries it has as many cores: 0.40 USD an hour, of which sustained use takes 19.98 %.
    // 292 + 58.34 − 24.48 − (400 + 67.20) / 12.
    assert_eq!(moved.recommended.as_deref(), Some("n2-standard-16 in gcp/europe-west3"));
    assert_eq!(to_cents(moved.estimated_monthly_savings.expected), dec("286.93"));
    assert_eq!(moved.action_type, ActionType::MoveCloud);
    assert!(moved.risk.score > 0.1, "{}", moved.risk.score);
    // A need that no type of it carries.
    facts.metrics = busy("a")
        .into_iter()
        .map(|row| match row.metric {
            MetricName::CpuUtilization => HourlyMetric { average: 80.0, p95: 80.0, maximum: 80.0, ..row },
            _ => row,
        })
        .collect();
    assert!(reason(&facts).contains("no type in the catalogue carries"));
}

#[test]
fn commitments_are_bought_where_the_usage_will_be() {
    let mut facts = machines(&["a"], vec![]);
    facts.policy.plan.purchases = true;
    let plan = planned(&facts);
    assert_eq!(moves(&plan).len(), 1);
    let bought: Vec<_> = plan.recommendations.iter().filter_map(|found| found.purchase.as_ref()).collect();
    assert!(!bought.is_empty(), "{:?}", plan.skips);
    let regions: Vec<_> = bought.iter().filter_map(|bought| bought.commitment.region.as_deref()).collect();
    assert!(regions.iter().all(|region| *region == ELSEWHERE), "{regions:?}");
    // All of the list price there at 60 % is the best that there is.
    let saved: Decimal = plan
        .recommendations
        .iter()
        .filter(|found| found.step == Step::Commit)
        .map(|found| found.estimated_monthly_savings.expected)
        .sum();
    let list = dec("0.48") * Decimal::from(730);
    assert!(saved > list * dec("0.25") && saved <= list * dec("0.4"), "{saved} of {list}");
}

#[test]
fn a_machine_that_is_resized_moves_as_what_it_becomes() {
    let mut facts = machines(&["a"], vec![]);
    facts.metrics = busy("a")
        .into_iter()
        .map(|row| match row.metric {
            MetricName::CpuUtilization => HourlyMetric { average: 20.0, p95: 20.0, maximum: 20.0, ..row },
            MetricName::MemoryUsed => HourlyMetric { average: 25.0, p95: 25.0, maximum: 25.0, ..row },
            _ => row,
        })
        .collect();
    facts.policy.placement.engineering_hours = Decimal::ZERO;
    let plan = planned(&facts);
    let [moved] = moves(&plan)[..] else { panic!("{:?}", plan.skips) };
    assert_eq!(moved.recommended.as_deref(), Some("r6i.xlarge in aws/eu-west-1"));
    // After the resize to 0.252 USD an hour, 40 % of that are left to save; alone, it would be 0.32.
    assert_eq!(moved.stand_alone_monthly_savings - moved.estimated_monthly_savings.expected, dec("160.016"));
}

/// Some machines in groups, some held commitments, and terms of a move.
fn fleets() -> impl Strategy<Value = Facts> {
    let machine = (1..5_usize, 0..4_u8, 5.0..95.0_f64, any::<bool>());
    let held = prop::collection::vec((1..4_i64, 1..400_i64, any::<bool>()), 0..3);
    (prop::collection::vec(machine, 1..6), held, 0..6_i64, 0..20_i64, any::<bool>()).prop_map(
        |(found, held, hours, millis, other_cloud)| {
            let sizes = ["large", "xlarge", "2xlarge", "4xlarge"];
            let (mut resources, mut metrics) = (Vec::new(), Vec::new());
            for (index, (size, group, cpu, batch)) in found.into_iter().enumerate() {
                let id = format!("vm-{index}");
                let mut machine = vm(&id, &format!("m6i.{}", sizes[size - 1]));
                machine.group = (group > 1).then(|| format!("group-{group}"));
                if batch {
                    machine = tagged(machine, &[("workload", "batch")]);
                }
                metrics.extend(busy(&id).into_iter().map(|row| match row.metric {
                    MetricName::CpuUtilization => {
                        HourlyMetric { average: cpu, p95: cpu, maximum: cpu, ..row }
                    }
                    MetricName::MemoryUsed => HourlyMetric { average: 2.0, p95: 2.0, maximum: 2.0, ..row },
                    _ => row,
                }));
                resources.push(machine);
            }
            let held = held.into_iter().enumerate().map(|(index, (quantity, days, follows))| {
                let held = reserved(&format!("held-{index}"), "m6i.xlarge", quantity, days.min(365));
                if !follows {
                    return held;
                }
                let (region, instance_type, os) = (None, None, None);
                let quantity = Decimal::new(quantity * 9, 2);
                Commitment { plan: PricingPlan::ComputeSp, region, instance_type, os, quantity, ..held }
            });
            let mut facts = facts(resources, metrics, held.collect());
            facts.policy.plan.purchases = false;
            may_move(&mut facts);
            let settings = &mut facts.policy.placement;
            settings.engineering_hours = Decimal::from(hours);
            settings.engineering_hours_other_cloud = Decimal::from(hours);
            settings.minimum_saving = 0.05;
            for link in &mut settings.links {
                link.gib = Some(Decimal::new(millis, 3));
            }
            if other_cloud {
                let there = Place { provider: Provider::Gcp, region: OTHER_CLOUD.to_owned() };
                let renamed =
                    |place: &Place| if place.region == REGION { place.clone() } else { there.clone() };
                let links: Vec<Link> = settings
                    .links
                    .iter()
                    .map(|link| Link { from: renamed(&link.from), to: renamed(&link.to), ..link.clone() })
                    .collect();
                settings.links.extend(links);
                settings.places.push(there);
                settings.other_cloud = true;
                settings.accounts = [(Provider::Gcp, "shop".to_owned())].into();
            }
            facts
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn plans_with_moves_add_up_and_keep_together_what_belongs_together(facts in fleets()) {
        let made = planned(&facts);
        let moved: Vec<&str> = moves(&made).iter().filter_map(|found| found.resource_id.as_deref()).collect();
        let gone = |id: &str| {
            made.recommendations.iter().any(|found| found.step == Step::Delete && found.resource_id.as_deref() == Some(id))
        };
        for one in &facts.resources {
            for other in &facts.resources {
                let [one_id, other_id] = [one, other].map(|member| member.resource_id.as_str());
                if one.group.is_some() && one.group == other.group && !gone(one_id) && !gone(other_id) {
                    prop_assert_eq!(moved.contains(&one_id), moved.contains(&other_id), "{} and {}", one_id, other_id);
                }
            }
        }
        let mut turned = facts.clone();
        turned.resources.reverse();
        turned.usage.reverse();
        turned.commitments.reverse();
        prop_assert_eq!(made, plan(&turned).unwrap());
    }
}

#[test]
fn most_fleets_of_the_property_move_something() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made = (0..20).map(|_| plan(&fleets().new_tree(&mut runner).unwrap().current()).unwrap());
    let moving = made.filter(|plan| !moves(plan).is_empty()).count();
    assert!(moving >= 10, "{moving} of 20");
}

#[test]
fn usage_elsewhere_names_who_pays_there() {
    let mut facts = machines(&["a"], vec![]);
    facts.prices = wider_book();
    let row = |account: &str, quantity: i64| UsageHour {
        provider: Provider::Gcp,
        account: account.to_owned(),
        quantity: Decimal::from(quantity),
        ..facts.usage[0].clone()
    };
    let rows = [row("small", 1), row("large", 2), row("small", 1)];
    facts.usage.extend(rows);
    assert_eq!(accounts_of(&facts)[&Provider::Gcp], "large");
    facts.policy.placement.accounts = [(Provider::Gcp, "small".to_owned())].into();
    assert_eq!(accounts_of(&facts)[&Provider::Gcp], "small");
}
