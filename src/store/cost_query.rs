//! What to read from the ledger, and how that becomes SQL.

use chrono::NaiveDate;
use domain::{Currency, OrganizationId, midnight};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};

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

impl Dimension {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 10] = [
        Self::Provider,
        Self::BillingAccount,
        Self::Account,
        Self::Service,
        Self::Region,
        Self::Team,
        Self::ChargeCategory,
        Self::PricingCategory,
        Self::CommitmentStatus,
        Self::Resource,
    ];

    /// The word in URLs, JSON and names of series.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::BillingAccount => "billing_account",
            Self::Account => "account",
            Self::Service => "service",
            Self::Region => "region",
            Self::Team => "team",
            Self::ChargeCategory => "charge_category",
            Self::PricingCategory => "pricing_category",
            Self::CommitmentStatus => "commitment_status",
            Self::Resource => "resource",
        }
    }
}

impl std::str::FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|dimension| dimension.as_str() == text);
        known.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown dimension {text:?}: expected one of {all}")
        })
    }
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

impl CostColumn {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Billed, Self::Effective, Self::List, Self::Contracted];

    /// The word in URLs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Billed => "billed",
            Self::Effective => "effective",
            Self::List => "list",
            Self::Contracted => "contracted",
        }
    }

    /// The column of both tables.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Billed => "billed_cost",
            Self::Effective => "effective_cost",
            Self::List => "list_cost",
            Self::Contracted => "contracted_cost",
        }
    }
}

impl std::str::FromStr for CostColumn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|cost| cost.as_str() == text);
        known.ok_or_else(|| format!("unknown cost {text:?}: expected billed, effective, list or contracted"))
    }
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
    /// Values, joined by "or"; the empty text stands for charges without a value. A filter without values does nothing.
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

/// What a cost series of the pipeline is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesScope {
    /// Everything: one series `cost/total`.
    Total,
    /// One series a value: `cost/account/…`, `cost/service/…`, `cost/team/…`.
    By(Dimension),
}

/// What stands in the name of a series for charges without a value.
const NONE: &str = "(none)";

impl SeriesScope {
    /// What the pipeline forecasts.
    pub const ALL: [Self; 4] =
        [Self::Total, Self::By(Dimension::Account), Self::By(Dimension::Service), Self::By(Dimension::Team)];

    /// Name of the series of one value; `value` plays no part in a total.
    pub fn unique_id(self, value: &str) -> String {
        match self {
            Self::Total => "cost/total".to_owned(),
            Self::By(dimension) => {
                let value = if value.is_empty() { NONE } else { value };
                format!("cost/{}/{value}", dimension.as_str())
            }
        }
    }

    /// What a name of [`Self::unique_id`] is about, with the value; `None` for any other name.
    pub fn of(unique_id: &str) -> Option<(Self, String)> {
        let rest = unique_id.strip_prefix("cost/")?;
        if rest == "total" {
            return Some((Self::Total, String::new()));
        }
        let (dimension, value) = rest.split_once('/')?;
        let value = if value == NONE { "" } else { value };
        Some((Self::By(dimension.parse().ok()?), value.to_owned()))
    }

    /// The filter that leaves the charges of one value; none for the total.
    pub fn filters(self, value: &str) -> Vec<Filter> {
        match self {
            Self::Total => Vec::new(),
            Self::By(dimension) => {
                vec![Filter { dimension, matching: Match::Include, values: vec![value.to_owned()] }]
            }
        }
    }
}

/// Where a query is answered from. Both have the same rows in the same columns, one per charge or one per day and group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// The rollup.
    DailyCosts,
    /// The line items.
    Charges,
}

impl Table {
    /// The rollup unless the query needs a resource.
    pub(crate) fn of(query: &Query) -> Self {
        let mut dimensions = query.filters.iter().map(|filter| filter.dimension).chain(query.group_by);
        if dimensions.any(|dimension| dimension == Dimension::Resource) {
            Self::Charges
        } else {
            Self::DailyCosts
        }
    }

    /// A dimension as a text that is never null.
    pub(crate) fn column(self, dimension: Dimension) -> &'static str {
        match (dimension, self) {
            (Dimension::Provider, _) => "provider_name",
            (Dimension::BillingAccount, _) => "billing_account_id",
            (Dimension::Service, _) => "service_name",
            (Dimension::ChargeCategory, _) => "charge_category",
            (Dimension::Account, Self::DailyCosts) => "sub_account_id",
            (Dimension::Region, Self::DailyCosts) => "region_id",
            (Dimension::Team, Self::DailyCosts) => "team",
            (Dimension::PricingCategory, Self::DailyCosts) => "pricing_category",
            (Dimension::CommitmentStatus, Self::DailyCosts) => "commitment_discount_status",
            (Dimension::Account, Self::Charges) => "coalesce(sub_account_id, '')",
            (Dimension::Region, Self::Charges) => "coalesce(region_id, '')",
            (Dimension::Team, Self::Charges) => "coalesce(team, '')",
            (Dimension::PricingCategory, Self::Charges) => "coalesce(pricing_category, '')",
            (Dimension::CommitmentStatus, Self::Charges) => "coalesce(commitment_discount_status, '')",
            (Dimension::Resource, _) => "coalesce(resource_id, '')",
        }
    }

    /// First day of the step of time.
    pub(crate) fn step(self, granularity: Granularity) -> &'static str {
        match (granularity, self) {
            (Granularity::Day, Self::DailyCosts) => "day",
            (Granularity::Month, Self::DailyCosts) => "date_trunc('month', day::timestamp)::date",
            (Granularity::Day, Self::Charges) => "(charge_period_start at time zone 'UTC')::date",
            (Granularity::Month, Self::Charges) => {
                "date_trunc('month', charge_period_start at time zone 'UTC')::date"
            }
        }
    }

    /// Number of line items.
    pub(crate) fn row_count(self) -> &'static str {
        match self {
            Self::DailyCosts => "coalesce(sum(row_count), 0)::bigint",
            Self::Charges => "count(*)",
        }
    }

    /// `from … where …` with the period, the currency and the filters. Only column names of this file become part of the
    /// text; everything that comes from outside is bound.
    pub(crate) fn push_from_where(
        self,
        sql: &mut QueryBuilder<Postgres>,
        org: OrganizationId,
        query: &Query,
    ) {
        match self {
            Self::DailyCosts => {
                sql.push(" from daily_costs where organization_id = ").push_bind(org.0);
                sql.push(" and day >= ").push_bind(query.from).push(" and day < ").push_bind(query.to);
                sql.push(" and currency = ").push_bind(query.currency.as_str().to_owned());
            }
            Self::Charges => {
                sql.push(" from charges where organization_id = ").push_bind(org.0);
                sql.push(" and charge_period_start >= ").push_bind(midnight(query.from));
                sql.push(" and charge_period_start < ").push_bind(midnight(query.to));
                sql.push(" and billing_currency = ").push_bind(query.currency.as_str().to_owned());
            }
        }
        for filter in query.filters.iter().filter(|filter| !filter.values.is_empty()) {
            sql.push(" and ").push(self.column(filter.dimension));
            sql.push(match filter.matching {
                Match::Include => " = any(",
                Match::Exclude => " <> all(",
            });
            sql.push_bind(filter.values.clone()).push(")");
        }
    }
}
