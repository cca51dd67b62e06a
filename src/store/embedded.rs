//! A private PostgreSQL server under the data directory, for when no `DATABASE_URL` is given.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::StoreError;

/// What the caller knows about the machine; this crate reads no environment variable.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the cluster lives (`postgres/` inside it); created if missing.
    pub data_dir: PathBuf,
    /// Value of `PATH`, where server programs are looked for.
    pub path: Option<OsString>,
    /// Directory for the socket when the path of the data directory is too long for one.
    pub temp_dir: PathBuf,
    /// What to do when another process of ours runs the server of this data directory.
    pub if_running: IfRunning,
}

/// What to do when another process of ours runs the server of this data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRunning {
    /// Stop with an error that names it: for `serve` and `demo`.
    Refuse,
    /// Use its server: for short commands such as `ingest`.
    Join,
}

/// A running server: owned (stopped by [`Server::stop`] or on drop) or joined (left alone).
#[derive(Debug)]
pub struct Server {
    url: String,
}

/// Starts the server of `settings.data_dir`, creating its cluster and database when they are missing, or joins it.
///
/// # Errors
/// [`StoreError::NoServer`] when no server program is found, [`StoreError::InUse`] when another process has the directory and
/// `if_running` is [`IfRunning::Refuse`], [`StoreError::Io`] otherwise.
pub async fn start(settings: &Settings) -> Result<Server, StoreError> {
    todo!()
}

impl Server {
    /// The URL to [`connect`](crate::connect) to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether this process started the server (and stops it).
    pub fn is_owner(&self) -> bool {
        todo!()
    }

    /// Stops an owned server and waits until it is down; leaves a joined one alone.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it does not stop.
    pub async fn stop(self) -> Result<(), StoreError> {
        todo!()
    }
}
