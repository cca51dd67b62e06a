//! Runs of the pipeline: every number on a page names one.

use crate::row;
use chrono::{DateTime, Utc};
use domain::{OrganizationId, RunId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::StoreError;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Under way, or its process died.
    Running,
    /// Finished; its results are complete.
    Done,
    /// Stopped by an error.
    Failed,
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Stage {
    /// Name (`forecast`, `plan`, …).
    pub name: String,
    /// How long it took.
    pub duration_ms: u64,
    /// How many things it handled.
    pub items: u64,
    /// What these things are (`series`, `rows`, `recommendations`).
    pub unit: String,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Run {
    /// Key.
    pub id: RunId,
    /// Nothing after this instant was looked at.
    pub as_of: DateTime<Utc>,
    /// Version of the product.
    pub version: String,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended, if it did.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Stages done so far.
    pub stages: Vec<Stage>,
}

/// Begins a run.
///
/// # Errors
/// Only those of the database.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    as_of: DateTime<Utc>,
    version: &str,
    at: DateTime<Utc>,
) -> Result<RunId, StoreError> {
    let sql = "insert into runs (organization_id, as_of, version, status, started_at)
        values ($1, $2, $3, 'running', $4) returning id";
    let id = sqlx::query_scalar(sql).bind(org.0).bind(as_of).bind(version).bind(at).fetch_one(conn).await?;
    Ok(RunId(id))
}

/// Notes that a stage is done.
///
/// # Errors
/// [`StoreError::NotFound`] when the run is not under way.
pub async fn add_stage(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    stage: &Stage,
) -> Result<(), StoreError> {
    let sql = "update runs set stages = stages || jsonb_build_array($3::jsonb)
        where organization_id = $1 and id = $2 and status = 'running'";
    let stage = row::to_json("stage", stage)?;
    let done = sqlx::query(sql).bind(org.0).bind(run.0).bind(stage).execute(conn).await?;
    expect_running(done.rows_affected(), run)
}

/// Ends a run well: from now on it is what pages show.
///
/// # Errors
/// [`StoreError::NotFound`] when the run is not under way.
pub async fn finish(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql = "update runs set status = 'done', finished_at = $3
        where organization_id = $1 and id = $2 and status = 'running'";
    let done = sqlx::query(sql).bind(org.0).bind(run.0).bind(at).execute(conn).await?;
    expect_running(done.rows_affected(), run)
}

/// Ends a run with an error.
///
/// # Errors
/// [`StoreError::NotFound`] when the run is not under way.
pub async fn fail(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    error: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql = "update runs set status = 'failed', finished_at = $3, error = $4
        where organization_id = $1 and id = $2 and status = 'running'";
    let done = sqlx::query(sql).bind(org.0).bind(run.0).bind(at).bind(error).execute(conn).await?;
    expect_running(done.rows_affected(), run)
}

/// The latest finished run, if there is one.
///
/// # Errors
/// Only those of the database.
pub async fn latest(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<Run>, StoreError> {
    let sql = "select * from runs where organization_id = $1 and status = 'done' order by id desc limit 1";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_optional(conn).await?)
}

/// One run.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, run: RunId) -> Result<Run, StoreError> {
    let sql = "select * from runs where organization_id = $1 and id = $2";
    let found = sqlx::query_as(sql).bind(org.0).bind(run.0).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("run", run))
}

/// Runs, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId, limit: u32) -> Result<Vec<Run>, StoreError> {
    let sql = "select * from runs where organization_id = $1 order by id desc limit $2";
    Ok(sqlx::query_as(sql).bind(org.0).bind(i64::from(limit)).fetch_all(conn).await?)
}

fn expect_running(rows: u64, run: RunId) -> Result<(), StoreError> {
    if rows == 0 {
        return Err(StoreError::not_found("running run", run));
    }
    Ok(())
}

impl std::str::FromStr for RunStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "running" => Ok(Self::Running),
            "done" => Ok(Self::Done),
            "failed" => Ok(Self::Failed),
            _ => Err(format!("unknown run status {text:?}")),
        }
    }
}

impl sqlx::FromRow<'_, PgRow> for Run {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: RunId(row.try_get("id")?),
            as_of: row.try_get("as_of")?,
            version: row.try_get("version")?,
            status: row::parsed(row, "status")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
            error: row.try_get("error")?,
            stages: row::json(row, "stages")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn only_finished_runs_are_shown() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let (as_of, at) = (time("2026-02-03T00:00:00Z"), time("2026-02-03T04:05:06Z"));
            let first = create(&mut conn, org, as_of, "0.1.0", at).await.unwrap();
            let stage = |name: &str| Stage {
                name: name.to_owned(),
                duration_ms: 1234,
                items: 56,
                unit: "series".to_owned(),
            };
            add_stage(&mut conn, org, first, &stage("forecast")).await.unwrap();
            add_stage(&mut conn, org, first, &stage("plan")).await.unwrap();
            assert_eq!(latest(&mut conn, org).await.unwrap(), None);
            finish(&mut conn, org, first, at).await.unwrap();
            let run = latest(&mut conn, org).await.unwrap().unwrap();
            assert_eq!((run.id, run.status), (first, RunStatus::Done));
            assert_eq!(run.stages, [stage("forecast"), stage("plan")]);

            let second = create(&mut conn, org, as_of, "0.1.0", at).await.unwrap();
            fail(&mut conn, org, second, "no prices", at).await.unwrap();
            assert_eq!(latest(&mut conn, org).await.unwrap().unwrap().id, first);
            assert_eq!(get(&mut conn, org, second).await.unwrap().error.as_deref(), Some("no prices"));
            assert!(matches!(finish(&mut conn, org, second, at).await, Err(StoreError::NotFound { .. })));
            let ids: Vec<RunId> =
                list(&mut conn, org, 10).await.unwrap().into_iter().map(|run| run.id).collect();
            assert_eq!(ids, [second, first]);
        })
        .await;
    }
}
