//! AWS Cost and Usage Report, legacy and 2.0: one mapping, for their columns differ in spelling only.
//!
//! AWS writes usage covered by a savings plan at its on-demand cost and takes that back in a negation
//! line; in FOCUS terms both bill nothing, the plan's fee does. Effective cost spreads commitments:
//! covered usage carries its share, fees carry only what was left unused, upfront fees carry nothing
//! (AWS, "Understanding your amortized data").

mod line;

use domain::{BillingMonth, Charge, CommitmentDiscountStatus, Currency, Period, Provider};
use rust_decimal::Decimal;

use super::notes::Notes;
use super::{NONE, shape};
use crate::ReadError;
use crate::columns::{Field, Layout, Problem};
use crate::table::Row;
use crate::tags;
use line::Line;

/// Columns of a Cost and Usage Report.
pub(super) struct Cur {
    line_item_id: Field,
    time_interval: Field,
    line_item_type: Field,
    unblended_cost: Field,
    net_unblended_cost: Field,
    public_on_demand_cost: Field,
    currency: Field,
    payer: Field,
    account: Field,
    account_name: Field,
    bill_start: Field,
    bill_end: Field,
    usage_start: Field,
    usage_end: Field,
    description: Field,
    product_code: Field,
    product_name: Field,
    product_family: Field,
    product: Field,
    region: Field,
    availability_zone: Field,
    resource_id: Field,
    usage_amount: Field,
    usage_type: Field,
    operation: Field,
    pricing_unit: Field,
    sku: Field,
    instance_type: Field,
    os: Field,
    reservation_arn: Field,
    reservation_effective: Field,
    reservation_unused_upfront: Field,
    reservation_unused_recurring: Field,
    savings_plan_arn: Field,
    savings_plan_effective: Field,
    savings_plan_total: Field,
    savings_plan_used: Field,
    tag_map: Field,
    tag_columns: Vec<(String, Field)>,
}

impl Cur {
    /// Finds the columns.
    pub(super) fn new(layout: &mut Layout<'_>, notes: &mut Notes) -> Result<Self, ReadError> {
        let this = Self {
            line_item_id: layout.field(&["identity/LineItemId"]),
            time_interval: layout.field(&["identity/TimeInterval"]),
            line_item_type: layout.require(&["lineItem/LineItemType"])?,
            unblended_cost: layout.require(&["lineItem/UnblendedCost"])?,
            net_unblended_cost: layout.field(&["lineItem/NetUnblendedCost"]),
            public_on_demand_cost: layout.field(&["pricing/publicOnDemandCost"]),
            currency: layout.field(&["lineItem/CurrencyCode"]),
            payer: layout.require(&["bill/PayerAccountId"])?,
            account: layout.field(&["lineItem/UsageAccountId"]),
            account_name: layout.field(&["lineItem/UsageAccountName"]),
            bill_start: layout.field(&["bill/BillingPeriodStartDate"]),
            bill_end: layout.field(&["bill/BillingPeriodEndDate"]),
            usage_start: layout.require(&["lineItem/UsageStartDate"])?,
            usage_end: layout.field(&["lineItem/UsageEndDate"]),
            description: layout.field(&["lineItem/LineItemDescription"]),
            product_code: layout.field(&["lineItem/ProductCode"]),
            product_name: layout.field(&["product/ProductName"]),
            product_family: layout.field(&["product/productFamily"]),
            product: layout.field(&["product"]),
            region: layout.field(&["product/regionCode", "product/region"]),
            availability_zone: layout.field(&["lineItem/AvailabilityZone"]),
            resource_id: layout.field(&["lineItem/ResourceId"]),
            usage_amount: layout.field(&["lineItem/UsageAmount"]),
            usage_type: layout.field(&["lineItem/UsageType"]),
            operation: layout.field(&["lineItem/Operation"]),
            pricing_unit: layout.field(&["pricing/unit"]),
            sku: layout.field(&["product/sku"]),
            instance_type: layout.field(&["product/instanceType"]),
            os: layout.field(&["product/operatingSystem"]),
            reservation_arn: layout.field(&["reservation/ReservationARN"]),
            reservation_effective: layout
                .field(&["reservation/NetEffectiveCost", "reservation/EffectiveCost"]),
            reservation_unused_upfront: layout.field(&[
                "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod",
                "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
            ]),
            reservation_unused_recurring: layout
                .field(&["reservation/NetUnusedRecurringFee", "reservation/UnusedRecurringFee"]),
            savings_plan_arn: layout.field(&["savingsPlan/SavingsPlanARN"]),
            savings_plan_effective: layout
                .field(&["savingsPlan/NetSavingsPlanEffectiveCost", "savingsPlan/SavingsPlanEffectiveCost"]),
            savings_plan_total: layout.field(&["savingsPlan/TotalCommitmentToDate"]),
            savings_plan_used: layout.field(&["savingsPlan/UsedCommitment"]),
            tag_map: layout.field(&["resource_tags"]),
            tag_columns: layout.prefixed(&["resourceTags/", "resource_tags_"]),
        };
        if !this.currency.exists() {
            notes.assumptions.push("the file has no column lineItem/CurrencyCode: USD was taken".to_owned());
        }
        Ok(this)
    }

