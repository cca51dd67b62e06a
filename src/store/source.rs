//! Freshness of configured sources.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceStatus {
    /// Its name in the configuration.
    pub name: String,
    /// What it brings (`billing`, `metrics`, `inventory`, `prices`, `usage`, `commitments`).
    pub kind: String,
    /// When it was last tried.
    pub last_run_at: Option<DateTime<Utc>>,
    /// When it last worked.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When it is due again.
    pub next_run_at: Option<DateTime<Utc>>,
    /// Why the last try failed; `None` when it worked.
    pub last_error: Option<String>,
    /// Rows accepted by the last run that worked.
    pub rows: u64,
    /// Rows rejected by it.
    pub rejected: u64,
    /// End of the data, exclusive, as far as known.
    pub data_until: Option<DateTime<Utc>>,
}

/// What one run of a source brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Rows accepted.
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// End of the data, exclusive, if known.
    pub data_until: Option<DateTime<Utc>>,
}

/// Notes what became of a run of a source, making the source known if it is new.
///
/// # Errors
/// Only those of the database.
pub async fn record(
    conn: &mut PgConnection,
    org: OrganizationId,
    name: &str,
    kind: &str,
    outcome: Result<&Outcome, &str>,
    at: DateTime<Utc>,
    next_run_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    todo!()
}

/// All sources by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<SourceStatus>, StoreError> {
    todo!()
}
