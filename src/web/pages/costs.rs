//! The cost explorer: any range, filter and grouping, drilled down, compared and exported.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chart::{BarGroup, StackedBars, Unit};
use chrono::NaiveDate;
use domain::{Currency, OrganizationId, midnight, to_statistic};
use rust_decimal::Decimal;
use store::PgConnection;
use store::charge::{self, Dimension, Filter, Granularity, Groups, Match, Query};

use crate::cost_view::{COSTS, CostView, DIMENSIONS, PRESETS, Range, dimension_name, word_of};
use crate::csv::{self, Cell};
use crate::error::WebError;
use crate::figure::Figure;
use crate::layout::{Layout, page};
use crate::session::{Visitor, connection};
use crate::show;
use crate::state::App;

/// Groups that get a colour of their own; the rest is drawn as one.
const COLOURS: u32 = 9;
/// Rows of the table on the page; the export has all.
const PAGE_ROWS: u32 = 100;
/// Rows of an export.
const EXPORT_ROWS: u32 = 1_000_000;
/// Values offered for a filter.
const SUGGESTIONS: u32 = 300;

/// What one view of the ledger holds; page, CSV and JSON show the same.
pub(crate) struct Costs {
    pub(crate) query: Query,
    pub(crate) groups: Groups,
    pub(crate) names: BTreeMap<String, String>,
    /// Total and cost by group of the period before, when compared.
    pub(crate) previous: Option<(Decimal, HashMap<String, Decimal>)>,
}

impl Costs {
    /// The cost of a group in the period before.
    pub(crate) fn before(&self, group: &str) -> Option<Decimal> {
        self.previous.as_ref().map(|(_, groups)| groups.get(group).copied().unwrap_or_default())
    }
}

/// Reads a view. `None` when the ledger is empty.
pub(crate) async fn read(
    conn: &mut PgConnection,
    org: OrganizationId,
    view: &CostView,
    today: NaiveDate,
    rows: u32,
) -> Result<Option<Costs>, WebError> {
    let currency = match view.currency {
        Some(currency) => currency,
        None => shown_currency(conn, org).await?,
    };
    let Some(data) = charge::span(conn, org, currency).await? else { return Ok(None) };
    let days = view.days(data, today);
    let query = view.query(days, currency);
    let groups = totals_by_group(conn, org, &query, rows).await?;
    let previous = if view.compare {
        let before = Query { from: days.0 - (days.1 - days.0), to: days.0, ..query.clone() };
        let groups = totals_by_group(conn, org, &before, EXPORT_ROWS).await?;
        let by_group = groups.top.into_iter().map(|group| (group.group, group.cost)).collect();
        Some((groups.total, by_group))
    } else {
        None
    };
    let names = charge::account_names(conn, org).await?;
    Ok(Some(Costs { query, groups, names, previous }))
}

/// The organization's currency if the ledger has it, else the ledger's most frequent one.
pub(crate) async fn shown_currency(
    conn: &mut PgConnection,
    org: OrganizationId,
) -> Result<Currency, WebError> {
    let own = store::organization::get(conn, org).await?.currency;
    let known = charge::currencies(conn, org).await?;
    Ok(if known.contains(&own) { own } else { known.first().copied().unwrap_or(own) })
}

async fn totals_by_group(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
    rows: u32,
) -> Result<Groups, WebError> {
    if query.group_by.is_some() {
        return Ok(charge::groups(conn, org, query, rows).await?);
    }
    let rows = charge::costs(conn, org, query).await?;
    let total = rows.iter().map(|row| row.cost).sum();
    let top =
        if rows.is_empty() { vec![] } else { vec![charge::GroupTotal { group: String::new(), cost: total }] };
    Ok(Groups { top, other_count: 0, other: Decimal::ZERO, total })
}

/// One row of the table.
struct Row {
    name: String,
    link: Option<String>,
    cost: Decimal,
    share: f64,
    before: Option<Decimal>,
    change: Option<Decimal>,
}

/// A filter value that can be taken away.
struct Chip {
    text: String,
    remove: String,
}

/// A step of the drill-down.
struct Crumb {
    text: String,
    link: Option<String>,
}

/// An entry of a select.
struct Choice {
    word: &'static str,
    name: &'static str,
    selected: bool,
}

