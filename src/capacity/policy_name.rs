//! Policies by name: what a user asks to be compared.

use std::fmt;
use std::str::FromStr;

/// Utilization in percent that step scaling reacts at when its name does not say.
const STEP_PERCENT: u32 = 70;

/// A policy by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PolicyName {
    /// `planned`: the schedule as minimum, target tracking of requests per instance on top.
    Planned,
    /// `scheduled`: the schedule alone.
    Scheduled,
    /// `predictive-N`: as predictive scaling of the clouds does it, the median forecast at N % utilization as
    /// minimum and target tracking of the same on top.
    Predictive(u32),
    /// `reactive-N`: target tracking of CPU at N % alone.
    Reactive(u32),
    /// `requests-N`: target tracking of requests per instance, at N % of what saturates one, alone.
    Requests(u32),
    /// `queue-N`: target tracking of N seconds of waiting work per instance alone.
    Queue(u32),
    /// `step` or `step-N`: step scaling around N % of CPU alone.
    Step(u32),
    /// `static-peak`: what the peak needs, all the time.
    StaticPeak,
    /// `static-N`: N instances, all the time.
    Static(u32),
    /// `A+B`: the higher minimum, and the rules of both.
    Together(Vec<PolicyName>),
}

impl PolicyName {
    /// The largest number of instances that the name itself asks for; 0 where it asks for none. For limits on what
    /// strangers may have computed.
    pub fn fixed_instances(&self) -> u32 {
        match self {
            Self::Static(count) => *count,
            Self::Together(parts) => parts.iter().map(Self::fixed_instances).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned => f.write_str("planned"),
            Self::Scheduled => f.write_str("scheduled"),
            Self::Predictive(percent) => write!(f, "predictive-{percent}"),
            Self::Reactive(percent) => write!(f, "reactive-{percent}"),
            Self::Requests(percent) => write!(f, "requests-{percent}"),
            Self::Queue(seconds) => write!(f, "queue-{seconds}"),
            Self::Step(percent) => write!(f, "step-{percent}"),
            Self::StaticPeak => f.write_str("static-peak"),
            Self::Static(count) => write!(f, "static-{count}"),
            Self::Together(parts) => {
                let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
                f.write_str(&names.join("+"))
            }
        }
    }
}

/// A policy name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown policy {0:?}: expected planned, scheduled, predictive-N, reactive-N, requests-N or step-N (N % \
     utilization, 1 to 100), queue-N (N seconds of waiting work), static-peak, static-N (N instances), or several \
     joined by +"
)]
pub struct UnknownPolicy(pub String);

impl FromStr for PolicyName {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        if text.contains('+') {
            return text.split('+').map(one).collect::<Result<_, _>>().map(Self::Together);
        }
        one(text)
    }
}

fn one(text: &str) -> Result<PolicyName, UnknownPolicy> {
    let unknown = || UnknownPolicy(text.to_owned());
    match text.trim() {
        "planned" => return Ok(PolicyName::Planned),
        "scheduled" => return Ok(PolicyName::Scheduled),
        "step" => return Ok(PolicyName::Step(STEP_PERCENT)),
        "static-peak" => return Ok(PolicyName::StaticPeak),
        _ => {}
    }
    let (kind, digits) = text.trim().rsplit_once('-').ok_or_else(unknown)?;
    let number: u32 = digits.parse().map_err(|_| unknown())?;
    let percent = (1..=100).contains(&number);
    match kind {
        "static" => Ok(PolicyName::Static(number)),
        "queue" if number > 0 => Ok(PolicyName::Queue(number)),
        "predictive" if percent => Ok(PolicyName::Predictive(number)),
        "reactive" if percent => Ok(PolicyName::Reactive(number)),
        "requests" if percent => Ok(PolicyName::Requests(number)),
        "step" if percent => Ok(PolicyName::Step(number)),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [
            "planned",
            "scheduled",
            "predictive-65",
            "reactive-70",
            "requests-80",
            "queue-5",
            "step-60",
            "static-peak",
            "static-40",
            "planned+queue-2",
            "scheduled+reactive-50+queue-2",
        ] {
            assert_eq!(name.parse::<PolicyName>().unwrap().to_string(), name);
        }
        assert_eq!("step".parse(), Ok(PolicyName::Step(70)));
        let fixed = |name: &str| name.parse::<PolicyName>().map(|name| name.fixed_instances());
        assert_eq!((fixed("reactive-70"), fixed("queue-2+static-40")), (Ok(0), Ok(40)));
        for name in
            ["reactive", "reactive-0", "reactive-101", "static--1", "queue-0", "magic", "planned+", "+"]
        {
            assert!(name.parse::<PolicyName>().unwrap_err().to_string().contains("expected planned"));
        }
    }
}
