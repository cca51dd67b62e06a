//! A small world for the tests: one region, a few machine types with round prices, and companies made of them.

use std::collections::BTreeMap;

use billing::PriceBook;
use chrono::{DateTime, Datelike, Duration, Timelike, Utc};
use domain::{
    Commitment, Currency, DiskPrice, HourlyMetric, MetricName, Payment, PriceQuote, PriceSource, PricingPlan,
    Provider, Resource, ResourceKind, ResourceState, Shape, StoragePrice, UsageHour,
};
use rust_decimal::Decimal;

use crate::placement::{Link, Place};
use crate::{Facts, Policy};

pub(crate) const REGION: &str = "eu-central-1";
/// A region of the same provider and one of another, both cheaper.
pub(crate) const ELSEWHERE: &str = "eu-west-1";
pub(crate) const OTHER_CLOUD: &str = "europe-west3";
const DAYS: i64 = 35;

pub(crate) fn as_of() -> DateTime<Utc> {
    "2026-03-10T00:00:00Z".parse().unwrap()
}

pub(crate) fn shape(instance_type: &str, vcpu: f64, memory_gib: f64, hourly: Decimal) -> Shape {
    let (family, _) = instance_type.rsplit_once('.').unwrap();
    Shape {
        provider: Provider::Aws,
        region: REGION.to_owned(),
        instance_type: instance_type.to_owned(),
        family: family.to_owned(),
        architecture: if family.ends_with('g') { "arm64" } else { "x86_64" }.to_owned(),
        vcpu,
        memory_gib,
        network_gbps: Some(vcpu * 0.4),
        ebs_mbps: Some(vcpu * 300.0),
        ebs_iops: Some(vcpu * 1500.0),
        burstable: family.starts_with('t'),
        performance_per_vcpu: 1.0,
        on_demand_hourly: hourly,
    }
}

/// m6i, c6i, r6i and m7g in four sizes each; prices linear in size.
pub(crate) fn shapes() -> Vec<Shape> {
    sizes(&[("m6i", 4.0, 100), ("c6i", 2.0, 85), ("r6i", 8.0, 126), ("m7g", 4.0, 80)])
}

/// Databases and caches on m6g and r6g, in the same sizes.
pub(crate) fn managed_shapes() -> Vec<Shape> {
    let mut shapes = sizes(&[
        ("db.m6g", 4.0, 160),
        ("db.r6g", 8.0, 240),
        ("cache.m6g", 3.2, 150),
        ("cache.r6g", 6.5, 210),
    ]);
    for shape in &mut shapes {
        shape.architecture = "arm64".to_owned();
    }
    shapes
}

/// Each family (with GiB per vCPU and a price in thousandths of a USD for two) in four sizes.
fn sizes(families: &[(&str, f64, i64)]) -> Vec<Shape> {
    let sizes = [("large", 2), ("xlarge", 4), ("2xlarge", 8), ("4xlarge", 16)];
    let of = |(family, gib, millis): &(&str, f64, i64)| {
        sizes.map(|(size, vcpu)| {
            let hourly = Decimal::new(*millis * vcpu / 2, 3);
            shape(&format!("{family}.{size}"), vcpu as f64, *gib * vcpu as f64, hourly)
        })
    };
    families.iter().flat_map(of).collect()
}

/// Committed rates are 60 % (RI) and 70 % (Compute SP) of list for a year, spot is 35 %.
pub(crate) fn book() -> PriceBook {
    let quote = |shape: &Shape, plan: PricingPlan, percent: i64| PriceQuote {
        provider: Provider::Aws,
        region: REGION.to_owned(),
        instance_type: shape.instance_type.clone(),
        os: "Linux".to_owned(),
        plan,
        term_years: plan.is_commitment().then_some(1),
        payment: plan.is_commitment().then_some(Payment::NoUpfront),
        hourly: shape.on_demand_hourly * Decimal::new(percent, 2),
        upfront: Decimal::ZERO,
    };
    let plans = [
        (PricingPlan::OnDemand, 100),
        (PricingPlan::Spot, 35),
        (PricingPlan::RiStandard, 60),
        (PricingPlan::ComputeSp, 70),
    ];
    let mut quotes: Vec<PriceQuote> =
        shapes().iter().flat_map(|shape| plans.map(|(plan, percent)| quote(shape, plan, percent))).collect();
    for shape in &managed_shapes() {
        quotes.push(quote(shape, PricingPlan::OnDemand, 100));
        if shape.family == "db.r6g" {
            let aurora = quote(shape, PricingPlan::OnDemand, 120);
            quotes.push(PriceQuote { os: "aurora-postgresql".to_owned(), ..aurora });
        }
    }
    let disk = |disk_type: &str, cents: i64, included: (f64, f64)| DiskPrice {
        provider: Provider::Aws,
        region: REGION.to_owned(),
        disk_type: disk_type.to_owned(),
        gib_month: Decimal::new(cents, 3),
        included_iops: included.0,
        iops_month: Decimal::new(5, 3),
        included_mbps: included.1,
        mbps_month: Decimal::new(4, 2),
    };
    let class = |name: &str, store: i64, read: i64, days: u32, kib: u32| StoragePrice {
        provider: Provider::Aws,
        region: REGION.to_owned(),
        storage_class: name.to_owned(),
        gib_month: Decimal::new(store, 4),
        retrieval_gib: Decimal::new(read, 3),
        read_1000: Decimal::new(1, 3),
        write_1000: Decimal::new(10, 3),
        minimum_days: days,
        minimum_object_kib: kib,
    };
    let source = PriceSource { source: "round numbers".to_owned(), as_of: as_of() };
    PriceBook::new(
        quotes,
        shapes().into_iter().chain(managed_shapes()).collect(),
        vec![disk("gp2", 100, (0.0, 0.0)), disk("gp3", 80, (3000.0, 125.0))],
        vec![
            class("STANDARD", 230, 0, 0, 0),
            class("STANDARD_IA", 125, 10, 30, 128),
            class("GLACIER_IR", 40, 30, 90, 128),
            class("DEEP_ARCHIVE", 10, 20, 180, 0),
        ],
        vec![source],
    )
    .unwrap()
}

