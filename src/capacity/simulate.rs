//! The simulator: one policy against one path of demand, minute by minute.

use domain::{Frequency, PolicyOutcome, Series};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::latency::{Stretch, percentile_ms};
use crate::policy::{Policy, Rule};
use crate::settings::Settings;

/// Share of the target below which target tracking takes instances away (AWS: 10 % below the target).
const SCALE_IN_BELOW: f64 = 0.9;

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

/// One policy's way through the simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The totals.
    pub outcome: PolicyOutcome,
    /// Requests that came in.
    pub arrived: f64,
    /// Requests that were served.
    pub served: f64,
    /// Requests still waiting at the end. Served, unserved and queued add up to arrived.
    pub queued: f64,
    /// Instances that were paid for, by minute.
    pub instances: Vec<u32>,
}

/// Simulates `policy` against `demand` (per second; each value holds until the next one) and sums up.
///
/// The group starts in the state in which the policy would have been before: its minimum, or what its rule
/// asks for at the first demand. A missing value repeats the one before it. A grid of months or without
/// clock is simulated as steps of an hour.
pub fn simulate(demand: &Series, policy: &Policy, settings: &Settings, simulation: &Simulation) -> Run {
    let rates = minutes(demand);
    let mut group = Group::new(rates.first().copied().unwrap_or(0.0), policy, settings, simulation);
    for rate in &rates {
        group.minute(*rate);
    }
    let instance_minutes: u64 = group.paid.iter().map(|count| u64::from(*count)).sum();
    let cost = Decimal::from(instance_minutes) * simulation.hourly_price / Decimal::from(60);
    let latency_p95_ms = percentile_ms(
        &group.stretches,
        group.unserved,
        simulation.timeout_seconds,
        simulation.service_ms / 1000.0,
        0.95,
    );
    Run {
        outcome: PolicyOutcome {
            policy: policy.name.clone(),
            instance_hours: instance_minutes as f64 / 60.0,
            cost,
            minutes_short: group.minutes_short,
            unserved: group.unserved,
            latency_p95_ms,
        },
        arrived: rates.iter().map(|rate| rate * 60.0).sum(),
        served: group.served,
        queued: group.queue,
        instances: group.paid,
    }
}

/// Demand by minute. Values on a grid finer than a minute are averaged.
fn minutes(demand: &Series) -> Vec<f64> {
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

/// The state of the group.
struct Group<'a> {
    policy: &'a Policy,
    simulation: &'a Simulation,
    unit_throughput: f64,
    /// Requests one instance works on at a time.
    concurrency: f64,
    minute: u64,
    next_minimum: usize,
    minimum: u32,
    ready: u32,
    /// (minute from which they serve, how many), oldest first.
    booting: Vec<(u64, u32)>,
    /// Load by minute, in instances that would be fully busy with it.
    loads: Vec<f64>,
    /// Ready instances by minute, as the metric knows them.
    observed: Vec<u32>,
    last_out: Option<u64>,
    last_in: Option<u64>,
    queue: f64,
    served: f64,
    unserved: f64,
    minutes_short: f64,
    paid: Vec<u32>,
    stretches: Vec<Stretch>,
}

impl<'a> Group<'a> {
    fn new(rate: f64, policy: &'a Policy, settings: &Settings, simulation: &'a Simulation) -> Self {
        let unit_throughput = settings.given.unit_throughput;
        let minimum = policy.minimum.first().map_or(0, |(_, count)| *count);
        let settled = match policy.rule {
            Some(Rule::Tracking(target) | Rule::Step(target)) => {
                (rate / unit_throughput / target - 1e-9).ceil().max(0.0) as u32
            }
            None => 0,
        };
        let limit = simulation.max_instances.unwrap_or(u32::MAX);
        Self {
            policy,
            simulation,
            unit_throughput,
            concurrency: (unit_throughput * simulation.service_ms / 1000.0).round().max(1.0),
            minute: 0,
            next_minimum: 0,
            minimum,
            ready: minimum.max(settled).min(limit),
            booting: Vec::new(),
            loads: Vec::new(),
            observed: Vec::new(),
            last_out: None,
            last_in: None,
            queue: 0.0,
            served: 0.0,
            unserved: 0.0,
            minutes_short: 0.0,
            paid: Vec::new(),
            stretches: Vec::new(),
        }
    }

    /// Instances arrive, the policy decides, requests are served.
    fn minute(&mut self, rate: f64) {
        let booted = self.booting.partition_point(|(at, _)| *at <= self.minute);
        self.ready += self.booting.drain(..booted).map(|(_, count)| count).sum::<u32>();
        self.decide();
        self.paid.push(self.total());
        self.serve(rate);
        self.minute += 1;
    }

