//! The embedded price snapshot: public list prices typed in as facts, with source and date.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use domain::{DiskPrice, Payment, PriceQuote, PriceSource, PricingPlan, Provider, Shape, StoragePrice};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::DemoError;

const SOURCES: (&str, &str) = ("sources.csv", include_str!("../../data/prices/sources.csv"));
const COMPUTE: (&str, &str) = ("compute.csv", include_str!("../../data/prices/compute.csv"));
const SHAPES: (&str, &str) = ("shapes.csv", include_str!("../../data/prices/shapes.csv"));
const DISKS: (&str, &str) = ("disks.csv", include_str!("../../data/prices/disks.csv"));
const STORAGE: (&str, &str) = ("storage.csv", include_str!("../../data/prices/storage.csv"));
const SERVICES: (&str, &str) = ("services.csv", include_str!("../../data/prices/services.csv"));

/// The price of one unit of a service that is neither a machine, a disk nor object storage.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRate {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// What (`nat_gateway_hour`, `egress_gib`, …).
    pub item: String,
    /// Unit of the price (`hour`, `GiB`, …).
    pub unit: String,
    /// USD per unit.
    pub price: Decimal,
}

/// Everything the snapshot knows. A price that is not here is unknown, not zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PriceSnapshot {
    /// Instance-hours under every plan. Managed databases and caches stand under `Linux` and on-demand only.
    pub quotes: Vec<PriceQuote>,
    /// Machine types, managed ones included.
    pub shapes: Vec<Shape>,
    /// Block storage.
    pub disks: Vec<DiskPrice>,
    /// Object storage; only classes that answer within milliseconds.
    pub storage: Vec<StoragePrice>,
    /// Everything else.
    pub rates: Vec<ServiceRate>,
    /// Where the prices come from.
    pub sources: Vec<PriceSource>,
}

/// The embedded snapshot.
///
/// # Panics
/// Never in a tested build: the files are compiled in, and the tests read all of them.
pub fn price_snapshot() -> PriceSnapshot {
    match load() {
        Ok(snapshot) => snapshot,
        Err(error) => unreachable!("{error}"),
    }
}

impl PriceSnapshot {
    /// USD per instance-hour under `plan`, with the upfront part apart.
    pub(crate) fn quote(
        &self,
        place: (Provider, &str),
        instance_type: &str,
        plan: PricingPlan,
        terms: Option<(u8, Payment)>,
    ) -> Option<&PriceQuote> {
        self.quotes.iter().find(|quote| {
            quote.provider == place.0
                && quote.region == place.1
                && quote.instance_type == instance_type
                && quote.plan == plan
                && quote.term_years.zip(quote.payment) == terms
        })
    }

    /// USD per unit of a service item.
    pub(crate) fn rate(&self, provider: Provider, region: &str, item: &str) -> Option<&ServiceRate> {
        self.rates.iter().find(|rate| rate.provider == provider && rate.region == region && rate.item == item)
    }
}

fn load() -> Result<PriceSnapshot, DemoError> {
    let sources: Vec<SourceRow> = rows(SOURCES)?;
    let keys: BTreeSet<&str> = sources.iter().map(|row| row.key.as_str()).collect();
    let known = |file: &'static str, key: &str| {
        if keys.contains(key) {
            return Ok(());
        }
        Err(DemoError::Prices { file, reason: format!("source {key:?} is not in sources.csv") })
    };
    let mut snapshot =
        PriceSnapshot { sources: sources.iter().map(SourceRow::source).collect(), ..Default::default() };
    for row in rows::<QuoteRow>(COMPUTE)? {
        known(COMPUTE.0, &row.source)?;
        snapshot.quotes.push(row.quote()?);
    }
    for row in rows::<ShapeRow>(SHAPES)? {
        snapshot.shapes.push(row.shape()?);
    }
    for row in rows::<DiskRow>(DISKS)? {
        known(DISKS.0, &row.source)?;
        snapshot.disks.push(row.disk()?);
    }
    for row in rows::<StorageRow>(STORAGE)? {
        known(STORAGE.0, &row.source)?;
        snapshot.storage.push(row.storage()?);
    }
    for row in rows::<RateRow>(SERVICES)? {
        known(SERVICES.0, &row.source)?;
        let price = decimal(SERVICES.0, &row.price)?;
        let RateRow { provider, region, item, unit, .. } = row;
        snapshot.rates.push(ServiceRate { provider, region, item, unit, price });
    }
    Ok(snapshot)
}