    /// The billed cost of a row, if it can be read.
    pub(super) fn money(&self, row: &Row<'_>) -> Option<(Currency, Decimal)> {
        Some((self.currency.currency(row).ok()?, self.unblended_cost.decimal(row).ok()??))
    }

    /// Line items are numbered within an hour (or day).
    pub(super) fn identity(&self) -> Option<&Field> {
        (self.line_item_id.exists() && self.time_interval.exists()).then_some(&self.line_item_id)
    }

    /// The row as a charge.
    pub(super) fn charge(&self, row: &Row<'_>, notes: &mut Notes) -> Result<Charge, Problem> {
        let kind = self.line_item_type.need_text(row, "a LineItemType such as Usage or Tax")?;
        let reservation = self.reservation_arn.text(row)?;
        let savings_plan = self.savings_plan_arn.text(row)?;
        let line = Line::of(&kind, reservation.is_some());
        let unblended = self.unblended_cost.need_decimal(row)?;
        let cash = self.net_unblended_cost.decimal(row)?.unwrap_or(unblended);
        let billing_currency = self.currency.currency(row)?;
        let on_demand = self.public_on_demand_cost.decimal(row)?;
        if matches!(line, Line::SavingsPlanCovered | Line::SavingsPlanNegation) {
            *notes.savings_plan_offset.entry(billing_currency).or_default() += unblended;
        }
        let billed_cost = match line {
            Line::SavingsPlanCovered | Line::SavingsPlanNegation => Decimal::ZERO,
            _ => cash,
        };
        let (effective_cost, status) = self.effective(row, line, cash)?;
        let contracted_cost = match line {
            Line::SavingsPlanNegation => Decimal::ZERO,
            Line::DiscountedUsage => on_demand.unwrap_or(effective_cost),
            _ => unblended,
        };
        let list_cost = match (line, on_demand) {
            (Line::Plain | Line::DiscountedUsage | Line::SavingsPlanCovered, Some(cost)) => cost,
            _ => contracted_cost,
        };
        let start = self.usage_start.need_instant(row)?;
        let month = BillingMonth::of(start).period();
        let usage_type = self.usage_type.text(row)?.unwrap_or_default();
        let product = self.product_map(row)?;
        let from_map = |key: &str| product.get(key).filter(|value| !value.is_empty()).cloned();
        let quantity = self.usage_amount.decimal(row)?;
        let unit = self.pricing_unit.text(row)?;
        let commitment_discount_type = match (&reservation, &savings_plan) {
            (Some(_), _) => Some("Reserved Instance".to_owned()),
            (_, Some(_)) => Some("Savings Plan".to_owned()),
            _ => None,
        };
        let operation = self.operation.text(row)?;
        let os = self.os.text(row)?.or_else(|| from_map("operating_system")).filter(|name| name != "NA");
        let availability_zone = self.availability_zone.text(row)?;
        let product_code = self.product_code.text(row)?;
        Ok(Charge {
            billed_cost,
            effective_cost,
            list_cost,
            contracted_cost,
            billing_currency,
            billing_account_id: self.payer.text(row)?.unwrap_or_else(|| NONE.to_owned()),
            billing_period: Period {
                start: self.bill_start.instant(row)?.unwrap_or(month.start),
                end: self.bill_end.instant(row)?.unwrap_or(month.end),
            },
            charge_period_start: start,
            charge_period_end: self.usage_end.instant(row)?.unwrap_or(month.end),
            charge_category: line.category(&kind),
            correction: kind == "Refund",
            charge_description: self.description.text(row)?,
            provider_name: Provider::Aws.display_name().to_owned(),
            sub_account_id: self.account.text(row)?,
            sub_account_name: self.account_name.text(row)?,
            service_category: None,
            service_name: self
                .product_name
                .text(row)?
                .or_else(|| from_map("product_name"))
                .or(product_code)
                .unwrap_or_else(|| NONE.to_owned()),
            sku_id: self.sku.text(row)?.or_else(|| from_map("sku")),
            region_id: self
                .region
                .text(row)?
                .or_else(|| from_map("region"))
                .or_else(|| availability_zone.as_deref().and_then(line::region_of_zone)),
            availability_zone,
            resource_id: self.resource_id.text(row)?,
            resource_name: None,
            resource_type: self.product_family.text(row)?.or_else(|| from_map("product_family")),
            pricing_category: Some(line.pricing(&kind, &usage_type)),
            pricing_quantity: quantity,
            pricing_unit: unit.clone(),
            consumed_quantity: quantity,
            consumed_unit: unit,
            commitment_discount_id: reservation.or(savings_plan),
            commitment_discount_type,
            commitment_discount_status: status,
            instance_type: self
                .instance_type
                .text(row)?
                .or_else(|| from_map("instance_type"))
                .or_else(|| shape::from_usage_type(&usage_type)),
            os: match os {
                Some(name) => Some(shape::os(&name).unwrap_or(name)),
                None => operation.as_deref().and_then(shape::from_operation).map(str::to_owned),
            },
            tags: self.tags(row, notes)?,
        })
    }

