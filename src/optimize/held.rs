//! Commitments already held: which are wasted and which end soon.

use billing::{BillingError, CommitmentBill};
use domain::{Period, Skip, to_cents};
use rust_decimal::Decimal;

use crate::Facts;
use crate::ledger::Ledger;

/// What is to be said about held commitments: they cannot be handed back, so these are no recommendations.
pub(crate) fn report(facts: &Facts, opening: &Ledger<'_>, window: Period) -> Result<Vec<Skip>, BillingError> {
    let policy = &facts.policy.plan;
    let month = Decimal::from(730) / Decimal::from((window.end - window.start).num_hours().max(1));
    let mut skips = Vec::new();
    for demand in opening.usage() {
        let provider = demand.lines().first().map(|line| line.provider);
        let of_provider: Vec<_> = opening
            .commitments()
            .iter()
            .filter(|held| provider.is_some_and(|provider| held.provider == provider))
            .cloned()
            .collect();
        let bill = demand.bill(&of_provider, &facts.prices)?;
        let mut say = |id: &str, reason: String| {
            skips.push(Skip { subject: id.to_owned(), considered: "held commitment".to_owned(), reason });
        };
        for (held, used) in of_provider.iter().zip(&bill.commitments) {
            if !held.is_active(facts.as_of) {
                continue;
            }
            let days = (held.ends_at - facts.as_of).num_days();
            let wasted = used.utilization.is_some_and(|share| share < policy.commitment_utilization);
            let ends = days <= i64::from(policy.commitment_expiry_days);
            if wasted {
                say(&held.id, wasted_words(used, month, held.ends_at.format("%Y-%m-%d").to_string()));
            }
            if ends {
                say(
                    &held.id,
                    format!(
                        "expiring: it ends on {} ({days} days); what it covers ({} USD a month at list price) is \
                         considered in the commit step",
                        held.ends_at.format("%Y-%m-%d"),
                        to_cents(used.covered_on_demand_equivalent * month)
                    ),
                );
            }
        }
    }
    Ok(skips)
}

fn wasted_words(used: &CommitmentBill, month: Decimal, ends: String) -> String {
    let advice = if used.net_saving < Decimal::ZERO {
        "it costs more than what it covers would on demand: sell or exchange it where the provider allows, and let it end"
    } else {
        "it still costs less than what it covers would on demand: keep it, and buy less when it ends"
    };
    format!(
        "wasted: {:.0} % of it was used in the last 30 days, {} USD a month is lost until {ends}; {advice}",
        used.utilization.unwrap_or_default() * 100.0,
        to_cents(used.unused_cost * month)
    )
}
