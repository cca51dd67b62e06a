//! What was imported: one row per object, with its checksum and sums, and the parts of the ledger it made.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BillingMonth, Currency, ManifestId, OrganizationId};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// Rows and exact sums of the four cost columns, over all currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
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

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// The latest import of exactly these bytes under this key, if its rows are still in the ledger.
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
    todo!()
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
    todo!()
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
    todo!()
}
