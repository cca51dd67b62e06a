//! The simulator against queueing theory (tests only).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use domain::{Frequency, Grid, Series, Stamp};

use crate::{Policy, Run, SettingsInput, Simulation, simulate};

/// Mean time of a request without any waiting.
const SERVICE_SECONDS: f64 = 0.04;

/// Four hours of the same demand on `instances` of `servers` each.
fn simulated(instances: u32, servers: u32, utilization: f64) -> Run {
    let unit_throughput = f64::from(servers) / SERVICE_SECONDS;
    let settings = SettingsInput::new(unit_throughput).check().unwrap();
    let rate = f64::from(instances) * unit_throughput * utilization;
    let demand = Series {
        unique_id: "steady".to_owned(),
        grid: Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) },
        values: vec![Some(rate); 4],
    };
    let policy = Policy { name: "static".to_owned(), minimum: vec![(0, instances)], rules: Vec::new() };
    simulate(&demand, &policy, &settings, &Simulation::of(&settings))
}

/// The textbook sum: P(wait) = (aᶜ/c! · c/(c−a)) ÷ (Σ aᵏ/k! + aᶜ/c! · c/(c−a)), mean wait = P(wait) ÷ (cμ − λ).
fn textbook_wait_ms(servers: u32, utilization: f64) -> f64 {
    let count = f64::from(servers);
    let load = count * utilization;
    // Terms relative to the last one, so that nothing overflows.
    let (mut term, mut below) = (1.0, 0.0);
    for k in (1..=servers).rev() {
        term *= f64::from(k) / load;
        below += term;
    }
    let waiting = 1.0 / (1.0 - utilization);
    let waits = waiting / (below + waiting);
    1000.0 * waits * SERVICE_SECONDS / (count - load)
}

#[test]
fn waiting_times_are_erlang_c_over_a_grid() {
    for instances in [1, 2, 5, 20, 100] {
        for servers in [1, 4] {
            for utilization in [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99] {
                let theory = textbook_wait_ms(instances * servers, utilization);
                let found = simulated(instances, servers, utilization).mean_wait_ms;
                assert!(
                    (found - theory).abs() <= 0.02 * theory + 1e-12,
                    "{instances} × {servers} at {utilization}: {found} ms, theory {theory} ms"
                );
            }
        }
    }
}

/// Uniform numbers in (0, 1): Marsaglia's xorshift, so that the test needs no crate and never changes.
struct Random(u64);

impl Random {
    fn exponential(&mut self, mean: f64) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        -(((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64).ln() * mean
    }
}

/// Waits of `customers` at `servers` servers in milliseconds, each customer followed on its own: mean, and 95th
/// percentile of wait and service together.
fn followed(servers: u32, utilization: f64, customers: usize) -> (f64, f64) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ u64::from(servers));
    let (mut now, mut waited) = (0.0, 0.0);
    // Times at which servers get free, in nanoseconds: integers are ordered.
    let mut free: BinaryHeap<Reverse<u64>> = (0..servers).map(|_| Reverse(0)).collect();
    let mut responses = Vec::with_capacity(customers);
    for _ in 0..customers {
        now += random.exponential(SERVICE_SECONDS / (f64::from(servers) * utilization));
        let Reverse(at) = free.pop().unwrap();
        let start = (at as f64 / 1e9).max(now);
        let service = random.exponential(SERVICE_SECONDS);
        waited += start - now;
        responses.push(start + service - now);
        free.push(Reverse(((start + service) * 1e9) as u64));
    }
    responses.sort_by(f64::total_cmp);
    (1000.0 * waited / customers as f64, 1000.0 * responses[customers * 95 / 100])
}

#[test]
fn mean_waits_and_percentiles_are_those_of_customers_followed_one_by_one() {
    for (servers, utilization) in [(1, 0.5), (1, 0.7), (2, 0.7), (5, 0.8), (10, 0.8), (20, 0.85)] {
        let (wait, p95) = followed(servers, utilization, 4_000_000);
        let run = simulated(servers, 1, utilization);
        let error = (run.mean_wait_ms / wait - 1.0).abs();
        assert!(error < 0.02, "{servers} at {utilization}: {} ms, followed {wait} ms", run.mean_wait_ms);
        let error = (run.outcome.latency_p95_ms / p95 - 1.0).abs();
        assert!(
            error < 0.02,
            "{servers} at {utilization}: p95 {} ms, followed {p95} ms",
            run.outcome.latency_p95_ms
        );
    }
}
