//! Recommendations and the plan that joins them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::values::named_values;
use crate::{Commitment, Currency, Effect, Provider};

named_values! {
    /// What to do (AWS Cost Optimization Hub's words).
    ActionType, "action_type",
    "Rightsize, Stop, Delete, Schedule, Upgrade, MigrateToGraviton, MoveRegion, MoveCloud, UseSpot, ChangeStorageClass, PurchaseSavingsPlan, PurchaseReservedInstance", {
        /// Another size.
        Rightsize = "Rightsize",
        /// Stop a machine.
        Stop = "Stop",
        /// Delete a resource.
        Delete = "Delete",
        /// Run only in some hours.
        Schedule = "Schedule",
        /// A newer generation (gp2 → gp3, m5 → m7i).
        Upgrade = "Upgrade",
        /// The provider's ARM machines.
        MigrateToGraviton = "MigrateToGraviton",
        /// A cheaper region.
        MoveRegion = "MoveRegion",
        /// A cheaper region of another provider.
        MoveCloud = "MoveCloud",
        /// Interruptible capacity.
        UseSpot = "UseSpot",
        /// A colder storage class.
        ChangeStorageClass = "ChangeStorageClass",
        /// A spend-based commitment.
        PurchaseSavingsPlan = "PurchaseSavingsPlan",
        /// A resource-based commitment.
        PurchaseReservedInstance = "PurchaseReservedInstance",
    }
}

named_values! {
    /// What was found about a resource.
    Finding, "finding", "idle, over_provisioned, under_provisioned, optimized, insufficient_data, unattached, cold, off_hours, interruptible, cheaper_elsewhere, uncovered", {
        /// Does no work.
        Idle = "idle",
        /// Larger than needed.
        OverProvisioned = "over_provisioned",
        /// Smaller than needed.
        UnderProvisioned = "under_provisioned",
        /// As it should be.
        Optimized = "optimized",
        /// Not measured well enough to say.
        InsufficientData = "insufficient_data",
        /// Attached to nothing.
        Unattached = "unattached",
        /// Stored warm, hardly read.
        Cold = "cold",
        /// Used in some hours of the week only.
        OffHours = "off_hours",
        /// Work that stands interruption.
        Interruptible = "interruptible",
        /// The same work costs less in another region or cloud.
        CheaperElsewhere = "cheaper_elsewhere",
        /// Steady usage paid at on-demand rates.
        Uncovered = "uncovered",
    }
}

named_values! {
    /// Stage of the plan, in the order in which savings are counted.
    Step, "step", "delete, rightsize, schedule, move, spot, storage, commit", {
        /// Delete what is idle.
        Delete = "delete",
        /// Resize what remains.
        Rightsize = "rightsize",
        /// Schedule what remains.
        Schedule = "schedule",
        /// Move what remains to a cheaper region or cloud.
        Move = "move",
        /// Spot.
        Spot = "spot",
        /// Storage classes and volume types.
        Storage = "storage",
        /// Commitments on the residual.
        Commit = "commit",
    }
}

named_values! {
    /// How much work a recommendation is.
    Effort, "implementation_effort", "very_low, low, medium, high", {
        /// A click.
        VeryLow = "very_low",
        /// An hour.
        Low = "low",
        /// A day.
        Medium = "medium",
        /// More.
        High = "high",
    }
}

named_values! {
    /// Risk in a word.
    RiskLabel, "risk", "very_low, low, medium, high", {
        /// Below 0.5 %.
        VeryLow = "very_low",
        /// Below 2 %.
        Low = "low",
        /// Below 5 %.
        Medium = "medium",
        /// 5 % and more.
        High = "high",
    }
}

/// The chance that a recommendation hurts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Risk {
    /// Probability, 0 to 1: of overload in the next 30 days, of interruption, of loss on a commitment.
    pub score: f64,
    /// In a word.
    pub label: RiskLabel,
}

impl Risk {
    /// Labels a probability.
    pub fn new(score: f64) -> Self {
        let label = match score {
            score if score < 0.005 => RiskLabel::VeryLow,
            score if score < 0.02 => RiskLabel::Low,
            score if score < 0.05 => RiskLabel::Medium,
            _ => RiskLabel::High,
        };
        Self { score, label }
    }
}

/// A saving per month of 730 hours, with its doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SavingRange {
    /// Pessimistic (P10).
    pub low: Decimal,
    /// Expected.
    pub expected: Decimal,
    /// Optimistic (P90).
    pub high: Decimal,
}

