//! Runs of the pipeline: every number on a page names one.

use chrono::{DateTime, Utc};
use domain::{OrganizationId, RunId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Under way, or its process died.
    Running,
    /// Finished; its results are complete.
    Done,
    /// Stopped by an error.
    Failed,
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Name (`forecast`, `plan`, …).
    pub name: String,
    /// How long it took.
    pub duration_ms: u64,
    /// How many things it handled.
    pub items: u64,
    /// What these things are (`series`, `rows`, `recommendations`).
    pub unit: String,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Key.
    pub id: RunId,
    /// Nothing after this instant was looked at.
    pub as_of: DateTime<Utc>,
    /// Version of the product.
    pub version: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended, if it did.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Stages done so far.
    pub stages: Vec<Stage>,
}

/// Begins a run.
///
/// # Errors
/// Only those of the database.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    as_of: DateTime<Utc>,
    version: &str,
    at: DateTime<Utc>,
) -> Result<RunId, StoreError> {
    todo!()
}

/// Notes that a stage is done.
///
/// # Errors
/// [`StoreError::NotFound`] when the run is not under way.
pub async fn add_stage(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    stage: &Stage,
) -> Result<(), StoreError> {
    todo!()
}

/// Ends a run well: from now on it is what pages show.
///
/// # Errors
/// [`StoreError::NotFound`] when the run is not under way.
pub async fn finish(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    todo!()
}

/// Ends a run with an error.
///
/// # Errors
/// [`StoreError::NotFound`] when the run is not under way.
pub async fn fail(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    error: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    todo!()
}

/// The latest finished run, if there is one.
///
/// # Errors
/// Only those of the database.
pub async fn latest(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<Run>, StoreError> {
    todo!()
}

/// One run.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, run: RunId) -> Result<Run, StoreError> {
    todo!()
}

/// Runs, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId, limit: u32) -> Result<Vec<Run>, StoreError> {
    todo!()
}
