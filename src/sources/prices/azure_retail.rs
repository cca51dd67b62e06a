//! Azure Retail Prices: virtual machines on demand, on spot, reserved and under savings plans; storage.

use std::collections::BTreeMap;

use domain::{Payment, PricingPlan, Provider, Shape, to_statistic};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess};

use super::amount::Reason;
use super::aws_ec2::priced;
use super::azure_item::{Item, PlanOffer, is_first_tier, plain_machine, price, usable};
use super::azure_storage::{CLASSES, VOLUMES, part, per_unit};
use super::json::{Array, Each, Fields, Object, Trail};
use super::quotes::{NOT_YET, Part, QuoteKey, Quotes, Skipped, date, term_years};
use super::read::Reader;
use super::storage_parts::Parts;
use super::{MachineType, Prices, Wanted};

const LOW_PRIORITY: Reason = "low priority, a forerunner of spot";
const DEV_TEST: Reason = "dev/test price, for subscriptions of one kind only";
const OTHER_TYPE: Reason = "neither consumption nor reservation";
const STORAGE_UNIT: Reason = "storage price in an unknown unit";
const EXPIRED: Reason = "price is no longer in force";
const TERM: Reason = "term is neither one nor three years";

/// Hours of a term year, as in the contract of price rows.
const HOURS_A_YEAR: u32 = 8760;

/// Decimals of an hourly rate that stands for a price over a whole term: as many as AWS lists. Over three
/// years the rounding stays below 0.000002 USD.
const HOURLY_DECIMALS: u32 = 10;

/// What was found in pages of the API.
pub(super) struct Retail<'w> {
    wanted: &'w Wanted,
    quotes: Quotes,
    parts: Parts,
    skipped: Skipped,
    next_page: Option<String>,
    has_items: bool,
}

