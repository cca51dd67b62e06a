//! The simulator: one policy against one path of demand, minute by minute.

use domain::{Frequency, Series};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::group::Group;
use crate::outcome::{Run, Terms};
use crate::policy::Policy;
use crate::settings::Settings;

/// How instances and requests behave.
///
/// | Name | Default | Purpose |
/// |---|---|---|
/// | `boot_minutes` | the lead time, rounded up | from asking for an instance until it serves; paid for |
/// | `metric_delay_minutes` | 3 | from load to the rule that sees it (publication, evaluation periods) |
/// | `scale_out_cooldown_minutes` | 3 | between two additions by the rule |
/// | `scale_in_cooldown_minutes` | 15 | load has to be low for so long, and between two removals |
/// | `timeout_seconds` | 30 | a request that would wait longer is lost (unserved) |
/// | `service_ms` | 40 | mean time of a request without any waiting |
/// | `max_instances` | none | the group never gets larger (quota) |
/// | `hourly_price` | 0 | USD per instance-hour |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// From asking for an instance until it serves.
    pub boot_minutes: u32,
    /// From load to the rule that sees it.
    pub metric_delay_minutes: u32,
    /// Between two additions by the rule.
    pub scale_out_cooldown_minutes: u32,
    /// Load has to be low for so long, and between two removals.
    pub scale_in_cooldown_minutes: u32,
    /// A request that would wait longer is lost.
    pub timeout_seconds: f64,
    /// Mean time of a request without any waiting.
    pub service_ms: f64,
    /// The group never gets larger.
    pub max_instances: Option<u32>,
    /// USD per instance-hour.
    pub hourly_price: Decimal,
}

impl Simulation {
    /// The defaults, with boot time, quota and price of `settings`.
    pub fn of(settings: &Settings) -> Self {
        Self {
            boot_minutes: settings.given.lead_time_seconds.div_ceil(60),
            metric_delay_minutes: 3,
            scale_out_cooldown_minutes: 3,
            scale_in_cooldown_minutes: 15,
            timeout_seconds: 30.0,
            service_ms: 40.0,
            max_instances: settings.given.limit,
            hourly_price: settings.given.hourly_price.unwrap_or_default(),
        }
    }
}

/// Simulates `policy` against `demand` (per second; each value holds until the next one) and sums up.
///
/// The group starts in the state in which the policy would have been before: its minimum, or what its rule
/// asks for at the first demand. A missing value repeats the one before it. A grid of months or without
/// clock is simulated as steps of an hour.
pub fn simulate(demand: &Series, policy: &Policy, settings: &Settings, simulation: &Simulation) -> Run {
    let rates = minutes(demand);
    let terms = Terms::new(settings, simulation);
    let mut group =
        Group::new(rates.first().copied().unwrap_or(0.0), policy, terms.unit_throughput, simulation);
    for rate in &rates {
        group.minute(*rate);
    }
    Run::new(&policy.name, group.minutes, terms)
}

