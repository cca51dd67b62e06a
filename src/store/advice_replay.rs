//! What would have come of the advice of older plans, as a run finds it.

use crate::row;
use domain::{AdviceReplay, OrganizationId, RunId};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};

use crate::StoreError;

/// Saves what a run finds of older plans.
///
/// # Errors
/// [`StoreError::AlreadyExists`] for an instant that the run has already.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    replays: &[AdviceReplay],
) -> Result<(), StoreError> {
    let mut tx = conn.begin().await?;
    let sql = "insert into advice_replays (run_id, organization_id, since, replay) values ($1, $2, $3, $4)";
    for replay in replays {
        let saved = sqlx::query(sql)
            .bind(run.0)
            .bind(org.0)
            .bind(replay.since)
            .bind(row::to_json("replay of advice", replay)?)
            .execute(&mut *tx)
            .await;
        saved.map_err(|error| {
            StoreError::or_exists(error, "replay of the advice of", &replay.since.to_string())
        })?;
    }
    Ok(tx.commit().await?)
}

/// What a run found, the most recent plan first.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
) -> Result<Vec<AdviceReplay>, StoreError> {
    let sql =
        "select replay from advice_replays where organization_id = $1 and run_id = $2 order by since desc";
    let found: Vec<Json<AdviceReplay>> =
        sqlx::query_scalar(sql).bind(org.0).bind(run.0).fetch_all(conn).await?;
    Ok(found.into_iter().map(|Json(replay)| replay).collect())
}

#[cfg(test)]
mod tests {
    use domain::Currency;

    use super::*;
    use crate::run;
    use crate::testing::{decimal, time, with_database};

    #[tokio::test]
    async fn replays_come_back_as_they_were() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let until = time("2026-02-03T00:00:00Z");
            let id = run::create(&mut conn, org, until, "0.1.0", until).await.unwrap();
            let replay = |since: &str| AdviceReplay {
                run_id: id,
                since: time(since),
                until,
                currency: Currency::USD,
                paid: decimal("100.000001"),
                with_advice: decimal("89.999998"),
                steps: vec![],
                advice: vec![],
                unjudged: vec![],
                assumptions: vec![],
            };
            let (old, recent) = (replay("2025-11-03T00:00:00Z"), replay("2026-01-13T00:00:00Z"));
            save(&mut conn, org, id, &[old.clone(), recent.clone()]).await.unwrap();
            assert_eq!(list(&mut conn, org, id).await.unwrap(), [recent, old.clone()]);
            let twice = save(&mut conn, org, id, &[old]).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
        })
        .await;
    }
}
