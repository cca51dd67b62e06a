//! What the planner is told: everything it may look at, gathered by its caller.

use std::collections::BTreeMap;

use billing::PriceBook;
use chrono::{DateTime, Utc};
use domain::{Commitment, Currency, Period, Resource, TimeCost, UsageHour};
use rust_decimal::Decimal;

use crate::{Metrics, Policy};

/// The facts behind one plan. The planner reads nothing else: no clock, no database, no network.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Nothing at or after this instant is looked at.
    pub as_of: DateTime<Utc>,
    /// Currency of `monthly_costs`; prices are in USD, so other currencies are refused.
    pub currency: Currency,
    /// What exists at `as_of`, in any order; ids are unique.
    pub resources: Vec<Resource>,
    /// Hourly utilization of the last weeks (14 days at least to say anything useful).
    pub metrics: Metrics,
    /// Instance-hours by kind over the whole history, spot left out.
    pub usage: Vec<UsageHour>,
    /// Effective cost of the last 30 days × 730/720 by resource id, as billed. A resource that is missing here
    /// is not on the bill.
    pub monthly_costs: BTreeMap<String, Decimal>,
    /// What of `monthly_costs` is billed by time: instance-hours of databases and caches, GiB-seconds of functions.
    /// Nothing is claimed for resizing one that is missing here.
    pub time_costs: BTreeMap<String, TimeCost>,
    /// Commitments held.
    pub commitments: Vec<Commitment>,
    /// Prices and shapes.
    pub prices: PriceBook,
    /// Thresholds of the rules.
    pub policy: Policy,
}

impl Facts {
    /// What of these facts was known at `at`: nothing that happened from then on. Costs are the caller's to give for that
    /// time. A resource whose state changed since is left out: what it was before is not known.
    pub fn known_at(mut self, at: DateTime<Utc>) -> Self {
        self.as_of = at;
        self.resources.retain(|resource| resource.state_since.is_none_or(|since| since <= at));
        self.metrics = self.metrics.within(Period { start: DateTime::<Utc>::MIN_UTC, end: at });
        self.usage.retain(|row| row.hour < at);
        self.commitments.retain(|held| held.starts_at <= at);
        self
    }
}
