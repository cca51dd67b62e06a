//! Reports by mail: when, to whom, and what became of each.

use crate::row;
use chrono::{DateTime, Utc};
use domain::OrganizationId;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};

use crate::StoreError;

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// Key.
    pub id: i64,
    /// Its settings.
    pub settings: Settings,
    /// The firing time that was claimed last, if any.
    pub last_fired_at: Option<DateTime<Utc>>,
    /// When it was made: firing times before that are not owed.
    pub created_at: DateTime<Utc>,
}

/// What a schedule sends, when, to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Its name, unique in the organization.
    pub name: String,
    /// Which report (`weekly`).
    pub report: String,
    /// Cron text with five fields; checked by the caller.
    pub cron: String,
    /// IANA time zone that the cron text is meant in; checked by the caller.
    pub time_zone: String,
    /// Addresses.
    pub recipients: Vec<String>,
    /// Whether it fires.
    pub enabled: bool,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Claimed; on its way, or its process died.
    Claimed,
    /// Sent.
    Sent,
    /// Not sent.
    Failed,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Key.
    pub id: i64,
    /// The schedule.
    pub schedule_id: i64,
    /// The firing time it stands for.
    pub fire_at: DateTime<Utc>,
    /// How it stands.
    pub status: DeliveryStatus,
    /// When it was claimed.
    pub claimed_at: DateTime<Utc>,
    /// When it ended, if it did.
    pub finished_at: Option<DateTime<Utc>>,
    /// `Message-ID` of the mail, if sent.
    pub message_id: Option<String>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Adds a schedule.
///
/// # Errors
/// [`StoreError::AlreadyExists`] when the name is taken.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    settings: &Settings,
    at: DateTime<Utc>,
) -> Result<Schedule, StoreError> {
    let sql = "insert into report_schedules (organization_id, name, report, cron, time_zone, recipients, enabled, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) returning *";
    let created = sqlx::query_as(sql)
        .bind(org.0)
        .bind(&settings.name)
        .bind(&settings.report)
        .bind(&settings.cron)
        .bind(&settings.time_zone)
        .bind(&settings.recipients)
        .bind(settings.enabled)
        .bind(at)
        .fetch_one(conn)
        .await;
    created.map_err(|error| StoreError::or_exists(error, "schedule", &settings.name))
}

/// Changes a schedule.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::AlreadyExists`] when the name is taken.
pub async fn update(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    settings: &Settings,
) -> Result<Schedule, StoreError> {
    let sql =
        "update report_schedules set name = $3, report = $4, cron = $5, time_zone = $6, recipients = $7,
            enabled = $8
        where organization_id = $1 and id = $2 returning *";
    let changed = sqlx::query_as(sql)
        .bind(org.0)
        .bind(id)
        .bind(&settings.name)
        .bind(&settings.report)
        .bind(&settings.cron)
        .bind(&settings.time_zone)
        .bind(&settings.recipients)
        .bind(settings.enabled)
        .fetch_optional(conn)
        .await;
    changed
        .map_err(|error| StoreError::or_exists(error, "schedule", &settings.name))?
        .ok_or_else(|| StoreError::not_found("schedule", id))
}

/// One schedule.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<Schedule, StoreError> {
    let sql = "select * from report_schedules where organization_id = $1 and id = $2";
    let found = sqlx::query_as(sql).bind(org.0).bind(id).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("schedule", id))
}

/// Schedules by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Schedule>, StoreError> {
    let sql = "select * from report_schedules where organization_id = $1 order by name";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
}

/// Removes a schedule and its log.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    let sql = "delete from report_schedules where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id).execute(conn).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("schedule", id));
    }
    Ok(())
}

/// Claims one firing time: of all callers, exactly one ever gets a delivery, the others `None`.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn claim(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    fire_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Delivery>, StoreError> {
    let mut tx = conn.begin().await?;
    let sql = "update report_schedules set last_fired_at = greatest(last_fired_at, $3)
        where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id).bind(fire_at).execute(&mut *tx).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("schedule", id));
    }
    let sql = "insert into report_deliveries (organization_id, schedule_id, fire_at, status, claimed_at)
        values ($1, $2, $3, 'claimed', $4) on conflict (schedule_id, fire_at) do nothing returning *";
    let claimed =
        sqlx::query_as(sql).bind(org.0).bind(id).bind(fire_at).bind(now).fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Notes what became of a claimed delivery: its `Message-ID`, or why it failed.
