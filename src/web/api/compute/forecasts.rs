//! `POST /api/v1/forecasts:compute`: the twin of `headroom forecast`.

use axum::extract::State;
use domain::{Event, Forecast, Series};
use forecast::{Driver, Request};
use serde::Deserialize;
use utoipa::ToSchema;

use super::rows::Faults;
use super::series::{SeriesBody, check_events, series, unused_events};
use crate::api::answer::Answer;
use crate::api::request::Body;
use crate::error::WebError;
use crate::session::Caller;
use crate::state::App;

/// Steps ahead.
pub(super) const MAX_HORIZON: usize = 2_000;
/// Quantile levels, and season lengths.
const MAX_LEVELS: usize = 100;

/// What to forecast.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForecastsBody {
    /// The series: at most 200, with at most 50,000 values together.
    #[schema(min_items = 1, max_items = 200)]
    series: Vec<SeriesBody>,
    /// Steps ahead, 1 to 2000.
    #[schema(minimum = 1, maximum = 2000)]
    horizon: usize,
    /// Quantile levels between 0 and 1; nine of them when absent.
    #[schema(min_items = 1, max_items = 100)]
    levels: Option<Vec<f64>>,
    /// Season lengths in steps to look for first, 1 for no season; found when absent.
    #[schema(max_items = 100)]
    season_lengths: Option<Vec<usize>>,
    /// Series known ahead that drive all others, with a value for every step ahead.
    #[serde(default)]
    #[schema(max_items = 200)]
    drivers: Vec<SeriesBody>,
    /// Past and announced events.
    #[serde(default)]
    #[schema(max_items = 1000)]
    events: Vec<Event>,
}

impl ForecastsBody {
    /// The series, and what is asked about them.
    pub(super) fn check(self) -> Result<(Vec<Series>, Request), WebError> {
        let mut faults = Faults::default();
        let horizon = (1..=MAX_HORIZON).contains(&self.horizon);
        faults.want(horizon, || "horizon".to_owned(), "1 to 2000 steps");
        let few = |length: Option<usize>| length.is_none_or(|length| length <= MAX_LEVELS);
        faults.want(few(self.levels.as_ref().map(Vec::len)), || "levels".to_owned(), "at most 100 levels");
        let lengths = few(self.season_lengths.as_ref().map(Vec::len));
        faults.want(lengths, || "season_lengths".to_owned(), "at most 100 lengths");
        check_events(&self.events, &mut faults);
        let drivers = if self.drivers.is_empty() {
            Vec::new()
        } else {
            series(self.drivers, "drivers", 0, &mut faults)
        };
        let series = series(self.series, "series", self.horizon, &mut faults);
        faults.none()?;
        let mut request = Request::new(self.horizon);
        request.levels = self.levels.unwrap_or(request.levels);
        request.season_lengths = self.season_lengths;
        request.events = self.events;
        request.drivers = drivers.into_iter().map(Driver::from).collect();
        request.check().map_err(|error| WebError::Invalid("body", error.to_string()))?;
        Ok((series, request))
    }
}

/// Forecasts series that are sent along, as `headroom forecast` does for files.
#[utoipa::path(
    post,
    operation_id = "compute_forecasts",
    path = "/forecasts:compute",
    tag = "forecasts",
    request_body = ForecastsBody,
    responses((status = 200, body = Vec<Forecast>)),
)]
pub(crate) async fn compute(State(app): State<App>, _: Caller, Body(body): Body<ForecastsBody>) -> Answer {
    let (series, request) = body.check()?;
    let compute = move || {
        let mut forecasts = forecast::forecast_all(&series, &request);
        // an answer has no other place for them, and each forecast may be read alone
        let unused = unused_events(&request.events, "events", &series);
        forecasts.iter_mut().for_each(|forecast| forecast.warnings.extend_from_slice(&unused));
        Ok(forecasts)
    };
    app.computations.answer(compute).await
}
