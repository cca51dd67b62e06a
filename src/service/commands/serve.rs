//! `headroom serve`: dashboard, API, schedules and imports until a signal ends it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use store::embedded::IfRunning;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use web::{AppState, DemoAccount};

use crate::cli;
use crate::clock;
use crate::commands::Outcome;
use crate::config::{Config, Workload};
use crate::context::{Context, Database};
use crate::worker;

/// Requests under way get this long to finish after a signal.
const GRACE: std::time::Duration = std::time::Duration::from_secs(8);

/// Runs the command.
pub(crate) async fn run(context: Arc<Context>, args: &cli::Serve) -> anyhow::Result<Outcome> {
    let address = match args.addr {
        Some(address) => address,
        None => context
            .config
            .server
            .address
            .parse()
            .context("server.address is not an address like 127.0.0.1:8080")?,
    };
    let listener = if args.no_web { None } else { Some(listen(address).await?) };
    let database = context.open(IfRunning::Refuse).await?;
    let ended = until_signal(&context, &database, listener, !args.no_worker, None).await;
    database.close().await?;
    ended.map(|()| Outcome::Done)
}

/// Binds the address; the error says who may have it.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is another instance running? choose another address with --addr or HEADROOM_ADDR"))
}

/// Serves and works until SIGINT or SIGTERM.
pub(crate) async fn until_signal(
    context: &Arc<Context>,
    database: &Database,
    listener: Option<TcpListener>,
    work: bool,
    demo: Option<DemoAccount>,
) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let worker = work.then(|| tokio::spawn(worker::run(context.clone(), database.handle(), stopped.clone())));
    let server = match listener {
        None => None,
        Some(listener) => {
            let address = listener.local_addr()?;
            let router = web::router(state(context, database, address, demo)?);
            tracing::info!(%address, "serving");
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let mut ended = stopped.clone();
            let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
                let _ = ended.wait_for(|stopped| *stopped).await;
            });
            Some(tokio::spawn(async move { serving.await }))
        }
    };
    wait_for_signal().await?;
    tracing::info!("stopping");
    stop.send_replace(true);
    if let Some(server) = server {
        // Idle keep-alive connections are cut after the grace period.
        let _ = tokio::time::timeout(GRACE, server).await;
    }
    if let Some(worker) = worker {
        let _ = tokio::time::timeout(GRACE, worker).await;
    }
    Ok(())
}

fn state(
    context: &Arc<Context>,
    database: &Database,
    address: SocketAddr,
    demo: Option<DemoAccount>,
) -> anyhow::Result<AppState> {
    let public_url = context.config.public_url(&address.to_string());
    Ok(AppState {
        pool: database.pool.clone(),
        settings: web::Settings {
            secure_cookies: public_url.starts_with("https://"),
            public_url,
            api_requests_per_minute: context.config.server.api_requests_per_minute,
            organization: database.org,
            demo,
        },
        clock: clock::now,
        workloads: context
            .config
            .workload
            .iter()
            .map(|one| workload(&context.config, one))
            .collect::<anyhow::Result<_>>()?,
        policy: context.config.policy.clone(),
        send_report: worker::send_report_hook(context, database),
        process_metrics: None,
    })
}

fn workload(config: &Config, workload: &Workload) -> anyhow::Result<web::Workload> {
    Ok(web::Workload {
        name: workload.name.clone(),
        demand: workload.demand.clone(),
        settings: workload.input(),
        basis: workload.basis(),
        group: workload.group.clone(),
        by_history: workload.by_history_of().is_some(),
        queue: workload.queue(),
        drivers: config.drivers(workload),
        utc_offsets: config.utc_offsets()?,
        lead_times: workload.lead_times(),
    })
}

async fn wait_for_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
