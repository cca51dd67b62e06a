//! The core held to independent answers: the exact simulator, brute force, and the quantile rule.

use billing::{Demand, PriceBook, Waterfall};
use chrono::{DateTime, Duration, Utc};
use domain::{
    Commitment, Payment, Period, PriceQuote, PricingPlan, Provider, UsageHour, from_statistic, to_statistic,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::coverage::minimize_covering;
use super::cutting_planes::{Granularity, Limit, minimize};
use super::problem::{Future, Problem, Span};
use super::{Later, best_in_hindsight};

const TYPES: [&str; 3] = ["m5.large", "m5.2xlarge", "c5.large"];

fn at(hour: usize) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::hours(hour as i64)
}

fn quote(instance_type: &str, plan: PricingPlan, hourly: &str) -> PriceQuote {
    PriceQuote {
        provider: Provider::Aws,
        region: "us-east-1".to_owned(),
        instance_type: instance_type.to_owned(),
        os: "Linux".to_owned(),
        plan,
        term_years: plan.is_commitment().then_some(1),
        payment: plan.is_commitment().then_some(Payment::NoUpfront),
        hourly: hourly.parse().unwrap(),
        upfront: Decimal::ZERO,
    }
}

/// Savings differ within the family, so that the legal order is not always the cheapest one.
fn prices(plans: &[PricingPlan]) -> PriceBook {
    use PricingPlan::{ComputeSp, Ec2InstanceSp, OnDemand, RiStandard};
    let all = [
        quote("m5.large", OnDemand, "0.1"),
        quote("m5.large", RiStandard, "0.06"),
        quote("m5.large", Ec2InstanceSp, "0.064"),
        quote("m5.large", ComputeSp, "0.072"),
        quote("m5.2xlarge", OnDemand, "0.4"),
        quote("m5.2xlarge", Ec2InstanceSp, "0.262"),
        quote("m5.2xlarge", ComputeSp, "0.284"),
        quote("c5.large", OnDemand, "0.085"),
        quote("c5.large", ComputeSp, "0.063"),
    ];
    let kept = all.into_iter().filter(|quote| quote.plan == OnDemand || plans.contains(&quote.plan));
    PriceBook::new(kept.collect(), vec![], vec![], vec![], vec![]).unwrap()
}

fn usage(table: &[[u32; 3]]) -> Vec<UsageHour> {
    let row = |hour: usize, kind: usize, quantity: u32| UsageHour {
        hour: at(hour),
        provider: Provider::Aws,
        account: "1".to_owned(),
        region: "us-east-1".to_owned(),
        instance_type: TYPES[kind].to_owned(),
        os: "Linux".to_owned(),
        quantity: Decimal::from(quantity),
    };
    let rows = table.iter().enumerate();
    rows.flat_map(|(hour, row_of)| (0..3).map(move |kind| row(hour, kind, row_of[kind])))
        .filter(|row| !row.quantity.is_zero())
        .collect()
}

fn bought(plan: PricingPlan, quantity: f64) -> Commitment {
    let machines = plan == PricingPlan::RiStandard;
    Commitment {
        id: plan.to_string(),
        provider: Provider::Aws,
        account: "1".to_owned(),
        region: (plan != PricingPlan::ComputeSp).then(|| "us-east-1".to_owned()),
        plan,
        instance_type: machines.then(|| "m5.large".to_owned()),
        family: (plan == PricingPlan::Ec2InstanceSp).then(|| "m5".to_owned()),
        os: machines.then(|| "Linux".to_owned()),
        quantity: from_statistic(quantity),
        term_years: 1,
        payment: Payment::NoUpfront,
        starts_at: at(0),
        ends_at: at(8760),
        hourly: None,
        upfront: None,
    }
}

fn total(demand: &Demand, commitments: &[Commitment], prices: &PriceBook) -> f64 {
    to_statistic(demand.bill(commitments, prices).unwrap().total)
}

const PLANS: [PricingPlan; 3] = [PricingPlan::RiStandard, PricingPlan::Ec2InstanceSp, PricingPlan::ComputeSp];