    fn total(&self) -> u32 {
        self.ready + self.booting.iter().map(|(_, count)| count).sum::<u32>()
    }

    fn decide(&mut self) {
        while let Some((from, count)) = self.policy.minimum.get(self.next_minimum)
            && *from <= self.minute
        {
            (self.minimum, self.next_minimum) = (*count, self.next_minimum + 1);
        }
        let total = self.total();
        let wanted = self.policy.rule.map_or(self.minimum, |rule| self.by_rule(rule, total));
        let wanted = wanted.max(self.minimum).min(self.simulation.max_instances.unwrap_or(u32::MAX));
        if wanted > total {
            self.booting.push((self.minute + u64::from(self.simulation.boot_minutes), wanted - total));
            if self.simulation.boot_minutes == 0 {
                self.ready += self.booting.drain(..).map(|(_, count)| count).sum::<u32>();
            }
        } else {
            self.remove(total - wanted);
        }
    }

    /// What the rule wants, seeing the load as it was before the delay.
    fn by_rule(&mut self, rule: Rule, total: u32) -> u32 {
        let delay = u64::from(self.simulation.metric_delay_minutes) + 1;
        let Some(seen) = self.minute.checked_sub(delay).and_then(|minute| usize::try_from(minute).ok())
        else {
            return total;
        };
        let utilization = self.loads[seen] / f64::from(self.observed[seen].max(1));
        let (out, target) = match rule {
            Rule::Tracking(target) => ((self.loads[seen] / target - 1e-9).ceil() as u32, target),
            Rule::Step(target) => {
                let more = match utilization - target {
                    above if above >= 0.2 => 2.0,
                    above if above >= 0.1 => 1.5,
                    above if above > 0.0 => 1.2,
                    _ => 1.0,
                };
                ((f64::from(total) * more).ceil() as u32, target)
            }
        };
        let rested =
            |last: Option<u64>, minutes: u32| last.is_none_or(|at| self.minute >= at + u64::from(minutes));
        if out > total {
            if rested(self.last_out, self.simulation.scale_out_cooldown_minutes) {
                self.last_out = Some(self.minute);
                return out;
            }
            return total;
        }
        let window = self.simulation.scale_in_cooldown_minutes;
        let first = (seen + 1).saturating_sub(window as usize);
        let busiest = self.loads[first..=seen].iter().copied().fold(0.0, f64::max);
        let (fewer, quiet) = match rule {
            Rule::Tracking(_) => ((busiest / target - 1e-9).ceil() as u32, target * SCALE_IN_BELOW),
            Rule::Step(_) => ((f64::from(total) * 0.9).floor() as u32, target - 0.3),
        };
        let is_quiet = busiest < quiet * f64::from(total);
        if fewer < total && is_quiet && rested(self.last_in, window) && rested(self.last_out, window) {
            self.last_in = Some(self.minute);
            return fewer;
        }
        total
    }

    /// Newest first: what has not served yet goes before what does.
    fn remove(&mut self, count: u32) {
        let mut left = count;
        while left > 0
            && let Some((at, booting)) = self.booting.pop()
        {
            if booting > left {
                self.booting.push((at, booting - left));
                return;
            }
            left -= booting;
        }
        self.ready -= left;
    }

