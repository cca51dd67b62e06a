//! The spot cost formula held against a replay of real price histories.
//!
//! `cargo run --release -p headroom-optimize --example replay_spot`
//!
//! A job with checkpoints and on-demand as fallback walks through every price change of 2016 in two zones
//! (../shared/data/prices/aws_spot_history_2016_us-east-1ab.parquet), when a machine ran as long as the price stayed
//! below the bid: here the on-demand price. "Same part": the formula is told price, hazard, availability and shares of
//! short stays and gaps of the history that is replayed, which tests the formula. "Forecast": they come from the first
//! half, and the second half is replayed, which tests how well a pool's past tells its future.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::path::Path;

use chrono::{DateTime, Utc};
use headroom_optimize::spot::replay::{Stretch, cost_ratio, interruptions, observed};
use headroom_optimize::spot::{Job, Pool};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

const PRICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/prices");
const HISTORY: &str = "aws_spot_history_2016_us-east-1ab.parquet";
/// The nearest price list with these machines.
const LIST: &str = "aws_ri_matrix_us_2017-11.csv";
/// Jobs: the default of the product, one that is slow to save and start, and one with nearly no state.
const JOBS: [(&str, Job); 3] = [
    ("default", Job { checkpoint_hours: 0.02, restart_hours: 0.1 }),
    ("heavy", Job { checkpoint_hours: 0.1, restart_hours: 0.25 }),
    ("light", Job { checkpoint_hours: 0.002, restart_hours: 0.02 }),
];

/// Price histories by machine type and zone.
type Pools = BTreeMap<String, Vec<Stretch>>;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(pools) = pools()? else {
        println!("skipped: {HISTORY} is not beside the checkout");
        return Ok(());
    };
    println!(
        "| pool | available | interruptions | spot price | replayed cost | formula | error % | forecast error % |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let (_, job) = JOBS[0];
    for (name, history) in &pools {
        let Some((pool, replayed)) = of(history, history, &job) else {
            println!("| {name} | 0.0 % | 0 | – | 1.000 | 1.000 | – | – |");
            continue;
        };
        let (formula, halves) = (job.cost_ratio(&pool), forecast_error(history, &job));
        println!(
            "| {name} | {:.1} % | {} | {:.3} | {replayed:.4} | {formula:.4} | {:+.2} | {} |",
            pool.availability * 100.0,
            interruptions(history),
            pool.price,
            (formula / replayed - 1.0) * 100.0,
            halves.map_or("–".to_owned(), |error| format!("{:+.2}", error * 100.0))
        );
    }
    println!(
        "\n| job | pools | same part: mean, worst error % | interrupted pools alone | forecast: mean, worst error % |"
    );
    println!("|---|---|---|---|---|");
    for (name, job) in JOBS {
        let same = errors(&pools, &job);
        let rough: Vec<f64> = same.iter().filter(|(count, _)| *count > 0).map(|(_, error)| *error).collect();
        let same: Vec<f64> = same.into_iter().map(|(_, error)| error).collect();
        let halves: Vec<f64> =
            pools.values().filter_map(|history| forecast_error(history, &job)).map(f64::abs).collect();
        println!(
            "| {name} | {} | {} | {} of {} | {} |",
            same.len(),
            words(&same),
            words(&rough),
            rough.len(),
            words(&halves)
        );
    }
    Ok(())
}

/// What `past` shows of the pool, and what the job costs in `future` with the interval that follows.
fn of(past: &[Stretch], future: &[Stretch], job: &Job) -> Option<(Pool, f64)> {
    let pool = observed(past)?;
    Some((pool, cost_ratio(future, job, job.interval(pool.hazard))?))
}

/// Interruptions and absolute error of the formula on the part that it was told about, for each pool with capacity.
fn errors(pools: &Pools, job: &Job) -> Vec<(usize, f64)> {
    let error = |history: &Vec<Stretch>| {
        let (pool, replayed) = of(history, history, job)?;
        Some((interruptions(history), (job.cost_ratio(&pool) / replayed - 1.0).abs()))
    };
    pools.values().filter_map(error).collect()
}

/// Error of the formula on the second half of a history when it was told about the first.
fn forecast_error(history: &[Stretch], job: &Job) -> Option<f64> {
    let half = history.iter().map(|stretch| stretch.hours).sum::<f64>() / 2.0;
    let (mut past, mut future, mut seen) = (Vec::new(), Vec::new(), 0.0);
    for stretch in history {
        let early = (half - seen).clamp(0.0, stretch.hours);
        past.push(Stretch { hours: early, ..*stretch });
        future.push(Stretch { hours: stretch.hours - early, ..*stretch });
        seen += stretch.hours;
    }
    let (pool, replayed) = of(&past, &future, job)?;
    Some(job.cost_ratio(&pool) / replayed - 1.0)
}

fn words(errors: &[f64]) -> String {
    let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    format!("{:.2}, {:.2}", mean * 100.0, errors.iter().copied().fold(0.0, f64::max) * 100.0)
}

/// Price histories over list prices, by machine type and zone; `None` without the files.
fn pools() -> Result<Option<Pools>, Box<dyn Error>> {
    let (history, list) = (Path::new(PRICES).join(HISTORY), Path::new(PRICES).join(LIST));
    if !history.exists() || !list.exists() {
        return Ok(None);
    }
    let mut on_demand: BTreeMap<String, f64> = BTreeMap::new();
    for line in std::fs::read_to_string(list)?.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        if let [name, _, _, "us-east-1", "linux", price, ..] = cells.as_slice() {
            on_demand.insert((*name).to_owned(), price.parse()?);
        }
    }
    let mut changes: BTreeMap<String, Vec<(DateTime<Utc>, f64)>> = BTreeMap::new();
    for row in SerializedFileReader::new(File::open(history)?)?.get_row_iter(None)? {
        let row = row?;
        let (name, zone) = (row.get_string(0)?, row.get_string(1)?);
        let Some(list) = on_demand.get(name) else { continue };
        changes
            .entry(format!("{name} {zone}"))
            .or_default()
            .push((row.get_string(3)?.parse()?, row.get_double(4)? / list));
    }
    let stretches = |mut changes: Vec<(DateTime<Utc>, f64)>| {
        changes.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let hours = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).num_seconds() as f64 / 3600.0;
        changes
            .windows(2)
            .map(|pair| Stretch { hours: hours(pair[0].0, pair[1].0), price: pair[0].1 })
            .collect()
    };
    Ok(Some(changes.into_iter().map(|(name, changes)| (name, stretches(changes))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_within_three_percent_of_the_replay() {
        let Some(pools) = pools().unwrap() else {
            println!("skipped: {HISTORY} is not beside the checkout");
            return;
        };
        for (name, job) in JOBS {
            let errors: Vec<f64> = errors(&pools, &job).into_iter().map(|(_, error)| error).collect();
            let within = errors.iter().all(|error| *error <= 0.03);
            assert!(errors.len() > 20 && within, "{name}: {}", words(&errors));
        }
    }
}
