//! Planned and past events.

use chrono::{DateTime, Utc};
use domain::{Event, OrganizationId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// An event with its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredEvent {
    /// Key.
    pub id: i64,
    /// The event.
    pub event: Event,
    /// Who wrote it last.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// Adds an event.
///
/// # Errors
/// [`StoreError::Invalid`] when it has no clock time, ends before it starts, or its multipliers are not positive and ordered.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    event: &Event,
    by: &str,
    at: DateTime<Utc>,
) -> Result<StoredEvent, StoreError> {
    todo!()
}

/// Changes an event.
///
/// # Errors
/// [`StoreError::NotFound`], and those of [`create`].
pub async fn update(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    event: &Event,
    by: &str,
    at: DateTime<Utc>,
) -> Result<StoredEvent, StoreError> {
    todo!()
}

/// One event.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<StoredEvent, StoreError> {
    todo!()
}

/// All events by start.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<StoredEvent>, StoreError> {
    todo!()
}

/// Removes an event.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    todo!()
}
