//! The sources of the configuration: which are due, and what becomes of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, Days, Utc};
use indicatif::HumanBytes;
use store::load::{Begin, Delivery, Object, OnOverlap};
use store::source::Outcome as SourceOutcome;

use super::billing;
use super::inputs::Inputs;
use super::tables::{outcome, tables};
use crate::clock;
use crate::commands::Outcome;
use crate::config::{CostExplorer, Source};
use crate::context::{Context, Database};

/// Runs the configured source of this name, or every one that is due.
pub(crate) async fn configured(
    context: &Context,
    database: &Database,
    only: Option<&str>,
) -> anyhow::Result<Outcome> {
    let sources = chosen(context, only)?;
    if sources.is_empty() {
        eprintln!(
            "no source is configured: add a [[source]] to headroom.toml, or import files with `headroom ingest billing`"
        );
        return Ok(Outcome::Done);
    }
    let now = clock::now();
    let due = due_at(database).await?;
    let mut outcome = Outcome::Done;
    let mut failed = Vec::new();
    for source in sources {
        if only.is_none() && due.get(source.name()).is_some_and(|next| *next > now) {
            continue;
        }
        match configured_source(context, database, source, now).await {
            Ok(ended) => outcome = outcome.and(ended),
            Err(error) => failed.push(format!("{}: {error:#}", source.name())),
        }
    }
    if failed.is_empty() { Ok(outcome) } else { anyhow::bail!("{}", failed.join("\n")) }
}

fn chosen<'a>(context: &'a Context, only: Option<&str>) -> anyhow::Result<Vec<&'a Source>> {
    let all: Vec<&Source> = context.config.source.iter().collect();
    let Some(name) = only else { return Ok(all) };
    let found: Vec<&Source> = all.iter().copied().filter(|source| source.name() == name).collect();
    if found.is_empty() {
        let known: Vec<&str> = all.iter().map(|source| source.name()).collect();
        anyhow::bail!(
            "no source is called {name:?}: the configuration has {}",
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        );
    }
    Ok(found)
}

/// Whether any configured source is due.
pub(crate) async fn due(context: &Context, database: &Database) -> anyhow::Result<bool> {
    let (now, due) = (clock::now(), due_at(database).await?);
    Ok(context.config.source.iter().any(|source| due.get(source.name()).is_none_or(|next| *next <= now)))
}

async fn due_at(database: &Database) -> anyhow::Result<BTreeMap<String, DateTime<Utc>>> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let known = store::source::list(&mut conn, database.org).await?;
    Ok(known.into_iter().filter_map(|status| Some((status.name, status.next_run_at?))).collect())
}

/// Runs one source and records what became of it.
async fn configured_source(
    context: &Context,
    database: &Database,
    source: &Source,
    now: DateTime<Utc>,
) -> anyhow::Result<Outcome> {
    let next = crate::schedule::next(source.schedule(), "UTC", now)?;
    let fetched = fetch(context, database, source, now).await;
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let message;
    let noted = match &fetched {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            message = format!("{error:#}");
            Err(message.as_str())
        }
    };
    store::source::record(&mut conn, database.org, source.name(), source.brings(), noted, now, Some(next))
        .await?;
    let outcome = fetched?;
    eprintln!("{}: {} rows, {} rejected", source.name(), outcome.rows, outcome.rejected);
    Ok(Outcome::of_rejects(outcome.rejected))
}

async fn fetch(
    context: &Context,
    database: &Database,
    source: &Source,
    now: DateTime<Utc>,
) -> anyhow::Result<SourceOutcome> {
    match source {
        Source::BillingFiles(files) => {
            let format = files.format.parse()?;
            let paths = std::slice::from_ref(&files.path);
            let result = billing(context, database, &files.name, format, paths, OnOverlap::Replace).await?;
            Ok(result.outcome())
        }
        Source::MetricFiles(files) | Source::InventoryFile(files) => {
            let paths = std::slice::from_ref(&files.path);
            Ok(outcome(&tables(context, database, &files.name, source.brings(), paths).await?))
        }
        Source::CostExplorer(explorer) => cost_explorer(context, database, explorer, now).await,
    }
}

fn explorer(context: &Context, source: &CostExplorer, now: DateTime<Utc>) -> sources::CostExplorer {
    let end = now.date_naive();
    sources::CostExplorer {
        start: end.checked_sub_days(Days::new(u64::from(source.lookback_days))).unwrap_or(end),
        end,
        group_by: vec![sources::Dimension::LinkedAccount, sources::Dimension::Service],
        endpoint_url: source.endpoint_url.clone(),
        billing_account_id: source.billing_account_id.clone(),
        cache_dir: context.data_dir.join("cache").join("cost-explorer"),
        max_calls_per_month: source.max_calls_per_month,
    }
}

async fn cost_explorer(
    context: &Context,
    database: &Database,
    source: &CostExplorer,
    now: DateTime<Utc>,
) -> anyhow::Result<SourceOutcome> {
    let client = explorer(context, source, now);
    let estimate = client.estimate(now)?;
    eprintln!(
        "{}: at least {} paid calls, {} USD; {} left this month",
        source.name, estimate.calls, estimate.price_usd, estimate.budget_left
    );
    let fetched = client.fetch(now).await?;
    let delivery = Delivery {
        source: source.name.clone(),
        format: "cost-explorer".to_owned(),
        objects: vec![Object {
            key: format!("cost-explorer/{}", source.billing_account_id),
            checksum: fetched.checksum.clone(),
            size_bytes: fetched.bytes,
        }],
    };
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    if let Begin::Load(mut loader) =
        store::load::begin(&mut conn, database.org, &delivery, OnOverlap::Replace).await?
    {
        loader.add(0, &fetched.charges).await?;
        loader.commit(None, now).await?;
    }
    Ok(SourceOutcome {
        rows: fetched.charges.len() as u64,
        rejected: 0,
        data_until: fetched.charges.iter().map(|charge| charge.charge_period_end).max(),
    })
}

/// Says what the sources would do, and what their paid calls would cost.
pub(super) async fn dry_run(context: &Context, only: Option<&str>) -> anyhow::Result<Outcome> {
    let now = clock::now();
    for source in chosen(context, only)? {
        match source {
            Source::BillingFiles(files) => would_read(context, &files.name, &files.path).await?,
            Source::MetricFiles(files) | Source::InventoryFile(files) => {
                would_read(context, &files.name, &files.path).await?;
            }
            Source::CostExplorer(source) => {
                let estimate = explorer(context, source, now).estimate(now)?;
                outln!(
                    "{}: would make at least {} paid calls for {} USD ({} months are cached, {} calls left this month)",
                    source.name,
                    estimate.calls,
                    estimate.price_usd,
                    estimate.cached_months,
                    estimate.budget_left
                );
            }
        }
    }
    Ok(Outcome::Done)
}

async fn would_read(context: &Context, name: &str, path: &Path) -> anyhow::Result<()> {
    let sizes = Inputs::find(context, &[path.to_owned()]).await?.sizes()?;
    let total = sizes.iter().map(|(_, bytes)| bytes).sum();
    outln!("{name}: would read {} files, {}", sizes.len(), HumanBytes(total));
    for (file, bytes) in sizes {
        outln!("  {file}  {}", HumanBytes(bytes));
    }
    Ok(())
}
