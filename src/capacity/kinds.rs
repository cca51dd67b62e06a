//! Every kind of workload through the same planner: what differs, and what never does.

use domain::{CapacityKind, CapacityPlan, Forecast, Frequency, Grid, Stamp};
use proptest::prelude::*;

use crate::export::{Format, export};
use crate::{Backlog, Goal, Settings, SettingsInput, Simulation, Survive, advise, plan, plan_compared};

fn demand(seconds: i64, values: &[f64]) -> Forecast {
    let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
    let grid = Grid { start, frequency: Frequency::Seconds(seconds) };
    crate::testing::forecast(grid, &[0.5, 0.99], &[values.to_vec(), values.to_vec()])
}

fn input(kind: CapacityKind, unit_throughput: f64) -> SettingsInput {
    SettingsInput {
        kind,
        target_utilization: 1.0,
        change_penalty: 0.0,
        lead_time_seconds: 0,
        min_instances: 0,
        ..SettingsInput::new(unit_throughput)
    }
}

fn settings(kind: CapacityKind, unit_throughput: f64, lot: u32) -> Settings {
    SettingsInput { lot, ..input(kind, unit_throughput) }.check().unwrap()
}

fn required(plan: &CapacityPlan) -> Vec<u32> {
    plan.rows.iter().map(|row| row.required).collect()
}

fn says(plan: &CapacityPlan, what: &str) -> bool {
    plan.assumptions.iter().any(|sentence| sentence.contains(what))
}

#[test]
fn every_kind_counts_its_own_unit() {
    let shop = demand(3600, &[500.0, 2000.0, 800.0]);
    let instances = plan(&shop, &settings(CapacityKind::Instances, 100.0, 1));
    assert_eq!(required(&instances), [5, 20, 8]);
    let readers = plan(&shop, &settings(CapacityKind::ReadReplicas, 300.0, 1));
    assert_eq!(required(&readers), [2, 7, 3]);
    assert!(says(&readers, "One replica saturates at 300") && says(&readers, "One node writes"));
    let units = plan(&shop, &settings(CapacityKind::ThroughputUnits, 10.0, 100));
    assert_eq!(required(&units), [100, 200, 100]);
    assert!(says(&units, "lots of 100 units") && says(&units, "refused rather than queued"));
    let disk = plan(&shop, &settings(CapacityKind::Storage, 5.0, 50));
    assert_eq!(required(&disk), [100, 400, 400], "what is stored stays");
    assert!(says(&disk, "One GiB holds 5 and is filled to 100 %") && says(&disk, "never fall"));
}

#[test]
fn storage_of_a_day_is_one_row() {
    let disk = plan(&demand(86_400, &[90.0, 101.0, 95.0]), &settings(CapacityKind::Storage, 1.0, 50));
    assert_eq!(required(&disk), [100, 150, 150]);
    assert!((crate::row_hours(&disk.rows) - 24.0).abs() < 1e-12 && !says(&disk, "peaks within"));
}

#[test]
fn a_backlog_is_gone_in_time() {
    let backlog = |messages, drain_seconds| {
        let backlog = Some(Backlog { messages, drain_seconds });
        SettingsInput { backlog, ..input(CapacityKind::Workers, 5.0) }.check().unwrap()
    };
    let arrivals = demand(3600, &[20.0; 4]);
    let needs = |settings: &Settings| required(&plan(&settings.work(arrivals.clone()), settings));
    assert_eq!(needs(&backlog(72_000.0, 7200)), [6, 6, 4, 4], "10 a second for two hours");
    // 12 a second for an hour and a half: half of them in its second hour.
    let partly = backlog(64_800.0, 5400);
    assert_eq!(needs(&partly), [7, 6, 4, 4]);
    let added: f64 = partly.work(arrivals.clone()).mean.iter().zip(&arrivals.mean).map(|(a, b)| a - b).sum();
    assert!((added * 3600.0 - 64_800.0).abs() < 1e-6, "{added}");
    let plan = plan(&partly.work(arrivals), &partly);
    assert!(says(&plan, "64800 messages wait already and are gone 5400 s after the start"));
}

