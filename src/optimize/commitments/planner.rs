//! The planner: history → futures → offers → cheapest purchases → what they save.

use std::collections::BTreeMap;

use billing::{Demand, LineKey, PriceBook, Waterfall};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, Period, Purchase, from_statistic, to_cents};
use rust_decimal::Decimal;

use super::coverage::minimize_covering;
use super::cutting_planes::{Solution, minimize};
use super::market::{Market, buy};
use super::offers::{self, Offer};
use super::output::{CostSummary, Output, SavingSummary};
use super::problem::{DETAIL, Future, Outcome, Problem};
use super::scenarios::{self, BLOCK_HOURS, History};
use super::{CommitmentError, Input, Later, Settings};

/// Hours beyond the first term that a ladder looks at, so that later steps have time to pay off.
const LADDER_EXTRA_HOURS: usize = 7200;
/// Detail of a ladder: it has many columns, and its decision needs the distribution of each block only.
const LADDER_DETAIL: usize = 100_000;
/// Detail of a comparison, which somebody waits for: two plans are told apart, neither is bought.
const COMPARED_DETAIL: usize = DETAIL / 10;

/// Plans what to buy at `as_of`.
///
/// Deterministic. The purchases minimize the expected cost (or, with `risk`, a mix with the conditional
/// value at risk of the loss against buying nothing) over futures drawn from history; purchases at
/// [`Settings::later`] dates are part of the problem and only today's are to be made.
pub fn plan(input: &Input<'_>) -> Result<Output, CommitmentError> {
    check(&input.settings)?;
    let ladder = matches!(input.settings.later, Later::Every { .. });
    let detail = if ladder { LADDER_DETAIL } else { DETAIL };
    plan_on(input, &known(input)?, None, detail)
}

/// What the usage of a line in an hour is multiplied by, 0 or more, where it goes otherwise than history tells.
pub type Change<'c> = &'c (dyn Fn(&LineKey, DateTime<Utc>) -> f64 + Sync);

/// Plans with and without a change of the futures, and what given commitments are worth in both.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What would be bought as it goes.
    pub as_it_goes: Output,
    /// What would be bought if it was known that the change comes.
    pub under: Output,
    /// What the commitments save beside what is held, as it goes.
    pub worth_as_it_goes: SavingSummary,
    /// The same if the change comes.
    pub worth_under: SavingSummary,
}

/// Compares, on the same futures, in a tenth of the detail of [`plan`].
///
/// # Errors
/// Those of [`plan`].
pub fn compare(
    input: &Input<'_>,
    bought: &[Commitment],
    change: Change<'_>,
) -> Result<Comparison, CommitmentError> {
    check(&input.settings)?;
    let known = known(input)?;
    let both = |change| -> Result<(Output, SavingSummary), CommitmentError> {
        let planned = plan_on(input, &known, change, COMPARED_DETAIL)?;
        Ok((planned, worth(input, &known, bought, change)?))
    };
    let (as_it_goes, under) = rayon::join(|| both(None), || both(Some(change)));
    let ((as_it_goes, worth_as_it_goes), (under, worth_under)) = (as_it_goes?, under?);
    Ok(Comparison { as_it_goes, under, worth_as_it_goes, worth_under })
}

