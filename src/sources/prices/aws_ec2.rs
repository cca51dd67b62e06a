//! The price list of EC2: instances on demand and reserved, their shapes, and EBS volumes.

use std::collections::{BTreeMap, HashMap};

use domain::{PriceQuote, PricingPlan, Provider, Shape};

use super::amount::Reason;
use super::aws_ebs::{VOLUMES, monthly, part};
use super::aws_offer::{Attributes, Offer, Product, Rate, Reserved, Service, Term};
use super::aws_region::{is_region, region_of, usage_of};
use super::aws_shape::shape;
use super::quotes::{Part, QuoteKey, Quotes, Skipped, payment, term_years};
use super::read::NO_REGION;
use super::storage_parts::Parts;
use super::{Prices, Wanted};

const LOCAL_ZONE: Reason = "sold outside of regions (local zone, wavelength or outpost)";
const TENANCY: Reason = "tenancy is not shared";
const CAPACITY: Reason = "not for running instances (capacity reservation)";
const SOFTWARE: Reason = "comes with pre-installed software";
const OWN_LICENCE: Reason = "licence is brought along";
const MARKET: Reason = "not sold on demand (capacity block)";
const TERMS: Reason = "reservation on unknown terms";
const UNIT: Reason = "instance price in an unknown unit";
const NO_ON_DEMAND: Reason = "machine shape without a Linux on-demand price";

/// A reader of EC2 price lists.
pub(super) fn reader(wanted: &Wanted) -> Offer<Ec2<'_>> {
    Offer::new(Ec2 {
        wanted,
        sold: HashMap::new(),
        quotes: Quotes::new(wanted.as_of),
        shapes: BTreeMap::new(),
        disks: Parts::default(),
        unshaped: Skipped::default(),
    })
}

/// What was found in EC2 price lists.
pub(super) struct Ec2<'w> {
    wanted: &'w Wanted,
    sold: HashMap<String, Sold>,
    quotes: Quotes,
    shapes: BTreeMap<(String, String), Shape>,
    disks: Parts,
    unshaped: Skipped,
}

/// What a SKU is.
enum Sold {
    Instance { region: String, instance_type: String, os: String },
    VolumePart { region: String, part: &'static str },
}

impl Service for Ec2<'_> {
    const CODE: &'static str = "AmazonEC2";

    fn product(&mut self, product: Product) -> Result<(), Reason> {
        match product.family.as_str() {
            "Compute Instance" | "Compute Instance (bare metal)" => self.instance(product),
            "Storage" | "Storage Snapshot" | "System Operation" | "Provisioned Throughput" => {
                self.volume_part(product)
            }
            _ => Ok(()),
        }
    }

    fn knows(&self, sku: &str) -> bool {
        self.sold.contains_key(sku)
    }

    fn rate(&mut self, sku: &str, term: &Term<'_>, rate: &Rate<'_>) -> Result<(), Reason> {
        match self.sold.get(sku) {
            Some(Sold::Instance { region, instance_type, os }) => {
                let (plan, terms) = match &term.reserved {
                    None => (PricingPlan::OnDemand, None),
                    Some(reserved) => reservation(reserved).map(|(plan, terms)| (plan, Some(terms)))?,
                };
                let part = match rate.unit.to_ascii_lowercase().as_str() {
                    "hrs" => Part::Hourly,
                    "quantity" => Part::Upfront,
                    _ => return Err(UNIT),
                };
                let key = QuoteKey {
                    provider: Provider::Aws,
                    region: region.clone(),
                    instance_type: instance_type.clone(),
                    os: os.clone(),
                    plan,
                    terms,
                };
                self.quotes.add(key, term.since, part, rate.price?)
            }
            Some(Sold::VolumePart { region, part }) if rate.from == "0" && term.reserved.is_none() => {
                self.disks.add(region, part, monthly(rate.unit, rate.price?)?)
            }
            _ => Ok(()),
        }
    }

