//! The one plan: right-size, schedule, spot, tier, commit; nothing counted twice.

use std::collections::BTreeMap;

use anyhow::Context as _;
use billing::PriceBook;
use domain::{Period, TimeCost};
use optimize::{Facts, Metrics};
use rust_decimal::Decimal;

use super::{Job, demand};

/// Days of utilization that the rules look at.
const METRIC_DAYS: i64 = 45;
/// Days of bill behind a monthly cost.
const COST_DAYS: i64 = 30;
/// Hours of a month, by convention.
const MONTH_HOURS: i64 = 730;
/// Days of instance-hours that commitments are planned on.
const USAGE_DAYS: i64 = 800;

/// Makes and stores the plan; says how many recommendations it has.
pub(super) async fn make(job: &mut Job<'_>) -> anyhow::Result<usize> {
    let facts = facts(job).await?;
    let plan = tokio::task::block_in_place(|| optimize::plan(&facts))?;
    store::plan::save(job.conn, job.org, job.run, &plan).await?;
    Ok(plan.recommendations.len())
}

async fn facts(job: &mut Job<'_>) -> anyhow::Result<Facts> {
    let prices = store::price::load(job.conn, job.org).await?;
    let book = PriceBook::new(prices.quotes, prices.shapes, prices.disks, prices.storage, prices.sources)
        .context("the price book")?;
    let hours = store::metric::read(job.conn, job.org, demand::recent(job, METRIC_DAYS), None).await?;
    Ok(Facts {
        as_of: job.as_of,
        currency: job.currency,
        resources: store::resource::list(job.conn, job.org, None).await?,
        metrics: hours.into_iter().collect::<Metrics>(),
        usage: store::usage::read(job.conn, job.org, Period::days_before(job.as_of, USAGE_DAYS)).await?,
        monthly_costs: monthly_costs(job).await?,
        time_costs: time_costs(job).await?,
        commitments: store::commitment::list(job.conn, job.org, Some(job.as_of)).await?,
        prices: book,
        policy: job.config.policy.clone(),
    })
}

/// Effective cost of the last 30 days, scaled to a month of 730 hours.
async fn monthly_costs(job: &mut Job<'_>) -> anyhow::Result<BTreeMap<String, Decimal>> {
    let period = Period::days_before(job.as_of, COST_DAYS);
    let costs = store::charge::resource_costs(job.conn, job.org, period, job.currency).await?;
    Ok(costs.into_iter().map(|(id, cost)| (id, to_month(cost))).collect())
}

/// The part of it that is billed by time, in the same months.
async fn time_costs(job: &mut Job<'_>) -> anyhow::Result<BTreeMap<String, TimeCost>> {
    let period = Period::days_before(job.as_of, COST_DAYS);
    let costs = store::charge::time_costs(job.conn, job.org, period, job.currency).await?;
    let scaled =
        |by_time: TimeCost| TimeCost { cost: to_month(by_time.cost), committed: to_month(by_time.committed) };
    Ok(costs.into_iter().map(|(id, by_time)| (id, scaled(by_time))).collect())
}

fn to_month(cost: Decimal) -> Decimal {
    (cost * (Decimal::from(MONTH_HOURS) / Decimal::from(COST_DAYS * 24))).round_dp(6)
}
