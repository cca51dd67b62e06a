//! Inventory.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::named_values;
use crate::{Container, Provider};

named_values! {
    /// What a resource is.
    ResourceKind, "kind",
    "vm, disk, snapshot, bucket, database, cache, load_balancer, nat_gateway, ip_address, function, queue, cluster, container", {
        /// Virtual machine.
        Vm = "vm",
        /// Block volume.
        Disk = "disk",
        /// Snapshot of a volume.
        Snapshot = "snapshot",
        /// Object storage bucket or container.
        Bucket = "bucket",
        /// Managed database instance.
        Database = "database",
        /// Managed cache node.
        Cache = "cache",
        /// Load balancer.
        LoadBalancer = "load_balancer",
        /// NAT gateway.
        NatGateway = "nat_gateway",
        /// Public address.
        IpAddress = "ip_address",
        /// Serverless function.
        Function = "function",
        /// Message queue.
        Queue = "queue",
        /// Kubernetes or container cluster.
        Cluster = "cluster",
        /// Container of a Kubernetes workload.
        Container = "container",
    }
}

named_values! {
    /// Whether a resource works.
    ResourceState, "state", "running, stopped, attached, unattached, deleted", {
        /// Running, or in service.
        Running = "running",
        /// Stopped; its disks are still paid.
        Stopped = "stopped",
        /// Attached to something that may run.
        Attached = "attached",
        /// Attached to nothing.
        Unattached = "unattached",
        /// Gone; kept for history.
        Deleted = "deleted",
    }
}

impl Default for ResourceKind {
    /// Most of what is listed.
    fn default() -> Self {
        Self::Vm
    }
}

impl Default for ResourceState {
    /// What is listed without a state is in use.
    fn default() -> Self {
        Self::Running
    }
}

/// One thing that is paid for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Resource {
    /// The provider's id (ARN, Azure resource id, Google Cloud full name).
    pub resource_id: String,
    /// Cloud.
    pub provider: Provider,
    /// Account, subscription or project.
    pub account: String,
    /// Region id.
    pub region: String,
    /// What it is; a machine where it is not said.
    #[serde(default)]
    pub kind: ResourceKind,
    /// Instance type for machines, databases and caches; volume type for disks.
    pub instance_type: Option<String>,
    /// Operating system of machines (`Linux`, `Windows`, …), engine of databases and caches (`postgres`, `redis`, …).
    pub os: Option<String>,
    /// Whether it works; running where it is not said.
    #[serde(default)]
    pub state: ResourceState,
    /// Since when it is in that state, if known.
    pub state_since: Option<DateTime<Utc>>,
    /// Provisioned size of disks, snapshots and buckets, storage of databases, memory of functions, in GiB.
    pub size_gib: Option<f64>,
    /// Storage class of a bucket.
    pub storage_class: Option<String>,
    /// GiB read per GiB stored and month, for buckets where it was measured.
    pub reads_per_gib_month: Option<f64>,
    /// Mean object size in KiB, for buckets where it was measured.
    pub mean_object_kib: Option<f64>,
    /// Whether the instance runs on spot capacity now.
    #[serde(default)]
    pub spot: bool,
    /// Autoscaling group, node pool, deployment or cluster of databases or caches it belongs to.
    pub group: Option<String>,
    /// What a container of a Kubernetes workload requests.
    #[serde(default)]
    pub container: Option<Container>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Resource {
    /// The value of the tag that names the owning team, if any.
    pub fn team(&self) -> Option<&str> {
        self.tags.get("team").map(String::as_str).filter(|team| !team.is_empty())
    }
}
