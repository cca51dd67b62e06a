use chrono::Duration;
use domain::{Commitment, Finding, HourlyMetric, MetricName};
use proptest::prelude::*;

use super::*;
use crate::plan;
use crate::testing::{as_of, daily, facts, hourly, load, office, reserved, resource, tagged, vm};

fn then() -> DateTime<Utc> {
    as_of() - Duration::days(14)
}

/// Four machines: too large, idle, used in office hours only, and one that is as it should be; a forgotten disk.
fn company(cpu: impl Fn(DateTime<Utc>) -> f64, held: Vec<Commitment>) -> Facts {
    let mut disk = resource("disk", ResourceKind::Disk);
    disk.state = ResourceState::Unattached;
    disk.state_since = Some(as_of() - Duration::days(90));
    let resources = vec![
        vm("large", "m6i.4xlarge"),
        vm("idle", "m6i.large"),
        tagged(vm("office", "m6i.xlarge"), &[("env", "dev")]),
        vm("fine", "m6i.large"),
        disk,
    ];
    let mut metrics = load("large", cpu, 4.0);
    metrics.extend(hourly("idle", MetricName::CpuUtilization, |_| 0.3));
    metrics.extend(load("office", |at| if office(at) { 70.0 } else { 1.0 }, 14.0));
    metrics.extend(load("fine", daily(40.0, 30.0), 7.0));
    let mut facts = facts(resources, metrics, held);
    facts.policy.plan.purchases = false;
    facts
}

fn advised(facts: &Facts) -> Plan {
    plan(&facts.clone().known_at(then())).unwrap()
}

fn adds_up(replay: &AdviceReplay) {
    let steps: Decimal = replay.steps.iter().map(|step| step.realized).sum();
    let each: Decimal = replay.advice.iter().map(|advice| advice.realized).sum();
    assert_eq!((steps, each), (replay.realized(), replay.realized()));
    assert_eq!(replay.claimed(), replay.advice.iter().map(|advice| advice.claimed).sum());
    let judged: usize = replay.steps.iter().map(|step| step.judged).sum();
    let left: usize = replay.steps.iter().map(|step| step.unjudged).sum();
    assert_eq!((judged, left), (replay.advice.len(), replay.unjudged.len()));
}

#[test]
fn what_goes_on_as_it_was_saves_what_was_claimed() {
    let facts = company(daily(8.0, 6.0), vec![]);
    let plan = advised(&facts);
    let replay = advice(RunId(1), &plan, &facts).unwrap();
    adds_up(&replay);
    assert_eq!((replay.since, replay.until), (then(), as_of()));
    assert!(plan.recommendations.len() >= 4 && replay.unjudged.is_empty(), "{replay:#?}");
    // The bill of the plan is that of a month; these are two weeks of it.
    let part = Decimal::from(14 * 24) / Decimal::from(730);
    assert!((replay.paid - plan.before * part).abs() < Decimal::new(1, 3), "{} {}", replay.paid, plan.before);
    assert!((replay.with_advice - plan.after * part).abs() < Decimal::new(2, 2), "{replay:#?}");
    // A schedule saves by whole weeks, and the plan's month is no number of them: its 30 days have other weekends.
    let off = |advice: &&ReplayedAdvice| advice.step == Step::Schedule;
    for advice in replay.advice.iter().filter(|advice| !off(advice)) {
        assert!((advice.claimed - advice.realized).abs() < Decimal::new(1, 3), "{advice:?}");
    }
    let scheduled = replay.advice.iter().find(off).unwrap();
    let ratio = domain::to_statistic(scheduled.realized / scheduled.claimed);
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
    assert_eq!((replay.overload().short, replay.ever_short()), (0, 0));
    assert_eq!(replay.measured(), 3, "the disk has no load");
}

#[test]
fn nothing_that_came_later_changes_the_advice() {
    let facts = company(daily(8.0, 6.0), vec![reserved("old", "m6i.large", 1, 100)]);
    let before = advised(&facts);
    let mut other = facts.clone();
    other.metrics = company(|at| if at >= then() { 95.0 } else { daily(8.0, 6.0)(at) }, vec![]).metrics;
    for row in other.usage.iter_mut().filter(|row| row.hour >= then()) {
        row.quantity *= Decimal::from(7);
    }
    let bought =
        Commitment { starts_at: then() + Duration::days(1), ..reserved("new", "m6i.4xlarge", 3, 300) };
    other.commitments.push(bought);
    let mut appeared = vm("appeared", "m6i.4xlarge");
    appeared.state_since = Some(then() + Duration::days(2));
    other.resources.push(appeared);
    assert_eq!(advised(&other), before);
    // And what came is not the same.
    let replays = [&facts, &other].map(|facts| advice(RunId(1), &before, facts).unwrap());
    assert_ne!(replays[0].paid, replays[1].paid);
}

#[test]
fn a_load_that_grew_is_too_much_for_the_smaller_size() {
    let grown = |at: DateTime<Utc>| if at >= then() + Duration::days(7) { 90.0 } else { daily(8.0, 6.0)(at) };
    let facts = company(grown, vec![]);
    let replay = advice(RunId(1), &advised(&facts), &facts).unwrap();
    let large = replay.advice.iter().find(|advice| advice.key.ends_with(":large")).unwrap();
    let expected =
        Overload { hours: 336, short: 168, short_anyway: 0, limiting: Some(MetricName::CpuUtilization) };
    assert_eq!(large.overload, Some(expected));
    assert_eq!(replay.ever_short(), 1);
}

