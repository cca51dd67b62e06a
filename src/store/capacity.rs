//! Capacity plans of a run.

use crate::row;
use domain::{CapacityPlan, OrganizationId, RunId};
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::StoreError;

/// Saves the capacity plans of a run.
///
/// # Errors
/// [`StoreError::AlreadyExists`] for a workload that the run has already.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    plans: &[CapacityPlan],
) -> Result<(), StoreError> {
    let mut tx = conn.begin().await?;
    for plan in plans {
        let json = row::to_json("capacity plan", plan)?;
        // A number that is not finite becomes null in JSON and would only fail when somebody reads the plan.
        if serde_json::from_value::<CapacityPlan>(json.clone()).is_err() {
            return Err(StoreError::Invalid(format!(
                "capacity plan {:?} has a number that is not finite",
                plan.unique_id
            )));
        }
        let sql =
            "insert into capacity_plans (run_id, organization_id, unique_id, plan) values ($1, $2, $3, $4)";
        let saved =
            sqlx::query(sql).bind(run.0).bind(org.0).bind(&plan.unique_id).bind(json).execute(&mut *tx).await;
        saved.map_err(|error| StoreError::or_exists(error, "capacity plan", &plan.unique_id))?;
    }
    Ok(tx.commit().await?)
}

/// The plans of a run, by workload.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
) -> Result<Vec<CapacityPlan>, StoreError> {
    let sql = "select plan from capacity_plans where organization_id = $1 and run_id = $2 order by unique_id";
    let plans: Vec<Json<CapacityPlan>> =
        sqlx::query_scalar(sql).bind(org.0).bind(run.0).fetch_all(conn).await?;
    Ok(plans.into_iter().map(|Json(plan)| plan).collect())
}

/// The plan of one workload by a run.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    unique_id: &str,
) -> Result<CapacityPlan, StoreError> {
    let sql = "select plan from capacity_plans where organization_id = $1 and run_id = $2 and unique_id = $3";
    let found: Option<Json<CapacityPlan>> =
        sqlx::query_scalar(sql).bind(org.0).bind(run.0).bind(unique_id).fetch_optional(conn).await?;
    found.map(|Json(plan)| plan).ok_or_else(|| StoreError::not_found("capacity plan", unique_id))
}

#[cfg(test)]
mod tests {
    use domain::{Requirement, Stamp};

    use super::*;
    use crate::run;
    use crate::testing::{time, with_database};

    #[tokio::test]
    async fn capacity_plans_are_kept_per_workload() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let id = run::create(&mut conn, org, at, "0.1.0", at).await.unwrap();
            let plan = CapacityPlan {
                unique_id: "requests/web".to_owned(),
                rows: vec![Requirement {
                    ds: Stamp::Time(at),
                    demand_p50: 100.1,
                    demand_p95: 200.2,
                    required: 4,
                    scheduled: 5,
                }],
                policies: Vec::new(),
                crosses_quota_at: None,
                act_by: Some(Stamp::Time(at)),
                assumptions: vec!["one zone".to_owned()],
            };
            save(&mut conn, org, id, std::slice::from_ref(&plan)).await.unwrap();
            assert_eq!(list(&mut conn, org, id).await.unwrap(), std::slice::from_ref(&plan));
            assert_eq!(get(&mut conn, org, id, "requests/web").await.unwrap(), plan);
            let missing = get(&mut conn, org, id, "other").await.unwrap_err();
            assert!(matches!(missing, StoreError::NotFound { .. }));
            let mut infinite = plan.clone();
            infinite.unique_id = "other".to_owned();
            infinite.rows[0].demand_p95 = f64::INFINITY;
            for bad in [plan, infinite] {
                assert!(save(&mut conn, org, id, &[bad]).await.is_err());
            }
        })
        .await;
    }
}
