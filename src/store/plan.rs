//! Plans of runs, and the life of their recommendations, which outlives the run.

use crate::row;
use chrono::{DateTime, Utc};
use domain::{OrganizationId, Plan, Recommendation, RecommendationStatus, RunId};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Connection, Row};

use crate::StoreError;

/// A plan with the run that made it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoredPlan {
    /// The run.
    pub run_id: RunId,
    /// The plan.
    pub plan: Plan,
}

/// A recommendation with its life.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoredRecommendation {
    /// The run.
    pub run_id: RunId,
    /// The recommendation.
    pub recommendation: Recommendation,
    /// Where it stands; a snooze that is over counts as open.
    pub status: RecommendationStatus,
    /// Who decided, if anybody did.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<DateTime<Utc>>,
    /// When a run first recommended it.
    pub first_seen_at: DateTime<Utc>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusChange {
    /// Key; larger is later.
    pub id: i64,
    /// What it became.
    pub status: RecommendationStatus,
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// In whose words.
    pub note: Option<String>,
    /// Whether it was undone later.
    pub undone: bool,
}

/// Saves the plan of a run.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the run has one; [`StoreError::Invalid`] when two recommendations share a key.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    plan: &Plan,
) -> Result<(), StoreError> {
    let body = row::to_json("plan", plan)?;
    // A number that is not finite becomes null in JSON and would only fail when somebody reads the plan.
    if let Err(error) = serde_json::from_value::<Plan>(body) {
        return Err(StoreError::Invalid(format!("the plan has a number that is not finite: {error}")));
    }
    let mut tx = conn.begin().await?;
    let sql = "insert into plans (run_id, organization_id, as_of, currency, monthly_cost_before, monthly_cost_after, plan)
        values ($1, $2, $3, $4, $5, $6, $7)";
    let bare = Plan { recommendations: Vec::new(), ..plan.clone() };
    let saved = sqlx::query(sql)
        .bind(run.0)
        .bind(org.0)
        .bind(plan.as_of)
        .bind(plan.currency.as_str())
        .bind(plan.before)
        .bind(plan.after)
        .bind(row::to_json("plan", &bare)?)
        .execute(&mut *tx)
        .await;
    saved.map_err(|error| StoreError::or_exists(error, "plan of run", &run.to_string()))?;
    let sql = "insert into recommendations (run_id, organization_id, key, position, step, resource_id, team,
            expected_monthly_savings, recommendation)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    for (position, recommendation) in plan.recommendations.iter().enumerate() {
        let saved = sqlx::query(sql)
            .bind(run.0)
            .bind(org.0)
            .bind(&recommendation.key)
            .bind(i32::try_from(position).unwrap_or(i32::MAX))
            .bind(recommendation.step.as_str())
            .bind(&recommendation.resource_id)
            .bind(&recommendation.team)
            .bind(recommendation.estimated_monthly_savings.expected)
            .bind(row::to_json("recommendation", recommendation)?)
            .execute(&mut *tx)
            .await;
        saved.map_err(|error| match StoreError::or_exists(error, "recommendation", &recommendation.key) {
            StoreError::AlreadyExists { key, .. } => {
                StoreError::Invalid(format!("two recommendations of the plan have the key {key:?}"))
            }
            other => other,
        })?;
    }
    Ok(tx.commit().await?)
}

