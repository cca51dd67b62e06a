//! Reading the ledger: rollups for pages and the pipeline, line items for drill-down.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BillingMonth, Charge, Currency, OrganizationId, Period, Series};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::StoreError;
use crate::manifest::Sums;

/// A column to filter and group by. A charge without a value has the empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// `ProviderName`.
    Provider,
    /// `BillingAccountId`.
    BillingAccount,
    /// `SubAccountId`.
    Account,
    /// `ServiceName`.
    Service,
    /// `RegionId`.
    Region,
    /// The tag that names the owning team.
    Team,
    /// `ChargeCategory`.
    ChargeCategory,
    /// `PricingCategory`.
    PricingCategory,
    /// `CommitmentDiscountStatus`.
    CommitmentStatus,
    /// `ResourceId`; answered from the line items, the others from the daily rollup.
    Resource,
}

/// Which cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostColumn {
    /// `BilledCost`: what the invoice says.
    Billed,
    /// `EffectiveCost`: commitments spread over their use.
    #[default]
    Effective,
    /// `ListCost`.
    List,
    /// `ContractedCost`.
    Contracted,
}

/// Length of one step of time. A charge counts in the UTC day (or month) in which its charge period starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// UTC days.
    #[default]
    Day,
    /// Calendar months.
    Month,
}

/// Whether a filter keeps or drops its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Only these.
    Include,
    /// All but these.
    Exclude,
}

/// One filter; several are joined by "and".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filter {
    /// Column.
    pub dimension: Dimension,
    /// Keep or drop.
    pub matching: Match,
    /// Values, joined by "or"; the empty text stands for charges without a value.
    pub values: Vec<String>,
}

/// What to read from the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    /// First UTC day, inclusive.
    pub from: NaiveDate,
    /// Last UTC day, exclusive.
    pub to: NaiveDate,
    /// Only charges in this currency: amounts of different currencies are never added.
    pub currency: Currency,
    /// Step of time.
    pub granularity: Granularity,
    /// Which cost.
    pub cost: CostColumn,
    /// Group by this, or one total.
    pub group_by: Option<Dimension>,
    /// Filters.
    pub filters: Vec<Filter>,
}

impl Query {
    /// Daily effective cost of everything from `from` (inclusive) to `to` (exclusive).
    pub fn new(from: NaiveDate, to: NaiveDate, currency: Currency) -> Self {
        Self {
            from,
            to,
            currency,
            granularity: Granularity::default(),
            cost: CostColumn::default(),
            group_by: None,
            filters: Vec::new(),
        }
    }
}

/// The cost of one group in one step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostRow {
    /// First day of the step.
    pub day: NaiveDate,
    /// Value of the grouping dimension; empty for charges without one, and when nothing is grouped.
    pub group: String,
    /// The chosen cost.
    pub cost: Decimal,
    /// Sum of `ConsumedQuantity`, whatever the unit; only meaningful for one service and unit.
    pub quantity: Decimal,
}

/// The cost of one group over the whole period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupTotal {
    /// Value of the grouping dimension.
    pub group: String,
    /// The chosen cost.
    pub cost: Decimal,
}

/// Groups by cost, the small ones taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Groups {
    /// The largest groups, largest first.
    pub top: Vec<GroupTotal>,
    /// Number of groups that are not in `top`.
    pub other_count: u64,
    /// Their cost.
    pub other: Decimal,
    /// Cost of all groups: `top` plus `other`.
    pub total: Decimal,
}

/// A value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DimensionValue {
    /// The value as stored; empty for charges without one.
    pub value: String,
    /// A name to show beside it, where the bill has one (accounts, resources).
    pub name: Option<String>,
}

/// One line item, with where it came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineItem {
    /// Key.
    pub id: i64,
    /// The object that it came from.
    pub object_key: String,
    /// The charge.
    pub charge: Charge,
}

/// Where a page of line items ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Start of the charge period of the last one.
    pub charge_period_start: DateTime<Utc>,
    /// Its key.
    pub id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.charge_period_start.timestamp_micros(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let parse = || {
            let (micros, id) = text.split_once('.')?;
            let charge_period_start = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
            Some(Self { charge_period_start, id: id.parse().ok()? })
        };
        parse().ok_or_else(|| StoreError::Invalid(format!("{text:?} is not a cursor of this list")))
    }
}

/// One page of line items.
#[derive(Debug, Clone, PartialEq)]
pub struct LineItems {
    /// Latest first.
    pub items: Vec<LineItem>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor>,
}

/// The ledger beside what was imported and what was invoiced, for one month of one billing account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Provider on the bill.
    pub provider_name: String,
    /// Billing account.
    pub billing_account_id: String,
    /// Billing month.
    pub billing_month: BillingMonth,
    /// Currency.
    pub currency: Currency,
    /// Sums of the rows in the ledger.
    pub ledger: Sums,
    /// Sums that the manifests of the imports recorded.
    pub manifest: Sums,
    /// Billed total of the daily rollup.
    pub rollup_billed: Decimal,
    /// Billed total of the invoice, where one was entered.
    pub invoice: Option<Decimal>,
}

