//! Connecting, migrating, and telling whether both worked.

use std::str::FromStr;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::StoreError;

/// Every migration of this version; they hold an advisory lock while they run.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Connections that one process holds at most.
const MAX_CONNECTIONS: u32 = 16;

/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a pool on `url` (`postgres://…`) and makes sure that the server answers.
///
/// # Errors
/// [`StoreError::Invalid`] for a malformed URL, [`StoreError::Unavailable`] when nobody answers.
pub async fn connect(url: &str) -> Result<PgPool, StoreError> {
    // sqlx takes any scheme for its own
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(StoreError::Invalid(
            "DATABASE_URL is not a PostgreSQL URL: expected postgres://user:password@host:5432/database"
                .to_owned(),
        ));
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::Invalid(format!("DATABASE_URL is not a PostgreSQL URL: {error}")))?
        .application_name("headroom")
        .options([("timezone", "UTC"), ("client_min_messages", "warning")]);
    let pool = PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
    Ok(pool.connect_with(options).await?)
}

/// Brings the schema up to this version. Two instances that start together wait for each other.
///
/// # Errors
/// [`StoreError::Schema`] when a migration fails or the database was migrated by a newer version.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    MIGRATIONS.run(pool).await.map_err(StoreError::Schema)
}

/// Checks that the database answers and that every migration of this version was applied.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Sql`] when it does not answer, [`StoreError::Invalid`] when
/// migrations are missing.
pub async fn ready(pool: &PgPool) -> Result<(), StoreError> {
    let applied: i64 =
        sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success")
            .fetch_one(pool)
            .await?;
    let wanted = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    if applied < wanted {
        return Err(StoreError::Invalid(format!(
            "the database schema is at version {applied}, this binary needs {wanted}: run headroom db migrate"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_database;

    #[tokio::test]
    async fn migrations_go_down_and_up_again() {
        with_database(async |pool, _| {
            ready(&pool).await.unwrap();
            MIGRATIONS.undo(&pool, 0).await.unwrap();
            let sql = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'public' and c.relname not like '\\_sqlx%'";
            let left: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            assert_eq!(left, 0, "a down migration leaves something behind");
            assert!(matches!(ready(&pool).await, Err(StoreError::Invalid(_))));
            let (first, second) = tokio::join!(migrate(&pool), migrate(&pool));
            first.unwrap();
            second.unwrap();
            ready(&pool).await.unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn a_url_that_is_none_is_named() {
        let error = connect("mysql://nowhere").await.unwrap_err();
        assert!(error.to_string().contains("DATABASE_URL"), "{error}");
    }
}
