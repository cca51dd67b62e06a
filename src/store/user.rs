//! People who sign in, and what they may do.

use crate::row;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};
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
    let sql = "insert into users (organization_id, email, name, role, password_hash, created_at)
        values ($1, $2, $3, $4, $5, $6) returning *";
    let created = sqlx::query_as(sql)
        .bind(org.0)
        .bind(user.email.trim())
        .bind(user.name)
        .bind(user.role.as_str())
        .bind(user.password_hash)
        .bind(at)
        .fetch_one(conn)
        .await;
    created.map_err(|error| StoreError::or_exists(error, "user", user.email))
}

/// The person who signs in as `email`, in any organization, disabled or not.
///
/// # Errors
/// Only those of the database.
pub async fn find_by_email(conn: &mut PgConnection, email: &str) -> Result<Option<User>, StoreError> {
    let sql = "select * from users where lower(email) = lower($1)";
    Ok(sqlx::query_as(sql).bind(email.trim()).fetch_optional(conn).await?)
}

/// One person.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: UserId) -> Result<User, StoreError> {
    let sql = "select * from users where organization_id = $1 and id = $2";
    let found = sqlx::query_as(sql).bind(org.0).bind(id.0).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("user", id))
}

/// Everybody in the organization, by address.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<User>, StoreError> {
    let sql = "select * from users where organization_id = $1 order by lower(email)";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
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
    let mut tx = conn.begin().await?;
    if role != Role::Admin {
        keep_an_admin(&mut tx, org, id).await?;
    }
    let sql = "update users set role = $3 where organization_id = $1 and id = $2 returning *";
    let changed =
        sqlx::query_as(sql).bind(org.0).bind(id.0).bind(role.as_str()).fetch_optional(&mut *tx).await?;
    let user = changed.ok_or_else(|| StoreError::not_found("user", id))?;
    tx.commit().await?;
    Ok(user)
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
    let mut tx = conn.begin().await?;
    let sql = "update users set password_hash = $3 where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id.0).bind(password_hash).execute(&mut *tx).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("user", id));
    }
    crate::session::revoke_all(&mut tx, id).await?;
    Ok(tx.commit().await?)
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
    let mut tx = conn.begin().await?;
    keep_an_admin(&mut tx, org, id).await?;
    let sql =
        "update users set disabled_at = coalesce(disabled_at, $3) where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id.0).bind(at).execute(&mut *tx).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("user", id));
    }
    crate::session::revoke_all(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// Lets a person in again.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn enable(conn: &mut PgConnection, org: OrganizationId, id: UserId) -> Result<(), StoreError> {
    let sql = "update users set disabled_at = null where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id.0).execute(conn).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("user", id));
    }
    Ok(())
}

/// Refuses to go on when `id` is the only enabled admin. Locks the admins, so that two can't step down at once.
async fn keep_an_admin(conn: &mut PgConnection, org: OrganizationId, id: UserId) -> Result<(), StoreError> {
    let sql = "select id from users where organization_id = $1 and role = 'admin' and disabled_at is null
        order by id for update";
    let admins: Vec<i64> = sqlx::query_scalar(sql).bind(org.0).fetch_all(conn).await?;
    match admins.as_slice() {
        [only] if *only == id.0 => Err(StoreError::Invalid(
            "this is the only admin who can sign in: make somebody else an admin first".to_owned(),
        )),
        _ => Ok(()),
    }
}

impl sqlx::FromRow<'_, PgRow> for User {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: UserId(row.try_get("id")?),
            organization_id: OrganizationId(row.try_get("organization_id")?),
            email: row.try_get("email")?,
            name: row.try_get("name")?,
            role: row::parsed(row, "role")?,
            password_hash: row.try_get("password_hash")?,
            created_at: row.try_get("created_at")?,
            disabled_at: row.try_get("disabled_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session;
    use crate::testing::{time, with_database};

    const AT: &str = "2026-02-03T04:05:06Z";

    fn new(email: &'static str, role: Role) -> NewUser<'static> {
        NewUser { email, name: "Somebody", role, password_hash: "$argon2id$x" }
    }

    #[tokio::test]
    async fn people_sign_in_by_address_and_one_admin_remains() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let ada = create(&mut conn, org, &new("Ada@shop.test", Role::Admin), time(AT)).await.unwrap();
            let taken =
                create(&mut conn, org, &new("ada@SHOP.test", Role::Viewer), time(AT)).await.unwrap_err();
            assert!(matches!(taken, StoreError::AlreadyExists { .. }), "{taken}");
            assert_eq!(find_by_email(&mut conn, " ada@shop.test").await.unwrap().as_ref(), Some(&ada));

            for refused in [
                set_role(&mut conn, org, ada.id, Role::Viewer).await.map(|_| ()),
                disable(&mut conn, org, ada.id, time(AT)).await,
            ] {
                assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
            }
            let bob = create(&mut conn, org, &new("bob@shop.test", Role::Viewer), time(AT)).await.unwrap();
            assert_eq!(set_role(&mut conn, org, bob.id, Role::Admin).await.unwrap().role, Role::Admin);
            disable(&mut conn, org, ada.id, time(AT)).await.unwrap();
            assert_eq!(get(&mut conn, org, ada.id).await.unwrap().disabled_at, Some(time(AT)));
            enable(&mut conn, org, ada.id).await.unwrap();
            assert_eq!(list(&mut conn, org).await.unwrap().len(), 2);

            let other =
                crate::organization::ensure(&mut conn, "Bakery", domain::Currency::USD).await.unwrap();
            let foreign = get(&mut conn, other.id, ada.id).await.unwrap_err();
            assert!(matches!(foreign, StoreError::NotFound { .. }));
        })
        .await;
    }

    #[tokio::test]
    async fn a_new_password_ends_every_session() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let ada = create(&mut conn, org, &new("ada@shop.test", Role::Admin), time(AT)).await.unwrap();
            let (now, end) = (time(AT), time("2026-02-04T00:00:00Z"));
            session::create(&mut conn, ada.id, b"cookie", now, end).await.unwrap();
            assert_eq!(session::find(&mut conn, b"cookie", now).await.unwrap().unwrap().user, ada);
            set_password_hash(&mut conn, org, ada.id, "$argon2id$y").await.unwrap();
            assert_eq!(session::find(&mut conn, b"cookie", now).await.unwrap(), None);
            assert_eq!(get(&mut conn, org, ada.id).await.unwrap().password_hash, "$argon2id$y");
        })
        .await;
    }

    #[test]
    fn roles_include_the_weaker_ones() {
        assert!(Role::Admin.allows(Role::Editor) && Role::Editor.allows(Role::Viewer));
        assert!(!Role::Viewer.allows(Role::Editor));
        assert_eq!("Editor".parse(), Ok(Role::Editor));
        assert!("root".parse::<Role>().is_err());
    }
}
