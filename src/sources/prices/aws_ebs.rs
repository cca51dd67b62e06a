//! EBS volumes in the price list of EC2.

use rust_decimal::Decimal;

use super::amount::Reason;
use super::storage_parts::Volume;

const UNIT: Reason = "volume price in an unknown unit";

/// Usage types of volumes without the code of the region, and what their size includes (EBS volume types in
/// the EC2 user guide). Magnetic volumes are billed by the operation and left out.
pub(super) const VOLUMES: &[Volume] = &[
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
    VOLUMES.iter().flat_map(Volume::parts).find(|known| *known == usage_type)
}

/// A listed price per GiB, operation per second or MB/s and month. Throughput is listed by the GiB/s.
pub(super) fn monthly(unit: &str, price: Decimal) -> Result<Decimal, Reason> {
    match unit.to_ascii_lowercase().as_str() {
        "gb-mo" | "iops-mo" | "mibps-mo" => Ok(price),
        "gibps-mo" => Ok((price / Decimal::from(1024)).normalize()),
        _ => Err(UNIT),
    }
}
