//! The capacity plan: what is needed per row, and the schedule that has it ready in time.

use chrono::{DateTime, Duration, Utc};
use domain::{CapacityKind, CapacityPlan, Forecast, Frequency, Grid, Requirement, Stamp};

use crate::fan::quantile_path;
use crate::requirement::{instances, instances_at};
use crate::schedule::smooth;
use crate::settings::{Settings, Survive};

/// Rows are never longer than this.
const HOUR_SECONDS: i64 = 3600;

/// Plans one workload, whatever it is made of.
///
/// One row a step of the forecast, or one an hour where its steps are longer and not about storage. `required`
/// carries the 1 − risk quantile of demand at the target utilization. `scheduled` is at least `required` of its own row
/// and of every row that begins within the lead time after it, with as few changes as pay; with a
/// `schedule_utilization`, at least what carries that demand at this higher utilization, and the median at the
/// target. Of storage, neither ever falls.
///
/// Events are in the forecast already, or put into it by [`crate::apply`]. `policies` is left empty: see
/// [`crate::compare`].
pub fn plan(demand: &Forecast, settings: &Settings) -> CapacityPlan {
    let given = &settings.given;
    let (stamps, row_seconds) = rows(&demand.grid, demand.horizon(), given.kind);
    let (p50, p95) = (quantile_path(demand, 0.5), quantile_path(demand, 0.95));
    let covered = quantile_path(demand, settings.level());

    let mut required: Vec<u32> = stamps.iter().map(|(_, step)| instances(covered[*step], settings)).collect();
    if given.kind == CapacityKind::Storage {
        let mut most = 0;
        for need in &mut required {
            most = most.max(*need);
            *need = most;
        }
    }
    let lead = in_rows(i64::from(given.lead_time_seconds), row_seconds);
    let row_hours = row_seconds as f64 / HOUR_SECONDS as f64;
    let least = match given.schedule_utilization {
        None => required.clone(),
        Some(utilization) => {
            let carries = |(_, step): &(Stamp, usize)| {
                instances_at(utilization, covered[*step], settings).max(instances(p50[*step], settings))
            };
            stamps.iter().map(carries).collect()
        }
    };
    let scheduled = smooth(&ahead(&least, lead), given.change_penalty / row_hours, given.max_changes);

    let rows: Vec<Requirement> = stamps
        .iter()
        .zip(required.iter().zip(scheduled))
        .map(|((ds, step), (required, scheduled))| Requirement {
            ds: *ds,
            demand_p50: p50[*step],
            demand_p95: p95[*step],
            required: *required,
            scheduled,
        })
        .collect();
    let crosses_quota_at = given.limit.and_then(|limit| {
        rows.iter().find(|row| instances(row.demand_p95, settings) > limit).map(|row| row.ds)
    });
    let act_by = crosses_quota_at.map(|stamp| {
        earlier(stamp, given.quota_lead_time_seconds.unwrap_or(given.lead_time_seconds), row_seconds)
    });
    let assumptions = assumptions(demand, settings);
    CapacityPlan {
        unique_id: demand.unique_id.clone(),
        kind: given.kind,
        rows,
        policies: Vec::new(),
        crosses_quota_at,
        act_by,
        assumptions,
    }
}

/// Length of the rows of a plan in hours: rows are equally long; without a clock a step counts as an hour.
pub fn row_hours(rows: &[Requirement]) -> f64 {
    match rows {
        [Requirement { ds: Stamp::Time(first), .. }, Requirement { ds: Stamp::Time(second), .. }, ..] => {
            (*second - *first).num_seconds() as f64 / HOUR_SECONDS as f64
        }
        _ => 1.0,
    }
}

