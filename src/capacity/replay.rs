//! History walked through: every six hours the next ones are planned from what was known by then, then simulated.

use domain::{CapacityPlan, Event, Frequency, PolicyOutcome, Requirement, Series};
use forecast::{Request, forecast};

use crate::outcome::Run;
use crate::plan::plan;
use crate::policy::Policy;
use crate::policy_name::PolicyName;
use crate::requirement::instances;
use crate::settings::Settings;
use crate::simulate::{Simulation, simulate};

/// Hours between two plans, as often as the clouds' own predictive scaling looks ahead anew.
const HOURS_BETWEEN_PLANS: usize = 6;

/// Days of history that a forecast sees at most: five weeks hold the weekly rhythm and keep a replay quick.
const MEMORY_DAYS: usize = 35;

/// Utilization to which demand at the plan's risk may drive the schedule, where the caller does not say: a replay
/// simulates the target tracking that adds the rest.
const SCHEDULE_UTILIZATION: f64 = 0.9;

/// No forecast expects more than this many times the largest demand in its memory, events aside.
const BEYOND_THE_LARGEST: f64 = 1.1;

/// Days seen before the first decision, where the caller does not say.
const WARM_UP_DAYS: usize = 35;

/// How to walk through history.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaySettings {
    /// What each plan is made for.
    pub settings: Settings,
    /// How instances and requests behave.
    pub simulation: Simulation,
    /// Events that were announced before they came.
    pub events: Vec<Event>,
    /// Points seen before the first decision; `None`: five weeks, or half of a shorter history.
    pub warm_up: Option<usize>,
}

/// Why a history cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// Nothing is left after the first decision.
    #[error(
        "{unique_id}: {points} points are too few to replay after {warm_up} seen beforehand; give a longer history"
    )]
    TooShort {
        /// The series.
        unique_id: String,
        /// Its length.
        points: usize,
        /// Points seen beforehand.
        warm_up: usize,
    },
}

/// What a replay gives back.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The rows of all plans, each as the last plan before it decided.
    pub plan: CapacityPlan,
    /// The demand that came, from the first decision on.
    pub demand: Series,
}

/// Plans `history` after the warm-up, every six hours with only the past in view, and simulates `policies` over the
/// demand that really came.
///
/// `static-peak` is given the true peak, which nobody could have known: it is never short.
///
/// # Errors
/// A history that ends before the first decision.
pub fn replay(
    history: &Series,
    policies: &[PolicyName],
    settings: &ReplaySettings,
) -> Result<Vec<PolicyOutcome>, ReplayError> {
    Ok(replay_runs(history, policies, settings)?.into_iter().map(|run| run.outcome).collect())
}

/// The same with every minute of every policy.
///
/// # Errors
/// A history that ends before the first decision.
pub fn replay_runs(
    history: &Series,
    policies: &[PolicyName],
    settings: &ReplaySettings,
) -> Result<Vec<Run>, ReplayError> {
    let Replay { plan, demand } = decide(history, settings)?;
    let peak = demand.values.iter().flatten().copied().fold(0.0, f64::max);
    let runs = policies.iter().map(|name| {
        let mut policy = Policy::of(name, &plan, demand.grid.start, &settings.settings);
        if *name == PolicyName::StaticPeak {
            policy.minimum = vec![(0, instances(peak, &settings.settings))];
        }
        simulate(&demand, &policy, &settings.settings, &settings.simulation)
    });
    Ok(runs.collect())
}

/// The plans as they were decided, every six hours of `history` after the warm-up.
///
/// # Errors
/// A history that ends before the first decision.
pub fn decide(history: &Series, settings: &ReplaySettings) -> Result<Replay, ReplayError> {
    let day = steps_a_day(history);
    let between = (day * HOURS_BETWEEN_PLANS / 24).max(1);
    let warm_up = settings.warm_up.unwrap_or((WARM_UP_DAYS * day).min(history.len() / 2));
    if warm_up == 0 || history.len() <= warm_up {
        return Err(ReplayError::TooShort {
            unique_id: history.unique_id.clone(),
            points: history.len(),
            warm_up,
        });
    }
    let mut rows: Vec<Requirement> = Vec::new();
    let mut assumptions = Vec::new();
    for cutoff in (warm_up..history.len()).step_by(between) {
        let next = next_plan(history, cutoff, day, settings);
        let end = history.grid.stamp((cutoff + between).min(history.len()));
        rows.extend(next.rows.into_iter().take_while(|row| row.ds < end));
        assumptions = next.assumptions;
    }
    let demand = Series {
        unique_id: history.unique_id.clone(),
        grid: history.grid.advance(warm_up),
        values: history.values[warm_up..].to_vec(),
    };
    let plan = CapacityPlan {
        unique_id: history.unique_id.clone(),
        kind: settings.settings.given.kind,
        rows,
        policies: Vec::new(),
        crosses_quota_at: None,
        act_by: None,
        assumptions,
    };
    Ok(Replay { plan, demand })
}

