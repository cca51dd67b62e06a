//! Scenarios of a workload side by side: what the run planned, what today's events make of it, and saved what-ifs.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use capacity::export::Format;
use capacity::{NamedScenario, Order, Outlook, Scenario};
use chrono::NaiveDate;
use domain::{Event, Stamp};
use serde::Deserialize;
use store::PgConnection;
use store::audit::NewEntry;

use crate::budget_scenario::{BudgetKnown, Demands};
use crate::error::{WebError, see_other};
use crate::layout::{Layout, page};
use crate::pages::capacity::{Shown, parse_shape, parse_time, shown};
use crate::pages::costs::shown_currency;
use crate::path;
use crate::session::{Visitor, connection};
use crate::state::App;
use crate::workload::{Known, TODAY, concerns, configured};

/// Longest name of a scenario.
const MAX_NAME_LETTERS: usize = 80;
/// Why a stored scenario cannot be read.
pub(crate) const UNREADABLE: &str = "The scenario was made by another version.";
/// Largest factor of a change, and largest demand that one adds.
const MAX_FACTOR: f64 = 1000.0;
const MAX_ADDED: f64 = 1e9;
const MAX_ELASTICITY: f64 = 10.0;
/// Doubt of a launch whose low and high are not given, as of an event's multiplier.
const DOUBT: f64 = 0.3;

/// Kinds of change, with what their value means.
const KINDS: [(&str, &str); 7] = [
    ("growth", "growth: all demand times the value"),
    ("event", "event: demand times the value, from … until"),
    ("launch", "launch: the value is added from … on"),
    ("migration", "migration: demand goes to the value times as much, from … until"),
    ("price_change", "price change: the value is new over old price, from … on"),
    ("region_loss", "loss of another region: the value is its share of our demand, from … until"),
    ("zone_loss", "loss of one zone: the value is the number of zones, from … until"),
];

/// Which scenario is drawn and downloaded; none: today's events alone.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Chosen {
    pub(crate) scenario: Option<i64>,
}

/// The form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ScenarioForm {
    workload: String,
    name: String,
    kind: String,
    value: String,
    low: String,
    high: String,
    from: String,
    until: String,
    shape: String,
    elasticity: String,
}

impl ScenarioForm {
    /// The name and the change, or the first field that can't be used.
    fn scenario(&self) -> Result<(String, Scenario), WebError> {
        let name = check_name(&self.name)?;
        let needed = || WebError::Invalid("value", "A scenario needs a value.".to_owned());
        let value = number("value", &self.value)?.ok_or_else(needed)?;
        let start = || parse_time("from", &self.from).map(Stamp::Time);
        let end = || parse_time("until", &self.until).map(Stamp::Time);
        let scenario = match self.kind.as_str() {
            "growth" => Scenario::Growth { factor: value },
            "event" => Scenario::Event {
                event: Event {
                    name: name.clone(),
                    starts_at: start()?,
                    ends_at: end()?,
                    multiplier: value,
                    multiplier_low: number("low", &self.low)?,
                    multiplier_high: number("high", &self.high)?,
                    unique_id: None,
                },
                shape: parse_shape(&self.shape)?,
            },
            "launch" => Scenario::Launch {
                adds: value,
                low: number("low", &self.low)?.unwrap_or(value * (1.0 - DOUBT)),
                high: number("high", &self.high)?.unwrap_or(value * (1.0 + DOUBT)),
                starts_at: start()?,
            },
            "migration" => Scenario::Migration { factor: value, starts_at: start()?, ends_at: end()? },
            "price_change" => Scenario::PriceChange {
                price_factor: value,
                elasticity: self.elasticity()?,
                starts_at: start()?,
            },
            "region_loss" => Scenario::RegionLoss { comes_here: value, starts_at: start()?, ends_at: end()? },
            "zone_loss" => {
                Scenario::ZoneLoss { zones: value.round() as u32, starts_at: start()?, ends_at: end()? }
            }
            _ => return Err(WebError::Invalid("kind", "Choose a kind of change.".to_owned())),
        };
        Ok((name, check(scenario)?))
    }

    fn elasticity(&self) -> Result<f64, WebError> {
        let wanted = "How many percent does demand change for one percent more price? −0.5 is usual.";
        let text = self.elasticity.trim().replace('−', "-");
        text.parse().map_err(|_| WebError::Invalid("elasticity", wanted.to_owned()))
    }
}

