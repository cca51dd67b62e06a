//! Hourly metrics of resources and workloads.

use crate::copy::CopyText;
use crate::row;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Frequency, Grid, Stamp};
use domain::{HourlyMetric, MetricName, OrganizationId, Period, Series};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};
use std::collections::BTreeMap;

use crate::StoreError;

/// Which number of the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// Mean of the samples.
    Average,
    /// 95th percentile.
    P95,
    /// Largest sample.
    Maximum,
}

/// Stores rows; a row for the same resource, metric and hour takes the place of the old one. Returns how many rows were given.
///
/// # Errors
/// [`StoreError::Invalid`] when the rows name one resource, metric and hour twice, or a number is not finite.
pub async fn upsert(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    rows: &[HourlyMetric],
) -> Result<u64, StoreError> {
    let is_finite =
        |row: &&HourlyMetric| row.average.is_finite() && row.p95.is_finite() && row.maximum.is_finite();
    if let Some(row) = rows.iter().find(|row| !is_finite(row)) {
        return Err(StoreError::Invalid(format!(
            "{} of {} at {} is not a finite number",
            row.metric, row.resource_id, row.hour
        )));
    }
    let mut tx = conn.begin().await?;
    // Two writers of one organization take turns, so that neither trips over the other's new rows.
    let sql = "select pg_advisory_xact_lock(hashtextextended('hourly_metrics', $1))";
    sqlx::query(sql).bind(org.0).execute(&mut *tx).await?;
    crate::copy::create_partitions(&mut tx, "hourly_metrics", rows.iter().map(|row| row.hour)).await?;
    let keys = series_keys(&mut tx, org, source, rows).await?;
    let mut text = CopyText::default();
    let mut order: Vec<(i64, &HourlyMetric)> = rows
        .iter()
        .filter_map(|row| keys.get(&(row.resource_id.as_str(), row.metric)).map(|key| (*key, row)))
        .collect();
    order.sort_by_key(|(key, row)| (*key, row.hour));
    if let Some([(_, twice), _]) = order.array_windows().find(|[(a, x), (b, y)]| a == b && x.hour == y.hour) {
        return Err(StoreError::Invalid(format!(
            "{} of {} at {} is given twice",
            twice.metric, twice.resource_id, twice.hour
        )));
    }
    for (key, row) in &order {
        text.plain(org);
        text.plain(key);
        text.plain(row.hour.to_rfc3339());
        text.plain(row.average);
        text.plain(row.p95);
        text.plain(row.maximum);
        text.plain(row.samples);
        text.end_row();
    }
    if overlaps(&mut tx, &keys, rows).await? {
        let sql = "create temporary table staged_metrics (like hourly_metrics) on commit drop";
        sqlx::query(sql).execute(&mut *tx).await?;
        text.send(&mut tx, "copy staged_metrics from stdin").await?;
        let sql = "insert into hourly_metrics select * from staged_metrics
            on conflict (series_id, hour) do update set average = excluded.average, p95 = excluded.p95,
                maximum = excluded.maximum, samples = excluded.samples";
        sqlx::query(sql).execute(&mut *tx).await?;
        // the caller's own transaction may go on and come here again
        sqlx::query("drop table staged_metrics").execute(&mut *tx).await?;
    } else {
        text.send(&mut tx, "copy hourly_metrics from stdin").await?;
    }
    tx.commit().await?;
    Ok(rows.len() as u64)
}

/// Rows of a period (of one resource when given), by resource, metric and hour.
///
/// # Errors
/// Only those of the database.
pub async fn read(
    conn: &mut PgConnection,
    org: OrganizationId,
    period: Period,
    resource_id: Option<&str>,
) -> Result<Vec<HourlyMetric>, StoreError> {
    let sql = "select s.resource_id, s.metric, m.hour, m.average, m.p95, m.maximum, m.samples
        from metric_series s join hourly_metrics m on m.series_id = s.id
        where s.organization_id = $1 and ($4::text is null or s.resource_id = $4) and m.hour >= $2 and m.hour < $3
        order by s.resource_id, s.metric, m.hour";
    let rows = sqlx::query(sql)
        .bind(org.0)
        .bind(period.start)
        .bind(period.end)
        .bind(resource_id)
        .try_map(|row: PgRow| {
            let samples: i64 = row.try_get("samples")?;
            Ok(HourlyMetric {
                resource_id: row.try_get("resource_id")?,
                metric: row::parsed(&row, "metric")?,
                hour: row.try_get("hour")?,
                average: row.try_get("average")?,
                p95: row.try_get("p95")?,
                maximum: row.try_get("maximum")?,
                samples: u32::try_from(samples).map_err(|error| row::unreadable("samples", error))?,
            })
        })
        .fetch_all(conn)
        .await?;
    Ok(rows)
}

