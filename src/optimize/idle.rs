//! Idle resources: paid for, but doing no work.

use chrono::{DateTime, Duration, Utc};
use domain::{
    ActionType, Effort, Evidence, Finding, MetricName, Resource, ResourceKind, ResourceState, Step,
};
use serde::{Deserialize, Serialize};

use crate::action::{Action, Effect, Verdict, evidence};
use crate::metrics::{Reading, ResourceMetrics};
use crate::policy::{PolicyError, within};
use crate::quantile::{quantile, sorted};

/// Seconds of a day.
const SECONDS_PER_DAY: f64 = 86_400.0;
/// MB in one GiB.
const MB_PER_GIB: f64 = 1_073.741_824;
/// Days of a month of 730 hours.
const DAYS_PER_MONTH: f64 = 730.0 / 24.0;
/// Part of the days of the window on which something must have been measured.
const MINIMUM_COVERAGE: f64 = 0.6;
/// Chance that something which was idle for the whole window is needed after all.
const RISK: f64 = 0.01;

/// Settings of the idle rules: name, meaning (default, bounds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Largest CPU in percent of a machine that does nothing (1, 0 to 10).
    pub cpu_max_percent: f64,
    /// P95 of CPU in percent of a machine that does nothing, if its network is quiet as well (3, 0 to 20).
    pub cpu_p95_percent: f64,
    /// Network in MB a day up to which it is quiet (5, 0 to 10000).
    pub network_mb_day: f64,
    /// Mean network in MB/s above which a machine without CPU load still forwards traffic (0.1, 0 to 1000).
    pub network_forwarding: f64,
    /// Days of history that are looked at for machines, databases, caches and load balancers (14, 3 to 93).
    pub lookback_days: u32,
    /// Days of it that must be there (7, 3 to 93).
    pub minimum_days: u32,
    /// Days after which an unattached disk is forgotten (32, 1 to 400).
    pub disk_days: u32,
    /// Days after which an unattached public address is forgotten (7, 0 to 400).
    pub address_days: u32,
    /// Days after which a snapshot is old (90, 1 to 4000).
    pub snapshot_days: u32,
    /// Days after which a stopped machine is forgotten (30, 1 to 400).
    pub stopped_days: u32,
    /// GiB a month up to which a NAT gateway is idle (1, 0 to 1000).
    pub nat_gib_month: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cpu_max_percent: 1.0,
            cpu_p95_percent: 3.0,
            network_mb_day: 5.0,
            network_forwarding: 0.1,
            lookback_days: 14,
            minimum_days: 7,
            disk_days: 32,
            address_days: 7,
            snapshot_days: 90,
            stopped_days: 30,
            nat_gib_month: 1.0,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        within("idle.cpu_max_percent", self.cpu_max_percent, 0.0, 10.0)?;
        within("idle.cpu_p95_percent", self.cpu_p95_percent, 0.0, 20.0)?;
        within("idle.network_mb_day", self.network_mb_day, 0.0, 1e4)?;
        within("idle.network_forwarding", self.network_forwarding, 0.0, 1e3)?;
        within("idle.lookback_days", f64::from(self.lookback_days), 3.0, 93.0)?;
        within("idle.minimum_days", f64::from(self.minimum_days), 3.0, 93.0)?;
        within("idle.disk_days", f64::from(self.disk_days), 1.0, 400.0)?;
        within("idle.address_days", f64::from(self.address_days), 0.0, 400.0)?;
        within("idle.snapshot_days", f64::from(self.snapshot_days), 1.0, 4000.0)?;
        within("idle.stopped_days", f64::from(self.stopped_days), 1.0, 400.0)?;
        within("idle.nat_gib_month", self.nat_gib_month, 0.0, 1e3)
    }
}

