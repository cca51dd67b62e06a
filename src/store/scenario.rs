//! What-if scenarios: named sets of assumptions.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct Scenario {
    /// Key.
    pub id: i64,
    /// Its name, unique in the organization.
    pub name: String,
    /// Assumptions; their meaning belongs to the page that made them.
    pub assumptions: serde_json::Value,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Adds a scenario.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the name is taken.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    name: &str,
    assumptions: &serde_json::Value,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Scenario, StoreError> {
    let sql = "insert into scenarios (organization_id, name, assumptions, created_by, created_at)
        values ($1, $2, $3, $4, $5) returning *";
    let created =
        sqlx::query_as(sql).bind(org.0).bind(name).bind(assumptions).bind(by).bind(at).fetch_one(conn).await;
    created.map_err(|error| StoreError::or_exists(error, "scenario", name))
}

/// One scenario.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<Scenario, StoreError> {
    let sql = "select * from scenarios where organization_id = $1 and id = $2";
    let found = sqlx::query_as(sql).bind(org.0).bind(id).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("scenario", id))
}

/// All scenarios by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Scenario>, StoreError> {
    let sql = "select * from scenarios where organization_id = $1 order by name";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
}

/// Removes a scenario.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    let sql = "delete from scenarios where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id).execute(conn).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("scenario", id));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn scenarios_are_kept_by_name() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let growth = serde_json::json!({ "growth": 1.5 });
            let scenario = create(&mut conn, org, "boom", &growth, "ada", at).await.unwrap();
            let twice = create(&mut conn, org, "boom", &growth, "ada", at).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
            assert_eq!(
                list(&mut conn, org).await.unwrap(),
                [get(&mut conn, org, scenario.id).await.unwrap()]
            );
            delete(&mut conn, org, scenario.id).await.unwrap();
            assert!(matches!(delete(&mut conn, org, scenario.id).await, Err(StoreError::NotFound { .. })));
        })
        .await;
    }
}
