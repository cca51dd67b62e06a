//! Hourly instance usage.

use crate::copy::CopyText;
use crate::row;
use chrono::{DateTime, Utc};
use domain::{OrganizationId, Period, UsageHour};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};

use crate::StoreError;

/// Replaces everything that `source` said about `period` by `rows` and says how many went.
///
/// # Errors
/// [`StoreError::Invalid`] when a row lies outside the period.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    period: Period,
    rows: &[UsageHour],
) -> Result<u64, StoreError> {
    if let Some(outside) = rows.iter().find(|row| !period.contains(row.hour)) {
        return Err(StoreError::Invalid(format!(
            "usage of {} lies outside {} to {}",
            outside.hour, period.start, period.end
        )));
    }
    let mut tx = conn.begin().await?;
    let sql =
        "delete from usage_hours where organization_id = $1 and source = $2 and hour >= $3 and hour < $4";
    let gone = sqlx::query(sql)
        .bind(org.0)
        .bind(source)
        .bind(period.start)
        .bind(period.end)
        .execute(&mut *tx)
        .await?;
    crate::copy::create_partitions(&mut tx, "usage_hours", rows.iter().map(|row| row.hour)).await?;
    let mut text = CopyText::default();
    for row in rows {
        text.plain(org);
        text.text(source);
        text.plain(row.hour.to_rfc3339());
        text.plain(row.provider);
        text.text(&row.account);
        text.text(&row.region);
        text.text(&row.instance_type);
        text.text(&row.os);
        text.plain(row.quantity);
        text.end_row();
    }
    text.send(
        &mut tx,
        "copy usage_hours (organization_id, source, hour, provider, account, region, instance_type, os, quantity) from stdin",
    )
    .await?;
    tx.commit().await?;
    Ok(gone.rows_affected())
}

/// Usage of all sources in a period, summed per hour, account, region, type and system, in that order.
///
/// # Errors
/// Only those of the database.
pub async fn read(
    conn: &mut PgConnection,
    org: OrganizationId,
    period: Period,
) -> Result<Vec<UsageHour>, StoreError> {
    let sql = "select hour, provider, account, region, instance_type, os, sum(quantity) as quantity
        from usage_hours where organization_id = $1 and hour >= $2 and hour < $3
        group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6";
    let rows = sqlx::query(sql)
        .bind(org.0)
        .bind(period.start)
        .bind(period.end)
        .try_map(|row: PgRow| {
            Ok(UsageHour {
                hour: row.try_get("hour")?,
                provider: row::parsed(&row, "provider")?,
                account: row.try_get("account")?,
                region: row.try_get("region")?,
                instance_type: row.try_get("instance_type")?,
                os: row.try_get("os")?,
                quantity: row::sum(&row, "quantity")?,
            })
        })
        .fetch_all(conn)
        .await?;
    Ok(rows)
}

/// The period that usage covers: first hour to the end of the last; `None` when there is none.
///
/// # Errors
/// Only those of the database.
pub async fn span(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<Period>, StoreError> {
    let sql = "select min(hour), max(hour) + interval '1 hour' from usage_hours where organization_id = $1";
    let (start, end): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) =
        sqlx::query_as(sql).bind(org.0).fetch_one(conn).await?;
    Ok(start.zip(end).map(|(start, end)| Period { start, end }))
}

#[cfg(test)]
mod tests {
    use domain::Provider;

    use super::*;
    use crate::testing::{decimal, time, with_database};

    fn hour(hour: &str, quantity: &str) -> UsageHour {
        UsageHour {
            hour: time(hour),
            provider: Provider::Aws,
            account: "111".to_owned(),
            region: "eu-central-1".to_owned(),
            instance_type: "m6i.large".to_owned(),
            os: "Linux".to_owned(),
            quantity: decimal(quantity),
        }
    }

    #[tokio::test]
    async fn a_source_replaces_its_own_period_and_sources_add_up() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            assert_eq!(span(&mut conn, org).await.unwrap(), None);
            // over the end of a year, so over two partitions
            let period = Period { start: time("2025-12-31T22:00:00Z"), end: time("2026-01-01T02:00:00Z") };
            let rows = [hour("2025-12-31T23:00:00Z", "3.5"), hour("2026-01-01T00:00:00Z", "4")];
            assert_eq!(replace(&mut conn, org, "cur", period, &rows).await.unwrap(), 0);
            assert_eq!(read(&mut conn, org, period).await.unwrap(), rows);
            let restated = [hour("2026-01-01T00:00:00Z", "5")];
            assert_eq!(replace(&mut conn, org, "cur", period, &restated).await.unwrap(), 2);
            let more = [hour("2026-01-01T00:00:00Z", "0.25")];
            replace(&mut conn, org, "other", period, &more).await.unwrap();
            assert_eq!(read(&mut conn, org, period).await.unwrap(), [hour("2026-01-01T00:00:00Z", "5.25")]);
            let one = Period { start: time("2026-01-01T00:00:00Z"), end: time("2026-01-01T01:00:00Z") };
            assert_eq!(span(&mut conn, org).await.unwrap(), Some(one));
            let outside = replace(&mut conn, org, "cur", one, &rows).await.unwrap_err();
            assert!(matches!(outside, StoreError::Invalid(_)), "{outside}");
        })
        .await;
    }
}
