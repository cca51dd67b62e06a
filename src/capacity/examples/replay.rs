//! Replays public demand series under every policy, planned every six hours from what was known by then.
//!
//! ```text
//! cargo run --release -p headroom-capacity --example replay -- [FOLDER] [WORD…]
//! ```
//!
//! FOLDER holds the series (default `../shared/data/series`); a WORD keeps the series whose name contains it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::{DateTime, Utc};
use domain::{Frequency, Grid, PolicyOutcome, Series, Stamp};
use headroom_capacity::{PolicyName, ReplaySettings, SettingsInput, Simulation, foresight, replay};
use rayon::prelude::*;

/// File, seconds of a step, and which of its series are demand; bank calls are none when the bank is closed.
const FILES: [(&str, i64, &str); 8] = [
    ("nasa_july_5min.csv", 300, ""),
    ("nasa_july_hourly.csv", 3600, ""),
    ("tweets_5min.csv.gz", 300, ""),
    ("crane_1min.csv.gz", 60, ""),
    ("bank_calls_5min.csv", 300, ""),
    ("nyc_taxi_30min.csv", 1800, ""),
    ("nab_cloudwatch_5min.csv.gz", 300, "elb_request_count"),
    ("misc_hourly.csv", 3600, "pedestrians"),
];

/// The table's policies, the planned one first.
const POLICIES: [&str; 12] = [
    "planned",
    "scheduled",
    "predictive-70",
    "predictive-50",
    "reactive-80",
    "reactive-70",
    "reactive-60",
    "reactive-50",
    "requests-70",
    "queue-5",
    "step-70",
    "static-peak",
];

/// Instances that the largest demand would saturate.
const INSTANCES_AT_PEAK: f64 = 20.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "../shared/data/series".to_owned());
    let words: Vec<String> = arguments.collect();
    if !Path::new(&folder).is_dir() {
        println!("skipped: no series at {folder}");
        return Ok(());
    }
    let mut all = Vec::new();
    for (file, seconds, word) in FILES {
        for series in read(&Path::new(&folder).join(file), seconds)? {
            if series.unique_id.contains(word) {
                let id = format!("{}/{}", file.split('.').next().unwrap_or(file), series.unique_id);
                all.push(Series { unique_id: id, ..series });
            }
        }
    }
    all.retain(|series| words.is_empty() || words.iter().any(|word| series.unique_id.contains(word)));
    let names = POLICIES.iter().map(|name| name.parse()).collect::<Result<Vec<PolicyName>, _>>()?;
    let tables: Vec<Result<Table, String>> = all.par_iter().map(|series| table(series, &names)).collect();
    for table in &tables {
        println!("{}", table.as_ref().map_or_else(String::as_str, |table| &table.text));
    }
    let tables: Vec<Table> = tables.into_iter().flatten().collect();
    print!("{}", summary(&tables));
    Ok(())
}

/// What every policy came to on one series.
struct Table {
    name: String,
    text: String,
    beaten: bool,
    /// Instance-hours of static peak, of the plan, and of perfect foresight at the target utilization and just never short.
    peak: f64,
    planned: f64,
    foresight: f64,
    never_short: f64,
}

/// How far the plan is from what nobody can do without, over all series.
fn summary(tables: &[Table]) -> String {
    let width = tables.iter().map(|table| table.name.len()).max().unwrap_or(0);
    let mut text = format!("{:width$}       planned     foresight       planned   never short\n", "");
    text += &format!("{:width$} ÷ static peak ÷ static peak   ÷ foresight ÷ static peak\n", "series");
    for table in tables {
        text += &format!(
            "{:width$}{:>13.1}%{:>13.1}%{:>14.2}{:>13.1}%\n",
            table.name,
            100.0 * table.planned / table.peak,
            100.0 * table.foresight / table.peak,
            table.planned / table.foresight,
            100.0 * table.never_short / table.peak,
        );
    }
    let beaten = tables.iter().filter(|table| table.beaten).count();
    let (half, rest): (Vec<&Table>, Vec<&Table>) =
        tables.iter().partition(|table| 2.0 * table.planned < table.peak);
    let shares = rest.iter().map(|table| 100.0 * table.foresight / table.peak);
    let (low, high) =
        shares.fold((100.0_f64, 0.0_f64), |(low, high), share| (low.min(share), high.max(share)));
    let more = rest.iter().filter(|table| 2.0 * table.foresight >= table.peak).count();
    let share = tables.iter().map(|table| 100.0 * table.planned / table.peak).sum::<f64>()
        / tables.len().max(1) as f64;
    let mut ratios: Vec<f64> = tables.iter().map(|table| table.planned / table.foresight).collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
    text += &format!(
        "{} series; on {beaten} of them a policy is cheaper and short less often than the planned one\n",
        tables.len()
    );
    text += &format!(
        "the plan costs {share:.0} % of static peak on average, less than half of it on {} of them",
        half.len()
    );
    if !rest.is_empty() {
        text += &format!(
            "; on the other {} foresight itself needs {low:.0} to {high:.0} % of it, on {more} of those more than half",
            rest.len()
        );
    }
    text + &format!("\nmedian of planned ÷ foresight: {median:.2}\n")
}

