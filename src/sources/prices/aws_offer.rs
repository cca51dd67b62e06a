//! The bulk price list of one AWS service: products, then the terms on which they are sold.

use std::io::BufRead;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

use super::Prices;
use super::amount::Reason;
use super::input::Input;
use super::json::Trail;
use super::quotes::{Skipped, date};
use super::read::{Reader, TableError};
use super::{aws_offer_document, aws_offer_table};

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
        aws_offer_document::read(self, trail, document)
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
