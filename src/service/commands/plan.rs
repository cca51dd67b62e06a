//! `headroom plan …`: commitments, sizes and capacity from files; no database. Sizes follow the configured policy.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use billing::PriceBook;
use capacity::export::{Format, export, export_policy};
use capacity::{Advice, Backlog, Goal, LoadTest, PolicyName, Settings, SettingsInput, Simulation, Summary};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{CapacityPlan, Forecast, Frequency, MetricName, Series, UsageHour};
use ingest::write::{Cell, Kind, TableWriter};
use optimize::{Policy, commitments};
use serde::Serialize;

use crate::cli::{self, Global, Plan};
use crate::commands::{Outcome, events, unused_events};
use crate::config::Config;
use crate::context::write_json;
use crate::{progress, spans};

/// Runs the command.
pub(crate) fn run(what: &Plan, global: &Global) -> anyhow::Result<Outcome> {
    let policy = || Config::load(global.config.as_deref()).map(|config| config.policy);
    match what {
        Plan::Commitments(args) => plan_commitments(args),
        Plan::Rightsize(args) => rightsize(args, &policy()?),
        Plan::Containers(args) => containers(args, &policy()?),
        Plan::Capacity(args) => plan_capacity(args, global.json),
    }
}

fn plan_commitments(args: &cli::PlanCommitments) -> anyhow::Result<Outcome> {
    let format = export_format(args.export.as_deref(), &args.output)?;
    let (usage, prices) = market(&args.market)?;
    let held = match &args.commitments {
        Some(path) => ingest::commitments::read(path)?.all()?,
        None => Vec::new(),
    };
    let as_of = match args.as_of {
        Some(as_of) => as_of,
        None => end_of(&usage).context(
            "the usage has no row: give hour, provider, account, region, instance_type, os, quantity",
        )?,
    };
    let mut settings = commitments::Settings::new(as_of);
    settings.horizon_days = args.horizon_days;
    if let Some(every) = &args.every {
        settings.later = commitments::Later::Every { days: spans::days("every", every)? };
    }
    settings.risk = args.market.risk;
    settings.cost_of_capital = args.market.cost_of_capital;
    settings.maximum_monthly_commitment = args.maximum_monthly_commitment;
    settings.maximum_upfront = args.maximum_upfront;
    settings.target_coverage = args.target_coverage;
    let planned =
        commitments::plan(&commitments::Input { usage: &usage, prices: &prices, held: &held, settings })?;
    if let Some(format) = format {
        let bought = optimize::export::of_purchases(&planned.purchases, args.horizon_days);
        print_export(planned.as_of, &bought, &[], format);
    }
    write_json(&args.output, &planned)?;
    Ok(Outcome::Done)
}

/// The format that was asked for.
fn export_format(name: Option<&str>, output: &Path) -> anyhow::Result<Option<optimize::export::Format>> {
    let format = name.map(str::parse).transpose()?;
    if format.is_some() {
        leave_standard_output(output)?;
    }
    Ok(format)
}

/// What is exported goes to standard output, so the other result cannot.
fn leave_standard_output(output: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(output != Path::new("-"), "--output - and --export cannot share standard output");
    Ok(())
}

fn print_export(
    as_of: DateTime<Utc>,
    recommendations: &[domain::Recommendation],
    inventory: &[domain::Resource],
    format: optimize::export::Format,
) {
    let resources = inventory.iter().map(|resource| (resource.resource_id.as_str(), resource)).collect();
    let advice = optimize::export::Advice { as_of, recommendations, resources: &resources };
    out!("{}", optimize::export::export(advice, format));
}

/// What ran, and the prices as a book.
pub(crate) fn market(args: &cli::Market) -> anyhow::Result<(Vec<UsageHour>, PriceBook)> {
    let usage = ingest::usage::read(&args.usage)?.all()?;
    let quotes = ingest::prices::read(&args.prices)?.all()?;
    let prices = PriceBook::new(quotes, Vec::new(), Vec::new(), Vec::new(), Vec::new())
        .with_context(|| args.prices.display().to_string())?;
    Ok((usage, prices))
}

fn end_of(usage: &[UsageHour]) -> Option<DateTime<Utc>> {
    usage.iter().map(|row| row.hour + TimeDelta::hours(1)).max()
}

fn rightsize(args: &cli::PlanRightsize, policy: &Policy) -> anyhow::Result<Outcome> {
    let format = export_format(args.export.as_deref(), &args.output)?;
    let (metrics, rejected) = metrics(&args.metrics)?;
    let inventory = ingest::inventory::read(&args.inventory)?.all()?;
    let catalog = ingest::catalog::read(&args.catalog)?.all()?;
    let sizes = optimize::rightsize::plan(&metrics, &inventory, &catalog, policy);
    if let Some(format) = format {
        let as_of = metrics.last_at().unwrap_or_default();
        let advice = optimize::export::of_sizings(&sizes, &inventory);
        print_export(as_of, &advice, &inventory, format);
    }
    write_json(&args.output, &sizes)?;
    Ok(Outcome::of_rejects(rejected))
}

