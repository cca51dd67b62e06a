//! `headroom replay …`: what each policy would have cost, with only the past in view.

use capacity::{Autoscaling, AutoscalingInput, PolicyName};
use domain::Series;
use rayon::prelude::*;

use crate::cli::{self, Replay};
use crate::commands::{Outcome, events, plan, unused_events};
use crate::context::write_json;
use crate::{progress, spans};

/// Runs the command.
pub(crate) fn run(what: &Replay) -> anyhow::Result<Outcome> {
    match what {
        Replay::Commitments(args) => commitments(args),
        Replay::Autoscaling(args) => autoscaling(args),
    }
}

fn commitments(args: &cli::ReplayCommitments) -> anyhow::Result<Outcome> {
    let (usage, prices) = plan::market(&args.market)?;
    let policies = args.policies.iter().map(|name| name.parse()).collect::<Result<Vec<_>, _>>()?;
    let replayed = optimize::replay::commitments(&optimize::replay::ReplayInput {
        usage: &usage,
        prices: &prices,
        policies: &policies,
        start: args.start,
        every_days: spans::days("every", &args.every)?,
        risk: args.market.risk,
        cost_of_capital: args.market.cost_of_capital,
    })?;
    write_json(&args.output, &replayed)?;
    Ok(Outcome::Done)
}

fn autoscaling(args: &cli::ReplayAutoscaling) -> anyhow::Result<Outcome> {
    let policies = args.policies.iter().map(|name| name.parse()).collect::<Result<Vec<PolicyName>, _>>()?;
    let (demand, input) = ingest::series::read(&args.demand, None)?;
    let (events, places) = events(args.events.as_deref())?;
    let unused = unused_events(&events, &places, &demand, &input);
    let settings = AutoscalingInput {
        policies,
        unit_throughput: args.unit_throughput,
        target_utilization: args.target_utilization,
        lead_time_seconds: u32::try_from(spans::seconds("lead-time", &args.lead_time)?).unwrap_or(u32::MAX),
        events,
        triggers: args.trigger.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
    };
    let rejected = input.unused();
    let bar = progress::bar("replaying", demand.len() as u64);
    let one = |series: &Series| {
        let replayed = settings.replay(series);
        bar.inc(1);
        replayed
    };
    let replayed: Vec<_> = demand.par_iter().map(one).collect();
    bar.finish_and_clear();
    let warnings = unused.into_iter().chain(input.warnings).collect();
    let mut output = Autoscaling { warnings, ..Autoscaling::default() };
    output.extend(replayed);
    output.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    if output.series.is_empty() {
        anyhow::bail!("no series could be replayed");
    }
    write_json(&args.output, &output)?;
    Ok(Outcome::of_rejects(rejected))
}
