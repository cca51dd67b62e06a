//! Small feeds in the recorded shape, for tests.

use std::collections::BTreeMap;

use domain::{Payment, PriceQuote, PricingPlan};
use rust_decimal::Decimal;

use super::{Feed, FeedError, MachineType, Prices, Wanted, read};

pub(super) const EC2_JSON: &str = include_str!("../../../tests/fixtures/prices/aws_ec2.json");
pub(super) const EC2_CSV: &str = include_str!("../../../tests/fixtures/prices/aws_ec2.csv");
pub(super) const SAVINGS_PLANS: &str = include_str!("../../../tests/fixtures/prices/aws_savings_plans.json");
pub(super) const S3: &str = include_str!("../../../tests/fixtures/prices/aws_s3.json");
pub(super) const SPOT_ADVISOR: &str = include_str!("../../../tests/fixtures/prices/aws_spot_advisor.json");
pub(super) const AZURE_1: &str = include_str!("../../../tests/fixtures/prices/azure_retail_1.json");
pub(super) const AZURE_2: &str = include_str!("../../../tests/fixtures/prices/azure_retail_2.json");
pub(super) const AZURE_3: &str = include_str!("../../../tests/fixtures/prices/azure_retail_3.json");
pub(super) const GCP: &str = include_str!("../../../tests/fixtures/prices/gcp_catalog.json");

/// Every fixture with its feed.
pub(super) const ALL: [(Feed, &str); 9] = [
    (Feed::AwsEc2, EC2_JSON),
    (Feed::AwsEc2, EC2_CSV),
    (Feed::AwsSavingsPlans, SAVINGS_PLANS),
    (Feed::AwsS3, S3),
    (Feed::AwsSpotAdvisor, SPOT_ADVISOR),
    (Feed::AzureRetail, AZURE_1),
    (Feed::AzureRetail, AZURE_2),
    (Feed::AzureRetail, AZURE_3),
    (Feed::GcpCatalog, GCP),
];

pub(super) fn machine(name: &str, vcpu: i64, memory_gib: i64) -> MachineType {
    MachineType {
        name: name.to_owned(),
        vcpu: Decimal::from(vcpu),
        memory_gib: Decimal::from(memory_gib),
        architecture: "x86_64".to_owned(),
    }
}

/// Everything, on a day after the fixtures were published.
pub(super) fn everything() -> Wanted {
    Wanted {
        machine_types: vec![
            machine("n2-standard-4", 4, 16),
            machine("e2-small", 2, 2),
            machine("c3-standard-4", 4, 16),
            machine("n2d-standard-2", 2, 8),
            machine("a2-highgpu-1g", 12, 85),
            machine("Standard_D2s_v5", 2, 8),
        ],
        ..Wanted::everything("2026-11-01T00:00:00Z".parse().unwrap())
    }
}

pub(super) fn find(feed: Feed, text: &str, wanted: &Wanted) -> Result<Prices, FeedError> {
    read(feed, text.as_bytes(), wanted)
}

/// The one quote for a thing.
pub(super) fn quote<'p>(
    prices: &'p Prices,
    instance_type: &str,
    os: &str,
    plan: PricingPlan,
    terms: Option<(u8, Payment)>,
) -> &'p PriceQuote {
    let mut found = prices.quotes.iter().filter(|quote| {
        quote.instance_type == instance_type
            && quote.os == os
            && quote.plan == plan
            && quote.term_years.zip(quote.payment) == terms
    });
    let quote = found.next().unwrap_or_else(|| panic!("no {plan} quote for {instance_type} {os}"));
    assert_eq!(found.next(), None);
    quote
}

/// Skips as text, for comparison.
pub(super) fn skips(prices: &Prices) -> BTreeMap<&str, u64> {
    prices.skipped.iter().map(|(reason, &count)| (reason.as_str(), count)).collect()
}

pub(super) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}
