//! Dates: when quotas, reservations, hardware and disks run out, and by when to order.

use chrono::{DateTime, Duration, Utc};
use domain::{CapacityPlan, Forecast, Stamp};
use serde::{Deserialize, Serialize};

use crate::fan::quantile_path;
use crate::requirement::instances;
use crate::settings::Settings;

/// Something that has to be asked for before it is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LeadTime {
    /// What it is (`quota`, `reservation`, `hardware`, `instances`).
    pub name: String,
    /// From asking until it is there, in seconds.
    pub seconds: u64,
    /// Instances that there are without it.
    pub holds: u32,
}

/// What has to be ordered, and by when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Order {
    /// What it is.
    pub name: String,
    /// First row that needs more than there is.
    pub needed_at: Stamp,
    /// The last moment to ask for it.
    pub order_by: Stamp,
    /// Instances that are missing at the largest requirement.
    pub missing: u32,
    /// Whether that moment has passed.
    pub late: bool,
    /// In one sentence.
    pub sentence: String,
}

/// What to order for `plan`, the most urgent first; what holds the largest requirement already is left out.
pub fn orders(plan: &CapacityPlan, lead_times: &[LeadTime], as_of: Stamp) -> Vec<Order> {
    let peak = plan.rows.iter().map(|row| row.required.max(row.scheduled)).max().unwrap_or(0);
    let mut orders: Vec<Order> = lead_times
        .iter()
        .filter_map(|lead| {
            let first = plan.rows.iter().find(|row| row.required.max(row.scheduled) > lead.holds)?;
            let order_by = earlier(first.ds, lead.seconds);
            let missing = peak - lead.holds;
            let late = order_by < as_of;
            let when = if late { "should have been ordered by" } else { "order by" };
            Some(Order {
                name: lead.name.clone(),
                needed_at: first.ds,
                order_by,
                missing,
                late,
                sentence: format!(
                    "{}: {missing} {} more than the {} there are, needed from {}; {when} {order_by}",
                    lead.name,
                    plan.kind.unit(),
                    lead.holds,
                    first.ds
                ),
            })
        })
        .collect();
    orders.sort_by_key(|order| order.order_by);
    orders
}

/// When something finite (a disk, a quota, a limit) is used up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Exhaustion {
    /// The series.
    pub unique_id: String,
    /// What there is, in its unit.
    pub limit: f64,
    /// When it is as likely used up as not: the median of the forecast crosses the limit.
    pub p50_at: Option<Stamp>,
    /// When it is used up with a probability of one in ten: the P90 of the forecast crosses the limit. To be safe
    /// with 90 %, act before this date.
    pub p90_at: Option<Stamp>,
    /// The last moment to ask for more so that it is there at `p90_at`.
    pub order_by: Option<Stamp>,
}

/// When `used` crosses `limit`, and by when to ask for more that takes `lead_seconds` to come.
///
/// Nothing is said beyond the horizon of the forecast: a date that is `None` lies after it.
pub fn exhaustion(used: &Forecast, limit: f64, lead_seconds: u64) -> Exhaustion {
    let crosses = |level: f64| {
        quantile_path(used, level).iter().position(|value| *value > limit).map(|step| used.grid.stamp(step))
    };
    let p90_at = crosses(0.9);
    Exhaustion {
        unique_id: used.unique_id.clone(),
        limit,
        p50_at: crosses(0.5),
        p90_at,
        order_by: p90_at.map(|at| earlier(at, lead_seconds)),
    }
}

/// When demand needs more instances than the quota allows, with what is to be survived; `None` without a quota.
///
/// The limit is the largest demand that the quota carries, 0 where it carries none.
pub fn quota_exhaustion(demand: &Forecast, settings: &Settings) -> Option<Exhaustion> {
    let quota = settings.given.limit?;
    let carries = |count: u32| settings.usable_throughput() * f64::from(count);
    let count = (0..=quota).rev().find(|count| instances(carries(*count), settings) <= quota).unwrap_or(0);
    let lead = settings.given.quota_lead_time_seconds.unwrap_or(settings.given.lead_time_seconds);
    Some(exhaustion(demand, carries(count), u64::from(lead)))
}