    /// Effective cost of a line, and whether it is a used or an unused part of a commitment.
    fn effective(
        &self,
        row: &Row<'_>,
        line: Line,
        cash: Decimal,
    ) -> Result<(Decimal, Option<CommitmentDiscountStatus>), Problem> {
        let zero_or = |field: &Field| field.decimal(row).map(Option::unwrap_or_default);
        let unused = |cost: Decimal| (cost, (!cost.is_zero()).then_some(CommitmentDiscountStatus::Unused));
        Ok(match line {
            Line::Plain => (cash, None),
            Line::DiscountedUsage => {
                (zero_or(&self.reservation_effective)?, Some(CommitmentDiscountStatus::Used))
            }
            Line::SavingsPlanCovered => {
                (zero_or(&self.savings_plan_effective)?, Some(CommitmentDiscountStatus::Used))
            }
            Line::SavingsPlanNegation | Line::UpfrontFee => (Decimal::ZERO, None),
            Line::ReservationFee => unused(
                zero_or(&self.reservation_unused_upfront)? + zero_or(&self.reservation_unused_recurring)?,
            ),
            Line::SavingsPlanFee => {
                unused(zero_or(&self.savings_plan_total)? - zero_or(&self.savings_plan_used)?)
            }
        })
    }

    /// The `product` map of CUR 2.0.
    fn product_map(&self, row: &Row<'_>) -> Result<std::collections::BTreeMap<String, String>, Problem> {
        Ok(self.product.text(row)?.as_deref().and_then(tags::parse).unwrap_or_default())
    }

    /// Tags from their own columns or from the map of CUR 2.0, without AWS's `user:` in front.
    fn tags(
        &self,
        row: &Row<'_>,
        notes: &mut Notes,
    ) -> Result<std::collections::BTreeMap<String, String>, Problem> {
        let mut found = std::collections::BTreeMap::new();
        for (key, value) in notes.tags(&self.tag_map, row)? {
            found.insert(line::tag_key(&key), value);
        }
        for (key, field) in &self.tag_columns {
            if let Some(value) = field.text(row)? {
                found.insert(line::tag_key(key), value);
            }
        }
        Ok(found)
    }
}
