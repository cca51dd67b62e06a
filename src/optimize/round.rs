//! One pass through the steps: every action priced on the books that the earlier ones leave behind.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Finding, Resource, ResourceKind, Skip, Step, to_cents, to_statistic};
use rust_decimal::Decimal;

use crate::Facts;
use crate::action::{Action, Verdict};
use crate::ledger::Ledger;
use crate::placement::{Moved, Outcome};
use crate::plan::PlanError;
use crate::proposals::{Fate, Proposals};

/// The steps before commitments, in the order in which savings are counted.
pub(crate) const STEPS: [Step; 6] =
    [Step::Delete, Step::Rightsize, Step::Schedule, Step::Move, Step::Spot, Step::Storage];

/// Why an action that was looked at again is not done.
const DEARER: &str = "but everything together costs less without it";

/// Steps that a resource has to take, and no others, by its id; the others take what pays.
pub(crate) type Choice = BTreeMap<String, Vec<Step>>;

/// One priced action.
pub(crate) struct Priced<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) action: Action,
    /// What it saved, or would have, when its turn came.
    pub(crate) incremental: Decimal,
}

/// The waterfall while it is being made.
pub(crate) struct Round<'a> {
    facts: &'a Facts,
    pub(crate) ledger: Ledger<'a>,
    pub(crate) fates: BTreeMap<String, Fate>,
    pub(crate) done: Vec<Priced<'a>>,
    /// Actions that did not pay when their turn came.
    pub(crate) passed: Vec<Priced<'a>>,
    pub(crate) skips: Vec<Skip>,
}

impl<'a> Round<'a> {
    /// Goes through the steps on `ledger`, doing what is chosen or pays.
    pub(crate) fn go(
        facts: &'a Facts,
        proposals: &Proposals<'a>,
        ledger: Ledger<'a>,
        choice: &Choice,
    ) -> Result<Self, PlanError> {
        let (fates, done, passed, skips) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        let mut round = Self { facts, ledger, fates, done, passed, skips };
        for step in STEPS {
            if step == Step::Move {
                round.relocate(proposals, choice)?;
                continue;
            }
            for (resource, verdict) in proposals.of(step, &round.fates, &round.ledger) {
                let chosen = choice.get(&resource.resource_id).map(|steps| steps.contains(&step));
                match verdict {
                    Verdict::Act(action) if chosen == Some(false) => {
                        round.skip(resource, &action, DEARER);
                    }
                    Verdict::Act(action) => round.consider(resource, *action, chosen.is_some())?,
                    Verdict::Skip(skip) => round.skips.push(skip),
                    Verdict::NotConcerned => {}
                }
            }
        }
        Ok(round)
    }

    /// Prices an action on the books as they are now, and does it if it is chosen or pays; a machine that is too
    /// small grows whatever that costs.
    fn consider(&mut self, resource: &'a Resource, action: Action, chosen: bool) -> Result<(), PlanError> {
        let id = &resource.resource_id;
        let felt = action.effect.felt(id);
        // A container that needs more has to get it, though nobody bills for containers.
        let unbilled =
            resource.kind == ResourceKind::Container && action.finding == Finding::UnderProvisioned;
        if !unbilled && !felt.iter().all(|(id, _)| self.ledger.knows(id)) {
            self.skip(resource, &action, "but it is not on the bill of the last 30 days");
            return Ok(());
        }
        let change = self.ledger.price(id, &action.effect)?;
        let incremental = change.saving;
        let needed = chosen || action.finding == Finding::UnderProvisioned;
        if !needed && incremental < self.facts.policy.plan.minimum_monthly_saving {
            self.skip(resource, &action, &self.too_little(resource, incremental));
            self.passed.push(Priced { resource, action, incremental });
            return Ok(());
        }
        for (id, effect) in felt {
            self.fates.entry(id.to_owned()).or_default().suffer(effect);
        }
        self.ledger.accept(change)?;
        self.done.push(Priced { resource, action, incremental });
        Ok(())
    }

    /// The move step: what belongs together moves if all of it together pays.
    fn relocate(&mut self, proposals: &Proposals<'a>, choice: &Choice) -> Result<(), PlanError> {
        for outcome in proposals.moves(&self.fates, &self.ledger)? {
            let moved = match outcome {
                Outcome::Move(moved) => moved,
                Outcome::Stay(skip) => {
                    self.skips.push(skip);
                    continue;
                }
            };
            let id = |moved: &Moved<'a>| moved.resource.resource_id.as_str();
            let chosen = moved.iter().filter_map(|moved| choice.get(id(moved)));
            let chosen = chosen.map(|steps| steps.contains(&Step::Move)).reduce(|one, other| one && other);
            let effects: Vec<_> = moved.iter().map(|moved| (id(moved), &moved.action.effect)).collect();
            let saving = self.ledger.price_together(&effects)?;
            let pays = saving >= self.facts.policy.plan.minimum_monthly_saving;
            if chosen == Some(true) || chosen.is_none() && pays {
                self.move_all(moved)?;
                continue;
            }
            for Moved { resource, action, .. } in moved {
                if chosen.is_some() {
                    self.skip(resource, &action, DEARER);
                    continue;
                }
                self.skip(resource, &action, &self.too_little(resource, saving));
                if !proposals.is_tied(&resource.resource_id) {
                    self.passed.push(Priced { resource, action, incremental: saving });
                }
            }
        }
        Ok(())
    }

    /// Moves what belongs together, one by one: each increment is what the books say after those before it.
    fn move_all(&mut self, moved: Vec<Moved<'a>>) -> Result<(), PlanError> {
        for Moved { resource, mut action, less, more } in moved {
            let change = self.ledger.price(&resource.resource_id, &action.effect)?;
            let incremental = change.saving;
            if !incremental.is_zero() {
                let part = |saving: Decimal| to_statistic(saving / incremental);
                action.range = (part(incremental - less), part(incremental + more));
            }
            self.fates.entry(resource.resource_id.clone()).or_default().suffer(&action.effect);
            self.ledger.accept(change)?;
            self.done.push(Priced { resource, action, incremental });
        }
        Ok(())
    }

    fn too_little(&self, resource: &Resource, saving: Decimal) -> String {
        let saving = to_cents(saving);
        match self.covered_until(resource) {
            Some(until) => format!(
                "but held commitments cover it until {}: it would save {saving} USD a month",
                until.format("%Y-%m-%d")
            ),
            None => format!("but it would save only {saving} USD a month"),
        }
    }

    fn skip(&mut self, resource: &Resource, action: &Action, reason: &str) {
        self.skips.push(Skip {
            subject: resource.resource_id.clone(),
            considered: action.action_type.as_str().to_lowercase(),
            reason: format!("{}; {reason}", action.summary),
        });
    }

    /// The last end of a commitment that is active now and may cover a simulated machine.
    fn covered_until(&self, resource: &Resource) -> Option<DateTime<Utc>> {
        self.ledger.run(&resource.resource_id)?;
        let active = self.ledger.commitments().iter().filter(|commitment| {
            commitment.provider == resource.provider && commitment.is_active(self.facts.as_of)
        });
        active.map(|commitment| commitment.ends_at).max()
    }
}