/// Metrics that drive others.
const DEMAND: [MetricName; 2] = [MetricName::Requests, MetricName::QueueLength];
/// History that demand is forecast from.
const DEMAND_DAYS: i64 = 800;

/// The histories that demand is forecast from, as known at `as_of`: of every demand series, or of `only` one.
///
/// # Errors
/// Only those of the database.
pub async fn demand(
    conn: &mut PgConnection,
    org: OrganizationId,
    as_of: DateTime<Utc>,
    only: Option<&str>,
) -> Result<Vec<Series>, StoreError> {
    select(conn, org, &DEMAND, Statistic::Average, Period::days_before(as_of, DEMAND_DAYS), only).await
}

/// What is stored, the largest value of each day, as known at `as_of`: of every series of `storage_used`, or of `only` one.
///
/// # Errors
/// Only those of the database.
pub async fn stored(
    conn: &mut PgConnection,
    org: OrganizationId,
    as_of: DateTime<Utc>,
    only: Option<&str>,
) -> Result<Vec<Series>, StoreError> {
    let period = Period::days_before(as_of, DEMAND_DAYS);
    let hourly = select(conn, org, &[MetricName::StorageUsed], Statistic::Maximum, period, only).await?;
    Ok(hourly.iter().map(daily_maximum).collect())
}

/// The largest value of each day.
fn daily_maximum(hourly: &Series) -> Series {
    let mut days: Vec<(NaiveDate, Option<f64>)> = Vec::new();
    for (step, value) in hourly.values.iter().enumerate() {
        let Some(at) = hourly.grid.stamp(step).time() else { continue };
        match days.last_mut() {
            Some((day, largest)) if *day == at.date_naive() => {
                *largest = match (*largest, *value) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
            }
            _ => days.push((at.date_naive(), *value)),
        }
    }
    let start = days.first().map(|(day, _)| day.and_time(chrono::NaiveTime::MIN).and_utc());
    Series {
        unique_id: hourly.unique_id.clone(),
        grid: Grid { start: Stamp::Time(start.unwrap_or_default()), frequency: Frequency::DAY },
        values: days.into_iter().map(|(_, largest)| largest).collect(),
    }
}

/// The history of one series of any metric, as known at `as_of`; `None` when there is none.
///
/// # Errors
/// Only those of the database.
pub async fn history(
    conn: &mut PgConnection,
    org: OrganizationId,
    as_of: DateTime<Utc>,
    unique_id: &str,
) -> Result<Option<Series>, StoreError> {
    let Some(metric) = unique_id.split_once('/').and_then(|(metric, _)| metric.parse().ok()) else {
        return Ok(None);
    };
    let period = Period::days_before(as_of, DEMAND_DAYS);
    Ok(select(conn, org, &[metric], Statistic::Average, period, Some(unique_id)).await?.pop())
}

/// The hour and the mean that one series of any metric was last measured with, in the day before `as_of`; `None` when
/// nothing was measured in it.
///
/// # Errors
/// Only those of the database.
pub async fn latest(
    conn: &mut PgConnection,
    org: OrganizationId,
    as_of: DateTime<Utc>,
    unique_id: &str,
) -> Result<Option<(DateTime<Utc>, f64)>, StoreError> {
    let sql = "select m.hour, m.average from metric_series s join hourly_metrics m on m.series_id = s.id
        where s.organization_id = $1 and s.metric || '/' || s.resource_id = $4 and m.hour >= $2 and m.hour < $3
        order by m.hour desc limit 1";
    let day = Period::days_before(as_of, 1);
    let found = sqlx::query_as(sql).bind(org.0).bind(day.start).bind(day.end).bind(unique_id);
    Ok(found.fetch_optional(conn).await?)
}

/// Hourly series named `<metric>/<resource_id>`, each from its first to its last hour inside the period; hours without a
/// row are missing.
///
/// # Errors
/// Only those of the database.
pub async fn series(
    conn: &mut PgConnection,
    org: OrganizationId,
    metrics: &[MetricName],
    statistic: Statistic,
    period: Period,
) -> Result<Vec<Series>, StoreError> {
    select(conn, org, metrics, statistic, period, None).await
}

