//! The roll-up itself: samples in columns, grouped by polars.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{HourlyMetric, MetricName};
use polars::prelude::{Column, DataFrame, GroupsIndicator};

/// Samples in columns.
#[derive(Debug, Default)]
pub(super) struct Samples {
    names: Vec<String>,
    positions: HashMap<String, u32>,
    resources: Vec<u32>,
    metrics: Vec<u32>,
    hours: Vec<i64>,
    values: Vec<f64>,
}

impl Samples {
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn push(&mut self, resource: &str, metric: MetricName, at: DateTime<Utc>, value: f64) {
        let position = match self.positions.get(resource) {
            Some(position) => *position,
            None => {
                let position = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
                self.names.push(resource.to_owned());
                self.positions.insert(resource.to_owned(), position);
                position
            }
        };
        self.resources.push(position);
        self.metrics.push(metric as u32);
        self.hours.push(at.timestamp().div_euclid(3600));
        self.values.push(value);
    }

    /// Drops the samples of resources that are not kept.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let kept: Vec<bool> = self.names.iter().map(|name| keep(name)).collect();
        let keeps: Vec<bool> = self
            .resources
            .iter()
            .map(|resource| kept.get(*resource as usize).copied().unwrap_or(false))
            .collect();
        retain(&mut self.resources, &keeps);
        retain(&mut self.metrics, &keeps);
        retain(&mut self.hours, &keeps);
        retain(&mut self.values, &keeps);
    }

    /// Average, P95, maximum and number of samples by resource, metric and hour, in that order.
    pub(super) fn roll_up(self) -> Result<Vec<HourlyMetric>, String> {
        let Self { names, resources, metrics, hours, values, .. } = self;
        let height = values.len();
        let keys = vec![
            Column::new("resource".into(), &resources),
            Column::new("metric".into(), &metrics),
            Column::new("hour".into(), &hours),
        ];
        let frame = DataFrame::new(height, keys).map_err(|error| error.to_string())?;
        let groups =
            frame.group_by_stable(["resource", "metric", "hour"]).map_err(|error| error.to_string())?;
        let groups = groups.into_groups();
        let mut rolled = Vec::new();
        let mut sample = Vec::new();
        for group in groups.iter() {
            sample.clear();
            let first = match group {
                GroupsIndicator::Idx((first, rows)) => {
                    sample.extend(rows.iter().filter_map(|row| values.get(*row as usize)));
                    first as usize
                }
                GroupsIndicator::Slice([first, length]) => {
                    let (first, length) = (first as usize, length as usize);
                    sample.extend(values.get(first..first + length).unwrap_or_default());
                    first
                }
            };
            let metric = metrics.get(first).and_then(|metric| MetricName::ALL.get(*metric as usize));
            let name = resources.get(first).and_then(|resource| names.get(*resource as usize));
            let hour = hours.get(first).and_then(|hour| DateTime::from_timestamp(hour * 3600, 0));
            if let (Some(metric), Some(name), Some(hour)) = (metric, name, hour) {
                rolled.push(one_hour(name, *metric, hour, &mut sample));
            }
        }
        rolled.sort_by(|a, b| (&a.resource_id, a.metric, a.hour).cmp(&(&b.resource_id, b.metric, b.hour)));
        Ok(rolled)
    }
}

fn retain<T>(column: &mut Vec<T>, keeps: &[bool]) {
    let mut keeps = keeps.iter();
    column.retain(|_| keeps.next().copied().unwrap_or(false));
}

/// The P95 lies between two samples where 0.95 (n − 1) is not whole (type 7 of Hyndman & Fan 1996).
fn one_hour(resource: &str, metric: MetricName, hour: DateTime<Utc>, sample: &mut [f64]) -> HourlyMetric {
    sample.sort_unstable_by(f64::total_cmp);
    let count = sample.len();
    let rank = 0.95 * count.saturating_sub(1) as f64;
    let at = |index: usize| sample.get(index).copied().unwrap_or_default();
    let below = at(rank as usize);
    let above = at((rank as usize + 1).min(count.saturating_sub(1)));
    HourlyMetric {
        resource_id: resource.to_owned(),
        metric,
        hour,
        average: sample.iter().sum::<f64>() / count.max(1) as f64,
        p95: below + (above - below) * rank.fract(),
        maximum: at(count.saturating_sub(1)),
        samples: u32::try_from(count).unwrap_or(u32::MAX),
    }
}
