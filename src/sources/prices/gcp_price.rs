//! One SKU of the Google Cloud catalogue, and its price in force.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::amount::{Amount, NEGATIVE, NOT_USD, Reason};
use super::json::text;
use super::quotes::{NOT_YET, date};
use super::read::NO_PRICE;

const TIERS: Reason = "price comes in tiers";
const UNIT: Reason = "core, memory or disk price in an unknown unit";

/// Units of what is sold: hours of a core, GiB-hours of memory, GiB-months of disk.
pub(super) const CORE_UNIT: &str = "h";
pub(super) const RAM_UNIT: &str = "GiBy.h";
pub(super) const DISK_UNIT: &str = "GiBy.mo";

/// Decimals of the fractional part of an amount of money.
const NANOS_SCALE: u32 = 9;

/// One SKU.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sku {
    #[serde(default, deserialize_with = "text")]
    pub(super) description: String,
    pub(super) category: Category,
    #[serde(default)]
    pub(super) service_regions: Vec<String>,
    #[serde(default)]
    pricing_info: Vec<PricingInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Category {
    #[serde(default, deserialize_with = "text")]
    pub(super) resource_family: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) usage_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PricingInfo {
    pricing_expression: Expression,
    #[serde(alias = "EffectiveTime")]
    effective_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expression {
    #[serde(default, deserialize_with = "text")]
    usage_unit: String,
    #[serde(default)]
    tiered_rates: Vec<Tier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tier {
    unit_price: UnitPrice,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnitPrice {
    #[serde(default, deserialize_with = "text")]
    currency_code: String,
    units: Option<Amount>,
    #[serde(default)]
    nanos: i32,
}

/// The price that is in force at `as_of`, per `unit`.
pub(super) fn unit_price(sku: &Sku, unit: &str, as_of: DateTime<Utc>) -> Result<Decimal, Reason> {
    let since = |info: &PricingInfo| info.effective_time.as_deref().and_then(date);
    let in_force = sku.pricing_info.iter().filter(|info| since(info).is_none_or(|since| since <= as_of));
    let info = in_force.max_by_key(|info| since(info)).ok_or(if sku.pricing_info.is_empty() {
        NO_PRICE
    } else {
        NOT_YET
    })?;
    let expression = &info.pricing_expression;
    if expression.usage_unit != unit {
        return Err(UNIT);
    }
    // Some disks begin with a free allowance: the price is that of the one tier that costs something.
    let mut price = Err(NO_PRICE);
    for tier in &expression.tiered_rates {
        let amount = amount(&tier.unit_price)?;
        if !amount.is_zero() {
            price = if price.is_ok() { return Err(TIERS) } else { Ok(amount) };
        }
    }
    price
}

fn amount(price: &UnitPrice) -> Result<Decimal, Reason> {
    if price.currency_code != "USD" {
        return Err(NOT_USD);
    }
    let units = price.units.as_ref().map_or(Ok(Decimal::ZERO), Amount::price)?;
    let sum = units + Decimal::new(i64::from(price.nanos), NANOS_SCALE);
    if sum.is_sign_negative() { Err(NEGATIVE) } else { Ok(sum.normalize()) }
}
