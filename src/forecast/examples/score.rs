//! Scores the forecaster on long tables (`unique_id,ds,y`, CSV or gzip): a rolling-origin backtest of one file, or
//! a training file against its test file, as a table or as standardized residuals for the recipe.
//!
//! ```text
//! cargo run --release -p headroom-forecast --example score -- FILE --horizon 24 [--windows 3] [--test FILE]
//!     [--every SECONDS] [--season 24] [--scale 24] [--part odd|even|all] [--models] [--each] [--speed]
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;

use chrono::{DateTime, Utc};
use domain::{Frequency, Grid, Series, Stamp};
use headroom_forecast::{Backtest, BacktestSettings, ModelScore, Request, backtest, forecast_all, merge};
use rayon::prelude::*;

/// What the command line asks for.
struct Options {
    file: String,
    test: Option<String>,
    horizon: usize,
    windows: usize,
    every_seconds: Option<i64>,
    season: Option<usize>,
    scale: Option<usize>,
    each: bool,
    speed: bool,
    part: String,
    models: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let mut table = read(&options.file)?;
    if let Some(test) = &options.test {
        for (id, rows) in read(test)? {
            table.entry(id).or_default().extend(rows);
        }
    }
    let series: Vec<Series> = table
        .into_iter()
        .enumerate()
        .filter(|(index, _)| match options.part.as_str() {
            "odd" => index % 2 == 1,
            "even" => index % 2 == 0,
            _ => true,
        })
        .map(|(_, (id, rows))| to_grid(id, rows, options.every_seconds))
        .collect();
    if options.speed {
        let request = Request { season_lengths: settings_seasons(&options), ..Request::new(options.horizon) };
        #[expect(clippy::disallowed_methods, reason = "an example that measures speed is its own caller")]
        let started = std::time::Instant::now();
        let forecasts = forecast_all(&series, &request);
        let milliseconds = 1000.0 * started.elapsed().as_secs_f64();
        let threads = rayon::current_num_threads();
        println!(
            "{} forecasts, backtest and calibration included: {:.3} ms a series on {threads} threads",
            forecasts.len(),
            milliseconds / forecasts.len().max(1) as f64,
        );
        return Ok(());
    }
    let windows = if options.test.is_some() { 1 } else { options.windows };
    let settings = BacktestSettings {
        windows,
        season_lengths: settings_seasons(&options),
        scale_season: options.scale,
        ..BacktestSettings::new(options.horizon)
    };
    #[expect(clippy::disallowed_methods, reason = "an example that measures speed is its own caller")]
    let started = std::time::Instant::now();
    let results: Vec<Backtest> = series.par_iter().map(|series| backtest(series, &settings)).collect();
    let seconds = started.elapsed().as_secs_f64();
    if options.each {
        for result in &results {
            let mase = |name: &str| result.models.get(name).and_then(|score| score.mase).unwrap_or(f64::NAN);
            println!("{:<40}{:>9.3}{:>9.3}", result.unique_id, mase("headroom"), mase("seasonal_naive"));
        }
    }
    let summary = merge(&results);
    let points: usize = series.iter().map(Series::len).sum();
    let fits = (summary.series * windows).max(1);
    println!(
        "{} h={} series={} skipped={} points={points} wall={seconds:.2}s {:.2} ms per forecast on {} threads",
        options.file.rsplit('/').next().unwrap_or_default(),
        options.horizon,
        summary.series,
        summary.skipped,
        1000.0 * seconds / fits as f64,
        rayon::current_num_threads(),
    );
    println!(
        "{:<24}{:>8}{:>8}{:>8}{:>8}{:>7}{:>7}{:>7}{:>8}",
        "model", "mase", "smape", "wql", "msis95", "cov50", "cov80", "cov95", "bias"
    );
    for (name, score) in &summary.models {
        if options.models || name == "headroom" || name == "seasonal_naive" {
            row(name, score);
        }
    }
    Ok(())
}

/// The season of the command line; 1 means none.
fn settings_seasons(options: &Options) -> Option<Vec<usize>> {
    options.season.map(|season| if season > 1 { vec![season] } else { Vec::new() })
}

