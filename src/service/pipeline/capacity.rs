//! Instances (replicas, workers, units, GiB) per hour for the configured workloads, and what other policies would have cost.

use anyhow::Context;
use capacity::{DrivenBy, Settings};
use domain::{CapacityPlan, Forecast};
use forecast::Request;
use store::forecast::ForecastKind;

use super::Job;
use crate::config::Workload;

/// Plans every workload whose demand was forecast, or is carried from one that was, and stores the plans; says how many.
pub(super) async fn plan(job: &mut Job<'_>, demand: &[Forecast]) -> anyhow::Result<usize> {
    let driven = driven(job, demand).await?;
    let mut plans = Vec::new();
    for workload in &job.config.workload {
        let is_its_own = |forecast: &&Forecast| forecast.unique_id == workload.demand;
        let carried = driven.iter().find(is_its_own);
        match carried.or_else(|| demand.iter().find(is_its_own)) {
            Some(forecast) => {
                if let Some((settings, basis)) = settings(job, workload).await? {
                    plans.push(one(workload, &settings, basis, forecast, carried.is_some()));
                }
            }
            None => tracing::warn!(
                workload = workload.name,
                demand = workload.demand,
                "no such demand series: its utilization has to be imported first"
            ),
        }
    }
    store::capacity::save(job.conn, job.org, job.run, &plans).await?;
    Ok(plans.len())
}

/// The forecasts of all demands that are driven by others, stored beside those that are not.
async fn driven(job: &mut Job<'_>, demand: &[Forecast]) -> anyhow::Result<Vec<Forecast>> {
    let mut driven: Vec<Forecast> = Vec::new();
    for workload in &job.config.workload {
        let chain = job.config.drivers(workload);
        if !chain.is_empty() && driven.iter().all(|forecast| forecast.unique_id != workload.demand) {
            driven.extend(carried(job, workload, &chain, demand).await?);
        }
    }
    store::forecast::save(job.conn, job.org, job.run, ForecastKind::Demand, &driven).await?;
    Ok(driven)
}

/// Demand of a driven workload from that of the head of its chain; from its own history where no driver is found, and
/// none where there is no history either.
async fn carried(
    job: &mut Job<'_>,
    workload: &Workload,
    chain: &[DrivenBy],
    demand: &[Forecast],
) -> anyhow::Result<Option<Forecast>> {
    let mut histories = Vec::new();
    for id in chain.iter().map(|by| &by.demand).chain([&workload.demand]) {
        histories.extend(store::metric::history(job.conn, job.org, job.as_of, id).await?);
    }
    let head = demand.iter().find(|forecast| forecast.unique_id == chain[0].demand);
    match (capacity::learn_chain(chain, &histories), head) {
        (Ok(drivers), Some(head)) => return Ok(Some(capacity::carry_through(&drivers, head.clone()))),
        (Err(reason), _) => tracing::warn!(workload = workload.name, %reason, "no driver was learned"),
        (_, None) => {
            tracing::warn!(
                workload = workload.name,
                driver = chain[0].demand,
                "there is no such demand series"
            );
        }
    }
    let Some(own) = histories.iter().find(|history| history.unique_id == workload.demand) else {
        return Ok(None);
    };
    let mut request = Request::new(job.config.forecast.demand_hours);
    request.levels = workload.settings()?.forecast_levels();
    request.lower_bound = Some(0.0);
    request.utc_offsets = job.config.utc_offsets()?;
    Ok(Some(forecast::forecast(own, &request)))
}

/// What a workload is planned for, and where its unit throughput and its backlog come from if they were not typed in; none
/// where history is to tell and does not.
async fn settings(job: &mut Job<'_>, workload: &Workload) -> anyhow::Result<Option<(Settings, Vec<String>)>> {
    let mut input = workload.input();
    let mut basis: Vec<String> = workload.basis().into_iter().collect();
    if let Some(group) = workload.by_history_of() {
        let Some(found) = throughput(job, workload, group).await? else { return Ok(None) };
        input.unit_throughput = found.throughput.as_ref().map_or(1.0, |found| found.unit_throughput);
        basis.push(found.sentence());
    }
    if let Some(queue) = workload.queue() {
        let waiting = web::waiting(job.conn, job.org, &queue, job.as_of).await?;
        input.backlog = waiting.backlog;
        basis.push(waiting.sentence);
    }
    let settings = input.check().with_context(|| format!("workload {:?}", workload.name))?;
    Ok(Some((settings, basis)))
}

/// What one machine of its group carries by history; none, and a warning, where that does not tell.
async fn throughput(
    job: &mut Job<'_>,
    workload: &Workload,
    group: &str,
) -> anyhow::Result<Option<web::FromHistory>> {
    let untold = |why: &str| {
        tracing::warn!(workload = workload.name, why, "history does not tell its unit throughput")
    };
    let Some(history) = store::metric::history(job.conn, job.org, job.as_of, &workload.demand).await? else {
        untold("its demand was never measured");
        return Ok(None);
    };
    let found = web::throughput_of(job.conn, job.org, &history, group, job.as_of).await?;
    if found.throughput.is_none() {
        untold(&found.basis);
        return Ok(None);
    }
    Ok(Some(found))
}

fn one(
    workload: &Workload,
    settings: &Settings,
    basis: Vec<String>,
    demand: &Forecast,
    driven: bool,
) -> CapacityPlan {
    let mut plan = capacity::plan_compared(&settings.work(demand.clone()), settings);
    plan.assumptions.extend(basis);
    if driven {
        plan.assumptions.push(format!("demand: {}", demand.reason));
    }
    plan.unique_id.clone_from(&workload.name);
    plan
}
