//! Replays of history: what each way to buy commitments would have cost, without looking ahead, and what would have come
//! of the advice of a whole plan.

mod advice;

use std::fmt;
use std::str::FromStr;

use billing::{Bill, BillingError, Demand, PriceBook};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, Period, Purchase, UsageHour, to_cents, to_statistic};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

pub use self::advice::advice;
use crate::commitments::{self, CommitmentError, Input, Later, Settings, best_in_hindsight};

/// Days of the short and of the long window of Azure's advice.
const AZURE_WINDOWS: [u32; 2] = [3, 30];
/// Days and level of the floor rule.
const FLOOR: (u32, f64) = (30, 0.1);

/// A way to buy commitments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Our planner, with the rhythm of the replay.
    Headroom,
    /// What would have been cheapest over the last days (AWS Cost Explorer: 7, 30 or 60).
    Lookback(u32),
    /// The smaller of what would have been cheapest over the last 3 and the last 30 days (Azure).
    AzureMin,
    /// Cover the 10th percentile of the last 30 days.
    P10Floor,
    /// Buy nothing.
    None,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headroom => f.write_str("headroom"),
            Self::Lookback(days) => write!(f, "lookback-{days}"),
            Self::AzureMin => f.write_str("azure-min"),
            Self::P10Floor => f.write_str("p10-floor"),
            Self::None => f.write_str("none"),
        }
    }
}

/// A policy name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown policy {0:?}: expected headroom, lookback-<days>, azure-min, p10-floor or none")]
pub struct UnknownPolicy(pub String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let unknown = || UnknownPolicy(text.to_owned());
        match text.trim() {
            "headroom" => Ok(Self::Headroom),
            "azure-min" => Ok(Self::AzureMin),
            "p10-floor" => Ok(Self::P10Floor),
            "none" => Ok(Self::None),
            other => {
                let days = other.strip_prefix("lookback-").and_then(|days| days.parse().ok());
                days.filter(|days| (1..=366).contains(days)).map(Self::Lookback).ok_or_else(unknown)
            }
        }
    }
}

/// What is replayed.
#[derive(Debug, Clone)]
pub struct ReplayInput<'a> {
    /// Instance-hours by UTC hour; before `start` they are history, after it what happens.
    pub usage: &'a [UsageHour],
    /// Prices, the same at all dates.
    pub prices: &'a PriceBook,
    /// Ways to buy.
    pub policies: &'a [Policy],
    /// Days between purchases.
    pub every_days: u32,
    /// First purchase, on a full UTC hour.
    pub start: DateTime<Utc>,
    /// As in [`Settings`].
    pub risk: f64,
    /// As in [`Settings`].
    pub cost_of_capital: f64,
}

/// How one policy did. Money is USD over the replayed window, upfront payments spread over their term.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyReplay {
    /// Its name.
    pub policy: String,
    /// What was paid.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub cost: Decimal,
    /// `cost ÷ clairvoyant cost − 1`.
    pub regret: f64,
    /// All usage at list price, minus `cost`.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub savings: Decimal,
    /// Share of the list price of usage that commitments covered.
    pub coverage: Option<f64>,
    /// Used share of the cost of commitments.
    pub utilization: Option<f64>,
    /// `1 − cost ÷ list price`.
    pub effective_savings_rate: Option<f64>,
    /// Number of purchases.
    pub purchases: usize,
    /// Purchases that covered less, at list price, than they cost within the window.
    pub losing_purchases: usize,
    /// What was claimed at purchase against what came of it, for policies that claim anything.
    pub claims: Option<Claims>,
}

/// Savings claimed when buying, and what the bill says about them later: with the purchase against without it,
/// over the days that the claim was about. Claims about days past the end of usage are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Claims {
    /// Purchases with a claim that can be checked.
    pub purchases: usize,
    /// Sum of their expected savings.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub claimed_usd: Decimal,
    /// Sum of what they saved.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub realized_usd: Decimal,
    /// Purchases that saved at least the P10 that was claimed.
    pub above_p10: usize,
}