async fn select(
    conn: &mut PgConnection,
    org: OrganizationId,
    metrics: &[MetricName],
    statistic: Statistic,
    period: Period,
    only: Option<&str>,
) -> Result<Vec<Series>, StoreError> {
    let sql = "select s.metric || '/' || s.resource_id as unique_id, array_agg(m.hour order by m.hour) as hours,
            array_agg(case $5 when 'average' then m.average when 'p95' then m.p95 else m.maximum end order by m.hour)
                as numbers
        from metric_series s join hourly_metrics m on m.series_id = s.id
        where s.organization_id = $1 and s.metric = any($4) and m.hour >= $2 and m.hour < $3
            and ($6::text is null or s.metric || '/' || s.resource_id = $6)
        group by s.id order by 1";
    let names: Vec<&str> = metrics.iter().map(|metric| metric.as_str()).collect();
    let statistic = match statistic {
        Statistic::Average => "average",
        Statistic::P95 => "p95",
        Statistic::Maximum => "maximum",
    };
    let rows = sqlx::query(sql)
        .bind(org.0)
        .bind(period.start)
        .bind(period.end)
        .bind(names)
        .bind(statistic)
        .bind(only)
        .try_map(|row: PgRow| {
            Ok(on_grid(
                row.try_get("unique_id")?,
                &row.try_get::<Vec<_>, _>("hours")?,
                &row.try_get::<Vec<_>, _>("numbers")?,
            ))
        })
        .fetch_all(conn)
        .await?;
    Ok(rows)
}

/// The period that metrics cover: first hour to the end of the last; `None` when there is none.
///
/// # Errors
/// Only those of the database.
pub async fn span(conn: &mut PgConnection, org: OrganizationId) -> Result<Option<Period>, StoreError> {
    let sql =
        "select min(hour), max(hour) + interval '1 hour' from hourly_metrics where organization_id = $1";
    let (start, end): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) =
        sqlx::query_as(sql).bind(org.0).fetch_one(conn).await?;
    Ok(start.zip(end).map(|(start, end)| Period { start, end }))
}

type SeriesKeys<'a> = BTreeMap<(&'a str, MetricName), i64>;

/// Keys of the series of `rows`, made where they are missing.
async fn series_keys<'a>(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    rows: &'a [HourlyMetric],
) -> Result<SeriesKeys<'a>, StoreError> {
    let mut keys: SeriesKeys<'a> =
        rows.iter().map(|row| ((row.resource_id.as_str(), row.metric), 0)).collect();
    let resources: Vec<&str> = keys.keys().map(|(resource, _)| *resource).collect();
    let metrics: Vec<&str> = keys.keys().map(|(_, metric)| metric.as_str()).collect();
    let sql = "insert into metric_series (organization_id, resource_id, metric, source)
        select $1, resource_id, metric, $4 from unnest($2::text[], $3::text[]) as given (resource_id, metric)
        on conflict (organization_id, resource_id, metric) do update set source = excluded.source
        returning resource_id, metric, id";
    let found: Vec<(String, String, i64)> =
        sqlx::query_as(sql).bind(org.0).bind(resources).bind(metrics).bind(source).fetch_all(conn).await?;
    let mut by_name: BTreeMap<(&str, MetricName), i64> = BTreeMap::new();
    for (resource, metric, id) in &found {
        let metric = metric.parse().map_err(|error| row::unreadable("metric", error))?;
        by_name.insert((resource, metric), *id);
    }
    for ((resource, metric), key) in &mut keys {
        *key = by_name.get(&(*resource, *metric)).copied().unwrap_or_default();
    }
    Ok(keys)
}

/// Whether any of these series has a row between its first and last given hour.
async fn overlaps(
    conn: &mut PgConnection,
    keys: &SeriesKeys<'_>,
    rows: &[HourlyMetric],
) -> Result<bool, StoreError> {
    let mut spans: BTreeMap<i64, (DateTime<Utc>, DateTime<Utc>)> = BTreeMap::new();
    for row in rows {
        if let Some(key) = keys.get(&(row.resource_id.as_str(), row.metric)) {
            let span = spans.entry(*key).or_insert((row.hour, row.hour));
            *span = (span.0.min(row.hour), span.1.max(row.hour));
        }
    }
    let sql = "select exists (
            select 1 from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) as given (series_id, first, last)
            where exists (
                select 1 from hourly_metrics m
                where m.series_id = given.series_id and m.hour >= given.first and m.hour <= given.last
            )
        )";
    let found = sqlx::query_scalar(sql)
        .bind(spans.keys().copied().collect::<Vec<_>>())
        .bind(spans.values().map(|span| span.0).collect::<Vec<_>>())
        .bind(spans.values().map(|span| span.1).collect::<Vec<_>>())
        .fetch_one(conn)
        .await?;
    Ok(found)
}