/// Whether a machine with `days` of history does nothing, and how that shows.
pub(crate) fn machine(metrics: &ResourceMetrics, days: f64, settings: &Settings) -> Option<String> {
    if days < f64::from(settings.minimum_days) {
        return None;
    }
    let cpu = recent(metrics, MetricName::CpuUtilization, settings);
    let largest = cpu.iter().map(|reading| f64::from(reading.maximum)).reduce(f64::max)?;
    let p95 = quantile(&sorted(cpu.iter().map(|reading| f64::from(reading.p95))), 0.95);
    let network = network_per_second(metrics, settings);
    if largest <= settings.cpu_max_percent && network.is_none_or(|mb| mb <= settings.network_forwarding) {
        return Some(format!("CPU never went above {largest:.1} % in {:.0} days", days.min(14.0)));
    }
    let quiet = network.filter(|mb| mb * SECONDS_PER_DAY < settings.network_mb_day)?;
    (p95 < settings.cpu_p95_percent).then(|| {
        format!(
            "P95 of CPU is {p95:.1} % and the network carries {:.1} MB a day over {:.0} days",
            quiet * SECONDS_PER_DAY,
            days.min(14.0)
        )
    })
}

/// What the idle rules say about a resource that is not a running machine.
pub(crate) fn resource(
    resource: &Resource,
    metrics: Option<&ResourceMetrics>,
    as_of: DateTime<Utc>,
    settings: &Settings,
) -> Verdict {
    use ResourceKind::{Cache, Database, Disk, IpAddress, LoadBalancer, NatGateway, Snapshot, Vm};
    use ResourceState::{Deleted, Stopped, Unattached};
    match (resource.kind, resource.state) {
        (_, Deleted) => Verdict::NotConcerned,
        (Disk, Unattached) => forgotten(resource, as_of, settings.disk_days, "unattached disk"),
        (IpAddress, Unattached | Stopped) => {
            forgotten(resource, as_of, settings.address_days, "unattached public address")
        }
        (Vm | Database | Cache, Stopped) => {
            forgotten(resource, as_of, settings.stopped_days, "stopped machine that is still paid for")
        }
        (Snapshot, _) => {
            if let Some(image) = resource.tags.get("image").or_else(|| resource.tags.get("ami")) {
                return Verdict::skip(resource, "old snapshot", format!("the image {image} is made of it"));
            }
            forgotten(resource, as_of, settings.snapshot_days, "old snapshot")
        }
        (Database | Cache, _) => unused(resource, metrics, as_of, settings, MetricName::Connections),
        (LoadBalancer, _) => unused(resource, metrics, as_of, settings, MetricName::Requests),
        (NatGateway, _) => quiet_gateway(resource, metrics, as_of, settings),
        _ => Verdict::NotConcerned,
    }
}

/// Something that has been in a useless state for longer than `days`.
fn forgotten(resource: &Resource, as_of: DateTime<Utc>, days: u32, what: &str) -> Verdict {
    let Some(since) = resource.state_since else {
        return Verdict::skip(resource, what, "since when is not known");
    };
    let age = (as_of - since).num_days();
    if age < i64::from(days) {
        return Verdict::skip(resource, what, format!("for {age} days only, {days} are waited for"));
    }
    let facts = vec![
        evidence("State", resource.state.as_str()),
        evidence("Since", since.format("%Y-%m-%d").to_string()),
        evidence("Age", format!("{age} days")),
    ];
    let finding =
        if resource.state == ResourceState::Unattached { Finding::Unattached } else { Finding::Idle };
    delete(
        resource,
        finding,
        format!("Delete {what} {}", short(resource)),
        facts,
        u32::try_from(age).unwrap_or(0),
    )
}

/// A service to which nobody connected.
fn unused(
    resource: &Resource,
    metrics: Option<&ResourceMetrics>,
    as_of: DateTime<Utc>,
    settings: &Settings,
    metric: MetricName,
) -> Verdict {
    let what = format!("{} without {metric}", resource.kind.as_str().replace('_', " "));
    let readings = metrics.map(|metrics| recent(metrics, metric, settings)).unwrap_or_default();
    if let Err(reason) = sufficient(readings, as_of, settings) {
        return Verdict::skip(resource, &what, reason);
    }
    let largest = readings.iter().map(|reading| reading.maximum).fold(0.0, f32::max);
    if largest > 0.0 {
        return Verdict::skip(resource, &what, format!("it has up to {largest:.0} {metric}"));
    }
    let facts = vec![
        evidence(&format!("Largest {metric}"), "0"),
        evidence("Watched", format!("{} days", settings.lookback_days)),
    ];
    delete(
        resource,
        Finding::Idle,
        format!("Delete {what} {}", short(resource)),
        facts,
        settings.lookback_days,
    )
}

