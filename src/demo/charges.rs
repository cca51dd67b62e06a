//! The bill: daily FOCUS rows of machines and commitments.

use std::collections::BTreeMap;

use billing::{Demand, PriceBook};
use chrono::{DateTime, Duration, Utc};
use domain::{
    BillingMonth, Charge, ChargeCategory, Commitment, CommitmentDiscountStatus, Currency, Period,
    PricingCategory, PricingPlan, Provider,
};
use rust_decimal::Decimal;

use crate::coverage::{Coverage, DIGITS, Fee, Line};
use crate::fleet::{Fleet, Instance, OS};
use crate::spec::{Account, Spec, Tags};
use crate::{DemoError, PriceSnapshot, services};

/// Every charge of the history, ordered by provider, period, account, service, resource and description.
pub(crate) fn all(
    spec: &Spec,
    fleet: &Fleet<'_>,
    commitments: &[Commitment],
    demand: &[domain::Series],
    prices: &PriceSnapshot,
) -> Result<Vec<Charge>, DemoError> {
    let coverage = Coverage::new(spec, fleet, commitments, prices)?;
    let discounts = sustained_use(spec, fleet, commitments, prices)?;
    let services = services::Daily::new(spec, fleet, demand, prices)?;
    let mut charges = Vec::new();
    for start in (0..spec.hours()).step_by(24) {
        let period = Period { start: spec.hour(start), end: spec.hour(start + 24) };
        let day = coverage.day(spec, start..start + 24);
        for ((instance, commitment), line) in &day.lines {
            let covered = commitment.and_then(|index| commitments.get(index));
            let (instance, mut line) = (&fleet.instances[*instance], *line);
            let discounted = (BillingMonth::of(period.start), kind_of(instance));
            if let Some(off) = discounts.get(&discounted).filter(|_| covered.is_none()) {
                line.effective -= line.list * off;
            }
            charges.push(machine(instance, covered, &line, period));
        }
        for (commitment, fee) in commitments.iter().zip(&day.fees) {
            charges.extend(fees(spec, commitment, fee, period)?);
        }
        charges.extend(services.day(start));
    }
    charges.extend(services::monthly(spec, &charges)?);
    let key = |charge: &Charge| (provider_of(charge), charge.charge_period_start);
    charges.sort_by(|a, b| {
        key(a)
            .cmp(&key(b))
            .then_with(|| a.sub_account_id.cmp(&b.sub_account_id))
            .then_with(|| a.service_name.cmp(&b.service_name))
            .then_with(|| a.resource_id.cmp(&b.resource_id))
            .then_with(|| a.charge_description.cmp(&b.charge_description))
            .then_with(|| a.commitment_discount_id.cmp(&b.commitment_discount_id))
    });
    Ok(charges)
}

/// Account, region and machine type.
type Kind<'a> = (&'a str, &'a str, &'a str);

fn kind_of<'a>(instance: &Instance<'a>) -> Kind<'a> {
    (&instance.account.id, &instance.spec.region, &instance.spec.instance_type)
}

/// The part of the list price that Google Cloud takes off uncovered machines for sustained use, month by month.
fn sustained_use<'a>(
    spec: &Spec,
    fleet: &Fleet<'a>,
    commitments: &[Commitment],
    prices: &PriceSnapshot,
) -> Result<BTreeMap<(BillingMonth, Kind<'a>), Decimal>, DemoError> {
    let refuse = |reason: String| DemoError::Prices { file: "compute.csv", reason };
    let (quotes, shapes) = (prices.quotes.clone(), prices.shapes.clone());
    let book =
        PriceBook::new(quotes, shapes, vec![], vec![], vec![]).map_err(|error| refuse(error.to_string()))?;
    let mut usage = fleet.usage(spec);
    usage.retain(|row| row.provider == Provider::Gcp);
    let held: Vec<Commitment> =
        commitments.iter().filter(|held| held.provider == Provider::Gcp).cloned().collect();
    let mut discounts = BTreeMap::new();
    let mut start = spec.history().start;
    while start < spec.history().end {
        let month = BillingMonth::of(start);
        let period = Period { start, end: month.period().end.min(spec.history().end) };
        let bill = Demand::over(period, &usage).and_then(|demand| demand.bill(&held, &book));
        for line in bill.map_err(|error| refuse(error.to_string()))?.lines {
            let of =
                (line.line.account.as_str(), line.line.region.as_str(), line.line.instance_type.as_str());
            let instance = fleet.instances.iter().find(|instance| kind_of(instance) == of);
            let paid_at_list = line.on_demand_cost + line.sustained_use_discount;
            if let Some(instance) = instance.filter(|_| !line.sustained_use_discount.is_zero()) {
                discounts.insert((month, kind_of(instance)), line.sustained_use_discount / paid_at_list);
            }
        }
        start = period.end;
    }
    Ok(discounts)
}