/// [`book`], all of it once more in [`ELSEWHERE`] at 60 %, and four machines of Google Cloud at half of an m6i.
pub(crate) fn wider_book() -> PriceBook {
    let home = book();
    let cheaper = |price: Decimal| price * Decimal::new(6, 1);
    let mut quotes: Vec<PriceQuote> = home.quotes().cloned().collect();
    quotes.extend(home.quotes().map(|quote| PriceQuote {
        region: ELSEWHERE.to_owned(),
        hourly: cheaper(quote.hourly),
        ..quote.clone()
    }));
    let mut all = shapes();
    all.extend(shapes().into_iter().map(|shape| Shape {
        region: ELSEWHERE.to_owned(),
        on_demand_hourly: cheaper(shape.on_demand_hourly),
        ..shape
    }));
    for shape in shapes().into_iter().filter(|shape| shape.family == "m6i") {
        let (provider, region) = (Provider::Gcp, OTHER_CLOUD.to_owned());
        let instance_type = format!("n2-standard-{}", shape.vcpu);
        let on_demand_hourly = shape.on_demand_hourly / Decimal::TWO;
        quotes.push(PriceQuote {
            provider,
            region: region.clone(),
            instance_type: instance_type.clone(),
            os: "Linux".to_owned(),
            plan: PricingPlan::OnDemand,
            term_years: None,
            payment: None,
            hourly: on_demand_hourly,
            upfront: Decimal::ZERO,
        });
        all.push(Shape {
            provider,
            region,
            instance_type,
            family: "n2".to_owned(),
            on_demand_hourly,
            ebs_mbps: shape.ebs_mbps,
            ..shape
        });
    }
    let kinds = || ["gp2", "gp3"].into_iter().filter_map(|kind| home.disk(Provider::Aws, REGION, kind).ok());
    let mut disks: Vec<DiskPrice> = kinds().cloned().collect();
    disks.extend(kinds().map(|disk| DiskPrice {
        region: ELSEWHERE.to_owned(),
        gib_month: cheaper(disk.gib_month),
        ..disk.clone()
    }));
    let storage = home.storage_classes(Provider::Aws, REGION).cloned().collect();
    PriceBook::new(quotes, all, disks, storage, home.sources().to_vec()).unwrap()
}

/// Lets everything move to [`ELSEWHERE`]: 20 ms away, 0.02 USD per GiB there and 0.01 back, four hours of work.
pub(crate) fn may_move(facts: &mut Facts) {
    let place = |region: &str| Place { provider: Provider::Aws, region: region.to_owned() };
    let link = |from: &str, to: &str, cents: i64| Link {
        from: place(from),
        to: place(to),
        latency_ms: Some(20.0),
        gib: Some(Decimal::new(cents, 2)),
    };
    facts.prices = wider_book();
    let settings = &mut facts.policy.placement;
    settings.places = vec![place(ELSEWHERE)];
    settings.links = vec![link(REGION, ELSEWHERE, 2), link(ELSEWHERE, REGION, 1)];
    settings.engineering_hours = Decimal::from(4);
}