/// The problem in which one unit of each of [`PLANS`] can be bought for known usage.
fn problem(demand: &Demand, prices: &PriceBook) -> Problem {
    let units = PLANS.map(|plan| bought(plan, 1.0));
    let waterfall = Waterfall::new(demand.lines(), &units, prices).unwrap();
    let future =
        Future::certain((0..demand.lines().len()).map(|line| demand.series(line)).collect(), demand.hours());
    let spans: Vec<Span> =
        (0..3).map(|commitment| Span { commitment, units: 1.0, hours: 0..demand.hours() }).collect();
    Problem::new(&waterfall, future, &[], &spans, demand.hours(), usize::MAX)
}

prop_compose! {
    fn any_table()(rows in prop::collection::vec([0_u32..9, 0_u32..4, 0_u32..9], 1..48)) -> Vec<[u32; 3]> { rows }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn the_oracle_costs_what_the_simulator_bills(table in any_table(), x in [0.0_f64..20.0, 0.0_f64..2.0, 0.0_f64..2.0]) {
        let (demand, prices) = (Demand::new(&usage(&table)).unwrap(), prices(&PLANS));
        let commitments: Vec<Commitment> = PLANS.iter().zip(x).map(|(plan, x)| bought(*plan, x)).collect();
        let x: Vec<f64> = commitments.iter().map(|c| to_statistic(c.quantity)).collect();
        let exact = total(&demand, &commitments, &prices);
        let problem = problem(&demand, &prices);
        prop_assert!((problem.evaluate(&x)[0].cost - exact).abs() < 1e-7 * (1.0 + exact));
    }

    #[test]
    fn planes_stay_below_the_cost_everywhere(
        table in any_table(),
        here in [0.0_f64..20.0, 0.0_f64..2.0, 0.0_f64..2.0],
        there in [0.0_f64..20.0, 0.0_f64..2.0, 0.0_f64..2.0],
    ) {
        let (demand, prices) = (Demand::new(&usage(&table)).unwrap(), prices(&PLANS));
        let problem = problem(&demand, &prices);
        let plane = &problem.evaluate(&here)[0];
        let value = |x: &[f64]| plane.bound + plane.slope.iter().zip(x).map(|(slope, x)| slope * x).sum::<f64>();
        prop_assert!(value(&here) <= plane.cost + 1e-9 * (1.0 + plane.cost));
        let cost = problem.evaluate(&there)[0].cost;
        prop_assert!(value(&there) <= cost + 1e-9 * (1.0 + cost));
    }

    #[test]
    fn one_plan_is_its_quantile(demand in prop::collection::vec(0_u32..50, 1..200)) {
        let table: Vec<[u32; 3]> = demand.iter().map(|quantity| [0, 0, *quantity]).collect();
        let prices = prices(&[PricingPlan::ComputeSp]);
        let known = Demand::over(Period { start: at(0), end: at(table.len()) }, &usage(&table)).unwrap();
        let (purchases, gap) = best_in_hindsight(&known, &[], &prices, at(0), Later::Never, 0.08).unwrap();
        // A unit pays when more than 63 of 85 hours use it.
        let mut sorted = demand;
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let busy = (63.0 / 85.0 * sorted.len() as f64).ceil() as usize;
        let expected = f64::from(sorted[busy - 1]) * 0.063;
        let plans: f64 = purchases.iter().map(|p| to_statistic(p.quantity)).sum();
        prop_assert!((plans - expected).abs() < 1e-9, "{plans} {expected}");
        prop_assert!(gap.is_some_and(|gap| gap < 1e-9), "{gap:?}");
    }

    #[test]
    fn several_plans_agree_with_one_when_only_one_pays(demand in prop::collection::vec(1_u32..50, 1..200)) {
        // The cutting planes on one column against the quantile rule on the same.
        let table: Vec<[u32; 3]> = demand.iter().map(|quantity| [0, 0, *quantity]).collect();
        let (known, prices) = (Demand::new(&usage(&table)).unwrap(), prices(&PLANS));
        let problem = problem(&known, &prices);
        let solution = minimize(&problem, 0.0, &[Granularity::Any; 3], &[]);
        let (purchases, _) = best_in_hindsight(&known, &[], &prices, at(0), Later::Never, 0.08).unwrap();
        let quantile = total(&known, &purchases, &prices);
        let planes = problem.evaluate(&solution.units)[0].cost;
        prop_assert!((planes - quantile).abs() <= 1e-4 * quantile, "{planes} {quantile}");
    }
}

const MACHINES: [&str; 3] = ["n1-standard-4", "n1-highmem-2", "e2-standard-4"];

