//! Answers to requests that carried an `Idempotency-Key`.

use chrono::{DateTime, Utc};
use domain::OrganizationId;
use sqlx::PgConnection;
use sqlx::Row;

use crate::StoreError;

/// What is known about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: the caller now owns it and must [`finish`] or [`forget`] it.
    New,
    /// The same request is under way: answer 409.
    InProgress,
    /// The key was used for another request: answer 422.
    OtherRequest,
    /// The answer that was given.
    Answered(Answer),
}

/// An answer to be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// Looks a key up and takes it when it is new or was left unfinished before `stale_before`.
///
/// # Errors
/// Only those of the database.
pub async fn begin(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    request_hash: &[u8],
    now: DateTime<Utc>,
    stale_before: DateTime<Utc>,
) -> Result<Known, StoreError> {
    // Takes a new key, or an unfinished one whose request must be dead by now.
    let sql = "insert into idempotency_keys as known (organization_id, key, request_hash, taken_at)
        values ($1, $2, $3, $4)
        on conflict (organization_id, key) do update set taken_at = excluded.taken_at
            where known.status is null and known.taken_at < $5 and known.request_hash = excluded.request_hash";
    let taken = sqlx::query(sql)
        .bind(org.0)
        .bind(key)
        .bind(request_hash)
        .bind(now)
        .bind(stale_before)
        .execute(&mut *conn)
        .await?;
    if taken.rows_affected() == 1 {
        return Ok(Known::New);
    }
    let sql =
        "select request_hash, status, body from idempotency_keys where organization_id = $1 and key = $2";
    let Some(row) = sqlx::query(sql).bind(org.0).bind(key).fetch_optional(conn).await? else {
        // given back in between: the other request failed, this one may be tried again
        return Ok(Known::InProgress);
    };
    if row.try_get::<Vec<u8>, _>("request_hash")? != request_hash {
        return Ok(Known::OtherRequest);
    }
    Ok(match (row.try_get::<Option<i16>, _>("status")?, row.try_get::<Option<Vec<u8>>, _>("body")?) {
        (Some(status), Some(body)) => Known::Answered(Answer { status: status.unsigned_abs(), body }),
        _ => Known::InProgress,
    })
}

/// Stores the answer.
///
/// # Errors
/// [`StoreError::NotFound`] when the key was never taken.
pub async fn finish(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    answer: &Answer,
) -> Result<(), StoreError> {
    let sql = "update idempotency_keys set status = $3, body = $4 where organization_id = $1 and key = $2";
    let status = i16::try_from(answer.status)
        .map_err(|_| StoreError::Invalid(format!("{} is not an HTTP status", answer.status)))?;
    let done = sqlx::query(sql).bind(org.0).bind(key).bind(status).bind(&answer.body).execute(conn).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("idempotency key", key));
    }
    Ok(())
}

/// Gives a key back after a failure that may be tried again.
///
/// # Errors
/// Only those of the database.
pub async fn forget(conn: &mut PgConnection, org: OrganizationId, key: &str) -> Result<(), StoreError> {
    let sql = "delete from idempotency_keys where organization_id = $1 and key = $2 and status is null";
    sqlx::query(sql).bind(org.0).bind(key).execute(conn).await?;
    Ok(())
}

/// Forgets keys taken before `before` and says how many.
///
/// # Errors
/// Only those of the database.
pub async fn delete_before(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done =
        sqlx::query("delete from idempotency_keys where taken_at < $1").bind(before).execute(conn).await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn the_same_request_gets_the_same_answer() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let [noon, one] = ["12:00", "13:00"].map(|hour| time(&format!("2026-02-03T{hour}:00Z")));
            assert_eq!(begin(&mut conn, org, "k", b"request", noon, noon).await.unwrap(), Known::New);
            assert_eq!(begin(&mut conn, org, "k", b"request", noon, noon).await.unwrap(), Known::InProgress);
            assert_eq!(begin(&mut conn, org, "k", b"other", noon, noon).await.unwrap(), Known::OtherRequest);
            // the process that took it is dead by now
            assert_eq!(begin(&mut conn, org, "k", b"request", one, one).await.unwrap(), Known::New);
            let answer = Answer { status: 201, body: b"{}".to_vec() };
            finish(&mut conn, org, "k", &answer).await.unwrap();
            let known = begin(&mut conn, org, "k", b"request", one, one).await.unwrap();
            assert_eq!(known, Known::Answered(answer));
            forget(&mut conn, org, "k").await.unwrap();
            assert_eq!(delete_before(&mut conn, one).await.unwrap(), 0);
            begin(&mut conn, org, "old", b"request", noon, noon).await.unwrap();
            assert_eq!(delete_before(&mut conn, one).await.unwrap(), 1);
        })
        .await;
    }
}
