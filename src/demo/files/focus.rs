//! Charges as a FOCUS 1.2 table.

use std::io::{self, Write};

use chrono::Duration;
use domain::{Charge, ChargeCategory};

use super::tables::{stamp, text};

/// Columns of the FOCUS 1.2 files. Two are extensions in the way that FOCUS asks for, with `x_`.
const FOCUS: [&str; 43] = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_InstanceType",
    "x_OperatingSystem",
];

/// Charges as a FOCUS 1.2 table.
///
/// # Errors
/// Those of `out`.
pub fn focus<'a>(charges: impl Iterator<Item = &'a Charge>, out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(FOCUS)?;
    for charge in charges {
        table.write_record(focus_row(charge))?;
    }
    table.flush()
}

fn focus_row(charge: &Charge) -> [String; FOCUS.len()] {
    let spend = charge.commitment_discount_type.as_deref().is_some_and(|name| name.contains("Savings Plan"));
    let category = charge.commitment_discount_id.as_ref().map(|_| if spend { "Spend" } else { "Usage" });
    let frequency = match charge.charge_category {
        ChargeCategory::Purchase
            if charge.charge_period_end - charge.charge_period_start > Duration::days(31) =>
        {
            "One-Time"
        }
        ChargeCategory::Purchase => "Recurring",
        ChargeCategory::Credit | ChargeCategory::Adjustment => "One-Time",
        ChargeCategory::Usage | ChargeCategory::Tax => "Usage-Based",
    };
    [
        text(&charge.availability_zone),
        charge.billed_cost.to_string(),
        charge.billing_account_id.clone(),
        String::new(),
        charge.billing_currency.to_string(),
        stamp(charge.billing_period.end),
        stamp(charge.billing_period.start),
        charge.charge_category.to_string(),
        if charge.correction { "Correction".to_owned() } else { String::new() },
        text(&charge.charge_description),
        frequency.to_owned(),
        stamp(charge.charge_period_end),
        stamp(charge.charge_period_start),
        text(&category),
        text(&charge.commitment_discount_id),
        text(&charge.commitment_discount_status),
        text(&charge.commitment_discount_type),
        text(&charge.consumed_quantity),
        text(&charge.consumed_unit),
        charge.contracted_cost.to_string(),
        charge.effective_cost.to_string(),
        charge.provider_name.clone(),
        charge.list_cost.to_string(),
        text(&charge.pricing_category),
        charge.billing_currency.to_string(),
        text(&charge.pricing_quantity),
        text(&charge.pricing_unit),
        charge.provider_name.clone(),
        charge.provider_name.clone(),
        text(&charge.region_id),
        text(&charge.region_id),
        text(&charge.resource_id),
        text(&charge.resource_name),
        text(&charge.resource_type),
        text(&charge.service_category),
        charge.service_name.clone(),
        text(&charge.sku_id),
        text(&charge.sku_id),
        text(&charge.sub_account_id),
        text(&charge.sub_account_name),
        serde_json::to_string(&charge.tags).unwrap_or_default(),
        text(&charge.instance_type),
        text(&charge.os),
    ]
}