/// Steps of a day, or one where steps are longer; a step without clock is an hour.
fn steps_a_day(history: &Series) -> usize {
    match history.grid.frequency {
        Frequency::Seconds(seconds) => usize::try_from(86_400 / seconds.max(1)).unwrap_or(1).max(1),
        Frequency::Months(_) => 1,
        Frequency::Steps(_) => 24,
    }
}

/// The plan made at `cutoff` from the points before it, for a day and the lead time.
fn next_plan(history: &Series, cutoff: usize, day: usize, settings: &ReplaySettings) -> CapacityPlan {
    let first = cutoff.saturating_sub(MEMORY_DAYS * day);
    let known = Series {
        unique_id: history.unique_id.clone(),
        grid: history.grid.advance(first),
        values: history.values[first..cutoff].to_vec(),
    };
    let lead_seconds = f64::from(settings.settings.given.lead_time_seconds);
    let step_seconds = history.grid.frequency.mean_seconds().unwrap_or(3600.0);
    let mut request = Request::new(day + (lead_seconds / step_seconds).ceil() as usize);
    request.levels = settings.settings.forecast_levels();
    request.events = settings.events.clone();
    request.lower_bound = Some(0.0);
    request.upper_bound = upper_bound(&known, &request);
    let mut planned_for = settings.settings.clone();
    planned_for
        .given
        .schedule_utilization
        .get_or_insert(SCHEDULE_UTILIZATION.max(settings.settings.given.target_utilization));
    plan(&forecast(&known, &request), &planned_for)
}

/// What demand will hardly exceed; nothing is said where an event is ahead.
fn upper_bound(known: &Series, request: &Request) -> Option<f64> {
    let (next, horizon) = (known.next_grid(), request.horizon);
    let ahead = |event: &Event| event.starts_at < next.stamp(horizon) && next.stamp(0) < event.ends_at;
    let largest = known.values.iter().flatten().copied().fold(0.0, f64::max);
    (largest > 0.0 && !request.events.iter().any(ahead)).then_some(largest * BEYOND_THE_LARGEST)
}

#[cfg(test)]
mod tests {
    use domain::{Grid, Stamp};

    use super::*;
    use crate::settings::SettingsInput;

    /// Hourly demand with a daily and a weekly rhythm.
    fn history(days: usize) -> Series {
        let grid =
            Grid { start: Stamp::Time("2026-09-07T00:00:00Z".parse().unwrap()), frequency: Frequency::HOUR };
        let values = (0..days * 24).map(|hour| {
            let day = (std::f64::consts::TAU * (hour as f64 - 15.0) / 24.0).cos();
            let week = if hour / 24 % 7 >= 5 { 0.7 } else { 1.0 };
            let wobble = ((hour * 7919) % 101) as f64 / 101.0 - 0.5;
            Some(week * (1000.0 + 700.0 * day) * (1.0 + 0.06 * wobble))
        });
        Series { unique_id: "shop".to_owned(), grid, values: values.collect() }
    }

    fn settings() -> ReplaySettings {
        let settings = SettingsInput::new(100.0).check().unwrap();
        let simulation = Simulation::of(&settings);
        ReplaySettings { settings, simulation, events: Vec::new(), warm_up: Some(21 * 24) }
    }

    #[test]
    fn nothing_after_a_decision_changes_it() {
        let before = decide(&history(24), &settings()).unwrap().plan.rows;
        assert_eq!(before.len(), 72);
        let mut changed = history(24);
        changed.values[22 * 24..].fill(Some(1e6));
        let after = decide(&changed, &settings()).unwrap().plan.rows;
        assert_eq!(before[..30], after[..30], "six hours are decided before they come");
        assert_ne!(before[30..36], after[30..36], "and the next six when they have come");
    }