fn containers(args: &cli::PlanContainers, policy: &Policy) -> anyhow::Result<Outcome> {
    let (metrics, rejected) = metrics(&args.metrics)?;
    let inventory = ingest::inventory::read(&args.inventory)?.all()?;
    let sizes = optimize::containers::plan(&metrics, &inventory, policy);
    if let Some(cli::ContainerExport::K8sPatch) = args.export {
        leave_standard_output(&args.output)?;
        let patches: Vec<&str> = sizes.iter().filter_map(|sizing| sizing.patch.as_deref()).collect();
        out!("{}", patches.join("---\n"));
    }
    write_json(&args.output, &sizes)?;
    Ok(Outcome::of_rejects(rejected))
}

/// The samples, and how many rows were no samples.
fn metrics(path: &Path) -> anyhow::Result<(optimize::Metrics, u64)> {
    let samples = ingest::metrics::samples(path)?;
    let rejected = samples.rejected;
    samples.rejects.iter().for_each(|reject| eprintln!("rejected: {reject}"));
    let samples = samples.rows.into_iter().map(|sample| optimize::Sample {
        resource_id: sample.resource_id,
        ds: instant(sample.ds),
        metric: sample.metric,
        value: sample.value,
    });
    Ok((samples.collect(), rejected))
}

/// Seconds of one integer step where a file has no clock: five minutes, as monitoring systems sample.
const STEP_SECONDS: i64 = 300;

/// An integer step counts from the beginning of 1970 in steps of five minutes.
fn instant(stamp: domain::Stamp) -> DateTime<Utc> {
    match stamp {
        domain::Stamp::Time(time) => time,
        domain::Stamp::Step(step) => {
            DateTime::UNIX_EPOCH + TimeDelta::seconds(step.saturating_mul(STEP_SECONDS))
        }
    }
}

fn plan_capacity(args: &cli::PlanCapacity, json: bool) -> anyhow::Result<Outcome> {
    let format: Option<Format> = args.export.as_deref().map(str::parse).transpose()?;
    let (demand, input) = ingest::series::read(&args.demand, None)?;
    input.skipped.iter().for_each(|skipped| eprintln!("warning: {skipped}"));
    let (unit_throughput, rejected) = unit_throughput(args, &demand)?;
    let settings = capacity_settings(args, unit_throughput)?;
    let (events, places) = events(args.events.as_deref())?;
    let unused = unused_events(&events, &places, &demand, &input);
    unused.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let horizon = spans::seconds("horizon", &args.horizon)?;
    let bar = progress::bar("planning", demand.len() as u64);
    let goal = Goal { latency_p95_ms: args.advise_latency, ..Goal::default() };
    let simulation = Simulation::of(&settings);
    if args.advise && format.is_some() && demand.len() > 1 {
        bail!("--advise chooses a policy for each series, and a file holds one: give one series to --export");
    }
    let (plans, advice): (Vec<CapacityPlan>, Vec<Option<(Advice, Forecast)>>) = {
        use rayon::prelude::*;
        let one = |series: &Series| {
            let mut request = forecast::Request::new(steps(series, horizon));
            request.levels = settings.forecast_levels();
            request.events.clone_from(&events);
            request.lower_bound = Some(0.0);
            let demand = settings.work(forecast::forecast(series, &request));
            let mut plan = capacity::plan(&demand, &settings);
            plan.assumptions.extend_from_slice(&unused);
            let advice = args.advise.then(|| {
                let futures = capacity::futures(&demand);
                (capacity::advise(&demand, &futures, &goal, &settings, &simulation), demand)
            });
            bar.inc(1);
            (plan, advice)
        };
        demand.par_iter().map(one).unzip()
    };
    bar.finish_and_clear();
    write_rows(&args.output, &plans)?;
    if let Some(format) = format {
        let text = match advice.first() {
            Some(Some((advice, demand))) => advised(advice, demand, format, &settings)?,
            _ => export(&plans, format, &settings)?,
        };
        out!("{text}");
    }
    let advice: BTreeMap<&str, Advice> = plans
        .iter()
        .zip(advice)
        .filter_map(|(plan, advice)| Some((plan.unique_id.as_str(), advice?.0)))
        .collect();
    if json {
        let told = Told { summary: capacity::summary(&plans, &settings), advice };
        let text = serde_json::to_string_pretty(&told)?;
        // The table or the export has standard output already: the summary goes beside it.
        let taken = args.output == Path::new("-") || args.export.is_some();
        if taken { eprintln!("{text}") } else { outln!("{text}") }
    } else {
        for (id, advice) in &advice {
            advice.reasons.iter().for_each(|reason| eprintln!("{id}: {reason}"));
        }
    }
    Ok(Outcome::of_rejects(input.unused() + rejected))
}

