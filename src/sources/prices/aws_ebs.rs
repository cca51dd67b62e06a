//! EBS volumes in the price list of EC2.

use std::collections::BTreeMap;

use domain::{DiskPrice, Provider};
use rust_decimal::Decimal;

use super::amount::Reason;
use super::quotes::Skipped;

const INCOMPLETE: Reason = "volume type without a price for its size, operations or throughput";
const CONFLICT: Reason = "two different prices for the same part of a volume type";
const UNIT: Reason = "volume price in an unknown unit";

/// A volume type: usage types of what is billed, and what its size alone includes (EBS volume types in the
/// EC2 user guide). Magnetic volumes are billed by the operation and left out.
struct Volume {
    name: &'static str,
    size: &'static str,
    iops: Option<&'static str>,
    throughput: Option<&'static str>,
    included_iops: f64,
    included_mbps: f64,
}

const VOLUMES: &[Volume] = &[
    Volume {
        name: "gp2",
        size: "EBS:VolumeUsage.gp2",
        iops: None,
        throughput: None,
        included_iops: 3000.0,
        included_mbps: 250.0,
    },
    Volume {
        name: "gp3",
        size: "EBS:VolumeUsage.gp3",
        iops: Some("EBS:VolumeP-IOPS.gp3"),
        throughput: Some("EBS:VolumeP-Throughput.gp3"),
        included_iops: 3000.0,
        included_mbps: 125.0,
    },
    Volume {
        name: "io1",
        size: "EBS:VolumeUsage.piops",
        iops: Some("EBS:VolumeP-IOPS.piops"),
        throughput: None,
        included_iops: 0.0,
        included_mbps: 1000.0,
    },
    Volume {
        name: "io2",
        size: "EBS:VolumeUsage.io2",
        iops: Some("EBS:VolumeP-IOPS.io2"),
        throughput: None,
        included_iops: 0.0,
        included_mbps: 4000.0,
    },
    Volume {
        name: "st1",
        size: "EBS:VolumeUsage.st1",
        iops: None,
        throughput: None,
        included_iops: 500.0,
        included_mbps: 500.0,
    },
    Volume {
        name: "sc1",
        size: "EBS:VolumeUsage.sc1",
        iops: None,
        throughput: None,
        included_iops: 250.0,
        included_mbps: 250.0,
    },
    Volume {
        name: "snapshot",
        size: "EBS:SnapshotUsage",
        iops: None,
        throughput: None,
        included_iops: 0.0,
        included_mbps: 0.0,
    },
];

/// The usage type of a volume part (`EBS:VolumeUsage.gp3`, without region code), if it is one.
pub(super) fn part(usage_type: &str) -> Option<&'static str> {
    VOLUMES
        .iter()
        .flat_map(|volume| [Some(volume.size), volume.iops, volume.throughput])
        .flatten()
        .find(|known| *known == usage_type)
}

/// Prices of volume parts by region.
#[derive(Debug, Default)]
pub(super) struct Disks(BTreeMap<(String, &'static str), Decimal>);

impl Disks {
    /// Takes the price of one part, per GiB, operation per second or throughput and month.
    pub(super) fn add(
        &mut self,
        region: &str,
        part: &'static str,
        unit: &str,
        price: Decimal,
    ) -> Result<(), Reason> {
        let price = match unit.to_ascii_lowercase().as_str() {
            "gb-mo" | "iops-mo" | "mibps-mo" => price,
            "gibps-mo" => price / Decimal::from(1024),
            _ => return Err(UNIT),
        };
        match self.0.insert((region.to_owned(), part), price) {
            Some(earlier) if earlier != price => Err(CONFLICT),
            _ => Ok(()),
        }
    }

    /// Volume types of which every part has a price.
    pub(super) fn finish(self, skipped: &mut Skipped) -> Vec<DiskPrice> {
        let mut disks = Vec::new();
        let regions: std::collections::BTreeSet<&str> =
            self.0.keys().map(|(region, _)| region.as_str()).collect();
        for region in regions {
            for volume in VOLUMES {
                let price = |part: &'static str| {
                    self.0.get(&(region.to_owned(), part)).copied().filter(|price| !price.is_zero())
                };
                let optional = |part: Option<&'static str>| part.map_or(Some(Decimal::ZERO), price);
                let parts = [Some(volume.size), volume.iops, volume.throughput];
                if !parts.into_iter().flatten().any(|part| self.0.contains_key(&(region.to_owned(), part))) {
                    continue;
                }
                match (price(volume.size), optional(volume.iops), optional(volume.throughput)) {
                    (Some(gib_month), Some(iops_month), Some(mbps_month)) => disks.push(DiskPrice {
                        provider: Provider::Aws,
                        region: region.to_owned(),
                        disk_type: volume.name.to_owned(),
                        gib_month,
                        included_iops: volume.included_iops,
                        iops_month,
                        included_mbps: volume.included_mbps,
                        mbps_month,
                    }),
                    _ => skipped.count(INCOMPLETE),
                }
            }
        }
        disks
    }
}
