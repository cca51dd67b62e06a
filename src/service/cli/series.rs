//! `headroom forecast` and `headroom backtest`.

use std::path::PathBuf;

use clap::Args;

/// What both commands read, and how.
#[derive(Debug, Args)]
pub(crate) struct Histories {
    /// Long table unique_id, ds, y (CSV, gzip, Parquet; - is standard input)
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Steps ahead
    #[arg(long)]
    pub(crate) horizon: usize,
    /// Spacing of the series (1h, 5min, 1d, 1mo); inferred when absent
    #[arg(long)]
    pub(crate) freq: Option<String>,
    /// Season lengths in steps, comma separated; detected when absent
    #[arg(long, value_delimiter = ',')]
    pub(crate) season_length: Option<Vec<usize>>,
    /// Series known ahead that drive all others: unique_id, ds, y, a value for every step ahead
    #[arg(long)]
    pub(crate) drivers: Option<PathBuf>,
    /// Time zone that the shape of the day follows (Europe/Berlin), for steps shorter than a day
    #[arg(long, default_value = "UTC")]
    pub(crate) time_zone: String,
    /// Threads; default: all cores
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
    /// Quantile levels, comma separated
    #[arg(long, value_delimiter = ',', default_value = "0.025,0.1,0.5,0.9,0.975")]
    pub(crate) quantiles: Vec<String>,
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
    #[arg(long, default_value_t = 3)]
    pub(crate) windows: usize,
    /// Steps between origins; default: the horizon
    #[arg(long)]
    pub(crate) step: Option<usize>,
    /// Where the scores go (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
}
