//! The latency model behind a requirement, shown: waits and percentiles by number of instances.

use serde::{Deserialize, Serialize};

use crate::latency::{Stretch, erlang_c, percentile_ms};
use crate::requirement::instances;
use crate::settings::Settings;

/// Parts that a table cuts the way from the smallest group to the required one into.
const TABLE_PARTS: u32 = 5;

/// Most instances that are tried for a latency.
const MOST_INSTANCES: u32 = 100_000;

/// How a group of one size answers one demand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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

/// One group size of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StaffingRow {
    /// How it answers.
    #[serde(flatten)]
    pub staffing: Staffing,
    /// What is special about it, in words; nothing about the sizes in between.
    pub is: Vec<String>,
}

/// How groups of several sizes answer `demand` a second: from the first that keeps up to what `settings` ask for, with
/// the smallest within `slo_ms` and the square-root rule at β = 1 among them.
pub fn staffing_table(demand: f64, slo_ms: f64, service_ms: f64, settings: &Settings) -> Vec<StaffingRow> {
    let unit = settings.given.unit_throughput;
    let keeps_up = (demand / unit).floor() as u32 + 1;
    let required = instances(demand, settings);
    let target = format!(
        "what the plan asks for: at most {:.0} % used, with what is to be survived",
        settings.given.target_utilization * 100.0
    );
    let mut special = vec![
        (keeps_up, "the smallest that keeps up at all".to_owned()),
        (square_root_staffing(demand, 1.0, unit, service_ms), "square-root staffing with β = 1".to_owned()),
        (required, target),
    ];
    if let Some(count) = instances_for_latency(demand, slo_ms, unit, service_ms) {
        special.push((count, format!("the smallest with a p95 within {slo_ms:.0} ms")));
    }
    let between = |part: u32| keeps_up + (required.saturating_sub(keeps_up)) * part / TABLE_PARTS;
    let mut sizes: Vec<u32> =
        (0..=TABLE_PARTS).map(between).chain(special.iter().map(|(count, _)| *count)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let row = |count: u32| StaffingRow {
        staffing: staffing(demand, count, unit, service_ms),
        is: special.iter().filter(|(size, _)| *size == count).map(|(_, what)| what.clone()).collect(),
    };
    sizes.into_iter().map(row).collect()
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

    #[test]
    fn a_table_leads_from_the_first_that_keeps_up_to_what_is_required() {
        let settings = crate::SettingsInput::new(100.0).check().unwrap();
        let table = staffing_table(1300.0, 130.0, 40.0, &settings);
        let sizes: Vec<u32> = table.iter().map(|row| row.staffing.instances).collect();
        assert!(sizes.is_sorted() && sizes[0] == 14 && sizes[sizes.len() - 1] == 19, "{sizes:?}");
        let utilizations: Vec<f64> = table.iter().map(|row| row.staffing.utilization).collect();
        assert!(utilizations.iter().all(|used| *used < 1.0) && utilizations.is_sorted_by(|a, b| a >= b));
        for words in ["keeps up at all", "β = 1", "what the plan asks for", "within 130 ms"] {
            assert!(table.iter().any(|row| row.is.iter().any(|is| is.contains(words))), "{words}: {table:?}");
        }
    }
}
