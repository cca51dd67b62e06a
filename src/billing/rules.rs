//! The providers' published rules, the FOCUS examples and the properties of any bill, as tests.

use std::path::Path;

use PricingPlan::{
    AzureReservation, AzureSavingsPlan, ComputeSp, Ec2InstanceSp, GcpCudFlexible, GcpCudResource, OnDemand,
    RiStandard,
};
use domain::{Commitment, Payment, Period, PricingPlan, UsageHour};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::fixture::{book, dec, held, hour, used};
use crate::{Bill, BillingError, Demand, PriceBook, simulate};

fn bill(usage: &[UsageHour], commitments: &[Commitment], book: &PriceBook) -> Bill {
    simulate(usage, commitments, book).unwrap()
}

fn line_costs(bill: &Bill) -> Vec<(String, String)> {
    bill.lines
        .iter()
        .map(|line| (line.line.instance_type.clone(), line.cost.normalize().to_string()))
        .collect()
}

/// Prices and usage of the example in the AWS Savings Plans user guide ("Understanding how Savings Plans are
/// applied to your usage"): one c5.9xlarge Linux, one c5.24xlarge Windows, 10 vCPU and 5 GB of Fargate.
fn savings_plan_example() -> (PriceBook, Vec<UsageHour>) {
    let prices = book(&[
        ("c5.9xlarge", "Linux", OnDemand, "4"),
        ("c5.9xlarge", "Linux", ComputeSp, "2"),
        ("c5.9xlarge", "Linux", Ec2InstanceSp, "1"),
        ("c5.24xlarge", "Windows", OnDemand, "10"),
        ("c5.24xlarge", "Windows", ComputeSp, "8"),
        ("c5.24xlarge", "Windows", Ec2InstanceSp, "6"),
        ("fargate.vcpu", "Linux", OnDemand, "1.5"),
        ("fargate.vcpu", "Linux", ComputeSp, "1"),
        ("fargate.gb", "Linux", OnDemand, "2"),
        ("fargate.gb", "Linux", ComputeSp, "1"),
    ]);
    let usage = vec![
        used(0, "1", "c5.9xlarge", "Linux", "1"),
        used(0, "1", "c5.24xlarge", "Windows", "1"),
        used(0, "1", "fargate.vcpu", "Linux", "10"),
        used(0, "1", "fargate.gb", "Linux", "5"),
    ];
    (prices, usage)
}

#[test]
fn aws_savings_plan_that_covers_everything_costs_its_commitment() {
    let (prices, usage) = savings_plan_example();
    let all = bill(&usage, &[held("sp", ComputeSp, "", "25")], &prices);
    assert_eq!((all.total, all.on_demand_cost, all.on_demand_equivalent), (dec("25"), dec("0"), dec("39")));
    assert_eq!((all.coverage, all.utilization), (Some(1.0), Some(1.0)));
}

#[test]
fn aws_savings_plan_takes_the_largest_saving_then_the_lower_rate() {
    let (prices, usage) = savings_plan_example();
    // Fargate GB and c5.9xlarge both save half; the GB have the lower rate: 2 of the 5 are covered.
    let small = bill(&usage, &[held("sp", ComputeSp, "", "2")], &prices);
    assert_eq!(small.total, dec("2") + dec("39") - dec("4"));
    let gb = &small.lines[2];
    assert_eq!(
        (gb.line.instance_type.as_str(), gb.covered_quantity, gb.cost),
        ("fargate.gb", dec("2"), dec("8"))
    );
    // 19 $/h: GB 5, c5.9xlarge 2, vCPU 10, and 2 of the 8 of the c5.24xlarge: a quarter of its 10 $.
    let large = bill(&usage, &[held("sp", ComputeSp, "", "19")], &prices);
    assert_eq!(large.on_demand_cost, dec("7.5"));
    assert_eq!(large.utilization, Some(1.0));
}

#[test]
fn aws_instance_plan_goes_before_compute_plan() {
    let (prices, usage) = savings_plan_example();
    let plans = [held("csp", ComputeSp, "", "16"), held("isp", Ec2InstanceSp, "c5", "6")];
    // Instance plan: c5.9xlarge 1 $ (75 %), then 5 of the 6 $ of the c5.24xlarge. Compute plan: GB 5, vCPU 10,
    // and 1 of the 8 $ per hour for the remaining sixth of the c5.24xlarge (8/6 $).
    let both = bill(&usage, &plans, &prices);
    let left = dec("1") - dec("5") / dec("6") - dec("1") / dec("8");
    assert_eq!((both.on_demand_cost - left * dec("10")).round_dp(9), Decimal::ZERO);
    assert_eq!(both.utilization, Some(1.0));
    assert!(both.missing.is_empty(), "{:?}", both.missing);
}

