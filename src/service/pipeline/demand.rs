//! Hourly demand and utilization, two weeks (or as configured) ahead, and daily storage, months ahead.

use chrono::{NaiveDate, TimeDelta};
use domain::{Forecast, Frequency, Grid, MetricName, Period, Series, Stamp};
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

    let metrics = [MetricName::StorageUsed];
    let stored = store::metric::series(job.conn, job.org, &metrics, Statistic::Maximum, period).await?;
    let stored: Vec<Series> =
        stored.iter().filter(|series| !driven(&series.unique_id)).map(daily_maximum).collect();
    let mut filling = Request::new(STORAGE_DAYS);
    filling.lower_bound = Some(0.0);

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

/// The largest value of each day.
fn daily_maximum(hourly: &Series) -> Series {
    let mut days: Vec<(NaiveDate, Option<f64>)> = Vec::new();
    for (step, value) in hourly.values.iter().enumerate() {
        let Stamp::Time(at) = hourly.grid.stamp(step) else { continue };
        match days.last_mut() {
            Some((day, largest)) if *day == at.date_naive() => {
                *largest = match (*largest, *value) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
            }
            _ => days.push((at.date_naive(), *value)),
        }
    }
    let start = days.first().map(|(day, _)| day.and_time(chrono::NaiveTime::MIN).and_utc());
    Series {
        unique_id: hourly.unique_id.clone(),
        grid: Grid { start: Stamp::Time(start.unwrap_or_default()), frequency: Frequency::DAY },
        values: days.into_iter().map(|(_, largest)| largest).collect(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_largest_hour_and_a_day_without_hours_is_missing() {
        let start = Stamp::Time("2026-01-01T22:00:00Z".parse().unwrap());
        let mut values = vec![Some(3.0), Some(5.0), Some(4.0)];
        values.extend([None; 23]);
        values.extend([None; 24]);
        values.push(Some(9.0));
        let grid = Grid { start, frequency: Frequency::HOUR };
        let hourly = Series { unique_id: "storage_used/db".to_owned(), grid, values };
        let daily = daily_maximum(&hourly);
        assert_eq!(daily.values, [Some(5.0), Some(4.0), None, Some(9.0)]);
        assert_eq!(daily.grid.start, Stamp::Time("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(daily.grid.frequency, Frequency::DAY);
    }
}
