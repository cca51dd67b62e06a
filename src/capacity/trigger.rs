//! Triggers such as "CPU > 70 %" or "requests > 1000/s", tested against what happened in a simulated run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::outcome::{Minute, Run};

/// A shortage counts as announced when the trigger fired within this many minutes before it.
const WATCH_MINUTES: usize = 60;

/// What a trigger looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// Utilization of the instances, 0 to 1.
    Cpu,
    /// Requests a second of the whole group.
    Requests,
    /// Requests waiting.
    Queue,
}

/// A threshold on a signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// What it looks at.
    pub watched: Watched,
    /// It fires above this.
    pub above: f64,
    /// … for so many minutes in a row.
    pub minutes: u32,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.watched {
            Watched::Cpu => write!(f, "CPU > {} %", (self.above * 1e6).round() / 1e4)?,
            Watched::Requests => write!(f, "requests > {}/s", self.above)?,
            Watched::Queue => write!(f, "queue > {}", self.above)?,
        }
        if self.minutes > 1 { write!(f, " for {} min", self.minutes) } else { Ok(()) }
    }
}

/// A trigger that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown trigger {0:?}: expected for example `CPU > 70 %`, `requests > 1000/s` or `queue > 500 for 5 min`"
)]
pub struct UnknownTrigger(pub String);

impl FromStr for Trigger {
    type Err = UnknownTrigger;

    fn from_str(text: &str) -> Result<Self, UnknownTrigger> {
        let parsed = || {
            let (name, rest) = text.split_once('>')?;
            let (threshold, minutes) = match rest.split_once("for") {
                Some((threshold, minutes)) => {
                    (threshold, minutes.trim().trim_end_matches("min").trim().parse().ok()?)
                }
                None => (rest, 1),
            };
            let threshold = threshold.trim();
            let (watched, above) = match name.trim().to_ascii_lowercase().as_str() {
                "cpu" | "utilization" => {
                    (Watched::Cpu, threshold.strip_suffix('%')?.trim().parse::<f64>().ok()? / 100.0)
                }
                "requests" => (Watched::Requests, threshold.trim_end_matches("/s").trim().parse().ok()?),
                "queue" => (Watched::Queue, threshold.parse().ok()?),
                _ => return None,
            };
            let usable = f64::is_finite(above) && above >= 0.0 && minutes >= 1;
            usable.then_some(Self { watched, above, minutes })
        };
        parsed().ok_or_else(|| UnknownTrigger(text.to_owned()))
    }
}

/// How a trigger would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TriggerReport {
    /// The trigger in words.
    pub trigger: String,
    /// The policy that the group followed meanwhile.
    pub policy: String,
    /// Times that it fired.
    pub fired: usize,
    /// Minutes in which it was on.
    pub minutes_on: usize,
    /// Shortages: stretches of minutes with more demand than capacity.
    pub shortages: usize,
    /// Shortages that it announced early enough for a new instance to be there.
    pub in_time: usize,
    /// Shortages that it announced, but too late.
    pub too_late: usize,
    /// Shortages that came without it.
    pub missed: usize,
    /// Times that it fired, and no shortage came while it was on or within the hour.
    pub false_alarms: usize,
    /// In one sentence.
    pub verdict: String,
}

/// Tests `trigger` on a run (of history, or of a scenario's path of demand); a new instance needs `lead_minutes`.
pub fn test_trigger(trigger: &Trigger, run: &Run, lead_minutes: usize) -> TriggerReport {
    let mut above = 0;
    let on: Vec<bool> = run
        .minutes
        .iter()
        .map(|minute| {
            above = if trigger.value(minute) > trigger.above { above + 1 } else { 0 };
            above >= trigger.minutes
        })
        .collect();
    let short: Vec<bool> = run.minutes.iter().map(|minute| run.is_short(minute)).collect();
    let (fired, shortages) = (starts(&on), starts(&short));
    let (mut in_time, mut too_late) = (0, 0);
    for at in &shortages {
        // On at the last moment that is early enough, or only after it.
        let first = (at.saturating_sub(WATCH_MINUTES)..=*at).find(|minute| on[*minute]);
        match first {
            Some(first) if first + lead_minutes <= *at => in_time += 1,
            Some(_) => too_late += 1,
            None => {}
        }
    }
    let false_alarm = |at: &&usize| {
        let ends = (**at..on.len()).find(|minute| !on[*minute]).unwrap_or(on.len());
        // As far as an announcement reaches: a shortage at the last minute of the hour was announced.
        let until = ends.max(**at + WATCH_MINUTES + 1).min(short.len());
        !short[**at..until].contains(&true)
    };
    let false_alarms = fired.iter().filter(false_alarm).count();
    let missed = shortages.len() - in_time - too_late;
    let verdict = match (shortages.len(), in_time) {
        (0, _) if fired.is_empty() => "never fired, and nothing was ever short".to_owned(),
        (0, _) => format!("fired {} times although nothing was ever short", fired.len()),
        (all, early) => format!(
            "announced {early} of {all} shortages {lead_minutes} minutes before or earlier, {too_late} too late, missed {missed}; \
             {false_alarms} of {} alarms were false",
            fired.len()
        ),
    };
    TriggerReport {
        trigger: trigger.to_string(),
        policy: run.outcome.policy.clone(),
        fired: fired.len(),
        minutes_on: on.iter().filter(|on| **on).count(),
        shortages: shortages.len(),
        in_time,
        too_late,
        missed,
        false_alarms,
        verdict,
    }
}

