//! The price list of S3: the storage classes that answer within milliseconds.

use std::collections::HashMap;

use domain::Provider;
use rust_decimal::Decimal;

use super::amount::Reason;
use super::aws_ec2::region;
use super::aws_offer::{Offer, Product, Rate, Service, Term};
use super::aws_region::usage_of;
use super::quotes::Skipped;
use super::read::NO_REGION;
use super::storage_parts::{Class, Parts};
use super::{Prices, Wanted};

const UNIT: Reason = "storage price in an unknown unit";

/// Usage types of storage classes without the code of the region (S3 user guide, "Understanding your AWS
/// billing and usage reports"), and their minimums (S3 storage classes).
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

/// Usage types that mean the same as one above.
const SYNONYMS: [(&str, &str); 1] = [("Retrieval-GIR", "Retrieval-SIA-GIR")];

/// A reader of S3 price lists.
pub(super) fn reader(wanted: &Wanted) -> Offer<S3<'_>> {
    Offer::new(S3 { wanted, sold: HashMap::new(), parts: Parts::default() })
}

/// What was found in S3 price lists.
pub(super) struct S3<'w> {
    wanted: &'w Wanted,
    sold: HashMap<String, (String, &'static str)>,
    parts: Parts,
}

impl Service for S3<'_> {
    const CODE: &'static str = "AmazonS3";

    fn product(&mut self, product: Product) -> Result<(), Reason> {
        let usage_type = product.attributes.usage_type.as_deref().unwrap_or_default();
        let Some(part) = part(usage_of(usage_type)) else { return Ok(()) };
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
            "requests" => (price * Decimal::ONE_THOUSAND).normalize(),
            _ => return Err(UNIT),
        };
        self.parts.add(region, part, price)
    }

    fn finish(self, prices: &mut Prices, skipped: &mut Skipped) {
        prices.storage = self.parts.classes(Provider::Aws, CLASSES, skipped);
    }
}

fn part(usage_type: &str) -> Option<&'static str> {
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == usage_type).map(|&(_, known)| known);
    CLASSES.iter().flat_map(Class::parts).find(|known| *known == synonym.unwrap_or(usage_type))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        assert_eq!(
            skips(&prices),
            BTreeMap::from([("storage class without a price for its size, requests or retrieval", 1)])
        );
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
