//! The one plan: every rule in the order of the waterfall, every action priced on the books that the earlier ones
//! leave behind, so that nothing is counted twice.

use std::collections::{BTreeMap, BTreeSet};

use billing::BillingError;
use domain::{Currency, Finding, Plan, PlanStep, Recommendation, Risk, SavingRange, Step, to_cents};
use rayon::prelude::*;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use crate::action::Effect;
use crate::commitments::CommitmentError;
use crate::ledger::Ledger;
use crate::opening::{Opening, open};
use crate::policy::PolicyError;
use crate::proposals::Proposals;
use crate::purchases::{Purchases, buy};
use crate::residual::{Move, usage_after};
use crate::round::{Priced, Round};
use crate::second_look::settle;
use crate::{Facts, held};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A threshold outside its bounds.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Amounts that cannot be compared with prices.
    #[error("costs are in {0}: prices are in USD; convert the costs before planning")]
    Currency(Currency),
    /// Two resources of one id.
    #[error("resource {0} is there twice: remove one of the rows")]
    Duplicate(String),
    /// Usage, prices or commitments that cannot be billed.
    #[error(transparent)]
    Billing(#[from] BillingError),
    /// The commitment step failed.
    #[error(transparent)]
    Commitments(#[from] CommitmentError),
}

/// Plans. The same facts give the same plan, in whatever order they come.
///
/// # Errors
/// A policy outside its bounds, costs that are not in USD, a resource that is there twice, or usage and
/// commitments that make no sense (the message names the row). A missing price is no error: what needs it is
/// skipped with that reason.
pub fn plan(facts: &Facts) -> Result<Plan, PlanError> {
    facts.policy.check()?;
    if facts.currency != Currency::USD {
        return Err(PlanError::Currency(facts.currency));
    }
    let mut ids = BTreeSet::new();
    if let Some(twice) = facts.resources.iter().find(|resource| !ids.insert(&resource.resource_id)) {
        return Err(PlanError::Duplicate(twice.resource_id.clone()));
    }

    let Opening { mut ledger, mut skips, unpriced, window } = open(facts)?;
    let proposals = Proposals::new(facts);
    ledger.make_room(proposals.targets())?;
    let opening = ledger;
    let mut round = settle(facts, &proposals, &opening)?;
    skips.extend(held::report(facts, &opening, window)?);
    skips.append(&mut round.skips);

    let moves: Vec<Move> = facts
        .resources
        .iter()
        .filter_map(|resource| {
            let before = opening.run(&resource.resource_id)?;
            let after = round.ledger.run(&resource.resource_id)?;
            let changed = before.line != after.line || before.hours != after.hours;
            let moved = || Move::new(before, after, window.start, resource.state_since);
            changed.then(|| (resource.resource_id.as_str(), moved()))
        })
        .collect::<BTreeMap<&str, Move>>()
        .into_values()
        .collect();
    let residual = usage_after(&facts.usage, &unpriced, &moves, window.end);
    let Purchases { bought, later, optimality_gap, assumptions: purchase_assumptions, skips: not_bought } =
        buy(facts, &residual, window.end, &opening, &mut round.ledger)?;
    skips.extend(not_bought);

    let stand_alone = stand_alone(&opening, &round.done)?;
    let mut assumptions = assumptions(facts, &opening, &round);
    assumptions.extend(purchase_assumptions);
    let mut recommendations: Vec<Recommendation> =
        round.done.iter().zip(stand_alone).map(|(done, alone)| recommendation(done, alone)).collect();
    recommendations.extend(bought);
    let steps = steps(&opening, &round.done, &recommendations)?;
    recommendations.sort_by(|a, b| {
        let saving = |recommendation: &Recommendation| recommendation.estimated_monthly_savings.expected;
        saving(b).cmp(&saving(a)).then_with(|| a.key.cmp(&b.key))
    });
    skips.sort_by(|a, b| (&a.subject, &a.considered, &a.reason).cmp(&(&b.subject, &b.considered, &b.reason)));
    Ok(Plan {
        as_of: facts.as_of,
        currency: facts.currency,
        before: opening.total(),
        after: round.ledger.total(),
        steps,
        recommendations,
        later,
        skips,
        optimality_gap,
        assumptions,
    })
}

/// What each action would save if it were the only one.
fn stand_alone(opening: &Ledger<'_>, done: &[Priced<'_>]) -> Result<Vec<Decimal>, BillingError> {
    let alone =
        |done: &Priced<'_>| Ok(opening.price(&done.resource.resource_id, &done.action.effect)?.saving);
    done.par_iter().map(alone).collect()
}

