//! `headroom ingest`: files and APIs into the ledger, exactly once.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Days, TimeDelta, Utc};
use domain::{Frequency, HourlyMetric, MetricName, Period, Series, Stamp, UsageHour, show_amount};
use ingest::billing::Format;
use serde::Serialize;
use store::embedded::IfRunning;
use store::load::{Begin, Delivery, LoadReport, Object, OnOverlap};
use store::source::Outcome as SourceOutcome;

use crate::cli::{self, IngestWhat};
use crate::clock;
use crate::commands::Outcome;
use crate::config::{CostExplorer, Source};
use crate::context::{Context, Database};
use crate::progress::{self, Stopwatch};

/// Rejects shown to people; `--json` has the first thousand.
const REJECTS_SHOWN: usize = 20;

/// What `--json` prints for bills.
#[derive(Debug, Serialize)]
pub(crate) struct BillingResult {
    /// Nothing was done: the same bytes are there already.
    pub(crate) already_loaded: bool,
    /// What was read, one entry a file.
    pub(crate) files: Vec<ingest::billing::Report>,
    /// What the ledger has now.
    pub(crate) load: Option<LoadReport>,
    /// Wall-clock seconds.
    pub(crate) seconds: f64,
}

/// What `--json` prints for other tables.
#[derive(Debug, Serialize)]
pub(crate) struct TableResult {
    /// What the file holds.
    pub(crate) kind: &'static str,
    /// The file.
    pub(crate) path: String,
    /// Rows in the file.
    pub(crate) rows_read: u64,
    /// Rows stored (hours, for utilization).
    pub(crate) stored: u64,
    /// Rows left out.
    pub(crate) rejected: u64,
    /// The first 1,000 of them.
    pub(crate) rejects: Vec<ingest::Reject>,
    /// End of the data, exclusive, where it has times.
    pub(crate) data_until: Option<DateTime<Utc>>,
}

impl BillingResult {
    /// The same for the list of sources.
    pub(crate) fn outcome(&self) -> SourceOutcome {
        SourceOutcome {
            rows: self.files.iter().map(|file| file.accepted).sum(),
            rejected: self.files.iter().map(|file| file.rejected).sum(),
            // The last day with a charge: the period of a purchase ends with its term, years away.
            data_until: self
                .load
                .as_ref()
                .and_then(|load| load.last_day?.succ_opt())
                .map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc()),
        }
    }
}

impl TableResult {
    /// The same for the list of sources.
    pub(crate) fn outcome(&self) -> SourceOutcome {
        SourceOutcome { rows: self.stored, rejected: self.rejected, data_until: self.data_until }
    }
}

/// Notes on the list of sources that a source brought something.
pub(crate) async fn note(
    database: &Database,
    name: &str,
    brings: &str,
    outcome: &SourceOutcome,
) -> anyhow::Result<()> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    Ok(store::source::record(&mut conn, database.org, name, brings, Ok(outcome), clock::now(), None).await?)
}

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &cli::Ingest) -> anyhow::Result<Outcome> {
    if args.dry_run {
        return dry_run(context, args.source.as_deref());
    }
    let database = context.open(IfRunning::Join).await?;
    let ended = match &args.what {
        None => configured(context, &database, args.source.as_deref()).await,
        Some(what) => by_hand(context, &database, what).await,
    };
    database.close().await?;
    ended
}

async fn by_hand(context: &Context, database: &Database, what: &IngestWhat) -> anyhow::Result<Outcome> {
    match what {
        IngestWhat::Billing(args) => {
            let format: Format = args.format.parse()?;
            let result = billing(database, &args.source, format, &args.paths, args.on_overlap.into()).await?;
            show_billing(context, &result)?;
            Ok(Outcome::of_rejects(result.files.iter().map(|file| file.rejected).sum()))
        }
        IngestWhat::Prices(args) => super::prices::run(context, database, args).await,
        IngestWhat::Metrics(files) => tables(context, database, files, "metrics").await,
        IngestWhat::Demand(files) => tables(context, database, files, "demand").await,
        IngestWhat::Inventory(files) => tables(context, database, files, "inventory").await,
        IngestWhat::Usage(files) => tables(context, database, files, "usage").await,
        IngestWhat::Commitments(files) => tables(context, database, files, "commitments").await,
    }
}

impl From<cli::OnOverlap> for OnOverlap {
    fn from(choice: cli::OnOverlap) -> Self {
        match choice {
            cli::OnOverlap::Refuse => Self::Refuse,
            cli::OnOverlap::Replace => Self::Replace,
            cli::OnOverlap::Append => Self::Append,
        }
    }
}