/// The plan of the latest finished run that has one.
///
/// # Errors
/// Only those of the database.
pub async fn latest(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<StoredPlan>, StoreError> {
    let sql = "select max(p.run_id) from plans p join runs r on r.id = p.run_id
        where p.organization_id = $1 and r.status = 'done'";
    let run: Option<i64> = sqlx::query_scalar(sql).bind(org.0).fetch_one(&mut *conn).await?;
    match run {
        Some(run) => get(conn, org, RunId(run)).await.map(Some),
        None => Ok(None),
    }
}

/// The most recent plan of a finished run that saw nothing from `as_of` on.
///
/// # Errors
/// Only those of the database.
pub async fn as_of(
    conn: &mut PgConnection,
    org: OrganizationId,
    as_of: DateTime<Utc>,
) -> Result<Option<StoredPlan>, StoreError> {
    let sql = "select p.run_id from plans p join runs r on r.id = p.run_id
        where p.organization_id = $1 and r.status = 'done' and p.as_of <= $2
        order by p.as_of desc, p.run_id desc limit 1";
    let run: Option<i64> = sqlx::query_scalar(sql).bind(org.0).bind(as_of).fetch_optional(&mut *conn).await?;
    match run {
        Some(run) => get(conn, org, RunId(run)).await.map(Some),
        None => Ok(None),
    }
}

/// The plan of one run.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, run: RunId) -> Result<StoredPlan, StoreError> {
    let sql = "select plan from plans where organization_id = $1 and run_id = $2";
    let found: Option<Json<Plan>> =
        sqlx::query_scalar(sql).bind(org.0).bind(run.0).fetch_optional(&mut *conn).await?;
    let Json(mut plan) = found.ok_or_else(|| StoreError::not_found("plan of run", run))?;
    let sql = "select recommendation from recommendations where organization_id = $1 and run_id = $2 order by position";
    let recommendations: Vec<Json<Recommendation>> =
        sqlx::query_scalar(sql).bind(org.0).bind(run.0).fetch_all(conn).await?;
    plan.recommendations = recommendations.into_iter().map(|Json(recommendation)| recommendation).collect();
    Ok(StoredPlan { run_id: run, plan })
}

/// The recommendations of a run with where they stand at `now`, in the order of the plan.
///
/// # Errors
/// Only those of the database.
pub async fn recommendations(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    now: DateTime<Utc>,
) -> Result<Vec<StoredRecommendation>, StoreError> {
    let sql = "select c.run_id, c.recommendation, d.status, d.decided_by, d.decided_at,
            (select min(p.as_of) from recommendations o join plans p using (run_id)
                where o.organization_id = c.organization_id and o.key = c.key) as first_seen_at
        from recommendations c
        left join lateral (
            select status, decided_by, decided_at from recommendation_decisions
            where organization_id = c.organization_id and key = c.key and undone_at is null
            order by id desc limit 1
        ) d on true
        where c.organization_id = $1 and c.run_id = $2 order by c.position";
    let found =
        sqlx::query(sql).bind(org.0).bind(run.0).try_map(|row| stored(&row, now)).fetch_all(conn).await?;
    Ok(found)
}

/// The latest version of one recommendation with where it stands at `now`.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn recommendation(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    now: DateTime<Utc>,
) -> Result<StoredRecommendation, StoreError> {
    let sql = "select c.run_id, c.recommendation, d.status, d.decided_by, d.decided_at,
            (select min(p.as_of) from recommendations o join plans p using (run_id)
                where o.organization_id = c.organization_id and o.key = c.key) as first_seen_at
        from recommendations c
        left join lateral (
            select status, decided_by, decided_at from recommendation_decisions
            where organization_id = c.organization_id and key = c.key and undone_at is null
            order by id desc limit 1
        ) d on true
        where c.organization_id = $1 and c.key = $2 order by c.run_id desc limit 1";
    let found =
        sqlx::query(sql).bind(org.0).bind(key).try_map(|row| stored(&row, now)).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("recommendation", key))
}

/// Decides on a recommendation.
///
/// # Errors
/// [`StoreError::NotFound`] when no finished run ever recommended it.
pub async fn set_status(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    status: &RecommendationStatus,
    by: &str,
    note: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql =
        "insert into recommendation_decisions (organization_id, key, status, decided_by, decided_at, note)
        select $1, $2, $3, $4, $5, $6
        where exists (select 1 from recommendations where organization_id = $1 and key = $2)";
    let done = sqlx::query(sql)
        .bind(org.0)
        .bind(key)
        .bind(row::to_json("status", status)?)
        .bind(by)
        .bind(at)
        .bind(note)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("recommendation", key));
    }
    Ok(())
}

/// Takes the last decision back and returns what stands again.
///
/// # Errors
/// [`StoreError::NotFound`] when there is nothing to undo.
pub async fn undo(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<RecommendationStatus, StoreError> {
    let mut tx = conn.begin().await?;
    let sql = "update recommendation_decisions set undone_by = $3, undone_at = $4
        where id = (
            select id from recommendation_decisions
            where organization_id = $1 and key = $2 and undone_at is null
            order by id desc limit 1 for update
        )";
    let done = sqlx::query(sql).bind(org.0).bind(key).bind(by).bind(at).execute(&mut *tx).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("decision to undo on", key));
    }
    let sql = "select status from recommendation_decisions
        where organization_id = $1 and key = $2 and undone_at is null order by id desc limit 1";
    let status: Option<Json<RecommendationStatus>> =
        sqlx::query_scalar(sql).bind(org.0).bind(key).fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    Ok(at_time(status.map(|Json(status)| status), at))
}

