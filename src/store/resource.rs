//! Inventory.

use chrono::{DateTime, Utc};
use domain::{OrganizationId, Resource, ResourceKind};
use sqlx::PgConnection;

use crate::StoreError;

/// Replaces the inventory of `source` by `resources` and says how many went away for good.
///
/// # Errors
/// [`StoreError::Invalid`] when one id comes twice.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    resources: &[Resource],
    at: DateTime<Utc>,
) -> Result<u64, StoreError> {
    todo!()
}

/// Resources of all sources (of one kind when given), by id.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    kind: Option<ResourceKind>,
) -> Result<Vec<Resource>, StoreError> {
    todo!()
}

/// One resource.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(
    conn: &mut PgConnection,
    org: OrganizationId,
    resource_id: &str,
) -> Result<Resource, StoreError> {
    todo!()
}
