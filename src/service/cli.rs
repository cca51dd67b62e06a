//! The commands and their flags; `--help` of each shows an example.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

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

/// `headroom ingest`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Ingest {
    /// What to import
    #[command(subcommand)]
    pub(crate) what: Option<IngestWhat>,
    /// A configured source; without one, all that are due
    pub(crate) source: Option<String>,
    /// Say what would be done, and what paid calls would cost, without doing it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What to import.
#[derive(Debug, Subcommand)]
pub(crate) enum IngestWhat {
    /// Bills: FOCUS, AWS CUR, Azure and Google Cloud exports (CSV, gzip, Parquet, JSON lines)
    #[command(
        after_help = "Examples:\n  headroom ingest billing --format focus bills/*.csv.gz\n  headroom ingest billing --format aws-cur s3://bucket/cur/\n\nEndpoint and credentials of buckets come from the variables of each cloud's own tools.\nA month that is already there from the same source is replaced when the new files cover its days;\nfiles for other days are added; anything in between is refused unless --on-overlap says what to do."
    )]
    Billing(IngestBilling),
    /// Utilization: resource_id, ds, metric, value
    #[command(after_help = "Example:\n  headroom ingest metrics utilization.parquet")]
    Metrics(IngestFiles),
    /// Demand that drives capacity: unique_id, ds, y (hourly)
    #[command(after_help = "Example:\n  headroom ingest demand requests.csv.gz")]
    Demand(IngestFiles),
    /// Resources: resource_id, provider, account, region, instance_type, os, tags
    #[command(after_help = "Example:\n  headroom ingest inventory resources.csv")]
    Inventory(IngestFiles),
    /// Instance-hours: hour, provider, account, region, instance_type, os, quantity
    #[command(after_help = "Example:\n  headroom ingest usage usage.csv.gz")]
    Usage(IngestFiles),
    /// A provider's own public price feed
    #[command(
        after_help = "Example:\n  headroom ingest prices --feed aws-ec2 --region eu-west-1 --os Linux index.json"
    )]
    Prices(IngestPrices),
    /// Commitments held
    #[command(after_help = "Example:\n  headroom ingest commitments held.csv")]
    Commitments(IngestFiles),
}

/// `headroom ingest prices`
#[derive(Debug, Args)]
pub(crate) struct IngestPrices {
    /// aws-ec2, aws-savings-plans, aws-s3, aws-spot-advisor, azure-retail or gcp-catalog
    #[arg(long)]
    pub(crate) feed: String,
    /// Only this region; may be given more than once
    #[arg(long)]
    pub(crate) region: Vec<String>,
    /// Only this instance type; may be given more than once
    #[arg(long)]
    pub(crate) instance_type: Vec<String>,
    /// Only this operating system; may be given more than once
    #[arg(long)]
    pub(crate) os: Vec<String>,
    /// Machine types with vCPUs and memory, which the feeds of Azure and Google Cloud do not state
    #[arg(long)]
    pub(crate) catalog: Option<PathBuf>,
    /// The feed as downloaded, unpacked; pages one after the other
    pub(crate) path: PathBuf,
}

/// `headroom ingest billing`
#[derive(Debug, Args)]
pub(crate) struct IngestBilling {
    /// focus, aws-cur, aws-cur2, aws-cur-legacy, azure, azure-actual, azure-amortized, gcp, or auto
    #[arg(long, default_value = "auto")]
    pub(crate) format: String,
    /// Name that the files belong to; only files of one source replace each other
    #[arg(long, default_value = "files")]
    pub(crate) source: String,
    /// What to do with rows of the same account and month whose days only partly overlap
    #[arg(long, value_enum, default_value_t = OnOverlap::Refuse)]
    pub(crate) on_overlap: OnOverlap,
    /// Files, folders, or URLs of objects and folders: s3://, gs://, az://
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// What to do with charges that only partly overlap the new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOverlap {
    /// Stop and change nothing
    Refuse,
    /// The new rows replace the month
    Replace,
    /// Keep both
    Append,
}

/// Files of one kind.
#[derive(Debug, Args)]
pub(crate) struct IngestFiles {
    /// Name that the files belong to
    #[arg(long, default_value = "files")]
    pub(crate) source: String,
    /// Files, folders, or URLs of objects and folders: s3://, gs://, az://
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// `headroom run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Look at nothing from this instant on; default: now
    #[arg(long)]
    pub(crate) as_of: Option<DateTime<Utc>>,
}

