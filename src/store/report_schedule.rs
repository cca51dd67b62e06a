//! Reports by mail: when, to whom, and what became of each.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Key.
    pub id: i64,
    /// Its settings.
    pub settings: Settings,
    /// The firing time that was claimed last, if any.
    pub last_fired_at: Option<DateTime<Utc>>,
    /// When it was made: firing times before that are not owed.
    pub created_at: DateTime<Utc>,
}

/// What a schedule sends, when, to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Its name, unique in the organization.
    pub name: String,
    /// Which report (`weekly`).
    pub report: String,
    /// Cron text with five fields; checked by the caller.
    pub cron: String,
    /// IANA time zone that the cron text is meant in; checked by the caller.
    pub time_zone: String,
    /// Addresses.
    pub recipients: Vec<String>,
    /// Whether it fires.
    pub enabled: bool,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Claimed; on its way, or its process died.
    Claimed,
    /// Sent.
    Sent,
    /// Not sent.
    Failed,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Key.
    pub id: i64,
    /// The schedule.
    pub schedule_id: i64,
    /// The firing time it stands for.
    pub fire_at: DateTime<Utc>,
    /// How it stands.
    pub status: DeliveryStatus,
    /// When it was claimed.
    pub claimed_at: DateTime<Utc>,
    /// When it ended, if it did.
    pub finished_at: Option<DateTime<Utc>>,
    /// `Message-ID` of the mail, if sent.
    pub message_id: Option<String>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Adds a schedule.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the name is taken.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    settings: &Settings,
    at: DateTime<Utc>,
) -> Result<Schedule, StoreError> {
    todo!()
}

/// Changes a schedule.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::AlreadyExists`] when the name is taken.
pub async fn update(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    settings: &Settings,
) -> Result<Schedule, StoreError> {
    todo!()
}

/// One schedule.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<Schedule, StoreError> {
    todo!()
}

/// Schedules by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Schedule>, StoreError> {
    todo!()
}

/// Removes a schedule and its log.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    todo!()
}

/// Claims one firing time: of all callers, exactly one ever gets a delivery, the others `None`.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn claim(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    fire_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Delivery>, StoreError> {
    todo!()
}

/// Notes what became of a claimed delivery: its `Message-ID`, or why it failed.
///
/// # Errors
/// [`StoreError::NotFound`] when it is not claimed.
pub async fn finish(
    conn: &mut PgConnection,
    org: OrganizationId,
    delivery: i64,
    outcome: Result<&str, &str>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    todo!()
}

/// Deliveries of a schedule, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn deliveries(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    todo!()
}
