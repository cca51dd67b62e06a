//! The books before anything is done: which usage, machines, bills and commitments the plan can price.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use billing::{BillingError, Demand, LineKey, PriceBook};
use chrono::{DateTime, Duration, Timelike, Utc};
use domain::{Commitment, Period, Provider, ResourceState, Skip, UsageHour};
use rust_decimal::Decimal;

use crate::Facts;
use crate::ledger::{Ledger, list_price};
use crate::managed::Service;
use crate::runs::Machines;

/// Hours of usage that stand for a month: 30 days, as in the bill.
const WINDOW_HOURS: i64 = 720;

/// The books as they are.
pub(crate) struct Opening<'a> {
    pub(crate) ledger: Ledger<'a>,
    /// Usage, machines and commitments that cannot be priced.
    pub(crate) skips: Vec<Skip>,
    /// Lines of usage without a price.
    pub(crate) unpriced: BTreeSet<LineKey>,
    /// The last 30 days, or what there is of them.
    pub(crate) window: Period,
}

/// Opens the books of `facts`.
pub(crate) fn open(facts: &Facts) -> Result<Opening<'_>, BillingError> {
    let end = full_hour(facts.as_of);
    let earliest = end - Duration::hours(WINDOW_HOURS);
    let hours = facts.usage.iter().map(|row| row.hour).filter(|hour| earliest <= *hour && *hour < end);
    let window = Period { start: hours.min().unwrap_or(earliest), end };
    let horizon = Period { start: end, end: end + Duration::days(i64::from(facts.policy.plan.horizon_days)) };
    open_over(facts, window, horizon)
}

/// The books of the usage in `window`, repeated over `horizon`. The bill of `facts` is that of a month like the window.
pub(crate) fn open_over(facts: &Facts, window: Period, horizon: Period) -> Result<Opening<'_>, BillingError> {
    let known = |row: &&UsageHour| row.hour < window.end;
    let mut skips = Vec::new();
    if let Some((row, negative)) =
        facts.usage.iter().enumerate().find(|(_, used)| used.quantity < Decimal::ZERO)
    {
        return Err(BillingError::Negative {
            row,
            hour: negative.hour,
            instance_type: negative.instance_type.clone(),
            quantity: negative.quantity,
        });
    }

    let mut unpriced = BTreeSet::new();
    let mut usage: BTreeMap<Provider, Demand> = BTreeMap::new();
    for provider in Provider::ALL {
        let rows = || facts.usage.iter().filter(known).filter(|row| row.provider == provider);
        for line in lines(rows()) {
            if Service::of_type(provider, &line.instance_type) != Service::Machine {
                // Their bill is part of the books, and would be there twice.
                unpriced.insert(line);
                continue;
            }
            match list_price(&facts.prices, &line, window.start) {
                Ok(_) => {}
                Err(BillingError::MissingPrice(missing)) => {
                    skips.push(Skip {
                        subject: format!("{} {} {} {}", provider, line.region, line.instance_type, line.os),
                        considered: "pricing".to_owned(),
                        reason: missing.to_string(),
                    });
                    unpriced.insert(line);
                }
                Err(error) => return Err(error),
            }
        }
        let in_window = rows().filter(|row| window.contains(row.hour));
        let priced: Vec<UsageHour> =
            in_window.filter(|row| !unpriced.contains(&LineKey::of(row))).cloned().collect();
        usage.insert(provider, Demand::over(window, &priced)?);
    }

    let Machines { runs, simulated } = Machines::new(facts, window, &usage);
    let exists: BTreeSet<&str> =
        facts.resources.iter().map(|resource| resource.resource_id.as_str()).collect();
    let mut billed: BTreeMap<String, Decimal> = facts
        .monthly_costs
        .iter()
        .filter(|(id, cost)| {
            exists.contains(id.as_str()) && !simulated.contains(*id) && **cost > Decimal::ZERO
        })
        .map(|(id, cost)| (id.clone(), *cost))
        .collect();
    // Nothing is saved by deleting what is gone.
    for gone in facts.resources.iter().filter(|resource| resource.state == ResourceState::Deleted) {
        billed.remove(&gone.resource_id);
    }
    let (held, unpriceable) = priceable(&facts.commitments, &facts.prices, window);
    skips.extend(unpriceable);
    let ledger = Ledger::new(&facts.prices, window, horizon, usage, runs, billed, held)?;
    Ok(Opening { ledger, skips, unpriced, window })
}

/// The different lines of many rows, each spelling looked at once.
fn lines<'a>(rows: impl Iterator<Item = &'a UsageHour>) -> BTreeSet<LineKey> {
    let mut spellings = HashSet::new();
    let spelling =
        |row: &'a UsageHour| [&row.account, &row.region, &row.instance_type, &row.os].map(String::as_str);
    rows.filter(|row| spellings.insert(spelling(row))).map(LineKey::of).collect()
}

/// Commitments that can be priced, as a bill of nothing under each alone tells.
fn priceable(held: &[Commitment], book: &PriceBook, window: Period) -> (Vec<Commitment>, Vec<Skip>) {
    let mut kept = Vec::new();
    let mut skips = Vec::new();
    let mut sorted: Vec<&Commitment> = held.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    for commitment in sorted {
        let named = commitment.instance_type.as_deref().or(commitment.family.as_deref()).unwrap_or_default();
        if Service::of_type(commitment.provider, named) != Service::Machine {
            skips.push(Skip {
                subject: commitment.id.clone(),
                considered: "held commitment".to_owned(),
                reason: format!(
                    "reserved nodes are not simulated: what they cost is on the bill of what they cover, and running \
                     nodes of {named} are made no smaller before {}",
                    commitment.ends_at.format("%Y-%m-%d")
                ),
            });
            continue;
        }
        let alone = std::slice::from_ref(commitment);
        match Demand::over(window, &[]).and_then(|nothing| nothing.bill(alone, book)) {
            Ok(_) => kept.push(commitment.clone()),
            Err(error) => skips.push(Skip {
                subject: commitment.id.clone(),
                considered: "held commitment".to_owned(),
                reason: error.to_string(),
            }),
        }
    }
    (kept, skips)
}

/// The start of the hour of an instant.
pub(crate) fn full_hour(instant: DateTime<Utc>) -> DateTime<Utc> {
    let past = i64::from(instant.minute()) * 3600 / 60 + i64::from(instant.second());
    instant - Duration::seconds(past) - Duration::nanoseconds(i64::from(instant.nanosecond()))
}
