//! The spec of the company, as `data/demo.toml` states it.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use domain::{Budget, Payment, Period, PricingPlan, Provider, ResourceKind};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::DemoError;

const EMBEDDED: &str = include_str!("../../data/demo.toml");

/// Everything that a company is generated from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) history_start: DateTime<Utc>,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) metrics_days: i64,
    #[serde(rename = "account")]
    pub(crate) accounts: Vec<Account>,
    #[serde(rename = "demand")]
    pub(crate) demands: Vec<Demand>,
    #[serde(rename = "event")]
    pub(crate) events: Vec<Event>,
    #[serde(rename = "budget")]
    pub(crate) budgets: Vec<Budget>,
    #[serde(rename = "machine")]
    pub(crate) machines: Vec<Machine>,
    pub(crate) managed: Vec<Managed>,
    pub(crate) root_disk: BTreeMap<Provider, RootDisk>,
    #[serde(rename = "disk")]
    pub(crate) disks: Vec<Disk>,
    #[serde(rename = "snapshot")]
    pub(crate) snapshots: Vec<Snapshot>,
    #[serde(rename = "bucket")]
    pub(crate) buckets: Vec<Bucket>,
    #[serde(rename = "service")]
    pub(crate) services: Vec<Service>,
    #[serde(rename = "address")]
    pub(crate) addresses: Vec<Address>,
    pub(crate) support: MonthlyShare,
    pub(crate) tax: MonthlyShare,
    #[serde(rename = "credit")]
    pub(crate) credits: Vec<Credit>,
    #[serde(rename = "commitment")]
    pub(crate) commitments: Vec<Commitment>,
    #[serde(rename = "purchase_truth")]
    pub(crate) purchase_truths: Vec<PurchaseTruth>,
}

impl Spec {
    /// The spec that is compiled in.
    ///
    /// # Errors
    /// None in a tested build.
    pub fn embedded() -> Result<Self, DemoError> {
        Self::from_toml(EMBEDDED)
    }

    /// A spec from the text of a file like `data/demo.toml`.
    ///
    /// # Errors
    /// Text that is not TOML, an unknown key, a value of the wrong kind, or a history that is not whole days.
    pub fn from_toml(text: &str) -> Result<Self, DemoError> {
        let spec: Self =
            toml::from_str(text).map_err(|error| DemoError::Spec(error.to_string().trim().to_owned()))?;
        let length = spec.as_of - spec.history_start;
        if length < Duration::days(60) || length != Duration::days(length.num_days()) {
            return Err(DemoError::Spec("history_start to as_of must be whole days, at least 60".to_owned()));
        }
        if spec.metrics_days < 1 || spec.metrics_days > length.num_days() {
            return Err(DemoError::Spec("metrics_days must be at least 1 and within the history".to_owned()));
        }
        Ok(spec)
    }

    /// The same spec under another seed: other noise, the same structure and truths.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The time that charges, usage and demand cover.
    pub(crate) fn history(&self) -> Period {
        Period { start: self.history_start, end: self.as_of }
    }

    /// Number of hours of history.
    pub(crate) fn hours(&self) -> usize {
        usize::try_from((self.as_of - self.history_start).num_hours()).unwrap_or(0)
    }

    /// The start of hour `index` of history.
    pub(crate) fn hour(&self, index: usize) -> DateTime<Utc> {
        self.history_start + Duration::hours(i64::try_from(index).unwrap_or(i64::MAX))
    }

    /// The first hour that has metrics.
    pub(crate) fn metrics_start(&self) -> usize {
        self.hours().saturating_sub(usize::try_from(self.metrics_days * 24).unwrap_or(0))
    }

    /// The account of that key, for `subject`.
    pub(crate) fn account(&self, key: &str, subject: &str) -> Result<&Account, DemoError> {
        self.accounts.iter().find(|account| account.key == key).ok_or_else(|| DemoError::Unknown {
            subject: subject.to_owned(),
            missing: key.to_owned(),
            place: "[[account]]",
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) key: String,
    pub(crate) provider: Provider,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) billing: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Demand {
    pub(crate) unique_id: String,
    /// Mean at the start of history.
    pub(crate) base: f64,
    /// Relative growth in 30 days.
    pub(crate) growth: f64,
    /// Hours by which its day is later than in Central Europe.
    pub(crate) utc_shift: usize,
    /// Relative deviation of an hour.
    pub(crate) noise: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) multiplier: f64,
    pub(crate) multiplier_low: Option<f64>,
    pub(crate) multiplier_high: Option<f64>,
}

/// How the load of a machine moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pattern {
    /// With the storefront's requests.
    Shop,
    /// With the demand per running instance of its group.
    Scaled,
    /// The same day and night.
    Flat,
    /// Working hours of Central Europe.
    Office,
    /// Midnight to five.
    Nightly,
    /// Nothing but the operating system.
    Idle,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scale {
    pub(crate) series: String,
    /// Demand that one instance takes at its target.
    pub(crate) unit: f64,
    pub(crate) minimum: u32,
}

/// A planted truth, where it is planted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planted {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// One truth per resource, numbered, rather than one for all.
    #[serde(default)]
    pub(crate) each: bool,
    #[serde(default)]
    pub(crate) note: String,
}

