//! Capacity plans of a run.

use domain::{CapacityPlan, OrganizationId, RunId};
use sqlx::PgConnection;

use crate::StoreError;

/// Saves the capacity plans of a run.
///
/// # Errors
/// [`StoreError::AlreadyExists`] for a workload that the run has already.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    plans: &[CapacityPlan],
) -> Result<(), StoreError> {
    todo!()
}

/// The plans of a run, by workload.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
) -> Result<Vec<CapacityPlan>, StoreError> {
    todo!()
}

/// The plan of one workload by a run.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    unique_id: &str,
) -> Result<CapacityPlan, StoreError> {
    todo!()
}
