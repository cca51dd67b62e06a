//! What would have come of advice that was given in the past.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Currency, MetricName, RunId, Skip, Step};

/// A plan of the past beside what came: what was paid since, and what would have been paid with its advice followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AdviceReplay {
    /// The run that gave the advice.
    pub run_id: RunId,
    /// Nothing from here on was known to it.
    pub since: DateTime<Utc>,
    /// End of what has come, exclusive.
    pub until: DateTime<Utc>,
    /// Currency of all amounts, which are for the whole time in between.
    pub currency: Currency,
    /// What everything that the plan looks at cost.
    pub paid: Decimal,
    /// What it would have cost.
    pub with_advice: Decimal,
    /// Step by step, in the order of the plan: those that advised anything.
    pub steps: Vec<ReplayedStep>,
    /// What could be judged, largest realized saving first.
    pub advice: Vec<ReplayedAdvice>,
    /// What could not, and why.
    pub unjudged: Vec<Skip>,
    /// What was taken as given, one sentence each.
    pub assumptions: Vec<String>,
}

impl AdviceReplay {
    /// What following the advice would have saved.
    pub fn realized(&self) -> Decimal {
        self.paid - self.with_advice
    }

    /// What the advice that could be judged had claimed to save.
    pub fn claimed(&self) -> Decimal {
        self.steps.iter().map(|step| step.claimed).sum()
    }

    /// Everything that was measured of the advised sizes and schedules, together.
    pub fn overload(&self) -> Overload {
        let each = self.advice.iter().filter_map(|advice| advice.overload);
        each.fold(Overload::default(), |sum, one| Overload {
            hours: sum.hours + one.hours,
            short: sum.short + one.short,
            short_anyway: sum.short_anyway + one.short_anyway,
            limiting: None,
        })
    }

    /// How many of the resources whose advice was measured would have been short in any hour.
    pub fn ever_short(&self) -> usize {
        self.advice.iter().filter(|advice| advice.overload.is_some_and(|overload| overload.short > 0)).count()
    }

    /// How many resources' advice was measured.
    pub fn measured(&self) -> usize {
        self.advice.iter().filter(|advice| advice.overload.is_some()).count()
    }
}

/// One step of the plan beside what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReplayedStep {
    /// Which.
    pub step: Step,
    /// Recommendations that could be judged.
    pub judged: usize,
    /// Recommendations that could not.
    pub unjudged: usize,
    /// Saving that those that could be judged had claimed, for this time.
    pub claimed: Decimal,
    /// What they would have saved after the earlier steps; these add up to `paid − with_advice`.
    pub realized: Decimal,
}

/// One recommendation beside what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReplayedAdvice {
    /// Key of the recommendation.
    pub key: String,
    /// Its sentence.
    pub summary: String,
    /// Its stage.
    pub step: Step,
    /// Saving that it had claimed, for this time.
    pub claimed: Decimal,
    /// What it would have saved after the earlier ones.
    pub realized: Decimal,
    /// Whether less would have been too little; `None` where that is no question, or was not measured.
    pub overload: Option<Overload>,
}

/// Hours in which what was advised would have been too little.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Overload {
    /// Hours that were measured.
    pub hours: u32,
    /// Hours of them with more demand than what was advised has, or with work while it would have been off.
    pub short: u32,
    /// Hours with more demand than what there was has, too: these are not the advice's fault.
    pub short_anyway: u32,
    /// What there would have been too little of most often.
    pub limiting: Option<MetricName>,
}