pub(crate) type Tags = BTreeMap<String, String>;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) instance_type: String,
    #[serde(default = "one")]
    pub(crate) count: u32,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) pattern: Pattern,
    pub(crate) scale: Option<Scale>,
    /// Percent of the vCPUs at rest and at the usual peak.
    pub(crate) cpu: [f64; 2],
    /// GiB at rest and at the usual peak; absent when not measured.
    pub(crate) memory: Option<[f64; 2]>,
    /// MB/s sent at the peak.
    pub(crate) network: f64,
    /// Disk operations per second at the peak.
    pub(crate) iops: f64,
    pub(crate) group: Option<String>,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) control: bool,
    pub(crate) truth: Option<Planted>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Managed {
    pub(crate) name: String,
    pub(crate) kind: ResourceKind,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) instance_type: String,
    pub(crate) storage_gib: Option<f64>,
    pub(crate) cpu: [f64; 2],
    pub(crate) memory: [f64; 2],
    pub(crate) connections: f64,
    /// Peak of operations per second to its disks; absent where they are not measured, as for caches.
    pub(crate) iops: Option<f64>,
    /// Peak of MB/s sent; a quarter of it is received.
    pub(crate) network: Option<f64>,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) control: bool,
    pub(crate) truth: Option<Planted>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootDisk {
    pub(crate) disk_type: String,
    pub(crate) size_gib: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disk {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) disk_type: String,
    pub(crate) size_gib: f64,
    pub(crate) used_gib: Option<f64>,
    #[serde(default = "one")]
    pub(crate) count: u32,
    /// Operations per second at the peak.
    #[serde(default)]
    pub(crate) iops: f64,
    /// MB/s at the peak.
    #[serde(default)]
    pub(crate) throughput: f64,
    /// Days since it was detached; absent while attached.
    pub(crate) unattached_days: Option<i64>,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) control: bool,
    pub(crate) truth: Option<Planted>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) size_gib: f64,
    pub(crate) age_days: i64,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) control: bool,
    pub(crate) truth: Option<Planted>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) storage_class: String,
    /// GiB at `as_of`.
    pub(crate) size_gib: f64,
    pub(crate) monthly_growth: f64,
    pub(crate) reads_per_gib_month: f64,
    pub(crate) mean_object_kib: f64,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) control: bool,
    pub(crate) truth: Option<Planted>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meter {
    /// Item of `data/prices/services.csv`.
    pub(crate) item: String,
    pub(crate) per_day: f64,
    /// Demand series that scales it.
    pub(crate) follows: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anomaly {
    pub(crate) id: String,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) factor: f64,
    pub(crate) note: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Kind of resource in the inventory; absent for services without one.
    pub(crate) kind: Option<ResourceKind>,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) service_name: String,
    pub(crate) service_category: String,
    pub(crate) meters: Vec<Meter>,
    /// Demand series that it reports as its load; `none` for no load at all.
    pub(crate) requests: Option<String>,
    /// MB/s it carries.
    pub(crate) network: Option<f64>,
    /// Memory of a function in GiB, and what its runs use of it.
    pub(crate) memory_gib: Option<f64>,
    pub(crate) memory: Option<[f64; 2]>,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) control: bool,
    pub(crate) truth: Option<Planted>,
    pub(crate) anomaly: Option<Anomaly>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) attached: bool,
    pub(crate) tags: Tags,
    #[serde(default)]
    pub(crate) control: bool,
    pub(crate) truth: Option<Planted>,
}

/// A fee that is a share of a month's other charges of the account's provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MonthlyShare {
    pub(crate) share: f64,
    pub(crate) account: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credit {
    pub(crate) account: String,
    pub(crate) month: DateTime<Utc>,
    pub(crate) amount: f64,
    pub(crate) note: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Commitment {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) region: Option<String>,
    pub(crate) plan: PricingPlan,
    pub(crate) instance_type: Option<String>,
    pub(crate) family: Option<String>,
    pub(crate) os: Option<String>,
    pub(crate) quantity: Decimal,
    pub(crate) term_years: u8,
    pub(crate) payment: Payment,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) warning: Option<Planted>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurchaseTruth {
    pub(crate) id: String,
    pub(crate) note: String,
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let error = Spec::from_toml("name = \"x\"\nsead = 1\n").unwrap_err().to_string();
        assert!(error.contains("sead") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn the_embedded_spec_covers_fourteen_months_and_last_years_sale() {
        let spec = Spec::embedded().unwrap();
        assert_eq!(spec.hours(), 426 * 24);
        assert!(spec.events.iter().any(|event| event.ends_at < spec.as_of && event.multiplier == 10.0));
    }
}