/// Machines with and without sustained-use discounts.
fn google_prices() -> PriceBook {
    use PricingPlan::{GcpCudFlexible, GcpCudResource, OnDemand};
    let all = [
        quote("n1-standard-4", OnDemand, "0.19"),
        quote("n1-standard-4", GcpCudResource, "0.1197"),
        quote("n1-standard-4", GcpCudFlexible, "0.1368"),
        quote("n1-highmem-2", OnDemand, "0.1184"),
        quote("e2-standard-4", OnDemand, "0.134"),
        quote("e2-standard-4", GcpCudFlexible, "0.0965"),
    ];
    let google = |quote| PriceQuote { provider: Provider::Gcp, ..quote };
    PriceBook::new(all.into_iter().map(google).collect(), vec![], vec![], vec![], vec![]).unwrap()
}

fn google_usage(table: &[[u32; 3]]) -> Vec<UsageHour> {
    let names = TYPES.iter().zip(MACHINES);
    let named = |row: UsageHour| {
        let name = names.clone().find(|(name, _)| **name == row.instance_type).unwrap().1;
        UsageHour { provider: Provider::Gcp, instance_type: name.to_owned(), ..row }
    };
    usage(table).into_iter().map(named).collect()
}

fn google_bought(x: [f64; 2]) -> Vec<Commitment> {
    let of = |(plan, x): (PricingPlan, f64)| {
        let bought = bought(plan, x);
        let machines = plan == PricingPlan::GcpCudResource;
        Commitment {
            provider: Provider::Gcp,
            region: machines.then(|| "us-east-1".to_owned()),
            instance_type: machines.then(|| "n1-standard-4".to_owned()),
            os: machines.then(|| "Linux".to_owned()),
            ..bought
        }
    };
    [PricingPlan::GcpCudResource, PricingPlan::GcpCudFlexible].into_iter().zip(x).map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn sustained_use_costs_what_the_simulator_bills_and_planes_stay_below_it(
        table in any_table(),
        here in [0.0_f64..20.0, 0.0_f64..2.0],
        there in [0.0_f64..20.0, 0.0_f64..2.0],
    ) {
        let (demand, prices) = (Demand::new(&google_usage(&table)).unwrap(), google_prices());
        let waterfall = Waterfall::new(demand.lines(), &google_bought([1.0; 2]), &prices).unwrap();
        let future = Future::certain((0..demand.lines().len()).map(|line| demand.series(line)).collect(), demand.hours());
        let spans: Vec<Span> = (0..2).map(|commitment| Span { commitment, units: 1.0, hours: 0..demand.hours() }).collect();
        let problem = Problem::new(&waterfall, future, &[], &spans, demand.hours(), usize::MAX);
        let cost = |x: [f64; 2]| {
            let bought = google_bought(x);
            let exact = total(&demand, &bought, &prices);
            let x: Vec<f64> = bought.iter().map(|c| to_statistic(c.quantity)).collect();
            (x.clone(), exact, problem.evaluate(&x).remove(0))
        };
        let (here, exact, plane) = cost(here);
        prop_assert!((plane.cost - exact).abs() < 1e-7 * (1.0 + exact), "{} {exact}", plane.cost);
        let value = |x: &[f64]| plane.bound + plane.slope.iter().zip(x).map(|(slope, x)| slope * x).sum::<f64>();
        prop_assert!(value(&here) <= plane.cost + 1e-9 * (1.0 + plane.cost));
        let (there, _, other) = cost(there);
        prop_assert!(value(&there) <= other.cost + 1e-9 * (1.0 + other.cost));
    }

    #[test]
    fn parts_cost_together_what_the_whole_costs(
        table in any_table(),
        x in [0.0_f64..20.0, 0.0_f64..2.0, 0.0_f64..2.0, 0.0_f64..20.0, 0.0_f64..2.0],
    ) {
        let quotes = prices(&PLANS).quotes().chain(google_prices().quotes()).cloned().collect();
        let prices = PriceBook::new(quotes, vec![], vec![], vec![], vec![]).unwrap();
        let rows: Vec<UsageHour> = usage(&table).into_iter().chain(google_usage(&table)).collect();
        let demand = Demand::new(&rows).unwrap();
        let units: Vec<Commitment> = PLANS.map(|plan| bought(plan, 1.0)).into_iter().chain(google_bought([1.0; 2])).collect();
        let waterfall = Waterfall::new(demand.lines(), &units, &prices).unwrap();
        let future = Future::certain((0..demand.lines().len()).map(|line| demand.series(line)).collect(), demand.hours());
        let spans: Vec<Span> = (0..5).map(|commitment| Span { commitment, units: 1.0, hours: 0..demand.hours() }).collect();
        let whole = Problem::new(&waterfall, future, &[], &spans, demand.hours(), usize::MAX);
        let saved = |problem: &Problem, x: &[f64]| problem.evaluate(&vec![0.0; x.len()])[0].cost - problem.evaluate(x)[0].cost;
        let parts = whole.parts();
        prop_assert_eq!(parts.iter().map(|(columns, _)| columns.len()).sum::<usize>(), 5);
        prop_assert!(parts.len() >= 2, "clouds share nothing");
        let together: f64 = parts
            .iter()
            .map(|(columns, part)| saved(part, &columns.iter().map(|&column| x[column]).collect::<Vec<_>>()))
            .sum();
        let all = saved(&whole, &x);
        prop_assert!((all - together).abs() < 1e-9 * (1.0 + all.abs()), "{all} {together}");
    }

    #[test]
    fn sustained_use_is_weighed_against_a_commitment(demand in prop::collection::vec(0_u32..50, 1..200)) {
        let table: Vec<[u32; 3]> = demand.iter().map(|quantity| [*quantity, 0, 0]).collect();
        let (known, prices) = (Demand::new(&google_usage(&table)).unwrap(), google_prices());
        prop_assume!(known.hours() > 0);
        let (purchases, gap) = best_in_hindsight(&known, &[], &prices, known.period().start, Later::Never, 0.08).unwrap();
        // 37 % off pays for a machine that runs more than 82.5 % of the month; 28 % off never does.
        let mut sorted: Vec<u32> = (0..known.hours()).map(|hour| to_statistic(known.quantity(0, hour)) as u32).collect();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let busy = (0.825 * sorted.len() as f64).ceil() as usize;
        let best = google_bought([f64::from(sorted[busy - 1]), 0.0]);
        let (found, best) = (total(&known, &purchases, &prices), total(&known, &best, &prices));
        prop_assert!(found <= best * (1.0 + 1e-4) + 1e-9 && best <= found + 1e-9, "{found} {best} {purchases:?}");
        prop_assert!(gap.is_some(), "not proven");
    }
}

