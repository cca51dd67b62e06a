//! The bill: everything that is not a machine — disks, storage, databases, network, logs, fees.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use domain::{
    BillingMonth, Charge, ChargeCategory, DiskPrice, Period, PricingPlan, Provider, ResourceKind, Series,
    StoragePrice, from_statistic, to_cents,
};
use rust_decimal::Decimal;

use crate::charges::{days_in_month, priced, provider_of, row};
use crate::demand::value;
use crate::fleet::{Fleet, find};
use crate::names::{numbered, resource_id};
use crate::spec::{Account, MonthlyShare, Spec, Tags};
use crate::{DemoError, PriceSnapshot};

/// How a quantity moves from day to day.
#[derive(Debug, Clone)]
enum Follows {
    /// The same every day.
    Nothing,
    /// A demand series, 1 at its mean.
    Demand(Vec<f64>),
    /// Growth up to `as_of`, per 30 days.
    Growth(f64),
    /// Hours that an instance runs, of 24.
    Instance(usize),
}

/// One priced item of one resource.
#[derive(Debug, Clone)]
struct Item {
    template: Charge,
    unit: String,
    price: Decimal,
    /// Units a day, or GiB where the price is by GiB and month.
    quantity: f64,
    by_month: bool,
    follows: Follows,
    exists: Option<DateTime<Utc>>,
    anomaly: Option<(Period, f64)>,
}

/// What is billed day by day besides machines.
#[derive(Debug)]
pub(crate) struct Daily<'a> {
    spec: &'a Spec,
    fleet: &'a Fleet<'a>,
    items: Vec<Item>,
}

impl<'a> Daily<'a> {
    /// Looks every price up once.
    pub(crate) fn new(
        spec: &'a Spec,
        fleet: &'a Fleet<'a>,
        demand: &[Series],
        prices: &PriceSnapshot,
    ) -> Result<Self, DemoError> {
        let catalog = Catalog { spec, prices };
        let mut items = Vec::new();
        items.extend(catalog.disks(fleet)?);
        items.extend(catalog.buckets()?);
        items.extend(catalog.managed()?);
        items.extend(catalog.services(demand)?);
        Ok(Self { spec, fleet, items })
    }

    /// The charges of the day that starts at hour `start` of history.
    pub(crate) fn day(&self, start: usize) -> Vec<Charge> {
        let period = Period { start: self.spec.hour(start), end: self.spec.hour(start + 24) };
        self.items.iter().filter_map(|item| self.charge(item, start, period)).collect()
    }

    fn charge(&self, item: &Item, start: usize, period: Period) -> Option<Charge> {
        if item.exists.is_some_and(|since| period.start < since) {
            return None;
        }
        let factor = match &item.follows {
            Follows::Nothing => 1.0,
            Follows::Demand(days) => days.get(start / 24).copied().unwrap_or(1.0),
            Follows::Growth(monthly) => {
                let months_left = (self.spec.as_of - period.start).num_days() as f64 / 30.0;
                1.0 / (1.0 + monthly * months_left)
            }
            Follows::Instance(index) => {
                let instance = self.fleet.instances.get(*index)?;
                (start..start + 24).filter(|hour| self.fleet.runs(instance, *hour)).count() as f64 / 24.0
            }
        };
        let spike =
            item.anomaly.filter(|(when, _)| when.contains(period.start)).map_or(1.0, |(_, factor)| factor);
        let month = if item.by_month { days_in_month(period.start) as f64 } else { 1.0 };
        let quantity = from_statistic(item.quantity * factor * spike / month);
        if quantity.is_zero() {
            return None;
        }
        let template = Charge {
            billing_period: BillingMonth::of(period.start).period(),
            charge_period_start: period.start,
            charge_period_end: period.end,
            ..item.template.clone()
        };
        Some(priced(template, quantity, &item.unit, item.price))
    }
}

