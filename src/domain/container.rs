//! Containers of Kubernetes workloads: what they request and how many pods there are.

use serde::{Deserialize, Serialize};

use crate::values::named_values;

named_values! {
    /// What runs the pods, as Kubernetes spells it.
    WorkloadKind, "workload_kind", "Deployment, StatefulSet, DaemonSet", {
        /// Pods that are alike.
        Deployment = "Deployment",
        /// Pods with a name and disks of their own.
        StatefulSet = "StatefulSet",
        /// One pod on every node.
        DaemonSet = "DaemonSet",
    }
}

impl Default for WorkloadKind {
    /// Most workloads.
    fn default() -> Self {
        Self::Deployment
    }
}

/// The HorizontalPodAutoscaler of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Autoscaler {
    /// Its name.
    pub name: String,
    /// Fewest pods, 1 or more.
    pub min_replicas: u32,
    /// Most pods, not fewer than `min_replicas`.
    pub max_replicas: u32,
    /// CPU that it aims at, in percent of the request; `None` when it follows something else.
    pub cpu_target: Option<f64>,
}

/// One container of a workload. Requests and limits are those of one pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Container {
    /// Namespace.
    pub namespace: String,
    /// What runs its pods.
    #[serde(default)]
    pub workload_kind: WorkloadKind,
    /// Name of the workload.
    pub workload: String,
    /// Name within the pod.
    pub name: String,
    /// Requested cores.
    pub cpu_request: Option<f64>,
    /// Cores beyond which it is throttled.
    pub cpu_limit: Option<f64>,
    /// Requested memory in GiB.
    pub memory_request_gib: Option<f64>,
    /// Memory in GiB beyond which it is killed.
    pub memory_limit_gib: Option<f64>,
    /// Pods now.
    pub replicas: u32,
    /// What changes the number of pods, if anything does.
    pub autoscaler: Option<Autoscaler>,
    /// Whether it was killed for lack of memory in the time that is looked at.
    #[serde(default)]
    pub oom_killed: bool,
}
