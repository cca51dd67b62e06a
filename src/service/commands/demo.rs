//! `headroom demo`: the main job on a made-up company, then the dashboard.
//!
//! Nothing is special about it but its data: the company is written to files, and from there on the
//! importers, the pipeline and the pages are those of every installation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use chrono::Duration;
use demo::Company;
use domain::Provider;
use ingest::billing::Format;
use store::embedded::IfRunning;
use store::load::OnOverlap;
use store::report_schedule::Settings as ScheduleSettings;
use store::run::Stage;
use store::user::{NewUser, Role};
use web::DemoAccount;

use crate::cli;
use crate::clock;
use crate::commands::{Outcome, ingest as import, run as run_command, serve};
use crate::config::Config;
use crate::context::{Context, Database};
use crate::pipeline;
use crate::progress::Stopwatch;

/// What the demo company's own `headroom.toml` says.
const CONFIG: &str = include_str!("../../../data/demo-headroom.toml");
/// The account that the sign-in page offers. It guards made-up data on a loopback address.
const EMAIL: &str = "demo@example.org";
const PASSWORD: &str = "headroom-demo";
/// Days before its end at which the company was advised before: utilization goes back as many days again.
const LOOK_BACK_DAYS: i64 = 21;

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &cli::Demo) -> anyhow::Result<Outcome> {
    let watch = Stopwatch::start();
    // The address is taken first: with another instance there, nothing should have been done.
    let listener = if args.no_serve { None } else { Some(serve::listen(args.addr).await?) };
    let company = tokio::task::block_in_place(demo::company);
    clock::start_at(company.as_of);
    let context = Arc::new(demo_context(context)?);

    let database = context.open(IfRunning::Refuse).await?;
    let ended = load_run_serve(&context, &database, &company, listener, &watch).await;
    database.close().await?;
    ended.map(|()| Outcome::Done)
}

/// The same data folder, one level down, and the company's own configuration.
fn demo_context(context: &Context) -> anyhow::Result<Context> {
    let mut config = Config::parse(CONFIG, "data/demo-headroom.toml")?;
    config.mail = context.config.mail.clone();
    Ok(Context { config, data_dir: context.data_dir.join("demo"), json: context.json })
}

async fn load_run_serve(
    context: &Arc<Context>,
    database: &Database,
    company: &Company,
    listener: Option<tokio::net::TcpListener>,
    watch: &Stopwatch,
) -> anyhow::Result<()> {
    eprintln!("{}, a made-up company, as of {}", company.name, company.as_of.format("%-d %B %Y"));
    let mut stages = load(context, database, company).await?;
    let tell = &mut |stage: &Stage| run_command::tell(stage);
    let then = company.as_of - Duration::days(LOOK_BACK_DAYS);
    if store::plan::as_of(&mut *database.pool.acquire().await?, database.org, then).await?.is_none() {
        pipeline::plan_in_hindsight(&database.pool, database.org, &context.config, then, tell).await?;
    }
    let summary = pipeline::run(&database.pool, database.org, &context.config, company.as_of, tell).await?;
    stages.extend(summary.stages);
    account_and_schedule(database).await?;
    if context.json {
        outln!("{}", serde_json::to_string_pretty(&stages)?);
    }
    eprintln!("{:<34} {:>7.1} s", "ready after", watch.seconds());
    let Some(listener) = listener else { return Ok(()) };
    eprintln!(
        "\n  http://{}\n  sign in as {EMAIL} with the password {PASSWORD}\n  other commands find it with --data-dir {}\n  Ctrl-C stops everything\n",
        listener.local_addr()?,
        context.data_dir.display()
    );
    let account = DemoAccount { email: EMAIL.to_owned(), password: PASSWORD.to_owned() };
    serve::until_signal(context, database, Some(listener), true, Some(account)).await
}