#[test]
fn what_somebody_changed_or_removed_is_not_judged() {
    let facts = company(daily(8.0, 6.0), vec![]);
    let plan = advised(&facts);
    let mut later = facts.clone();
    later.resources.retain(|resource| resource.resource_id != "disk");
    for resource in &mut later.resources {
        match resource.resource_id.as_str() {
            "large" => resource.instance_type = Some("m6i.xlarge".to_owned()),
            "idle" => {
                resource.state = ResourceState::Stopped;
                resource.state_since = Some(then() + Duration::days(3));
            }
            _ => {}
        }
    }
    let replay = advice(RunId(1), &plan, &later).unwrap();
    adds_up(&replay);
    let reason = |id: &str| &replay.unjudged.iter().find(|skip| skip.subject == id).unwrap().reason;
    assert_eq!(reason("disk"), "it is not in the inventory any more");
    assert_eq!(reason("large"), "it was changed: it is m6i.xlarge now");
    assert_eq!(reason("idle"), "it is stopped since 2026-02-27");
    let mut old = plan;
    old.recommendations.iter_mut().for_each(|advice| advice.effect = None);
    let replay = advice_of(&old, &facts);
    assert!(replay.advice.is_empty() && replay.paid == replay.with_advice && !replay.unjudged.is_empty());
}

fn advice_of(plan: &Plan, facts: &Facts) -> AdviceReplay {
    advice(RunId(1), plan, facts).unwrap()
}

#[test]
fn a_commitment_bought_since_pays_for_what_would_have_been_stopped() {
    // Half of the time is at list price; then a reservation pays for the idle machine anyway.
    let facts = company(daily(8.0, 6.0), vec![]);
    let plan = advised(&facts);
    let idle = plan.recommendations.iter().find(|found| found.finding == Finding::Idle).unwrap();
    let alone = Plan { recommendations: vec![idle.clone()], ..plan.clone() };
    let free = advice_of(&alone, &facts).realized();
    let mut held = facts.clone();
    // Both m6i.large are covered, so nothing else can use what the idle one leaves.
    let starts_at = then() + Duration::days(7);
    held.commitments.push(Commitment { starts_at, ..reserved("new", "m6i.large", 2, 300) });
    let half = advice_of(&alone, &held);
    let list = Decimal::new(10, 2) * Decimal::from(14 * 24);
    assert_eq!(free, list);
    // Size flexibility lets the larger machines use what it leaves: worth the same list price there.
    assert!(half.realized() <= list && half.realized() >= list / Decimal::TWO, "{half:?}");
    assert!(half.paid < advice_of(&alone, &facts).paid);
    // A purchase that was advised is judged by what it would have covered.
    let purchase = domain::Purchase {
        commitment: Commitment { starts_at: then(), ..reserved("advised", "m6i.large", 1, 351) },
        expected_saving_usd: Decimal::from(300),
        saving_p10_usd: Decimal::from(200),
        saving_p90_usd: Decimal::from(400),
        break_even_utilization: 0.6,
        reason: "steady".to_owned(),
    };
    let bought = crate::purchases::recommendation(purchase, Decimal::from(20), Decimal::from(20));
    let replay = advice_of(&Plan { recommendations: vec![bought], ..plan }, &facts);
    adds_up(&replay);
    assert!(replay.realized() > Decimal::ZERO && replay.steps[0].step == Step::Commit, "{replay:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever came, the parts add up and nothing saves more than was paid.
    #[test]
    fn parts_add_up_whatever_came(cpu in 0.0..99.0_f64, held in 0..6_i64, factor in 0..4_i64, gap in 0..14_i64) {
        let commitments = if held == 0 { vec![] } else { vec![reserved("r", "m6i.large", held, 100)] };
        let then_cpu = |at: DateTime<Utc>| if at >= then() { cpu } else { daily(8.0, 6.0)(at) };
        let mut facts = company(then_cpu, commitments);
        let plan = advised(&facts);
        let from = then() + Duration::days(gap);
        for row in facts.usage.iter_mut().filter(|row| row.hour >= from) {
            row.quantity *= Decimal::from(factor);
        }
        let replay = advice_of(&plan, &facts);
        adds_up(&replay);
        prop_assert!(replay.with_advice >= Decimal::ZERO && replay.paid >= Decimal::ZERO);
        let hours = replay.advice.iter().filter_map(|advice| advice.overload);
        prop_assert!(hours.into_iter().all(|overload| overload.short <= overload.hours));
    }
}

/// Metrics of one kind are enough to be judged by.
#[test]
fn only_what_was_measured_is_counted() {
    let facts = company(daily(8.0, 6.0), vec![]);
    let plan = advised(&facts);
    let mut unmeasured = facts.clone();
    let cpu: Vec<HourlyMetric> = hourly("large", MetricName::CpuUtilization, daily(8.0, 6.0));
    unmeasured.metrics = cpu.into_iter().collect();
    let replay = advice_of(&plan, &unmeasured);
    assert_eq!(replay.measured(), 1);
    assert_eq!(replay.overload().hours, 14 * 24);
}
