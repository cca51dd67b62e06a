//! What was measured of one machine or managed node within the window, and what follows from it.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use domain::{MetricName, Shape};

use super::dimension::Dimension;
use super::fit::usable;
use super::need::Need;
use super::{Settings, SizingEvidence, Window};
use crate::managed::{Engine, Service};
use crate::metrics::{Reading, ResourceMetrics};
use crate::quantile::{quantile, sorted};

/// Part of the capacity that a saturated dimension must grow by: what was wanted above it was not seen.
const GROWTH_WHEN_SATURATED: f64 = 1.5;

/// What is known of a machine or managed node besides its measurements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) service: Service,
    pub(super) engine: Engine,
    /// Nodes of its cluster that take over from each other, itself included.
    pub(super) members: usize,
    /// It is meant to run at full CPU, so that this is no lack of it.
    pub(super) runs_at_full_cpu: bool,
    /// Somebody saw to it that its memory may be cut to what its processes use.
    pub(super) memory_by_use: bool,
}

/// The needs of a machine or node and whether it lacks something now.
pub(super) struct Needs {
    pub(super) all: Vec<Need>,
    pub(super) saturated: Option<(Dimension, String)>,
}

impl Needs {
    pub(super) fn shifted(&self) -> Option<(Dimension, f64)> {
        self.all.iter().find_map(|need| need.shifted.map(|ratio| (need.dimension, ratio)))
    }
}

/// The metrics of one machine within the window.
pub(crate) struct Observed {
    pub(crate) metrics: ResourceMetrics,
    /// The metric that tells of CPU, without which nothing is said.
    cpu: MetricName,
    window: Option<Window>,
    step: Duration,
}

impl Observed {
    /// Cuts the window; metrics other than `cpu` with too few samples count as not measured.
    pub(crate) fn new(
        metrics: Option<&ResourceMetrics>,
        cpu: MetricName,
        last_hour: Option<DateTime<Utc>>,
        settings: &Settings,
    ) -> Self {
        let nothing = Self { metrics: ResourceMetrics::new(), cpu, window: None, step: Duration::hours(1) };
        let Some((metrics, last)) = metrics.zip(last_hour) else { return nothing };
        let step = usual_step(metrics.get(&cpu).map(Vec::as_slice).unwrap_or_default());
        let end = last + step;
        let earliest = end - Duration::days(i64::from(settings.lookback_days));
        let inside = |reading: &&Reading| earliest <= reading.at && reading.at < end;
        let mut within: ResourceMetrics = metrics
            .iter()
            .map(|(metric, readings)| (*metric, readings.iter().filter(inside).copied().collect::<Vec<_>>()))
            .collect();
        let start = within.get(&cpu).and_then(|readings| readings.first()).map(|first| first.at);
        let Some(start) = start else { return nothing };
        let days = (end - start).num_seconds() as f64 / 86_400.0;
        let expected = (end - start).num_seconds() as f64 / step.num_seconds().max(1) as f64;
        within.retain(|metric, readings| {
            *metric == cpu
                || readings.len() as f64 >= expected * settings.minimum_coverage && !readings.is_empty()
        });
        Self { metrics: within, cpu, window: Some(Window { start, end, days }), step }
    }

    pub(crate) fn days(&self) -> f64 {
        self.window.map_or(0.0, |window| window.days)
    }

    pub(crate) fn step_hours(&self) -> f64 {
        self.step.num_seconds() as f64 / 3600.0
    }

