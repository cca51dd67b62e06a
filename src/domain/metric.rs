//! Utilization of resources, hour by hour.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::named_values;

named_values! {
    /// What was measured, with its unit.
    MetricName, "metric",
    "cpu_utilization, cpu_used, memory_used, network_in, network_out, disk_read_iops, disk_write_iops, disk_throughput, requests, connections, queue_length, storage_used", {
        /// Percent of the resource's vCPUs.
        CpuUtilization = "cpu_utilization",
        /// Cores used by all pods of a container's workload together: a request is no capacity that percents of it would
        /// tell of, and one number serves fixed and autoscaled workloads alike.
        CpuUsed = "cpu_used",
        /// GiB of working set; of a container, that of its largest pod.
        MemoryUsed = "memory_used",
        /// MB/s received.
        NetworkIn = "network_in",
        /// MB/s sent.
        NetworkOut = "network_out",
        /// Read operations per second.
        DiskReadIops = "disk_read_iops",
        /// Write operations per second.
        DiskWriteIops = "disk_write_iops",
        /// MB/s to and from block storage.
        DiskThroughput = "disk_throughput",
        /// Requests per second.
        Requests = "requests",
        /// Open connections.
        Connections = "connections",
        /// Messages waiting.
        QueueLength = "queue_length",
        /// GiB stored.
        StorageUsed = "storage_used",
    }
}

/// One metric of one resource in one hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HourlyMetric {
    /// Whose.
    pub resource_id: String,
    /// What, in the unit of [`MetricName`].
    pub metric: MetricName,
    /// Start of the UTC hour.
    pub hour: DateTime<Utc>,
    /// Mean of the samples.
    pub average: f64,
    /// 95th percentile of the samples.
    pub p95: f64,
    /// Largest sample.
    pub maximum: f64,
    /// Number of samples in the hour.
    pub samples: u32,
}
