//! Utilization by resource and metric, held so compactly that ten thousand machines fit in memory.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{HourlyMetric, MetricName, Period};
use serde::Deserialize;

/// One measurement: a raw sample (then all three values are equal) or one hour's summary.
///
/// Single precision is enough for statistics and halves the memory of a large fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Time of the sample, or start of the hour.
    pub at: DateTime<Utc>,
    /// Mean, in the unit of the metric.
    pub average: f32,
    /// 95th percentile within the hour.
    pub p95: f32,
    /// Largest sample of the hour.
    pub maximum: f32,
}

/// One raw sample, as a row of the METRICS file of `headroom plan rightsize`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sample {
    /// Whose.
    pub resource_id: String,
    /// When.
    pub ds: DateTime<Utc>,
    /// What, in the unit of [`MetricName`].
    pub metric: MetricName,
    /// How much.
    pub value: f64,
}

/// The readings of one resource, by metric, oldest first.
pub type ResourceMetrics = BTreeMap<MetricName, Vec<Reading>>;

/// The readings of many resources.
///
/// Collect it from [`HourlyMetric`]s or [`Sample`]s in any order. Values that are negative or not finite are
/// left out; of two readings at the same time each value is the larger one, so that the order does not matter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    resources: BTreeMap<String, ResourceMetrics>,
}

impl Metrics {
    /// The readings of one resource, if it was measured at all.
    pub fn of(&self, resource_id: &str) -> Option<&ResourceMetrics> {
        self.resources.get(resource_id)
    }

    /// The ids of the measured resources, in order.
    pub fn resource_ids(&self) -> impl Iterator<Item = &str> {
        self.resources.keys().map(String::as_str)
    }

    /// Time of the last reading of any resource.
    pub fn last_at(&self) -> Option<DateTime<Utc>> {
        let readings = self.resources.values().flat_map(BTreeMap::values);
        readings.filter_map(|readings| readings.last()).map(|reading| reading.at).max()
    }

    /// The readings of a period.
    pub(crate) fn within(mut self, period: Period) -> Self {
        for readings in self.resources.values_mut().flat_map(BTreeMap::values_mut) {
            readings.retain(|reading| period.contains(reading.at));
        }
        self
    }

    fn from_readings(rows: impl Iterator<Item = (String, MetricName, Reading)>) -> Self {
        let mut metrics = Self::default();
        for (resource_id, metric, reading) in rows {
            let values = [reading.average, reading.p95, reading.maximum];
            if values.iter().all(|value| value.is_finite() && *value >= 0.0) {
                let resource = metrics.resources.entry(resource_id).or_default();
                resource.entry(metric).or_default().push(reading);
            }
        }
        for readings in metrics.resources.values_mut().flat_map(BTreeMap::values_mut) {
            settle(readings);
        }
        metrics
    }
}

impl FromIterator<HourlyMetric> for Metrics {
    fn from_iter<I: IntoIterator<Item = HourlyMetric>>(rows: I) -> Self {
        Self::from_readings(rows.into_iter().map(|row| {
            let reading = Reading {
                at: row.hour,
                average: row.average as f32,
                p95: row.p95 as f32,
                maximum: row.maximum as f32,
            };
            (row.resource_id, row.metric, reading)
        }))
    }
}

impl FromIterator<Sample> for Metrics {
    fn from_iter<I: IntoIterator<Item = Sample>>(rows: I) -> Self {
        Self::from_readings(rows.into_iter().map(|row| {
            let value = row.value as f32;
            (row.resource_id, row.metric, Reading { at: row.ds, average: value, p95: value, maximum: value })
        }))
    }
}

#[cfg(test)]
impl Metrics {
    /// The readings of other resources beside these.
    pub(crate) fn extend(&mut self, others: Self) {
        self.resources.extend(others.resources);
    }
}

/// The largest reading of every time over several resources: what one shape must carry to suit them all.
///
/// A metric counts as measured only when every resource has it.
pub(crate) fn envelope(members: &[&ResourceMetrics]) -> ResourceMetrics {
    let Some((first, others)) = members.split_first() else { return ResourceMetrics::new() };
    let shared = first.keys().filter(|metric| others.iter().all(|other| other.contains_key(metric)));
    shared
        .map(|metric| {
            let mut readings: Vec<Reading> =
                members.iter().filter_map(|member| member.get(metric)).flatten().copied().collect();
            settle(&mut readings);
            (*metric, readings)
        })
        .collect()
}

/// Sorts by time and merges readings of the same time into the larger values.
fn settle(readings: &mut Vec<Reading>) {
    readings.sort_by_key(|reading| reading.at);
    readings.dedup_by(|later, kept| {
        let same = later.at == kept.at;
        if same {
            kept.average = kept.average.max(later.average);
            kept.p95 = kept.p95.max(later.p95);
            kept.maximum = kept.maximum.max(later.maximum);
        }
        same
    });
    readings.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(hour: u32, value: f64) -> Sample {
        let ds =
            chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_hms_opt(hour, 0, 0).unwrap().and_utc();
        Sample { resource_id: "vm".to_owned(), ds, metric: MetricName::CpuUtilization, value }
    }

    #[test]
    fn order_does_not_matter_and_bad_values_are_left_out() {
        let forward: Metrics =
            [sample(1, 5.0), sample(0, 3.0), sample(1, 7.0), sample(2, f64::NAN), sample(3, -1.0)]
                .into_iter()
                .collect();
        let backward: Metrics = [sample(1, 7.0), sample(1, 5.0), sample(0, 3.0)].into_iter().collect();
        assert_eq!(forward, backward);
        let readings = &forward.of("vm").unwrap()[&MetricName::CpuUtilization];
        assert_eq!(readings.iter().map(|reading| reading.maximum).collect::<Vec<_>>(), [3.0, 7.0]);
    }

    #[test]
    fn an_envelope_holds_the_larger_value_and_only_shared_metrics() {
        let one: Metrics = [sample(0, 3.0), sample(1, 9.0)].into_iter().collect();
        let mut memory = sample(0, 1.0);
        memory.metric = MetricName::MemoryUsed;
        let two: Metrics = [sample(0, 4.0), sample(1, 2.0), memory].into_iter().collect();
        let envelope = envelope(&[one.of("vm").unwrap(), two.of("vm").unwrap()]);
        assert_eq!(envelope.len(), 1);
        let cpu = &envelope[&MetricName::CpuUtilization];
        assert_eq!(cpu.iter().map(|reading| reading.p95).collect::<Vec<_>>(), [4.0, 9.0]);
    }
}
