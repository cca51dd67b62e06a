//! The adviser: searches the space of policies over possible futures, and says why it chose.

use domain::{CapacityPlan, Forecast, PolicyOutcome, Series};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fan::path;
use crate::plan::plan;
use crate::policy::Policy;
use crate::policy_name::PolicyName;
use crate::settings::{Settings, SettingsInput};
use crate::simulate::{Simulation, simulate};

/// Targets in percent that reactive and predictive policies are tried at.
const TARGETS: [u32; 6] = [40, 50, 60, 70, 80, 90];

/// Risks that schedules are tried at, and the utilizations up to which they may lean on target tracking.
const RISKS: [f64; 3] = [0.001, 0.01, 0.05];
const SCHEDULE_UTILIZATIONS: [f64; 4] = [0.7, 0.8, 0.9, 1.0];

/// Quantile levels of demand that a policy is tried on where nothing else is given: less than expected, expected, more.
const FUTURES: [f64; 3] = [0.1, 0.5, 0.9];

/// Candidates that are told beside the chosen one.
const TOLD: usize = 3;

/// What a policy has to keep on every future that it is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Goal {
    /// 95th percentile of latency in milliseconds.
    pub latency_p95_ms: f64,
    /// Share of all requests that may stay unserved, 0 to 1.
    pub unserved_share: f64,
}

impl Default for Goal {
    fn default() -> Self {
        Self { latency_p95_ms: 200.0, unserved_share: 0.0 }
    }
}

/// What a schedule was planned for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ScheduleTried {
    /// Accepted probability, per row, that demand exceeds it.
    pub risk: f64,
    /// Utilization up to which it leans on target tracking.
    pub schedule_utilization: f64,
}

/// A policy that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// Its name.
    pub policy: String,
    /// Settings of its schedule where it has one.
    pub schedule: Option<ScheduleTried>,
    /// Mean instance-hours over the futures.
    pub instance_hours: f64,
    /// Mean cost over the futures in USD.
    pub cost: rust_decimal::Decimal,
    /// Worst future: share of requests never served.
    pub unserved_share: f64,
    /// Worst future: minutes short.
    pub minutes_short: f64,
    /// Worst future: 95th percentile of latency in milliseconds.
    pub latency_p95_ms: f64,
    /// What it breaks, where it does.
    pub breaks: Option<String>,
}

/// What the adviser says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Advice {
    /// The cheapest that keeps the goal; `None` when none does.
    pub chosen: Option<Candidate>,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// All that were tried, cheapest first.
    pub candidates: Vec<Candidate>,
}

/// Three ways in which `demand` may turn out: its P10, median and P90 at every step.
pub fn futures(demand: &Forecast) -> Vec<Series> {
    FUTURES.map(|level| path(demand, level)).to_vec()
}

/// Tries every policy on `futures` (sample paths of `demand`, or history) and takes the cheapest that keeps `goal`
/// on all of them. Equally cheap policies are taken in the order in which they are tried; what no policy scales is not
/// simulated.
pub fn advise(
    demand: &Forecast,
    futures: &[Series],
    goal: &Goal,
    settings: &Settings,
    simulation: &Simulation,
) -> Advice {
    if let Some(why) = settings.given.kind.unscaled() {
        return Advice { chosen: None, reasons: vec![why.to_owned()], candidates: Vec::new() };
    }
    let own = plan(demand, settings);
    let unscheduled = names();
    let unscheduled =
        unscheduled.par_iter().map(|name| tried(name, None, &own, futures, goal, settings, simulation));
    let scheduled = schedules(settings).into_par_iter().flat_map_iter(|(schedule, settings)| {
        let plan = plan(demand, &settings);
        [PolicyName::Planned, PolicyName::Scheduled]
            .map(|name| tried(&name, Some(schedule), &plan, futures, goal, &settings, simulation))
    });
    let mut candidates: Vec<Candidate> = unscheduled.chain(scheduled).collect();
    candidates.sort_by(|a, b| a.instance_hours.total_cmp(&b.instance_hours));
    let chosen = candidates.iter().find(|candidate| candidate.breaks.is_none()).cloned();
    let reasons = reasons(chosen.as_ref(), &candidates, futures.len(), settings.given.kind.one());
    Advice { chosen, reasons, candidates }
}

