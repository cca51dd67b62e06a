//! Forecasts of a run, point by point, and how earlier ones turned out.

use crate::copy::CopyText;
use crate::row;
use chrono::{DateTime, Utc};
use domain::{Accuracy, Forecast, OrganizationId, RunId};
use domain::{Components, Grid, Member};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, FromRow, Row};

use crate::StoreError;

/// What is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ForecastKind {
    /// Daily cost in the organization's currency.
    Cost,
    /// Hourly demand (requests, queue length, …).
    Demand,
    /// Hourly utilization of a resource.
    Utilization,
}

impl ForecastKind {
    /// The word in columns and URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Demand => "demand",
            Self::Utilization => "utilization",
        }
    }
}

impl std::str::FromStr for ForecastKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cost" => Ok(Self::Cost),
            "demand" => Ok(Self::Demand),
            "utilization" => Ok(Self::Utilization),
            _ => Err(format!("unknown kind of forecast {text:?}: expected cost, demand or utilization")),
        }
    }
}

/// A forecast with the run that made it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoredForecast {
    /// The run.
    pub run_id: RunId,
    /// What the run could see.
    pub as_of: DateTime<Utc>,
    /// What is forecast.
    pub kind: ForecastKind,
    /// The forecast.
    pub forecast: Forecast,
}

/// A forecast without its points, for lists.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ForecastSummary {
    /// The series.
    pub unique_id: String,
    /// What is forecast.
    pub kind: ForecastKind,
    /// Number of steps.
    pub horizon: u32,
    /// Heaviest model of the combination.
    pub model: Option<String>,
    /// Backtest score.
    pub accuracy: Option<Accuracy>,
    /// Score of seasonal naive on the same folds.
    pub baseline: Option<Accuracy>,
    /// Sum of the mean over all steps.
    pub total: f64,
    /// What a reader must know.
    pub warnings: Vec<String>,
}

/// One point of an earlier forecast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastPoint {
    /// The run.
    pub run_id: RunId,
    /// What the run could see.
    pub as_of: DateTime<Utc>,
    /// Step of the horizon, from 1.
    pub step: u32,
    /// When it is true.
    pub ds: DateTime<Utc>,
    /// Mean.
    pub mean: f64,
    /// Quantile levels.
    pub levels: Vec<f64>,
    /// Quantiles, one a level.
    pub quantiles: Vec<f64>,
}

/// Saves forecasts of a run. Grids must have clock times.
///
/// # Errors
/// [`StoreError::Invalid`] for a grid of integer steps, for quantiles that don't match mean and levels, and for a number that is not finite;
/// [`StoreError::AlreadyExists`] for a series that the run has already.
pub async fn save(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    kind: ForecastKind,
    forecasts: &[Forecast],
) -> Result<(), StoreError> {
    let mut tx = conn.begin().await?;
    let sql = "select as_of from runs where organization_id = $1 and id = $2";
    let as_of: Option<DateTime<Utc>> =
        sqlx::query_scalar(sql).bind(org.0).bind(run.0).fetch_optional(&mut *tx).await?;
    let as_of = as_of.ok_or_else(|| StoreError::not_found("run", run))?;
    crate::copy::create_partitions(&mut tx, "forecast_points", [as_of]).await?;
    let mut text = CopyText::default();
    for forecast in forecasts {
        let id = save_head(&mut tx, org, run, as_of, kind, forecast).await?;
        points_text(&mut text, org, id, as_of, forecast)?;
    }
    text.send(
        &mut tx,
        "copy forecast_points (organization_id, forecast_id, as_of, step, ds, mean, quantiles, trend, seasonal, event_multiplier) from stdin",
    )
    .await?;
    Ok(tx.commit().await?)
}

/// The forecast of a series by the latest finished run that has one.
///
/// # Errors
/// Only those of the database.
pub async fn latest(
    conn: &mut PgConnection,
    org: OrganizationId,
    unique_id: &str,
) -> Result<Option<StoredForecast>, StoreError> {
    let sql = "select f.* from forecasts f join runs r on r.id = f.run_id
        where f.organization_id = $1 and f.unique_id = $2 and r.status = 'done' order by f.run_id desc limit 1";
    let head: Option<Head> =
        sqlx::query_as(sql).bind(org.0).bind(unique_id).fetch_optional(&mut *conn).await?;
    let Some(head) = head else { return Ok(None) };
    let (run_id, as_of, kind) = (head.run_id, head.as_of, head.kind);
    let forecast = with_points(conn, vec![head]).await?.pop();
    Ok(forecast.map(|forecast| StoredForecast { run_id, as_of, kind, forecast }))
}

