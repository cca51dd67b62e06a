//! What every command is given: configuration, flags, and the machine it runs on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use domain::OrganizationId;
use serde::Serialize;
use store::PgPool;
use store::embedded::{IfRunning, Server};

use crate::cli::Global;
use crate::config::Config;

/// Configuration and flags.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) data_dir: PathBuf,
    pub(crate) json: bool,
}

/// An open database; the embedded server stops with it.
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    pub(crate) org: OrganizationId,
    pub(crate) url: String,
    server: Option<Server>,
}

impl Context {
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        let data_dir = match &global.data_dir {
            Some(folder) => folder.clone(),
            None => default_data_dir()?,
        };
        Ok(Self { config, data_dir, json: global.json })
    }

    /// Connects to `DATABASE_URL`, or starts (or joins) the embedded server; brings the tables up to date.
    pub(crate) async fn open(&self, if_running: IfRunning) -> anyhow::Result<Database> {
        let (url, server) = match self.database_url()? {
            Some(url) => (url, None),
            None => {
                let settings = store::embedded::Settings {
                    data_dir: self.data_dir.clone(),
                    path: std::env::var_os("PATH"),
                    temp_dir: std::env::temp_dir(),
                    if_running,
                };
                let server = store::embedded::start(&settings).await?;
                (server.url().to_owned(), Some(server))
            }
        };
        let pool = store::connect(&url).await?;
        store::migrate(&pool).await?;
        let mut conn = pool.acquire().await.context("cannot connect to the database")?;
        let org = self.organization(&mut conn).await?;
        drop(conn);
        Ok(Database { pool, org, url, server })
    }

    /// The configured organization, made when it is new; without one, the only one that is there.
    async fn organization(&self, conn: &mut store::PgConnection) -> anyhow::Result<OrganizationId> {
        let wanted = &self.config.organization;
        if wanted.name.is_none()
            && let [only] = store::organization::list(conn).await?.as_slice()
        {
            return Ok(only.id);
        }
        let name = wanted.name.as_deref().unwrap_or("My company");
        Ok(store::organization::ensure(conn, name, wanted.currency).await?.id)
    }

    fn database_url(&self) -> anyhow::Result<Option<String>> {
        if let Some(url) = environment("DATABASE_URL") {
            return Ok(Some(url));
        }
        let read = |file: &PathBuf| {
            std::fs::read_to_string(file)
                .map(|url| url.trim().to_owned())
                .with_context(|| format!("cannot read database.url_file {}", file.display()))
        };
        self.config.database.url_file.as_ref().map(read).transpose()
    }

    /// URL of the mail server, if there is one.
    pub(crate) fn smtp_url(&self) -> anyhow::Result<Option<String>> {
        if let Some(url) = environment("HEADROOM_SMTP_URL") {
            return Ok(Some(url));
        }
        match &self.config.mail.smtp_url_file {
            Some(file) => std::fs::read_to_string(file)
                .map(|url| Some(url.trim().to_owned()))
                .with_context(|| format!("cannot read mail.smtp_url_file {}", file.display())),
            None => Ok(self.config.mail.smtp_url.clone()),
        }
    }
}

impl Database {
    /// The same database for another task; closing it leaves the server alone.
    pub(crate) fn handle(&self) -> Self {
        Self { pool: self.pool.clone(), org: self.org, url: self.url.clone(), server: None }
    }

    /// Closes every connection and stops an embedded server that this process started.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.pool.close().await;
        if let Some(server) = self.server {
            server.stop().await?;
        }
        Ok(())
    }
}

/// A variable of the environment that is set to something.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the environment says about buckets and how to get at them.
pub(crate) fn bucket_environment() -> sources::bucket::Environment {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        (sources::bucket::reads(&name) && !value.is_empty()).then_some((name, value))
    });
    variables.collect()
}

fn default_data_dir() -> anyhow::Result<PathBuf> {
    if let Some(folder) = environment("XDG_DATA_HOME") {
        return Ok(PathBuf::from(folder).join("headroom"));
    }
    match environment("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".local/share/headroom")),
        None => bail!("there is no home folder: say where data goes with --data-dir or HEADROOM_DATA_DIR"),
    }
}

/// Writes JSON to a file, or to standard output for `-`.
pub(crate) fn write_json<T: Serialize>(output: &Path, value: &T) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    if output == Path::new("-") {
        out!("{text}");
        Ok(())
    } else {
        std::fs::write(output, text).with_context(|| format!("cannot write {}", output.display()))
    }
}
