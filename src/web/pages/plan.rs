//! The plan: one waterfall whose steps add up exactly, and what was left alone.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chart::{Fall, Unit, Waterfall};
use domain::{AdviceReplay, Step, to_cents, to_statistic};
use rust_decimal::Decimal;
use store::plan::StoredPlan;

use crate::csv::{self, Cell};
use crate::error::WebError;
use crate::figure::Figure;
use crate::layout::{Layout, page};
use crate::path;
use crate::session::{Visitor, connection};
use crate::show;
use crate::state::App;

/// Skips listed on the page; the JSON has all.
const SKIPS: usize = 500;

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    layout: Layout,
    stored: Option<StoredPlan>,
    figure: Option<Figure>,
    saving: Decimal,
    share: f64,
    annual: Decimal,
    shown_skips: usize,
    /// What would have come of older plans, the most recent first.
    replays: Vec<AdviceReplay>,
}

/// `GET /plan`.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let stored = store::plan::latest(&mut conn, visitor.org()).await?;
    let replays = match &stored {
        Some(stored) => store::advice_replay::list(&mut conn, visitor.org(), stored.run_id).await?,
        None => vec![],
    };
    let saving = stored.as_ref().map_or(Decimal::ZERO, |stored| stored.plan.before - stored.plan.after);
    let before = stored.as_ref().map_or(0.0, |stored| to_statistic(stored.plan.before));
    page(&PlanPage {
        layout: Layout::new(&visitor, "/plan", "Plan"),
        figure: stored.as_ref().map(waterfall),
        share: if before > 0.0 { to_statistic(saving) / before } else { 0.0 },
        saving,
        annual: to_cents(saving * Decimal::from(12)),
        shown_skips: SKIPS,
        replays,
        stored,
    })
}

/// `GET /plan.json`: the plan as stored.
pub(crate) async fn json(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let stored = store::plan::latest(&mut conn, visitor.org()).await?;
    let stored = stored.ok_or_else(|| WebError::NotFound("There is no plan yet.".to_owned()))?;
    Ok(axum::Json(stored).into_response())
}

/// `GET /plan.csv`: the waterfall.
pub(crate) async fn file(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let stored = store::plan::latest(&mut conn, visitor.org()).await?;
    let plan = stored.ok_or_else(|| WebError::NotFound("There is no plan yet.".to_owned()))?.plan;
    let rows = plan.steps.iter().map(|step| {
        vec![
            step.step.as_str().into(),
            Cell::Number(Decimal::from(step.count)),
            Cell::Number(step.stand_alone),
            Cell::Number(step.incremental),
            plan.currency.as_str().into(),
        ]
    });
    let header =
        ["step", "recommendations", "stand_alone_monthly_savings", "incremental_monthly_savings", "currency"];
    Ok(csv::download("plan.csv", &header, rows.collect()))
}

fn waterfall(stored: &StoredPlan) -> Figure {
    let plan = &stored.plan;
    let chart = Waterfall {
        unit: Unit::Money(plan.currency),
        before: ("Monthly cost now".to_owned(), to_statistic(plan.before)),
        changes: plan
            .steps
            .iter()
            .map(|step| Fall {
                label: step_name(step.step).to_owned(),
                change: -to_statistic(step.incremental),
            })
            .collect(),
        after: "With the plan".to_owned(),
    };
    let description = format!(
        "From {} to {} per month, step by step.",
        show::money(plan.before, plan.currency),
        show::money(plan.after, plan.currency)
    );
    Figure::draw("plan", "Monthly cost, step by step", &description, 280, |frame| chart.svg(frame))
}

/// How much of the claim came true, in words.
pub(crate) fn came_true(realized: impl show::Given<Decimal>, claimed: impl show::Given<Decimal>) -> String {
    let (realized, claimed) = (realized.given(), claimed.given());
    if claimed.is_zero() { "–".to_owned() } else { show::percent(to_statistic(realized / claimed)) }
}

/// A step in words.
pub(crate) fn step_name(step: impl show::Given<Step>) -> &'static str {
    match step.given() {
        Step::Delete => "Delete what is idle",
        Step::Rightsize => "Resize",
        Step::Schedule => "Schedule",
        Step::Move => "Move elsewhere",
        Step::Spot => "Move to spot",
        Step::Storage => "Storage classes",
        Step::Commit => "Commit",
    }
}
