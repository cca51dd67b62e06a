//! The company as a whole.

use chrono::{DateTime, Utc};
use domain::{Charge, Commitment, Currency, Event, HourlyMetric, Period, Resource, Series, UsageHour};

use crate::fleet::Fleet;
use crate::inventory::Inventory;
use crate::{DemoError, PriceSnapshot, Spec, Truth, charges, coverage, demand, price_snapshot, utilization};

/// The whole company: bill, utilization, inventory, plans and what is hidden in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// Nothing after this instant is known.
    pub as_of: DateTime<Utc>,
    /// The time that charges, usage and demand cover.
    pub history: Period,
    /// Currency of every charge.
    pub currency: Currency,
    /// Daily FOCUS charges, ordered by provider, day, account, service and resource.
    pub charges: Vec<Charge>,
    /// Instance-hours of machines (without spot and managed services), ordered by hour.
    pub usage: Vec<UsageHour>,
    /// Hourly utilization of the last weeks, resource by resource, metric by metric, hour by hour.
    pub metrics: Vec<HourlyMetric>,
    /// Hourly demand over the whole history.
    pub demand: Vec<Series>,
    /// What exists at `as_of`.
    pub resources: Vec<Resource>,
    /// Commitments of the history; some ended before `as_of`.
    pub commitments: Vec<Commitment>,
    /// Past and announced events.
    pub events: Vec<Event>,
    /// Prices used for the bill.
    pub prices: PriceSnapshot,
    /// What was planted.
    pub truths: Vec<Truth>,
    /// Resource ids of the clean control group: nothing may be raised about them, commitments aside.
    pub controls: Vec<String>,
}

/// The demo company of the embedded spec. The same every time.
///
/// # Panics
/// Never in a tested build: the spec is compiled in, and the tests generate from it.
pub fn company() -> Company {
    match Spec::embedded().and_then(|spec| company_with(&spec)) {
        Ok(company) => company,
        Err(error) => unreachable!("{error}"),
    }
}

/// A company of another spec.
///
/// # Errors
/// A spec that names an account, series, type or kind that does not exist, or that has no price.
pub fn company_with(spec: &Spec) -> Result<Company, DemoError> {
    let prices = price_snapshot();
    let demand = demand::series(spec);
    let fleet = Fleet::new(spec, &demand)?;
    let commitments = coverage::commitments(spec, &prices)?;
    let inventory = Inventory::new(spec, &fleet)?;
    Ok(Company {
        name: spec.name.clone(),
        as_of: spec.as_of,
        history: spec.history(),
        currency: Currency::USD,
        charges: charges::all(spec, &fleet, &commitments, &demand, &prices)?,
        usage: fleet.usage(spec),
        metrics: utilization::all(spec, &fleet, &demand)?,
        events: demand::events(spec),
        demand,
        resources: inventory.resources,
        commitments,
        prices,
        truths: inventory.truths,
        controls: inventory.controls,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use domain::{BillingMonth, ChargeCategory, CommitmentDiscountStatus, MetricName};
    use rust_decimal::Decimal;

    use super::*;
    use crate::Expectation;

    #[test]
    fn stats() {
        let at = std::time::SystemTime::UNIX_EPOCH;
        let _ = at;
        let company = company();
        println!("charges {} usage {} metrics {} resources {} truths {} controls {}", company.charges.len(), company.usage.len(), company.metrics.len(), company.resources.len(), company.truths.len(), company.controls.len());
        let mut months: BTreeMap<(String, BillingMonth), [Decimal; 3]> = BTreeMap::new();
        let mut services: BTreeMap<(String, String), Decimal> = BTreeMap::new();
        for charge in &company.charges {
            let m = BillingMonth::of(charge.charge_period_start);
            let e = months.entry((charge.provider_name.clone(), m)).or_default();
            e[0] += charge.billed_cost; e[1] += charge.effective_cost; e[2] += charge.list_cost;
            if m.to_string() == "2026-10" {
                *services.entry((charge.service_name.clone(), charge.team().unwrap_or("-").to_owned())).or_default() += charge.effective_cost;
            }
        }
        for (k, v) in months { println!("{} {} {:?}", k.0, k.1, v.map(domain::show_amount)); }
        for (k, v) in services { println!("{} {} {}", k.0, k.1, domain::show_amount(v)); }
    }
}