/// `headroom forecast`
#[derive(Debug, Args)]
pub(crate) struct Forecast {
    /// Long table unique_id, ds, y (CSV, gzip, Parquet; - is standard input)
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Steps ahead
    #[arg(long)]
    pub(crate) horizon: usize,
    /// Where the forecast goes (CSV, gzip, Parquet; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// Spacing of the series (1h, 5min, 1d, 1mo); inferred when absent
    #[arg(long)]
    pub(crate) freq: Option<String>,
    /// Season lengths in steps, comma separated; detected when absent
    #[arg(long, value_delimiter = ',')]
    pub(crate) season_length: Option<Vec<usize>>,
    /// Quantile levels, comma separated
    #[arg(long, value_delimiter = ',', default_value = "0.025,0.1,0.5,0.9,0.975")]
    pub(crate) quantiles: Vec<String>,
    /// Planned and past events: name, starts_at, ends_at, multiplier, …
    #[arg(long)]
    pub(crate) events: Option<PathBuf>,
    /// Threads; default: all cores
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// `headroom backtest`
#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// Long table unique_id, ds, y
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Steps ahead
    #[arg(long)]
    pub(crate) horizon: usize,
    /// Number of origins
    #[arg(long, default_value_t = 3)]
    pub(crate) windows: usize,
    /// Steps between origins; default: the horizon
    #[arg(long)]
    pub(crate) step: Option<usize>,
    /// Where the scores go (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// Spacing of the series; inferred when absent
    #[arg(long)]
    pub(crate) freq: Option<String>,
    /// Season lengths in steps, comma separated; detected when absent
    #[arg(long, value_delimiter = ',')]
    pub(crate) season_length: Option<Vec<usize>>,
    /// Threads; default: all cores
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// `headroom plan …`
#[derive(Debug, Subcommand)]
pub(crate) enum Plan {
    /// What to commit to
    #[command(
        after_help = "Example:\n  headroom plan commitments --usage usage.csv --prices prices.csv --output plan.json"
    )]
    Commitments(PlanCommitments),
    /// Which size fits
    #[command(
        after_help = "Example:\n  headroom plan rightsize --metrics metrics.parquet --inventory inventory.csv \\\n    --catalog catalog.csv --output sizes.json"
    )]
    Rightsize(PlanRightsize),
    /// How many instances, when
    #[command(
        after_help = "Example:\n  headroom plan capacity --demand requests.csv --unit-throughput 250 --output capacity.csv"
    )]
    Capacity(PlanCapacity),
}

/// `headroom plan commitments`
#[derive(Debug, Args)]
pub(crate) struct PlanCommitments {
    /// hour, provider, account, region, instance_type, os, quantity
    #[arg(long)]
    pub(crate) usage: PathBuf,
    /// provider, region, instance_type, os, plan, term_years, payment, hourly, upfront
    #[arg(long)]
    pub(crate) prices: PathBuf,
    /// Commitments already held
    #[arg(long)]
    pub(crate) commitments: Option<PathBuf>,
    /// Exclusive end of what is known; default: the end of the usage
    #[arg(long)]
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// Days that savings and costs are counted over
    #[arg(long, default_value_t = 365)]
    pub(crate) horizon_days: u32,
    /// Rhythm of later purchases (28d); without it this is the only purchase
    #[arg(long)]
    pub(crate) every: Option<String>,
    /// 0: least expected cost; 1: least conditional value at risk
    #[arg(long, default_value_t = 0.0)]
    pub(crate) risk: f64,
    /// Yearly cost of capital, as a ratio
    #[arg(long, default_value_t = 0.08)]
    pub(crate) cost_of_capital: f64,
    /// Where the plan goes (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
}

/// `headroom plan rightsize`
#[derive(Debug, Args)]
pub(crate) struct PlanRightsize {
    /// resource_id, ds, metric, value
    #[arg(long)]
    pub(crate) metrics: PathBuf,
    /// resource_id, provider, account, region, instance_type, os, tags
    #[arg(long)]
    pub(crate) inventory: PathBuf,
    /// provider, region, instance_type, family, architecture, vcpu, memory_gib, …
    #[arg(long)]
    pub(crate) catalog: PathBuf,
    /// Where the list goes (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
}

