//! Off-hours: machines that nobody uses at night or at weekends run by a weekly schedule.

use chrono::{DateTime, Datelike, Duration, Timelike, Utc};
use domain::{ActionType, Effort, Finding, MetricName, Resource, ResourceKind, ResourceState, Step};
use serde::{Deserialize, Serialize};

use crate::action::{Action, Effect, Verdict, evidence};
use crate::idle::short;
use crate::metrics::ResourceMetrics;
use crate::policy::{PolicyError, tagged, within};

/// Hours of a week.
pub(crate) const WEEK: usize = 168;
/// Days of the week, Monday first.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Settings of the schedule rule: name, meaning (default, bounds).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Tags of machines that may be switched off.
    pub tags: Vec<String>,
    /// Days of history that are looked at (28, 14 to 93).
    pub lookback_days: u32,
    /// Days of it that must be there (14, 7 to 93).
    pub minimum_days: u32,
    /// P95 of CPU in percent above which an hour is busy (5, 0 to 50).
    pub busy_cpu_percent: f64,
    /// Share of the weeks in which an hour of the week must have been busy to be needed (0.2, 0 to 1).
    pub busy_weeks: f64,
    /// Hours that the machine is up before it is needed (1, 0 to 12).
    pub lead_hours: usize,
    /// What one start costs, in hours of running (0.5, 0 to 24): short breaks are not worth it.
    pub start_hours: f64,
    /// Share of the week that must be off to be worth it (0.25, 0 to 1).
    pub minimum_off: f64,
}

impl Default for Settings {
    fn default() -> Self {
        let keys = ["env", "environment", "stage"];
        let values = ["dev", "development", "test", "qa", "staging", "sandbox"];
        let tags = keys.iter().flat_map(|key| values.iter().map(move |value| format!("{key}={value}")));
        Self {
            tags: tags.collect(),
            lookback_days: 28,
            minimum_days: 14,
            busy_cpu_percent: 5.0,
            busy_weeks: 0.2,
            lead_hours: 1,
            start_hours: 0.5,
            minimum_off: 0.25,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), PolicyError> {
        within("schedule.lookback_days", f64::from(self.lookback_days), 14.0, 93.0)?;
        within("schedule.minimum_days", f64::from(self.minimum_days), 7.0, 93.0)?;
        within("schedule.busy_cpu_percent", self.busy_cpu_percent, 0.0, 50.0)?;
        within("schedule.busy_weeks", self.busy_weeks, 0.0, 1.0)?;
        within("schedule.lead_hours", self.lead_hours as f64, 0.0, 12.0)?;
        within("schedule.start_hours", self.start_hours, 0.0, 24.0)?;
        within("schedule.minimum_off", self.minimum_off, 0.0, 1.0)
    }
}

/// What the schedule rule says about a machine.
pub(crate) fn machine(
    resource: &Resource,
    metrics: Option<&ResourceMetrics>,
    as_of: DateTime<Utc>,
    settings: &Settings,
) -> Verdict {
    const CONSIDERED: &str = "off-hours schedule";
    if resource.kind != ResourceKind::Vm || resource.state != ResourceState::Running || resource.spot {
        return Verdict::NotConcerned;
    }
    let Some(tag) = tagged(resource, &settings.tags) else { return Verdict::NotConcerned };
    if let Some(group) = &resource.group {
        return Verdict::skip(
            resource,
            CONSIDERED,
            format!("the size of {group} is scheduled by its scaling policy"),
        );
    }
    let profile = match Profile::of(metrics, as_of, settings) {
        Ok(profile) => profile,
        Err(reason) => return Verdict::skip(resource, CONSIDERED, reason),
    };
    let needed = profile.needed(settings);
    let on = cheapest_week(&needed, settings.start_hours);
    let running = on.iter().filter(|on| **on).count();
    let off = 1.0 - running as f64 / WEEK as f64;
    if off < settings.minimum_off {
        let reason = format!("it is needed in {running} of 168 hours of the week");
        return Verdict::skip(resource, CONSIDERED, reason);
    }
    let machine = resource.instance_type.clone().unwrap_or_default();
    Verdict::act(Action {
        step: Step::Schedule,
        action_type: ActionType::Schedule,
        finding: Finding::OffHours,
        summary: format!("Run {} only {} UTC", short(resource), words(&on)),
        current: format!("{machine}, always on"),
        recommended: Some(format!("{machine}, {running} of 168 hours a week")),
        effect: Effect::Schedule { on: on.clone() },
        range: (0.8, 1.0),
        risk: profile.activity_outside(&on),
        evidence: vec![
            evidence("Tag", tag),
            evidence("Busy hours of the week", profile.busy_hours(settings).to_string()),
            evidence(
                "Hours needed, lead time counted in",
                needed.iter().filter(|hour| **hour).count().to_string(),
            ),
            evidence("Watched", format!("{:.0} weeks", profile.weeks)),
        ],
        flips_if: format!("somebody or something needs it outside {} UTC", words(&on)),
        effort: Effort::Low,
        restart_needed: true,
        rollback_possible: true,
        lookback_days: settings.lookback_days,
        patch: None,
    })
}

/// How busy each hour of the week was.
struct Profile {
    /// Weeks in which the hour was measured, and in which it was busy.
    hours: Vec<(u32, u32)>,
    weeks: f64,
}

impl Profile {
    fn of(
        metrics: Option<&ResourceMetrics>,
        as_of: DateTime<Utc>,
        settings: &Settings,
    ) -> Result<Self, String> {
        let start = as_of - Duration::days(i64::from(settings.lookback_days));
        let cpu = metrics.and_then(|metrics| metrics.get(&MetricName::CpuUtilization));
        let cpu = cpu.map(Vec::as_slice).unwrap_or_default();
        let cpu = &cpu[cpu.partition_point(|reading| reading.at < start)..];
        let first = cpu.first().ok_or("CPU was not measured")?;
        let days = (as_of - first.at).num_seconds() as f64 / 86_400.0;
        if days < f64::from(settings.minimum_days) {
            return Err(format!("{days:.1} days of data, {} are needed", settings.minimum_days));
        }
        let mut hours = vec![(0, 0); WEEK];
        for reading in cpu {
            let (measured, busy) = &mut hours[hour_of_week(reading.at)];
            *measured += 1;
            *busy += u32::from(f64::from(reading.p95) > settings.busy_cpu_percent);
        }
        if hours.iter().all(|(measured, _)| *measured == 0) {
            return Err("CPU was not measured".to_owned());
        }
        Ok(Self { hours, weeks: days / 7.0 })
    }

