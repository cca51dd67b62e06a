//! What can be bought: one offer per reach and term, in the cheapest way to pay for it.

use std::collections::{BTreeMap, BTreeSet};

use billing::{LineKey, PriceBook, Waterfall, family, flexibility};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, Payment, PriceQuote, PricingPlan, Provider, to_statistic};
use rust_decimal::Decimal;

use super::CommitmentError;

/// Hours of a month, as monthly fees are counted.
const MONTH_HOURS: f64 = 730.0;
/// Sizes of a family cost the same for what they cover, but for rounding. Within this share the smallest one wins:
/// what can be bought in small steps fits the need better.
const SAME: f64 = 1e-3;

/// One thing that can be bought.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    /// One unit of it, starting when the plan is made.
    pub(super) unit: Commitment,
    /// Counted in whole instances.
    pub(super) whole: bool,
    /// Utilization below which it loses money: the share of the time at which what a unit covers would cost as much on
    /// demand, sustained-use discounts considered.
    pub(super) break_even: f64,
    /// Why this way to pay.
    pub(super) why: String,
}

/// What could be bought, and what was left out.
pub(super) struct Offers {
    pub(super) offers: Vec<Offer>,
    pub(super) left_out: Vec<String>,
}

/// Offers of one group compete; the cheapest one is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Machines { region: String, group: String, os: String },
    Spend { plan: PricingPlan, region: Option<String>, family: Option<String> },
}

/// Provider, reach, term in years, and whether it takes cash that is limited.
type Key = (Provider, Reach, u8, bool);

/// Finds the offers for `lines`, which spend `list_spend` USD at list price each. Where cash is limited, what is paid
/// upfront does not compete with what is not: the plan has to weigh both.
pub(super) fn find(
    lines: &[LineKey],
    list_spend: &[f64],
    prices: &PriceBook,
    as_of: DateTime<Utc>,
    longest_hours: usize,
    cost_of_capital: f64,
    cash_is_limited: bool,
) -> Result<Offers, CommitmentError> {
    let mut units: Vec<Commitment> = Vec::new();
    let mut reaches: Vec<Key> = Vec::new();
    let mut too_long = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for quote in prices.quotes().filter(|quote| quote.plan.is_commitment()) {
        let (Some(years), Some(payment)) = (quote.term_years, quote.payment) else { continue };
        let Some(reach) = reach(quote, lines, prices) else { continue };
        if usize::from(years) * 8760 > longest_hours {
            too_long.insert(years);
            continue;
        }
        // Every quote of a savings plan names the same offer; quotes of reservations are offers of their own.
        let name = match &reach {
            Reach::Machines { .. } => quote.instance_type.clone(),
            Reach::Spend { .. } => String::new(),
        };
        if seen.insert((quote.provider, reach.clone(), quote.plan, years, payment, name)) {
            units.push(unit(quote, &reach, years, payment, as_of, units.len()));
            reaches.push((quote.provider, reach, years, cash_is_limited && !quote.upfront.is_zero()));
        }
    }
    let waterfall = Waterfall::new(lines, &units, prices)?;
    let mut best: BTreeMap<Key, (f64, f64, Offer)> = BTreeMap::new();
    for (pool, members) in waterfall.pools.iter().enumerate() {
        let reached: BTreeMap<usize, (f64, f64)> = waterfall
            .steps
            .iter()
            .filter(|step| step.pool == pool)
            .map(|step| {
                (step.line, (step.weight as f64, (waterfall.on_demand[step.line] - step.licence) as f64))
            })
            .collect();
        let spend: f64 = reached.keys().map(|&line| list_spend[line]).sum();
        if spend <= 0.0 {
            continue;
        }
        for &member in &members.members {
            // List price of what one unit covers, averaged over the usage it reaches.
            let capacity = waterfall.capacity[member] as f64;
            let worth: f64 = reached
                .iter()
                .map(|(&line, (weight, list))| list_spend[line] / spend * capacity / weight * list / 1e24)
                .sum();
            let price = waterfall.unit_prices[member];
            let years = units[member].term_years;
            let present = present_value(
                to_statistic(price.hourly),
                to_statistic(price.upfront),
                years,
                cost_of_capital,
            );
            let list_present = present_value(1.0, 0.0, years, cost_of_capital);
            let paid = |share: f64| -> f64 {
                let of = |(line, (weight, list)): (&usize, &(f64, f64))| {
                    let off = waterfall.sustained.shares(*line).iter().map(|(pool, price)| {
                        *price as f64 * share * (1.0 - waterfall.sustained.paid(*pool, 0.0..share))
                    });
                    list_spend[*line] / spend * capacity / weight * (list * share - off.sum::<f64>()) / 1e24
                };
                reached.iter().map(of).sum()
            };
            let Some(break_even) = break_even(to_statistic(price.amortized), paid) else { continue };
            // What the reach does not cover stays at list price, so that offers of different breadth compare.
            let all = reach_spend(&reaches, &reaches[member], &waterfall, list_spend).max(spend);
            let score = (spend * present / worth / list_present + (all - spend)) / all;
            let better = best.get(&reaches[member]).is_none_or(|(known, worth_known, _)| {
                let same = (score - known).abs() <= SAME * known;
                if same { worth < worth_known * (1.0 - SAME) } else { score < *known }
            });
            if better {
                let unit =
                    Commitment { account: owner(lines, list_spend, &reached), ..units[member].clone() };
                let why = format!(
                    "{} is the cheapest way to pay at {:.1} % cost of capital{}",
                    unit.payment.as_str().replace('_', " "),
                    cost_of_capital * 100.0,
                    if cash_is_limited { " in the cash there is" } else { "" }
                );
                let offer = Offer { whole: !unit.plan.is_spend_based(), unit, break_even, why };
                best.insert(reaches[member].clone(), (score, worth, offer));
            }
        }
    }
    let left_out = too_long
        .iter()
        .map(|years| format!("offers with a term of {years} years are not weighed: they outlast the horizon"))
        .collect();
    Ok(Offers { offers: best.into_values().map(|(.., offer)| offer).collect(), left_out })
}

