//! Line items of the ledger, page by page.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{Charge, OrganizationId, Period};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, QueryBuilder, Row};

use crate::StoreError;
use crate::cost_query::{Query, Table};
use crate::row;

/// One line item, with where it came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LineItem {
    /// Key.
    pub id: i64,
    /// The object that it came from.
    pub object_key: String,
    /// The charge.
    pub charge: Charge,
}

/// Where a page of line items ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Start of the charge period of the last one.
    pub charge_period_start: DateTime<Utc>,
    /// Its key.
    pub id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.charge_period_start.timestamp_micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let parse = || {
            let (micros, id) = text.split_once('.')?;
            let charge_period_start = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
            Some(Self { charge_period_start, id: id.parse().ok()? })
        };
        parse().ok_or_else(|| StoreError::Invalid(format!("{text:?} is not a cursor of this list")))
    }
}

/// One page of line items.
#[derive(Debug, Clone, PartialEq)]
pub struct LineItems {
    /// Latest first.
    pub items: Vec<LineItem>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor>,
}

/// Line items, latest first; `after` is the cursor of the page before.
///
/// # Errors
/// Only those of the database.
pub async fn line_items(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
    after: Option<Cursor>,
    limit: u32,
) -> Result<LineItems, StoreError> {
    let mut sql = QueryBuilder::new(
        "select *, (select object_key from charge_parts where id = charges.part_id) as object_key",
    );
    Table::Charges.push_from_where(&mut sql, org, query);
    if let Some(after) = after {
        sql.push(" and (charge_period_start, id) < (").push_bind(after.charge_period_start);
        sql.push(", ").push_bind(after.id).push(")");
    }
    sql.push(" order by charge_period_start desc, id desc limit ").push_bind(i64::from(limit) + 1);
    let mut items: Vec<LineItem> = sql.build_query_as().fetch_all(conn).await?;
    let limit = limit as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    let cursor =
        |item: &LineItem| Cursor { charge_period_start: item.charge.charge_period_start, id: item.id };
    Ok(LineItems { next: items.last().filter(|_| more).map(cursor), items })
}

impl FromRow<'_, PgRow> for LineItem {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { id: row.try_get("id")?, object_key: row.try_get("object_key")?, charge: charge(row)? })
    }
}

fn charge(row: &PgRow) -> Result<Charge, sqlx::Error> {
    Ok(Charge {
        billed_cost: row.try_get("billed_cost")?,
        effective_cost: row.try_get("effective_cost")?,
        list_cost: row.try_get("list_cost")?,
        contracted_cost: row.try_get("contracted_cost")?,
        billing_currency: row::parsed(row, "billing_currency")?,
        billing_account_id: row.try_get("billing_account_id")?,
        billing_period: Period {
            start: row.try_get("billing_period_start")?,
            end: row.try_get("billing_period_end")?,
        },
        charge_period_start: row.try_get("charge_period_start")?,
        charge_period_end: row.try_get("charge_period_end")?,
        charge_category: row::parsed(row, "charge_category")?,
        correction: row.try_get("correction")?,
        charge_description: row.try_get("charge_description")?,
        provider_name: row.try_get("provider_name")?,
        sub_account_id: row.try_get("sub_account_id")?,
        sub_account_name: row.try_get("sub_account_name")?,
        service_category: row.try_get("service_category")?,
        service_name: row.try_get("service_name")?,
        sku_id: row.try_get("sku_id")?,
        region_id: row.try_get("region_id")?,
        availability_zone: row.try_get("availability_zone")?,
        resource_id: row.try_get("resource_id")?,
        resource_name: row.try_get("resource_name")?,
        resource_type: row.try_get("resource_type")?,
        pricing_category: row::parsed_option(row, "pricing_category")?,
        pricing_quantity: row.try_get("pricing_quantity")?,
        pricing_unit: row.try_get("pricing_unit")?,
        consumed_quantity: row.try_get("consumed_quantity")?,
        consumed_unit: row.try_get("consumed_unit")?,
        commitment_discount_id: row.try_get("commitment_discount_id")?,
        commitment_discount_type: row.try_get("commitment_discount_type")?,
        commitment_discount_status: row::parsed_option(row, "commitment_discount_status")?,
        instance_type: row.try_get("instance_type")?,
        os: row.try_get("os")?,
        tags: row::json(row, "tags")?,
    })
}
