//! Scenarios side by side, each carried through to instances, cost, quota and what could be committed to.

use domain::{CapacityPlan, Forecast, Stamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::fan::quantile_path;
use crate::output::summary;
use crate::plan::{plan, row_hours};
use crate::scenario::Scenario;
use crate::settings::Settings;

/// A named set of changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NamedScenario {
    /// Its name.
    pub name: String,
    /// The changes, applied one after the other.
    pub scenarios: Vec<Scenario>,
}

/// What could be committed to, were the schedule to go on as it is over the horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OutlookCommitment {
    /// Instances: each is scheduled often enough to be cheaper committed than on demand.
    pub instances: u32,
    /// Share of the committed hours that the schedule uses, 0 to 1; 1 where nothing is committed.
    pub utilization: f64,
    /// Cost of the schedule with the commitment, in USD over the horizon.
    pub cost: Decimal,
    /// What that is below the cost without.
    pub saving: Decimal,
    /// That cost above the first scenario's with its own commitment.
    pub budget_change: Decimal,
}

/// What one scenario comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Outlook {
    /// Its name.
    pub name: String,
    /// Largest median of demand.
    pub peak_demand_p50: f64,
    /// Largest 95th percentile of demand.
    pub peak_demand_p95: f64,
    /// Largest requirement.
    pub peak_required: u32,
    /// When that is first.
    pub peak_at: Option<Stamp>,
    /// Instance-hours of the schedule over the horizon.
    pub instance_hours: f64,
    /// Their cost in USD, where an hourly price is given.
    pub cost: Option<Decimal>,
    /// Cost above the first scenario's: what has to be added to the budget.
    pub budget_change: Option<Decimal>,
    /// Instances that run all the time: what a commitment would be used for in every hour.
    pub always_on: u32,
    /// What to commit to, where prices with and without are given.
    pub commitment: Option<OutlookCommitment>,
    /// When P95 of demand crosses the quota.
    pub crosses_quota_at: Option<Stamp>,
    /// The date by which to act on that.
    pub act_by: Option<Stamp>,
}

/// Carries demand through every scenario, as `under` says; the first is what the others' budgets are compared with.
pub fn outlooks(
    under: impl Fn(&[Scenario]) -> Forecast,
    scenarios: &[NamedScenario],
    settings: &Settings,
) -> Vec<Outlook> {
    let mut outlooks: Vec<Outlook> = Vec::with_capacity(scenarios.len());
    for named in scenarios {
        let changed = under(&named.scenarios);
        let plan = plan(&changed, settings);
        let summary = summary(std::slice::from_ref(&plan), settings);
        let highest = |level| quantile_path(&changed, level).into_iter().fold(0.0, f64::max);
        let cost = summary.totals.cost;
        let first = outlooks.first().map_or(cost, |first| first.cost);
        let mut commitment = commitment(&plan, settings);
        let first_committed = outlooks.first().and_then(|first| first.commitment.as_ref());
        if let (Some(own), Some(first)) = (&mut commitment, first_committed) {
            own.budget_change = own.cost - first.cost;
        }
        outlooks.push(Outlook {
            name: named.name.clone(),
            peak_demand_p50: highest(0.5),
            peak_demand_p95: highest(0.95),
            peak_required: plan.rows.iter().map(|row| row.required).max().unwrap_or(0),
            peak_at: summary.plans.first().and_then(|plan| plan.peak_at),
            instance_hours: summary.totals.instance_hours,
            cost,
            budget_change: cost.zip(first).map(|(cost, first)| cost - first),
            commitment,
            always_on: plan.rows.iter().map(|row| row.scheduled).min().unwrap_or(0),
            crosses_quota_at: plan.crosses_quota_at,
            act_by: plan.act_by,
        });
    }
    outlooks
}

