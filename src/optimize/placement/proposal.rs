//! One move of what belongs together to one place: what it costs, what it saves on the books, and how it is said.

use domain::{ActionType, Effort, Evidence, Finding, Resource, ResourceKind, Step, to_cents, to_statistic};
use rust_decimal::Decimal;

use super::cost::{Rates, Traffic, Transition};
use super::{Moved, Place, Settings};
use crate::action::{Action, Effect, evidence};
use crate::idle::short;

/// Chance that something goes wrong on the way, and that another cloud turns out not to do.
const RISK_MOVE: f64 = 0.02;
const RISK_OTHER_CLOUD: f64 = 0.1;
/// Hours of work that are a day.
const DAY_HOURS: u32 = 8;

/// A machine or disk and what becomes of it.
pub(super) struct Part<'a> {
    pub(super) resource: &'a Resource,
    pub(super) effect: Effect,
    /// What it is here, and there.
    pub(super) types: (String, String),
    /// List price in USD: an hour of a machine, a GiB and month of a disk, where known.
    pub(super) prices: Option<(Decimal, Decimal)>,
    /// Measured traffic, what it costs, and what it would cost if all of it were with what stays behind.
    pub(super) traffic: Option<(Traffic, Decimal, Decimal)>,
    pub(super) transition: Transition,
    /// Of a type that does not do.
    pub(super) risk: f64,
}

/// All of them, at one place.
pub(super) struct Proposal<'a> {
    pub(super) here: Place,
    pub(super) place: Place,
    pub(super) parts: Vec<Part<'a>>,
    /// What allows it.
    pub(super) latency: String,
    pub(super) residency: String,
    pub(super) rates: Rates,
    /// USD a month: list price of the machines here, what the move saves at list price with its costs counted, and
    /// what it saves on the books, with commitments that stay behind.
    pub(super) list: Decimal,
    pub(super) list_saving: Decimal,
    pub(super) saving: Decimal,
}

impl<'a> Proposal<'a> {
    /// What held commitments that stay behind take of the saving, in USD a month.
    pub(super) fn stranded(&self) -> Decimal {
        (self.list_saving - self.saving).max(Decimal::ZERO)
    }

