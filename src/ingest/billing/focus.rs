//! FOCUS 1.0 to 1.2, as every provider writes it.
//!
//! Costs that are missing fall back as the specification reads them: `EffectiveCost` to `BilledCost`;
//! `ContractedCost` to `EffectiveCost` for usage and to `BilledCost` otherwise; `ListCost` to
//! `ContractedCost`.

use domain::{BillingMonth, Charge, ChargeCategory, Currency, Period, PricingCategory};
use rust_decimal::Decimal;

use super::notes::Notes;
use super::{NONE, shape};
use crate::ReadError;
use crate::columns::{Field, Layout, Problem};
use crate::table::Row;

/// Columns of a FOCUS file.
pub(super) struct Focus {
    billed_cost: Field,
    effective_cost: Field,
    list_cost: Field,
    contracted_cost: Field,
    currency: Field,
    billing_account_id: Field,
    billing_period_start: Field,
    billing_period_end: Field,
    charge_period_start: Field,
    charge_period_end: Field,
    charge_category: Field,
    charge_class: Field,
    charge_description: Field,
    provider_name: Field,
    sub_account_id: Field,
    sub_account_name: Field,
    service_category: Field,
    service_name: Field,
    sku_id: Field,
    region_id: Field,
    availability_zone: Field,
    resource_id: Field,
    resource_name: Field,
    resource_type: Field,
    pricing_category: Field,
    pricing_quantity: Field,
    pricing_unit: Field,
    consumed_quantity: Field,
    consumed_unit: Field,
    commitment_discount_id: Field,
    commitment_discount_type: Field,
    commitment_discount_status: Field,
    instance_type: Field,
    os: Field,
    usage_type: Field,
    operation: Field,
    sku_details: Field,
    tags: Field,
}

impl Focus {
    /// Finds the columns; only the few without which a row means nothing have to be there.
    pub(super) fn new(layout: &mut Layout<'_>, notes: &mut Notes) -> Result<Self, ReadError> {
        let this = Self {
            billed_cost: layout.require(&["BilledCost"])?,
            effective_cost: layout.field(&["EffectiveCost"]),
            list_cost: layout.field(&["ListCost"]),
            contracted_cost: layout.field(&["ContractedCost"]),
            currency: layout.field(&["BillingCurrency"]),
            billing_account_id: layout.field(&["BillingAccountId"]),
            billing_period_start: layout.field(&["BillingPeriodStart"]),
            billing_period_end: layout.field(&["BillingPeriodEnd"]),
            charge_period_start: layout.require(&["ChargePeriodStart"])?,
            charge_period_end: layout.require(&["ChargePeriodEnd"])?,
            charge_category: layout.require(&["ChargeCategory"])?,
            charge_class: layout.field(&["ChargeClass"]),
            charge_description: layout.field(&["ChargeDescription"]),
            provider_name: layout.field(&[
                "ProviderName",
                "ServiceProviderName",
                "PublisherName",
                "InvoiceIssuerName",
            ]),
            sub_account_id: layout.field(&["SubAccountId"]),
            sub_account_name: layout.field(&["SubAccountName"]),
            service_category: layout.field(&["ServiceCategory"]),
            service_name: layout.field(&["ServiceName"]),
            sku_id: layout.field(&["SkuId"]),
            region_id: layout.field(&["RegionId", "Region"]),
            availability_zone: layout.field(&["AvailabilityZone"]),
            resource_id: layout.field(&["ResourceId"]),
            resource_name: layout.field(&["ResourceName"]),
            resource_type: layout.field(&["ResourceType"]),
            pricing_category: layout.field(&["PricingCategory"]),
            pricing_quantity: layout.field(&["PricingQuantity"]),
            pricing_unit: layout.field(&["PricingUnit"]),
            consumed_quantity: layout.field(&["ConsumedQuantity", "UsageQuantity"]),
            consumed_unit: layout.field(&["ConsumedUnit", "UsageUnit"]),
            commitment_discount_id: layout.field(&["CommitmentDiscountId"]),
            commitment_discount_type: layout.field(&["CommitmentDiscountType"]),
            commitment_discount_status: layout.field(&["CommitmentDiscountStatus"]),
            instance_type: layout.field(&["x_InstanceType", "InstanceType", "x_SkuInstanceType"]),
            os: layout.field(&["x_OperatingSystem", "x_Os", "OperatingSystem", "x_SkuOperatingSystem"]),
            usage_type: layout.field(&["x_UsageType"]),
            operation: layout.field(&["x_Operation"]),
            sku_details: layout.field(&["SkuPriceDetails", "x_SkuDetails"]),
            tags: layout.field(&["Tags"]),
        };
        for (field, column, assumed) in [
            (&this.currency, "BillingCurrency", "USD"),
            (&this.billing_account_id, "BillingAccountId", NONE),
            (&this.effective_cost, "EffectiveCost", "BilledCost"),
        ] {
            if !field.exists() {
                notes.assumptions.push(format!("the file has no column {column}: {assumed} was taken"));
            }
        }
        Ok(this)
    }

