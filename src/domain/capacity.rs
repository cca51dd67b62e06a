//! Capacity plans as they travel.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Stamp;

/// What one workload needs at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Requirement {
    /// When; valid until the next row.
    pub ds: Stamp,
    /// Median demand, in the unit of the demand series.
    pub demand_p50: f64,
    /// 95th percentile of demand, with the doubt about announced multipliers.
    pub demand_p95: f64,
    /// Instances needed at the plan's risk.
    pub required: u32,
    /// The group's minimum from `ds` on, lead time counted in.
    pub scheduled: u32,
}

/// How one scaling policy did in the simulator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PolicyOutcome {
    /// Policy name (`planned`, `reactive-70`, `static-peak`, …).
    pub policy: String,
    /// Instance-hours paid.
    pub instance_hours: f64,
    /// Their cost at the unit price, in USD.
    pub cost: Decimal,
    /// Minutes in which demand was above capacity.
    pub minutes_short: f64,
    /// Requests (or units of demand × seconds) that were never served.
    pub unserved: f64,
    /// 95th percentile of simulated latency in milliseconds, weighted by requests.
    pub latency_p95_ms: f64,
}

/// The plan of one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CapacityPlan {
    /// The demand series.
    pub unique_id: String,
    /// Requirement per step.
    pub rows: Vec<Requirement>,
    /// Policies compared over the same demand, the planned one first.
    pub policies: Vec<PolicyOutcome>,
    /// When the P95 of demand crosses the quota, if it does.
    pub crosses_quota_at: Option<Stamp>,
    /// The day by which to act on that, lead time counted in.
    pub act_by: Option<Stamp>,
    /// What was assumed, one sentence each.
    pub assumptions: Vec<String>,
}
