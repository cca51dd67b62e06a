//! Scores the forecaster on public sets, on the part that it was tuned on or on the part that it never saw.
//!
//! ```text
//! cargo run --release -p headroom-forecast --example score -- [--part tuned|held-out] [--only SET,SET]
//!     [--data ../shared/data/series] [--seasons 24,168] [--models] [--each]
//! ```
//!
//! Seasons are found unless they are told. MASE, MSIS and wql are scaled as in the M4 competition; wql is twice the mean pinball
//! loss over 2.5, 10, 50, 90 and 97.5 %. `ms` is CPU time of one forecast, backtest and calibration included.

mod naive2;
mod sets;

use std::error::Error;
use std::path::PathBuf;

use domain::Series;
use headroom_forecast::{Backtest, BacktestSettings, ModelScore, Request, backtest, forecast_all, merge};
use rayon::prelude::*;

use sets::{Part, SETS, Set};

/// What the command line asks for.
struct Options {
    data: PathBuf,
    part: Part,
    only: Vec<String>,
    seasons: Option<Vec<usize>>,
    models: bool,
    each: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    println!(
        "{:<24}{:>7}{:>8}{:>8}{:>8}{:>8}{:>8}{:>7}{:>7}{:>8}{:>8}",
        "set", "tasks", "mase", "smape", "owa", "wql", "msis95", "cov95", "cov80", "bias", "ms"
    );
    for set in
        SETS.iter().filter(|set| options.only.is_empty() || options.only.iter().any(|name| name == set.name))
    {
        let tasks = set.tasks(&options.data, options.part)?;
        if !tasks.is_empty() {
            score(set, &tasks, &options);
        }
    }
    Ok(())
}

fn score(set: &Set, tasks: &[Series], options: &Options) {
    let request = Request { season_lengths: options.seasons.clone(), ..Request::new(set.horizon) };
    let settings =
        BacktestSettings { windows: 1, scale_season: Some(set.scale), ..BacktestSettings::new(request) };
    let results: Vec<Backtest> = tasks.par_iter().map(|task| backtest(task, &settings)).collect();
    if options.each {
        for result in &results {
            let score = |name: &str, of: fn(&ModelScore) -> Option<f64>| {
                result.models.get(name).and_then(of).unwrap_or(f64::NAN)
            };
            let (own, naive) = ("headroom", "seasonal_naive");
            println!(
                "  {:<60}{:>9.3}{:>9.3}{:>9.3}{:>9.3}",
                result.unique_id,
                score(own, |score| score.mase),
                score(naive, |score| score.mase),
                score(own, |score| score.wql),
                score(naive, |score| score.wql),
            );
        }
    }
    let summary = merge(&results);
    let naive2 = set.is_competition().then(|| naive2_scores(set, tasks));
    for (name, score) in &summary.models {
        let own = name == "headroom";
        if own || options.models {
            let label = if own { set.name.to_owned() } else { format!("  {name}") };
            row(&label, score, naive2, own.then(|| cpu_milliseconds(set, tasks)));
        }
    }
}

fn row(label: &str, score: &ModelScore, naive2: Option<(f64, f64)>, milliseconds: Option<f64>) {
    let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    let owa = || {
        let (mase, smape) = naive2?;
        Some(0.5 * (score.mase? / mase + score.smape? / smape))
    };
    println!(
        "{label:<24}{:>7}{:>8}{:>8}{:>8}{:>8}{:>8}{:>7}{:>7}{:>8}{:>8}",
        score.folds,
        show(score.mase),
        show(score.smape),
        show(owa()),
        show(score.wql),
        show(score.msis_95),
        show(score.coverage_95),
        show(score.coverage_80),
        show(score.bias),
        show(milliseconds),
    );
}

/// MASE and sMAPE of Naive2, over the series that have a MASE.
fn naive2_scores(set: &Set, tasks: &[Series]) -> (f64, f64) {
    let scores: Vec<(f64, f64)> = tasks
        .iter()
        .filter_map(|task| {
            let values: Vec<f64> = task.values.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            let (history, actual) = values.split_at(values.len() - set.horizon);
            let steps =
                history.iter().zip(history.get(set.scale..)?).map(|(before, now)| (now - before).abs());
            let scale = steps.sum::<f64>() / (history.len() - set.scale) as f64;
            let path = naive2::naive2(history, set.horizon, set.scale);
            let pairs = || path.iter().zip(actual);
            let count = set.horizon as f64;
            let mase = pairs().map(|(a, b)| (a - b).abs()).sum::<f64>() / count / scale;
            let smape =
                pairs().map(|(a, b)| 200.0 * (a - b).abs() / (a.abs() + b.abs())).sum::<f64>() / count;
            mase.is_finite().then_some((mase, smape))
        })
        .collect();
    let count = scores.len() as f64;
    scores.iter().fold((0.0, 0.0), |sum, score| (sum.0 + score.0 / count, sum.1 + score.1 / count))
}

/// CPU time of one forecast; `None` where the system does not tell it.
fn cpu_milliseconds(set: &Set, tasks: &[Series]) -> f64 {
    let histories: Vec<Series> = tasks
        .iter()
        .map(|task| Series { values: task.values[..task.len() - set.horizon].to_vec(), ..task.clone() })
        .collect();
    let before = process_cpu_ms();
    let count = forecast_all(&histories, &Request::new(set.horizon)).len();
    (process_cpu_ms() - before) / count as f64
}

/// User time of this process so far, from Linux's own count (hundredths of a second); 0 elsewhere.
fn process_cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name
        .split_whitespace()
        .nth(11)
        .and_then(|ticks| ticks.parse::<f64>().ok())
        .map_or(0.0, |ticks| 10.0 * ticks)
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        data: PathBuf::from("../shared/data/series"),
        part: Part::Tuned,
        only: Vec::new(),
        seasons: None,
        models: false,
        each: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--data" => options.data = next()?.into(),
            "--part" => {
                options.part = match next()?.as_str() {
                    "tuned" => Part::Tuned,
                    "held-out" => Part::HeldOut,
                    other => return Err(format!("--part {other}: expected tuned or held-out").into()),
                }
            }
            "--only" => options.only = next()?.split(',').map(str::to_owned).collect(),
            "--seasons" => {
                options.seasons = Some(next()?.split(',').map(str::parse).collect::<Result<_, _>>()?);
            }
            "--models" => options.models = true,
            "--each" => options.each = true,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(options)
}