/// Every decision on a recommendation, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn history(
    conn: &mut PgConnection,
    org: OrganizationId,
    key: &str,
) -> Result<Vec<StatusChange>, StoreError> {
    let sql = "select id, status, decided_by, decided_at, note, undone_at from recommendation_decisions
        where organization_id = $1 and key = $2 order by id desc";
    let changes = sqlx::query(sql)
        .bind(org.0)
        .bind(key)
        .try_map(|row: PgRow| {
            Ok(StatusChange {
                id: row.try_get("id")?,
                status: row::json(&row, "status")?,
                by: row.try_get("decided_by")?,
                at: row.try_get("decided_at")?,
                note: row.try_get("note")?,
                undone: row.try_get::<Option<DateTime<Utc>>, _>("undone_at")?.is_some(),
            })
        })
        .fetch_all(conn)
        .await?;
    Ok(changes)
}

fn stored(row: &PgRow, now: DateTime<Utc>) -> Result<StoredRecommendation, sqlx::Error> {
    let status: Option<Json<RecommendationStatus>> = row.try_get("status")?;
    Ok(StoredRecommendation {
        run_id: RunId(row.try_get("run_id")?),
        recommendation: row::json(row, "recommendation")?,
        status: at_time(status.map(|Json(status)| status), now),
        changed_by: row.try_get("decided_by")?,
        changed_at: row.try_get("decided_at")?,
        first_seen_at: row.try_get("first_seen_at")?,
    })
}

/// Where a recommendation stands: open without a decision, and open again when a snooze is over.
fn at_time(decided: Option<RecommendationStatus>, now: DateTime<Utc>) -> RecommendationStatus {
    match decided {
        Some(RecommendationStatus::Snoozed { until }) if until <= now => RecommendationStatus::Open,
        Some(status) => status,
        None => RecommendationStatus::Open,
    }
}

#[cfg(test)]
mod tests {
    use domain::{ActionType, Currency, Effort, Finding, PlanStep, Provider, Risk, SavingRange, Skip, Step};

    use super::*;
    use crate::run;
    use crate::testing::{decimal, time, with_database};

    fn advice(key: &str) -> Recommendation {
        let saving = decimal("10.000003");
        Recommendation {
            key: key.to_owned(),
            step: Step::Delete,
            action_type: ActionType::Delete,
            finding: Finding::Idle,
            resource_id: Some("i-1".to_owned()),
            provider: Provider::Aws,
            account: "111".to_owned(),
            region: None,
            team: None,
            summary: "delete it".to_owned(),
            current: "m6i.large".to_owned(),
            recommended: None,
            stand_alone_monthly_savings: saving,
            estimated_monthly_savings: SavingRange { low: saving, expected: saving, high: saving },
            risk: Risk::new(0.001),
            evidence: Vec::new(),
            flips_if: "it works again".to_owned(),
            implementation_effort: Effort::Low,
            restart_needed: false,
            rollback_possible: false,
            lookback_days: 30,
            purchase: None,
            patch: None,
            effect: None,
        }
    }

    fn plan(keys: &[&str]) -> Plan {
        Plan {
            as_of: time("2026-02-03T00:00:00Z"),
            currency: Currency::USD,
            before: decimal("100.000001"),
            after: decimal("89.999998"),
            steps: vec![PlanStep {
                step: Step::Delete,
                count: keys.len(),
                stand_alone: decimal("10.000003"),
                incremental: decimal("10.000003"),
            }],
            recommendations: keys.iter().map(|key| advice(key)).collect(),
            later: vec![],
            skips: vec![Skip {
                subject: "i-2".to_owned(),
                considered: "resize".to_owned(),
                reason: "memory was not measured".to_owned(),
            }],
            optimality_gap: Some(0.01),
            assumptions: vec!["730 hours".to_owned()],
        }
    }