/// The advised policy as a file.
fn advised(
    advice: &Advice,
    demand: &Forecast,
    format: Format,
    settings: &Settings,
) -> anyhow::Result<String> {
    let chosen = advice.chosen.as_ref();
    let chosen = chosen.with_context(|| format!("nothing to export: {}", advice.reasons.join(" ")))?;
    let policy: PolicyName = chosen.policy.parse()?;
    Ok(export_policy(&demand.unique_id, demand, &policy, chosen.schedule, format, settings)?)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    summary: Summary,
    /// The cheapest policy that keeps the goal, by series; left out without `--advise`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    advice: BTreeMap<&'a str, Advice>,
}

fn capacity_settings(args: &cli::PlanCapacity, unit_throughput: f64) -> anyhow::Result<Settings> {
    let mut input = SettingsInput::new(unit_throughput);
    input.kind = args.kind;
    input.lot = args.lot;
    let backlog = args.backlog.zip(args.drain.as_deref()).map(|(messages, drain)| {
        let drain_seconds = u32::try_from(spans::seconds("drain", drain)?).unwrap_or(u32::MAX);
        anyhow::Ok(Backlog { messages, drain_seconds })
    });
    input.backlog = backlog.transpose()?;
    input.target_utilization = args.target_utilization;
    input.schedule_utilization = args.schedule_utilization;
    input.lead_time_seconds =
        u32::try_from(spans::seconds("lead-time", &args.lead_time)?).unwrap_or(u32::MAX);
    input.zones = args.zones;
    input.survive = args.survive.parse()?;
    input.risk = args.risk;
    input.limit = args.limit;
    input.hourly_price = args.hourly_price;
    Ok(input.check()?)
}

/// As given, or as a load test or history says; with the number of rows of that which were rejected.
fn unit_throughput(args: &cli::PlanCapacity, demand: &[Series]) -> anyhow::Result<(f64, u64)> {
    if let Some(given) = args.unit_throughput {
        return Ok((given, 0));
    }
    if let Some(file) = &args.utilization {
        return learned_from(file, demand);
    }
    let file = args.load_test.as_deref().context("give --unit-throughput, --load-test or --utilization")?;
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let test = LoadTest {
        instances: args.load_test_instances,
        latency_p95_ms: args.load_test_latency,
        error_share: args.load_test_errors,
    };
    let learned = test.throughput(&text).with_context(|| file.display().to_string())?;
    eprintln!("unit throughput {:.1}: {}", learned.unit_throughput, learned.reason);
    Ok((learned.unit_throughput, 0))
}

/// What one machine carries by the demand of a file and the utilization of its machines.
fn learned_from(file: &Path, demand: &[Series]) -> anyhow::Result<(f64, u64)> {
    let [demand] = demand else {
        bail!(
            "--utilization is that of the machines behind one demand: give one series, not {}",
            demand.len()
        );
    };
    let samples = ingest::metrics::samples(file)?;
    samples.rejects.iter().for_each(|reject| eprintln!("rejected: {reject}"));
    let cpu = samples.rows.iter().filter(|sample| sample.metric == MetricName::CpuUtilization);
    let readings = cpu.map(|sample| (sample.resource_id.as_str(), sample.ds, sample.value / 100.0));
    let group = capacity::group_of(demand, readings);
    let learned =
        capacity::throughput_of_group(demand, &group).with_context(|| file.display().to_string())?;
    let fit = learned.r_squared.map_or(String::new(), |fit| format!(", fit {fit:.3}"));
    eprintln!(
        "unit throughput {:.1}: {} ({} steps{fit})",
        learned.unit_throughput, learned.reason, learned.points
    );
    if let Some(warning) = learned.warning {
        eprintln!("careful: {warning}");
    }
    Ok((learned.unit_throughput, samples.rejected))
}

/// Steps of a series that make up the horizon; a step without a clock is an hour.
fn steps(series: &Series, horizon_seconds: u64) -> usize {
    let step = match series.grid.frequency {
        Frequency::Steps(_) => 3600.0,
        frequency => frequency.mean_seconds().unwrap_or(3600.0),
    };
    ((horizon_seconds as f64 / step).ceil() as usize).max(1)
}

fn write_rows(output: &Path, plans: &[CapacityPlan]) -> anyhow::Result<()> {
    let rows = capacity::to_rows(plans);
    let clock = !matches!(rows.first().map(|row| row.ds), Some(domain::Stamp::Step(_)));
    let columns = [
        ("unique_id", Kind::Text),
        ("ds", if clock { Kind::Time } else { Kind::Integer }),
        ("demand_p50", Kind::Number),
        ("demand_p95", Kind::Number),
        ("required", Kind::Integer),
        ("scheduled", Kind::Integer),
    ];
    let mut writer = TableWriter::create(output, &columns)?;
    for row in &rows {
        writer.row(&[
            Cell::Text(&row.unique_id),
            Cell::from(row.ds),
            Cell::Number(row.demand_p50),
            Cell::Number(row.demand_p95),
            Cell::Integer(i64::from(row.required)),
            Cell::Integer(i64::from(row.scheduled)),
        ])?;
    }
    Ok(writer.finish()?)
}
