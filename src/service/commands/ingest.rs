//! `headroom ingest`: files and APIs into the ledger, exactly once.

mod configured;
mod incoming;
mod inputs;
mod known;
mod tables;

use std::path::PathBuf;

use anyhow::Context as _;
use domain::show_amount;
use ingest::billing::Format;
use serde::Serialize;
use store::embedded::IfRunning;
use store::load::{Begin, Delivery, LoadReport, OnOverlap};
use store::source::Outcome as SourceOutcome;

use crate::cli::{self, IngestWhat};
use crate::clock;
use crate::commands::{Outcome, show_rejects};
use crate::context::{Context, Database};
use crate::progress::{self, Stopwatch};

pub(crate) use configured::{configured, due};
pub(crate) use tables::{outcome, tables};

use inputs::Inputs;

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
        return configured::dry_run(context, args.source.as_deref()).await;
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
            let result =
                billing(context, database, &args.source, format, &args.paths, args.on_overlap.into()).await?;
            show_billing(context, &result)?;
            Ok(Outcome::of_rejects(result.files.iter().map(|file| file.rejected).sum()))
        }
        IngestWhat::Prices(args) => super::prices::run(context, database, args).await,
        IngestWhat::Metrics(files) => tables::by_hand(context, database, files, "metrics").await,
        IngestWhat::Demand(files) => tables::by_hand(context, database, files, "demand").await,
        IngestWhat::Inventory(files) => tables::by_hand(context, database, files, "inventory").await,
        IngestWhat::Usage(files) => tables::by_hand(context, database, files, "usage").await,
        IngestWhat::Commitments(files) => tables::by_hand(context, database, files, "commitments").await,
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

/// Loads bills as one delivery: all files and objects or none.
pub(crate) async fn billing(
    context: &Context,
    database: &Database,
    source: &str,
    format: Format,
    paths: &[PathBuf],
    on_overlap: OnOverlap,
) -> anyhow::Result<BillingResult> {
    let watch = Stopwatch::start();
    let mut inputs = Inputs::find(context, paths).await?;
    let objects = inputs.manifest(source).await?;
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
    let mut files = Vec::with_capacity(inputs.len());
    for index in 0..inputs.len() {
        let input = inputs.open(index).await?;
        let before = bar.position();
        let read = tokio::task::block_in_place(|| {
            ingest::billing::read_with_progress(
                &input.path,
                format,
                &mut |done, _| bar.set_position(before + done),
                &mut |batch| runtime.block_on(loader.add(index, &batch)),
            )
        });
        let mut report = read.map_err(|error| input.blame(error))?;
        input.rename(&mut report.rejects);
        report.path = input.name;
        if report.checksum != delivery.objects[index].checksum {
            anyhow::bail!(
                "{}: changed while it was read; nothing was imported: run the import again",
                report.path
            );
        }
        files.push(report);
        inputs.close(index);
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
