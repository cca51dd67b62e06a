//! Google Cloud Billing Catalog: cores and memory by family, put together to machine types; disks.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Payment, PricingPlan, Provider};
use rust_decimal::Decimal;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};

use super::amount::Reason;
use super::aws_ec2::priced;
use super::gcp_machine::{hourly, is_not_plain, machine_family, shape};
use super::gcp_price::{CORE_UNIT, DISK_UNIT, RAM_UNIT, Sku, unit_price};
use super::gcp_sku::{Half, VOLUMES, disk_part, family, plan};
use super::json::{Array, Each, Fields, Object, Trail};
use super::quotes::{Part, QuoteKey, Quotes, Skipped};
use super::read::{NO_REGION, Reader};
use super::storage_parts::Parts;
use super::{MachineType, Prices, Wanted};

const CONFLICT: Reason = "two different prices for the same core or memory";
const HALF: Reason = "only one of core and memory has a price";
const NOT_IN_FEED: Reason = "machine type whose family has no core and memory prices";
const NOT_PLAIN: Reason = "machine type that is not sold as plain cores and memory (accelerators, local disks, custom or ultra sizes)";

/// What is sold where: region, family, plan, half.
type Place = (String, String, PricingPlan, Option<(u8, Payment)>, Half);

/// What was found in pages of the catalogue.
pub(super) struct Catalog<'w> {
    wanted: &'w Wanted,
    machines: BTreeMap<String, Vec<&'w MachineType>>,
    halves: BTreeMap<Place, Option<Decimal>>,
    parts: Parts,
    skipped: Skipped,
    next_page: Option<String>,
    has_skus: bool,
}

impl<'w> Catalog<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        let mut skipped = Skipped::default();
        let mut machines: BTreeMap<String, Vec<&MachineType>> = BTreeMap::new();
        let asked = wanted.machine_types.iter().filter(|machine| wanted.has_type(&machine.name));
        for machine in asked.filter(|_| wanted.has_os("Linux")) {
            if is_not_plain(&machine.name) {
                skipped.count(NOT_PLAIN);
            } else {
                machines.entry(machine_family(&machine.name)).or_default().push(machine);
            }
        }
        Self {
            wanted,
            machines,
            halves: BTreeMap::new(),
            parts: Parts::default(),
            skipped,
            next_page: None,
            has_skus: false,
        }
    }

    fn sku(&mut self, sku: &Sku) -> Result<(), Reason> {
        match sku.category.resource_family.as_str() {
            "Compute" => self.machine_half(sku),
            "Storage" => self.disk(sku),
            _ => Ok(()),
        }
    }

    fn disk(&mut self, sku: &Sku) -> Result<(), Reason> {
        let Some(part) = disk_part(&sku.description) else { return Ok(()) };
        let regions: Vec<&String> = self.regions(sku)?;
        if regions.is_empty() || sku.category.usage_type != "OnDemand" {
            return Ok(());
        }
        let price = unit_price(sku, DISK_UNIT, self.wanted.as_of)?;
        regions.into_iter().try_for_each(|region| self.parts.add(region, part, price))
    }

    /// The regions of a SKU that are wanted.
    fn regions<'s>(&self, sku: &'s Sku) -> Result<Vec<&'s String>, Reason> {
        if sku.service_regions.is_empty() {
            return Err(NO_REGION);
        }
        Ok(sku.service_regions.iter().filter(|region| self.wanted.has_region(region)).collect())
    }

    fn machine_half(&mut self, sku: &Sku) -> Result<(), Reason> {
        let Some((family, half)) = family(&sku.description) else { return Ok(()) };
        let Some((plan, terms)) = plan(&sku.category.usage_type) else { return Ok(()) };
        if !self.machines.contains_key(&family) {
            return Ok(());
        }
        let regions = self.regions(sku)?;
        if regions.is_empty() {
            return Ok(());
        }
        let unit = match half {
            Half::Core => CORE_UNIT,
            Half::Ram => RAM_UNIT,
        };
        let price = unit_price(sku, unit, self.wanted.as_of)?;
        let mut outcome = Ok(());
        for region in regions {
            let place = (region.clone(), family.clone(), plan, terms, half);
            let known = self.halves.entry(place).or_insert(Some(price));
            if known.is_some_and(|known| known != price) {
                *known = None;
                outcome = Err(CONFLICT);
            }
        }
        outcome
    }

    /// Machine types of every family, region and plan of which both halves have a price.
    fn add_machines(&mut self, quotes: &mut Quotes) {
        let offers: BTreeSet<_> = self
            .halves
            .keys()
            .map(|(region, family, plan, terms, _)| (region.clone(), family.clone(), *plan, *terms))
            .collect();
        let mut sold = BTreeSet::new();
        for (region, family, plan, terms) in offers {
            let half = |half| self.halves.get(&(region.clone(), family.clone(), plan, terms, half));
            let (core, ram) = match (half(Half::Core), half(Half::Ram)) {
                (Some(Some(core)), Some(Some(ram))) => (*core, *ram),
                // A conflict was counted where it was found.
                (Some(None), _) | (_, Some(None)) => continue,
                _ => {
                    self.skipped.count(HALF);
                    continue;
                }
            };
            sold.insert(family.clone());
            for machine in self.machines.get(&family).into_iter().flatten() {
                let key = QuoteKey {
                    provider: Provider::Gcp,
                    region: region.clone(),
                    instance_type: machine.name.clone(),
                    os: "Linux".to_owned(),
                    plan,
                    terms,
                };
                let outcome =
                    hourly(machine, core, ram).and_then(|hourly| quotes.add(key, None, Part::Hourly, hourly));
                if let Err(reason) = outcome {
                    self.skipped.count(reason);
                }
            }
        }
        for (_, machines) in self.machines.iter().filter(|(family, _)| !sold.contains(*family)) {
            machines.iter().for_each(|_| self.skipped.count(NOT_IN_FEED));
        }
    }
}