/// The forecasts of a run whose names begin so, with their points, by name.
///
/// # Errors
/// Only those of the database.
pub async fn beginning_with(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    prefix: &str,
) -> Result<Vec<Forecast>, StoreError> {
    let sql =
        "select * from forecasts where organization_id = $1 and run_id = $2 and starts_with(unique_id, $3)
        order by unique_id";
    let heads = sqlx::query_as(sql).bind(org.0).bind(run.0).bind(prefix).fetch_all(&mut *conn).await?;
    with_points(conn, heads).await
}

/// All forecasts of one kind of a run, with their points, by name.
///
/// # Errors
/// Only those of the database.
pub async fn load(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    kind: ForecastKind,
) -> Result<Vec<Forecast>, StoreError> {
    let sql =
        "select * from forecasts where organization_id = $1 and run_id = $2 and kind = $3 order by unique_id";
    let heads = sqlx::query_as(sql).bind(org.0).bind(run.0).bind(kind.as_str()).fetch_all(&mut *conn).await?;
    with_points(conn, heads).await
}

/// Forecasts of a run without points (of one kind when given), by kind and name.
///
/// # Errors
/// Only those of the database.
pub async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    kind: Option<ForecastKind>,
) -> Result<Vec<ForecastSummary>, StoreError> {
    let sql = "select * from forecasts where organization_id = $1 and run_id = $2 and ($3::text is null or kind = $3)
        order by kind, unique_id";
    let heads: Vec<Head> = sqlx::query_as(sql)
        .bind(org.0)
        .bind(run.0)
        .bind(kind.map(ForecastKind::as_str))
        .fetch_all(conn)
        .await?;
    let summary = |head: Head| ForecastSummary {
        unique_id: head.unique_id,
        kind: head.kind,
        horizon: head.horizon.unsigned_abs(),
        model: head.detail.members.into_iter().next().map(|member| member.model),
        accuracy: head.detail.accuracy,
        baseline: head.detail.baseline,
        total: head.total,
        warnings: head.detail.warnings,
    };
    Ok(heads.into_iter().map(summary).collect())
}

/// What finished runs forecast of a series for times before `until`, by run, then time: to be laid beside what came.
///
/// # Errors
/// Only those of the database.
pub async fn past(
    conn: &mut PgConnection,
    org: OrganizationId,
    unique_id: &str,
    until: DateTime<Utc>,
    runs: u32,
) -> Result<Vec<PastPoint>, StoreError> {
    let sql = "with earlier as (
            select f.id, f.run_id, f.as_of, f.levels from forecasts f join runs r on r.id = f.run_id
            where f.organization_id = $1 and f.unique_id = $2 and r.status = 'done'
            order by f.run_id desc limit $4
        )
        select e.run_id, e.as_of, e.levels, p.step, p.ds, p.mean, p.quantiles
        from earlier e join forecast_points p on p.forecast_id = e.id and p.as_of = e.as_of
        where p.ds < $3 order by e.run_id, p.step";
    let points = sqlx::query(sql)
        .bind(org.0)
        .bind(unique_id)
        .bind(until)
        .bind(i64::from(runs))
        .try_map(|row: PgRow| {
            Ok(PastPoint {
                run_id: RunId(row.try_get("run_id")?),
                as_of: row.try_get("as_of")?,
                step: row.try_get::<i32, _>("step")?.unsigned_abs(),
                ds: row.try_get("ds")?,
                mean: row.try_get("mean")?,
                levels: row.try_get("levels")?,
                quantiles: row.try_get("quantiles")?,
            })
        })
        .fetch_all(conn)
        .await?;
    Ok(points)
}

/// What a forecast carries beside its points.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    members: Vec<Member>,
    reason: String,
    accuracy: Option<Accuracy>,
    baseline: Option<Accuracy>,
    mase_by_step: Vec<Option<f64>>,
    warnings: Vec<String>,
}

/// A forecast without its points, as stored.
struct Head {
    id: i64,
    run_id: RunId,
    as_of: DateTime<Utc>,
    kind: ForecastKind,
    unique_id: String,
    grid: Grid,
    horizon: i32,
    levels: Vec<f64>,
    total: f64,
    detail: Detail,
}

