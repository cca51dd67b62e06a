//! `POST /api/v1/commitments:compute` and `POST /api/v1/commitments:replay`: the twins of
//! `headroom plan commitments` and `headroom replay commitments`.

use std::collections::BTreeSet;

use axum::extract::State;
use billing::PriceBook;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Commitment, PriceQuote, PricingPlan, UsageHour, canonical_os};
use optimize::commitments::{self, CommitmentError, Later, Output, Settings};
use optimize::replay::{self, Policy, Replay, ReplayInput};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::ToSchema;

use super::rows::{Faults, each};
use crate::api::answer::Answer;
use crate::api::request::Body;
use crate::error::WebError;
use crate::session::Caller;
use crate::state::App;

/// Rows of each table.
const MAX_ROWS: usize = 100_000;
/// Kinds of usage: provider, account, region, instance type and operating system.
const MAX_LINES: usize = 50;
/// Longest history: three years.
const MAX_DAYS: i64 = 1_100;
/// Purchases of a replay: policies × dates.
const MAX_PURCHASES: i64 = 100;

/// What ran, what it costs, and what is held.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitmentsBody {
    /// Rows `hour, provider, account, region, instance_type, os, quantity`; at most 50 kinds, over three years.
    #[schema(min_items = 1, max_items = 100_000)]
    usage: Vec<UsageHour>,
    /// Rows `provider, region, instance_type, os, plan, term_years, payment, hourly, upfront`.
    #[schema(min_items = 1, max_items = 100_000)]
    prices: Vec<PriceQuote>,
    /// Commitments already held.
    #[serde(default)]
    #[schema(max_items = 100_000)]
    commitments: Vec<Commitment>,
    /// Exclusive end of what is known; the end of the usage when absent.
    as_of: Option<DateTime<Utc>>,
    /// Days that savings and costs are counted over; 365 when absent.
    #[schema(minimum = 1, maximum = 1830)]
    horizon_days: Option<u32>,
    /// Days between later purchases; without it this is the only purchase.
    #[schema(minimum = 7, maximum = 366)]
    every_days: Option<u32>,
    /// 0: least expected cost (when absent); 1: least conditional value at risk.
    #[schema(minimum = 0, maximum = 1)]
    risk: Option<f64>,
    /// Yearly cost of capital as a ratio; 0.08 when absent.
    #[schema(minimum = 0, maximum = 1)]
    cost_of_capital: Option<f64>,
    /// Most USD a month that today's purchases commit to, upfront spread over the term.
    #[schema(value_type = Option<f64>, minimum = 0)]
    maximum_monthly_commitment: Option<Decimal>,
    /// Most USD that are paid at once for today's purchases.
    #[schema(value_type = Option<f64>, minimum = 0)]
    maximum_upfront: Option<Decimal>,
    /// Share of the usage, at list price, to be covered even where that does not pay; what pays when absent.
    #[schema(minimum = 0, maximum = 1)]
    target_coverage: Option<f64>,
}

/// What to commit to now, for usage and prices that are sent along.
#[utoipa::path(
    post,
    operation_id = "compute_commitments",
    path = "/commitments:compute",
    tag = "recommendations",
    request_body = CommitmentsBody,
    responses((status = 200, body = Output)),
)]
pub(crate) async fn compute(
    State(app): State<App>,
    _: Caller,
    Body(mut body): Body<CommitmentsBody>,
) -> Answer {
    let mut faults = Faults::default();
    check_usage(&mut body.usage, &mut faults);
    check_prices(&mut body.prices, &mut faults);
    check_held(&mut body.commitments, &mut faults);
    let every = body.every_days.is_none_or(|days| (7..=366).contains(&days));
    faults.want(every, || "every_days".to_owned(), "7 to 366 days");
    let end = body.usage.iter().map(|row| row.hour + TimeDelta::hours(1)).max().unwrap_or_default();
    let as_of = body.as_of.unwrap_or(end);
    let near = (as_of - end).abs() <= TimeDelta::days(MAX_DAYS);
    faults.want(near, || "as_of".to_owned(), "within three years of the usage");
    faults.none()?;
    let mut settings = Settings::new(as_of);
    settings.horizon_days = body.horizon_days.unwrap_or(settings.horizon_days);
    settings.later = body.every_days.map_or(Later::Never, |days| Later::Every { days });
    settings.risk = body.risk.unwrap_or(settings.risk);
    settings.cost_of_capital = body.cost_of_capital.unwrap_or(settings.cost_of_capital);
    settings.maximum_monthly_commitment = body.maximum_monthly_commitment;
    settings.maximum_upfront = body.maximum_upfront;
    settings.target_coverage = body.target_coverage;
    let compute = move || {
        let prices = book(body.prices)?;
        let (usage, held) = (&body.usage, &body.commitments);
        commitments::plan(&commitments::Input { usage, prices: &prices, held, settings }).map_err(unusable)
    };
    app.computations.answer::<Output, _>(compute).await
}