#[test]
fn what_no_policy_scales_is_neither_simulated_nor_advised_nor_exported() {
    let table = demand(3600, &[20.0, 40.0, 30.0]);
    for kind in [CapacityKind::ThroughputUnits, CapacityKind::Storage] {
        let settings = settings(kind, 1.0, 10);
        let plan = plan_compared(&table, &settings);
        let why = kind.unscaled().unwrap();
        assert!(plan.policies.is_empty() && says(&plan, why), "{:?}", plan.assumptions);
        assert!(!says(&plan, "target tracking") && !says(&plan, "Policies are compared"));
        let advice = advise(&table, &[], &Goal::default(), &settings, &Simulation::of(&settings));
        assert_eq!((advice.chosen, advice.reasons.as_slice()), (None, [why.to_owned()].as_slice()));
        let refused = export(&[plan], Format::Terraform, &settings).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    let workers = plan_compared(&table, &settings(CapacityKind::Workers, 5.0, 1));
    assert!(workers.policies.len() == 3 && says(&workers, "Policies are compared on the P90 path"));
}

#[test]
fn what_makes_no_sense_for_a_kind_is_refused_with_what_to_do() {
    let refused = |kind, change: fn(&mut SettingsInput)| {
        let mut input = input(kind, 1.0);
        change(&mut input);
        input.check().unwrap_err().to_string()
    };
    let backlog = |input: &mut SettingsInput| {
        input.backlog = Some(Backlog { messages: 100.0, drain_seconds: 60 });
    };
    for (kind, lot) in
        [(CapacityKind::Instances, 100), (CapacityKind::Workers, 2), (CapacityKind::Storage, 0)]
    {
        let error = SettingsInput { lot, ..input(kind, 1.0) }.check().unwrap_err().to_string();
        assert!(error.contains(&format!("lot {lot} makes no sense for kind {kind}")), "{error}");
        assert!(error.contains("leave it out"), "{error}");
    }
    assert!(refused(CapacityKind::Storage, backlog).contains("say kind workers"));
    let endless = |input: &mut SettingsInput| {
        input.backlog = Some(Backlog { messages: 100.0, drain_seconds: 0 });
    };
    assert!(refused(CapacityKind::Workers, endless).contains("within a time above 0"));
    let survive = |input: &mut SettingsInput| input.survive = Survive::Zone;
    assert!(refused(CapacityKind::ThroughputUnits, survive).contains("leave them out"));
    let leans = |input: &mut SettingsInput| input.schedule_utilization = Some(1.0);
    assert!(refused(CapacityKind::Storage, leans).contains("schedule_utilization"));
}

proptest! {
    #[test]
    fn lots_divide_and_storage_never_falls(
        values in prop::collection::vec(0.0f64..5000.0, 1..40),
        seconds in prop::sample::select(vec![300i64, 3600]),
        lead_time_seconds in 0u32..20_000,
        lot in 1u32..200,
        change_penalty in 0.0f64..5.0,
    ) {
        let demand = demand(seconds, &values);
        let of = |kind, lot| {
            let input = SettingsInput {
                lot,
                lead_time_seconds,
                change_penalty,
                target_utilization: 0.7,
                min_instances: 1,
                ..input(kind, 10.0)
            };
            plan(&demand, &input.check().unwrap())
        };
        let instances = of(CapacityKind::Instances, 1);
        for kind in [CapacityKind::Workers, CapacityKind::ReadReplicas, CapacityKind::ThroughputUnits] {
            // Without a backlog and by the piece, only the words differ.
            prop_assert_eq!(&of(kind, 1).rows, &instances.rows);
        }
        let (units, disk) = (of(CapacityKind::ThroughputUnits, lot), of(CapacityKind::Storage, lot));
        for (plan, row) in [&units, &disk].into_iter().flat_map(|plan| plan.rows.iter().map(move |row| (plan, row))) {
            prop_assert!(row.required % lot == 0 && row.scheduled % lot == 0, "{:?}: {row:?}", plan.kind);
            prop_assert!(row.scheduled >= row.required);
        }
        for ((unit, instance), row) in units.rows.iter().zip(&instances.rows).zip(&disk.rows) {
            prop_assert!(unit.required >= instance.required && unit.required < instance.required + lot);
            prop_assert!(row.required >= unit.required);
        }
        for pair in disk.rows.windows(2) {
            prop_assert!(pair[0].required <= pair[1].required && pair[0].scheduled <= pair[1].scheduled);
        }
    }
}
