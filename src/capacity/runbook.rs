//! The run-book of an event: what to do when, from the first order to the review, with its numbers.

use chrono::Duration;
use domain::{CapacityPlan, Event, Stamp};
use serde::{Deserialize, Serialize};

use crate::order_by::Order;
use crate::settings::Settings;

/// The last look at the forecast before the event.
const LAST_LOOK_HOURS: i64 = 48;

/// Capacity is checked so long before the event.
const CHECK_HOURS: i64 = 1;

/// The review waits for the data of the event to be there.
const REVIEW_HOURS: i64 = 24;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunbookStep {
    /// When at the latest.
    pub at: Stamp,
    /// What, in a few words.
    pub title: String,
    /// How, with the numbers.
    pub detail: String,
    /// How to see that it is done.
    pub check: String,
}

/// The run-book of `event` for one workload, in the order of time; `orders` come from [`crate::orders`].
pub fn runbook(
    plan: &CapacityPlan,
    event: &Event,
    orders: &[Order],
    settings: &Settings,
) -> Vec<RunbookStep> {
    let inside: Vec<_> =
        plan.rows.iter().filter(|row| event.starts_at <= row.ds && row.ds < event.ends_at).collect();
    let before = plan.rows.iter().rev().find(|row| row.ds < event.starts_at);
    let after = plan.rows.iter().find(|row| row.ds >= event.ends_at);
    let peak = inside.iter().max_by_key(|row| (row.scheduled, std::cmp::Reverse(row.ds)));
    let name = &event.name;
    let (one, unit) = (plan.kind.one(), plan.kind.unit());
    let is_group = plan.kind.unscaled().is_none();
    let mut steps: Vec<RunbookStep> = orders
        .iter()
        .map(|order| RunbookStep {
            at: order.order_by,
            title: format!("Order: {}", order.name),
            detail: order.sentence.clone(),
            check: format!("{} {unit} more are granted before {}", order.missing, order.needed_at),
        })
        .collect();
    steps.push(RunbookStep {
        at: hours(event.starts_at, -LAST_LOOK_HOURS),
        title: "Forecast and plan again".to_owned(),
        detail: format!(
            "{name} is announced with {} times the usual demand ({} to {}); ask whether that still holds, \
             then apply the new schedule.",
            event.multiplier,
            event.low(),
            event.high()
        ),
        check: "the schedule in place is the one of the last plan".to_owned(),
    });
    if let (Some(first), Some(peak)) = (inside.first(), peak) {
        let first_minimum = before.map_or(first.scheduled, |row| row.scheduled.max(first.scheduled));
        steps.push(RunbookStep {
            at: hours(event.starts_at, -CHECK_HOURS),
            title: "See that capacity is there".to_owned(),
            detail: format!(
                "{first_minimum} {unit} are scheduled in time for the start; one more {one} takes {} s.",
                settings.given.lead_time_seconds
            ),
            check: format!("{first_minimum} {unit} serve at {}", event.starts_at),
        });
        let alarm = f64::from(peak.scheduled) * settings.given.unit_throughput;
        steps.push(RunbookStep {
            at: peak.ds,
            title: "Peak".to_owned(),
            detail: format!(
                "Expected are {:.0}, feared {:.0}; {} {unit} are scheduled and saturate at {alarm:.0}.",
                peak.demand_p50, peak.demand_p95, peak.scheduled
            ),
            check: format!(
                "demand stays below {:.0}: above it, schedule more by hand",
                alarm * settings.given.schedule_utilization.unwrap_or(settings.given.target_utilization)
            ),
        });
    }
    steps.push(RunbookStep {
        at: event.ends_at,
        title: "See that capacity goes".to_owned(),
        detail: match after {
            Some(row) if is_group => {
                format!("The minimum falls to {} {unit}; target tracking takes the rest away.", row.scheduled)
            }
            Some(row) => format!("From here on {} {unit} are scheduled.", row.scheduled),
            None => "The plan ends with the event: put back by hand what is usual.".to_owned(),
        },
        check: "no temporary minimum, quota or reservation is left behind".to_owned(),
    });
    steps.push(RunbookStep {
        at: hours(event.ends_at, REVIEW_HOURS),
        title: "Review".to_owned(),
        detail: "Compare forecast, plan and what happened; keep the multiplier that came for next year."
            .to_owned(),
        check: "the review is read, and the event is corrected where it was wrong".to_owned(),
    });
    steps.sort_by_key(|step| step.at);
    steps
}

/// `hours` later; a step without clock is an hour.
fn hours(stamp: Stamp, hours: i64) -> Stamp {
    match stamp {
        Stamp::Time(time) => Stamp::Time(time.checked_add_signed(Duration::hours(hours)).unwrap_or(time)),
        Stamp::Step(step) => Stamp::Step(step.saturating_add(hours)),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid};

    use super::*;
    use crate::SettingsInput;
    use crate::order_by::{LeadTime, orders};
    use crate::scenario::{Scenario, Shape, apply};

    #[test]
    fn steps_come_in_time_with_the_numbers_of_the_plan() {
        let start: chrono::DateTime<chrono::Utc> = "2026-11-26T00:00:00Z".parse().unwrap();
        let grid = Grid { start: Stamp::Time(start), frequency: Frequency::HOUR };
        let paths = [90.0, 100.0, 110.0, 120.0].map(|value| vec![value; 72]);
        let event = Event {
            name: "Black Friday".to_owned(),
            starts_at: grid.stamp(24),
            ends_at: grid.stamp(48),
            multiplier: 10.0,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: None,
        };
        let demand = crate::testing::forecast(grid, &[0.1, 0.5, 0.9, 0.99], &paths);
        let demand = apply(&demand, &[Scenario::Event { event: event.clone(), shape: Shape::Flat }]);
        let settings = SettingsInput::new(100.0).check().unwrap();
        let plan = crate::plan(&demand, &settings);
        let lead = LeadTime { name: "quota".to_owned(), seconds: 10 * 86_400, holds: 10 };
        let orders = orders(&plan, &[lead], grid.stamp(0));
        let steps = runbook(&plan, &event, &orders, &settings);
        let titles: Vec<&str> = steps.iter().map(|step| step.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "Order: quota",
                "Forecast and plan again",
                "See that capacity is there",
                "Peak",
                "See that capacity goes",
                "Review"
            ]
        );
        let peak = plan.rows.iter().map(|row| row.scheduled).max().unwrap();
        assert!(steps[3].detail.contains(&format!("{peak} instances are scheduled")), "{}", steps[3].detail);
        assert_eq!(steps[2].at.to_string(), "2026-11-26T23:00:00Z");
        assert!(steps.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let json = serde_json::to_value(&steps).unwrap();
        assert_eq!(json[5]["at"], "2026-11-29T00:00:00Z");
    }
}
