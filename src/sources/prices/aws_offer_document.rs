//! The JSON variant of a bulk price list: products by SKU, then terms by kind and SKU.

use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess};
use serde::{Deserialize, Deserializer};

use super::amount::{Amount, NOT_USD};
use super::aws_offer::{Attributes, Offer, Product, Rate, Reserved, Service, Term};
use super::json::{Fields, Object, Trail, text};
use super::quotes::date;
use super::read::NO_PRICE;

/// Reads a whole document into `offer`.
pub(super) fn read<'de, D: Deserializer<'de>>(
    offer: &mut Offer<impl Service>,
    trail: &Trail,
    document: D,
) -> Result<(), D::Error> {
    Object(&mut Document { offer, trail, has_products: false }).deserialize(document)
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
