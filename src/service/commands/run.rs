//! `headroom run`: the pipeline over what is stored.

use store::embedded::IfRunning;
use store::run::Stage;

use crate::cli;
use crate::clock;
use crate::commands::Outcome;
use crate::context::Context;
use crate::pipeline;

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &cli::Run) -> anyhow::Result<Outcome> {
    let database = context.open(IfRunning::Join).await?;
    let as_of = args.as_of.unwrap_or_else(clock::now);
    let ran =
        pipeline::run(&database.pool, database.org, &context.config, as_of, &mut |stage| tell(stage)).await;
    database.close().await?;
    let summary = ran?;
    if context.json {
        outln!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        eprintln!("run {} as of {} is done", summary.run, summary.as_of.format("%Y-%m-%d %H:%M UTC"));
    }
    Ok(Outcome::Done)
}

/// One line a stage: how long, how much.
pub(crate) fn tell(stage: &Stage) {
    eprintln!(
        "{:<34} {:>7.1} s {:>9} {}",
        stage.name,
        stage.duration_ms as f64 / 1000.0,
        stage.items,
        stage.unit
    );
}
