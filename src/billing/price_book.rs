//! The price book: what something costs, where that is known from, or which price is missing.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use domain::{DiskPrice, Payment, PriceQuote, PriceSource, PricingPlan, Provider, Shape, StoragePrice};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::sustained::{memory_rate, series};

/// A price that the book does not hold. Never guessed: add the row, or leave the thing out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MissingPrice {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// Instance type, volume type or storage class.
    pub instance_type: String,
    /// Operating system; empty for storage.
    pub os: String,
    /// Plan; `None` for storage.
    pub plan: Option<PricingPlan>,
    /// Term, for commitments.
    pub term_years: Option<u8>,
    /// Payment option, for commitments.
    pub payment: Option<Payment>,
}

impl fmt::Display for MissingPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan.map_or("storage", PricingPlan::as_str);
        write!(f, "no {plan} price for {} {} {}", self.provider, self.region, self.instance_type)?;
        if !self.os.is_empty() {
            write!(f, " {}", self.os)?;
        }
        if let (Some(years), Some(payment)) = (self.term_years, self.payment) {
            write!(f, " ({years} years, {payment})")?;
        }
        f.write_str(": add it to the prices")
    }
}

impl std::error::Error for MissingPrice {}

/// Prices that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// A price below zero.
    #[error("negative {what} price for {provider} {region} {name}: {value}; correct the row")]
    Negative {
        /// Which kind of price.
        what: &'static str,
        /// Who sells.
        provider: Provider,
        /// Region id.
        region: String,
        /// Instance type, volume type or class, with its plan.
        name: String,
        /// What stood there.
        value: Decimal,
    },
    /// Two different prices for one thing.
    #[error("two prices for {provider} {region} {name}: {first} and {second}; keep the right one")]
    Conflict {
        /// Who sells.
        provider: Provider,
        /// Region id.
        region: String,
        /// Instance type, volume type or class, with its plan.
        name: String,
        /// The first.
        first: Decimal,
        /// The second.
        second: Decimal,
    },
    /// A commitment without term or payment option, or a term on a price without one.
    #[error("{plan} price for {provider} {region} {instance_type}: {problem}")]
    Term {
        /// Plan of the quote.
        plan: PricingPlan,
        /// Who sells.
        provider: Provider,
        /// Region id.
        region: String,
        /// Instance type.
        instance_type: String,
        /// What is wrong.
        problem: &'static str,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    provider: Provider,
    region: String,
    instance_type: String,
    os: String,
    plan: PricingPlan,
    term_years: Option<u8>,
    payment: Option<Payment>,
}

type Place = (Provider, String);

/// Looked-up prices and shapes with their sources.
///
/// Names are compared ignoring case; operating systems also by their usual synonyms
/// (`Linux/UNIX` is `Linux`, `SLES` is `SUSE`).
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    quotes: HashMap<Key, PriceQuote>,
    shapes: BTreeMap<Place, BTreeMap<String, Shape>>,
    disks: BTreeMap<(Provider, String, String), DiskPrice>,
    storage: BTreeMap<Place, BTreeMap<String, StoragePrice>>,
    /// USD per GiB and hour by region and series of Google Cloud.
    memory_rates: BTreeMap<(String, &'static str), Decimal>,
    sources: Vec<PriceSource>,
    notes: Vec<String>,
}

impl PriceBook {
    /// Checks and indexes prices.
    ///
    /// A row that repeats another exactly is dropped; a price of zero is dropped and therefore missing;
    /// both are said in [`notes`](Self::notes). A negative price and two different prices for one thing
    /// are errors.
    pub fn new(
        quotes: Vec<PriceQuote>,
        shapes: Vec<Shape>,
        disks: Vec<DiskPrice>,
        storage: Vec<StoragePrice>,
        sources: Vec<PriceSource>,
    ) -> Result<Self, PriceError> {
        let mut book = Self { sources, ..Self::default() };
        let mut repeated = 0_usize;
        for quote in quotes {
            repeated += usize::from(!book.add_quote(quote)?);
        }
        book.find_memory_rates();
        for shape in shapes {
            repeated += usize::from(!book.add_shape(shape)?);
        }
        for disk in disks {
            repeated += usize::from(!book.add_disk(disk)?);
        }
        for class in storage {
            repeated += usize::from(!book.add_storage(class)?);
        }
        if repeated > 0 {
            book.notes.push(format!("{repeated} price rows repeat another one and count once"));
        }
        Ok(book)
    }

