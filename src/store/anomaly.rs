//! Days on which a cost was not what was to be expected.

use chrono::NaiveDate;
use domain::{OrganizationId, RunId};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// One unexpected day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    /// The series (`cost/service/…`).
    pub unique_id: String,
    /// The UTC day.
    pub day: NaiveDate,
    /// What came.
    pub actual: Decimal,
    /// What was expected.
    pub expected: Decimal,
    /// Lower end of what was to be expected.
    pub lower: Decimal,
    /// Upper end.
    pub upper: Decimal,
    /// Why it stands out, in one sentence.
    pub reason: String,
}

/// Saves the anomalies that a run found.
///
/// # Errors
/// [`StoreError::AlreadyExists`] for a day of a series that the run has already.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    anomalies: &[Anomaly],
) -> Result<(), StoreError> {
    todo!()
}

/// The anomalies that a run found, latest day first.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
) -> Result<Vec<Anomaly>, StoreError> {
    todo!()
}
