//! A queue of long work: claimed under a lease, polled by the API.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waiting for a worker.
    Queued,
    /// Claimed by a worker whose lease may have run out.
    Running,
    /// Finished.
    Done,
    /// Given up.
    Failed,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Key.
    pub id: i64,
    /// Tenant.
    pub organization_id: OrganizationId,
    /// What to do (`run`, `ingest`, …).
    pub kind: String,
    /// With what.
    pub payload: serde_json::Value,
    /// How it stands.
    pub status: JobStatus,
    /// How often it was claimed.
    pub attempts: u32,
    /// Done so far, 0 to 1.
    pub progress: f64,
    /// What it is doing, in one line.
    pub message: Option<String>,
    /// What came of it.
    pub result: Option<serde_json::Value>,
    /// Why it failed last.
    pub error: Option<String>,
    /// When it was put in.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Puts a job in. With `dedupe_key`, a job of that key that is queued or running is returned instead of a second one.
///
/// # Errors
/// Only those of the database.
pub async fn enqueue(
    conn: &mut PgConnection,
    org: OrganizationId,
    kind: &str,
    payload: &serde_json::Value,
    dedupe_key: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Job, StoreError> {
    todo!()
}

/// Claims the oldest job that waits, or whose worker let its lease run out, until `lease_until`.
///
/// # Errors
/// Only those of the database.
pub async fn claim(
    conn: &mut PgConnection,
    worker: &str,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> Result<Option<Job>, StoreError> {
    todo!()
}

/// Extends the lease and reports progress. `false`: the lease was lost, stop working.
///
/// # Errors
/// Only those of the database.
pub async fn heartbeat(
    conn: &mut PgConnection,
    id: i64,
    worker: &str,
    lease_until: DateTime<Utc>,
    progress: f64,
    message: Option<&str>,
) -> Result<bool, StoreError> {
    todo!()
}

/// Ends a job well. Call it in the transaction that holds the effects: `false` means that the lease was lost, so roll back.
///
/// # Errors
/// Only those of the database.
pub async fn finish(
    conn: &mut PgConnection,
    id: i64,
    worker: &str,
    result: &serde_json::Value,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    todo!()
}

/// Ends a job with an error: it waits again until `retry_at`, or is given up without one. `false`: the lease was lost.
///
/// # Errors
/// Only those of the database.
pub async fn fail(
    conn: &mut PgConnection,
    id: i64,
    worker: &str,
    error: &str,
    retry_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    todo!()
}

/// One job.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<Job, StoreError> {
    todo!()
}

/// Jobs of the organization, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId, limit: u32) -> Result<Vec<Job>, StoreError> {
    todo!()
}