/// A NAT gateway that carries next to nothing.
fn quiet_gateway(
    resource: &Resource,
    metrics: Option<&ResourceMetrics>,
    as_of: DateTime<Utc>,
    settings: &Settings,
) -> Verdict {
    let what = "idle NAT gateway";
    let empty = ResourceMetrics::new();
    let metrics = metrics.unwrap_or(&empty);
    if let Err(reason) = sufficient(recent(metrics, MetricName::NetworkOut, settings), as_of, settings) {
        return Verdict::skip(resource, what, reason);
    }
    let per_second = network_per_second(metrics, settings).unwrap_or_default();
    let gib_month = per_second * SECONDS_PER_DAY * DAYS_PER_MONTH / MB_PER_GIB;
    if gib_month >= settings.nat_gib_month {
        return Verdict::skip(resource, what, format!("it carries {gib_month:.0} GiB a month"));
    }
    let facts = vec![evidence("Traffic", format!("{gib_month:.2} GiB a month"))];
    delete(
        resource,
        Finding::Idle,
        format!("Delete {what} {}", short(resource)),
        facts,
        settings.lookback_days,
    )
}

fn delete(
    resource: &Resource,
    finding: Finding,
    summary: String,
    facts: Vec<Evidence>,
    lookback_days: u32,
) -> Verdict {
    let stateful = matches!(resource.kind, ResourceKind::Disk | ResourceKind::Database | ResourceKind::Vm);
    Verdict::act(Action {
        step: Step::Delete,
        action_type: ActionType::Delete,
        finding,
        summary: if stateful { format!("{summary}, after a last snapshot") } else { summary },
        current: resource.instance_type.clone().unwrap_or_else(|| resource.kind.as_str().to_owned()),
        recommended: None,
        effect: Effect::Remove,
        // A last snapshot costs a part of what it replaces.
        range: if stateful { (0.5, 1.0) } else { (0.9, 1.0) },
        risk: RISK,
        evidence: facts,
        flips_if: "somebody names a use for it, such as disaster recovery".to_owned(),
        effort: Effort::VeryLow,
        restart_needed: false,
        rollback_possible: stateful,
        lookback_days,
        patch: None,
    })
}

/// Readings of the lookback, counted from the last reading of the metric.
fn recent<'a>(metrics: &'a ResourceMetrics, metric: MetricName, settings: &Settings) -> &'a [Reading] {
    let readings = metrics.get(&metric).map(Vec::as_slice).unwrap_or_default();
    let Some(last) = readings.last() else { return readings };
    let start = last.at - Duration::days(i64::from(settings.lookback_days));
    &readings[readings.partition_point(|reading| reading.at <= start)..]
}

/// Whether readings reach back far enough and up to now.
fn sufficient(readings: &[Reading], as_of: DateTime<Utc>, settings: &Settings) -> Result<(), String> {
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return Err("it was not measured".to_owned());
    };
    let days = (as_of - first.at).num_seconds() as f64 / SECONDS_PER_DAY;
    if days < f64::from(settings.minimum_days) {
        return Err(format!("{days:.1} days of data, {} are needed", settings.minimum_days));
    }
    let stale = (as_of - last.at).num_days();
    if stale > 2 {
        return Err(format!("last measured {stale} days ago"));
    }
    let mut measured: Vec<_> = readings.iter().map(|reading| reading.at.date_naive()).collect();
    measured.dedup();
    if (measured.len() as f64) < days * MINIMUM_COVERAGE {
        return Err(format!("measured on {} of {days:.0} days", measured.len()));
    }
    Ok(())
}

/// Mean MB/s in and out together; `None` unless outgoing traffic was measured.
fn network_per_second(metrics: &ResourceMetrics, settings: &Settings) -> Option<f64> {
    let mean = |metric: MetricName| {
        let readings = recent(metrics, metric, settings);
        let sum: f64 = readings.iter().map(|reading| f64::from(reading.average)).sum();
        (!readings.is_empty()).then(|| sum / readings.len() as f64)
    };
    Some(mean(MetricName::NetworkOut)? + mean(MetricName::NetworkIn).unwrap_or(0.0))
}

/// The last part of a long id.
pub(crate) fn short(resource: &Resource) -> &str {
    resource.tags.get("Name").or_else(|| resource.tags.get("name")).map_or_else(
        || resource.resource_id.rsplit(['/', ':']).next().unwrap_or(&resource.resource_id),
        String::as_str,
    )
}
