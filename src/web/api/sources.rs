//! `/api/v1/sources`, `/api/v1/imports` and `/api/v1/reconciliation`: freshness and where the ledger comes from.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::answer::{ListBody, Paging, answer, page_of};
use crate::error::{Problem, ProblemBody};
use crate::session::{Caller, connection};
use crate::state::App;

/// Imports that can be paged through.
const IMPORTS: u32 = 10_000;

/// Sources with last run, next run, last error, rows and rejected rows.
#[utoipa::path(
    get,
    path = "/sources",
    tag = "sources",
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
    let all = store::source::list(&mut conn, caller.org).await?;
    answer(&headers, &page_of(all, &paging, |source| source.name.clone())?)
}

/// Imported files with their sums, latest first.
#[utoipa::path(
    get,
    path = "/imports",
    tag = "sources",
    params(Paging),
    responses((status = 200, body = ListBody), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn imports(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    let all = store::manifest::list(&mut conn, caller.org, None, IMPORTS).await?;
    answer(&headers, &page_of(all, &paging, |manifest| manifest.id.to_string())?)
}

/// Ledger beside files, rollup and invoice, by month and billing account.
#[utoipa::path(
    get,
    path = "/reconciliation",
    tag = "sources",
    params(Paging),
    responses((status = 200, body = ListBody), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn reconciliation(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    let all = store::charge::reconciliation(&mut conn, caller.org).await?;
    let key = |row: &store::charge::Reconciliation| {
        format!("{}/{}/{}/{}", row.billing_month, row.provider_name, row.billing_account_id, row.currency)
    };
    answer(&headers, &page_of(all, &paging, key)?)
}
