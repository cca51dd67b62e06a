//! `/api/v1/sources`, `/api/v1/imports` and `/api/v1/reconciliation`: freshness and where the ledger comes from.

use store::charge::Reconciliation;
use store::manifest::Manifest;
use store::source::SourceStatus;

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::Paging;

/// Imports that can be paged through.
const IMPORTS: u32 = 10_000;

/// Sources with last run, next run, last error, rows and rejected rows.
#[utoipa::path(
    get,
    path = "/sources",
    tag = "sources",
    params(Paging),
    responses((status = 200, body = Page<SourceStatus>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let all = store::source::list(&mut read.conn, read.org).await?;
    read.page(all, &paging, |source| source.name.clone())
}

/// Imported files with their sums, latest first.
#[utoipa::path(
    get,
    path = "/imports",
    tag = "sources",
    params(Paging),
    responses((status = 200, body = Page<Manifest>)),
)]
pub(crate) async fn imports(mut read: Reading, paging: Paging) -> Answer {
    let all = store::manifest::list(&mut read.conn, read.org, None, IMPORTS).await?;
    read.page(all, &paging, |manifest| manifest.id.to_string())
}

/// Ledger beside files, rollup and invoice, by month and billing account.
#[utoipa::path(
    get,
    path = "/reconciliation",
    tag = "sources",
    params(Paging),
    responses((status = 200, body = Page<Reconciliation>)),
)]
pub(crate) async fn reconciliation(mut read: Reading, paging: Paging) -> Answer {
    let all = store::charge::reconciliation(&mut read.conn, read.org).await?;
    read.page(all, &paging, |row| {
        format!("{}/{}/{}/{}", row.billing_month, row.provider_name, row.billing_account_id, row.currency)
    })
}