impl Reader for Catalog<'_> {
    fn document<'de, D: Deserializer<'de>>(&mut self, trail: &Trail, document: D) -> Result<(), D::Error> {
        self.next_page = None;
        Object(&mut Page { catalog: self, trail }).deserialize(document)
    }

    fn next_page(&mut self) -> Option<String> {
        self.next_page.take().filter(|token| !token.is_empty())
    }

    fn finish(mut self, prices: &mut Prices) -> Result<(), &'static str> {
        if !self.has_skus {
            return Err("skus");
        }
        let mut quotes = Quotes::new(self.wanted.as_of);
        self.add_machines(&mut quotes);
        prices.quotes = quotes.finish(&mut self.skipped);
        prices.disks = self.parts.disks(Provider::Gcp, VOLUMES, &mut self.skipped);
        let mut shapes = BTreeMap::new();
        for quote in prices.quotes.iter().filter(|quote| quote.plan == PricingPlan::OnDemand) {
            if let Some(machine) = self.wanted.machine_type(&quote.instance_type) {
                let key = (quote.region.clone(), quote.instance_type.clone());
                shapes.insert(key, shape(&quote.region, machine));
            }
        }
        prices.shapes = priced(shapes, &prices.quotes, &mut self.skipped);
        prices.skipped = self.skipped.into_counts();
        Ok(())
    }
}

struct Page<'a, 'w> {
    catalog: &'a mut Catalog<'w>,
    trail: &'a Trail,
}