fn plan_on(
    input: &Input<'_>,
    known: &Known,
    change: Option<Change<'_>>,
    detail: usize,
) -> Result<Output, CommitmentError> {
    let settings = &input.settings;
    let shortest = shortest_term_hours(input.prices);
    let horizon = settings.horizon_days as usize * 24;
    let window = horizon.max(shortest);
    let ladder = matches!(settings.later, Later::Every { .. });
    let hours = if ladder { window + LADDER_EXTRA_HOURS } else { window };
    let future = futures(known, settings, hours, change);
    let found = offers::find(
        &known.lines,
        &known.list_spend,
        input.prices,
        settings.as_of,
        window,
        settings.cost_of_capital,
        settings.maximum_upfront.is_some(),
    )?;
    let market = Market::new(
        &known.lines,
        input.held,
        &found.offers,
        input.prices,
        settings.as_of,
        settings.later,
        hours,
    )?;
    let problem = Problem::new(&market.waterfall, future, &market.held, &market.columns, horizon, detail);
    let (granularity, limits) = (market.granularity(&found.offers), market.limits(settings));
    let solution = match settings.target_coverage {
        None => minimize(&problem, settings.risk, &granularity, &limits),
        Some(target) => minimize_covering(&problem, target, settings.risk, &granularity, &limits),
    };
    let mut output = report(settings, &problem, &market, &found.offers, &solution);
    if output.optimality_gap.is_none() {
        output.assumptions.push(format!(
            "not proven to be the best plan: the best one costs at most {:.3} % less on these futures, of which {:.3} % \
             would be open if every quantity could be bought",
            solution.gap * 100.0,
            solution.relaxed_gap * 100.0
        ));
    }
    if let Some(target) = settings.target_coverage {
        let covered = problem.coverage(&solution.units);
        output.assumptions.push(format!(
            "commitments cover {:.1} % of the usage at list price, wanted: {:.1} %{}",
            covered * 100.0,
            target * 100.0,
            if covered < target { "; more cannot be covered" } else { "" }
        ));
    }
    output.assumptions.extend(known.assumptions.iter().cloned());
    output.assumptions.extend(found.left_out);
    output.assumptions.extend(market.waterfall.assumptions.iter().cloned());
    if !market.waterfall.sustained.is_empty() {
        output.assumptions.push(
            "what commitments leave of Google Cloud gets sustained-use discounts, by blocks of 28 days instead of months"
                .to_owned(),
        );
    }
    if !market.waterfall.missing.is_empty() {
        output.assumptions.push(format!(
            "{} plan rates are not in the prices; those machines count as not covered by those plans (first: {})",
            market.waterfall.missing.len(),
            market.waterfall.missing[0]
        ));
    }
    Ok(output)
}

/// What commitments save beside what is held, over the reported days of the same futures as in [`compare`].
fn worth(
    input: &Input<'_>,
    known: &Known,
    bought: &[Commitment],
    change: Option<Change<'_>>,
) -> Result<SavingSummary, CommitmentError> {
    let settings = &input.settings;
    let hours = settings.horizon_days as usize * 24;
    let future = futures(known, settings, hours, change);
    let cost = |held: &[Commitment], future: Future| -> Result<Vec<Outcome>, CommitmentError> {
        let market = Market::new(&known.lines, held, &[], input.prices, settings.as_of, Later::Never, hours)?;
        let problem = Problem::new(&market.waterfall, future, &market.held, &[], hours, COMPARED_DETAIL);
        Ok(problem.evaluate(&[]))
    };
    let with: Vec<Commitment> = input.held.iter().chain(bought).cloned().collect();
    let (before, after) = (cost(input.held, future.clone())?, cost(&with, future)?);
    let savings: Vec<f64> = before.iter().zip(&after).map(|(a, b)| a.counted - b.counted).collect();
    Ok(summary(&savings))
}

/// The futures of what is known, changed hour by hour.
fn futures(known: &Known, settings: &Settings, hours: usize, change: Option<Change<'_>>) -> Future {
    let mut future = scenarios::draw(&known.history, hours);
    let Some(change) = change else { return future };
    for (line, shape) in known.lines.iter().zip(&mut future.shape) {
        for (hour, used) in shape.iter_mut().enumerate() {
            *used *= change(line, settings.as_of + Duration::hours(hour as i64));
        }
    }
    future
}

