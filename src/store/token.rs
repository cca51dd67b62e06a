//! Bearer tokens of the JSON API. Only a hash is stored.

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
    todo!()
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
    todo!()
}

/// Tokens of the organization that were not revoked, by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Token>, StoreError> {
    todo!()
}

/// Ends a token.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn revoke(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    todo!()
}
