//! Hourly instance usage.

use domain::{OrganizationId, Period, UsageHour};
use sqlx::PgConnection;

use crate::StoreError;

/// Replaces everything that `source` said about `period` by `rows` and says how many went.
///
/// # Errors
/// [`StoreError::Invalid`] when a row lies outside the period.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    period: Period,
    rows: &[UsageHour],
) -> Result<u64, StoreError> {
    todo!()
}

/// Usage of all sources in a period, summed per hour, account, region, type and system, in that order.
///
/// # Errors
/// Only those of the database.
pub async fn read(
    conn: &mut PgConnection,
    org: OrganizationId,
    period: Period,
) -> Result<Vec<UsageHour>, StoreError> {
    todo!()
}

/// The period that usage covers: first hour to the end of the last; `None` when there is none.
///
/// # Errors
/// Only those of the database.
pub async fn span(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<Period>, StoreError> {
    todo!()
}
