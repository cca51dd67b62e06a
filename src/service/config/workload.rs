//! `[[workload]]`: groups of machines, throughput units or storage, and what their demand is driven by.

use std::path::PathBuf;

use anyhow::{Context, bail};
use capacity::{Backlog, DrivenBy, SettingsInput, Survive, UnitThroughput};
use domain::{CapacityKind, MetricName};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Config;

/// `[[workload]]`: a group of machines, throughput units or storage, and the demand that drives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Workload {
    /// Name on pages.
    pub(crate) name: String,
    /// The demand series: `<metric>/<resource_id>`.
    pub(crate) demand: String,
    /// The demand that drives it, where it is carried from that instead of forecast from its own history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// Hours after which it feels its driver; learned when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver_lag_hours: Option<usize>,
    /// More of it for one more of its driver; learned when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver_slope: Option<f64>,
    /// What it is made of: instances, read_replicas, workers, throughput_units or storage. Below, instances stand for any.
    #[serde(default)]
    pub(crate) kind: CapacityKind,
    /// Units or GiB that are bought together, of throughput units and storage.
    #[serde(default = "one")]
    pub(crate) lot: u32,
    /// What waits for workers when a plan begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backlog: Option<Waiting>,
    /// Demand at which one instance saturates, 1 for throughput units and storage when left out; a load test may say it instead, or each run the history of its `group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit_throughput: Option<f64>,
    /// The load test that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) load_test: Option<LoadTest>,
    /// What that load test says.
    #[serde(skip)]
    learned: Option<UnitThroughput>,
    /// Its group in the inventory: what history says of an instance is told from the machines of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// Share of it to be used.
    #[serde(default = "seventy_percent")]
    pub(crate) target_utilization: f64,
    /// Share that the schedule alone plans for; target tracking adds the rest up to `target_utilization`.
    #[serde(default)]
    pub(crate) schedule_utilization: Option<f64>,
    /// From asking for an instance until it serves, in seconds.
    #[serde(default = "ten_minutes")]
    pub(crate) lead_time_seconds: u32,
    /// Zones the group spans.
    #[serde(default = "three")]
    pub(crate) zones: u32,
    /// Failure to be survived.
    #[serde(default)]
    pub(crate) survive: Survive,
    /// Accepted probability that demand exceeds the plan.
    #[serde(default = "one_percent")]
    pub(crate) risk: f64,
    /// Quota in instances.
    #[serde(default)]
    pub(crate) quota: Option<u32>,
    /// From asking for a higher quota until it holds, in days.
    #[serde(default)]
    pub(crate) quota_lead_days: Option<u32>,
    /// What else has to be asked for in time: reservations, hardware, licences.
    #[serde(default)]
    pub(crate) lead_times: Vec<LeadTime>,
    /// The group never gets smaller.
    #[serde(default = "one")]
    pub(crate) min_instances: u32,
    /// USD per instance-hour.
    #[serde(default)]
    pub(crate) hourly_price: Option<Decimal>,
    /// Effective USD per instance-hour of what could be committed to.
    #[serde(default)]
    pub(crate) committed_price: Option<Decimal>,
}

fn seventy_percent() -> f64 {
    0.7
}

fn ten_minutes() -> u32 {
    600
}

fn three() -> u32 {
    3
}

fn one_percent() -> f64 {
    0.01
}

fn one() -> u32 {
    1
}

/// Messages that wait for workers when a plan begins, typed in or measured, and the time in which they are to be gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiting {
    /// How many they are, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<f64>,
    /// … or what measures it: `queue_length/<resource_id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<String>,
    /// From the beginning of the plan on, in seconds.
    pub(crate) drain_seconds: u32,
}

impl Waiting {
    /// Refuses what says nothing, or two things.
    fn check(&self) -> anyhow::Result<()> {
        let metric = MetricName::QueueLength.as_str();
        match (self.messages, &self.queue) {
            (Some(_), None) => Ok(()),
            (None, Some(queue)) if queue.split_once('/').is_some_and(|(measured, _)| measured == metric) => {
                Ok(())
            }
            (None, Some(queue)) => {
                bail!("backlog: queue {queue:?} is no queue length: expected {metric}/<resource_id>")
            }
            _ => bail!("backlog: give messages or the queue that measures them, and not both"),
        }
    }
}

/// The result of a load test of a workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadTest {
    /// Summary of k6 (JSON), or result or report table of JMeter (CSV).
    pub(crate) file: PathBuf,
    /// Instances that answered it.
    #[serde(default = "one")]
    pub(crate) instances: u32,
    /// 95th percentile of latency that it had to keep, in milliseconds.
    #[serde(default = "promised_latency")]
    pub(crate) latency_p95_ms: f64,
    /// Share of failed requests that it might have.
    #[serde(default = "promised_errors")]
    pub(crate) error_share: f64,
}

