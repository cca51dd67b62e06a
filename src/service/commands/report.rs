//! `headroom report …`: preview, send, schedule and list.

use anyhow::Context as _;
use notify::Smtp;
use store::embedded::IfRunning;
use store::report_schedule::Settings;

use crate::cli::Report;
use crate::clock;
use crate::commands::Outcome;
use crate::context::{Context, Database};
use crate::report::{Desk, send};
use crate::schedule;

/// Deliveries listed for each schedule.
const DELIVERIES: u32 = 5;

/// Runs the command.
pub(crate) async fn run(context: &Context, what: &Report) -> anyhow::Result<Outcome> {
    let database = context.open(IfRunning::Join).await?;
    let ended = act(context, &database, what).await;
    database.close().await?;
    ended.map(|()| Outcome::Done)
}

async fn act(context: &Context, database: &Database, what: &Report) -> anyhow::Result<()> {
    let mut conn = database.pool.acquire().await.context("cannot connect to the database")?;
    let mut desk = Desk {
        conn: &mut conn,
        org: database.org,
        public_url: context.config.public_url(&context.config.server.address),
        now: clock::now(),
    };
    match what {
        Report::List => list(context, &mut desk).await,
        Report::Preview { html } => {
            let (_, mail) = desk.weekly().await?;
            match html {
                Some(path) => std::fs::write(path, &mail.html)
                    .with_context(|| format!("cannot write {}", path.display()))?,
                None => out!("Subject: {}\n\n{}", mail.subject, mail.text),
            }
            Ok(())
        }
        Report::Send { to } => {
            let smtp = smtp(context)?;
            let from = sender(context)?;
            let (report, mail) = desk.weekly().await?;
            let key = format!("weekly-by-hand-{}", report.week.start.format("%Y-%m-%d"));
            send(&smtp, &mail, &from, to, &key, None).await?;
            eprintln!("sent {:?} to {}", mail.subject, to.join(", "));
            Ok(())
        }
        Report::Schedule { name, cron, time_zone, to } => {
            let next = schedule::next(cron, time_zone, clock::now())?;
            let settings = Settings {
                name: name.clone(),
                report: "weekly".to_owned(),
                cron: cron.clone(),
                time_zone: time_zone.clone(),
                recipients: to.clone(),
                enabled: true,
            };
            store::report_schedule::create(desk.conn, desk.org, &settings, clock::now()).await?;
            eprintln!(
                "{name} goes to {} for the first time at {}",
                to.join(", "),
                next.format("%Y-%m-%d %H:%M UTC")
            );
            Ok(())
        }
    }
}

/// The mail server of the configuration.
pub(crate) fn smtp(context: &Context) -> anyhow::Result<Smtp> {
    let url = context.smtp_url()?.context(
        "no mail server is set: HEADROOM_SMTP_URL=smtp://host:port, or [mail] smtp_url in headroom.toml",
    )?;
    Ok(Smtp::new(&url)?)
}

/// The sender of the configuration.
pub(crate) fn sender(context: &Context) -> anyhow::Result<String> {
    Ok(context
        .config
        .mail
        .from
        .clone()
        .unwrap_or_else(|| "Headroom <headroom@localhost.localdomain>".to_owned()))
}

async fn list(context: &Context, desk: &mut Desk<'_>) -> anyhow::Result<()> {
    let schedules = store::report_schedule::list(desk.conn, desk.org).await?;
    if context.json {
        outln!("{}", serde_json::to_string_pretty(&schedules)?);
        return Ok(());
    }
    if schedules.is_empty() {
        eprintln!("no report is scheduled: `headroom report schedule --help`");
    }
    for schedule in schedules {
        let settings = &schedule.settings;
        outln!(
            "{}: {} {} to {}",
            settings.name,
            settings.cron,
            settings.time_zone,
            settings.recipients.join(", ")
        );
        for delivery in
            store::report_schedule::deliveries(desk.conn, desk.org, schedule.id, DELIVERIES).await?
        {
            outln!(
                "  {} {:?} {}",
                delivery.fire_at.format("%Y-%m-%d %H:%M UTC"),
                delivery.status,
                delivery.error.unwrap_or_default()
            );
        }
    }
    Ok(())
}