    /// The billed cost of a row, if it can be read.
    pub(super) fn money(&self, row: &Row<'_>) -> Option<(Currency, Decimal)> {
        Some((self.currency.currency(row).ok()?, self.billed_cost.decimal(row).ok()??))
    }

    /// The row as a charge.
    pub(super) fn charge(&self, row: &Row<'_>, notes: &mut Notes) -> Result<Charge, Problem> {
        let billed_cost = self.billed_cost.need_decimal(row)?;
        let effective_cost = self.effective_cost.decimal(row)?.unwrap_or(billed_cost);
        let category_text = self.charge_category.need_text(row, "a ChargeCategory")?;
        let charge_category: ChargeCategory =
            category_text.parse().map_err(|unknown: domain::UnknownValue| {
                self.charge_category.problem(
                    &category_text,
                    &format!("one of {}", unknown.expected),
                    "unknown value",
                )
            })?;
        let fallback = if charge_category == ChargeCategory::Usage { effective_cost } else { billed_cost };
        let contracted_cost = self.contracted_cost.decimal(row)?.unwrap_or(fallback);
        let start = self.charge_period_start.need_instant(row)?;
        let end = self.charge_period_end.need_instant(row)?;
        let month = BillingMonth::of(start).period();
        let description = self.charge_description.text(row)?;
        let (instance_type, os) = self.shape(row, description.as_deref())?;
        Ok(Charge {
            billed_cost,
            effective_cost,
            list_cost: self.list_cost.decimal(row)?.unwrap_or(contracted_cost),
            contracted_cost,
            billing_currency: self.currency.currency(row)?,
            billing_account_id: self.billing_account_id.text(row)?.unwrap_or_else(|| NONE.to_owned()),
            billing_period: Period {
                start: self.billing_period_start.instant(row)?.unwrap_or(month.start),
                end: self.billing_period_end.instant(row)?.unwrap_or(month.end),
            },
            charge_period_start: start,
            charge_period_end: end,
            charge_category,
            correction: self
                .charge_class
                .text(row)?
                .is_some_and(|class| class.eq_ignore_ascii_case("Correction")),
            charge_description: description,
            provider_name: self.provider_name.text(row)?.unwrap_or_else(|| NONE.to_owned()),
            sub_account_id: self.sub_account_id.text(row)?,
            sub_account_name: self.sub_account_name.text(row)?,
            service_category: self.service_category.text(row)?,
            service_name: self.service_name.text(row)?.unwrap_or_else(|| NONE.to_owned()),
            sku_id: self.sku_id.text(row)?,
            region_id: self.region_id.text(row)?,
            availability_zone: self.availability_zone.text(row)?,
            resource_id: self.resource_id.text(row)?,
            resource_name: self.resource_name.text(row)?,
            resource_type: self.resource_type.text(row)?,
            pricing_category: self.pricing_category(row)?,
            pricing_quantity: self.pricing_quantity.decimal(row)?,
            pricing_unit: self.pricing_unit.text(row)?,
            consumed_quantity: self.consumed_quantity.decimal(row)?,
            consumed_unit: self.consumed_unit.text(row)?,
            commitment_discount_id: self.commitment_discount_id.text(row)?,
            commitment_discount_type: self.commitment_discount_type.text(row)?,
            commitment_discount_status: self.commitment_discount_status.named(row)?,
            instance_type,
            os,
            tags: notes.tags(&self.tags, row)?,
        })
    }

    /// The preview of the specification had other words.
    fn pricing_category(&self, row: &Row<'_>) -> Result<Option<PricingCategory>, Problem> {
        let Some(text) = self.pricing_category.text(row)? else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "on-demand" => Ok(Some(PricingCategory::Standard)),
            "commitment-based" | "commitment discount" => Ok(Some(PricingCategory::Committed)),
            _ => self.pricing_category.named(row),
        }
    }

    /// Instance type and operating system: their own columns, the SKU details of FOCUS 1.1, AWS's usage
    /// type and operation, or the words of the description.
    fn shape(
        &self,
        row: &Row<'_>,
        description: Option<&str>,
    ) -> Result<(Option<String>, Option<String>), Problem> {
        let details = match self.sku_details.text(row)? {
            Some(text) => crate::tags::parse(&text).unwrap_or_default(),
            None => Default::default(),
        };
        let mut kind = self.instance_type.text(row)?.or_else(|| details.get("InstanceType").cloned());
        let mut os = self.os.text(row)?.or_else(|| details.get("OperatingSystem").cloned());
        if kind.is_none() {
            kind = self.usage_type.text(row)?.as_deref().and_then(shape::from_usage_type);
        }
        if os.is_none() {
            os = self.operation.text(row)?.as_deref().and_then(shape::from_operation).map(str::to_owned);
        }
        let (described_os, described_kind) = description.map(shape::from_description).unwrap_or_default();
        let os = os.map(|name| shape::os(&name).unwrap_or(name));
        Ok((kind.or(described_kind), os.or(described_os)))
    }
}