impl Claims {
    /// Checks the claims of what is bought at `date` on top of `held`: each purchase is worth what it adds to the
    /// ones before it, as in the plan.
    fn check(
        &mut self,
        all: &Demand,
        held: &[Commitment],
        bought: &[Purchase],
        date: DateTime<Utc>,
        prices: &PriceBook,
    ) -> Result<(), CommitmentError> {
        let end = date + Duration::days(i64::from(Settings::new(date).horizon_days));
        if end > all.period().end || bought.is_empty() {
            return Ok(());
        }
        let window = all.window(Period { start: date, end })?;
        let mut held = held.to_vec();
        let mut before = bill(&window, &held, prices)?.total;
        for purchase in bought {
            held.push(purchase.commitment.clone());
            let after = bill(&window, &held, prices)?.total;
            let saved = before - after;
            before = after;
            self.purchases += 1;
            self.claimed_usd += purchase.expected_saving_usd;
            self.realized_usd += to_cents(saved);
            self.above_p10 += usize::from(saved >= purchase.saving_p10_usd);
        }
        Ok(())
    }
}

/// The replay. Serializes to the JSON of `replay commitments`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = CommitmentReplay))]
pub struct Replay {
    /// First purchase.
    pub start: DateTime<Utc>,
    /// End of the window, exclusive.
    pub end: DateTime<Utc>,
    /// Number of purchase dates.
    pub dates: usize,
    /// All usage at list price.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub on_demand: Decimal,
    /// Cost with all of the window known at the first date, buying at the same dates.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub clairvoyant: Decimal,
    /// Proven gap of that; `None` when not proven.
    pub clairvoyant_gap: Option<f64>,
    /// One entry a policy, in the order asked for.
    pub policies: Vec<PolicyReplay>,
    /// What was assumed, one sentence each.
    pub assumptions: Vec<String>,
}

/// Walks from `start` to the end of usage, buying as each policy would at every date with only the past in
/// view, and bills every hour with the exact simulator.
pub fn commitments(input: &ReplayInput<'_>) -> Result<Replay, CommitmentError> {
    if !(1..=366).contains(&input.every_days) {
        let value = input.every_days.to_string();
        return Err(CommitmentError::Setting { name: "every", value, expected: "1 to 366 days" });
    }
    let first = input.usage.iter().map(|row| row.hour).min().filter(|first| *first < input.start);
    let last = input.usage.iter().map(|row| row.hour).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Err(CommitmentError::NoHistory { as_of: input.start });
    };
    if last < input.start {
        let value = input.start.to_string();
        return Err(CommitmentError::Setting {
            name: "start",
            value,
            expected: "a time before the last hour of usage",
        });
    }
    let end = last + Duration::hours(1);
    let all = Demand::over(Period { start: first, end }, input.usage)?;
    let window = all.window(Period { start: input.start, end })?;
    let every = Duration::days(i64::from(input.every_days));
    let mut dates = vec![input.start];
    while let Some(next) = dates.last().map(|date| *date + every).filter(|next| *next < end) {
        dates.push(next);
    }
    let (perfect, clairvoyant_gap) = best_in_hindsight(
        &window,
        &[],
        input.prices,
        input.start,
        Later::Every { days: input.every_days },
        input.cost_of_capital,
    )?;
    let clairvoyant = bill(&window, &perfect, input.prices)?.total;
    let mut policies = Vec::with_capacity(input.policies.len());
    for policy in input.policies {
        let mut bought: Vec<Commitment> = Vec::new();
        let mut claims = (*policy == Policy::Headroom).then(Claims::default);
        for date in &dates {
            match &mut claims {
                Some(claims) => {
                    let now = planned(input, &bought, *date)?;
                    claims.check(&all, &bought, &now, *date, input.prices)?;
                    bought.extend(now.into_iter().map(|purchase| purchase.commitment));
                }
                None => bought.extend(purchases(*policy, input, &all, &bought, *date)?),
            }
        }
        let bill = bill(&window, &bought, input.prices)?;
        policies.push(PolicyReplay {
            policy: policy.to_string(),
            cost: to_cents(bill.total),
            regret: to_statistic(bill.total) / to_statistic(clairvoyant).max(f64::MIN_POSITIVE) - 1.0,
            savings: to_cents(bill.on_demand_equivalent - bill.total),
            coverage: bill.coverage,
            utilization: bill.utilization,
            effective_savings_rate: bill.effective_savings_rate,
            purchases: bought.len(),
            losing_purchases: bill.commitments.iter().filter(|c| c.net_saving < Decimal::ZERO).count(),
            claims,
        });
    }
    Ok(Replay {
        start: input.start,
        end,
        dates: dates.len(),
        on_demand: to_cents(bill(&window, &[], input.prices)?.on_demand_equivalent),
        clairvoyant: to_cents(clairvoyant),
        clairvoyant_gap,
        policies,
        assumptions: vec![
            "nothing is held at the start; prices are the same at all dates".to_owned(),
            "terms that outlast the window count only for their hours in it".to_owned(),
        ],
    })
}

