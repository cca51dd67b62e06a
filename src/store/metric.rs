//! Hourly metrics of resources and workloads.

use domain::{HourlyMetric, MetricName, OrganizationId, Period, Series};
use sqlx::PgConnection;

use crate::StoreError;

/// Which number of the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// Mean of the samples.
    Average,
    /// 95th percentile.
    P95,
    /// Largest sample.
    Maximum,
}

/// Stores rows; a row for the same resource, metric and hour takes the place of the old one. Returns how many rows were given.
///
/// # Errors
/// [`StoreError::Invalid`] when the rows name one resource, metric and hour twice.
pub async fn upsert(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    rows: &[HourlyMetric],
) -> Result<u64, StoreError> {
    todo!()
}

/// Rows of a period (of one resource when given), by resource, metric and hour.
///
/// # Errors
/// Only those of the database.
pub async fn read(
    conn: &mut PgConnection,
    org: OrganizationId,
    period: Period,
    resource_id: Option<&str>,
) -> Result<Vec<HourlyMetric>, StoreError> {
    todo!()
}

/// Hourly series named `<metric>/<resource_id>`, each from its first to its last hour inside the period; hours without a
/// row are missing.
///
/// # Errors
/// Only those of the database.
pub async fn series(
    conn: &mut PgConnection,
    org: OrganizationId,
    metrics: &[MetricName],
    statistic: Statistic,
    period: Period,
) -> Result<Vec<Series>, StoreError> {
    todo!()
}

/// The period that metrics cover: first hour to the end of the last; `None` when there is none.
///
/// # Errors
/// Only those of the database.
pub async fn span(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<Period>, StoreError> {
    todo!()
}