/// Schedules that are tried, with the settings that make them; none leans on tracking below its own target.
fn schedules(settings: &Settings) -> Vec<(ScheduleTried, Settings)> {
    let mut schedules: Vec<(ScheduleTried, Settings)> = Vec::new();
    for risk in RISKS {
        for utilization in SCHEDULE_UTILIZATIONS {
            let schedule_utilization = utilization.max(settings.given.target_utilization);
            let schedule = ScheduleTried { risk, schedule_utilization };
            let input = SettingsInput {
                risk,
                schedule_utilization: Some(schedule_utilization),
                ..settings.given.clone()
            };
            match input.check() {
                Ok(settings) if schedules.iter().all(|(tried, _)| *tried != schedule) => {
                    schedules.push((schedule, settings));
                }
                _ => {}
            }
        }
    }
    schedules
}

/// Policies that need no schedule of their own settings.
fn names() -> Vec<PolicyName> {
    let mut names = vec![PolicyName::StaticPeak];
    for target in TARGETS {
        let (reactive, requests) = (PolicyName::Reactive(target), PolicyName::Requests(target));
        let predictive = PolicyName::Predictive(target);
        names.extend([PolicyName::Step(target), reactive, requests.clone(), predictive.clone()]);
        names.push(PolicyName::Together(vec![predictive, requests]));
    }
    names
}

fn tried(
    name: &PolicyName,
    schedule: Option<ScheduleTried>,
    plan: &CapacityPlan,
    futures: &[Series],
    goal: &Goal,
    settings: &Settings,
    simulation: &Simulation,
) -> Candidate {
    let runs: Vec<(PolicyOutcome, f64)> = futures
        .iter()
        .map(|future| {
            let policy = Policy::of(name, plan, future.grid.start, settings);
            let run = simulate(future, &policy, settings, simulation);
            let share = run.outcome.unserved / run.arrived.max(f64::MIN_POSITIVE);
            (run.outcome, share)
        })
        .collect();
    let count = runs.len().max(1);
    let worst = |part: &dyn Fn(&(PolicyOutcome, f64)) -> f64| runs.iter().map(part).fold(0.0, f64::max);
    let unserved_share = worst(&|(_, share)| *share);
    let latency_p95_ms = worst(&|(outcome, _)| outcome.latency_p95_ms);
    let breaks = if unserved_share > goal.unserved_share {
        Some(format!("leaves {:.3} % of the requests of its worst future unserved", unserved_share * 100.0))
    } else if latency_p95_ms > goal.latency_p95_ms {
        Some(format!("answers its worst future with a p95 of {latency_p95_ms:.0} ms"))
    } else {
        None
    };
    Candidate {
        policy: name.to_string(),
        schedule,
        instance_hours: runs.iter().map(|(outcome, _)| outcome.instance_hours).sum::<f64>() / count as f64,
        cost: runs.iter().map(|(outcome, _)| outcome.cost).sum::<rust_decimal::Decimal>()
            / rust_decimal::Decimal::from(count),
        unserved_share,
        minutes_short: worst(&|(outcome, _)| outcome.minutes_short),
        latency_p95_ms,
        breaks,
    }
}