/// Stamp and forecast step of every row, and the length of a row in seconds.
fn rows(grid: &Grid, horizon: usize, kind: CapacityKind) -> (Vec<(Stamp, usize)>, i64) {
    let row_seconds = match grid.frequency {
        // What is stored is read once a step: hours would only repeat it.
        Frequency::Seconds(seconds) if kind == CapacityKind::Storage => seconds.max(1),
        frequency => row_seconds(frequency),
    };
    let mut rows = Vec::with_capacity(horizon);
    for step in 0..horizon {
        match (grid.stamp(step), grid.stamp(step + 1)) {
            (Stamp::Time(start), Stamp::Time(end)) => {
                let parts = in_rows((end - start).num_seconds(), row_seconds).max(1);
                rows.extend((0..parts).filter_map(|part| {
                    let seconds = row_seconds.checked_mul(i64::try_from(part).ok()?)?;
                    let ds = start.checked_add_signed(Duration::try_seconds(seconds)?)?;
                    Some((Stamp::Time(ds), step))
                }));
            }
            (stamp, _) => rows.push((stamp, step)),
        }
    }
    (rows, row_seconds)
}

/// An hour, or the step where it is shorter; a longer step is cut into equal rows of at most an hour.
fn row_seconds(frequency: Frequency) -> i64 {
    match frequency {
        Frequency::Seconds(seconds) if seconds > HOUR_SECONDS => {
            let least = in_rows(seconds, HOUR_SECONDS) as i64;
            // A length that no row of a minute or more divides is left whole: rows stay equally long.
            let parts = (least..=seconds / 60).find(|parts| seconds % parts == 0);
            parts.map_or(seconds, |parts| seconds / parts)
        }
        Frequency::Seconds(seconds) => seconds.max(1),
        Frequency::Months(_) | Frequency::Steps(_) => HOUR_SECONDS,
    }
}

/// Seconds in rows, rounded up.
fn in_rows(seconds: i64, row_seconds: i64) -> usize {
    usize::try_from((seconds + row_seconds - 1).div_euclid(row_seconds)).unwrap_or(0)
}

/// Rows of a plan that the lead time reaches over.
pub(crate) fn lead_rows(rows: &[Requirement], settings: &Settings) -> usize {
    let row_seconds = (row_hours(rows) * HOUR_SECONDS as f64).round() as i64;
    in_rows(i64::from(settings.given.lead_time_seconds), row_seconds.max(1))
}

/// The largest need of each row and the `lead_rows` after it.
pub(crate) fn ahead(required: &[u32], lead_rows: usize) -> Vec<u32> {
    (0..required.len())
        .map(|row| {
            let end = row.saturating_add(lead_rows).saturating_add(1).min(required.len());
            required[row..end].iter().max().copied().unwrap_or(0)
        })
        .collect()
}

/// The stamp `seconds` before, in whole rows where there is no clock.
fn earlier(stamp: Stamp, seconds: u32, row_seconds: i64) -> Stamp {
    match stamp {
        Stamp::Time(time) => Stamp::Time(
            time.checked_sub_signed(Duration::seconds(i64::from(seconds)))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        ),
        Stamp::Step(step) => {
            let rows = in_rows(i64::from(seconds), row_seconds);
            Stamp::Step(step.saturating_sub(i64::try_from(rows).unwrap_or(i64::MAX)))
        }
    }
}

