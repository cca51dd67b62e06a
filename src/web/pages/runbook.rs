//! An event and one workload: the run-book before it, the review after it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use capacity::{Review, RunbookStep};
use chart::Staffing;
use domain::{CapacityKind, Event, Stamp};

use crate::error::WebError;
use crate::figure::Figure;
use crate::layout::{Layout, page};
use crate::pages::capacity::demand_unit;
use crate::session::{Visitor, connection};
use crate::state::{App, Workload};
use crate::workload::{Known, configured};

#[derive(Template)]
#[template(path = "runbook.html")]
struct RunbookPage {
    layout: Layout,
    name: String,
    event: Event,
    steps: Vec<RunbookStep>,
    kind: CapacityKind,
    /// End of the forecast, where the event begins after it.
    ends_before: Option<Stamp>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    layout: Layout,
    name: String,
    event: Event,
    review: Review,
    kind: CapacityKind,
    figure: Figure,
}

/// `GET /capacity/runbooks/{event}/{workload}`: what to do when, made to be printed.
pub(crate) async fn runbook(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, name)): Path<(i64, String)>,
) -> Result<Response, WebError> {
    let (known, event) = read(&app, &visitor, id, &name).await?;
    page(&RunbookPage {
        layout: Layout::new(&visitor, "/capacity", format!("Run-book of {}", event.name)),
        steps: known.runbook(&event).await?,
        kind: configured(&app, &name)?.settings.kind,
        ends_before: Some(known.ends_at()).filter(|end| *end <= event.starts_at),
        name,
        event,
    })
}

/// `GET /capacity/reviews/{event}/{workload}`: forecast, plan and what came.
pub(crate) async fn review(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, name)): Path<(i64, String)>,
) -> Result<Response, WebError> {
    let (known, event) = read(&app, &visitor, id, &name).await?;
    let review = known.review(&event).await?;
    let workload = configured(&app, &name)?;
    page(&ReviewPage {
        layout: Layout::new(&visitor, "/capacity", format!("Review of {}", event.name)),
        figure: drawn(&review, workload),
        kind: workload.settings.kind,
        review,
        name,
        event,
    })
}

async fn read(app: &App, visitor: &Visitor, id: i64, name: &str) -> Result<(Known, Event), WebError> {
    let mut conn = connection(app).await?;
    Known::about(&mut conn, visitor.org(), configured(app, name)?, id).await
}

/// What was expected and what came, above; what was scheduled and what it would have taken, below.
fn drawn(review: &Review, workload: &Workload) -> Figure {
    let rows: Vec<_> = review.rows.iter().filter_map(|row| Some((row.ds.time()?, row))).collect();
    let kind = workload.settings.kind;
    let chart = Staffing {
        demand_unit: demand_unit(&workload.demand).to_owned(),
        unit: kind.unit().to_owned(),
        times: rows.iter().map(|(at, _)| *at).collect(),
        demand_p50: rows.iter().map(|(_, row)| row.demand_p50).collect(),
        demand_p95: rows.iter().map(|(_, row)| row.demand_p95).collect(),
        came: rows.iter().map(|(_, row)| row.demand).collect(),
        required: rows.iter().map(|(_, row)| f64::from(row.needed.unwrap_or(0))).collect(),
        scheduled: rows.iter().map(|(_, row)| f64::from(row.scheduled)).collect(),
        limit: None,
        marks: vec![],
    };
    let title = format!("What came of {} and what was planned for it", review.event);
    let description = format!(
        "Demand as forecast the day before and as it came, above; below, the {} it took and those that were scheduled.",
        kind.unit()
    );
    Figure::draw("review", &title, &description, 380, |frame| chart.svg(frame))
}
