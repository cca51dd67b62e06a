//! After the event: forecast, plan and what happened, side by side.

use domain::{CapacityKind, CapacityPlan, Event, Series};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::past_event::learn_event;
use crate::plan::row_hours;
use crate::policy::minutes_between;
use crate::requirement::instances;
use crate::settings::Settings;

/// One row of a plan, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReviewRow {
    /// When.
    pub ds: domain::Stamp,
    /// What was expected.
    pub demand_p50: f64,
    /// What was feared.
    pub demand_p95: f64,
    /// Mean demand that came; `None` where nothing was measured.
    pub demand: Option<f64>,
    /// Largest demand that came.
    pub largest: Option<f64>,
    /// Instances scheduled.
    pub scheduled: u32,
    /// Instances that the largest demand would have taken at the target utilization.
    pub needed: Option<u32>,
}

/// How the event went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Review {
    /// The event.
    pub event: String,
    /// Announced multiplier.
    pub announced: f64,
    /// Multiplier that came, against the weeks beside it; `None` when history does not tell.
    pub came: Option<f64>,
    /// Mean error of the median, as a share of the mean demand; above 0 the forecast was too high.
    pub bias: f64,
    /// Mean absolute error of the median, as a share of the mean demand.
    pub error: f64,
    /// Share of rows whose demand stayed below their P95.
    pub below_p95: f64,
    /// Rows in which the schedule alone fell short of saturation.
    pub rows_short: usize,
    /// Instance-hours scheduled.
    pub scheduled_hours: f64,
    /// Instance-hours needed, had demand been known.
    pub needed_hours: f64,
    /// Cost of what was scheduled above what was needed, in USD, where an hourly price is given.
    pub cost_of_doubt: Option<Decimal>,
    /// Every row of the event.
    pub rows: Vec<ReviewRow>,
    /// What to learn, one sentence each.
    pub findings: Vec<String>,
}

/// Reviews `event`: the rows of `plan` within it against `history`, which has it and the weeks before it.
pub fn review(plan: &CapacityPlan, event: &Event, history: &Series, settings: &Settings) -> Review {
    let hours = row_hours(&plan.rows);
    let rows: Vec<ReviewRow> = plan
        .rows
        .iter()
        .filter(|row| event.starts_at <= row.ds && row.ds < event.ends_at)
        .map(|row| {
            let came = during(history, row.ds, hours);
            let largest = came.iter().copied().reduce(f64::max);
            ReviewRow {
                ds: row.ds,
                demand_p50: row.demand_p50,
                demand_p95: row.demand_p95,
                demand: (!came.is_empty()).then(|| crate::regression::mean(&came)),
                largest,
                scheduled: row.scheduled,
                needed: largest.map(|demand| instances(demand, settings)),
            }
        })
        .collect();
    let seen: Vec<(&ReviewRow, f64)> = rows.iter().filter_map(|row| Some((row, row.demand?))).collect();
    let total: f64 = seen.iter().map(|(_, demand)| demand).sum::<f64>().max(f64::MIN_POSITIVE);
    let error = |measure: fn(f64) -> f64| {
        seen.iter().map(|(row, demand)| measure(row.demand_p50 - demand)).sum::<f64>() / total
    };
    let below = seen.iter().filter(|(row, demand)| *demand <= row.demand_p95).count();
    let saturates = |row: &&ReviewRow| {
        row.largest.is_some_and(|largest| largest > f64::from(row.scheduled) * settings.given.unit_throughput)
    };
    let measured = || rows.iter().filter(|row| row.needed.is_some());
    let sum = |part: &dyn Fn(&ReviewRow) -> u32| measured().map(|row| u64::from(part(row))).sum::<u64>();
    let (scheduled, needed) = (sum(&|row| row.scheduled), sum(&|row| row.needed.unwrap_or(0)));
    let spare = i64::try_from(scheduled).unwrap_or(i64::MAX) - i64::try_from(needed).unwrap_or(i64::MAX);
    let seconds = Decimal::from((hours * 3600.0).round() as i64);
    let mut review = Review {
        event: event.name.clone(),
        announced: event.multiplier,
        came: learn_event(history, event).ok().map(|learned| learned.multiplier),
        bias: error(|difference| difference),
        error: error(f64::abs),
        below_p95: below as f64 / seen.len().max(1) as f64,
        rows_short: rows.iter().filter(saturates).count(),
        scheduled_hours: scheduled as f64 * hours,
        needed_hours: needed as f64 * hours,
        cost_of_doubt: settings
            .given
            .hourly_price
            .map(|price| price * Decimal::from(spare) * seconds / Decimal::from(3600)),
        rows,
        findings: Vec::new(),
    };
    review.findings = findings(&review, event, settings.given.kind);
    review
}

