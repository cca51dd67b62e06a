//! Inventory.

use crate::row;
use chrono::{DateTime, Utc};
use domain::{OrganizationId, Resource, ResourceKind};
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::StoreError;

/// Replaces the inventory of `source` by `resources` and says how many went away for good.
///
/// # Errors
/// [`StoreError::Invalid`] when one id comes twice.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    resources: &[Resource],
    at: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let ids: Vec<&str> = resources.iter().map(|resource| resource.resource_id.as_str()).collect();
    let distinct: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    if distinct.len() < ids.len() {
        let twice = ids.iter().find(|id| ids.iter().filter(|other| other == id).count() > 1);
        return Err(StoreError::Invalid(format!("resource {:?} is given twice", twice.unwrap_or(&""))));
    }
    let mut tx = conn.begin().await?;
    let sql = "delete from resources where organization_id = $1 and source = $2 and resource_id <> all($3)";
    let gone = sqlx::query(sql).bind(org.0).bind(source).bind(&ids).execute(&mut *tx).await?;
    let kinds: Vec<&str> = resources.iter().map(|resource| resource.kind.as_str()).collect();
    let bodies = resources
        .iter()
        .map(|resource| row::to_json("resource", resource))
        .collect::<Result<Vec<serde_json::Value>, _>>()?;
    let sql = "insert into resources (organization_id, resource_id, source, kind, seen_at, resource)
        select $1, resource_id, $2, kind, $3, resource
        from unnest($4::text[], $5::text[], $6::jsonb[]) as given (resource_id, kind, resource)
        on conflict (organization_id, resource_id) do update set source = excluded.source, kind = excluded.kind,
            seen_at = excluded.seen_at, resource = excluded.resource";
    sqlx::query(sql)
        .bind(org.0)
        .bind(source)
        .bind(at)
        .bind(&ids)
        .bind(kinds)
        .bind(bodies)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(gone.rows_affected())
}

/// Resources of all sources (of one kind when given), by id.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    kind: Option<ResourceKind>,
) -> Result<Vec<Resource>, StoreError> {
    let sql = "select resource from resources where organization_id = $1 and ($2::text is null or kind = $2)
        order by resource_id";
    let found: Vec<Json<Resource>> =
        sqlx::query_scalar(sql).bind(org.0).bind(kind.map(ResourceKind::as_str)).fetch_all(conn).await?;
    Ok(found.into_iter().map(|Json(resource)| resource).collect())
}

/// One resource.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(
    conn: &mut PgConnection,
    org: OrganizationId,
    resource_id: &str,
) -> Result<Resource, StoreError> {
    let sql = "select resource from resources where organization_id = $1 and resource_id = $2";
    let found: Option<Json<Resource>> =
        sqlx::query_scalar(sql).bind(org.0).bind(resource_id).fetch_optional(conn).await?;
    found.map(|Json(resource)| resource).ok_or_else(|| StoreError::not_found("resource", resource_id))
}

#[cfg(test)]
mod tests {
    use domain::{Provider, ResourceState};

    use super::*;
    use crate::testing::{time, with_database};

    fn resource(id: &str, kind: ResourceKind) -> Resource {
        Resource {
            resource_id: id.to_owned(),
            provider: Provider::Azure,
            account: "sub".to_owned(),
            region: "westeurope".to_owned(),
            kind,
            instance_type: None,
            os: None,
            state: ResourceState::Running,
            state_since: Some(time("2026-01-01T00:00:00Z")),
            size_gib: Some(0.1 + 0.2),
            storage_class: None,
            reads_per_gib_month: None,
            mean_object_kib: None,
            spot: false,
            group: None,
            container: None,
            tags: [("team".to_owned(), "web".to_owned())].into(),
        }
    }

    #[tokio::test]
    async fn a_source_replaces_its_own_inventory() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let (vm, disk) = (resource("vm", ResourceKind::Vm), resource("disk", ResourceKind::Disk));
            replace(&mut conn, org, "azure", &[vm.clone(), disk.clone()], at).await.unwrap();
            replace(&mut conn, org, "files", &[resource("bucket", ResourceKind::Bucket)], at).await.unwrap();
            assert_eq!(
                list(&mut conn, org, Some(ResourceKind::Vm)).await.unwrap(),
                std::slice::from_ref(&vm)
            );
            assert_eq!(replace(&mut conn, org, "azure", std::slice::from_ref(&disk), at).await.unwrap(), 1);
            assert_eq!(list(&mut conn, org, None).await.unwrap().len(), 2);
            assert_eq!(get(&mut conn, org, "disk").await.unwrap(), disk);
            assert!(matches!(get(&mut conn, org, "vm").await, Err(StoreError::NotFound { .. })));
            let twice = replace(&mut conn, org, "azure", &[vm.clone(), vm], at).await.unwrap_err();
            assert!(matches!(twice, StoreError::Invalid(_)), "{twice}");
        })
        .await;
    }
}
