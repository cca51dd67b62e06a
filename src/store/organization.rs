//! Tenants.

use crate::row;
use domain::{Currency, OrganizationId};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::StoreError;

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Organization {
    /// Key.
    pub id: OrganizationId,
    /// Its name, unique.
    pub name: String,
    /// Currency that its pages show.
    pub currency: Currency,
}

/// The organization called `name`, made with `currency` if it is not there yet.
///
/// # Errors
/// Only those of the database.
pub async fn ensure(
    conn: &mut PgConnection,
    name: &str,
    currency: Currency,
) -> Result<Organization, StoreError> {
    // An update that changes nothing makes `returning` see the row that is there.
    let sql = "insert into organizations (name, currency) values ($1, $2)
        on conflict (name) do update set name = excluded.name returning id, name, currency";
    Ok(sqlx::query_as(sql).bind(name).bind(currency.as_str()).fetch_one(conn).await?)
}

/// One organization.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, id: OrganizationId) -> Result<Organization, StoreError> {
    let sql = "select id, name, currency from organizations where id = $1";
    let found = sqlx::query_as(sql).bind(id.0).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("organization", id))
}

/// All organizations, by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection) -> Result<Vec<Organization>, StoreError> {
    Ok(sqlx::query_as("select id, name, currency from organizations order by name").fetch_all(conn).await?)
}

impl sqlx::FromRow<'_, PgRow> for Organization {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: OrganizationId(row.try_get("id")?),
            name: row.try_get("name")?,
            currency: row::parsed(row, "currency")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_database;

    #[tokio::test]
    async fn an_organization_is_made_once() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let eur: Currency = "EUR".parse().unwrap();
            let again = ensure(&mut conn, "Shop", eur).await.unwrap();
            assert_eq!((again.id, again.currency), (org, Currency::USD));
            let other = ensure(&mut conn, "Bakery", eur).await.unwrap();
            assert_eq!(get(&mut conn, other.id).await.unwrap(), other);
            assert_eq!(list(&mut conn).await.unwrap(), [other, again]);
            let missing = get(&mut conn, OrganizationId(99)).await.unwrap_err();
            assert!(matches!(missing, StoreError::NotFound { .. }));
        })
        .await;
    }
}
