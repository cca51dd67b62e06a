//! A second look at machines whose savings depend on each other: the waterfall decides one action at a time, and
//! what a held commitment covers is worth to a machine depends on what is done to the others.

use std::collections::BTreeMap;

use billing::BillingError;
use domain::{Finding, Resource, Step};
use rayon::prelude::*;
use rust_decimal::Decimal;

use crate::Facts;
use crate::action::{Action, Effect, Verdict};
use crate::ledger::Ledger;
use crate::plan::PlanError;
use crate::proposals::{Fate, Proposals};
use crate::round::{Choice, Round, STEPS};

/// Most rounds over all of these machines.
const MOST_ROUNDS: usize = 5;

/// Most actions that are looked at again: beyond them the plan would take minutes.
const MOST_ACTIONS: usize = 5_000;

/// What may be done to one machine: steps with their effects, in order.
pub(crate) type Path = Vec<(Step, Effect)>;

/// The waterfall, made again with the steps that a local search over one machine at a time finds; the first one
/// where that is not cheaper. A chosen step may save less than nothing by itself: it makes way for a later one.
pub(crate) fn settle<'a>(
    facts: &'a Facts,
    proposals: &Proposals<'a>,
    opening: &Ledger<'a>,
) -> Result<Round<'a>, PlanError> {
    let first = Round::go(facts, proposals, opening.clone(), &Choice::new())?;
    let choice = improve(facts, proposals, opening, &first)?;
    if choice.is_empty() {
        return Ok(first);
    }
    let second = Round::go(facts, proposals, opening.clone(), &choice)?;
    Ok(if second.ledger.total() < first.ledger.total() { second } else { first })
}

/// The steps of the machines for which others are better than what `round` does.
fn improve<'a>(
    facts: &Facts,
    proposals: &Proposals<'a>,
    opening: &Ledger<'a>,
    round: &Round<'a>,
) -> Result<Choice, BillingError> {
    if round.done.len() + round.passed.len() > MOST_ACTIONS {
        return Ok(Choice::new());
    }
    let least = facts.policy.plan.minimum_monthly_saving;
    let mut machines = entangled(opening, round, least)?;
    // What moved with others cannot be looked at alone.
    let moved =
        |machine: &Resource| round.fates.get(&machine.resource_id).is_some_and(|fate| fate.place.is_some());
    machines.retain(|machine| !(moved(machine) && proposals.is_tied(&machine.resource_id)));
    let paths: Vec<Vec<Path>> =
        machines.par_iter().map(|machine| paths(proposals, machine, &round.fates, opening)).collect();
    let (mut ledger, mut choice) = (round.ledger.clone(), Choice::new());
    for _ in 0..MOST_ROUNDS {
        let price = |ledger: &Ledger<'a>, machine: &Resource, path: &Path| {
            ledger.price_instead(opening, &machine.resource_id, path.iter().map(|(_, effect)| effect))
        };
        let better = |(machine, paths): (&&'a Resource, &'_ Vec<Path>)| -> Result<_, BillingError> {
            let mut best = None;
            for (at, path) in paths.iter().enumerate() {
                let saving = price(&ledger, machine, path)?.saving;
                if saving > best.map_or(least, |(saving, _)| saving) {
                    best = Some((saving, at));
                }
            }
            Ok(best)
        };
        let best: Vec<Option<(Decimal, usize)>> =
            machines.par_iter().zip(&paths).map(better).collect::<Result<_, _>>()?;
        let mut order: Vec<(Decimal, usize, usize)> = best
            .into_iter()
            .enumerate()
            .filter_map(|(machine, best)| best.map(|(saving, path)| (saving, machine, path)))
            .collect();
        order.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut changed = false;
        for (_, machine, path) in order {
            // The ones before it may have taken what it would have saved.
            let path = &paths[machine][path];
            let change = price(&ledger, machines[machine], path)?;
            if change.saving > least {
                ledger.accept(change)?;
                let steps = path.iter().map(|(step, _)| *step).collect();
                choice.insert(machines[machine].resource_id.clone(), steps);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    Ok(choice)
}

/// Machines whose actions save something else by `least` now, with all the others done, than they would alone.
fn entangled<'a>(
    opening: &Ledger<'a>,
    round: &Round<'a>,
    least: Decimal,
) -> Result<Vec<&'a Resource>, BillingError> {
    let mut machines: BTreeMap<&str, (&'a Resource, Vec<&Effect>, Vec<&Action>)> = BTreeMap::new();
    for (priced, is_done) in round
        .done
        .iter()
        .map(|priced| (priced, true))
        .chain(round.passed.iter().map(|priced| (priced, false)))
    {
        let id = priced.resource.resource_id.as_str();
        if opening.run(id).is_some() {
            let (_, done, passed) =
                machines.entry(id).or_insert_with(|| (priced.resource, Vec::new(), Vec::new()));
            if is_done { done.push(&priced.action.effect) } else { passed.push(&priced.action) }
        }
    }
    let differs =
        |(machine, done, passed): (&'a Resource, Vec<&Effect>, Vec<&Action>)| -> Result<_, BillingError> {
            let id = machine.resource_id.as_str();
            let alone = opening.price_instead(opening, id, done.iter().copied())?.saving;
            let undone = round.ledger.price_instead(opening, id, std::iter::empty())?.saving;
            let mut differs = (alone + undone).abs() > least;
            let moved = round.fates.get(id).is_some_and(|fate| fate.place.is_some());
            for Action { step, effect, .. } in passed {
                // What was meant for the old place says nothing in the new one.
                differs |= moved && *step < Step::Move || {
                    let (alone, now) =
                        (opening.price(id, effect)?.saving, round.ledger.price(id, effect)?.saving);
                    (alone - now).abs() > least
                };
            }
            Ok(differs.then_some(machine))
        };
    let found: Vec<Option<&'a Resource>> =
        machines.into_values().collect::<Vec<_>>().into_par_iter().map(differs).collect::<Result<_, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Everything that the rules allow for one machine, others being as they are. A machine that is too small grows.
pub(crate) fn paths(
    proposals: &Proposals<'_>,
    machine: &Resource,
    fates: &BTreeMap<String, Fate>,
    opening: &Ledger<'_>,
) -> Vec<Path> {
    let mut paths = vec![(Path::new(), Fate::default())];
    for step in STEPS {
        for at in 0..paths.len() {
            let (path, fate) = &paths[at];
            let Verdict::Act(action) = proposals.verdict(machine, step, fate, fates, opening) else {
                continue;
            };
            let (mut longer, mut fate) = (path.clone(), fate.clone());
            fate.suffer(&action.effect);
            longer.push((step, action.effect));
            if action.finding == Finding::UnderProvisioned {
                paths[at] = (longer, fate);
            } else {
                paths.push((longer, fate));
            }
        }
    }
    paths.into_iter().map(|(path, _)| path).collect()
}