///
/// # Errors
/// [`StoreError::NotFound`] when it is not claimed.
pub async fn finish(
    conn: &mut PgConnection,
    org: OrganizationId,
    delivery: i64,
    outcome: Result<&str, &str>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sql = "update report_deliveries set status = $3, finished_at = $4, message_id = $5, error = $6
        where organization_id = $1 and id = $2 and status = 'claimed'";
    let status = if outcome.is_ok() { "sent" } else { "failed" };
    let done = sqlx::query(sql)
        .bind(org.0)
        .bind(delivery)
        .bind(status)
        .bind(at)
        .bind(outcome.ok())
        .bind(outcome.err())
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("claimed delivery", delivery));
    }
    Ok(())
}

/// Deliveries of a schedule, latest first.
///
/// # Errors
/// Only those of the database.
pub async fn deliveries(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    let sql = "select * from report_deliveries where organization_id = $1 and schedule_id = $2
        order by fire_at desc limit $3";
    Ok(sqlx::query_as(sql).bind(org.0).bind(id).bind(i64::from(limit)).fetch_all(conn).await?)
}

impl std::str::FromStr for DeliveryStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "claimed" => Ok(Self::Claimed),
            "sent" => Ok(Self::Sent),
            "failed" => Ok(Self::Failed),
            _ => Err(format!("unknown delivery status {text:?}")),
        }
    }
}

impl sqlx::FromRow<'_, PgRow> for Schedule {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            settings: Settings {
                name: row.try_get("name")?,
                report: row.try_get("report")?,
                cron: row.try_get("cron")?,
                time_zone: row.try_get("time_zone")?,
                recipients: row.try_get("recipients")?,
                enabled: row.try_get("enabled")?,
            },
            last_fired_at: row.try_get("last_fired_at")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl sqlx::FromRow<'_, PgRow> for Delivery {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            schedule_id: row.try_get("schedule_id")?,
            fire_at: row.try_get("fire_at")?,
            status: row::parsed(row, "status")?,
            claimed_at: row.try_get("claimed_at")?,
            finished_at: row.try_get("finished_at")?,
            message_id: row.try_get("message_id")?,
            error: row.try_get("error")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    fn weekly() -> Settings {
        Settings {
            name: "weekly".to_owned(),
            report: "weekly".to_owned(),
            cron: "0 7 * * 1".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            recipients: vec!["finance@shop.test".to_owned()],
            enabled: true,
        }
    }

    #[tokio::test]
    async fn schedules_are_kept_by_name() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let schedule = create(&mut conn, org, &weekly(), at).await.unwrap();
            let twice = create(&mut conn, org, &weekly(), at).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
            let off = Settings { enabled: false, ..weekly() };
            assert_eq!(update(&mut conn, org, schedule.id, &off).await.unwrap().settings, off);
            assert_eq!(
                list(&mut conn, org).await.unwrap(),
                [get(&mut conn, org, schedule.id).await.unwrap()]
            );
            delete(&mut conn, org, schedule.id).await.unwrap();
            assert!(matches!(get(&mut conn, org, schedule.id).await, Err(StoreError::NotFound { .. })));
        })
        .await;
    }

    #[tokio::test]
    async fn a_firing_time_is_claimed_once() {
        with_database(async |pool, org| {
            let (at, fire_at) = (time("2026-02-03T04:05:06Z"), time("2026-02-09T06:00:00Z"));
            let mut conn = pool.acquire().await.unwrap();
            let schedule = create(&mut conn, org, &weekly(), at).await.unwrap();
            let claims = (0..8).map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut conn = pool.acquire().await.unwrap();
                    claim(&mut conn, org, schedule.id, fire_at, fire_at).await.unwrap()
                })
            });
            let mut won = Vec::new();
            for claim in claims.collect::<Vec<_>>() {
                won.extend(claim.await.unwrap());
            }
            let [delivery] = won.as_slice() else { panic!("{won:?}") };
            assert_eq!(get(&mut conn, org, schedule.id).await.unwrap().last_fired_at, Some(fire_at));
            finish(&mut conn, org, delivery.id, Ok("<1@shop.test>"), fire_at).await.unwrap();
            let log = deliveries(&mut conn, org, schedule.id, 10).await.unwrap();
            assert_eq!((log.len(), log[0].status), (1, DeliveryStatus::Sent));
            let again = finish(&mut conn, org, delivery.id, Err("late"), fire_at).await;
            assert!(matches!(again, Err(StoreError::NotFound { .. })));
        })
        .await;
    }
}
