//! People who sign in, and what they may do.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{OrganizationId, UserId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;

/// What a person may do; each role may do everything that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look at everything.
    Viewer,
    /// Also decide on recommendations, edit events, scenarios, schedules, start runs and imports.
    Editor,
    /// Also manage people, tokens and sources.
    Admin,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    /// The word in columns, URLs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// Whether this role may do what `needed` may.
    pub fn allows(self, needed: Self) -> bool {
        self >= needed
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| format!("unknown role {text:?}: expected admin, editor or viewer"))
    }
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Key.
    pub id: UserId,
    /// Tenant.
    pub organization_id: OrganizationId,
    /// Sign-in name, unique over all tenants, compared without case.
    pub email: String,
    /// Name for pages.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Argon2 hash in PHC form, made by the caller.
    #[serde(skip)]
    pub password_hash: String,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// Since when the person can't sign in, if so.
    pub disabled_at: Option<DateTime<Utc>>,
}

/// A person to be added.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// Sign-in name.
    pub email: &'a str,
    /// Name for pages.
    pub name: &'a str,
    /// What the person may do.
    pub role: Role,
    /// Argon2 hash in PHC form.
    pub password_hash: &'a str,
}

/// Adds a person.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the address is taken, in any organization.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    user: &NewUser<'_>,
    at: DateTime<Utc>,
) -> Result<User, StoreError> {
    todo!()
}

/// The person who signs in as `email`, in any organization, disabled or not.
///
/// # Errors
/// Only those of the database.
pub async fn find_by_email(conn: &mut PgConnection, email: &str) -> Result<Option<User>, StoreError> {
    todo!()
}

/// One person.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: UserId) -> Result<User, StoreError> {
    todo!()
}

/// Everybody in the organization, by address.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<User>, StoreError> {
    todo!()
}

/// Gives a person another role. The last enabled admin keeps the role.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Invalid`] for the last admin.
pub async fn set_role(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: UserId,
    role: Role,
) -> Result<User, StoreError> {
    todo!()
}

/// Stores another password hash and ends every session of the person.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn set_password_hash(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: UserId,
    password_hash: &str,
) -> Result<(), StoreError> {
    todo!()
}

/// Locks a person out from `at` on and ends every session; the last enabled admin can't be locked out.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Invalid`] for the last admin.
pub async fn disable(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: UserId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    todo!()
}

/// Lets a person in again.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn enable(conn: &mut PgConnection, org: OrganizationId, id: UserId) -> Result<(), StoreError> {
    todo!()
}
