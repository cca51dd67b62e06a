//! Storage: volume types and object storage classes.

use domain::{
    ActionType, DiskPrice, Effort, Finding, MetricName, Provider, Recommendation, Resource, ResourceKind,
    ResourceState, Step, StoragePrice, to_cents, to_statistic,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde::{Deserialize, Serialize};

use crate::action::{Action, Effect, Verdict, evidence};
use crate::idle::short;
use crate::metrics::{Reading, ResourceMetrics};
use crate::policy::{PolicyError, within};
use crate::quantile::{quantile, sorted};

/// gp2 (AWS "General Purpose SSD volumes"): 3 operations per second and GiB, at least 100, at most 16,000;
/// 250 MB/s above 170 GiB, 128 MB/s below.
const GP2_IOPS_PER_GIB: f64 = 3.0;
const GP2_IOPS: (f64, f64) = (100.0, 16_000.0);
const GP2_LARGE_GIB: f64 = 170.0;
const GP2_MBPS: (f64, f64) = (128.0, 250.0);
/// gp3 goes up to this.
const GP3_MAX: (f64, f64) = (16_000.0, 1_000.0);
/// And has this in its price.
const GP3_INCLUDED: (u32, u32) = (3_000, 125);
/// How the evidence says what a volume must carry.
const OPERATIONS_TO_CARRY: &str = "Operations to carry";
const THROUGHPUT_TO_CARRY: &str = "Throughput to carry";
/// Part of a disk that must be to spare before anything is said about it.
const SPARE_SHARE: f64 = 0.3;
/// Days of measurements without which nothing is said about the room on a disk.
const SPARE_DAYS: i64 = 14;
/// Quantile of the measured load that a volume must carry.
const DISK_LEVEL: f64 = 0.999;
/// Classes from which data comes back after minutes or hours only.
const OFFLINE: [(Provider, &str); 4] = [
    (Provider::Aws, "GLACIER"),
    (Provider::Aws, "DEEP_ARCHIVE"),
    (Provider::Azure, "Archive"),
    (Provider::Aws, "GLACIER_FLEXIBLE"),
];
/// KiB in a GiB.
const KIB_PER_GIB: f64 = 1_048_576.0;
/// Days of a month of 730 hours.
const DAYS_PER_MONTH: f64 = 730.0 / 24.0;

/// Settings of the storage rules: name, meaning (default, bounds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Smallest saving, as a share of the cost, that is worth a change (0.05, 0 to 0.9).
    pub minimum_saving: f64,
    /// Whether data may go to classes from which it comes back after hours only (false).
    pub offline_classes: bool,
    /// Factor on the measured reads, for the month in which more is read (2, 1 to 100).
    pub reads_margin: f64,
    /// Longest minimum storage duration in days that is accepted (90, 0 to 400).
    pub maximum_minimum_days: u32,
    /// Months in which the requests of the move must have paid for themselves (6, 1 to 60).
    pub payback_months: f64,
    /// Factor on what a disk held at most, for the size that would do (1.5, 1 to 10).
    pub room_margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            minimum_saving: 0.05,
            offline_classes: false,
            reads_margin: 2.0,
            maximum_minimum_days: 90,
            payback_months: 6.0,
            room_margin: 1.5,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        within("storage.minimum_saving", self.minimum_saving, 0.0, 0.9)?;
        within("storage.reads_margin", self.reads_margin, 1.0, 100.0)?;
        within("storage.maximum_minimum_days", f64::from(self.maximum_minimum_days), 0.0, 400.0)?;
        within("storage.room_margin", self.room_margin, 1.0, 10.0)?;
        within("storage.payback_months", self.payback_months, 1.0, 60.0)
    }
}

