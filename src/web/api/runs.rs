//! `/api/v1/runs`: runs of the pipeline and their stages.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::RunId;

use crate::api::answer::{ListBody, Paging, answer, page_of};
use crate::error::{Problem, ProblemBody};
use crate::session::{Caller, connection};
use crate::state::App;

/// Runs that can be paged through.
const RUNS: u32 = 10_000;

/// Runs, latest first.
#[utoipa::path(
    get,
    path = "/runs",
    tag = "runs",
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
    let all = store::run::list(&mut conn, caller.org, RUNS).await?;
    answer(&headers, &page_of(all, &paging, |run| run.id.to_string())?)
}

/// One run with its stages.
#[utoipa::path(
    get,
    path = "/runs/{id}",
    tag = "runs",
    params(("id" = i64, Path)),
    responses((status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    answer(&headers, &store::run::get(&mut conn, caller.org, RunId(id)).await?)
}
