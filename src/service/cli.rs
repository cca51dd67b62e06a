//! The commands and their flags; `--help` of each shows an example.

mod ingest;
mod operate;
mod plan;
mod series;

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

pub(crate) use ingest::{Ingest, IngestFiles, IngestPrices, IngestWhat, OnOverlap};
pub(crate) use operate::{Config, Db, Report, Token, User};
pub(crate) use plan::{
    ContainerExport, Market, Plan, PlanCapacity, PlanCommitments, PlanContainers, PlanRightsize, Replay,
    ReplayAutoscaling, ReplayCommitments,
};
pub(crate) use series::{Backtest, Forecast, Histories, Quantile};

/// Cloud capacity forecasting and cost optimization.
#[derive(Debug, Parser)]
#[command(name = "headroom", version, about, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// A usage error that the flags show only together, or beside the files that they name.
pub(crate) fn conflict(message: String) -> clap::Error {
    Cli::command().error(ErrorKind::ArgumentConflict, message)
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Configuration file; default: headroom.toml of the working folder, if it exists
    #[arg(long, global = true, env = "HEADROOM_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the embedded database and of caches; default: the XDG data folder
    #[arg(long, global = true, env = "HEADROOM_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Machine output on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load the demo company, run the whole pipeline, then serve the dashboard
    #[command(after_help = "Example:\n  headroom demo --addr 127.0.0.1:8080")]
    Demo(Demo),
    /// Serve dashboard and API; run schedules and imports
    #[command(after_help = "Example:\n  headroom serve --addr 0.0.0.0:8080")]
    Serve(Serve),
    /// Import billing, utilization, inventory and prices
    #[command(
        after_help = "Examples:\n  headroom ingest billing --format focus bills/2026-01.csv.gz\n  headroom ingest            # every configured source that is due\n  headroom ingest payer      # one configured source"
    )]
    Ingest(Ingest),
    /// Run the pipeline over what is stored: forecast, capacity, recommendations, plan
    #[command(after_help = "Example:\n  headroom run --as-of 2026-11-01T00:00:00Z")]
    Run(Run),
    /// Forecast the series of a file
    #[command(
        after_help = "Example:\n  headroom forecast --input requests.csv --horizon 48 --output forecast.csv"
    )]
    Forecast(Forecast),
    /// Score forecasts of the series of a file from earlier origins
    #[command(
        after_help = "Example:\n  headroom backtest --input requests.csv --horizon 24 --windows 3 --output scores.json"
    )]
    Backtest(Backtest),
    /// Plan commitments, right-sizing or capacity from files
    #[command(subcommand)]
    Plan(Plan),
    /// Replay policies over history
    #[command(subcommand)]
    Replay(Replay),
    /// Preview, send or list scheduled reports
    #[command(subcommand)]
    Report(Report),
    /// Manage people who sign in
    #[command(subcommand)]
    User(User),
    /// Manage tokens of the JSON API
    #[command(subcommand)]
    Token(Token),
    /// Check the configuration
    #[command(subcommand)]
    Config(Config),
    /// Check everything this installation needs and name the first thing that is wrong
    #[command(after_help = "Example:\n  headroom doctor")]
    Doctor,
    /// Look after the database
    #[command(subcommand)]
    Db(Db),
}

/// `headroom demo`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Address of the dashboard
    #[arg(long, env = "HEADROOM_ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) addr: SocketAddr,
    /// Load and run, print the summary, do not serve
    #[arg(long)]
    pub(crate) no_serve: bool,
}

/// `headroom serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address of the dashboard; default: server.address of the configuration
    #[arg(long, env = "HEADROOM_ADDR")]
    pub(crate) addr: Option<SocketAddr>,
    /// Leave schedules and imports to another process
    #[arg(long, conflicts_with = "no_web")]
    pub(crate) no_worker: bool,
    /// Only schedules and imports
    #[arg(long)]
    pub(crate) no_web: bool,
}

/// `headroom run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Look at nothing from this instant on; default: now
    #[arg(long)]
    pub(crate) as_of: Option<DateTime<Utc>>,
}
