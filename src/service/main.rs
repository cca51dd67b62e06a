//! The one binary `headroom`: the only crate that sees all others, and the only one that asks the clock or
//! the environment.

#![expect(clippy::disallowed_methods, reason = "this is the crate that asks the clock and the environment")]

#[macro_use]
mod output;

mod batches;
mod charts;
mod cli;
mod clock;
mod commands;
mod config;
mod context;
mod logging;
mod pipeline;
mod progress;
mod report;
mod schedule;
mod spans;
mod worker;
mod zone;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;

use cli::{Cli, Command};
use commands::Outcome;
use context::Context;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let style =
        if matches!(cli.command, Command::Serve(_)) { logging::Style::Json } else { logging::Style::Plain };
    logging::start(style);
    match run(&cli) {
        Ok(outcome) => outcome.into(),
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(usage) => usage.exit(),
            Err(error) => {
                eprintln!("headroom: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

/// File mode needs no database, and of the configuration the policy at most; the other commands get both.
fn run(cli: &Cli) -> anyhow::Result<Outcome> {
    match &cli.command {
        Command::Forecast(args) => return commands::forecast::run(args, cli.global.json),
        Command::Backtest(args) => return commands::backtest::run(args, cli.global.json),
        Command::Plan(what) => return commands::plan::run(what, &cli.global),
        Command::Replay(what) => return commands::replay::run(what),
        _ => {}
    }
    let context = Arc::new(Context::new(&cli.global)?);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the threads")?;
    runtime.block_on(async {
        match &cli.command {
            Command::Demo(args) => commands::demo::run(&context, args).await,
            Command::Serve(args) => commands::serve::run(context.clone(), args).await,
            Command::Ingest(args) => commands::ingest::run(&context, args).await,
            Command::Run(args) => commands::run::run(&context, args).await,
            Command::Report(what) => commands::report::run(&context, what).await,
            Command::User(what) => commands::user::run(&context, what).await,
            Command::Token(what) => commands::token::run(&context, what).await,
            Command::Config(what) => commands::config::run(&context, what),
            Command::Doctor => commands::doctor::run(&context).await,
            Command::Db(what) => commands::db::run(&context, what).await,
            Command::Forecast(_) | Command::Backtest(_) | Command::Plan(_) | Command::Replay(_) => {
                Ok(Outcome::Done)
            }
        }
    })
}