impl<'w> Retail<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            quotes: Quotes::new(wanted.as_of),
            parts: Parts::default(),
            skipped: Skipped::default(),
            next_page: None,
            has_items: false,
        }
    }

    fn item(&mut self, item: &Item) -> Result<(), Reason> {
        match item.service_name.as_str() {
            "Virtual Machines" => self.machine(item),
            "Storage" => self.storage(item),
            _ => Ok(()),
        }
    }

    fn storage(&mut self, item: &Item) -> Result<(), Reason> {
        let Some(part) = part(&item.product_name, &item.meter_name) else { return Ok(()) };
        if item.kind != "Consumption" || !self.wanted.has_region(&item.arm_region_name) {
            return Ok(());
        }
        usable(item)?;
        self.in_force(item)?;
        if item.effective_start_date.as_deref().and_then(date).is_some_and(|start| start > self.wanted.as_of)
        {
            return Err(NOT_YET);
        }
        // Of prices in tiers, the first holds: what the first bytes cost.
        if !is_first_tier(item) {
            return Ok(());
        }
        let price = per_unit(&item.unit_of_measure, price(&item.retail_price)?).ok_or(STORAGE_UNIT)?;
        self.parts.add(&item.arm_region_name, part, price)
    }

    fn machine(&mut self, item: &Item) -> Result<(), Reason> {
        let os = if item.product_name.contains("Windows") { "Windows" } else { "Linux" };
        if !self.wanted.has_type(&item.arm_sku_name)
            || !self.wanted.has_region(&item.arm_region_name)
            || !self.wanted.has_os(os)
        {
            return Ok(());
        }
        usable(item)?;
        plain_machine(item)?;
        self.in_force(item)?;
        match item.kind.as_str() {
            "Consumption" => self.consumption(item, os),
            "Reservation" => self.reservation(item, os),
            "DevTestConsumption" => Err(DEV_TEST),
            _ => Err(OTHER_TYPE),
        }
    }

    fn in_force(&self, item: &Item) -> Result<(), Reason> {
        match item.effective_end_date.as_deref().and_then(date) {
            Some(end) if end <= self.wanted.as_of => Err(EXPIRED),
            _ => Ok(()),
        }
    }

    fn consumption(&mut self, item: &Item, os: &str) -> Result<(), Reason> {
        let named = |word: &str| item.meter_name.contains(word) || item.sku_name.contains(word);
        if named("Low Priority") {
            return Err(LOW_PRIORITY);
        }
        let plan = if named("Spot") { PricingPlan::Spot } else { PricingPlan::OnDemand };
        self.add(item, os, plan, None, Part::Hourly, price(&item.retail_price)?)?;
        for offer in item.savings_plan.iter().flatten() {
            if let Err(reason) = self.savings_plan(item, os, offer) {
                self.skipped.count(reason);
            }
        }
        Ok(())
    }

    /// Rates are by the hour; paying a plan at once or by the month costs the same.
    fn savings_plan(&mut self, item: &Item, os: &str, offer: &PlanOffer) -> Result<(), Reason> {
        let years = term_years(&offer.term).ok_or(TERM)?;
        let rate = price(&offer.retail_price)?;
        let whole_term = (rate * Decimal::from(HOURS_A_YEAR * u32::from(years))).normalize();
        let plan = PricingPlan::AzureSavingsPlan;
        self.add(item, os, plan, Some((years, Payment::NoUpfront)), Part::Hourly, rate)?;
        self.add(item, os, plan, Some((years, Payment::AllUpfront)), Part::Upfront, whole_term)
    }

    /// The price of a reservation is that of the whole term, whatever unit stands beside it; paying it at
    /// once or by the month costs the same.
    fn reservation(&mut self, item: &Item, os: &str) -> Result<(), Reason> {
        let years = item.reservation_term.as_deref().and_then(term_years).ok_or(TERM)?;
        let whole_term = price(&item.retail_price)?;
        let hourly = (whole_term / Decimal::from(HOURS_A_YEAR * u32::from(years)))
            .round_dp_with_strategy(HOURLY_DECIMALS, RoundingStrategy::MidpointAwayFromZero)
            .normalize();
        let plan = PricingPlan::AzureReservation;
        self.add(item, os, plan, Some((years, Payment::AllUpfront)), Part::Upfront, whole_term)?;
        self.add(item, os, plan, Some((years, Payment::NoUpfront)), Part::Hourly, hourly)
    }

    fn add(
        &mut self,
        item: &Item,
        os: &str,
        plan: PricingPlan,
        terms: Option<(u8, Payment)>,
        part: Part,
        amount: Decimal,
    ) -> Result<(), Reason> {
        let key = QuoteKey {
            provider: Provider::Azure,
            region: item.arm_region_name.clone(),
            instance_type: item.arm_sku_name.clone(),
            os: os.to_owned(),
            plan,
            terms,
        };
        self.quotes.add(key, item.effective_start_date.as_deref().and_then(date), part, amount)
    }
}

impl Reader for Retail<'_> {
    fn document<'de, D: Deserializer<'de>>(&mut self, trail: &Trail, document: D) -> Result<(), D::Error> {
        self.next_page = None;
        Object(&mut Page { retail: self, trail }).deserialize(document)
    }

    fn next_page(&mut self) -> Option<String> {
        self.next_page.take().filter(|link| !link.is_empty())
    }

    fn finish(mut self, prices: &mut Prices) -> Result<(), &'static str> {
        if !self.has_items {
            return Err("Items");
        }
        prices.quotes = self.quotes.finish(&mut self.skipped);
        prices.disks = self.parts.disks(Provider::Azure, VOLUMES, &mut self.skipped);
        prices.storage = self.parts.classes(Provider::Azure, CLASSES, &mut self.skipped);
        let mut shapes = BTreeMap::new();
        for quote in &prices.quotes {
            if let Some(machine) = self.wanted.machine_type(&quote.instance_type) {
                let key = (quote.region.clone(), quote.instance_type.clone());
                shapes.entry(key).or_insert_with(|| shape(&quote.region, &quote.instance_type, machine));
            }
        }
        prices.shapes = priced(shapes, &prices.quotes, &mut self.skipped);
        prices.skipped = self.skipped.into_counts();
        Ok(())
    }
}

