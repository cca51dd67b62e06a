//! Commitments that are held.

use chrono::{DateTime, Utc};
use domain::{Commitment, OrganizationId};
use sqlx::PgConnection;

use crate::StoreError;

/// Replaces the commitments that `source` knows.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when one id comes twice, or from another source.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    commitments: &[Commitment],
) -> Result<(), StoreError> {
    todo!()
}

/// Commitments by end, then id; those that ended before `ending_after` are left out.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    ending_after: Option<DateTime<Utc>>,
) -> Result<Vec<Commitment>, StoreError> {
    todo!()
}
