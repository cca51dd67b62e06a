//! Freshness of configured sources.

use crate::row;
use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::StoreError;

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SourceStatus {
    /// Its name in the configuration.
    pub name: String,
    /// What it brings (`billing`, `metrics`, `inventory`, `prices`, `usage`, `commitments`).
    pub kind: String,
    /// When it was last tried.
    pub last_run_at: Option<DateTime<Utc>>,
    /// When it last worked.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When it is due again.
    pub next_run_at: Option<DateTime<Utc>>,
    /// Why the last try failed; `None` when it worked.
    pub last_error: Option<String>,
    /// Rows accepted by the last run that worked.
    pub rows: u64,
    /// Rows rejected by it.
    pub rejected: u64,
    /// End of the data, exclusive, as far as known.
    pub data_until: Option<DateTime<Utc>>,
}

/// What one run of a source brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Rows accepted.
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// End of the data, exclusive, if known.
    pub data_until: Option<DateTime<Utc>>,
}

/// Notes what became of a run of a source, making the source known if it is new.
///
/// # Errors
/// Only those of the database.
pub async fn record(
    conn: &mut PgConnection,
    org: OrganizationId,
    name: &str,
    kind: &str,
    outcome: Result<&Outcome, &str>,
    at: DateTime<Utc>,
    next_run_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    // A run that failed says nothing about the rows of the last one that worked.
    let sql = "insert into source_statuses as known (organization_id, name, kind, last_run_at, last_success_at, next_run_at,
            last_error, row_count, rejected_count, data_until)
        values ($1, $2, $3, $4, case when $6::text is null then $4 end, $5, $6, coalesce($7, 0), coalesce($8, 0), $9)
        on conflict (organization_id, name) do update set
            kind = excluded.kind,
            last_run_at = excluded.last_run_at,
            last_success_at = coalesce(excluded.last_success_at, known.last_success_at),
            next_run_at = excluded.next_run_at,
            last_error = excluded.last_error,
            row_count = coalesce($7, known.row_count),
            rejected_count = coalesce($8, known.rejected_count),
            data_until = greatest(excluded.data_until, known.data_until)";
    let brought = outcome.ok();
    sqlx::query(sql)
        .bind(org.0)
        .bind(name)
        .bind(kind)
        .bind(at)
        .bind(next_run_at)
        .bind(outcome.err())
        .bind(brought.map(|brought| row::bigint(brought.rows)))
        .bind(brought.map(|brought| row::bigint(brought.rejected)))
        .bind(brought.and_then(|brought| brought.data_until))
        .execute(conn)
        .await?;
    Ok(())
}

/// All sources by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<SourceStatus>, StoreError> {
    let sql = "select * from source_statuses where organization_id = $1 order by name";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
}

impl sqlx::FromRow<'_, PgRow> for SourceStatus {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            name: row.try_get("name")?,
            kind: row.try_get("kind")?,
            last_run_at: row.try_get("last_run_at")?,
            last_success_at: row.try_get("last_success_at")?,
            next_run_at: row.try_get("next_run_at")?,
            last_error: row.try_get("last_error")?,
            rows: row::count(row, "row_count")?,
            rejected: row::count(row, "rejected_count")?,
            data_until: row.try_get("data_until")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn a_failed_run_keeps_what_the_last_good_one_brought() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let [monday, tuesday, friday] =
                ["02", "03", "06"].map(|day| time(&format!("2026-02-{day}T00:00:00Z")));
            let good = Outcome { rows: 100, rejected: 2, data_until: Some(monday) };
            record(&mut conn, org, "bill", "billing", Ok(&good), monday, Some(tuesday)).await.unwrap();
            record(&mut conn, org, "bill", "billing", Err("access denied"), tuesday, Some(friday))
                .await
                .unwrap();
            let expected = SourceStatus {
                name: "bill".to_owned(),
                kind: "billing".to_owned(),
                last_run_at: Some(tuesday),
                last_success_at: Some(monday),
                next_run_at: Some(friday),
                last_error: Some("access denied".to_owned()),
                rows: 100,
                rejected: 2,
                data_until: Some(monday),
            };
            assert_eq!(list(&mut conn, org).await.unwrap(), [expected]);
            record(&mut conn, org, "bill", "billing", Ok(&good), friday, None).await.unwrap();
            assert_eq!(list(&mut conn, org).await.unwrap()[0].last_error, None);
        })
        .await;
    }
}