    #[test]
    fn policies_are_reported_in_order_and_static_peak_is_never_short() {
        let names: Vec<PolicyName> =
            ["planned", "reactive-70", "static-peak"].iter().map(|name| name.parse().unwrap()).collect();
        let outcomes = replay(&history(24), &names, &settings()).unwrap();
        let found: Vec<&str> = outcomes.iter().map(|outcome| outcome.policy.as_str()).collect();
        assert_eq!(found, ["planned", "reactive-70", "static-peak"]);
        assert_eq!(outcomes[2].minutes_short, 0.0);
        assert!(outcomes[0].minutes_short <= outcomes[1].minutes_short);
        assert!(outcomes[0].instance_hours < 0.9 * outcomes[2].instance_hours, "{outcomes:?}");
    }

    #[test]
    fn a_history_without_a_day_to_replay_is_refused() {
        let short = Series { values: vec![Some(1.0)], ..history(1) };
        assert!(
            replay(&short, &[PolicyName::Planned], &settings()).unwrap_err().to_string().contains("1 points")
        );
    }

    #[test]
    fn an_announced_event_is_served_and_an_unannounced_one_is_not() {
        let (start, end) = (23 * 24 + 8, 23 * 24 + 20);
        let mut history = history(24);
        for value in history.values[start..end].iter_mut().flatten() {
            *value *= 12.0;
        }
        let event = Event {
            name: "sale".to_owned(),
            starts_at: history.grid.stamp(start),
            ends_at: history.grid.stamp(end),
            multiplier: 10.0,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: None,
        };
        let announced = ReplaySettings { events: vec![event], ..settings() };
        let planned = |settings| replay(&history, &[PolicyName::Planned], settings).unwrap().remove(0);
        let (known, unknown) = (planned(&announced), planned(&settings()));
        assert_eq!(known.unserved, 0.0);
        assert!(known.latency_p95_ms < 200.0);
        assert!(unknown.unserved > 0.0);
    }

    /// One real series, or nothing (said so) where the test data is not beside the repository.
    fn real(file: &str, seconds: i64, points: usize) -> Option<Series> {
        let path = format!("{}/../../../shared/data/series/{file}", env!("CARGO_MANIFEST_DIR"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: no test data at {path}");
            return None;
        };
        let rows: Vec<Vec<&str>> =
            text.lines().skip(1).take(points).map(|line| line.split(',').collect()).collect();
        let start = Stamp::Time(rows[0][1].parse().unwrap());
        let grid = Grid { start, frequency: Frequency::Seconds(seconds) };
        let values = rows.iter().map(|row| row[2].parse().ok()).collect();
        Some(Series { unique_id: rows[0][0].to_owned(), grid, values })
    }

    #[test]
    fn on_real_demand_nothing_cheaper_is_short_less_often() {
        let files =
            [("taylor_30min.csv", 1800), ("nyc_taxi_30min.csv", 1800), ("nasa_july_hourly.csv", 3600)];
        let names = ["planned", "reactive-70", "reactive-60", "reactive-50", "step-70", "static-peak"];
        let names: Vec<PolicyName> = names.iter().map(|name| name.parse().unwrap()).collect();
        for (file, seconds) in files {
            // At most half of it (30 days of half hours, 14 of hours) is seen before the first decision.
            let Some(history) = real(file, seconds, 60 * 48) else { return };
            let peak = history.values.iter().flatten().copied().fold(0.0, f64::max);
            for schedule_utilization in [None, Some(0.9)] {
                let input = SettingsInput { schedule_utilization, ..SettingsInput::new(peak / 20.0) };
                let settings = input.check().unwrap();
                let simulation = Simulation::of(&settings);
                let settings = ReplaySettings { settings, simulation, events: Vec::new(), warm_up: None };
                let outcomes = replay(&history, &names, &settings).unwrap();
                for outcome in &outcomes {
                    println!(
                        "{file} {:12} {:9.1} h, short {:4} min, unserved {:9.0}, p95 {:4.0} ms",
                        outcome.policy,
                        outcome.instance_hours,
                        outcome.minutes_short,
                        outcome.unserved,
                        outcome.latency_p95_ms
                    );
                }
                let (planned, others) = outcomes.split_first().unwrap();
                assert!(others.iter().all(|other| {
                    other.instance_hours >= planned.instance_hours
                        || other.minutes_short >= planned.minutes_short
                }));
                let peak = others.last().unwrap();
                assert!(planned.instance_hours < 0.95 * peak.instance_hours);
            }
        }
    }
}
