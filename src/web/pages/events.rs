//! Events: announced and past ones, added, changed and removed by editors.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::{Event, Stamp};
use serde::Deserialize;
use store::audit::NewEntry;

use crate::error::{WebError, see_other};
use crate::layout::{Layout, page};
use crate::pages::capacity::{parse_time, positive};
use crate::session::{Visitor, connection};
use crate::state::App;
use crate::workload::event_demands;

/// Longest name of an event.
const MAX_NAME_LETTERS: usize = 120;

/// The form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventForm {
    pub(crate) name: String,
    pub(crate) starts_at: String,
    pub(crate) ends_at: String,
    pub(crate) multiplier: String,
    pub(crate) multiplier_low: String,
    pub(crate) multiplier_high: String,
    pub(crate) unique_id: String,
}

impl EventForm {
    /// The form of an event that is there.
    fn of(event: &Event) -> Self {
        let time = |stamp: Stamp| match stamp {
            Stamp::Time(at) => at.format("%Y-%m-%dT%H:%M").to_string(),
            Stamp::Step(step) => step.to_string(),
        };
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        Self {
            name: event.name.clone(),
            starts_at: time(event.starts_at),
            ends_at: time(event.ends_at),
            multiplier: event.multiplier.to_string(),
            multiplier_low: number(event.multiplier_low),
            multiplier_high: number(event.multiplier_high),
            unique_id: event.unique_id.clone().unwrap_or_default(),
        }
    }

    /// The event, or the first field that can't be used.
    fn event(&self) -> Result<Event, WebError> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME_LETTERS {
            return Err(WebError::Invalid("name", format!("A name has 1 to {MAX_NAME_LETTERS} letters.")));
        }
        let (starts_at, ends_at) =
            (parse_time("starts_at", &self.starts_at)?, parse_time("ends_at", &self.ends_at)?);
        let multiplier = positive("multiplier", &self.multiplier)?.ok_or_else(|| {
            WebError::Invalid("multiplier", "By how much does demand multiply? 10 is ten times.".to_owned())
        })?;
        check(Event {
            name: name.to_owned(),
            starts_at: Stamp::Time(starts_at),
            ends_at: Stamp::Time(ends_at),
            multiplier,
            multiplier_low: positive("multiplier_low", &self.multiplier_low)?,
            multiplier_high: positive("multiplier_high", &self.multiplier_high)?,
            unique_id: Some(self.unique_id.trim().to_owned()).filter(|id| !id.is_empty()),
        })
    }
}

/// An event whose times and multipliers are in order.
pub(crate) fn check(event: Event) -> Result<Event, WebError> {
    if event.ends_at <= event.starts_at {
        return Err(WebError::Invalid("ends_at", "The end must be after the start.".to_owned()));
    }
    let (low, high) = (event.low(), event.high());
    if !(low > 0.0 && low <= event.multiplier && event.multiplier <= high && high.is_finite()) {
        let wanted = "Low, expected and high multiplier must be above 0 and in that order.";
        return Err(WebError::Invalid("multiplier", wanted.to_owned()));
    }
    Ok(event)
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    layout: Layout,
    title: &'static str,
    action: String,
    form: EventForm,
    series: Vec<String>,
    problem: Option<String>,
}

/// `GET /capacity/events/{id}`.
pub(crate) async fn edit(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let stored = store::event::get(&mut conn, visitor.org(), id).await?;
    form_page(&app, &visitor, Some(id), EventForm::of(&stored.event), None)
}

/// `POST /capacity/events`.
pub(crate) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<EventForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let event = match form.event() {
        Ok(event) => event,
        Err(error) => return refused(&app, &visitor, None, form, error),
    };
    let mut conn = connection(&app).await?;
    let stored =
        store::event::create(&mut conn, visitor.org(), &event, &visitor.user.email, app.now()).await?;
    note(&mut conn, &visitor, "event.create", stored.id, &event, app.now()).await?;
    Ok(see_other("/capacity?done=saved"))
}

/// `POST /capacity/events/{id}`.
pub(crate) async fn update(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(form): Form<EventForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let event = match form.event() {
        Ok(event) => event,
        Err(error) => return refused(&app, &visitor, Some(id), form, error),
    };
    let mut conn = connection(&app).await?;
    store::event::update(&mut conn, visitor.org(), id, &event, &visitor.user.email, app.now()).await?;
    note(&mut conn, &visitor, "event.update", id, &event, app.now()).await?;
    Ok(see_other("/capacity?done=saved"))
}

/// `POST /capacity/events/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let stored = store::event::get(&mut conn, visitor.org(), id).await?;
    store::event::delete(&mut conn, visitor.org(), id).await?;
    note(&mut conn, &visitor, "event.delete", id, &stored.event, app.now()).await?;
    Ok(see_other("/capacity?done=deleted"))
}

async fn note(
    conn: &mut store::PgConnection,
    visitor: &Visitor,
    action: &str,
    id: i64,
    event: &Event,
    at: DateTime<Utc>,
) -> Result<(), WebError> {
    let subject = id.to_string();
    let detail = serde_json::to_value(event).unwrap_or_default();
    let entry = NewEntry { actor: &visitor.user.email, action, subject: &subject, detail };
    Ok(store::audit::record(conn, visitor.org(), &entry, at).await?)
}

fn refused(
    app: &App,
    visitor: &Visitor,
    id: Option<i64>,
    form: EventForm,
    error: WebError,
) -> Result<Response, WebError> {
    let page = form_page(app, visitor, id, form, Some(error.detail()))?;
    Ok((error.status(), page).into_response())
}

fn form_page(
    app: &App,
    visitor: &Visitor,
    id: Option<i64>,
    form: EventForm,
    problem: Option<String>,
) -> Result<Response, WebError> {
    let title = if id.is_some() { "Change event" } else { "Add event" };
    page(&EventPage {
        layout: Layout::new(visitor, "/capacity", title),
        title,
        action: id.map_or_else(|| "/capacity/events".to_owned(), |id| format!("/capacity/events/{id}")),
        form,
        series: event_demands(app),
        problem,
    })
}
