//! The bulk price list of one AWS service: products, then the terms on which they are sold.

use std::collections::BTreeMap;
use std::io::BufRead;

use chrono::{DateTime, Utc};
use serde::de::{Error, IgnoredAny, MapAccess};
use serde::{Deserialize, Deserializer};

use super::Prices;
use super::amount::{Amount, NOT_USD, Reason};
use super::aws_offer_table;
use super::input::Input;
use super::json::{Fields, Object, Trail, text};
use super::quotes::{Skipped, date};
use super::read::{NO_PRICE, Reader, TableError};

/// The attributes of products that matter here, by their names in JSON and their columns in CSV.
macro_rules! attributes {
    ($($field:ident $json:literal $column:literal,)+) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct Attributes { $(#[serde(rename = $json)] pub(super) $field: Option<String>),+ }

        impl Attributes {
            /// Attributes of a table row; empty cells are attributes that are not there.
            pub(super) fn from_columns<'a>(cell: impl Fn(&str) -> Option<&'a str>) -> Self {
                Self { $($field: cell($column).filter(|text| !text.is_empty()).map(str::to_owned)),+ }
            }
        }
    };
}

attributes! {
    region_code "regionCode" "Region Code",
    location_type "locationType" "Location Type",
    usage_type "usagetype" "usageType",
    instance_type "instanceType" "Instance Type",
    operating_system "operatingSystem" "Operating System",
    tenancy "tenancy" "Tenancy",
    capacity_status "capacitystatus" "CapacityStatus",
    pre_installed_software "preInstalledSw" "Pre Installed S/W",
    license_model "licenseModel" "License Model",
    market_option "marketoption" "MarketOption",
    vcpu "vcpu" "vCPU",
    memory "memory" "Memory",
    processor "physicalProcessor" "Physical Processor",
    network "networkPerformance" "Network Performance",
    ebs_throughput "dedicatedEbsThroughput" "Dedicated EBS Throughput",
}

/// One product of the list.
pub(super) struct Product {
    pub(super) sku: String,
    pub(super) family: String,
    pub(super) attributes: Attributes,
}

/// On which terms a price holds.
pub(super) struct Term<'a> {
    /// In force since.
    pub(super) since: Option<DateTime<Utc>>,
    /// `None`: on-demand.
    pub(super) reserved: Option<Reserved<'a>>,
}

/// Terms of a reservation in the words of the list (`1yr`, `standard`, `No Upfront`).
pub(super) struct Reserved<'a> {
    pub(super) length: &'a str,
    pub(super) offering_class: &'a str,
    pub(super) purchase_option: &'a str,
}

/// One amount of a term.
pub(super) struct Rate<'a> {
    /// `Hrs`, `Quantity`, `GB-Mo`, …
    pub(super) unit: &'a str,
    /// Start of the tier.
    pub(super) from: &'a str,
    /// In USD.
    pub(super) price: Result<rust_decimal::Decimal, Reason>,
}

/// What one service makes of its list.
pub(super) trait Service {
    /// Offer code of the list.
    const CODE: &'static str;

    /// Looks at a product and remembers it when it is wanted; the reason when it is wanted but not sold in
    /// a form that the price book knows.
    fn product(&mut self, product: Product) -> Result<(), Reason>;

    /// Whether a product was remembered.
    fn knows(&self, sku: &str) -> bool;

    /// Takes one amount for a product that was remembered.
    fn rate(&mut self, sku: &str, term: &Term<'_>, rate: &Rate<'_>) -> Result<(), Reason>;

    /// Hands over what was found.
    fn finish(self, prices: &mut Prices, skipped: &mut Skipped);
}

/// Reads bulk price lists of one service.
pub(super) struct Offer<S> {
    pub(super) service: S,
    pub(super) skipped: Skipped,
    pub(super) published: Option<DateTime<Utc>>,
    pub(super) has_products: bool,
    pub(super) has_terms: bool,
}

impl<S: Service> Offer<S> {
    pub(super) fn new(service: S) -> Self {
        Self { service, skipped: Skipped::default(), published: None, has_products: false, has_terms: false }
    }

    pub(super) fn publish(&mut self, text: &str) {
        self.published = self.published.max(date(text));
    }
}

impl<S: Service> Reader for Offer<S> {
    fn document<'de, D: Deserializer<'de>>(&mut self, trail: &Trail, document: D) -> Result<(), D::Error> {
        deserialize(document, &mut Document { offer: self, trail, has_products: false })
    }

    fn table<R: BufRead>(&mut self, table: &mut Input<R>) -> Option<Result<(), TableError>> {
        Some(aws_offer_table::read(self, table))
    }

