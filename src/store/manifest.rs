//! What was imported: one row per object, with its checksum and sums, and the parts of the ledger it made.

use crate::row;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BillingMonth, Charge, Currency, ManifestId, OrganizationId};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// Rows and exact sums of the four cost columns, over all currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sums {
    /// Number of rows.
    pub rows: u64,
    /// Sum of `BilledCost`.
    pub billed: Decimal,
    /// Sum of `EffectiveCost`.
    pub effective: Decimal,
    /// Sum of `ListCost`.
    pub list: Decimal,
    /// Sum of `ContractedCost`.
    pub contracted: Decimal,
}

impl Sums {
    /// Counts one charge.
    pub fn add(&mut self, charge: &Charge) {
        self.rows += 1;
        self.billed += charge.billed_cost;
        self.effective += charge.effective_cost;
        self.list += charge.list_cost;
        self.contracted += charge.contracted_cost;
    }
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ManifestStatus {
    /// Its rows are in the ledger (at least those of one month).
    Done,
    /// All its rows were replaced by later objects.
    Superseded,
}

impl ManifestStatus {
    /// The word in columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Superseded => "superseded",
        }
    }
}

impl fmt::Display for ManifestStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ManifestStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "done" => Ok(Self::Done),
            "superseded" => Ok(Self::Superseded),
            _ => Err(format!("unknown manifest status {text:?}")),
        }
    }
}

/// One imported object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Manifest {
    /// Key.
    pub id: ManifestId,
    /// Name of the source.
    pub source: String,
    /// Path or URL of the object inside the source.
    pub object_key: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub checksum: String,
    /// Its format (`focus`, `cur2`, …).
    pub format: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What became of it.
    pub status: ManifestStatus,
    /// Rows and sums as loaded.
    pub sums: Sums,
    /// When the import was done.
    pub loaded_at: DateTime<Utc>,
}

/// The rows of one object for one billing account and month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Key.
    pub id: i64,
    /// The object.
    pub manifest_id: ManifestId,
    /// Its path or URL.
    pub object_key: String,
    /// Provider on the bill.
    pub provider_name: String,
    /// Billing account.
    pub billing_account_id: String,
    /// Billing month.
    pub billing_month: BillingMonth,
    /// Currency.
    pub currency: Currency,
    /// First UTC day of a charge.
    pub first_day: NaiveDate,
    /// Last UTC day of a charge.
    pub last_day: NaiveDate,
    /// Rows and sums as loaded.
    pub sums: Sums,
    /// The object that replaced it, if one did.
    pub superseded_by: Option<ManifestId>,
}

/// The latest import under this key, if it was of exactly these bytes; its rows may have been replaced since by another object.
///
/// # Errors
/// Only those of the database.
pub async fn find(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    object_key: &str,
    checksum: &str,
) -> Result<Option<Manifest>, StoreError> {
    let sql = "select * from manifests where id =
            (select max(id) from manifests where organization_id = $1 and source = $2 and object_key = $3)
        and checksum = $4";
    Ok(sqlx::query_as(sql)
        .bind(org.0)
        .bind(source)
        .bind(object_key)
        .bind(checksum)
        .fetch_optional(conn)
        .await?)
}

/// Imports of the organization (of one source when given), latest first.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: Option<&str>,
    limit: u32,
) -> Result<Vec<Manifest>, StoreError> {
    let sql = "select * from manifests where organization_id = $1 and ($2::text is null or source = $2)
        order by id desc limit $3";
    Ok(sqlx::query_as(sql).bind(org.0).bind(source).bind(i64::from(limit)).fetch_all(conn).await?)
}

/// The parts of one import, by month.
///
/// # Errors
/// Only those of the database.
pub async fn parts(
    conn: &mut PgConnection,
    org: OrganizationId,
    manifest: ManifestId,
) -> Result<Vec<Part>, StoreError> {
    let sql = "select * from charge_parts where organization_id = $1 and manifest_id = $2
        order by billing_month, provider_name, billing_account_id, currency";
    Ok(sqlx::query_as(sql).bind(org.0).bind(manifest.0).fetch_all(conn).await?)
}

impl FromRow<'_, PgRow> for Sums {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            rows: row::count(row, "row_count")?,
            billed: row::sum(row, "billed_cost")?,
            effective: row::sum(row, "effective_cost")?,
            list: row::sum(row, "list_cost")?,
            contracted: row::sum(row, "contracted_cost")?,
        })
    }
}

impl FromRow<'_, PgRow> for Manifest {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: ManifestId(row.try_get("id")?),
            source: row.try_get("source")?,
            object_key: row.try_get("object_key")?,
            checksum: row.try_get("checksum")?,
            format: row.try_get("format")?,
            size_bytes: row::count(row, "size_bytes")?,
            status: row::parsed(row, "status")?,
            sums: Sums::from_row(row)?,
            loaded_at: row.try_get("loaded_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Part {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let billing_month: NaiveDate = row.try_get("billing_month")?;
        Ok(Self {
            id: row.try_get("id")?,
            manifest_id: ManifestId(row.try_get("manifest_id")?),
            object_key: row.try_get("object_key")?,
            provider_name: row.try_get("provider_name")?,
            billing_account_id: row.try_get("billing_account_id")?,
            billing_month: row::month(billing_month),
            currency: row::parsed(row, "currency")?,
            first_day: row.try_get("first_day")?,
            last_day: row.try_get("last_day")?,
            sums: Sums::from_row(row)?,
            superseded_by: row.try_get::<Option<i64>, _>("superseded_by")?.map(ManifestId),
        })
    }
}
