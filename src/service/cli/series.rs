//! `headroom forecast` and `headroom backtest`.

use std::path::PathBuf;

use clap::Args;
use domain::Frequency;
use forecast::MAX_HORIZON;
use ingest::series::parse_frequency;
use jiff::tz::TimeZone;

use crate::zone;

/// What both commands read, and how.
#[derive(Debug, Args)]
pub(crate) struct Histories {
    /// Long table unique_id, ds, y (CSV, gzip, Parquet; - is standard input)
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Steps ahead, 1 to 87660
    #[arg(long, value_parser = horizon)]
    pub(crate) horizon: usize,
    /// Spacing of the series (1h, 5min, 1d, 1mo); inferred when absent
    #[arg(long, value_parser = parse_frequency)]
    pub(crate) freq: Option<Frequency>,
    /// Season lengths in steps to look for first, comma separated, 1 for no season; found when absent
    #[arg(long, value_delimiter = ',', value_parser = season_length)]
    pub(crate) season_length: Option<Vec<usize>>,
    /// Series known ahead that drive all others: unique_id, ds, y, a value for every step ahead
    #[arg(long)]
    pub(crate) drivers: Option<PathBuf>,
    /// Time zone that the shape of the day follows (Europe/Berlin), for steps shorter than a day
    #[arg(long, default_value = "UTC", value_parser = zone::named)]
    pub(crate) time_zone: TimeZone,
    /// Threads, at most one for each core; default: all cores
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// `headroom forecast`
#[derive(Debug, Args)]
pub(crate) struct Forecast {
    #[command(flatten)]
    pub(crate) histories: Histories,
    /// Where the forecast goes (CSV, gzip, Parquet; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// Quantile levels between 0 and 1, comma separated
    #[arg(long, value_delimiter = ',', default_value = "0.025,0.1,0.5,0.9,0.975", value_parser = Quantile::parse)]
    pub(crate) quantiles: Vec<Quantile>,
    /// Planned and past events: name, starts_at, ends_at, multiplier, …
    #[arg(long)]
    pub(crate) events: Option<PathBuf>,
}

/// `headroom backtest`
#[derive(Debug, Args)]
pub(crate) struct Backtest {
    #[command(flatten)]
    pub(crate) histories: Histories,
    /// Number of origins
    #[arg(long, default_value_t = 3, value_parser = one_or_more)]
    pub(crate) windows: usize,
    /// Steps between origins; default: the horizon
    #[arg(long, value_parser = one_or_more)]
    pub(crate) step: Option<usize>,
    /// Where the scores go (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
}

/// A quantile level, and how it was typed: columns are called after that.
#[derive(Debug, Clone)]
pub(crate) struct Quantile {
    pub(crate) typed: String,
    pub(crate) level: f64,
}

impl Quantile {
    fn parse(text: &str) -> Result<Self, String> {
        let typed = text.trim().to_owned();
        match typed.parse() {
            Ok(level) if level > 0.0 && level < 1.0 => Ok(Self { typed, level }),
            _ => Err("expected a number between 0 and 1, both excluded".to_owned()),
        }
    }
}

fn horizon(text: &str) -> Result<usize, String> {
    let fits = one_or_more(text).ok().filter(|steps| *steps <= MAX_HORIZON);
    fits.ok_or_else(|| format!("expected 1 to {MAX_HORIZON} steps"))
}

fn season_length(text: &str) -> Result<usize, String> {
    one_or_more(text).map_err(|_| "expected 2 or more steps, or 1 for no season".to_owned())
}

fn one_or_more(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|number| *number >= 1);
    number.ok_or_else(|| "expected a whole number of 1 or more".to_owned())
}
