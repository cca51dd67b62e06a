//! Configuration: flag > environment > `headroom.toml` > default. An unknown key is an error.

mod workload;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use domain::Currency;
use forecast::UtcOffset;
use optimize::Policy;
use serde::{Deserialize, Serialize};

pub(crate) use workload::Workload;

use crate::zone;

/// Everything that `headroom.toml` can say. Each section and key is optional.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The dashboard and the API.
    pub(crate) server: Server,
    /// Whose data it is.
    pub(crate) organization: Organization,
    /// Which database.
    pub(crate) database: Database,
    /// Forecasts.
    pub(crate) forecast: Forecast,
    /// Thresholds of the plan and its rules, as in `models/policy.toml`.
    pub(crate) policy: Policy,
    /// Outgoing mail.
    pub(crate) mail: Mail,
    /// What is imported regularly.
    pub(crate) source: Vec<Source>,
    /// Workloads to plan capacity for.
    pub(crate) workload: Vec<Workload>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    /// Address to listen on; `HEADROOM_ADDR` and `--addr` go first.
    pub(crate) address: String,
    /// Where people reach it; default: `http://` and the address.
    pub(crate) public_url: Option<String>,
    /// Requests that one token or user may make of the JSON API in a minute; beyond it the answer is 429.
    pub(crate) api_requests_per_minute: NonZeroU32,
}

/// Requests a minute where the configuration does not say: a hundred a second, more than scripts and pages need.
const API_REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(6_000).expect("above 0");

impl Default for Server {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".to_owned(),
            public_url: None,
            api_requests_per_minute: API_REQUESTS_PER_MINUTE,
        }
    }
}

/// `[organization]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Organization {
    /// Name on pages and mails; without one, the only organization that is there, or `My company`.
    pub(crate) name: Option<String>,
    /// Currency of the dashboard.
    pub(crate) currency: Currency,
}

impl Default for Organization {
    fn default() -> Self {
        Self { name: None, currency: Currency::USD }
    }
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Database {
    /// File that holds the URL; `DATABASE_URL` goes first. Neither: the embedded server.
    pub(crate) url_file: Option<PathBuf>,
}

/// `[forecast]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Forecast {
    /// Days of cost ahead.
    pub(crate) cost_days: usize,
    /// Hours of demand and utilization ahead.
    pub(crate) demand_hours: usize,
    /// The last days of a bill are estimates: they are left out of the fit.
    pub(crate) settle_days: u32,
    /// Time zone whose clock the demand of the day follows.
    pub(crate) time_zone: String,
}

impl Default for Forecast {
    fn default() -> Self {
        Self { cost_days: 365, demand_hours: 14 * 24, settle_days: 2, time_zone: "UTC".to_owned() }
    }
}

/// `[mail]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mail {
    /// `smtp://host:port` without a password; with one: `HEADROOM_SMTP_URL` or `smtp_url_file`.
    pub(crate) smtp_url: Option<String>,
    /// File that holds the URL with its password.
    pub(crate) smtp_url_file: Option<PathBuf>,
    /// Sender.
    pub(crate) from: Option<String>,
}

/// `[[source]]`: one thing that is imported regularly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Source {
    /// Billing files in a folder or bucket.
    BillingFiles(BillingFiles),
    /// Utilization files in a folder or bucket.
    MetricFiles(TableFiles),
    /// Inventory files.
    InventoryFile(TableFiles),
    /// AWS Cost Explorer.
    CostExplorer(CostExplorer),
}

/// Billing files: every file in the folder is one object of the delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BillingFiles {
    /// Name of the source.
    pub(crate) name: String,
    /// When it is due, as a cron expression of five fields.
    #[serde(default = "daily")]
    pub(crate) schedule: String,
    /// Folder or file, or the URL of one in a bucket.
    pub(crate) path: PathBuf,
    /// Format, as in `ingest billing --format`.
    pub(crate) format: String,
}

/// Tables of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableFiles {
    /// Name of the source.
    pub(crate) name: String,
    /// When it is due, as a cron expression of five fields.
    #[serde(default = "daily")]
    pub(crate) schedule: String,
    /// Folder or file, or the URL of one in a bucket.
    pub(crate) path: PathBuf,
}

/// AWS Cost Explorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostExplorer {
    /// Name of the source.
    pub(crate) name: String,
    /// When it is due, as a cron expression of five fields.
    #[serde(default = "daily")]
    pub(crate) schedule: String,
    /// Payer account.
    pub(crate) billing_account_id: String,
    /// Days back from today.
    #[serde(default = "ninety")]
    pub(crate) lookback_days: u32,
    /// Paid calls allowed in a calendar month, 0.01 USD each.
    #[serde(default = "hundred")]
    pub(crate) max_calls_per_month: u32,
    /// Another address that speaks the same protocol.
    #[serde(default)]
    pub(crate) endpoint_url: Option<String>,
}