    fn finish(self, prices: &mut Prices, skipped: &mut Skipped) {
        prices.quotes = self.quotes.finish(skipped);
        prices.disks = self.disks.disks(Provider::Aws, VOLUMES, skipped);
        skipped.merge(self.unshaped);
        prices.shapes = priced(self.shapes, &prices.quotes, skipped);
    }
}

impl Ec2<'_> {
    fn instance(&mut self, product: Product) -> Result<(), Reason> {
        let attributes = &product.attributes;
        let (Some(instance_type), Some(os)) = (&attributes.instance_type, &attributes.operating_system)
        else {
            return Ok(());
        };
        if !self.wanted.has_type(instance_type) || !self.wanted.has_os(os) {
            return Ok(());
        }
        let region = region(attributes).ok_or(NO_REGION)?;
        if !self.wanted.has_region(&region) {
            return Ok(());
        }
        sellable(&region, attributes)?;
        if os == "Linux" {
            match shape(&region, instance_type, attributes) {
                Ok(shape) => drop(self.shapes.insert((region.clone(), instance_type.clone()), shape)),
                Err(reason) => self.unshaped.count(reason),
            }
        }
        let sold = Sold::Instance { region, instance_type: instance_type.clone(), os: os.clone() };
        self.sold.insert(product.sku, sold);
        Ok(())
    }

    fn volume_part(&mut self, product: Product) -> Result<(), Reason> {
        let usage_type = product.attributes.usage_type.as_deref().unwrap_or_default();
        let Some(part) = part(usage_of(usage_type)) else { return Ok(()) };
        let region = region(&product.attributes).ok_or(NO_REGION)?;
        if self.wanted.has_region(&region) {
            in_region(&region, &product.attributes)?;
            self.sold.insert(product.sku, Sold::VolumePart { region, part });
        }
        Ok(())
    }
}

/// The region of a product. Older lists state no id, but a usage type that begins with its code.
pub(super) fn region(attributes: &Attributes) -> Option<String> {
    match &attributes.region_code {
        Some(region) if !region.is_empty() => Some(region.clone()),
        _ => attributes.usage_type.as_deref().and_then(region_of).map(str::to_owned),
    }
}

fn sellable(region: &str, attributes: &Attributes) -> Result<(), Reason> {
    in_region(region, attributes)?;
    let is = |value: &Option<String>, expected: &str| value.as_deref().is_none_or(|value| value == expected);
    for (fits, reason) in [
        (attributes.tenancy.as_deref() == Some("Shared"), TENANCY),
        (is(&attributes.capacity_status, "Used"), CAPACITY),
        (is(&attributes.pre_installed_software, "NA"), SOFTWARE),
        (attributes.license_model.as_deref() != Some("Bring your own license"), OWN_LICENCE),
        (is(&attributes.market_option, "OnDemand"), MARKET),
    ] {
        if !fits {
            return Err(reason);
        }
    }
    Ok(())
}

fn in_region(region: &str, attributes: &Attributes) -> Result<(), Reason> {
    match attributes.location_type.as_deref() {
        None | Some("AWS Region") if is_region(region) => Ok(()),
        _ => Err(LOCAL_ZONE),
    }
}

fn reservation(reserved: &Reserved<'_>) -> Result<(PricingPlan, (u8, domain::Payment)), Reason> {
    let plan = match reserved.offering_class.to_ascii_lowercase().as_str() {
        "standard" => PricingPlan::RiStandard,
        "convertible" => PricingPlan::RiConvertible,
        _ => return Err(TERMS),
    };
    let years = term_years(reserved.length).ok_or(TERMS)?;
    let payment = payment(reserved.purchase_option).ok_or(TERMS)?;
    Ok((plan, (years, payment)))
}

