//! Commands that buy commitments. Money is spent at once, so the script does it only when it is told to.

use domain::{Commitment, Payment, PricingPlan, Purchase, Recommendation};
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;

use super::aws::in_account;
use super::steps::{Command, Kind, Part, Steps};
use super::word::{name, safe};

/// What buys it.
pub(super) fn steps(recommendation: &Recommendation, purchase: &Purchase) -> Result<Steps, String> {
    let bought = &purchase.commitment;
    let steps = match bought.plan {
        PricingPlan::ComputeSp | PricingPlan::Ec2InstanceSp => savings_plan(recommendation, bought),
        PricingPlan::RiStandard | PricingPlan::RiConvertible => reserved_instances(bought),
        PricingPlan::AzureReservation => azure_reservation(bought),
        PricingPlan::AzureSavingsPlan => azure_savings_plan(recommendation, bought),
        PricingPlan::GcpCudResource => resource_commitment(recommendation, bought),
        PricingPlan::GcpCudFlexible => Err(format!(
            "flexible commitments are bought in the console under Billing: {} USD an hour for {} year(s)",
            bought.quantity.normalize(),
            bought.term_years
        )),
        PricingPlan::OnDemand | PricingPlan::Spot => Err("it is no commitment".to_owned()),
    }?;
    Ok(steps.note(format!(
        "bought for {} year(s); below {:.0} % use it loses money; advice of this day, not of a later one",
        bought.term_years,
        purchase.break_even_utilization * 100.0
    )))
}

fn whole(bought: &Commitment) -> Result<u64, String> {
    let whole = bought.quantity.normalize();
    let count = whole.to_u64().filter(|count| whole.is_integer() && *count > 0);
    count.ok_or_else(|| format!("{whole} is no whole number of instances"))
}

fn place(bought: &Commitment) -> Result<&str, String> {
    safe(bought.region.as_deref().ok_or("the plan does not say for which region")?)
}

fn instance_type(bought: &Commitment) -> Result<&str, String> {
    safe(bought.instance_type.as_deref().ok_or("the plan does not say for which type")?)
}

fn seconds(bought: &Commitment) -> String {
    (u64::from(bought.term_years) * 365 * 86_400).to_string()
}

fn aws_payment(payment: Payment) -> &'static str {
    match payment {
        Payment::NoUpfront => "No Upfront",
        Payment::PartialUpfront => "Partial Upfront",
        Payment::AllUpfront => "All Upfront",
    }
}

fn savings_plan(recommendation: &Recommendation, bought: &Commitment) -> Result<Steps, String> {
    let (kind, filters) = match bought.plan {
        PricingPlan::ComputeSp => ("Compute", None),
        _ => {
            let family = safe(bought.family.as_deref().ok_or("the plan does not say for which family")?)?;
            let filters = json!([
                { "name": "region", "values": [place(bought)?] },
                { "name": "instanceFamily", "values": [family] },
            ]);
            ("EC2Instance", Some(filters.to_string()))
        }
    };
    let mut offerings = Command::new("aws savingsplans describe-savings-plans-offerings --product-type EC2")
        .with("--plan-types", kind)
        .with("--durations", seconds(bought))
        .with("--payment-options", aws_payment(bought.payment))
        .with("--currencies", "USD");
    if let Some(filters) = filters {
        offerings = offerings.with("--filters", filters);
    }
    let offerings = offerings.with("--query", "searchResults[0].offeringId").with("--output", "text");
    // The same token twice buys once.
    let token = name(&format!("-{}-{}", bought.starts_at.format("%Y%m%d"), recommendation.key));
    let buy = Command::new("aws savingsplans create-savings-plan")
        .parts("--savings-plan-offering-id", vec![Part::Variable("offering")])
        .with("--commitment", bought.quantity.normalize().to_string())
        .with("--client-token", token);
    Ok(in_account(&bought.account, Kind::Buy).look("offering", offerings).run(buy))
}