#[test]
fn aws_unused_commitment_is_lost_every_hour() {
    let (prices, _) = savings_plan_example();
    let usage = [used(0, "1", "c5.9xlarge", "Linux", "2"), used(2, "1", "c5.9xlarge", "Linux", "9")];
    let lost = bill(&usage, &[held("sp", ComputeSp, "", "4")], &prices);
    assert_eq!((lost.commitment_used_cost, lost.commitment_unused_cost), (dec("8"), dec("4")));
    assert_eq!(lost.on_demand_cost, dec("28"));
    assert_eq!(lost.commitments[0].net_saving, dec("16") - dec("12"));
}

fn t2() -> PriceBook {
    book(&[
        ("t2.small", "Linux", OnDemand, "0.023"),
        ("t2.medium", "Linux", OnDemand, "0.0464"),
        ("t2.medium", "Linux", RiStandard, "0.029"),
        ("t2.large", "Linux", OnDemand, "0.0928"),
        ("m5.large", "Linux", OnDemand, "0.096"),
        ("m5.large", "Windows", OnDemand, "0.188"),
        ("m5.xlarge", "Windows", OnDemand, "0.376"),
    ])
}

#[test]
fn aws_regional_reservation_covers_half_of_the_next_size() {
    // AWS EC2 user guide: a t2.medium reservation covers 50 % of a t2.large.
    let half =
        bill(&[used(0, "1", "t2.large", "Linux", "1")], &[held("ri", RiStandard, "t2.medium", "1")], &t2());
    assert_eq!(half.lines[0].covered_quantity, dec("0.5"));
    assert_eq!((half.on_demand_cost, half.commitment_cost), (dec("0.0464"), dec("0.029")));
}

#[test]
fn aws_regional_reservation_fills_small_sizes_and_the_owner_first() {
    let usage = [
        used(0, "2", "t2.small", "Linux", "5"),
        used(0, "1", "t2.large", "Linux", "1"),
        used(0, "1", "t2.small", "Linux", "1"),
    ];
    // 3 mediums are 6 units: owner's small (1), owner's large (4), and one of the other account's smalls.
    let shared = bill(&usage, &[held("ri", RiStandard, "t2.medium", "3")], &t2());
    let covered: Vec<Decimal> = shared.lines.iter().map(|line| line.covered_quantity).collect();
    assert_eq!(covered, [dec("1"), dec("1"), dec("1")]);
}

#[test]
fn aws_windows_and_zonal_reservations_have_no_size_flexibility() {
    let mut windows = held("ri", RiStandard, "m5.large", "2");
    (windows.os, windows.hourly) = (Some("windows".to_owned()), Some(dec("0.15")));
    let usage = [used(0, "1", "m5.xlarge", "Windows", "1"), used(0, "1", "m5.large", "Windows", "1")];
    let exact = bill(&usage, &[windows], &t2());
    assert_eq!((exact.on_demand_cost, exact.commitment_unused_cost), (dec("0.376"), dec("0.15")));

    let mut zonal = held("ri", RiStandard, "t2.medium", "1");
    zonal.region = Some("us-east-1a".to_owned());
    let in_zone = |zone: &str| {
        let mut row = used(0, "1", "t2.medium", "Linux", "1");
        row.region = zone.to_owned();
        bill(&[row, used(0, "1", "t2.large", "Linux", "1")], std::slice::from_ref(&zonal), &t2())
    };
    assert_eq!(in_zone("us-east-1a").on_demand_cost, dec("0.0928"));
    assert_eq!(in_zone("us-east-1b").on_demand_cost, dec("0.1392"));
    let unknown = in_zone("us-east-1");
    assert_eq!((unknown.on_demand_cost, unknown.assumptions.len()), (dec("0.0928"), 1));
}

