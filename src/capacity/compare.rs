//! Policies side by side: on one path of demand, and over an event whose size is in doubt.

use domain::{CapacityPlan, Forecast, Series, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::fan::path;
use crate::outcome::Run;
use crate::plan::plan;
use crate::policy::{Policy, minutes_between};
use crate::policy_name::PolicyName;
use crate::settings::Settings;
use crate::simulate::{Simulation, simulate};

/// Policies that a plan is compared with.
const COMPARED: [PolicyName; 3] = [PolicyName::Planned, PolicyName::Reactive(70), PolicyName::StaticPeak];

/// The path of demand that they are compared on: more than expected, so that the doubt costs something.
pub const COMPARED_AT: f64 = 0.9;

/// Plans `demand`, and says what the plan, reactive scaling and static peak cost on its [`COMPARED_AT`] path, where the kind
/// is one that policies scale.
pub fn plan_compared(demand: &Forecast, settings: &Settings) -> CapacityPlan {
    let mut plan = plan(demand, settings);
    if settings.given.kind.unscaled().is_none() {
        let runs = compare(&plan, &path(demand, COMPARED_AT), &COMPARED, settings, &Simulation::of(settings));
        plan.policies = runs.into_iter().map(|run| run.outcome).collect();
        plan.assumptions
            .push(format!("Policies are compared on the P{:.0} path of demand.", COMPARED_AT * 100.0));
    }
    plan
}

/// Runs each policy of `names` over `demand`, in that order.
///
/// The plan's schedule is laid over the demand by its stamps. [`Run::outcome`] is what
/// [`CapacityPlan::policies`] holds.
pub fn compare(
    plan: &CapacityPlan,
    demand: &Series,
    names: &[PolicyName],
    settings: &Settings,
    simulation: &Simulation,
) -> Vec<Run> {
    names
        .iter()
        .map(|name| {
            let policy = Policy::of(name, plan, demand.grid.start, settings);
            simulate(demand, &policy, settings, simulation)
        })
        .collect()
}

/// How one policy gets through an event, over several ways in which it may turn out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventOutcome {
    /// Policy name.
    pub policy: String,
    /// Worst path: requests that were never served.
    pub unserved: f64,
    /// Worst path: share of all its requests that were never served, 0 to 1.
    pub unserved_share: f64,
    /// Worst path: minutes in which demand was above capacity.
    pub minutes_short: f64,
    /// Worst path: 95th percentile of latency in milliseconds.
    pub latency_p95_ms: f64,
    /// Mean over the paths: instance-hours of the whole simulation.
    pub instance_hours: f64,
    /// Mean over the paths: their cost, in USD.
    pub cost: Decimal,
    /// Instance-hours during the event, as a share of static peak's.
    pub event_share_of_static_peak: f64,
    /// Instance-hours of the whole simulation, as a share of static peak's.
    pub share_of_static_peak: f64,
}

/// Compares policies over `paths`: the same stretch of time with the event turning out differently.
///
/// `event` is its first instant and the first after it. Static peak is what the plan's largest requirement
/// takes all the time: decided before the event, at the same risk as the plan.
pub fn compare_event(
    plan: &CapacityPlan,
    paths: &[Series],
    event: (Stamp, Stamp),
    names: &[PolicyName],
    settings: &Settings,
    simulation: &Simulation,
) -> Vec<EventOutcome> {
    let peak = f64::from(plan.rows.iter().map(|row| row.required).max().unwrap_or(0));
    names
        .iter()
        .map(|name| {
            let runs: Vec<(Run, f64)> = paths
                .iter()
                .map(|path| {
                    let policy = Policy::of(name, plan, path.grid.start, settings);
                    let run = simulate(path, &policy, settings, simulation);
                    let minute = |stamp| {
                        usize::try_from(minutes_between(path.grid.start, stamp))
                            .unwrap_or(0)
                            .min(run.minutes.len())
                    };
                    let during = &run.minutes[minute(event.0)..minute(event.1).max(minute(event.0))];
                    let paid: f64 = during.iter().map(|minute| f64::from(minute.paid)).sum();
                    let share = paid / (peak * during.len() as f64).max(1.0);
                    (run, share)
                })
                .collect();
            over_paths(name.to_string(), &runs, peak)
        })
        .collect()
}

