//! Azure cost exports: Enterprise Agreement, Microsoft Customer Agreement and pay-as-you-go headers.
//!
//! An export has one cost. In an *actual* export it is what was invoiced: reservations and savings plans
//! cost when bought and their usage costs nothing, and the amortized view is not in the file, so
//! `EffectiveCost` is the same. In an *amortized* export it is the effective cost; usage paid by a
//! commitment, and what was left unused, bill nothing there.
//! `ContractedCost` is unit price × quantity, `ListCost` pay-as-you-go price × quantity where the file has
//! those prices, otherwise they fall back to the cost and to `ContractedCost`.

use std::collections::BTreeMap;

use chrono::{Datelike, Duration};
use domain::{
    BillingMonth, Charge, ChargeCategory, CommitmentDiscountStatus, Currency, Period, PricingCategory,
    Provider,
};
use rust_decimal::Decimal;

use super::notes::Notes;
use super::{NONE, shape};
use crate::ReadError;
use crate::columns::{Field, Layout, Problem};
use crate::table::Row;
use crate::tags;

/// Which of its two views an export shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Actual,
    Amortized,
}

/// Columns of an Azure export.
pub(super) struct Azure {
    view: View,
    cost: Field,
    currency: Field,
    pricing_currency: Field,
    exchange_rate: Field,
    date: Field,
    billing_account: Field,
    subscription: Field,
    subscription_name: Field,
    period_start: Field,
    period_end: Field,
    charge_type: Field,
    pricing_model: Field,
    product: Field,
    service: Field,
    service_family: Field,
    sub_category: Field,
    meter_id: Field,
    meter_name: Field,
    region: Field,
    availability_zone: Field,
    resource_id: Field,
    resource_name: Field,
    resource_type: Field,
    quantity: Field,
    unit: Field,
    unit_price: Field,
    list_price: Field,
    list_cost: Field,
    benefit_id: Field,
    reservation_id: Field,
    order_name: Field,
    additional_info: Field,
    tags: Field,
}

impl Azure {
    /// Finds the columns of whichever header variant the file has.
    pub(super) fn new(layout: &mut Layout<'_>, view: View, notes: &mut Notes) -> Result<Self, ReadError> {
        let this = Self {
            view,
            cost: layout.require(&["CostInBillingCurrency", "Cost", "PreTaxCost", "ExtendedCost"])?,
            currency: layout.field(&["BillingCurrency", "BillingCurrencyCode", "Currency"]),
            pricing_currency: layout.field(&["PricingCurrency", "PricingCurrencyCode"]),
            exchange_rate: layout.field(&["ExchangeRatePricingToBilling"]),
            date: layout.require(&["Date", "UsageDateTime", "UsageDate"])?,
            billing_account: layout.field(&["BillingAccountId", "EnrollmentNumber"]),
            subscription: layout.require(&["SubscriptionId", "SubscriptionGuid"])?,
            subscription_name: layout.field(&["SubscriptionName"]),
            period_start: layout.field(&["BillingPeriodStartDate"]),
            period_end: layout.field(&["BillingPeriodEndDate"]),
            charge_type: layout.field(&["ChargeType"]),
            pricing_model: layout.field(&["PricingModel"]),
            product: layout.field(&["ProductName", "Product"]),
            service: layout.field(&["MeterCategory", "ServiceName", "ConsumedService"]),
            service_family: layout.field(&["ServiceFamily"]),
            sub_category: layout.field(&["MeterSubCategory"]),
            meter_id: layout.field(&["MeterId"]),
            meter_name: layout.field(&["MeterName", "Meter"]),
            region: layout.field(&["ResourceLocation", "Location", "MeterRegion"]),
            availability_zone: layout.field(&["AvailabilityZone"]),
            resource_id: layout.field(&["ResourceId", "InstanceId", "InstanceName"]),
            resource_name: layout.field(&["ResourceName"]),
            resource_type: layout.field(&["ResourceType", "ConsumedService"]),
            quantity: layout.field(&["Quantity", "UsageQuantity", "ConsumedQuantity"]),
            unit: layout.field(&["UnitOfMeasure"]),
            unit_price: layout.field(&["UnitPrice", "ResourceRate"]),
            list_price: layout.field(&["PayGPrice"]),
            list_cost: layout.field(&["PayGCostInBillingCurrency"]),
            benefit_id: layout.field(&["BenefitId"]),
            reservation_id: layout.field(&["ReservationId", "ProductOrderId"]),
            order_name: layout.field(&["ProductOrderName"]),
            additional_info: layout.field(&["AdditionalInfo", "AdditionalProperties"]),
            tags: layout.field(&["Tags"]),
        };
        if !this.currency.exists() {
            notes.assumptions.push("the file has no column BillingCurrency: USD was taken".to_owned());
        }
        if view == View::Actual && this.pricing_model.exists() {
            let sentence = "actual cost: EffectiveCost equals BilledCost; import the amortized export for the spread view";
            notes.assumptions.push(sentence.to_owned());
        }
        Ok(this)
    }

