//! Google Cloud Billing Catalog: cores and memory by family, put together to machine types.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{Payment, PricingPlan, Provider, Shape, to_statistic};
use rust_decimal::Decimal;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::amount::{Amount, NOT_USD, Reason};
use super::aws_ec2::priced;
use super::gcp_sku::{Half, family, plan};
use super::json::{Array, Elements, Fields, Object, Trail};
use super::quotes::{Part, QuoteKey, Quotes, Skipped, date};
use super::read::{NO_REGION, Reader};
use super::{MachineType, Prices, Wanted};

const NO_PRICE: Reason = "price is missing or zero";
const TIERS: Reason = "price comes in tiers";
const UNIT: Reason = "core or memory price in an unknown unit";
const NOT_YET: Reason = "price takes effect later";
const CONFLICT: Reason = "two different prices for the same core or memory";
const HALF: Reason = "only one of core and memory has a price";
const NOT_IN_FEED: Reason = "machine type whose family has no core and memory prices";
const SIZE: Reason = "machine type of an impossible size";
const EXTRAS: Reason =
    "machine type with parts that are sold apart (accelerators, local disks, custom sizes)";

/// Families and names of machine types that are sold with more than cores and memory.
const WITH_EXTRAS: [&str; 9] = ["a2-", "a3-", "a4-", "a4x-", "g2-", "g4-", "z3-", "ct", "tpu"];

/// Shared-core machine types and the cores that they are billed for; the list of machine types counts the
/// vCPUs that the system sees. F1 and G1 have prices of their own.
const SHARED_CORES: [(&str, Decimal); 3] = [
    ("e2-micro", Decimal::from_parts(25, 0, 0, false, 2)),
    ("e2-small", Decimal::from_parts(5, 0, 0, false, 1)),
    ("e2-medium", Decimal::ONE),
];

const NANOS_SCALE: u32 = 9;

/// What is sold where: region, family, plan, half.
type Place = (String, String, PricingPlan, Option<(u8, Payment)>, Half);

