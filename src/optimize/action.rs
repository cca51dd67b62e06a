//! What a rule says about one resource: an action with its effect on the bill, or a documented no.

use domain::{ActionType, Effort, Evidence, Finding, Resource, Skip, Step};
pub(crate) use domain::{Effect, Relocation};

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