/// Present value of one unit over its term: upfront now, fees at the end of each month.
pub(super) fn present_value(hourly: f64, upfront: f64, years: u8, cost_of_capital: f64) -> f64 {
    let months = 1..=u32::from(years) * 12;
    let factors: f64 = months.map(|month| (1.0 + cost_of_capital).powf(-f64::from(month) / 12.0)).sum();
    upfront + hourly * MONTH_HOURS * factors
}

/// The share of the time at which paying on demand costs as much as `price`, which is below that of all of the time.
/// `paid` is linear within each quarter, as sustained-use discounts are.
fn break_even(price: f64, paid: impl Fn(f64) -> f64) -> Option<f64> {
    let quarters = [0.0, 0.25, 0.5, 0.75];
    let (from, low, high) = quarters
        .into_iter()
        .map(|from| (from, paid(from), paid(from + 0.25)))
        .find(|(_, _, high)| *high >= price)?;
    let share = from + 0.25 * (price - low) / (high - low).max(f64::MIN_POSITIVE);
    (share < 1.0).then_some(share)
}

/// The reach of a quote, if any of the lines is in it.
fn reach(quote: &PriceQuote, lines: &[LineKey], prices: &PriceBook) -> Option<Reach> {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let here = |line: &&LineKey| {
        line.provider == quote.provider
            && line.region.to_ascii_lowercase().starts_with(&quote.region.to_ascii_lowercase())
    };
    let near = lines.iter().filter(here);
    let family_of = |instance_type: &str| family(quote.provider, instance_type).to_ascii_lowercase();
    if quote.plan.is_spend_based() {
        let exact =
            |line: &LineKey| same(&line.instance_type, &quote.instance_type) && same(&line.os, &quote.os);
        near.clone().find(|line| exact(line))?;
        let bound = quote.plan == PricingPlan::Ec2InstanceSp;
        return Some(Reach::Spend {
            plan: quote.plan,
            region: bound.then(|| quote.region.clone()),
            family: bound.then(|| family_of(&quote.instance_type)),
        });
    }
    let flex = |region: &str, instance_type: &str, os: &str| {
        flexibility(quote.provider, instance_type, os, prices.shape(quote.provider, region, instance_type))
    };
    let group = flex(&quote.region, &quote.instance_type, &quote.os).map(|flexible| flexible.group);
    let reached = |line: &LineKey| {
        same(&line.os, &quote.os)
            && match &group {
                Some(group) => {
                    flex(&quote.region, &line.instance_type, &line.os).is_some_and(|f| f.group == *group)
                }
                None => same(&line.instance_type, &quote.instance_type),
            }
    };
    near.clone().find(|line| reached(line))?;
    let group = group.unwrap_or_else(|| quote.instance_type.to_ascii_lowercase());
    Some(Reach::Machines { region: quote.region.clone(), group, os: quote.os.to_ascii_lowercase() })
}