/// What was found in pages of the catalogue.
pub(super) struct Catalog<'w> {
    wanted: &'w Wanted,
    machines: BTreeMap<String, Vec<&'w MachineType>>,
    halves: BTreeMap<Place, Option<Decimal>>,
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
            if has_extras(&machine.name) {
                skipped.count(EXTRAS);
            } else {
                machines.entry(machine_family(&machine.name)).or_default().push(machine);
            }
        }
        Self { wanted, machines, halves: BTreeMap::new(), skipped, next_page: None, has_skus: false }
    }

    fn sku(&mut self, sku: &Sku) -> Result<(), Reason> {
        if sku.category.resource_family != "Compute" {
            return Ok(());
        }
        let Some((family, half)) = family(&sku.description) else { return Ok(()) };
        let Some((plan, terms)) = plan(&sku.category.usage_type) else { return Ok(()) };
        if !self.machines.contains_key(&family) {
            return Ok(());
        }
        if sku.service_regions.is_empty() {
            return Err(NO_REGION);
        }
        let mut regions =
            sku.service_regions.iter().filter(|region| self.wanted.has_region(region)).peekable();
        if regions.peek().is_none() {
            return Ok(());
        }
        let price = unit_price(sku, half, self.wanted.as_of)?;
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

fn machine_family(name: &str) -> String {
    name.split('-').next().unwrap_or(name).to_ascii_lowercase()
}

fn has_extras(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WITH_EXTRAS.iter().any(|start| name.starts_with(start))
        || name.contains("lssd")
        || name.split('-').any(|part| part == "custom")
}

fn billed_cores(machine: &MachineType) -> Decimal {
    SHARED_CORES
        .iter()
        .find(|(name, _)| machine.name.eq_ignore_ascii_case(name))
        .map_or(machine.vcpu, |&(_, cores)| cores)
}

fn hourly(machine: &MachineType, core: Decimal, ram: Decimal) -> Result<Decimal, Reason> {
    let cores = billed_cores(machine).checked_mul(core);
    let memory = machine.memory_gib.checked_mul(ram);
    let sum = cores.zip(memory).and_then(|(cores, memory)| cores.checked_add(memory)).ok_or(SIZE)?;
    if sum > Decimal::ZERO { Ok(sum.normalize()) } else { Err(SIZE) }
}

/// The price per hour of a core or a GiB that is in force.
fn unit_price(sku: &Sku, half: Half, as_of: DateTime<Utc>) -> Result<Decimal, Reason> {
    let since = |info: &PricingInfo| info.effective_time.as_deref().and_then(date);
    let in_force = sku.pricing_info.iter().filter(|info| since(info).is_none_or(|since| since <= as_of));
    let info = in_force.max_by_key(|info| since(info)).ok_or(if sku.pricing_info.is_empty() {
        NO_PRICE
    } else {
        NOT_YET
    })?;
    let expression = &info.pricing_expression;
    let unit = match half {
        Half::Core => "h",
        Half::Ram => "GiBy.h",
    };
    if expression.usage_unit != unit {
        return Err(UNIT);
    }
    let [tier] = expression.tiered_rates.as_slice() else {
        return Err(if expression.tiered_rates.is_empty() { NO_PRICE } else { TIERS });
    };
    if tier.start_usage_amount.as_ref().is_some_and(|start| start.price() != Ok(Decimal::ZERO)) {
        return Err(TIERS);
    }
    if tier.unit_price.currency_code != "USD" {
        return Err(NOT_USD);
    }
    let units = tier.unit_price.units.as_ref().map_or(Ok(Decimal::ZERO), Amount::price)?;
    let nanos = Decimal::new(i64::from(tier.unit_price.nanos), NANOS_SCALE);
    let price = units.checked_add(nanos).ok_or(NO_PRICE)?;
    if price > Decimal::ZERO { Ok(price.normalize()) } else { Err(NO_PRICE) }
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

fn shape(region: &str, machine: &MachineType) -> Shape {
    Shape {
        provider: Provider::Gcp,
        region: region.to_owned(),
        instance_type: machine.name.clone(),
        family: machine_family(&machine.name),
        architecture: machine.architecture.clone(),
        vcpu: to_statistic(machine.vcpu),
        memory_gib: to_statistic(machine.memory_gib),
        network_gbps: None,
        ebs_mbps: None,
        ebs_iops: None,
        burstable: SHARED_CORES.iter().any(|(name, _)| machine.name.eq_ignore_ascii_case(name)),
        performance_per_vcpu: 1.0,
        on_demand_hourly: Decimal::ZERO,
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
                map.next_value_seed(Array(&mut Skus { catalog: self.catalog, trail: self.trail }))?;
            }
            "nextPageToken" => self.catalog.next_page = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

struct Skus<'a, 'w> {
    catalog: &'a mut Catalog<'w>,
    trail: &'a Trail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sku {
    #[serde(default)]
    description: String,
    category: Category,
    #[serde(default)]
    service_regions: Vec<String>,
    #[serde(default)]
    pricing_info: Vec<PricingInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Category {
    #[serde(default)]
    resource_family: String,
    #[serde(default)]
    usage_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PricingInfo {
    pricing_expression: Expression,
    #[serde(alias = "EffectiveTime")]
    effective_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expression {
    #[serde(default)]
    usage_unit: String,
    #[serde(default)]
    tiered_rates: Vec<Tier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tier {
    start_usage_amount: Option<Amount>,
    unit_price: UnitPrice,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnitPrice {
    #[serde(default)]
    currency_code: String,
    units: Option<Amount>,
    #[serde(default)]
    nanos: i32,
}

impl Elements for Skus<'_, '_> {
    fn element<'de, A: SeqAccess<'de>>(&mut self, index: usize, list: &mut A) -> Result<bool, A::Error> {
        self.trail.at_index("skus", index);
        let Some(sku) = list.next_element()? else { return Ok(false) };
        if let Err(reason) = self.catalog.sku(&sku) {
            self.catalog.skipped.count(reason);
        }
        Ok(true)
    }
}
