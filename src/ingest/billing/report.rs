//! What an import tells about a file: counts, refusals, and sums to reconcile with.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{BillingMonth, Currency};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Format;
use crate::Reject;

/// The four cost columns added up, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CostSums {
    /// Rows behind the sums.
    pub rows: u64,
    /// Sum of `billed_cost`.
    pub billed_cost: Decimal,
    /// Sum of `effective_cost`.
    pub effective_cost: Decimal,
    /// Sum of `list_cost`.
    pub list_cost: Decimal,
    /// Sum of `contracted_cost`.
    pub contracted_cost: Decimal,
}

/// What the file holds of one billing month of one billing account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// FOCUS `BillingAccountId`.
    pub billing_account_id: String,
    /// The month the provider bills it in.
    pub month: BillingMonth,
    /// Earliest `charge_period_start`.
    pub first: DateTime<Utc>,
    /// Latest `charge_period_end`.
    pub last: DateTime<Utc>,
    /// Accepted rows.
    pub rows: u64,
}

/// What was read from one file. Sums are over accepted rows, per currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Path as given.
    pub path: String,
    /// The format found; never one of the undecided ones.
    pub format: Format,
    /// SHA-256 of the bytes of the file, in hexadecimal.
    pub checksum: String,
    /// Size of the file.
    pub bytes: u64,
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows that became charges.
    pub accepted: u64,
    /// Rows left out.
    pub rejected: u64,
    /// The first 1,000 of them.
    pub rejects: Vec<Reject>,
    /// Sum of the billed cost of rows left out, where that cell and the currency could be read.
    pub rejected_cost: BTreeMap<Currency, Decimal>,
    /// Sums of the cost columns.
    pub sums: BTreeMap<Currency, CostSums>,
    /// Sums by billing month.
    pub by_month: BTreeMap<Currency, BTreeMap<BillingMonth, CostSums>>,
    /// Sums by month of `charge_period_start`.
    pub by_charge_month: BTreeMap<Currency, BTreeMap<BillingMonth, CostSums>>,
    /// Sums by `service_name`.
    pub by_service: BTreeMap<Currency, BTreeMap<String, CostSums>>,
    /// Billing months per billing account, with the range of charge periods.
    pub coverage: Vec<Coverage>,
    /// What a reader should know, one sentence each.
    pub warnings: Vec<String>,
}