/// What ran, what it costs, and how to buy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommitmentReplayBody {
    /// Rows `hour, provider, account, region, instance_type, os, quantity`; at most 50 kinds, over three years.
    #[schema(min_items = 1, max_items = 100_000)]
    usage: Vec<UsageHour>,
    /// Rows `provider, region, instance_type, os, plan, term_years, payment, hourly, upfront`.
    #[schema(min_items = 1, max_items = 100_000)]
    prices: Vec<PriceQuote>,
    /// headroom, lookback-<days>, azure-min, p10-floor or none; all of the usual ones when absent.
    #[schema(min_items = 1, max_items = 20)]
    policies: Option<Vec<String>>,
    /// First purchase.
    start: DateTime<Utc>,
    /// Days between purchases; 30 when absent. Policies × purchases are at most 100.
    #[schema(minimum = 7, maximum = 366)]
    every_days: Option<u32>,
    /// 0: least expected cost (when absent); 1: least conditional value at risk.
    #[schema(minimum = 0, maximum = 1)]
    risk: Option<f64>,
    /// Yearly cost of capital as a ratio; 0.08 when absent.
    #[schema(minimum = 0, maximum = 1)]
    cost_of_capital: Option<f64>,
}

/// Policies where none are named: those of the command.
const USUAL: [&str; 6] = ["headroom", "lookback-7", "lookback-30", "lookback-60", "azure-min", "none"];

/// Buys commitments through history as each policy would have, with only the past in view.
#[utoipa::path(
    post,
    operation_id = "replay_commitments",
    path = "/commitments:replay",
    tag = "recommendations",
    request_body = CommitmentReplayBody,
    responses((status = 200, body = Replay)),
)]
pub(crate) async fn replay(
    State(app): State<App>,
    _: Caller,
    Body(mut body): Body<CommitmentReplayBody>,
) -> Answer {
    let mut faults = Faults::default();
    check_usage(&mut body.usage, &mut faults);
    check_prices(&mut body.prices, &mut faults);
    let names = body.policies.unwrap_or_else(|| USUAL.map(str::to_owned).into());
    let mut policies: Vec<Policy> = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match name.parse() {
            Ok(policy) => policies.push(policy),
            Err(error) => faults.want(false, || format!("policies[{index}]"), &format!("known: {error}")),
        }
    }
    let every_days = body.every_days.unwrap_or(30);
    faults.want((7..=366).contains(&every_days), || "every_days".to_owned(), "7 to 366 days");
    let end = body.usage.iter().map(|row| row.hour).max().unwrap_or_default();
    let dates = (end - body.start).num_days() / i64::from(every_days.max(1)) + 1;
    let few = dates.saturating_mul(i64::try_from(names.len()).unwrap_or(i64::MAX)) <= MAX_PURCHASES;
    faults.want(few, || "start".to_owned(), "so late that policies × purchases are at most 100");
    faults.none()?;
    let (risk, cost_of_capital) = (body.risk.unwrap_or(0.0), body.cost_of_capital.unwrap_or(0.08));
    let compute = move || {
        let input = ReplayInput {
            usage: &body.usage,
            prices: &book(body.prices)?,
            policies: &policies,
            every_days,
            start: body.start,
            risk,
            cost_of_capital,
        };
        replay::commitments(&input).map_err(unusable)
    };
    app.computations.answer::<Replay, _>(compute).await
}

