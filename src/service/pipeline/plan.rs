//! The one plan: right-size, schedule, spot, tier, commit; nothing counted twice.

use anyhow::Context as _;
use billing::PriceBook;
use domain::{Commitment, Period, TimeCost};
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
    save(job, &facts).await
}

/// The same for an earlier time, from what was known then.
pub(super) async fn make_in_hindsight(job: &mut Job<'_>) -> anyhow::Result<usize> {
    let facts = facts(job).await?.known_at(job.as_of);
    save(job, &facts).await
}

async fn save(job: &mut Job<'_>, facts: &Facts) -> anyhow::Result<usize> {
    let plan = tokio::task::block_in_place(|| optimize::plan(facts))?;
    store::plan::save(job.conn, job.org, job.run, &plan).await?;
    Ok(plan.recommendations.len())
}

async fn facts(job: &mut Job<'_>) -> anyhow::Result<Facts> {
    let (usage, costs) =
        (Period::days_before(job.as_of, USAGE_DAYS), Period::days_before(job.as_of, COST_DAYS));
    let held = store::commitment::list(job.conn, job.org, Some(job.as_of)).await?;
    gather(job, usage, costs, held).await
}

/// What came in a period: its usage, the bill of a month like it, and the commitments that were held in it.
pub(super) async fn facts_over(job: &mut Job<'_>, period: Period) -> anyhow::Result<Facts> {
    let held = store::commitment::list(job.conn, job.org, Some(period.start)).await?;
    gather(job, period, period, held).await
}

async fn gather(
    job: &mut Job<'_>,
    usage: Period,
    costs: Period,
    commitments: Vec<Commitment>,
) -> anyhow::Result<Facts> {
    let prices = store::price::load(job.conn, job.org).await?;
    let book = PriceBook::new(prices.quotes, prices.shapes, prices.disks, prices.storage, prices.sources)
        .context("the price book")?;
    let hours = store::metric::read(job.conn, job.org, demand::recent(job, METRIC_DAYS), None).await?;
    let month = |cost: Decimal| to_month(cost, costs);
    let by_resource = store::charge::resource_costs(job.conn, job.org, costs, job.currency).await?;
    let by_time = store::charge::time_costs(job.conn, job.org, costs, job.currency).await?;
    let scaled =
        |by_time: TimeCost| TimeCost { cost: month(by_time.cost), committed: month(by_time.committed) };
    Ok(Facts {
        as_of: job.as_of,
        currency: job.currency,
        resources: store::resource::list(job.conn, job.org, None).await?,
        metrics: hours.into_iter().collect::<Metrics>(),
        usage: store::usage::read(job.conn, job.org, usage).await?,
        monthly_costs: by_resource.into_iter().map(|(id, cost)| (id, month(cost))).collect(),
        time_costs: by_time.into_iter().map(|(id, by_time)| (id, scaled(by_time))).collect(),
        commitments,
        prices: book,
        policy: job.config.policy.clone(),
    })
}

/// What a month of 730 hours costs, of what a period did.
fn to_month(cost: Decimal, period: Period) -> Decimal {
    let hours = (period.end - period.start).num_hours().max(1);
    (cost * (Decimal::from(MONTH_HOURS) / Decimal::from(hours))).round_dp(6)
}
