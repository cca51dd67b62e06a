//! Answers as FOCUS charges.
//!
//! `UnblendedCost` is the billed cost, `AmortizedCost` the effective one. Cost Explorer knows neither
//! list nor negotiated prices, so both follow the billed cost.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use domain::{BillingMonth, Charge, ChargeCategory, Currency, Provider};
use rust_decimal::Decimal;

use super::cache::{CachedGroup, CachedPage};
use super::{CostExplorer, Dimension, SourceError};

/// The charges of a month, and how many of its days are still estimated.
pub(super) fn from_pages(
    source: &CostExplorer,
    month: BillingMonth,
    pages: &[CachedPage],
) -> Result<(Vec<Charge>, u32), SourceError> {
    let mut charges = Vec::new();
    let mut estimated_days = std::collections::BTreeSet::new();
    for day in pages.iter().flat_map(|page| &page.days) {
        let date = NaiveDate::from_str(&day.day)
            .map_err(|_| malformed(month, "TimePeriod.Start", &day.day, "a day"))?;
        if day.estimated {
            estimated_days.insert(date);
        }
        for group in &day.groups {
            charges.push(charge(source, month, date, group)?);
        }
    }
    Ok((charges, u32::try_from(estimated_days.len()).unwrap_or(u32::MAX)))
}

fn charge(
    source: &CostExplorer,
    month: BillingMonth,
    day: NaiveDate,
    group: &CachedGroup,
) -> Result<Charge, SourceError> {
    let amount = |field, text: &str| {
        Decimal::from_str(text)
            .or_else(|_| Decimal::from_scientific(text))
            .map_err(|_| malformed(month, field, text, "a decimal number"))
    };
    let key = |dimension| {
        source.group_by.iter().position(|by| *by == dimension).and_then(|at| group.keys.get(at).cloned())
    };
    let billed_cost = amount("UnblendedCost", &group.unblended)?;
    let start = day.and_time(NaiveTime::MIN).and_utc();
    let service = key(Dimension::Service).unwrap_or_else(|| "Amazon Web Services".to_owned());
    Ok(Charge {
        billed_cost,
        effective_cost: amount("AmortizedCost", &group.amortized)?,
        list_cost: billed_cost,
        contracted_cost: billed_cost,
        billing_currency: Currency::from_str(&group.currency)
            .map_err(|_| malformed(month, "UnblendedCost.Unit", &group.currency, "an ISO 4217 code"))?,
        billing_account_id: source.billing_account_id.clone(),
        billing_period: month.period(),
        charge_period_start: start,
        charge_period_end: start + TimeDelta::days(1),
        charge_category: if service == "Tax" { ChargeCategory::Tax } else { ChargeCategory::Usage },
        correction: false,
        charge_description: None,
        provider_name: Provider::Aws.display_name().to_owned(),
        sub_account_id: key(Dimension::LinkedAccount),
        sub_account_name: None,
        service_category: None,
        service_name: service,
        sku_id: None,
        region_id: key(Dimension::Region).filter(|region| region != "NoRegion" && region != "global"),
        availability_zone: None,
        resource_id: None,
        resource_name: None,
        resource_type: None,
        pricing_category: None,
        pricing_quantity: None,
        pricing_unit: None,
        consumed_quantity: Some(amount("UsageQuantity", &group.quantity)?),
        consumed_unit: Some(group.unit.clone()).filter(|unit| !unit.is_empty() && unit != "N/A"),
        commitment_discount_id: None,
        commitment_discount_type: None,
        commitment_discount_status: None,
        instance_type: key(Dimension::InstanceType).filter(|kind| kind != "NoInstanceType"),
        os: None,
        tags: BTreeMap::new(),
    })
}

fn malformed(month: BillingMonth, field: &'static str, found: &str, expected: &'static str) -> SourceError {
    SourceError::Malformed { month, field, found: found.to_owned(), expected }
}
