//! Machine types of Google Cloud as sums of cores and memory.

use domain::{Provider, Shape, to_statistic};
use rust_decimal::Decimal;

use super::MachineType;
use super::amount::Reason;

const SIZE: Reason = "machine type of an impossible size";

/// Names of machine types that are sold with more than cores and memory, or with cores of their own.
const NOT_PLAIN_NAMES: [&str; 10] =
    ["a2-", "a3-", "a4-", "a4x-", "g2-", "g4-", "z3-", "ct", "tpu", "m4-ultramem"];

/// Shared-core machine types and the cores that they are billed for; the list of machine types counts the
/// vCPUs that the system sees. F1 and G1 have prices of their own.
const SHARED_CORES: [(&str, Decimal); 3] = [
    ("e2-micro", Decimal::from_parts(25, 0, 0, false, 2)),
    ("e2-small", Decimal::from_parts(5, 0, 0, false, 1)),
    ("e2-medium", Decimal::ONE),
];

/// The family of a machine type: `n2` of `n2-standard-4`.
pub(super) fn machine_family(name: &str) -> String {
    name.split('-').next().unwrap_or(name).to_ascii_lowercase()
}

/// Whether cores and memory of its family do not tell what a machine type costs.
pub(super) fn is_not_plain(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NOT_PLAIN_NAMES.iter().any(|start| name.starts_with(start))
        || name.contains("lssd")
        || name.split('-').any(|part| part == "custom")
}

fn billed_cores(machine: &MachineType) -> Decimal {
    SHARED_CORES
        .iter()
        .find(|(name, _)| machine.name.eq_ignore_ascii_case(name))
        .map_or(machine.vcpu, |&(_, cores)| cores)
}

/// USD per hour of a machine whose cores and GiB cost this much.
pub(super) fn hourly(machine: &MachineType, core: Decimal, ram: Decimal) -> Result<Decimal, Reason> {
    let cores = billed_cores(machine).checked_mul(core);
    let memory = machine.memory_gib.checked_mul(ram);
    let sum = cores.zip(memory).and_then(|(cores, memory)| cores.checked_add(memory)).ok_or(SIZE)?;
    if sum > Decimal::ZERO { Ok(sum.normalize()) } else { Err(SIZE) }
}

/// The shape of a machine type, its price still open.
pub(super) fn shape(region: &str, machine: &MachineType) -> Shape {
    Shape {
        provider: Provider::Gcp,
        region: region.to_owned(),
        instance_type: machine.name.clone(),
        family: machine_family(&machine.name),
        architecture: machine.architecture.clone(),
        vcpu: to_statistic(machine.vcpu),
        memory_gib: to_statistic(machine.memory_gib),
        network_gbps: None,
        ebs_mbps: None,
        ebs_iops: None,
        burstable: SHARED_CORES.iter().any(|(name, _)| machine.name.eq_ignore_ascii_case(name)),
        performance_per_vcpu: 1.0,
        on_demand_hourly: Decimal::ZERO,
    }
}