    async fn save_run(conn: &mut PgConnection, org: OrganizationId, plan: &Plan) -> RunId {
        let id = run::create(conn, org, plan.as_of, "0.1.0", plan.as_of).await.unwrap();
        save(conn, org, id, plan).await.unwrap();
        run::finish(conn, org, id, plan.as_of).await.unwrap();
        id
    }

    async fn statuses(
        conn: &mut PgConnection,
        org: OrganizationId,
        run: RunId,
        now: DateTime<Utc>,
    ) -> Vec<RecommendationStatus> {
        let all = recommendations(conn, org, run, now).await.unwrap();
        all.into_iter().map(|stored| stored.status).collect()
    }

    #[tokio::test]
    async fn plans_are_written_once_and_come_back_as_they_were() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let given = plan(&["b", "a"]);
            let id = save_run(&mut conn, org, &given).await;
            let stored = StoredPlan { run_id: id, plan: given.clone() };
            assert_eq!(latest(&mut conn, org).await.unwrap(), Some(stored.clone()));
            let later = given.as_of + chrono::Duration::days(30);
            let run_id = save_run(&mut conn, org, &Plan { as_of: later, ..given.clone() }).await;
            let found = as_of(&mut conn, org, later).await.unwrap();
            assert_eq!(found.map(|found| found.run_id), Some(run_id));
            let day = chrono::Duration::days(1);
            assert_eq!(as_of(&mut conn, org, later - day).await.unwrap(), Some(stored));
            assert_eq!(as_of(&mut conn, org, given.as_of - day).await.unwrap(), None);
            let twice = save(&mut conn, org, id, &given).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
            let other = run::create(&mut conn, org, given.as_of, "0.1.0", given.as_of).await.unwrap();
            let same_key = save(&mut conn, org, other, &plan(&["a", "a"])).await.unwrap_err();
            assert!(matches!(same_key, StoreError::Invalid(_)), "{same_key}");
            let mut infinite = plan(&["a"]);
            infinite.recommendations[0].risk.score = f64::NAN;
            assert!(matches!(save(&mut conn, org, other, &infinite).await, Err(StoreError::Invalid(_))));
            assert!(matches!(get(&mut conn, org, other).await, Err(StoreError::NotFound { .. })));
        })
        .await;
    }

    #[tokio::test]
    async fn decisions_survive_new_runs_can_be_undone_and_snoozes_end() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let [monday, tuesday, friday] =
                ["02", "03", "06"].map(|day| time(&format!("2026-02-{day}T00:00:00Z")));
            save_run(&mut conn, org, &plan(&["a", "b"])).await;
            let snoozed = RecommendationStatus::Snoozed { until: friday };
            set_status(&mut conn, org, "a", &snoozed, "ada", Some("after the release"), monday)
                .await
                .unwrap();
            let no = RecommendationStatus::Dismissed { reason: "needed".to_owned() };
            set_status(&mut conn, org, "b", &no, "bob", None, monday).await.unwrap();

            let second = save_run(&mut conn, org, &plan(&["a", "b", "c"])).await;
            let open = RecommendationStatus::Open;
            let then = statuses(&mut conn, org, second, tuesday).await;
            assert_eq!(then, [snoozed.clone(), no.clone(), open.clone()]);
            let later = statuses(&mut conn, org, second, friday).await;
            assert_eq!(later, [open.clone(), no.clone(), open.clone()]);

            set_status(&mut conn, org, "b", &RecommendationStatus::Done, "bob", None, tuesday).await.unwrap();
            assert_eq!(undo(&mut conn, org, "b", "ada", friday).await.unwrap(), no);
            assert_eq!(undo(&mut conn, org, "b", "ada", friday).await.unwrap(), open);
            assert!(matches!(
                undo(&mut conn, org, "b", "ada", friday).await,
                Err(StoreError::NotFound { .. })
            ));
            let changes = history(&mut conn, org, "b").await.unwrap();
            assert_eq!(changes.len(), 2);
            assert!(changes.iter().all(|change| change.undone && change.by == "bob"));

            let a = recommendation(&mut conn, org, "a", tuesday).await.unwrap();
            assert_eq!((a.run_id, a.changed_by.as_deref()), (second, Some("ada")));
            let unknown = set_status(&mut conn, org, "zzz", &open, "ada", None, monday).await;
            assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
        })
        .await;
    }
}