/// `headroom plan capacity`
#[derive(Debug, Args)]
pub(crate) struct PlanCapacity {
    /// unique_id, ds, y: demand in the unit of --unit-throughput
    #[arg(long)]
    pub(crate) demand: PathBuf,
    /// Demand at which one instance saturates
    #[arg(long)]
    pub(crate) unit_throughput: f64,
    /// Share of it to be used
    #[arg(long, default_value_t = 0.7)]
    pub(crate) target_utilization: f64,
    /// From asking for an instance until it serves (10m, 1h)
    #[arg(long, default_value = "10m")]
    pub(crate) lead_time: String,
    /// Zones the group spans; matters with --survive zone
    #[arg(long, default_value_t = 3)]
    pub(crate) zones: u32,
    /// Failure to be survived: zone, instance or none
    #[arg(long, default_value = "none")]
    pub(crate) survive: String,
    /// Planned events
    #[arg(long)]
    pub(crate) events: Option<PathBuf>,
    /// How far ahead (14d, 48h)
    #[arg(long, default_value = "14d")]
    pub(crate) horizon: String,
    /// Accepted probability that demand exceeds the plan
    #[arg(long, default_value_t = 0.01)]
    pub(crate) risk: f64,
    /// Quota in instances
    #[arg(long)]
    pub(crate) limit: Option<u32>,
    /// USD per instance-hour, for the cost totals
    #[arg(long)]
    pub(crate) hourly_price: Option<rust_decimal::Decimal>,
    /// Where the rows go (CSV, gzip, Parquet; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// terraform, terraform-policy, aws-cli, azure-autoscale, azure-cli, gcp-autoscaler, k8s-hpa, keda-cron or
    /// keda-prometheus, on standard output
    #[arg(long)]
    pub(crate) export: Option<String>,
}

/// `headroom replay …`
#[derive(Debug, Subcommand)]
pub(crate) enum Replay {
    /// Buy commitments through history as each policy would have
    #[command(
        after_help = "Example:\n  headroom replay commitments --usage usage.csv --prices prices.csv \\\n    --policies headroom,lookback-30,none --every 30d --start 2025-01-01T00:00:00Z \\\n    --output replay.json"
    )]
    Commitments(ReplayCommitments),
    /// Scale through history as each policy would have
    #[command(
        after_help = "Example:\n  headroom replay autoscaling --demand requests.csv \\\n    --policies planned,reactive-70,static-peak --unit-throughput 250 \\\n    --output replay.json"
    )]
    Autoscaling(ReplayAutoscaling),
}

/// `headroom replay commitments`
#[derive(Debug, Args)]
pub(crate) struct ReplayCommitments {
    /// hour, provider, account, region, instance_type, os, quantity
    #[arg(long)]
    pub(crate) usage: PathBuf,
    /// provider, region, instance_type, os, plan, term_years, payment, hourly, upfront
    #[arg(long)]
    pub(crate) prices: PathBuf,
    /// Policies, comma separated: planned, scheduled, predictive-N, reactive-N, requests-N, step-N (N % utilization),
    /// queue-N (seconds), static-peak, static-N, or several joined by +
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "headroom,lookback-7,lookback-30,lookback-60,azure-min,none"
    )]
    pub(crate) policies: Vec<String>,
    /// Rhythm of purchases
    #[arg(long, default_value = "30d")]
    pub(crate) every: String,
    /// First purchase
    #[arg(long)]
    pub(crate) start: DateTime<Utc>,
    /// 0: least expected cost; 1: least conditional value at risk
    #[arg(long, default_value_t = 0.0)]
    pub(crate) risk: f64,
    /// Yearly cost of capital, as a ratio
    #[arg(long, default_value_t = 0.08)]
    pub(crate) cost_of_capital: f64,
    /// Where the table goes (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
}

/// `headroom replay autoscaling`
#[derive(Debug, Args)]
pub(crate) struct ReplayAutoscaling {
    /// unique_id, ds, y
    #[arg(long)]
    pub(crate) demand: PathBuf,
    /// Policies, comma separated: planned, scheduled, predictive-N, reactive-N, requests-N, step-N (N % utilization),
    /// queue-N (seconds), static-peak, static-N, or several joined by +
    #[arg(long, value_delimiter = ',', default_value = "planned,reactive-70,static-peak")]
    pub(crate) policies: Vec<String>,
    /// Demand at which one instance saturates; default: a twentieth of the largest demand
    #[arg(long)]
    pub(crate) unit_throughput: Option<f64>,
    /// Share of it to be used
    #[arg(long, default_value_t = 0.7)]
    pub(crate) target_utilization: f64,
    /// From asking for an instance until it serves
    #[arg(long, default_value = "10m")]
    pub(crate) lead_time: String,
    /// Known events
    #[arg(long)]
    pub(crate) events: Option<PathBuf>,
    /// Where the table goes (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
}