/// A number of a form field; empty is none. What it may be depends on the kind of change: see [`check`].
fn number(field: &'static str, text: &str) -> Result<Option<f64>, WebError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| WebError::Invalid(field, format!("{field} must be a number.")))
}

/// A name that is neither empty nor endless.
pub(crate) fn check_name(name: &str) -> Result<String, WebError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_LETTERS || name.contains(char::is_control) {
        return Err(WebError::Invalid("name", format!("A name has 1 to {MAX_NAME_LETTERS} letters.")));
    }
    Ok(name.to_owned())
}

/// A change whose numbers and times are in order.
pub(crate) fn check(scenario: Scenario) -> Result<Scenario, WebError> {
    let invalid = |field, what: &str| Err(WebError::Invalid(field, what.to_owned()));
    let (times, values): (Vec<Stamp>, Vec<f64>) = match &scenario {
        Scenario::Growth { factor } => (vec![], vec![*factor]),
        Scenario::Event { event, .. } => {
            (vec![event.starts_at, event.ends_at], vec![event.low(), event.multiplier, event.high()])
        }
        Scenario::Launch { adds, low, high, starts_at } => (vec![*starts_at], vec![*low, *adds, *high]),
        Scenario::Migration { factor, starts_at, ends_at } => (vec![*starts_at, *ends_at], vec![*factor]),
        Scenario::PriceChange { price_factor, .. } if *price_factor <= 0.0 => {
            return invalid("price_factor", "New over old price must be above 0.");
        }
        Scenario::PriceChange { elasticity, .. }
            if elasticity.is_nan() || elasticity.abs() > MAX_ELASTICITY =>
        {
            return invalid("elasticity", "An elasticity lies between −10 and 10.");
        }
        Scenario::PriceChange { price_factor, starts_at, .. } => (vec![*starts_at], vec![*price_factor]),
        Scenario::RegionLoss { comes_here, starts_at, ends_at } => {
            (vec![*starts_at, *ends_at], vec![*comes_here])
        }
        Scenario::ZoneLoss { zones, .. } if *zones < 2 => {
            return invalid("zones", "Of a single zone none can be lost: give 2 or more.");
        }
        Scenario::ZoneLoss { starts_at, ends_at, .. } => (vec![*starts_at, *ends_at], vec![]),
    };
    if times.iter().any(|time| matches!(time, Stamp::Step(_))) {
        return invalid("from", "Times are dates such as 2026-11-27T00:00:00Z.");
    }
    if times.len() == 2 && times[1] <= times[0] {
        return invalid("until", "The end must be after the start.");
    }
    let most = if matches!(scenario, Scenario::Launch { .. }) { MAX_ADDED } else { MAX_FACTOR };
    if !values.iter().all(|value| (0.0..=most).contains(value)) {
        return Err(WebError::Invalid("value", format!("Values must be 0 or more and at most {most}.")));
    }
    if values.len() == 3 && !values.is_sorted() {
        return invalid("low", "Low, expected and high must be in that order.");
    }
    Ok(scenario)
}

/// One line of the comparison; the run's and today's have no key.
struct Line {
    id: Option<i64>,
    outlook: Outlook,
    /// Budgets that break more likely than not.
    breaking: Vec<Breaking>,
}

#[derive(Template)]
#[template(path = "scenarios.html")]
struct ScenariosPage {
    layout: Layout,
    name: String,
    lines: Vec<Line>,
    chosen: Chosen,
    title: String,
    shown: Shown,
    orders: Vec<Order>,
    has_lead_times: bool,
    exports: Vec<(&'static str, String)>,
    form: ScenarioForm,
    problem: Option<String>,
}

/// `GET /capacity/scenarios/{workload}`.
pub(crate) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Result<Response, WebError> {
    let form = ScenarioForm { workload: name, ..ScenarioForm::default() };
    scenarios_page(&app, &visitor, chosen, form, None).await
}

/// `POST /capacity/scenarios`.
pub(crate) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<ScenarioForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let workload = configured(&app, &form.workload)?.name.clone();
    let made = match form.scenario() {
        Ok((name, scenario)) => {
            let mut conn = connection(&app).await?;
            let assumptions = to_json(&[scenario]);
            let by = &visitor.user.email;
            let made =
                store::scenario::create(&mut conn, visitor.org(), &name, &assumptions, by, app.now()).await;
            match made {
                Ok(made) => {
                    let subject = made.id.to_string();
                    let entry = NewEntry {
                        actor: by,
                        action: "scenario.create",
                        subject: &subject,
                        detail: assumptions,
                    };
                    store::audit::record(&mut conn, visitor.org(), &entry, app.now()).await?;
                    Ok(made.id)
                }
                Err(error) => Err(error.into()),
            }
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => {
            let back = path::scenarios_path(&workload);
            Ok(see_other(&format!("{back}?scenario={id}&done=saved")))
        }
        Err(error) => {
            let status = error.status();
            let page = scenarios_page(&app, &visitor, Chosen::default(), form, Some(error.detail())).await?;
            Ok((status, page).into_response())
        }
    }
}

/// What a deletion comes back to.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    workload: String,
}

