//! `/api/v1/runs`: runs of the pipeline and their stages.

use domain::RunId;
use store::run::Run;

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::{Paging, Path};

/// Runs that can be paged through.
const RUNS: u32 = 10_000;

/// Runs, latest first.
#[utoipa::path(get, path = "/runs", tag = "runs", params(Paging), responses((status = 200, body = Page<Run>)))]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let all = store::run::list(&mut read.conn, read.org, RUNS).await?;
    read.page(all, &paging, |run| run.id.to_string())
}

/// One run with its stages.
#[utoipa::path(
    get,
    path = "/runs/{id}",
    tag = "runs",
    params(("id" = i64, Path, description = "Key of the run")),
    responses((status = 200, body = Run)),
)]
pub(crate) async fn one(mut read: Reading, Path(id): Path<i64>) -> Answer {
    let run = store::run::get(&mut read.conn, read.org, RunId(id)).await?;
    read.answer(&run)
}
