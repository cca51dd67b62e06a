//! The overview: where spend is going, what could be saved, what comes next, and how fresh all that is.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chart::{Fan, Mark};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{AdviceReplay, CapacityPlan, Currency, Event, Period, RecommendationStatus, Stamp, to_cents};
use rust_decimal::Decimal;
use store::PgConnection;
use store::anomaly::Anomaly;
use store::forecast::StoredForecast;
use store::plan::StoredRecommendation;
use store::run::Run;
use store::source::SourceStatus;

use crate::error::WebError;
use crate::fan;
use crate::figure::Figure;
use crate::history::{Subject, series_title};
use crate::layout::{Layout, page};
use crate::pages::budgets;
use crate::pages::costs::shown_currency;
use crate::path;
use crate::session::{Visitor, connection};
use crate::state::App;

/// Days of history and of forecast in the chart.
const CHART_DAYS: i64 = 90;
/// Recommendations and anomalies listed.
const LISTED: usize = 5;

/// What can be saved.
struct Savings {
    open: usize,
    monthly: Decimal,
    share: f64,
    largest: Vec<StoredRecommendation>,
    /// What would have come of the most recent plan that was looked back at.
    followed: Option<AdviceReplay>,
}

/// What happens next to a workload.
struct NextEvent {
    name: String,
    starts_at: DateTime<Utc>,
    multiplier: f64,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    layout: Layout,
    currency: Currency,
    now: DateTime<Utc>,
    data: Option<(NaiveDate, NaiveDate)>,
    run: Option<Run>,
    month: Option<store::outlook::Outlook>,
    year: Option<store::outlook::Outlook>,
    figure: Option<Figure>,
    savings: Option<Savings>,
    next_event: Option<NextEvent>,
    act_by: Option<(String, DateTime<Utc>)>,
    budgets: Vec<budgets::Line>,
    anomalies: Vec<Unexpected>,
    sources: Vec<SourceStatus>,
    failing: usize,
}

/// An unexpected day with its series in words.
struct Unexpected {
    anomaly: Anomaly,
    title: String,
    /// The other series that show the same charges.
    also_in: Option<String>,
}

impl Unexpected {
    fn of(anomaly: Anomaly) -> Self {
        let also: Vec<String> = anomaly.also_in.iter().map(|id| series_title(id)).collect();
        Self {
            title: series_title(&anomaly.unique_id),
            also_in: (!also.is_empty()).then(|| also.join(", ")),
            anomaly,
        }
    }
}

/// `GET /`.
pub(crate) async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let (conn, org, now) = (&mut *conn, visitor.org(), app.now());
    let currency = shown_currency(conn, org).await?;
    let run = store::run::latest(conn, org).await?;
    let forecast = store::forecast::latest(conn, org, "cost/total").await?;
    let outlooks = match &forecast {
        Some(stored) => store::outlook::read(conn, org, &stored.forecast, currency).await?,
        None => None,
    };
    let (month, year) = outlooks.map_or((None, None), |[month, year]| (Some(month), Some(year)));
    let events = store::event::list(conn, org).await?;
    let events: Vec<Event> = events.into_iter().map(|stored| stored.event).collect();
    let figure = match &forecast {
        Some(stored) => Some(cost_figure(conn, &visitor, stored, &events, currency).await?),
        None => None,
    };
    let (savings, plans, anomalies) = match &run {
        Some(run) => (
            savings(conn, &visitor, run, now).await?,
            store::capacity::list(conn, org, run.id).await?,
            store::anomaly::list(conn, org, run.id).await?,
        ),
        None => (None, vec![], vec![]),
    };
    let sources = store::source::list(conn, org).await?;
    page(&OverviewPage {
        layout: Layout::new(&visitor, "/", "Overview"),
        currency,
        now,
        data: store::charge::span(conn, org, currency).await?,
        run,
        month,
        year,
        figure,
        savings,
        next_event: next_event(&events, now),
        act_by: act_by(&plans),
        budgets: budgets::lines(conn, org, currency).await?,
        anomalies: anomalies.into_iter().take(LISTED).map(Unexpected::of).collect(),
        failing: sources.iter().filter(|source| source.last_error.is_some()).count(),
        sources,
    })
}

async fn cost_figure(
    conn: &mut PgConnection,
    visitor: &Visitor,
    stored: &StoredForecast,
    events: &[Event],
    currency: Currency,
) -> Result<Figure, WebError> {
    let forecast = &stored.forecast;
    let start = forecast.grid.start.time().unwrap_or(stored.as_of);
    let period = Period { start: start - Duration::days(CHART_DAYS), end: start };
    let history = Subject::of("cost/total").values(conn, visitor.org(), period, currency).await?;
    let steps = usize::try_from(CHART_DAYS).unwrap_or(0);
    let chart =
        Fan { marks: marks(events), ..fan::chart(forecast, history, chart::Unit::Money(currency), steps) };
    let description = format!(
        "Daily cost of the last {CHART_DAYS} days and the forecast of the next {CHART_DAYS} with its 50, 80 and 95 % intervals."
    );
    Ok(Figure::draw("cost", "Daily cost, past and forecast", &description, 280, |frame| chart.svg(frame)))
}

/// Events as marks of a chart.
pub(crate) fn marks(events: &[Event]) -> Vec<Mark> {
    let mark = |event: &Event| match (event.starts_at, event.ends_at) {
        (Stamp::Time(at), Stamp::Time(until)) => {
            Some(Mark { at, until: Some(until), label: event.name.clone() })
        }
        _ => None,
    };
    events.iter().filter_map(mark).collect()
}

async fn savings(
    conn: &mut PgConnection,
    visitor: &Visitor,
    run: &Run,
    now: DateTime<Utc>,
) -> Result<Option<Savings>, WebError> {
    let Some(stored) = store::plan::latest(conn, visitor.org()).await? else { return Ok(None) };
    let all = store::plan::recommendations(conn, visitor.org(), run.id, now).await?;
    let mut open: Vec<StoredRecommendation> =
        all.into_iter().filter(|stored| stored.status == RecommendationStatus::Open).collect();
    let expected = |stored: &StoredRecommendation| stored.recommendation.estimated_monthly_savings.expected;
    let monthly: Decimal = open.iter().map(expected).sum();
    open.sort_by_key(|stored| std::cmp::Reverse(expected(stored)));
    let count = open.len();
    open.truncate(LISTED);
    let before = domain::to_statistic(stored.plan.before);
    let share = if before > 0.0 { domain::to_statistic(monthly) / before } else { 0.0 };
    let followed = store::advice_replay::list(conn, visitor.org(), stored.run_id).await?.into_iter().next();
    Ok(Some(Savings { open: count, monthly: to_cents(monthly), share, largest: open, followed }))
}

fn next_event(events: &[Event], now: DateTime<Utc>) -> Option<NextEvent> {
    let coming =
        events.iter().filter_map(|event| Some((event.starts_at.time()?, event))).filter(|(at, _)| *at >= now);
    let (starts_at, event) = coming.min_by_key(|(at, _)| *at)?;
    Some(NextEvent { name: event.name.clone(), starts_at, multiplier: event.multiplier })
}

/// The first day by which somebody has to act on a quota.
fn act_by(plans: &[CapacityPlan]) -> Option<(String, DateTime<Utc>)> {
    let dates = plans.iter().filter_map(|plan| match plan.act_by {
        Some(Stamp::Time(at)) => Some((plan.unique_id.clone(), at)),
        _ => None,
    });
    dates.min_by_key(|(_, at)| *at)
}
