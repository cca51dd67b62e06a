//! Disks and storage classes, put together from prices that feeds list part by part.

use std::collections::{BTreeMap, BTreeSet};

use domain::{DiskPrice, Provider, StoragePrice};
use rust_decimal::Decimal;

use super::amount::Reason;
use super::quotes::Skipped;

const INCOMPLETE_DISK: Reason = "volume type without a price for its size, operations or throughput";
const INCOMPLETE_CLASS: Reason = "storage class without a price for its size, requests or retrieval";
const CONFLICT: Reason = "two different prices for the same part of storage";

/// Prices by region and by the provider's name for what is billed; `None` where two differ.
#[derive(Debug, Default)]
pub(super) struct Parts(BTreeMap<(String, &'static str), Option<Decimal>>);

/// A volume type: names of what is billed, and what its size alone includes.
pub(super) struct Volume {
    pub(super) name: &'static str,
    pub(super) size: &'static str,
    pub(super) iops: Option<&'static str>,
    pub(super) throughput: Option<&'static str>,
    pub(super) included_iops: f64,
    pub(super) included_mbps: f64,
}

/// A storage class: names of what is billed, and its minimums.
pub(super) struct Class {
    pub(super) name: &'static str,
    pub(super) size: &'static str,
    pub(super) read: &'static str,
    pub(super) write: &'static str,
    pub(super) retrieval: Option<&'static str>,
    pub(super) minimum_days: u32,
    pub(super) minimum_object_kib: u32,
}

impl Volume {
    pub(super) fn parts(&self) -> impl Iterator<Item = &'static str> {
        [Some(self.size), self.iops, self.throughput].into_iter().flatten()
    }
}

impl Class {
    pub(super) fn parts(&self) -> impl Iterator<Item = &'static str> {
        [Some(self.size), Some(self.read), Some(self.write), self.retrieval].into_iter().flatten()
    }
}

impl Parts {
    /// Takes a price in the unit of the price book: per GiB, operation per second, MB/s, or 1,000 requests.
    pub(super) fn add(&mut self, region: &str, part: &'static str, price: Decimal) -> Result<(), Reason> {
        let known = self.0.entry((region.to_owned(), part)).or_insert(Some(price));
        if *known == Some(price) {
            return Ok(());
        }
        *known = None;
        Err(CONFLICT)
    }

    /// Volume types of which every part has a price; one that is begun but not whole is counted.
    pub(super) fn disks(
        &self,
        provider: Provider,
        volumes: &[Volume],
        skipped: &mut Skipped,
    ) -> Vec<DiskPrice> {
        let mut disks = Vec::new();
        for region in self.regions() {
            for volume in volumes.iter().filter(|volume| volume.parts().any(|part| self.lists(region, part)))
            {
                let parts = (
                    self.price(region, Some(volume.size)),
                    self.price(region, volume.iops),
                    self.price(region, volume.throughput),
                );
                let (Some(gib_month), Some(iops_month), Some(mbps_month)) = parts else {
                    skipped.count(INCOMPLETE_DISK);
                    continue;
                };
                disks.push(DiskPrice {
                    provider,
                    region: region.to_owned(),
                    disk_type: volume.name.to_owned(),
                    gib_month,
                    included_iops: volume.included_iops,
                    iops_month,
                    included_mbps: volume.included_mbps,
                    mbps_month,
                });
            }
        }
        disks
    }

    /// Storage classes of which every part has a price; one whose size alone is listed is counted.
    pub(super) fn classes(
        &self,
        provider: Provider,
        classes: &[Class],
        skipped: &mut Skipped,
    ) -> Vec<StoragePrice> {
        let mut found = Vec::new();
        for region in self.regions() {
            for class in classes.iter().filter(|class| self.lists(region, class.size)) {
                let parts = (
                    self.price(region, Some(class.size)),
                    self.price(region, class.retrieval),
                    self.price(region, Some(class.read)),
                    self.price(region, Some(class.write)),
                );
                let (Some(gib_month), Some(retrieval_gib), Some(read_1000), Some(write_1000)) = parts else {
                    skipped.count(INCOMPLETE_CLASS);
                    continue;
                };
                found.push(StoragePrice {
                    provider,
                    region: region.to_owned(),
                    storage_class: class.name.to_owned(),
                    gib_month,
                    retrieval_gib,
                    read_1000,
                    write_1000,
                    minimum_days: class.minimum_days,
                    minimum_object_kib: class.minimum_object_kib,
                });
            }
        }
        found
    }

    fn regions(&self) -> BTreeSet<&str> {
        self.0.keys().map(|(region, _)| region.as_str()).collect()
    }

    fn lists(&self, region: &str, part: &'static str) -> bool {
        self.0.contains_key(&(region.to_owned(), part))
    }

    /// Zero for a part that is not billed at all; `None` for one that is, but has no usable price.
    fn price(&self, region: &str, part: Option<&'static str>) -> Option<Decimal> {
        let Some(part) = part else { return Some(Decimal::ZERO) };
        self.0.get(&(region.to_owned(), part)).copied().flatten().filter(|price| !price.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GP3: Volume = Volume {
        name: "gp3",
        size: "size",
        iops: Some("iops"),
        throughput: None,
        included_iops: 3000.0,
        included_mbps: 125.0,
    };

    #[test]
    fn a_part_with_two_prices_has_none() {
        let (one, two) = (Decimal::ONE, Decimal::TWO);
        for (iops, disks) in [(vec![one], 1), (vec![one, one], 1), (vec![one, two], 0), (vec![], 0)] {
            let mut parts = Parts::default();
            parts.add("eu-west-1", "size", one).unwrap();
            let conflicts =
                iops.iter().filter(|&&price| parts.add("eu-west-1", "iops", price).is_err()).count();
            let mut skipped = Skipped::default();
            assert_eq!(parts.disks(Provider::Aws, &[GP3], &mut skipped).len(), disks);
            assert_eq!(conflicts, usize::from(iops.contains(&two)));
            assert_eq!(skipped.into_counts().len(), 1 - disks);
        }
    }
}