fn reserved_instances(bought: &Commitment) -> Result<Steps, String> {
    let region = place(bought)?;
    let system = match bought.os.as_deref().unwrap_or("Linux").to_ascii_lowercase().as_str() {
        "linux" => "Linux/UNIX",
        "windows" => "Windows",
        "rhel" => "Red Hat Enterprise Linux",
        "suse" => "SUSE Linux",
        other => {
            return Err(format!("it is not known what {other:?} is called when reservations are bought"));
        }
    };
    // A zone is its region and a letter.
    let zone = region.chars().last().is_some_and(char::is_alphabetic);
    let in_region = if zone { &region[..region.len() - 1] } else { region };
    let mut offerings =
        Command::new("aws ec2 describe-reserved-instances-offerings --no-include-marketplace")
            .with("--region", in_region)
            .with("--instance-type", instance_type(bought)?)
            .with("--product-description", system)
            .with(
                "--offering-class",
                if bought.plan == PricingPlan::RiStandard { "standard" } else { "convertible" },
            )
            .with("--offering-type", aws_payment(bought.payment))
            .with("--min-duration", seconds(bought))
            .with("--max-duration", seconds(bought))
            .with("--instance-tenancy", "default");
    offerings = match zone {
        true => offerings.with("--availability-zone", region),
        false => offerings.with("--filters", r#"[{"Name":"scope","Values":["Region"]}]"#),
    };
    let offerings = offerings
        .with("--query", "ReservedInstancesOfferings[0].ReservedInstancesOfferingId")
        .with("--output", "text");
    let buy = Command::new("aws ec2 purchase-reserved-instances-offering")
        .with("--region", in_region)
        .parts("--reserved-instances-offering-id", vec![Part::Variable("offering")])
        .with("--instance-count", whole(bought)?.to_string());
    Ok(in_account(&bought.account, Kind::Buy)
        .look("offering", offerings)
        .run(buy)
        .note("called twice, it buys twice"))
}

/// The account as a scope of billing.
fn subscription(bought: &Commitment) -> Result<String, String> {
    let account = safe(&bought.account)?;
    Ok(if account.starts_with('/') { account.to_owned() } else { format!("/subscriptions/{account}") })
}

fn azure_reservation(bought: &Commitment) -> Result<Steps, String> {
    let kind = instance_type(bought)?;
    let billing = if bought.payment == Payment::AllUpfront { "Upfront" } else { "Monthly" };
    let body = json!({
        "sku": { "name": kind },
        "location": place(bought)?,
        "properties": {
            "reservedResourceType": "VirtualMachines",
            "billingScopeId": subscription(bought)?,
            "term": format!("P{}Y", bought.term_years),
            "billingPlan": billing,
            "quantity": whole(bought)?,
            "displayName": name(&format!("-{kind}")),
            "appliedScopeType": "Shared",
            "renew": false,
        },
    })
    .to_string();
    let calculate = Command::new("az rest --method post")
        .with("--url", "/providers/Microsoft.Capacity/calculatePrice?api-version=2022-11-01")
        .with("--body", body.clone())
        .with("--query", "properties.reservationOrderId")
        .with("--output", "tsv");
    let url = vec![
        Part::Text("/providers/Microsoft.Capacity/reservationOrders/".to_owned()),
        Part::Variable("order"),
        Part::Text("?api-version=2022-11-01".to_owned()),
    ];
    let buy = Command::new("az rest --method put").parts("--url", url).with("--body", body);
    Ok(Steps::new(Kind::Buy).look("order", calculate).run(buy).note("the same order twice buys once"))
}

fn azure_savings_plan(recommendation: &Recommendation, bought: &Commitment) -> Result<Steps, String> {
    let alias = name(&format!("-{}-{}", bought.starts_at.format("%Y%m%d"), recommendation.key));
    let mut properties = json!({
        "billingScopeId": subscription(bought)?,
        "term": format!("P{}Y", bought.term_years),
        "commitment": { "amount": domain::to_statistic(bought.quantity), "currencyCode": "USD", "grain": "Hourly" },
        "displayName": alias,
        "appliedScopeType": "Shared",
        "renew": false,
    });
    if bought.payment == Payment::NoUpfront {
        properties["billingPlan"] = json!("P1M");
    }
    let body = json!({ "sku": { "name": "Compute_Savings_Plan" }, "properties": properties }).to_string();
    let url = format!(
        "/providers/Microsoft.BillingBenefits/savingsPlanOrderAliases/{alias}?api-version=2022-11-01"
    );
    let buy = Command::new("az rest --method put").with("--url", url).with("--body", body);
    Ok(Steps::new(Kind::Buy).run(buy).note("the same alias twice buys once"))
}

/// What `gcloud` calls the resources of a machine family that commitments are sold for.
fn sold_as(family: &str) -> Option<&'static str> {
    Some(match family {
        "n1" => "general-purpose",
        "n2" => "general-purpose-n2",
        "n2d" => "general-purpose-n2d",
        "n4" => "general-purpose-n4",
        "e2" => "general-purpose-e2",
        "t2d" => "general-purpose-t2d",
        "c2" => "compute-optimized",
        "c2d" => "compute-optimized-c2d",
        "c3" => "compute-optimized-c3",
        "c3d" => "compute-optimized-c3d",
        _ => return None,
    })
}

fn resource_commitment(recommendation: &Recommendation, bought: &Commitment) -> Result<Steps, String> {
    let (kind, region, count) = (instance_type(bought)?, place(bought)?, whole(bought)?);
    let project = safe(&bought.account)?;
    let family = kind.split('-').next().unwrap_or(kind);
    let sold =
        sold_as(family).ok_or_else(|| format!("it is not known as what commitments to {family} are sold"))?;
    let term = match bought.term_years {
        1 => "12-month",
        3 => "36-month",
        years => return Err(format!("{years} years are not sold")),
    };
    let plain = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if !plain(kind) || !plain(region) {
        return Err(format!("{kind:?} in {region:?} cannot be looked up"));
    }
    let shape = |field: &str| {
        Command::new("gcloud compute machine-types list --limit 1")
            .with("--project", project)
            .with("--filter", format!("name={kind} AND zone~^{region}-"))
            .with("--format", format!("value({field})"))
    };
    let resources = vec![
        Part::Text("vcpu=".to_owned()),
        Part::Times("cpus", count),
        Part::Text(",memory=".to_owned()),
        Part::Times("memory_mb", count),
        Part::Text("MB".to_owned()),
    ];
    let called = name(&format!("-{}-{}", bought.starts_at.format("%Y%m%d"), recommendation.key));
    let buy = Command::new("gcloud compute commitments create")
        .word(called)
        .with("--project", project)
        .with("--region", region)
        .with("--plan", term)
        .with("--type", sold)
        .parts("--resources", resources);
    Ok(Steps::new(Kind::Buy)
        .look("cpus", shape("guestCpus"))
        .look("memory_mb", shape("memoryMb"))
        .run(buy)
        .note(format!("sold as vCPUs and memory: those of {count} × {kind}; the same name twice buys once")))
}
