//! The pipeline over what is stored: forecast → capacity → recommendations → plan, and a look back at older plans.
//!
//! The timer, the command line, the demo and the tests call [`run`]. Its stages take facts as of one
//! instant and give results that are stored whole under one run.

mod anomaly;
mod capacity;
mod cost;
mod demand;
mod plan;
mod replay;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use domain::{Currency, OrganizationId, RunId};
use serde::Serialize;
use store::run::Stage;
use store::{PgConnection, PgPool};

use crate::clock;
use crate::config::Config;
use crate::progress::Stopwatch;

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// The run.
    pub(crate) run: RunId,
    /// Nothing from here on was looked at.
    pub(crate) as_of: DateTime<Utc>,
    /// Its stages.
    pub(crate) stages: Vec<Stage>,
}

/// What every stage is given.
struct Job<'a> {
    conn: &'a mut PgConnection,
    org: OrganizationId,
    run: RunId,
    as_of: DateTime<Utc>,
    currency: Currency,
    config: &'a Config,
}

/// Runs every stage and says after each how long it took; a failure is noted under the run.
pub(crate) async fn run(
    pool: &PgPool,
    org: OrganizationId,
    config: &Config,
    as_of: DateTime<Utc>,
    told: &mut (dyn FnMut(&Stage) + Send),
) -> anyhow::Result<Summary> {
    let mut conn = pool.acquire().await.context("cannot connect to the database")?;
    let version = env!("CARGO_PKG_VERSION");
    let run = store::run::create(&mut conn, org, as_of, version, clock::now()).await?;
    match stages(&mut conn, org, run, config, as_of, told).await {
        Ok(stages) => {
            store::run::finish(&mut conn, org, run, clock::now()).await?;
            Ok(Summary { run, as_of, stages })
        }
        Err(error) => {
            store::run::fail(&mut conn, org, run, &format!("{error:#}"), clock::now()).await?;
            Err(error)
        }
    }
}

async fn stages(
    conn: &mut PgConnection,
    org: OrganizationId,
    run: RunId,
    config: &Config,
    as_of: DateTime<Utc>,
    told: &mut (dyn FnMut(&Stage) + Send),
) -> anyhow::Result<Vec<Stage>> {
    let currency = store::organization::get(conn, org).await?.currency;
    let mut job = Job { conn, org, run, as_of, currency, config };
    let mut done = Vec::new();
    let mut watch = Stopwatch::start();

    let costs = cost::forecast(&mut job).await.context("forecasting cost")?;
    finish(&mut job, &mut done, &mut watch, told, "forecast cost", costs, "series").await?;

    let anomalies = anomaly::find(&mut job).await.context("looking for anomalies")?;
    finish(&mut job, &mut done, &mut watch, told, "find anomalies", anomalies, "found").await?;

    let demand = demand::forecast(&mut job).await.context("forecasting demand")?;
    let series = demand.len();
    finish(&mut job, &mut done, &mut watch, told, "forecast demand and utilization", series, "series")
        .await?;

    let workloads = capacity::plan(&mut job, &demand).await.context("planning capacity")?;
    finish(&mut job, &mut done, &mut watch, told, "plan capacity", workloads, "workloads").await?;

    let recommendations = plan::make(&mut job).await.context("planning savings")?;
    finish(&mut job, &mut done, &mut watch, told, "plan savings", recommendations, "recommendations").await?;

    let plans = replay::look_back(&mut job).await.context("looking back at older plans")?;
    finish(&mut job, &mut done, &mut watch, told, "look back at older advice", plans, "plans").await?;
    Ok(done)
}

/// The plan alone, as it would have been made at an earlier time: it sees nothing from then on. Later runs can look back at
/// it.
pub(crate) async fn plan_in_hindsight(
    pool: &PgPool,
    org: OrganizationId,
    config: &Config,
    as_of: DateTime<Utc>,
    told: &mut (dyn FnMut(&Stage) + Send),
) -> anyhow::Result<()> {
    let mut conn = pool.acquire().await.context("cannot connect to the database")?;
    let run = store::run::create(&mut conn, org, as_of, env!("CARGO_PKG_VERSION"), clock::now()).await?;
    let currency = store::organization::get(&mut conn, org).await?.currency;
    let mut job = Job { conn: &mut conn, org, run, as_of, currency, config };
    let (mut done, mut watch) = (Vec::new(), Stopwatch::start());
    let recommendations =
        plan::make_in_hindsight(&mut job).await.context("planning savings of an earlier time")?;
    finish(&mut job, &mut done, &mut watch, told, "plan as of then", recommendations, "recommendations")
        .await?;
    store::run::finish(&mut conn, org, run, clock::now()).await?;
    Ok(())
}

/// Stores and tells what a stage did, and starts the watch for the next one.
async fn finish(
    job: &mut Job<'_>,
    done: &mut Vec<Stage>,
    watch: &mut Stopwatch,
    told: &mut (dyn FnMut(&Stage) + Send),
    name: &str,
    items: usize,
    unit: &str,
) -> anyhow::Result<()> {
    let stage = Stage {
        name: name.to_owned(),
        duration_ms: watch.milliseconds(),
        items: items as u64,
        unit: unit.to_owned(),
    };
    store::run::add_stage(job.conn, job.org, job.run, &stage).await?;
    told(&stage);
    done.push(stage);
    *watch = Stopwatch::start();
    Ok(())
}
