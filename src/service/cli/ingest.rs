//! `headroom ingest`: what to import.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