    fn busy(&self, hour: usize, settings: &Settings) -> bool {
        let (measured, busy) = self.hours[hour];
        measured > 0 && f64::from(busy) > f64::from(measured) * settings.busy_weeks
    }

    fn busy_hours(&self, settings: &Settings) -> usize {
        (0..WEEK).filter(|hour| self.busy(*hour, settings)).count()
    }

    /// Hours in which it must be up: busy ones and the lead before them. An hour that was never measured is
    /// one in which it did not run.
    fn needed(&self, settings: &Settings) -> Vec<bool> {
        (0..WEEK)
            .map(|hour| (0..=settings.lead_hours).any(|lead| self.busy((hour + lead) % WEEK, settings)))
            .collect()
    }

    /// Chance that an hour outside the schedule is busy (Jeffreys estimate).
    fn activity_outside(&self, on: &[bool]) -> f64 {
        let outside = self.hours.iter().zip(on).filter(|(_, on)| !**on);
        let (measured, busy) =
            outside.fold((0, 0), |sum, ((measured, busy), _)| (sum.0 + measured, sum.1 + busy));
        (f64::from(busy) + 0.5) / (f64::from(measured) + 1.0)
    }
}

/// The hour of the week of an instant; 0 is Monday 00:00 UTC.
pub(crate) fn hour_of_week(at: DateTime<Utc>) -> usize {
    at.weekday().num_days_from_monday() as usize * 24 + at.hour() as usize
}

/// The cheapest cyclic week that is on whenever needed, where each start costs `start_hours`: exact, by dynamic
/// programming over (hour, on or off) for both states before Monday.
fn cheapest_week(needed: &[bool], start_hours: f64) -> Vec<bool> {
    let week = |before: bool| -> (f64, Vec<bool>) {
        // cost[state] of the cheapest way to be in `state` now; came[hour][state] the state before.
        let mut cost = if before { [f64::INFINITY, 0.0] } else { [0.0, f64::INFINITY] };
        let mut came: Vec<[bool; 2]> = Vec::with_capacity(needed.len());
        for needed in needed {
            let on = cost[1].min(cost[0] + start_hours) + 1.0;
            let off = if *needed { f64::INFINITY } else { cost[0].min(cost[1]) };
            came.push([cost[1] < cost[0], cost[1] <= cost[0] + start_hours]);
            cost = [off, on];
        }
        let mut state = before;
        let mut on = vec![false; needed.len()];
        for hour in (0..needed.len()).rev() {
            on[hour] = state;
            state = came[hour][usize::from(state)];
        }
        (cost[usize::from(before)], on)
    };
    let (starts_off, starts_on) = (week(false), week(true));
    if starts_off.0 <= starts_on.0 { starts_off.1 } else { starts_on.1 }
}

/// A week in words: `Mon–Fri 07:00–19:00`.
fn words(on: &[bool]) -> String {
    let mut spells: Vec<(String, Vec<usize>)> = Vec::new();
    for day in 0..7 {
        let hours = &on[day * 24..(day + 1) * 24];
        let mut parts = Vec::new();
        let mut hour = 0;
        for run in hours.chunk_by(|a, b| a == b) {
            if run[0] {
                parts.push(format!("{hour:02}:00–{:02}:00", hour + run.len()));
            }
            hour += run.len();
        }
        if parts.is_empty() {
            continue;
        }
        let spell = parts.join(" and ");
        match spells.last_mut().filter(|(last, days)| *last == spell && days.last() == Some(&(day - 1))) {
            Some((_, days)) => days.push(day),
            None => spells.push((spell, vec![day])),
        }
    }
    let spell = |(hours, days): &(String, Vec<usize>)| match days.as_slice() {
        [first, .., last] => format!("{}–{} {hours}", DAYS[*first], DAYS[*last]),
        [day] => format!("{} {hours}", DAYS[*day]),
        [] => String::new(),
    };
    spells.iter().map(spell).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn office() -> Vec<bool> {
        (0..WEEK).map(|hour| hour / 24 < 5 && (7..19).contains(&(hour % 24))).collect()
    }

    #[test]
    fn office_hours_stay_office_hours() {
        let on = cheapest_week(&office(), 0.5);
        assert_eq!(on, office());
        assert_eq!(words(&on), "Mon–Fri 07:00–19:00");
    }

    #[test]
    fn short_breaks_are_bridged_and_long_ones_are_not() {
        let mut needed = office();
        needed[12] = false;
        assert!(cheapest_week(&needed, 2.0)[12]);
        assert!(!cheapest_week(&needed, 0.5)[12]);
    }

    proptest! {
        /// On a week of ten hours every schedule can be tried.
        #[test]
        fn no_schedule_is_cheaper(needed in prop::collection::vec(any::<bool>(), 10), start in 0.0..4.0_f64) {
            let cost = |on: &[bool]| -> f64 {
                let starts = (0..on.len()).filter(|&hour| on[hour] && !on[(hour + on.len() - 1) % on.len()]).count();
                on.iter().filter(|on| **on).count() as f64 + starts as f64 * start
            };
            let best = (0..1024_u32)
                .map(|bits| (0..10).map(|hour| bits >> hour & 1 == 1).collect::<Vec<_>>())
                .filter(|on| on.iter().zip(&needed).all(|(on, needed)| *on || !needed))
                .map(|on| cost(&on))
                .fold(f64::INFINITY, f64::min);
            let found = cheapest_week(&needed, start);
            prop_assert!(found.iter().zip(&needed).all(|(on, needed)| *on || !needed));
            prop_assert!((cost(&found) - best).abs() < 1e-9, "{} > {best}", cost(&found));
        }
    }
}
