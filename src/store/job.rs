//! A queue of long work: claimed under a lease, polled by the API.

use crate::row;
use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::StoreError;

/// How often a job is tried whose workers die.
const MAX_ATTEMPTS: i32 = 5;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waiting for a worker.
    Queued,
    /// Claimed by a worker whose lease may have run out.
    Running,
    /// Finished.
    Done,
    /// Given up.
    Failed,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Key.
    pub id: i64,
    /// Tenant.
    pub organization_id: OrganizationId,
    /// What to do (`run`, `ingest`, …).
    pub kind: String,
    /// With what.
    pub payload: serde_json::Value,
    /// How it stands.
    pub status: JobStatus,
    /// How often it was claimed.
    pub attempts: u32,
    /// Done so far, 0 to 1.
    pub progress: f64,
    /// What it is doing, in one line.
    pub message: Option<String>,
    /// What came of it.
    pub result: Option<serde_json::Value>,
    /// Why it failed last.
    pub error: Option<String>,
    /// When it was put in.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Puts a job in. With `dedupe_key`, a job of that key that is queued or running is returned instead of a second one.
///
/// # Errors
/// Only those of the database.
pub async fn enqueue(
    conn: &mut PgConnection,
    org: OrganizationId,
    kind: &str,
    payload: &serde_json::Value,
    dedupe_key: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Job, StoreError> {
    let sql =
        "insert into jobs (organization_id, kind, payload, dedupe_key, status, available_at, created_at)
        values ($1, $2, $3, $4, 'queued', $5, $5)
        on conflict (organization_id, dedupe_key) where status in ('queued', 'running') do nothing
        returning *";
    let waiting = "select * from jobs
        where organization_id = $1 and dedupe_key = $2 and status in ('queued', 'running')";
    // The job that was in the way may end between the two statements: then there is room again.
    loop {
        let new: Option<Job> = sqlx::query_as(sql)
            .bind(org.0)
            .bind(kind)
            .bind(payload)
            .bind(dedupe_key)
            .bind(at)
            .fetch_optional(&mut *conn)
            .await?;
        if let Some(job) = new {
            return Ok(job);
        }
        let known = sqlx::query_as(waiting).bind(org.0).bind(dedupe_key).fetch_optional(&mut *conn).await?;
        if let Some(job) = known {
            return Ok(job);
        }
    }
}

/// Claims the oldest job that waits, or whose worker let its lease run out, until `lease_until`.
///
/// # Errors
/// Only those of the database.
pub async fn claim(
    conn: &mut PgConnection,
    worker: &str,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> Result<Option<Job>, StoreError> {
    let give_up = "update jobs set status = 'failed', finished_at = $1,
            error = 'its worker died ' || attempts || ' times', worker = null, lease_until = null
        where status = 'running' and lease_until < $1 and attempts >= $2";
    sqlx::query(give_up).bind(now).bind(MAX_ATTEMPTS).execute(&mut *conn).await?;
    let sql = "update jobs set status = 'running', worker = $2, lease_until = $3, attempts = attempts + 1
        where id = (
            select id from jobs
            where (status = 'queued' and available_at <= $1) or (status = 'running' and lease_until < $1)
            order by available_at, id
            for update skip locked
            limit 1
        )
        returning *";
    Ok(sqlx::query_as(sql).bind(now).bind(worker).bind(lease_until).fetch_optional(conn).await?)
}

/// Extends the lease and reports progress. `false`: the lease was lost, stop working.
///
/// # Errors
/// Only those of the database.
pub async fn heartbeat(
    conn: &mut PgConnection,
    id: i64,
    worker: &str,
    lease_until: DateTime<Utc>,
    progress: f64,
    message: Option<&str>,
) -> Result<bool, StoreError> {
    let sql = "update jobs set lease_until = $3, progress = $4, message = $5
        where id = $1 and worker = $2 and status = 'running'";
    let done = sqlx::query(sql)
        .bind(id)
        .bind(worker)
        .bind(lease_until)
        .bind(progress)
        .bind(message)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a job well. Call it in the transaction that holds the effects: `false` means that the lease was lost, so roll back.
///
/// # Errors
/// Only those of the database.
pub async fn finish(
    conn: &mut PgConnection,
    id: i64,
    worker: &str,
    result: &serde_json::Value,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let sql = "update jobs set status = 'done', progress = 1, result = $3, error = null, finished_at = $4,
            worker = null, lease_until = null
        where id = $1 and worker = $2 and status = 'running'";
    let done = sqlx::query(sql).bind(id).bind(worker).bind(result).bind(at).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a job with an error: it waits again until `retry_at`, or is given up without one. `false`: the lease was lost.
///
/// # Errors
/// Only those of the database.
pub async fn fail(
    conn: &mut PgConnection,
    id: i64,
    worker: &str,
    error: &str,
    retry_at: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let sql = "update jobs set status = case when $4::timestamptz is null then 'failed' else 'queued' end,
            error = $3, available_at = coalesce($4, available_at),
            finished_at = case when $4::timestamptz is null then $5 end, worker = null, lease_until = null
        where id = $1 and worker = $2 and status = 'running'";
    let done =
        sqlx::query(sql).bind(id).bind(worker).bind(error).bind(retry_at).bind(at).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// One job.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<Job, StoreError> {
    let sql = "select * from jobs where organization_id = $1 and id = $2";
    let found = sqlx::query_as(sql).bind(org.0).bind(id).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("job", id))
}

/// Jobs of the organization, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId, limit: u32) -> Result<Vec<Job>, StoreError> {
    let sql = "select * from jobs where organization_id = $1 order by id desc limit $2";
    Ok(sqlx::query_as(sql).bind(org.0).bind(i64::from(limit)).fetch_all(conn).await?)
}

impl std::str::FromStr for JobStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "queued" => Ok(Self::Queued),
            "running" => Ok(Self::Running),
            "done" => Ok(Self::Done),
            "failed" => Ok(Self::Failed),
            _ => Err(format!("unknown job status {text:?}")),
        }
    }
}