    /// The recommendations, one for each part.
    pub(super) fn actions(self, settings: &Settings) -> Vec<Moved<'a>> {
        let machines = self.machines().count();
        let other_cloud = self.here.provider != self.place.provider;
        let hours =
            if other_cloud { settings.engineering_hours_other_cloud } else { settings.engineering_hours };
        let flips_if = self.flips_if(hours, settings);
        let together: Vec<&str> = self.parts.iter().map(|part| short(part.resource)).collect();
        let shared = [
            evidence("Round trip", self.latency.clone()),
            evidence("Residency", self.residency.clone()),
            evidence("Moves", together.join(", ")),
            evidence(
                "Work, once",
                format!("{} h at {} USD for {machines} machines", hours, settings.hourly_rate),
            ),
            evidence("All of it saves", format!("{} USD a month", to_cents(self.saving))),
            evidence(
                "Commitments that stay behind",
                format!("{} USD a month of what they cover is lost", to_cents(self.stranded())),
            ),
        ];
        let effort = match hours {
            hours if hours <= Decimal::ONE => Effort::Low,
            hours if hours <= Decimal::from(DAY_HOURS) => Effort::Medium,
            _ => Effort::High,
        };
        let action = |part: &Part<'a>| {
            let (here, there) = &part.types;
            let risk = 1.0
                - (1.0 - RISK_MOVE)
                    * (1.0 - part.risk)
                    * if other_cloud { 1.0 - RISK_OTHER_CLOUD } else { 1.0 };
            Action {
                step: Step::Move,
                action_type: if other_cloud { ActionType::MoveCloud } else { ActionType::MoveRegion },
                finding: Finding::CheaperElsewhere,
                summary: format!("Move {} from {} to {}", short(part.resource), self.here, self.place),
                current: format!("{here} in {}", self.here),
                recommended: Some(format!("{there} in {}", self.place)),
                effect: part.effect.clone(),
                // What is in doubt is an amount, not a part of the saving: it comes when the saving is known.
                range: (1.0, 1.0),
                risk,
                evidence: self.facts(part, settings).into_iter().chain(shared.clone()).collect(),
                flips_if: flips_if.clone(),
                effort,
                restart_needed: true,
                rollback_possible: true,
                lookback_days: 30,
                patch: None,
            }
        };
        let moved = |part: &Part<'a>| {
            let (traffic, dearest) =
                part.traffic.map_or_else(Default::default, |(_, cost, most)| (cost, most));
            let work = (part.transition.work / Decimal::from(settings.payback_months)).round_dp(6);
            Moved {
                resource: part.resource,
                action: action(part),
                less: (dearest - traffic).max(Decimal::ZERO) + work,
                more: (traffic / Decimal::TWO).round_dp(6),
            }
        };
        self.parts.iter().map(moved).collect()
    }

    fn machines(&self) -> impl Iterator<Item = &Part<'a>> {
        self.parts.iter().filter(|part| part.resource.kind == ResourceKind::Vm)
    }

    /// What is said about one part alone.
    fn facts(&self, part: &Part<'_>, settings: &Settings) -> Vec<Evidence> {
        let is_machine = part.resource.kind == ResourceKind::Vm;
        let unit = if is_machine { "USD/h" } else { "USD per GiB and month" };
        let price = match part.prices {
            Some((here, there)) => format!("{} here, {} there, {unit}", here.normalize(), there.normalize()),
            None => "not known on both sides: its cost is assumed to stay the same".to_owned(),
        };
        let mut facts = vec![evidence("List price", price)];
        if let Some((traffic, cost, _)) = part.traffic {
            facts.push(evidence(
                "Measured traffic",
                format!(
                    "{:.0} GiB sent and {:.0} GiB received a month",
                    traffic.sent_gib, traffic.received_gib
                ),
            ));
            let share = to_statistic(settings.stays_behind_share) * 100.0;
            facts.push(evidence(
                "Traffic to pay",
                format!(
                    "{} USD a month: {share:.0} % is with what stays behind, at {} USD/GiB there and {} back",
                    to_cents(cost),
                    self.rates.there.normalize(),
                    self.rates.back.normalize()
                ),
            ));
        }
        let Transition { work, dual_run, copy } = part.transition;
        facts.push(evidence(
            "Transition",
            format!(
                "{} USD once ({} work, {} running twice, {} copying), spread over {} months",
                to_cents(part.transition.once()),
                to_cents(work),
                to_cents(dual_run),
                to_cents(copy),
                settings.payback_months
            ),
        ));
        if is_machine && self.parts.iter().all(|part| part.resource.kind == ResourceKind::Vm) {
            let words =
                "none shares its group or tags: the cost of those attached to it is assumed to stay the same";
            facts.push(evidence("Disks", words));
        }
        facts
    }

    /// What would take all of the saving: traffic, work or the price.
    fn flips_if(&self, hours: Decimal, settings: &Settings) -> String {
        let mut causes = Vec::new();
        let traffic: Decimal =
            self.parts.iter().filter_map(|part| part.traffic).map(|(_, cost, _)| cost).sum();
        if traffic > Decimal::ZERO {
            let times = to_statistic(self.saving / traffic) + 1.0;
            causes.push(format!("traffic to pay grows to {times:.1} times what was measured"));
        }
        if settings.hourly_rate > Decimal::ZERO {
            let months = Decimal::from(settings.payback_months);
            let most = hours + self.saving * months / settings.hourly_rate;
            causes.push(format!("the move takes more than {most:.0} hours"));
        }
        let rise = to_statistic(self.saving / self.list.max(Decimal::ONE)) * 100.0;
        causes.push(format!("the price there rises by {rise:.0} % of that here"));
        causes.join(", or ")
    }
}
