//! Managed disks and blob storage in the Azure Retail Prices.

use rust_decimal::Decimal;

use super::storage_parts::{Class, Volume};

/// Disks are sold by size: their price per GiB and what they include is that of 1 TiB (P30, E30, S30),
/// locally redundant.
const DISK_GIB: u32 = 1024;

/// Disks, by the names of their meters (managed disks pricing; disk limits in "Azure managed disk types").
pub(super) const VOLUMES: &[Volume] = &[
    disk("Premium_LRS", "P30 LRS Disk", 5000.0, 200.0),
    disk("StandardSSD_LRS", "E30 LRS Disk", 500.0, 60.0),
    disk("Standard_LRS", "S30 LRS Disk", 500.0, 60.0),
    disk("snapshot", SNAPSHOT, 0.0, 0.0),
];

const SNAPSHOT: &str = "LRS Snapshots";

/// The product whose snapshots are meant: other disks have dearer ones.
const SNAPSHOT_PRODUCT: &str = "Standard HDD Managed Disks";

/// Access tiers of block blobs, locally redundant, by the names of their meters.
pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "Hot",
        size: "Hot LRS Data Stored",
        read: "Hot Read Operations",
        write: "Hot LRS Write Operations",
        retrieval: None,
        minimum_days: 0,
        minimum_object_kib: 0,
    },
    Class {
        name: "Cool",
        size: "Cool LRS Data Stored",
        read: "Cool Read Operations",
        write: "Cool LRS Write Operations",
        retrieval: Some("Cool Data Retrieval"),
        minimum_days: 30,
        minimum_object_kib: 0,
    },
    Class {
        name: "Cold",
        size: "Cold LRS Data Stored",
        read: "Cold LRS Read Operations",
        write: "Cold LRS Write Operations",
        retrieval: Some("Cold LRS Data Retrieval"),
        minimum_days: 90,
        minimum_object_kib: 0,
    },
];

const BLOBS: &str = "General Block Blob v2";

const fn disk(name: &'static str, meter: &'static str, included_iops: f64, included_mbps: f64) -> Volume {
    Volume { name, size: meter, iops: None, throughput: None, included_iops, included_mbps }
}

/// The meter of a product, if it is one of those above.
pub(super) fn part(product: &str, meter: &str) -> Option<&'static str> {
    let disks = VOLUMES.iter().flat_map(Volume::parts);
    let classes = CLASSES.iter().flat_map(Class::parts);
    match product {
        BLOBS => classes.into_iter().find(|known| *known == meter),
        _ if meter == SNAPSHOT && product != SNAPSHOT_PRODUCT => None,
        _ if product.ends_with("Managed Disks") => disks.into_iter().find(|known| *known == meter),
        _ => None,
    }
}

/// A listed price in the unit of the price book; `None` for a unit that is not known.
pub(super) fn per_unit(unit: &str, price: Decimal) -> Option<Decimal> {
    match unit {
        "1 GB/Month" | "1 GB" => Some(price),
        "1/Month" => Some((price / Decimal::from(DISK_GIB)).normalize()),
        "10K" => Some((price / Decimal::TEN).normalize()),
        _ => None,
    }
}