    /// The billed cost of a row, if it can be read.
    pub(super) fn money(&self, row: &Row<'_>) -> Option<(Currency, Decimal)> {
        Some((self.currency.currency(row).ok()?, self.cost.decimal(row).ok()??))
    }

    /// Which view the row gives away, if any.
    pub(super) fn hint(&self, row: &Row<'_>) -> Option<View> {
        let kind = self.charge_type.text(row).ok()?.unwrap_or_default();
        let committed = self.is_committed(row).ok()?;
        let cost = self.cost.decimal(row).ok()?.unwrap_or_default();
        match kind.as_str() {
            kind if kind.starts_with("Unused") => Some(View::Amortized),
            "Purchase" | "Refund" if committed => Some(View::Actual),
            "Usage" if committed && cost.is_zero() => Some(View::Actual),
            "Usage" if committed => Some(View::Amortized),
            _ => None,
        }
    }

    /// The row as a charge.
    pub(super) fn charge(&self, row: &Row<'_>, notes: &mut Notes) -> Result<Charge, Problem> {
        let cost = self.cost.need_decimal(row)?;
        let date = self.date.need_instant(row)?;
        let subscription = self.subscription.text(row)?;
        let kind = self.charge_type.text(row)?.unwrap_or_else(|| "Usage".to_owned());
        let committed = self.is_committed(row)?;
        let charge_category = category(&kind);
        let covered = committed && charge_category == ChargeCategory::Usage;
        let billed_cost = if self.view == View::Amortized && covered { Decimal::ZERO } else { cost };
        let quantity = self.quantity.decimal(row)?;
        let contracted_cost = self.contracted(row, quantity, covered)?.unwrap_or(cost);
        let info = self.info(row)?;
        let meter_name = self.meter_name.text(row)?;
        let service_name = self.service.text(row)?;
        let order_name = self.order_name.text(row)?;
        let resource_id = self.resource_id.text(row)?;
        let benefit = self.benefit(row)?.filter(|_| committed);
        let is_savings_plan = benefit.as_deref().is_some_and(|id| id.contains("avingsPlan"))
            || self.pricing_model.text(row)?.is_some_and(|model| model.replace(' ', "") == "SavingsPlan");
        let unused = kind.starts_with("Unused");
        let unit = self.unit.text(row)?;
        Ok(Charge {
            billed_cost,
            effective_cost: cost,
            list_cost: self.list(row, quantity)?.unwrap_or(contracted_cost),
            contracted_cost,
            billing_currency: self.currency.currency(row)?,
            billing_account_id: self
                .billing_account
                .text(row)?
                .or_else(|| subscription.clone())
                .unwrap_or_else(|| NONE.to_owned()),
            billing_period: self.billing_period(row, BillingMonth::of(date).period())?,
            charge_period_start: date,
            charge_period_end: date + Duration::days(1),
            charge_category,
            correction: kind == "Refund",
            charge_description: self.product.text(row)?.or_else(|| meter_name.clone()),
            provider_name: Provider::Azure.display_name().to_owned(),
            sub_account_id: subscription,
            sub_account_name: self.subscription_name.text(row)?,
            service_category: self.service_family.text(row)?,
            instance_type: shape::azure_size(
                &info,
                service_name.as_deref(),
                meter_name.as_deref(),
                order_name.as_deref(),
            ),
            os: self.os(row, &info)?,
            service_name: service_name.unwrap_or_else(|| NONE.to_owned()),
            sku_id: self.meter_id.text(row)?,
            region_id: self.region.text(row)?.map(|region| region.replace(' ', "").to_ascii_lowercase()),
            availability_zone: self.availability_zone.text(row)?,
            resource_name: match self.resource_name.text(row)? {
                Some(name) => Some(name),
                None => resource_id.as_deref().and_then(last_segment),
            },
            resource_id,
            resource_type: self.resource_type.text(row)?,
            pricing_category: Some(self.pricing(row, &kind, covered)?),
            pricing_quantity: quantity,
            pricing_unit: unit.clone(),
            consumed_quantity: if unused { None } else { quantity },
            consumed_unit: if unused { None } else { unit },
            commitment_discount_type: benefit
                .as_ref()
                .map(|_| if is_savings_plan { "Savings Plan" } else { "Reservation" }.to_owned()),
            commitment_discount_status: match (unused, covered) {
                (true, _) => Some(CommitmentDiscountStatus::Unused),
                (_, true) => Some(CommitmentDiscountStatus::Used),
                _ => None,
            },
            commitment_discount_id: benefit,
            tags: notes.tags(&self.tags, row)?,
        })
    }

