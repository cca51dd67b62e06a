//! Runs: what each stage handled and how long it took.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::RunId;
use store::run::{Run, RunStatus};

use crate::error::WebError;
use crate::layout::{Layout, page};
use crate::session::{Visitor, connection};
use crate::state::App;

/// Runs listed.
const RUNS: u32 = 100;

#[derive(Template)]
#[template(path = "runs.html")]
struct ListPage {
    layout: Layout,
    now: DateTime<Utc>,
    runs: Vec<Run>,
}

/// `GET /runs`.
pub(crate) async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let runs = store::run::list(&mut conn, visitor.org(), RUNS).await?;
    page(&ListPage { layout: Layout::new(&visitor, "/runs", "Runs"), now: app.now(), runs })
}

#[derive(Template)]
#[template(path = "run.html")]
struct DetailPage {
    layout: Layout,
    run: Run,
    total_ms: u64,
}

/// `GET /runs/{id}`.
pub(crate) async fn detail(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let run = store::run::get(&mut conn, visitor.org(), RunId(id)).await?;
    let total_ms = run.stages.iter().map(|stage| stage.duration_ms).sum();
    page(&DetailPage { layout: Layout::new(&visitor, "/runs", format!("Run {id}")), run, total_ms })
}

/// How a run stands, in words.
fn status_text(run: &Run) -> &'static str {
    match run.status {
        RunStatus::Running => "under way, or its process died",
        RunStatus::Done => "done",
        RunStatus::Failed => "failed",
    }
}
