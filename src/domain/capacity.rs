//! Capacity plans as they travel.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Stamp;
use crate::values::named_values;

named_values! {
    /// What a workload is made of: what its requirement counts.
    CapacityKind, "kind", "instances, read_replicas, workers, throughput_units, storage", {
        /// Instances, pods, cache nodes: what carries load together.
        Instances = "instances",
        /// Database replicas: one node writes, the others share the reads; the requirement is that of the readers.
        ReadReplicas = "read_replicas",
        /// Queue workers: they keep up with arrivals, and work off what waits already.
        Workers = "workers",
        /// Throughput units (read and write units, request units, shards), bought in lots.
        ThroughputUnits = "throughput_units",
        /// GiB of storage, bought in lots: what was used stays used, so the requirement never falls.
        Storage = "storage",
    }
}

impl Default for CapacityKind {
    /// What is meant where nothing is said.
    fn default() -> Self {
        Self::Instances
    }
}

impl CapacityKind {
    /// What is counted, for a number before it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::ReadReplicas => "replicas",
            Self::Workers => "workers",
            Self::ThroughputUnits => "units",
            Self::Storage => "GiB",
        }
    }

    /// One of it; with `-hours` after it, what is paid for.
    pub fn one(self) -> &'static str {
        match self {
            Self::Instances => "instance",
            Self::ReadReplicas => "replica",
            Self::Workers => "worker",
            Self::ThroughputUnits => "unit",
            Self::Storage => "GiB",
        }
    }

    /// Why no scaling policy, latency or file for an autoscaler makes sense, in sentences; `None` for groups of machines.
    pub fn unscaled(self) -> Option<&'static str> {
        match self {
            Self::Instances | Self::ReadReplicas | Self::Workers => None,
            Self::ThroughputUnits => Some(
                "Throughput units do not boot, and what exceeds them is refused rather than queued: no scaling policy is \
                 simulated for them, no latency modelled and no file for an autoscaler written. Provision what is scheduled.",
            ),
            Self::Storage => Some(
                "Storage does not boot, queue or shrink: no scaling policy is simulated for it, no latency modelled and no \
                 file for an autoscaler written. Grow it to what is scheduled.",
            ),
        }
    }
}

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
    /// What is needed at the plan's risk, in the unit of the workload's kind (instances, replicas, workers, units, GiB).
    pub required: u32,
    /// What is to be there from `ds` on (a group's minimum), lead time counted in.
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
    /// What its rows count; a plan that was stored before there were kinds counts instances.
    #[serde(default)]
    pub kind: CapacityKind,
    /// Requirement per step.
    pub rows: Vec<Requirement>,
    /// Policies compared over the same demand, the planned one first; none for a kind that no policy scales.
    pub policies: Vec<PolicyOutcome>,
    /// When the P95 of demand crosses the quota, if it does.
    pub crosses_quota_at: Option<Stamp>,
    /// The day by which to act on that, lead time counted in.
    pub act_by: Option<Stamp>,
    /// What was assumed, one sentence each.
    pub assumptions: Vec<String>,
}