/// Plans, replays and prints one series; without demand or with too little of it, why not.
fn table(series: &Series, names: &[PolicyName]) -> Result<Table, String> {
    let day = match series.grid.frequency {
        Frequency::Seconds(seconds) => usize::try_from(86_400 / seconds).unwrap_or(1),
        _ => 1,
    };
    let seen = (35 * day).min(series.len() / 2 / day * day);
    let peak = series.values.iter().flatten().copied().fold(0.0, f64::max);
    let settings = SettingsInput::new(peak / INSTANCES_AT_PEAK).check();
    let Ok(settings) = settings else { return Err(format!("{}: no demand\n", series.unique_id)) };
    let simulation = Simulation::of(&settings);
    let settings = ReplaySettings { settings, simulation, events: Vec::new(), warm_up: Some(seen) };
    let outcomes = replay(series, names, &settings).map_err(|error| format!("{error}\n"))?;
    let peak = outcomes.last().map_or(1.0, |outcome| outcome.instance_hours);
    let came =
        Series { grid: series.grid.advance(seen), values: series.values[seen..].to_vec(), ..series.clone() };
    let knowing =
        |utilization| foresight(&came, utilization, &settings.settings, &settings.simulation).outcome;
    let (foreseen, never_short) = (knowing(settings.settings.values().target_utilization), knowing(1.0));
    let mut text = format!(
        "{}: {} days seen, {} replayed\n{:<16}{:>10}{:>9}{:>10}{:>12}{:>10}\n",
        series.unique_id,
        seen / day,
        (series.len() - seen) / day,
        "policy",
        "hours",
        "of peak",
        "min short",
        "unserved %",
        "p95 ms",
    );
    let arrived: f64 = series.values[seen..].iter().flatten().sum::<f64>() * 86_400.0 / day as f64;
    for outcome in outcomes.iter().chain([&foreseen, &never_short]) {
        text += &format!(
            "{:<16}{:>10.0}{:>8.1}%{:>10.0}{:>12.4}{:>10.0}\n",
            outcome.policy,
            outcome.instance_hours,
            100.0 * outcome.instance_hours / peak,
            outcome.minutes_short,
            100.0 * outcome.unserved / arrived,
            outcome.latency_p95_ms,
        );
    }
    let better = better(&outcomes);
    text += &if better.is_empty() {
        "nothing is cheaper and short less often than planned\n".to_owned()
    } else {
        format!("planned is beaten by {}\n", better.join(", "))
    };
    Ok(Table {
        name: series.unique_id.clone(),
        text,
        beaten: !better.is_empty(),
        peak,
        planned: outcomes.first().map_or(peak, |outcome| outcome.instance_hours),
        foresight: foreseen.instance_hours,
        never_short: never_short.instance_hours,
    })
}

/// The policies that cost less than the first one and were short in fewer minutes.
fn better(outcomes: &[PolicyOutcome]) -> Vec<&str> {
    let Some((planned, others)) = outcomes.split_first() else { return Vec::new() };
    others
        .iter()
        .filter(|other| {
            other.instance_hours < planned.instance_hours && other.minutes_short < planned.minutes_short
        })
        .map(|other| other.policy.as_str())
        .collect()
}

/// The series of a long table on their grids; a step without a row is missing, at the bank it is closed.
fn read(path: &Path, seconds: i64) -> Result<Vec<Series>, Box<dyn Error>> {
    let mut text = String::new();
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
    } else {
        (&file).read_to_string(&mut text)?;
    }
    let mut rows: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        let (Some(id), Some(ds), Some(y)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let at: DateTime<Utc> = ds.parse()?;
        if let Ok(y) = y.parse() {
            rows.entry(id).or_default().push((at.timestamp(), y));
        }
    }
    let closed = path.to_string_lossy().contains("bank_calls").then_some(0.0);
    let to_series = |(id, rows): (&str, Vec<(i64, f64)>)| {
        let start = rows[0].0 - rows[0].0.rem_euclid(seconds);
        let index = |at: i64| usize::try_from((at - start) / seconds).unwrap_or(0);
        let mut values = vec![closed; index(rows[rows.len() - 1].0) + 1];
        rows.iter().for_each(|(at, y)| values[index(*at)] = Some(*y));
        let start = DateTime::from_timestamp(start, 0).unwrap_or_default();
        let grid = Grid { start: Stamp::Time(start), frequency: Frequency::Seconds(seconds) };
        Series { unique_id: id.to_owned(), grid, values }
    };
    Ok(rows.into_iter().map(to_series).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_policy_beats_the_planned_one_and_static_peak_costs_more() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/series");
        if !Path::new(folder).is_dir() {
            println!("skipped: no series at {folder}");
            return;
        }
        let names: Vec<PolicyName> = POLICIES.iter().map(|name| name.parse().unwrap()).collect();
        let mut shares = Vec::new();
        // Those that are quick; `benches/capacity replay` is about all.
        for (file, seconds, word) in FILES.iter().filter(|(_, seconds, _)| *seconds >= 1800) {
            for series in read(&Path::new(folder).join(file), *seconds).unwrap() {
                if series.unique_id.contains(word) {
                    let table = table(&series, &names).unwrap();
                    let text = &table.text;
                    assert!(!table.beaten && text.contains("nothing is cheaper"), "{text}");
                    let share = 100.0 * table.planned / table.peak;
                    assert!(share < 100.0, "{text}");
                    assert!(table.never_short < table.foresight && table.foresight < table.peak, "{text}");
                    assert!(table.never_short < table.planned, "{text}");
                    shares.push(share);
                }
            }
        }
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!(mean < 60.0, "{mean} % of static peak on average: {shares:?}");
    }
}
