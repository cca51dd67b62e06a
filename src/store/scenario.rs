//! What-if scenarios: named sets of assumptions.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// Key.
    pub id: i64,
    /// Its name, unique in the organization.
    pub name: String,
    /// Assumptions; their meaning belongs to the page that made them.
    pub assumptions: serde_json::Value,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Adds a scenario.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the name is taken.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    name: &str,
    assumptions: &serde_json::Value,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Scenario, StoreError> {
    todo!()
}

/// One scenario.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<Scenario, StoreError> {
    todo!()
}

/// All scenarios by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Scenario>, StoreError> {
    todo!()
}

/// Removes a scenario.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    todo!()
}
