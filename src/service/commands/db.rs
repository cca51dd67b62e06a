//! `headroom db …`: migrate, back up, restore.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use store::embedded::IfRunning;

use crate::cli::Db;
use crate::commands::Outcome;
use crate::context::{Context, Database};

/// Runs the command.
pub(crate) async fn run(context: &Context, what: &Db) -> anyhow::Result<Outcome> {
    if let Db::Restore { yes: false, .. } = what {
        bail!("restore replaces everything in the database: say --yes if that is what you want");
    }
    let database = context.open(IfRunning::Join).await?;
    let ended = match what {
        Db::Migrate => {
            eprintln!("the tables are those of version {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Db::Backup { output } => backup(&database, output),
        Db::Restore { input, .. } => restore(&database, input),
    };
    database.close().await?;
    ended.map(|()| Outcome::Done)
}

fn backup(database: &Database, output: &Path) -> anyhow::Result<()> {
    let mut command = program("pg_dump")?;
    command.arg("--format=custom").arg("--file").arg(output).arg("--dbname").arg(&database.url);
    call(&mut command, "pg_dump")?;
    eprintln!("wrote {}", output.display());
    Ok(())
}

fn restore(database: &Database, input: &Path) -> anyhow::Result<()> {
    let mut command = program("pg_restore")?;
    command.args(["--clean", "--if-exists", "--single-transaction", "--no-owner", "--exit-on-error"]);
    command.arg("--dbname").arg(&database.url).arg(input);
    call(&mut command, "pg_restore")?;
    eprintln!("restored {}", input.display());
    Ok(())
}

/// A client program of PostgreSQL, from beside the server that the embedded database uses.
fn program(name: &'static str) -> anyhow::Result<Command> {
    let path = std::env::var_os("PATH");
    let found = store::embedded::program(name, path.as_deref())
        .with_context(|| format!("{name} is not installed: install the package postgresql-client"))?;
    Ok(Command::new(found))
}

fn call(command: &mut Command, name: &str) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    if status.success() { Ok(()) } else { bail!("{name} failed ({status}); its own words are above") }
}
