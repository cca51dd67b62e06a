//! Commitments that are held.

use crate::row;
use chrono::{DateTime, Utc};
use domain::{Commitment, OrganizationId};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};

use crate::StoreError;

/// Replaces the commitments that `source` knows.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when one id comes twice, or from another source.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    commitments: &[Commitment],
) -> Result<(), StoreError> {
    let mut tx = conn.begin().await?;
    let sql = "delete from commitments where organization_id = $1 and source = $2";
    sqlx::query(sql).bind(org.0).bind(source).execute(&mut *tx).await?;
    let sql = "insert into commitments (organization_id, id, source, provider, account, region, plan, instance_type, family,
            os, quantity, term_years, payment, starts_at, ends_at, hourly, upfront)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    for held in commitments {
        let saved = sqlx::query(sql)
            .bind(org.0)
            .bind(&held.id)
            .bind(source)
            .bind(held.provider.as_str())
            .bind(&held.account)
            .bind(&held.region)
            .bind(held.plan.as_str())
            .bind(&held.instance_type)
            .bind(&held.family)
            .bind(&held.os)
            .bind(held.quantity)
            .bind(i16::from(held.term_years))
            .bind(held.payment.as_str())
            .bind(held.starts_at)
            .bind(held.ends_at)
            .bind(held.hourly)
            .bind(held.upfront)
            .execute(&mut *tx)
            .await;
        saved.map_err(|error| StoreError::or_exists(error, "commitment", &held.id))?;
    }
    Ok(tx.commit().await?)
}

/// Commitments by end, then id; those that ended before `ending_after` are left out.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    ending_after: Option<DateTime<Utc>>,
) -> Result<Vec<Commitment>, StoreError> {
    let sql =
        "select * from commitments where organization_id = $1 and ($2::timestamptz is null or ends_at > $2)
        order by ends_at, id";
    let held = sqlx::query(sql)
        .bind(org.0)
        .bind(ending_after)
        .try_map(|row: PgRow| {
            Ok(Commitment {
                id: row.try_get("id")?,
                provider: row::parsed(&row, "provider")?,
                account: row.try_get("account")?,
                region: row.try_get("region")?,
                plan: row::parsed(&row, "plan")?,
                instance_type: row.try_get("instance_type")?,
                family: row.try_get("family")?,
                os: row.try_get("os")?,
                quantity: row.try_get("quantity")?,
                term_years: row::years(&row, "term_years")?,
                payment: row::parsed(&row, "payment")?,
                starts_at: row.try_get("starts_at")?,
                ends_at: row.try_get("ends_at")?,
                hourly: row.try_get("hourly")?,
                upfront: row.try_get("upfront")?,
            })
        })
        .fetch_all(conn)
        .await?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use domain::{Payment, PricingPlan, Provider};

    use super::*;
    use crate::testing::{decimal, time, with_database};

    fn held(id: &str, ends_at: &str) -> Commitment {
        Commitment {
            id: id.to_owned(),
            provider: Provider::Aws,
            account: "111".to_owned(),
            region: None,
            plan: PricingPlan::ComputeSp,
            instance_type: None,
            family: None,
            os: None,
            quantity: decimal("1.234"),
            term_years: 3,
            payment: Payment::NoUpfront,
            starts_at: time("2023-01-01T00:00:00Z"),
            ends_at: time(ends_at),
            hourly: Some(decimal("0.0123456789")),
            upfront: None,
        }
    }

    #[tokio::test]
    async fn a_source_replaces_its_own_commitments() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let (old, new) = (held("b", "2026-01-01T00:00:00Z"), held("a", "2026-06-01T00:00:00Z"));
            replace(&mut conn, org, "aws", &[new.clone(), old.clone()]).await.unwrap();
            assert_eq!(list(&mut conn, org, None).await.unwrap(), [old.clone(), new.clone()]);
            let now = Some(time("2026-01-01T00:00:00Z"));
            assert_eq!(list(&mut conn, org, now).await.unwrap(), [new]);
            let taken = replace(&mut conn, org, "files", &[old]).await.unwrap_err();
            assert!(matches!(taken, StoreError::AlreadyExists { .. }), "{taken}");
            replace(&mut conn, org, "aws", &[]).await.unwrap();
            assert!(list(&mut conn, org, None).await.unwrap().is_empty());
        })
        .await;
    }
}
