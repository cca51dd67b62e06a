//! Google Cloud billing export, standard and detailed: nested JSON lines or Parquet, and flattened CSV.
//!
//! Credits (sustained use, commitments, promotions) stand beside the cost of the usage they lower, so
//! `BilledCost` is the cost plus its credits. The export does not spread commitment fees over usage:
//! `EffectiveCost` is the same, and the fee stays on its own row. `ContractedCost` is the cost before
//! credits; `ListCost` the cost at list where the export has it, otherwise `ContractedCost`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{BillingMonth, Charge, ChargeCategory, Currency, Period, PricingCategory, Provider};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::notes::Notes;
use super::{NONE, shape};
use crate::ReadError;
use crate::columns::{Field, Layout, Problem};
use crate::table::{self, Row};

/// Columns of a Google Cloud export.
pub(super) struct Gcp {
    cost: Field,
    cost_at_list: Field,
    credits: Field,
    credits_amount: Field,
    currency: Field,
    billing_account: Field,
    service: Field,
    sku_id: Field,
    sku: Field,
    start: Field,
    end: Field,
    project: Field,
    project_name: Field,
    project_labels: Field,
    labels: Field,
    system_labels: Field,
    region: Field,
    zone: Field,
    resource_id: Field,
    resource_name: Field,
    usage_amount: Field,
    usage_unit: Field,
    pricing_amount: Field,
    pricing_unit: Field,
    invoice_month: Field,
    cost_type: Field,
}