/// What a reader has to believe, one sentence each.
fn assumptions(demand: &Forecast, settings: &Settings) -> Vec<String> {
    let given = &settings.given;
    let (kind, one, unit) = (given.kind, given.kind.one(), given.kind.unit());
    let (saturates, used) = match kind {
        CapacityKind::Storage => ("holds", "filled"),
        _ => ("saturates at", "used"),
    };
    let mut sentences = vec![
        format!(
            "One {one} {saturates} {} and is {used} to {:.0} %: it carries {}.",
            rounded(given.unit_throughput),
            given.target_utilization * 100.0,
            rounded(settings.usable_throughput()),
        ),
        format!(
            "Each row covers demand with a probability of {:.2} %{}",
            settings.level() * 100.0,
            if kind.unscaled().is_none() { "; what is left is for target tracking." } else { "." }
        ),
    ];
    match kind.unscaled() {
        None => {
            sentences
                .push(format!("A new {one} serves {} s after it was asked for.", given.lead_time_seconds));
            sentences.push(match given.survive {
                Survive::None => format!("No failure of one {one} or of a zone is counted in."),
                Survive::Instance => format!("One {one} may fail at any time."),
                Survive::Zone => format!(
                    "One of {} zones may fail at any time; {unit} are spread evenly over the zones.",
                    given.zones
                ),
            });
        }
        Some(why) => {
            sentences.push(format!(
                "More {unit} are there {} s after they were asked for.",
                given.lead_time_seconds
            ));
            sentences.push(why.to_owned());
        }
    }
    match kind {
        CapacityKind::ReadReplicas => {
            sentences.push("One node writes; the rows are the replicas that share the reads.".to_owned());
        }
        CapacityKind::Storage => sentences.push("What was stored stays: the rows never fall.".to_owned()),
        CapacityKind::Instances | CapacityKind::Workers | CapacityKind::ThroughputUnits => {}
    }
    if given.lot > 1 {
        sentences.push(format!("It is bought in lots of {} {unit}.", given.lot));
    }
    if let Some(backlog) = given.backlog {
        sentences.push(format!(
            "{:.0} messages wait already and are gone {} s after the start: demand has them in it.",
            backlog.messages, backlog.drain_seconds
        ));
    }
    if let Some(utilization) = given.schedule_utilization {
        sentences.push(format!(
            "The schedule alone carries that demand at a utilization of {:.0} %, and the median at the target; target tracking adds the rest.",
            utilization * 100.0
        ));
    }
    match (given.limit, given.quota_lead_time_seconds) {
        (Some(limit), Some(seconds)) => {
            sentences.push(format!("The quota is {limit} {unit}; raising it takes {seconds} s."));
        }
        (Some(limit), None) => sentences
            .push(format!("The quota is {limit} {unit}; raising it takes no longer than the lead time.")),
        (None, _) => {}
    }
    match demand.grid.frequency {
        Frequency::Seconds(seconds) if seconds > HOUR_SECONDS && kind != CapacityKind::Storage => sentences
            .push(
                "Demand is known per step of more than an hour: its peaks within the step are not."
                    .to_owned(),
            ),
        Frequency::Months(_) => {
            sentences.push("Demand is known per month: its peaks within the month are not.".to_owned())
        }
        Frequency::Steps(_) => {
            sentences.push("Demand has no clock: a step is taken as one hour.".to_owned());
        }
        Frequency::Seconds(_) => {}
    }
    if demand.levels.last().is_none_or(|top| *top < settings.level() - 1e-9) {
        sentences.push(format!(
            "The forecast ends at its {} quantile; the one planned for is extrapolated.",
            demand.levels.last().map_or_else(|| "mean, without any".to_owned(), ToString::to_string)
        ));
    }
    sentences
}