/// Gives shapes their Linux on-demand price; one without is left out.
pub(super) fn priced(
    shapes: BTreeMap<(String, String), Shape>,
    quotes: &[PriceQuote],
    skipped: &mut Skipped,
) -> Vec<Shape> {
    let hourly: HashMap<(&str, &str), _> = quotes
        .iter()
        .filter(|quote| quote.plan == PricingPlan::OnDemand && quote.os == "Linux")
        .map(|quote| ((quote.region.as_str(), quote.instance_type.as_str()), quote.hourly))
        .collect();
    let mut priced = Vec::with_capacity(shapes.len());
    for ((region, instance_type), shape) in shapes {
        match hourly.get(&(region.as_str(), instance_type.as_str())) {
            Some(&on_demand_hourly) => priced.push(Shape { on_demand_hourly, ..shape }),
            None => skipped.count(NO_ON_DEMAND),
        }
    }
    priced
}

#[cfg(test)]
mod tests {
    use domain::Payment;

    use super::*;
    use crate::prices::Feed;
    use crate::prices::fixture::{EC2_CSV, EC2_JSON, decimal, everything, find, quote, skips};

    #[test]
    fn reads_every_way_to_pay_for_an_instance() {
        let prices = find(Feed::AwsEc2, EC2_JSON, &everything()).unwrap();
        let of = |plan, terms| {
            let quote = quote(&prices, "m6i.large", "Linux", plan, terms);
            (quote.hourly, quote.upfront)
        };
        assert_eq!(of(PricingPlan::OnDemand, None), (decimal("0.107"), decimal("0")));
        let expected = [
            (PricingPlan::RiStandard, 1, ["0.0708", "0"], ["0.0337", "295"], ["0", "579"]),
            (PricingPlan::RiStandard, 3, ["0.0485", "0"], ["0.0225", "590"], ["0", "1109"]),
            (PricingPlan::RiConvertible, 1, ["0.0813", "0"], ["0.0387", "339"], ["0", "665"]),
            (PricingPlan::RiConvertible, 3, ["0.0558", "0"], ["0.0258", "679"], ["0", "1331"]),
        ];
        for (plan, years, none, partial, all) in expected {
            let options = [Payment::NoUpfront, Payment::PartialUpfront, Payment::AllUpfront];
            for (payment, [hourly, upfront]) in options.into_iter().zip([none, partial, all]) {
                assert_eq!(of(plan, Some((years, payment))), (decimal(hourly), decimal(upfront)), "{plan}");
            }
        }
        let windows = quote(&prices, "m6i.large", "Windows", PricingPlan::OnDemand, None);
        assert_eq!(windows.hourly, decimal("0.199"));
        assert_eq!(prices.quotes.len(), 1 + 12 + 2 + 3, "{:#?}", prices.quotes);
        assert_eq!(prices.source.as_of.to_rfc3339(), "2026-10-01T12:00:00+00:00");
    }

    #[test]
    fn says_what_it_left_out() {
        let prices = find(Feed::AwsEc2, EC2_JSON, &everything()).unwrap();
        let expected = [
            (LOCAL_ZONE, 1),
            (TENANCY, 1),
            (CAPACITY, 1),
            (SOFTWARE, 1),
            (OWN_LICENCE, 1),
            (MARKET, 1),
            (TERMS, 1),
            (NO_ON_DEMAND, 1),
            ("price is missing or zero", 1),
            ("upfront and hourly parts do not fit the payment option", 1),
            ("volume type without a price for its size, operations or throughput", 1),
        ];
        assert_eq!(skips(&prices), BTreeMap::from(expected));
    }

