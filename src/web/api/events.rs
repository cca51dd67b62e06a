//! `/api/v1/events`: announced and past events.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::{Event, Stamp};
use serde::{Deserialize, Serialize};
use store::event::StoredEvent;
use utoipa::ToSchema;

use crate::api::answer::{Answer, Page, Reading, json, to_json};
use crate::api::request::{Body, Paging, Path};
use crate::api::writing::{IdempotencyKey, Writing, created};
use crate::error::WebError;
use crate::pages::events::check;

/// An event as sent.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBody {
    /// Its name, 1 to 120 letters.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// First instant, inclusive.
    starts_at: DateTime<Utc>,
    /// End, exclusive.
    ends_at: DateTime<Utc>,
    /// Multiplier of demand, above 0.
    #[schema(exclusive_minimum = 0)]
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
        if !(1..=120).contains(&letters) || self.name.contains(char::is_control) {
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
    responses((status = 200, body = Page<StoredEvent>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let all = store::event::list(&mut read.conn, read.org).await?;
    read.page(all, &paging, |stored| stored.id.to_string())
}

/// Announces an event. With an `Idempotency-Key`, sending it again gives the first answer again.
#[utoipa::path(
    post,
    path = "/events",
    tag = "capacity",
    params(IdempotencyKey),
    request_body = EventBody,
    responses((status = 201, body = StoredEvent, headers(("location" = String, description = "Path of the event")))),
)]
pub(crate) async fn create(mut write: Writing, Body(body): Body<EventBody>) -> Answer {
    let event = body.event()?;
    let answer = match write.answered(&body).await? {
        Some(answer) => answer,
        None => {
            let made = store::event::create(&mut write.conn, write.org, &event, &write.by, write.now).await;
            let id = made.as_ref().ok().map(|stored| stored.id.to_string());
            let answer = write.finish(StatusCode::CREATED, made).await?;
            write.note("event.create", &id.unwrap_or_default()).await?;
            answer
        }
    };
    Ok(created(answer, "/api/v1/events")?)
}

/// One event.
#[utoipa::path(
    get,
    path = "/events/{id}",
    tag = "capacity",
    params(("id" = i64, Path, description = "Key of the event")),
    responses((status = 200, body = StoredEvent)),
)]
pub(crate) async fn one(mut read: Reading, Path(id): Path<i64>) -> Answer {
    let event = store::event::get(&mut read.conn, read.org, id).await?;
    read.answer(&event)
}

/// Replaces an event.
#[utoipa::path(
    put,
    path = "/events/{id}",
    tag = "capacity",
    params(("id" = i64, Path, description = "Key of the event")),
    request_body = EventBody,
    responses((status = 200, body = StoredEvent)),
)]
pub(crate) async fn replace(mut write: Writing, Path(id): Path<i64>, Body(body): Body<EventBody>) -> Answer {
    let event = body.event()?;
    let stored = store::event::update(&mut write.conn, write.org, id, &event, &write.by, write.now).await?;
    write.note("event.update", &id.to_string()).await?;
    Ok(json(StatusCode::OK, to_json(&stored)?))
}

/// Removes an event.
#[utoipa::path(
    delete,
    path = "/events/{id}",
    tag = "capacity",
    params(("id" = i64, Path, description = "Key of the event")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn remove(mut write: Writing, Path(id): Path<i64>) -> Answer {
    store::event::delete(&mut write.conn, write.org, id).await?;
    write.note("event.delete", &id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
