//! Forecasts of a run, point by point, and how earlier ones turned out.

use chrono::{DateTime, Utc};
use domain::{Accuracy, Forecast, OrganizationId, RunId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;

/// What is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForecastKind {
    /// Daily cost in the organization's currency.
    Cost,
    /// Hourly demand (requests, queue length, …).
    Demand,
    /// Hourly utilization of a resource.
    Utilization,
}

/// A forecast with the run that made it.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    todo!()
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
    todo!()
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
    todo!()
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
    todo!()
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
    todo!()
}