/// A number for a sentence: four significant digits are enough.
pub fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::SettingsInput;

    /// A forecast whose quantiles are `paths`, on a grid of `seconds`.
    fn fan(seconds: i64, levels: &[f64], paths: &[Vec<f64>]) -> Forecast {
        let start: DateTime<Utc> = "2026-11-27T00:00:00Z".parse().unwrap();
        let grid = Grid { start: Stamp::Time(start), frequency: Frequency::Seconds(seconds) };
        crate::testing::forecast(grid, levels, paths)
    }

    fn settings(change: impl FnOnce(&mut SettingsInput)) -> Settings {
        let mut input = SettingsInput::new(100.0);
        change(&mut input);
        input.check().unwrap()
    }

    #[test]
    fn capacity_is_ready_before_the_demand() {
        let quiet = [70.0, 70.0, 70.0, 1400.0, 70.0];
        let demand = fan(300, &[0.5, 0.99], &[quiet.to_vec(), quiet.to_vec()]);
        let plan = plan(&demand, &settings(|input| input.change_penalty = 0.0));
        let required: Vec<u32> = plan.rows.iter().map(|row| row.required).collect();
        let scheduled: Vec<u32> = plan.rows.iter().map(|row| row.scheduled).collect();
        assert_eq!(required, [1, 1, 1, 20, 1]);
        assert_eq!(scheduled, [1, 20, 20, 20, 1], "10 minutes are two rows of 5");
    }

    #[test]
    fn daily_demand_is_planned_by_the_hour() {
        let demand = fan(86_400, &[0.5, 0.99], &[vec![70.0, 140.0], vec![70.0, 140.0]]);
        let plan = plan(&demand, &settings(|_| {}));
        assert_eq!(plan.rows.len(), 48);
        assert_eq!(plan.rows[25].ds.to_string(), "2026-11-28T01:00:00Z");
        assert_eq!((plan.rows[23].required, plan.rows[23].scheduled), (1, 2));
        assert!(plan.assumptions.iter().any(|sentence| sentence.contains("peaks within")));
        assert!((row_hours(&plan.rows) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn rows_are_equally_long_and_at_most_an_hour() {
        for (seconds, row) in [(1, 1), (300, 300), (3600, 3600), (5400, 2700), (7200, 3600), (604_800, 3600)]
        {
            assert_eq!(row_seconds(Frequency::Seconds(seconds)), row);
        }
        assert_eq!(row_seconds(Frequency::Seconds(7919)), 7919, "a prime number of seconds");
        assert_eq!(row_seconds(Frequency::Months(1)), 3600);
    }

    #[test]
    fn the_quota_is_crossed_by_p95_and_acted_on_before() {
        let levels = [0.5, 0.95, 0.99];
        let paths = [vec![70.0, 100.0, 200.0], vec![80.0, 700.0, 800.0], vec![2000.0; 3]];
        let demand = fan(3600, &levels, &paths);
        let with = |limit: u32, lead: Option<u32>| {
            let settings = settings(|input| {
                (input.limit, input.quota_lead_time_seconds) = (Some(limit), lead);
            });
            let plan = plan(&demand, &settings);
            (plan.crosses_quota_at.map(|at| at.to_string()), plan.act_by.map(|at| at.to_string()))
        };
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(with(9, None), (at("2026-11-27T01:00:00Z"), at("2026-11-27T00:50:00Z")));
        assert_eq!(with(9, Some(86_400)), (at("2026-11-27T01:00:00Z"), at("2026-11-26T01:00:00Z")));
        assert_eq!(with(12, None), (None, None));
    }

    #[test]
    fn a_series_without_clock_counts_steps_as_hours() {
        let grid = Grid { start: Stamp::Step(10), frequency: Frequency::Steps(1) };
        let demand = crate::testing::forecast(grid, &[0.5, 0.99], &[vec![70.0, 700.0], vec![70.0, 700.0]]);
        let plan = plan(&demand, &settings(|input| input.limit = Some(5)));
        assert_eq!(plan.rows[0].scheduled, 10);
        assert_eq!((plan.crosses_quota_at, plan.act_by), (Some(Stamp::Step(11)), Some(Stamp::Step(10))));
    }

    proptest! {
        #[test]
        fn more_demand_never_needs_less(
            steps in prop::collection::vec((0.0..5e3f64, 0.0..5e3f64, 0.0..2e3f64, 0.0..2e3f64), 1..60),
            seconds in prop::sample::select(vec![60i64, 300, 3600]),
            zone in prop::bool::ANY,
        ) {
            let low: Vec<f64> = steps.iter().map(|step| step.0).collect();
            let high: Vec<f64> = steps.iter().map(|step| step.0 + step.1).collect();
            let more_low: Vec<f64> = steps.iter().map(|step| step.0 + f64::min(step.2, step.1 + step.3)).collect();
            let more_high: Vec<f64> = steps.iter().map(|step| step.0 + step.1 + step.3).collect();
            let settings = settings(|input| {
                input.survive = if zone { Survive::Zone } else { Survive::None };
            });
            let less = plan(&fan(seconds, &[0.5, 0.99], &[low, high]), &settings);
            let more = plan(&fan(seconds, &[0.5, 0.99], &[more_low, more_high]), &settings);
            let lead_rows = 600 / usize::try_from(seconds).unwrap() + 1;
            for (row, (less_row, more_row)) in less.rows.iter().zip(&more.rows).enumerate() {
                prop_assert!(more_row.required >= less_row.required);
                for later in less.rows.iter().skip(row).take(lead_rows) {
                    prop_assert!(less_row.scheduled >= later.required);
                }
            }
            let sum = |plan: &CapacityPlan| plan.rows.iter().map(|row| u64::from(row.required)).sum::<u64>();
            prop_assert!(sum(&more) >= sum(&less));
        }
    }
}
