//! Forecasts: how good each one is, and one in full with its fan, its accuracy and its figures.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use chart::Fan;
use chrono::{DateTime, Duration, Utc};
use domain::{Event, Forecast, Frequency, Period, Stamp};
use serde::Deserialize;
use store::forecast::{ForecastKind, ForecastSummary, PastPoint, StoredForecast};

use crate::csv::{self, Cell};
use crate::error::WebError;
use crate::fan;
use crate::figure::Figure;
use crate::history::{Subject, series_title};
use crate::layout::{Layout, page};
use crate::pages::costs::shown_currency;
use crate::pages::overview::marks;
use crate::path;
use crate::session::{Visitor, connection};
use crate::show;
use crate::state::App;

/// Kinds: the word in URLs and the name on pages.
const KINDS: [(ForecastKind, &str, &str); 3] = [
    (ForecastKind::Cost, "cost", "Cost"),
    (ForecastKind::Demand, "demand", "Demand"),
    (ForecastKind::Utilization, "utilization", "Utilization"),
];
/// Steps shown when the visitor has no wish.
const SHOWN_STEPS: usize = 90;
/// Steps that an hourly forecast shows.
const SHOWN_HOURS: usize = 14 * 24;
/// Earlier runs that are compared with what came.
const PAST_RUNS: u32 = 12;
/// Groups of steps in the table of accuracy by horizon.
const HORIZON_BUCKETS: usize = 10;
/// Rows of a list page.
const LIST_ROWS: usize = 500;

#[derive(Debug, Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    sort: String,
}

struct Entry {
    summary: ForecastSummary,
    title: String,
    /// MASE of this forecast over that of seasonal naive: below 1 is better.
    ratio: Option<f64>,
}

#[derive(Template)]
#[template(path = "forecasts.html")]
struct ListPage {
    layout: Layout,
    tabs: Vec<(&'static str, &'static str, bool, usize)>,
    kind: &'static str,
    q: String,
    sort: String,
    entries: Vec<Entry>,
    matching: usize,
    run: Option<store::run::Run>,
    better: usize,
    scored: usize,
}

/// `GET /forecasts`.
pub(crate) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<ListQuery>,
) -> Result<Response, WebError> {
    let (kind, word, _) = *KINDS.iter().find(|(_, word, _)| *word == query.kind).unwrap_or(&KINDS[0]);
    let mut conn = connection(&app).await?;
    let run = store::run::latest(&mut conn, visitor.org()).await?;
    let all = match &run {
        Some(run) => store::forecast::list(&mut conn, visitor.org(), run.id, None).await?,
        None => vec![],
    };
    let count = |kind| all.iter().filter(|summary| summary.kind == kind).count();
    let tabs =
        KINDS.iter().map(|(known, word, name)| (*word, *name, *known == kind, count(*known))).collect();
    let needle = query.q.trim().to_lowercase();
    let mut entries: Vec<Entry> = all
        .into_iter()
        .filter(|summary| summary.kind == kind && summary.unique_id.to_lowercase().contains(&needle))
        .map(|summary| Entry { title: series_title(&summary.unique_id), ratio: ratio(&summary), summary })
        .collect();
    match query.sort.as_str() {
        "total" => entries.sort_by(|a, b| b.summary.total.total_cmp(&a.summary.total)),
        "ratio" => entries.sort_by(|a, b| worst(a.ratio).total_cmp(&worst(b.ratio))),
        _ => entries.sort_by(|a, b| natural(&a.summary.unique_id).cmp(&natural(&b.summary.unique_id))),
    }
    let ratios: Vec<f64> = entries.iter().filter_map(|entry| entry.ratio).collect();
    let matching = entries.len();
    entries.truncate(LIST_ROWS);
    page(&ListPage {
        layout: Layout::new(&visitor, "/forecasts", "Forecasts"),
        tabs,
        kind: word,
        q: query.q,
        sort: query.sort,
        better: ratios.iter().filter(|ratio| **ratio < 1.0).count(),
        scored: ratios.len(),
        entries,
        matching,
        run,
    })
}

/// The total first, then by name.
fn natural(unique_id: &str) -> (bool, &str) {
    (unique_id != "cost/total", unique_id)
}

fn worst(ratio: Option<f64>) -> f64 {
    ratio.unwrap_or(f64::INFINITY)
}

fn ratio(summary: &ForecastSummary) -> Option<f64> {
    let own = summary.accuracy.as_ref()?.mase?;
    let naive = summary.baseline.as_ref()?.mase?;
    (naive > 0.0).then(|| own / naive)
}