/// Writes the company's files and imports them; says after each stage how long it took.
async fn load(context: &Context, database: &Database, company: &Company) -> anyhow::Result<Vec<Stage>> {
    let folder = context.data_dir.join("files");
    let mut stages = Vec::new();
    let mut watch = Stopwatch::start();
    let mut done = |name: &str, items: u64, unit: &str, watch: &mut Stopwatch| {
        let stage =
            Stage { name: name.to_owned(), duration_ms: watch.milliseconds(), items, unit: unit.to_owned() };
        run_command::tell(&stage);
        stages.push(stage);
        *watch = Stopwatch::start();
    };
    let files = tokio::task::block_in_place(|| demo::files::write(company, &folder))
        .with_context(|| format!("cannot write the demo files to {}", folder.display()))?;
    done("write files", files.len() as u64, "files", &mut watch);

    let mut rows = 0;
    for provider in Provider::ALL {
        let bills = named(&files, &format!("billing-focus-{provider}-"));
        let result = import::billing(
            context,
            database,
            &format!("{provider}-focus"),
            Format::Focus,
            &bills,
            OnOverlap::Replace,
        )
        .await?;
        rows += result.files.iter().map(|file| file.accepted).sum::<u64>();
        import::note(database, &format!("{provider}-focus"), "billing", &result.outcome()).await?;
    }
    done("import bills", rows, "charges", &mut watch);

    let mut rows = 0;
    for kind in ["metrics", "demand", "usage", "inventory", "commitments"] {
        let files = named(&files, &format!("{kind}.csv"));
        let outcome = import::outcome(&import::tables(context, database, kind, kind, &files).await?);
        rows += outcome.rows;
        import::note(database, kind, kind, &outcome).await?;
    }
    done("import utilization and inventory", rows, "rows", &mut watch);

    let rows = prices_events_and_budgets(database, company).await?;
    done("load prices, events and budgets", rows, "rows", &mut watch);
    Ok(stages)
}

fn named(files: &[PathBuf], start: &str) -> Vec<PathBuf> {
    let matches =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start));
    files.iter().filter(|path| matches(path)).cloned().collect()
}

/// How the snapshot's sources begin.
fn named_in_sources(provider: Provider) -> &'static str {
    match provider {
        Provider::Aws => "AWS",
        Provider::Azure => "Azure",
        Provider::Gcp => "Google Cloud",
    }
}

async fn prices_events_and_budgets(database: &Database, company: &Company) -> anyhow::Result<u64> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let snapshot = &company.prices;
    let mut rows = 0;
    for provider in Provider::ALL {
        let prices = store::price::Prices {
            quotes: snapshot.quotes.iter().filter(|quote| quote.provider == provider).cloned().collect(),
            shapes: snapshot.shapes.iter().filter(|shape| shape.provider == provider).cloned().collect(),
            disks: snapshot.disks.iter().filter(|disk| disk.provider == provider).cloned().collect(),
            storage: snapshot.storage.iter().filter(|class| class.provider == provider).cloned().collect(),
            sources: snapshot
                .sources
                .iter()
                .filter(|source| source.source.starts_with(named_in_sources(provider)))
                .cloned()
                .collect(),
        };
        rows += prices.quotes.len() + prices.shapes.len() + prices.disks.len() + prices.storage.len();
        store::price::replace(&mut conn, database.org, provider, &prices).await?;
    }
    let known = store::event::list(&mut conn, database.org).await?;
    for event in &company.events {
        let same = |stored: &store::event::StoredEvent| {
            stored.event.name == event.name && stored.event.starts_at == event.starts_at
        };
        if !known.iter().any(same) {
            store::event::create(&mut conn, database.org, event, "demo", clock::now()).await?;
            rows += 1;
        }
    }
    let known = store::budget::list(&mut conn, database.org).await?;
    for budget in &company.budgets {
        if !known.iter().any(|stored| stored.budget.name == budget.name) {
            store::budget::create(&mut conn, database.org, budget, "demo", clock::now()).await?;
            rows += 1;
        }
    }
    Ok(rows as u64)
}

/// The account that the demo prints, and a report on schedule.
async fn account_and_schedule(database: &Database) -> anyhow::Result<()> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    if store::user::find_by_email(&mut conn, EMAIL).await?.is_none() {
        let hash = tokio::task::block_in_place(|| web::hash_password(PASSWORD))?;
        let user = NewUser { email: EMAIL, name: "Demo", role: Role::Admin, password_hash: &hash };
        store::user::create(&mut conn, database.org, &user, clock::now()).await?;
    }
    if store::report_schedule::list(&mut conn, database.org).await?.is_empty() {
        let settings = ScheduleSettings {
            name: "Weekly cost report".to_owned(),
            report: "weekly".to_owned(),
            cron: "0 7 * * MON".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            recipients: vec![EMAIL.to_owned()],
            enabled: false,
        };
        store::report_schedule::create(&mut conn, database.org, &settings, clock::now()).await?;
    }
    Ok(())
}
