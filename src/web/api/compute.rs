//! Stateless computation: series in, forecasts or capacity plans out; nothing is stored.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use capacity::{PolicyName, SettingsInput, Simulation};
use chrono::{DateTime, Utc};
use domain::{Event, Frequency, Grid, Series, Stamp};
use forecast::Request;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::events::usable;
use crate::error::{Problem, ProblemBody, WebError};
use crate::session::Caller;

/// Values of one request, over all series: about what a request may keep two cores busy with for a minute.
const MAX_VALUES: usize = 50_000;
/// Series of one request.
const MAX_SERIES: usize = 200;
/// Steps ahead.
const MAX_HORIZON: usize = 2_000;

/// One series on a regular grid.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeriesBody {
    /// Its name.
    unique_id: String,
    /// When the first value was true.
    #[schema(value_type = String, format = DateTime)]
    start: DateTime<Utc>,
    /// Distance between values in seconds: 3600 for hours, 86400 for days.
    step_seconds: i64,
    /// The values, oldest first; null where nothing was measured.
    y: Vec<Option<f64>>,
}

/// What to forecast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForecastsBody {
    /// The series.
    series: Vec<SeriesBody>,
    /// Steps ahead, 1 to 2000.
    horizon: usize,
    /// Quantile levels between 0 and 1; nine of them when absent.
    levels: Option<Vec<f64>>,
    /// Season lengths in steps; detected when absent.
    season_lengths: Option<Vec<usize>>,
    /// Past and announced events, as in `domain.Event`.
    #[serde(default)]
    #[schema(value_type = Vec<serde_json::Value>)]
    events: Vec<Event>,
}

impl ForecastsBody {
    fn check(self) -> Result<(Vec<Series>, Request), WebError> {
        let values: usize = self.series.iter().map(|series| series.y.len()).sum();
        if self.series.is_empty() || self.series.len() > MAX_SERIES || values > MAX_VALUES {
            let limits = format!("Send 1 to {MAX_SERIES} series with at most {MAX_VALUES} values together.");
            return Err(WebError::Invalid("series", limits));
        }
        if !(1..=MAX_HORIZON).contains(&self.horizon) {
            return Err(WebError::Invalid("horizon", format!("horizon must be 1 to {MAX_HORIZON}.")));
        }
        let mut request = Request::new(self.horizon);
        request.levels = self.levels.unwrap_or(request.levels);
        request.season_lengths = self.season_lengths;
        request.events = self.events;
        request.check().map_err(|error| WebError::Invalid("body", error.to_string()))?;
        let series = self.series.into_iter().map(|series| {
            if !(1..=31_536_000).contains(&series.step_seconds) {
                return Err(WebError::Invalid(
                    "step_seconds",
                    "step_seconds must be 1 to 31536000.".to_owned(),
                ));
            }
            if series.y.is_empty() {
                return Err(WebError::Invalid(
                    "y",
                    format!("The series “{}” has no value.", series.unique_id),
                ));
            }
            let frequency = Frequency::Seconds(series.step_seconds);
            let grid = Grid { start: Stamp::Time(series.start), frequency };
            Ok(Series { unique_id: series.unique_id, grid, values: series.y })
        });
        Ok((series.collect::<Result<_, _>>()?, request))
    }
}

/// Forecasts series that are sent along.
#[utoipa::path(
    post,
    path = "/forecasts:compute",
    tag = "forecasts",
    request_body = ForecastsBody,
    responses((status = 200, body = Vec<serde_json::Value>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn forecasts(
    _: Caller,
    body: Result<Json<ForecastsBody>, JsonRejection>,
) -> Result<Response, Problem> {
    let (series, request) = usable(body)?.check()?;
    let made = tokio::task::spawn_blocking(move || forecast::forecast_all(&series, &request)).await;
    Ok(Json(made.map_err(gone)?).into_response())
}

/// A workload and its demand so far.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapacityBody {
    /// Demand, in the unit of `unit_throughput`, and how far to look ahead.
    demand: ForecastsBody,
    /// Demand at which one instance saturates.
    unit_throughput: f64,
    /// Share of it to be used; 0.7 when absent.
    target_utilization: Option<f64>,
    /// From asking for an instance until it serves; 600 when absent.
    lead_time_seconds: Option<u32>,
    /// Zones the group spans; 3 when absent.
    zones: Option<u32>,
    /// none, instance or zone.
    survive: Option<String>,
    /// Accepted probability that demand exceeds the plan; 0.01 when absent.
    risk: Option<f64>,
    /// Quota in instances.
    limit: Option<u32>,
}

/// Plans capacity for demand that is sent along: forecast, requirement, schedule, policies compared.
#[utoipa::path(
    post,
    path = "/capacity:compute",
    tag = "capacity",
    request_body = CapacityBody,
    responses((status = 200, body = Vec<serde_json::Value>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn capacity(
    _: Caller,
    body: Result<Json<CapacityBody>, JsonRejection>,
) -> Result<Response, Problem> {
    let body = usable(body)?;
    let mut input = SettingsInput::new(body.unit_throughput);
    input.target_utilization = body.target_utilization.unwrap_or(input.target_utilization);
    input.lead_time_seconds = body.lead_time_seconds.unwrap_or(input.lead_time_seconds);
    input.zones = body.zones.unwrap_or(input.zones);
    input.risk = body.risk.unwrap_or(input.risk);
    input.limit = body.limit;
    let unusable = |error: capacity::SettingsError| WebError::Invalid("settings", error.to_string());
    if let Some(survive) = body.survive {
        input.survive = survive.parse().map_err(unusable)?;
    }
    let settings = input.check().map_err(unusable)?;
    let (series, mut request) = body.demand.check()?;
    request.levels = settings.forecast_levels();
    request.lower_bound = Some(0.0);
    let made = tokio::task::spawn_blocking(move || {
        let names = [PolicyName::Planned, PolicyName::Reactive(70), PolicyName::StaticPeak];
        let plan = |demand: &domain::Forecast| {
            let mut plan = capacity::plan(demand, &settings);
            let path = capacity::path(demand, 0.9);
            let runs = capacity::compare(&plan, &path, &names, &settings, &Simulation::of(&settings));
            plan.policies = runs.into_iter().map(|run| run.outcome).collect();
            plan
        };
        forecast::forecast_all(&series, &request).iter().map(plan).collect::<Vec<_>>()
    });
    Ok(Json(made.await.map_err(gone)?).into_response())
}

fn gone(error: tokio::task::JoinError) -> WebError {
    tracing::error!(%error, "a computation ended without an answer");
    WebError::Internal
}