/// What our planner buys at `date`, holding `bought`.
fn planned(
    input: &ReplayInput<'_>,
    bought: &[Commitment],
    date: DateTime<Utc>,
) -> Result<Vec<Purchase>, CommitmentError> {
    let settings = Settings {
        later: Later::Every { days: input.every_days },
        risk: input.risk,
        cost_of_capital: input.cost_of_capital,
        ..Settings::new(date)
    };
    let plan =
        commitments::plan(&Input { usage: input.usage, prices: input.prices, held: bought, settings })?;
    Ok(plan.purchases)
}

/// What a policy buys at `date`, holding `bought`.
fn purchases(
    policy: Policy,
    input: &ReplayInput<'_>,
    all: &Demand,
    bought: &[Commitment],
    date: DateTime<Utc>,
) -> Result<Vec<Commitment>, CommitmentError> {
    let lookback = |days: u32| {
        let past = past(all, date, days)?;
        buy_for(&past, input, bought, date)
    };
    match policy {
        Policy::None => Ok(Vec::new()),
        Policy::Headroom => {
            Ok(planned(input, bought, date)?.into_iter().map(|purchase| purchase.commitment).collect())
        }
        Policy::Lookback(days) => lookback(days),
        Policy::AzureMin => {
            let [short, long] = AZURE_WINDOWS.map(lookback);
            let (short, long) = (short?, long?);
            let smaller = |wanted: Commitment| {
                let other = short.iter().find(|other| other.id == wanted.id)?;
                let quantity = wanted.quantity.min(other.quantity);
                Some(Commitment { quantity, ..wanted })
            };
            Ok(long.into_iter().filter_map(smaller).collect())
        }
        Policy::P10Floor => {
            let past = past(all, date, FLOOR.0)?;
            let mut floor = past.window(past.period())?;
            for (index, line) in past.lines().iter().enumerate() {
                let mut hours: Vec<Decimal> =
                    (0..past.hours()).map(|hour| past.quantity(index, hour)).collect();
                let mut sorted = hours.clone();
                sorted.sort_unstable();
                let level = sorted[(FLOOR.1 * (sorted.len() - 1) as f64) as usize];
                for (hour, had) in hours.drain(..).enumerate() {
                    floor.change(line, hour..hour + 1, level - had)?;
                }
            }
            buy_for(&floor, input, bought, date)
        }
    }
}

/// The last `days` days before `date`, or as many as there are.
fn past(all: &Demand, date: DateTime<Utc>, days: u32) -> Result<Demand, BillingError> {
    let start = (date - Duration::days(i64::from(days))).max(all.period().start);
    all.window(Period { start, end: date })
}

/// Buys what would have been best over `past`, on top of what is held at `date`.
fn buy_for(
    past: &Demand,
    input: &ReplayInput<'_>,
    bought: &[Commitment],
    date: DateTime<Utc>,
) -> Result<Vec<Commitment>, CommitmentError> {
    // The past stands for what comes: what is held now is taken as held throughout.
    let held: Vec<Commitment> = bought
        .iter()
        .filter(|held| held.is_active(date))
        .map(|held| Commitment {
            ends_at: held.ends_at.max(date + Duration::hours(past.hours() as i64)),
            ..held.clone()
        })
        .collect();
    Ok(best_in_hindsight(past, &held, input.prices, date, Later::Never, input.cost_of_capital)?.0)
}

fn bill(window: &Demand, bought: &[Commitment], prices: &PriceBook) -> Result<Bill, CommitmentError> {
    Ok(window.bill(bought, prices)?)
}

/// File mode writes money as JSON numbers.
fn number<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(to_statistic(*value))
}

#[cfg(test)]
mod tests {
    use domain::{Payment, PriceQuote, PricingPlan, Provider, from_statistic};

    use super::*;

    fn hour(index: i64) -> DateTime<Utc> {
        "2024-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::hours(index)
    }

    fn prices() -> PriceBook {
        let quote = |plan: PricingPlan, hourly: &str| PriceQuote {
            provider: Provider::Aws,
            region: "us-east-1".to_owned(),
            instance_type: "m5.large".to_owned(),
            os: "Linux".to_owned(),
            plan,
            term_years: plan.is_commitment().then_some(1),
            payment: plan.is_commitment().then_some(Payment::NoUpfront),
            hourly: hourly.parse().unwrap(),
            upfront: Decimal::ZERO,
        };
        let quotes = vec![quote(PricingPlan::OnDemand, "0.1"), quote(PricingPlan::ComputeSp, "0.065")];
        PriceBook::new(quotes, vec![], vec![], vec![], vec![]).unwrap()
    }