fn check(settings: &Settings) -> Result<(), CommitmentError> {
    let refuse = |name, value: String, expected| Err(CommitmentError::Setting { name, value, expected });
    if !(1..=1830).contains(&settings.horizon_days) {
        return refuse("horizon_days", settings.horizon_days.to_string(), "1 to 1830");
    }
    if let Later::Every { days } = settings.later
        && !(1..=366).contains(&days)
    {
        return refuse("every", days.to_string(), "1 to 366 days");
    }
    if !(0.0..=1.0).contains(&settings.risk) {
        return refuse("risk", settings.risk.to_string(), "a number from 0 to 1");
    }
    if !(0.0..=1.0).contains(&settings.cost_of_capital) {
        return refuse("cost_of_capital", settings.cost_of_capital.to_string(), "a yearly rate from 0 to 1");
    }
    if let Some(target) = settings.target_coverage.filter(|target| !(0.0..=1.0).contains(target)) {
        return refuse("target_coverage", target.to_string(), "a share from 0 to 1");
    }
    for (name, most) in [
        ("maximum_monthly_commitment", settings.maximum_monthly_commitment),
        ("maximum_upfront", settings.maximum_upfront),
    ] {
        if let Some(most) = most.filter(Decimal::is_sign_negative) {
            return refuse(name, most.to_string(), "0 USD or more");
        }
    }
    Ok(())
}

/// What history tells, before `as_of` only.
struct Known {
    lines: Vec<LineKey>,
    history: Vec<History>,
    /// USD at list price in the last 28 days, per line.
    list_spend: Vec<f64>,
    assumptions: Vec<String>,
}

fn known(input: &Input<'_>) -> Result<Known, CommitmentError> {
    let as_of = input.settings.as_of;
    let Some(start) = input.usage.iter().map(|row| row.hour).filter(|hour| *hour < as_of).min() else {
        return Err(CommitmentError::NoHistory { as_of });
    };
    let demand = Demand::over(Period { start, end: as_of }, input.usage)?;
    let mut known = Known { lines: vec![], history: vec![], list_spend: vec![], assumptions: vec![] };
    let mut groups = BTreeMap::new();
    let mut ended = 0;
    for (index, line) in demand.lines().iter().enumerate() {
        let hours = demand.series(index);
        let recent = &hours[hours.len().saturating_sub(BLOCK_HOURS)..];
        let used: f64 = recent.iter().sum();
        if used <= 0.0 {
            ended += 1;
            continue;
        }
        let list = Waterfall::new(std::slice::from_ref(line), &[], input.prices)?.on_demand[0] as f64 / 1e12;
        let family = billing::family(line.provider, &line.instance_type);
        let next = groups.len();
        let group = *groups.entry((line.provider, line.region.clone(), family)).or_insert(next);
        known.lines.push(line.clone());
        known.list_spend.push(used * list);
        known.history.push(History { hours, group, list });
    }
    let days = (as_of - start).num_days();
    known.assumptions.push(format!(
        "futures are drawn from {days} days of history: the level of the last 28 days, moved as it moved before"
    ));
    if days < 728 {
        known
            .assumptions
            .push("history is shorter than two years: no yearly season of the level is assumed".to_owned());
    }
    if ended > 0 {
        known
            .assumptions
            .push(format!("{ended} kinds of usage did not run in the last 28 days and are taken as ended"));
    }
    Ok(known)
}

/// Shortest term on offer; 0 when nothing is.
pub(super) fn shortest_term_hours(prices: &PriceBook) -> usize {
    let terms =
        prices.quotes().filter(|quote| quote.plan.is_commitment()).filter_map(|quote| quote.term_years);
    terms.min().map_or(0, |years| usize::from(years) * 8760)
}

