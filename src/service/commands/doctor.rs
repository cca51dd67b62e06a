//! `headroom doctor`: checks what this installation needs, in order, and names the first thing that is wrong.

use serde::Serialize;
use store::embedded::IfRunning;

use crate::clock;
use crate::commands::Outcome;
use crate::context::{Context, Database};

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    found: String,
}

/// Runs the command; it fails when a check does.
pub(crate) async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut checks = vec![Check {
        name: "configuration",
        ok: true,
        found: format!(
            "{} sources, {} workloads",
            context.config.source.len(),
            context.config.workload.len()
        ),
    }];
    match context.open(IfRunning::Join).await {
        Err(error) => checks.push(Check { name: "database", ok: false, found: format!("{error:#}") }),
        Ok(database) => {
            checks.push(Check {
                name: "database",
                ok: true,
                found: "reachable, tables up to date".to_owned(),
            });
            let stored = stored(&database).await;
            database.close().await?;
            checks.extend(stored?);
        }
    }
    checks.push(match context.smtp_url()? {
        Some(url) => match notify::Smtp::new(&url) {
            Ok(_) => Check { name: "mail", ok: true, found: "a server is set".to_owned() },
            Err(error) => Check { name: "mail", ok: false, found: error.to_string() },
        },
        None => Check {
            name: "mail",
            ok: true,
            found: "no server is set: reports can be previewed, not sent".to_owned(),
        },
    });
    if context.json {
        outln!("{}", serde_json::to_string_pretty(&checks)?);
    } else {
        for check in &checks {
            outln!("{} {:<14} {}", if check.ok { "ok  " } else { "FAIL" }, check.name, check.found);
        }
    }
    match checks.iter().find(|check| !check.ok) {
        None => Ok(Outcome::Done),
        Some(first) => anyhow::bail!("the first thing to look at: {}: {}", first.name, first.found),
    }
}

async fn stored(database: &Database) -> anyhow::Result<Vec<Check>> {
    let mut conn = database.pool.acquire().await?;
    let mut checks = Vec::new();
    let currency = store::organization::get(&mut conn, database.org).await?.currency;
    let span = store::charge::span(&mut conn, database.org, currency).await?;
    checks.push(match span {
        Some((first, last)) => {
            Check { name: "bills", ok: true, found: format!("charges in {currency} from {first} to {last}") }
        }
        None => Check {
            name: "bills",
            ok: false,
            found: format!("no charge in {currency}: `headroom ingest billing --help`"),
        },
    });
    let inconsistent = store::charge::reconciliation(&mut conn, database.org)
        .await?
        .iter()
        .filter(|row| !row.is_consistent())
        .count();
    checks.push(Check {
        name: "reconciliation",
        ok: inconsistent == 0,
        found: format!("{inconsistent} account months differ from what was imported"),
    });
    for source in store::source::list(&mut conn, database.org).await? {
        let found = match (&source.last_error, source.last_success_at) {
            (Some(error), _) => error.clone(),
            (None, Some(at)) => {
                format!("{} brought {} rows at {}", source.name, source.rows, at.format("%Y-%m-%d %H:%M UTC"))
            }
            (None, None) => format!("{} never ran", source.name),
        };
        checks.push(Check { name: "source", ok: source.last_error.is_none(), found });
    }
    let run = store::run::latest(&mut conn, database.org).await?;
    checks.push(match run {
        Some(run) => Check {
            name: "pipeline",
            ok: true,
            found: format!(
                "run {} as of {}, {} days ago",
                run.id,
                run.as_of.format("%Y-%m-%d"),
                (clock::now() - run.as_of).num_days()
            ),
        },
        None => Check { name: "pipeline", ok: false, found: "no finished run: `headroom run`".to_owned() },
    });
    Ok(checks)
}
