//! Who did what, when: written once, never changed.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;

/// One thing that somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, sqlx::FromRow)]
pub struct Entry {
    /// Key; larger is later.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: an address, `token:<name>` or `system`.
    pub actor: String,
    /// What, verb last (`user.create`, `recommendation.accept`).
    pub action: String,
    /// To what.
    pub subject: String,
    /// Whatever else a reader needs.
    pub detail: serde_json::Value,
}

/// An entry to be written.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    /// Who.
    pub actor: &'a str,
    /// What.
    pub action: &'a str,
    /// To what.
    pub subject: &'a str,
    /// Whatever else a reader needs.
    pub detail: serde_json::Value,
}

/// Writes one entry.
///
/// # Errors
/// Only those of the database.
pub async fn record(
    conn: &mut PgConnection,
    org: OrganizationId,
    entry: &NewEntry<'_>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql = "insert into audit_entries (organization_id, at, actor, action, subject, detail)
        values ($1, $2, $3, $4, $5, $6)";
    sqlx::query(sql)
        .bind(org.0)
        .bind(at)
        .bind(entry.actor)
        .bind(entry.action)
        .bind(entry.subject)
        .bind(&entry.detail)
        .execute(conn)
        .await?;
    Ok(())
}

/// Entries, latest first; `before` is the id of the last one already seen.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let sql = "select id, at, actor, action, subject, detail from audit_entries
        where organization_id = $1 and ($2::bigint is null or id < $2) order by id desc limit $3";
    Ok(sqlx::query_as(sql).bind(org.0).bind(before).bind(i64::from(limit)).fetch_all(conn).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn entries_come_latest_first_page_by_page() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            for subject in ["one", "two", "three"] {
                let entry = NewEntry {
                    actor: "ada",
                    action: "run.start",
                    subject,
                    detail: serde_json::json!({ "horizon": 365 }),
                };
                record(&mut conn, org, &entry, time("2026-02-03T04:05:06Z")).await.unwrap();
            }
            let page = list(&mut conn, org, None, 2).await.unwrap();
            assert_eq!(page.iter().map(|entry| entry.subject.as_str()).collect::<Vec<_>>(), ["three", "two"]);
            let rest = list(&mut conn, org, Some(page[1].id), 2).await.unwrap();
            assert_eq!(rest.len(), 1);
            assert_eq!(rest[0].detail["horizon"], 365);
        })
        .await;
    }
}