fn report(
    settings: &Settings,
    problem: &Problem,
    market: &Market,
    offers: &[Offer],
    solution: &Solution,
) -> Output {
    let mut chosen = vec![0.0; problem.columns.len()];
    let mut before = problem.evaluate(&chosen);
    let current = before.iter().map(|outcome| outcome.counted).collect::<Vec<_>>();
    let mut purchases = Vec::new();
    let mut later = Vec::new();
    // Today's purchases first, then by date: each is worth what it adds to the ones before it.
    let mut order: Vec<usize> = (0..chosen.len()).filter(|&column| solution.units[column] > 0.0).collect();
    order.sort_by_key(|&column| (market.bought[column].1, market.bought[column].0));
    for column in order {
        let (offer, start) = market.bought[column];
        chosen[column] = solution.units[column];
        let after = problem.evaluate(&chosen);
        let purchase = describe(settings, &offers[offer], start, solution.units[column], &before, &after);
        if start == 0 {
            purchases.push(purchase)
        } else if !purchase.commitment.quantity.is_zero() {
            later.push(purchase)
        }
        before = after;
    }
    let savings: Vec<f64> = current.iter().zip(&before).map(|(had, outcome)| had - outcome.counted).collect();
    let saving = summary(&savings);
    let current = usd(mean(&current));
    Output {
        as_of: settings.as_of,
        purchases,
        later,
        cost: CostSummary {
            on_demand: usd(mean(&problem.on_demand_cost())),
            current,
            planned: current - saving.expected_usd,
        },
        saving,
        optimality_gap: solution.proven(),
        assumptions: vec![format!(
            "savings and costs are means over {} futures of {} days; upfront payments are spread over their term",
            problem.scenarios(),
            settings.horizon_days
        )],
    }
}

fn describe(
    settings: &Settings,
    offer: &Offer,
    start: usize,
    units: f64,
    before: &[Outcome],
    after: &[Outcome],
) -> Purchase {
    let savings: Vec<f64> = before.iter().zip(after).map(|(a, b)| a.counted - b.counted).collect();
    let saving = summary(&savings);
    let starts_at = settings.as_of + Duration::hours(start as i64);
    let losing = savings.iter().filter(|saving| **saving < 0.0).count();
    let reason = format!(
        "pays once {:.0} % of it is used; loses money in {losing} of {} futures; {}",
        offer.break_even * 100.0,
        savings.len(),
        offer.why
    );
    Purchase {
        commitment: buy(offer, starts_at, units),
        expected_saving_usd: saving.expected_usd,
        saving_p10_usd: saving.p10_usd,
        saving_p90_usd: saving.p90_usd,
        break_even_utilization: (offer.break_even * 1e6).round() / 1e6,
        reason,
    }
}

