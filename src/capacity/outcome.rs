//! What a stretch of simulated minutes comes to: hours, cost, shortage and latency.

use std::ops::Range;

use domain::PolicyOutcome;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::latency::{Stretch, mean_wait_ms, percentile_ms};
use crate::settings::Settings;
use crate::simulate::Simulation;

/// One minute of a group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Requests a second that came in.
    pub rate: f64,
    /// Instances' worth of work, at most all that are ready.
    pub busy: f64,
    /// Requests still waiting at its end.
    pub queue: f64,
    /// Requests that gave up waiting.
    pub unserved: f64,
    /// Instances that served.
    pub ready: u32,
    /// Instances that were paid for: those that start, too.
    pub paid: u32,
}

impl Minute {
    /// Share of the ready instances that was busy, 0 to 1.
    pub fn utilization(&self) -> f64 {
        self.busy / f64::from(self.ready.max(1))
    }
}

/// One policy's way through the simulation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The totals.
    pub outcome: PolicyOutcome,
    /// Requests that came in.
    pub arrived: f64,
    /// Requests that were served.
    pub served: f64,
    /// Requests still waiting at the end. Served, unserved and queued add up to arrived.
    pub queued: f64,
    /// Mean time that a served request waited before it was worked on, in milliseconds.
    pub mean_wait_ms: f64,
    /// What happened, minute by minute.
    pub minutes: Vec<Minute>,
    terms: Terms,
}

/// What turns minutes into money and milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) unit_throughput: f64,
    /// Requests one instance works on at a time.
    concurrency: f64,
    timeout_seconds: f64,
    service_seconds: f64,
    hourly_price: Decimal,
}

impl Terms {
    pub(crate) fn new(settings: &Settings, simulation: &Simulation) -> Self {
        let unit_throughput = settings.given.unit_throughput;
        Self {
            unit_throughput,
            concurrency: (unit_throughput * simulation.service_ms / 1000.0).round().max(1.0),
            timeout_seconds: simulation.timeout_seconds,
            service_seconds: simulation.service_ms / 1000.0,
            hourly_price: simulation.hourly_price,
        }
    }
}

impl Run {
    pub(crate) fn new(policy: &str, minutes: Vec<Minute>, terms: Terms) -> Self {
        let stretches = stretches(&minutes, 0.0, &terms);
        Self {
            outcome: outcome(policy, &minutes, &stretches, &terms),
            arrived: minutes.iter().map(|minute| minute.rate * 60.0).sum(),
            served: stretches.iter().map(|stretch| stretch.requests).sum(),
            queued: minutes.last().map_or(0.0, |minute| minute.queue),
            mean_wait_ms: mean_wait_ms(&stretches),
            minutes,
            terms,
        }
    }

    /// Whether more came in during a minute than the ready instances can serve.
    pub fn is_short(&self, minute: &Minute) -> bool {
        is_short(minute, &self.terms)
    }

    /// The same for the minutes of `range` alone, as far as they were simulated.
    pub fn during(&self, range: Range<usize>) -> PolicyOutcome {
        let end = range.end.min(self.minutes.len());
        let start = range.start.min(end);
        let before = start.checked_sub(1).map_or(0.0, |minute| self.minutes[minute].queue);
        let minutes = &self.minutes[start..end];
        outcome(&self.outcome.policy, minutes, &stretches(minutes, before, &self.terms), &self.terms)
    }
}

fn is_short(minute: &Minute, terms: &Terms) -> bool {
    minute.rate > f64::from(minute.ready) * terms.unit_throughput
}

fn outcome(policy: &str, minutes: &[Minute], stretches: &[Stretch], terms: &Terms) -> PolicyOutcome {
    let instance_minutes: u64 = minutes.iter().map(|minute| u64::from(minute.paid)).sum();
    let unserved: f64 = minutes.iter().map(|minute| minute.unserved).sum();
    PolicyOutcome {
        policy: policy.to_owned(),
        instance_hours: instance_minutes as f64 / 60.0,
        cost: Decimal::from(instance_minutes) * terms.hourly_price / Decimal::from(60),
        minutes_short: minutes.iter().filter(|minute| is_short(minute, terms)).count() as f64,
        unserved,
        latency_p95_ms: percentile_ms(
            stretches,
            unserved,
            terms.timeout_seconds,
            terms.service_seconds,
            0.95,
        ),
    }
}

/// How the requests of each minute fared, equal neighbours together; `queue` waited before the first.
fn stretches(minutes: &[Minute], mut queue: f64, terms: &Terms) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for minute in minutes {
        let before = std::mem::replace(&mut queue, minute.queue);
        let requests = before + minute.rate * 60.0 - minute.unserved - minute.queue;
        if minute.ready == 0 || requests <= 0.0 {
            continue;
        }
        let capacity = f64::from(minute.ready) * terms.unit_throughput;
        let stretch = Stretch {
            rate: minute.rate,
            capacity,
            servers: (f64::from(minute.ready) * terms.concurrency) as u32,
            backlog_seconds: (before + minute.queue) / 2.0 / capacity,
            requests,
        };
        match stretches.last_mut() {
            Some(last) if (Stretch { requests, ..*last }) == stretch => last.requests += requests,
            _ => stretches.push(stretch),
        }
    }
    stretches
}
