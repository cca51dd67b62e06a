//! The bill: everything that is not a machine — disks, storage, databases, network, logs, fees.

mod catalog;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{BillingMonth, Charge, ChargeCategory, Period, Provider, Series, from_statistic, to_cents};
use rust_decimal::Decimal;

use self::catalog::Catalog;
use crate::charges::{days_in_month, priced, provider_of, row};
use crate::fleet::Fleet;
use crate::spec::{Account, MonthlyShare, Spec};
use crate::{DemoError, PriceSnapshot};

/// How a quantity moves from day to day.
#[derive(Debug, Clone)]
enum Follows {
    /// The same every day.
    Nothing,
    /// A demand series, 1 at its mean.
    Demand(Vec<f64>),
    /// Growth up to `as_of`, per 30 days.
    Growth(f64),
    /// Hours that an instance runs, of 24.
    Instance(usize),
}

/// One priced item of one resource.
#[derive(Debug, Clone)]
struct Item {
    template: Charge,
    unit: String,
    price: Decimal,
    /// Units a day, or GiB where the price is by GiB and month.
    quantity: f64,
    by_month: bool,
    follows: Follows,
    exists: Option<DateTime<Utc>>,
    anomaly: Option<(Period, f64)>,
}

/// What is billed day by day besides machines.
#[derive(Debug)]
pub(crate) struct Daily<'a> {
    spec: &'a Spec,
    fleet: &'a Fleet<'a>,
    items: Vec<Item>,
}

impl<'a> Daily<'a> {
    /// Looks every price up once.
    pub(crate) fn new(
        spec: &'a Spec,
        fleet: &'a Fleet<'a>,
        demand: &[Series],
        prices: &PriceSnapshot,
    ) -> Result<Self, DemoError> {
        let catalog = Catalog { spec, prices };
        let mut items = Vec::new();
        items.extend(catalog.disks(fleet)?);
        items.extend(catalog.buckets()?);
        items.extend(catalog.managed()?);
        items.extend(catalog.services(demand)?);
        Ok(Self { spec, fleet, items })
    }

    /// The charges of the day that starts at hour `start` of history.
    pub(crate) fn day(&self, start: usize) -> Vec<Charge> {
        let period = Period { start: self.spec.hour(start), end: self.spec.hour(start + 24) };
        self.items.iter().filter_map(|item| self.charge(item, start, period)).collect()
    }

    fn charge(&self, item: &Item, start: usize, period: Period) -> Option<Charge> {
        if item.exists.is_some_and(|since| period.start < since) {
            return None;
        }
        let factor = match &item.follows {
            Follows::Nothing => 1.0,
            Follows::Demand(days) => days.get(start / 24).copied().unwrap_or(1.0),
            Follows::Growth(monthly) => {
                let months_left = (self.spec.as_of - period.start).num_days() as f64 / 30.0;
                1.0 / (1.0 + monthly * months_left)
            }
            Follows::Instance(index) => {
                let instance = self.fleet.instances.get(*index)?;
                (start..start + 24).filter(|hour| self.fleet.runs(instance, *hour)).count() as f64 / 24.0
            }
        };
        let spike =
            item.anomaly.filter(|(when, _)| when.contains(period.start)).map_or(1.0, |(_, factor)| factor);
        let month = if item.by_month { days_in_month(period.start) as f64 } else { 1.0 };
        let quantity = from_statistic(item.quantity * factor * spike / month);
        if quantity.is_zero() {
            return None;
        }
        let template = Charge {
            billing_period: BillingMonth::of(period.start).period(),
            charge_period_start: period.start,
            charge_period_end: period.end,
            ..item.template.clone()
        };
        Some(priced(template, quantity, &item.unit, item.price))
    }
}

/// Support, taxes and credits: one row a month each, computed from the month's other charges.
pub(crate) fn monthly(spec: &Spec, charges: &[Charge]) -> Result<Vec<Charge>, DemoError> {
    let mut billed: BTreeMap<(Option<Provider>, BillingMonth), Decimal> = BTreeMap::new();
    for charge in charges {
        *billed.entry((provider_of(charge), BillingMonth::of(charge.charge_period_start))).or_default() +=
            charge.billed_cost;
    }
    let mut rows = Vec::new();
    for ((provider, month), sum) in billed {
        let period = Period { start: month.period().start, end: month.period().end.min(spec.as_of) };
        let share = |fee: &MonthlyShare, subject: &str| -> Result<Option<(Account, Decimal)>, DemoError> {
            let account = spec.account(&fee.account, subject)?;
            let amount = to_cents(sum * from_statistic(fee.share));
            Ok((Some(account.provider) == provider).then(|| (account.clone(), amount)))
        };
        if let Some((account, amount)) = share(&spec.support, "[support]")? {
            rows.push(Charge {
                charge_category: ChargeCategory::Purchase,
                charge_description: Some("Business support, share of the month's charges".to_owned()),
                ..fee(&account, ("AWS Support (Business)", "Other"), period, amount, amount)
            });
        }
        if let Some((account, amount)) = share(&spec.tax, "[tax]")? {
            rows.push(Charge {
                charge_category: ChargeCategory::Tax,
                charge_description: Some("Sales tax".to_owned()),
                ..fee(&account, ("Tax", "Other"), period, amount, amount)
            });
        }
    }
    for credit in &spec.credits {
        let account = spec.account(&credit.account, "[[credit]]")?;
        let amount = -from_statistic(credit.amount);
        let period = BillingMonth::of(credit.month).period();
        rows.push(Charge {
            charge_category: ChargeCategory::Credit,
            charge_description: Some(credit.note.clone()),
            ..fee(account, ("AWS Credits", "Other"), period, amount, Decimal::ZERO)
        });
    }
    Ok(rows)
}

fn fee(account: &Account, service: (&str, &str), period: Period, amount: Decimal, list: Decimal) -> Charge {
    Charge {
        billed_cost: amount,
        effective_cost: amount,
        list_cost: list,
        contracted_cost: list,
        pricing_category: None,
        ..row(account, None, service, period)
    }
}
