//! Hourly utilization of the last weeks: two samples an hour of every measured dimension.

use chrono::{Datelike, Timelike};
use domain::{HourlyMetric, MetricName, ResourceKind, Series};

use crate::DemoError;
use crate::demand::value;
use crate::fleet::{Fleet, Instance, find};
use crate::names::{numbered, resource_id};
use crate::random::Random;
use crate::spec::{Pattern, Spec};

/// Samples that an hour is made of.
pub(crate) const SAMPLES: u32 = 2;
/// Steps that a sample of usual size is a multiple of: sums of samples stay exact, and files short.
const STEPS: f64 = 512.0;
/// The series that "the shop's load" means.
const STOREFRONT: &str = "storefront-requests";
/// Largest excess of an hour's maximum over its mean, relative.
const BURST: f64 = 0.10;
/// Relative deviation of an hour from its pattern.
const NOISE: f64 = 0.02;
/// MB/s of block storage per operation per second.
const MB_PER_OPERATION: f64 = 0.024;

/// All metrics, ordered as they are generated: resource by resource, metric by metric, hour by hour.
pub(crate) fn all(spec: &Spec, fleet: &Fleet<'_>, demand: &[Series]) -> Result<Vec<HourlyMetric>, DemoError> {
    let clock = Clock::new(spec, demand)?;
    let mut metrics = Vec::new();
    for instance in &fleet.instances {
        machine(&clock, fleet, instance, demand, &mut metrics)?;
    }
    for managed in &spec.managed {
        let account = spec.account(&managed.account, &managed.name)?;
        let id = resource_id(managed.kind, account, &managed.region, &managed.name);
        let load = |hour: usize| clock.shop(hour);
        let mut write = |metric, [low, high]: [f64; 2], cap| {
            clock.write(&id, metric, cap, &mut metrics, |hour| Some(low + (high - low) * load(hour)));
        };
        write(MetricName::CpuUtilization, managed.cpu, 100.0);
        write(MetricName::MemoryUsed, managed.memory, f64::MAX);
        write(MetricName::Connections, [managed.connections * 0.3, managed.connections], f64::MAX);
        if let Some(peak) = managed.iops {
            write(MetricName::DiskReadIops, [peak * 0.15, peak * 0.6], f64::MAX);
            write(MetricName::DiskWriteIops, [peak * 0.1, peak * 0.4], f64::MAX);
            let throughput = peak * MB_PER_OPERATION;
            write(MetricName::DiskThroughput, [throughput * 0.25, throughput], f64::MAX);
        }
        if let Some(peak) = managed.network {
            write(MetricName::NetworkIn, [peak * 0.06, peak * 0.25], f64::MAX);
            write(MetricName::NetworkOut, [peak * 0.25, peak], f64::MAX);
        }
        if let Some(size_gib) = managed.storage_gib {
            let growth = |hour: usize| size_gib * (0.58 + 0.05 * hour as f64 / spec.hours() as f64);
            clock.write(&id, MetricName::StorageUsed, size_gib, &mut metrics, |hour| Some(growth(hour)));
        }
    }
    for disk in spec.disks.iter().filter(|disk| disk.unattached_days.is_none()) {
        let account = spec.account(&disk.account, &disk.name)?;
        for number in 0..disk.count {
            let name = numbered(&disk.name, number, disk.count == 1);
            let id = resource_id(ResourceKind::Disk, account, &disk.region, &name);
            let mut write = |metric, peak: f64| {
                clock.write(&id, metric, f64::MAX, &mut metrics, |hour| {
                    Some(peak * (0.35 + 0.5 * clock.shop(hour)))
                });
            };
            write(MetricName::DiskReadIops, disk.iops * 0.6);
            write(MetricName::DiskWriteIops, disk.iops * 0.4);
            write(MetricName::DiskThroughput, disk.throughput);
            if let Some(used_gib) = disk.used_gib {
                clock.write(&id, MetricName::StorageUsed, disk.size_gib, &mut metrics, |_| Some(used_gib));
            }
        }
    }
    for service in &spec.services {
        let Some(kind) = service.kind else { continue };
        let account = spec.account(&service.account, &service.name)?;
        let id = resource_id(kind, account, &service.region, &service.name);
        if let Some(series) = &service.requests {
            let metric =
                if kind == ResourceKind::Queue { MetricName::QueueLength } else { MetricName::Requests };
            let series = if series == "none" { None } else { Some(find(demand, series, &service.name)?) };
            clock.write(&id, metric, f64::MAX, &mut metrics, |hour| {
                Some(series.map_or(0.0, |series| value(series, hour)))
            });
        }
        if let (Some([low, high]), Some(memory_gib)) = (service.memory, service.memory_gib) {
            clock.write(&id, MetricName::MemoryUsed, memory_gib, &mut metrics, |hour| {
                Some(low + (high - low) * clock.shop(hour))
            });
        }
        if let Some(peak) = service.network {
            for metric in [MetricName::NetworkIn, MetricName::NetworkOut] {
                clock.write(&id, metric, f64::MAX, &mut metrics, |hour| {
                    Some(peak * (0.3 + 0.7 * clock.shop(hour)))
                });
            }
        }
    }
    Ok(metrics)
}

