//! Inventory, samples, usage, series, commitments, events and prices as tables of the file mode.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use domain::{Commitment, Event, HourlyMetric, PriceQuote, Resource, Series, Shape, UsageHour};

/// Resources in the format of INVENTORY, with the optional columns that the planner uses.
///
/// # Errors
/// Those of `out`.
pub fn inventory(resources: &[Resource], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record([
        "resource_id",
        "provider",
        "account",
        "region",
        "instance_type",
        "os",
        "tags",
        "kind",
        "state",
        "state_since",
        "size_gib",
        "storage_class",
        "reads_per_gib_month",
        "mean_object_kib",
        "spot",
        "group",
    ])?;
    for resource in resources {
        table.write_record([
            resource.resource_id.clone(),
            resource.provider.to_string(),
            resource.account.clone(),
            resource.region.clone(),
            text(&resource.instance_type),
            text(&resource.os),
            json(&resource.tags)?,
            resource.kind.to_string(),
            resource.state.to_string(),
            resource.state_since.map(stamp).unwrap_or_default(),
            text(&resource.size_gib),
            text(&resource.storage_class),
            text(&resource.reads_per_gib_month),
            text(&resource.mean_object_kib),
            resource.spot.to_string(),
            text(&resource.group),
        ])?;
    }
    table.flush()
}

/// The samples behind hourly metrics in the format of METRICS: two an hour whose mean and maximum are the
/// hour's.
///
/// # Errors
/// Those of `out`.
pub fn metrics(metrics: &[HourlyMetric], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["resource_id", "ds", "metric", "value"])?;
    for hour in metrics {
        let half = hour.hour + Duration::minutes(30);
        for (at, value) in [(hour.hour, 2.0 * hour.average - hour.maximum), (half, hour.maximum)] {
            table.write_record([&hour.resource_id, &stamp(at), hour.metric.as_str(), &value.to_string()])?;
        }
    }
    table.flush()
}

/// Instance-hours in the format of USAGE.
///
/// # Errors
/// Those of `out`.
pub fn usage(usage: &[UsageHour], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["hour", "provider", "account", "region", "instance_type", "os", "quantity"])?;
    for row in usage {
        table.write_record([
            &stamp(row.hour),
            row.provider.as_str(),
            &row.account,
            &row.region,
            &row.instance_type,
            &row.os,
            &row.quantity.to_string(),
        ])?;
    }
    table.flush()
}

/// Series in the long format; a missing value is empty.
///
/// # Errors
/// Those of `out`.
pub fn demand(series: &[Series], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["unique_id", "ds", "y"])?;
    for series in series {
        for (index, value) in series.values.iter().enumerate() {
            table.write_record([&series.unique_id, &series.grid.stamp(index).to_string(), &text(value)])?;
        }
    }
    table.flush()
}

/// Commitments in the format of HELD.
///
/// # Errors
/// Those of `out`.
pub fn commitments(commitments: &[Commitment], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record([
        "id",
        "provider",
        "account",
        "region",
        "plan",
        "instance_type",
        "family",
        "os",
        "quantity",
        "term_years",
        "payment",
        "starts_at",
        "ends_at",
        "hourly",
        "upfront",
    ])?;
    for commitment in commitments {
        table.write_record([
            commitment.id.clone(),
            commitment.provider.to_string(),
            commitment.account.clone(),
            text(&commitment.region),
            commitment.plan.to_string(),
            text(&commitment.instance_type),
            text(&commitment.family),
            text(&commitment.os),
            commitment.quantity.to_string(),
            commitment.term_years.to_string(),
            commitment.payment.to_string(),
            stamp(commitment.starts_at),
            stamp(commitment.ends_at),
            text(&commitment.hourly),
            text(&commitment.upfront),
        ])?;
    }
    table.flush()
}

/// Events in the format of EVENTS.
///
/// # Errors
/// Those of `out`.
pub fn events(events: &[Event], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record([
        "name",
        "starts_at",
        "ends_at",
        "multiplier",
        "multiplier_low",
        "multiplier_high",
        "unique_id",
    ])?;
    for event in events {
        table.write_record([
            event.name.clone(),
            event.starts_at.to_string(),
            event.ends_at.to_string(),
            event.multiplier.to_string(),
            text(&event.multiplier_low),
            text(&event.multiplier_high),
            text(&event.unique_id),
        ])?;
    }
    table.flush()
}

/// Quotes in the format of PRICES.
///
/// # Errors
/// Those of `out`.
pub fn prices(quotes: &[PriceQuote], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record([
        "provider",
        "region",
        "instance_type",
        "os",
        "plan",
        "term_years",
        "payment",
        "hourly",
        "upfront",
    ])?;
    for quote in quotes {
        table.write_record([
            quote.provider.to_string(),
            quote.region.clone(),
            quote.instance_type.clone(),
            quote.os.clone(),
            quote.plan.to_string(),
            text(&quote.term_years),
            text(&quote.payment),
            quote.hourly.to_string(),
            quote.upfront.to_string(),
        ])?;
    }
    table.flush()
}

/// Machine types in the format of CATALOG.
///
/// # Errors
/// Those of `out`.
pub fn catalog(shapes: &[Shape], out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record([
        "provider",
        "region",
        "instance_type",
        "family",
        "architecture",
        "vcpu",
        "memory_gib",
        "network_gbps",
        "ebs_mbps",
        "ebs_iops",
        "burstable",
        "performance_per_vcpu",
        "on_demand_hourly",
    ])?;
    for shape in shapes {
        table.write_record([
            shape.provider.to_string(),
            shape.region.clone(),
            shape.instance_type.clone(),
            shape.family.clone(),
            shape.architecture.clone(),
            shape.vcpu.to_string(),
            shape.memory_gib.to_string(),
            text(&shape.network_gbps),
            text(&shape.ebs_mbps),
            text(&shape.ebs_iops),
            shape.burstable.to_string(),
            shape.performance_per_vcpu.to_string(),
            shape.on_demand_hourly.to_string(),
        ])?;
    }
    table.flush()
}

/// RFC 3339 in UTC, to the second.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The value, or nothing.
pub(super) fn text<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map(T::to_string).unwrap_or_default()
}

fn json(tags: &BTreeMap<String, String>) -> io::Result<String> {
    Ok(serde_json::to_string(tags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_samples_give_the_hour_back() {
        let hour = |average, maximum| HourlyMetric {
            resource_id: "i-1".to_owned(),
            metric: domain::MetricName::CpuUtilization,
            hour: "2026-10-01T00:00:00Z".parse().unwrap(),
            average,
            p95: maximum,
            maximum,
            samples: 2,
        };
        let mut out = Vec::new();
        metrics(&[hour(12.25, 14.5)], &mut out).unwrap();
        let expected = "resource_id,ds,metric,value\n\
            i-1,2026-10-01T00:00:00Z,cpu_utilization,10\n\
            i-1,2026-10-01T00:30:00Z,cpu_utilization,14.5\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