/// One fact behind a recommendation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// What (`P99.5 CPU`).
    pub label: String,
    /// How much, with unit (`12.4 %`).
    pub value: String,
}

/// A commitment to buy when it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Purchase {
    /// What to buy; `id` is ours, `hourly` and `upfront` are per unit of `quantity`.
    pub commitment: Commitment,
    /// Expected saving over the horizon in USD.
    pub expected_saving_usd: Decimal,
    /// P10 of it.
    pub saving_p10_usd: Decimal,
    /// P90 of it.
    pub saving_p90_usd: Decimal,
    /// Utilization below which it loses money, 0 to 1.
    pub break_even_utilization: f64,
    /// Why, in one sentence.
    pub reason: String,
}

/// One thing to do, with everything a reader needs to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Recommendation {
    /// Stable over runs: action and resource (or commitment scope). The life cycle hangs on it.
    pub key: String,
    /// Stage of the plan.
    pub step: Step,
    /// What to do.
    pub action_type: ActionType,
    /// What was found.
    pub finding: Finding,
    /// The resource; `None` for commitments.
    pub resource_id: Option<String>,
    /// Cloud.
    pub provider: Provider,
    /// Account, subscription or project.
    pub account: String,
    /// Region; `None` where it does not matter.
    pub region: Option<String>,
    /// Owning team, from the tag.
    pub team: Option<String>,
    /// One sentence for the card.
    pub summary: String,
    /// What is there now (`m6i.2xlarge`).
    pub current: String,
    /// What to have instead (`m6i.large`); `None` when it goes away.
    pub recommended: Option<String>,
    /// Monthly saving of this action alone.
    pub stand_alone_monthly_savings: Decimal,
    /// Monthly saving given every earlier action of the plan; these add up to the plan's total.
    pub estimated_monthly_savings: SavingRange,
    /// Chance that it hurts.
    pub risk: Risk,
    /// Facts behind it.
    pub evidence: Vec<Evidence>,
    /// The assumption that would flip it.
    pub flips_if: String,
    /// How much work.
    pub implementation_effort: Effort,
    /// Whether something restarts.
    pub restart_needed: bool,
    /// Whether it can be undone.
    pub rollback_possible: bool,
    /// Days of history behind it.
    pub lookback_days: u32,
    /// The purchase, for commitments.
    pub purchase: Option<Purchase>,
    /// What to give to Kubernetes, as strategic merge patches in YAML, for containers.
    #[serde(default)]
    pub patch: Option<String>,
    /// What it does to the bill; `None` for commitments, and in plans of older versions.
    #[serde(default)]
    pub effect: Option<Effect>,
}

/// A documented no: what was looked at and left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Skip {
    /// The resource or scope.
    pub subject: String,
    /// What was considered.
    pub considered: String,
    /// Why not.
    pub reason: String,
}

/// One stage of the waterfall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanStep {
    /// Which stage.
    pub step: Step,
    /// Number of recommendations.
    pub count: usize,
    /// Saving per month if only this stage were done.
    pub stand_alone: Decimal,
    /// Saving per month given the earlier stages.
    pub incremental: Decimal,
}

/// The one plan: increments add up to `before − after` exactly and never exceed the bill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Plan {
    /// Nothing after this instant was looked at.
    pub as_of: DateTime<Utc>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Monthly cost (730 h) of what the plan looked at, as it is.
    pub before: Decimal,
    /// Monthly cost with every recommendation done.
    pub after: Decimal,
    /// The waterfall, in order.
    pub steps: Vec<PlanStep>,
    /// What to do, largest saving first.
    pub recommendations: Vec<Recommendation>,
    /// What to buy when held commitments end, if all goes as expected: not now, and in no amount of this plan.
    #[serde(default)]
    pub later: Vec<Purchase>,
    /// What was left alone, and why.
    pub skips: Vec<Skip>,
    /// Certified relative gap of the commitment part; `None` when not proven.
    pub optimality_gap: Option<f64>,
    /// What was assumed, one sentence each.
    pub assumptions: Vec<String>,
}

/// Where a recommendation stands in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RecommendationStatus {
    /// Waiting for a decision.
    Open,
    /// Somebody will do it.
    Accepted,
    /// Not now.
    Snoozed {
        /// Comes back at this time.
        until: DateTime<Utc>,
    },
    /// No.
    Dismissed {
        /// Why not.
        reason: String,
    },
    /// Done.
    Done,
}

impl RecommendationStatus {
    /// The word in URLs and columns.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Snoozed { .. } => "snoozed",
            Self::Dismissed { .. } => "dismissed",
            Self::Done => "done",
        }
    }
}