    /// Whether a reservation or savings plan has to do with the row.
    fn is_committed(&self, row: &Row<'_>) -> Result<bool, Problem> {
        Ok(match self.pricing_model.text(row)? {
            Some(model) => matches!(model.replace(' ', "").as_str(), "Reservation" | "SavingsPlan"),
            None => self.benefit(row)?.is_some(),
        })
    }

    fn benefit(&self, row: &Row<'_>) -> Result<Option<String>, Problem> {
        Ok(match self.benefit_id.text(row)? {
            Some(id) => Some(id),
            None => self.reservation_id.text(row)?,
        })
    }

    /// Unit price × quantity in billing currency; prices of covered usage are zero in actual exports.
    fn contracted(
        &self,
        row: &Row<'_>,
        quantity: Option<Decimal>,
        covered: bool,
    ) -> Result<Option<Decimal>, Problem> {
        let price = self.unit_price.decimal(row)?.filter(|price| !covered || !price.is_zero());
        Ok(price
            .zip(quantity)
            .and_then(|(price, quantity)| price.checked_mul(quantity))
            .and_then(|cost| self.to_billing(row).and_then(|rate| cost.checked_mul(rate))))
    }

    /// Pay-as-you-go cost in billing currency. Azure writes a price of 0 where there is none.
    fn list(&self, row: &Row<'_>, quantity: Option<Decimal>) -> Result<Option<Decimal>, Problem> {
        if let Some(cost) = self.list_cost.decimal(row)? {
            return Ok(Some(cost));
        }
        let price = self.list_price.decimal(row)?.filter(|price| !price.is_zero());
        Ok(price
            .zip(quantity)
            .and_then(|(price, quantity)| price.checked_mul(quantity))
            .and_then(|cost| self.to_billing(row).and_then(|rate| cost.checked_mul(rate))))
    }

    /// Billing currency per unit of pricing currency; `None` when they differ and no rate is given.
    fn to_billing(&self, row: &Row<'_>) -> Option<Decimal> {
        let pricing = self.pricing_currency.text(row).ok()?;
        let billing = self.currency.text(row).ok()?;
        match pricing {
            Some(pricing) if billing.as_deref() != Some(pricing.as_str()) => {
                self.exchange_rate.decimal(row).ok()?
            }
            _ => Some(Decimal::ONE),
        }
    }

    /// The end date of a billing period is its last day.
    fn billing_period(&self, row: &Row<'_>, month: Period) -> Result<Period, Problem> {
        let start = self.period_start.instant(row)?.unwrap_or(month.start);
        let end = match self.period_end.instant(row)? {
            Some(last) if last.day() == 1 => last,
            Some(last) => last + Duration::days(1),
            None => BillingMonth::of(start).period().end,
        };
        Ok(Period { start, end })
    }

    fn pricing(&self, row: &Row<'_>, kind: &str, covered: bool) -> Result<PricingCategory, Problem> {
        let model = self.pricing_model.text(row)?.unwrap_or_default();
        Ok(match (kind, model.as_str()) {
            _ if covered => PricingCategory::Committed,
            ("Usage" | "Purchase" | "Refund", "Spot") => PricingCategory::Dynamic,
            ("Usage" | "Purchase" | "Refund", _) => PricingCategory::Standard,
            _ => PricingCategory::Other,
        })
    }

    /// `AdditionalInfo`, a JSON object with the machine behind the meter.
    fn info(&self, row: &Row<'_>) -> Result<BTreeMap<String, String>, Problem> {
        Ok(self.additional_info.text(row)?.as_deref().and_then(tags::parse).unwrap_or_default())
    }

    fn os(&self, row: &Row<'_>, info: &BTreeMap<String, String>) -> Result<Option<String>, Problem> {
        if !info.contains_key("ServiceType") {
            return Ok(None);
        }
        let meter = self.sub_category.text(row)?.unwrap_or_default();
        let image = info.get("ImageType").map(String::as_str).unwrap_or_default();
        let properties = info.get("VMProperties").map(String::as_str).unwrap_or_default();
        Ok(shape::os(&meter).or_else(|| shape::os(image)).or_else(|| shape::os(properties)))
    }
}

fn category(kind: &str) -> ChargeCategory {
    match kind {
        "Purchase" | "Refund" => ChargeCategory::Purchase,
        "Tax" => ChargeCategory::Tax,
        "Credit" => ChargeCategory::Credit,
        "RoundingAdjustment" | "Adjustment" => ChargeCategory::Adjustment,
        _ => ChargeCategory::Usage,
    }
}

fn last_segment(id: &str) -> Option<String> {
    id.rsplit('/').next().filter(|name| !name.is_empty() && *name != id).map(str::to_owned)
}
