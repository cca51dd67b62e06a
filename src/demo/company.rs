//! What the demo company consists of.

use chrono::{DateTime, Utc};
use domain::{
    ActionType, Charge, Commitment, Currency, Event, Finding, HourlyMetric, Period, Resource, Series, UsageHour,
};
use serde::{Deserialize, Serialize};

use crate::PriceSnapshot;

/// What a good planner says about a planted truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// A recommendation of one of these actions, with this finding where one is stated.
    Recommend {
        /// Any of these is right.
        actions: Vec<ActionType>,
        /// The finding, where it is certain.
        finding: Option<Finding>,
    },
    /// A finding with a documented skip, and no change to the resource.
    Skip,
    /// A cost anomaly in this period (UTC days).
    Anomaly {
        /// First instant of the anomaly, inclusive.
        start: DateTime<Utc>,
        /// End, exclusive.
        end: DateTime<Utc>,
    },
    /// A held commitment that is reported as wasted or expiring.
    CommitmentWarning,
}

/// Something that was planted on purpose and should be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Stable name (`idle-vm-1`).
    pub id: String,
    /// Kind of truth (`idle_vm`, `oversized_vm`, `unattached_disk`, …).
    pub kind: String,
    /// The resources it concerns; any one of them being named counts for a fleet. Commitment ids for
    /// truths about commitments; empty for usage to commit to.
    pub resource_ids: Vec<String>,
    /// What should be said.
    pub expected: Expectation,
    /// Why, for people.
    pub note: String,
}

/// The whole company: bill, utilization, inventory, plans and what is hidden in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Company {
    /// Its name.
    pub name: String,
    /// Nothing after this instant is known.
    pub as_of: DateTime<Utc>,
    /// The time that charges, usage and demand cover.
    pub history: Period,
    /// Currency of every charge.
    pub currency: Currency,
    /// Daily FOCUS charges, ordered by provider, day, resource.
    pub charges: Vec<Charge>,
    /// Instance-hours of machines (without spot and managed services), ordered by hour.
    pub usage: Vec<UsageHour>,
    /// Hourly utilization of the last weeks, ordered by resource, metric, hour.
    pub metrics: Vec<HourlyMetric>,
    /// Hourly demand over the whole history.
    pub demand: Vec<Series>,
    /// What exists at `as_of`.
    pub resources: Vec<Resource>,
    /// Commitments held.
    pub commitments: Vec<Commitment>,
    /// Past and announced events.
    pub events: Vec<Event>,
    /// Prices used for the bill.
    pub prices: PriceSnapshot,
    /// What was planted.
    pub truths: Vec<Truth>,
    /// Resource ids of the clean control group: nothing may be raised about them, commitments aside.
    pub controls: Vec<String>,
}

/// The demo company of the embedded spec. The same every time.
pub fn company() -> Company {
    let history = Period { start: midnight(2025, 9, 1), end: midnight(2026, 11, 1) };
    Company {
        name: "Fernweh Outdoor".to_owned(),
        as_of: history.end,
        history,
        currency: Currency::USD,
        charges: Vec::new(),
        usage: Vec::new(),
        metrics: Vec::new(),
        demand: Vec::new(),
        resources: Vec::new(),
        commitments: Vec::new(),
        events: Vec::new(),
        prices: crate::price_snapshot(),
        truths: Vec::new(),
        controls: Vec::new(),
    }
}

fn midnight(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    chrono::NaiveDate::from_ymd_opt(year, month, day)
        .unwrap_or(chrono::NaiveDate::MIN)
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}
