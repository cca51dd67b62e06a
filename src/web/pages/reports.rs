//! Reports by mail: the schedules, what became of each delivery, and a test to one's own address.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use store::audit::NewEntry;
use store::report_schedule::{self, Delivery, DeliveryStatus, Schedule, Settings};

use crate::error::{WebError, see_other};
use crate::layout::{Layout, page};
use crate::session::{Visitor, connection};
use crate::state::App;

/// Deliveries listed for each schedule.
const DELIVERIES: u32 = 5;
/// Most recipients of one schedule.
const MAX_RECIPIENTS: usize = 50;

struct Entry {
    schedule: Schedule,
    deliveries: Vec<Delivery>,
}

#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage {
    layout: Layout,
    now: DateTime<Utc>,
    entries: Vec<Entry>,
    form: ScheduleForm,
    problem: Option<String>,
    has_mail: bool,
}

/// The form as typed.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct ScheduleForm {
    name: String,
    cron: String,
    time_zone: String,
    recipients: String,
}

impl Default for ScheduleForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            cron: "0 7 * * MON".to_owned(),
            time_zone: "UTC".to_owned(),
            recipients: String::new(),
        }
    }
}

impl ScheduleForm {
    fn settings(&self) -> Result<Settings, WebError> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 120 {
            return Err(WebError::Invalid("name", "A name has 1 to 120 letters.".to_owned()));
        }
        croner::parser::CronParser::new().parse(self.cron.trim()).map_err(|error| {
            WebError::Invalid("cron", format!("The time is not usable: {error}. An example: 0 7 * * MON"))
        })?;
        if self.cron.split_whitespace().count() != 5 {
            return Err(WebError::Invalid(
                "cron",
                "The time has five fields: minute, hour, day, month, weekday.".to_owned(),
            ));
        }
        let zone = self.time_zone.trim();
        check_zone(zone)?;
        let recipients: Vec<String> = self
            .recipients
            .split([',', ';', '\n', ' '])
            .map(str::trim)
            .filter(|r| !r.is_empty())
            .map(str::to_owned)
            .collect();
        if recipients.is_empty() || recipients.len() > MAX_RECIPIENTS {
            return Err(WebError::Invalid("recipients", format!("Give 1 to {MAX_RECIPIENTS} addresses.")));
        }
        if let Some(bad) = recipients.iter().find(|address| !is_address(address)) {
            return Err(WebError::Invalid("recipients", format!("“{bad}” is not a mail address.")));
        }
        Ok(Settings {
            name: name.to_owned(),
            report: "weekly".to_owned(),
            cron: self.cron.trim().to_owned(),
            time_zone: zone.to_owned(),
            recipients,
            enabled: true,
        })
    }
}

/// Whether this machine knows a time zone.
fn check_zone(zone: &str) -> Result<(), WebError> {
    let found = jiff::tz::TimeZone::get(zone);
    found.map(|_| ()).map_err(|_| {
        let problem = if jiff::tz::db().is_definitively_empty() {
            "This machine has no time zones but UTC: install the package tzdata.".to_owned()
        } else {
            format!("“{zone}” is not a time zone such as Europe/Berlin.")
        };
        WebError::Invalid("time_zone", problem)
    })
}

/// `GET /reports`.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    reports_page(&app, &visitor, ScheduleForm::default(), None).await
}

/// `POST /reports`.
pub(crate) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<ScheduleForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let settings = match form.settings() {
        Ok(settings) => settings,
        Err(error) => {
            let page = reports_page(&app, &visitor, form, Some(error.detail())).await?;
            return Ok((error.status(), page).into_response());
        }
    };
    let mut conn = connection(&app).await?;
    let schedule = report_schedule::create(&mut conn, visitor.org(), &settings, app.now()).await?;
    note(&mut conn, &app, &visitor, "report.create", schedule.id).await?;
    Ok(see_other("/reports?done=saved"))
}

