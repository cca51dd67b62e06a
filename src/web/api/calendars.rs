//! `/api/v1/calendars`: holidays and shopping days, added to the events and removed as one.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use capacity::DaySet;
use domain::Event;
use serde::Serialize;
use store::event::StoredEvent;
use utoipa::ToSchema;

use crate::api::answer::{Answer, Page, Reading, json};
use crate::api::request::{Body, Paging, Path};
use crate::api::writing::{IdempotencyKey, Writing};
use crate::error::WebError;
use crate::pages::calendar::{Asked, split};

/// A set of days.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Calendar {
    /// Its word in calls.
    days: String,
    /// What people call it.
    name: String,
    /// Its days among the events, by time; empty while it is not added.
    events: Vec<StoredEvent>,
}

/// What adding a set of days did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Added {
    /// Its word.
    days: String,
    /// The days that are among the events now.
    events: Vec<Event>,
    /// Names of days that were announced already, and are left as they are: demand is not to multiply twice.
    known: Vec<String>,
}

/// The sets of days that can be added, each with its days among the events.
#[utoipa::path(
    get,
    operation_id = "list_calendars",
    path = "/calendars",
    tag = "capacity",
    params(Paging),
    responses((status = 200, body = Page<Calendar>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let stored = store::event::list(&mut read.conn, read.org).await?;
    let calendar = |set: DaySet| {
        let own = stored.iter().filter(|event| event.calendar.as_deref() == Some(set.word()));
        Calendar { days: set.word().to_owned(), name: set.name().to_owned(), events: own.cloned().collect() }
    };
    let all = DaySet::ALL.into_iter().map(calendar).collect();
    read.page(all, &paging, |calendar: &Calendar| calendar.days.clone())
}

/// Adds a set of days to the events, without those that are announced already. With an `Idempotency-Key`, sending it again
/// gives the first answer again.
#[utoipa::path(
    post,
    operation_id = "add_calendar",
    path = "/calendars",
    tag = "capacity",
    params(IdempotencyKey),
    request_body = Asked,
    responses((status = 201, body = Added)),
)]
pub(crate) async fn add(mut write: Writing, Body(body): Body<Asked>) -> Answer {
    let (set, events) = body.events(write.now)?;
    let answer = match write.answered(&body).await? {
        Some(answer) => answer,
        None => {
            let stored = store::event::list(&mut write.conn, write.org).await?;
            let (events, known) = split(events, &stored);
            let (org, by, now) = (write.org, write.by.clone(), write.now);
            let word = set.word();
            let made = store::event::create_calendar(&mut write.conn, org, word, &events, &by, now).await;
            let made = made.map(|()| Added { days: word.to_owned(), events, known });
            let answer = write.finish(StatusCode::CREATED, made).await?;
            write.note("calendar.create", word).await?;
            answer
        }
    };
    Ok(json(StatusCode::CREATED, answer.body))
}

/// Removes the days that were added with a set.
#[utoipa::path(
    delete,
    operation_id = "remove_calendar",
    path = "/calendars/{days}",
    tag = "capacity",
    params(("days" = String, Path, description = "Word of the set")),
    responses((status = 204, description = "They are gone")),
)]
pub(crate) async fn remove(mut write: Writing, Path(days): Path<String>) -> Answer {
    let count = store::event::delete_calendar(&mut write.conn, write.org, &days).await?;
    if count == 0 {
        return Err(WebError::NotFound(format!("No day was added with “{days}”.")).into());
    }
    write.note("calendar.delete", &days).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
