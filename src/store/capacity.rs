//! Capacity plans of a run.

use crate::row;
use chrono::{DateTime, Utc};
use domain::{CapacityPlan, OrganizationId, Period, RunId};
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

/// A group of machines in one hour.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct GroupHour {
    /// Start of the hour.
    pub hour: DateTime<Utc>,
    /// Machines that ran.
    pub machines: f64,
    /// Mean CPU utilization of those that are in the inventory, in percent.
    pub cpu: f64,
}

/// What a group of the inventory was measured to do, hour by hour.
///
/// Machines that are gone are in no inventory, so a group is counted by the instance-hours of its kinds (account, region
/// and type), less the machines of those kinds that belong elsewhere; where there are no instance-hours, by its machines
/// that were measured. Its load is taken as spread evenly: those that are there speak for those that were.
///
/// # Errors
/// Only those of the database.
pub async fn group_hours(
    conn: &mut PgConnection,
    org: OrganizationId,
    group: &str,
    period: Period,
) -> Result<Vec<GroupHour>, StoreError> {
    let sql = "with machines as (
            select resource_id, resource->>'account' as account, resource->>'region' as region,
                resource->>'instance_type' as instance_type, coalesce(resource->>'group' = $2, false) as inside
            from resources where organization_id = $1 and kind = 'vm'
        ), kinds as (
            select distinct account, region, instance_type from machines where inside
        ), measured as (
            select m.hour, avg(m.average) filter (where c.inside) as cpu, count(*) filter (where c.inside) as inside,
                count(*) filter (where not c.inside) as elsewhere
            from machines c join kinds using (account, region, instance_type)
            join metric_series s on s.organization_id = $1 and s.resource_id = c.resource_id
                and s.metric = 'cpu_utilization'
            join hourly_metrics m on m.series_id = s.id and m.hour >= $3 and m.hour < $4
            group by m.hour
        ), ran as (
            select u.hour, sum(u.quantity)::double precision as instances
            from usage_hours u join kinds using (account, region, instance_type)
            where u.organization_id = $1 and u.hour >= $3 and u.hour < $4 group by u.hour
        )
        select hour, cpu, greatest(coalesce(instances - elsewhere, 0), inside)::double precision as machines
        from measured left join ran using (hour) where inside > 0 order by hour";
    let rows = sqlx::query_as(sql).bind(org.0).bind(group).bind(period.start).bind(period.end);
    Ok(rows.fetch_all(conn).await?)
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use domain::{HourlyMetric, MetricName, Provider, Requirement, Resource, Stamp, UsageHour};

    use super::*;
    use crate::run;
    use crate::testing::{time, with_database};

    fn machine(resource_id: &str, group: Option<&str>) -> Resource {
        let json = serde_json::json!({
            "resource_id": resource_id, "provider": "aws", "account": "1", "region": "eu-west-1",
            "instance_type": "m6i.large", "os": "Linux", "state_since": null, "size_gib": null, "storage_class": null,
            "reads_per_gib_month": null, "mean_object_kib": null, "group": group,
        });
        serde_json::from_value(json).unwrap()
    }

    #[tokio::test]
    async fn a_group_is_counted_with_the_machines_that_are_gone() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:00:00Z");
            let machines = [machine("a", Some("web")), machine("b", Some("web")), machine("c", None)];
            crate::resource::replace(&mut conn, org, "test", &machines, at).await.unwrap();
            let cpu = |resource_id: &str, hour: i64, average: f64| HourlyMetric {
                resource_id: resource_id.to_owned(),
                metric: MetricName::CpuUtilization,
                hour: at + Duration::hours(hour),
                average,
                p95: average,
                maximum: average,
                samples: 1,
            };
            let hours =
                [cpu("a", 0, 40.0), cpu("b", 0, 50.0), cpu("c", 0, 5.0), cpu("a", 1, 60.0), cpu("c", 2, 5.0)];
            crate::metric::upsert(&mut conn, org, "test", &hours).await.unwrap();
            let ran = |hour: i64, quantity: i64| UsageHour {
                hour: at + Duration::hours(hour),
                provider: Provider::Aws,
                account: "1".to_owned(),
                region: "eu-west-1".to_owned(),
                instance_type: "m6i.large".to_owned(),
                os: "Linux".to_owned(),
                quantity: quantity.into(),
            };
            let period = Period { start: at, end: at + Duration::hours(3) };
            crate::usage::replace(&mut conn, org, "test", period, &[ran(0, 6), ran(2, 1)]).await.unwrap();
            let found = group_hours(&mut conn, org, "web", period).await.unwrap();
            let hour = |hour: i64, machines: f64, cpu: f64| GroupHour {
                hour: at + Duration::hours(hour),
                machines,
                cpu,
            };
            // Six ran, one of them elsewhere; then only what was measured is known; then none of the group was.
            assert_eq!(found, [hour(0, 5.0, 45.0), hour(1, 1.0, 60.0)]);
            assert!(group_hours(&mut conn, org, "none", period).await.unwrap().is_empty());
        })
        .await;
    }

    #[tokio::test]
    async fn capacity_plans_are_kept_per_workload() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let id = run::create(&mut conn, org, at, "0.1.0", at).await.unwrap();
            let plan = CapacityPlan {
                kind: domain::CapacityKind::Instances,
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
