//! Planned and past events.

use chrono::{DateTime, Utc};
use domain::{Event, OrganizationId, Stamp};
use serde::Serialize;
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::StoreError;

/// An event with its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoredEvent {
    /// Key.
    pub id: i64,
    /// The event.
    pub event: Event,
    /// The set of days that it was added with; none for an event of its own.
    pub calendar: Option<String>,
    /// Who wrote it last.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// Adds an event.
///
/// # Errors
/// [`StoreError::Invalid`] when it has no clock time, ends before it starts, or its multipliers are not positive and ordered.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    event: &Event,
    by: &str,
    at: DateTime<Utc>,
) -> Result<StoredEvent, StoreError> {
    check(event)?;
    let sql = "insert into events (organization_id, name, starts_at, ends_at, multiplier, multiplier_low, multiplier_high,
            unique_id, changed_by, changed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning *";
    Ok(sqlx::query_as(sql)
        .bind(org.0)
        .bind(&event.name)
        .bind(time(event.starts_at)?)
        .bind(time(event.ends_at)?)
        .bind(event.multiplier)
        .bind(event.multiplier_low)
        .bind(event.multiplier_high)
        .bind(&event.unique_id)
        .bind(by)
        .bind(at)
        .fetch_one(conn)
        .await?)
}

/// Adds the days of a calendar, all or none.
///
/// # Errors
/// Those of [`create`].
pub async fn create_calendar(
    conn: &mut PgConnection,
    org: OrganizationId,
    calendar: &str,
    events: &[Event],
    by: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut tx = conn.begin().await?;
    for event in events {
        let stored = create(&mut tx, org, event, by, at).await?;
        let sql = "update events set calendar = $2 where id = $1";
        sqlx::query(sql).bind(stored.id).bind(calendar).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Removes the days that were added with a calendar; says how many.
///
/// # Errors
/// Only those of the database.
pub async fn delete_calendar(
    conn: &mut PgConnection,
    org: OrganizationId,
    calendar: &str,
) -> Result<u64, StoreError> {
    let sql = "delete from events where organization_id = $1 and calendar = $2";
    Ok(sqlx::query(sql).bind(org.0).bind(calendar).execute(conn).await?.rows_affected())
}

/// Changes an event.
///
/// # Errors
/// [`StoreError::NotFound`], and those of [`create`].
pub async fn update(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    event: &Event,
    by: &str,
    at: DateTime<Utc>,
) -> Result<StoredEvent, StoreError> {
    check(event)?;
    let sql =
        "update events set name = $3, starts_at = $4, ends_at = $5, multiplier = $6, multiplier_low = $7,
            multiplier_high = $8, unique_id = $9, changed_by = $10, changed_at = $11
        where organization_id = $1 and id = $2 returning *";
    let changed = sqlx::query_as(sql)
        .bind(org.0)
        .bind(id)
        .bind(&event.name)
        .bind(time(event.starts_at)?)
        .bind(time(event.ends_at)?)
        .bind(event.multiplier)
        .bind(event.multiplier_low)
        .bind(event.multiplier_high)
        .bind(&event.unique_id)
        .bind(by)
        .bind(at)
        .fetch_optional(conn)
        .await?;
    changed.ok_or_else(|| StoreError::not_found("event", id))
}

/// One event.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<StoredEvent, StoreError> {
    let sql = "select * from events where organization_id = $1 and id = $2";
    let found = sqlx::query_as(sql).bind(org.0).bind(id).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("event", id))
}

/// All events by start.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<StoredEvent>, StoreError> {
    let sql = "select * from events where organization_id = $1 order by starts_at, id";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
}

/// Removes an event.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    let sql = "delete from events where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id).execute(conn).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("event", id));
    }
    Ok(())
}

fn check(event: &Event) -> Result<(), StoreError> {
    let invalid = |what: &str| Err(StoreError::Invalid(format!("event {:?}: {what}", event.name)));
    if event.name.trim().is_empty() {
        return invalid("it needs a name");
    }
    if time(event.starts_at)? >= time(event.ends_at)? {
        return invalid("it must end after it starts");
    }
    let ordered = event.low() <= event.multiplier && event.multiplier <= event.high();
    if !(event.low() > 0.0 && ordered && event.high().is_finite()) {
        return invalid("multipliers must be above 0 and in the order low, expected, high");
    }
    Ok(())
}

