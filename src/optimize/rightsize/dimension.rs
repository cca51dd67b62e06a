//! The dimensions of a machine or managed node that can be too small, and what each shape has of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{MetricName, Shape};

use crate::managed::{Engine, Service};
use crate::metrics::{Reading, ResourceMetrics};

/// MB/s in one Gbit/s.
const MB_PER_GBIT: f64 = 125.0;
/// MB/s in one Mbit/s.
const MB_PER_MBIT: f64 = 0.125;

/// What every machine type of the three clouds has at least where its catalogue is silent: the baseline of the
/// smallest one (AWS t3.nano, EC2 user guide): 0.032 Gbit/s network, 43 Mbit/s and 250 operations to disk.
const SMALLEST_NETWORK_MB: f64 = 0.032 * MB_PER_GBIT;
const SMALLEST_DISK_MB: f64 = 43.0 * MB_PER_MBIT;
const SMALLEST_DISK_IOPS: f64 = 250.0;

/// One thing a machine can run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dimension {
    Cpu,
    Memory,
    NetworkIn,
    NetworkOut,
    DiskIops,
    DiskThroughput,
    /// Open connections, as the memory of a node whose engine allows so many.
    Connections,
}

impl Dimension {
    /// Those that a service runs out of: a cache keeps nothing on disks, and no more connections on a larger node.
    pub(crate) fn of(service: Service) -> &'static [Self] {
        use Dimension::{Connections, Cpu, DiskIops, DiskThroughput, Memory, NetworkIn, NetworkOut};
        match service {
            Service::Machine => &[Cpu, Memory, NetworkIn, NetworkOut, DiskIops, DiskThroughput],
            Service::Database => &[Cpu, Memory, NetworkIn, NetworkOut, DiskIops, DiskThroughput, Connections],
            Service::Cache => &[Cpu, Memory, NetworkIn, NetworkOut],
        }
    }

    /// Whether running out of it is fatal, so that the largest sample counts.
    pub(crate) fn is_fatal(self) -> bool {
        matches!(self, Self::Memory | Self::Connections)
    }

    /// The metric that stands for it in reports.
    pub(crate) fn metric(self) -> MetricName {
        match self {
            Self::Cpu => MetricName::CpuUtilization,
            Self::Memory => MetricName::MemoryUsed,
            Self::NetworkIn => MetricName::NetworkIn,
            Self::NetworkOut => MetricName::NetworkOut,
            Self::DiskIops => MetricName::DiskReadIops,
            Self::DiskThroughput => MetricName::DiskThroughput,
            Self::Connections => MetricName::Connections,
        }
    }

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::NetworkIn => "incoming network",
            Self::NetworkOut => "outgoing network",
            Self::DiskIops => "disk operations",
            Self::DiskThroughput => "disk throughput",
            Self::Connections => "connections",
        }
    }

    /// What a shape has of it, as the catalogue states it: vCPUs × relative speed, GiB, MB/s, operations per
    /// second. `None` where the catalogue is silent.
    pub(crate) fn stated(self, shape: &Shape) -> Option<f64> {
        match self {
            Self::Cpu => Some(shape.vcpu * shape.performance_per_vcpu),
            Self::Memory | Self::Connections => Some(shape.memory_gib),
            Self::NetworkIn | Self::NetworkOut => shape.network_gbps.map(|gbps| gbps * MB_PER_GBIT),
            Self::DiskIops => shape.ebs_iops,
            Self::DiskThroughput => shape.ebs_mbps.map(|mbps| mbps * MB_PER_MBIT),
        }
    }

    /// The same, with the smallest baseline of any machine where the catalogue is silent.
    pub(crate) fn capacity(self, shape: &Shape) -> f64 {
        self.stated(shape).unwrap_or(match self {
            Self::Cpu | Self::Memory | Self::Connections => 0.0,
            Self::NetworkIn | Self::NetworkOut => SMALLEST_NETWORK_MB,
            Self::DiskIops => SMALLEST_DISK_IOPS,
            Self::DiskThroughput => SMALLEST_DISK_MB,
        })
    }

    /// What was demanded of it over time, in the units of [`Self::capacity`] on `current`; empty when it was not
    /// measured. What is fatal to run out of counts by its largest sample, the rest by the P95 of the hour, which for
    /// raw samples is the sample itself.
    pub(crate) fn demand(
        self,
        metrics: &ResourceMetrics,
        current: &Shape,
        engine: Engine,
    ) -> Vec<(DateTime<Utc>, f64)> {
        let of = |metric: MetricName| metrics.get(&metric).map(Vec::as_slice).unwrap_or_default();
        match self {
            Self::Cpu => {
                let per_percent = current.vcpu * current.performance_per_vcpu / 100.0;
                points(of(MetricName::CpuUtilization), |reading| f64::from(reading.p95) * per_percent)
            }
            Self::Memory => points(of(MetricName::MemoryUsed), |reading| f64::from(reading.maximum)),
            Self::NetworkIn => points(of(MetricName::NetworkIn), |reading| f64::from(reading.p95)),
            Self::NetworkOut => points(of(MetricName::NetworkOut), |reading| f64::from(reading.p95)),
            Self::DiskThroughput => points(of(MetricName::DiskThroughput), |reading| f64::from(reading.p95)),
            Self::Connections => {
                points(of(MetricName::Connections), |reading| engine.memory_for(f64::from(reading.maximum)))
            }
            Self::DiskIops => sum(of(MetricName::DiskReadIops), of(MetricName::DiskWriteIops)),
        }
    }
}

fn points(readings: &[Reading], value: impl Fn(&Reading) -> f64) -> Vec<(DateTime<Utc>, f64)> {
    readings.iter().map(|reading| (reading.at, value(reading))).collect()
}

/// Reads and writes at the times when both were measured.
fn sum(reads: &[Reading], writes: &[Reading]) -> Vec<(DateTime<Utc>, f64)> {
    let writes: BTreeMap<DateTime<Utc>, f64> =
        writes.iter().map(|reading| (reading.at, f64::from(reading.p95))).collect();
    let both = |reading: &Reading| Some((reading.at, f64::from(reading.p95) + writes.get(&reading.at)?));
    reads.iter().filter_map(both).collect()
}