async fn save_head(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    as_of: DateTime<Utc>,
    kind: ForecastKind,
    forecast: &Forecast,
) -> Result<i64, StoreError> {
    let detail = Detail {
        members: forecast.members.clone(),
        reason: forecast.reason.clone(),
        accuracy: forecast.accuracy.clone(),
        baseline: forecast.baseline.clone(),
        mase_by_step: forecast.mase_by_step.clone(),
        warnings: forecast.warnings.clone(),
    };
    let detail = row::to_json("forecast", &detail)?;
    // A score that is not finite becomes null in JSON and would only fail when somebody reads the forecast.
    if serde_json::from_value::<Detail>(detail.clone()).is_err() {
        return Err(StoreError::Invalid(format!(
            "forecast {:?} has a score that is not finite",
            forecast.unique_id
        )));
    }
    let sql = "insert into forecasts (organization_id, run_id, as_of, kind, unique_id, grid, horizon, levels, total, detail)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id";
    let saved = sqlx::query_scalar(sql)
        .bind(org.0)
        .bind(run.0)
        .bind(as_of)
        .bind(kind.as_str())
        .bind(&forecast.unique_id)
        .bind(row::to_json("grid", &forecast.grid)?)
        .bind(i32::try_from(forecast.horizon()).unwrap_or(i32::MAX))
        .bind(&forecast.levels)
        .bind(forecast.mean.iter().sum::<f64>())
        .bind(detail)
        .fetch_one(conn)
        .await;
    saved.map_err(|error| StoreError::or_exists(error, "forecast", &forecast.unique_id))
}

fn points_text(
    text: &mut CopyText,
    org: OrganizationId,
    id: i64,
    as_of: DateTime<Utc>,
    forecast: &Forecast,
) -> Result<(), StoreError> {
    let invalid = |what: &str| Err(StoreError::Invalid(format!("forecast {:?} {what}", forecast.unique_id)));
    let horizon = forecast.horizon();
    let fits = forecast.quantiles.len() == forecast.levels.len()
        && forecast.quantiles.iter().all(|path| path.len() == horizon);
    if !fits {
        return invalid("has quantiles that don't match its levels and horizon");
    }
    let components =
        [&forecast.components.trend, &forecast.components.seasonal, &forecast.components.event_multiplier];
    if components.iter().any(|part| !part.is_empty() && part.len() != horizon) {
        return invalid("has components that don't match its horizon");
    }
    let mut numbers = forecast
        .mean
        .iter()
        .chain(forecast.quantiles.iter().flatten())
        .chain(components.into_iter().flatten());
    if !numbers.all(|number| number.is_finite()) {
        return invalid("has a number that is not finite");
    }
    for step in 0..horizon {
        let Some(ds) = forecast.grid.stamp(step).time() else {
            return invalid("has integer steps instead of times");
        };
        text.plain(org);
        text.plain(id);
        text.plain(as_of.to_rfc3339());
        text.plain(step + 1);
        text.plain(ds.to_rfc3339());
        text.plain(forecast.mean[step]);
        text.array(forecast.quantiles.iter().map(|path| path[step]));
        for part in components {
            text.optional_plain(part.get(step));
        }
        text.end_row();
    }
    Ok(())
}

/// Reads the points of forecasts of one run.
async fn with_points(conn: &mut PgConnection, heads: Vec<Head>) -> Result<Vec<Forecast>, StoreError> {
    let ids: Vec<i64> = heads.iter().map(|head| head.id).collect();
    let as_of = heads.first().map(|head| head.as_of);
    let sql = "select forecast_id, mean, quantiles, trend, seasonal, event_multiplier
        from forecast_points where forecast_id = any($1) and as_of = $2 order by forecast_id, step";
    let points: Vec<Point> = sqlx::query_as(sql).bind(ids).bind(as_of).fetch_all(conn).await?;
    let mut forecasts = Vec::with_capacity(heads.len());
    for head in heads {
        let start = points.partition_point(|point| point.forecast_id < head.id);
        let end = points.partition_point(|point| point.forecast_id <= head.id);
        let own = &points[start..end];
        forecasts.push(Forecast {
            unique_id: head.unique_id,
            grid: head.grid,
            mean: own.iter().map(|point| point.mean).collect(),
            quantiles: (0..head.levels.len())
                .map(|level| own.iter().filter_map(|point| point.quantiles.get(level).copied()).collect())
                .collect(),
            levels: head.levels,
            members: head.detail.members,
            reason: head.detail.reason,
            accuracy: head.detail.accuracy,
            baseline: head.detail.baseline,
            mase_by_step: head.detail.mase_by_step,
            components: Components {
                trend: own.iter().filter_map(|point| point.trend).collect(),
                seasonal: own.iter().filter_map(|point| point.seasonal).collect(),
                event_multiplier: own.iter().filter_map(|point| point.event_multiplier).collect(),
            },
            warnings: head.detail.warnings,
        });
    }
    Ok(forecasts)
}

/// One step of a forecast, as stored.
#[derive(FromRow)]
struct Point {
    forecast_id: i64,
    mean: f64,
    quantiles: Vec<f64>,
    trend: Option<f64>,
    seasonal: Option<f64>,
    event_multiplier: Option<f64>,
}

