//! Every change against two whole bills: before it and after it.

use domain::{Period, PricingPlan, UsageHour};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::fixture::{book, dec, held, hour, used};

/// Prices changes one after the other, does each, and compares totals and savings with the bills of the simulator.
fn like_bills(
    usage: &[UsageHour],
    hours: Range<i64>,
    prices: &PriceBook,
    commitments: &[Commitment],
    active: &[Vec<bool>],
    changes: &[Vec<Change>],
) -> Result<(), TestCaseError> {
    let period = Period { start: hour(hours.start), end: hour(hours.end) };
    let demand = Demand::over(period, usage).unwrap();
    let mut meter = Meter::new(demand, commitments.to_vec(), active.to_vec(), prices).unwrap();
    let bills = |meter: &Meter<'_>| -> Vec<Decimal> {
        let of = |active: &Vec<bool>| {
            let here = commitments.iter().zip(active).filter(|(_, active)| **active);
            let here: Vec<Commitment> = here.map(|(commitment, _)| commitment.clone()).collect();
            meter.demand().bill(&here, prices).unwrap().total
        };
        active.iter().map(of).collect()
    };
    let near =
        |a: &[Decimal], b: &[Decimal]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < dec("0.0000000001"));
    let totals =
        |meter: &Meter<'_>| -> Vec<Decimal> { (0..active.len()).map(|set| meter.total(set)).collect() };
    let mut before = bills(&meter);
    prop_assert!(near(&totals(&meter), &before));
    for changes in changes {
        let priced = meter.price(changes.clone()).unwrap();
        let savings = priced.savings.clone();
        meter.accept(priced).unwrap();
        let after = bills(&meter);
        prop_assert!(near(&totals(&meter), &after));
        let differ: Vec<Decimal> = before.iter().zip(&after).map(|(before, after)| before - after).collect();
        prop_assert!(near(&savings, &differ), "{savings:?} {differ:?}");
        before = after;
    }
    Ok(())
}

/// `rows` of quantities, one for each cell of `cells` (account, type), from an hour on.
fn usage(first: i64, cells: &[(&str, &str)], rows: &[Vec<u32>]) -> Vec<UsageHour> {
    let of_row = |(at, row): (i64, &Vec<u32>)| {
        let used_cells = cells.iter().zip(row.clone()).filter(|(_, quantity)| *quantity > 0);
        let one = move |((account, name), quantity): (&(&str, &str), u32)| {
            used(at, account, name, "Linux", &quantity.to_string())
        };
        used_cells.map(one).collect::<Vec<_>>()
    };
    (first..).zip(rows).flat_map(of_row).collect()
}

fn change((account, name): (&str, &str), hours: Range<usize>, quantity: Decimal) -> Change {
    Change { line: LineKey::of(&used(0, account, name, "Linux", "1")), hours, quantity }
}

/// Two accounts and the types of their machines.
const CELLS: [(&str, &str); 8] = [
    ("1", "m5.large"),
    ("1", "m5.2xlarge"),
    ("1", "c5.large"),
    ("1", "r5.large"),
    ("2", "m5.large"),
    ("2", "m5.2xlarge"),
    ("2", "c5.large"),
    ("2", "r5.large"),
];

fn prices() -> PriceBook {
    use PricingPlan::{ComputeSp, Ec2InstanceSp, OnDemand, RiStandard};
    book(&[
        ("m5.large", "Linux", OnDemand, "0.1"),
        ("m5.large", "Linux", RiStandard, "0.06"),
        ("m5.large", "Linux", Ec2InstanceSp, "0.064"),
        ("m5.large", "Linux", ComputeSp, "0.072"),
        ("m5.2xlarge", "Linux", OnDemand, "0.4"),
        ("m5.2xlarge", "Linux", Ec2InstanceSp, "0.27"),
        ("m5.2xlarge", "Linux", ComputeSp, "0.284"),
        ("c5.large", "Linux", OnDemand, "0.085"),
        ("c5.large", "Linux", RiStandard, "0.05"),
        ("r5.large", "Linux", OnDemand, "0.126"),
        ("r5.large", "Linux", ComputeSp, "0.09"),
    ])
}

/// Machines of Google Cloud over the end of a month, with what holds for them.
const MACHINES: [(&str, &str); 5] = [
    ("1", "n1-standard-4"),
    ("1", "n1-highmem-2"),
    ("1", "n2-standard-8"),
    ("1", "e2-standard-4"),
    ("1", "n1-standard-8"),
];

