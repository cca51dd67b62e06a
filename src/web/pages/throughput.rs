//! What one instance of a workload carries: as configured or by a load test, and the latency of groups of them.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use capacity::{LoadTest, Simulation, StaffingRow, UnitThroughput, staffing_table};
use domain::CapacityKind;
use serde::Deserialize;

use crate::error::WebError;
use crate::layout::{Layout, page};
use crate::pages::capacity::{demand_unit, positive};
use crate::path;
use crate::session::{Visitor, connection};
use crate::state::{App, Workload};
use crate::workload::{FromHistory, check, configured, from_history, learned as by_history};

/// 95th percentile of latency that the table looks for where the form does not say, in milliseconds.
const PROMISED_MS: f64 = 200.0;

/// The form as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoadTestForm {
    result: String,
    instances: String,
    latency_ms: String,
    errors_percent: String,
}

impl LoadTestForm {
    /// What the test ran against and was to keep, or the first field that can't be used.
    fn test(&self) -> Result<LoadTest, WebError> {
        let usual = LoadTest::default();
        let instances = positive("instances", &self.instances)?.unwrap_or(f64::from(usual.instances));
        Ok(LoadTest {
            instances: (instances.round() as u32).max(1),
            latency_p95_ms: positive("latency_ms", &self.latency_ms)?.unwrap_or(PROMISED_MS),
            error_share: positive("errors_percent", &self.errors_percent)?
                .map_or(usual.error_share, |percent| percent / 100.0),
        })
    }
}

/// Whose history is looked at; empty: that of the workload's own group.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HistoryOf {
    group: String,
}

#[derive(Template)]
#[template(path = "throughput.html")]
struct ThroughputPage {
    layout: Layout,
    name: String,
    unit: &'static str,
    kind: CapacityKind,
    /// None where history is to tell and does not.
    configured: Option<f64>,
    basis: Option<String>,
    /// Whether each run learns it.
    by_history: bool,
    learned: Option<UnitThroughput>,
    /// What history says, of the workload's group or of another that was asked for.
    history: Option<FromHistory>,
    /// Largest median of demand that the run expects; none before the first run.
    peak: Option<f64>,
    service_ms: f64,
    promised_ms: f64,
    table: Vec<StaffingRow>,
    form: LoadTestForm,
    problem: Option<String>,
}

/// `GET /capacity/throughput/{name}`.
pub(crate) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<HistoryOf>,
) -> Result<Response, WebError> {
    throughput_page(&app, &visitor, &name, asked, LoadTestForm::default(), Ok(None)).await
}

/// `POST /capacity/throughput/{name}`: nothing is stored, the result is only read.
pub(crate) async fn learn(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(form): Form<LoadTestForm>,
) -> Result<Response, WebError> {
    let learned = form.test().and_then(|test| {
        let read = test.throughput(&form.result);
        read.map(Some).map_err(|error| WebError::Invalid("result", format!("This is no use: {error}.")))
    });
    let status = learned.as_ref().map_or_else(WebError::status, |_| StatusCode::OK);
    let page = throughput_page(&app, &visitor, &name, HistoryOf::default(), form, learned).await?;
    Ok((status, page).into_response())
}

async fn throughput_page(
    app: &App,
    visitor: &Visitor,
    name: &str,
    asked: HistoryOf,
    form: LoadTestForm,
    learned: Result<Option<UnitThroughput>, WebError>,
) -> Result<Response, WebError> {
    let configured = configured(app, name)?;
    let mut conn = connection(app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let (workload, known) = match by_history(conn, org, configured).await {
        Ok(workload) => (workload, true),
        Err(WebError::NotFound(why)) => (Workload { basis: Some(why), ..configured.clone() }, false),
        Err(error) => return Err(error),
    };
    let plan = match store::run::latest(conn, org).await? {
        Some(run) => Some(store::capacity::get(conn, org, run.id, name).await?),
        None => None,
    };
    let group = Some(asked.group.trim()).filter(|group| !group.is_empty()).or(workload.group.as_deref());
    let history = match group {
        Some(group) => match from_history(conn, org, &workload, group).await {
            // There is no history before the first run.
            Err(WebError::NotFound(_)) => None,
            found => Some(found?),
        },
        None => None,
    };
    let (learned, problem) = match learned {
        Ok(learned) => (learned, None),
        Err(error) => (None, Some(error.detail())),
    };
    let mut settings = workload.settings.clone();
    if let Some(learned) = &learned {
        settings.unit_throughput = learned.unit_throughput;
    }
    let settings = check(settings)?;
    let peak = plan.map(|plan| plan.rows.iter().map(|row| row.demand_p50).fold(0.0, f64::max));
    let promised_ms = form.test().map_or(PROMISED_MS, |test| test.latency_p95_ms);
    let service_ms = Simulation::of(&settings).service_ms;
    page(&ThroughputPage {
        layout: Layout::new(visitor, "/capacity", format!("Throughput of {name}")),
        name: name.to_owned(),
        unit: demand_unit(&workload.demand),
        kind: workload.settings.kind,
        configured: known.then_some(workload.settings.unit_throughput),
        basis: workload.basis.clone(),
        by_history: workload.by_history,
        table: peak
            .filter(|_| workload.settings.kind.unscaled().is_none())
            .map_or(vec![], |peak| staffing_table(peak, promised_ms, service_ms, &settings)),
        learned,
        history,
        peak,
        service_ms,
        promised_ms,
        form,
        problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_form_has_the_usual_promises_and_a_wrong_one_names_its_field() {
        assert_eq!(LoadTestForm::default().test().unwrap(), LoadTest::default());
        let form = LoadTestForm {
            errors_percent: "2".to_owned(),
            instances: "4".to_owned(),
            ..LoadTestForm::default()
        };
        assert_eq!(form.test().unwrap(), LoadTest { instances: 4, error_share: 0.02, ..LoadTest::default() });
        let form = LoadTestForm { latency_ms: "-1".to_owned(), ..LoadTestForm::default() };
        assert!(matches!(form.test(), Err(WebError::Invalid("latency_ms", _))));
    }
}