fn unit(
    quote: &PriceQuote,
    reach: &Reach,
    term_years: u8,
    payment: Payment,
    as_of: DateTime<Utc>,
    number: usize,
) -> Commitment {
    let (region, family) = match reach {
        Reach::Machines { region, .. } => (Some(region.clone()), None),
        Reach::Spend { region, family, .. } => (region.clone(), family.clone()),
    };
    let machines = !quote.plan.is_spend_based();
    Commitment {
        id: format!("offer-{number}"),
        provider: quote.provider,
        account: String::new(),
        region,
        plan: quote.plan,
        instance_type: machines.then(|| quote.instance_type.clone()),
        family,
        os: machines.then(|| quote.os.clone()),
        quantity: Decimal::ONE,
        term_years,
        payment,
        starts_at: as_of,
        ends_at: as_of + Duration::hours(8760 * i64::from(term_years)),
        hourly: None,
        upfront: None,
    }
}

/// List spend of everything that any offer of the same reach covers.
fn reach_spend(reaches: &[Key], wanted: &Key, waterfall: &Waterfall, list_spend: &[f64]) -> f64 {
    let reached: BTreeSet<usize> = waterfall
        .steps
        .iter()
        .filter(|step| waterfall.pools[step.pool].members.iter().any(|&member| reaches[member] == *wanted))
        .map(|step| step.line)
        .collect();
    reached.iter().map(|&line| list_spend[line]).sum()
}

/// The account that uses most of what is reached.
fn owner(lines: &[LineKey], list_spend: &[f64], reached: &BTreeMap<usize, (f64, f64)>) -> String {
    let mut by_account: BTreeMap<&str, f64> = BTreeMap::new();
    for &line in reached.keys() {
        *by_account.entry(&lines[line].account).or_default() += list_spend[line];
    }
    let largest = by_account.iter().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)));
    largest.map_or_else(String::new, |(account, _)| (*account).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sustained_use_moves_the_break_even() {
        // N1: 100, 80, 60 and 40 % of the list price. 37 % off pays once more than 82.5 % of the month is used.
        let paid = |share: f64| {
            [(0.0, 1.0), (0.25, 0.8), (0.5, 0.6), (0.75, 0.4)]
                .iter()
                .map(|(from, rate)| (share - from).clamp(0.0, 0.25) * rate)
                .sum::<f64>()
        };
        assert!((break_even(0.63, paid).unwrap() - 0.825).abs() < 1e-12);
        assert_eq!(break_even(0.72, paid), None, "28 % off never pays");
        assert!((break_even(0.63, |share| share).unwrap() - 0.63).abs() < 1e-12);
    }

    #[test]
    fn paying_early_is_worth_its_discount_only_below_its_return() {
        // x2iedn.32xlarge, 1 year standard, us-east-1: no upfront 38.5 % off, all upfront 42.6 % off.
        let list = 26.676;
        let monthly = |rate| present_value(list * (1.0 - 0.385), 0.0, 1, rate);
        let early = list * (1.0 - 0.426) * 8760.0;
        assert!(early < monthly(0.08) && early > monthly(0.20));
    }
}