fn over_paths(policy: String, runs: &[(Run, f64)], peak: f64) -> EventOutcome {
    let count = runs.len().max(1);
    let worst = |part: fn(&Run) -> f64| runs.iter().map(|(run, _)| part(run)).fold(0.0, f64::max);
    let mean = |part: &dyn Fn(&(Run, f64)) -> f64| runs.iter().map(part).sum::<f64>() / count as f64;
    EventOutcome {
        policy,
        unserved: worst(|run| run.outcome.unserved),
        unserved_share: worst(|run| run.outcome.unserved / run.arrived.max(f64::MIN_POSITIVE)),
        minutes_short: worst(|run| run.outcome.minutes_short),
        latency_p95_ms: worst(|run| run.outcome.latency_p95_ms),
        instance_hours: mean(&|(run, _)| run.outcome.instance_hours),
        cost: runs.iter().map(|(run, _)| run.outcome.cost).sum::<Decimal>() / Decimal::from(count),
        event_share_of_static_peak: mean(&|(_, share)| *share),
        share_of_static_peak: mean(&|(run, _)| {
            run.outcome.instance_hours / (peak * run.minutes.len() as f64 / 60.0).max(1.0)
        }),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Event, Forecast, Frequency, Grid};

    use super::*;
    use crate::scenario::{Scenario, Shape, apply};
    use crate::settings::SettingsInput;

    /// Share of the evening peak by hour of the day: deep nights, a lunch hump, the evening.
    const DAY: [f64; 24] = [
        0.22, 0.14, 0.10, 0.08, 0.08, 0.10, 0.16, 0.26, 0.38, 0.48, 0.55, 0.60, 0.64, 0.62, 0.58, 0.58, 0.62,
        0.70, 0.82, 0.94, 1.00, 0.95, 0.70, 0.40,
    ];

    /// Requests per second that one of the shop's two instances takes.
    const UNIT: f64 = 100.0;

    /// Eight days of a shop by the hour from Monday on, the sale on Friday, sized for two instances.
    fn shop() -> Forecast {
        let grid = Grid { start: stamp(0), frequency: Frequency::HOUR };
        let median: Vec<f64> = (0..8 * 24)
            .map(|hour| {
                let weekend = if matches!(hour / 24 % 7, 5 | 6) { 1.05 } else { 1.0 };
                130.0 * DAY[hour % 24] * weekend
            })
            .collect();
        let levels = [0.1, 0.5, 0.9, 0.99];
        // Ordinary days are known to ±8 % (P10 to P90).
        let paths =
            [-1.0, 0.0, 1.0, 1.815].map(|z| median.iter().map(|value| value * (1.0 + 0.08 * z)).collect());
        crate::testing::forecast(grid, &levels, &paths)
    }

    fn stamp(hour: i64) -> Stamp {
        let monday: chrono::DateTime<chrono::Utc> = "2026-11-23T00:00:00Z".parse().unwrap();
        Stamp::Time(monday + chrono::Duration::hours(hour))
    }

    const SALE: (i64, i64) = (96, 120);

    fn sale(low: f64, multiplier: f64, high: f64) -> Scenario {
        let event = Event {
            name: "Black Friday".to_owned(),
            starts_at: stamp(SALE.0),
            ends_at: stamp(SALE.1),
            multiplier,
            multiplier_low: Some(low),
            multiplier_high: Some(high),
            unique_id: None,
        };
        Scenario::Event { event, shape: Shape::Flat }
    }

    /// The sale as it turns out: another multiplier, and demand that wanders by ±3 % from minute to minute.
    fn truth(multiplier: f64, seed: u64) -> Series {
        let hourly = crate::path(&apply(&shop(), &[sale(multiplier, multiplier, multiplier)]), 0.5);
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let values = hourly.values.iter().flatten().flat_map(|rate| vec![*rate; 60]).map(|rate| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let noise = (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
            Some(rate * (1.0 + 0.06 * noise))
        });
        let values = values.collect();
        Series { grid: Grid { frequency: Frequency::Seconds(60), ..hourly.grid }, values, ..hourly }
    }

    fn outcomes(paths: &[Series], schedule_utilization: Option<f64>) -> Vec<EventOutcome> {
        let input = SettingsInput {
            schedule_utilization,
            hourly_price: Some(Decimal::new(96, 3)),
            ..SettingsInput::new(UNIT)
        };
        let settings = input.check().unwrap();
        let plan = crate::plan(&apply(&shop(), &[sale(7.0, 10.0, 13.0)]), &settings);
        let names: Vec<PolicyName> =
            ["planned", "scheduled", "reactive-70", "reactive-50", "step", "static-peak"]
                .iter()
                .map(|name| name.parse().unwrap())
                .collect();
        let event = (stamp(SALE.0), stamp(SALE.1));
        let outcomes = compare_event(&plan, paths, event, &names, &settings, &Simulation::of(&settings));
        for outcome in &outcomes {
            println!(
                "{:12} unserved {:9.0} ({:.3} %) short {:4} min, p95 {:6.0} ms, cost {:8.2}, event {:.3}, all {:.3}",
                outcome.policy,
                outcome.unserved,
                outcome.unserved_share * 100.0,
                outcome.minutes_short,
                outcome.latency_p95_ms,
                outcome.cost,
                outcome.event_share_of_static_peak,
                outcome.share_of_static_peak,
            );
        }
        outcomes
    }

    #[test]
    fn ten_times_the_traffic_is_served_far_below_static_peak() {
        let outcomes = outcomes(&[truth(10.0, 1)], None);
        let by = |name: &str| outcomes.iter().find(|outcome| outcome.policy == name).unwrap();
        let planned = by("planned");
        assert_eq!(planned.unserved, 0.0);
        assert_eq!(planned.minutes_short, 0.0);
        assert!(planned.latency_p95_ms < 200.0);
        assert!(planned.event_share_of_static_peak <= 0.55);
        assert!(planned.share_of_static_peak <= 0.13);
        assert!(by("reactive-70").unserved > 0.0);
        assert!(by("reactive-50").unserved > 0.0);
        assert!(by("step-70").unserved > 0.0);
        assert_eq!(by("static-peak").unserved, 0.0);
    }

    #[test]
    fn a_zone_may_fail_at_the_peak() {
        let survive = |survive| SettingsInput { survive, ..SettingsInput::new(UNIT) }.check().unwrap();
        let outage = Scenario::ZoneLoss { zones: 3, starts_at: stamp(19), ends_at: stamp(22) };
        let path = crate::path(&apply(&shop(), &[outage]), 0.99);
        let short = |settings: &Settings| {
            let plan = crate::plan(&shop(), settings);
            let simulation = Simulation::of(settings);
            compare(&plan, &path, &[PolicyName::Scheduled], settings, &simulation)[0].outcome.minutes_short
        };
        let mut none = SettingsInput::new(UNIT);
        none.target_utilization = 0.95;
        assert!(short(&none.check().unwrap()) > 0.0);
        assert_eq!(short(&survive(crate::Survive::Zone)), 0.0);
    }

    #[test]
    fn a_multiplier_off_by_thirty_percent_is_still_served_at_less_than_half() {
        let paths: Vec<Series> = (0..20).map(|seed| truth(7.0 + 6.0 * seed as f64 / 19.0, seed)).collect();
        for schedule_utilization in [None, Some(0.9)] {
            let outcomes = outcomes(&paths, schedule_utilization);
            let planned = &outcomes[0];
            assert_eq!(planned.unserved, 0.0);
            assert!(planned.latency_p95_ms < 200.0);
            if schedule_utilization.is_some() {
                assert!(planned.event_share_of_static_peak <= 0.45);
                assert!(planned.share_of_static_peak <= 0.12);
            }
        }
    }
}