/// Stored events have clock times.
fn time(stamp: Stamp) -> Result<DateTime<Utc>, StoreError> {
    match stamp {
        Stamp::Time(time) => Ok(time),
        Stamp::Step(step) => {
            Err(StoreError::Invalid(format!("step {step} is not a time: events need dates")))
        }
    }
}

impl sqlx::FromRow<'_, PgRow> for StoredEvent {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            event: Event {
                name: row.try_get("name")?,
                starts_at: Stamp::Time(row.try_get("starts_at")?),
                ends_at: Stamp::Time(row.try_get("ends_at")?),
                multiplier: row.try_get("multiplier")?,
                multiplier_low: row.try_get("multiplier_low")?,
                multiplier_high: row.try_get("multiplier_high")?,
                unique_id: row.try_get("unique_id")?,
            },
            calendar: row.try_get("calendar")?,
            changed_by: row.try_get("changed_by")?,
            changed_at: row.try_get("changed_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    fn black_friday() -> Event {
        Event {
            name: "Black Friday".to_owned(),
            starts_at: Stamp::Time(time("2026-11-27T00:00:00Z")),
            ends_at: Stamp::Time(time("2026-11-28T00:00:00Z")),
            multiplier: 10.0,
            multiplier_low: None,
            multiplier_high: Some(14.0),
            unique_id: None,
        }
    }

    #[tokio::test]
    async fn events_are_written_changed_and_removed() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let stored = create(&mut conn, org, &black_friday(), "ada", at).await.unwrap();
            assert_eq!(stored.event, black_friday());
            let larger = Event { multiplier: 12.0, ..black_friday() };
            let changed = update(&mut conn, org, stored.id, &larger, "bob", at).await.unwrap();
            assert_eq!((&changed.event, changed.changed_by.as_str()), (&larger, "bob"));
            assert_eq!(list(&mut conn, org).await.unwrap(), [get(&mut conn, org, stored.id).await.unwrap()]);
            delete(&mut conn, org, stored.id).await.unwrap();
            assert!(matches!(get(&mut conn, org, stored.id).await, Err(StoreError::NotFound { .. })));
        })
        .await;
    }

    #[tokio::test]
    async fn a_calendar_comes_and_goes_as_one() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let own = create(&mut conn, org, &black_friday(), "ada", at).await.unwrap();
            let days = [black_friday(), Event { name: "Cyber Monday".to_owned(), ..black_friday() }];
            let broken = [days[0].clone(), Event { multiplier: 0.0, ..black_friday() }];
            assert!(create_calendar(&mut conn, org, "shopping", &broken, "ada", at).await.is_err());
            assert_eq!(list(&mut conn, org).await.unwrap(), std::slice::from_ref(&own));
            create_calendar(&mut conn, org, "shopping", &days, "ada", at).await.unwrap();
            let stored = list(&mut conn, org).await.unwrap();
            let calendars: Vec<Option<&str>> =
                stored.iter().map(|stored| stored.calendar.as_deref()).collect();
            assert_eq!(calendars, [None, Some("shopping"), Some("shopping")]);
            assert_eq!(delete_calendar(&mut conn, org, "de").await.unwrap(), 0);
            assert_eq!(delete_calendar(&mut conn, org, "shopping").await.unwrap(), 2);
            assert_eq!(list(&mut conn, org).await.unwrap(), [own]);
        })
        .await;
    }

    #[test]
    fn impossible_events_are_refused() {
        let good = black_friday();
        assert!(check(&good).is_ok());
        for bad in [
            Event { ends_at: good.starts_at, ..good.clone() },
            Event { starts_at: Stamp::Step(3), ..good.clone() },
            Event { multiplier: 0.0, ..good.clone() },
            Event { multiplier: f64::NAN, ..good.clone() },
            Event { multiplier_low: Some(11.0), ..good.clone() },
            Event { name: " ".to_owned(), ..good.clone() },
        ] {
            assert!(matches!(check(&bad), Err(StoreError::Invalid(_))), "{bad:?}");
        }
    }
}
