//! Waiting and response times of a group of equal servers (M/M/c), and percentiles over many such minutes.

use crate::normal;

/// Above this many servers the heavy-traffic limit stands in for the exact sum: it is within 2 % there.
const EXACT_SERVERS: u32 = 2000;

/// Erlang-C: the probability that a request has to wait, with `servers` servers and `load` erlangs offered
/// (arrival rate × mean service time).
///
/// Up to 2000 servers by the recursion of Erlang-B; above by Halfin & Whitt (1981):
/// 1 ÷ (1 + β Φ(β) ÷ φ(β)) with β = (1 − utilization) √servers.
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    let count = f64::from(servers);
    if load <= 0.0 {
        return 0.0;
    }
    if load >= count {
        return 1.0;
    }
    if servers > EXACT_SERVERS {
        let beta = (1.0 - load / count) * count.sqrt();
        return 1.0 / (1.0 + beta * normal::distribution(beta) / normal::density(beta));
    }
    let blocked = (1..=servers).fold(1.0, |blocked, server| {
        let offered = load * blocked;
        offered / (f64::from(server) + offered)
    });
    let utilization = load / count;
    blocked / (1.0 - utilization * (1.0 - blocked))
}

/// One kind of minute: how requests that arrived in it fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Requests per second that can be served.
    pub(crate) capacity: f64,
    /// Servers behind it.
    pub(crate) servers: u32,
    /// Wait in a queue that was already there, in seconds.
    pub(crate) backlog_seconds: f64,
    /// Number of requests that fared so.
    pub(crate) requests: f64,
}

/// The response time in milliseconds that a share `level` of all requests did not exceed; requests that
/// were never served (`unserved`) count as having waited for `timeout_seconds`.
pub(crate) fn percentile_ms(
    stretches: &[Stretch],
    unserved: f64,
    timeout_seconds: f64,
    service_seconds: f64,
    level: f64,
) -> f64 {
    let total: f64 = stretches.iter().map(|stretch| stretch.requests).sum::<f64>() + unserved;
    if total <= 0.0 {
        return 0.0;
    }
    let queues: Vec<Queue> = stretches.iter().map(|stretch| Queue::of(stretch, service_seconds)).collect();
    let slower = |seconds: f64| {
        let late: f64 = queues.iter().map(|queue| queue.requests * queue.slower_than(seconds)).sum();
        late + if seconds < timeout_seconds { unserved } else { 0.0 }
    };
    let allowed = (1.0 - level) * total;
    let mut high = service_seconds.max(1e-6);
    while slower(high) > allowed && high < 1e7 {
        high *= 2.0;
    }
    let mut low = 0.0;
    // 40 halvings: far below a microsecond.
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if slower(middle) > allowed { low = middle } else { high = middle }
    }
    high * 1000.0
}

/// Mean wait of the requests that were served, in milliseconds: Erlang-C's C ÷ (capacity − arrivals), and the
/// queue that was there already.
pub(crate) fn mean_wait_ms(stretches: &[Stretch]) -> f64 {
    let requests: f64 = stretches.iter().map(|stretch| stretch.requests).sum();
    let waited = |stretch: &Stretch| {
        let queue = Queue::of(stretch, 1.0);
        let random = if queue.waits > 0.0 { queue.waits / queue.drain_rate } else { 0.0 };
        stretch.requests * (stretch.backlog_seconds + random)
    };
    if requests > 0.0 { stretches.iter().map(waited).sum::<f64>() / requests * 1000.0 } else { 0.0 }
}

/// The response-time distribution of one stretch.
struct Queue {
    requests: f64,
    backlog_seconds: f64,
    service_rate: f64,
    drain_rate: f64,
    waits: f64,
}

impl Queue {
    fn of(stretch: &Stretch, service_seconds: f64) -> Self {
        let servers = f64::from(stretch.servers);
        // The servers of a stretch saturate at its capacity exactly.
        let service_rate =
            if stretch.capacity > 0.0 { stretch.capacity / servers } else { 1.0 / service_seconds };
        let busy = stretch.backlog_seconds > 0.0 || stretch.rate >= stretch.capacity;
        let waits = if busy { 0.0 } else { erlang_c(stretch.servers, stretch.rate / service_rate) };
        Self {
            requests: stretch.requests,
            backlog_seconds: stretch.backlog_seconds,
            service_rate,
            drain_rate: stretch.capacity - stretch.rate,
            waits,
        }
    }

    /// Probability that wait and service together take longer than `seconds`.
    ///
    /// With probability 1 − C the service alone (exponential), otherwise it and an exponential wait at the
    /// rate capacity − arrivals; a queue that was there already comes on top.
    fn slower_than(&self, seconds: f64) -> f64 {
        let seconds = seconds - self.backlog_seconds;
        if seconds <= 0.0 {
            return 1.0;
        }
        let (mu, theta) = (self.service_rate, self.drain_rate);
        let served = (-mu * seconds).exp();
        if self.waits == 0.0 {
            return served;
        }
        let both = if (theta - mu).abs() < 1e-6 * mu {
            (1.0 + mu * seconds) * served
        } else {
            (theta * served - mu * (-theta * seconds).exp()) / (theta - mu)
        };
        (1.0 - self.waits) * served + self.waits * both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_known_values() {
        // One server: the probability to wait is the utilization. Two at 1 erlang: a third.
        assert!((erlang_c(1, 0.8) - 0.8).abs() < 1e-12);
        assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(erlang_c(3, 0.0), 0.0);
        assert_eq!(erlang_c(3, 3.0), 1.0);
    }

    #[test]
    fn the_limit_continues_the_exact_sum() {
        for utilization in [0.9, 0.97, 0.99] {
            let exact = erlang_c(2000, 2000.0 * utilization);
            let limit = erlang_c(2001, 2001.0 * utilization);
            assert!((exact - limit).abs() < 0.02 * exact.max(0.05), "{utilization}: {exact} {limit}");
        }
    }

    #[test]
    fn percentiles_of_one_server_are_those_of_theory() {
        // M/M/1: the response time is exponential with rate μ − λ.
        let stretch =
            Stretch { rate: 7.0, capacity: 10.0, servers: 1, backlog_seconds: 0.0, requests: 100.0 };
        let p95 = percentile_ms(&[stretch], 0.0, 30.0, 0.1, 0.95);
        assert!((p95 - 1000.0 * 20f64.ln() / 3.0).abs() < 1e-3, "{p95}");
        // Six percent unserved: the 95th percentile is the time-out.
        let p95 = percentile_ms(&[stretch], 100.0 * 6.0 / 94.0, 30.0, 0.1, 0.95);
        assert!((p95 - 30_000.0).abs() < 1e-3, "{p95}");
    }
}