/// Values of `history` that lie within the row.
fn during(history: &Series, start: domain::Stamp, hours: f64) -> Vec<f64> {
    let first = minutes_between(history.grid.start, start) as f64;
    let step_minutes = history.grid.frequency.mean_seconds().unwrap_or(3600.0) / 60.0;
    let from = (first / step_minutes).floor();
    let until = ((first + hours * 60.0) / step_minutes).ceil().max(from + 1.0);
    if from < 0.0 {
        return Vec::new();
    }
    let values = history.values.get(from as usize..(until as usize).min(history.len()));
    values.unwrap_or(&[]).iter().copied().flatten().collect()
}

fn findings(review: &Review, event: &Event, kind: CapacityKind) -> Vec<String> {
    if review.rows.iter().all(|row| row.demand.is_none()) {
        return vec!["Nothing was measured during the event: there is nothing to review yet.".to_owned()];
    }
    let mut findings = Vec::new();
    if let Some(came) = review.came {
        let inside = event.low() <= came && came <= event.high();
        let place = if inside { "within" } else { "outside" };
        findings.push(format!(
            "Announced were {} times the usual, {came:.1} came: {place} the stated {:.1} to {:.1}.",
            review.announced,
            event.low(),
            event.high()
        ));
    }
    let direction = if review.bias > 0.0 { "too high" } else { "too low" };
    findings.push(format!(
        "The median was {:.0} % {direction}; {:.0} % of the rows stayed below their P95.",
        review.bias.abs() * 100.0,
        review.below_p95 * 100.0
    ));
    findings.push(match review.rows_short {
        0 => "The schedule alone carried every row.".to_owned(),
        rows if kind.unscaled().is_some() => format!("In {rows} rows the schedule was short."),
        rows => format!("In {rows} rows the schedule alone was short: target tracking had to add the rest."),
    });
    let ratio = review.scheduled_hours / review.needed_hours.max(f64::MIN_POSITIVE);
    findings.push(format!(
        "{:.0} {}-hours were scheduled, {:.0} would have done: {ratio:.2} times the need.",
        review.scheduled_hours,
        kind.one(),
        review.needed_hours
    ));
    findings
}

#[cfg(test)]
mod tests {
    use domain::{Forecast, Frequency, Grid, Stamp};

    use super::*;
    use crate::SettingsInput;
    use crate::scenario::{Scenario, Shape, apply};

    fn time(text: &str) -> Stamp {
        Stamp::Time(text.parse().unwrap())
    }

    fn sale() -> Event {
        Event {
            name: "Black Friday".to_owned(),
            starts_at: time("2026-11-27T00:00:00Z"),
            ends_at: time("2026-11-28T00:00:00Z"),
            multiplier: 10.0,
            multiplier_low: Some(7.0),
            multiplier_high: Some(13.0),
            unique_id: None,
        }
    }

    fn planned(settings: &Settings) -> CapacityPlan {
        let grid = Grid { start: time("2026-11-26T00:00:00Z"), frequency: Frequency::HOUR };
        let paths = [90.0, 100.0, 110.0, 120.0].map(|value| vec![value; 72]);
        let demand: Forecast = crate::testing::forecast(grid, &[0.1, 0.5, 0.9, 0.99], &paths);
        crate::plan(&apply(&demand, &[Scenario::Event { event: sale(), shape: Shape::Flat }]), settings)
    }

    fn history(multiplier: f64) -> Series {
        let grid = Grid { start: time("2026-10-29T00:00:00Z"), frequency: Frequency::HOUR };
        let values = (0..24 * 31).map(|hour| Some(if hour / 24 == 29 { 100.0 * multiplier } else { 100.0 }));
        Series { unique_id: "shop".to_owned(), grid, values: values.collect() }
    }

    #[test]
    fn a_larger_event_than_announced_is_said_to_be_one() {
        let input = SettingsInput { hourly_price: Some(Decimal::ONE), ..SettingsInput::new(100.0) };
        let settings = input.check().unwrap();
        let review = review(&planned(&settings), &sale(), &history(12.0), &settings);
        assert_eq!(review.rows.len(), 24);
        assert_eq!(review.rows[0].needed, Some(18), "1200 at 70 % of 100");
        assert!((review.came.unwrap() - 12.0).abs() < 1e-9);
        assert!((review.bias + 1.0 / 6.0).abs() < 1e-9, "{review:?}");
        assert_eq!((review.below_p95, review.rows_short), (1.0, 0));
        let spare = review.scheduled_hours - review.needed_hours;
        assert_eq!(domain::to_statistic(review.cost_of_doubt.unwrap()), spare);
        assert!(
            review.findings[0].contains("12.0 came: within the stated 7.0 to 13.0"),
            "{:?}",
            review.findings
        );
    }

    #[test]
    fn a_flood_is_short_and_an_unmeasured_event_is_no_review() {
        let settings = SettingsInput::new(100.0).check().unwrap();
        let flood = review(&planned(&settings), &sale(), &history(40.0), &settings);
        assert_eq!((flood.rows_short, flood.below_p95), (24, 0.0));
        let mut early = history(10.0);
        early.values.truncate(24 * 29);
        let nothing = review(&planned(&settings), &sale(), &early, &settings);
        assert!(nothing.findings[0].contains("nothing to review yet"), "{:?}", nothing.findings);
    }
}