#[test]
fn azure_reservations_flex_by_vcpu_and_leave_the_licence() {
    let prices = book(&[
        ("Standard_D2s_v5", "Linux", OnDemand, "0.096"),
        ("Standard_D4s_v5", "Linux", OnDemand, "0.192"),
        ("Standard_D4s_v5", "Windows", OnDemand, "0.376"),
        ("Standard_D4s_v5", "Windows", AzureSavingsPlan, "0.3"),
        ("Standard_D2s_v5", "Linux", AzureReservation, "0.06"),
        ("Standard_D2s_v5", "Linux", AzureSavingsPlan, "0.07"),
    ]);
    let mut reservation = held("r", AzureReservation, "Standard_D2s_v5", "4");
    reservation.os = None;
    let usage = [
        used(0, "1", "Standard_D4s_v5", "Windows", "1"),
        used(0, "1", "Standard_D4s_v5", "Linux", "1"),
        used(0, "1", "Standard_D2s_v5", "Linux", "1"),
    ];
    // 8 vCPUs: the D2s, then the D4s on Linux, and half of the one on Windows, whose licence stays.
    let covered = bill(&usage, std::slice::from_ref(&reservation), &prices);
    assert_eq!(covered.on_demand_cost, dec("0.188") + dec("0.184") / dec("2"));
    assert_eq!(covered.commitment_cost, dec("0.24"));
    // A savings plan comes after it.
    let plan = held("sp", AzureSavingsPlan, "", "0.15");
    assert_eq!(bill(&usage, &[plan, reservation], &prices).on_demand_cost, dec("0.092"));
}

#[test]
fn google_resource_commitments_go_before_flexible_ones() {
    let prices = book(&[
        ("n2-standard-4", "Linux", OnDemand, "0.2"),
        ("n2-standard-4", "Linux", GcpCudResource, "0.126"),
        ("n2-standard-4", "Linux", GcpCudFlexible, "0.144"),
        ("n2-standard-8", "Linux", OnDemand, "0.4"),
        ("n2-standard-8", "Linux", GcpCudFlexible, "0.288"),
        ("n2-highmem-4", "Linux", OnDemand, "0.27"),
    ]);
    let usage = [used(0, "p", "n2-standard-8", "Linux", "1"), used(0, "p", "n2-highmem-4", "Linux", "1")];
    let both = [held("f", GcpCudFlexible, "", "0.072"), held("r", GcpCudResource, "n2-standard-4", "1")];
    let covered = bill(&usage, &both, &prices);
    // Half of the machine by the resource commitment, a quarter by the flexible one; the rest gets 19.98 % off.
    assert_eq!(covered.on_demand_cost, (dec("0.1") + dec("0.27")) * dec("0.8002"));
    assert_eq!(covered.missing.len(), 1, "the missing flexible rate of the highmem is said");
}

/// An always-on machine in each hour of January 2026 in which it is `on`.
fn january(rows: &[(&str, &dyn Fn(i64) -> u32)]) -> Demand {
    let hours = (0..744_i64).flat_map(|at| rows.iter().map(move |(name, on)| (at, *name, on(at))));
    let usage: Vec<UsageHour> =
        hours.map(|(at, name, count)| used(at, "p", name, "Linux", &count.to_string())).collect();
    Demand::over(Period { start: hour(0), end: hour(744) }, &usage).unwrap()
}

fn google() -> PriceBook {
    // 0.0475 USD for each n1-standard-1, as in the example of the documentation; the others as cores and memory.
    book(&[
        ("n1-standard-1", "Linux", OnDemand, "0.0475"),
        ("n1-standard-4", "Linux", OnDemand, "0.19"),
        ("n1-standard-4", "Linux", GcpCudResource, "0.1197"),
        ("n1-standard-16", "Linux", OnDemand, "0.76"),
        ("n1-highmem-2", "Linux", OnDemand, "0.1184"),
        ("n1-standard-4", "Windows", OnDemand, "0.374"),
        ("n2-standard-4", "Linux", OnDemand, "0.2"),
        ("c2-standard-4", "Linux", OnDemand, "0.2"),
        ("e2-standard-4", "Linux", OnDemand, "0.134"),
        ("c3-standard-4", "Linux", OnDemand, "0.2"),
    ])
}

