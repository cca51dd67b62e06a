//! Which items of which resources are billed, each with its price.

use chrono::Duration;
use domain::{Charge, DiskPrice, Period, PricingPlan, Provider, ResourceKind, Series, StoragePrice};
use rust_decimal::Decimal;

use super::{Follows, Item};
use crate::charges::row;
use crate::demand::value;
use crate::fleet::{Fleet, find};
use crate::names::{numbered, resource_id};
use crate::spec::{Account, Spec, Tags};
use crate::{DemoError, PriceSnapshot};

/// Looks up prices for the entries of the spec.
pub(super) struct Catalog<'a> {
    pub(super) spec: &'a Spec,
    pub(super) prices: &'a PriceSnapshot,
}

impl Catalog<'_> {
    pub(super) fn disks(&self, fleet: &Fleet<'_>) -> Result<Vec<Item>, DemoError> {
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

    pub(super) fn buckets(&self) -> Result<Vec<Item>, DemoError> {
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

    pub(super) fn managed(&self) -> Result<Vec<Item>, DemoError> {
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

    pub(super) fn services(&self, demand: &[Series]) -> Result<Vec<Item>, DemoError> {
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
