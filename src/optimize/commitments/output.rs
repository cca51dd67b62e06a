//! What a commitment plan says, and its JSON.

use chrono::{DateTime, Utc};
use domain::{Payment, PricingPlan, Provider, Purchase, to_statistic};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

/// Saving over the horizon in USD, against keeping what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SavingSummary {
    /// Mean over the scenarios.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub expected_usd: Decimal,
    /// 10th percentile: it is less in one of ten scenarios.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub p10_usd: Decimal,
    /// 90th percentile.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub p90_usd: Decimal,
}

/// Expected cost over the horizon in USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CostSummary {
    /// All usage at list price.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub on_demand: Decimal,
    /// Keeping what is held and paying list price for the rest.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub current: Decimal,
    /// With the purchases of the plan, now and later.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub planned: Decimal,
}

/// A commitment plan. Serializes to the JSON of `plan commitments`: money and quantities are numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = CommitmentPlan))]
pub struct Output {
    /// When the purchases are made.
    pub as_of: DateTime<Utc>,
    /// What to buy now.
    #[serde(serialize_with = "rows")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Row>))]
    pub purchases: Vec<Purchase>,
    /// What is foreseen for later dates; not to be bought now.
    #[serde(serialize_with = "rows")]
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Row>))]
    pub later: Vec<Purchase>,
    /// Saving of the plan as a whole: `purchases`, and `later` at its dates.
    pub saving: SavingSummary,
    /// Costs behind it: `saving.expected_usd` is `current − planned`.
    pub cost: CostSummary,
    /// Proven relative distance to the best possible plan on the scenarios; `None` when not proven.
    pub optimality_gap: Option<f64>,
    /// What was assumed, one sentence each.
    pub assumptions: Vec<String>,
}

/// One purchase as a flat row.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = PlannedPurchase))]
struct Row<'a> {
    plan: PricingPlan,
    provider: Provider,
    account: &'a str,
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'a str>,
    os: Option<&'a str>,
    term_years: u8,
    payment: Payment,
    quantity: f64,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    expected_saving_usd: f64,
    saving_p10_usd: f64,
    saving_p90_usd: f64,
    break_even_utilization: f64,
    reason: &'a str,
}

fn rows<S: Serializer>(purchases: &[Purchase], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(purchases.iter().map(|purchase| {
        let bought = &purchase.commitment;
        Row {
            plan: bought.plan,
            provider: bought.provider,
            account: &bought.account,
            region: bought.region.as_deref(),
            instance_type: bought.instance_type.as_deref(),
            family: bought.family.as_deref(),
            os: bought.os.as_deref(),
            term_years: bought.term_years,
            payment: bought.payment,
            quantity: to_statistic(bought.quantity),
            starts_at: bought.starts_at,
            ends_at: bought.ends_at,
            expected_saving_usd: to_statistic(purchase.expected_saving_usd),
            saving_p10_usd: to_statistic(purchase.saving_p10_usd),
            saving_p90_usd: to_statistic(purchase.saving_p90_usd),
            break_even_utilization: purchase.break_even_utilization,
            reason: &purchase.reason,
        }
    }))
}

/// File mode writes money as JSON numbers.
fn number<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(to_statistic(*value))
}
