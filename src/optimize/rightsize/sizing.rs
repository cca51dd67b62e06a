//! What right-sizing says about one machine, in the words of `headroom plan rightsize`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Finding, MetricName, Shape, to_statistic};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};

/// A machine type with its price, as it stands in the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Machine {
    /// Instance type.
    pub instance_type: String,
    /// Family.
    pub family: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Virtual CPUs.
    pub vcpu: f64,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// On-demand USD per hour; a JSON number.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub hourly: Decimal,
}

impl Machine {
    pub(crate) fn new(shape: &Shape, hourly: Decimal) -> Self {
        Self {
            instance_type: shape.instance_type.clone(),
            family: shape.family.clone(),
            architecture: shape.architecture.clone(),
            vcpu: shape.vcpu,
            memory_gib: shape.memory_gib,
            hourly,
        }
    }
}

/// The time that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Window {
    /// First sample.
    pub start: DateTime<Utc>,
    /// End, exclusive.
    pub end: DateTime<Utc>,
    /// Length in days.
    pub days: f64,
}

/// What was measured: quantiles by metric, in the unit of the metric. Hourly metrics count by the P95 of the
/// hour (memory and `max` by its maximum), raw samples as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SizingEvidence {
    /// The time that was looked at; `None` without samples.
    pub window: Option<Window>,
    /// Number of CPU samples.
    pub samples: usize,
    /// Median.
    pub p50: BTreeMap<MetricName, f64>,
    /// 95th percentile.
    pub p95: BTreeMap<MetricName, f64>,
    /// 99.5th percentile.
    pub p99_5: BTreeMap<MetricName, f64>,
    /// Largest sample.
    pub max: BTreeMap<MetricName, f64>,
}

/// What right-sizing says about one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sizing {
    /// The machine.
    pub resource_id: String,
    /// `idle`, `over_provisioned`, `under_provisioned`, `optimized` or `insufficient_data`.
    pub finding: Finding,
    /// What it is now; `None` when the catalogue does not know it.
    pub current: Option<Machine>,
    /// What it should be; `None` when nothing is to be resized.
    pub recommended: Option<Machine>,
    /// On-demand saving per month of 730 hours, below 0 when it has to grow; a JSON number.
    #[serde(serialize_with = "number")]
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub monthly_saving_usd: Decimal,
    /// Probability of overload over the next 30 days after following this, 0 to 1.
    pub performance_risk: f64,
    /// The metric that is nearest to its capacity (on the recommended machine, where there is one).
    pub limiting_metric: Option<MetricName>,
    /// What was measured.
    pub evidence: SizingEvidence,
    /// Why, in one sentence.
    pub reason: String,
}

fn number<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(to_statistic(*amount))
}
