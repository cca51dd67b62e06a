//! An autoscaling group in the simulator: what it decides, starts, pays for and serves in each minute.

use crate::latency::Stretch;
use crate::policy::{Policy, Rule};
use crate::settings::Settings;
use crate::simulate::Simulation;

/// Share of the target below which target tracking takes instances away (AWS: 10 % below the target).
const SCALE_IN_BELOW: f64 = 0.9;

/// The state of the group.
pub(crate) struct Group<'a> {
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
    pub(crate) queue: f64,
    pub(crate) served: f64,
    pub(crate) unserved: f64,
    pub(crate) minutes_short: f64,
    pub(crate) paid: Vec<u32>,
    pub(crate) stretches: Vec<Stretch>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(
        rate: f64,
        policy: &'a Policy,
        settings: &Settings,
        simulation: &'a Simulation,
    ) -> Self {
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
    pub(crate) fn minute(&mut self, rate: f64) {
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