impl sqlx::FromRow<'_, PgRow> for Job {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            organization_id: OrganizationId(row.try_get("organization_id")?),
            kind: row.try_get("kind")?,
            payload: row.try_get("payload")?,
            status: row::parsed(row, "status")?,
            attempts: row.try_get::<i32, _>("attempts")?.unsigned_abs(),
            progress: row.try_get("progress")?,
            message: row.try_get("message")?,
            result: row.try_get("result")?,
            error: row.try_get("error")?,
            created_at: row.try_get("created_at")?,
            finished_at: row.try_get("finished_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::Duration;

    use super::*;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn each_job_goes_to_one_worker() {
        with_database(async |pool, org| {
            let now = time("2026-02-03T12:00:00Z");
            let mut conn = pool.acquire().await.unwrap();
            for number in 0..40 {
                enqueue(&mut conn, org, "run", &serde_json::json!(number), None, now).await.unwrap();
            }
            let workers = (0..4).map(|worker| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut conn = pool.acquire().await.unwrap();
                    let name = format!("w{worker}");
                    let mut done = Vec::new();
                    while let Some(job) =
                        claim(&mut conn, &name, now, now + Duration::minutes(1)).await.unwrap()
                    {
                        assert!(finish(&mut conn, job.id, &name, &job.payload, now).await.unwrap());
                        done.push(job.id);
                    }
                    done
                })
            });
            let mut done = Vec::new();
            for worker in workers.collect::<Vec<_>>() {
                done.extend(worker.await.unwrap());
            }
            assert_eq!(done.len(), 40);
            assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), 40);
            assert!(list(&mut conn, org, 50).await.unwrap().iter().all(|job| job.status == JobStatus::Done));
        })
        .await;
    }

    #[tokio::test]
    async fn a_dead_worker_loses_its_lease_and_a_deadly_job_is_given_up() {
        with_database(async |pool, org| {
            let mut now = time("2026-02-03T12:00:00Z");
            let mut conn = pool.acquire().await.unwrap();
            let payload = serde_json::json!({});
            let job = enqueue(&mut conn, org, "run", &payload, Some("nightly"), now).await.unwrap();
            let same = enqueue(&mut conn, org, "run", &payload, Some("nightly"), now).await.unwrap();
            assert_eq!(same.id, job.id);

            claim(&mut conn, "a", now, now + Duration::minutes(1)).await.unwrap().unwrap();
            assert!(claim(&mut conn, "b", now, now + Duration::minutes(1)).await.unwrap().is_none());
            let more = now + Duration::minutes(2);
            assert!(heartbeat(&mut conn, job.id, "a", more, 0.5, Some("half")).await.unwrap());
            assert_eq!(get(&mut conn, org, job.id).await.unwrap().progress, 0.5);
            now = more + Duration::seconds(1);
            claim(&mut conn, "b", now, now + Duration::minutes(1)).await.unwrap().unwrap();
            assert!(!heartbeat(&mut conn, job.id, "a", now, 0.9, None).await.unwrap());
            assert!(!finish(&mut conn, job.id, "a", &payload, now).await.unwrap());

            let retry = now + Duration::minutes(5);
            assert!(fail(&mut conn, job.id, "b", "throttled", Some(retry), now).await.unwrap());
            assert!(claim(&mut conn, "b", now, retry).await.unwrap().is_none());
            now = retry;
            for _ in 0..3 {
                claim(&mut conn, "c", now, now + Duration::minutes(1)).await.unwrap().unwrap();
                now += Duration::minutes(2);
            }
            assert!(claim(&mut conn, "c", now, now).await.unwrap().is_none());
            let given_up = get(&mut conn, org, job.id).await.unwrap();
            assert_eq!((given_up.status, given_up.attempts), (JobStatus::Failed, 5));
            let next = enqueue(&mut conn, org, "run", &payload, Some("nightly"), now).await.unwrap();
            assert_ne!(next.id, job.id);
        })
        .await;
    }
}
