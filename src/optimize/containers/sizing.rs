//! What right-sizing says about one container, in the words of `headroom plan containers`.

use domain::{Autoscaler, Container, Finding};
use serde::{Deserialize, Serialize};

use crate::rightsize::SizingEvidence;

/// What a container requests and is limited to, and what changes the number of its pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Requests {
    /// Cores that a pod requests.
    pub cpu_request: Option<f64>,
    /// Cores beyond which a pod is throttled.
    pub cpu_limit: Option<f64>,
    /// GiB that a pod requests.
    pub memory_request_gib: Option<f64>,
    /// GiB beyond which a pod is killed.
    pub memory_limit_gib: Option<f64>,
    /// The autoscaler.
    pub autoscaler: Option<Autoscaler>,
    /// Pods on average, by replay where there is an autoscaler.
    pub mean_pods: f64,
    /// Most pods at once.
    pub most_pods: u32,
}

impl Requests {
    pub(crate) fn of(container: &Container) -> Self {
        Self {
            cpu_request: container.cpu_request,
            cpu_limit: container.cpu_limit,
            memory_request_gib: container.memory_request_gib,
            memory_limit_gib: container.memory_limit_gib,
            autoscaler: container.autoscaler.clone(),
            mean_pods: f64::from(container.replicas),
            most_pods: container.replicas,
        }
    }

    /// What a pod requests, memory counted as cores.
    pub(crate) fn pod_weight(&self, gib_in_cores: f64) -> f64 {
        self.cpu_request.unwrap_or(0.0) + gib_in_cores * self.memory_request_gib.unwrap_or(0.0)
    }
}

impl std::fmt::Display for Requests {
    /// `0.25 cores, 0.5 GiB`, with the autoscaler where there is one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |value: Option<f64>, unit: &str| match value {
            Some(value) => format!("{} {unit}", (value * 1000.0).round() / 1000.0),
            None => format!("no {unit}"),
        };
        write!(f, "{}, {}", said(self.cpu_request, "cores"), said(self.memory_request_gib, "GiB"))?;
        match &self.autoscaler {
            Some(Autoscaler { min_replicas, max_replicas, cpu_target: Some(target), .. }) => {
                write!(f, ", {min_replicas} to {max_replicas} pods at {target:.0} %")
            }
            _ => Ok(()),
        }
    }
}

/// What right-sizing says about one container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ContainerSizing {
    /// The container.
    pub resource_id: String,
    /// `over_provisioned`, `under_provisioned`, `optimized` or `insufficient_data`.
    pub finding: Finding,
    /// What it requests now; `None` for a resource that is no container.
    pub current: Option<Requests>,
    /// What it should request; `None` when nothing is to be changed.
    pub recommended: Option<Requests>,
    /// Probability that a pod wants more than it requests, over the next 30 days after following this, 0 to 1.
    pub performance_risk: f64,
    /// What was measured.
    pub evidence: SizingEvidence,
    /// Strategic merge patches in YAML that do it.
    pub patch: Option<String>,
    /// Why, in one sentence.
    pub reason: String,
}
