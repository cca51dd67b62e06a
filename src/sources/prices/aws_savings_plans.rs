//! Savings Plan rates of AWS: which plans there are, then what each makes of an instance-hour.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Payment, PricingPlan, Provider};
use rust_decimal::Decimal;
use serde::Deserializer;

use super::amount::{NOT_USD, Reason};
use super::aws_region::{is_region, region_of, usage_of};
use super::aws_savings_plans_document::{JsonProduct, JsonRate};
use super::json::Trail;
use super::quotes::{Part, QuoteKey, Quotes, Skipped, payment, term_years};
use super::read::{NO_PRICE, NO_REGION, Reader};
use super::{Prices, Wanted, aws_savings_plans_document};

const UNKNOWN_PLAN: Reason = "savings plan on unknown terms";
const SOFTWARE: Reason = "rate with other software, or for a licence that is brought along";
const UNIT: Reason = "savings plan rate in an unknown unit";
const LOCAL_ZONE: Reason = "sold outside of regions (local zone, wavelength or outpost)";

/// Hours of a term year, as in the contract of price rows.
const HOURS_A_YEAR: u32 = 8760;

/// The part of a commitment that is paid at purchase under "Partial Upfront": one half
/// (Savings Plans user guide, "Savings Plans payment options").
const PARTIAL_UPFRONT_SHARE: Decimal = Decimal::from_parts(5, 0, 0, false, 1);

/// Usage types of shared instances that run. Others are dedicated, unused reservations, Fargate, Lambda, …
const RUNNING: &str = "BoxUsage:";

/// What was found in Savings Plan files.
pub(super) struct SavingsPlans<'w> {
    wanted: &'w Wanted,
    pub(super) plans: HashMap<String, Plan>,
    quotes: Quotes,
    pub(super) skipped: Skipped,
    pub(super) published: Option<DateTime<Utc>>,
    pub(super) has_rates: bool,
}

/// What a Savings Plan SKU is.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    plan: PricingPlan,
    years: u8,
    payment: Payment,
}

impl<'w> SavingsPlans<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            plans: HashMap::new(),
            quotes: Quotes::new(wanted.as_of),
            skipped: Skipped::default(),
            published: None,
            has_rates: false,
        }
    }

    pub(super) fn product(&mut self, product: JsonProduct) -> Result<(), Reason> {
        let plan = match product.family.as_str() {
            "ComputeSavingsPlans" => PricingPlan::ComputeSp,
            "EC2InstanceSavingsPlans" => PricingPlan::Ec2InstanceSp,
            _ => return Ok(()),
        };
        let years = term_years(&product.attributes.purchase_term).ok_or(UNKNOWN_PLAN)?;
        let payment = payment(&product.attributes.purchase_option).ok_or(UNKNOWN_PLAN)?;
        self.plans.insert(product.sku, Plan { plan, years, payment });
        Ok(())
    }

    pub(super) fn rate(
        &mut self,
        plan: Plan,
        since: Option<DateTime<Utc>>,
        rate: &JsonRate,
    ) -> Result<(), Reason> {
        let Some(instance_type) = usage_of(&rate.usage_type).strip_prefix(RUNNING) else { return Ok(()) };
        if !self.wanted.has_type(instance_type) {
            return Ok(());
        }
        let stated = rate.region.as_deref().filter(|region| !region.is_empty());
        let region = stated.or_else(|| region_of(&rate.usage_type)).ok_or(NO_REGION)?;
        if !self.wanted.has_region(region) {
            return Ok(());
        }
        if !is_region(region) {
            return Err(LOCAL_ZONE);
        }
        let os = operating_system(&rate.operation).ok_or(SOFTWARE)?;
        if !self.wanted.has_os(os) {
            return Ok(());
        }
        if !rate.unit.eq_ignore_ascii_case("hrs") {
            return Err(UNIT);
        }
        let discounted = rate.discounted.as_ref().ok_or(NO_PRICE)?;
        if discounted.currency != "USD" {
            return Err(NOT_USD);
        }
        let price = discounted.price.as_ref().ok_or(NO_PRICE)?.price()?;
        let key = QuoteKey {
            provider: Provider::Aws,
            region: region.to_owned(),
            instance_type: instance_type.to_owned(),
            os: os.to_owned(),
            plan: plan.plan,
            terms: Some((plan.years, plan.payment)),
        };
        let (hourly, upfront) = split(price, plan.years, plan.payment);
        self.quotes.add(key.clone(), since, Part::Hourly, hourly)?;
        self.quotes.add(key, since, Part::Upfront, upfront)
    }
}

/// The operating system behind an EC2 operation (EC2 user guide, "AMI billing information fields").
/// Other operations bring a database or a licence of their own.
fn operating_system(operation: &str) -> Option<&'static str> {
    match operation {
        "RunInstances" => Some("Linux"),
        "RunInstances:0002" => Some("Windows"),
        "RunInstances:0010" => Some("RHEL"),
        "RunInstances:000g" => Some("SUSE"),
        _ => None,
    }
}

