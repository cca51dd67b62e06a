//! The document of Savings Plan rates: plans, then for every plan a long list of rates.

use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::amount::Amount;
use super::aws_savings_plans::SavingsPlans;
use super::json::{Array, Each, Elements, Fields, Object, Trail, text};
use super::quotes::date;

/// Reads a whole document into `plans`.
pub(super) fn read<'de, D: Deserializer<'de>>(
    plans: &mut SavingsPlans<'_>,
    trail: &Trail,
    document: D,
) -> Result<(), D::Error> {
    Object(&mut Document { plans, trail }).deserialize(document)
}

struct Document<'a, 'w> {
    plans: &'a mut SavingsPlans<'w>,
    trail: &'a Trail,
}

impl Fields for Document<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let trail = self.trail;
        match key {
            "publicationDate" => {
                self.plans.published = self.plans.published.max(date(&map.next_value::<String>()?));
            }
            "products" => {
                map.next_value_seed(Array(Each::new(trail, "products", |product| {
                    if let Err(reason) = self.plans.product(product) {
                        self.plans.skipped.count(reason);
                    }
                })))?;
            }
            "terms" => map.next_value_seed(Object(&mut Terms { plans: self.plans, trail }))?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
pub(super) struct JsonProduct {
    pub(super) sku: String,
    #[serde(rename = "productFamily", default, deserialize_with = "text")]
    pub(super) family: String,
    pub(super) attributes: PlanAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanAttributes {
    #[serde(default, deserialize_with = "text")]
    pub(super) purchase_option: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) purchase_term: String,
}

struct Terms<'a, 'w> {
    plans: &'a mut SavingsPlans<'w>,
    trail: &'a Trail,
}

impl Fields for Terms<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key != "savingsPlan" {
            map.next_value::<IgnoredAny>()?;
            return Ok(());
        }
        self.plans.has_rates = true;
        map.next_value_seed(Array(Sold { plans: self.plans, trail: self.trail }))
    }
}

struct Sold<'a, 'w> {
    plans: &'a mut SavingsPlans<'w>,
    trail: &'a Trail,
}

impl Elements for Sold<'_, '_> {
    fn element<'de, A: SeqAccess<'de>>(&mut self, index: usize, list: &mut A) -> Result<bool, A::Error> {
        self.trail.at_index("terms.savingsPlan", index);
        let mut term = Term { plans: self.plans, trail: self.trail, sku: None, since: None };
        Ok(list.next_element_seed(Object(&mut term))?.is_some())
    }
}

/// The rates of one plan: hundreds of thousands, so they are taken one by one.
struct Term<'a, 'w> {
    plans: &'a mut SavingsPlans<'w>,
    trail: &'a Trail,
    sku: Option<String>,
    since: Option<DateTime<Utc>>,
}

impl Fields for Term<'_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match (key, &self.sku) {
            ("sku", _) => self.sku = Some(map.next_value()?),
            ("effectiveDate", _) => self.since = date(&map.next_value::<String>()?),
            ("rates", None) => return Err(A::Error::custom("rates found, expected sku before them")),
            ("rates", Some(sku)) => match self.plans.plans.get(sku).copied() {
                Some(plan) => {
                    map.next_value_seed(Array(Each::new(self.trail, "terms.savingsPlan.rates", |rate| {
                        if let Err(reason) = self.plans.rate(plan, self.since, &rate) {
                            self.plans.skipped.count(reason);
                        }
                    })))?;
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            },
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
pub(super) struct JsonRate {
    #[serde(rename = "discountedUsageType")]
    pub(super) usage_type: String,
    #[serde(rename = "discountedOperation", default, deserialize_with = "text")]
    pub(super) operation: String,
    #[serde(rename = "discountedRegionCode", default)]
    pub(super) region: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) unit: String,
    #[serde(rename = "discountedRate")]
    pub(super) discounted: Option<Discounted>,
}

#[derive(Deserialize)]
pub(super) struct Discounted {
    pub(super) price: Option<Amount>,
    #[serde(default, deserialize_with = "text")]
    pub(super) currency: String,
}
