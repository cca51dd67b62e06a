//! Signed-in browsers. Only a hash of the cookie is stored.

use chrono::{DateTime, Utc};
use domain::UserId;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

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
    let sql = "insert into sessions (token_hash, organization_id, user_id, created_at, expires_at)
        select $1, organization_id, id, $3, $4 from users where id = $2";
    sqlx::query(sql).bind(token_hash).bind(user.0).bind(at).bind(expires_at).execute(conn).await?;
    Ok(())
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
    let sql = "select u.*, s.created_at as session_created_at, s.expires_at
        from sessions s join users u on u.id = s.user_id
        where s.token_hash = $1 and s.expires_at > $2 and u.disabled_at is null";
    Ok(sqlx::query_as(sql).bind(token_hash).bind(now).fetch_optional(conn).await?)
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
    let sql = "update sessions set expires_at = $2 where token_hash = $1";
    sqlx::query(sql).bind(token_hash).bind(expires_at).execute(conn).await?;
    Ok(())
}

/// Ends one session; ending one that is not there is fine.
///
/// # Errors
/// Only those of the database.
pub async fn revoke(conn: &mut PgConnection, token_hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query("delete from sessions where token_hash = $1").bind(token_hash).execute(conn).await?;
    Ok(())
}

/// Ends every session of a person and says how many there were.
///
/// # Errors
/// Only those of the database.
pub async fn revoke_all(conn: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from sessions where user_id = $1").bind(user.0).execute(conn).await?;
    Ok(done.rows_affected())
}

/// Forgets sessions that ended before `now` and says how many.
///
/// # Errors
/// Only those of the database.
pub async fn delete_expired(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from sessions where expires_at <= $1").bind(now).execute(conn).await?;
    Ok(done.rows_affected())
}

impl FromRow<'_, PgRow> for Session {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            user: User::from_row(row)?,
            created_at: row.try_get("session_created_at")?,
            expires_at: row.try_get("expires_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};
    use crate::user::{self, NewUser, Role};

    #[tokio::test]
    async fn sessions_expire_move_and_are_revoked() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let [noon, one, two] =
                ["12:00", "13:00", "14:00"].map(|hour| time(&format!("2026-02-03T{hour}:00Z")));
            let new = NewUser { email: "a@b.test", name: "A", role: Role::Viewer, password_hash: "x" };
            let ada = user::create(&mut conn, org, &new, noon).await.unwrap();
            create(&mut conn, ada.id, b"first", noon, one).await.unwrap();
            create(&mut conn, ada.id, b"second", noon, one).await.unwrap();
            assert!(find(&mut conn, b"first", noon).await.unwrap().is_some());
            assert!(find(&mut conn, b"first", one).await.unwrap().is_none());
            extend(&mut conn, b"first", two).await.unwrap();
            assert_eq!(find(&mut conn, b"first", one).await.unwrap().unwrap().expires_at, two);
            assert_eq!(delete_expired(&mut conn, one).await.unwrap(), 1);
            revoke(&mut conn, b"first").await.unwrap();
            assert!(find(&mut conn, b"first", noon).await.unwrap().is_none());
            create(&mut conn, ada.id, b"third", noon, one).await.unwrap();
            assert_eq!(revoke_all(&mut conn, ada.id).await.unwrap(), 1);
        })
        .await;
    }
}
