//! `POST /api/v1/backtests:compute`: the twin of `headroom backtest`.

use axum::extract::State;
use domain::Event;
use forecast::{Backtest, BacktestReport, BacktestSettings, Request};
use rayon::prelude::*;
use serde::Deserialize;
use utoipa::ToSchema;

use super::forecasts::MAX_HORIZON;
use super::rows::Faults;
use super::series::{SeriesBody, check_events, series, unused_events};
use crate::api::answer::Answer;
use crate::api::request::Body;
use crate::session::Caller;
use crate::state::App;

/// Origins.
const MAX_WINDOWS: usize = 20;

/// What to score.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BacktestsBody {
    /// The series: at most 200, with at most 50,000 values together.
    #[schema(min_items = 1, max_items = 200)]
    series: Vec<SeriesBody>,
    /// Steps ahead that are scored, 1 to 2000.
    #[schema(minimum = 1, maximum = 2000)]
    horizon: usize,
    /// Origins, 1 to 20; 3 when absent.
    #[schema(minimum = 1, maximum = 20)]
    windows: Option<usize>,
    /// Steps between origins; the horizon when absent.
    #[schema(minimum = 1, maximum = 50_000)]
    step: Option<usize>,
    /// Season lengths in steps to look for first, 1 for no season; found when absent.
    #[schema(max_items = 100)]
    season_lengths: Option<Vec<usize>>,
    /// Events known at every origin.
    #[serde(default)]
    #[schema(max_items = 1000)]
    events: Vec<Event>,
}

/// How good forecasts of these series would have been, had they been made earlier.
#[utoipa::path(
    post,
    operation_id = "compute_backtests",
    path = "/backtests:compute",
    tag = "forecasts",
    request_body = BacktestsBody,
    responses((status = 200, body = BacktestReport)),
)]
pub(crate) async fn compute(State(app): State<App>, _: Caller, Body(body): Body<BacktestsBody>) -> Answer {
    let mut faults = Faults::default();
    let mut settings = BacktestSettings::new(Request::new(body.horizon));
    settings.windows = body.windows.unwrap_or(settings.windows);
    settings.step = body.step.unwrap_or(settings.step);
    settings.request.season_lengths = body.season_lengths;
    faults.want((1..=MAX_HORIZON).contains(&body.horizon), || "horizon".to_owned(), "1 to 2000 steps");
    faults.want((1..=MAX_WINDOWS).contains(&settings.windows), || "windows".to_owned(), "1 to 20 origins");
    faults.want((1..=50_000).contains(&settings.step), || "step".to_owned(), "1 to 50000 steps");
    let lengths = settings.request.season_lengths.iter().flatten();
    faults.want(lengths.clone().count() <= 100, || "season_lengths".to_owned(), "at most 100 lengths");
    faults.want(lengths.clone().all(|length| *length > 0), || "season_lengths".to_owned(), "above 0");
    check_events(&body.events, &mut faults);
    settings.request.events = body.events;
    let series = series(body.series, "series", 0, &mut faults);
    faults.none()?;
    let (started, clock) = (app.now(), app.clone());
    let compute = move || {
        let mut scored: Vec<Backtest> =
            series.par_iter().map(|series| forecast::backtest(series, &settings)).collect();
        let unused = unused_events(&settings.request.events, "events", &series);
        scored.iter_mut().for_each(|series| series.warnings.extend_from_slice(&unused));
        let seconds = (clock.now() - started).as_seconds_f64();
        Ok(BacktestReport::new(&settings, scored, seconds))
    };
    app.computations.answer(compute).await
}