/// The waterfall. A step's increment is the sum over its recommendations; alone, it is done on the opening books.
fn steps(
    opening: &Ledger<'_>,
    done: &[Priced<'_>],
    recommendations: &[Recommendation],
) -> Result<Vec<PlanStep>, BillingError> {
    let mut steps = Vec::new();
    for step in Step::ALL.iter().copied() {
        let of_step = || recommendations.iter().filter(move |recommendation| recommendation.step == step);
        let of_actions = done.iter().filter(|done| done.action.step == step);
        let effects = of_actions.map(|done| (done.resource.resource_id.as_str(), &done.action.effect));
        let bought = of_step().filter_map(|recommendation| recommendation.purchase.as_ref());
        let after = opening.total_after(effects, bought.map(|purchase| purchase.commitment.clone()))?;
        steps.push(PlanStep {
            step,
            count: of_step().count(),
            stand_alone: opening.total() - after,
            incremental: of_step()
                .map(|recommendation| recommendation.estimated_monthly_savings.expected)
                .sum(),
        });
    }
    Ok(steps)
}

fn recommendation(done: &Priced<'_>, stand_alone: Decimal) -> Recommendation {
    let Priced { resource, action, incremental } = done;
    Recommendation {
        key: format!("{}:{}", action.action_type.as_str().to_lowercase(), resource.resource_id),
        step: action.step,
        action_type: action.action_type,
        finding: action.finding,
        resource_id: Some(resource.resource_id.clone()),
        provider: resource.provider,
        account: resource.account.clone(),
        region: Some(resource.region.clone()),
        team: resource.team().map(str::to_owned),
        summary: action.summary.clone(),
        current: action.current.clone(),
        recommended: action.recommended.clone(),
        stand_alone_monthly_savings: stand_alone,
        estimated_monthly_savings: range(*incremental, action.range),
        risk: Risk::new(action.risk.clamp(0.0, 1.0)),
        evidence: action.evidence.clone(),
        flips_if: action.flips_if.clone(),
        implementation_effort: action.effort,
        restart_needed: action.restart_needed,
        rollback_possible: action.rollback_possible,
        lookback_days: action.lookback_days,
        purchase: None,
        patch: action.patch.clone(),
        effect: Some(action.effect.clone()),
    }
}

/// A saving with its doubt: the parts of the expected one that are had in a bad and in a good case.
pub(crate) fn range(expected: Decimal, (low, high): (f64, f64)) -> SavingRange {
    let part = |share: f64| (expected * Decimal::from_f64(share).unwrap_or(Decimal::ONE)).round_dp(6);
    let (one, other) = (part(low), part(high));
    SavingRange { low: one.min(other).min(expected), expected, high: one.max(other).max(expected) }
}

fn assumptions(facts: &Facts, opening: &Ledger<'_>, round: &Round<'_>) -> Vec<String> {
    let simulated: Decimal = facts
        .resources
        .iter()
        .filter(|resource| opening.run(&resource.resource_id).is_some())
        .filter_map(|resource| facts.monthly_costs.get(&resource.resource_id))
        .sum();
    let billed = opening.total() - opening.simulated_total();
    let mut said = vec![
        format!(
            "savings are those of an average month of 730 hours over the coming {} days, with usage as in the last 30 \
             days and held commitments ending when they end",
            facts.policy.plan.horizon_days
        ),
        format!(
            "before is {} USD a month: {} for instance-hours and commitments as simulated, {} for everything else as \
             billed",
            to_cents(opening.total()),
            to_cents(opening.simulated_total()),
            to_cents(billed)
        ),
        format!(
            "the bill of the last 30 days shows {} USD a month for the {} machines that are simulated; the rest of the \
             simulated amount is usage without a machine in the inventory, unused commitments, and commitments that end",
            to_cents(simulated),
            facts.resources.iter().filter(|resource| opening.run(&resource.resource_id).is_some()).count()
        ),
        "what commitments cover is priced at what ending it would really save: nothing, until they end or other usage \
         takes their place"
            .to_owned(),
    ];
    let needed = |done: &&Priced<'_>| done.action.finding == Finding::UnderProvisioned;
    let growing: Vec<Decimal> = round.done.iter().filter(needed).map(|done| done.incremental).collect();
    if !growing.is_empty() {
        said.push(format!(
            "{} resources are too small: making them large enough costs {} USD a month, which the rightsize step contains",
            growing.len(),
            to_cents(-growing.iter().sum::<Decimal>())
        ));
    }
    let costs = |done: &&Priced<'_>| !needed(done) && done.incremental < Decimal::ZERO;
    let making_way: Vec<Decimal> = round.done.iter().filter(costs).map(|done| done.incremental).collect();
    if !making_way.is_empty() {
        said.push(format!(
            "{} actions cost {} USD a month by themselves: they pay together with a later step on the same machine, \
             or with what moves with it",
            making_way.len(),
            to_cents(-making_way.iter().sum::<Decimal>())
        ));
    }
    if round.done.iter().any(|done| matches!(done.action.effect, Effect::Free { .. })) {
        said.push(
            "requests of containers cost nothing by themselves: what is saved are whole nodes that nobody needs then, and \
             nothing before they are gone"
                .to_owned(),
        );
    }
    let moved = || {
        round.done.iter().filter_map(|done| match &done.action.effect {
            Effect::Move(relocation) => Some(relocation),
            _ => None,
        })
    };
    if moved().count() > 0 {
        said.push(format!(
            "{} resources move: after contains {} USD a month for traffic between places and {} for doing it, which is \
             paid at once and spread over {} months; measured traffic stays as it is, disks whose group and tags name \
             no machine stay, and traffic that gets cheaper counts as nothing",
            moved().count(),
            to_cents(moved().map(|relocation| relocation.traffic).sum()),
            to_cents(moved().map(|relocation| relocation.transition).sum()),
            facts.policy.placement.payback_months
        ));
    }
    for source in facts.prices.sources() {
        said.push(format!("prices of {} as of {}", source.source, source.as_of.format("%Y-%m-%d")));
    }
    said
}
