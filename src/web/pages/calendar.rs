//! Holidays and shopping days, added to the events in one step: a preview, then all of them; removed as one.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use capacity::DaySet;
use chrono::{DateTime, Months, Utc};
use domain::{Event, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::audit::NewEntry;
use store::event::StoredEvent;
use utoipa::ToSchema;

use crate::error::{WebError, see_other};
use crate::layout::{Layout, page};
use crate::pages::capacity::positive;
use crate::pages::events::check;
use crate::session::{Visitor, connection};
use crate::state::App;
use crate::workload::event_demands;

/// Years ahead that are added where the form does not say, and at most.
const YEARS: (u32, u32) = (2, 5);

/// The form as typed; the preview has it in its address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CalendarForm {
    pub(crate) days: String,
    pub(crate) multiplier: String,
    pub(crate) multiplier_low: String,
    pub(crate) multiplier_high: String,
    pub(crate) years: String,
    pub(crate) past: String,
    pub(crate) unique_id: String,
}

impl CalendarForm {
    /// The set of days and its events, or the first field that can't be used.
    fn events(&self, now: DateTime<Utc>) -> Result<(DaySet, Vec<Event>), WebError> {
        let wanted = "By how much does demand multiply on these days? 0.8 is a fifth less.";
        let multiplier = positive("multiplier", &self.multiplier)?
            .ok_or_else(|| WebError::Invalid("multiplier", wanted.to_owned()))?;
        let asked = Asked {
            days: self.days.clone(),
            multiplier,
            multiplier_low: positive("multiplier_low", &self.multiplier_low)?,
            multiplier_high: positive("multiplier_high", &self.multiplier_high)?,
            years: positive("years", &self.years)?.map(|years| years.round() as u32),
            past: Some(!self.past.is_empty()),
            unique_id: Some(self.unique_id.trim().to_owned()).filter(|id| !id.is_empty()),
        };
        asked.events(now)
    }
}

/// A set of days, and what demand does on them.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Which days: `de`, `fr`, `gb`, `us` or `shopping`; `GET /calendars` lists them.
    pub(crate) days: String,
    /// Expected demand times this.
    #[schema(exclusive_minimum = 0)]
    multiplier: f64,
    /// P10 of the multiplier; 30 % below it when absent.
    multiplier_low: Option<f64>,
    /// P90 of the multiplier; 30 % above it when absent.
    multiplier_high: Option<f64>,
    /// Years ahead; 2 when absent.
    #[schema(minimum = 1, maximum = 5)]
    years: Option<u32>,
    /// Also the days of the last year, so that their effect is learned; not when absent.
    past: Option<bool>,
    /// The demand series that they are about; all when absent.
    unique_id: Option<String>,
}

impl Asked {
    /// The set of days and its events, or the first field that can't be used.
    pub(crate) fn events(&self, now: DateTime<Utc>) -> Result<(DaySet, Vec<Event>), WebError> {
        let set = DaySet::ALL.into_iter().find(|set| set.word() == self.days);
        let set = set.ok_or_else(|| WebError::Invalid("days", "Choose a set of days.".to_owned()))?;
        let years = self.years.unwrap_or(YEARS.0);
        if !(1..=YEARS.1).contains(&years) {
            return Err(WebError::Invalid("years", format!("Give 1 to {} years.", YEARS.1)));
        }
        let like = check(Event {
            name: set.name().to_owned(),
            starts_at: Stamp::Time(now),
            ends_at: Stamp::Time(now + chrono::Duration::days(1)),
            multiplier: self.multiplier,
            multiplier_low: self.multiplier_low,
            multiplier_high: self.multiplier_high,
            unique_id: self.unique_id.clone(),
        })?;
        let back = Months::new(if self.past == Some(true) { 12 } else { 0 });
        let (from, until) = (now - back, now + Months::new(12 * years));
        Ok((set, set.events(&like, from, until)))
    }
}

/// The events that are not announced yet, and the names of those that are: demand is not to multiply twice.
pub(crate) fn split(events: Vec<Event>, stored: &[StoredEvent]) -> (Vec<Event>, Vec<String>) {
    let is_known = |event: &Event| {
        let same = |name: &str| name.eq_ignore_ascii_case(&event.name);
        stored.iter().any(|stored| same(stored.event.name.trim()))
    };
    let (known, new): (Vec<Event>, Vec<Event>) = events.into_iter().partition(is_known);
    (new, known.into_iter().map(|event| event.name).collect())
}

/// Sets of days among the events, by their word: name, and number of days.
pub(crate) fn added(stored: &[StoredEvent]) -> Vec<(String, String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for calendar in stored.iter().filter_map(|stored| stored.calendar.as_deref()) {
        *counts.entry(calendar).or_default() += 1;
    }
    counts.into_iter().map(|(word, count)| (word.to_owned(), name(word).to_owned(), count)).collect()
}

/// What people call a set of days; one of another version by its word.
fn name(word: &str) -> &str {
    DaySet::ALL.iter().find(|set| set.word() == word).map_or(word, |set| set.name())
}

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage {
    layout: Layout,
    form: CalendarForm,
    series: Vec<String>,
    title: &'static str,
    events: Vec<Event>,
    known: Vec<String>,
    problem: Option<String>,
}

