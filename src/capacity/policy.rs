//! Scaling policies: a minimum over time, and rules that may add to it.

use domain::{CapacityPlan, Requirement, Stamp};

use crate::plan::{ahead, lead_rows};
use crate::policy_name::PolicyName;
use crate::requirement::{instances, instances_at};
use crate::settings::Settings;

/// What a rule looks at, as it was when the metric was published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// Share of the instances that are busy, 0 to 1: it cannot show how much more than all is asked for.
    Utilization,
    /// Arrivals a second and instance, as a share of the unit throughput; above 1 in an overload.
    Requests,
    /// Seconds of work that wait in the queue of each instance.
    Queue,
}

/// How a rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// As many instances as bring the signal to its target.
    Tracking,
    /// A fifth more above the target, half more 10 points above, twice as many 20 points above; a tenth fewer
    /// 30 points below.
    Step,
}

/// What adds instances to the minimum, and takes them away again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// What it looks at.
    pub signal: Signal,
    /// The value it wants to see.
    pub target: f64,
    /// What it does about any other value.
    pub reaction: Reaction,
}

impl Rule {
    fn percent(signal: Signal, percent: u32, reaction: Reaction) -> Self {
        Self { signal, target: f64::from(percent) / 100.0, reaction }
    }
}

/// A policy ready to be simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name in results.
    pub name: String,
    /// Minimum by minute: (first minute, instances), ascending; the first entry counts from the beginning.
    pub minimum: Vec<(u64, u32)>,
    /// What may add to it: the rule that wants most wins, and instances go when every rule agrees.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The policy called `name` for `plan`, in a simulation whose minute 0 is `start`.
    ///
    /// `static-peak` gets the plan's largest requirement: it has to be decided before the peak as well, at
    /// the same risk. Reactive policies keep the smallest group that the settings allow.
    pub fn of(name: &PolicyName, plan: &CapacityPlan, start: Stamp, settings: &Settings) -> Self {
        let fixed = |count: u32| vec![(0, count)];
        let smallest = instances(0.0, settings);
        let reactive =
            |signal, percent, reaction| (fixed(smallest), vec![Rule::percent(signal, percent, reaction)]);
        let (minimum, rules) = match name {
            PolicyName::Planned => {
                let target = settings.given.target_utilization;
                let rule = Rule { signal: Signal::Requests, target, reaction: Reaction::Tracking };
                (changes(&plan.rows, start, |row| row.scheduled), vec![rule])
            }
            PolicyName::Scheduled => (changes(&plan.rows, start, |row| row.scheduled), Vec::new()),
            PolicyName::Predictive(percent) => {
                let rule = Rule::percent(Signal::Utilization, *percent, Reaction::Tracking);
                (predicted(plan, start, *percent, settings), vec![rule])
            }
            PolicyName::Reactive(percent) => reactive(Signal::Utilization, *percent, Reaction::Tracking),
            PolicyName::Requests(percent) => reactive(Signal::Requests, *percent, Reaction::Tracking),
            PolicyName::Step(percent) => reactive(Signal::Utilization, *percent, Reaction::Step),
            PolicyName::Queue(seconds) => {
                let target = f64::from(*seconds);
                let rule = Rule { signal: Signal::Queue, target, reaction: Reaction::Tracking };
                (fixed(smallest), vec![rule])
            }
            PolicyName::StaticPeak => {
                (fixed(plan.rows.iter().map(|row| row.required).max().unwrap_or(smallest)), Vec::new())
            }
            PolicyName::Static(count) => (fixed(*count), Vec::new()),
            PolicyName::Together(parts) => {
                let parts: Vec<Self> =
                    parts.iter().map(|part| Self::of(part, plan, start, settings)).collect();
                let minimum = parts.iter().fold(Vec::new(), |all, part| higher(&all, &part.minimum));
                (minimum, parts.into_iter().flat_map(|part| part.rules).collect())
            }
        };
        Self { name: name.to_string(), minimum, rules }
    }
}

/// What the median of demand needs at `percent` utilization, started the lead time before.
fn predicted(plan: &CapacityPlan, start: Stamp, percent: u32, settings: &Settings) -> Vec<(u64, u32)> {
    let utilization = f64::from(percent) / 100.0;
    let needs: Vec<u32> =
        plan.rows.iter().map(|row| instances_at(utilization, row.demand_p50, settings)).collect();
    let mut levels = ahead(&needs, lead_rows(&plan.rows, settings)).into_iter();
    changes(&plan.rows, start, |_| levels.next().unwrap_or(0))
}

/// The changes of a level over the rows of a plan, in minutes from `start`; what came before `start` holds at
/// minute 0.
fn changes(
    rows: &[Requirement],
    start: Stamp,
    mut level: impl FnMut(&Requirement) -> u32,
) -> Vec<(u64, u32)> {
    let mut changes: Vec<(u64, u32)> = Vec::new();
    for row in rows {
        let (minute, wanted) = (u64::try_from(minutes_between(start, row.ds)).unwrap_or(0), level(row));
        match changes.last_mut() {
            Some((at, level)) if *at == minute => *level = wanted,
            Some((_, level)) if *level == wanted => {}
            _ => changes.push((minute, wanted)),
        }
    }
    changes
}

/// The higher of two minimums at every minute.
fn higher(one: &[(u64, u32)], other: &[(u64, u32)]) -> Vec<(u64, u32)> {
    let at = |changes: &[(u64, u32)], minute: u64| {
        let after = changes.partition_point(|(from, _)| *from <= minute);
        changes.get(after.max(1) - 1).map_or(0, |(_, level)| *level)
    };
    let mut minutes: Vec<u64> = one.iter().chain(other).map(|(minute, _)| *minute).collect();
    minutes.sort_unstable();
    minutes.dedup();
    minutes.into_iter().map(|minute| (minute, at(one, minute).max(at(other, minute)))).collect()
}

/// Whole minutes from `start` to `end`, negative when `end` comes first. A step is an hour.
pub(crate) fn minutes_between(start: Stamp, end: Stamp) -> i64 {
    match (start, end) {
        (Stamp::Time(start), Stamp::Time(end)) => (end - start).num_minutes(),
        (Stamp::Step(start), Stamp::Step(end)) => end.saturating_sub(start).saturating_mul(60),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_minimum_counts_at_every_minute() {
        let one = [(0, 2), (10, 8), (30, 1)];
        let other = [(0, 3), (20, 9), (40, 0)];
        assert_eq!(higher(&one, &other), [(0, 3), (10, 8), (20, 9), (30, 9), (40, 1)]);
        assert_eq!(higher(&one, &[]), one);
    }
}
