//! `GET /api/v1/forecasts`: forecasts of the latest run, in short and in full.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::answer::{ListBody, Paging, answer, page_of};
use crate::error::{Problem, ProblemBody, WebError};
use crate::session::{Caller, connection};
use crate::state::App;

/// Forecasts of the latest run with their scores, without points.
#[utoipa::path(
    get,
    path = "/forecasts",
    tag = "forecasts",
    params(Paging),
    responses((status = 200, body = ListBody), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    let all = match store::run::latest(&mut conn, caller.org).await? {
        Some(run) => store::forecast::list(&mut conn, caller.org, run.id, None).await?,
        None => vec![],
    };
    answer(&headers, &page_of(all, &paging, |summary| summary.unique_id.clone())?)
}

/// One forecast: mean and quantiles by step, members, reason, accuracy and baseline.
#[utoipa::path(
    get,
    path = "/forecasts/{unique_id}",
    tag = "forecasts",
    params(("unique_id" = String, Path, description = "Name of the series, with its slashes percent-encoded")),
    responses((status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(unique_id): Path<String>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    let found = store::forecast::latest(&mut conn, caller.org, &unique_id).await?;
    let missing = || WebError::NotFound(format!("There is no forecast “{unique_id}”."));
    answer(&headers, &found.ok_or_else(missing)?)
}
