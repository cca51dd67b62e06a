//! The sources of the configuration: which are due, and what becomes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Days, Utc};
use store::load::{Begin, Delivery, Object, OnOverlap};
use store::source::Outcome as SourceOutcome;

use super::billing;
use super::tables::table;
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
            let result = billing(
                database,
                &files.name,
                files.format.parse()?,
                &files_in(&files.path)?,
                OnOverlap::Replace,
            )
            .await?;
            Ok(result.outcome())
        }
        Source::MetricFiles(files) => every_table(database, &files.name, "metrics", &files.path).await,
        Source::InventoryFile(files) => every_table(database, &files.name, "inventory", &files.path).await,
        Source::CostExplorer(explorer) => cost_explorer(context, database, explorer, now).await,
    }
}

async fn every_table(
    database: &Database,
    name: &str,
    kind: &'static str,
    path: &Path,
) -> anyhow::Result<SourceOutcome> {
    let mut outcome = SourceOutcome { rows: 0, rejected: 0, data_until: None };
    for file in files_in(path)? {
        let result = table(database, name, kind, &file).await?;
        outcome.rows += result.stored;
        outcome.rejected += result.rejected;
        outcome.data_until = outcome.data_until.max(result.data_until);
    }
    Ok(outcome)
}

/// The file itself, or every file of the folder in order of name.
fn files_in(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", path.display());
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(cannot)? {
        let file = entry.with_context(cannot)?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if file.is_file() && !hidden {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        anyhow::bail!("{} holds no file", path.display());
    }
    Ok(files)
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
pub(super) fn dry_run(context: &Context, only: Option<&str>) -> anyhow::Result<Outcome> {
    let now = clock::now();
    for source in chosen(context, only)? {
        match source {
            Source::BillingFiles(files) => {
                outln!("{}: would read {} files", files.name, files_in(&files.path)?.len())
            }
            Source::MetricFiles(files) | Source::InventoryFile(files) => {
                outln!("{}: would read {} files", files.name, files_in(&files.path)?.len());
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