fn google_prices() -> PriceBook {
    use PricingPlan::{GcpCudFlexible, GcpCudResource, OnDemand};
    book(&[
        ("n1-standard-4", "Linux", OnDemand, "0.19"),
        ("n1-standard-4", "Linux", GcpCudResource, "0.1197"),
        ("n1-standard-4", "Linux", GcpCudFlexible, "0.1368"),
        ("n1-standard-8", "Linux", OnDemand, "0.38"),
        ("n1-highmem-2", "Linux", OnDemand, "0.1184"),
        ("n2-standard-8", "Linux", OnDemand, "0.3884"),
        ("n2-standard-8", "Linux", GcpCudFlexible, "0.2797"),
        ("e2-standard-4", "Linux", OnDemand, "0.134"),
        ("e2-standard-4", "Linux", GcpCudFlexible, "0.0965"),
    ])
}

/// Places of cells and hours of a change, for `cells` cells.
fn moves(cells: usize) -> impl Strategy<Value = Vec<(usize, usize, usize, usize)>> {
    prop::collection::vec((0..cells, 0..cells, 0_usize..40, 1_usize..40), 1..5)
}

proptest! {
    #[test]
    fn a_change_saves_what_two_whole_bills_differ_by(
        rows in prop::collection::vec(prop::collection::vec(1_u32..6, 8), 1..40),
        sizes in [0_u32..9, 0_u32..4, 0_u32..5, 0_u32..5, 0_u32..9],
        moves in moves(8),
    ) {
        let of_two = |id: &str, plan, of: &str, quantity: &str| {
            Commitment { account: "2".to_owned(), ..held(id, plan, of, quantity) }
        };
        let commitments = [
            held("a", PricingPlan::RiStandard, "m5.large", &sizes[0].to_string()),
            of_two("b", PricingPlan::RiStandard, "c5.large", &sizes[1].to_string()),
            held("c", PricingPlan::ComputeSp, "", &format!("0.{}", sizes[2])),
            of_two("d", PricingPlan::ComputeSp, "", &format!("0.{}", sizes[3])),
            of_two("e", PricingPlan::Ec2InstanceSp, "m5", &format!("0.{}", sizes[4])),
        ];
        let active = [vec![true; 5], vec![true, false, true, true, false], vec![false; 5]];
        let of_move = |(from, to, first, hours): &(usize, usize, usize, usize)| {
            let first = *first.min(&rows.len());
            let hours = first..(first + hours).min(rows.len());
            vec![change(CELLS[*from], hours.clone(), dec("-0.2")), change(CELLS[*to], hours, dec("0.25"))]
        };
        let changes: Vec<_> = moves.iter().map(of_move).collect();
        let usage = usage(0, &CELLS, &rows);
        like_bills(&usage, 0..rows.len() as i64, &prices(), &commitments, &active, &changes)?;
    }

    #[test]
    fn a_change_of_sustained_use_saves_what_two_whole_bills_differ_by(
        rows in prop::collection::vec(prop::collection::vec(1_u32..6, 4), 1..40),
        sizes in [0_u32..9, 0_u32..9],
        moves in moves(4),
        to in 0_usize..5,
    ) {
        let commitments = [
            held("r", PricingPlan::GcpCudResource, "n1-standard-4", &sizes[0].to_string()),
            held("f", PricingPlan::GcpCudFlexible, "", &format!("0.{}", sizes[1])),
        ];
        let active = [vec![true, true], vec![true, false], vec![false; 2]];
        let of_move = |(from, _, first, hours): &(usize, usize, usize, usize)| {
            let first = *first.min(&rows.len());
            let hours = first..(first + hours).min(rows.len());
            vec![change(MACHINES[*from], hours.clone(), dec("-0.2")), change(MACHINES[to], hours, dec("0.75"))]
        };
        let changes: Vec<_> = moves.iter().map(of_move).collect();
        // Five hours of January, and the rest of February.
        let first = 31 * 24 - 5;
        let usage = usage(first, &MACHINES[..4], &rows);
        let hours = first..first + rows.len() as i64;
        like_bills(&usage, hours, &google_prices(), &commitments, &active, &changes)?;
    }
}

#[test]
fn usage_never_falls_below_nothing() {
    let prices = prices();
    let demand = Demand::new(&[used(0, "1", "m5.large", "Linux", "1")]).unwrap();
    let mut meter = Meter::new(demand, vec![], vec![vec![]], &prices).unwrap();
    let less = meter.price(vec![change(CELLS[0], 0..1, dec("-2"))]).unwrap();
    assert!(meter.accept(less).is_err());
    assert!(meter.price(vec![change(CELLS[0], 0..2, dec("1"))]).is_err());
}
