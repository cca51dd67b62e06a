//! Machines: which instances exist, and how many of each kind run in each hour.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::{Provider, ResourceKind, Series, UsageHour};
use rust_decimal::Decimal;

use crate::DemoError;
use crate::demand::value;
use crate::names::{numbered, resource_id};
use crate::spec::{self, Account, Spec};

/// The operating system of every machine.
pub(crate) const OS: &str = "Linux";

/// One machine, or one place in an autoscaling group: a warm pool keeps the same machines.
#[derive(Debug, Clone)]
pub(crate) struct Instance<'a> {
    pub(crate) spec: &'a spec::Machine,
    pub(crate) account: &'a Account,
    pub(crate) name: String,
    pub(crate) resource_id: String,
    /// Index of its entry in the spec.
    pub(crate) machine: usize,
    /// Position within its entry: it runs when more instances than this run.
    pub(crate) slot: u32,
}

/// All instances and when they run.
#[derive(Debug, Clone)]
pub(crate) struct Fleet<'a> {
    /// Instances of one entry of the spec stand together, by slot.
    pub(crate) instances: Vec<Instance<'a>>,
    /// Instances running, by entry of the spec and hour of history.
    counts: Vec<Vec<u32>>,
    ranges: Vec<Range<usize>>,
}

impl<'a> Fleet<'a> {
    /// Expands the machines of the spec over its history.
    pub(crate) fn new(spec: &'a Spec, demand: &[Series]) -> Result<Self, DemoError> {
        let mut fleet = Self { instances: Vec::new(), counts: Vec::new(), ranges: Vec::new() };
        for (index, machine) in spec.machines.iter().enumerate() {
            let account = spec.account(&machine.account, &machine.name)?;
            let counts = counts(spec, machine, demand)?;
            let most = counts.iter().copied().max().unwrap_or(0);
            let first = fleet.instances.len();
            for slot in 0..most {
                let name = numbered(&machine.name, slot, machine.count == 1 && machine.scale.is_none());
                fleet.instances.push(Instance {
                    spec: machine,
                    account,
                    resource_id: resource_id(ResourceKind::Vm, account, &machine.region, &name),
                    name,
                    machine: index,
                    slot,
                });
            }
            fleet.ranges.push(first..fleet.instances.len());
            fleet.counts.push(counts);
        }
        Ok(fleet)
    }

    /// Number of instances of an entry of the spec that run in an hour of history.
    pub(crate) fn count(&self, machine: usize, hour: usize) -> u32 {
        self.counts.get(machine).and_then(|counts| counts.get(hour)).copied().unwrap_or(0)
    }

    /// The instances of an entry of the spec that run in an hour of history.
    pub(crate) fn running(&self, machine: usize, hour: usize) -> Range<usize> {
        let range = self.ranges.get(machine).cloned().unwrap_or(0..0);
        let count = self.count(machine, hour) as usize;
        range.start..(range.start + count).min(range.end)
    }

    /// Whether an instance runs in an hour of history.
    pub(crate) fn runs(&self, instance: &Instance<'_>, hour: usize) -> bool {
        self.count(instance.machine, hour) > instance.slot
    }

    /// Instance-hours by hour, account, region and type.
    pub(crate) fn usage(&self, spec: &Spec) -> Vec<UsageHour> {
        let mut kinds: BTreeMap<(Provider, &str, &str, &str), Vec<usize>> = BTreeMap::new();
        for instance in &self.instances {
            let machine = instance.spec;
            let key = (
                instance.account.provider,
                instance.account.id.as_str(),
                machine.region.as_str(),
                machine.instance_type.as_str(),
            );
            let machines = kinds.entry(key).or_default();
            if !machines.contains(&instance.machine) {
                machines.push(instance.machine);
            }
        }
        let mut usage = Vec::new();
        for hour in 0..spec.hours() {
            for ((provider, account, region, instance_type), machines) in &kinds {
                let quantity: u32 = machines.iter().map(|machine| self.count(*machine, hour)).sum();
                if quantity > 0 {
                    usage.push(UsageHour {
                        hour: spec.hour(hour),
                        provider: *provider,
                        account: (*account).to_owned(),
                        region: (*region).to_owned(),
                        instance_type: (*instance_type).to_owned(),
                        os: OS.to_owned(),
                        quantity: Decimal::from(quantity),
                    });
                }
            }
        }
        usage
    }
}

/// Instances of one entry that run in each hour of history.
fn counts(spec: &Spec, machine: &spec::Machine, demand: &[Series]) -> Result<Vec<u32>, DemoError> {
    let exists = |hour: usize| {
        let at = spec.hour(hour);
        machine.from.is_none_or(|from| from <= at) && machine.until.is_none_or(|until| at < until)
    };
    let Some(scale) = &machine.scale else {
        return Ok((0..spec.hours()).map(|hour| if exists(hour) { machine.count } else { 0 }).collect());
    };
    let series = find(demand, &scale.series, &machine.name)?;
    let needed = |hour: usize| (value(series, hour) / scale.unit).ceil() as u32;
    Ok((0..spec.hours()).map(|hour| if exists(hour) { needed(hour).max(scale.minimum) } else { 0 }).collect())
}

/// The demand series of that name, for `subject`.
pub(crate) fn find<'a>(
    demand: &'a [Series],
    unique_id: &str,
    subject: &str,
) -> Result<&'a Series, DemoError> {
    demand.iter().find(|series| series.unique_id == unique_id).ok_or_else(|| DemoError::Unknown {
        subject: subject.to_owned(),
        missing: unique_id.to_owned(),
        place: "[[demand]]",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demand;

    #[test]
    fn two_web_machines_carry_an_ordinary_night_and_black_friday_needs_many() {
        let spec = Spec::embedded().unwrap();
        let demand = demand::series(&spec);
        let fleet = Fleet::new(&spec, &demand).unwrap();
        let web = spec.machines.iter().position(|machine| machine.name == "web").unwrap();
        let hour = |at: &str| {
            let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
            usize::try_from((at - spec.history_start).num_hours()).unwrap()
        };
        assert_eq!(fleet.count(web, hour("2025-11-20T03:00:00Z")), 2);
        assert!(fleet.count(web, hour("2025-11-28T19:00:00Z")) >= 12);
        let busiest = (0..spec.hours()).map(|hour| fleet.count(web, hour)).max().unwrap();
        assert!(fleet.running(web, 0).len() == 2 && busiest < 40);
    }
}