    fn finish(mut self, prices: &mut Prices) -> Result<(), &'static str> {
        if !self.has_products {
            return Err("products");
        }
        if !self.has_terms {
            return Err("terms");
        }
        self.service.finish(prices, &mut self.skipped);
        prices.skipped = self.skipped.into_counts();
        prices.source.as_of = self.published.unwrap_or(prices.source.as_of);
        Ok(())
    }
}

fn deserialize<'de, D: Deserializer<'de>>(document: D, fields: &mut impl Fields) -> Result<(), D::Error> {
    serde::de::DeserializeSeed::deserialize(Object(fields), document)
}

struct Document<'a, S> {
    offer: &'a mut Offer<S>,
    trail: &'a Trail,
    has_products: bool,
}

impl<S: Service> Fields for Document<'_, S> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "offerCode" => {
                let code: String = map.next_value()?;
                if code != S::CODE {
                    return Err(A::Error::custom(format!("offer {code:?} found, expected {:?}", S::CODE)));
                }
            }
            "publicationDate" => self.offer.publish(&map.next_value::<String>()?),
            "products" => {
                self.has_products = true;
                self.offer.has_products = true;
                let trail = self.trail;
                map.next_value_seed(Object(&mut Products { offer: self.offer, trail }))?;
            }
            "terms" => {
                if !self.has_products {
                    return Err(A::Error::custom("terms found, expected products before them"));
                }
                self.offer.has_terms = true;
                let trail = self.trail;
                map.next_value_seed(Object(&mut Terms { offer: self.offer, trail }))?;
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Products<'a, S> {
    offer: &'a mut Offer<S>,
    trail: &'a Trail,
}

#[derive(Deserialize)]
struct JsonProduct {
    #[serde(rename = "productFamily", default, deserialize_with = "text")]
    family: String,
    #[serde(default)]
    attributes: Attributes,
}

impl<S: Service> Fields for Products<'_, S> {
    fn field<'de, A: MapAccess<'de>>(&mut self, sku: &str, map: &mut A) -> Result<(), A::Error> {
        self.trail.at("products", sku);
        let JsonProduct { family, attributes } = map.next_value()?;
        let product = Product { sku: sku.to_owned(), family, attributes };
        if let Err(reason) = self.offer.service.product(product) {
            self.offer.skipped.count(reason);
        }
        Ok(())
    }
}

/// `OnDemand` and `Reserved`, each with terms by product.
struct Terms<'a, S> {
    offer: &'a mut Offer<S>,
    trail: &'a Trail,
}

impl<S: Service> Fields for Terms<'_, S> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let section = match key {
            "OnDemand" => "terms.OnDemand",
            "Reserved" => "terms.Reserved",
            _ => {
                map.next_value::<IgnoredAny>()?;
                return Ok(());
            }
        };
        map.next_value_seed(Object(&mut Skus { offer: self.offer, trail: self.trail, section }))
    }
}

struct Skus<'a, S> {
    offer: &'a mut Offer<S>,
    trail: &'a Trail,
    section: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonTerm {
    #[serde(default, deserialize_with = "text")]
    effective_date: String,
    #[serde(default)]
    price_dimensions: BTreeMap<String, JsonRate>,
    #[serde(default)]
    term_attributes: TermAttributes,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct TermAttributes {
    lease_contract_length: String,
    offering_class: String,
    purchase_option: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRate {
    #[serde(default, deserialize_with = "text")]
    unit: String,
    begin_range: Option<String>,
    #[serde(default)]
    price_per_unit: BTreeMap<String, Amount>,
}

impl<S: Service> Fields for Skus<'_, S> {
    fn field<'de, A: MapAccess<'de>>(&mut self, sku: &str, map: &mut A) -> Result<(), A::Error> {
        self.trail.at(self.section, sku);
        if !self.offer.service.knows(sku) {
            map.next_value::<IgnoredAny>()?;
            return Ok(());
        }
        let terms: BTreeMap<String, JsonTerm> = map.next_value()?;
        for json in terms.values() {
            let attributes = &json.term_attributes;
            let reserved = (self.section == "terms.Reserved").then_some(Reserved {
                length: &attributes.lease_contract_length,
                offering_class: &attributes.offering_class,
                purchase_option: &attributes.purchase_option,
            });
            let term = Term { since: date(&json.effective_date), reserved };
            for rate in json.price_dimensions.values() {
                let rate = Rate {
                    unit: &rate.unit,
                    from: rate.begin_range.as_deref().unwrap_or("0"),
                    price: match rate.price_per_unit.get("USD") {
                        Some(amount) => amount.price(),
                        None if rate.price_per_unit.is_empty() => Err(NO_PRICE),
                        None => Err(NOT_USD),
                    },
                };
                if let Err(reason) = self.offer.service.rate(sku, &term, &rate) {
                    self.offer.skipped.count(reason);
                }
            }
        }
        Ok(())
    }
}
