//! Perfect foresight: the least that any policy could cost, had it known demand minute by minute.

use domain::Series;

use crate::outcome::Run;
use crate::policy::Policy;
use crate::requirement::instances_at;
use crate::settings::Settings;
use crate::simulate::{Simulation, minutes, simulate};

/// Simulates the cheapest way to have, in every minute, the instances that carry its `demand` at `utilization` (1: hardly
/// enough, never short).
///
/// No search is needed: what serves in a minute was asked for a boot time before and has been paid for since, so every
/// policy that keeps the promise pays in each minute for the most that it has from then until a boot time later. Paying for
/// no more than that keeps the promise, too. A quota below the need breaks it, for every policy alike.
pub fn foresight(demand: &Series, utilization: f64, settings: &Settings, simulation: &Simulation) -> Run {
    let needs: Vec<u32> = minutes(demand).into_iter().map(|rate| need(rate, utilization, settings)).collect();
    let boot = usize::try_from(simulation.boot_minutes).unwrap_or(usize::MAX);
    let mut minimum: Vec<(u64, u32)> = Vec::new();
    for minute in 0..needs.len() {
        let end = minute.saturating_add(boot).saturating_add(1).min(needs.len());
        let most = needs[minute..end].iter().copied().max().unwrap_or(0);
        if minimum.last().is_none_or(|(_, level)| *level != most) {
            minimum.push((minute as u64, most));
        }
    }
    let name = format!("foresight-{:.0}", 100.0 * utilization);
    simulate(demand, &Policy { name, minimum, rules: Vec::new() }, settings, simulation)
}

/// Instances for a rate; one more where rounding noise would leave it short.
fn need(rate: f64, utilization: f64, settings: &Settings) -> u32 {
    let need = instances_at(utilization, rate, settings);
    need.saturating_add(u32::from(rate > f64::from(need) * settings.given.unit_throughput))
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Reaction, Rule, Signal};
    use crate::settings::SettingsInput;

    fn settings() -> Settings {
        SettingsInput { min_instances: 0, ..SettingsInput::new(100.0) }.check().unwrap()
    }

    fn demand(values: &[f64]) -> Series {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::Seconds(60) };
        Series {
            unique_id: "shop".to_owned(),
            grid,
            values: values.iter().map(|value| Some(*value)).collect(),
        }
    }

    /// Instance-hours of the cheapest way through `demand` without a short minute: every sequence of paid instances up to
    /// three, each simulated.
    fn brute_force(demand: &Series, settings: &Settings, simulation: &Simulation) -> f64 {
        let minutes = demand.values.len();
        let ways = (0..4_u32.pow(u32::try_from(minutes).unwrap())).map(|way| {
            let level = |minute: usize| way / 4_u32.pow(u32::try_from(minute).unwrap()) % 4;
            let minimum = (0..minutes).map(|minute| (minute as u64, level(minute))).collect();
            let policy = Policy { name: "one way".to_owned(), minimum, rules: Vec::new() };
            simulate(demand, &policy, settings, simulation).outcome
        });
        ways.filter(|way| way.minutes_short == 0.0)
            .map(|way| way.instance_hours)
            .fold(f64::INFINITY, f64::min)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_other_way_that_is_never_short_costs_as_much_or_more(
            values in prop::collection::vec(prop::sample::select(vec![0.0, 60.0, 100.0, 170.0, 300.0]), 1..7),
            boot_minutes in 0_u32..4,
        ) {
            let (demand, settings) = (demand(&values), settings());
            let simulation = Simulation { boot_minutes, ..Simulation::of(&settings) };
            let run = foresight(&demand, 1.0, &settings, &simulation);
            prop_assert_eq!(run.outcome.minutes_short, 0.0);
            prop_assert_eq!(run.outcome.instance_hours, brute_force(&demand, &settings, &simulation));
        }

        #[test]
        fn no_rule_that_is_never_short_is_cheaper(
            values in prop::collection::vec(0.0..3000.0, 1..120), boot_minutes in 0_u32..20, percent in 20_u32..100,
            count in 0_u32..30,
        ) {
            let (demand, settings) = (demand(&values), settings());
            let simulation = Simulation { boot_minutes, ..Simulation::of(&settings) };
            let rule = Rule { signal: Signal::Requests, target: f64::from(percent) / 100.0, reaction: Reaction::Tracking };
            let policy = Policy { name: "tracking".to_owned(), minimum: vec![(0, count)], rules: vec![rule] };
            let tracking = simulate(&demand, &policy, &settings, &simulation).outcome;
            let least = foresight(&demand, 1.0, &settings, &simulation).outcome;
            prop_assert_eq!(least.minutes_short, 0.0);
            prop_assert!(tracking.minutes_short > 0.0 || least.instance_hours <= tracking.instance_hours + 1e-9);
        }
    }

    #[test]
    fn a_gap_is_bridged_by_what_costs_less_a_boot_or_the_wait() {
        let settings = settings();
        let simulation = Simulation { boot_minutes: 2, ..Simulation::of(&settings) };
        let hours = |values: &[f64]| {
            let run = foresight(&demand(values), 0.5, &settings, &simulation);
            (run.outcome.instance_hours * 60.0).round()
        };
        assert_eq!(hours(&[50.0, 0.0, 50.0]), 3.0, "kept for one minute");
        assert_eq!(hours(&[50.0, 0.0, 0.0, 0.0, 0.0, 50.0]), 4.0, "booted again");
        assert_eq!(hours(&[60.0]), 2.0, "two at half of their throughput");
    }
}
