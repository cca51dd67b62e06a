//! `headroom replay …`: what each policy would have cost, with only the past in view.

use std::collections::BTreeMap;

use anyhow::Context as _;
use capacity::{PolicyName, ReplaySettings, SettingsInput, Simulation};
use domain::{PolicyOutcome, Series};
use rayon::prelude::*;
use serde::Serialize;

use crate::cli::{self, Replay};
use crate::commands::{Outcome, plan};
use crate::context::write_json;
use crate::{progress, spans};

/// Instances that the largest demand would saturate, where no unit throughput is given.
const INSTANCES_AT_PEAK: f64 = 20.0;

/// Runs the command.
pub(crate) fn run(what: &Replay) -> anyhow::Result<Outcome> {
    match what {
        Replay::Commitments(args) => commitments(args),
        Replay::Autoscaling(args) => autoscaling(args),
    }
}

fn commitments(args: &cli::ReplayCommitments) -> anyhow::Result<Outcome> {
    let usage = ingest::usage::read(&args.usage)?.all()?;
    let prices = plan::price_book(&args.prices)?;
    let policies = args.policies.iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>()?;
    let replayed = optimize::replay::commitments(&optimize::replay::ReplayInput {
        usage: &usage,
        prices: &prices,
        policies: &policies,
        start: args.start,
        every_days: spans::days("every", &args.every)?,
        risk: args.risk,
        cost_of_capital: args.cost_of_capital,
    })?;
    write_json(&args.output, &replayed)?;
    Ok(Outcome::Done)
}

/// What `replay autoscaling` writes.
#[derive(Debug, Serialize)]
struct Autoscaling {
    unit_throughput: BTreeMap<String, f64>,
    series: BTreeMap<String, Vec<PolicyOutcome>>,
    warnings: Vec<String>,
}

/// The unit throughput of one series, and what each policy came to.
type Replayed = (f64, Vec<PolicyOutcome>);

fn autoscaling(args: &cli::ReplayAutoscaling) -> anyhow::Result<Outcome> {
    let policies = args.policies.iter().map(|name| name.parse()).collect::<Result<Vec<PolicyName>, _>>()?;
    let (demand, input) = ingest::series::read(&args.demand, None)?;
    let events = match &args.events {
        Some(path) => ingest::events::read(path)?.all()?,
        None => Vec::new(),
    };
    let lead_time = u32::try_from(spans::seconds("lead-time", &args.lead_time)?).unwrap_or(u32::MAX);
    let bar = progress::bar("replaying", demand.len() as u64);
    let one = |series: &Series| -> anyhow::Result<Replayed> {
        let largest = series.values.iter().flatten().copied().fold(0.0, f64::max);
        let unit_throughput = args.unit_throughput.unwrap_or(largest / INSTANCES_AT_PEAK);
        let mut input = SettingsInput::new(unit_throughput);
        input.target_utilization = args.target_utilization;
        input.lead_time_seconds = lead_time;
        let settings = input.check().with_context(|| series.unique_id.clone())?;
        let simulation = Simulation::of(&settings);
        let settings = ReplaySettings { settings, simulation, events: events.clone(), warm_up: None };
        let outcomes = capacity::replay(series, &policies, &settings)?;
        bar.inc(1);
        Ok((unit_throughput, outcomes))
    };
    let replayed: Vec<(String, anyhow::Result<Replayed>)> =
        demand.par_iter().map(|series| (series.unique_id.clone(), one(series))).collect();
    bar.finish_and_clear();

    let mut output =
        Autoscaling { unit_throughput: BTreeMap::new(), series: BTreeMap::new(), warnings: input.warnings };
    for (unique_id, outcome) in replayed {
        match outcome {
            Ok((unit_throughput, outcomes)) => {
                output.unit_throughput.insert(unique_id.clone(), unit_throughput);
                output.series.insert(unique_id, outcomes);
            }
            Err(error) => output.warnings.push(format!("{error:#}")),
        }
    }
    output.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if output.series.is_empty() {
        anyhow::bail!("no series could be replayed");
    }
    write_json(&args.output, &output)?;
    Ok(Outcome::of_rejects(input.rejected))
}
