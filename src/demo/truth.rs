//! The planted truths: what a good planner finds, and what it leaves alone.

use chrono::{DateTime, Utc};
use domain::{ActionType, Finding};
use serde::{Deserialize, Serialize};

use crate::DemoError;
use crate::spec::Planted;

/// What a good planner says about a planted truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// A recommendation of one of these actions, with this finding where one is stated.
    Recommend {
        /// Any of these is right.
        actions: Vec<ActionType>,
        /// The finding, where it is certain.
        finding: Option<Finding>,
    },
    /// No smaller machine: something that it has was not measured.
    LeftAlone,
    /// A cost anomaly of one service in this period (UTC days).
    Anomaly {
        /// FOCUS `SubAccountId`.
        account: String,
        /// FOCUS `ServiceName`.
        service_name: String,
        /// First instant of the anomaly, inclusive.
        starts_at: DateTime<Utc>,
        /// End, exclusive.
        ends_at: DateTime<Utc>,
    },
    /// A held commitment that is reported as wasted or expiring.
    CommitmentWarning,
}

/// Something that was planted on purpose and should be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Stable name (`idle-vm-1`).
    pub id: String,
    /// Kind of truth (`idle_vm`, `oversized_vm`, `unattached_disk`, …).
    pub kind: String,
    /// The resources it concerns; one of them being named is enough. Commitment ids for warnings about
    /// commitments; empty for usage to commit to.
    pub resource_ids: Vec<String>,
    /// What should be said.
    pub expected: Expectation,
    /// Why, for people.
    pub note: String,
}

/// The truths planted by one entry of the spec on these resources.
pub(crate) fn planted(planted: &Planted, resource_ids: &[String]) -> Result<Vec<Truth>, DemoError> {
    let (expected, note) = expectation(planted)?;
    let note = if planted.note.is_empty() { note } else { &planted.note };
    let truth = |id: String, resource_ids: Vec<String>| Truth {
        id,
        kind: planted.kind.clone(),
        resource_ids,
        expected: expected.clone(),
        note: note.to_owned(),
    };
    if !planted.each {
        return Ok(vec![truth(planted.id.clone(), resource_ids.to_vec())]);
    }
    let one =
        |(index, id): (usize, &String)| truth(format!("{}-{}", planted.id, index + 1), vec![id.clone()]);
    Ok(resource_ids.iter().enumerate().map(one).collect())
}

/// What is expected of each kind, and why.
fn expectation(planted: &Planted) -> Result<(Expectation, &'static str), DemoError> {
    use ActionType::*;
    let recommend =
        |actions: &[ActionType], finding| Expectation::Recommend { actions: actions.to_vec(), finding };
    Ok(match planted.kind.as_str() {
        "idle_vm" => {
            (recommend(&[Stop, Delete], Some(Finding::Idle)), "does nothing but run its operating system")
        }
        "oversized_vm" => (
            recommend(&[Rightsize, Upgrade, MigrateToGraviton], Some(Finding::OverProvisioned)),
            "uses a small part of its CPU and memory even at its peak",
        ),
        "undersized_vm" => (
            recommend(&[Rightsize, Upgrade, MigrateToGraviton], Some(Finding::UnderProvisioned)),
            "runs against its limit every day",
        ),
        "off_hours_vm" => (recommend(&[Schedule], Some(Finding::OffHours)), "is used in working hours only"),
        "batch_fleet" => (
            recommend(&[UseSpot], Some(Finding::Interruptible)),
            "stateless batch work on several machines that stands interruption",
        ),
        "oversized_database" => (
            recommend(&[Rightsize, Upgrade, MigrateToGraviton], Some(Finding::OverProvisioned)),
            "computes a small part of what it could; its memory stays, because it stores more than fits",
        ),
        "oversized_function" => (
            recommend(&[Rightsize], Some(Finding::OverProvisioned)),
            "its largest run uses less than half of its memory",
        ),
        "idle_database" => (recommend(&[Stop, Delete], Some(Finding::Idle)), "nobody connects to it"),
        "idle_load_balancer" => {
            (recommend(&[Delete], Some(Finding::Idle)), "has not had a request for weeks")
        }
        "unattached_disk" => {
            (recommend(&[Delete], Some(Finding::Unattached)), "attached to nothing for weeks")
        }
        "unused_address" => {
            (recommend(&[Delete], Some(Finding::Unattached)), "reserved and attached to nothing")
        }
        "old_snapshot" => (recommend(&[Delete], None), "older than any retention rule asks for"),
        "gp2_volume" => (
            recommend(&[Upgrade, ChangeStorageClass], None),
            "gp3 is cheaper at the operations and throughput that it uses",
        ),
        "cold_bucket" => (
            recommend(&[ChangeStorageClass], Some(Finding::Cold)),
            "stored warm, hardly ever read, in objects large enough to move",
        ),
        "unmeasured_memory" => (Expectation::LeftAlone, "its CPU is low but its memory was never measured"),
        "wasted_commitment" | "expiring_commitment" => (Expectation::CommitmentWarning, "a held commitment"),
        "uncovered_usage" => (
            recommend(&[PurchaseSavingsPlan, PurchaseReservedInstance], Some(Finding::Uncovered)),
            "steady usage paid on demand",
        ),
        _ => {
            return Err(DemoError::Unknown {
                subject: planted.id.clone(),
                missing: planted.kind.clone(),
                place: "the list of kinds of truths",
            });
        }
    })
}
