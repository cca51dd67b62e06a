//! An autoscaling group in the simulator: what it decides, starts, pays for and serves in each minute.

use crate::outcome::Minute;
use crate::policy::{Policy, Reaction, Rule, Signal};
use crate::simulate::Simulation;

/// Share of the target below which target tracking takes instances away (AWS: 10 % below the target).
const SCALE_IN_BELOW: f64 = 0.9;

/// The state of the group.
pub(crate) struct Group<'a> {
    policy: &'a Policy,
    simulation: &'a Simulation,
    unit_throughput: f64,
    minute: u64,
    next_minimum: usize,
    minimum: u32,
    ready: u32,
    /// (minute from which they serve, how many), oldest first.
    booting: Vec<(u64, u32)>,
    last_out: Option<u64>,
    last_in: Option<u64>,
    /// What the metrics know, by minute.
    pub(crate) minutes: Vec<Minute>,
    queue: f64,
}

impl<'a> Group<'a> {
    pub(crate) fn new(
        rate: f64,
        policy: &'a Policy,
        unit_throughput: f64,
        simulation: &'a Simulation,
    ) -> Self {
        let minimum = policy.minimum.first().map_or(0, |(_, count)| *count);
        let settled = |rule: &Rule| match rule.signal {
            Signal::Utilization | Signal::Requests => wanted(rate / unit_throughput, rule.target),
            Signal::Queue => wanted(rate / unit_throughput, 1.0),
        };
        let settled = policy.rules.iter().map(settled).max().unwrap_or(0);
        let limit = simulation.max_instances.unwrap_or(u32::MAX);
        Self {
            policy,
            simulation,
            unit_throughput,
            minute: 0,
            next_minimum: 0,
            minimum,
            ready: minimum.max(settled).min(limit),
            booting: Vec::new(),
            last_out: None,
            last_in: None,
            minutes: Vec::new(),
            queue: 0.0,
        }
    }

    /// Instances arrive, the policy decides, requests are served.
    pub(crate) fn minute(&mut self, rate: f64) {
        let booted = self.booting.partition_point(|(at, _)| *at <= self.minute);
        self.ready += self.booting.drain(..booted).map(|(_, count)| count).sum::<u32>();
        self.decide();
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
        let wanted = if self.policy.rules.is_empty() { self.minimum } else { self.by_rules(total) };
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

    /// What the rules want, seeing the load as it was before the delay: the one that wants most wins, and all
    /// have to agree before instances go.
    fn by_rules(&mut self, total: u32) -> u32 {
        let delay = u64::from(self.simulation.metric_delay_minutes) + 1;
        let Some(seen) = self.minute.checked_sub(delay).and_then(|minute| usize::try_from(minute).ok())
        else {
            return total;
        };
        let window = self.simulation.scale_in_cooldown_minutes;
        let recent = &self.minutes[(seen + 1).saturating_sub(window as usize)..=seen];
        let out = self.policy.rules.iter().map(|rule| self.more(*rule, &self.minutes[seen], total)).max();
        let fewer = self.policy.rules.iter().map(|rule| self.fewer(*rule, recent, total)).max();
        let (out, fewer) = (out.unwrap_or(total), fewer.unwrap_or(total));
        let rested =
            |last: Option<u64>, minutes: u32| last.is_none_or(|at| self.minute >= at + u64::from(minutes));
        if out > total {
            if rested(self.last_out, self.simulation.scale_out_cooldown_minutes) {
                self.last_out = Some(self.minute);
                return out;
            }
            return total;
        }
        if fewer < total && rested(self.last_in, window) && rested(self.last_out, window) {
            self.last_in = Some(self.minute);
            return fewer;
        }
        total
    }

    /// The signal of a minute, times the instances it was seen on.
    fn whole(&self, signal: Signal, minute: &Minute) -> f64 {
        match signal {
            Signal::Utilization => minute.busy,
            Signal::Requests => minute.rate / self.unit_throughput,
            Signal::Queue => minute.queue / self.unit_throughput,
        }
    }

    /// Instances that a rule wants at least.
    fn more(&self, rule: Rule, seen: &Minute, total: u32) -> u32 {
        let whole = self.whole(rule.signal, seen);
        match rule.reaction {
            Reaction::Tracking => wanted(whole, rule.target),
            Reaction::Step => {
                let more = match whole / f64::from(seen.ready.max(1)) - rule.target {
                    above if above >= 0.2 => 2.0,
                    above if above >= 0.1 => 1.5,
                    above if above > 0.0 => 1.2,
                    _ => 1.0,
                };
                (f64::from(total) * more).ceil() as u32
            }
        }
    }

    /// Instances that a rule can do with, after all of the `recent` minutes.
    fn fewer(&self, rule: Rule, recent: &[Minute], total: u32) -> u32 {
        let busiest = recent.iter().map(|minute| self.whole(rule.signal, minute)).fold(0.0, f64::max);
        let (fewer, quiet) = match rule.reaction {
            Reaction::Tracking => (wanted(busiest, rule.target), rule.target * SCALE_IN_BELOW),
            Reaction::Step => ((f64::from(total) * 0.9).floor() as u32, rule.target - 0.3),
        };
        if busiest < quiet * f64::from(total) { fewer } else { total }
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
        let offered = self.queue + rate * 60.0;
        let waiting = offered - offered.min(capacity * 60.0);
        self.queue = waiting.min(capacity * self.simulation.timeout_seconds);
        // What is left over from a drop in capacity shows as busy instances, never as more than all of them.
        let busy = (offered / 60.0 / self.unit_throughput).min(f64::from(self.ready));
        let (queue, unserved, paid) = (self.queue, waiting - self.queue, self.total());
        self.minutes.push(Minute { rate, busy, queue, unserved, ready: self.ready, paid });
    }
}

/// Instances that bring a signal, summed over all of them, to `target` each.
fn wanted(whole: f64, target: f64) -> u32 {
    (whole / target - 1e-9).ceil().max(0.0) as u32
}