impl Reconciliation {
    /// `ledger − invoice`, where there is an invoice.
    pub fn unexplained(&self) -> Option<Decimal> {
        self.invoice.map(|invoice| self.ledger.billed - invoice)
    }

    /// Whether ledger, manifests and rollup agree in every digit.
    pub fn is_consistent(&self) -> bool {
        self.ledger == self.manifest && self.ledger.billed == self.rollup_billed
    }
}

/// What a cost series of the pipeline is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesScope {
    /// Everything: one series `cost/total`.
    Total,
    /// One series a value: `cost/account/…`, `cost/service/…`, `cost/team/…`.
    By(Dimension),
}

/// Cost per step of time (and group), ordered by group, then day. Steps without a charge have no row.
///
/// # Errors
/// Only those of the database.
pub async fn costs(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
) -> Result<Vec<CostRow>, StoreError> {
    todo!()
}

/// Rows and sums of all four costs; `group_by` and `granularity` play no part.
///
/// # Errors
/// Only those of the database.
pub async fn totals(conn: &mut PgConnection, org: OrganizationId, query: &Query) -> Result<Sums, StoreError> {
    todo!()
}

/// The `limit` largest groups of `query.group_by` and the rest as one.
///
/// # Errors
/// [`StoreError::Invalid`] when the query groups by nothing.
pub async fn groups(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
    limit: u32,
) -> Result<Groups, StoreError> {
    todo!()
}

/// Values of a dimension whose value or name contains `text` (ignoring case), those that start with it first.
///
/// # Errors
/// Only those of the database.
pub async fn values(
    conn: &mut PgConnection,
    org: OrganizationId,
    dimension: Dimension,
    text: &str,
    limit: u32,
) -> Result<Vec<DimensionValue>, StoreError> {
    todo!()
}

/// Names of accounts by id, as the bills give them.
///
/// # Errors
/// Only those of the database.
pub async fn account_names(
    conn: &mut PgConnection,
    org: OrganizationId,
) -> Result<BTreeMap<String, String>, StoreError> {
    todo!()
}

/// Line items, latest first; `after` is the cursor of the page before.
///
/// # Errors
/// Only those of the database.
pub async fn line_items(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
    after: Option<Cursor>,
    limit: u32,
) -> Result<LineItems, StoreError> {
    todo!()
}

/// Daily cost as series on one common grid, from the first to the last day with a charge (and inside `from`..`to`); a day
/// without a charge of a group is 0, a group of charges without a value is called `(none)`.
///
/// # Errors
/// Only those of the database.
pub async fn daily_series(
    conn: &mut PgConnection,
    org: OrganizationId,
    scope: SeriesScope,
    query: &Query,
) -> Result<Vec<Series>, StoreError> {
    todo!()
}

/// Effective cost of each resource over a period (hours count where their charge starts).
///
/// # Errors
/// Only those of the database.
pub async fn resource_costs(
    conn: &mut PgConnection,
    org: OrganizationId,
    period: Period,
    currency: Currency,
) -> Result<BTreeMap<String, Decimal>, StoreError> {
    todo!()
}

/// First and last UTC day with a charge in a currency; `None` when there is none.
///
/// # Errors
/// Only those of the database.
pub async fn span(
    conn: &mut PgConnection,
    org: OrganizationId,
    currency: Currency,
) -> Result<Option<(NaiveDate, NaiveDate)>, StoreError> {
    todo!()
}

/// Currencies of the ledger, most rows first.
///
/// # Errors
/// Only those of the database.
pub async fn currencies(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Currency>, StoreError> {
    todo!()
}

/// Ledger, manifests, rollup and invoice per billing account and month, latest month first.
///
/// # Errors
/// Only those of the database.
pub async fn reconciliation(
    conn: &mut PgConnection,
    org: OrganizationId,
) -> Result<Vec<Reconciliation>, StoreError> {
    todo!()
}

/// An invoice total, as entered by a person or read from a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice<'a> {
    /// Provider on the bill.
    pub provider_name: &'a str,
    /// Billing account.
    pub billing_account_id: &'a str,
    /// Billing month.
    pub billing_month: BillingMonth,
    /// Currency.
    pub currency: Currency,
    /// Billed total.
    pub billed: Decimal,
}

/// Records an invoice total, in place of an earlier one for the same account, month and currency.
///
/// # Errors
/// Only those of the database.
pub async fn set_invoice(
    conn: &mut PgConnection,
    org: OrganizationId,
    invoice: &Invoice<'_>,
) -> Result<(), StoreError> {
    todo!()
}