/// What the volume rule says about a disk: gp2 → gp3 where that is cheaper at the load it has, or at
/// what gp2 gives where the load was not measured.
pub(crate) fn disk(
    resource: &Resource,
    metrics: Option<&ResourceMetrics>,
    gp2: Result<&DiskPrice, String>,
    gp3: Result<&DiskPrice, String>,
    settings: &Settings,
) -> Verdict {
    const CONSIDERED: &str = "gp3";
    let is_gp2 = resource.instance_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("gp2"));
    let gone = matches!(resource.state, ResourceState::Deleted | ResourceState::Unattached);
    if resource.kind != ResourceKind::Disk || !is_gp2 || gone {
        return Verdict::NotConcerned;
    }
    let (gp2, gp3) = match (gp2, gp3) {
        (Ok(gp2), Ok(gp3)) => (gp2, gp3),
        (Err(reason), _) | (_, Err(reason)) => return Verdict::skip(resource, CONSIDERED, reason),
    };
    let Some(gib) = resource.size_gib.filter(|gib| *gib > 0.0) else {
        return Verdict::skip(resource, CONSIDERED, "its size is not known");
    };
    let measured = |names: &[MetricName]| measured_peak(metrics, names);
    let iops = measured(&[MetricName::DiskReadIops, MetricName::DiskWriteIops]);
    let mbps = measured(&[MetricName::DiskThroughput]);
    let (floor, ceiling) = GP2_IOPS;
    let need_iops = iops.unwrap_or((gib * GP2_IOPS_PER_GIB).clamp(floor, ceiling));
    let need_mbps = mbps.unwrap_or(if gib > GP2_LARGE_GIB { GP2_MBPS.1 } else { GP2_MBPS.0 });
    if need_iops > GP3_MAX.0 || need_mbps > GP3_MAX.1 {
        return Verdict::skip(resource, CONSIDERED, "it needs more than gp3 gives");
    }
    let per_gib = |price: &DiskPrice| gib * to_statistic(price.gib_month);
    let old = per_gib(gp2);
    let new = per_gib(gp3)
        + (need_iops - gp3.included_iops).max(0.0) * to_statistic(gp3.iops_month)
        + (need_mbps - gp3.included_mbps).max(0.0) * to_statistic(gp3.mbps_month);
    let Some(share) = worthwhile(old, new, settings) else {
        let reason =
            format!("gp3 with {need_iops:.0} operations and {need_mbps:.0} MB/s costs no less than gp2");
        return Verdict::skip(resource, CONSIDERED, reason);
    };
    let source = |seen: Option<f64>| if seen.is_some() { "P99.9 measured" } else { "what gp2 gives" };
    Verdict::act(Action {
        step: Step::Storage,
        action_type: ActionType::Upgrade,
        finding: Finding::OverProvisioned,
        summary: format!("Change {} from gp2 to gp3 while it is in use", short(resource)),
        current: "gp2".to_owned(),
        recommended: Some("gp3".to_owned()),
        effect: Effect::Keep { share },
        range: (0.9, 1.0),
        risk: if iops.is_some() && mbps.is_some() { 0.002 } else { 0.004 },
        evidence: vec![
            evidence("Size", format!("{gib:.0} GiB")),
            evidence(OPERATIONS_TO_CARRY, format!("{:.0}/s ({})", need_iops.ceil(), source(iops))),
            evidence(THROUGHPUT_TO_CARRY, format!("{:.0} MB/s ({})", need_mbps.ceil(), source(mbps))),
        ],
        flips_if: format!(
            "it comes to need more than {need_iops:.0} operations per second or {need_mbps:.0} MB/s"
        ),
        effort: Effort::VeryLow,
        restart_needed: false,
        rollback_possible: true,
        lookback_days: 93,
        patch: None,
    })
}

