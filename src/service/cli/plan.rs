//! `headroom plan` and `headroom replay`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use rust_decimal::Decimal;

/// `headroom plan …`
#[derive(Debug, Subcommand)]
pub(crate) enum Plan {
    /// What to commit to
    #[command(
        after_help = "Example:\n  headroom plan commitments --usage usage.csv --prices prices.csv --output plan.json \\\n    --export aws-cli"
    )]
    Commitments(PlanCommitments),
    /// Which size fits
    #[command(
        after_help = "Example:\n  headroom plan rightsize --metrics metrics.parquet --inventory inventory.csv \\\n    --catalog catalog.csv --output sizes.json --export aws-cli"
    )]
    Rightsize(PlanRightsize),
    /// What Kubernetes containers should request, with their autoscalers
    #[command(
        after_help = "Example:\n  headroom plan containers --metrics metrics.csv --inventory inventory.csv --output sizes.json \\\n    --export k8s-patch"
    )]
    Containers(PlanContainers),
    /// How many instances (or replicas, workers, throughput units, GiB), when
    #[command(
        after_help = "Example:\n  headroom plan capacity --demand requests.csv --unit-throughput 250 --output capacity.csv"
    )]
    Capacity(PlanCapacity),
}

/// What ran, what it costs, and how risk and money are weighed: the same for a plan and for its replay.
#[derive(Debug, Args)]
pub(crate) struct Market {
    /// hour, provider, account, region, instance_type, os, quantity
    #[arg(long)]
    pub(crate) usage: PathBuf,
    /// provider, region, instance_type, os, plan, term_years, payment, hourly, upfront
    #[arg(long)]
    pub(crate) prices: PathBuf,
    /// 0: least expected cost; 1: least conditional value at risk
    #[arg(long, default_value_t = 0.0)]
    pub(crate) risk: f64,
    /// Yearly cost of capital, as a ratio
    #[arg(long, default_value_t = 0.08)]
    pub(crate) cost_of_capital: f64,
}

/// `headroom plan commitments`
#[derive(Debug, Args)]
pub(crate) struct PlanCommitments {
    #[command(flatten)]
    pub(crate) market: Market,
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
    /// Most USD a month that today's purchases commit to, upfront spread over the term
    #[arg(long)]
    pub(crate) maximum_monthly_commitment: Option<Decimal>,
    /// Most USD that are paid at once for today's purchases
    #[arg(long)]
    pub(crate) maximum_upfront: Option<Decimal>,
    /// Share of the usage, at list price, to be covered even where that does not pay
    #[arg(long)]
    pub(crate) target_coverage: Option<f64>,
    /// Where the plan goes (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// Also print what carries it out to standard output: terraform, aws-cli, azure-cli or gcp-cli
    #[arg(long)]
    pub(crate) export: Option<String>,
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
    /// Also print what carries it out to standard output: terraform, aws-cli, azure-cli or gcp-cli
    #[arg(long)]
    pub(crate) export: Option<String>,
}

/// `headroom plan containers`
#[derive(Debug, Args)]
pub(crate) struct PlanContainers {
    /// resource_id, ds, metric, value: cpu_used in cores of all pods, memory_used in GiB of the largest pod
    #[arg(long)]
    pub(crate) metrics: PathBuf,
    /// resource_id, provider, account, region, instance_type, os, tags, kind (container), workload, replicas, …
    #[arg(long)]
    pub(crate) inventory: PathBuf,
    /// Where the list goes (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// Also print what does it to standard output: k8s-patch
    #[arg(long, value_enum)]
    pub(crate) export: Option<ContainerExport>,
}

/// What does a change to containers.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ContainerExport {
    /// Strategic merge patches of workloads and autoscalers, as YAML documents
    K8sPatch,
}

/// `headroom plan capacity`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("instance").required(true).args(["unit_throughput", "load_test", "utilization"]))]
pub(crate) struct PlanCapacity {
    /// unique_id, ds, y: demand in the unit of --unit-throughput
    #[arg(long)]
    pub(crate) demand: PathBuf,
    /// What is counted: instances, read_replicas, workers, throughput_units or storage; below, instances stand for any
    #[arg(long, default_value_t)]
    pub(crate) kind: domain::CapacityKind,
    /// Units or GiB that are bought together; for throughput_units and storage
    #[arg(long, default_value_t = 1)]
    pub(crate) lot: u32,
    /// Messages that wait already, for workers
    #[arg(long, requires = "drain")]
    pub(crate) backlog: Option<f64>,
    /// Time in which they are to be gone (30m, 2h)
    #[arg(long, requires = "backlog")]
    pub(crate) drain: Option<String>,
    /// Demand at which one instance saturates
    #[arg(long)]
    pub(crate) unit_throughput: Option<f64>,
    /// resource_id, ds, metric, value: cpu_utilization (percent) of all machines that carry the demand; history says
    /// instead at which demand one of them saturates
    #[arg(long)]
    pub(crate) utilization: Option<PathBuf>,
    /// Summary of k6 (JSON), or result or report table of JMeter (CSV), that says it instead
    #[arg(long)]
    pub(crate) load_test: Option<PathBuf>,
    /// Instances that answered the load test
    #[arg(long, default_value_t = 1)]
    pub(crate) load_test_instances: u32,
    /// 95th percentile of latency that the load test had to keep, in milliseconds
    #[arg(long, default_value_t = 200.0)]
    pub(crate) load_test_latency: f64,
    /// Share of failed requests that the load test might have
    #[arg(long, default_value_t = 0.01)]
    pub(crate) load_test_errors: f64,
    /// Share of it to be used
    #[arg(long, default_value_t = 0.7)]
    pub(crate) target_utilization: f64,
    /// Share that the schedule alone plans for, where target tracking adds the rest up to --target-utilization
    #[arg(long)]
    pub(crate) schedule_utilization: Option<f64>,
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
    /// Also simulate the space of policies, and say which is the cheapest that serves everything within
    /// --advise-latency: on standard error, or as `advice` with --json
    #[arg(long)]
    pub(crate) advise: bool,
    /// 95th percentile of latency that the advised policy keeps, in milliseconds
    #[arg(long, default_value_t = 200.0)]
    pub(crate) advise_latency: f64,
    /// Where the rows go (CSV, gzip, Parquet; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// terraform, terraform-policy, aws-cli, azure-autoscale, azure-cli, gcp-autoscaler, k8s-hpa, keda-cron or
    /// keda-prometheus, on standard output; with --advise, of the advised policy instead of the schedule
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
    #[command(flatten)]
    pub(crate) market: Market,
    /// Policies, comma separated: headroom, lookback-N (days), azure-min, p10-floor or none
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
    /// A trigger to test under every policy, such as "CPU > 70 %", "requests > 1000/s" or "queue > 500 for 5 min";
    /// may be given several times
    #[arg(long)]
    pub(crate) trigger: Vec<String>,
    /// Where the table goes (JSON; - is standard output)
    #[arg(long)]
    pub(crate) output: PathBuf,
}
