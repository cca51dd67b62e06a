//! What a SKU of the Google Cloud catalogue sells, read from its description.

use domain::{Payment, PricingPlan};

use super::storage_parts::Volume;

/// Which half of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Half {
    /// vCPUs.
    Core,
    /// Memory.
    Ram,
}

/// Words that belong to the name of a family but do not tell it from others.
const FILLERS: [&str; 6] = ["Instance", "Predefined", "AMD", "Arm", "Intel", "Memory-optimized"];

/// The plan that a usage type of the catalogue stands for.
pub(super) fn plan(usage_type: &str) -> Option<(PricingPlan, Option<(u8, Payment)>)> {
    let committed = |years| Some((PricingPlan::GcpCudResource, Some((years, Payment::NoUpfront))));
    match usage_type {
        "OnDemand" => Some((PricingPlan::OnDemand, None)),
        "Preemptible" => Some((PricingPlan::Spot, None)),
        "Commit1Yr" => committed(1),
        "Commit3Yr" => committed(3),
        _ => None,
    }
}

/// The machine family and the half of it that a description names; `None` for anything that is not plain
/// cores or memory of one family (custom machines, sole tenancy, premiums, licences, GPUs, disks, …).
///
/// `N2 Instance Core running in Americas`, `Spot Preemptible E2 Instance Ram running in Paris`,
/// `Commitment v1: N2D AMD Cpu in EMEA for 1 Year`.
pub(super) fn family(description: &str) -> Option<(String, Half)> {
    let (subject, committed) = match description.split_once("Commitment v1:") {
        Some(("", rest)) => (rest.split_once(" in ")?.0, true),
        Some(_) => return None,
        None => (description.split_once(" running in ")?.0, false),
    };
    let subject = subject.trim();
    let subject = subject.strip_prefix("Spot ").unwrap_or(subject);
    let subject = subject.strip_prefix("Preemptible ").unwrap_or(subject);
    let mut words: Vec<&str> = subject.split_ascii_whitespace().collect();
    let half = match words.pop()? {
        "Core" | "Cpu" => Half::Core,
        "Ram" => Half::Ram,
        _ => return None,
    };
    if words.starts_with(&["Compute", "optimized"]) && words[2..].iter().all(|word| *word == "Instance") {
        return Some(("c2".to_owned(), half));
    }
    if words.is_empty() && committed {
        return Some(("n1".to_owned(), half));
    }
    if words == ["Memory-optimized", "Instance"] || (committed && words == ["Memory-optimized"]) {
        return Some(("m1".to_owned(), half));
    }
    words.retain(|word| !FILLERS.contains(word));
    match words.as_slice() {
        [family] if is_family(family) => Some((family.to_ascii_lowercase(), half)),
        _ => None,
    }
}

/// Zonal persistent disks (and snapshots), by the names of their SKUs. Performance grows with size; what is
/// included is that of 1,000 GiB (persistent disk performance).
pub(super) const VOLUMES: &[Volume] = &[
    disk("pd-standard", "Storage PD Capacity", 750.0, 120.0),
    disk("pd-balanced", "Balanced PD Capacity", 6000.0, 240.0),
    disk("pd-ssd", "SSD backed PD Capacity", 30_000.0, 480.0),
    disk("snapshot", "Storage PD Snapshot", 0.0, 0.0),
];

const fn disk(name: &'static str, sku: &'static str, included_iops: f64, included_mbps: f64) -> Volume {
    Volume { name, size: sku, iops: None, throughput: None, included_iops, included_mbps }
}

/// The disk that a description names: `SSD backed PD Capacity in Zurich`.
pub(super) fn disk_part(description: &str) -> Option<&'static str> {
    let subject = description.split_once(" in ").map_or(description, |(subject, _)| subject);
    VOLUMES.iter().flat_map(Volume::parts).find(|known| *known == subject)
}

/// A letter, a generation, and perhaps more letters: `E2`, `N2D`, `C4A`.
fn is_family(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next().is_some_and(|letter| letter.is_ascii_digit())
        && letters.all(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_by_name_with_and_without_a_place() {
        for (description, expected) in [
            ("SSD backed PD Capacity", Some("SSD backed PD Capacity")),
            ("Storage PD Snapshot in Zurich", Some("Storage PD Snapshot")),
            ("Regional Storage PD Capacity", None),
            ("Storage PD Capacity Plus in Iowa", None),
        ] {
            assert_eq!(disk_part(description), expected, "{description}");
        }
    }

    #[test]
    fn names_of_families_in_all_spellings() {
        for (description, expected) in [
            ("N1 Predefined Instance Core running in Americas", Some(("n1", Half::Core))),
            ("E2 Instance Ram running in Salt Lake City", Some(("e2", Half::Ram))),
            ("T2D AMD Instance Core running in Singapore", Some(("t2d", Half::Core))),
            ("C4A Arm Instance Ram running in Paris", Some(("c4a", Half::Ram))),
            ("Spot Preemptible N2 Instance Core running in Iowa", Some(("n2", Half::Core))),
            ("Preemptible Compute optimized Core running in Japan", Some(("c2", Half::Core))),
            ("Compute optimized Instance Ram running in Americas", Some(("c2", Half::Ram))),
            ("M3 Memory-optimized Instance Ram running in Tokyo", Some(("m3", Half::Ram))),
            ("Memory-optimized Instance Core running in Tokyo", Some(("m1", Half::Core))),
            ("Commitment v1: N2D AMD Cpu in EMEA for 1 Year", Some(("n2d", Half::Core))),
            ("Commitment v1: Ram in Americas for 3 Year", Some(("n1", Half::Ram))),
            ("Commitment v1: Compute optimized Cpu in Americas for 1 Year", Some(("c2", Half::Core))),
            ("N2 Custom Instance Core running in Americas", None),
            ("N2 Sole Tenancy Instance Core running in Americas", None),
            ("Sole Tenancy Premium for N2 Sole Tenancy Instance Ram running in Iowa", None),
            ("N1 Predefined Instance Extended Ram running in Iowa", None),
            ("Micro Instance with burstable CPU running in Americas", None),
            ("Nvidia Tesla A100 GPU running in Americas", None),
            ("Reserved N2 Instance Core in Americas", None),
            ("Commitment v1: Nvidia Tesla T4 GPU in Americas for 1 Year", None),
            ("Storage PD Capacity", None),
            ("Commitment v1:", None),
            ("", None),
        ] {
            let expected = expected.map(|(family, half)| (family.to_owned(), half));
            assert_eq!(family(description), expected, "{description}");
        }
    }
}