/// As providers price: a plan takes the same share off all sizes of a family.
fn even_prices() -> PriceBook {
    use PricingPlan::{ComputeSp, Ec2InstanceSp, OnDemand, RiStandard};
    let quotes = [
        quote("m5.large", OnDemand, "0.1"),
        quote("m5.large", RiStandard, "0.06"),
        quote("m5.large", Ec2InstanceSp, "0.063"),
        quote("m5.large", ComputeSp, "0.073"),
        quote("m5.2xlarge", OnDemand, "0.4"),
        quote("m5.2xlarge", Ec2InstanceSp, "0.252"),
        quote("m5.2xlarge", ComputeSp, "0.292"),
        quote("c5.large", OnDemand, "0.085"),
        quote("c5.large", ComputeSp, "0.06205"),
    ];
    PriceBook::new(quotes.to_vec(), vec![], vec![], vec![], vec![]).unwrap()
}

fn thousandths(units: f64) -> f64 {
    (units * 1000.0).round() / 1000.0
}

/// Holds what is bought, which has to be proven, against a grid over everything that could be used, `points` to an axis, in
/// quantities that can be bought.
fn brute_force(table: &[[u32; 3]], prices: &PriceBook, points: u32) -> Result<(), TestCaseError> {
    let demand = Demand::new(&usage(table)).unwrap();
    let (purchases, gap) = best_in_hindsight(&demand, &[], prices, at(0), Later::Never, 0.08).unwrap();
    let found = total(&demand, &purchases, prices);
    prop_assert!(gap.is_some_and(|gap| gap <= 1e-4), "{gap:?}");
    let least = found * (1.0 - gap.unwrap_or_default()) - 1e-9;
    let problem = problem(&demand, prices);
    for x in grid(&problem, points) {
        let cost = problem.evaluate(&x)[0].cost;
        prop_assert!(cost >= least, "{x:?}: {cost} < {found} ({gap:?})");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Savings differ within the family here, so that the legal order is not the cheapest one and the cost not convex.
    #[test]
    fn brute_force_finds_nothing_better(table in any_table()) {
        brute_force(&table, &prices(&PLANS), 8)?;
    }

    #[test]
    fn brute_force_finds_nothing_better_where_a_plan_saves_the_same_on_all_sizes(table in any_table()) {
        brute_force(&table, &even_prices(), 5)?;
    }
}

/// Every purchase of [`PLANS`] on a grid over everything that could be used, in quantities that can be bought.
fn grid(problem: &Problem, points: u32) -> Vec<[f64; 3]> {
    let axis = |column: usize| -> Vec<f64> {
        let step = problem.columns[column].most / f64::from(points - 1);
        let buyable = if column == 0 { f64::round } else { thousandths };
        (0..points).map(|point| buyable(f64::from(point) * step)).collect()
    };
    let mut all = Vec::new();
    for ri in axis(0) {
        for family in axis(1) {
            all.extend(axis(2).into_iter().map(|broad| [ri, family, broad]));
        }
    }
    all
}

const STEPS: [Granularity; 3] = [Granularity::Whole, Granularity::Fine, Granularity::Fine];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn limits_are_kept_and_nothing_within_them_is_cheaper_than_the_gap_says(
        table in any_table(),
        share in 0.0_f64..1.2,
        averse in any::<bool>(),
    ) {
        let demand = Demand::new(&usage(&table)).unwrap();
        let problem = problem(&demand, &even_prices());
        let risk = if averse { 1.0 } else { 0.0 };
        let free = minimize(&problem, risk, &STEPS, &[]).units;
        let prices = vec![0.06, 1.0, 1.0];
        let paid = |units: &[f64]| prices.iter().zip(units).map(|(price, units)| price * units).sum::<f64>();
        let limit = Limit { most: paid(&free) * share, prices: prices.clone() };
        let solution = minimize(&problem, risk, &STEPS, std::slice::from_ref(&limit));
        prop_assert!(paid(&solution.units) <= limit.most + 1e-9, "{:?} of {}", solution.units, limit.most);
        let least = problem.evaluate(&solution.units)[0].cost * (1.0 - solution.gap) - 1e-9;
        for x in grid(&problem, 5).into_iter().filter(|x| paid(x) <= limit.most) {
            let cost = problem.evaluate(&x)[0].cost;
            prop_assert!(cost >= least, "{x:?}: {cost} < {least}, found {:?}", solution.units);
        }
    }

    #[test]
    fn a_wanted_coverage_is_reached_and_nothing_that_covers_as_much_is_cheaper_than_the_gap_says(
        table in any_table(),
        target in 0.0_f64..0.99,
    ) {
        let demand = Demand::new(&usage(&table)).unwrap();
        let problem = problem(&demand, &even_prices());
        let solution = minimize_covering(&problem, target, 0.0, &STEPS, &[]);
        let covered = problem.coverage(&solution.units);
        prop_assert!(covered >= target, "{covered} < {target}");
        let least = problem.evaluate(&solution.units)[0].cost * (1.0 - solution.gap) - 1e-9;
        for x in grid(&problem, 5).into_iter().filter(|x| problem.coverage(x) >= covered) {
            let cost = problem.evaluate(&x)[0].cost;
            prop_assert!(cost >= least, "{x:?}: {cost} < {least}, found {:?}", solution.units);
        }
    }

    #[test]
    fn nothing_between_two_purchases_costs_less_than_their_bound(
        table in any_table(),
        low in [0.0_f64..20.0, 0.0_f64..2.0, 0.0_f64..2.0],
        more in [0.0_f64..5.0, 0.0_f64..0.5, 0.0_f64..0.5],
        way in [0.0_f64..1.0, 0.0_f64..1.0, 0.0_f64..1.0],
    ) {
        let demand = Demand::new(&usage(&table)).unwrap();
        let problem = problem(&demand, &prices(&PLANS));
        let towards = |way: [f64; 3]| [0, 1, 2].map(|column| low[column] + way[column] * more[column]);
        let (cost, bound) = problem.pieces().unwrap().bound(&low, &towards([1.0; 3]));
        let exact = problem.evaluate(&low)[0].cost;
        prop_assert!((cost - exact).abs() <= 1e-9 * (1.0 + exact), "{cost} {exact}");
        let between = problem.evaluate(&towards(way))[0].cost;
        prop_assert!(between >= bound - 1e-9 * (1.0 + between), "{between} < {bound}");
    }
}
