//! `GET /api/v1/capacity`: capacity plans of the latest run.

use domain::CapacityPlan;

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::{Paging, Path};
use crate::error::WebError;

/// Capacity plans: requirement and schedule by step, policies compared, quota dates.
#[utoipa::path(
    get,
    path = "/capacity",
    tag = "capacity",
    params(Paging),
    responses((status = 200, body = Page<CapacityPlan>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let all = plans(&mut read).await?;
    read.page(all, &paging, |plan| plan.unique_id.clone())
}

/// The capacity plan of one workload.
#[utoipa::path(
    get,
    path = "/capacity/{workload}",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, body = CapacityPlan)),
)]
pub(crate) async fn one(mut read: Reading, Path(workload): Path<String>) -> Answer {
    let found = plans(&mut read).await?.into_iter().find(|plan| plan.unique_id == workload);
    read.found(found, format!("There is no capacity plan of “{workload}”."))
}

async fn plans(read: &mut Reading) -> Result<Vec<CapacityPlan>, WebError> {
    Ok(match store::run::latest(&mut read.conn, read.org).await? {
        Some(run) => store::capacity::list(&mut read.conn, read.org, run.id).await?,
        None => vec![],
    })
}
