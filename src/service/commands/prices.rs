//! `headroom ingest prices`: a provider's own public price feed into the price book.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde::Serialize;
use sources::prices::{Feed, MachineType, Prices, Wanted};
use store::price::Prices as Stored;

use crate::cli;
use crate::clock;
use crate::commands::Outcome;
use crate::context::{Context, Database};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Result {
    feed: String,
    quotes: usize,
    shapes: usize,
    disks: usize,
    storage: usize,
    /// What was left out, and why; a price that is not stated is never guessed.
    skipped: BTreeMap<String, u64>,
}

/// Reads the feed and lays its prices over those that are there.
pub(crate) async fn run(
    context: &Context,
    database: &Database,
    args: &cli::IngestPrices,
) -> anyhow::Result<Outcome> {
    let feed: Feed = args.feed.parse()?;
    let wanted = wanted(args)?;
    let prices = tokio::task::block_in_place(|| read(feed, &args.path, &wanted))?;
    let result = Result {
        feed: feed.to_string(),
        quotes: prices.quotes.len(),
        shapes: prices.shapes.len(),
        disks: prices.disks.len(),
        storage: prices.storage.len(),
        skipped: prices.skipped.clone(),
    };
    if let Some(next) = &prices.next_page {
        eprintln!("warning: the feed goes on at {next}: fetch that page too and give all pages in one file");
    }
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let known = store::price::load(&mut conn, database.org).await?;
    store::price::replace(&mut conn, database.org, feed.provider(), &overlaid(known, prices, feed)).await?;
    if context.json {
        outln!("{}", serde_json::to_string_pretty(&result)?);
        return Ok(Outcome::Done);
    }
    eprintln!(
        "{}: {} prices, {} machine types, {} disks, {} storage classes",
        result.feed, result.quotes, result.shapes, result.disks, result.storage
    );
    for (reason, count) in &result.skipped {
        eprintln!("  left out: {count} × {reason}");
    }
    Ok(Outcome::Done)
}

fn read(feed: Feed, path: &Path, wanted: &Wanted) -> anyhow::Result<Prices> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut input = BufReader::new(file);
    let gzip = input
        .fill_buf()
        .with_context(|| format!("cannot read {}", path.display()))?
        .starts_with(&[0x1f, 0x8b]);
    if gzip {
        anyhow::bail!("{}: is compressed: unpack it first, for example with gunzip", path.display());
    }
    sources::prices::read(feed, input, wanted).with_context(|| path.display().to_string())
}

fn wanted(args: &cli::IngestPrices) -> anyhow::Result<Wanted> {
    let mut wanted = Wanted::everything(clock::now());
    wanted.regions = args.region.iter().cloned().collect();
    wanted.instance_types = args.instance_type.iter().cloned().collect();
    wanted.operating_systems = args.os.iter().cloned().collect();
    if let Some(catalog) = &args.catalog {
        let shapes = ingest::catalog::read(catalog)?.all()?;
        wanted.machine_types = shapes
            .into_iter()
            .filter_map(|shape| {
                Some(MachineType {
                    vcpu: Decimal::from_f64(shape.vcpu)?,
                    memory_gib: Decimal::from_f64(shape.memory_gib)?,
                    name: shape.instance_type,
                    architecture: shape.architecture,
                })
            })
            .collect();
    }
    Ok(wanted)
}

/// The provider's prices with those of the feed in place of the ones of the same thing.
fn overlaid(known: Stored, fresh: Prices, feed: Feed) -> Stored {
    let provider = feed.provider();
    let mut quotes: BTreeMap<_, _> = BTreeMap::new();
    for quote in known.quotes.into_iter().filter(|quote| quote.provider == provider).chain(fresh.quotes) {
        let key = (
            quote.region.clone(),
            quote.instance_type.clone(),
            quote.os.clone(),
            quote.plan,
            quote.term_years,
            quote.payment,
        );
        quotes.insert(key, quote);
    }
    let mut shapes: BTreeMap<_, _> = BTreeMap::new();
    for shape in known.shapes.into_iter().filter(|shape| shape.provider == provider).chain(fresh.shapes) {
        shapes.insert((shape.region.clone(), shape.instance_type.clone()), shape);
    }
    let mut disks: BTreeMap<_, _> = BTreeMap::new();
    for disk in known.disks.into_iter().filter(|disk| disk.provider == provider).chain(fresh.disks) {
        disks.insert((disk.region.clone(), disk.disk_type.clone()), disk);
    }
    let mut storage: BTreeMap<_, _> = BTreeMap::new();
    for class in known.storage.into_iter().filter(|class| class.provider == provider).chain(fresh.storage) {
        storage.insert((class.region.clone(), class.storage_class.clone()), class);
    }
    Stored {
        quotes: quotes.into_values().collect(),
        shapes: shapes.into_values().collect(),
        disks: disks.into_values().collect(),
        storage: storage.into_values().collect(),
        sources: vec![fresh.source],
    }
}