/// Operations per second and MB/s that the gp3 volume of a recommendation is to be given: what it has to carry, and at
/// least what is included; gp3 takes a quarter MB/s an operation.
pub(crate) fn provisioned(recommendation: &Recommendation) -> Option<(u32, u32)> {
    let said = |label: &str| {
        let found = recommendation.evidence.iter().find(|evidence| evidence.label == label)?;
        let digits = found.value.split(|letter: char| !letter.is_ascii_digit()).next()?;
        digits.parse::<u32>().ok()
    };
    let mbps = said(THROUGHPUT_TO_CARRY)?.max(GP3_INCLUDED.1);
    Some((said(OPERATIONS_TO_CARRY)?.max(GP3_INCLUDED.0).max(mbps * 4), mbps))
}

/// What is to be said about a disk, or the storage of a database, that is much larger than what it held: no
/// provider makes one smaller in place, so this is no recommendation. `cost` is what it costs a month, if known.
pub(crate) fn spare_room(
    resource: &Resource,
    metrics: Option<&ResourceMetrics>,
    cost: Option<Decimal>,
    settings: &Settings,
) -> Verdict {
    let gone = matches!(resource.state, ResourceState::Deleted | ResourceState::Unattached);
    let held = metrics.and_then(|metrics| metrics.get(&MetricName::StorageUsed));
    let held = held.map(Vec::as_slice).unwrap_or_default();
    let (Some(gib), Some(first), Some(last)) = (resource.size_gib, held.first(), held.last()) else {
        return Verdict::NotConcerned;
    };
    let largest = held.iter().map(|reading| f64::from(reading.maximum)).fold(0.0, f64::max);
    let enough = (largest * settings.room_margin).ceil();
    if gone || (last.at - first.at).num_days() < SPARE_DAYS || enough > gib * (1.0 - SPARE_SHARE) {
        return Verdict::NotConcerned;
    }
    let spare = Decimal::from_f64(1.0 - enough / gib);
    let worth = cost.zip(spare).map(|(cost, spare)| to_cents(cost * spare));
    let worth = worth.map(|worth| format!(" for about {worth} USD a month less")).unwrap_or_default();
    Verdict::skip(
        resource,
        "less storage",
        format!(
            "it held at most {largest:.0} of {gib:.0} GiB, and {enough:.0} would do{worth}; it cannot be made smaller in \
             place, only made anew with its data copied"
        ),
    )
}

