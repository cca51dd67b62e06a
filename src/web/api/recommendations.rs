//! `/api/v1/recommendations` and `/api/v1/plan`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use crate::api::answer::{ListBody, Paging, answer, page_of};
use crate::api::events::usable;
use crate::error::{Problem, ProblemBody, WebError};
use crate::pages::recommendations::{Decision, Selection, record};
use crate::session::{Caller, connection};
use crate::state::App;

/// Recommendations of the latest plan with where they stand, largest saving first.
#[utoipa::path(
    get,
    path = "/recommendations",
    tag = "recommendations",
    params(
        Paging,
        ("status" = Option<String>, Query, description = "open (default), accepted, snoozed, dismissed, done or all"),
        ("team" = Option<String>, Query, description = "Owning team, (none) for untagged"),
        ("action" = Option<String>, Query, description = "Action type, such as Rightsize"),
        ("risk" = Option<String>, Query, description = "very_low, low, medium or high"),
        ("q" = Option<String>, Query, description = "Part of summary, resource or account"),
        ("sort" = Option<String>, Query, description = "savings (default), risk or team"),
    ),
    responses((status = 200, body = ListBody), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(selection): Query<Selection>,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    let all = match store::plan::latest(&mut conn, caller.org).await? {
        Some(plan) => store::plan::recommendations(&mut conn, caller.org, plan.run_id, app.now()).await?,
        None => vec![],
    };
    answer(&headers, &page_of(selection.apply(all), &paging, |stored| stored.recommendation.key.clone())?)
}

/// One recommendation with where it stands.
#[utoipa::path(
    get,
    path = "/recommendations/{key}",
    tag = "recommendations",
    params(("key" = String, Path, description = "Key, with its slashes percent-encoded")),
    responses((status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    answer(&headers, &store::plan::recommendation(&mut conn, caller.org, &key, app.now()).await?)
}

/// Decides on a recommendation: accept, snooze, dismiss with a reason, mark done, reopen, or undo.
#[utoipa::path(
    post,
    path = "/recommendations/{key}/status",
    tag = "recommendations",
    params(("key" = String, Path, description = "Key, with its slashes percent-encoded")),
    request_body = Decision,
    responses(
        (status = 200, body = serde_json::Value),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    ),
)]
pub(crate) async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(key): Path<String>,
    body: Result<Json<Decision>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.writer()?;
    let decision = usable(body)?;
    let mut conn = connection(&app).await?;
    record(&mut conn, &app, caller.org, &caller.name, &key, &decision).await?;
    Ok(Json(store::plan::recommendation(&mut conn, caller.org, &key, app.now()).await?).into_response())
}

/// The latest plan: waterfall, recommendations, skips and assumptions.
#[utoipa::path(
    get,
    path = "/plan",
    tag = "recommendations",
    responses((status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn plan(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    let stored = store::plan::latest(&mut conn, caller.org).await?;
    answer(&headers, &stored.ok_or_else(|| WebError::NotFound("There is no plan yet.".to_owned()))?)
}