/// `POST /capacity/scenario/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(back): Form<Back>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let scenario = store::scenario::get(&mut conn, visitor.org(), id).await?;
    store::scenario::delete(&mut conn, visitor.org(), id).await?;
    let (subject, detail) = (id.to_string(), scenario.assumptions);
    let entry = NewEntry { actor: &visitor.user.email, action: "scenario.delete", subject: &subject, detail };
    store::audit::record(&mut conn, visitor.org(), &entry, app.now()).await?;
    let workload = configured(&app, &back.workload)?;
    Ok(see_other(&format!("{}?done=deleted", path::scenarios_path(&workload.name))))
}

async fn scenarios_page(
    app: &App,
    visitor: &Visitor,
    chosen: Chosen,
    form: ScenarioForm,
    problem: Option<String>,
) -> Result<Response, WebError> {
    let workload = configured(app, &form.workload)?;
    let mut conn = connection(app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let known = Known::read(conn, org, workload).await?;
    let saved = list(conn, org).await?;
    let (title, changes) = changes(&saved, chosen)?;
    let plan = known.plan(changes, None).await?;
    let orders = known.orders(&plan);
    let ids: Vec<Option<i64>> =
        [None, None].into_iter().chain(saved.iter().map(|(id, _)| Some(*id))).collect();
    let breaking = breaking(app, conn, org, &saved).await?;
    let named = saved.into_iter().map(|(_, named)| named).collect();
    let outlooks = known.outlooks(named).await?;
    let lines = ids.into_iter().zip(outlooks).map(|(id, outlook)| {
        let breaking = breaking.get(&id).cloned().unwrap_or_default();
        Line { id, outlook, breaking }
    });
    let lines = lines.collect();
    let which = chosen.scenario.map_or_else(|| "?events=today".to_owned(), |id| format!("?scenario={id}"));
    let name = workload.name.clone();
    let exports = Format::ALL
        .iter()
        .filter(|(_, format)| format.fits(workload.settings.kind))
        .map(|(word, _)| (*word, format!("/capacity/exports/{word}/{}{which}", path::encode(&name))))
        .collect();
    let mut events: Vec<Event> = known.events.iter().map(|stored| stored.event.clone()).collect();
    events.retain(|event| concerns(event, workload));
    page(&ScenariosPage {
        layout: Layout::new(visitor, "/capacity", format!("Scenarios of {name}")),
        lines,
        chosen,
        title,
        shown: shown(plan, "chosen", &events, Some(workload)),
        orders,
        has_lead_times: !workload.lead_times.is_empty(),
        exports,
        name,
        form,
        problem,
    })
}

/// A budget that breaks more likely than not: key, name and first day.
type Breaking = (i64, String, Option<NaiveDate>);

/// Which budgets break as it goes (no key), and under each of the saved scenarios.
async fn breaking(
    app: &App,
    conn: &mut PgConnection,
    org: domain::OrganizationId,
    saved: &[(i64, NamedScenario)],
) -> Result<BTreeMap<Option<i64>, Vec<Breaking>>, WebError> {
    let currency = shown_currency(conn, org).await?;
    let budgets = BudgetKnown::all(conn, org, currency).await?;
    let demands = Demands::read(conn, org, app, currency).await?;
    let mut found: BTreeMap<Option<i64>, Vec<Breaking>> = BTreeMap::new();
    for known in &budgets {
        let each = saved.iter().map(|(id, named)| (*id, named.name.as_str(), named.scenarios.as_slice()));
        let under = known.under(&demands, each, None).into_iter();
        let under = under.map(|under| (Some(under.scenario), under.outlook));
        for (id, outlook) in known.outlook().map(|outlook| (None, outlook)).into_iter().chain(under) {
            if outlook.is_at_risk() {
                let breaking = (known.stored.id, known.stored.budget.name.clone(), outlook.breaks_on);
                found.entry(id).or_default().push(breaking);
            }
        }
    }
    Ok(found)
}

/// The name and the changes of the chosen scenario.
pub(crate) fn changes(
    saved: &[(i64, NamedScenario)],
    chosen: Chosen,
) -> Result<(String, Vec<Scenario>), WebError> {
    let Some(id) = chosen.scenario else { return Ok((TODAY.to_owned(), Vec::new())) };
    let found = saved.iter().find(|(known, _)| *known == id);
    let (_, named) = found.ok_or_else(|| WebError::NotFound(format!("There is no scenario “{id}”.")))?;
    Ok((named.name.clone(), named.scenarios.clone()))
}

/// The saved scenarios that can be read, by name.
pub(crate) async fn list(
    conn: &mut PgConnection,
    org: domain::OrganizationId,
) -> Result<Vec<(i64, NamedScenario)>, WebError> {
    let stored = store::scenario::list(conn, org).await?;
    let named = |stored: store::scenario::Scenario| {
        let scenarios = read(&stored)?;
        Some((stored.id, NamedScenario { name: stored.name, scenarios }))
    };
    Ok(stored.into_iter().filter_map(named).collect())
}

/// The changes of a stored scenario; `None` when another version wrote them in a way that this one does not know.
pub(crate) fn read(stored: &store::scenario::Scenario) -> Option<Vec<Scenario>> {
    Vec::deserialize(&stored.assumptions)
        .inspect_err(|error| tracing::warn!(scenario = stored.name, %error, "a scenario cannot be read"))
        .ok()
}

/// The name and the changes of a stored scenario.
pub(crate) async fn get(
    conn: &mut PgConnection,
    org: domain::OrganizationId,
    id: i64,
) -> Result<NamedScenario, WebError> {
    let stored = store::scenario::get(conn, org, id).await?;
    let scenarios = read(&stored).ok_or_else(|| WebError::NotFound(UNREADABLE.to_owned()))?;
    Ok(NamedScenario { name: stored.name, scenarios })
}

/// Changes as they are stored.
pub(crate) fn to_json(scenarios: &[Scenario]) -> serde_json::Value {
    serde_json::to_value(scenarios).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(kind: &str) -> ScenarioForm {
        ScenarioForm {
            name: "Launch in spring".to_owned(),
            kind: kind.to_owned(),
            value: "2".to_owned(),
            from: "2026-12-01T00:00".to_owned(),
            until: "2026-12-02T00:00".to_owned(),
            elasticity: "−0.5".to_owned(),
            ..ScenarioForm::default()
        }
    }

    #[test]
    fn every_kind_of_change_can_be_typed_and_comes_back_from_storage() {
        for (kind, _) in KINDS {
            let (name, scenario) = form(kind).scenario().unwrap();
            assert_eq!(name, "Launch in spring");
            let stored: Vec<Scenario> =
                serde_json::from_value(to_json(std::slice::from_ref(&scenario))).unwrap();
            assert_eq!(stored, [scenario]);
        }
    }

    fn with_launch(value: &str) -> ScenarioForm {
        ScenarioForm { value: value.to_owned(), ..form("launch") }
    }

    #[test]
    fn impossible_changes_name_their_field() {
        let refused = |form: ScenarioForm| match form.scenario() {
            Err(WebError::Invalid(field, _)) => field,
            other => panic!("{other:?}"),
        };
        let with = |kind: &str, change: fn(&mut ScenarioForm)| {
            let mut form = form(kind);
            change(&mut form);
            refused(form)
        };
        assert_eq!(with("growth", |form| form.value.clear()), "value");
        assert_eq!(with("growth", |form| form.name.clear()), "name");
        assert_eq!(with("growth", |form| form.value = "1001".to_owned()), "value");
        assert_eq!(with("event", |form| form.value = "NaN".to_owned()), "value");
        assert_eq!(with("event", |form| form.until.clone_from(&form.from)), "until");
        assert_eq!(with("event", |form| form.low = "3".to_owned()), "low");
        assert_eq!(with("zone_loss", |form| form.value = "1".to_owned()), "zones");
        assert_eq!(with("price_change", |form| form.elasticity.clear()), "elasticity");
        assert_eq!(with("price_change", |form| form.elasticity = "-11".to_owned()), "elasticity");
        assert!(with_launch("5000").scenario().is_ok());
        assert_eq!(with("nothing", |_| ()), "kind");
    }
}