/// Support, taxes and credits: one row a month each, computed from the month's other charges.
pub(crate) fn monthly(spec: &Spec, charges: &[Charge]) -> Result<Vec<Charge>, DemoError> {
    let mut billed: BTreeMap<(Option<Provider>, BillingMonth), Decimal> = BTreeMap::new();
    for charge in charges {
        *billed.entry((provider_of(charge), BillingMonth::of(charge.charge_period_start))).or_default() +=
            charge.billed_cost;
    }
    let mut rows = Vec::new();
    for ((provider, month), sum) in billed {
        let period = Period { start: month.period().start, end: month.period().end.min(spec.as_of) };
        let share = |fee: &MonthlyShare, subject: &str| -> Result<Option<(Account, Decimal)>, DemoError> {
            let account = spec.account(&fee.account, subject)?;
            let amount = to_cents(sum * from_statistic(fee.share));
            Ok((Some(account.provider) == provider).then(|| (account.clone(), amount)))
        };
        if let Some((account, amount)) = share(&spec.support, "[support]")? {
            rows.push(Charge {
                charge_category: ChargeCategory::Purchase,
                charge_description: Some("Business support, share of the month's charges".to_owned()),
                ..fee(&account, ("AWS Support (Business)", "Other"), period, amount, amount)
            });
        }
        if let Some((account, amount)) = share(&spec.tax, "[tax]")? {
            rows.push(Charge {
                charge_category: ChargeCategory::Tax,
                charge_description: Some("Sales tax".to_owned()),
                ..fee(&account, ("Tax", "Other"), period, amount, amount)
            });
        }
    }
    for credit in &spec.credits {
        let account = spec.account(&credit.account, "[[credit]]")?;
        let amount = -from_statistic(credit.amount);
        let period = BillingMonth::of(credit.month).period();
        rows.push(Charge {
            charge_category: ChargeCategory::Credit,
            charge_description: Some(credit.note.clone()),
            ..fee(account, ("AWS Credits", "Other"), period, amount, Decimal::ZERO)
        });
    }
    Ok(rows)
}

fn fee(account: &Account, service: (&str, &str), period: Period, amount: Decimal, list: Decimal) -> Charge {
    Charge {
        billed_cost: amount,
        effective_cost: amount,
        list_cost: list,
        contracted_cost: list,
        pricing_category: None,
        ..row(account, None, service, period)
    }
}

/// Looks up prices for the entries of the spec.
struct Catalog<'a> {
    spec: &'a Spec,
    prices: &'a PriceSnapshot,
}

