//! The planner: history → futures → offers → cheapest purchases → what they save.

use billing::{Demand, LineKey, Waterfall};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, Period, Purchase, from_statistic, to_cents};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

use super::cutting_planes::{Objective, Solution, minimize};
use super::offers::{self, Offer};
use super::output::{CostSummary, Output, SavingSummary};
use super::problem::{DETAIL, Outcome, Problem, Span};
use super::scenarios::{self, BLOCK_HOURS, History};
use super::{CommitmentError, Input, Settings};

/// Hours beyond the first term that a ladder looks at, so that later steps have time to pay off.
const LADDER_EXTRA_HOURS: usize = 7200;
/// Smallest step of a spend commitment in USD per hour.
const SPEND_STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// Plans what to buy at `as_of`.
///
/// Deterministic. The purchases minimize the expected cost (or, with `risk`, a mix with the conditional
/// value at risk of the loss against buying nothing) over futures drawn from history; with `every_days`,
/// purchases at later dates are part of the problem and only today's are to be made.
pub fn plan(input: &Input<'_>) -> Result<Output, CommitmentError> {
    let settings = &input.settings;
    check(settings)?;
    let known = known(input)?;
    let shortest = shortest_term_hours(input);
    let horizon = settings.horizon_days as usize * 24;
    let window = horizon.max(shortest);
    let hours = if settings.every_days.is_some() { window + LADDER_EXTRA_HOURS } else { window };
    let future = scenarios::draw(&known.history, hours);
    let found = offers::find(
        &known.lines,
        &known.list_spend,
        input.prices,
        settings.as_of,
        window,
        settings.cost_of_capital,
    )?;
    let market = Market::new(input, &known.lines, &found.offers, hours)?;
    let problem = Problem::new(&market.waterfall, future, &market.held, &market.columns, horizon, DETAIL);
    let objective = Objective::new(&problem, settings.risk);
    let mut solution = minimize(&problem, &objective);
    round(&problem, &objective, &market, &found.offers, &mut solution);
    let mut output = report(settings, &problem, &market, &found.offers, &solution);
    output.assumptions.extend(known.assumptions);
    output.assumptions.extend(found.left_out);
    output.assumptions.extend(market.waterfall.assumptions.iter().cloned());
    if !market.waterfall.missing.is_empty() {
        output.assumptions.push(format!(
            "{} plan rates are not in the prices; those machines count as not covered by those plans (first: {})",
            market.waterfall.missing.len(),
            market.waterfall.missing[0]
        ));
    }
    Ok(output)
}

