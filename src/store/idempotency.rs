//! Answers to requests that carried an `Idempotency-Key`.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use sqlx::PgConnection;

use crate::StoreError;

/// What is known about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: the caller now owns it and must [`finish`] or [`forget`] it.
    New,
    /// The same request is under way: answer 409.
    InProgress,
    /// The key was used for another request: answer 422.
    OtherRequest,
    /// The answer that was given.
    Answered(Answer),
}

/// An answer to be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// Looks a key up and takes it when it is new or was left unfinished before `stale_before`.
///
/// # Errors
/// Only those of the database.
pub async fn begin(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    request_hash: &[u8],
    now: DateTime<Utc>,
    stale_before: DateTime<Utc>,
) -> Result<Known, StoreError> {
    todo!()
}

/// Stores the answer.
///
/// # Errors
/// [`StoreError::NotFound`] when the key was never taken.
pub async fn finish(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    answer: &Answer,
) -> Result<(), StoreError> {
    todo!()
}

/// Gives a key back after a failure that may be tried again.
///
/// # Errors
/// Only those of the database.
pub async fn forget(conn: &mut PgConnection, org: OrganizationId, key: &str) -> Result<(), StoreError> {
    todo!()
}

/// Forgets keys taken before `before` and says how many.
///
/// # Errors
/// Only those of the database.
pub async fn delete_before(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    todo!()
}
