//! `/api/v1/events`: announced and past events.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, Utc};
use domain::{Event, Stamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::audit::NewEntry;
use store::idempotency::{self, Answer, Known};
use utoipa::ToSchema;

use crate::api::answer::{ListBody, Paging, answer, page_of};
use crate::error::{Problem, ProblemBody, WebError};
use crate::pages::events::check;
use crate::session::{Caller, connection};
use crate::state::App;

/// How long an unfinished request keeps its key.
const STALE_MINUTES: i64 = 5;

/// An event as sent.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBody {
    /// Its name, 1 to 120 letters.
    name: String,
    /// First instant, inclusive.
    #[schema(value_type = String, format = DateTime)]
    starts_at: DateTime<Utc>,
    /// End, exclusive.
    #[schema(value_type = String, format = DateTime)]
    ends_at: DateTime<Utc>,
    /// Multiplier of demand, above 0.
    multiplier: f64,
    /// P10 of it; 30 % below when absent.
    multiplier_low: Option<f64>,
    /// P90 of it; 30 % above when absent.
    multiplier_high: Option<f64>,
    /// The one demand series that it concerns; all when absent.
    unique_id: Option<String>,
}

impl EventBody {
    fn event(&self) -> Result<Event, WebError> {
        let letters = self.name.trim().chars().count();
        if !(1..=120).contains(&letters) {
            return Err(WebError::Invalid("name", "A name has 1 to 120 letters.".to_owned()));
        }
        check(Event {
            name: self.name.trim().to_owned(),
            starts_at: Stamp::Time(self.starts_at),
            ends_at: Stamp::Time(self.ends_at),
            multiplier: self.multiplier,
            multiplier_low: self.multiplier_low,
            multiplier_high: self.multiplier_high,
            unique_id: self.unique_id.clone(),
        })
    }
}

/// Events by start.
#[utoipa::path(
    get,
    path = "/events",
    tag = "capacity",
    params(Paging),
    responses((status = 200, body = ListBody), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(paging): Query<Paging>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    let all = store::event::list(&mut conn, caller.org).await?;
    answer(&headers, &page_of(all, &paging, |stored| stored.id.to_string())?)
}

/// Announces an event. With an `Idempotency-Key`, sending it again gives the first answer again.
#[utoipa::path(
    post,
    path = "/events",
    tag = "capacity",
    params(("Idempotency-Key" = Option<String>, Header, description = "Up to 200 characters of the caller's choice")),
    request_body = EventBody,
    responses(
        (status = 201, body = serde_json::Value),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<EventBody>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.writer()?;
    let body = usable(body)?;
    let event = body.event()?;
    let mut conn = connection(&app).await?;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    if key.is_some_and(|key| key.is_empty() || key.len() > 200) {
        return Err(Problem(WebError::Invalid(
            "Idempotency-Key",
            "A key has 1 to 200 characters.".to_owned(),
        )));
    }
    if let Some(key) = key {
        let request = serde_json::to_vec(&body).unwrap_or_default();
        let digest = Sha256::digest([b"POST /events ", request.as_slice()].concat());
        let stale = app.now() - Duration::minutes(STALE_MINUTES);
        match idempotency::begin(&mut conn, caller.org, key, &digest, app.now(), stale).await? {
            Known::New => {}
            Known::InProgress => {
                return Err(Problem(WebError::Conflict("The same request is under way.".to_owned())));
            }
            Known::OtherRequest => {
                let reason = "The key was used for another request.".to_owned();
                return Err(Problem(WebError::Invalid("Idempotency-Key", reason)));
            }
            Known::Answered(known) => {
                let status = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
                return Ok((status, [(header::CONTENT_TYPE, "application/json")], known.body).into_response());
            }
        }
    }
    let made = store::event::create(&mut conn, caller.org, &event, &caller.name, app.now()).await;
    let stored = match (made, key) {
        (Ok(stored), _) => stored,
        (Err(error), key) => {
            if let Some(key) = key {
                idempotency::forget(&mut conn, caller.org, key).await?;
            }
            return Err(error.into());
        }
    };
    note(&mut conn, &app, &caller, "event.create", stored.id).await?;
    let bytes = serde_json::to_vec(&stored).unwrap_or_default();
    if let Some(key) = key {
        let answer = Answer { status: StatusCode::CREATED.as_u16(), body: bytes.clone() };
        idempotency::finish(&mut conn, caller.org, key, &answer).await?;
    }
    let location = [(header::LOCATION, format!("/api/v1/events/{}", stored.id))];
    Ok((StatusCode::CREATED, location, [(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// One event.
#[utoipa::path(
    get,
    path = "/events/{id}",
    tag = "capacity",
    params(("id" = i64, Path)),
    responses((status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)),
)]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let mut conn = connection(&app).await?;
    answer(&headers, &store::event::get(&mut conn, caller.org, id).await?)
}

/// Replaces an event.
#[utoipa::path(
    put,
    path = "/events/{id}",
    tag = "capacity",
    params(("id" = i64, Path)),
    request_body = EventBody,
    responses(
        (status = 200, body = serde_json::Value),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody),
    ),
)]
pub(crate) async fn replace(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
    body: Result<Json<EventBody>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.writer()?;
    let event = usable(body)?.event()?;
    let mut conn = connection(&app).await?;
    let stored = store::event::update(&mut conn, caller.org, id, &event, &caller.name, app.now()).await?;
    note(&mut conn, &app, &caller, "event.update", id).await?;
    Ok(Json(stored).into_response())
}

/// Removes an event.
#[utoipa::path(
    delete,
    path = "/events/{id}",
    tag = "capacity",
    params(("id" = i64, Path)),
    responses(
        (status = 204),
        (status = 401, body = ProblemBody),
        (status = 403, body = ProblemBody),
        (status = 404, body = ProblemBody),
    ),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    caller.writer()?;
    let mut conn = connection(&app).await?;
    store::event::delete(&mut conn, caller.org, id).await?;
    note(&mut conn, &app, &caller, "event.delete", id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A JSON body, or what is wrong with it.
pub(crate) fn usable<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    body.map(|Json(body)| body).map_err(|rejection| Problem(WebError::Invalid("body", rejection.body_text())))
}

async fn note(
    conn: &mut store::PgConnection,
    app: &App,
    caller: &Caller,
    action: &str,
    id: i64,
) -> Result<(), WebError> {
    let subject = id.to_string();
    let entry = NewEntry { actor: &caller.name, action, subject: &subject, detail: serde_json::Value::Null };
    Ok(store::audit::record(conn, caller.org, &entry, app.now()).await?)
}
