//! Plans of runs, and the life of their recommendations, which outlives the run.

use chrono::{DateTime, Utc};
use domain::{OrganizationId, Plan, Recommendation, RecommendationStatus, RunId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// A plan with the run that made it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredPlan {
    /// The run.
    pub run_id: RunId,
    /// The plan.
    pub plan: Plan,
}

/// A recommendation with its life.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredRecommendation {
    /// The run.
    pub run_id: RunId,
    /// The recommendation.
    pub recommendation: Recommendation,
    /// Where it stands; a snooze that is over counts as open.
    pub status: RecommendationStatus,
    /// Who decided, if anybody did.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<DateTime<Utc>>,
    /// When a run first recommended it.
    pub first_seen_at: DateTime<Utc>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusChange {
    /// Key; larger is later.
    pub id: i64,
    /// What it became.
    pub status: RecommendationStatus,
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// In whose words.
    pub note: Option<String>,
    /// Whether it was undone later.
    pub undone: bool,
}

/// Saves the plan of a run.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the run has one; [`StoreError::Invalid`] when two recommendations share a key.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    plan: &Plan,
) -> Result<(), StoreError> {
    todo!()
}

/// The plan of the latest finished run that has one.
///
/// # Errors
/// Only those of the database.
pub async fn latest(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<StoredPlan>, StoreError> {
    todo!()
}

/// The plan of one run.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, run: RunId) -> Result<StoredPlan, StoreError> {
    todo!()
}

/// The recommendations of a run with where they stand at `now`, in the order of the plan.
///
/// # Errors
/// Only those of the database.
pub async fn recommendations(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    now: DateTime<Utc>,
) -> Result<Vec<StoredRecommendation>, StoreError> {
    todo!()
}

/// The latest version of one recommendation with where it stands at `now`.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn recommendation(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    now: DateTime<Utc>,
) -> Result<StoredRecommendation, StoreError> {
    todo!()
}

/// Decides on a recommendation.
///
/// # Errors
/// [`StoreError::NotFound`] when no finished run ever recommended it.
pub async fn set_status(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    status: &RecommendationStatus,
    by: &str,
    note: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    todo!()
}

/// Takes the last decision back and returns what stands again.
///
/// # Errors
/// [`StoreError::NotFound`] when there is nothing to undo.
pub async fn undo(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<RecommendationStatus, StoreError> {
    todo!()
}

/// Every decision on a recommendation, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn history(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
) -> Result<Vec<StatusChange>, StoreError> {
    todo!()
}