/// Loads bills as one delivery: all files or none.
pub(crate) async fn billing(
    database: &Database,
    source: &str,
    format: Format,
    paths: &[PathBuf],
    on_overlap: OnOverlap,
) -> anyhow::Result<BillingResult> {
    let watch = Stopwatch::start();
    let objects = paths.iter().map(|path| object(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let total: u64 = objects.iter().map(|object| object.size_bytes).sum();
    let delivery = Delivery { source: source.to_owned(), format: format.to_string(), objects };
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let mut loader = match store::load::begin(&mut conn, database.org, &delivery, on_overlap).await? {
        Begin::AlreadyLoaded(_) => {
            return Ok(BillingResult {
                already_loaded: true,
                files: Vec::new(),
                load: None,
                seconds: watch.seconds(),
            });
        }
        Begin::Load(loader) => loader,
    };

    let bar = progress::bar("importing", total);
    let runtime = tokio::runtime::Handle::current();
    let mut files = Vec::with_capacity(paths.len());
    for (index, path) in paths.iter().enumerate() {
        let before = bar.position();
        let report = tokio::task::block_in_place(|| {
            ingest::billing::read_with_progress(
                path,
                format,
                &mut |done, _| bar.set_position(before + done),
                &mut |batch| runtime.block_on(loader.add(index, &batch)),
            )
        })?;
        if report.checksum != delivery.objects[index].checksum {
            anyhow::bail!(
                "{}: changed while it was read; nothing was imported: run the import again",
                path.display()
            );
        }
        files.push(report);
    }
    bar.finish_and_clear();
    let counted = counted(&files);
    let load = loader.commit(Some(&counted), clock::now()).await?;
    Ok(BillingResult {
        already_loaded: load.already_loaded,
        files,
        load: Some(load),
        seconds: watch.seconds(),
    })
}

fn object(path: &Path) -> anyhow::Result<Object> {
    let (checksum, size_bytes) = ingest::checksum(path)?;
    // The same file is the same object from whatever folder the command was called.
    let key = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    Ok(Object { key: key.display().to_string(), checksum, size_bytes })
}

/// What the reader counted, to be compared with what the database has staged.
fn counted(files: &[ingest::billing::Report]) -> store::manifest::Sums {
    let mut sums = store::manifest::Sums::default();
    for file in files.iter().flat_map(|file| file.sums.values()) {
        sums.rows += file.rows;
        sums.billed += file.billed_cost;
        sums.effective += file.effective_cost;
        sums.list += file.list_cost;
        sums.contracted += file.contracted_cost;
    }
    sums
}

fn show_billing(context: &Context, result: &BillingResult) -> anyhow::Result<()> {
    if context.json {
        outln!("{}", serde_json::to_string_pretty(result)?);
        return Ok(());
    }
    if result.already_loaded {
        eprintln!("nothing to do: these files are in the ledger already, byte for byte");
        return Ok(());
    }
    for file in &result.files {
        eprintln!(
            "{}: {} ({} rows read, {} accepted, {} rejected)",
            file.path, file.format, file.rows_read, file.accepted, file.rejected
        );
        for (currency, sums) in &file.sums {
            eprintln!(
                "  billed {} {currency}, effective {}, list {}, contracted {}",
                show_amount(sums.billed_cost),
                show_amount(sums.effective_cost),
                show_amount(sums.list_cost),
                show_amount(sums.contracted_cost)
            );
        }
        file.warnings.iter().for_each(|warning| eprintln!("  warning: {warning}"));
        show_rejects(&file.rejects, file.rejected);
    }
    for replaced in result.load.iter().flat_map(|load| &load.replaced) {
        eprintln!(
            "replaced {} of {} ({}): {} rows, billed {} by {} rows, billed {}",
            replaced.billing_month,
            replaced.billing_account_id,
            replaced.object_key,
            replaced.old.rows,
            show_amount(replaced.old.billed),
            replaced.new.rows,
            show_amount(replaced.new.billed)
        );
    }
    eprintln!("done in {:.1} s", result.seconds);
    Ok(())
}

fn show_rejects(rejects: &[ingest::Reject], rejected: u64) {
    for reject in rejects.iter().take(REJECTS_SHOWN) {
        eprintln!("  rejected: {reject}");
    }
    if rejected > REJECTS_SHOWN as u64 {
        eprintln!("  rejected: {} more; --json lists the first thousand", rejected - REJECTS_SHOWN as u64);
    }
}

async fn tables(
    context: &Context,
    database: &Database,
    files: &cli::IngestFiles,
    kind: &'static str,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Done;
    let mut results = Vec::new();
    for path in &files.paths {
        let result = table(database, &files.source, kind, path).await?;
        outcome = outcome.and(Outcome::of_rejects(result.rejected));
        results.push(result);
    }
    if context.json {
        outln!("{}", serde_json::to_string_pretty(&results)?);
        return Ok(outcome);
    }
    for result in &results {
        eprintln!(
            "{}: {} rows read, {} stored, {} rejected",
            result.path, result.rows_read, result.stored, result.rejected
        );
        show_rejects(&result.rejects, result.rejected);
    }
    Ok(outcome)
}

/// Loads one table of a kind other than bills, whole or not at all.
pub(crate) async fn table(
    database: &Database,
    source: &str,
    kind: &'static str,
    path: &Path,
) -> anyhow::Result<TableResult> {
    let mut transaction = database.pool.begin().await.context("cannot connect to the database")?;
    let org = database.org;
    let runtime = tokio::runtime::Handle::current();
    let mut result = TableResult {
        kind,
        path: path.display().to_string(),
        rows_read: 0,
        stored: 0,
        rejected: 0,
        rejects: Vec::new(),
        data_until: None,
    };
    match kind {
        "metrics" => {
            let bar = progress::bar("importing utilization", 0);
            let summary = tokio::task::block_in_place(|| {
                ingest::metrics::read(path, None, &mut |hours: Vec<HourlyMetric>| {
                    bar.inc(hours.len() as u64);
                    let last = hours.iter().map(|row| row.hour + TimeDelta::hours(1)).max();
                    result.data_until = result.data_until.max(last);
                    runtime.block_on(store::metric::upsert(&mut transaction, org, source, &hours)).map(|_| ())
                })
            })?;
            bar.finish_and_clear();
            result.stored = summary.hours;
            result.counted(summary.rows_read, summary.rejected, summary.rejects);
        }
        "demand" => {
            let (series, summary) =
                tokio::task::block_in_place(|| ingest::series::read(path, Some(Frequency::HOUR)))?;
            for one in &series {
                let hours = demand_hours(one)?;
                result.data_until =
                    result.data_until.max(hours.last().map(|row| row.hour + TimeDelta::hours(1)));
                result.stored += store::metric::upsert(&mut transaction, org, source, &hours).await?;
            }
            result.counted(summary.rows_read, summary.rejected, summary.rejects);
        }
        "inventory" => {
            let read = tokio::task::block_in_place(|| ingest::inventory::read(path))?;
            store::resource::replace(&mut transaction, org, source, &read.rows, clock::now()).await?;
            result.stored = read.rows.len() as u64;
            result.counted(read.rows_read, read.rejected, read.rejects);
        }
        "usage" => {
            let read = tokio::task::block_in_place(|| ingest::usage::read(path))?;
            if let Some(period) = span(&read.rows) {
                store::usage::replace(&mut transaction, org, source, period, &read.rows).await?;
                result.data_until = Some(period.end);
            }
            result.stored = read.rows.len() as u64;
            result.counted(read.rows_read, read.rejected, read.rejects);
        }
        _ => {
            let read = tokio::task::block_in_place(|| ingest::commitments::read(path))?;
            store::commitment::replace(&mut transaction, org, source, &read.rows).await?;
            result.stored = read.rows.len() as u64;
            result.counted(read.rows_read, read.rejected, read.rejects);
        }
    }
    transaction.commit().await.context("the database did not keep the rows")?;
    Ok(result)
}

impl TableResult {
    fn counted(&mut self, rows_read: u64, rejected: u64, rejects: Vec<ingest::Reject>) {
        (self.rows_read, self.rejected, self.rejects) = (rows_read, rejected, rejects);
    }
}

/// Hourly demand as a metric of what the series is called after: `queue_length/orders` is the queue length of
/// `orders`; a name without a metric in front is about requests.
fn demand_hours(series: &Series) -> anyhow::Result<Vec<HourlyMetric>> {
    let named = series.unique_id.split_once('/').and_then(|(metric, id)| Some((metric.parse().ok()?, id)));
    let (metric, resource_id) = named.unwrap_or((MetricName::Requests, &series.unique_id));
    let hour = |index: usize, value: f64| match series.grid.stamp(index) {
        Stamp::Time(hour) => Ok(HourlyMetric {
            resource_id: resource_id.to_owned(),
            metric,
            hour,
            average: value,
            p95: value,
            maximum: value,
            samples: 1,
        }),
        Stamp::Step(step) => anyhow::bail!(
            "{}: ds is the integer step {step}: demand to be stored needs times",
            series.unique_id
        ),
    };
    series.values.iter().enumerate().filter_map(|(index, value)| Some(hour(index, (*value)?))).collect()
}

fn span(usage: &[UsageHour]) -> Option<Period> {
    let start = usage.iter().map(|row| row.hour).min()?;
    let last = usage.iter().map(|row| row.hour).max()?;
    Some(Period { start, end: last + TimeDelta::hours(1) })
}

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

async fn due_at(database: &Database) -> anyhow::Result<std::collections::BTreeMap<String, DateTime<Utc>>> {
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
fn dry_run(context: &Context, only: Option<&str>) -> anyhow::Result<Outcome> {
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
