//! Capacity: workloads, one in full with its policies and exports, a what-if, and the events behind them.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use capacity::export::Format;
use capacity::{Driver, Exhaustion, Scenario, ScheduleTried, SettingsInput, Shape};
use chart::Staffing;
use chrono::{DateTime, Duration, Utc};
use domain::{CapacityKind, CapacityPlan, Event, Stamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use store::PgConnection;
use store::event::StoredEvent;

use crate::csv;
use crate::error::WebError;
use crate::exhaustion::{self, Filling};
use crate::figure::Figure;
use crate::layout::{Layout, page};
use crate::pages::calendar;
use crate::pages::events::EventForm;
use crate::pages::forecasts::event_time;
use crate::pages::overview::marks;
use crate::pages::policies::{OFFERED, parse_policy};
use crate::pages::scenarios::{self, Chosen};
use crate::path;
use crate::session::{Visitor, connection};
use crate::state::{App, Workload};
use crate::workload::{Known, check, concerns, configured, event_demands, learned};

/// Largest factor and multiplier that a what-if takes.
const MAX_FACTOR: f64 = 1000.0;

/// One workload in a list.
struct Summary {
    name: String,
    peak: u32,
    peak_at: String,
    now: u32,
    kind: CapacityKind,
    hours: f64,
    quota: Option<String>,
    act_by: Option<String>,
    saving: Option<f64>,
}

#[derive(Template)]
#[template(path = "capacity.html")]
struct ListPage {
    layout: Layout,
    run: Option<store::run::Run>,
    workloads: Vec<Summary>,
    events: Vec<StoredEvent>,
    now: DateTime<Utc>,
    form: EventForm,
    /// What fills up, and the days that it takes to get more.
    filling: Vec<Filling>,
    lead_days: String,
    problem: Option<String>,
    /// Sets of days among the events: word, name, number of days.
    calendars: Vec<(String, String, usize)>,
    series: Vec<String>,
}

/// How long it takes to get more storage.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    lead_days: String,
}

/// `GET /capacity`.
pub(crate) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<ListQuery>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let run = store::run::latest(conn, org).await?;
    let plans = match &run {
        Some(run) => store::capacity::list(conn, org, run.id).await?,
        None => vec![],
    };
    let wanted = || WebError::Invalid("lead_days", "A lead time is a number of whole days.".to_owned());
    let lead_days = match query.lead_days.trim() {
        "" => Ok(exhaustion::LEAD_DAYS),
        text => text.parse().map_err(|_| wanted()),
    };
    let filling = match lead_days {
        Ok(days) => exhaustion::list(conn, org, days).await,
        Err(error) => Err(error),
    };
    let (filling, problem) = match filling {
        Ok(filling) => (filling, None),
        Err(WebError::Invalid(_, problem)) => (vec![], Some(problem)),
        Err(error) => return Err(error),
    };
    let events = store::event::list(conn, org).await?;
    page(&ListPage {
        filling,
        problem,
        lead_days: query.lead_days,
        layout: Layout::new(&visitor, "/capacity", "Capacity"),
        workloads: plans.iter().map(|plan| summary(plan, app.now())).collect(),
        calendars: calendar::added(&events),
        events,
        now: app.now(),
        form: EventForm::default(),
        series: event_demands(&app),
        run,
    })
}

fn summary(plan: &CapacityPlan, now: DateTime<Utc>) -> Summary {
    // The first of equal ones.
    let peak = plan.rows.iter().rev().max_by_key(|row| row.required);
    let current = plan.rows.iter().rev().find(|row| row.ds <= Stamp::Time(now)).or(plan.rows.first());
    let time = |stamp: &Option<Stamp>| stamp.as_ref().map(event_time);
    // By the simulated policies, or by the schedule of what no policy scales.
    let hours = |name: &str| {
        plan.policies.iter().find(|policy| policy.policy == name).map(|policy| policy.instance_hours)
    };
    let (planned, static_peak) = match hours("planned").zip(hours("static-peak")) {
        Some(simulated) => simulated,
        None => {
            let row_hours = capacity::row_hours(&plan.rows);
            let all: f64 = plan.rows.iter().map(|row| f64::from(row.scheduled)).sum();
            let most = peak.map_or(0.0, |row| f64::from(row.required));
            (all * row_hours, most * plan.rows.len() as f64 * row_hours)
        }
    };
    Summary {
        name: plan.unique_id.clone(),
        peak: peak.map_or(0, |row| row.required),
        peak_at: peak.map_or_else(String::new, |row| event_time(&row.ds)),
        now: current.map_or(0, |row| row.scheduled),
        kind: plan.kind,
        hours: planned,
        quota: time(&plan.crosses_quota_at),
        act_by: time(&plan.act_by),
        saving: (static_peak > 0.0).then(|| 1.0 - planned / static_peak),
    }
}