    pub(crate) fn cpu(&self) -> &[Reading] {
        self.metrics.get(&self.cpu).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn cpu_average(&self, current: &Shape) -> Vec<f64> {
        let per_percent = Dimension::Cpu.capacity(current) / 100.0;
        self.cpu().iter().map(|reading| f64::from(reading.average) * per_percent).collect()
    }

    /// Whether there is enough to say anything, or why not.
    pub(crate) fn sufficient(&self, settings: &Settings) -> Result<(), String> {
        let Some(window) = self.window else { return Err("CPU was not measured".to_owned()) };
        if window.days < f64::from(settings.minimum_days) {
            return Err(format!(
                "{:.1} days of data, at least {} are needed",
                window.days, settings.minimum_days
            ));
        }
        let coverage = self.cpu().len() as f64 * self.step_hours() / (window.days * 24.0);
        if coverage < settings.minimum_coverage {
            return Err(format!(
                "{:.0} % of the CPU samples of {:.0} days, at least {:.0} % are needed",
                coverage * 100.0,
                window.days,
                settings.minimum_coverage * 100.0
            ));
        }
        Ok(())
    }

    pub(super) fn needs(&self, current: &Shape, settings: &Settings, node: Node) -> Needs {
        let mut needs = Needs { all: Vec::new(), saturated: None };
        for dimension in Dimension::of(node.service).iter().copied() {
            let demand = dimension.demand(&self.metrics, current, node.engine);
            let capacity = dimension.capacity(current);
            if demand.is_empty() {
                continue;
            }
            let mut need = Need::new(dimension, &demand, capacity, settings);
            let saturated = match dimension {
                Dimension::Cpu => {
                    need.seen(0.95) > settings.cpu_saturated * capacity && !node.runs_at_full_cpu
                }
                // A cache fills what it has: whether it lacks memory, its misses tell and not its size.
                Dimension::Memory if node.service == Service::Cache => false,
                Dimension::Memory => need.seen(1.0) > settings.memory_saturated * capacity,
                // The limit of connections is a parameter that may have been raised.
                Dimension::Connections => false,
                // Where the catalogue is silent, the capacity is a floor that says nothing about the machine.
                _ => dimension.stated(current).is_some() && need.seen(0.95) > capacity,
            };
            if saturated {
                let usable = usable(dimension, current, current, settings);
                need.amount = need.seen(1.0).max(usable * GROWTH_WHEN_SATURATED);
                let words = match dimension {
                    Dimension::Memory => format!(
                        "memory reached {:.0} % of {:.0} GiB",
                        need.seen(1.0) / capacity * 100.0,
                        capacity
                    ),
                    _ => {
                        format!("P95 of {} is {:.0} %", dimension.words(), need.seen(0.95) / capacity * 100.0)
                    }
                };
                needs.saturated = needs.saturated.or(Some((dimension, words)));
            }
            if !saturated {
                self.hold(&mut need, current, settings, node);
            }
            needs.all.push(need);
        }
        if needs.saturated.is_none() {
            needs.all.iter_mut().for_each(Need::rise);
        }
        needs
    }

    /// Raises the need of a managed node by what its measurements alone do not show, never above what it has: nothing
    /// of this makes it grow.
    fn hold(&self, need: &mut Need, current: &Shape, settings: &Settings, node: Node) {
        let has = usable(need.dimension, current, current, settings);
        let held = match need.dimension {
            // Another limit than the default one was set: only what there is is known to do.
            Dimension::Connections => {
                need.amount = need.amount.min(has);
                return need.sorted.iter_mut().for_each(|value| *value = value.min(has));
            }
            // What a database uses is not what it reads from: the rest of the memory may spare it the disk.
            Dimension::Memory if node.service == Service::Database && !node.memory_by_use => {
                let stored = self.stored(current, settings);
                need.amount + stored.unwrap_or(f64::INFINITY)
            }
            // It fills what it has, so this is no need to grow.
            Dimension::Memory if node.service == Service::Cache => {
                return need.amount = need.amount.min(has);
            }
            Dimension::Memory => return,
            // When one of them fails, the others have its work.
            _ if node.members > 1 => need.amount * node.members as f64 / (node.members - 1) as f64,
            _ => return,
        };
        need.amount = need.amount.max(held.min(has));
    }

    /// GiB that a database stores, with margin and growth; `None` where it was not measured.
    fn stored(&self, current: &Shape, settings: &Settings) -> Option<f64> {
        let readings = self.metrics.get(&MetricName::StorageUsed)?;
        let stored: Vec<_> =
            readings.iter().map(|reading| (reading.at, f64::from(reading.maximum))).collect();
        Some(Need::new(Dimension::Memory, &stored, current.memory_gib, settings).amount)
    }

    pub(crate) fn evidence(&self) -> SizingEvidence {
        let at = |level: f64| {
            let of = |(metric, readings): (&MetricName, &Vec<Reading>)| {
                let value = |reading: &Reading| match metric {
                    MetricName::MemoryUsed | MetricName::Connections => f64::from(reading.maximum),
                    _ if level >= 1.0 => f64::from(reading.maximum),
                    _ => f64::from(reading.p95),
                };
                (*metric, six_digits(quantile(&sorted(readings.iter().map(value)), level)))
            };
            self.metrics.iter().map(of).collect()
        };
        SizingEvidence {
            window: self.window,
            samples: self.cpu().len(),
            p50: at(0.5),
            p95: at(0.95),
            p99_5: at(0.995),
            max: at(1.0),
        }
    }
}

/// The most frequent distance between neighbours; an hour when there are fewer than two samples.
fn usual_step(readings: &[Reading]) -> Duration {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in readings.windows(2) {
        *counts.entry((pair[1].at - pair[0].at).num_seconds()).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(seconds, count)| (*count, -*seconds));
    Duration::seconds(most.map_or(3600, |(seconds, _)| seconds.max(1)))
}

/// What single precision knows of a value.
fn six_digits(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