impl Fields for Page<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "skus" => {
                self.catalog.has_skus = true;
                let skus = Each::new(self.trail, "skus", |sku: Sku| {
                    if let Err(reason) = self.catalog.sku(&sku) {
                        self.catalog.skipped.count(reason);
                    }
                });
                map.next_value_seed(Array(skus))?;
            }
            "nextPageToken" => self.catalog.next_page = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::Feed;
    use crate::prices::amount::NOT_USD;
    use crate::prices::fixture::{GCP, decimal, everything, find, machine, quote, skips};
    use crate::prices::read::NO_PRICE;

    const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/prices/");

    #[test]
    fn machines_cost_what_their_cores_and_memory_cost() {
        let mut wanted = everything();
        wanted.regions.insert("us-east1".to_owned());
        let prices = find(Feed::GcpCatalog, GCP, &wanted).unwrap();
        let one_year = Some((1, Payment::NoUpfront));
        let cases = [
            ("n2-standard-4", PricingPlan::OnDemand, None, "0.194236"),
            ("n2-standard-4", PricingPlan::Spot, None, "0.04708"),
            ("n2-standard-4", PricingPlan::GcpCudResource, one_year, "0.122364"),
            // Half a core is billed, though the system sees two vCPUs.
            ("e2-small", PricingPlan::OnDemand, None, "0.016752855"),
        ];
        for (name, plan, terms, hourly) in cases {
            let quote = quote(&prices, name, "Linux", plan, terms);
            assert_eq!((quote.hourly, quote.region.as_str()), (decimal(hourly), "us-east1"), "{name} {plan}");
        }
        assert_eq!(prices.quotes.len(), cases.len());
        // Three-year N2 and on-demand C3 lack a half; the core of C3 costs nothing.
        let expected = [(HALF, 2), (NO_PRICE, 1), (NOT_IN_FEED, 3), (NOT_PLAIN, 1)];
        assert_eq!(skips(&prices), BTreeMap::from(expected));
        let shape = &prices.shapes[0];
        assert_eq!((shape.family.as_str(), shape.vcpu, shape.burstable), ("e2", 2.0, true));
        assert_eq!(prices.shapes.len(), 2);
        let disks: Vec<_> =
            prices.disks.iter().map(|disk| (disk.disk_type.as_str(), disk.gib_month)).collect();
        assert_eq!(disks, [("pd-standard", decimal("0.04"))], "behind a free allowance");
    }

    #[test]
    fn the_recorded_sample_is_read_but_its_foreign_currency_is_not_taken() {
        let Ok(text) = std::fs::read_to_string(format!("{SHARED}gcp_skus_api_sample.json")) else {
            println!("skipped: the shared price data is not beside the repository");
            return;
        };
        let mut wanted = everything();
        wanted.machine_types = vec![machine("t2d-standard-4", 4, 16), machine("e2-standard-2", 2, 8)];
        let prices = find(Feed::GcpCatalog, &text, &wanted).unwrap();
        assert_eq!((prices.quotes.len(), skips(&prices)[NOT_USD]), (0, 4));
        assert!(prices.next_page.is_some_and(|token| token.starts_with("APKCS1HV")));
        let prices = find(Feed::GcpCatalog, &text.replace("IDR", "USD"), &wanted).unwrap();
        let quote = quote(&prices, "t2d-standard-4", "Linux", PricingPlan::OnDemand, None);
        assert_eq!(
            quote.hourly,
            decimal("508.934997455") * decimal("4") + decimal("68.204999658") * decimal("16")
        );
        assert_eq!(prices.quotes.len(), 4, "one for Singapore, three for the Americas");
    }

    /// Prices of real machine types, from the core and memory price that two of them imply.
    #[test]
    fn real_price_lists_are_linear_in_cores_and_memory() {
        let Ok(text) = std::fs::read_to_string(format!("{SHARED}gcp_prices_us_2026-07.csv")) else {
            println!("skipped: the shared price data is not beside the repository");
            return;
        };
        let mut real = BTreeMap::new();
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let [_, name, "us-east4", hourly, _, _, _, _, vcpu, ram] = cells[..] else { continue };
            real.insert(name, (decimal(hourly), decimal(vcpu), decimal(ram)));
        }
        let mut checked = 0;
        for (family, title) in
            [("n2", "N2 Instance"), ("e2", "E2 Instance"), ("n2d", "N2D AMD Instance"), ("c3", "C3 Instance")]
        {
            let (small, large) =
                (real[&*format!("{family}-highcpu-8")], real[&*format!("{family}-standard-8")]);
            let ram = (large.0 - small.0) / (large.2 - small.2);
            let core = (small.0 - ram * small.2) / small.1;
            let skus = [("Core", "h", core), ("Ram", "GiBy.h", ram)].map(|(half, unit, price)| {
                let nanos: i64 = (price * Decimal::from(1_000_000_000)).round().try_into().unwrap();
                serde_json::json!({
                    "description": format!("{title} {half} running in Northern Virginia"),
                    "category": { "resourceFamily": "Compute", "usageType": "OnDemand" },
                    "serviceRegions": ["us-east4"],
                    "pricingInfo": [{ "pricingExpression": { "usageUnit": unit, "tieredRates": [
                        { "startUsageAmount": 0, "unitPrice": { "currencyCode": "USD", "units": "0", "nanos": nanos } }
                    ] } }],
                })
            });
            let mut wanted = everything();
            wanted.machine_types = real
                .iter()
                .filter(|(name, _)| machine_family(name) == family)
                .map(|(name, &(_, vcpu, memory_gib))| MachineType { vcpu, memory_gib, ..machine(name, 0, 0) })
                .collect();
            let document = serde_json::json!({ "skus": skus }).to_string();
            for quote in find(Feed::GcpCatalog, &document, &wanted).unwrap().quotes {
                let expected = real[quote.instance_type.as_str()].0;
                let error = ((quote.hourly - expected) / expected).abs();
                assert!(
                    error < decimal("0.001"),
                    "{}: {} is not {expected}",
                    quote.instance_type,
                    quote.hourly
                );
                checked += 1;
            }
        }
        assert!(checked > 90, "{checked}");
    }
}
