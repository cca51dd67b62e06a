//! Daily cost, a year ahead: total, accounts, services and teams, which add up.

use chrono::{Days, NaiveDate};
use domain::Event;

use forecast::{Group, Holiday, Request};
use store::charge::Query;
use store::forecast::ForecastKind;

use super::Job;

/// Forecasts every cost series and stores them; says how many.
pub(super) async fn forecast(job: &mut Job<'_>) -> anyhow::Result<usize> {
    let Some(query) = settled(job).await? else { return Ok(0) };
    let leaves = store::charge::daily_leaves(job.conn, job.org, &query).await?;
    let mut groups = Vec::new();
    for scope in store::charge::SeriesScope::ALL {
        groups.extend(store::charge::daily_series(job.conn, job.org, scope, &query).await?);
    }
    let mut request = Request::new(horizon(job, query.to));
    request.holidays = occasions(job).await?;

    let forecasts = tokio::task::block_in_place(|| {
        let series: Vec<domain::Series> = leaves.iter().map(|leaf| leaf.series.clone()).collect();
        let leaf_forecasts = forecast::forecast_all(&series, &request);
        let members = |id: &str| -> Vec<usize> {
            leaves
                .iter()
                .enumerate()
                .filter(|(_, leaf)| leaf.belongs_to(id))
                .map(|(index, _)| index)
                .collect()
        };
        let own = forecast::forecast_all(&groups, &request);
        let groups = own.into_iter().map(|forecast| Group { leaves: members(&forecast.unique_id), forecast });
        forecast::reconcile(leaf_forecasts, groups.collect())
    })?
    .groups;
    store::forecast::save(job.conn, job.org, job.run, ForecastKind::Cost, &forecasts).await?;
    Ok(forecasts.len() + leaves.len())
}

/// The part of the ledger that no longer changes; `None` when there is no charge.
pub(super) async fn settled(job: &mut Job<'_>) -> anyhow::Result<Option<Query>> {
    let Some((first, last)) = store::charge::span(job.conn, job.org, job.currency).await? else {
        return Ok(None);
    };
    let settle = Days::new(u64::from(job.config.forecast.settle_days));
    let settled_until = job.as_of.date_naive().checked_sub_days(settle).unwrap_or(first);
    let end = last.succ_opt().unwrap_or(last).min(settled_until);
    Ok((first < end).then(|| Query::new(first, end, job.currency)))
}

/// Days from the end of the settled history to the end of the promised horizon.
fn horizon(job: &Job<'_>, history_end: NaiveDate) -> usize {
    let behind = (job.as_of.date_naive() - history_end).num_days().max(0);
    job.config.forecast.cost_days + usize::try_from(behind).unwrap_or(0)
}

/// Events as occasions: how much a day of ten times the demand costs is learned, not announced.
pub(super) async fn occasions(job: &mut Job<'_>) -> anyhow::Result<Vec<Holiday>> {
    let events = store::event::list(job.conn, job.org).await?;
    Ok(events.into_iter().map(|stored| occasion(stored.event)).collect())
}

/// The occasion that an event is one occurrence of: `Black Friday 2025` and `Black Friday 2026` are one.
fn occasion(event: Event) -> Holiday {
    let yearless = event.name.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end();
    let name = if yearless.is_empty() { event.name.clone() } else { yearless.to_owned() };
    Holiday { name, starts_at: event.starts_at, ends_at: event.ends_at }
}