/// The what-if form; everything is optional and in the URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WhatIf {
    growth: String,
    multiplier: String,
    from: String,
    hours: String,
    shape: String,
    unit: String,
    target: String,
    survive: String,
    lead_minutes: String,
}

impl WhatIf {
    fn is_asked(&self) -> bool {
        [&self.growth, &self.multiplier, &self.unit, &self.target, &self.survive, &self.lead_minutes]
            .iter()
            .any(|t| !t.is_empty())
    }
}

/// A plan drawn and listed.
pub(crate) struct Shown {
    pub(crate) plan: CapacityPlan,
    pub(crate) figure: Figure,
    cheapest: Option<Decimal>,
}

impl Shown {
    /// Whether no policy costs less.
    pub(crate) fn is_cheapest(&self, cost: &Decimal) -> bool {
        self.cheapest.as_ref() == Some(cost)
    }
}

#[derive(Template)]
#[template(path = "workload.html")]
struct DetailPage {
    layout: Layout,
    name: String,
    run: store::run::Run,
    stored: Shown,
    what_if: WhatIf,
    tried: Option<Shown>,
    problem: Option<String>,
    can_try: bool,
    exports: Vec<(&'static str, String)>,
    demand: Option<String>,
    drivers: Vec<Driver>,
    undriven: Option<String>,
    quota: Option<Exhaustion>,
    orders: Vec<capacity::Order>,
    has_lead_times: bool,
    /// What counts where a field of the what-if is left empty.
    configured: Configured,
    offered: [&'static str; 5],
    scenarios: Vec<(i64, String)>,
    /// Events of this demand, with their keys: still to come, and over.
    ahead: Vec<(i64, String)>,
    past: Vec<(i64, String)>,
}

/// Settings of a workload as one would type them.
#[derive(Debug, Default, PartialEq)]
struct Configured {
    unit: String,
    target: String,
    lead_minutes: String,
}

impl Configured {
    fn of(settings: &SettingsInput) -> Self {
        Self {
            unit: capacity::rounded(settings.unit_throughput).to_string(),
            target: capacity::rounded(settings.target_utilization * 100.0).to_string(),
            lead_minutes: capacity::rounded(f64::from(settings.lead_time_seconds) / 60.0).to_string(),
        }
    }
}

/// `GET /capacity/workloads/{name}`.
pub(crate) async fn detail(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(what_if): Query<WhatIf>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let run = latest_run(conn, &visitor).await?;
    let plan = store::capacity::get(conn, org, run.id, &name).await?;
    // A workload that is planned here was learned by the run, or stated.
    let workload = match configured(&app, &name) {
        Ok(workload) => Some(learned(conn, org, workload).await?),
        Err(_) => None,
    };
    let workload = workload.as_ref();
    let stored = store::event::list(conn, org).await?;
    let as_of = Stamp::Time(run.as_of);
    let (mut ahead, mut past) = (vec![], vec![]);
    for event in
        stored.iter().filter(|event| workload.is_some_and(|workload| concerns(&event.event, workload)))
    {
        let list = if event.event.ends_at > as_of { &mut ahead } else { &mut past };
        list.push((event.id, event.event.name.clone()));
    }
    let mut events: Vec<Event> = stored.into_iter().map(|stored| stored.event).collect();
    events.retain(|event| workload.is_none_or(|workload| concerns(event, workload)));
    let (tried, problem) = match workload {
        Some(workload) if what_if.is_asked() => match attempt(conn, &visitor, workload, &what_if).await {
            Ok(plan) => (Some(shown(plan, "tried", &events, Some(workload))), None),
            Err(WebError::Invalid(_, problem)) => (None, Some(problem)),
            Err(error) => return Err(error),
        },
        _ => (None, None),
    };
    let scenarios = scenarios::list(conn, org).await?.into_iter().map(|(id, named)| (id, named.name));
    let kind = workload.map(|workload| workload.settings.kind);
    let exports = Format::ALL
        .iter()
        .filter(|(_, format)| kind.is_some_and(|kind| format.fits(kind)))
        .map(|(word, _)| (*word, format!("/capacity/exports/{word}/{}", path::encode(&name))));
    let driven = workload.filter(|workload| !workload.drivers.is_empty());
    let (drivers, undriven) = match driven {
        Some(workload) => {
            let known = Known::read(conn, org, workload).await?;
            (known.drivers, known.undriven)
        }
        None => (vec![], None),
    };
    let quota = match workload.filter(|workload| workload.settings.limit.is_some()) {
        Some(workload) => {
            let settings = check(workload.settings.clone())?;
            let stored = store::forecast::latest(conn, org, &workload.demand).await?;
            stored.and_then(|stored| capacity::quota_exhaustion(&settings.work(stored.forecast), &settings))
        }
        None => None,
    };
    page(&DetailPage {
        layout: Layout::new(&visitor, "/capacity", &name),
        quota,
        drivers,
        undriven,
        orders: workload.map_or(vec![], |workload| capacity::orders(&plan, &workload.lead_times, as_of)),
        has_lead_times: workload.is_some_and(|workload| !workload.lead_times.is_empty()),
        configured: workload.map(|workload| Configured::of(&workload.settings)).unwrap_or_default(),
        offered: OFFERED,
        scenarios: scenarios.collect(),
        ahead,
        past,
        stored: shown(plan, "plan", &events, workload),
        exports: exports.collect(),
        can_try: workload.is_some(),
        demand: workload.map(|workload| workload.demand.clone()),
        name,
        run,
        what_if,
        tried,
        problem,
    })
}

/// What is downloaded: the run's plan, that with today's events and one scenario, or a policy on that demand.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ExportOf {
    events: Option<String>,
    scenario: Option<i64>,
    policy: Option<String>,
    /// What the policy's own schedule is made for.
    risk: Option<f64>,
    schedule_utilization: Option<f64>,
}

/// `GET /capacity/exports/{format}/{name}`: the schedule for the system that is to follow it.
pub(crate) async fn export(
    State(app): State<App>,
    visitor: Visitor,
    Path((format, name)): Path<(String, String)>,
    Query(of): Query<ExportOf>,
) -> Result<Response, WebError> {
    let format: Format = format
        .parse()
        .map_err(|error: capacity::export::UnknownFormat| WebError::NotFound(error.to_string()))?;
    let mut conn = connection(&app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let run = latest_run(conn, &visitor).await?;
    let stored = store::capacity::get(conn, org, run.id, &name).await?;
    let workload = &learned(conn, org, configured(&app, &name)?).await?;
    let settings = check(workload.settings.clone())?;
    if let Some(policy) = &of.policy {
        let schedule = of.risk.zip(of.schedule_utilization);
        let tried = schedule.map(|(risk, schedule_utilization)| ScheduleTried { risk, schedule_utilization });
        let chosen = Chosen { scenario: of.scenario };
        let (_, changes) = scenarios::changes(&scenarios::list(conn, org).await?, chosen)?;
        let known = Known::read(conn, org, workload).await?;
        let body = known.export_policy(parse_policy(policy)?, tried, &changes, format).await?;
        return Ok(csv::attachment(&format.policy_file_name(), "text/plain; charset=utf-8", body));
    }
    let plan = if of.events.is_some() || of.scenario.is_some() {
        let chosen = Chosen { scenario: of.scenario };
        let (_, changes) = scenarios::changes(&scenarios::list(conn, org).await?, chosen)?;
        Known::read(conn, org, workload).await?.plan(changes, None).await?
    } else {
        stored
    };
    let body = capacity::export::export(&[plan], format, &settings)
        .map_err(|error| WebError::Invalid("", error.to_string()))?;
    Ok(csv::attachment(format.file_name(), "text/plain; charset=utf-8", body))
}

async fn latest_run(conn: &mut PgConnection, visitor: &Visitor) -> Result<store::run::Run, WebError> {
    let run = store::run::latest(conn, visitor.org()).await?;
    run.ok_or_else(|| WebError::NotFound("There is no finished run yet.".to_owned()))
}

/// A plan with its chart; `id` is unique on the page.
pub(crate) fn shown(plan: CapacityPlan, id: &str, events: &[Event], workload: Option<&Workload>) -> Shown {
    let limit = workload.and_then(|workload| workload.settings.limit);
    let unit = workload.map_or("", |workload| demand_unit(&workload.demand));
    let rows: Vec<_> = plan.rows.iter().filter_map(|row| Some((row.ds.time()?, row))).collect();
    let chart = Staffing {
        demand_unit: unit.to_owned(),
        unit: plan.kind.unit().to_owned(),
        times: rows.iter().map(|(at, _)| *at).collect(),
        demand_p50: rows.iter().map(|(_, row)| row.demand_p50).collect(),
        demand_p95: rows.iter().map(|(_, row)| row.demand_p95).collect(),
        came: vec![],
        required: rows.iter().map(|(_, row)| f64::from(row.required)).collect(),
        scheduled: rows.iter().map(|(_, row)| f64::from(row.scheduled)).collect(),
        limit: limit.map(f64::from),
        marks: marks(events),
    };
    let counted = plan.kind.unit();
    let description =
        format!("Demand with its 95th percentile above; below, the {counted} needed and scheduled.");
    let title = format!("Demand and {counted} of {}", plan.unique_id);
    let figure = Figure::draw(id, &title, &description, 380, |frame| chart.svg(frame));
    Shown { cheapest: plan.policies.iter().map(|policy| policy.cost).min(), plan, figure }
}

/// Unit of a demand series, by its metric.
pub(crate) fn demand_unit(demand: &str) -> &'static str {
    match demand.split('/').next() {
        Some("requests") => "requests/s",
        Some("queue_length") => "messages",
        Some("connections") => "connections",
        Some("storage_used") => "GiB",
        _ => "",
    }
}

/// Plans the workload again, with today's events and under other assumptions.
async fn attempt(
    conn: &mut PgConnection,
    visitor: &Visitor,
    workload: &Workload,
    what_if: &WhatIf,
) -> Result<CapacityPlan, WebError> {
    let settings = check(assumed(workload.settings.clone(), what_if)?)?;
    let scenarios = changes(what_if)?;
    Known::read(conn, visitor.org(), workload).await?.plan(scenarios, Some(settings)).await
}

fn assumed(mut settings: SettingsInput, what_if: &WhatIf) -> Result<SettingsInput, WebError> {
    let one = settings.kind.one();
    if !what_if.unit.trim().is_empty() {
        let unit = what_if.unit.trim().parse().ok().filter(|unit: &f64| unit.is_finite() && *unit > 0.0);
        let wanted = || WebError::Invalid("unit", format!("What one {one} carries is a number above 0."));
        settings.unit_throughput = unit.ok_or_else(wanted)?;
    }
    if let Some(percent) = positive("target", &what_if.target)? {
        settings.target_utilization = percent / 100.0;
    }
    if let Some(minutes) = positive("lead_minutes", &what_if.lead_minutes)? {
        settings.lead_time_seconds = (minutes * 60.0) as u32;
    }
    if !what_if.survive.is_empty() {
        settings.survive = what_if
            .survive
            .parse()
            .map_err(|error: capacity::SettingsError| WebError::Invalid("survive", error.to_string()))?;
    }
    Ok(settings)
}

fn changes(what_if: &WhatIf) -> Result<Vec<Scenario>, WebError> {
    let mut scenarios = vec![];
    if let Some(factor) = positive("growth", &what_if.growth)? {
        scenarios.push(Scenario::Growth { factor });
    }
    if let Some(multiplier) = positive("multiplier", &what_if.multiplier)? {
        let start = parse_time("from", &what_if.from)?;
        let hours = positive("hours", &what_if.hours)?.unwrap_or(24.0);
        let shape = parse_shape(&what_if.shape)?;
        let event = Event {
            name: "what-if".to_owned(),
            starts_at: Stamp::Time(start),
            ends_at: Stamp::Time(start + Duration::minutes((hours * 60.0) as i64)),
            multiplier,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: None,
        };
        scenarios.push(Scenario::Event { event, shape });
    }
    Ok(scenarios)
}

/// The shape of an event; empty is flat.
pub(crate) fn parse_shape(text: &str) -> Result<Shape, WebError> {
    match text {
        "" | "flat" => Ok(Shape::Flat),
        "spike" => Ok(Shape::Spike),
        "ramp" => Ok(Shape::Ramp),
        "decay" => Ok(Shape::Decay),
        _ => Err(WebError::Invalid("shape", "A shape is flat, spike, ramp or decay.".to_owned())),
    }
}

/// A number above 0 from a form field; empty is none.
pub(crate) fn positive(field: &'static str, text: &str) -> Result<Option<f64>, WebError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value = text.trim().parse::<f64>().ok().filter(|value| *value > 0.0 && *value <= MAX_FACTOR);
    let problem =
        || WebError::Invalid(field, format!("{field} must be a number above 0 and at most {MAX_FACTOR}."));
    value.map(Some).ok_or_else(problem)
}

/// A time of a `datetime-local` field, taken as UTC, or RFC 3339.
pub(crate) fn parse_time(field: &'static str, text: &str) -> Result<DateTime<Utc>, WebError> {
    let text = text.trim();
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .iter()
        .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok());
    let time = local.map(|time| time.and_utc()).or_else(|| text.parse().ok());
    time.ok_or_else(|| {
        WebError::Invalid(field, format!("{field} must be a time such as 2026-11-27T00:00 (UTC)."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_is_shown_as_it_would_be_typed() {
        let settings = SettingsInput {
            target_utilization: 0.62,
            lead_time_seconds: 450,
            ..SettingsInput::new(469.724_090_716_584_9)
        };
        let [unit, target, lead_minutes] = ["469.7", "62", "7.5"].map(str::to_owned);
        assert_eq!(Configured::of(&settings), Configured { unit, target, lead_minutes });
        let at_once = SettingsInput { lead_time_seconds: 0, ..settings };
        assert_eq!(Configured::of(&at_once).lead_minutes, "0");
    }
}