#[derive(Debug, Deserialize)]
pub(crate) struct DetailQuery {
    steps: Option<usize>,
}

struct HorizonRow {
    steps: String,
    mase: f64,
}

struct PastRow {
    as_of: DateTime<Utc>,
    run: domain::RunId,
    steps: usize,
    wape: f64,
    inside: f64,
}

struct FigureRow {
    at: DateTime<Utc>,
    values: Vec<Option<f64>>,
}

#[derive(Template)]
#[template(path = "forecast.html")]
struct DetailPage {
    layout: Layout,
    title: String,
    unique_id: String,
    stored: StoredForecast,
    figure: Figure,
    windows: Vec<(usize, String, bool)>,
    horizons: Vec<HorizonRow>,
    past: Vec<PastRow>,
    columns: Vec<&'static str>,
    rows: Vec<FigureRow>,
    unit: chart::Unit,
    events: Vec<Event>,
    csv: String,
}

impl DetailPage {
    fn figure_text(&self, value: &Option<f64>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| self.unit.long(value))
    }
}

/// Columns of the figures: name and level.
const COLUMNS: [(&str, f64); 7] = [
    ("P2.5", 0.025),
    ("P10", 0.1),
    ("P25", 0.25),
    ("Median", 0.5),
    ("P75", 0.75),
    ("P90", 0.9),
    ("P97.5", 0.975),
];

/// `GET /forecasts/{name}`.
pub(crate) async fn detail(
    State(app): State<App>,
    visitor: Visitor,
    Path(unique_id): Path<String>,
    Query(query): Query<DetailQuery>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let stored = find(conn, org, &unique_id).await?;
    let currency = shown_currency(conn, org).await?;
    let forecast = &stored.forecast;
    let subject = Subject::of(&unique_id);
    let daily = forecast.grid.frequency == Frequency::DAY;
    let default = if daily { SHOWN_STEPS } else { SHOWN_HOURS };
    let steps = query.steps.unwrap_or(default).clamp(2, forecast.horizon().max(2));
    let start = forecast.grid.start.time().unwrap_or(stored.as_of);
    let seconds = forecast.grid.frequency.mean_seconds().unwrap_or(86_400.0);
    let back = Duration::seconds((seconds * steps.max(60) as f64) as i64);
    let unit = subject.unit(currency);
    let history = subject.values(conn, org, Period { start: start - back, end: start }, currency).await?;
    let events: Vec<Event> = store::event::list(conn, org)
        .await?
        .into_iter()
        .map(|stored| stored.event)
        .filter(|event| event.unique_id.as_deref().is_none_or(|id| id == unique_id))
        .collect();
    let chart = Fan { marks: marks(&events), ..fan::chart(forecast, history, unit.clone(), steps) };
    let title = subject.title(&unique_id);
    let description = format!(
        "The measured past and {steps} steps of forecast with the 50, 80 and 95 % intervals. {}",
        forecast.reason
    );
    let figure = Figure::draw("fan", &title, &description, 320, |frame| chart.svg(frame));
    let past = past(conn, &visitor, &subject, &unique_id, start, currency).await?;
    let windows: &[usize] = if daily { &[30, 90, 180, 365] } else { &[48, 168, 336] };
    let name = |steps: usize| if daily { format!("{steps} days") } else { format!("{} days", steps / 24) };
    let windows = windows.iter().filter(|window| **window <= forecast.horizon());
    let windows = windows.map(|window| (*window, name(*window), *window == steps)).collect();
    page(&DetailPage {
        layout: Layout::new(&visitor, "/forecasts", &title),
        csv: format!(
            "/forecasts.csv?{}",
            form_urlencoded::Serializer::new(String::new()).append_pair("id", &unique_id).finish()
        ),
        horizons: horizons(forecast),
        columns: COLUMNS.iter().map(|(name, _)| *name).collect(),
        rows: figure_rows(forecast, steps),
        title,
        unique_id,
        figure,
        windows,
        past,
        unit,
        events,
        stored,
    })
}

#[derive(Debug, Deserialize)]
pub(crate) struct FileQuery {
    id: String,
}