fn promised_latency() -> f64 {
    capacity::LoadTest::default().latency_p95_ms
}

fn promised_errors() -> f64 {
    capacity::LoadTest::default().error_share
}

impl LoadTest {
    /// What one instance carries by the file.
    fn read(&self) -> anyhow::Result<UnitThroughput> {
        let file = self.file.display();
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("cannot read the load test {file}"))?;
        let test = capacity::LoadTest {
            instances: self.instances,
            latency_p95_ms: self.latency_p95_ms,
            error_share: self.error_share,
        };
        test.throughput(&text).with_context(|| format!("load test {file}"))
    }
}

/// Something that a workload needs and that takes days to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeadTime {
    /// What it is.
    pub(crate) name: String,
    /// From asking until it is there.
    pub(crate) days: u32,
    /// Instances that there are without it.
    pub(crate) holds: u32,
}

impl Workload {
    /// What has to be asked for in time: the quota, where its lead time is known, and the rest.
    pub(crate) fn lead_times(&self) -> Vec<capacity::LeadTime> {
        let days = |days: u32| u64::from(days) * 86_400;
        let quota = self.quota.zip(self.quota_lead_days).map(|(quota, lead)| capacity::LeadTime {
            name: "quota".to_owned(),
            seconds: days(lead),
            holds: quota,
        });
        let others = self.lead_times.iter().map(|lead| capacity::LeadTime {
            name: lead.name.clone(),
            seconds: days(lead.days),
            holds: lead.holds,
        });
        quota.into_iter().chain(others).collect()
    }

    /// As settings of the capacity planner.
    pub(crate) fn settings(&self) -> anyhow::Result<capacity::Settings> {
        self.input().check().with_context(|| format!("workload {:?}", self.name))
    }

    /// Checks what a backlog is told by, and reads the load test where one says what an instance carries.
    pub(super) fn learn(&mut self) -> anyhow::Result<()> {
        if let Some(waiting) = &self.backlog {
            waiting.check()?;
        }
        if self.kind.unscaled().is_some() {
            if self.load_test.is_some() || self.group.is_some() {
                bail!(
                    "load_test and group say what a machine carries, and kind {} has none: leave them out, and give \
                     unit_throughput where one of its {} carries another demand than 1",
                    self.kind,
                    self.kind.unit()
                );
            }
            return Ok(());
        }
        match (&self.unit_throughput, &self.load_test) {
            (Some(_), None) => Ok(()),
            (None, Some(test)) => {
                self.learned = Some(test.read()?);
                Ok(())
            }
            (None, None) if self.group.is_some() => Ok(()),
            (None, None) => {
                bail!(
                    "give unit_throughput, a load_test that says it, or the group of machines whose history does"
                )
            }
            (Some(_), Some(_)) => bail!("give unit_throughput or load_test, not both"),
        }
    }

    /// The group whose history says what an instance carries, where nothing else does.
    pub(crate) fn by_history_of(&self) -> Option<&str> {
        self.group.as_deref().filter(|_| self.unit_throughput.is_none() && self.load_test.is_none())
    }

    /// The queue that measures the backlog, where one does.
    pub(crate) fn queue(&self) -> Option<web::Queue> {
        let waiting = self.backlog.as_ref()?;
        Some(web::Queue { series: waiting.queue.clone()?, drain_seconds: waiting.drain_seconds })
    }

    /// Where the unit throughput comes from, in a sentence; nothing where it was typed in.
    pub(crate) fn basis(&self) -> Option<String> {
        let (learned, test) = self.learned.as_ref().zip(self.load_test.as_ref())?;
        Some(format!("By the load test {}: {}.", test.file.display(), learned.reason))
    }

    /// The same, unchecked; a workload that learns from history stands at 1 until it has.
    pub(crate) fn input(&self) -> SettingsInput {
        let learned = self.learned.as_ref().map(|learned| learned.unit_throughput);
        let mut input = SettingsInput::new(self.unit_throughput.or(learned).unwrap_or(1.0));
        input.kind = self.kind;
        input.lot = self.lot;
        // One that is measured stands at one message until it is: what makes no sense for the kind is refused before.
        input.backlog = self.backlog.as_ref().map(|waiting| Backlog {
            messages: waiting.messages.unwrap_or(1.0),
            drain_seconds: waiting.drain_seconds,
        });
        input.target_utilization = self.target_utilization;
        input.lead_time_seconds = self.lead_time_seconds;
        input.zones = self.zones;
        input.survive = self.survive;
        input.risk = self.risk;
        input.limit = self.quota;
        input.quota_lead_time_seconds = self.quota_lead_days.map(|days| days.saturating_mul(86_400));
        input.min_instances = self.min_instances;
        input.hourly_price = self.hourly_price;
        input.committed_price = self.committed_price;
        input.schedule_utilization = self.schedule_utilization;
        input
    }
}