    /// USD per instance-hour at list price.
    pub fn on_demand(
        &self,
        provider: Provider,
        region: &str,
        instance_type: &str,
        os: &str,
    ) -> Result<Decimal, MissingPrice> {
        self.quote(provider, region, instance_type, os, PricingPlan::OnDemand, None, None)
            .map(|quote| quote.hourly)
    }

    /// USD per instance-hour of interruptible capacity.
    pub fn spot(
        &self,
        provider: Provider,
        region: &str,
        instance_type: &str,
        os: &str,
    ) -> Result<Decimal, MissingPrice> {
        self.quote(provider, region, instance_type, os, PricingPlan::Spot, None, None)
            .map(|quote| quote.hourly)
    }

    /// The quote of one instance type under one plan. `term_years` and `payment` are `None` for
    /// on-demand and spot.
    #[expect(clippy::too_many_arguments, reason = "the seven columns that name a price")]
    pub fn quote(
        &self,
        provider: Provider,
        region: &str,
        instance_type: &str,
        os: &str,
        plan: PricingPlan,
        term_years: Option<u8>,
        payment: Option<Payment>,
    ) -> Result<&PriceQuote, MissingPrice> {
        let key = Key {
            provider,
            region: name_key(region),
            instance_type: name_key(instance_type),
            os: os_key(os),
            plan,
            term_years,
            payment,
        };
        self.quotes.get(&key).ok_or_else(|| MissingPrice {
            provider,
            region: region.to_owned(),
            instance_type: instance_type.to_owned(),
            os: os.to_owned(),
            plan: Some(plan),
            term_years,
            payment,
        })
    }

    /// Every quote, in a fixed order.
    pub fn quotes(&self) -> impl Iterator<Item = &PriceQuote> {
        let mut entries: Vec<_> = self.quotes.iter().collect();
        entries.sort_by(|a, b| a.0.cmp(b.0));
        entries.into_iter().map(|(_, quote)| quote)
    }

    /// The machine type of that name, if the catalogue has it.
    pub fn shape(&self, provider: Provider, region: &str, instance_type: &str) -> Option<&Shape> {
        self.shapes.get(&(provider, name_key(region)))?.get(&name_key(instance_type))
    }

    /// Every machine type of a region, by name.
    pub fn shapes(&self, provider: Provider, region: &str) -> impl Iterator<Item = &Shape> {
        self.shapes.get(&(provider, name_key(region))).into_iter().flat_map(BTreeMap::values)
    }

    /// Block storage (or `snapshot`) price.
    pub fn disk(
        &self,
        provider: Provider,
        region: &str,
        disk_type: &str,
    ) -> Result<&DiskPrice, MissingPrice> {
        self.disks
            .get(&(provider, name_key(region), name_key(disk_type)))
            .ok_or_else(|| missing_storage(provider, region, disk_type))
    }

    /// Object storage price of one class.
    pub fn storage(
        &self,
        provider: Provider,
        region: &str,
        class: &str,
    ) -> Result<&StoragePrice, MissingPrice> {
        self.storage
            .get(&(provider, name_key(region)))
            .and_then(|classes| classes.get(&name_key(class)))
            .ok_or_else(|| missing_storage(provider, region, class))
    }

    /// Every object storage class of a region, by name.
    pub fn storage_classes(&self, provider: Provider, region: &str) -> impl Iterator<Item = &StoragePrice> {
        self.storage.get(&(provider, name_key(region))).into_iter().flat_map(BTreeMap::values)
    }

    /// USD per GiB and hour of a machine series of Google Cloud in a region (keys, not names).
    pub(crate) fn memory_rate(&self, region: &str, series: &'static str) -> Option<Decimal> {
        self.memory_rates.get(&(region.to_owned(), series)).copied()
    }

