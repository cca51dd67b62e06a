//! A private PostgreSQL server under the data directory, for when no `DATABASE_URL` is given.
//!
//! The process that holds the lock file owns the server and stops it; others may join it. A process that was killed
//! leaves its server running without an owner: the next one stops that server, which recovers what was committed, and
//! starts its own.

mod cluster;
mod place;
mod user;

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;
use sqlx::{Connection, PgConnection};

use crate::StoreError;
use crate::programs::Programs;
use cluster::{create_cluster, create_database, signal_child, start_server, stop_ownerless};
use place::{Place, create_dir, io};
use user::ServerUser;

/// Role and database of the private cluster.
const NAME: &str = "headroom";

/// Port number in the name of the socket; nothing listens on TCP.
const PORT: u16 = 5432;

/// How often the state of a server is looked at while something is waited for.
const POLL: Duration = Duration::from_millis(50);

/// Polls until a start counts as failed: 60 s, for a recovery after a crash.
const START_POLLS: u32 = 1200;

/// Polls until a stop is made harder: 10 s.
const STOP_POLLS: u32 = 200;

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
    owned: Option<Owned>,
}

/// What the owner of a server holds.
#[derive(Debug)]
struct Owned {
    child: Child,
    /// Held while the server runs; the system lets go of it when this process dies, however it dies.
    _lock: File,
}

/// Starts the server of `settings.data_dir`, creating its cluster and database when they are missing, or joins it.
///
/// # Errors
/// [`StoreError::NoServer`] when no server program is found, [`StoreError::InUse`] when another process has the
/// directory and `if_running` is [`IfRunning::Refuse`], [`StoreError::Io`] when a file or process fails.
pub async fn start(settings: &Settings) -> Result<Server, StoreError> {
    let user = ServerUser::choose()?;
    create_dir(&settings.data_dir, user.data_dir_mode())?;
    let data_dir =
        settings.data_dir.canonicalize().map_err(|source| io("find", &settings.data_dir, source))?;
    let lock_path = data_dir.join("postgres.lock");
    let mut lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&lock_path)
        .map_err(|source| io("open", &lock_path, source))?;
    let place = Place::choose(&data_dir, &settings.temp_dir, &user)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return join(settings, &lock_path, &place).await,
        Err(TryLockError::Error(source)) => return Err(io("lock", &lock_path, source)),
    }
    let note = format!("{}\n", std::process::id());
    lock.set_len(0)
        .and_then(|()| lock.write_all(note.as_bytes()))
        .map_err(|source| io("write", &lock_path, source))?;

    let programs = Programs::find(settings.path.as_deref(), place.major_version().as_deref())?;
    stop_ownerless(&place).await?;
    if !place.cluster.join("PG_VERSION").exists() {
        create_cluster(&programs, &user, &place)?;
    }
    let child = start_server(&programs, &user, &place).await?;
    let server = Server { url: place.url(NAME), owned: Some(Owned { child, _lock: lock }) };
    create_database(&place).await?;
    Ok(server)
}

/// A client program of PostgreSQL (`pg_dump`, `pg_restore`), from where server programs are looked for.
pub fn program(name: &str, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    crate::programs::client(name, path)
}