#[test]
fn google_sustained_use_follows_the_published_tiers() {
    // Compute Engine documentation: 100, 80, 60 and 40 % of 0.0475 USD for each quarter of the month.
    let cost = |name: &str, hours: i64| {
        january(&[(name, &move |at| u32::from(at < hours))]).bill(&[], &google()).unwrap()
    };
    let quarter = |rate: &str| dec(rate) * dec("186");
    let mut until_here = Decimal::ZERO;
    for (quarters, rate) in (1..).zip(["0.0475", "0.0380", "0.0285", "0.0190"]) {
        until_here += quarter(rate);
        assert_eq!(cost("n1-standard-1", quarters * 186).total, until_here, "{quarters} quarters");
    }
    // Half of the month: 10 % off; three quarters: 20 %; all of it: 30 %.
    for (hours, off) in [(186, "0"), (372, "0.1"), (558, "0.2"), (744, "0.3")] {
        let bill = cost("n1-standard-1", hours);
        assert_eq!(bill.sustained_use_discount, bill.on_demand_equivalent * dec(off), "{hours} hours");
        assert_eq!(bill.lines[0].sustained_use_discount, bill.sustained_use_discount);
        assert_eq!(bill.coverage, Some(0.0), "no commitment covers anything");
    }
    // N2 and C2: 100, 86.78, 73.3 and 60 %; E2 and C3: none.
    for (name, off) in [
        ("n2-standard-4", "0.1998"),
        ("c2-standard-4", "0.1998"),
        ("e2-standard-4", "0"),
        ("c3-standard-4", "0"),
    ] {
        let bill = cost(name, 744);
        assert_eq!(bill.sustained_use_discount, bill.on_demand_equivalent * dec(off), "{name}");
    }
}

#[test]
fn google_machines_of_a_series_are_combined() {
    // Compute Engine documentation: an n1-standard-4 in the first half of the month and an n1-standard-16 in the second
    // are 4 vCPUs and 15 GB for all of it (30 % off) and 12 vCPUs and 45 GB for half of it (10 % off).
    let bill = january(&[
        ("n1-standard-4", &|at| u32::from(at < 372)),
        ("n1-standard-16", &|at| u32::from(at >= 372)),
    ])
    .bill(&[], &google())
    .unwrap();
    let per_four = dec("0.19") * dec("744");
    assert_eq!(bill.total, per_four * dec("0.7") + per_four * dec("3") / dec("2") * dec("0.9"));
    // Two machines at once for half of the month are not one for all of it.
    let both = january(&[("n1-standard-4", &|at| 2 * u32::from(at < 372))]).bill(&[], &google()).unwrap();
    assert_eq!(both.total, dec("0.19") * dec("744") * dec("0.9"));
    // Nor do series add up, or regions.
    let apart = january(&[
        ("n1-standard-4", &|at| u32::from(at < 372)),
        ("n2-standard-4", &|at| u32::from(at >= 372)),
    ]);
    let alone = |name: &str, first: bool| {
        january(&[(name, &move |at| u32::from((at < 372) == first))]).bill(&[], &google()).unwrap().total
    };
    let apart = apart.bill(&[], &google()).unwrap().total;
    assert_eq!(apart, alone("n1-standard-4", true) + alone("n2-standard-4", false));
}

#[test]
fn google_vcpus_and_memory_are_combined_each_by_itself() {
    // 0.031611 USD per vCPU and 0.004237 per GiB, from the prices of both types. Half of the month each: 2 vCPUs run
    // all of it and 2 half of it; 13 GiB all of it and 2 half of it.
    let bill = january(&[
        ("n1-standard-4", &|at| u32::from(at < 372)),
        ("n1-highmem-2", &|at| u32::from(at >= 372)),
    ])
    .bill(&[], &google())
    .unwrap();
    let gib = (dec("0.0592") - dec("0.0475")) / dec("2.75");
    let vcpu = dec("0.0475") - gib * dec("3.75");
    let all = (vcpu * dec("2") + gib * dec("13")) * dec("744") * dec("0.7");
    let half = (vcpu * dec("2") + gib * dec("2")) * dec("372") * dec("0.9");
    assert!((bill.total - all - half).abs() < dec("0.000000001"), "{} {}", bill.total, all + half);
}

