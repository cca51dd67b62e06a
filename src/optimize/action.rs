//! What a rule says about one resource: an action with its effect on the bill, or a documented no.

use domain::{ActionType, Effort, Evidence, Finding, Resource, Skip, Step};
use rust_decimal::Decimal;

use crate::placement::Place;

/// What an action does to what a resource costs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Nothing is paid any more.
    Remove,
    /// The machine becomes another type; `price_ratio` is new over old list price.
    Resize { instance_type: String, price_ratio: Decimal },
    /// The machine runs only in these hours of the week (0 is Monday 00:00 UTC).
    Schedule { on: Vec<bool> },
    /// The resource goes to another place and pays what is monthly there.
    Move(Relocation),
    /// The machine leaves on-demand capacity and costs this part of its list price.
    Spot { price_ratio: Decimal },
    /// This part of today's cost remains.
    Keep { share: Decimal },
    /// These machines are not needed any more: what ran on them fits on others.
    Free { machines: Vec<String> },
}

impl Effect {
    /// The resources that feel the effect of an action on `resource_id`, with what happens to each.
    pub(crate) fn felt<'e>(&'e self, resource_id: &'e str) -> Vec<(&'e str, &'e Self)> {
        match self {
            Self::Free { machines } => machines.iter().map(|id| (id.as_str(), &Self::Remove)).collect(),
            _ => vec![(resource_id, self)],
        }
    }
}

impl Effect {
    /// USD a month that come to the cost of the resource, whatever its price.
    pub(crate) fn monthly(&self) -> Decimal {
        match self {
            Self::Move(relocation) => relocation.traffic + relocation.transition,
            _ => Decimal::ZERO,
        }
    }
}

/// Where a resource goes, and what that costs beside its price there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relocation {
    pub(crate) place: Place,
    /// Who pays there, where that is somebody else.
    pub(crate) account: Option<String>,
    /// The type that takes its place; none where it stays the same.
    pub(crate) instance_type: Option<String>,
    /// New over old list price.
    pub(crate) price_ratio: Decimal,
    /// USD a month for traffic that was free, or cheaper.
    pub(crate) traffic: Decimal,
    /// USD a month for what the move costs once.
    pub(crate) transition: Decimal,
}

/// One thing that a rule proposes. What it saves is found out by the ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Action {
    pub(crate) step: Step,
    pub(crate) action_type: ActionType,
    pub(crate) finding: Finding,
    pub(crate) summary: String,
    pub(crate) current: String,
    pub(crate) recommended: Option<String>,
    pub(crate) effect: Effect,
    /// Pessimistic and optimistic saving as parts of the expected one.
    pub(crate) range: (f64, f64),
    /// Chance that it hurts, 0 to 1.
    pub(crate) risk: f64,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) flips_if: String,
    pub(crate) effort: Effort,
    pub(crate) restart_needed: bool,
    pub(crate) rollback_possible: bool,
    pub(crate) lookback_days: u32,
    /// What Kubernetes is to be given, for containers.
    pub(crate) patch: Option<String>,
}

/// What a rule says about one resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Do this.
    Act(Box<Action>),
    /// Looked at and left alone.
    Skip(Skip),
    /// The rule is not about such resources.
    NotConcerned,
}

impl Verdict {
    pub(crate) fn skip(resource: &Resource, considered: &str, reason: impl Into<String>) -> Self {
        Self::Skip(Skip {
            subject: resource.resource_id.clone(),
            considered: considered.to_owned(),
            reason: reason.into(),
        })
    }

    pub(crate) fn act(action: Action) -> Self {
        Self::Act(Box::new(action))
    }
}

/// One fact.
pub(crate) fn evidence(label: &str, value: impl Into<String>) -> Evidence {
    Evidence { label: label.to_owned(), value: value.into() }
}
