//! What happens by itself: imports that are due, the pipeline after them, reports on schedule.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use store::report_schedule::Schedule;
use tokio::sync::watch;

use crate::clock;
use crate::commands::{ingest, report as report_command};
use crate::context::{Context, Database};
use crate::pipeline;
use crate::report::{Desk, send};
use crate::schedule;

/// How often the worker looks for something to do.
const EVERY: Duration = Duration::from_secs(20);
/// A report that was due while nothing ran is still sent this long afterwards.
const LATE: TimeDelta = TimeDelta::days(2);

/// Works until told to stop. An error is logged and tried again at the next turn: the process goes on.
pub(crate) async fn run(context: Arc<Context>, database: Database, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = imports(&context, &database).await {
            tracing::error!(error = format!("{error:#}"), "imports");
        }
        if let Err(error) = jobs(&context, &database).await {
            tracing::error!(error = format!("{error:#}"), "jobs");
        }
        if let Err(error) = reports(&context, &database).await {
            tracing::error!(error = format!("{error:#}"), "reports");
        }
        tokio::select! {
            _ = tokio::time::sleep(EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Runs the sources that are due, and the pipeline when one of them brought something.
async fn imports(context: &Context, database: &Database) -> anyhow::Result<()> {
    if context.config.source.is_empty() {
        return Ok(());
    }
    if ingest::due(context, database).await? {
        ingest::configured(context, database, None).await?;
        pipeline::run(&database.pool, database.org, &context.config, clock::now(), &mut log).await?;
    }
    Ok(())
}

/// Runs of the pipeline that somebody asked for.
async fn jobs(context: &Context, database: &Database) -> anyhow::Result<()> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    while let Some(job) = store::job::claim(&mut conn, "worker", clock::now(), clock::now() + LEASE).await? {
        let ran =
            pipeline::run(&database.pool, job.organization_id, &context.config, clock::now(), &mut log).await;
        let at = clock::now();
        match ran {
            Ok(summary) => {
                store::job::finish(&mut conn, job.id, "worker", &serde_json::to_value(&summary)?, at).await?
            }
            Err(error) => {
                store::job::fail(&mut conn, job.id, "worker", &format!("{error:#}"), None, at).await?
            }
        };
    }
    Ok(())
}

/// A job whose worker died is taken over after this long.
const LEASE: TimeDelta = TimeDelta::minutes(15);

fn log(stage: &store::run::Stage) {
    tracing::info!(
        stage = stage.name,
        duration_ms = stage.duration_ms,
        items = stage.items,
        unit = stage.unit,
        "pipeline"
    );
}

/// Sends the reports that are due. Each firing time is claimed first, so it is sent once by one process.
async fn reports(context: &Context, database: &Database) -> anyhow::Result<()> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let now = clock::now();
    for schedule in store::report_schedule::list(&mut conn, database.org).await? {
        let Some(fire_at) = due_at(&schedule, now)? else { continue };
        let Some(delivery) =
            store::report_schedule::claim(&mut conn, database.org, schedule.id, fire_at, now).await?
        else {
            continue;
        };
        let key = format!("weekly-{}-{}", schedule.id, fire_at.format("%Y%m%dT%H%M"));
        let sent = deliver(context, &mut conn, database, &schedule.settings.recipients, &key).await;
        let failure = sent.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(error) = &failure {
            tracing::error!(schedule = schedule.settings.name, error, "report");
        }
        let outcome = match &failure {
            None => Ok(key.as_str()),
            Some(error) => Err(error.as_str()),
        };
        store::report_schedule::finish(&mut conn, database.org, delivery.id, outcome, clock::now()).await?;
    }
    Ok(())
}

/// The latest firing time that is due and not older than [`LATE`].
fn due_at(schedule: &Schedule, now: DateTime<Utc>) -> anyhow::Result<Option<DateTime<Utc>>> {
    if !schedule.settings.enabled {
        return Ok(None);
    }
    let mut after = schedule.last_fired_at.unwrap_or(schedule.created_at).max(now - LATE);
    let mut due = None;
    loop {
        let next = schedule::next(&schedule.settings.cron, &schedule.settings.time_zone, after)?;
        if next > now {
            return Ok(due);
        }
        due = Some(next);
        after = next;
    }
}

async fn deliver(
    context: &Context,
    conn: &mut store::PgConnection,
    database: &Database,
    recipients: &[String],
    key: &str,
) -> anyhow::Result<String> {
    let smtp = report_command::smtp(context)?;
    let from = report_command::sender(context)?;
    let public_url = context.config.public_url(&context.config.server.address);
    let unsubscribe = format!("{public_url}/reports");
    let mut desk = Desk { conn, org: database.org, public_url, now: clock::now() };
    let (_, mail) = desk.weekly().await?;
    send(&smtp, &mail, &from, recipients, key, Some(&unsubscribe)).await?;
    Ok(mail.subject)
}

/// Sends a schedule's report to whoever asks for a test; `None` when no mail server is set.
pub(crate) fn send_report_hook(context: &Arc<Context>, database: &Database) -> Option<web::SendReport> {
    context.smtp_url().ok().flatten()?;
    let (context, database) = (context.clone(), Arc::new(database.handle()));
    Some(Arc::new(move |_, schedule, to| {
        let (context, database) = (context.clone(), database.clone());
        Box::pin(async move {
            let test = async {
                let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
                let key = format!("test-{schedule}-{}", clock::now().format("%Y%m%dT%H%M%S"));
                deliver(&context, &mut conn, &database, std::slice::from_ref(&to), &key).await
            };
            match test.await {
                Ok(subject) => Ok(format!("Sent “{subject}” to {to}.")),
                Err(error) => Err(format!("{error:#}")),
            }
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::report_schedule::Settings;

    fn schedule(last: Option<&str>) -> Schedule {
        Schedule {
            id: 1,
            settings: Settings {
                name: "finance".to_owned(),
                report: "weekly".to_owned(),
                cron: "0 7 * * MON".to_owned(),
                time_zone: "Europe/Berlin".to_owned(),
                recipients: Vec::new(),
                enabled: true,
            },
            last_fired_at: last.map(|last| last.parse().unwrap()),
            created_at: "2026-10-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn fires_in_civil_time_on_both_sides_of_the_change_to_winter() {
        let due = |last: Option<&str>, now: &str| {
            due_at(&schedule(last), now.parse().unwrap()).unwrap().map(|due| due.to_rfc3339())
        };
        assert_eq!(due(None, "2026-10-19T04:59:00Z"), None);
        assert_eq!(due(None, "2026-10-19T05:00:00Z").as_deref(), Some("2026-10-19T05:00:00+00:00"));
        assert_eq!(due(Some("2026-10-19T05:00:00Z"), "2026-10-19T09:00:00Z"), None);
        assert_eq!(
            due(Some("2026-10-19T05:00:00Z"), "2026-10-26T06:30:00Z").as_deref(),
            Some("2026-10-26T06:00:00+00:00")
        );
        // nothing ran for a month: only what is still fresh is owed
        assert_eq!(due(Some("2026-10-05T05:00:00Z"), "2026-11-04T12:00:00Z"), None);
    }
}
