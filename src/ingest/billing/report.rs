//! What an import tells about a file: counts, refusals, and sums to reconcile with.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{BillingMonth, Charge, Currency};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Format;
use crate::rows::MAX_LISTED;
use crate::{Place, ReadError, Reject};

/// Services listed on their own; a bill has a few hundred.
const MAX_SERVICES: usize = 5_000;
/// Where the sums of further services go.
const OTHER_SERVICES: &str = "(other)";
/// Billing accounts times months in one file.
const MAX_COVERAGE: usize = 10_000;

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

impl CostSums {
    fn add(&mut self, charge: &Charge) {
        self.rows += 1;
        self.billed_cost += charge.billed_cost;
        self.effective_cost += charge.effective_cost;
        self.list_cost += charge.list_cost;
        self.contracted_cost += charge.contracted_cost;
    }
}

impl Report {
    /// A report of nothing yet.
    pub(super) fn new(path: &str, format: Format, checksum: String, bytes: u64) -> Self {
        Self {
            path: path.to_owned(),
            format,
            checksum,
            bytes,
            rows_read: 0,
            accepted: 0,
            rejected: 0,
            rejects: Vec::new(),
            rejected_cost: BTreeMap::new(),
            sums: BTreeMap::new(),
            by_month: BTreeMap::new(),
            by_charge_month: BTreeMap::new(),
            by_service: BTreeMap::new(),
            coverage: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Counts a charge in.
    pub(super) fn accept(&mut self, charge: &Charge) -> Result<(), ReadError> {
        self.accepted += 1;
        let currency = charge.billing_currency;
        let month = BillingMonth::of(charge.billing_period.start);
        let charge_month = BillingMonth::of(charge.charge_period_start);
        self.sums.entry(currency).or_default().add(charge);
        self.by_month.entry(currency).or_default().entry(month).or_default().add(charge);
        self.by_charge_month.entry(currency).or_default().entry(charge_month).or_default().add(charge);
        let services = self.by_service.entry(currency).or_default();
        if let Some(sums) = services.get_mut(&charge.service_name) {
            sums.add(charge);
        } else {
            let full = services.len() >= MAX_SERVICES;
            let name = if full { OTHER_SERVICES } else { charge.service_name.as_str() };
            services.entry(name.to_owned()).or_default().add(charge);
        }
        self.cover(charge, month)
    }

    /// Counts a row out.
    pub(super) fn reject(&mut self, reject: Reject, cost: Option<(Currency, Decimal)>) {
        self.rejected += 1;
        if let Some((currency, cost)) = cost {
            *self.rejected_cost.entry(currency).or_default() += cost;
        }
        if self.rejects.len() < MAX_LISTED {
            self.rejects.push(reject);
        }
    }

    fn cover(&mut self, charge: &Charge, month: BillingMonth) -> Result<(), ReadError> {
        // rows of one account and month mostly follow each other
        let known = self
            .coverage
            .iter_mut()
            .rev()
            .find(|part| part.month == month && part.billing_account_id == charge.billing_account_id);
        if let Some(part) = known {
            part.first = part.first.min(charge.charge_period_start);
            part.last = part.last.max(charge.charge_period_end);
            part.rows += 1;
            return Ok(());
        }
        if self.coverage.len() >= MAX_COVERAGE {
            return Err(ReadError::TooLarge {
                place: Place::file(&self.path),
                found: format!("more than {MAX_COVERAGE} billing accounts and months"),
                limit: format!("{MAX_COVERAGE}"),
            });
        }
        self.coverage.push(Coverage {
            billing_account_id: charge.billing_account_id.clone(),
            month,
            first: charge.charge_period_start,
            last: charge.charge_period_end,
            rows: 1,
        });
        Ok(())
    }
}
