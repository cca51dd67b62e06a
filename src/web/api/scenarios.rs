//! `/api/v1/scenarios`: saved what-ifs, to be compared for any workload.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use capacity::Scenario;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::{Body, Paging, Path};
use crate::api::writing::{IdempotencyKey, Writing, created};
use crate::error::WebError;
use crate::pages::scenarios::{self, UNREADABLE, check, check_name, read};
use crate::purchases_under::{Facts, PurchasesUnder, failed};
use crate::state::App;

/// Most changes of one scenario.
const MAX_CHANGES: usize = 20;

/// A scenario as sent.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioBody {
    /// Its name, 1 to 80 letters, unique.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// The changes, applied one after the other.
    #[schema(min_items = 1, max_items = 20)]
    changes: Vec<Scenario>,
}

/// A scenario that is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedScenario {
    /// Key.
    id: i64,
    /// Its name.
    name: String,
    /// The changes, applied one after the other.
    changes: Vec<Scenario>,
    /// Who made it.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
}

impl SavedScenario {
    fn of(stored: store::scenario::Scenario) -> Option<Self> {
        let changes = read(&stored)?;
        let store::scenario::Scenario { id, name, created_by, created_at, .. } = stored;
        Some(Self { id, name, changes, created_by, created_at })
    }
}

/// Scenarios by name.
#[utoipa::path(
    get,
    path = "/scenarios",
    tag = "capacity",
    params(Paging),
    responses((status = 200, body = Page<SavedScenario>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let org = read.org;
    let all = store::scenario::list(&mut read.conn, org).await?;
    let all: Vec<SavedScenario> = all.into_iter().filter_map(SavedScenario::of).collect();
    read.page(all, &paging, |scenario| scenario.id.to_string())
}

/// Saves a scenario. With an `Idempotency-Key`, sending it again gives the first answer again.
#[utoipa::path(
    post,
    path = "/scenarios",
    tag = "capacity",
    params(IdempotencyKey),
    request_body = ScenarioBody,
    responses((status = 201, body = SavedScenario, headers(("location" = String, description = "Path of the scenario")))),
)]
pub(crate) async fn create(mut write: Writing, Body(body): Body<ScenarioBody>) -> Answer {
    let name = check_name(&body.name)?;
    if !(1..=MAX_CHANGES).contains(&body.changes.len()) {
        let problem = WebError::Invalid("changes", format!("A scenario has 1 to {MAX_CHANGES} changes."));
        return Err(problem.into());
    }
    let changes = body.changes.iter().cloned().map(check).collect::<Result<Vec<_>, _>>()?;
    let answer = match write.answered(&body).await? {
        Some(answer) => answer,
        None => {
            let assumptions = serde_json::to_value(&changes).map_err(|_| WebError::Internal)?;
            let (org, by, now) = (write.org, write.by.clone(), write.now);
            let made = store::scenario::create(&mut write.conn, org, &name, &assumptions, &by, now).await;
            let made = made.map_err(WebError::from);
            let made = made.and_then(|stored| SavedScenario::of(stored).ok_or(WebError::Internal));
            let id = made.as_ref().ok().map(|stored| stored.id.to_string());
            let answer = write.finish(StatusCode::CREATED, made).await?;
            write.note("scenario.create", &id.unwrap_or_default()).await?;
            answer
        }
    };
    Ok(created(answer, "/api/v1/scenarios")?)
}

/// One scenario.
#[utoipa::path(
    get,
    path = "/scenarios/{id}",
    tag = "capacity",
    params(("id" = i64, Path, description = "Key of the scenario")),
    responses((status = 200, body = SavedScenario)),
)]
pub(crate) async fn one(mut read: Reading, Path(id): Path<i64>) -> Answer {
    let org = read.org;
    let stored = store::scenario::get(&mut read.conn, org, id).await?;
    read.found(SavedScenario::of(stored), UNREADABLE)
}

/// What would be bought under a scenario beside what would be bought as it goes, and what the purchases that are advised
/// today are worth if it comes true. Planned anew on each call: it takes some seconds.
#[utoipa::path(
    get,
    path = "/scenarios/{id}/purchases",
    tag = "capacity",
    params(("id" = i64, Path, description = "Key of the scenario")),
    responses((status = 200, body = PurchasesUnder)),
)]
pub(crate) async fn purchases(State(app): State<App>, mut reading: Reading, Path(id): Path<i64>) -> Answer {
    let org = reading.org;
    let scenario = scenarios::get(&mut reading.conn, org, id).await?;
    let facts = Facts::read(&mut reading.conn, org, &app).await?;
    // Others can have the connection while this computes.
    drop(reading);
    let compare = move || facts.compare(&scenario).map_err(|error| failed(&error));
    app.computations.answer(compare).await
}

/// Removes a scenario.
#[utoipa::path(
    delete,
    path = "/scenarios/{id}",
    tag = "capacity",
    params(("id" = i64, Path, description = "Key of the scenario")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn remove(mut write: Writing, Path(id): Path<i64>) -> Answer {
    store::scenario::delete(&mut write.conn, write.org, id).await?;
    write.note("scenario.delete", &id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
