//! The ledger beside what was imported and what was invoiced.

use domain::{BillingMonth, Currency, OrganizationId};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};

use crate::StoreError;
use crate::manifest::Sums;
use crate::row;

/// The ledger beside what was imported and what was invoiced, for one month of one billing account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reconciliation {
    /// Provider on the bill.
    pub provider_name: String,
    /// Billing account.
    pub billing_account_id: String,
    /// Billing month.
    pub billing_month: BillingMonth,
    /// Currency.
    pub currency: Currency,
    /// Sums of the rows in the ledger.
    pub ledger: Sums,
    /// Sums that the manifests of the imports recorded.
    pub manifest: Sums,
    /// Billed total of the daily rollup.
    pub rollup_billed: Decimal,
    /// Billed total of the invoice, where one was entered.
    pub invoice: Option<Decimal>,
}

impl Reconciliation {
    /// `ledger − invoice`, where there is an invoice.
    pub fn unexplained(&self) -> Option<Decimal> {
        self.invoice.map(|invoice| self.ledger.billed - invoice)
    }

    /// Whether ledger, manifests and rollup agree in every digit.
    pub fn is_consistent(&self) -> bool {
        self.ledger == self.manifest && self.ledger.billed == self.rollup_billed
    }
}

/// An invoice total, as entered by a person or read from a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice<'a> {
    /// Provider on the bill.
    pub provider_name: &'a str,
    /// Billing account.
    pub billing_account_id: &'a str,
    /// Billing month.
    pub billing_month: BillingMonth,
    /// Currency.
    pub currency: Currency,
    /// Billed total.
    pub billed: Decimal,
}

/// Ledger, manifests, rollup and invoice per billing account and month, latest month first.
///
/// # Errors
/// Only those of the database.
pub async fn reconciliation(
    conn: &mut PgConnection,
    org: OrganizationId,
) -> Result<Vec<Reconciliation>, StoreError> {
    // The ledger is summed row by row here, on purpose: this is the check of the rollups that the pages read.
    let sql = "with ledger as (
            select part_id, count(*) as row_count, sum(billed_cost) as billed_cost, sum(effective_cost) as effective_cost,
                sum(list_cost) as list_cost, sum(contracted_cost) as contracted_cost
            from charges where organization_id = $1 group by part_id
        ), rollup as (
            select part_id, sum(billed_cost) as billed_cost from daily_costs where organization_id = $1 group by part_id
        )
        select p.provider_name, p.billing_account_id, p.billing_month, p.currency,
            sum(p.row_count)::bigint as manifest_row_count, sum(p.billed_cost) as manifest_billed_cost,
            sum(p.effective_cost) as manifest_effective_cost, sum(p.list_cost) as manifest_list_cost,
            sum(p.contracted_cost) as manifest_contracted_cost,
            coalesce(sum(l.row_count), 0)::bigint as row_count, coalesce(sum(l.billed_cost), 0) as billed_cost,
            coalesce(sum(l.effective_cost), 0) as effective_cost, coalesce(sum(l.list_cost), 0) as list_cost,
            coalesce(sum(l.contracted_cost), 0) as contracted_cost,
            coalesce(sum(r.billed_cost), 0) as rollup_billed_cost, max(i.billed_cost) as invoice
        from charge_parts p
        left join ledger l on l.part_id = p.id
        left join rollup r on r.part_id = p.id
        left join invoices i using (organization_id, provider_name, billing_account_id, billing_month, currency)
        where p.organization_id = $1 and p.superseded_by is null
        group by p.provider_name, p.billing_account_id, p.billing_month, p.currency
        order by p.billing_month desc, p.provider_name, p.billing_account_id, p.currency";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
}

/// Records an invoice total, in place of an earlier one for the same account, month and currency.
///
/// # Errors
/// Only those of the database.
pub async fn set_invoice(
    conn: &mut PgConnection,
    org: OrganizationId,
    invoice: &Invoice<'_>,
) -> Result<(), StoreError> {
    let sql = "insert into invoices (organization_id, provider_name, billing_account_id, billing_month, currency, billed_cost)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (organization_id, provider_name, billing_account_id, billing_month, currency)
            do update set billed_cost = excluded.billed_cost";
    sqlx::query(sql)
        .bind(org.0)
        .bind(invoice.provider_name)
        .bind(invoice.billing_account_id)
        .bind(invoice.billing_month.first_day())
        .bind(invoice.currency.as_str())
        .bind(invoice.billed)
        .execute(conn)
        .await?;
    Ok(())
}

impl FromRow<'_, PgRow> for Reconciliation {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            provider_name: row.try_get("provider_name")?,
            billing_account_id: row.try_get("billing_account_id")?,
            billing_month: row::month(row.try_get("billing_month")?),
            currency: row::parsed(row, "currency")?,
            ledger: Sums::from_row(row)?,
            manifest: Sums {
                rows: row::count(row, "manifest_row_count")?,
                billed: row::sum(row, "manifest_billed_cost")?,
                effective: row::sum(row, "manifest_effective_cost")?,
                list: row::sum(row, "manifest_list_cost")?,
                contracted: row::sum(row, "manifest_contracted_cost")?,
            },
            rollup_billed: row::sum(row, "rollup_billed_cost")?,
            invoice: row.try_get("invoice")?,
        })
    }
}
