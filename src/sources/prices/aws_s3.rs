//! The price list of S3: the storage classes that answer within milliseconds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{Provider, StoragePrice};
use rust_decimal::Decimal;

use super::amount::Reason;
use super::aws_ec2::region;
use super::aws_offer::{Offer, Product, Rate, Service, Term};
use super::aws_region::split_usage_type;
use super::quotes::Skipped;
use super::read::NO_REGION;
use super::{Prices, Wanted};

const INCOMPLETE: Reason = "storage class without a price for its size, requests or retrieval";
const CONFLICT: Reason = "two different prices for the same part of a storage class";
const UNIT: Reason = "storage price in an unknown unit";

/// A storage class: the usage types of what is billed (S3 user guide, "Understanding your AWS billing and
/// usage reports"), and its minimums (S3 storage classes).
struct Class {
    name: &'static str,
    size: &'static str,
    read: &'static str,
    write: &'static str,
    retrieval: Option<&'static str>,
    minimum_days: u32,
    minimum_object_kib: u32,
}

const CLASSES: &[Class] = &[
    Class {
        name: "STANDARD",
        size: "TimedStorage-ByteHrs",
        read: "Requests-Tier2",
        write: "Requests-Tier1",
        retrieval: None,
        minimum_days: 0,
        minimum_object_kib: 0,
    },
    Class {
        name: "STANDARD_IA",
        size: "TimedStorage-SIA-ByteHrs",
        read: "Requests-SIA-Tier2",
        write: "Requests-SIA-Tier1",
        retrieval: Some("Retrieval-SIA"),
        minimum_days: 30,
        minimum_object_kib: 128,
    },
    Class {
        name: "ONEZONE_IA",
        size: "TimedStorage-ZIA-ByteHrs",
        read: "Requests-ZIA-Tier2",
        write: "Requests-ZIA-Tier1",
        retrieval: Some("Retrieval-ZIA"),
        minimum_days: 30,
        minimum_object_kib: 128,
    },
    Class {
        name: "GLACIER_IR",
        size: "TimedStorage-GIR-ByteHrs",
        read: "Requests-GIR-Tier2",
        write: "Requests-GIR-Tier1",
        retrieval: Some("Retrieval-SIA-GIR"),
        minimum_days: 90,
        minimum_object_kib: 128,
    },
];

/// A reader of S3 price lists.
pub(super) fn reader(wanted: &Wanted) -> Offer<S3<'_>> {
    Offer::new(S3 { wanted, sold: HashMap::new(), parts: BTreeMap::new() })
}

/// What was found in S3 price lists.
pub(super) struct S3<'w> {
    wanted: &'w Wanted,
    sold: HashMap<String, (String, &'static str)>,
    parts: BTreeMap<(String, &'static str), Decimal>,
}

impl Service for S3<'_> {
    const CODE: &'static str = "AmazonS3";

    fn product(&mut self, product: Product) -> Result<(), Reason> {
        let usage_type = product.attributes.usage_type.as_deref().and_then(split_usage_type);
        let Some(part) = usage_type.and_then(|(_, rest)| part(rest)) else { return Ok(()) };
        let region = region(&product.attributes).ok_or(NO_REGION)?;
        if self.wanted.has_region(&region) {
            self.sold.insert(product.sku, (region, part));
        }
        Ok(())
    }

    fn knows(&self, sku: &str) -> bool {
        self.sold.contains_key(sku)
    }

    /// Of prices in tiers, the first holds: what the first bytes cost.
    fn rate(&mut self, sku: &str, term: &Term<'_>, rate: &Rate<'_>) -> Result<(), Reason> {
        let Some((region, part)) = self.sold.get(sku) else { return Ok(()) };
        if rate.from != "0" || term.reserved.is_some() {
            return Ok(());
        }
        let price = rate.price?;
        let price = match rate.unit.to_ascii_lowercase().as_str() {
            "gb-mo" | "gb" => price,
            "requests" => price * Decimal::ONE_THOUSAND,
            _ => return Err(UNIT),
        };
        match self.parts.insert((region.clone(), part), price) {
            Some(earlier) if earlier != price => Err(CONFLICT),
            _ => Ok(()),
        }
    }

    fn finish(self, prices: &mut Prices, skipped: &mut Skipped) {
        let regions: BTreeSet<&str> = self.parts.keys().map(|(region, _)| region.as_str()).collect();
        for region in regions {
            for class in CLASSES {
                match self.class(region, class) {
                    Some(Ok(price)) => prices.storage.push(price),
                    Some(Err(reason)) => skipped.count(reason),
                    None => {}
                }
            }
        }
    }
}

impl S3<'_> {
    /// `None` when the list says nothing at all about a class in a region.
    fn class(&self, region: &str, class: &Class) -> Option<Result<StoragePrice, Reason>> {
        let part = |part: &'static str| self.parts.get(&(region.to_owned(), part)).copied();
        let price = |usage_type| part(usage_type).filter(|price| !price.is_zero()).ok_or(INCOMPLETE);
        part(class.size)?;
        let whole = || {
            Ok(StoragePrice {
                provider: Provider::Aws,
                region: region.to_owned(),
                storage_class: class.name.to_owned(),
                gib_month: price(class.size)?,
                retrieval_gib: class.retrieval.map_or(Ok(Decimal::ZERO), price)?,
                read_1000: price(class.read)?,
                write_1000: price(class.write)?,
                minimum_days: class.minimum_days,
                minimum_object_kib: class.minimum_object_kib,
            })
        };
        Some(whole())
    }
}

fn part(usage_type: &str) -> Option<&'static str> {
    CLASSES
        .iter()
        .flat_map(|class| [Some(class.size), Some(class.read), Some(class.write), class.retrieval])
        .flatten()
        .find(|known| *known == usage_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::Feed;
    use crate::prices::fixture::{S3 as FEED, decimal, everything, find, skips};

    #[test]
    fn classes_are_whole_or_left_out() {
        let prices = find(Feed::AwsS3, FEED, &everything()).unwrap();
        let classes: Vec<_> = prices
            .storage
            .iter()
            .map(|class| {
                let requests = [class.read_1000, class.write_1000];
                (class.storage_class.as_str(), class.gib_month, class.retrieval_gib, requests)
            })
            .collect();
        let requests = |read: &str, write: &str| [decimal(read), decimal(write)];
        let expected = [
            ("STANDARD", decimal("0.023"), decimal("0"), requests("0.0004", "0.005")),
            ("STANDARD_IA", decimal("0.0125"), decimal("0.01"), requests("0.001", "0.01")),
        ];
        assert_eq!(classes, expected);
        assert_eq!(skips(&prices), BTreeMap::from([(INCOMPLETE, 1)]));
        assert_eq!((prices.storage[1].minimum_days, prices.storage[1].minimum_object_kib), (30, 128));
    }

    #[test]
    fn other_regions_are_passed_over() {
        let mut wanted = everything();
        wanted.regions.insert("us-east-1".to_owned());
        let prices = find(Feed::AwsS3, FEED, &wanted).unwrap();
        assert_eq!((prices.storage.len(), prices.skipped.len()), (0, 0));
    }
}
