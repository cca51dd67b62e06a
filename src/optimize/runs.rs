//! Which of the usage each machine is: the instance-hours that go away when it does.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use billing::{Demand, LineKey};
use chrono::{DateTime, Utc};
use domain::{MetricName, Period, Provider, Resource, ResourceKind, ResourceState, UsageHour};
use rust_decimal::Decimal;

use crate::Facts;
use crate::ledger::Run;
use crate::metrics::ResourceMetrics;

/// Share of the hours since the first sample above which a machine counts as always on: gaps are lost samples.
const ALWAYS_ON: f64 = 0.95;

/// The machines that are part of the simulated usage.
pub(crate) struct Machines {
    /// What each running machine has of it.
    pub(crate) runs: BTreeMap<String, Run>,
    /// All whose kind of instance-hours is simulated, with such hours left for them or not: their bill would count
    /// the same hours twice.
    pub(crate) simulated: BTreeSet<String>,
}

impl Machines {
    /// Machines are served in the order of their ids, and together get no more than the usage of their line.
    pub(crate) fn new(facts: &Facts, window: Period, usage: &BTreeMap<Provider, Demand>) -> Self {
        let mut left: BTreeMap<LineKey, Vec<Decimal>> = BTreeMap::new();
        for demand in usage.values() {
            for (index, line) in demand.lines().iter().enumerate() {
                left.insert(
                    line.clone(),
                    (0..demand.hours()).map(|hour| demand.quantity(index, hour)).collect(),
                );
            }
        }
        let of_machine = |resource: &&Resource| resource.kind == ResourceKind::Vm && !resource.spot;
        let mut machines: Vec<&Resource> = facts.resources.iter().filter(of_machine).collect();
        machines.sort_by(|a, b| a.resource_id.cmp(&b.resource_id));
        let mut found = Self { runs: BTreeMap::new(), simulated: BTreeSet::new() };
        for machine in machines {
            let Some(line) = line_of(machine, window.start, &left) else { continue };
            found.simulated.insert(machine.resource_id.clone());
            if machine.state != ResourceState::Running {
                continue;
            }
            let metrics = facts.metrics.of(&machine.resource_id);
            let hours = left.get_mut(&line).map(|left| take(left, ran(machine, metrics, window)));
            if let Some(hours) = hours.filter(|hours| !hours.is_empty()) {
                found.runs.insert(machine.resource_id.clone(), Run { line, hours });
            }
        }
        found
    }
}

/// Takes up to one instance-hour in each of `hours`.
fn take(left: &mut [Decimal], hours: Vec<usize>) -> Vec<(Range<usize>, Decimal)> {
    let mut taken: Vec<(Range<usize>, Decimal)> = Vec::new();
    for hour in hours {
        let Some(left) = left.get_mut(hour) else { continue };
        let quantity = (*left).min(Decimal::ONE);
        if quantity <= Decimal::ZERO {
            continue;
        }
        *left -= quantity;
        match taken.last_mut().filter(|(last, had)| last.end == hour && *had == quantity) {
            Some((last, _)) => last.end += 1,
            None => taken.push((hour..hour + 1, quantity)),
        }
    }
    taken
}

/// The line of usage that a machine belongs to: that of its region, or of the zone of it with the most hours left.
fn line_of(
    machine: &Resource,
    hour: DateTime<Utc>,
    left: &BTreeMap<LineKey, Vec<Decimal>>,
) -> Option<LineKey> {
    let line = LineKey::of(&UsageHour {
        hour,
        provider: machine.provider,
        account: machine.account.clone(),
        region: machine.region.clone(),
        instance_type: machine.instance_type.clone()?,
        os: machine.os.clone().unwrap_or_else(|| "Linux".to_owned()),
        quantity: Decimal::ONE,
    });
    if left.contains_key(&line) {
        return Some(line);
    }
    let zones = left.iter().filter(|(other, _)| {
        let zone = other.region.strip_prefix(&line.region).map(|zone| zone.trim_start_matches('-'));
        let is_zone =
            zone.is_some_and(|zone| zone.len() == 1 && zone.chars().all(|c| c.is_ascii_lowercase()));
        is_zone && LineKey { region: line.region.clone(), ..(*other).clone() } == line
    });
    let hours_left = |left: &[Decimal]| left.iter().sum::<Decimal>();
    zones
        .max_by(|a, b| hours_left(a.1).cmp(&hours_left(b.1)).then_with(|| b.0.cmp(a.0)))
        .map(|(zone, _)| zone.clone())
}

/// The hours of the window in which a machine ran: those with a CPU sample, or all since it came up.
fn ran(machine: &Resource, metrics: Option<&ResourceMetrics>, window: Period) -> Vec<usize> {
    let index = |at: DateTime<Utc>| usize::try_from((at - window.start).num_hours()).unwrap_or(0);
    let hours = index(window.end);
    let up_since = machine.state_since.filter(|since| *since > window.start).map_or(0, index).min(hours);
    let cpu = metrics.and_then(|metrics| metrics.get(&MetricName::CpuUtilization));
    let mut measured: Vec<usize> = cpu
        .into_iter()
        .flatten()
        .filter(|reading| window.contains(reading.at))
        .map(|reading| index(reading.at))
        .collect();
    measured.dedup();
    let Some(first) = measured.first().copied() else { return (up_since..hours).collect() };
    if measured.len() as f64 >= (hours - first) as f64 * ALWAYS_ON {
        // Metrics are often kept for a shorter time than usage: it ran before as it does now.
        let start = if machine.state_since.is_some() { up_since.min(first) } else { 0 };
        return (start..hours).collect();
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opening::open;
    use crate::testing::{facts, vm};

    #[test]
    fn machines_together_have_no_more_than_the_usage() {
        let mut facts =
            facts(vec![vm("a", "m6i.large"), vm("b", "m6i.large"), vm("c", "m6i.large")], vec![], vec![]);
        // The bill knows of one and a half.
        facts.usage.truncate(35 * 24);
        for row in &mut facts.usage {
            row.quantity = Decimal::new(15, 1);
        }
        facts.monthly_costs = ["a", "b", "c"].map(|id| (id.to_owned(), Decimal::ONE_HUNDRED)).into();
        let books = open(&facts).unwrap().ledger;
        let hours = |id: &str| books.run(id).map(Run::total);
        assert_eq!((hours("a"), hours("b"), hours("c")), (Some(720.into()), Some(360.into()), None));
        // What is billed for them is the same usage, and not counted again.
        assert_eq!(books.total(), Decimal::new(1095, 1));
    }

    #[test]
    fn a_machine_is_found_in_its_zones() {
        let mut facts = facts(vec![vm("a", "m6i.large")], vec![], vec![]);
        for row in &mut facts.usage {
            row.region.push('b');
        }
        let books = open(&facts).unwrap().ledger;
        assert_eq!(books.run("a").map(|run| run.line.region.as_str()), Some("eu-central-1b"));
    }

    #[test]
    fn a_stopped_machine_does_not_pay_for_the_days_on_which_it_ran() {
        let mut facts = facts(vec![vm("a", "m6i.large")], vec![], vec![]);
        facts.resources[0].state = ResourceState::Stopped;
        facts.monthly_costs.insert("a".to_owned(), Decimal::from(40));
        assert_eq!(open(&facts).unwrap().ledger.total(), Decimal::from(73));
    }
}
