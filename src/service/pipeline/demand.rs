//! Hourly demand and utilization, two weeks (or as configured) ahead, and daily storage, months ahead.

use chrono::TimeDelta;
use domain::{Forecast, MetricName, Period};
use forecast::Request;
use store::forecast::ForecastKind;
use store::metric::Statistic;

use super::Job;

/// Metrics of how busy a resource is.
const UTILIZATION: [MetricName; 2] = [MetricName::CpuUtilization, MetricName::MemoryUsed];
/// Hours of utilization ahead; demand goes as far as configured.
const UTILIZATION_HOURS: usize = 14 * 24;
/// Days of storage ahead: disks fill up slowly.
const STORAGE_DAYS: usize = 180;
/// History of utilization that is read.
const HISTORY_DAYS: i64 = 800;

/// Forecasts and stores every demand and utilization series, and returns all of them.
pub(super) async fn forecast(job: &mut Job<'_>) -> anyhow::Result<Vec<Forecast>> {
    let period = Period::days_before(job.as_of, HISTORY_DAYS);
    let mut demand = store::metric::demand(job.conn, job.org, job.as_of, None).await?;
    // What is driven is carried from its driver, once that is forecast.
    let driven = |id: &str| {
        job.config.workload.iter().any(|workload| workload.driver.is_some() && workload.demand == id)
    };
    demand.retain(|series| !driven(&series.unique_id));
    let mut utilization =
        store::metric::series(job.conn, job.org, &UTILIZATION, Statistic::Average, period).await?;
    utilization.retain(|series| !driven(&series.unique_id));

    let mut request = Request::new(job.config.forecast.demand_hours);
    request.events =
        store::event::list(job.conn, job.org).await?.into_iter().map(|stored| stored.event).collect();
    request.lower_bound = Some(0.0);
    request.levels = levels(job)?;
    let mut busy = Request::new(UTILIZATION_HOURS);
    busy.lower_bound = Some(0.0);
    request.utc_offsets = job.config.utc_offsets()?;
    busy.utc_offsets.clone_from(&request.utc_offsets);

    let mut stored = store::metric::stored(job.conn, job.org, job.as_of, None).await?;
    stored.retain(|series| !driven(&series.unique_id));
    let mut filling = Request::new(STORAGE_DAYS);
    filling.lower_bound = Some(0.0);
    filling.levels.clone_from(&request.levels);

    let (demand, mut utilization, storage) = tokio::task::block_in_place(|| {
        (
            forecast::forecast_all(&demand, &request),
            forecast::forecast_all(&utilization, &busy),
            forecast::forecast_all(&stored, &filling),
        )
    });
    utilization.extend(storage);
    store::forecast::save(job.conn, job.org, job.run, ForecastKind::Demand, &demand).await?;
    store::forecast::save(job.conn, job.org, job.run, ForecastKind::Utilization, &utilization).await?;
    Ok(demand.into_iter().chain(utilization).collect())
}

/// The usual levels and those at which the workloads are planned.
fn levels(job: &Job<'_>) -> anyhow::Result<Vec<f64>> {
    let mut levels = Request::new(1).levels;
    for workload in &job.config.workload {
        levels.push(workload.settings()?.level());
    }
    levels.sort_by(f64::total_cmp);
    levels.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    Ok(levels)
}

/// Start of the history that planners look at for machines.
pub(super) fn recent(job: &Job<'_>, days: i64) -> Period {
    Period { start: job.as_of - TimeDelta::days(days), end: job.as_of }
}
