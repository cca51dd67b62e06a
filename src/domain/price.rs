//! Prices and machine shapes: facts with a source and a date.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Payment, PricingPlan, Provider};

/// Where prices come from, and the day they were true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSource {
    /// Feed or document, for people.
    pub source: String,
    /// The day the prices were read.
    pub as_of: DateTime<Utc>,
}

/// The price of one instance-hour under one plan, in USD.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PriceQuote {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// Instance type.
    pub instance_type: String,
    /// Operating system as in FOCUS/EC2 (`Linux`, `Windows`, `RHEL`, `SUSE`).
    pub os: String,
    /// How it is paid.
    pub plan: PricingPlan,
    /// Term in years; `None` for on-demand and spot.
    pub term_years: Option<u8>,
    /// Payment option; `None` for on-demand and spot.
    pub payment: Option<Payment>,
    /// USD per instance-hour, billed in every hour of the term.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::amount))]
    pub hourly: Decimal,
    /// USD per instance for the whole term.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::amount))]
    pub upfront: Decimal,
}

impl PriceQuote {
    /// `hourly + upfront / (8760 × term_years)`: USD per instance-hour with the upfront spread.
    pub fn effective_hourly(&self) -> Decimal {
        match self.term_years {
            Some(years) if years > 0 => self.hourly + self.upfront / Decimal::from(8760 * u32::from(years)),
            _ => self.hourly,
        }
    }
}

/// One machine type of a catalogue, with the capacity of each measured dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Shape {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// Instance type (`m6i.large`, `Standard_D4s_v5`, `n2-standard-4`).
    pub instance_type: String,
    /// Family (`m6i`, `Dsv5`, `n2`).
    pub family: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Virtual CPUs.
    pub vcpu: f64,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// Baseline network bandwidth in Gbit/s, if stated.
    pub network_gbps: Option<f64>,
    /// Baseline bandwidth to block storage in Mbit/s, if stated.
    pub ebs_mbps: Option<f64>,
    /// Baseline block storage operations per second, if stated.
    pub ebs_iops: Option<f64>,
    /// CPU is earned in credits.
    #[serde(default)]
    pub burstable: bool,
    /// Relative speed of one vCPU, comparable over families of one catalogue; 1 when unknown.
    #[serde(default = "usual_performance")]
    pub performance_per_vcpu: f64,
    /// On-demand USD per hour (Linux).
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::amount))]
    pub on_demand_hourly: Decimal,
}

/// Performance of a vCPU that nobody measured.
fn usual_performance() -> f64 {
    1.0
}

/// The price of block storage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiskPrice {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// Volume type (`gp2`, `gp3`, `Premium_LRS`, `pd-ssd`), or `snapshot`.
    pub disk_type: String,
    /// USD per GiB and month.
    pub gib_month: Decimal,
    /// Operations per second included.
    pub included_iops: f64,
    /// USD per provisioned operation per second and month above those.
    pub iops_month: Decimal,
    /// Throughput in MB/s included.
    pub included_mbps: f64,
    /// USD per MB/s and month above that.
    pub mbps_month: Decimal,
}

/// The price of one object storage class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoragePrice {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// Class (`STANDARD`, `STANDARD_IA`, `GLACIER_IR`, `Cool`, `NEARLINE`, …).
    pub storage_class: String,
    /// USD per GiB and month.
    pub gib_month: Decimal,
    /// USD per GiB read back.
    pub retrieval_gib: Decimal,
    /// USD per 1,000 read requests.
    pub read_1000: Decimal,
    /// USD per 1,000 write (and transition) requests.
    pub write_1000: Decimal,
    /// Days that are billed at least.
    pub minimum_days: u32,
    /// Objects smaller than this are billed as this many KiB.
    pub minimum_object_kib: u32,
}
