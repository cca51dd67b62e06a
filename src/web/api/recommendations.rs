//! `/api/v1/recommendations` and `/api/v1/plan`.

use axum::extract::State;
use axum::http::StatusCode;
use domain::{ActionType, AdviceReplay, RiskLabel};
use store::plan::{StoredPlan, StoredRecommendation};

use crate::api::answer::{Answer, Page, Reading, json};
use crate::api::request::{Body, Paging, Path, Query};
use crate::api::writing::{IdempotencyKey, Writing};
use crate::error::WebError;
use crate::pages::recommendations::{Decision, Selection, exported, record};
use crate::state::App;

/// Words of `status` and of `sort`.
const STATUSES: [&str; 6] = ["open", "accepted", "snoozed", "dismissed", "done", "all"];
const SORTS: [&str; 3] = ["savings", "risk", "team"];

/// Recommendations of the latest plan with where they stand, largest saving first.
#[utoipa::path(
    get,
    path = "/recommendations",
    tag = "recommendations",
    params(
        Paging,
        ("status" = Option<String>, Query, description = "open (default), accepted, snoozed, dismissed, done or all"),
        ("team" = Option<String>, Query, description = "Owning team, (none) for untagged"),
        ("action" = Option<ActionType>, Query, description = "Action type, such as Rightsize"),
        ("risk" = Option<RiskLabel>, Query, description = "very_low, low, medium or high"),
        ("q" = Option<String>, Query, description = "Part of summary, resource or account"),
        ("sort" = Option<String>, Query, description = "savings (default), risk or team"),
    ),
    responses((status = 200, body = Page<StoredRecommendation>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    mut read: Reading,
    Query(selection): Query<Selection>,
    paging: Paging,
) -> Answer {
    all_known(&selection)?;
    let all = match store::plan::latest(&mut read.conn, read.org).await? {
        Some(plan) => store::plan::recommendations(&mut read.conn, read.org, plan.run_id, app.now()).await?,
        None => vec![],
    };
    read.page(selection.apply(all), &paging, |stored| stored.recommendation.key.clone())
}

/// What carries out recommendations of the latest plan: Terraform, or a bash script for the tool of one cloud. A script
/// shows its commands and calls nothing unless it is told to, looks before each step whether everything is still as it was,
/// and neither deletes nor buys without an option that says so.
#[utoipa::path(
    get,
    path = "/recommendations/exports/{format}",
    tag = "recommendations",
    params(
        ("format" = String, Path, description = "terraform, aws-cli, azure-cli or gcp-cli"),
        ("status" = Option<String>, Query, description = "As in the list, several with commas (default: open,accepted)"),
        ("team" = Option<String>, Query, description = "Owning team, (none) for untagged"),
        ("action" = Option<ActionType>, Query, description = "Action type, such as Rightsize"),
        ("risk" = Option<RiskLabel>, Query, description = "very_low, low, medium or high"),
        ("q" = Option<String>, Query, description = "Part of summary, resource or account"),
        ("key" = Option<String>, Query, description = "Key of the only one"),
    ),
    responses((status = 200, body = String, content_type = "text/plain")),
)]
pub(crate) async fn export(
    State(app): State<App>,
    mut read: Reading,
    Path(format): Path<String>,
    Query(selection): Query<Selection>,
) -> Answer {
    all_known(&selection)?;
    Ok(exported(&mut read.conn, &app, read.org, &selection, &format).await?)
}

fn all_known(selection: &Selection) -> Result<(), WebError> {
    for status in selection.status.split(',') {
        known("status", status, &STATUSES)?;
    }
    known("sort", &selection.sort, &SORTS)?;
    known("action", &selection.action, &ActionType::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>())?;
    known("risk", &selection.risk, &RiskLabel::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>())
}

/// A misspelt filter would look like an empty list.
fn known(field: &'static str, word: &str, words: &[&str]) -> Result<(), WebError> {
    if word.is_empty() || words.contains(&word) {
        return Ok(());
    }
    Err(WebError::Invalid(field, format!("{field} must be one of {}.", words.join(", "))))
}

/// One recommendation with where it stands.
#[utoipa::path(
    get,
    path = "/recommendations/{key}",
    tag = "recommendations",
    params(("key" = String, Path, description = "Key, with its slashes percent-encoded")),
    responses((status = 200, body = StoredRecommendation)),
)]
pub(crate) async fn one(State(app): State<App>, mut read: Reading, Path(key): Path<String>) -> Answer {
    let stored = store::plan::recommendation(&mut read.conn, read.org, &key, app.now()).await?;
    read.answer(&stored)
}

/// Decides on a recommendation: accept, snooze, dismiss with a reason, mark done, reopen, or undo.
#[utoipa::path(
    post,
    path = "/recommendations/{key}/status",
    tag = "recommendations",
    params(IdempotencyKey, ("key" = String, Path, description = "Key, with its slashes percent-encoded")),
    request_body = Decision,
    responses((status = 200, body = StoredRecommendation)),
)]
pub(crate) async fn decide(
    State(app): State<App>,
    mut write: Writing,
    Path(key): Path<String>,
    Body(decision): Body<Decision>,
) -> Answer {
    if let Some(answer) = write.answered(&decision).await? {
        return Ok(json(StatusCode::OK, answer.body));
    }
    let recorded = record(&mut write.conn, &app, write.org, &write.by, &key, &decision).await;
    let stored = match recorded {
        Ok(_) => store::plan::recommendation(&mut write.conn, write.org, &key, app.now())
            .await
            .map_err(WebError::from),
        Err(error) => Err(error),
    };
    let answer = write.finish(StatusCode::OK, stored).await?;
    Ok(json(StatusCode::OK, answer.body))
}

/// The latest plan: waterfall, recommendations, skips and assumptions.
#[utoipa::path(get, path = "/plan", tag = "recommendations", responses((status = 200, body = StoredPlan)))]
pub(crate) async fn plan(mut read: Reading) -> Answer {
    let stored = store::plan::latest(&mut read.conn, read.org).await?;
    read.found(stored, "There is no plan yet.")
}

/// Had the advice of older plans been followed: what was paid since, what would have been, and how often less would have been
/// too little. As found by the run of the latest plan, the most recent advice first.
#[utoipa::path(get, path = "/plan/replays", tag = "recommendations", params(Paging),
    responses((status = 200, body = Page<AdviceReplay>)))]
pub(crate) async fn replays(mut read: Reading, paging: Paging) -> Answer {
    let replays = match store::plan::latest(&mut read.conn, read.org).await? {
        Some(plan) => store::advice_replay::list(&mut read.conn, read.org, plan.run_id).await?,
        None => vec![],
    };
    read.page(replays, &paging, |replay| replay.run_id.to_string())
}