fn row(name: &str, score: &ModelScore) {
    let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    println!(
        "{name:<24}{:>8}{:>8}{:>8}{:>8}{:>7}{:>7}{:>7}{:>8}",
        show(score.mase),
        show(score.smape),
        show(score.wql),
        show(score.msis_95),
        show(score.coverage_50),
        show(score.coverage_80),
        show(score.coverage_95),
        show(score.bias),
    );
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        file: String::new(),
        test: None,
        horizon: 24,
        windows: 3,
        every_seconds: None,
        season: None,
        scale: None,
        each: false,
        speed: false,
        part: "all".to_owned(),
        models: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--horizon" => options.horizon = next()?.parse()?,
            "--windows" => options.windows = next()?.parse()?,
            "--test" => options.test = Some(next()?),
            "--every" => options.every_seconds = Some(next()?.parse()?),
            "--season" => options.season = Some(next()?.parse()?),
            "--scale" => options.scale = Some(next()?.parse()?),
            "--speed" => options.speed = true,
            "--each" => options.each = true,
            "--part" => options.part = next()?,
            "--models" => options.models = true,
            _ => options.file = word,
        }
    }
    Ok(options)
}

/// Rows by series.
type Table = BTreeMap<String, Vec<(Stamp, f64)>>;

/// Rows by series, in the order of the file.
fn read(path: &str) -> Result<Table, Box<dyn Error>> {
    let file = File::open(path)?;
    let input: Box<dyn Read> =
        if path.ends_with(".gz") { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    let mut table = Table::new();
    for record in csv::Reader::from_reader(input).into_records() {
        let record = record?;
        let ds = match record[1].parse::<i64>() {
            Ok(step) => Stamp::Step(step),
            Err(_) => Stamp::Time(record[1].parse::<DateTime<Utc>>()?),
        };
        table.entry(record[0].to_owned()).or_default().push((ds, record[2].parse().unwrap_or(f64::NAN)));
    }
    Ok(table)
}

/// Means per cell of a regular grid, whose width is the most common distance unless given.
fn to_grid(unique_id: String, rows: Vec<(Stamp, f64)>, every_seconds: Option<i64>) -> Series {
    let number = |stamp: &Stamp| match stamp {
        Stamp::Step(step) => *step,
        Stamp::Time(time) => time.timestamp(),
    };
    let has_clock = rows.first().is_some_and(|(stamp, _)| matches!(stamp, Stamp::Time(_)));
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in rows.windows(2) {
        *counts.entry(number(&pair[1].0) - number(&pair[0].0)).or_default() += 1;
    }
    let common = counts
        .into_iter()
        .filter(|(gap, _)| *gap > 0)
        .max_by_key(|(_, count)| *count)
        .map_or(1, |(gap, _)| gap);
    let width = if has_clock { every_seconds.unwrap_or(common) } else { common };
    let month = has_clock && (2_400_000..2_700_000).contains(&width);
    let first = rows.first().map_or(0, |(stamp, _)| number(stamp).div_euclid(width) * width);
    let cell = |index: usize, stamp: &Stamp| {
        if month { index } else { usize::try_from((number(stamp) - first).div_euclid(width)).unwrap_or(0) }
    };
    let mut cells: Vec<(f64, usize)> = Vec::new();
    for (index, (stamp, value)) in rows.iter().enumerate() {
        let cell = cell(index, stamp);
        if cell >= cells.len() {
            cells.resize(cell + 1, (0.0, 0));
        }
        if value.is_finite() {
            cells[cell].0 += value;
            cells[cell].1 += 1;
        }
    }
    let start = match DateTime::from_timestamp(first, 0) {
        Some(time) if has_clock => Stamp::Time(time),
        _ => Stamp::Step(first),
    };
    let frequency = match (has_clock, month) {
        (true, true) => Frequency::Months(1),
        (true, false) => Frequency::Seconds(width),
        (false, _) => Frequency::Steps(width),
    };
    let values = cells.into_iter().map(|(sum, count)| (count > 0).then(|| sum / count as f64)).collect();
    Series { unique_id, grid: Grid { start, frequency }, values }
}