/// One member of `credits`.
#[derive(Deserialize)]
struct Credit<'r> {
    #[serde(borrow)]
    amount: Option<&'r RawValue>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Gcp {
    /// Finds the columns; JSON objects may have any of them.
    pub(super) fn new(layout: &mut Layout<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            cost: layout.require(&["cost"])?,
            cost_at_list: layout.field(&["cost_at_list"]),
            credits: layout.field(&["credits"]),
            credits_amount: layout.field(&["credits.amount", "credits_total", "total_credits"]),
            currency: layout.field(&["currency"]),
            billing_account: layout.require(&["billing_account_id"])?,
            service: layout.require(&["service.description"])?,
            sku_id: layout.field(&["sku.id"]),
            sku: layout.field(&["sku.description"]),
            start: layout.require(&["usage_start_time"])?,
            end: layout.require(&["usage_end_time"])?,
            project: layout.field(&["project.id"]),
            project_name: layout.field(&["project.name"]),
            project_labels: layout.field(&["project.labels"]),
            labels: layout.field(&["labels"]),
            system_labels: layout.field(&["system_labels"]),
            region: layout.field(&["location.region", "location.location"]),
            zone: layout.field(&["location.zone"]),
            resource_id: layout.field(&["resource.global_name", "resource.name"]),
            resource_name: layout.field(&["resource.name"]),
            usage_amount: layout.field(&["usage.amount"]),
            usage_unit: layout.field(&["usage.unit"]),
            pricing_amount: layout.field(&["usage.amount_in_pricing_units"]),
            pricing_unit: layout.field(&["usage.pricing_unit"]),
            invoice_month: layout.field(&["invoice.month"]),
            cost_type: layout.field(&["cost_type"]),
        })
    }

    /// The billed cost of a row, if it can be read.
    pub(super) fn money(&self, row: &Row<'_>) -> Option<(Currency, Decimal)> {
        let (credits, _) = self.credits(row).ok()?;
        Some((self.currency.currency(row).ok()?, self.cost.decimal(row).ok()?? + credits))
    }

    /// The row as a charge.
    pub(super) fn charge(&self, row: &Row<'_>, notes: &mut Notes) -> Result<Charge, Problem> {
        let cost = self.cost.need_decimal(row)?;
        let (credits, committed) = self.credits(row)?;
        let billed_cost = cost + credits;
        let start = self.start.need_instant(row)?;
        let sku = self.sku.text(row)?;
        let kind = self.cost_type.text(row)?.unwrap_or_else(|| "regular".to_owned());
        let is_fee = sku.as_deref().is_some_and(|sku| sku.starts_with("Commitment"));
        let machine = self.system_label(row, "compute.googleapis.com/machine_spec", notes)?;
        let spot = sku.as_deref().is_some_and(|sku| sku.contains("Spot") || sku.contains("Preemptible"));
        let mut labels = notes.tags(&self.project_labels, row)?;
        labels.extend(notes.tags(&self.labels, row)?);
        Ok(Charge {
            billed_cost,
            effective_cost: billed_cost,
            list_cost: self.cost_at_list.decimal(row)?.unwrap_or(cost),
            contracted_cost: cost,
            billing_currency: self.currency.currency(row)?,
            billing_account_id: self.billing_account.text(row)?.unwrap_or_else(|| NONE.to_owned()),
            billing_period: self.billing_period(row, start)?,
            charge_period_start: start,
            charge_period_end: self.end.need_instant(row)?,
            charge_category: match kind.as_str() {
                "tax" => ChargeCategory::Tax,
                "adjustment" | "rounding_error" => ChargeCategory::Adjustment,
                _ if is_fee => ChargeCategory::Purchase,
                _ => ChargeCategory::Usage,
            },
            correction: kind == "adjustment",
            os: sku.as_deref().filter(|sku| sku.contains("Licens")).and_then(shape::os),
            charge_description: sku,
            provider_name: Provider::Gcp.display_name().to_owned(),
            sub_account_id: self.project.text(row)?,
            sub_account_name: self.project_name.text(row)?,
            service_category: None,
            service_name: self.service.text(row)?.unwrap_or_else(|| NONE.to_owned()),
            sku_id: self.sku_id.text(row)?,
            region_id: self.region.text(row)?,
            availability_zone: self.zone.text(row)?,
            resource_id: self.resource_id.text(row)?,
            resource_name: self.resource_name.text(row)?,
            resource_type: None,
            pricing_category: Some(match kind.as_str() {
                "regular" if committed => PricingCategory::Committed,
                "regular" if spot => PricingCategory::Dynamic,
                "regular" => PricingCategory::Standard,
                _ => PricingCategory::Other,
            }),
            pricing_quantity: self.pricing_amount.decimal(row)?,
            pricing_unit: self.pricing_unit.text(row)?,
            consumed_quantity: self.usage_amount.decimal(row)?,
            consumed_unit: self.usage_unit.text(row)?,
            commitment_discount_id: None,
            commitment_discount_type: (is_fee || committed).then(|| "Committed use discount".to_owned()),
            commitment_discount_status: None,
            instance_type: machine,
            tags: labels,
        })
    }

    /// The credits added up, and whether a commitment gave one of them.
    fn credits(&self, row: &Row<'_>) -> Result<(Decimal, bool), Problem> {
        let Some(text) = self.credits.text(row)? else {
            return Ok((self.credits_amount.decimal(row)?.unwrap_or_default(), false));
        };
        if let Some(total) = table::decimal(&text) {
            return Ok((total, false));
        }
        let expected = "a list of credits with amounts";
        let broken = || self.credits.problem(&text, expected, "credits cannot be read");
        let credits: Vec<Credit<'_>> = serde_json::from_str(&text).map_err(|_| broken())?;
        let (mut sum, mut committed) = (Decimal::ZERO, false);
        for credit in credits {
            let amount = credit.amount.map_or("0", RawValue::get).trim_matches('"');
            sum +=
                if amount == "null" { Decimal::ZERO } else { table::decimal(amount).ok_or_else(broken)? };
            committed |= credit.kind.is_some_and(|kind| kind.starts_with("COMMITTED_USAGE_DISCOUNT"));
        }
        Ok((sum, committed))
    }

    /// The invoice month, `202601`; months of Google's invoices are those of Pacific time, and keep their name.
    fn billing_period(&self, row: &Row<'_>, start: DateTime<Utc>) -> Result<Period, Problem> {
        let Some(text) = self.invoice_month.text(row)? else { return Ok(BillingMonth::of(start).period()) };
        let month = text
            .get(..4)
            .zip(text.get(4..))
            .map(|(year, month)| format!("{year}-{}", month.trim_matches('-')));
        match month.and_then(|month| month.parse::<BillingMonth>().ok()) {
            Some(month) => Ok(month.period()),
            None => Err(self.invoice_month.problem(&text, "a month such as 202601", "not a month")),
        }
    }

    fn system_label(&self, row: &Row<'_>, key: &str, notes: &mut Notes) -> Result<Option<String>, Problem> {
        let labels: BTreeMap<String, String> = notes.tags(&self.system_labels, row)?;
        Ok(labels.get(key).filter(|value| !value.is_empty()).cloned())
    }
}
