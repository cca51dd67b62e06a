//! The price list of EC2: instances on demand and reserved, their shapes, and EBS volumes.

use std::collections::{BTreeMap, HashMap};

use domain::{PriceQuote, PricingPlan, Provider, Shape};

use super::amount::Reason;
use super::aws_ebs::{Disks, part};
use super::aws_offer::{Attributes, Offer, Product, Rate, Reserved, Service, Term};
use super::aws_region::split_usage_type;
use super::aws_shape::shape;
use super::quotes::{Part, QuoteKey, Quotes, Skipped, payment, term_years};
use super::read::NO_REGION;
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
        disks: Disks::default(),
        unshaped: Skipped::default(),
    })
}

/// What was found in EC2 price lists.
pub(super) struct Ec2<'w> {
    wanted: &'w Wanted,
    sold: HashMap<String, Sold>,
    quotes: Quotes,
    shapes: BTreeMap<(String, String), Shape>,
    disks: Disks,
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
                self.disks.add(region, part, rate.unit, rate.price?)
            }
            _ => Ok(()),
        }
    }

    fn finish(self, prices: &mut Prices, skipped: &mut Skipped) {
        prices.quotes = self.quotes.finish(skipped);
        prices.disks = self.disks.finish(skipped);
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
        sellable(attributes)?;
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
        let usage_type = product.attributes.usage_type.as_deref().and_then(split_usage_type);
        let Some(part) = usage_type.and_then(|(_, rest)| part(rest)) else { return Ok(()) };
        let region = region(&product.attributes).ok_or(NO_REGION)?;
        if self.wanted.has_region(&region) {
            in_region(&product.attributes)?;
            self.sold.insert(product.sku, Sold::VolumePart { region, part });
        }
        Ok(())
    }
}

/// Older lists state no region id, but always a usage type that begins with its code.
pub(super) fn region(attributes: &Attributes) -> Option<String> {
    match &attributes.region_code {
        Some(region) if !region.is_empty() => Some(region.clone()),
        _ => {
            let (region, _) = attributes.usage_type.as_deref().and_then(split_usage_type)?;
            Some(region.to_owned())
        }
    }
}

fn sellable(attributes: &Attributes) -> Result<(), Reason> {
    in_region(attributes)?;
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

fn in_region(attributes: &Attributes) -> Result<(), Reason> {
    match attributes.location_type.as_deref() {
        None | Some("AWS Region") => Ok(()),
        Some(_) => Err(LOCAL_ZONE),
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
