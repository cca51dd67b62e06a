//! One row of the ledger, in FOCUS terms.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::values::named_values;
use crate::{Currency, Period};

named_values! {
    /// FOCUS `ChargeCategory`.
    ChargeCategory, "ChargeCategory", "Usage, Purchase, Tax, Credit, Adjustment", {
        /// Consumption of a resource or service.
        Usage = "Usage",
        /// A fee paid for an agreement, such as a commitment.
        Purchase = "Purchase",
        /// A tax.
        Tax = "Tax",
        /// A voucher or incentive, negative.
        Credit = "Credit",
        /// Rounding, corrections, true-ups.
        Adjustment = "Adjustment",
    }
}

named_values! {
    /// FOCUS `PricingCategory`.
    PricingCategory, "PricingCategory", "Standard, Dynamic, Committed, Other", {
        /// Pre-agreed list or negotiated price (on-demand).
        Standard = "Standard",
        /// A price that moves, such as spot.
        Dynamic = "Dynamic",
        /// Covered by a commitment discount.
        Committed = "Committed",
        /// Anything else.
        Other = "Other",
    }
}

named_values! {
    /// FOCUS `CommitmentDiscountStatus`.
    CommitmentDiscountStatus, "CommitmentDiscountStatus", "Used, Unused", {
        /// The part of a commitment that covered usage.
        Used = "Used",
        /// The part that was lost.
        Unused = "Unused",
    }
}

/// One FOCUS row: what was charged, for what, by whom, in which period.
///
/// The four costs are exact, in `billing_currency`, and keep every digit of the source.
/// `billed_cost` is what the invoice says (cash view), `effective_cost` spreads commitments over
/// the hours that used them (amortized view), `list_cost` and `contracted_cost` price the same
/// quantity at list and negotiated unit prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Charge {
    /// FOCUS `BilledCost`.
    pub billed_cost: Decimal,
    /// FOCUS `EffectiveCost`.
    pub effective_cost: Decimal,
    /// FOCUS `ListCost`.
    pub list_cost: Decimal,
    /// FOCUS `ContractedCost`.
    pub contracted_cost: Decimal,
    /// FOCUS `BillingCurrency`.
    pub billing_currency: Currency,
    /// FOCUS `BillingAccountId`.
    pub billing_account_id: String,
    /// FOCUS `BillingPeriodStart` and `BillingPeriodEnd`.
    pub billing_period: Period,
    /// FOCUS `ChargePeriodStart`, inclusive.
    pub charge_period_start: DateTime<Utc>,
    /// FOCUS `ChargePeriodEnd`, exclusive.
    pub charge_period_end: DateTime<Utc>,
    /// FOCUS `ChargeCategory`.
    pub charge_category: ChargeCategory,
    /// FOCUS `ChargeClass`: true for `Correction`, a row that mends an earlier billing period.
    pub correction: bool,
    /// FOCUS `ChargeDescription`.
    pub charge_description: Option<String>,
    /// FOCUS `ProviderName` (`ServiceProviderName` from 1.3).
    pub provider_name: String,
    /// FOCUS `SubAccountId`: AWS account, Azure subscription, Google Cloud project.
    pub sub_account_id: Option<String>,
    /// FOCUS `SubAccountName`.
    pub sub_account_name: Option<String>,
    /// FOCUS `ServiceCategory`.
    pub service_category: Option<String>,
    /// FOCUS `ServiceName`.
    pub service_name: String,
    /// FOCUS `SkuId`.
    pub sku_id: Option<String>,
    /// FOCUS `RegionId`.
    pub region_id: Option<String>,
    /// FOCUS `AvailabilityZone`.
    pub availability_zone: Option<String>,
    /// FOCUS `ResourceId`.
    pub resource_id: Option<String>,
    /// FOCUS `ResourceName`.
    pub resource_name: Option<String>,
    /// FOCUS `ResourceType`.
    pub resource_type: Option<String>,
    /// FOCUS `PricingCategory`.
    pub pricing_category: Option<PricingCategory>,
    /// FOCUS `PricingQuantity`.
    pub pricing_quantity: Option<Decimal>,
    /// FOCUS `PricingUnit`.
    pub pricing_unit: Option<String>,
    /// FOCUS `ConsumedQuantity`.
    pub consumed_quantity: Option<Decimal>,
    /// FOCUS `ConsumedUnit`.
    pub consumed_unit: Option<String>,
    /// FOCUS `CommitmentDiscountId`.
    pub commitment_discount_id: Option<String>,
    /// FOCUS `CommitmentDiscountType`, in the provider's words.
    pub commitment_discount_type: Option<String>,
    /// FOCUS `CommitmentDiscountStatus`.
    pub commitment_discount_status: Option<CommitmentDiscountStatus>,
    /// Instance type, where the source has it (`x_InstanceType`, CUR `product_instance_type`, …).
    pub instance_type: Option<String>,
    /// Operating system (`Linux`, `Windows`, `RHEL`, `SUSE`), where the source has it.
    pub os: Option<String>,
    /// FOCUS `Tags`: finalized keys and values.
    pub tags: BTreeMap<String, String>,
}

/// What of a resource's monthly cost is billed by time, in hours or seconds, and therefore follows its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeCost {
    /// All of it.
    pub cost: Decimal,
    /// What of it commitment discounts cover.
    pub committed: Decimal,
}

/// Whether a unit of price is one of time (`Hrs`, `GiB-second`), and not one of storage over time (`GB-Mo`,
/// `byte-seconds`) or of a count.
pub fn is_unit_of_time(unit: &str) -> bool {
    let unit = unit.to_ascii_lowercase();
    ["hour", "hrs", "second"].iter().any(|time| unit.contains(time)) && !unit.starts_with("byte")
}

impl Charge {
    /// Whether it is billed by time, as far as its unit says.
    pub fn is_billed_by_time(&self) -> bool {
        self.pricing_unit.as_deref().or(self.consumed_unit.as_deref()).is_some_and(is_unit_of_time)
    }

    /// The value of the tag that names the owning team, if any.
    pub fn team(&self) -> Option<&str> {
        self.tags.get("team").map(String::as_str).filter(|team| !team.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_seconds_are_time_and_stored_bytes_are_not() {
        let of_time =
            ["Hrs", "1 Hour", "GiB-second", "Lambda-GB-Second", "gibibyte hour", "50000 GB Seconds"];
        assert!(of_time.into_iter().all(is_unit_of_time));
        let others = ["GB-Mo", "GiB-month", "byte-seconds", "1K requests", "1/Month", ""];
        assert!(!others.into_iter().any(is_unit_of_time));
    }

    #[test]
    fn focus_values_ignore_case_and_name_the_column() {
        assert_eq!("usage".parse::<ChargeCategory>(), Ok(ChargeCategory::Usage));
        let error = "Fee".parse::<ChargeCategory>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown ChargeCategory \"Fee\": expected one of Usage, Purchase, Tax, Credit, Adjustment"
        );
    }
}
