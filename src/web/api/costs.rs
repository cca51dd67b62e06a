//! `GET /api/v1/costs`: the cost explorer as JSON, with the same parameters as the page.

use axum::extract::{RawQuery, State};
use chrono::NaiveDate;
use domain::{OrganizationId, to_statistic};
use rust_decimal::Decimal;
use serde::Serialize;
use store::PgConnection;
use store::charge;
use utoipa::ToSchema;

use crate::api::answer::{Answer, Reading};
use crate::cost_view::{COSTS, CostView, DIMENSIONS, word_of};
use crate::error::WebError;
use crate::pages::costs;
use crate::state::App;

/// Rows of one answer.
const MAX_ROWS: u32 = 100_000;

/// Costs of a period, by group and over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostsBody {
    /// First UTC day, inclusive.
    from: NaiveDate,
    /// Last UTC day, exclusive.
    to: NaiveDate,
    /// ISO 4217 code of every amount.
    currency: String,
    /// Which cost: `effective`, `billed`, `list` or `contracted`.
    cost: &'static str,
    /// Dimension of the groups, if any.
    group_by: Option<&'static str>,
    /// Cost of the whole period.
    #[schema(example = "1234.56")]
    total: Decimal,
    /// Cost of the period before, when compared.
    previous_total: Option<Decimal>,
    /// Groups, largest first.
    groups: Vec<GroupBody>,
    /// Steps of time.
    steps: Vec<StepBody>,
}

/// One group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupBody {
    /// Value of the dimension; empty for charges without one.
    group: String,
    /// A name, where the bill has one.
    name: Option<String>,
    /// Its cost.
    cost: Decimal,
    /// Its share of the total, as a ratio.
    share: f64,
    /// Its cost in the period before, when compared.
    previous_cost: Option<Decimal>,
}

/// One group in one step of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepBody {
    /// First day of the step.
    day: NaiveDate,
    /// Value of the dimension.
    group: String,
    /// Its cost.
    cost: Decimal,
}

/// Costs by any range, filter and grouping.
#[utoipa::path(
    get,
    path = "/costs",
    tag = "costs",
    params(
        ("period" = Option<String>, Query, description = "last-7-days, last-30-days (default), last-90-days, month-to-date, last-month, last-6-months, last-12-months, year-to-date or all"),
        ("from" = Option<String>, Query, description = "First day (YYYY-MM-DD), instead of a period"),
        ("to" = Option<String>, Query, description = "Last day, inclusive"),
        ("group_by" = Option<String>, Query, description = "service (default), account, provider, team, region, resource, charge_category, pricing_category, commitment_status, billing_account or none"),
        ("granularity" = Option<String>, Query, description = "day, month or auto"),
        ("cost" = Option<String>, Query, description = "effective (default), billed, list or contracted"),
        ("include" = Option<Vec<String>>, Query, description = "dimension:value, repeatable"),
        ("exclude" = Option<Vec<String>>, Query, description = "dimension:value, repeatable"),
        ("compare" = Option<String>, Query, description = "previous"),
        ("currency" = Option<String>, Query, description = "ISO 4217 code"),
    ),
    responses((status = 200, body = CostsBody)),
)]
pub(crate) async fn list(State(app): State<App>, mut read: Reading, RawQuery(raw): RawQuery) -> Answer {
    let view = CostView::parse(raw.as_deref().unwrap_or_default())?;
    let body = document(&mut read.conn, read.org, &view, app.now().date_naive(), MAX_ROWS).await?;
    read.answer(&body)
}

/// The document of one view.
pub(crate) async fn document(
    conn: &mut PgConnection,
    org: OrganizationId,
    view: &CostView,
    today: NaiveDate,
    rows: u32,
) -> Result<CostsBody, WebError> {
    let read = costs::read(conn, org, view, today, rows).await?;
    let read = read.ok_or_else(|| WebError::NotFound("There are no costs yet.".to_owned()))?;
    let steps = charge::costs(conn, org, &read.query).await?;
    let total = read.groups.total;
    let whole = to_statistic(total);
    let group = |found: &charge::GroupTotal| GroupBody {
        name: read.names.get(&found.group).cloned(),
        share: if whole == 0.0 { 0.0 } else { to_statistic(found.cost) / whole },
        previous_cost: read.before(&found.group),
        group: found.group.clone(),
        cost: found.cost,
    };
    Ok(CostsBody {
        from: read.query.from,
        to: read.query.to,
        currency: read.query.currency.to_string(),
        cost: word_of(read.query.cost, &COSTS),
        group_by: read.query.group_by.map(|by| word_of(by, &DIMENSIONS)),
        total,
        previous_total: read.previous.as_ref().map(|(total, _)| *total),
        groups: read.groups.top.iter().map(group).collect(),
        steps: steps
            .into_iter()
            .map(|row| StepBody { day: row.day, group: row.group, cost: row.cost })
            .collect(),
    })
}
