//! Commitments: what to buy now for the usage to come, given what is held and what can be bought later.

mod branching;
mod coverage;
mod cutting_planes;
mod hindsight;
mod level;
mod market;
mod offers;
mod output;
mod planner;
mod problem;
#[cfg(test)]
mod proof;
mod scenarios;

use billing::{BillingError, PriceBook};
use chrono::{DateTime, Utc};
use domain::{Commitment, UsageHour};
use rust_decimal::Decimal;

pub use hindsight::best_in_hindsight;
pub use output::{CostSummary, Output, SavingSummary};
pub use planner::{Change, Comparison, compare, plan};

/// How to plan.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `as_of` | – | purchases start here; nothing at or after it is looked at | full UTC hour |
/// | `horizon_days` | 365 | window of the savings and costs that are reported | 1 to 1,830 |
/// | `later` | `Never` | dates of later purchases, see [`Later`] | every 1 to 366 days |
/// | `risk` | 0 | 0 minimizes expected cost, 1 the conditional value at risk | 0 to 1 |
/// | `cost_of_capital` | 0.08 | yearly rate at which payment options are compared | 0 to 1 |
/// | `maximum_monthly_commitment` | `None` | USD a month (730 hours, upfront spread) that today's purchases commit to | 0 or more |
/// | `maximum_upfront` | `None` | USD that are paid at once for today's purchases | 0 or more |
/// | `target_coverage` | `None` | share of usage, at list price, to be covered even where that does not pay | 0 to 1 |
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Exclusive end of what is known, and the instant of purchase.
    pub as_of: DateTime<Utc>,
    /// Days after `as_of` over which savings and costs are reported.
    pub horizon_days: u32,
    /// When more can be bought.
    pub later: Later,
    /// Mix of expected cost and conditional value at risk.
    pub risk: f64,
    /// Yearly cost of capital.
    pub cost_of_capital: f64,
    /// Most USD a month that today's purchases commit to.
    pub maximum_monthly_commitment: Option<Decimal>,
    /// Most USD that are paid at once for today's purchases.
    pub maximum_upfront: Option<Decimal>,
    /// Least share of the usage over the horizon, at list price, that commitments are to cover.
    pub target_coverage: Option<f64>,
}

impl Settings {
    /// The defaults, at `as_of`.
    pub fn new(as_of: DateTime<Utc>) -> Self {
        Self {
            as_of,
            horizon_days: 365,
            later: Later::Never,
            risk: 0.0,
            cost_of_capital: 0.08,
            maximum_monthly_commitment: None,
            maximum_upfront: None,
            target_coverage: None,
        }
    }
}

/// When something can be bought after `as_of`. A later purchase is only foreseen: what it makes cheap is not bought today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// Never: this is the only purchase.
    Never,
    /// At a rhythm.
    Every {
        /// Days between purchases.
        days: u32,
    },
    /// Where a held commitment ends, whatever covers the same usage.
    WhenHeldEnds,
}

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    /// Instance-hours by UTC hour; those at or after `as_of` are not looked at.
    pub usage: &'a [UsageHour],
    /// Prices of today: list prices of all usage, and the commitments on offer.
    pub prices: &'a PriceBook,
    /// Commitments already held.
    pub held: &'a [Commitment],
    /// How to plan.
    pub settings: Settings,
}

/// Why no plan could be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommitmentError {
    /// Usage, prices or commitments that cannot be billed.
    #[error(transparent)]
    Billing(#[from] BillingError),
    /// A setting out of its range.
    #[error("{name} is {value}: expected {expected}")]
    Setting {
        /// Setting name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// Nothing to learn from.
    #[error("no usage before {as_of}: give history that ends at or after the first hour of {as_of}")]
    NoHistory {
        /// End of what is known.
        as_of: DateTime<Utc>,
    },
}