/// What the class rule says about a bucket: the class in which storing, reading and moving its data is cheapest.
pub(crate) fn bucket(resource: &Resource, classes: &[&StoragePrice], settings: &Settings) -> Verdict {
    const CONSIDERED: &str = "colder storage class";
    if resource.kind != ResourceKind::Bucket || resource.state == ResourceState::Deleted {
        return Verdict::NotConcerned;
    }
    let skip = |reason: String| Verdict::skip(resource, CONSIDERED, reason);
    let Some(class) = resource.storage_class.as_deref() else {
        return skip("its storage class is not known".to_owned());
    };
    let Some(now) = classes.iter().find(|price| price.storage_class.eq_ignore_ascii_case(class)) else {
        return skip(format!("no price for {class} in {}", resource.region));
    };
    let Some(gib) = resource.size_gib.filter(|gib| *gib > 0.0) else {
        return skip("its size is not known".to_owned());
    };
    let Some(reads) = resource.reads_per_gib_month else {
        return skip("how often its data is read was not measured".to_owned());
    };
    let reads = reads * settings.reads_margin;
    let object_kib = resource.mean_object_kib.filter(|kib| *kib > 0.0);
    let old = monthly_per_gib(now, reads, object_kib);
    let eligible = classes.iter().filter(|price| {
        let offline = OFFLINE.iter().any(|(provider, name)| {
            *provider == price.provider && price.storage_class.eq_ignore_ascii_case(name)
        });
        (settings.offline_classes || !offline)
            && price.minimum_days <= settings.maximum_minimum_days
            && (price.minimum_object_kib == 0 || object_kib.is_some())
    });
    let total = |price: &StoragePrice| {
        monthly_per_gib(price, reads, object_kib) + move_per_gib(price, object_kib) / settings.payback_months
    };
    let best = eligible
        .filter(|price| price.storage_class != now.storage_class)
        .min_by(|a, b| total(a).total_cmp(&total(b)).then_with(|| a.storage_class.cmp(&b.storage_class)));
    let Some(best) = best.filter(|best| worthwhile(old, total(best), settings).is_some()) else {
        return skip(format!("{class} is the cheapest class at {reads:.2} reads per GiB and month"));
    };
    let Some(share) = worthwhile(old, monthly_per_gib(best, reads, object_kib), settings) else {
        return skip(format!("{class} is the cheapest class at {reads:.2} reads per GiB and month"));
    };
    let break_even =
        to_statistic(now.gib_month - best.gib_month) / to_statistic(best.retrieval_gib).max(1e-9);
    Verdict::act(Action {
        step: Step::Storage,
        action_type: ActionType::ChangeStorageClass,
        finding: Finding::Cold,
        summary: format!("Move {} from {class} to {}", short(resource), best.storage_class),
        current: class.to_owned(),
        recommended: Some(best.storage_class.clone()),
        effect: Effect::Keep { share },
        range: (0.8, 1.05),
        risk: (reads / break_even / 10.0).clamp(0.001, 0.2),
        evidence: vec![
            evidence("Size", format!("{gib:.0} GiB")),
            evidence(
                "Reads",
                format!(
                    "{:.3} GiB per GiB and month, planned with {reads:.3}",
                    reads / settings.reads_margin
                ),
            ),
            evidence("Break-even", format!("{break_even:.2} reads per GiB and month")),
            evidence("Requests of the move", format!("{:.2} USD once", gib * move_per_gib(best, object_kib))),
            evidence("Minimum duration", format!("{} days", best.minimum_days)),
        ],
        flips_if: format!(
            "more than {break_even:.2} GiB per GiB and month are read, or data lives less than {} days",
            best.minimum_days
        ),
        effort: Effort::Low,
        restart_needed: false,
        rollback_possible: true,
        lookback_days: DAYS_PER_MONTH as u32,
        patch: None,
    })
}

/// USD per GiB and month in a class: storage (small objects billed at the class's minimum), retrieval, requests.
fn monthly_per_gib(price: &StoragePrice, reads: f64, object_kib: Option<f64>) -> f64 {
    let padding = object_kib.map_or(1.0, |kib| (f64::from(price.minimum_object_kib) / kib).max(1.0));
    let requests = object_kib.map_or(0.0, |kib| reads * KIB_PER_GIB / kib / 1000.0);
    to_statistic(price.gib_month) * padding
        + reads * to_statistic(price.retrieval_gib)
        + requests * to_statistic(price.read_1000)
}

/// USD per GiB for the requests that move data into a class.
fn move_per_gib(price: &StoragePrice, object_kib: Option<f64>) -> f64 {
    object_kib.map_or(0.0, |kib| KIB_PER_GIB / kib / 1000.0 * to_statistic(price.write_1000))
}

/// What remains of the cost, if enough of it goes away.
fn worthwhile(old: f64, new: f64, settings: &Settings) -> Option<Decimal> {
    let share = Decimal::from_f64(new / old)?.round_dp(6);
    (new < old * (1.0 - settings.minimum_saving)).then_some(share)
}

/// P99.9 of the sum of metrics, hour by hour; `None` unless all of them were measured.
fn measured_peak(metrics: Option<&ResourceMetrics>, names: &[MetricName]) -> Option<f64> {
    let metrics = metrics?;
    let series: Option<Vec<&Vec<Reading>>> = names.iter().map(|name| metrics.get(name)).collect();
    let mut hours = std::collections::BTreeMap::new();
    for reading in series?.into_iter().flatten() {
        *hours.entry(reading.at).or_insert(0.0) += f64::from(reading.maximum);
    }
    (!hours.is_empty()).then(|| quantile(&sorted(hours.into_values()), DISK_LEVEL))
}