impl Trigger {
    fn value(&self, minute: &Minute) -> f64 {
        match self.watched {
            Watched::Cpu => minute.utilization(),
            Watched::Requests => minute.rate,
            Watched::Queue => minute.queue,
        }
    }
}

/// Where stretches of `true` begin.
fn starts(on: &[bool]) -> Vec<usize> {
    (0..on.len()).filter(|index| on[*index] && (*index == 0 || !on[index - 1])).collect()
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Series, Stamp};

    use super::*;
    use crate::{Policy, SettingsInput, Simulation, simulate};

    #[test]
    fn triggers_are_read_as_they_are_written() {
        for text in ["CPU > 70 %", "requests > 1000/s", "queue > 500 for 5 min", "CPU > 62.5 % for 3 min"] {
            assert_eq!(text.parse::<Trigger>().unwrap().to_string(), text);
        }
        assert_eq!("cpu>70%".parse::<Trigger>().unwrap().above, 0.7);
        for text in ["CPU > 70", "memory > 1", "requests", "queue > 5 for 0 min", "requests > -1"] {
            assert!(text.parse::<Trigger>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_slow_rise_is_announced_and_a_jump_is_not() {
        let settings = SettingsInput::new(100.0).check().unwrap();
        // Two instances: a rise over an hour to 230, then quiet, then a jump.
        let mut values: Vec<f64> = (0..60).map(|minute| 100.0 + f64::from(minute) * 2.2).collect();
        values.extend([60.0; 120]);
        values.extend([400.0; 10]);
        values.extend([60.0; 120]);
        let demand = Series {
            unique_id: "shop".to_owned(),
            grid: Grid {
                start: Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap()),
                frequency: Frequency::Seconds(60),
            },
            values: values.into_iter().map(Some).collect(),
        };
        let policy = Policy { name: "static-2".to_owned(), minimum: vec![(0, 2)], rules: Vec::new() };
        let run = simulate(&demand, &policy, &settings, &Simulation::of(&settings));
        let report = test_trigger(&"CPU > 70 %".parse().unwrap(), &run, 10);
        assert_eq!((report.shortages, report.in_time, report.too_late, report.missed), (2, 1, 1, 0));
        assert_eq!((report.policy.as_str(), report.fired, report.false_alarms), ("static-2", 2, 0));
        assert!(report.verdict.contains("1 of 2 shortages"), "{}", report.verdict);
        let high = test_trigger(&"requests > 1000/s".parse().unwrap(), &run, 10);
        assert_eq!((high.fired, high.missed), (0, 2));
        let low = test_trigger(&"requests > 50/s".parse().unwrap(), &run, 10);
        assert_eq!((low.fired, low.in_time), (1, 2));
    }

    #[test]
    fn an_alarm_that_announces_a_shortage_is_not_false() {
        let settings = SettingsInput::new(100.0).check().unwrap();
        // By the hour, two instances: a warning hour, a shortage, quiet; then two warning hours before another one,
        // and a warning that nothing follows.
        let hours = [60.0, 150.0, 300.0, 60.0, 150.0, 150.0, 300.0, 60.0, 150.0, 60.0, 60.0];
        let demand = Series {
            unique_id: "shop".to_owned(),
            grid: Grid {
                start: Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap()),
                frequency: Frequency::HOUR,
            },
            values: hours.map(Some).to_vec(),
        };
        let policy = Policy { name: "static-2".to_owned(), minimum: vec![(0, 2)], rules: Vec::new() };
        let run = simulate(&demand, &policy, &settings, &Simulation::of(&settings));
        let report = test_trigger(&"CPU > 70 %".parse().unwrap(), &run, 10);
        assert_eq!((report.shortages, report.in_time, report.fired, report.false_alarms), (2, 2, 3, 1));
    }
}