impl Catalog<'_> {
    fn disks(&self, fleet: &Fleet<'_>) -> Result<Vec<Item>, DemoError> {
        let mut items = Vec::new();
        for (index, instance) in fleet.instances.iter().enumerate() {
            let Some(root) = self.spec.root_disk.get(&instance.account.provider) else { continue };
            let name = format!("{}-root", instance.name);
            let place = (instance.account, instance.spec.region.as_str());
            let price = self.disk(place, &root.disk_type, &name)?.gib_month;
            let template =
                self.storage_row(place, ResourceKind::Disk, &name, &root.disk_type, &instance.spec.tags);
            let item = Item { quantity: root.size_gib, by_month: true, ..item(template, "GiB-month", price) };
            items.push(Item { follows: Follows::Instance(index), ..item });
        }
        for disk in &self.spec.disks {
            let account = self.spec.account(&disk.account, &disk.name)?;
            let place = (account, disk.region.as_str());
            let price = self.disk(place, &disk.disk_type, &disk.name)?.gib_month;
            for number in 0..disk.count {
                let name = numbered(&disk.name, number, disk.count == 1);
                let template =
                    self.storage_row(place, ResourceKind::Disk, &name, &disk.disk_type, &disk.tags);
                items.push(Item {
                    quantity: disk.size_gib,
                    by_month: true,
                    ..item(template, "GiB-month", price)
                });
            }
        }
        for snapshot in &self.spec.snapshots {
            let account = self.spec.account(&snapshot.account, &snapshot.name)?;
            let place = (account, snapshot.region.as_str());
            let price = self.disk(place, "snapshot", &snapshot.name)?.gib_month;
            let template =
                self.storage_row(place, ResourceKind::Snapshot, &snapshot.name, "snapshot", &snapshot.tags);
            items.push(Item {
                quantity: snapshot.size_gib,
                by_month: true,
                exists: Some(self.spec.as_of - Duration::days(snapshot.age_days)),
                ..item(template, "GiB-month", price)
            });
        }
        Ok(items)
    }

    fn buckets(&self) -> Result<Vec<Item>, DemoError> {
        let mut items = Vec::new();
        for bucket in &self.spec.buckets {
            let account = self.spec.account(&bucket.account, &bucket.name)?;
            let place = (account, bucket.region.as_str());
            let price = self.class(place, &bucket.storage_class, &bucket.name)?;
            let template = self.storage_row(
                place,
                ResourceKind::Bucket,
                &bucket.name,
                &bucket.storage_class,
                &bucket.tags,
            );
            let growing =
                Item { follows: Follows::Growth(bucket.monthly_growth), ..item(template, "", Decimal::ZERO) };
            let stored = Item {
                quantity: bucket.size_gib,
                by_month: true,
                unit: "GiB-month".to_owned(),
                price: price.gib_month,
                ..growing.clone()
            };
            let reads =
                bucket.size_gib * bucket.reads_per_gib_month * 1_048_576.0 / bucket.mean_object_kib / 1000.0;
            let mut requests = Item {
                quantity: reads,
                by_month: true,
                unit: "1K requests".to_owned(),
                price: price.read_1000,
                ..growing
            };
            requests.template.charge_description = Some("read requests".to_owned());
            items.extend([stored, requests]);
        }
        Ok(items)
    }

    fn managed(&self) -> Result<Vec<Item>, DemoError> {
        let mut items = Vec::new();
        for managed in &self.spec.managed {
            let account = self.spec.account(&managed.account, &managed.name)?;
            let place = (account.provider, managed.region.as_str());
            let quote = self.prices.quote(place, &managed.instance_type, PricingPlan::OnDemand, None);
            let hourly =
                quote.ok_or_else(|| missing(&managed.name, &managed.instance_type, "compute.csv"))?.hourly;
            let service = match (account.provider, managed.kind) {
                (Provider::Gcp, _) => ("Cloud SQL", "Databases"),
                (_, ResourceKind::Cache) => ("Amazon ElastiCache", "Databases"),
                _ => ("Amazon Relational Database Service", "Databases"),
            };
            let id = resource_id(managed.kind, account, &managed.region, &managed.name);
            let template = Charge {
                charge_description: Some(format!("{} instance-hour", managed.instance_type)),
                instance_type: Some(managed.instance_type.clone()),
                ..self.named(
                    account,
                    &managed.region,
                    service,
                    (id, &managed.name, managed.kind),
                    &managed.tags,
                )
            };
            let mut storage = template.clone();
            items.push(Item { quantity: 24.0, ..item(template, "Hours", hourly) });
            if let Some(size_gib) = managed.storage_gib {
                let rate =
                    self.rate(account, &managed.region, "database_storage_gib_month", &managed.name)?;
                storage.charge_description = Some("database storage".to_owned());
                storage.instance_type = None;
                items.push(Item { quantity: size_gib, by_month: true, ..item(storage, "GiB-month", rate) });
            }
        }
        Ok(items)
    }

    fn services(&self, demand: &[Series]) -> Result<Vec<Item>, DemoError> {
        let mut items = Vec::new();
        for service in &self.spec.services {
            let account = self.spec.account(&service.account, &service.name)?;
            let names = (service.service_name.as_str(), service.service_category.as_str());
            let template = match service.kind {
                Some(kind) => {
                    let id = resource_id(kind, account, &service.region, &service.name);
                    self.named(account, &service.region, names, (id, &service.name, kind), &service.tags)
                }
                None => Charge {
                    tags: service.tags.clone(),
                    ..row(account, Some(&service.region), names, self.spec.history())
                },
            };
            for meter in &service.meters {
                let follows = match &meter.follows {
                    Some(series) => Follows::Demand(relative_days(find(demand, series, &service.name)?)),
                    None => Follows::Nothing,
                };
                let rate = self.rate(account, &service.region, &meter.item, &service.name)?;
                let template =
                    Charge { charge_description: Some(meter.item.replace('_', " ")), ..template.clone() };
                let anomaly = service.anomaly.as_ref().map(|anomaly| {
                    (Period { start: anomaly.starts_at, end: anomaly.ends_at }, anomaly.factor)
                });
                let unit = self.prices.rate(account.provider, &service.region, &meter.item);
                let unit = unit.map_or_else(String::new, |rate| rate.unit.clone());
                items.push(Item { quantity: meter.per_day, follows, anomaly, ..item(template, &unit, rate) });
            }
        }
        for address in &self.spec.addresses {
            let account = self.spec.account(&address.account, &address.name)?;
            let service = match account.provider {
                Provider::Aws => ("Amazon Virtual Private Cloud", "Networking"),
                Provider::Azure => ("Virtual Network", "Networking"),
                Provider::Gcp => ("Networking", "Networking"),
            };
            let kind = ResourceKind::IpAddress;
            let id = resource_id(kind, account, &address.region, &address.name);
            let rate = self.rate(account, &address.region, "public_address_hour", &address.name)?;
            let template = Charge {
                charge_description: Some("public address".to_owned()),
                ..self.named(account, &address.region, service, (id, &address.name, kind), &address.tags)
            };
            items.push(Item { quantity: 24.0, ..item(template, "hour", rate) });
        }
        Ok(items)
    }

    fn named(
        &self,
        account: &Account,
        region: &str,
        service: (&str, &str),
        (id, name, kind): (String, &str, ResourceKind),
        tags: &Tags,
    ) -> Charge {
        Charge {
            resource_id: Some(id),
            resource_name: Some(name.to_owned()),
            resource_type: Some(kind.as_str().replace('_', " ")),
            tags: tags.clone(),
            ..row(account, Some(region), service, self.spec.history())
        }
    }

    fn storage_row(
        &self,
        (account, region): (&Account, &str),
        kind: ResourceKind,
        name: &str,
        class: &str,
        tags: &Tags,
    ) -> Charge {
        let service = match (account.provider, kind) {
            (Provider::Aws, ResourceKind::Bucket) => ("Amazon Simple Storage Service", "Storage"),
            (Provider::Aws, _) => ("Amazon Elastic Block Store", "Storage"),
            (Provider::Azure, ResourceKind::Bucket) => ("Storage Accounts", "Storage"),
            (Provider::Azure, _) => ("Managed Disks", "Storage"),
            (Provider::Gcp, ResourceKind::Bucket) => ("Cloud Storage", "Storage"),
            (Provider::Gcp, _) => ("Compute Engine", "Compute"),
        };
        let id = resource_id(kind, account, region, name);
        Charge {
            charge_description: Some(format!("{class} storage")),
            sku_id: Some(format!("{region}:{class}")),
            ..self.named(account, region, service, (id, name, kind), tags)
        }
    }

    fn disk(
        &self,
        (account, region): (&Account, &str),
        name: &str,
        subject: &str,
    ) -> Result<&DiskPrice, DemoError> {
        let price = self.prices.disks.iter().find(|price| {
            price.provider == account.provider && price.region == region && price.disk_type == name
        });
        price.ok_or_else(|| missing(subject, name, "disks.csv"))
    }

    fn class(
        &self,
        (account, region): (&Account, &str),
        name: &str,
        subject: &str,
    ) -> Result<&StoragePrice, DemoError> {
        let price = self.prices.storage.iter().find(|price| {
            price.provider == account.provider && price.region == region && price.storage_class == name
        });
        price.ok_or_else(|| missing(subject, name, "storage.csv"))
    }

    fn rate(&self, account: &Account, region: &str, name: &str, subject: &str) -> Result<Decimal, DemoError> {
        let rate = self.prices.rate(account.provider, region, name);
        Ok(rate.ok_or_else(|| missing(subject, name, "services.csv"))?.price)
    }
}

fn item(template: Charge, unit: &str, price: Decimal) -> Item {
    Item {
        template,
        unit: unit.to_owned(),
        price,
        quantity: 0.0,
        by_month: false,
        follows: Follows::Nothing,
        exists: None,
        anomaly: None,
    }
}

/// Mean of each day over the mean of the whole series.
fn relative_days(series: &Series) -> Vec<f64> {
    let mean = (0..series.len()).map(|hour| value(series, hour)).sum::<f64>() / series.len().max(1) as f64;
    let day = |start: usize| (start..start + 24).map(|hour| value(series, hour)).sum::<f64>() / 24.0 / mean;
    (0..series.len()).step_by(24).map(day).collect()
}

fn missing(subject: &str, missing: &str, place: &'static str) -> DemoError {
    DemoError::Unknown { subject: subject.to_owned(), missing: missing.to_owned(), place }
}