/// `headroom report …`
#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Scheduled reports and their last deliveries
    #[command(after_help = "Example:\n  headroom report list")]
    List,
    /// Render the weekly report without sending it
    #[command(after_help = "Example:\n  headroom report preview --html report.html")]
    Preview {
        /// Write the HTML part here; otherwise the text part goes to standard output
        #[arg(long)]
        html: Option<PathBuf>,
    },
    /// Send the weekly report now
    #[command(
        after_help = "Example:\n  HEADROOM_SMTP_URL=smtp://127.0.0.1:2525 headroom report send --to finance@example.org"
    )]
    Send {
        /// Recipient; may be given more than once
        #[arg(long, required = true)]
        to: Vec<String>,
    },
    /// Schedule the weekly report
    #[command(
        after_help = "Example:\n  headroom report schedule --name finance --cron '0 7 * * MON' \\\n    --time-zone Europe/Berlin --to finance@example.org"
    )]
    Schedule {
        /// Name
        #[arg(long)]
        name: String,
        /// Cron expression of five fields, in civil time of the zone
        #[arg(long)]
        cron: String,
        /// IANA time zone
        #[arg(long, default_value = "UTC")]
        time_zone: String,
        /// Recipient; may be given more than once
        #[arg(long, required = true)]
        to: Vec<String>,
    },
}

/// `headroom user …`
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Everybody who can sign in
    #[command(after_help = "Example:\n  headroom user list --json")]
    List,
    /// Add a person; the password is read from HEADROOM_PASSWORD or standard input
    #[command(
        after_help = "Example:\n  echo 'a long password' | headroom user add --email ann@example.org --name Ann --role editor"
    )]
    Add {
        /// Sign-in name
        #[arg(long)]
        email: String,
        /// Name on pages
        #[arg(long)]
        name: String,
        /// viewer, editor or admin
        #[arg(long, default_value = "viewer")]
        role: String,
    },
    /// Set a new password, read from HEADROOM_PASSWORD or standard input
    #[command(
        after_help = "Example:\n  echo 'a longer password' | headroom user password --email ann@example.org"
    )]
    Password {
        /// Sign-in name
        #[arg(long)]
        email: String,
    },
    /// Change a person's role
    #[command(after_help = "Example:\n  headroom user role --email ann@example.org --role admin")]
    Role {
        /// Sign-in name
        #[arg(long)]
        email: String,
        /// viewer, editor or admin
        #[arg(long)]
        role: String,
    },
    /// Lock a person out
    #[command(after_help = "Example:\n  headroom user disable --email ann@example.org")]
    Disable {
        /// Sign-in name
        #[arg(long)]
        email: String,
    },
}

/// `headroom token …`
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Tokens that work
    #[command(after_help = "Example:\n  headroom token list --json")]
    List,
    /// Make a token and print it once
    #[command(after_help = "Example:\n  headroom token create --name planning --scope read")]
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// read, write, ingest or admin; may be given more than once
        #[arg(long, default_value = "read")]
        scope: Vec<String>,
    },
    /// End a token
    #[command(after_help = "Example:\n  headroom token revoke 3")]
    Revoke {
        /// Its number in the list
        id: i64,
    },
}

/// `headroom config …`
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Parse the configuration and print what is in force
    #[command(after_help = "Example:\n  headroom config check --config headroom.toml")]
    Check,
}

/// `headroom db …`
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Bring the tables to this version
    #[command(after_help = "Example:\n  headroom db migrate")]
    Migrate,
    /// Write everything to one file
    #[command(after_help = "Example:\n  headroom db backup headroom.dump")]
    Backup {
        /// The file
        output: PathBuf,
    },
    /// Replace everything by the contents of a backup
    #[command(after_help = "Example:\n  headroom db restore headroom.dump --yes")]
    Restore {
        /// The file
        input: PathBuf,
        /// Yes, replace everything
        #[arg(long)]
        yes: bool,
    },
}