/// The cloud that a charge is of.
pub(crate) fn provider_of(charge: &Charge) -> Option<Provider> {
    charge.provider_name.parse().ok()
}

/// A usage row of an account over a period without amount, to be filled in.
pub(crate) fn row(account: &Account, region: Option<&str>, service: (&str, &str), period: Period) -> Charge {
    Charge {
        billed_cost: Decimal::ZERO,
        effective_cost: Decimal::ZERO,
        list_cost: Decimal::ZERO,
        contracted_cost: Decimal::ZERO,
        billing_currency: Currency::USD,
        billing_account_id: account.billing.clone(),
        billing_period: BillingMonth::of(period.start).period(),
        charge_period_start: period.start,
        charge_period_end: period.end,
        charge_category: ChargeCategory::Usage,
        correction: false,
        charge_description: None,
        provider_name: account.provider.display_name().to_owned(),
        sub_account_id: Some(account.id.clone()),
        sub_account_name: Some(account.name.clone()),
        service_category: Some(service.1.to_owned()),
        service_name: service.0.to_owned(),
        sku_id: None,
        region_id: region.map(str::to_owned),
        availability_zone: None,
        resource_id: None,
        resource_name: None,
        resource_type: None,
        pricing_category: Some(PricingCategory::Standard),
        pricing_quantity: None,
        pricing_unit: None,
        consumed_quantity: None,
        consumed_unit: None,
        commitment_discount_id: None,
        commitment_discount_type: None,
        commitment_discount_status: None,
        instance_type: None,
        os: None,
        tags: Tags::new(),
    }
}

/// Sets quantity, unit and an amount that is the same in all four costs.
pub(crate) fn priced(mut charge: Charge, quantity: Decimal, unit: &str, price: Decimal) -> Charge {
    let cost = (quantity * price).round_dp(DIGITS).normalize();
    charge.billed_cost = cost;
    charge.effective_cost = cost;
    charge.list_cost = cost;
    charge.contracted_cost = cost;
    charge.pricing_quantity = Some(quantity.normalize());
    charge.pricing_unit = Some(unit.to_owned());
    charge.consumed_quantity = Some(quantity.normalize());
    charge.consumed_unit = Some(unit.to_owned());
    charge
}

/// Name and category of the service that sells machines.
pub(crate) fn compute_service(provider: Provider) -> (&'static str, &'static str) {
    match provider {
        Provider::Aws => ("Amazon Elastic Compute Cloud", "Compute"),
        Provider::Azure => ("Virtual Machines", "Compute"),
        Provider::Gcp => ("Compute Engine", "Compute"),
    }
}

fn machine(instance: &Instance<'_>, commitment: Option<&Commitment>, line: &Line, period: Period) -> Charge {
    let entry = instance.spec;
    let account = instance.account;
    let effective = line.effective.round_dp(DIGITS).normalize();
    let list = line.list.round_dp(DIGITS).normalize();
    let how = if commitment.is_some() { "covered by a commitment" } else { "on demand" };
    Charge {
        // covered usage was paid with the commitment's fee
        billed_cost: if commitment.is_some() { Decimal::ZERO } else { effective },
        effective_cost: effective,
        list_cost: list,
        contracted_cost: list,
        charge_description: Some(format!("{OS} {} instance-hour, {how}", entry.instance_type)),
        sku_id: Some(format!("{}:{}", entry.region, entry.instance_type)),
        resource_id: Some(instance.resource_id.clone()),
        resource_name: Some(instance.name.clone()),
        resource_type: Some("Virtual Machine".to_owned()),
        pricing_category: Some(match commitment {
            Some(_) => PricingCategory::Committed,
            None => PricingCategory::Standard,
        }),
        pricing_quantity: Some(line.hours.normalize()),
        pricing_unit: Some("Hours".to_owned()),
        consumed_quantity: Some(line.hours.normalize()),
        consumed_unit: Some("Hours".to_owned()),
        commitment_discount_id: commitment.map(|commitment| commitment.id.clone()),
        commitment_discount_type: commitment.map(|commitment| discount_type(commitment.plan).to_owned()),
        commitment_discount_status: commitment.map(|_| CommitmentDiscountStatus::Used),
        instance_type: Some(entry.instance_type.clone()),
        os: Some(OS.to_owned()),
        tags: entry.tags.clone(),
        ..row(account, Some(&entry.region), compute_service(account.provider), period)
    }
}

