//! `GET /api/v1/forecasts`: forecasts of the latest run, in short and in full.

use store::forecast::{ForecastSummary, StoredForecast};

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::{Paging, Path};

/// Forecasts of the latest run with their scores, without points.
#[utoipa::path(
    get,
    path = "/forecasts",
    tag = "forecasts",
    params(Paging),
    responses((status = 200, body = Page<ForecastSummary>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let all = match store::run::latest(&mut read.conn, read.org).await? {
        Some(run) => store::forecast::list(&mut read.conn, read.org, run.id, None).await?,
        None => vec![],
    };
    read.page(all, &paging, |summary| summary.unique_id.clone())
}

/// One forecast: mean and quantiles by step, members, reason, accuracy and baseline.
#[utoipa::path(
    get,
    path = "/forecasts/{unique_id}",
    tag = "forecasts",
    params(("unique_id" = String, Path, description = "Name of the series, with its slashes percent-encoded")),
    responses((status = 200, body = StoredForecast)),
)]
pub(crate) async fn one(mut read: Reading, Path(unique_id): Path<String>) -> Answer {
    let found = store::forecast::latest(&mut read.conn, read.org, &unique_id).await?;
    read.found(found, format!("There is no forecast “{unique_id}”."))
}
