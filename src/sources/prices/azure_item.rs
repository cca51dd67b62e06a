//! One price of the Azure Retail Prices API, and what makes it usable.

use rust_decimal::Decimal;
use serde::Deserialize;

use super::amount::{Amount, NOT_USD, Reason};
use super::json::text;
use super::read::{NO_PRICE, NO_REGION};

pub(super) const NO_TYPE: Reason = "machine type is not stated";
pub(super) const OTHER_PRODUCT: Reason = "not a plain virtual machine (cloud service or dedicated host)";
pub(super) const UNIT: Reason = "price is not by the hour";
pub(super) const TIER: Reason = "price only from some quantity on";
pub(super) const SECONDARY: Reason = "meter is not the primary one of its region";

/// One price of the API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    #[serde(default, deserialize_with = "text")]
    pub(super) currency_code: String,
    pub(super) tier_minimum_units: Option<Amount>,
    pub(super) retail_price: Option<Amount>,
    #[serde(default, deserialize_with = "text")]
    pub(super) arm_region_name: String,
    pub(super) effective_start_date: Option<String>,
    pub(super) effective_end_date: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) meter_name: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) product_name: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) sku_name: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) service_name: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) unit_of_measure: String,
    #[serde(rename = "type", default, deserialize_with = "text")]
    pub(super) kind: String,
    pub(super) is_primary_meter_region: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    pub(super) arm_sku_name: String,
    pub(super) reservation_term: Option<String>,
    pub(super) savings_plan: Option<Vec<PlanOffer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanOffer {
    pub(super) retail_price: Option<Amount>,
    #[serde(default, deserialize_with = "text")]
    pub(super) term: String,
}

pub(super) fn price(amount: &Option<Amount>) -> Result<Decimal, Reason> {
    amount.as_ref().ok_or(NO_PRICE)?.price()
}

/// What holds for every price that counts.
pub(super) fn usable(item: &Item) -> Result<(), Reason> {
    for (fits, reason) in [
        (!item.arm_region_name.is_empty(), NO_REGION),
        (item.currency_code == "USD", NOT_USD),
        (item.is_primary_meter_region != Some(false), SECONDARY),
    ] {
        if !fits {
            return Err(reason);
        }
    }
    Ok(())
}

pub(super) fn plain_machine(item: &Item) -> Result<(), Reason> {
    let product = item.product_name.replace(' ', "");
    for (fits, reason) in [
        (!item.arm_sku_name.is_empty(), NO_TYPE),
        (!product.contains("CloudServices") && !product.contains("DedicatedHost"), OTHER_PRODUCT),
        (item.unit_of_measure == "1 Hour", UNIT),
        (is_first_tier(item), TIER),
    ] {
        if !fits {
            return Err(reason);
        }
    }
    Ok(())
}

pub(super) fn is_first_tier(item: &Item) -> bool {
    item.tier_minimum_units.as_ref().is_none_or(|tier| tier.price() == Ok(Decimal::ZERO))
}