    fn find_memory_rates(&mut self) {
        let mut prices: BTreeMap<(String, &'static str), Vec<(&str, Decimal)>> = BTreeMap::new();
        for (key, quote) in
            self.quotes.iter().filter(|(key, _)| key.plan == PricingPlan::OnDemand && key.os == "linux")
        {
            if let Some((series, _)) = series(key.provider, &key.instance_type) {
                prices
                    .entry((key.region.clone(), series))
                    .or_default()
                    .push((&key.instance_type, quote.hourly));
            }
        }
        let rate = |(place, prices): ((String, &'static str), Vec<(&str, Decimal)>)| {
            memory_rate(prices.into_iter()).map(|rate| (place, rate))
        };
        self.memory_rates = prices.into_iter().filter_map(rate).collect();
    }

    /// Where the prices come from and the day they were true.
    pub fn sources(&self) -> &[PriceSource] {
        &self.sources
    }

    /// What was left out or merged while indexing, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn add_quote(&mut self, quote: PriceQuote) -> Result<bool, PriceError> {
        let committed = quote.plan.is_commitment();
        let problem = match (quote.term_years, quote.payment) {
            (Some(0), _) => Some("a term of 0 years; give 1 or 3"),
            (Some(_), Some(_)) if committed => None,
            (None, None) if !committed => None,
            _ if committed => Some("term and payment option are needed; fill both columns"),
            _ => Some("a term or payment option on a price without commitment; leave both columns empty"),
        };
        if let Some(problem) = problem {
            let PriceQuote { plan, provider, region, instance_type, .. } = quote;
            return Err(PriceError::Term { plan, provider, region, instance_type, problem });
        }
        let name = format!("{} {} {}", quote.instance_type, quote.os, quote.plan);
        for value in [quote.hourly, quote.upfront] {
            refuse_negative("instance", quote.provider, &quote.region, &name, value)?;
        }
        if quote.effective_hourly().is_zero() {
            self.notes.push(format!(
                "{} {} {name}: a price of 0 is taken as missing",
                quote.provider, quote.region
            ));
            return Ok(true);
        }
        let key = Key {
            provider: quote.provider,
            region: name_key(&quote.region),
            instance_type: name_key(&quote.instance_type),
            os: os_key(&quote.os),
            plan: quote.plan,
            term_years: quote.term_years,
            payment: quote.payment,
        };
        match self.quotes.get(&key) {
            Some(known) if known.hourly == quote.hourly && known.upfront == quote.upfront => Ok(false),
            Some(known) => Err(PriceError::Conflict {
                provider: quote.provider,
                region: quote.region.clone(),
                name,
                first: known.effective_hourly(),
                second: quote.effective_hourly(),
            }),
            None => {
                self.quotes.insert(key, quote);
                Ok(true)
            }
        }
    }

    fn add_shape(&mut self, shape: Shape) -> Result<bool, PriceError> {
        let Shape { provider, on_demand_hourly, .. } = shape;
        refuse_negative("machine", provider, &shape.region, &shape.instance_type, on_demand_hourly)?;
        let region = self.shapes.entry((provider, name_key(&shape.region))).or_default();
        match region.get(&name_key(&shape.instance_type)) {
            Some(known) if *known == shape => Ok(false),
            Some(known) => Err(PriceError::Conflict {
                provider,
                region: shape.region.clone(),
                name: format!("{} (catalogue)", shape.instance_type),
                first: known.on_demand_hourly,
                second: on_demand_hourly,
            }),
            None => {
                region.insert(name_key(&shape.instance_type), shape);
                Ok(true)
            }
        }
    }

    fn add_disk(&mut self, disk: DiskPrice) -> Result<bool, PriceError> {
        for value in [disk.gib_month, disk.iops_month, disk.mbps_month] {
            refuse_negative("disk", disk.provider, &disk.region, &disk.disk_type, value)?;
        }
        let key = (disk.provider, name_key(&disk.region), name_key(&disk.disk_type));
        match self.disks.get(&key) {
            Some(known) if *known == disk => Ok(false),
            Some(known) => Err(PriceError::Conflict {
                provider: disk.provider,
                region: disk.region.clone(),
                name: disk.disk_type.clone(),
                first: known.gib_month,
                second: disk.gib_month,
            }),
            None => {
                self.disks.insert(key, disk);
                Ok(true)
            }
        }
    }

    fn add_storage(&mut self, class: StoragePrice) -> Result<bool, PriceError> {
        for value in [class.gib_month, class.retrieval_gib, class.read_1000, class.write_1000] {
            refuse_negative("storage", class.provider, &class.region, &class.storage_class, value)?;
        }
        let region = self.storage.entry((class.provider, name_key(&class.region))).or_default();
        match region.get(&name_key(&class.storage_class)) {
            Some(known) if *known == class => Ok(false),
            Some(known) => Err(PriceError::Conflict {
                provider: class.provider,
                region: class.region.clone(),
                name: class.storage_class.clone(),
                first: known.gib_month,
                second: class.gib_month,
            }),
            None => {
                region.insert(name_key(&class.storage_class), class);
                Ok(true)
            }
        }
    }
}

fn refuse_negative(
    what: &'static str,
    provider: Provider,
    region: &str,
    name: &str,
    value: Decimal,
) -> Result<(), PriceError> {
    if value.is_sign_negative() && !value.is_zero() {
        let (region, name) = (region.to_owned(), name.to_owned());
        return Err(PriceError::Negative { what, provider, region, name, value });
    }
    Ok(())
}

fn missing_storage(provider: Provider, region: &str, name: &str) -> MissingPrice {
    MissingPrice {
        provider,
        region: region.to_owned(),
        instance_type: name.to_owned(),
        os: String::new(),
        plan: None,
        term_years: None,
        payment: None,
    }
}

/// Names of regions and types are compared ignoring case.
pub(crate) fn name_key(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// The spelling under which an operating system is compared.
pub(crate) fn os_key(os: &str) -> String {
    match os.trim().to_ascii_lowercase().as_str() {
        "linux/unix" | "unix" => "linux".to_owned(),
        "sles" | "suse linux" => "suse".to_owned(),
        "red hat enterprise linux" | "red hat" => "rhel".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(plan: PricingPlan, hourly: Decimal) -> PriceQuote {
        let term = plan.is_commitment();
        PriceQuote {
            provider: Provider::Aws,
            region: "us-east-1".to_owned(),
            instance_type: "m5.large".to_owned(),
            os: "Linux".to_owned(),
            plan,
            term_years: term.then_some(1),
            payment: term.then_some(Payment::NoUpfront),
            hourly,
            upfront: Decimal::ZERO,
        }
    }

    fn book(quotes: Vec<PriceQuote>) -> Result<PriceBook, PriceError> {
        PriceBook::new(quotes, vec![], vec![], vec![], vec![])
    }

    #[test]
    fn says_which_price_is_missing() {
        let book = book(vec![quote(PricingPlan::OnDemand, Decimal::new(96, 3))]).unwrap();
        let price = book.on_demand(Provider::Aws, "US-EAST-1", "M5.large", "linux/unix");
        assert_eq!(price, Ok(Decimal::new(96, 3)));
        let missing = book.on_demand(Provider::Aws, "us-east-1", "m5.large", "Windows").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "no on_demand price for aws us-east-1 m5.large Windows: add it to the prices"
        );
        assert!(book.disk(Provider::Aws, "us-east-1", "gp3").is_err());
    }

    #[test]
    fn refuses_what_it_cannot_trust_and_states_what_it_drops() {
        let od = |cents| quote(PricingPlan::OnDemand, Decimal::new(cents, 2));
        assert!(matches!(book(vec![od(-1)]), Err(PriceError::Negative { .. })));
        assert!(matches!(book(vec![od(1), od(2)]), Err(PriceError::Conflict { .. })));
        let mut untermed = quote(PricingPlan::RiStandard, Decimal::ONE);
        untermed.term_years = None;
        assert!(matches!(book(vec![untermed]), Err(PriceError::Term { .. })));
        let kept = book(vec![od(1), od(1)]).unwrap();
        assert_eq!((kept.quotes().count(), kept.notes().len()), (1, 1));
        let zero = book(vec![od(0)]).unwrap();
        assert!(zero.on_demand(Provider::Aws, "us-east-1", "m5.large", "Linux").is_err());
        assert!(zero.notes()[0].contains("taken as missing"), "{:?}", zero.notes());
    }
}
