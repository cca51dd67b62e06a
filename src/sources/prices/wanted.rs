//! What to keep of a feed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

/// A machine type whose size is known from elsewhere.
///
/// Google Cloud sells vCPUs and memory, not machines, and the Azure feed does not say how large its
/// machines are: there, prices of machines and shapes need this list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineType {
    /// Its name (`n2-standard-4`, `Standard_D4s_v5`).
    pub name: String,
    /// Virtual CPUs.
    pub vcpu: Decimal,
    /// Memory in GiB.
    pub memory_gib: Decimal,
    /// `x86_64` or `arm64`.
    pub architecture: String,
}

/// What to keep of a feed; everything else is passed over without being held in memory.
///
/// An empty set means all. Names are compared ignoring case.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Region ids.
    pub regions: BTreeSet<String>,
    /// Instance types.
    pub instance_types: BTreeSet<String>,
    /// Operating systems as in FOCUS/EC2 (`Linux`, `Windows`, `RHEL`, `SUSE`).
    pub operating_systems: BTreeSet<String>,
    /// Sizes of machine types, for Google Cloud and Azure.
    pub machine_types: Vec<MachineType>,
    /// Prices that take effect later are left out. Also the date of the source when the feed itself
    /// states none.
    pub as_of: DateTime<Utc>,
}

impl Wanted {
    /// Everything that is in force at `as_of`.
    pub fn everything(as_of: DateTime<Utc>) -> Self {
        Self {
            regions: BTreeSet::new(),
            instance_types: BTreeSet::new(),
            operating_systems: BTreeSet::new(),
            machine_types: Vec::new(),
            as_of,
        }
    }

    pub(super) fn has_region(&self, region: &str) -> bool {
        contains(&self.regions, region)
    }

    pub(super) fn has_type(&self, instance_type: &str) -> bool {
        contains(&self.instance_types, instance_type)
    }

    pub(super) fn has_os(&self, os: &str) -> bool {
        contains(&self.operating_systems, os)
    }

    pub(super) fn machine_type(&self, name: &str) -> Option<&MachineType> {
        self.machine_types.iter().find(|machine| machine.name.eq_ignore_ascii_case(name))
    }
}

fn contains(set: &BTreeSet<String>, name: &str) -> bool {
    set.is_empty() || set.contains(name) || set.iter().any(|entry| entry.eq_ignore_ascii_case(name))
}