impl Server {
    /// The URL to [`connect`](crate::connect) to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether this process started the server (and stops it).
    pub fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Stops an owned server and waits until it is down; leaves a joined one alone.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it does not stop.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        let Some(mut owned) = self.owned.take() else { return Ok(()) };
        for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
            signal_child(&owned.child, signal);
            for _ in 0..STOP_POLLS {
                match owned.child.try_wait() {
                    Ok(Some(_)) => return Ok(()),
                    Ok(None) => tokio::time::sleep(POLL).await,
                    Err(source) => {
                        return Err(StoreError::Io {
                            action: "wait for the PostgreSQL server".to_owned(),
                            source,
                        });
                    }
                }
            }
        }
        Err(StoreError::InUse("the PostgreSQL server does not stop".to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(owned) = &mut self.owned else { return };
        for signal in [Signal::INT, Signal::QUIT] {
            signal_child(&owned.child, signal);
            for _ in 0..STOP_POLLS {
                if !matches!(owned.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(POLL);
            }
        }
    }
}

/// Waits for the server of another process of ours and uses it.
async fn join(settings: &Settings, lock_path: &Path, place: &Place) -> Result<Server, StoreError> {
    let owner = std::fs::read_to_string(lock_path).unwrap_or_default();
    let owner = match owner.trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    if settings.if_running == IfRunning::Refuse {
        return Err(StoreError::InUse(format!(
            "{owner} already runs headroom on {}: stop it first, give this one its own --data-dir, or set DATABASE_URL to share a server",
            settings.data_dir.display()
        )));
    }
    for _ in 0..START_POLLS {
        if let Ok(conn) = PgConnection::connect(&place.url(NAME)).await {
            // a failed goodbye changes nothing for the caller
            let _ = conn.close().await;
            return Ok(Server { url: place.url(NAME), owned: None });
        }
        tokio::time::sleep(POLL).await;
    }
    Err(StoreError::InUse(format!(
        "{owner} holds {} but its database does not answer: stop it and try again",
        settings.data_dir.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{data_dir, settings};

    async fn rows(url: &str) -> i64 {
        let mut conn = PgConnection::connect(url).await.unwrap();
        let count = sqlx::query_scalar("select count(*) from kept").fetch_one(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        count
    }

    async fn start_with_a_row(settings: &Settings) -> (Server, PgConnection) {
        let server = start(settings).await.unwrap();
        let mut conn = PgConnection::connect(server.url()).await.unwrap();
        sqlx::query("create table kept as select 1 as one").execute(&mut conn).await.unwrap();
        (server, conn)
    }

    #[tokio::test]
    async fn one_instance_owns_the_server_others_join_or_are_refused() {
        let dir = data_dir();
        let (server, mut conn) = start_with_a_row(&settings(dir.path())).await;
        assert!(server.is_owner());
        let tcp: String = sqlx::query_scalar("show listen_addresses").fetch_one(&mut conn).await.unwrap();
        assert_eq!(tcp, "");

        let refused = start(&settings(dir.path())).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        let join = Settings { if_running: IfRunning::Join, ..settings(dir.path()) };
        let joined = start(&join).await.unwrap();
        assert!(!joined.is_owner());
        joined.stop().await.unwrap();
        assert_eq!(rows(server.url()).await, 1);

        let url = server.url().to_owned();
        server.stop().await.unwrap();
        assert!(PgConnection::connect(&url).await.is_err());
        let again = start(&join).await.unwrap();
        assert!(again.is_owner());
        assert_eq!(rows(again.url()).await, 1);
    }

    #[tokio::test]
    async fn a_server_left_behind_by_a_killed_owner_is_taken_over() {
        let dir = data_dir();
        let (mut server, mut conn) = start_with_a_row(&settings(dir.path())).await;
        // What kill -9 leaves: no lock, the server running, a statement under way.
        let Owned { mut child, _lock } = server.owned.take().unwrap();
        drop(_lock);
        let busy =
            tokio::spawn(async move { sqlx::query("select pg_sleep(60)").execute(&mut conn).await.is_err() });
        // In real life init buries it; here this process is its parent.
        let buried = std::thread::spawn(move || child.wait());
        let server = start(&settings(dir.path())).await.unwrap();
        assert!(server.is_owner());
        assert_eq!(rows(server.url()).await, 1);
        assert!(busy.await.unwrap());
        buried.join().unwrap().unwrap();
        server.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_killed_server_is_recovered_at_the_next_start() {
        let dir = data_dir();
        let (mut server, mut conn) = start_with_a_row(&settings(dir.path())).await;
        // A backend that does not notice that its server is gone until its statement is done.
        let busy = tokio::spawn(async move {
            let sql = "select count(*) from generate_series(1, 3000000) number where number::text like '%7%'";
            sqlx::query(sql).execute(&mut conn).await.is_ok()
        });
        tokio::time::sleep(POLL).await;
        let Owned { mut child, _lock } = server.owned.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        drop(_lock);
        let server = start(&settings(dir.path())).await.unwrap();
        assert_eq!(rows(server.url()).await, 1);
        busy.abort();
        drop(server);
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_moves_the_socket() {
        let dir = data_dir();
        let deep = dir.path().join("d".repeat(120));
        let user = ServerUser::choose().unwrap();
        create_dir(&deep, user.data_dir_mode()).unwrap();
        let temp = data_dir();
        let place = Place::choose(&deep, temp.path(), &user).unwrap();
        assert!(place.socket_dir.starts_with(temp.path()));
        assert!(place.cluster.starts_with(&deep));
        assert!(place.url("x").contains("host=%2F"));
    }

    #[tokio::test]
    async fn no_server_program_is_one_clear_error() {
        let error = Programs::in_directories(&[], None).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql") && error.contains("DATABASE_URL"), "{error}");
    }
}