fn summary(savings: &[f64]) -> SavingSummary {
    let mut sorted = savings.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Linear interpolation between order statistics (Hyndman & Fan 1996, type 7).
    let quantile = |level: f64| {
        let position = level * sorted.len().saturating_sub(1) as f64;
        let (low, high) = (position.floor() as usize, position.ceil() as usize);
        sorted.get(low).zip(sorted.get(high)).map_or(0.0, |(a, b)| a + (b - a) * position.fract())
    };
    SavingSummary {
        expected_usd: usd(mean(savings)),
        p10_usd: usd(quantile(0.1)),
        p90_usd: usd(quantile(0.9)),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn usd(value: f64) -> Decimal {
    to_cents(from_statistic(value))
}

#[cfg(test)]
mod tests {
    use domain::{Payment, PriceQuote, PricingPlan, Provider, UsageHour, to_statistic};

    use super::*;

    const START: &str = "2025-01-01T00:00:00Z";

    fn hour(index: i64) -> DateTime<Utc> {
        START.parse::<DateTime<Utc>>().unwrap() + Duration::hours(index)
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

    fn book(quotes: Vec<PriceQuote>) -> billing::PriceBook {
        billing::PriceBook::new(quotes, vec![], vec![], vec![], vec![]).unwrap()
    }

    fn market() -> billing::PriceBook {
        use PricingPlan::{ComputeSp, Ec2InstanceSp, OnDemand, RiStandard};
        book(vec![
            quote("m5.large", OnDemand, "0.096"),
            quote("m5.large", RiStandard, "0.0602"),
            quote("m5.large", Ec2InstanceSp, "0.0615"),
            quote("m5.large", ComputeSp, "0.07"),
            quote("c5.xlarge", OnDemand, "0.17"),
            quote("c5.xlarge", Ec2InstanceSp, "0.109"),
            quote("c5.xlarge", ComputeSp, "0.1241"),
        ])
    }

    fn usage(hours: i64, of: impl Fn(i64) -> Vec<(&'static str, f64)>) -> Vec<UsageHour> {
        let row = |at: i64, instance_type: &str, quantity: f64| UsageHour {
            hour: hour(at),
            provider: Provider::Aws,
            account: "1".to_owned(),
            region: "us-east-1".to_owned(),
            instance_type: instance_type.to_owned(),
            os: "Linux".to_owned(),
            quantity: from_statistic(quantity),
        };
        (0..hours)
            .flat_map(|at| of(at).into_iter().map(move |(name, quantity)| row(at, name, quantity)))
            .collect()
    }

    fn day_and_night(hours: i64) -> Vec<UsageHour> {
        usage(hours, |at| vec![("m5.large", if at % 24 < 8 { 4.0 } else { 10.0 }), ("c5.xlarge", 3.0)])
    }

    fn planned(usage: &[UsageHour], prices: &billing::PriceBook, settings: Settings) -> Output {
        plan(&Input { usage, prices, held: &[], settings }).unwrap()
    }

    #[test]
    fn a_changed_future_changes_what_is_bought_and_what_purchases_are_worth() {
        let (usage, prices) = (day_and_night(24 * 60), market());
        let settings = Settings::new(hour(24 * 60));
        let input = Input { usage: &usage, prices: &prices, held: &[], settings };
        let known = known(&input).unwrap();
        let planned = |change: Option<Change<'_>>| plan_on(&input, &known, change, COMPARED_DETAIL).unwrap();
        let under = |change: Change<'_>| planned(Some(change));
        let as_it_goes = planned(None);
        let worth =
            |change: Change<'_>, bought: &[Commitment]| worth(&input, &known, bought, Some(change)).unwrap();
        assert_eq!(under(&|_, _| 1.0), as_it_goes);
        let twice = under(&|_, _| 2.0);
        assert!(hourly(&twice) > hourly(&as_it_goes) * Decimal::new(17, 1), "{twice:?}");
        let bought: Vec<Commitment> =
            as_it_goes.purchases.iter().map(|purchase| purchase.commitment.clone()).collect();
        let own = worth(&|_, _| 1.0, &bought);
        let part = to_statistic(own.expected_usd / as_it_goes.saving.expected_usd);
        assert!((part - 1.0).abs() < 0.02, "the planner's own saving, but for rounding: {own:?}");
        // Nothing runs any more from half a year on: what was bought for a year loses.
        let ends = hour(24 * 60 + 4380);
        let ended = worth(&|_, at| if at < ends { 1.0 } else { 0.0 }, &bought);
        assert!(ended.expected_usd < Decimal::ZERO, "{ended:?}");
        // Only the line that changes counts.
        let large =
            |line: &LineKey, _: DateTime<Utc>| if line.instance_type == "m5.large" { 2.0 } else { 1.0 };
        let between = under(&large);
        assert!(hourly(&as_it_goes) < hourly(&between) && hourly(&between) < hourly(&twice));
    }

    /// USD an hour that the purchases commit to.
    fn hourly(output: &Output) -> Decimal {
        let cost = |p: &Purchase| {
            let rate = if p.commitment.plan.is_spend_based() { Decimal::ONE } else { Decimal::new(602, 4) };
            p.commitment.quantity * rate
        };
        output.purchases.iter().map(cost).sum()
    }

    #[test]
    fn buys_what_steady_usage_needs_and_says_how_sure_it_is() {
        let usage = day_and_night(24 * 120);
        let output = planned(&usage, &market(), Settings::new(hour(24 * 120)));
        assert!(output.optimality_gap.is_some_and(|gap| gap <= 1e-4), "{:?}", output.optimality_gap);
        let ri = output.purchases.iter().find(|p| p.commitment.plan == PricingPlan::RiStandard).unwrap();
        assert!(ri.commitment.quantity >= Decimal::from(3) && ri.commitment.quantity <= Decimal::from(11));
        assert!(output.saving.expected_usd > Decimal::from(1000), "{:?}", output.saving);
        assert_eq!(output.cost.current - output.saving.expected_usd, output.cost.planned);
        assert!(output.saving.p10_usd <= output.saving.expected_usd);
        assert!(output.later.is_empty());
        let json = serde_json::to_value(&output).unwrap();
        assert!(json["saving"]["expected_usd"].is_f64() && json["purchases"][0]["quantity"].is_f64());
        assert_eq!(json["purchases"][0]["starts_at"], "2025-05-01T00:00:00Z");
    }

    #[test]
    fn what_is_held_is_not_bought_again() {
        let usage = day_and_night(24 * 120);
        let prices = market();
        let first = planned(&usage, &prices, Settings::new(hour(24 * 120)));
        let held: Vec<Commitment> = first.purchases.into_iter().map(|purchase| purchase.commitment).collect();
        let input =
            Input { usage: &usage, prices: &prices, held: &held, settings: Settings::new(hour(24 * 120)) };
        let second = plan(&input).unwrap();
        assert!(second.saving.expected_usd <= Decimal::ONE, "{second:?}");
    }

    #[test]
    fn what_is_covered_until_a_commitment_ends_is_bought_when_it_ends() {
        let (usage, prices) = (usage(24 * 120, |_| vec![("m5.large", 10.0)]), market());
        let (as_of, ends) = (hour(24 * 120), hour(24 * 220));
        let first = planned(&usage, &prices, Settings::new(as_of));
        let held: Vec<Commitment> =
            first.purchases.into_iter().map(|p| Commitment { ends_at: ends, ..p.commitment }).collect();
        let with = |later: Later| {
            let settings = Settings { later, ..Settings::new(as_of) };
            plan(&Input { usage: &usage, prices: &prices, held: &held, settings }).unwrap()
        };
        // A year bought today is idle for 100 days, and still cheaper than nothing.
        let (once, followed) = (with(Later::Never), with(Later::WhenHeldEnds));
        assert!(!once.purchases.is_empty() && once.later.is_empty());
        assert!(hourly(&followed) * Decimal::from(50) < hourly(&once), "{:?}", followed.purchases);
        assert!(followed.later.iter().all(|purchase| purchase.commitment.starts_at == ends));
        assert!(followed.saving.expected_usd > once.saving.expected_usd, "{followed:?}");
        assert!(followed.optimality_gap.is_some());
    }

    #[test]
    fn nothing_after_as_of_is_looked_at() {
        let mut usage = day_and_night(24 * 120);
        let prices = market();
        let before = planned(&usage, &prices, Settings::new(hour(24 * 60)));
        for row in usage.iter_mut().filter(|row| row.hour >= hour(24 * 60)) {
            row.quantity = Decimal::from(1000);
        }
        assert_eq!(planned(&usage, &prices, Settings::new(hour(24 * 60))), before);
    }

    #[test]
    fn risk_aversion_buys_less() {
        let usage = day_and_night(24 * 400);
        let prices = market();
        let planned = |risk: f64| {
            let settings = Settings { risk, ..Settings::new(hour(24 * 400)) };
            let output = planned(&usage, &prices, settings);
            assert!(output.optimality_gap.is_some());
            output
        };
        let (neutral, averse) = (planned(0.0), planned(1.0));
        assert!(neutral.cost.planned <= averse.cost.planned);
        assert!(hourly(&averse) < hourly(&neutral), "{} {}", hourly(&averse), hourly(&neutral));
    }

    #[test]
    fn a_wanted_coverage_is_bought_even_where_it_does_not_pay() {
        let (usage, prices) = (day_and_night(24 * 120), market());
        let as_of = Settings::new(hour(24 * 120));
        let free = planned(&usage, &prices, as_of.clone());
        let covering = planned(&usage, &prices, Settings { target_coverage: Some(0.99), ..as_of.clone() });
        assert!(hourly(&covering) > hourly(&free), "{covering:?}");
        assert!(covering.saving.expected_usd < free.saving.expected_usd);
        let said = covering.assumptions.join("\n");
        assert!(said.contains("commitments cover 99.") && said.contains("wanted: 99.0 %"), "{said}");
        // What pays anyway is not changed by a wish for less.
        let modest = planned(&usage, &prices, Settings { target_coverage: Some(0.3), ..as_of });
        assert_eq!(modest.purchases, free.purchases);
    }

    #[test]
    fn purchases_stay_within_what_may_be_spent() {
        let usage = day_and_night(24 * 120);
        let as_of = Settings::new(hour(24 * 120));
        let free = planned(&usage, &market(), as_of.clone());
        let most = hourly(&free) * Decimal::from(730) / Decimal::TWO;
        let half = Settings { maximum_monthly_commitment: Some(most), ..as_of.clone() };
        let committed = hourly(&planned(&usage, &market(), half)) * Decimal::from(730);
        assert!(committed <= most && committed > most * Decimal::new(9, 1), "{committed} of {most}");
        // A year at once for 500 USD is the cheapest, as far as the cash goes.
        let at_once = PriceQuote {
            payment: Some(Payment::AllUpfront),
            upfront: Decimal::from(500),
            ..quote("m5.large", PricingPlan::RiStandard, "0")
        };
        let prices = book(market().quotes().cloned().chain([at_once]).collect());
        let cash = |most: i64| {
            let settings = Settings { maximum_upfront: Some(Decimal::from(most)), ..as_of.clone() };
            let bought = planned(&usage, &prices, settings).purchases;
            let of = |payment: Payment| -> Decimal {
                let such = bought.iter().filter(|purchase| purchase.commitment.payment == payment);
                such.map(|purchase| purchase.commitment.quantity).sum()
            };
            (of(Payment::AllUpfront), of(Payment::NoUpfront))
        };
        let (none, rest) = cash(0);
        assert!(none.is_zero() && rest > Decimal::ONE, "{none} {rest}");
        let (two, rest) = cash(1_499);
        assert!(two == Decimal::TWO && rest > Decimal::ONE, "{two} {rest}");
    }

    #[test]
    fn a_ladder_leaves_room_for_later_steps() {
        let usage = day_and_night(24 * 400);
        let prices = market();
        let once = planned(&usage, &prices, Settings::new(hour(24 * 400)));
        let settings = Settings { later: Later::Every { days: 28 }, ..Settings::new(hour(24 * 400)) };
        let ladder = planned(&usage, &prices, settings);
        assert!(!ladder.later.is_empty());
        assert!(hourly(&ladder) <= hourly(&once), "{} {}", hourly(&ladder), hourly(&once));
        assert!(ladder.optimality_gap.is_some());
    }

    #[test]
    fn refuses_what_it_cannot_plan() {
        let usage = day_and_night(48);
        let prices = market();
        let with = |settings: Settings| plan(&Input { usage: &usage, prices: &prices, held: &[], settings });
        let at = Settings::new(hour(48));
        assert!(matches!(with(Settings { risk: 2.0, ..at.clone() }), Err(CommitmentError::Setting { .. })));
        assert!(matches!(
            with(Settings { horizon_days: 0, ..at.clone() }),
            Err(CommitmentError::Setting { .. })
        ));
        for beyond in [
            Settings { target_coverage: Some(1.5), ..at.clone() },
            Settings { maximum_upfront: Some(Decimal::NEGATIVE_ONE), ..at.clone() },
            Settings { maximum_monthly_commitment: Some(Decimal::NEGATIVE_ONE), ..at.clone() },
        ] {
            assert!(matches!(with(beyond), Err(CommitmentError::Setting { .. })));
        }
        assert!(matches!(with(Settings::new(hour(0))), Err(CommitmentError::NoHistory { .. })));
        let unpriced = book(vec![quote("m5.large", PricingPlan::OnDemand, "0.096")]);
        let input = Input { usage: &usage, prices: &unpriced, held: &[], settings: at };
        assert!(matches!(plan(&input), Err(CommitmentError::Billing(_))));
    }
}