fn check(settings: &Settings) -> Result<(), CommitmentError> {
    let refuse = |name, value: String, expected| Err(CommitmentError::Setting { name, value, expected });
    if !(1..=1830).contains(&settings.horizon_days) {
        return refuse("horizon_days", settings.horizon_days.to_string(), "1 to 1830");
    }
    if settings.every_days.is_some_and(|days| !(1..=366).contains(&days)) {
        return refuse("every", settings.every_days.unwrap_or(0).to_string(), "1 to 366 days");
    }
    if !(0.0..=1.0).contains(&settings.risk) {
        return refuse("risk", settings.risk.to_string(), "a number from 0 to 1");
    }
    if !(0.0..=1.0).contains(&settings.cost_of_capital) {
        return refuse("cost_of_capital", settings.cost_of_capital.to_string(), "a yearly rate from 0 to 1");
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
    if days < 392 {
        known.assumptions.push("history is shorter than 13 months: no yearly season is assumed".to_owned());
    }
    if ended > 0 {
        known
            .assumptions
            .push(format!("{ended} kinds of usage did not run in the last 28 days and are taken as ended"));
    }
    Ok(known)
}

fn shortest_term_hours(input: &Input<'_>) -> usize {
    let terms =
        input.prices.quotes().filter(|quote| quote.plan.is_commitment()).filter_map(|quote| quote.term_years);
    terms.min().map_or(0, |years| usize::from(years) * 8760)
}

/// Held and offered commitments on one time axis: hours after `as_of`.
struct Market {
    waterfall: Waterfall,
    held: Vec<Span>,
    columns: Vec<Span>,
    /// Offer and start hour of each column.
    bought: Vec<(usize, usize)>,
}

impl Market {
    fn new(
        input: &Input<'_>,
        lines: &[LineKey],
        offers: &[Offer],
        hours: usize,
    ) -> Result<Self, CommitmentError> {
        let as_of = input.settings.as_of;
        let mut commitments: Vec<Commitment> = input.held.to_vec();
        commitments.extend(offers.iter().enumerate().map(|(index, offer)| Commitment {
            id: format!("offer {index} of {}", offer.unit.account),
            ..offer.unit.clone()
        }));
        let waterfall = Waterfall::new(lines, &commitments, input.prices)?;
        let hour = |instant: DateTime<Utc>| {
            let seconds = (instant - as_of).num_seconds().saturating_add(3599);
            usize::try_from(seconds.div_euclid(3600)).unwrap_or(0).min(hours)
        };
        let held = input
            .held
            .iter()
            .enumerate()
            .map(|(commitment, held)| Span { commitment, hours: hour(held.starts_at)..hour(held.ends_at) })
            .filter(|span| !span.hours.is_empty())
            .collect();
        let every = input.settings.every_days.map_or(usize::MAX, |days| days as usize * 24);
        let mut columns = Vec::new();
        let mut bought = Vec::new();
        for (index, offer) in offers.iter().enumerate() {
            let term = usize::from(offer.unit.term_years) * 8760;
            let mut start = 0;
            while start < hours {
                let commitment = input.held.len() + index;
                columns.push(Span { commitment, hours: start..start.saturating_add(term).min(hours) });
                bought.push((index, start));
                start = start.saturating_add(every);
            }
        }
        Ok(Self { waterfall, held, columns, bought })
    }
}

/// Rounds purchases to what can be bought: whole instances, tenths of a cent per hour.
fn round(
    problem: &Problem,
    objective: &Objective,
    market: &Market,
    offers: &[Offer],
    solution: &mut Solution,
) {
    for (units, (offer, _)) in solution.units.iter_mut().zip(&market.bought) {
        if !offers[*offer].whole {
            *units = (*units * 1000.0).round() / 1000.0;
        }
    }
    let whole: Vec<usize> =
        (0..solution.units.len()).filter(|&column| offers[market.bought[column].0].whole).collect();
    for column in whole {
        let down = solution.units[column].floor();
        if solution.units[column] - down < 1e-9 {
            solution.units[column] = down;
            continue;
        }
        let mut value = |units: f64| {
            solution.units[column] = units;
            objective.value(&problem.evaluate(&solution.units))
        };
        let (lower, upper) = (value(down), value(down + 1.0));
        solution.units[column] = if upper < lower { down + 1.0 } else { down };
    }
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
        } else {
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
            on_demand: usd(mean(&problem.list_cost())),
            current,
            planned: current - saving.expected_usd,
        },
        saving,
        optimality_gap: solution.gap,
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
    let quantity = from_statistic(units);
    let quantity = if offer.whole { quantity.round() } else { quantity.round_dp(SPEND_STEP.scale()) };
    let unit = &offer.unit;
    let losing = savings.iter().filter(|saving| **saving < 0.0).count();
    let reason = format!(
        "pays once {:.0} % of it is used; loses money in {losing} of {} futures; {}",
        offer.break_even * 100.0,
        savings.len(),
        offer.why
    );
    Purchase {
        commitment: Commitment {
            id: format!("plan-{}-{}-{}", unit.plan, starts_at.format("%Y%m%dT%H"), name_of(unit)),
            quantity,
            starts_at,
            ends_at: starts_at + Duration::hours(8760 * i64::from(unit.term_years)),
            ..unit.clone()
        },
        expected_saving_usd: saving.expected_usd,
        saving_p10_usd: saving.p10_usd,
        saving_p90_usd: saving.p90_usd,
        break_even_utilization: (offer.break_even * 1e6).round() / 1e6,
        reason,
    }
}

fn name_of(unit: &Commitment) -> String {
    let parts =
        [unit.region.as_deref(), unit.family.as_deref(), unit.instance_type.as_deref(), unit.os.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    format!("{}-{}y", if parts.is_empty() { "all".to_owned() } else { parts.join("-") }, unit.term_years)
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
    use domain::{Payment, PriceQuote, PricingPlan, Provider, UsageHour};

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
        let spent = |risk: f64| {
            let settings = Settings { risk, ..Settings::new(hour(24 * 400)) };
            let output = planned(&usage, &prices, settings);
            assert!(output.optimality_gap.is_some());
            let worst = output.saving.p10_usd;
            (output.cost.planned, worst)
        };
        let (neutral, averse) = (spent(0.0), spent(1.0));
        assert!(neutral.0 <= averse.0 && averse.1 >= neutral.1, "{neutral:?} {averse:?}");
    }

    #[test]
    fn a_ladder_leaves_room_for_later_steps() {
        let usage = day_and_night(24 * 400);
        let prices = market();
        let once = planned(&usage, &prices, Settings::new(hour(24 * 400)));
        let settings = Settings { every_days: Some(28), ..Settings::new(hour(24 * 400)) };
        let ladder = planned(&usage, &prices, settings);
        let hourly = |output: &Output| -> Decimal {
            let cost = |p: &Purchase| {
                let rate =
                    if p.commitment.plan.is_spend_based() { Decimal::ONE } else { Decimal::new(602, 4) };
                p.commitment.quantity * rate
            };
            output.purchases.iter().map(cost).sum()
        };
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
        assert!(matches!(with(Settings::new(hour(0))), Err(CommitmentError::NoHistory { .. })));
        let unpriced = book(vec![quote("m5.large", PricingPlan::OnDemand, "0.096")]);
        let input = Input { usage: &usage, prices: &unpriced, held: &[], settings: at };
        assert!(matches!(plan(&input), Err(CommitmentError::Billing(_))));
    }
}
