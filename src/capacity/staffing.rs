//! The latency model behind a requirement, shown: waits and percentiles by number of instances.

use serde::{Deserialize, Serialize};

use crate::latency::{Stretch, erlang_c, percentile_ms};

/// Most instances that are tried for a latency.
const MOST_INSTANCES: u32 = 100_000;

/// How a group of one size answers one demand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Staffing {
    /// Instances.
    pub instances: u32,
    /// Share of them that is busy; 1 or more: the queue grows without end.
    pub utilization: f64,
    /// Probability that a request has to wait (Erlang-C).
    pub wait_probability: f64,
    /// Mean wait in milliseconds; `None` when the queue grows.
    pub mean_wait_ms: Option<f64>,
    /// 95th percentile of wait and service together in milliseconds; `None` when the queue grows.
    pub latency_p95_ms: Option<f64>,
    /// β of square-root staffing: servers = load + β √load.
    pub beta: f64,
}

/// How `instances` answer `demand` a second, each saturating at `unit_throughput`, with a mean time of
/// `service_ms` (M/M/c with as many servers as saturate there).
pub fn staffing(demand: f64, instances: u32, unit_throughput: f64, service_ms: f64) -> Staffing {
    let concurrency = (unit_throughput * service_ms / 1000.0).round().max(1.0);
    let servers = f64::from(instances) * concurrency;
    let capacity = f64::from(instances) * unit_throughput;
    let load = demand / unit_throughput * concurrency;
    let stable = demand < capacity;
    let stretch =
        Stretch { rate: demand, capacity, servers: servers as u32, backlog_seconds: 0.0, requests: 1.0 };
    let wait_probability = erlang_c(servers as u32, load);
    let seconds = service_ms / 1000.0;
    Staffing {
        instances,
        utilization: if capacity > 0.0 { demand / capacity } else { f64::INFINITY },
        wait_probability,
        mean_wait_ms: stable.then(|| 1000.0 * wait_probability / (capacity - demand)),
        latency_p95_ms: stable.then(|| percentile_ms(&[stretch], 0.0, f64::INFINITY, seconds, 0.95)),
        beta: if load > 0.0 { (servers - load) / load.sqrt() } else { f64::INFINITY },
    }
}

/// The smallest group whose 95th percentile of latency is within `slo_ms`; `None` when service alone is slower.
pub fn instances_for_latency(demand: f64, slo_ms: f64, unit_throughput: f64, service_ms: f64) -> Option<u32> {
    let keeps = |instances: u32| {
        let latency = staffing(demand, instances, unit_throughput, service_ms).latency_p95_ms;
        latency.is_some_and(|latency| latency <= slo_ms)
    };
    let first = (demand / unit_throughput).ceil().max(1.0) as u32;
    // More instances never wait longer, so the group can be doubled and then halved in.
    let enough = (0..18).map(|power| first.saturating_mul(1 << power)).find(|count| keeps(*count))?;
    let (mut low, mut high) = (first.min(enough) - 1, enough.min(MOST_INSTANCES));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if keeps(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// Square-root staffing (Halfin & Whitt 1981): load + β √load instances' worth of servers, rounded up.
pub fn square_root_staffing(demand: f64, beta: f64, unit_throughput: f64, service_ms: f64) -> u32 {
    let concurrency = (unit_throughput * service_ms / 1000.0).round().max(1.0);
    let load = (demand / unit_throughput * concurrency).max(0.0);
    ((load + beta * load.sqrt()) / concurrency - 1e-9).ceil().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_the_textbook_queue() {
        // M/M/1 at 70 %: waits 70 %, mean wait ρ ÷ (μ − λ), p95 ln 20 ÷ (μ − λ).
        let found = staffing(17.5, 1, 25.0, 40.0);
        assert!((found.wait_probability - 0.7).abs() < 1e-9);
        assert!((found.mean_wait_ms.unwrap() - 700.0 / 7.5).abs() < 1e-6);
        assert!((found.latency_p95_ms.unwrap() - 1000.0 * 20f64.ln() / 7.5).abs() < 1e-2);
        assert_eq!(staffing(30.0, 1, 25.0, 40.0).latency_p95_ms, None);
    }

    #[test]
    fn the_smallest_group_within_the_promise_is_found() {
        for demand in [5.0, 90.0, 1300.0, 20_000.0] {
            let count = instances_for_latency(demand, 130.0, 100.0, 40.0).unwrap();
            let latency = |count| staffing(demand, count, 100.0, 40.0).latency_p95_ms.unwrap_or(f64::MAX);
            assert!(latency(count) <= 130.0);
            assert!(count == 1 || latency(count - 1) > 130.0, "{demand}: {count}");
        }
        assert_eq!(instances_for_latency(5.0, 100.0, 100.0, 40.0), None);
    }

    #[test]
    fn the_square_root_rule_keeps_the_probability_to_wait() {
        for demand in [1000.0, 10_000.0, 40_000.0] {
            let found = staffing(demand, square_root_staffing(demand, 1.0, 25.0, 40.0), 25.0, 40.0);
            // Halfin & Whitt: P(wait) at β = 1 is 0.2234.
            assert!((found.wait_probability - 0.2234).abs() < 0.04, "{found:?}");
        }
    }
}
