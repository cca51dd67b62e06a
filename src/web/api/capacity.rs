//! `GET /api/v1/capacity`: capacity plans of the latest run.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use domain::CapacityPlan;

use crate::api::answer::{ListBody, Paging, answer, page_of};
use crate::error::{Problem, ProblemBody, WebError};
use crate::session::{Caller, connection};
use crate::state::App;

/// Capacity plans: requirement and schedule by step, policies compared, quota dates.
#[utoipa::path(
    get,
    path = "/capacity",
    tag = "capacity",
    params(Paging),
    responses((status = 200, body = ListBody), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    answer(&headers, &page_of(plans(&app, &caller).await?, &paging, |plan| plan.unique_id.clone())?)
}

/// The capacity plan of one workload.
#[utoipa::path(
    get,
    path = "/capacity/{workload}",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(workload): Path<String>,
) -> Result<Response, Problem> {
    let found = plans(&app, &caller).await?.into_iter().find(|plan| plan.unique_id == workload);
    let missing = || WebError::NotFound(format!("There is no capacity plan of “{workload}”."));
    answer(&headers, &found.ok_or_else(missing)?)
}

async fn plans(app: &App, caller: &Caller) -> Result<Vec<CapacityPlan>, WebError> {
    let mut conn = connection(app).await?;
    Ok(match store::run::latest(&mut conn, caller.org).await? {
        Some(run) => store::capacity::list(&mut conn, caller.org, run.id).await?,
        None => vec![],
    })
}
