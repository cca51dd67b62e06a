//! Loading charges exactly once: stage by COPY, count and sum, then one transaction replaces and publishes.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BillingMonth, Charge, Currency, ManifestId, OrganizationId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;
use crate::manifest::{Manifest, Sums};

/// One object of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Path or URL inside the source; the same key again means a newer version of the same thing.
    pub key: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub checksum: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// Objects that belong together and are loaded all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Name of the source; only charges of the same source can replace each other.
    pub source: String,
    /// Format of the objects (`focus`, `cur2`, …), for the record.
    pub format: String,
    /// The objects.
    pub objects: Vec<Object>,
}

/// What to do with charges of the same source, account and month whose days partly overlap the new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOverlap {
    /// Stop with [`StoreError::Overlap`]; nothing changes.
    #[default]
    Refuse,
    /// The new rows replace the old ones of that account and month.
    Replace,
    /// Keep both.
    Append,
}

/// How a load begins.
#[derive(Debug)]
pub enum Begin<'c> {
    /// Every object is in the ledger already, byte for byte: nothing to do.
    AlreadyLoaded(Vec<Manifest>),
    /// Feed the rows to the loader.
    Load(Loader<'c>),
}

/// Rows of an earlier import that went away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// Object that had them.
    pub object_key: String,
    /// Its manifest.
    pub manifest_id: ManifestId,
    /// Provider on the bill.
    pub provider_name: String,
    /// Billing account.
    pub billing_account_id: String,
    /// Billing month.
    pub billing_month: BillingMonth,
    /// Currency of the sums.
    pub currency: Currency,
    /// Rows and sums that went.
    pub old: Sums,
    /// Rows and sums of the same account, month and currency in the new delivery.
    pub new: Sums,
}

/// What a load did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Whether another process loaded the same bytes while this one was staging them; nothing was changed then.
    pub already_loaded: bool,
    /// One manifest per object, in the order of the delivery.
    pub manifests: Vec<Manifest>,
    /// Rows and sums of the whole delivery, as they stand in the ledger.
    pub sums: Sums,
    /// First UTC day of a charge; `None` when there was no row.
    pub first_day: Option<NaiveDate>,
    /// Last UTC day of a charge.
    pub last_day: Option<NaiveDate>,
    /// What was replaced.
    pub replaced: Vec<Replaced>,
}

/// A load under way: its rows are in a table that only this connection sees and that dies with it.
#[derive(Debug)]
pub struct Loader<'c> {
    conn: &'c mut PgConnection,
}

/// Begins to load a delivery on `conn`, which stays borrowed until [`Loader::commit`].
///
/// # Errors
/// [`StoreError::Invalid`] for a delivery without objects or with one key twice.
pub async fn begin<'c>(
    conn: &'c mut PgConnection,
    org: OrganizationId,
    delivery: &Delivery,
    on_overlap: OnOverlap,
) -> Result<Begin<'c>, StoreError> {
    todo!()
}

impl Loader<'_> {
    /// Stages rows of the `object`-th object of the delivery. Any batch size works; 5,000 rows are fast.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a charge outside the years 2000 to 2099.
    pub async fn add(&mut self, object: usize, batch: &[Charge]) -> Result<(), StoreError> {
        todo!()
    }

    /// Publishes everything that was staged in one transaction: checks the sums (`counted` is what the reader of the files
    /// counted, if it did), replaces what is superseded, updates the rollups, writes the manifests.
    ///
    /// # Errors
    /// [`StoreError::SumsDiffer`], [`StoreError::Overlap`]: nothing was changed.
    pub async fn commit(self, counted: Option<&Sums>, at: DateTime<Utc>) -> Result<LoadReport, StoreError> {
        todo!()
    }

    /// Drops what was staged.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn abandon(self) -> Result<(), StoreError> {
        todo!()
    }
}
