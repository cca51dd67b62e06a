//! `GET /api/v1/anomalies`: costs that were not what was to be expected.

use store::anomaly::Anomaly;

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::Paging;

/// Unexpected costs that the latest run found, latest first.
#[utoipa::path(
    get,
    path = "/anomalies",
    tag = "costs",
    params(Paging),
    responses((status = 200, body = Page<Anomaly>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let all = match store::run::latest(&mut read.conn, read.org).await? {
        Some(run) => store::anomaly::list(&mut read.conn, read.org, run.id).await?,
        None => vec![],
    };
    read.page(all, &paging, |anomaly| format!("{}/{}", anomaly.day, anomaly.unique_id))
}
