//! Sources: what came when, what was refused, and whether the ledger adds up with files and invoices.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::ManifestId;
use store::charge::Reconciliation;
use store::manifest::{Manifest, Part};
use store::source::SourceStatus;

use crate::error::WebError;
use crate::layout::{Layout, page};
use crate::session::{Visitor, connection};
use crate::state::App;

/// Imports listed.
const IMPORTS: u32 = 100;

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    layout: Layout,
    now: DateTime<Utc>,
    sources: Vec<SourceStatus>,
    imports: Vec<Manifest>,
}

/// `GET /sources`.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    page(&SourcesPage {
        layout: Layout::new(&visitor, "/sources", "Sources"),
        now: app.now(),
        sources: store::source::list(&mut conn, visitor.org()).await?,
        imports: store::manifest::list(&mut conn, visitor.org(), None, IMPORTS).await?,
    })
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    layout: Layout,
    id: ManifestId,
    parts: Vec<Part>,
}

/// `GET /sources/imports/{id}`.
pub(crate) async fn import(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let id = ManifestId(id);
    let parts = store::manifest::parts(&mut conn, visitor.org(), id).await?;
    if parts.is_empty() {
        return Err(WebError::NotFound(format!("There is no import {id}.")));
    }
    page(&ImportPage { layout: Layout::new(&visitor, "/sources", format!("Import {id}")), id, parts })
}

#[derive(Template)]
#[template(path = "reconciliation.html")]
struct ReconciliationPage {
    layout: Layout,
    rows: Vec<Reconciliation>,
    consistent: usize,
}

/// `GET /sources/reconciliation`.
pub(crate) async fn reconciliation(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let rows = store::charge::reconciliation(&mut conn, visitor.org()).await?;
    page(&ReconciliationPage {
        layout: Layout::new(&visitor, "/sources", "Reconciliation"),
        consistent: rows.iter().filter(|row| row.is_consistent()).count(),
        rows,
    })
}