    /// A fluid queue: first in, first out, left by those who would wait longer than the time-out.
    fn serve(&mut self, rate: f64) {
        let capacity = f64::from(self.ready) * self.unit_throughput;
        let before = self.queue;
        let offered = before + rate * 60.0;
        let served = offered.min(capacity * 60.0);
        let waiting = offered - served;
        self.queue = waiting.min(capacity * self.simulation.timeout_seconds);
        self.unserved += waiting - self.queue;
        self.served += served;
        if rate > capacity {
            self.minutes_short += 1.0;
        }
        // What is left over from a drop in capacity shows as busy instances, never as more than all of them.
        self.loads.push((offered / 60.0 / self.unit_throughput).min(f64::from(self.ready)));
        self.observed.push(self.ready);

        if served > 0.0 {
            let backlog_seconds = (before + self.queue) / 2.0 / capacity;
            let servers = (f64::from(self.ready) * self.concurrency) as u32;
            let stretch = Stretch { rate, capacity, servers, backlog_seconds, requests: served };
            match self.stretches.last_mut() {
                Some(last) if (Stretch { requests: served, ..*last }) == stretch => last.requests += served,
                _ => self.stretches.push(stretch),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Grid, Stamp};
    use proptest::prelude::*;

    use super::*;
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

    fn fixed(count: u32, rule: Option<Rule>) -> Policy {
        Policy { name: "test".to_owned(), minimum: vec![(0, count)], rule }
    }

    fn run(values: &[f64], policy: &Policy) -> Run {
        let settings = settings(100.0);
        let values = values.iter().map(|value| Some(*value)).collect();
        simulate(&demand(60, values), policy, &settings, &Simulation::of(&settings))
    }

    #[test]
    fn a_steady_group_costs_its_hours_and_answers_in_time() {
        let run = run(&[350.0; 120], &fixed(5, None));
        assert_eq!(run.outcome.instance_hours, 10.0);
        assert_eq!(run.outcome.cost, Decimal::new(10, 1));
        assert_eq!((run.outcome.unserved, run.outcome.minutes_short), (0.0, 0.0));
        // 20 servers of 40 ms at 70 %: hardly a wait, 95 % of exponential services take at most 3 means.
        assert!((120.0..130.0).contains(&run.outcome.latency_p95_ms), "{}", run.outcome.latency_p95_ms);
    }

    #[test]
    fn an_overloaded_group_queues_first_and_then_loses() {
        let run = run(&[600.0, 600.0, 0.0], &fixed(5, None));
        // 6000 too many a minute; 500 a second × 30 s may wait.
        assert_eq!(run.outcome.minutes_short, 2.0);
        assert_eq!(run.outcome.unserved, 0.0);
        assert_eq!(run.served, 72_000.0);
        assert!(run.outcome.latency_p95_ms > 10_000.0);
        let longer = self::run(&[600.0; 10], &fixed(5, None));
        assert_eq!(longer.queued, 15_000.0);
        assert_eq!(longer.outcome.unserved, 45_000.0);
    }

    #[test]
    fn target_tracking_follows_after_delay_and_boot() {
        let mut values = vec![140.0; 30];
        values.extend([280.0; 60]);
        values.extend([140.0; 60]);
        let run = run(&values, &fixed(1, Some(Rule::Tracking(0.7))));
        assert_eq!(run.instances[..30], [2; 30]);
        // Seen 4 minutes later at the earliest. Both instances are busy: one more, then the rest.
        assert_eq!((run.instances[33], run.instances[34]), (2, 3));
        assert_eq!(run.instances[89], 4);
        assert_eq!(run.instances[149], 2);
        assert!(run.outcome.minutes_short >= 10.0);
    }

    #[test]
    fn the_schedule_acts_on_the_minute_and_the_quota_caps_it() {
        let settings = settings(100.0);
        let policy =
            Policy { name: "scheduled".to_owned(), minimum: vec![(0, 1), (5, 9), (20, 2)], rule: None };
        let demand = demand(3600, vec![Some(50.0)]);
        let mut simulation = Simulation::of(&settings);
        let run = simulate(&demand, &policy, &settings, &simulation);
        assert_eq!((run.instances[4], run.instances[5], run.instances[20]), (1, 9, 2));
        simulation.max_instances = Some(6);
        assert_eq!(simulate(&demand, &policy, &settings, &simulation).instances[5], 6);
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
        ) {
            let settings = settings(100.0);
            let simulation = Simulation { boot_minutes: boot, ..Simulation::of(&settings) };
            let share = f64::from(percent) / 100.0;
            let rule = if tracking { Rule::Tracking(share) } else { Rule::Step(share) };
            let demand = demand(60, values);
            let run = simulate(&demand, &fixed(count, Some(rule)), &settings, &simulation);
            let sum = run.served + run.outcome.unserved + run.queued;
            prop_assert!((sum - run.arrived).abs() <= 1e-9 * run.arrived.max(1.0));
            prop_assert!(run.instances.iter().all(|paid| *paid >= count));
            prop_assert!(run.outcome.latency_p95_ms.is_finite());
            prop_assert_eq!(simulate(&demand, &fixed(count, Some(rule)), &settings, &simulation), run);
        }

        #[test]
        fn a_larger_fixed_group_never_serves_less(
            values in prop::collection::vec(0.0..3000.0, 1..100), count in 0u32..20,
        ) {
            let (less, more) = (run(&values, &fixed(count, None)), run(&values, &fixed(count + 1, None)));
            prop_assert!(more.outcome.unserved <= less.outcome.unserved + 1e-6);
            prop_assert!(more.outcome.minutes_short <= less.outcome.minutes_short);
        }
    }
}