/// Demand by minute. Values on a grid finer than a minute are averaged.
pub(crate) fn minutes(demand: &Series) -> Vec<f64> {
    let mut last = 0.0;
    let values = demand.values.iter().map(|value| {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            last = value.max(0.0);
        }
        last
    });
    let seconds = match demand.grid.frequency {
        Frequency::Seconds(seconds) => seconds.max(1) as f64,
        Frequency::Months(_) | Frequency::Steps(_) => 3600.0,
    };
    let values: Vec<f64> = values.collect();
    let total = (values.len() as f64 * seconds / 60.0).ceil() as usize;
    (0..total)
        .map(|minute| {
            let first = (minute as f64 * 60.0 / seconds).floor() as usize;
            let end =
                ((((minute + 1) as f64) * 60.0 / seconds).ceil() as usize).clamp(first + 1, values.len());
            let inside = &values[first.min(values.len() - 1)..end];
            inside.iter().sum::<f64>() / inside.len() as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use domain::{Grid, Stamp};
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Reaction, Rule, Signal};
    use crate::settings::SettingsInput;

    fn settings(unit_throughput: f64) -> Settings {
        SettingsInput { hourly_price: Some(Decimal::new(1, 1)), ..SettingsInput::new(unit_throughput) }
            .check()
            .unwrap()
    }

    fn demand(seconds: i64, values: Vec<Option<f64>>) -> Series {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::Seconds(seconds) };
        Series { unique_id: "shop".to_owned(), grid, values }
    }

    fn fixed(count: u32, rules: Vec<Rule>) -> Policy {
        Policy { name: "test".to_owned(), minimum: vec![(0, count)], rules }
    }

    fn tracking(signal: Signal, target: f64) -> Vec<Rule> {
        vec![Rule { signal, target, reaction: Reaction::Tracking }]
    }

    fn paid(run: &Run) -> Vec<u32> {
        run.minutes.iter().map(|minute| minute.paid).collect()
    }

    fn run(values: &[f64], policy: &Policy) -> Run {
        let settings = settings(100.0);
        let values = values.iter().map(|value| Some(*value)).collect();
        simulate(&demand(60, values), policy, &settings, &Simulation::of(&settings))
    }

    #[test]
    fn a_steady_group_costs_its_hours_and_answers_in_time() {
        let run = run(&[350.0; 120], &fixed(5, Vec::new()));
        assert_eq!(run.outcome.instance_hours, 10.0);
        assert_eq!(run.outcome.cost, Decimal::new(10, 1));
        assert_eq!((run.outcome.unserved, run.outcome.minutes_short), (0.0, 0.0));
        // 20 servers of 40 ms at 70 %: hardly a wait, 95 % of exponential services take at most 3 means.
        assert!((120.0..130.0).contains(&run.outcome.latency_p95_ms), "{}", run.outcome.latency_p95_ms);
    }

    #[test]
    fn an_overloaded_group_queues_first_and_then_loses() {
        let run = run(&[600.0, 600.0, 0.0], &fixed(5, Vec::new()));
        // 6000 too many a minute; 500 a second × 30 s may wait.
        assert_eq!(run.outcome.minutes_short, 2.0);
        assert_eq!(run.outcome.unserved, 0.0);
        assert_eq!(run.served, 72_000.0);
        assert!(run.outcome.latency_p95_ms > 10_000.0);
        let longer = self::run(&[600.0; 10], &fixed(5, Vec::new()));
        assert_eq!(longer.queued, 15_000.0);
        assert_eq!(longer.outcome.unserved, 45_000.0);
    }

    #[test]
    fn target_tracking_follows_after_delay_and_boot() {
        let mut values = vec![140.0; 30];
        values.extend([280.0; 60]);
        values.extend([140.0; 60]);
        let run = run(&values, &fixed(1, tracking(Signal::Utilization, 0.7)));
        let paid = paid(&run);
        assert_eq!(paid[..30], [2; 30]);
        // Seen 4 minutes later at the earliest. Both instances are busy: one more, then the rest.
        assert_eq!((paid[33], paid[34]), (2, 3));
        assert_eq!(paid[89], 4);
        assert_eq!(paid[149], 2);
        assert!(run.outcome.minutes_short >= 10.0);
    }

    #[test]
    fn the_schedule_acts_on_the_minute_and_the_quota_caps_it() {
        let settings = settings(100.0);
        let policy = Policy {
            name: "scheduled".to_owned(),
            minimum: vec![(0, 1), (5, 9), (20, 2)],
            rules: Vec::new(),
        };
        let demand = demand(3600, vec![Some(50.0)]);
        let mut simulation = Simulation::of(&settings);
        let run = simulate(&demand, &policy, &settings, &simulation);
        let counts = paid(&run);
        assert_eq!((counts[4], counts[5], counts[20]), (1, 9, 2));
        simulation.max_instances = Some(6);
        assert_eq!(paid(&simulate(&demand, &policy, &settings, &simulation))[5], 6);
    }

    #[test]
    fn gaps_repeat_and_fine_grids_are_averaged() {
        assert_eq!(minutes(&demand(120, vec![Some(3.0), None, Some(1.0)])), [3.0, 3.0, 3.0, 3.0, 1.0, 1.0]);
        assert_eq!(minutes(&demand(30, vec![Some(1.0), Some(3.0), Some(5.0)])), [2.0, 5.0]);
        assert_eq!(minutes(&demand(90, vec![Some(1.0), Some(3.0)])), [1.0, 2.0, 3.0]);
        assert!(minutes(&demand(60, vec![])).is_empty());
    }

    proptest! {
        #[test]
        fn no_request_is_lost_or_invented(
            values in prop::collection::vec(prop::option::of(0.0..3000.0), 1..200),
            count in 0u32..20, percent in 20u32..100, tracking in prop::bool::ANY, boot in 0u32..20,
            signal in prop::sample::select(vec![Signal::Utilization, Signal::Requests, Signal::Queue]),
        ) {
            let settings = settings(100.0);
            let simulation = Simulation { boot_minutes: boot, ..Simulation::of(&settings) };
            let share = f64::from(percent) / 100.0;
            let reaction = if tracking { Reaction::Tracking } else { Reaction::Step };
            let rule = Rule { signal, target: share, reaction };
            let demand = demand(60, values);
            let run = simulate(&demand, &fixed(count, vec![rule]), &settings, &simulation);
            let sum = run.served + run.outcome.unserved + run.queued;
            prop_assert!((sum - run.arrived).abs() <= 1e-9 * run.arrived.max(1.0));
            prop_assert!(run.minutes.iter().all(|minute| minute.paid >= count));
            prop_assert!(run.outcome.latency_p95_ms.is_finite());
            prop_assert_eq!(simulate(&demand, &fixed(count, vec![rule]), &settings, &simulation), run);
        }

        #[test]
        fn a_larger_fixed_group_never_serves_less(
            values in prop::collection::vec(0.0..3000.0, 1..100), count in 0u32..20,
        ) {
            let (less, more) = (run(&values, &fixed(count, Vec::new())), run(&values, &fixed(count + 1, Vec::new())));
            prop_assert!(more.outcome.unserved <= less.outcome.unserved + 1e-6);
            prop_assert!(more.outcome.minutes_short <= less.outcome.minutes_short);
        }
    }
}
