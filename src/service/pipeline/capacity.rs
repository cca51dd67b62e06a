//! Instances per hour for the configured workloads, and what other policies would have cost.

use capacity::COMPARED_AT;
use domain::{CapacityPlan, Forecast};

use super::Job;
use crate::config::Workload;

/// Plans every workload whose demand was forecast, and stores the plans; says how many.
pub(super) async fn plan(job: &mut Job<'_>, demand: &[Forecast]) -> anyhow::Result<usize> {
    let mut plans = Vec::new();
    for workload in &job.config.workload {
        match demand.iter().find(|forecast| forecast.unique_id == workload.demand) {
            Some(forecast) => plans.push(one(workload, forecast)?),
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

fn one(workload: &Workload, demand: &Forecast) -> anyhow::Result<CapacityPlan> {
    let settings = workload.settings()?;
    let mut plan = capacity::plan_compared(demand, &settings);
    plan.assumptions.push(format!("policies are compared on the P{:.0} path of demand", COMPARED_AT * 100.0));
    plan.unique_id.clone_from(&workload.name);
    Ok(plan)
}