#[derive(Template)]
#[template(path = "costs.html")]
struct CostsPage {
    layout: Layout,
    currency: Currency,
    presets: Vec<Choice>,
    costs: Vec<Choice>,
    group_bys: Vec<Choice>,
    granularities: Vec<Choice>,
    dimensions: Vec<Choice>,
    first: String,
    last: String,
    custom: bool,
    compare: bool,
    hidden: Vec<(&'static str, String)>,
    state: Vec<(String, String)>,
    chips: Vec<Chip>,
    crumbs: Vec<Crumb>,
    suggestions: Vec<String>,
    group_name: &'static str,
    rows: Vec<Row>,
    other: Option<(u64, Decimal, f64)>,
    total: Decimal,
    total_before: Option<Decimal>,
    figure: Option<Figure>,
    steps: Vec<(String, Vec<Decimal>, Decimal)>,
    step_names: Vec<String>,
    csv: String,
    daily_csv: String,
    json: String,
    problem: Option<String>,
    reset: String,
}

/// `GET /costs`.
pub(crate) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, WebError> {
    let (view, problem) = match CostView::parse(raw.as_deref().unwrap_or_default()) {
        Ok(view) => (view, None),
        Err(error) => (CostView::default(), Some(error.detail())),
    };
    let mut conn = connection(&app).await?;
    let read = read(&mut conn, visitor.org(), &view, app.now().date_naive(), PAGE_ROWS).await?;
    let mut shown = empty_page(&visitor, &view, problem);
    let Some(costs) = read else { return page(&shown) };
    let suggestions = match view.group_by {
        Some(by) => charge::values(&mut conn, visitor.org(), by, "", SUGGESTIONS).await?,
        None => vec![],
    };
    shown.suggestions = suggestions.into_iter().map(|value| value.value).filter(|v| !v.is_empty()).collect();
    shown.currency = costs.query.currency;
    let last = costs.query.to.pred_opt().unwrap_or(costs.query.to);
    (shown.first, shown.last) = (costs.query.from.to_string(), last.to_string());
    fill_table(&mut shown, &view, &costs);
    fill_chart(&mut conn, visitor.org(), &mut shown, &costs).await?;
    page(&shown)
}

/// `GET /costs.csv`: the table with every group.
pub(crate) async fn table_csv(
    State(app): State<App>,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, WebError> {
    let view = CostView::parse(raw.as_deref().unwrap_or_default())?;
    let mut conn = connection(&app).await?;
    let read = read(&mut conn, visitor.org(), &view, app.now().date_naive(), EXPORT_ROWS).await?;
    let costs = read.ok_or_else(|| WebError::NotFound("There are no costs yet.".to_owned()))?;
    let rows = costs.groups.top.iter().map(|group| {
        let mut row = vec![
            Cell::from(group.group.clone()),
            Cell::from(costs.names.get(&group.group).cloned().unwrap_or_default()),
            Cell::Number(group.cost),
            Cell::from(costs.query.currency.as_str()),
        ];
        row.extend(costs.before(&group.group).map(Cell::Number));
        row
    });
    let group = view.group_by.map_or("group", |by| word_of(by, &DIMENSIONS));
    let mut header = vec![group, "name", "cost", "currency"];
    header.extend(costs.previous.is_some().then_some("previous_cost"));
    let name = format!("costs-{}-{}.csv", costs.query.from, costs.query.to);
    Ok(csv::download(&name, &header, rows.collect()))
}

/// `GET /costs-over-time.csv`: one row per step of time and group.
pub(crate) async fn steps_csv(
    State(app): State<App>,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, WebError> {
    let view = CostView::parse(raw.as_deref().unwrap_or_default())?;
    let mut conn = connection(&app).await?;
    let read = read(&mut conn, visitor.org(), &view, app.now().date_naive(), 1).await?;
    let costs = read.ok_or_else(|| WebError::NotFound("There are no costs yet.".to_owned()))?;
    let rows = charge::costs(&mut conn, visitor.org(), &costs.query).await?;
    let currency = costs.query.currency.as_str();
    let cells = rows.into_iter().map(|row| {
        vec![row.day.to_string().into(), row.group.into(), Cell::Number(row.cost), Cell::from(currency)]
    });
    let group = view.group_by.map_or("group", |by| word_of(by, &DIMENSIONS));
    let step = if costs.query.granularity == Granularity::Day { "day" } else { "month" };
    let name = format!("costs-over-time-{}-{}.csv", costs.query.from, costs.query.to);
    Ok(csv::download(&name, &[step, group, "cost", "currency"], cells.collect()))
}

/// `GET /costs.json`: the document that the API answers for the same state.
pub(crate) async fn json(
    State(app): State<App>,
    visitor: Visitor,
    RawQuery(raw): RawQuery,
) -> Result<Response, WebError> {
    let view = CostView::parse(raw.as_deref().unwrap_or_default())?;
    let mut conn = connection(&app).await?;
    let body =
        crate::api::costs::document(&mut conn, visitor.org(), &view, app.now().date_naive(), EXPORT_ROWS)
            .await?;
    Ok(axum::Json(body).into_response())
}

fn choices<T: PartialEq + Copy>(table: &[(T, &'static str, &'static str)], chosen: Option<T>) -> Vec<Choice> {
    table.iter().map(|(value, word, name)| Choice { word, name, selected: Some(*value) == chosen }).collect()
}

fn empty_page(visitor: &Visitor, view: &CostView, problem: Option<String>) -> CostsPage {
    let preset = match view.range {
        Range::Preset(preset) => Some(preset),
        Range::Days { .. } => None,
    };
    let granularities = [
        (None, "auto", "Automatic"),
        (Some(Granularity::Day), "day", "Day"),
        (Some(Granularity::Month), "month", "Month"),
    ];
    let mut group_bys = choices(&DIMENSIONS, view.group_by);
    group_bys.push(Choice { word: "none", name: "Nothing", selected: view.group_by.is_none() });
    let query = view.to_query();
    let state: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    CostsPage {
        layout: Layout::new(visitor, "/costs", "Costs"),
        currency: Currency::USD,
        presets: choices(&PRESETS, preset),
        costs: choices(&COSTS, Some(view.cost)),
        group_bys,
        granularities: choices(&granularities, Some(view.granularity)),
        dimensions: choices(&DIMENSIONS, view.group_by),
        first: String::new(),
        last: String::new(),
        custom: preset.is_none(),
        compare: view.compare,
        hidden: filter_fields(&view.filters),
        state,
        chips: chips(view),
        crumbs: crumbs(view),
        suggestions: vec![],
        group_name: view.group_by.map_or("Group", dimension_name),
        rows: vec![],
        other: None,
        total: Decimal::ZERO,
        total_before: None,
        figure: None,
        steps: vec![],
        step_names: vec![],
        csv: view.path("/costs.csv"),
        daily_csv: view.path("/costs-over-time.csv"),
        json: view.path("/costs.json"),
        problem,
        reset: "/costs".to_owned(),
    }
}

/// Filters as hidden fields, so that a change of range keeps them.
fn filter_fields(filters: &[Filter]) -> Vec<(&'static str, String)> {
    let fields = filters.iter().flat_map(|filter| {
        let name = if filter.matching == Match::Include { "include" } else { "exclude" };
        let word = word_of(filter.dimension, &DIMENSIONS);
        filter.values.iter().map(move |value| (name, format!("{word}:{value}")))
    });
    fields.collect()
}

fn chips(view: &CostView) -> Vec<Chip> {
    let chips = view.filters.iter().flat_map(|filter| {
        let sign = if filter.matching == Match::Include { "" } else { "not " };
        filter.values.iter().map(move |value| Chip {
            text: format!("{}: {sign}{}", dimension_name(filter.dimension), named(value)),
            remove: view.without(filter.dimension, filter.matching, value).path("/costs"),
        })
    });
    chips.collect()
}

fn crumbs(view: &CostView) -> Vec<Crumb> {
    if view.filters.is_empty() {
        return vec![];
    }
    let mut crumbs =
        vec![Crumb { text: "All costs".to_owned(), link: Some(view.truncated(0).path("/costs")) }];
    for (index, filter) in view.filters.iter().enumerate() {
        let values: Vec<&str> = filter.values.iter().map(|value| named(value)).collect();
        let sign = if filter.matching == Match::Include { "" } else { "not " };
        let is_last = index + 1 == view.filters.len();
        crumbs.push(Crumb {
            text: format!("{sign}{}", values.join(" or ")),
            link: (!is_last).then(|| view.truncated(index + 1).path("/costs")),
        });
    }
    crumbs
}

/// A value, or what stands for none.
fn named(value: &str) -> &str {
    if value.is_empty() { "(none)" } else { value }
}

fn share(part: Decimal, total: Decimal) -> f64 {
    if total.is_zero() { 0.0 } else { to_statistic(part) / to_statistic(total) }
}

fn fill_table(shown: &mut CostsPage, view: &CostView, costs: &Costs) {
    let total = costs.groups.total;
    shown.total = total;
    shown.total_before = costs.previous.as_ref().map(|(total, _)| *total);
    let single = view.group_by.is_none();
    shown.rows = costs
        .groups
        .top
        .iter()
        .map(|group| {
            let before =
                costs.before(&group.group).filter(|_| !single).or(shown.total_before.filter(|_| single));
            let name = costs.names.get(&group.group).filter(|_| view.group_by == Some(Dimension::Account));
            Row {
                name: match name {
                    _ if single => "All costs".to_owned(),
                    Some(name) => format!("{name} ({})", group.group),
                    None => named(&group.group).to_owned(),
                },
                link: view.drill(&group.group).map(|view| view.path("/costs")),
                cost: group.cost,
                share: share(group.cost, total),
                before,
                change: before.map(|before| group.cost - before),
            }
        })
        .collect();
    let other = &costs.groups;
    shown.other =
        (other.other_count > 0).then(|| (other.other_count, other.other, share(other.other, total)));
}

/// Draws the largest groups and the rest as bars over time, and lists the same figures.
async fn fill_chart(
    conn: &mut PgConnection,
    org: OrganizationId,
    shown: &mut CostsPage,
    costs: &Costs,
) -> Result<(), WebError> {
    let whole = Query { group_by: None, ..costs.query.clone() };
    let totals: BTreeMap<NaiveDate, Decimal> =
        charge::costs(conn, org, &whole).await?.into_iter().map(|row| (row.day, row.cost)).collect();
    if totals.is_empty() {
        return Ok(());
    }
    let top: Vec<String> =
        costs.groups.top.iter().take(COLOURS as usize).map(|group| group.group.clone()).collect();
    let mut parts: HashMap<(NaiveDate, String), Decimal> = HashMap::new();
    if let Some(dimension) = costs.query.group_by {
        let mut largest = costs.query.clone();
        largest.filters.push(Filter { dimension, matching: Match::Include, values: top.clone() });
        for row in charge::costs(conn, org, &largest).await? {
            parts.insert((row.day, row.group), row.cost);
        }
    } else {
        parts.extend(totals.iter().map(|(day, cost)| ((*day, String::new()), *cost)));
    }
    let has_rest = costs.groups.top.len() + costs.groups.other_count as usize > top.len();
    let mut names: Vec<String> = top.iter().map(|name| named(name).to_owned()).collect();
    if costs.query.group_by.is_none() {
        names = vec!["All costs".to_owned()];
    }
    if has_rest {
        names.push("Other".to_owned());
    }
    let days = steps(&costs.query);
    let mut groups: Vec<BarGroup> =
        names.iter().map(|name| BarGroup { name: name.clone(), values: vec![] }).collect();
    for day in &days {
        let total = totals.get(day).copied().unwrap_or_default();
        let mut values: Vec<Decimal> =
            top.iter().map(|name| parts.get(&(*day, name.clone())).copied().unwrap_or_default()).collect();
        if has_rest {
            values.push(total - values.iter().copied().sum::<Decimal>());
        }
        for (group, value) in groups.iter_mut().zip(&values) {
            group.values.push(to_statistic(*value));
        }
        shown.steps.push((step_name(*day, costs.query.granularity), values, total));
    }
    let bars = StackedBars {
        unit: Unit::Money(costs.query.currency),
        periods: days.into_iter().map(midnight).collect(),
        end: midnight(costs.query.to),
        groups,
    };
    let per = if costs.query.granularity == Granularity::Day { "day" } else { "month" };
    let title = format!("Cost by {per} and {}", shown.group_name.to_lowercase());
    let description = format!(
        "Stacked bars from {} to {}; the total is {}.",
        shown.first,
        shown.last,
        show::money(shown.total, costs.query.currency)
    );
    shown.step_names = names;
    shown.figure = Some(Figure::draw("costs", &title, &description, 300, |frame| bars.svg(frame)));
    Ok(())
}

/// The first day of every step of a query.
fn steps(query: &Query) -> Vec<NaiveDate> {
    let mut steps = vec![];
    let mut day = match query.granularity {
        Granularity::Day => query.from,
        Granularity::Month => domain::BillingMonth::of(midnight(query.from)).first_day(),
    };
    while day < query.to {
        steps.push(day);
        let next = match query.granularity {
            Granularity::Day => day.succ_opt(),
            Granularity::Month => day.checked_add_months(chrono::Months::new(1)),
        };
        let Some(next) = next else { break };
        day = next;
    }
    steps
}

fn step_name(day: NaiveDate, granularity: Granularity) -> String {
    match granularity {
        Granularity::Day => day.to_string(),
        Granularity::Month => day.format("%Y-%m").to_string(),
    }
}
