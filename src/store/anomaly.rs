//! Days, or days in a row, on which a cost was not what was to be expected.

use chrono::NaiveDate;
use domain::{OrganizationId, RunId};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::Connection;
use sqlx::PgConnection;

use crate::StoreError;

/// One unexpected day, or several in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Anomaly {
    /// The series (`cost/service/…`).
    pub unique_id: String,
    /// The first UTC day.
    pub day: NaiveDate,
    /// The last one, inclusive.
    pub last_day: NaiveDate,
    /// What came over these days.
    pub actual: Decimal,
    /// What was expected.
    pub expected: Decimal,
    /// Lower end of what was to be expected.
    pub lower: Decimal,
    /// Upper end.
    pub upper: Decimal,
    /// Why it stands out, in one sentence.
    pub reason: String,
    /// Series of other dimensions that show the same excess: the same charges, seen once more.
    pub also_in: Vec<String>,
}

impl Anomaly {
    /// Number of days.
    pub fn days(&self) -> i64 {
        (self.last_day - self.day).num_days() + 1
    }
}

/// Saves the anomalies that a run found.
///
/// # Errors
/// [`StoreError::AlreadyExists`] for a day of a series that the run has already.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    anomalies: &[Anomaly],
) -> Result<(), StoreError> {
    let mut tx = conn.begin().await?;
    for anomaly in anomalies {
        let sql = "insert into anomalies (run_id, organization_id, unique_id, day, last_day, actual, expected, lower, upper, reason, also_in)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let saved = sqlx::query(sql)
            .bind(run.0)
            .bind(org.0)
            .bind(&anomaly.unique_id)
            .bind(anomaly.day)
            .bind(anomaly.last_day)
            .bind(anomaly.actual)
            .bind(anomaly.expected)
            .bind(anomaly.lower)
            .bind(anomaly.upper)
            .bind(&anomaly.reason)
            .bind(&anomaly.also_in)
            .execute(&mut *tx)
            .await;
        let key = format!("{} on {}", anomaly.unique_id, anomaly.day);
        saved.map_err(|error| StoreError::or_exists(error, "anomaly", &key))?;
    }
    Ok(tx.commit().await?)
}

/// The anomalies that a run found, latest day first.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
) -> Result<Vec<Anomaly>, StoreError> {
    let sql =
        "select unique_id, day, last_day, actual, expected, lower, upper, reason, also_in from anomalies
        where organization_id = $1 and run_id = $2 order by day desc, unique_id";
    Ok(sqlx::query_as(sql).bind(org.0).bind(run.0).fetch_all(conn).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run;
    use crate::testing::{decimal, time, with_database};

    #[tokio::test]
    async fn anomalies_come_latest_day_first() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let id = run::create(&mut conn, org, at, "0.1.0", at).await.unwrap();
            let anomaly = |day: &str| Anomaly {
                unique_id: "cost/total".to_owned(),
                day: day.parse().unwrap(),
                last_day: day.parse().unwrap(),
                actual: decimal("400.5"),
                expected: decimal("100"),
                lower: decimal("80"),
                upper: decimal("130"),
                reason: "three times as much as on other Mondays".to_owned(),
                also_in: vec!["cost/team/shop".to_owned()],
            };
            save(&mut conn, org, id, &[anomaly("2026-01-05"), anomaly("2026-01-12")]).await.unwrap();
            assert_eq!(
                list(&mut conn, org, id).await.unwrap(),
                [anomaly("2026-01-12"), anomaly("2026-01-05")]
            );
            let twice = save(&mut conn, org, id, &[anomaly("2026-01-12")]).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
        })
        .await;
    }
}
