//! `GET /api/v1/capacity`: capacity plans of the latest run, and what today's events and scenarios make of them.

use axum::extract::State;
use capacity::{Order, Outlook, Review, RunbookStep};
use domain::CapacityPlan;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::{Paging, Path};
use crate::error::WebError;
use crate::pages::scenarios;
use crate::state::App;
use crate::workload::{Known, configured};

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

/// What today's events and the saved scenarios make of a workload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outlooks {
    /// As the run planned, with today's events, and with each saved scenario on top of them; budgets are compared with
    /// the first.
    outlooks: Vec<Outlook>,
    /// What has to be ordered for today's events, most urgent first.
    orders: Vec<Order>,
}

/// A workload planned again with today's events, and under each saved scenario.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/outlooks",
    tag = "capacity",
    params(("workload" = String, Path, description = "Name of the workload")),
    responses((status = 200, body = Outlooks)),
)]
pub(crate) async fn outlooks(
    State(app): State<App>,
    mut read: Reading,
    Path(workload): Path<String>,
) -> Answer {
    let org = read.org;
    let known = Known::read(&mut read.conn, org, configured(&app, &workload)?).await?;
    let saved = scenarios::list(&mut read.conn, org).await?.into_iter().map(|(_, named)| named);
    let orders = known.orders_today().await?;
    let outlooks = known.outlooks(saved.collect()).await?;
    read.answer(&Outlooks { outlooks, orders })
}

/// What to do for an event, step by step, with the numbers of today's plan.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/runbooks/{event}",
    tag = "capacity",
    params(
        ("workload" = String, Path, description = "Name of the workload"),
        ("event" = i64, Path, description = "Key of the event"),
    ),
    responses((status = 200, body = Vec<RunbookStep>)),
)]
pub(crate) async fn runbook(
    State(app): State<App>,
    mut read: Reading,
    Path((workload, event)): Path<(String, i64)>,
) -> Answer {
    let org = read.org;
    let (known, event) = Known::about(&mut read.conn, org, configured(&app, &workload)?, event).await?;
    let steps = known.runbook(&event).await?;
    read.answer(&steps)
}

/// How an event went: the plan of the day before it, and what came.
#[utoipa::path(
    get,
    path = "/capacity/{workload}/reviews/{event}",
    tag = "capacity",
    params(
        ("workload" = String, Path, description = "Name of the workload"),
        ("event" = i64, Path, description = "Key of the event"),
    ),
    responses((status = 200, body = Review)),
)]
pub(crate) async fn review(
    State(app): State<App>,
    mut read: Reading,
    Path((workload, event)): Path<(String, i64)>,
) -> Answer {
    let org = read.org;
    let (known, event) = Known::about(&mut read.conn, org, configured(&app, &workload)?, event).await?;
    let review = known.review(&event).await?;
    read.answer(&review)
}

async fn plans(read: &mut Reading) -> Result<Vec<CapacityPlan>, WebError> {
    Ok(match store::run::latest(&mut read.conn, read.org).await? {
        Some(run) => store::capacity::list(&mut read.conn, read.org, run.id).await?,
        None => vec![],
    })
}