fn rows<T: DeserializeOwned>((file, text): (&'static str, &str)) -> Result<Vec<T>, DemoError> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| DemoError::Prices { file, reason: error.to_string() })
}

/// Amounts are read as text: a detour over floats could change their last digit.
fn decimal(file: &'static str, text: &str) -> Result<Decimal, DemoError> {
    text.parse().map_err(|_| DemoError::Prices { file, reason: format!("{text:?} is not a decimal number") })
}

#[derive(Deserialize)]
struct SourceRow {
    key: String,
    as_of: NaiveDate,
    source: String,
}

impl SourceRow {
    fn source(&self) -> PriceSource {
        let as_of: DateTime<Utc> = self.as_of.and_time(NaiveTime::MIN).and_utc();
        PriceSource { source: self.source.clone(), as_of }
    }
}

#[derive(Deserialize)]
struct QuoteRow {
    provider: Provider,
    region: String,
    instance_type: String,
    os: String,
    plan: PricingPlan,
    term_years: Option<u8>,
    payment: Option<Payment>,
    hourly: String,
    upfront: String,
    source: String,
}

impl QuoteRow {
    fn quote(self) -> Result<PriceQuote, DemoError> {
        Ok(PriceQuote {
            hourly: decimal(COMPUTE.0, &self.hourly)?,
            upfront: decimal(COMPUTE.0, &self.upfront)?,
            provider: self.provider,
            region: self.region,
            instance_type: self.instance_type,
            os: self.os,
            plan: self.plan,
            term_years: self.term_years,
            payment: self.payment,
        })
    }
}

#[derive(Deserialize)]
struct ShapeRow {
    provider: Provider,
    region: String,
    instance_type: String,
    family: String,
    architecture: String,
    vcpu: f64,
    memory_gib: f64,
    network_gbps: Option<f64>,
    ebs_mbps: Option<f64>,
    ebs_iops: Option<f64>,
    burstable: bool,
    performance_per_vcpu: f64,
    on_demand_hourly: String,
}

impl ShapeRow {
    fn shape(self) -> Result<Shape, DemoError> {
        Ok(Shape {
            on_demand_hourly: decimal(SHAPES.0, &self.on_demand_hourly)?,
            provider: self.provider,
            region: self.region,
            instance_type: self.instance_type,
            family: self.family,
            architecture: self.architecture,
            vcpu: self.vcpu,
            memory_gib: self.memory_gib,
            network_gbps: self.network_gbps,
            ebs_mbps: self.ebs_mbps,
            ebs_iops: self.ebs_iops,
            burstable: self.burstable,
            performance_per_vcpu: self.performance_per_vcpu,
        })
    }
}

#[derive(Deserialize)]
struct DiskRow {
    provider: Provider,
    region: String,
    disk_type: String,
    gib_month: String,
    included_iops: f64,
    iops_month: String,
    included_mbps: f64,
    mbps_month: String,
    source: String,
}

impl DiskRow {
    fn disk(self) -> Result<DiskPrice, DemoError> {
        Ok(DiskPrice {
            gib_month: decimal(DISKS.0, &self.gib_month)?,
            iops_month: decimal(DISKS.0, &self.iops_month)?,
            mbps_month: decimal(DISKS.0, &self.mbps_month)?,
            provider: self.provider,
            region: self.region,
            disk_type: self.disk_type,
            included_iops: self.included_iops,
            included_mbps: self.included_mbps,
        })
    }
}

#[derive(Deserialize)]
struct StorageRow {
    provider: Provider,
    region: String,
    storage_class: String,
    gib_month: String,
    retrieval_gib: String,
    read_1000: String,
    write_1000: String,
    minimum_days: u32,
    minimum_object_kib: u32,
    source: String,
}

impl StorageRow {
    fn storage(self) -> Result<StoragePrice, DemoError> {
        Ok(StoragePrice {
            gib_month: decimal(STORAGE.0, &self.gib_month)?,
            retrieval_gib: decimal(STORAGE.0, &self.retrieval_gib)?,
            read_1000: decimal(STORAGE.0, &self.read_1000)?,
            write_1000: decimal(STORAGE.0, &self.write_1000)?,
            provider: self.provider,
            region: self.region,
            storage_class: self.storage_class,
            minimum_days: self.minimum_days,
            minimum_object_kib: self.minimum_object_kib,
        })
    }
}

#[derive(Deserialize)]
struct RateRow {
    provider: Provider,
    region: String,
    item: String,
    unit: String,
    price: String,
    source: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_book_takes_every_row() {
        let prices = price_snapshot();
        let (quotes, shapes) = (prices.quotes.len(), prices.shapes.len());
        let book = billing::PriceBook::new(
            prices.quotes,
            prices.shapes,
            prices.disks,
            prices.storage,
            prices.sources,
        )
        .unwrap();
        assert_eq!(book.quotes().count(), quotes, "{:?}", book.notes());
        assert!(quotes > 1000 && shapes > 100, "{quotes} {shapes}");
    }

    #[test]
    fn prices_keep_every_digit_and_shapes_agree_with_quotes() {
        let prices = price_snapshot();
        let m6i =
            prices.quote((Provider::Aws, "eu-west-1"), "m6i.large", PricingPlan::OnDemand, None).unwrap();
        assert_eq!(m6i.hourly, Decimal::new(107, 3));
        for shape in &prices.shapes {
            let place = (shape.provider, shape.region.as_str());
            let quote = prices.quote(place, &shape.instance_type, PricingPlan::OnDemand, None).unwrap();
            assert_eq!(quote.hourly, shape.on_demand_hourly, "{}", shape.instance_type);
        }
    }

    #[test]
    fn commitments_are_cheaper_than_on_demand_and_longer_ones_cheaper_still() {
        let prices = price_snapshot();
        for quote in prices.quotes.iter().filter(|quote| quote.plan.is_commitment()) {
            let place = (quote.provider, quote.region.as_str());
            let list = prices.quote(place, &quote.instance_type, PricingPlan::OnDemand, None).unwrap().hourly;
            assert!(quote.effective_hourly() < list, "{quote:?}");
            if quote.term_years == Some(1) {
                let longer = prices.quote(
                    place,
                    &quote.instance_type,
                    quote.plan,
                    quote.payment.map(|payment| (3, payment)),
                );
                assert!(longer.is_none_or(|longer| longer.effective_hourly() < quote.effective_hourly()));
            }
        }
    }
}