/// How a rate is paid, by the hour and at purchase. The two spread over the term give the rate again.
fn split(rate: Decimal, years: u8, payment: Payment) -> (Decimal, Decimal) {
    let term = rate * Decimal::from(HOURS_A_YEAR * u32::from(years));
    match payment {
        Payment::NoUpfront => (rate, Decimal::ZERO),
        Payment::PartialUpfront => {
            let upfront = (term * PARTIAL_UPFRONT_SHARE).normalize();
            ((rate * (Decimal::ONE - PARTIAL_UPFRONT_SHARE)).normalize(), upfront)
        }
        Payment::AllUpfront => (Decimal::ZERO, term.normalize()),
    }
}

impl Reader for SavingsPlans<'_> {
    fn document<'de, D: Deserializer<'de>>(&mut self, trail: &Trail, document: D) -> Result<(), D::Error> {
        aws_savings_plans_document::read(self, trail, document)
    }

    fn finish(mut self, prices: &mut Prices) -> Result<(), &'static str> {
        if self.plans.is_empty() {
            return Err("Savings Plan products");
        }
        if !self.has_rates {
            return Err("terms.savingsPlan");
        }
        prices.quotes = self.quotes.finish(&mut self.skipped);
        prices.skipped = self.skipped.into_counts();
        prices.source.as_of = self.published.unwrap_or(prices.source.as_of);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::prices::Feed;
    use crate::prices::fixture::{SAVINGS_PLANS, decimal, everything, find, quote, skips};

    #[test]
    fn rates_become_quotes_split_as_they_are_paid() {
        let prices = find(Feed::AwsSavingsPlans, SAVINGS_PLANS, &everything()).unwrap();
        let cases = [
            ("Linux", PricingPlan::ComputeSp, 1, Payment::NoUpfront, "0.0783", "0"),
            ("Windows", PricingPlan::ComputeSp, 1, Payment::NoUpfront, "0.1703", "0"),
            ("Linux", PricingPlan::ComputeSp, 3, Payment::PartialUpfront, "0.02685", "705.618"),
            ("Linux", PricingPlan::Ec2InstanceSp, 3, Payment::AllUpfront, "0", "1109.016"),
        ];
        for (os, plan, years, payment, hourly, upfront) in cases {
            let quote = quote(&prices, "m6i.large", os, plan, Some((years, payment)));
            assert_eq!(
                (quote.hourly, quote.upfront),
                (decimal(hourly), decimal(upfront)),
                "{plan} {payment}"
            );
            assert_eq!(quote.region, "eu-west-1");
        }
        // Without a region code the usage type says where.
        let terms = Some((1, Payment::NoUpfront));
        assert_eq!(quote(&prices, "m5.large", "SUSE", PricingPlan::ComputeSp, terms).region, "us-east-2");
        assert_eq!(quote(&prices, "m5.large", "RHEL", PricingPlan::ComputeSp, terms).region, "us-east-1");
        assert_eq!(prices.quotes.len(), 6);
        let expected = [
            (UNKNOWN_PLAN, 1),
            (SOFTWARE, 1),
            (LOCAL_ZONE, 1),
            (NOT_USD, 1),
            ("price is missing or zero", 1),
        ];
        assert_eq!(skips(&prices), BTreeMap::from(expected));
    }

    #[test]
    fn files_of_regions_can_follow_one_another() {
        let other = SAVINGS_PLANS.replace("eu-west-1", "us-east-1").replace("\"EU-", "\"");
        let both = format!("{SAVINGS_PLANS}\n{other}");
        let prices = find(Feed::AwsSavingsPlans, &both, &everything()).unwrap();
        assert_eq!(prices.quotes.iter().filter(|quote| quote.instance_type == "m6i.large").count(), 8);
    }

    #[test]
    fn rates_without_a_plan_and_files_without_rates_are_refused() {
        let late = SAVINGS_PLANS.replacen("\"sku\": \"CSP1NU\",\n    \"description\"", "\"description\"", 1);
        let error = find(Feed::AwsSavingsPlans, &late, &everything()).unwrap_err().to_string();
        assert!(error.contains("$.terms.savingsPlan[0]") && error.contains("expected sku"), "{error}");
        let empty = find(Feed::AwsSavingsPlans, r#"{"products": []}"#, &everything()).unwrap_err();
        assert!(empty.to_string().contains("has no Savings Plan products"), "{empty}");
    }

    proptest! {
        #[test]
        fn the_split_gives_the_rate_again(units in 1_i64..1_000_000_000, three in any::<bool>()) {
            let (rate, years) = (Decimal::new(units, 8), if three { 3 } else { 1 });
            for payment in [Payment::NoUpfront, Payment::PartialUpfront, Payment::AllUpfront] {
                let (hourly, upfront) = split(rate, years, payment);
                let term = Decimal::from(HOURS_A_YEAR * u32::from(years));
                prop_assert_eq!(hourly * term + upfront, rate * term);
            }
        }
    }
}
