//! Builders for the tests of this crate.

use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, Payment, PriceQuote, PricingPlan, Provider, UsageHour};
use rust_decimal::Decimal;

use crate::price_book::PriceBook;

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn hour(index: i64) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::hours(index)
}

pub(crate) fn provider_of(instance_type: &str) -> Provider {
    match instance_type {
        name if name.starts_with("Standard_") => Provider::Azure,
        name if name.contains('-') => Provider::Gcp,
        _ => Provider::Aws,
    }
}

pub(crate) fn region_of(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "us-east-1",
        Provider::Azure => "eastus",
        Provider::Gcp => "us-central1",
    }
}

pub(crate) fn used(index: i64, account: &str, instance_type: &str, os: &str, quantity: &str) -> UsageHour {
    let provider = provider_of(instance_type);
    UsageHour {
        hour: hour(index),
        provider,
        account: account.to_owned(),
        region: region_of(provider).to_owned(),
        instance_type: instance_type.to_owned(),
        os: os.to_owned(),
        quantity: dec(quantity),
    }
}

/// Quotes `(type, os, plan, hourly)`, commitments for one year without upfront.
pub(crate) fn book(rows: &[(&str, &str, PricingPlan, &str)]) -> PriceBook {
    let quotes = rows.iter().map(|(instance_type, os, plan, hourly)| {
        let provider = provider_of(instance_type);
        PriceQuote {
            provider,
            region: region_of(provider).to_owned(),
            instance_type: (*instance_type).to_owned(),
            os: (*os).to_owned(),
            plan: *plan,
            term_years: plan.is_commitment().then_some(1),
            payment: plan.is_commitment().then_some(Payment::NoUpfront),
            hourly: dec(hourly),
            upfront: Decimal::ZERO,
        }
    });
    PriceBook::new(quotes.collect(), vec![], vec![], vec![], vec![]).unwrap()
}

/// A commitment of account `1` over the first year of the tests; for reservations `of` is the type, for
/// EC2 Instance Savings Plans the family.
pub(crate) fn held(id: &str, plan: PricingPlan, of: &str, quantity: &str) -> Commitment {
    let provider = match plan {
        PricingPlan::AzureReservation | PricingPlan::AzureSavingsPlan => Provider::Azure,
        PricingPlan::GcpCudResource | PricingPlan::GcpCudFlexible => Provider::Gcp,
        _ => Provider::Aws,
    };
    let bound = !plan.is_spend_based() || plan == PricingPlan::Ec2InstanceSp;
    Commitment {
        id: id.to_owned(),
        provider,
        account: "1".to_owned(),
        region: bound.then(|| region_of(provider).to_owned()),
        plan,
        instance_type: (!plan.is_spend_based()).then(|| of.to_owned()),
        family: (plan == PricingPlan::Ec2InstanceSp).then(|| of.to_owned()),
        os: (!plan.is_spend_based()).then(|| "Linux".to_owned()),
        quantity: dec(quantity),
        term_years: 1,
        payment: Payment::NoUpfront,
        starts_at: hour(0),
        ends_at: hour(8760),
        hourly: None,
        upfront: None,
    }
}