fn check_usage(usage: &mut [UsageHour], faults: &mut Faults) {
    faults.want_rows(usage, "usage", MAX_ROWS);
    each(faults, "usage", &mut *usage, |row, used| {
        used.os = canonical_os(&used.os);
        row.time("hour", used.hour);
        row.want(used.hour.timestamp() % 3600 == 0, "hour", "the start of a UTC hour");
        row.texts(&[
            ("account", &used.account),
            ("region", &used.region),
            ("instance_type", &used.instance_type),
            ("os", &used.os),
        ]);
        row.amount("quantity", used.quantity);
    });
    let line = |used: &UsageHour| {
        (
            used.provider,
            used.account.clone(),
            used.region.clone(),
            used.instance_type.clone(),
            used.os.clone(),
        )
    };
    let lines = usage.iter().map(line).collect::<BTreeSet<_>>().len();
    faults.want(lines <= MAX_LINES, || "usage".to_owned(), "of at most 50 kinds");
    let hours = usage.iter().map(|used| used.hour);
    if let (Some(first), Some(last)) = (hours.clone().min(), hours.max()) {
        let near = last - first <= TimeDelta::days(MAX_DAYS);
        faults.want(near, || "usage".to_owned(), "within three years");
    }
}

fn check_prices(prices: &mut [PriceQuote], faults: &mut Faults) {
    faults.want_rows(prices, "prices", MAX_ROWS);
    each(faults, "prices", &mut *prices, |row, quote| {
        quote.os = canonical_os(&quote.os);
        row.texts(&[("region", &quote.region), ("instance_type", &quote.instance_type), ("os", &quote.os)]);
        row.amount("hourly", quote.hourly);
        row.amount("upfront", quote.upfront);
        if quote.plan.is_commitment() {
            let term = quote.term_years.is_some_and(|years| (1..=5).contains(&years));
            row.want(term, "term_years", "a term in years, 1 or 3");
            row.want(quote.payment.is_some(), "payment", "there for a commitment");
        } else {
            (quote.term_years, quote.payment) = (None, None);
        }
    });
}

fn check_held(held: &mut [Commitment], faults: &mut Faults) {
    faults.want(held.len() <= MAX_ROWS, || "commitments".to_owned(), "at most 100000 rows");
    each(faults, "commitments", &mut *held, |row, commitment| {
        commitment.os = commitment.os.as_deref().map(canonical_os);
        row.texts(&[("id", &commitment.id), ("account", &commitment.account)]);
        row.want(commitment.plan.is_commitment(), "plan", "a plan with a term");
        let any_machine = matches!(
            commitment.plan,
            PricingPlan::ComputeSp | PricingPlan::AzureSavingsPlan | PricingPlan::GcpCudFlexible
        );
        let machine = any_machine || commitment.instance_type.is_some() || commitment.family.is_some();
        row.want(machine, "instance_type", "there, or family");
        row.want((1..=5).contains(&commitment.term_years), "term_years", "a term in years, 1 or 3");
        row.time("starts_at", commitment.starts_at);
        row.time("ends_at", commitment.ends_at);
        row.want(commitment.starts_at < commitment.ends_at, "ends_at", "a time after starts_at");
        row.amount("quantity", commitment.quantity);
        row.amount("hourly", commitment.hourly.unwrap_or_default());
        row.amount("upfront", commitment.upfront.unwrap_or_default());
    });
}

fn book(prices: Vec<PriceQuote>) -> Result<PriceBook, WebError> {
    PriceBook::new(prices, Vec::new(), Vec::new(), Vec::new(), Vec::new())
        .map_err(|error| WebError::Invalid("prices", error.to_string()))
}

fn unusable(error: CommitmentError) -> WebError {
    let field = match &error {
        CommitmentError::Billing(_) => "usage",
        CommitmentError::Setting { name, .. } => name,
        CommitmentError::NoHistory { .. } => "as_of",
    };
    WebError::Invalid(field, error.to_string())
}