/// The number of instances for which committing is cheapest: the last whose hours on demand cost more than all hours
/// committed. More are scheduled in fewer hours, so none after it pays.
fn commitment(plan: &CapacityPlan, settings: &Settings) -> Option<OutlookCommitment> {
    let (on_demand, committed) = (settings.given.hourly_price?, settings.given.committed_price?);
    let hours = domain::from_statistic(row_hours(&plan.rows));
    let all_hours = Decimal::from(plan.rows.len()) * hours;
    let mut scheduled: Vec<u32> = plan.rows.iter().map(|row| row.scheduled).collect();
    scheduled.sort_unstable();
    // Rows in which the `count`th instance is scheduled.
    let used = |count: u32| Decimal::from(scheduled.len() - scheduled.partition_point(|rows| *rows < count));
    let most = scheduled.last().copied().unwrap_or(0);
    let mut found = OutlookCommitment {
        instances: 0,
        utilization: 1.0,
        cost: (1..=most).map(|count| used(count) * hours * on_demand).sum(),
        saving: Decimal::ZERO,
        budget_change: Decimal::ZERO,
    };
    let mut used_hours = Decimal::ZERO;
    for count in 1..=most {
        let gain = used(count) * hours * on_demand - all_hours * committed;
        if gain <= Decimal::ZERO {
            break;
        }
        found.instances = count;
        found.saving += gain;
        used_hours += used(count) * hours;
    }
    found.cost -= found.saving;
    if found.instances > 0 {
        let committed_hours = all_hours * Decimal::from(found.instances);
        found.utilization = domain::to_statistic(used_hours / committed_hours);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid};

    use super::*;
    use crate::SettingsInput;

    #[test]
    fn growth_is_carried_through_to_money_and_dates() {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::HOUR };
        let paths = [vec![70.0, 700.0, 140.0], vec![70.0, 700.0, 140.0]];
        let demand = crate::testing::forecast(grid, &[0.5, 0.99], &paths);
        let settings = SettingsInput {
            hourly_price: Some(Decimal::new(1, 1)),
            change_penalty: 0.0,
            lead_time_seconds: 0,
            limit: Some(15),
            ..SettingsInput::new(100.0)
        };
        let settings = settings.check().unwrap();
        let named = |name: &str, scenarios| NamedScenario { name: name.to_owned(), scenarios };
        let scenarios =
            [named("as it is", Vec::new()), named("twice", vec![Scenario::Growth { factor: 2.0 }])];
        let found = outlooks(|changes| crate::apply(&demand, changes), &scenarios, &settings);
        assert_eq!((found[0].peak_required, found[0].instance_hours, found[0].always_on), (10, 13.0, 1));
        assert_eq!((found[0].budget_change, found[0].crosses_quota_at), (Some(Decimal::ZERO), None));
        assert_eq!((found[1].peak_required, found[1].instance_hours, found[1].always_on), (20, 26.0, 2));
        assert_eq!(found[1].budget_change, Some(Decimal::new(13, 1)));
        assert_eq!(found[1].crosses_quota_at, Some(grid.stamp(1)));
        assert_eq!(found[0].commitment, None, "nothing is known of its price");
    }

    #[test]
    fn what_is_scheduled_often_enough_is_committed_to() {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::HOUR };
        // Two instances in every hour, a third in three of four, ten in one of four.
        let paths = [vec![140.0, 210.0, 700.0, 210.0], vec![140.0, 210.0, 700.0, 210.0]];
        let demand = crate::testing::forecast(grid, &[0.5, 0.99], &paths);
        let settings = SettingsInput {
            hourly_price: Some(Decimal::new(10, 2)),
            committed_price: Some(Decimal::new(6, 2)),
            change_penalty: 0.0,
            lead_time_seconds: 0,
            ..SettingsInput::new(100.0)
        };
        let settings = settings.check().unwrap();
        let named = |scenarios| NamedScenario { name: "now".to_owned(), scenarios };
        let scenarios = [named(Vec::new()), named(vec![Scenario::Growth { factor: 2.0 }])];
        let found = outlooks(|changes| crate::apply(&demand, changes), &scenarios, &settings);
        let now = found[0].commitment.as_ref().unwrap();
        // On demand 18 hours cost 1.80. Committed: 4 + 4 + 3 hours for 3 × 4 × 0.06 = 0.72 in place of 1.10.
        assert_eq!((now.instances, now.cost, now.saving), (3, Decimal::new(142, 2), Decimal::new(38, 2)));
        assert!((now.utilization - 11.0 / 12.0).abs() < 1e-12);
        let twice = found[1].commitment.as_ref().unwrap();
        assert_eq!(twice.instances, 6);
        assert_eq!(twice.budget_change, twice.cost - now.cost);
        assert_eq!(twice.cost + twice.saving, found[1].cost.unwrap());
    }
}
