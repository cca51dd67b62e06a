//! The Black Friday of the demo company: planned four weeks before, then simulated as it turns out.
//!
//! ```text
//! cargo run --release -p headroom-capacity --example black_friday
//! ```
//!
//! Once as announced, and over 20 other companies (seeds) in which the true multiplier is 0.7 to 1.3 times the
//! announced one. The plan sees nothing after 1 November.

use std::error::Error;

use chrono::{DateTime, Utc};
use demo::Spec;
use domain::{Event, Forecast, Frequency, Grid, PolicyOutcome, Series, Stamp};
use forecast::{Request, forecast};
use headroom_capacity::{
    Advice, Goal, Policy, PolicyName, Settings, SettingsInput, Simulation, Survive, advise, plan, simulate,
};
use rayon::prelude::*;
use rust_decimal::Decimal;

/// The spec that the demo is made from.
const SPEC: &str = include_str!("../../../data/demo.toml");

/// The demand that the shop's web tier follows.
const DEMAND: &str = "storefront-requests";

/// Policies of the table.
const POLICIES: [&str; 7] =
    ["planned", "scheduled", "predictive-60", "reactive-60", "reactive-50", "step-60", "static-peak"];

/// The eight days around the event: Monday to the Monday after, Cyber Monday (×6) included.
const EIGHT_DAYS: (&str, &str) = ("2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z");

/// The event itself.
const EVENT: (&str, &str) = ("2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z");

/// Futures that the adviser tries policies on.
const FUTURES: usize = 20;

/// Most that demand wanders from minute to minute within an hour.
const WANDERING: f64 = 0.03;

/// One policy on one way in which the event turned out.
#[derive(Debug)]
struct Outcome {
    event: PolicyOutcome,
    days: PolicyOutcome,
    event_share: f64,
    days_share: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("As announced (×10):\n{}", table(&[outcomes(None, 1.0)?]));
    println!(
        "Worst of 20 seeds, the true multiplier 0.7 to 1.3 times the announced one:\n{}",
        table(&seeds()?)
    );
    println!("The adviser, over {FUTURES} futures of the forecast:");
    advice()?.reasons.iter().for_each(|reason| println!("- {reason}"));
    Ok(())
}

/// What the adviser makes of the eight days, from the forecast alone.
fn advice() -> Result<Advice, String> {
    let known = spec(SPEC, None)?;
    let demand = forecast_of(&one(demo::series(&known))?, demo::events(&known));
    let settings = storefront_web()?;
    let Some(start) = demand.grid.start.time() else { return Err("the demo has a clock".to_owned()) };
    let first = usize::try_from((time_of(EIGHT_DAYS.0) - start).num_hours()).unwrap_or(0);
    let futures: Vec<Series> = forecast::paths(&demand, FUTURES, 1)
        .into_iter()
        .map(|path| Series {
            unique_id: demand.unique_id.clone(),
            grid: demand.grid.advance(first),
            values: path[first..first + 8 * 24].iter().copied().map(Some).collect(),
        })
        .collect();
    Ok(advise(&demand, &futures, &Goal::default(), &settings, &Simulation::of(&settings)))
}

/// Every policy under each of 20 seeds and true multipliers.
fn seeds() -> Result<Vec<Vec<Outcome>>, String> {
    (0..20u32).into_par_iter().map(|seed| outcomes(Some(seed), 0.7 + 0.6 * f64::from(seed) / 19.0)).collect()
}

/// Plans from what is known on the demo's day, then lets the event be `factor` times what was announced.
fn outcomes(seed: Option<u32>, factor: f64) -> Result<Vec<Outcome>, String> {
    let known = spec(SPEC, seed)?;
    let announced = "name = \"Black Friday 2026\"\nstarts_at = \"2026-11-27T00:00:00Z\"\nends_at = \"2026-11-28T00:00:00Z\"\nmultiplier = 10.0";
    let happened = SPEC
        .replace("as_of = \"2026-11-01T00:00:00Z\"", "as_of = \"2026-12-02T00:00:00Z\"")
        .replace(announced, &announced.replace("10.0", &format!("{:.6}", 10.0 * factor)));
    let happened = spec(&happened, seed)?;

    let demand = forecast_of(&one(demo::series(&known))?, demo::events(&known));
    let settings = storefront_web()?;
    let plan = plan(&demand, &settings);
    let truth = by_minute(&one(demo::series(&happened))?, seed.unwrap_or(99));
    let simulation = Simulation::of(&settings);
    let minute = |time: &str| (time_of(time) - time_of(EIGHT_DAYS.0)).num_minutes() as usize;
    let runs = POLICIES.map(|name| {
        let name: PolicyName = name.parse().map_err(|error| format!("{error}"))?;
        let policy = Policy::of(&name, &plan, truth.grid.start, &settings);
        Ok::<_, String>(simulate(&truth, &policy, &settings, &simulation))
    });
    let runs = runs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let cost = |outcome: &PolicyOutcome| outcome.instance_hours;
    let during = |run: &headroom_capacity::Run| run.during(minute(EVENT.0)..minute(EVENT.1));
    let peak = &runs[runs.len() - 1];
    let (peak_event, peak_days) = (cost(&during(peak)), cost(&peak.outcome));
    let each = runs.iter().map(|run| Outcome {
        event_share: cost(&during(run)) / peak_event,
        days_share: cost(&run.outcome) / peak_days,
        event: during(run),
        days: run.outcome.clone(),
    });
    Ok(each.collect())
}

