//! Signed-in browsers. Only a hash of the cookie is stored.

use chrono::{DateTime, Utc};
use domain::UserId;
use sqlx::PgConnection;

use crate::StoreError;
use crate::user::User;

/// One signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: User,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Opens a session until `expires_at` for the holder of the token with this hash.
///
/// # Errors
/// Only those of the database.
pub async fn create(
    conn: &mut PgConnection,
    user: UserId,
    token_hash: &[u8],
    at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    todo!()
}

/// The session of the token with this hash, unless it expired, was revoked, or the person is disabled.
///
/// # Errors
/// Only those of the database.
pub async fn find(
    conn: &mut PgConnection,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Session>, StoreError> {
    todo!()
}

/// Moves the end of a session.
///
/// # Errors
/// Only those of the database.
pub async fn extend(
    conn: &mut PgConnection,
    token_hash: &[u8],
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    todo!()
}

/// Ends one session; ending one that is not there is fine.
///
/// # Errors
/// Only those of the database.
pub async fn revoke(conn: &mut PgConnection, token_hash: &[u8]) -> Result<(), StoreError> {
    todo!()
}

/// Ends every session of a person and says how many there were.
///
/// # Errors
/// Only those of the database.
pub async fn revoke_all(conn: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    todo!()
}

/// Forgets sessions that ended before `now` and says how many.
///
/// # Errors
/// Only those of the database.
pub async fn delete_expired(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    todo!()
}