    /// Day and night, weekday and weekend, and a summer that is half as large again.
    fn usage(hours: i64) -> Vec<UsageHour> {
        let row = |at: i64| {
            let day = if at % 24 < 8 { 0.6 } else { 1.0 };
            let week = if at / 24 % 7 < 5 { 1.0 } else { 0.8 };
            let year = 1.0 + 0.25 * (at as f64 / 8736.0 * std::f64::consts::TAU).sin();
            UsageHour {
                hour: hour(at),
                provider: Provider::Aws,
                account: "1".to_owned(),
                region: "us-east-1".to_owned(),
                instance_type: "m5.large".to_owned(),
                os: "Linux".to_owned(),
                quantity: from_statistic((100.0 * day * week * year).round()),
            }
        };
        (0..hours).map(row).collect()
    }

    fn replayed(usage: &[UsageHour], policies: &[&str], every_days: u32) -> Replay {
        let policies: Vec<Policy> = policies.iter().map(|name| name.parse().unwrap()).collect();
        let prices = prices();
        let input = ReplayInput {
            usage,
            prices: &prices,
            policies: &policies,
            every_days,
            start: hour(2 * 8736),
            risk: 0.0,
            cost_of_capital: 0.08,
        };
        commitments(&input).unwrap()
    }

    #[test]
    fn the_ladder_beats_looking_back_and_nobody_beats_the_clairvoyant() {
        let names = ["headroom", "lookback-7", "lookback-30", "azure-min", "p10-floor", "none"];
        let replay = replayed(&usage(3 * 8736), &names, 56);
        assert!(replay.clairvoyant_gap.is_some_and(|gap| gap <= 1e-4));
        let regret: Vec<f64> = replay.policies.iter().map(|policy| policy.regret).collect();
        assert!(regret.iter().all(|regret| *regret > -1e-4), "{regret:?}");
        assert!(regret[0] < 0.5 * regret[2] && regret[0] < regret[1] && regret[2] < regret[5], "{regret:?}");
        let none = &replay.policies[5];
        assert_eq!((none.cost, none.savings, none.purchases), (replay.on_demand, Decimal::ZERO, 0));
        assert_eq!((none.utilization, none.coverage), (None, Some(0.0)));
        let json = serde_json::to_value(&replay).unwrap();
        assert!(json["policies"][0]["cost"].is_f64() && json["policies"][0]["policy"] == "headroom");
    }

    #[test]
    fn what_comes_later_does_not_change_what_was_bought() {
        let mut rows = usage(3 * 8736);
        let prices = prices();
        let all = |rows: &[UsageHour]| Demand::new(rows).unwrap();
        let date = hour(2 * 8736);
        let bought = |rows: &[UsageHour], policy: &str| {
            let input = ReplayInput {
                usage: rows,
                prices: &prices,
                policies: &[],
                every_days: 28,
                start: date,
                risk: 0.0,
                cost_of_capital: 0.08,
            };
            purchases(policy.parse().unwrap(), &input, &all(rows), &[], date).unwrap()
        };
        let names = ["headroom", "lookback-7", "lookback-30", "lookback-60", "azure-min", "p10-floor"];
        let before: Vec<_> = names.iter().map(|name| bought(&rows, name)).collect();
        for row in rows.iter_mut().filter(|row| row.hour >= date) {
            row.quantity = Decimal::from(3);
        }
        let after: Vec<_> = names.iter().map(|name| bought(&rows, name)).collect();
        assert_eq!(before, after);
        assert!(before.iter().all(|bought| bought.len() == 1));
    }

    #[test]
    fn refuses_what_it_cannot_replay() {
        assert_eq!("lookback-0".parse::<Policy>(), Err(UnknownPolicy("lookback-0".to_owned())));
        assert_eq!("lookback-60".parse::<Policy>().unwrap().to_string(), "lookback-60");
        let (usage, prices) = (usage(48), prices());
        let replay = |start: i64, every_days: u32| {
            let start = hour(start);
            commitments(&ReplayInput {
                usage: &usage,
                prices: &prices,
                policies: &[],
                every_days,
                start,
                risk: 0.0,
                cost_of_capital: 0.08,
            })
        };
        assert!(matches!(replay(0, 30), Err(CommitmentError::NoHistory { .. })));
        assert!(matches!(replay(24, 0), Err(CommitmentError::Setting { name: "every", .. })));
        assert!(matches!(replay(72, 30), Err(CommitmentError::Setting { name: "start", .. })));
    }
}