/// `POST /reports/{id}/enabled`: turns a schedule on or off.
pub(crate) async fn toggle(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let mut settings = report_schedule::get(&mut conn, visitor.org(), id).await?.settings;
    settings.enabled = !settings.enabled;
    report_schedule::update(&mut conn, visitor.org(), id, &settings).await?;
    note(&mut conn, &app, &visitor, "report.update", id).await?;
    Ok(see_other("/reports?done=saved"))
}

/// `POST /reports/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    report_schedule::delete(&mut conn, visitor.org(), id).await?;
    note(&mut conn, &app, &visitor, "report.delete", id).await?;
    Ok(see_other("/reports?done=deleted"))
}

/// `POST /reports/{id}/test`: sends the report now, to whoever asks.
pub(crate) async fn test(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    {
        let mut conn = connection(&app).await?;
        report_schedule::get(&mut conn, visitor.org(), id).await?;
    }
    let Some(send) = &app.state.send_report else {
        return Err(WebError::Conflict(
            "This process has no mail server: set one in the configuration.".to_owned(),
        ));
    };
    match send(visitor.org(), id, visitor.user.email.clone()).await {
        Ok(_) => Ok(see_other("/reports?done=sent")),
        Err(reason) => {
            let problem = format!("The test was not sent: {reason}");
            reports_page(&app, &visitor, ScheduleForm::default(), Some(problem)).await
        }
    }
}

async fn reports_page(
    app: &App,
    visitor: &Visitor,
    form: ScheduleForm,
    problem: Option<String>,
) -> Result<Response, WebError> {
    let mut conn = connection(app).await?;
    let mut entries = vec![];
    for schedule in report_schedule::list(&mut conn, visitor.org()).await? {
        let deliveries =
            report_schedule::deliveries(&mut conn, visitor.org(), schedule.id, DELIVERIES).await?;
        entries.push(Entry { schedule, deliveries });
    }
    page(&ReportsPage {
        layout: Layout::new(visitor, "/reports", "Reports"),
        now: app.now(),
        entries,
        form,
        problem,
        has_mail: app.state.send_report.is_some(),
    })
}

async fn note(
    conn: &mut store::PgConnection,
    app: &App,
    visitor: &Visitor,
    action: &str,
    id: i64,
) -> Result<(), WebError> {
    let subject = id.to_string();
    let entry =
        NewEntry { actor: &visitor.user.email, action, subject: &subject, detail: serde_json::Value::Null };
    Ok(store::audit::record(conn, visitor.org(), &entry, app.now()).await?)
}

/// Whether a text has the shape of an address; the mail server knows the rest.
pub(crate) fn is_address(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.chars().all(|c| !c.is_whitespace() && !c.is_control());
    text.len() <= 254
        && text
            .rsplit_once('@')
            .is_some_and(|(name, host)| plain(name) && plain(host) && !name.contains(['<', '>', '"']))
}

/// How a delivery stands, in words.
fn delivery_text(delivery: &Delivery) -> String {
    match (delivery.status, &delivery.error) {
        (DeliveryStatus::Sent, _) => "sent".to_owned(),
        (DeliveryStatus::Claimed, _) => "on its way".to_owned(),
        (DeliveryStatus::Failed, Some(error)) => format!("failed: {error}"),
        (DeliveryStatus::Failed, None) => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_checked_before_they_are_kept() {
        let form = |change: fn(&mut ScheduleForm)| {
            let mut form = ScheduleForm {
                name: "finance".into(),
                recipients: "a@example.com, b@example.com".into(),
                ..Default::default()
            };
            change(&mut form);
            form.settings()
        };
        assert_eq!(form(|_| ()).unwrap().recipients, ["a@example.com", "b@example.com"]);
        let field = |result: Result<Settings, WebError>| match result {
            Err(WebError::Invalid(field, _)) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(form(|form| form.name.clear())), "name");
        assert_eq!(field(form(|form| form.cron = "every monday".into())), "cron");
        assert_eq!(field(form(|form| form.time_zone = "Mars/Base".into())), "time_zone");
        assert_eq!(field(form(|form| form.recipients = "nobody".into())), "recipients");
    }
}