fn reasons(chosen: Option<&Candidate>, candidates: &[Candidate], futures: usize, one: &str) -> Vec<String> {
    let kept = candidates.iter().filter(|candidate| candidate.breaks.is_none()).count();
    let tried = format!(
        "{} policies were simulated over {futures} futures; {kept} keep the goal on all of them.",
        candidates.len()
    );
    let Some(chosen) = chosen else {
        let least = candidates.iter().min_by(|a, b| a.unserved_share.total_cmp(&b.unserved_share));
        let least = least
            .and_then(|least| Some(format!("The closest, {}, {}.", told(least), least.breaks.as_ref()?)));
        return std::iter::once(tried).chain(least).collect();
    };
    let peak = candidates.iter().find(|candidate| candidate.policy == PolicyName::StaticPeak.to_string());
    let share = peak.map_or(1.0, |peak| chosen.instance_hours / peak.instance_hours.max(f64::MIN_POSITIVE));
    let choice = format!(
        "{} is the cheapest of these: {:.0} {one}-hours on average, {:.0} % of static peak.",
        told(chosen),
        chosen.instance_hours,
        share * 100.0
    );
    // The dearest of the cheaper ones came closest.
    let cheaper = candidates.iter().rev().filter(|other| other.instance_hours < chosen.instance_hours);
    let rejected = cheaper.filter_map(|other| Some((other, other.breaks.as_ref()?))).take(TOLD);
    let rejected = rejected.map(|(other, breaks)| {
        let saving = 100.0 * (1.0 - other.instance_hours / chosen.instance_hours);
        format!("{} would be {saving:.0} % cheaper, but {breaks}.", told(other))
    });
    [tried, choice].into_iter().chain(rejected).collect()
}

fn told(candidate: &Candidate) -> String {
    match candidate.schedule {
        Some(schedule) => format!(
            "{} (risk {:.1} %, schedule up to {:.0} %)",
            candidate.policy,
            schedule.risk * 100.0,
            schedule.schedule_utilization * 100.0
        ),
        None => candidate.policy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Event, Frequency, Grid, Stamp};

    use super::*;
    use crate::scenario::{Scenario, Shape, apply};

    fn demand() -> Forecast {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::HOUR };
        let median: Vec<f64> = (0..48)
            .map(|hour| 300.0 - 200.0 * (f64::from(hour) * std::f64::consts::TAU / 24.0).cos())
            .collect();
        let paths = [0.85, 1.0, 1.15, 1.3].map(|factor| median.iter().map(|value| value * factor).collect());
        crate::testing::forecast(grid, &[0.1, 0.5, 0.9, 0.99], &paths)
    }

    #[test]
    fn a_calm_day_needs_no_schedule_and_a_sale_does() {
        let settings = SettingsInput { schedule_utilization: Some(0.9), ..SettingsInput::new(100.0) };
        let settings = settings.check().unwrap();
        let simulation = Simulation::of(&settings);
        let advise =
            |demand: &Forecast| advise(demand, &futures(demand), &Goal::default(), &settings, &simulation);
        let calm = advise(&demand());
        let sale = Event {
            name: "sale".to_owned(),
            starts_at: demand().grid.stamp(20),
            ends_at: demand().grid.stamp(32),
            multiplier: 10.0,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: None,
        };
        let sale = advise(&apply(&demand(), &[Scenario::Event { event: sale, shape: Shape::Flat }]));
        assert!(calm.chosen.unwrap().schedule.is_none());
        let chosen = sale.chosen.unwrap();
        let foreseeing = chosen.schedule.is_some() || chosen.policy.contains("predictive");
        assert!(foreseeing, "{chosen:?}");
        assert_eq!((chosen.unserved_share, chosen.breaks), (0.0, None));
        assert!(
            sale.reasons.iter().any(|reason| reason.contains("cheaper, but leaves")),
            "{:?}",
            sale.reasons
        );
        assert!(sale.candidates.windows(2).all(|pair| pair[0].instance_hours <= pair[1].instance_hours));
    }

    #[test]
    fn an_impossible_goal_is_said_to_be_one() {
        let settings = SettingsInput::new(100.0).check().unwrap();
        let goal = Goal { latency_p95_ms: 50.0, unserved_share: 0.0 };
        let advice = advise(&demand(), &futures(&demand()), &goal, &settings, &Simulation::of(&settings));
        assert_eq!(advice.chosen, None);
        assert!(advice.reasons.iter().any(|reason| reason.contains("The closest")), "{:?}", advice.reasons);
    }
}
