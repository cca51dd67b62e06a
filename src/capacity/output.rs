//! Plans as they leave: the table of the file mode, and its summary.

use domain::{CapacityPlan, Stamp, to_statistic};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::plan::row_hours;
use crate::schedule::changes;
use crate::settings::Settings;

/// One line of the table: `unique_id, ds, demand_p50, demand_p95, required, scheduled`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanRow {
    /// The demand series.
    pub unique_id: String,
    /// When; valid until the next row.
    pub ds: Stamp,
    /// Median demand.
    pub demand_p50: f64,
    /// 95th percentile of demand.
    pub demand_p95: f64,
    /// Instances needed at the plan's risk.
    pub required: u32,
    /// The group's minimum from `ds` on, lead time counted in.
    pub scheduled: u32,
}

/// The table of `plans`, in their order, rows by time.
pub fn to_rows(plans: &[CapacityPlan]) -> Vec<PlanRow> {
    plans
        .iter()
        .flat_map(|plan| {
            plan.rows.iter().map(|row| PlanRow {
                unique_id: plan.unique_id.clone(),
                ds: row.ds,
                demand_p50: row.demand_p50,
                demand_p95: row.demand_p95,
                required: row.required,
                scheduled: row.scheduled,
            })
        })
        .collect()
}

/// What a whole plan comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Number of workloads.
    pub series: usize,
    /// All workloads together.
    pub totals: Totals,
    /// First crossing of the quota by any workload's P95 of demand.
    pub crosses_quota_at: Option<Stamp>,
    /// The date by which to act on that, lead time counted in.
    pub act_by: Option<Stamp>,
    /// Each workload.
    pub plans: Vec<PlanSummary>,
    /// What was assumed, one sentence each; said once even when it holds for several workloads.
    pub assumptions: Vec<String>,
}

/// One workload's plan in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanSummary {
    /// The demand series.
    pub unique_id: String,
    /// Its totals.
    pub totals: Totals,
    /// Largest requirement.
    pub peak_required: u32,
    /// When that is first.
    pub peak_at: Option<Stamp>,
    /// Changes of the schedule.
    pub changes: usize,
    /// When its P95 of demand crosses the quota.
    pub crosses_quota_at: Option<Stamp>,
    /// The date by which to act on that.
    pub act_by: Option<Stamp>,
}

/// Instance-hours over the horizon, and their cost in USD where an hourly price is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Totals {
    /// Scheduled minimum.
    pub instance_hours: f64,
    /// What the largest requirement, held all the time, would take.
    pub static_peak_instance_hours: f64,
    /// Cost of the scheduled minimum.
    #[serde(serialize_with = "as_number")]
    pub cost: Option<Decimal>,
    /// Cost of static peak.
    #[serde(serialize_with = "as_number")]
    pub static_peak_cost: Option<Decimal>,
}

/// Sums up `plans`.
pub fn summary(plans: &[CapacityPlan], settings: &Settings) -> Summary {
    let each: Vec<PlanSummary> = plans.iter().map(|plan| one(plan, settings)).collect();
    let sum = |part: fn(&Totals) -> f64| each.iter().map(|plan| part(&plan.totals)).sum::<f64>();
    let money = |part: fn(&Totals) -> Option<Decimal>| {
        settings
            .given
            .hourly_price
            .map(|_| each.iter().filter_map(|plan| part(&plan.totals)).sum::<Decimal>())
    };
    let first =
        each.iter().filter(|plan| plan.crosses_quota_at.is_some()).min_by_key(|plan| plan.crosses_quota_at);
    let mut assumptions: Vec<String> = Vec::new();
    for sentence in plans.iter().flat_map(|plan| &plan.assumptions) {
        if !assumptions.contains(sentence) {
            assumptions.push(sentence.clone());
        }
    }
    Summary {
        series: plans.len(),
        totals: Totals {
            instance_hours: sum(|totals| totals.instance_hours),
            static_peak_instance_hours: sum(|totals| totals.static_peak_instance_hours),
            cost: money(|totals| totals.cost),
            static_peak_cost: money(|totals| totals.static_peak_cost),
        },
        crosses_quota_at: first.and_then(|plan| plan.crosses_quota_at),
        act_by: first.and_then(|plan| plan.act_by),
        assumptions,
        plans: each,
    }
}

fn one(plan: &CapacityPlan, settings: &Settings) -> PlanSummary {
    let hours = row_hours(&plan.rows);
    let row_seconds = (hours * 3600.0).round() as i64;
    let peak_required = plan.rows.iter().map(|row| row.required).max().unwrap_or(0);
    let scheduled: Vec<u32> = plan.rows.iter().map(|row| row.scheduled).collect();
    let instance_rows: u64 = scheduled.iter().map(|count| u64::from(*count)).sum();
    let peak_rows = u64::from(peak_required) * plan.rows.len() as u64;
    // Exact: whole instance-rows, whole seconds a row.
    let cost = |instance_rows: u64| {
        settings.given.hourly_price.map(|price| {
            price * Decimal::from(instance_rows) * Decimal::from(row_seconds) / Decimal::from(3600)
        })
    };
    PlanSummary {
        unique_id: plan.unique_id.clone(),
        totals: Totals {
            instance_hours: instance_rows as f64 * hours,
            static_peak_instance_hours: peak_rows as f64 * hours,
            cost: cost(instance_rows),
            static_peak_cost: cost(peak_rows),
        },
        peak_required,
        peak_at: plan.rows.iter().find(|row| row.required == peak_required).map(|row| row.ds),
        changes: changes(&scheduled),
        crosses_quota_at: plan.crosses_quota_at,
        act_by: plan.act_by,
    }
}

/// Money in the file mode is a JSON number in USD.
fn as_number<S: Serializer>(money: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    money.map(to_statistic).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid};

    use super::*;
    use crate::settings::SettingsInput;

    #[test]
    fn totals_are_exact_and_dates_are_the_first_ones() {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let grid = Grid { start, frequency: Frequency::Seconds(1800) };
        let input = SettingsInput {
            hourly_price: Some(Decimal::new(96, 3)),
            limit: Some(5),
            change_penalty: 0.0,
            lead_time_seconds: 0,
            ..SettingsInput::new(100.0)
        };
        let settings = input.check().unwrap();
        let plan = |values: [f64; 4]| {
            let paths = [values.to_vec(), values.to_vec()];
            crate::plan(&crate::testing::forecast(grid, &[0.5, 0.99], &paths), &settings)
        };
        let plans = [plan([70.0, 140.0, 700.0, 70.0]), plan([70.0, 700.0, 70.0, 70.0])];
        let summary = summary(&plans, &settings);
        // 1 + 2 + 10 + 1 and 1 + 10 + 1 + 1 half hours at 0.096.
        assert_eq!(summary.totals.cost, Some(Decimal::new(1296, 3)));
        assert_eq!(summary.totals.static_peak_cost, Some(Decimal::new(3840, 3)));
        assert_eq!(summary.totals.instance_hours, 13.5);
        assert_eq!(summary.plans[0].changes, 3);
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["totals"]["cost"], 1.296);
        assert_eq!(json["crosses_quota_at"], "2026-11-27T00:30:00Z");
        assert_eq!(json["plans"][0]["peak_at"], "2026-11-27T01:00:00Z");
        let rows = to_rows(&plans);
        assert_eq!(rows.len(), 8);
        assert_eq!((rows[2].required, rows[2].demand_p95), (10, 700.0));
    }
}
