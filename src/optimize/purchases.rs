//! The commit step: what the commitment planner wants to buy for the residual usage, priced on the books.

use chrono::{DateTime, Duration, Utc};
use domain::{
    ActionType, Commitment, Effort, Finding, Purchase, Recommendation, Risk, Skip, Step, UsageHour, to_cents,
    to_statistic,
};
use rust_decimal::Decimal;

use crate::Facts;
use crate::action::evidence;
use crate::commitments::{self, Input};
use crate::ledger::Ledger;
use crate::plan::{PlanError, range};

/// What came of the commit step.
#[derive(Default)]
pub(crate) struct Purchases {
    pub(crate) bought: Vec<Recommendation>,
    /// To be bought when held commitments end.
    pub(crate) later: Vec<Purchase>,
    pub(crate) skips: Vec<Skip>,
    pub(crate) optimality_gap: Option<f64>,
    pub(crate) assumptions: Vec<String>,
}

/// Plans purchases for `residual` (usage with every action done) and buys on `ledger` what saves enough there.
pub(crate) fn buy(
    facts: &Facts,
    residual: &[UsageHour],
    as_of: DateTime<Utc>,
    opening: &Ledger<'_>,
    ledger: &mut Ledger<'_>,
) -> Result<Purchases, PlanError> {
    let mut purchases = Purchases::default();
    let nothing = match (facts.policy.plan.purchases, residual.is_empty()) {
        (false, _) => Some("the policy says to buy none"),
        (_, true) => Some("there is no usage with a price to commit to"),
        _ => None,
    };
    if let Some(reason) = nothing {
        let (subject, considered) = ("commitments".to_owned(), "purchases".to_owned());
        purchases.skips.push(Skip { subject, considered, reason: reason.to_owned() });
        return Ok(purchases);
    }
    let held = ledger.commitments().to_vec();
    let policy = &facts.policy.plan;
    let settings = policy.commitments(as_of);
    let end = as_of + Duration::days(i64::from(policy.horizon_days));
    let planned =
        commitments::plan(&Input { usage: residual, prices: &facts.prices, held: &held, settings })?;
    purchases.optimality_gap = planned.optimality_gap;
    purchases.assumptions = planned.assumptions;
    purchases.later = planned.later;
    purchases.later.retain(|purchase| {
        let months = Decimal::from((end - purchase.commitment.starts_at).num_hours()) / Decimal::from(730);
        purchase.expected_saving_usd >= policy.minimum_monthly_saving * months
    });
    for purchase in planned.purchases {
        let saving = ledger.price_commitment(&purchase.commitment)?;
        // What is to cover a wanted share of the usage need not pay.
        if saving < policy.minimum_monthly_saving && policy.target_coverage.is_none() {
            purchases.skips.push(Skip {
                subject: scope(&purchase.commitment),
                considered: "purchase".to_owned(),
                reason: format!(
                    "{}; but with usage as in the last 30 days it would save only {} USD a month",
                    purchase.reason,
                    to_cents(saving)
                ),
            });
            continue;
        }
        let alone = opening.price_commitment(&purchase.commitment)?;
        ledger.add(purchase.commitment.clone())?;
        purchases.bought.push(recommendation(purchase, saving, alone));
    }
    Ok(purchases)
}

/// A purchase with what it saves a month on the books, and what it would save alone.
pub(crate) fn recommendation(purchase: Purchase, saving: Decimal, alone: Decimal) -> Recommendation {
    let bought = &purchase.commitment;
    let expected = to_statistic(purchase.expected_saving_usd);
    let part = |other: Decimal| if expected > 0.0 { to_statistic(other) / expected } else { 1.0 };
    let spread = (part(purchase.saving_p10_usd), part(purchase.saving_p90_usd));
    let unit = if bought.plan.is_spend_based() { "USD an hour" } else { "instances" };
    let action_type = match bought.plan {
        plan if plan.is_spend_based() => ActionType::PurchaseSavingsPlan,
        _ => ActionType::PurchaseReservedInstance,
    };
    Recommendation {
        key: format!("{}:{}", action_type.as_str().to_lowercase(), scope(bought)),
        step: Step::Commit,
        action_type,
        finding: Finding::Uncovered,
        resource_id: None,
        provider: bought.provider,
        account: bought.account.clone(),
        region: bought.region.clone(),
        team: None,
        summary: format!(
            "Buy {} {unit} of {} for {} year{}, {}",
            bought.quantity.normalize(),
            words(bought),
            bought.term_years,
            if bought.term_years == 1 { "" } else { "s" },
            bought.payment.as_str().replace('_', " ")
        ),
        current: "on demand".to_owned(),
        recommended: Some(words(bought)),
        stand_alone_monthly_savings: alone,
        estimated_monthly_savings: range(saving, spread),
        risk: Risk::new(loss_probability(spread)),
        evidence: vec![
            evidence("Saving over the horizon", format!("{} USD", to_cents(purchase.expected_saving_usd))),
            evidence("P10", format!("{} USD", to_cents(purchase.saving_p10_usd))),
            evidence("P90", format!("{} USD", to_cents(purchase.saving_p90_usd))),
            evidence("Break-even use", format!("{:.0} %", purchase.break_even_utilization * 100.0)),
            evidence("Why", purchase.reason.clone()),
        ],
        flips_if: format!(
            "less than {:.0} % of it is used over its term",
            purchase.break_even_utilization * 100.0
        ),
        implementation_effort: Effort::VeryLow,
        restart_needed: false,
        rollback_possible: false,
        lookback_days: 365,
        purchase: Some(purchase),
        patch: None,
        effect: None,
    }
}

/// Chance of a saving below zero when P10 and P90 are those of a normal distribution around 1
/// (logistic approximation of its distribution function, error below 0.01).
fn loss_probability((low, high): (f64, f64)) -> f64 {
    // P90 − P10 of a standard normal is 2 × 1.2816.
    let deviation = ((high - low) / 2.563).max(1e-6);
    1.0 / (1.0 + (1.702 / deviation).exp())
}

fn words(commitment: &Commitment) -> String {
    let what = commitment.instance_type.as_deref().or(commitment.family.as_deref());
    let place = commitment.region.as_deref();
    [Some(commitment.plan.title()), what, place].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What tells two purchases apart.
fn scope(commitment: &Commitment) -> String {
    let parts = [
        Some(commitment.plan.as_str()),
        Some(commitment.account.as_str()),
        commitment.region.as_deref(),
        commitment.instance_type.as_deref().or(commitment.family.as_deref()),
        commitment.os.as_deref(),
        Some(commitment.payment.as_str()),
    ];
    let years = commitment.term_years.to_string();
    parts.into_iter().flatten().chain([years.as_str()]).collect::<Vec<_>>().join("/")
}