fn spec(text: &str, seed: Option<u32>) -> Result<Spec, String> {
    let spec = Spec::from_toml(text).map_err(|error| error.to_string())?;
    Ok(seed.map_or(spec.clone(), |seed| spec.with_seed(u64::from(seed))))
}

fn one(series: Vec<Series>) -> Result<Series, String> {
    series.into_iter().find(|series| series.unique_id == DEMAND).ok_or_else(|| format!("no demand {DEMAND}"))
}

/// What is known on the demo's day: the forecast of the next 30 days, with the announced events.
fn forecast_of(history: &Series, events: Vec<Event>) -> Forecast {
    let levels = storefront_web().map(|settings| settings.forecast_levels()).unwrap_or_default();
    let request = Request { events, levels, lower_bound: Some(0.0), ..Request::new(30 * 24) };
    forecast(history, &request)
}

/// The demo's own workload "storefront web" (`data/demo-headroom.toml`).
fn storefront_web() -> Result<Settings, String> {
    let input = SettingsInput {
        target_utilization: 0.6,
        lead_time_seconds: 300,
        zones: 3,
        survive: Survive::Zone,
        min_instances: 2,
        schedule_utilization: Some(0.9),
        hourly_price: Some(Decimal::new(107, 3)),
        ..SettingsInput::new(100.0)
    };
    input.check().map_err(|error| error.to_string())
}

fn time_of(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_default()
}

/// The eight days by the minute: the hour's demand, wandering a little.
fn by_minute(hourly: &Series, seed: u32) -> Series {
    let Some(start) = hourly.grid.start.time() else { return hourly.clone() };
    let first = usize::try_from((time_of(EIGHT_DAYS.0) - start).num_hours()).unwrap_or(0);
    let mut state = (u64::from(seed) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
    };
    let hours = &hourly.values[first..first + 8 * 24];
    let values = hours
        .iter()
        .flatten()
        .flat_map(|rate| [*rate; 60])
        .map(|rate| Some(rate * (1.0 + WANDERING * noise())));
    Series {
        unique_id: hourly.unique_id.clone(),
        grid: Grid { start: Stamp::Time(time_of(EIGHT_DAYS.0)), frequency: Frequency::Seconds(60) },
        values: values.collect(),
    }
}

/// Each figure of each policy on the way that is worst for it.
fn table(ways: &[Vec<Outcome>]) -> String {
    let mut text = format!(
        "{:<14}{:>12}{:>12}{:>12}{:>12}{:>14}{:>16}\n",
        "policy", "unserved", "min short", "p95 ms", "p95 event", "event of peak", "8 days of peak"
    );
    for (index, name) in POLICIES.iter().enumerate() {
        let of = |part: &dyn Fn(&Outcome) -> f64| -> Vec<f64> {
            ways.iter().map(|way| part(&way[index])).collect()
        };
        let worst = |part: &dyn Fn(&Outcome) -> f64| of(part).into_iter().fold(0.0, f64::max);
        text += &format!(
            "{name:<14}{:>12.0}{:>12.0}{:>12.0}{:>12.0}{:>13.1}%{:>15.1}%\n",
            worst(&|outcome| outcome.days.unserved),
            worst(&|outcome| outcome.days.minutes_short),
            worst(&|outcome| outcome.days.latency_p95_ms),
            worst(&|outcome| outcome.event.latency_p95_ms),
            100.0 * worst(&|outcome| outcome.event_share),
            100.0 * worst(&|outcome| outcome.days_share),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_promises(way: &[Outcome]) {
        let planned = &way[0];
        assert_eq!(planned.days.unserved, 0.0, "{planned:?}");
        assert!(planned.event.latency_p95_ms < 200.0, "{planned:?}");
        assert!(planned.days.latency_p95_ms < 200.0, "{planned:?}");
        assert!(planned.event_share <= 0.5, "{planned:?}");
        assert!(planned.days_share <= 0.25, "{planned:?}");
    }

    #[test]
    fn nobody_waits_at_half_of_static_peak() {
        assert_promises(&outcomes(None, 1.0).unwrap());
    }

    #[test]
    fn nor_when_the_multiplier_is_off_by_thirty_percent() {
        let ways = seeds().unwrap();
        ways.iter().for_each(|way| assert_promises(way));
        let reactive = POLICIES.iter().position(|name| *name == "reactive-60").unwrap();
        let dropped = ways.iter().filter(|way| way[reactive].event.unserved > 0.0).count();
        assert!(dropped > ways.len() / 2, "reactive scaling drops requests, here in {dropped} of 20");
    }
}