pub(crate) fn resource(id: &str, kind: ResourceKind) -> Resource {
    Resource {
        resource_id: id.to_owned(),
        provider: Provider::Aws,
        account: "1".to_owned(),
        region: REGION.to_owned(),
        kind,
        instance_type: None,
        os: None,
        state: ResourceState::Running,
        state_since: None,
        size_gib: None,
        storage_class: None,
        reads_per_gib_month: None,
        mean_object_kib: None,
        spot: false,
        group: None,
        container: None,
        tags: BTreeMap::new(),
    }
}

pub(crate) fn tagged(mut resource: Resource, tags: &[(&str, &str)]) -> Resource {
    resource.tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    resource
}

pub(crate) fn vm(id: &str, instance_type: &str) -> Resource {
    let mut vm = resource(id, ResourceKind::Vm);
    vm.instance_type = Some(instance_type.to_owned());
    vm.os = Some("Linux".to_owned());
    vm
}

/// Hourly metrics of 35 days; `value` takes the hour.
pub(crate) fn hourly(
    id: &str,
    metric: MetricName,
    value: impl Fn(DateTime<Utc>) -> f64,
) -> Vec<HourlyMetric> {
    let start = as_of() - Duration::days(DAYS);
    (0..DAYS * 24)
        .map(|hour| {
            let hour = start + Duration::hours(hour);
            let value = value(hour);
            let (resource_id, samples) = (id.to_owned(), 12);
            HourlyMetric { resource_id, metric, hour, average: value, p95: value, maximum: value, samples }
        })
        .collect()
}

/// All dimensions of a machine: CPU by hour, the rest flat.
pub(crate) fn load(id: &str, cpu: impl Fn(DateTime<Utc>) -> f64, memory_gib: f64) -> Vec<HourlyMetric> {
    let mut metrics = hourly(id, MetricName::CpuUtilization, cpu);
    metrics.extend(hourly(id, MetricName::MemoryUsed, |_| memory_gib));
    for (metric, value) in [
        (MetricName::NetworkIn, 2.0),
        (MetricName::NetworkOut, 2.0),
        (MetricName::DiskReadIops, 20.0),
        (MetricName::DiskWriteIops, 20.0),
        (MetricName::DiskThroughput, 1.0),
    ] {
        metrics.extend(hourly(id, metric, |_| value));
    }
    metrics
}

pub(crate) fn daily(base: f64, swing: f64) -> impl Fn(DateTime<Utc>) -> f64 {
    move |at| base + swing * (f64::from(at.hour()) / 24.0 * std::f64::consts::TAU).sin().abs()
}

pub(crate) fn office(at: DateTime<Utc>) -> bool {
    at.weekday().num_days_from_monday() < 5 && (8..18).contains(&at.hour())
}

/// Facts in which every running machine ran in every hour of the last 35 days, and every other resource costs 100.
pub(crate) fn facts(
    resources: Vec<Resource>,
    metrics: Vec<HourlyMetric>,
    commitments: Vec<Commitment>,
) -> Facts {
    let start = as_of() - Duration::days(DAYS);
    let mut usage = Vec::new();
    let mut monthly_costs = BTreeMap::new();
    for resource in &resources {
        match (&resource.instance_type, resource.kind, resource.state) {
            (Some(instance_type), ResourceKind::Vm, ResourceState::Running) if !resource.spot => {
                usage.extend((0..DAYS * 24).map(|hour| UsageHour {
                    hour: start + Duration::hours(hour),
                    provider: resource.provider,
                    account: resource.account.clone(),
                    region: resource.region.clone(),
                    instance_type: instance_type.clone(),
                    os: "Linux".to_owned(),
                    quantity: Decimal::ONE,
                }));
            }
            // Nobody bills for a container: its node is billed.
            (_, ResourceKind::Container, _) => {}
            _ => {
                monthly_costs.insert(resource.resource_id.clone(), Decimal::ONE_HUNDRED);
            }
        }
    }
    Facts {
        as_of: as_of(),
        currency: Currency::USD,
        resources,
        metrics: metrics.into_iter().collect(),
        usage,
        monthly_costs,
        time_costs: BTreeMap::new(),
        commitments,
        prices: book(),
        policy: Policy::default(),
    }
}

/// A regional Reserved Instance that ends `days` after `as_of`.
pub(crate) fn reserved(id: &str, instance_type: &str, quantity: i64, days: i64) -> Commitment {
    Commitment {
        id: id.to_owned(),
        provider: Provider::Aws,
        account: "1".to_owned(),
        region: Some(REGION.to_owned()),
        plan: PricingPlan::RiStandard,
        instance_type: Some(instance_type.to_owned()),
        family: None,
        os: Some("Linux".to_owned()),
        quantity: Decimal::from(quantity),
        term_years: 1,
        payment: Payment::NoUpfront,
        starts_at: as_of() - Duration::days(365 - days),
        ends_at: as_of() + Duration::days(days),
        hourly: None,
        upfront: None,
    }
}
