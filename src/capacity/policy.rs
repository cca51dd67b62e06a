//! Scaling policies: a minimum over time, and a rule that may add to it.

use std::fmt;
use std::str::FromStr;

use domain::{CapacityPlan, Stamp};

use crate::requirement::instances;
use crate::settings::Settings;

/// Utilization in percent that step scaling reacts at when its name does not say.
const STEP_PERCENT: u32 = 70;

/// A policy by name: what a user asks to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyName {
    /// `planned`: the schedule as minimum, target tracking on top.
    Planned,
    /// `scheduled`: the schedule alone.
    Scheduled,
    /// `reactive-N`: target tracking at N % alone.
    Reactive(u32),
    /// `step` or `step-N`: step scaling around N % alone.
    Step(u32),
    /// `static-peak`: what the peak needs, all the time.
    StaticPeak,
    /// `static-N`: N instances, all the time.
    Static(u32),
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned => f.write_str("planned"),
            Self::Scheduled => f.write_str("scheduled"),
            Self::Reactive(percent) => write!(f, "reactive-{percent}"),
            Self::Step(percent) => write!(f, "step-{percent}"),
            Self::StaticPeak => f.write_str("static-peak"),
            Self::Static(count) => write!(f, "static-{count}"),
        }
    }
}

/// A policy name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown policy {0:?}: expected planned, scheduled, reactive-N (N % utilization, 1 to 100), step, step-N, \
     static-peak or static-N (N instances)"
)]
pub struct UnknownPolicy(pub String);

impl FromStr for PolicyName {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        let unknown = || UnknownPolicy(text.to_owned());
        let percent = |digits: &str| {
            digits.parse().ok().filter(|percent| (1..=100).contains(percent)).ok_or_else(unknown)
        };
        match text.trim() {
            "planned" => Ok(Self::Planned),
            "scheduled" => Ok(Self::Scheduled),
            "step" => Ok(Self::Step(STEP_PERCENT)),
            "static-peak" => Ok(Self::StaticPeak),
            other => match other.rsplit_once('-') {
                Some(("reactive", digits)) => Ok(Self::Reactive(percent(digits)?)),
                Some(("step", digits)) => Ok(Self::Step(percent(digits)?)),
                Some(("static", digits)) => digits.parse().map(Self::Static).map_err(|_| unknown()),
                _ => Err(unknown()),
            },
        }
    }
}

/// What adds instances to the minimum, and takes them away again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// As many instances as bring utilization to this share.
    Tracking(f64),
    /// A fifth more above this share of utilization, half more 10 points above, twice as many 20 points
    /// above; a tenth fewer 30 points below.
    Step(f64),
}

/// A policy ready to be simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name in results.
    pub name: String,
    /// Minimum by minute: (first minute, instances), ascending; the first entry counts from the beginning.
    pub minimum: Vec<(u64, u32)>,
    /// What may add to it.
    pub rule: Option<Rule>,
}

impl Policy {
    /// The policy called `name` for `plan`, in a simulation whose minute 0 is `start`.
    ///
    /// `static-peak` gets the plan's largest requirement: it has to be decided before the peak as well, at
    /// the same risk. Reactive policies keep the smallest group that the settings allow.
    pub fn of(name: PolicyName, plan: &CapacityPlan, start: Stamp, settings: &Settings) -> Self {
        let fixed = |count: u32| vec![(0, count)];
        let smallest = instances(0.0, settings);
        let (minimum, rule) = match name {
            PolicyName::Planned => {
                (schedule(plan, start), Some(Rule::Tracking(settings.given.target_utilization)))
            }
            PolicyName::Scheduled => (schedule(plan, start), None),
            PolicyName::Reactive(percent) => {
                (fixed(smallest), Some(Rule::Tracking(f64::from(percent) / 100.0)))
            }
            PolicyName::Step(percent) => (fixed(smallest), Some(Rule::Step(f64::from(percent) / 100.0))),
            PolicyName::StaticPeak => {
                (fixed(plan.rows.iter().map(|row| row.required).max().unwrap_or(smallest)), None)
            }
            PolicyName::Static(count) => (fixed(count), None),
        };
        Self { name: name.to_string(), minimum, rule }
    }
}

/// The changes of a plan's schedule, in minutes from `start`; what came before `start` holds at minute 0.
fn schedule(plan: &CapacityPlan, start: Stamp) -> Vec<(u64, u32)> {
    let mut changes: Vec<(u64, u32)> = Vec::new();
    for row in &plan.rows {
        let minute = u64::try_from(minutes_between(start, row.ds)).unwrap_or(0);
        match changes.last_mut() {
            Some((at, level)) if *at == minute => *level = row.scheduled,
            Some((_, level)) if *level == row.scheduled => {}
            _ => changes.push((minute, row.scheduled)),
        }
    }
    changes
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
    fn names_are_read_as_they_are_written() {
        for name in ["planned", "scheduled", "reactive-70", "step-60", "static-peak", "static-40"] {
            assert_eq!(name.parse::<PolicyName>().unwrap().to_string(), name);
        }
        assert_eq!("step".parse(), Ok(PolicyName::Step(70)));
        for name in ["reactive", "reactive-0", "reactive-101", "static--1", "magic"] {
            assert!(name.parse::<PolicyName>().unwrap_err().to_string().contains("expected planned"));
        }
    }
}
