//! The company as files in the product's own input formats.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    BillingMonth, Charge, Commitment, Event, HourlyMetric, PriceQuote, Provider, Resource, Series, Shape,
    UsageHour,
};
use flate2::{Compression, GzBuilder};

use crate::Company;
use crate::charges::provider_of;

/// Columns of the FOCUS 1.2 files. Two are extensions in the way that FOCUS asks for, with `x_`.
const FOCUS: [&str; 43] = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_InstanceType",
    "x_OperatingSystem",
];

/// Writes every file of the company into `dir` (created when absent) and returns their paths in the
/// order in which they should be ingested: `billing-focus-<provider>-<YYYY-MM>.csv.gz` per provider and month,
/// then `inventory.csv`, `metrics.csv.gz`, `usage.csv.gz`, `demand.csv.gz`, `commitments.csv`, `events.csv`,
/// `prices.csv` and `catalog.csv`. The same company gives the same bytes.
///
/// # Errors
/// Any error of the file system.
pub fn write(company: &Company, dir: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir)?;
    let mut paths = Vec::new();
    for provider in Provider::ALL {
        let mut month = BillingMonth::of(company.history.start);
        while month.period().start < company.history.end {
            let inside = |charge: &&Charge| {
                provider_of(charge) == Some(provider) && BillingMonth::of(charge.charge_period_start) == month
            };
            let path = dir.join(format!("billing-focus-{provider}-{month}.csv.gz"));
            compressed(&path, |out| focus(company.charges.iter().filter(inside), out))?;
            paths.push(path);
            month = month.next();
        }
    }
    let mut file = |name: &str, body: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let path = dir.join(name);
        if name.ends_with(".gz") {
            compressed(&path, body)?;
        } else {
            let mut out = BufWriter::new(File::create(&path)?);
            body(&mut out)?;
            out.flush()?;
        }
        paths.push(path);
        io::Result::Ok(())
    };
    file("inventory.csv", &|out| inventory(&company.resources, out))?;
    file("metrics.csv.gz", &|out| metrics(&company.metrics, out))?;
    file("usage.csv.gz", &|out| usage(&company.usage, out))?;
    file("demand.csv.gz", &|out| demand(&company.demand, out))?;
    file("commitments.csv", &|out| commitments(&company.commitments, out))?;
    file("events.csv", &|out| events(&company.events, out))?;
    file("prices.csv", &|out| prices(&company.prices.quotes, out))?;
    file("catalog.csv", &|out| catalog(&company.prices.shapes, out))?;
    Ok(paths)
}

/// Charges as a FOCUS 1.2 table.
///
/// # Errors
/// Those of `out`.
pub fn focus<'a>(charges: impl Iterator<Item = &'a Charge>, out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(FOCUS)?;
    for charge in charges {
        table.write_record(focus_row(charge))?;
    }
    table.flush()
}

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
        let half = hour.hour + chrono::Duration::minutes(30);
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

fn focus_row(charge: &Charge) -> [String; FOCUS.len()] {
    let spend = charge.commitment_discount_type.as_deref().is_some_and(|name| name.contains("Savings Plan"));
    let category = charge.commitment_discount_id.as_ref().map(|_| if spend { "Spend" } else { "Usage" });
    let frequency = match charge.charge_category {
        domain::ChargeCategory::Purchase
            if charge.charge_period_end - charge.charge_period_start > chrono::Duration::days(31) =>
        {
            "One-Time"
        }
        domain::ChargeCategory::Purchase => "Recurring",
        domain::ChargeCategory::Credit | domain::ChargeCategory::Adjustment => "One-Time",
        domain::ChargeCategory::Usage | domain::ChargeCategory::Tax => "Usage-Based",
    };
    [
        text(&charge.availability_zone),
        charge.billed_cost.to_string(),
        charge.billing_account_id.clone(),
        String::new(),
        charge.billing_currency.to_string(),
        stamp(charge.billing_period.end),
        stamp(charge.billing_period.start),
        charge.charge_category.to_string(),
        if charge.correction { "Correction".to_owned() } else { String::new() },
        text(&charge.charge_description),
        frequency.to_owned(),
        stamp(charge.charge_period_end),
        stamp(charge.charge_period_start),
        text(&category),
        text(&charge.commitment_discount_id),
        text(&charge.commitment_discount_status),
        text(&charge.commitment_discount_type),
        text(&charge.consumed_quantity),
        text(&charge.consumed_unit),
        charge.contracted_cost.to_string(),
        charge.effective_cost.to_string(),
        charge.provider_name.clone(),
        charge.list_cost.to_string(),
        text(&charge.pricing_category),
        charge.billing_currency.to_string(),
        text(&charge.pricing_quantity),
        text(&charge.pricing_unit),
        charge.provider_name.clone(),
        charge.provider_name.clone(),
        text(&charge.region_id),
        text(&charge.region_id),
        text(&charge.resource_id),
        text(&charge.resource_name),
        text(&charge.resource_type),
        text(&charge.service_category),
        charge.service_name.clone(),
        text(&charge.sku_id),
        text(&charge.sku_id),
        text(&charge.sub_account_id),
        text(&charge.sub_account_name),
        serde_json::to_string(&charge.tags).unwrap_or_default(),
        text(&charge.instance_type),
        text(&charge.os),
    ]
}

/// Writes a gzip file without name and time, so that the same body gives the same bytes.
fn compressed(path: &Path, body: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let out = BufWriter::new(File::create(path)?);
    let mut gzip = GzBuilder::new().mtime(0).write(out, Compression::fast());
    body(&mut gzip)?;
    gzip.finish()?.flush()
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn text<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map(T::to_string).unwrap_or_default()
}

fn json(tags: &std::collections::BTreeMap<String, String>) -> io::Result<String> {
    Ok(serde_json::to_string(tags)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::read::GzDecoder;
    use rust_decimal::Decimal;
    use sha2::{Digest, Sha256};

    use super::*;

    fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
        let mut body = String::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut body).unwrap();
        csv::Reader::from_reader(body.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn files_are_the_same_bytes_every_time_and_hold_the_whole_company() {
        let mut company = crate::company();
        // enough of everything: unoptimized compression is slow
        let recent: DateTime<Utc> = "2026-09-15T00:00:00Z".parse().unwrap();
        company.charges.retain(|charge| charge.charge_period_start >= recent);
        company.metrics.truncate(20_000);
        company.usage.truncate(20_000);
        let digests = || {
            let dir = tempfile::tempdir().unwrap();
            let paths = write(&company, dir.path()).unwrap();
            let digest = |path: &PathBuf| Sha256::digest(std::fs::read(path).unwrap()).to_vec();
            let digests: Vec<_> = paths.iter().map(digest).collect();
            (dir, paths, digests)
        };
        let (_dir, paths, first) = digests();
        assert_eq!(first, digests().2);
        assert_eq!(paths.len(), 3 * 14 + 8);

        let (mut rows, mut billed, mut effective) = (0, Decimal::ZERO, Decimal::ZERO);
        for path in paths.iter().filter(|path| path.to_string_lossy().contains("billing-focus")) {
            for row in table(path) {
                rows += 1;
                billed += row["BilledCost"].parse::<Decimal>().unwrap();
                effective += row["EffectiveCost"].parse::<Decimal>().unwrap();
                assert!(row["ChargePeriodStart"] < row["ChargePeriodEnd"]);
            }
        }
        assert_eq!(rows, company.charges.len());
        assert_eq!(billed, company.charges.iter().map(|charge| charge.billed_cost).sum());
        assert_eq!(effective, company.charges.iter().map(|charge| charge.effective_cost).sum());
    }

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