impl Config {
    /// Refuses a driver that makes no sense.
    pub(super) fn check_driver(&self, workload: &Workload) -> anyhow::Result<()> {
        if workload.driver.is_none() && (workload.driver_lag_hours, workload.driver_slope) != (None, None) {
            bail!("driver_lag_hours and driver_slope say something about a driver: give driver, too");
        }
        if workload.driver_slope.is_some_and(|slope| !(slope > 0.0 && slope.is_finite())) {
            bail!("driver_slope must be above 0");
        }
        if self.drivers(workload).iter().any(|by| by.demand == workload.demand) {
            bail!("{} would be driven by itself", workload.demand);
        }
        Ok(())
    }

    /// What drives a workload, from the demand that has a history of its own on: requests → database reads → cache.
    pub(crate) fn drivers(&self, workload: &Workload) -> Vec<DrivenBy> {
        let driven = |id: &String| self.workload.iter().find(|one| one.demand == *id && one.driver.is_some());
        let up = std::iter::successors(driven(&workload.demand), |one| driven(one.driver.as_ref()?));
        // A chain that comes back to itself is refused when the configuration is read: it would have no end here.
        let mut chain: Vec<DrivenBy> = up
            .take(self.workload.len())
            .filter_map(|one| {
                Some(DrivenBy {
                    resource: one.demand.clone(),
                    demand: one.driver.clone()?,
                    lag_steps: one.driver_lag_hours,
                    slope: one.driver_slope,
                })
            })
            .collect();
        chain.reverse();
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_test_says_what_an_instance_carries() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.json");
        let summary = r#"{"metrics": {"http_reqs": {"rate": 240.0}, "http_req_duration": {"p(95)": 120.0}}}"#;
        std::fs::write(&file, summary).unwrap();
        let workload =
            format!("[[workload]]\nname = \"web\"\ndemand = \"d\"\nload_test = {{ file = {file:?}");
        let config = Config::parse(&format!("{workload}, instances = 2 }}\n"), "test").unwrap();
        assert_eq!(config.workload[0].settings().unwrap().values().unit_throughput, 120.0);
        assert!(config.workload[0].basis().unwrap().contains("p95 of 120 ms"));
        for (rest, wrong) in [
            (", latency_p95_ms = 100.0 }\n", "keeps p95 within 100 ms"),
            (" }\nunit_throughput = 1.0\n", "not both"),
            ("x }\n", "cannot read the load test"),
        ] {
            let text = format!("{workload}{rest}").replace("\"x }", "x\" }");
            let error = format!("{:#}", Config::parse(&text, "test").unwrap_err());
            assert!(error.contains("workload \"web\"") && error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn history_says_what_an_instance_carries_where_nothing_else_does() {
        let workload = |rest: &str| format!("[[workload]]\nname = \"web\"\ndemand = \"d\"\n{rest}");
        let by = |rest: &str| {
            let config = Config::parse(&workload(rest), "test").unwrap();
            config.workload[0].by_history_of().map(str::to_owned)
        };
        assert_eq!(by("group = \"web\"\n").as_deref(), Some("web"));
        assert_eq!(by("group = \"web\"\nunit_throughput = 5.0\n"), None);
        let error = format!("{:#}", Config::parse(&workload(""), "test").unwrap_err());
        assert!(error.contains("workload \"web\"") && error.contains("or the group of machines"), "{error}");
    }

    #[test]
    fn the_kind_is_a_setting_and_refuses_what_makes_no_sense_for_it() {
        let read = |rest: &str| {
            let text = format!("[[workload]]\nname = \"it\"\ndemand = \"d\"\n{rest}\n");
            Config::parse(&text, "test").map(|config| config.workload[0].settings().unwrap().values().clone())
        };
        let workers = read(
            "kind = \"workers\"\nunit_throughput = 5.0\nbacklog = { messages = 7200, drain_seconds = 3600 }",
        )
        .unwrap();
        assert_eq!(workers.kind, CapacityKind::Workers);
        assert_eq!(workers.backlog, Some(Backlog { messages: 7200.0, drain_seconds: 3600 }));
        let workload = |rest: &str| {
            format!("kind = \"workers\"\nunit_throughput = 5.0\nbacklog = {{ {rest}, drain_seconds = 60 }}")
        };
        for (rest, wrong) in [
            ("messages = 5, queue = \"queue_length/orders\"", "and not both"),
            ("queue = \"requests/orders\"", "expected queue_length/<resource_id>"),
        ] {
            let error = format!("{:#}", read(&workload(rest)).unwrap_err());
            assert!(error.contains(wrong) && error.contains("workload \"it\""), "{error}");
        }
        let text = format!(
            "[[workload]]\nname = \"it\"\ndemand = \"d\"\n{}\n",
            workload("queue = \"queue_length/orders\"")
        );
        let queue = Config::parse(&text, "test").unwrap().workload[0].queue();
        assert_eq!(queue, Some(web::Queue { series: "queue_length/orders".to_owned(), drain_seconds: 60 }));
        let disk = read("kind = \"storage\"\nlot = 100").unwrap();
        assert_eq!((disk.kind, disk.lot, disk.unit_throughput), (CapacityKind::Storage, 100, 1.0));
        assert_eq!(read("unit_throughput = 5.0").unwrap().kind, CapacityKind::Instances);
        let line = "TOML parse error at line";
        let workload = "workload \"it\"";
        for (rest, place, wrong) in [
            ("kind = \"shards\"", line, "unknown variant `shards`, expected one of `instances`"),
            ("kind = \"workers\"\nbacklog = { messages = 5 }", line, "missing field `drain_seconds`"),
            ("unit_throughput = 5.0\nlot = 100", workload, "lot 100 makes no sense for kind instances"),
            (
                "kind = \"storage\"\nbacklog = { messages = 5, drain_seconds = 60 }",
                workload,
                "say kind workers",
            ),
            ("kind = \"storage\"\nsurvive = \"zone\"", workload, "leave them out"),
            (
                "kind = \"throughput_units\"\ngroup = \"web\"",
                workload,
                "one of its units carries another demand than 1",
            ),
            ("kind = \"workers\"", workload, "give unit_throughput, a load_test"),
        ] {
            let error = format!("{:#}", read(rest).unwrap_err());
            assert!(error.contains(wrong) && error.contains(place), "{error}");
        }
    }

    #[test]
    fn drivers_are_chained_and_do_not_come_back_to_themselves() {
        let workload = |demand: &str, more: &str| {
            format!("[[workload]]\nname = {demand:?}\ndemand = {demand:?}\nunit_throughput = 1.0\n{more}\n")
        };
        let web = workload("requests/web", "");
        let reads = workload("connections/db", "driver = \"requests/web\"\ndriver_lag_hours = 1");
        let cache = workload("requests/cache", "driver = \"connections/db\"\ndriver_slope = 2.0");
        let config = Config::parse(&format!("{cache}{web}{reads}"), "test").unwrap();
        let chain = config.drivers(&config.workload[0]);
        let links: Vec<(&str, &str)> =
            chain.iter().map(|by| (by.demand.as_str(), by.resource.as_str())).collect();
        assert_eq!(links, [("requests/web", "connections/db"), ("connections/db", "requests/cache")]);
        assert_eq!((chain[0].lag_steps, chain[1].slope), (Some(1), Some(2.0)));
        assert!(config.drivers(&config.workload[1]).is_empty());
        let twin = workload("connections/db", "").replace("name = \"connections/db\"", "name = \"twin\"");
        let both = Config::parse(&format!("{twin}{reads}"), "test").unwrap();
        let same = both.drivers(&both.workload[0]) == both.drivers(&both.workload[1]);
        assert!(same, "one demand has one driver, whichever workload says so");
        let circle = workload("requests/web", "driver = \"requests/cache\"");
        for (text, wrong) in [
            (format!("{circle}{reads}{cache}"), "driven by itself"),
            (workload("a/b", "driver_slope = 1.0"), "give driver, too"),
            (workload("a/b", "driver = \"c/d\"\ndriver_slope = -1.0"), "above 0"),
        ] {
            let error = format!("{:#}", Config::parse(&text, "test").unwrap_err());
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn a_workload_out_of_range_is_named() {
        let text = "[[workload]]\nname = \"web\"\ndemand = \"d\"\nunit_throughput = 0.0\n";
        let error = format!("{:#}", Config::parse(text, "test").unwrap_err());
        assert!(error.contains("workload \"web\"") && error.contains("unit throughput 0"), "{error}");
    }
}