impl Source {
    /// Name of the source.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::BillingFiles(files) => &files.name,
            Self::MetricFiles(files) | Self::InventoryFile(files) => &files.name,
            Self::CostExplorer(explorer) => &explorer.name,
        }
    }

    /// When it is due.
    pub(crate) fn schedule(&self) -> &str {
        match self {
            Self::BillingFiles(files) => &files.schedule,
            Self::MetricFiles(files) | Self::InventoryFile(files) => &files.schedule,
            Self::CostExplorer(explorer) => &explorer.schedule,
        }
    }

    /// What it brings.
    pub(crate) fn brings(&self) -> &'static str {
        match self {
            Self::BillingFiles(_) | Self::CostExplorer(_) => "billing",
            Self::MetricFiles(_) => "metrics",
            Self::InventoryFile(_) => "inventory",
        }
    }
}

fn daily() -> String {
    "30 4 * * *".to_owned()
}

fn ninety() -> u32 {
    90
}

fn hundred() -> u32 {
    100
}

impl Config {
    /// Reads `path`; without one, `headroom.toml` of the working folder if it exists, else the defaults.
    pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let (path, required) = match path {
            Some(path) => (path, true),
            None => (Path::new("headroom.toml"), false),
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Ok(Self::default()),
            Err(error) => {
                Err(error).with_context(|| format!("cannot read the configuration {}", path.display()))
            }
        }
    }

    /// Parses and checks the text of a configuration called `name`.
    pub(crate) fn parse(text: &str, name: &str) -> anyhow::Result<Self> {
        let mut config: Self = toml::from_str(text).with_context(|| format!("configuration {name}"))?;
        for workload in &mut config.workload {
            let place = format!("configuration {name}: workload {:?}", workload.name);
            workload.learn().context(place)?;
            workload.settings().with_context(|| format!("configuration {name}"))?;
        }
        config.policy.check().with_context(|| format!("configuration {name}"))?;
        zone::named(&config.forecast.time_zone)
            .with_context(|| format!("configuration {name}: forecast.time_zone"))?;
        for workload in &config.workload {
            config
                .check_driver(workload)
                .with_context(|| format!("configuration {name}: workload {:?}", workload.name))?;
        }
        let mut names: Vec<&str> = config.source.iter().map(Source::name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!(
                "configuration {name}: source {:?} is there twice: give each source its own name",
                twice[0]
            );
        }
        Ok(config)
    }

    /// The wall clock that demand follows.
    pub(crate) fn utc_offsets(&self) -> anyhow::Result<Vec<UtcOffset>> {
        zone::named(&self.forecast.time_zone)
            .and_then(|zone| zone::utc_offsets(&zone))
            .context("forecast.time_zone")
    }

    /// Where people reach the pages.
    pub(crate) fn public_url(&self, address: &str) -> String {
        self.server
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"))
            .trim_end_matches('/')
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use capacity::Survive;

    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error =
            Config::parse("[server]\naddress = \"127.0.0.1:1\"\nport = 1\n", "headroom.toml").unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("headroom.toml") && text.contains("line 3") && text.contains("port"), "{text}");
    }

    #[test]
    fn sources_and_workloads_are_read() {
        let config = Config::parse(
            "[[source]]\nname = \"payer\"\nkind = \"cost_explorer\"\nbilling_account_id = \"1\"\n\
             [[workload]]\nname = \"web\"\ndemand = \"requests/lb\"\nunit_throughput = 100.0\nsurvive = \"zone\"\n",
            "test",
        )
        .unwrap();
        assert!(
            matches!(&config.source[0], Source::CostExplorer(explorer) if explorer.max_calls_per_month == 100)
        );
        let typo = "[[source]]\nname = \"payer\"\nkind = \"inventory_file\"\npath = \"a\"\nformat = \"x\"\n";
        let error = format!("{:#}", Config::parse(typo, "test").unwrap_err());
        assert!(error.contains("unknown field `format`"), "{error}");
        assert_eq!(config.workload[0].settings().unwrap().values().survive, Survive::Zone);
    }

    #[test]
    fn the_policy_is_part_of_the_configuration() {
        let config = Config::parse("[policy.placement]\nplaces = [\"aws/eu-west-1\"]\n", "test").unwrap();
        assert_eq!(config.policy.placement.places[0].to_string(), "aws/eu-west-1");
        assert_eq!(config.policy.spot, Policy::default().spot);
        let error = |text: &str| format!("{:#}", Config::parse(text, "test").unwrap_err());
        let place = error("[policy.placement]\nplaces = [\"eu-west-1\"]\n");
        assert!(place.contains("provider/region") && place.contains("line 2"), "{place}");
        let wild = error("[policy.placement]\nhourly_rate = \"-1\"\n");
        assert!(wild.contains("test: policy setting placement.hourly_rate is -1"), "{wild}");
    }

    #[test]
    fn an_unknown_time_zone_is_named() {
        let text = "[forecast]\ntime_zone = \"Mars/Base\"\n";
        let error = format!("{:#}", Config::parse(text, "test").unwrap_err());
        assert!(error.contains("forecast.time_zone") && error.contains("Mars/Base"), "{error}");
    }
}