/// The stamp `seconds` before; a step without clock is an hour.
fn earlier(stamp: Stamp, seconds: u64) -> Stamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    match stamp {
        Stamp::Time(time) => {
            let before = Duration::try_seconds(seconds).and_then(|lead| time.checked_sub_signed(lead));
            Stamp::Time(before.unwrap_or(DateTime::<Utc>::MIN_UTC))
        }
        Stamp::Step(step) => Stamp::Step(step.saturating_sub((seconds + 3599) / 3600)),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid};

    use super::*;
    use crate::SettingsInput;

    const DAY: u64 = 86_400;

    fn time(text: &str) -> Stamp {
        Stamp::Time(text.parse().unwrap())
    }

    fn growing(step: f64) -> Forecast {
        let grid = Grid { start: time("2026-11-01T00:00:00Z"), frequency: Frequency::DAY };
        let path = |factor: f64| (0..30).map(|day| factor * (100.0 + step * f64::from(day))).collect();
        crate::testing::forecast(grid, &[0.1, 0.5, 0.9, 0.99], &[path(0.9), path(1.0), path(1.1), path(1.2)])
    }

    #[test]
    fn orders_are_dated_and_sorted_by_urgency() {
        let plan = crate::plan(&growing(50.0), &SettingsInput::new(100.0).check().unwrap());
        let lead = |name: &str, days, holds| LeadTime { name: name.to_owned(), seconds: days * DAY, holds };
        let leads = [lead("quota", 10, 10), lead("hardware", 40, 20), lead("reservation", 1, 1000)];
        let orders = orders(&plan, &leads, time("2026-11-01T00:00:00Z"));
        let names: Vec<&str> = orders.iter().map(|order| order.name.as_str()).collect();
        assert_eq!(names, ["hardware", "quota"]);
        // 700 at 70 % of 100 each is 10 instances: P99 is 1.2 × (100 + 50 a day).
        assert_eq!(
            orders[1].needed_at,
            time("2026-11-10T23:00:00Z"),
            "the lead time of an hour's row before"
        );
        assert_eq!(orders[1].order_by, time("2026-10-31T23:00:00Z"));
        assert!(orders[0].late && orders[1].late);
        assert!(orders[0].sentence.contains("should have been ordered by"), "{}", orders[0].sentence);
    }

    #[test]
    fn a_disk_is_full_earlier_at_p90() {
        let full = exhaustion(&growing(10.0), 300.0, 7 * DAY);
        assert_eq!(full.p50_at, Some(time("2026-11-22T00:00:00Z")));
        assert_eq!(full.p90_at, Some(time("2026-11-19T00:00:00Z")));
        assert_eq!(full.order_by, Some(time("2026-11-12T00:00:00Z")));
        assert_eq!(exhaustion(&growing(0.0), 300.0, 0).p90_at, None);
    }

    #[test]
    fn a_quota_is_used_up_where_the_plan_needs_more_than_it_allows() {
        let input = SettingsInput {
            limit: Some(9),
            survive: crate::Survive::Zone,
            quota_lead_time_seconds: Some(86_400),
            ..SettingsInput::new(100.0)
        };
        let settings = input.check().unwrap();
        let found = quota_exhaustion(&growing(10.0), &settings).unwrap();
        // Nine instances in three zones carry what six do at 70 of 100 each.
        assert!((found.limit - 420.0).abs() < 1e-9, "{found:?}");
        assert_eq!((found.p50_at, found.p90_at), (None, Some(time("2026-11-30T00:00:00Z"))));
        assert_eq!(found.order_by, Some(time("2026-11-29T00:00:00Z")));
        let without = SettingsInput::new(100.0).check().unwrap();
        assert_eq!(quota_exhaustion(&growing(10.0), &without), None);
    }
}