/// The rows of one commitment in one day: upfront fee, recurring fee, what was lost.
fn fees(spec: &Spec, commitment: &Commitment, fee: &Fee, period: Period) -> Result<Vec<Charge>, DemoError> {
    let owner = spec.accounts.iter().find(|account| account.id == commitment.account);
    let account = owner.ok_or_else(|| DemoError::Unknown {
        subject: commitment.id.clone(),
        missing: commitment.account.clone(),
        place: "[[account]]",
    })?;
    let service = match commitment.plan {
        PricingPlan::ComputeSp | PricingPlan::Ec2InstanceSp => {
            ("Savings Plans for AWS Compute usage", "Compute")
        }
        _ => compute_service(account.provider),
    };
    let base = || Charge {
        resource_id: Some(commitment.id.clone()),
        resource_type: Some("Commitment".to_owned()),
        commitment_discount_id: Some(commitment.id.clone()),
        commitment_discount_type: Some(discount_type(commitment.plan).to_owned()),
        instance_type: commitment.instance_type.clone(),
        ..row(account, commitment.region.as_deref(), service, period)
    };
    let purchase = |amount: Decimal, period: Period, words: &str| Charge {
        billed_cost: amount.round_dp(DIGITS).normalize(),
        list_cost: amount.round_dp(DIGITS).normalize(),
        contracted_cost: amount.round_dp(DIGITS).normalize(),
        charge_category: ChargeCategory::Purchase,
        charge_description: Some(format!("{}: {words}", discount_type(commitment.plan))),
        charge_period_start: period.start,
        charge_period_end: period.end,
        ..base()
    };
    let mut rows = Vec::new();
    let upfront = commitment.upfront.unwrap_or_default() * commitment.quantity;
    if period.contains(commitment.starts_at) && !upfront.is_zero() {
        let term = Period { start: commitment.starts_at, end: commitment.ends_at };
        rows.push(purchase(upfront, term, "upfront fee"));
    }
    if !fee.billed.is_zero() {
        rows.push(purchase(fee.billed, within_term(commitment, period), "recurring fee"));
    }
    if !fee.unused.is_zero() {
        rows.push(Charge {
            effective_cost: fee.unused.round_dp(DIGITS).normalize(),
            charge_description: Some(format!("{}: not used", discount_type(commitment.plan))),
            pricing_category: Some(PricingCategory::Committed),
            commitment_discount_status: Some(CommitmentDiscountStatus::Unused),
            ..base()
        });
    }
    Ok(rows)
}

/// The part of a day that lies within the term.
fn within_term(commitment: &Commitment, period: Period) -> Period {
    Period { start: period.start.max(commitment.starts_at), end: period.end.min(commitment.ends_at) }
}

fn discount_type(plan: PricingPlan) -> &'static str {
    match plan {
        PricingPlan::ComputeSp => "Compute Savings Plan",
        PricingPlan::Ec2InstanceSp => "EC2 Instance Savings Plan",
        PricingPlan::RiStandard | PricingPlan::RiConvertible => "Reserved Instance",
        PricingPlan::AzureReservation => "Reservation",
        PricingPlan::AzureSavingsPlan => "Savings Plan",
        PricingPlan::GcpCudResource | PricingPlan::GcpCudFlexible => "Committed Use Discount",
        PricingPlan::OnDemand | PricingPlan::Spot => "None",
    }
}

/// Days of the calendar month of `day`.
pub(crate) fn days_in_month(day: DateTime<Utc>) -> i64 {
    let month = BillingMonth::of(day).period();
    (month.end - month.start + Duration::hours(1)).num_days()
}