impl FromRow<'_, PgRow> for Head {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            run_id: RunId(row.try_get("run_id")?),
            as_of: row.try_get("as_of")?,
            kind: row::parsed(row, "kind")?,
            unique_id: row.try_get("unique_id")?,
            grid: row::json(row, "grid")?,
            horizon: row.try_get("horizon")?,
            levels: row.try_get("levels")?,
            total: row.try_get("total")?,
            detail: row::json(row, "detail")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Stamp};

    use super::*;
    use crate::run;
    use crate::testing::{time, with_database};

    fn forecast(unique_id: &str) -> Forecast {
        let accuracy = Accuracy {
            mase: Some(0.1 + 0.2),
            smape: 12.5,
            wape: None,
            wql: Some(0.07),
            coverage: [Some(0.5), Some(0.81), None],
            bias: Some(-0.01),
            folds: 3,
        };
        Forecast {
            unique_id: unique_id.to_owned(),
            grid: Grid { start: Stamp::Time(time("2026-02-03T00:00:00Z")), frequency: Frequency::DAY },
            mean: vec![1.0 / 3.0, 2.0, 3.5],
            levels: vec![0.1, 0.5, 0.9],
            quantiles: vec![vec![0.2, 1.0, 2.0], vec![0.3, 2.0, 3.0], vec![0.4, 3.0, 1e-9]],
            members: vec![Member { model: "theta".to_owned(), weight: 1.0, mase: None }],
            reason: "best of the backtest".to_owned(),
            accuracy: Some(accuracy),
            baseline: None,
            mase_by_step: vec![Some(0.9), None, None],
            components: Components {
                trend: vec![1.0, 2.0, 3.0],
                seasonal: Vec::new(),
                event_multiplier: vec![1.0; 3],
            },
            warnings: vec!["short history".to_owned()],
        }
    }

    #[tokio::test]
    async fn forecasts_come_back_as_they_were() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let (as_of, at) = (time("2026-02-03T00:00:00Z"), time("2026-02-03T04:05:06Z"));
            let id = run::create(&mut conn, org, as_of, "0.1.0", at).await.unwrap();
            let both = [forecast("cost/service/a"), forecast("cost/total")];
            save(&mut conn, org, id, ForecastKind::Cost, &both).await.unwrap();
            save(&mut conn, org, id, ForecastKind::Demand, &[forecast("requests/web")]).await.unwrap();
            assert_eq!(load(&mut conn, org, id, ForecastKind::Cost).await.unwrap(), both);
            assert_eq!(list(&mut conn, org, id, None).await.unwrap().len(), 3);
            let costs = list(&mut conn, org, id, Some(ForecastKind::Cost)).await.unwrap();
            assert_eq!((costs[1].horizon, costs[1].model.as_deref()), (3, Some("theta")));

            // not shown before the run is finished
            assert_eq!(latest(&mut conn, org, "cost/total").await.unwrap(), None);
            assert!(past(&mut conn, org, "cost/total", at, 5).await.unwrap().is_empty());
            run::finish(&mut conn, org, id, at).await.unwrap();
            let stored = latest(&mut conn, org, "cost/total").await.unwrap().unwrap();
            assert_eq!((stored.run_id, stored.as_of, &stored.forecast), (id, as_of, &both[1]));
            let points = past(&mut conn, org, "cost/total", time("2026-02-05T00:00:00Z"), 5).await.unwrap();
            assert_eq!(points.iter().map(|point| point.step).collect::<Vec<_>>(), [1, 2]);
            assert_eq!(points[1].quantiles, [1.0, 2.0, 3.0]);
        })
        .await;
    }

    #[tokio::test]
    async fn forecasts_that_could_not_be_read_back_are_refused() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let id = run::create(&mut conn, org, at, "0.1.0", at).await.unwrap();
            let good = forecast("cost/total");
            let mut infinite = good.clone();
            infinite.mean[1] = f64::INFINITY;
            let mut no_score = good.clone();
            no_score.accuracy.as_mut().unwrap().smape = f64::NAN;
            let mut short = good.clone();
            short.quantiles[2].pop();
            let mut steps = good.clone();
            steps.grid = Grid { start: Stamp::Step(1), frequency: Frequency::Steps(1) };
            for bad in [infinite, no_score, short, steps] {
                let error = save(&mut conn, org, id, ForecastKind::Cost, &[bad]).await.unwrap_err();
                assert!(matches!(error, StoreError::Invalid(_)), "{error}");
            }
            save(&mut conn, org, id, ForecastKind::Cost, std::slice::from_ref(&good)).await.unwrap();
            let twice = save(&mut conn, org, id, ForecastKind::Cost, &[good]).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
        })
        .await;
    }
}