fn shape(region: &str, instance_type: &str, machine: &MachineType) -> Shape {
    let family = family(instance_type);
    Shape {
        provider: Provider::Azure,
        region: region.to_owned(),
        instance_type: instance_type.to_owned(),
        architecture: machine.architecture.clone(),
        vcpu: to_statistic(machine.vcpu),
        memory_gib: to_statistic(machine.memory_gib),
        network_gbps: None,
        ebs_mbps: None,
        ebs_iops: None,
        burstable: family.starts_with('B'),
        family,
        performance_per_vcpu: 1.0,
        on_demand_hourly: Decimal::ZERO,
    }
}

/// `Standard_D4s_v5` is of the family `Dsv5`: the name without its tier and its size.
fn family(instance_type: &str) -> String {
    let name = instance_type.split_once('_').map_or(instance_type, |(_, name)| name);
    let start = name.find(|letter: char| letter.is_ascii_digit()).unwrap_or(name.len());
    let (letters, rest) = name.split_at(start);
    let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
    format!("{letters}{}", rest.replace('_', ""))
}

struct Page<'a, 'w> {
    retail: &'a mut Retail<'w>,
    trail: &'a Trail,
}

impl Fields for Page<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "Items" => {
                self.retail.has_items = true;
                let items = Each::new(self.trail, "Items", |item: Item| {
                    if let Err(reason) = self.retail.item(&item) {
                        self.retail.skipped.count(reason);
                    }
                });
                map.next_value_seed(Array(items))?;
            }
            "NextPageLink" => self.retail.next_page = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::prices::amount::NOT_USD;
    use crate::prices::azure_item::{NO_TYPE, OTHER_PRODUCT, SECONDARY};
    use crate::prices::fixture::{AZURE_1, AZURE_2, AZURE_3, decimal, everything, find, quote, skips};
    use crate::prices::{Feed, FeedError, read_pages};

    const MACHINE: &str = "Standard_D2s_v5";

    #[test]
    fn reads_every_way_to_pay_for_a_machine() {
        let prices = find(Feed::AzureRetail, AZURE_1, &everything()).unwrap();
        let cases = [
            ("Linux", PricingPlan::OnDemand, None, "0.115", "0"),
            ("Windows", PricingPlan::OnDemand, None, "0.207", "0"),
            ("Linux", PricingPlan::Spot, None, "0.0219", "0"),
            ("Linux", PricingPlan::AzureSavingsPlan, Some((1, Payment::NoUpfront)), "0.08315", "0"),
            ("Linux", PricingPlan::AzureSavingsPlan, Some((1, Payment::AllUpfront)), "0", "728.394"),
            ("Linux", PricingPlan::AzureSavingsPlan, Some((3, Payment::NoUpfront)), "0.05658", "0"),
            ("Linux", PricingPlan::AzureSavingsPlan, Some((3, Payment::AllUpfront)), "0", "1486.9224"),
            ("Linux", PricingPlan::AzureReservation, Some((1, Payment::NoUpfront)), "0.0675799087", "0"),
            ("Linux", PricingPlan::AzureReservation, Some((1, Payment::AllUpfront)), "0", "592"),
            ("Linux", PricingPlan::AzureReservation, Some((3, Payment::NoUpfront)), "0.0434931507", "0"),
            ("Linux", PricingPlan::AzureReservation, Some((3, Payment::AllUpfront)), "0", "1143"),
        ];
        for (os, plan, terms, hourly, upfront) in cases {
            let quote = quote(&prices, MACHINE, os, plan, terms);
            assert_eq!(
                (quote.hourly, quote.upfront),
                (decimal(hourly), decimal(upfront)),
                "{plan} {terms:?}"
            );
        }
        assert_eq!(prices.quotes.len(), cases.len());
        assert_eq!(skips(&prices), BTreeMap::from([(LOW_PRIORITY, 1), (TERM, 1), (DEV_TEST, 1)]));
        let [shape] = prices.shapes.as_slice() else { panic!("{:?}", prices.shapes) };
        assert_eq!((shape.family.as_str(), shape.on_demand_hourly), ("Dsv5", decimal("0.115")));
    }

    #[test]
    fn a_page_that_is_not_read_is_named() {
        let prices = find(Feed::AzureRetail, AZURE_1, &everything()).unwrap();
        assert_eq!(
            prices.next_page.as_deref(),
            Some("https://prices.azure.com:443/api/retail/prices?$skip=100")
        );
        let both = find(Feed::AzureRetail, &format!("{AZURE_1}{AZURE_2}"), &everything()).unwrap();
        assert_eq!(both.next_page, None);
    }

    #[test]
    fn of_several_prices_the_one_in_force_counts() {
        let prices = find(Feed::AzureRetail, AZURE_2, &everything()).unwrap();
        let small = quote(&prices, "Standard_B2s", "Linux", PricingPlan::OnDemand, None);
        assert_eq!((small.hourly, prices.quotes.len()), (decimal("0.048"), 1));
        let expected = [
            (EXPIRED, 1),
            ("price takes effect later", 1),
            (SECONDARY, 1),
            (NOT_USD, 1),
            ("price is missing or zero", 1),
            (OTHER_PRODUCT, 1),
            (NO_TYPE, 1),
        ];
        assert_eq!(skips(&prices), BTreeMap::from(expected));
    }

    #[test]
    fn disks_and_blobs_are_put_together() {
        let prices = find(Feed::AzureRetail, AZURE_3, &everything()).unwrap();
        let disks: Vec<_> =
            prices.disks.iter().map(|disk| (disk.disk_type.as_str(), disk.gib_month)).collect();
        assert_eq!(disks, [("Premium_LRS", decimal("0.132001953125")), ("snapshot", decimal("0.05"))]);
        let [hot] = prices.storage.as_slice() else { panic!("{:?}", prices.storage) };
        assert_eq!((hot.storage_class.as_str(), hot.gib_month), ("Hot", decimal("0.0208")));
        assert_eq!((hot.read_1000, hot.write_1000), (decimal("0.0004"), decimal("0.005")));
        let expected = [("storage class without a price for its size, requests or retrieval", 1)];
        assert_eq!(skips(&prices), BTreeMap::from(expected));
    }

    #[test]
    fn pages_are_followed_through_the_given_function_only() {
        let mut asked = Vec::new();
        let prices = read_pages(Feed::AzureRetail, AZURE_1.as_bytes(), &everything(), |link: &str| {
            asked.push(link.to_owned());
            Ok::<_, FeedError>(AZURE_2.as_bytes())
        })
        .unwrap();
        assert_eq!(asked, ["https://prices.azure.com:443/api/retail/prices?$skip=100"]);
        assert_eq!((prices.quotes.len(), prices.next_page), (12, None));
    }

    #[test]
    fn pages_that_fail_or_never_end_are_errors() {
        let circle = read_pages(Feed::AzureRetail, AZURE_1.as_bytes(), &everything(), |_: &str| {
            Ok::<_, FeedError>(AZURE_1.as_bytes())
        });
        assert!(matches!(circle, Err(FeedError::Endless { pages: 2, .. })), "{circle:?}");
        let refused = read_pages(Feed::AzureRetail, AZURE_1.as_bytes(), &everything(), |_: &str| {
            Err::<&[u8], _>("429 too many requests")
        });
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("page 2") && message.contains("429"), "{message}");
    }

    #[test]
    fn families_are_names_without_their_size() {
        for (name, expected) in [
            ("Standard_D4s_v5", "Dsv5"),
            ("Standard_B2ms", "Bms"),
            ("Standard_NC4as_T4_v3", "NCasT4v3"),
            ("Standard_E4-2ds_v5", "Edsv5"),
            ("D2", "D"),
            ("", ""),
        ] {
            assert_eq!(family(name), expected, "{name}");
        }
    }
}