fn machine(
    clock: &Clock<'_>,
    fleet: &Fleet<'_>,
    instance: &Instance<'_>,
    demand: &[Series],
    metrics: &mut Vec<HourlyMetric>,
) -> Result<(), DemoError> {
    let entry = instance.spec;
    let scaled = match &entry.scale {
        Some(scale) => Some((find(demand, &scale.series, &entry.name)?, scale.unit)),
        None => None,
    };
    let mut random = Random::new(clock.spec.seed, &format!("{}/load", instance.name));
    let mut wobble = 0.0;
    let loads: Vec<Option<f64>> = (0..clock.spec.hours())
        .map(|hour| {
            if hour < clock.first || !fleet.runs(instance, hour) {
                return None;
            }
            wobble = 0.7 * wobble + 0.3 * random.normal();
            let load = match entry.pattern {
                Pattern::Shop => clock.shop(hour),
                Pattern::Scaled => scaled.map_or(0.0, |(series, unit)| {
                    value(series, hour) / (unit * f64::from(fleet.count(instance.machine, hour)))
                }),
                Pattern::Flat => 0.6 + 0.3 * wobble,
                Pattern::Office if clock.working(hour) => 0.8 + 0.15 * wobble,
                Pattern::Nightly if clock.spec.hour(hour).hour() < 5 => 0.85 + 0.15 * wobble,
                Pattern::Office | Pattern::Nightly => 0.01,
                Pattern::Idle => 0.5 + 0.2 * wobble,
            };
            Some(load.clamp(0.0, 1.0))
        })
        .collect();
    let mut write = |metric, low: f64, high: f64, cap| {
        clock.write(&instance.resource_id, metric, cap, metrics, |hour| {
            loads.get(hour).copied().flatten().map(|load| low + (high - low) * load)
        });
    };
    write(MetricName::CpuUtilization, entry.cpu[0], entry.cpu[1], 100.0);
    if let Some([low, high]) = entry.memory {
        // working sets hardly move within an hour; the largest sample stays below this
        write(MetricName::MemoryUsed, low, high, high * 1.01);
    }
    write(MetricName::NetworkIn, entry.network * 0.05, entry.network * 0.4, f64::MAX);
    write(MetricName::NetworkOut, entry.network * 0.1, entry.network, f64::MAX);
    write(MetricName::DiskReadIops, entry.iops * 0.05, entry.iops * 0.5, f64::MAX);
    write(MetricName::DiskWriteIops, entry.iops * 0.05, entry.iops * 0.5, f64::MAX);
    let throughput = entry.iops * MB_PER_OPERATION;
    write(MetricName::DiskThroughput, throughput * 0.1, throughput, f64::MAX);
    Ok(())
}

/// What patterns are measured against.
#[derive(Debug)]
struct Clock<'a> {
    spec: &'a Spec,
    /// First hour with metrics.
    first: usize,
    storefront: &'a Series,
    /// The storefront's busiest hour of the window.
    busiest: f64,
}

impl<'a> Clock<'a> {
    fn new(spec: &'a Spec, demand: &'a [Series]) -> Result<Self, DemoError> {
        let storefront = find(demand, STOREFRONT, "machines of pattern shop")?;
        let first = spec.metrics_start();
        let busiest =
            (first..spec.hours()).map(|hour| value(storefront, hour)).fold(f64::MIN_POSITIVE, f64::max);
        Ok(Self { spec, first, storefront, busiest })
    }

    /// Load of the shop, 1 in the busiest hour of the window.
    fn shop(&self, hour: usize) -> f64 {
        (value(self.storefront, hour) / self.busiest).clamp(0.0, 1.0)
    }

    /// Whether people work: Monday to Friday, 7 to 18 o'clock UTC.
    fn working(&self, hour: usize) -> bool {
        let at = self.spec.hour(hour);
        at.weekday().num_days_from_monday() < 5 && (7..18).contains(&at.hour())
    }

    /// Writes one metric of one resource over the window; hours without a mean are left out.
    fn write(
        &self,
        resource_id: &str,
        metric: MetricName,
        cap: f64,
        metrics: &mut Vec<HourlyMetric>,
        mean: impl Fn(usize) -> Option<f64>,
    ) {
        let mut random = Random::new(self.spec.seed, &format!("{resource_id}/{metric}"));
        for hour in self.first..self.spec.hours() {
            let (noise, burst) = (random.normal(), random.uniform());
            let Some(mean) = mean(hour) else { continue };
            let high = (mean * (1.0 + NOISE * noise.abs()) * (1.0 + BURST * burst)).min(cap);
            let low = (mean * (1.0 - NOISE * noise.abs()) * (1.0 - BURST * burst)).min(cap);
            let steps = steps_per_unit(mean);
            let [low, high] = [low, high].map(|value| (value.max(0.0) * steps).round() / steps);
            metrics.push(HourlyMetric {
                resource_id: resource_id.to_owned(),
                metric,
                hour: self.spec.hour(hour),
                average: (low + high) / 2.0,
                // between two samples, type 7 of Hyndman & Fan (1996): what the reader of the file computes
                p95: low + (high - low) * 0.95,
                maximum: high,
                samples: SAMPLES,
            });
        }
    }
}

/// The power of two that cuts a value of this size into at least [`STEPS`] steps.
fn steps_per_unit(size: f64) -> f64 {
    let mut steps = 1.0 / 1024.0;
    while size > 0.0 && size * steps < STEPS {
        steps *= 2.0;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_fit_the_size_and_are_powers_of_two() {
        assert_eq!(steps_per_unit(1.0), 512.0);
        assert_eq!(steps_per_unit(700.0), 1.0);
        assert_eq!(steps_per_unit(0.0), 1.0 / 1024.0);
        let tiny = steps_per_unit(0.00001);
        assert!(0.00001 * tiny >= 512.0 && tiny.log2().fract() == 0.0);
    }
}
