//! Recommendations of the file mode: sizes and purchases without the bill around them.

use std::collections::BTreeMap;

use domain::{
    ActionType, Effect, Effort, Finding, Purchase, Recommendation, Resource, Risk, SavingRange, Step,
};
use rust_decimal::Decimal;

use crate::HOURS_PER_MONTH;
use crate::action::evidence;
use crate::purchases;
use crate::rightsize::Sizing;

/// Hours of a day.
const HOURS_PER_DAY: u32 = 24;

/// What `plan rightsize` advises, at list prices: a size, or to stop what is idle. What is left as it is is left out.
pub fn of_sizings(sizings: &[Sizing], inventory: &[Resource]) -> Vec<Recommendation> {
    let inventory: BTreeMap<&str, &Resource> =
        inventory.iter().map(|resource| (resource.resource_id.as_str(), resource)).collect();
    let one = |sizing: &Sizing| {
        let resource = inventory.get(sizing.resource_id.as_str())?;
        let current = sizing.current.as_ref()?;
        let (action_type, recommended) = match (&sizing.recommended, sizing.finding) {
            (Some(new), _) if new.architecture != current.architecture => {
                (ActionType::MigrateToGraviton, Some(new))
            }
            (Some(new), _) => (ActionType::Rightsize, Some(new)),
            (None, Finding::Idle) => (ActionType::Stop, None),
            (None, _) => return None,
        };
        let (step, summary, effect) = match recommended {
            Some(new) => {
                let ratio = if current.hourly.is_zero() { Decimal::ONE } else { new.hourly / current.hourly };
                let effect = Effect::Resize { instance_type: new.instance_type.clone(), price_ratio: ratio };
                (
                    Step::Rightsize,
                    format!(
                        "Resize {} from {} to {}",
                        sizing.resource_id, current.instance_type, new.instance_type
                    ),
                    effect,
                )
            }
            None => (Step::Delete, format!("Stop {}: {}", sizing.resource_id, sizing.reason), Effect::Remove),
        };
        let saving = sizing.monthly_saving_usd;
        Some(Recommendation {
            key: format!("{}:{}", action_type.as_str().to_lowercase(), sizing.resource_id),
            step,
            action_type,
            finding: sizing.finding,
            resource_id: Some(sizing.resource_id.clone()),
            provider: resource.provider,
            account: resource.account.clone(),
            region: Some(resource.region.clone()),
            team: resource.team().map(str::to_owned),
            summary,
            current: current.instance_type.clone(),
            recommended: recommended.map(|new| new.instance_type.clone()),
            stand_alone_monthly_savings: saving,
            estimated_monthly_savings: SavingRange { low: saving, expected: saving, high: saving },
            risk: Risk::new(sizing.performance_risk.clamp(0.0, 1.0)),
            evidence: vec![evidence("Why", sizing.reason.clone())],
            flips_if: String::new(),
            implementation_effort: Effort::Low,
            restart_needed: true,
            rollback_possible: true,
            lookback_days: sizing.evidence.window.map_or(0, |window| window.days.round() as u32),
            purchase: None,
            patch: None,
            effect: Some(effect),
        })
    };
    sizings.iter().filter_map(one).collect()
}

/// What `plan commitments` buys now, its saving over `horizon_days` spread over months.
pub fn of_purchases(bought: &[Purchase], horizon_days: u32) -> Vec<Recommendation> {
    let hours = Decimal::from(horizon_days.max(1)) * Decimal::from(HOURS_PER_DAY);
    let monthly = |amount: Decimal| amount * Decimal::from(HOURS_PER_MONTH) / hours;
    let one = |purchase: &Purchase| {
        let saving = monthly(purchase.expected_saving_usd).round_dp(6);
        purchases::recommendation(purchase.clone(), saving, saving)
    };
    bought.iter().map(one).collect()
}
