//! Bearer tokens of the JSON API. Only a hash is stored.

use crate::row;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{OrganizationId, UserId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read everything.
    Read,
    /// Change what editors change.
    Write,
    /// Import data.
    Ingest,
    /// Manage people, tokens and sources.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Ingest, Self::Admin];

    /// The word in columns and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| format!("unknown scope {text:?}: expected read, write, ingest or admin"))
    }
}

/// One token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Key.
    pub id: i64,
    /// Tenant.
    pub organization_id: OrganizationId,
    /// What it is for, in the words of its maker.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it works; `None`: until revoked.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// What it is for.
    pub name: &'a str,
    /// What it may do.
    pub scopes: &'a [Scope],
    /// Hash of its secret.
    pub token_hash: &'a [u8],
    /// Who makes it.
    pub created_by: Option<UserId>,
    /// Until when it works; `None`: until revoked.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes a token.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the organization has one of that name.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    token: &NewToken<'_>,
    at: DateTime<Utc>,
) -> Result<Token, StoreError> {
    let sql =
        "insert into tokens (organization_id, name, token_hash, scopes, created_by, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7) returning *";
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let created = sqlx::query_as(sql)
        .bind(org.0)
        .bind(token.name)
        .bind(token.token_hash)
        .bind(scopes)
        .bind(token.created_by.map(|user| user.0))
        .bind(at)
        .bind(token.expires_at)
        .fetch_one(conn)
        .await;
    created.map_err(|error| StoreError::or_exists(error, "token", token.name))
}

/// The token with this hash, unless it expired or was revoked; notes the use.
///
/// # Errors
/// Only those of the database.
pub async fn find(
    conn: &mut PgConnection,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Token>, StoreError> {
    let sql = "select * from tokens
        where token_hash = $1 and revoked_at is null and (expires_at is null or expires_at > $2)";
    let found: Option<Token> =
        sqlx::query_as(sql).bind(token_hash).bind(now).fetch_optional(&mut *conn).await?;
    if let Some(token) = &found {
        // at most one write a minute, however many requests
        let sql = "update tokens set last_used_at = $2
            where id = $1 and (last_used_at is null or last_used_at < $2::timestamptz - interval '1 minute')";
        sqlx::query(sql).bind(token.id).bind(now).execute(conn).await?;
    }
    Ok(found)
}

/// Tokens of the organization that were not revoked, by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Token>, StoreError> {
    let sql = "select * from tokens where organization_id = $1 and revoked_at is null order by name";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
}

/// Ends a token. When is noted by the clock of the database, and only for the record.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn revoke(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    let sql =
        "update tokens set revoked_at = now() where organization_id = $1 and id = $2 and revoked_at is null";
    let done = sqlx::query(sql).bind(org.0).bind(id).execute(conn).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("token", id));
    }
    Ok(())
}

impl sqlx::FromRow<'_, PgRow> for Token {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let scopes: Vec<String> = row.try_get("scopes")?;
        let scopes = scopes
            .iter()
            .map(|scope| scope.parse().map_err(|error: String| row::unreadable("scopes", error)));
        Ok(Self {
            id: row.try_get("id")?,
            organization_id: OrganizationId(row.try_get("organization_id")?),
            name: row.try_get("name")?,
            scopes: scopes.collect::<Result<_, _>>()?,
            created_by: row.try_get::<Option<i64>, _>("created_by")?.map(UserId),
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn tokens_work_until_they_expire_or_are_revoked() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let [noon, one] = ["12:00", "13:00"].map(|hour| time(&format!("2026-02-03T{hour}:00Z")));
            let new = NewToken {
                name: "planner",
                scopes: &[Scope::Read, Scope::Ingest],
                token_hash: b"hash",
                created_by: None,
                expires_at: Some(one),
            };
            let token = create(&mut conn, org, &new, noon).await.unwrap();
            assert_eq!(token.scopes, [Scope::Read, Scope::Ingest]);
            let twice =
                create(&mut conn, org, &NewToken { token_hash: b"other", ..new }, noon).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
            assert_eq!(find(&mut conn, b"hash", noon).await.unwrap().unwrap().id, token.id);
            assert_eq!(list(&mut conn, org).await.unwrap()[0].last_used_at, Some(noon));
            assert!(find(&mut conn, b"hash", one).await.unwrap().is_none());
            revoke(&mut conn, org, token.id).await.unwrap();
            assert!(find(&mut conn, b"hash", noon).await.unwrap().is_none());
            assert!(list(&mut conn, org).await.unwrap().is_empty());
            assert!(matches!(revoke(&mut conn, org, token.id).await, Err(StoreError::NotFound { .. })));
        })
        .await;
    }
}