/// `GET /forecasts.csv?id=…`: every step with every quantile, as in file mode.
pub(crate) async fn file(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<FileQuery>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let forecast = find(&mut conn, visitor.org(), &query.id).await?.forecast;
    let levels: Vec<String> = forecast.levels.iter().map(|level| format!("q{level}")).collect();
    let mut header = vec!["unique_id", "ds", "mean"];
    header.extend(levels.iter().map(String::as_str));
    let rows = (0..forecast.horizon()).map(|step| {
        let mut row = vec![
            Cell::from(forecast.unique_id.clone()),
            Cell::from(forecast.grid.stamp(step).to_string()),
            Cell::Statistic(forecast.mean[step]),
        ];
        row.extend(forecast.quantiles.iter().map(|path| Cell::Statistic(path[step])));
        row
    });
    Ok(csv::download(&format!("forecast-{}.csv", query.id), &header, rows.collect()))
}

async fn find(
    conn: &mut store::PgConnection,
    org: domain::OrganizationId,
    unique_id: &str,
) -> Result<StoredForecast, WebError> {
    let found = store::forecast::latest(conn, org, unique_id).await?;
    found.ok_or_else(|| WebError::NotFound(format!("There is no forecast “{unique_id}”.")))
}

fn figure_rows(forecast: &Forecast, steps: usize) -> Vec<FigureRow> {
    let paths: Vec<Option<&[f64]>> = COLUMNS.iter().map(|(_, level)| fan::exact(forecast, *level)).collect();
    let row = |(step, at): (usize, DateTime<Utc>)| FigureRow {
        at,
        values: paths.iter().map(|path| path.and_then(|path| path.get(step)).copied()).collect(),
    };
    fan::times(forecast, steps).into_iter().enumerate().map(row).collect()
}

/// MASE over about ten equal stretches of the horizon.
fn horizons(forecast: &Forecast) -> Vec<HorizonRow> {
    let scored = forecast.mase_by_step.len();
    let width = scored.div_ceil(HORIZON_BUCKETS).max(1);
    let bucket = |(index, scores): (usize, &[Option<f64>])| {
        let known: Vec<f64> = scores.iter().filter_map(|score| *score).collect();
        let first = index * width + 1;
        (!known.is_empty()).then(|| HorizonRow {
            steps: if scores.len() == 1 {
                first.to_string()
            } else {
                format!("{first} to {}", first + scores.len() - 1)
            },
            mase: known.iter().sum::<f64>() / known.len() as f64,
        })
    };
    forecast.mase_by_step.chunks(width).enumerate().filter_map(bucket).collect()
}

/// How earlier runs did: their forecasts beside what was measured since.
async fn past(
    conn: &mut store::PgConnection,
    visitor: &Visitor,
    subject: &Subject,
    unique_id: &str,
    until: DateTime<Utc>,
    currency: domain::Currency,
) -> Result<Vec<PastRow>, WebError> {
    let points = store::forecast::past(conn, visitor.org(), unique_id, until, PAST_RUNS).await?;
    let Some(first) = points.iter().map(|point| point.ds).min() else { return Ok(vec![]) };
    let period = Period { start: first, end: until };
    let actual = subject.values(conn, visitor.org(), period, currency).await?;
    let actual: BTreeMap<DateTime<Utc>, f64> =
        actual.into_iter().filter_map(|(at, value)| Some((at, value?))).collect();
    let mut runs: BTreeMap<domain::RunId, Vec<&PastPoint>> = BTreeMap::new();
    for point in &points {
        runs.entry(point.run_id).or_default().push(point);
    }
    let rows = runs.into_iter().rev().filter_map(|(run, points)| {
        let pairs: Vec<(&PastPoint, f64)> =
            points.iter().filter_map(|point| Some((*point, *actual.get(&point.ds)?))).collect();
        let scale: f64 = pairs.iter().map(|(_, actual)| actual.abs()).sum();
        let error: f64 = pairs.iter().map(|(point, actual)| (point.mean - actual).abs()).sum();
        let inside = pairs.iter().filter(|(point, actual)| holds(point, *actual)).count();
        (scale > 0.0).then(|| PastRow {
            as_of: points[0].as_of,
            run,
            steps: pairs.len(),
            wape: error / scale,
            inside: inside as f64 / pairs.len() as f64,
        })
    });
    Ok(rows.collect())
}

/// Whether the 80 % interval of a point held what came.
fn holds(point: &PastPoint, actual: f64) -> bool {
    let at = |level: f64| {
        let index = point.levels.iter().position(|known| (known - level).abs() < 1e-9)?;
        point.quantiles.get(index).copied()
    };
    at(0.1).is_some_and(|low| low <= actual) && at(0.9).is_some_and(|high| actual <= high)
}

/// Date and time of an event, as far as its stamps have a clock.
pub(crate) fn event_time(stamp: &Stamp) -> String {
    match stamp {
        Stamp::Time(at) => show::moment(at),
        Stamp::Step(step) => step.to_string(),
    }
}