#[test]
fn google_commitments_go_before_sustained_use_and_licences_get_none() {
    let always = |_: i64| 1_u32;
    let cud = held("r", GcpCudResource, "n1-standard-4", "1");
    let covered = january(&[("n1-standard-4", &always)]).bill(std::slice::from_ref(&cud), &google()).unwrap();
    assert_eq!((covered.sustained_use_discount, covered.on_demand_cost), (Decimal::ZERO, Decimal::ZERO));
    // Against the list price it saves 37 %; against what it replaces, 7 of 70.
    let list = dec("0.19") * dec("744");
    assert_eq!(covered.commitments[0].net_saving, list * dec("0.07"));
    // One of two is covered: the other one runs all of the month, too.
    let two = |_: i64| 2_u32;
    let half = january(&[("n1-standard-4", &two)]).bill(&[cud], &google()).unwrap();
    assert_eq!(half.on_demand_cost, list * dec("0.7"));
    let usage: Vec<UsageHour> = (0..744).map(|at| used(at, "p", "n1-standard-4", "Windows", "1")).collect();
    let windows = bill(&usage, &[], &google());
    assert_eq!(windows.total, list * dec("0.7") + dec("0.184") * dec("744"));
    assert!(windows.assumptions.is_empty(), "{:?}", windows.assumptions);
    // A month that is billed in part goes on like that part.
    let part = bill(&usage[..100], &[], &google());
    assert_eq!(part.sustained_use_discount, dec("0.19") * dec("100") * dec("0.3"));
    assert_eq!(part.assumptions.len(), 1);
}

const MACHINES: [&str; 4] = ["n1-standard-4", "n1-highmem-2", "n1-standard-16", "n2-standard-4"];