/// Numbers at ascending hours as a series without holes in time.
fn on_grid(unique_id: String, hours: &[DateTime<Utc>], numbers: &[f64]) -> Series {
    let start = hours.first().copied().unwrap_or_default();
    let mut values = Vec::with_capacity(hours.len());
    for (hour, number) in hours.iter().zip(numbers) {
        let index = usize::try_from((*hour - start).num_hours()).unwrap_or(0);
        values.resize(index, None);
        values.push(Some(*number));
    }
    Series { unique_id, grid: Grid { start: Stamp::Time(start), frequency: Frequency::HOUR }, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{time, with_database};

    #[test]
    fn a_day_is_its_largest_hour_and_a_day_without_hours_is_missing() {
        let start = Stamp::Time("2026-01-01T22:00:00Z".parse().unwrap());
        let mut values = vec![Some(3.0), Some(5.0), Some(4.0)];
        values.extend([None; 23]);
        values.extend([None; 24]);
        values.push(Some(9.0));
        let grid = Grid { start, frequency: Frequency::HOUR };
        let hourly = Series { unique_id: "storage_used/db".to_owned(), grid, values };
        let daily = daily_maximum(&hourly);
        assert_eq!(daily.values, [Some(5.0), Some(4.0), None, Some(9.0)]);
        assert_eq!(daily.grid.start, Stamp::Time("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(daily.grid.frequency, Frequency::DAY);
    }

    fn row(resource: &str, hour: &str, average: f64) -> HourlyMetric {
        HourlyMetric {
            resource_id: resource.to_owned(),
            metric: MetricName::CpuUtilization,
            hour: time(hour),
            average,
            p95: average + 10.0,
            maximum: average + 20.0,
            samples: 12,
        }
    }

    #[tokio::test]
    async fn the_latest_value_is_none_of_the_day_before_yesterday() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let (old, new) = ("2026-01-01T01:00:00Z", "2026-01-01T23:00:00Z");
            upsert(&mut conn, org, "test", &[row("i-1", old, 1.0), row("i-1", new, 7.0)]).await.unwrap();
            for (as_of, expected) in [
                ("2026-01-01T23:00:00Z", Some((time(old), 1.0))),
                ("2026-01-02T00:00:00Z", Some((time(new), 7.0))),
                ("2026-01-04T00:00:00Z", None),
            ] {
                let found = latest(&mut conn, org, time(as_of), "cpu_utilization/i-1").await.unwrap();
                assert_eq!(found, expected, "{as_of}");
            }
            assert_eq!(latest(&mut conn, org, time(new), "cpu_utilization/i-2").await.unwrap(), None);
        })
        .await;
    }

    #[tokio::test]
    async fn a_later_row_takes_the_place_of_the_earlier_one() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let period = Period { start: time("2025-12-01T00:00:00Z"), end: time("2026-02-01T00:00:00Z") };
            let first = [
                row("i-1", "2025-12-31T22:00:00Z", 0.1 + 0.2),
                row("i-1", "2026-01-01T01:00:00Z", 2.0),
                row("i-2", "2026-01-01T01:00:00Z", 3.0),
            ];
            assert_eq!(upsert(&mut conn, org, "cloudwatch", &first).await.unwrap(), 3);
            assert_eq!(read(&mut conn, org, period, None).await.unwrap(), first);
            let again = [row("i-1", "2026-01-01T01:00:00Z", 9.0), row("i-1", "2026-01-01T02:00:00Z", 4.0)];
            upsert(&mut conn, org, "cloudwatch", &again).await.unwrap();
            let own = read(&mut conn, org, period, Some("i-1")).await.unwrap();
            assert_eq!(own, [first[0].clone(), again[0].clone(), again[1].clone()]);
            let span = span(&mut conn, org).await.unwrap().unwrap();
            assert_eq!((span.start, span.end), (first[0].hour, time("2026-01-01T03:00:00Z")));

            let metrics = [MetricName::CpuUtilization, MetricName::Requests];
            let series = series(&mut conn, org, &metrics, Statistic::P95, period).await.unwrap();
            assert_eq!(series[0].unique_id, "cpu_utilization/i-1");
            assert_eq!(series[0].grid.start, Stamp::Time(first[0].hour));
            assert_eq!(series[0].values, [Some(10.0 + (0.1 + 0.2)), None, None, Some(19.0), Some(14.0)]);
            assert_eq!((series.len(), &series[1].values), (2, &vec![Some(13.0)]));

            let twice = [row("i-3", "2026-01-01T01:00:00Z", 1.0), row("i-3", "2026-01-01T01:00:00Z", 2.0)];
            let infinite = [row("i-3", "2026-01-01T01:00:00Z", f64::INFINITY)];
            for bad in [&twice[..], &infinite[..]] {
                let error = upsert(&mut conn, org, "cloudwatch", bad).await.unwrap_err();
                assert!(matches!(error, StoreError::Invalid(_)), "{error}");
            }
        })
        .await;
    }
}