    #[test]
    fn shapes_carry_the_linux_price() {
        let prices = find(Feed::AwsEc2, EC2_JSON, &everything()).unwrap();
        let shapes: Vec<_> = prices
            .shapes
            .iter()
            .map(|shape| {
                let Shape { region, instance_type, architecture, .. } = shape;
                (region.as_str(), instance_type.as_str(), architecture.as_str(), shape.on_demand_hourly)
            })
            .collect();
        let expected = [
            ("eu-west-1", "c7g.metal", "arm64", decimal("2.48")),
            ("eu-west-1", "m6i.large", "x86_64", decimal("0.107")),
            ("eu-west-1", "t4g.micro", "arm64", decimal("0.0092")),
            ("us-east-2", "m5.large", "x86_64", decimal("0.096")),
        ];
        assert_eq!(shapes, expected);
        let metal = &prices.shapes[0];
        assert_eq!((metal.vcpu, metal.memory_gib, metal.network_gbps), (64.0, 128.0, Some(30.0)));
        assert_eq!((metal.ebs_mbps, metal.family.as_str()), (Some(20_000.0), "c7g"));
    }

    #[test]
    fn volumes_need_a_price_for_every_part() {
        let prices = find(Feed::AwsEc2, EC2_JSON, &everything()).unwrap();
        let disks: Vec<_> = prices
            .disks
            .iter()
            .map(|disk| (disk.disk_type.as_str(), disk.gib_month, disk.iops_month, disk.mbps_month))
            .collect();
        let zero = decimal("0");
        let expected = [
            ("gp2", decimal("0.11"), zero, zero),
            ("gp3", decimal("0.088"), decimal("0.0055"), decimal("0.044")),
            ("snapshot", decimal("0.05"), zero, zero),
        ];
        assert_eq!(disks, expected);
    }

    #[test]
    fn the_table_and_the_document_say_the_same() {
        let wanted = everything();
        let (json, csv) = (find(Feed::AwsEc2, EC2_JSON, &wanted), find(Feed::AwsEc2, EC2_CSV, &wanted));
        assert_eq!(json.unwrap(), csv.unwrap());
    }

    #[test]
    fn keeps_only_what_is_wanted() {
        let mut wanted = everything();
        wanted.regions.insert("EU-west-1".to_owned());
        wanted.instance_types.insert("M6I.large".to_owned());
        wanted.operating_systems.insert("linux".to_owned());
        let prices = find(Feed::AwsEc2, EC2_JSON, &wanted).unwrap();
        assert_eq!((prices.quotes.len(), prices.shapes.len(), prices.disks.len()), (13, 1, 3));
        assert!(!prices.skipped.contains_key(MARKET) && !prices.skipped.contains_key(OWN_LICENCE));
        assert_eq!(find(Feed::AwsEc2, EC2_CSV, &wanted).unwrap(), prices);
    }

    #[test]
    fn prices_that_take_effect_later_are_left_out() {
        let before = Wanted::everything("2026-08-31T23:59:59Z".parse().unwrap());
        let prices = find(Feed::AwsEc2, EC2_JSON, &before).unwrap();
        assert_eq!((prices.quotes.len(), prices.shapes.len()), (0, 0));
        assert!(prices.skipped["price takes effect later"] > 18);
    }

    #[test]
    fn another_list_terms_first_and_no_terms_are_refused() {
        for (text, expected) in [
            (EC2_JSON.replace("\"AmazonEC2\"", "\"AmazonRDS\""), "offer \"AmazonRDS\" found"),
            (EC2_JSON.replacen("\"products\"", "\"goods\"", 1), "expected products before them"),
            (r#"{"offerCode": "AmazonEC2", "products": {}}"#.to_owned(), "has no terms"),
            (r#"{"Items": []}"#.to_owned(), "has no products"),
            (EC2_CSV.replace("\"AmazonEC2\"\n", "\"AmazonRDS\"\n"), "line 5): offer \"AmazonRDS\" found"),
            (EC2_CSV.replacen("\"Unit\"", "\"Units\"", 1), "column Unit is missing"),
            ("<html>not found</html>".to_owned(), "expected the lines about the file"),
            (String::new(), "has no content"),
        ] {
            let error = find(Feed::AwsEc2, &text, &everything()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