prop_compose! {
    fn any_google_usage()(
        rows in prop::collection::vec((735_i64..752, 0_usize..4, 0_u32..3, 0_u32..40_000), 1..40),
    ) -> Vec<UsageHour> {
        let row = |&(at, kind, account, thousandths): &(i64, usize, u32, u32)| {
            used(at, &account.to_string(), MACHINES[kind], "Linux", &Decimal::new(i64::from(thousandths), 3).to_string())
        };
        rows.iter().map(row).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sustained_use_adds_up_and_never_punishes_less(
        usage in any_google_usage(),
        more in any_google_usage(),
        size in 0_u32..20_000,
    ) {
        let period = Period { start: hour(735), end: hour(752) };
        let cud = held("r", GcpCudResource, "n1-standard-4", &Decimal::new(i64::from(size), 3).to_string());
        let billed = |usage: &[UsageHour], held: &[Commitment]| {
            Demand::over(period, usage).unwrap().bill(held, &google()).unwrap()
        };
        let (one, other) = (billed(&usage, &[]), billed(&more, &[]));
        let both: Vec<UsageHour> = usage.iter().chain(&more).cloned().collect();
        let all = billed(&both, &[]);
        let covered = billed(&both, std::slice::from_ref(&cud));
        let near = dec("0.00000001");
        for bill in [&one, &all, &covered] {
            let lines: Decimal = bill.lines.iter().map(|line| line.sustained_use_discount).sum();
            prop_assert_eq!(lines, bill.sustained_use_discount);
            prop_assert!(bill.lines.iter().all(|line| line.sustained_use_discount >= Decimal::ZERO));
            prop_assert!(bill.sustained_use_discount <= bill.on_demand_equivalent * dec("0.3") + near);
            let lines: Decimal = bill.lines.iter().map(|line| line.cost).sum();
            prop_assert_eq!(lines + bill.commitment_unused_cost, bill.total);
        }
        // More usage costs more, and together no more than apart; a commitment never raises the rest.
        prop_assert!(all.total + near >= one.total);
        prop_assert!(all.total <= one.total + other.total + near);
        prop_assert!(covered.on_demand_cost <= all.on_demand_cost + near);
        // What commitments save against the bill without them is what they say.
        let saved: Decimal = covered.commitments.iter().map(|held| held.net_saving).sum();
        prop_assert!((saved - (all.total - covered.total)).abs() < dec("0.000001"), "{saved} {} {}", all.total, covered.total);
        let backward: Vec<UsageHour> = both.iter().rev().cloned().collect();
        prop_assert_eq!(billed(&backward, &[cud]), covered);
    }
}

#[test]
fn says_what_it_cannot_bill() {
    let usage = [used(0, "1", "t2.large", "Linux", "1")];
    let refused = |commitment: Commitment| match simulate(&usage, &[commitment], &t2()) {
        Err(BillingError::Commitment { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let ri = || held("ri", RiStandard, "t2.medium", "1");
    assert!(refused(Commitment { quantity: dec("-1"), ..ri() }).contains("negative"));
    assert!(refused(Commitment { os: None, ..ri() }).contains("fill os"));
    assert!(refused(Commitment { region: None, ..ri() }).contains("fill the region"));
    assert!(refused(Commitment { plan: AzureReservation, ..ri() }).contains("azure only"));
    assert!(refused(Commitment { ends_at: hour(0), ..ri() }).contains("end after"));
    assert!(matches!(simulate(&usage, &[ri(), ri()], &t2()), Err(BillingError::Commitment { .. })));
    let unpriced = held("ri", RiStandard, "t2.small", "1");
    assert!(matches!(simulate(&usage, &[unpriced], &t2()), Err(BillingError::MissingPrice(_))));
    let unlisted = [used(0, "1", "c9.large", "Linux", "1")];
    assert!(matches!(simulate(&unlisted, &[], &t2()), Err(BillingError::MissingPrice(_))));
}

#[test]
fn upfront_is_cash_at_purchase_and_cost_over_the_term() {
    let mut ri = held("ri", RiStandard, "t2.medium", "2");
    (ri.payment, ri.hourly, ri.upfront) = (Payment::PartialUpfront, Some(dec("0.01")), Some(dec("87.60")));
    let idle = |from: i64, to: i64| {
        let period = Period { start: hour(from), end: hour(to) };
        Demand::over(period, &[]).unwrap().bill(std::slice::from_ref(&ri), &t2()).unwrap()
    };
    let year = idle(0, 9000);
    assert_eq!((year.cash, year.total, year.commitments[0].hours), (dec("350.4"), dec("350.4"), 8760));
    let second_day = idle(24, 48);
    assert_eq!((second_day.cash, second_day.total), (dec("0.48"), dec("0.96")));
    assert_eq!((second_day.utilization, second_day.coverage), (Some(0.0), None));
}

/// The worked commitment examples of the FOCUS specification: a plan of 1 USD an hour, used, unused, partly
/// used, and used beyond, billed all upfront, hourly, and half and half.
#[test]
fn focus_commitment_scenarios() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/billing/focus_spec"));
    if !folder.is_dir() {
        println!("skipped: no FOCUS examples beside the repository (shared/data/billing/focus_spec)");
        return;
    }
    let rows = |name: &str| -> Vec<csv::StringRecord> {
        let mut reader = csv::Reader::from_path(folder.join(name)).unwrap();
        let headers = reader.headers().unwrap().clone();
        let wanted = ["BilledCost", "EffectiveCost", "CommitmentDiscountStatus", "ChargeFrequency"];
        reader
            .records()
            .map(|record| {
                let record = record.unwrap();
                let cell = |column: &&str| {
                    headers.iter().position(|header| header == *column).map_or("", |at| &record[at])
                };
                wanted.iter().map(cell).collect()
            })
            .collect()
    };
    let prices = book(&[
        ("a.large", "Linux", OnDemand, "2"),
        ("a.large", "Linux", ComputeSp, "1"),
        ("b.large", "Linux", OnDemand, "1.5"),
        ("b.large", "Linux", ComputeSp, "0.75"),
        ("c.large", "Linux", OnDemand, "0.5"),
    ]);
    let plan = held("sp", ComputeSp, "", "1");
    let sums = |name: &str| {
        let mut by_status = [Decimal::ZERO; 3];
        for row in rows(name) {
            let status = match &row[2] {
                "Used" => 0,
                "Unused" => 1,
                _ => 2,
            };
            by_status[status] += dec(&row[1]);
        }
        by_status
    };
    let billed = |usage: &[UsageHour]| {
        let period = Period { start: hour(0), end: hour(1) };
        let bill = Demand::over(period, usage).unwrap().bill(std::slice::from_ref(&plan), &prices).unwrap();
        [bill.commitment_used_cost, bill.commitment_unused_cost, bill.on_demand_cost]
    };
    let one = |name: &str| used(0, "1", name, "Linux", "1");
    assert_eq!(billed(&[one("a.large")]), sums("commitment_usage_scenario_1.csv"));
    assert_eq!(billed(&[]), sums("commitment_usage_scenario_2.csv"));
    assert_eq!(billed(&[one("b.large")]), sums("commitment_usage_scenario_3.csv"));
    assert_eq!(billed(&[one("a.large"), one("c.large")]), sums("commitment_usage_scenario_4.csv"));

    for (name, payment) in [
        ("commitment_purchase_scenario_1.csv", Payment::AllUpfront),
        ("commitment_purchase_scenario_2.csv", Payment::NoUpfront),
        ("commitment_purchase_scenario_3.csv", Payment::PartialUpfront),
    ] {
        let rows = rows(name);
        let hours = rows.iter().filter(|row| &row[3] == "Recurring").count().max(1);
        let expected: Decimal = rows.iter().map(|row| dec(&row[0])).sum();
        let period = Period { start: hour(0), end: hour(i64::try_from(hours).unwrap()) };
        let bought = Commitment { payment, ..plan.clone() };
        let bill = Demand::over(period, &[]).unwrap().bill(&[bought], &prices).unwrap();
        assert_eq!(bill.cash, expected, "{name}");
        assert_eq!(bill.total, Decimal::from(hours), "{name}: a dollar an hour, amortized");
    }
}

const TYPES: [(&str, &str); 5] = [
    ("m5.large", "Linux"),
    ("m5.2xlarge", "Linux"),
    ("m5.large", "Windows"),
    ("c5.xlarge", "Linux"),
    ("c5.9xlarge", "Linux"),
];

fn market() -> PriceBook {
    book(&[
        ("m5.large", "Linux", OnDemand, "0.096"),
        ("m5.large", "Linux", RiStandard, "0.0602"),
        ("m5.large", "Linux", Ec2InstanceSp, "0.0605"),
        ("m5.large", "Linux", ComputeSp, "0.07"),
        ("m5.2xlarge", "Linux", OnDemand, "0.384"),
        ("m5.2xlarge", "Linux", Ec2InstanceSp, "0.242"),
        ("m5.2xlarge", "Linux", ComputeSp, "0.2803"),
        ("m5.large", "Windows", OnDemand, "0.188"),
        ("m5.large", "Windows", Ec2InstanceSp, "0.1525"),
        ("m5.large", "Windows", ComputeSp, "0.162"),
        ("c5.xlarge", "Linux", OnDemand, "0.17"),
        ("c5.xlarge", "Linux", RiStandard, "0.107"),
        ("c5.xlarge", "Linux", ComputeSp, "0.1241"),
        ("c5.9xlarge", "Linux", OnDemand, "1.53"),
        ("c5.9xlarge", "Linux", ComputeSp, "1.1169"),
    ])
}

prop_compose! {
    fn any_usage()(
        rows in prop::collection::vec((0_i64..6, 0_usize..TYPES.len(), 0_u32..3, 0_u32..40_000), 1..40),
    ) -> Vec<UsageHour> {
        rows.iter()
            .map(|&(at, kind, account, thousandths)| {
                let (name, os) = TYPES[kind];
                let quantity = Decimal::new(i64::from(thousandths), 3).to_string();
                used(at, &account.to_string(), name, os, &quantity)
            })
            .collect()
    }
}

prop_compose! {
    fn any_commitments()(
        rows in prop::collection::vec((0_usize..4, 0_u32..30_000, 0_u32..3, -3_i64..4, 1_i64..9), 0..8),
    ) -> Vec<Commitment> {
        rows.iter()
            .enumerate()
            .map(|(index, &(kind, thousandths, account, from, length))| {
                let (plan, of) = [(RiStandard, "m5.large"), (RiStandard, "c5.xlarge"), (Ec2InstanceSp, "m5"), (ComputeSp, "")][kind];
                let quantity = Decimal::new(i64::from(thousandths), 3).to_string();
                let mut commitment = held(&format!("c{index}"), plan, of, &quantity);
                commitment.account = account.to_string();
                (commitment.starts_at, commitment.ends_at) = (hour(from), hour(from + length));
                commitment
            })
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_lost_or_doubled(usage in any_usage(), commitments in any_commitments()) {
        let bill = bill(&usage, &commitments, &market());
        let quantity: Decimal = usage.iter().map(|row| row.quantity).sum();
        prop_assert_eq!(bill.lines.iter().map(|line| line.quantity).sum::<Decimal>(), quantity);
        for line in &bill.lines {
            prop_assert!(line.covered_quantity >= Decimal::ZERO && line.covered_quantity <= line.quantity);
            prop_assert!(line.on_demand_cost >= Decimal::ZERO && line.committed_cost >= Decimal::ZERO);
            // What is not covered is paid at list price, to the rounding of a trillionth.
            let list = line.on_demand_equivalent * (line.quantity - line.covered_quantity);
            prop_assert!((line.on_demand_cost * line.quantity - list).abs() < dec("0.000001"));
        }
        for commitment in &bill.commitments {
            prop_assert!(commitment.used_cost >= Decimal::ZERO && commitment.used_cost <= commitment.cost);
        }
        let lines: Decimal = bill.lines.iter().map(|line| line.cost).sum();
        prop_assert_eq!(lines + bill.commitment_unused_cost, bill.total);
        prop_assert_eq!(bill.on_demand_cost + bill.commitment_cost, bill.total);
    }

    #[test]
    fn one_more_commitment_never_raises_the_on_demand_part(
        usage in any_usage(),
        commitments in any_commitments(),
        take in 0_usize..8,
    ) {
        let fewer: Vec<Commitment> =
            commitments.iter().enumerate().filter(|(index, _)| *index != take).map(|(_, kept)| kept.clone()).collect();
        let (less, more) = (bill(&usage, &fewer, &market()), bill(&usage, &commitments, &market()));
        prop_assert!(more.on_demand_cost <= less.on_demand_cost + dec("0.00000001"));
    }

    #[test]
    fn order_of_input_does_not_matter(usage in any_usage(), commitments in any_commitments()) {
        let forward = bill(&usage, &commitments, &market());
        let usage: Vec<UsageHour> = usage.into_iter().rev().collect();
        let commitments: Vec<Commitment> = commitments.into_iter().rev().collect();
        let mut backward = bill(&usage, &commitments, &market());
        backward.commitments.reverse();
        prop_assert_eq!(forward, backward);
    }

    #[test]
    fn pooled_plans_are_one_plan_of_the_sum(usage in any_usage(), a in 0_u32..9000, b in 0_u32..9000, kind in 0_usize..3) {
        let (plan, of) = [(ComputeSp, ""), (Ec2InstanceSp, "m5"), (RiStandard, "m5.large")][kind];
        let of_size = |id: &str, thousandths: u32| held(id, plan, of, &Decimal::new(i64::from(thousandths), 3).to_string());
        let apart = bill(&usage, &[of_size("a", a), of_size("b", b)], &market());
        let joined = bill(&usage, &[of_size("ab", a + b)], &market());
        prop_assert_eq!(line_costs(&apart), line_costs(&joined));
        prop_assert_eq!(apart.total, joined.total);
    }
}

#[test]
fn sixty_lines_for_a_year_under_a_ladder() {
    let sizes = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"];
    let families = ["m5", "c5", "r5", "m6i", "c6i", "r6i", "m7i", "c7i", "r7i", "m4"];
    let names: Vec<String> =
        families.iter().flat_map(|family| sizes.iter().map(move |size| format!("{family}.{size}"))).collect();
    let prices: Vec<(&str, &str, PricingPlan, &str)> = names
        .iter()
        .flat_map(|name| {
            [(name.as_str(), "Linux", OnDemand, "0.1"), (name.as_str(), "Linux", ComputeSp, "0.07")]
        })
        .collect();
    let usage: Vec<UsageHour> = (0..8760)
        .flat_map(|at| {
            names
                .iter()
                .map(move |name| used(at, "1", name, "Linux", if at % 24 < 12 { "3" } else { "1.25" }))
        })
        .collect();
    let mut ladder = Vec::new();
    for month in 0..12_i64 {
        let mut step = held(&format!("sp{month}"), ComputeSp, "", "0.5");
        step.starts_at = hour(month * 730);
        ladder.push(step);
        for family in families {
            let mut ri = held(&format!("ri{month}{family}"), RiStandard, &format!("{family}.large"), "3");
            (ri.starts_at, ri.hourly) = (hour(month * 730), Some(dec("0.06")));
            ladder.push(ri);
        }
    }
    let bill = bill(&usage, &ladder, &book(&prices));
    assert_eq!(bill.lines.len(), 60);
    assert_eq!(
        bill.lines.iter().map(|line| line.cost).sum::<Decimal>() + bill.commitment_unused_cost,
        bill.total
    );
}