/// `GET /capacity/calendar`: what would be added.
pub(crate) async fn preview(
    State(app): State<App>,
    visitor: Visitor,
    Query(form): Query<CalendarForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let stored = store::event::list(&mut conn, visitor.org()).await?;
    if form.days.is_empty() {
        return calendar_page(&app, &visitor, form, Ok(("", vec![])), &stored);
    }
    let found = form.events(app.now()).map(|(set, events)| (set.name(), events));
    let status = found.as_ref().err().map(WebError::status);
    let page = calendar_page(&app, &visitor, form, found, &stored)?;
    Ok(match status {
        Some(status) => (status, page).into_response(),
        None => page,
    })
}

/// `POST /capacity/calendar`: all of it.
pub(crate) async fn add(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<CalendarForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let stored = store::event::list(conn, org).await?;
    let (set, events) = match form.events(app.now()) {
        Ok(found) => found,
        Err(error) => {
            let status = error.status();
            let page = calendar_page(&app, &visitor, form, Err(error), &stored)?;
            return Ok((status, page).into_response());
        }
    };
    let (new, _) = split(events, &stored);
    let by = &visitor.user.email;
    store::event::create_calendar(conn, org, set.word(), &new, by, app.now()).await?;
    note(conn, &visitor, "calendar.create", set.word(), new.len() as u64, app.now()).await?;
    Ok(see_other("/capacity?done=saved#events"))
}

/// Which set of days goes.
#[derive(Debug, Deserialize)]
pub(crate) struct Removed {
    days: String,
}

/// `POST /capacity/calendar/delete`.
pub(crate) async fn remove(
    State(app): State<App>,
    visitor: Visitor,
    Form(removed): Form<Removed>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let count = store::event::delete_calendar(&mut conn, visitor.org(), &removed.days).await?;
    if count == 0 {
        return Err(WebError::NotFound(format!("No day was added with “{}”.", name(&removed.days))));
    }
    note(&mut conn, &visitor, "calendar.delete", &removed.days, count, app.now()).await?;
    Ok(see_other("/capacity?done=deleted#events"))
}

async fn note(
    conn: &mut store::PgConnection,
    visitor: &Visitor,
    action: &str,
    days: &str,
    count: u64,
    at: DateTime<Utc>,
) -> Result<(), WebError> {
    let detail = json!({ "days": count });
    let entry = NewEntry { actor: &visitor.user.email, action, subject: days, detail };
    Ok(store::audit::record(conn, visitor.org(), &entry, at).await?)
}

fn calendar_page(
    app: &App,
    visitor: &Visitor,
    form: CalendarForm,
    found: Result<(&'static str, Vec<Event>), WebError>,
    stored: &[StoredEvent],
) -> Result<Response, WebError> {
    let (title, events, problem) = match found {
        Ok((title, events)) => (title, events, None),
        Err(error) => ("", vec![], Some(error.detail())),
    };
    let (events, known) = split(events, stored);
    page(&CalendarPage {
        layout: Layout::new(visitor, "/capacity", "Add holidays"),
        form,
        series: event_demands(app),
        title,
        events,
        known,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-01T00:00:00Z".parse().unwrap()
    }

    fn form(days: &str, multiplier: &str, years: &str) -> CalendarForm {
        CalendarForm {
            days: days.to_owned(),
            multiplier: multiplier.to_owned(),
            years: years.to_owned(),
            ..CalendarForm::default()
        }
    }

    #[test]
    fn days_ahead_are_found_and_those_that_are_announced_are_left_out() {
        let (set, events) = form("shopping", "3", "").events(now()).unwrap();
        assert_eq!((set, events.len()), (DaySet::Shopping, 6));
        let with_past = CalendarForm { past: "on".to_owned(), ..form("shopping", "3", "1") };
        assert_eq!(with_past.events(now()).unwrap().1.len(), 6);
        let stored = StoredEvent {
            id: 1,
            event: Event { name: "black friday 2026 ".to_owned(), ..events[0].clone() },
            calendar: None,
            changed_by: "ada".to_owned(),
            changed_at: now(),
        };
        let (new, known) = split(events, std::slice::from_ref(&stored));
        assert_eq!((new.len(), known), (5, vec!["Black Friday 2026".to_owned()]));
        let added_one = StoredEvent { calendar: Some("de".to_owned()), ..stored };
        assert_eq!(added(&[added_one]), [("de".to_owned(), "Public holidays of Germany".to_owned(), 1)]);
    }

    #[test]
    fn what_cannot_be_used_names_its_field() {
        for (form, field) in [
            (form("mars", "1", ""), "days"),
            (form("de", "", ""), "multiplier"),
            (form("de", "-1", ""), "multiplier"),
            (form("de", "1", "6"), "years"),
            (CalendarForm { multiplier_low: "2".to_owned(), ..form("de", "1", "") }, "multiplier"),
        ] {
            assert!(
                matches!(form.events(now()), Err(WebError::Invalid(found, _)) if found == field),
                "{form:?}"
            );
        }
    }
}
