//! A private PostgreSQL server under the data directory, for when no `DATABASE_URL` is given.
//!
//! The process that holds the lock file owns the server and stops it; others may join it. A process that was killed
//! leaves its server running without an owner: the next one stops that server, which recovers what was committed, and
//! starts its own.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use sqlx::{Connection, PgConnection};

use crate::StoreError;
use crate::programs::Programs;

/// Role and database of the private cluster.
const NAME: &str = "headroom";

/// Port number in the name of the socket; nothing listens on TCP.
const PORT: u16 = 5432;

/// Longest path of a Unix socket on every system that is served (macOS has 104, Linux 108, each with a final NUL).
const SOCKET_PATH_MAX: usize = 103;

/// Unprivileged users that a server started by root runs as, the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Where root puts a cluster whose data directory the unprivileged user can't reach.
const SYSTEM_DIR: &str = "/var/lib/headroom";

/// How often the state of a server is looked at while something is waited for.
const POLL: Duration = Duration::from_millis(50);

/// Polls until a start counts as failed: 60 s, for a recovery after a crash.
const START_POLLS: u32 = 1200;

/// Polls until a stop is made harder: 10 s.
const STOP_POLLS: u32 = 200;

/// Starts that are tried while backends of a killed server still hold its memory.
const START_ATTEMPTS: u32 = 20;

/// Settings of the server. It is private, so memory is modest; every commit is on disk before it is answered.
const SERVER_SETTINGS: [&str; 14] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=60",
    "shared_buffers=128MB",
    "work_mem=32MB",
    "maintenance_work_mem=128MB",
    "max_wal_size=2GB",
    "checkpoint_timeout=15min",
    "wal_compression=on",
    "random_page_cost=1.1",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_min_messages=warning",
];

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

/// Stops a server whose owner was killed.
async fn stop_ownerless(place: &Place) -> Result<(), StoreError> {
    let pid_file = place.cluster.join("postmaster.pid");
    let Ok(text) = std::fs::read_to_string(&pid_file) else { return Ok(()) };
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
    let is_ours = |pid: Pid| {
        test_kill_process(pid).is_ok() && command_line(pid).contains(&*place.cluster.to_string_lossy())
    };
    let Some(pid) = pid.filter(|pid| is_ours(*pid)) else {
        // Its process is gone, or the number now belongs to a stranger, which PostgreSQL would take for its own.
        return std::fs::remove_file(&pid_file).map_err(|source| io("remove", &pid_file, source));
    };
    tracing::warn!(
        pid = pid.as_raw_nonzero().get(),
        "stopping a database server that a killed process left behind"
    );
    for signal in [Signal::INT, Signal::QUIT] {
        // the process may end at any moment, which is what is wanted
        let _ = kill_process(pid, signal);
        for _ in 0..STOP_POLLS {
            if !is_ours(pid) {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Err(StoreError::InUse(format!(
        "a database server left behind (process {}) does not stop: end it and try again",
        pid.as_raw_nonzero()
    )))
}

/// The command line of a process, empty when it is gone.
fn command_line(pid: Pid) -> String {
    let pid = pid.as_raw_nonzero().to_string();
    if let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        return String::from_utf8_lossy(&bytes).replace('\0', " ");
    }
    let output = Command::new("ps").args(["-p", &pid, "-o", "command="]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Makes the cluster beside its final place and moves it there, so that an interrupted start leaves no half of one.
fn create_cluster(programs: &Programs, user: &ServerUser, place: &Place) -> Result<(), StoreError> {
    let fresh = place.cluster.with_extension("new");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(|source| io("remove", &fresh, source))?;
    }
    create_dir(&fresh, 0o700)?;
    user.own(&fresh)?;
    let mut command = user.command(&programs.initdb, &fresh);
    command
        .args(["--username", NAME, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "-D"])
        .arg(&fresh);
    let output = command.output().map_err(|source| io("run", &programs.initdb, source))?;
    if !output.status.success() {
        return Err(StoreError::NoServer(format!(
            "{} could not make a database under {}: {}",
            programs.initdb.display(),
            fresh.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    std::fs::rename(&fresh, &place.cluster).map_err(|source| io("rename", &fresh, source))
}

/// Starts the server and waits until it answers.
async fn start_server(programs: &Programs, user: &ServerUser, place: &Place) -> Result<Child, StoreError> {
    for attempt in 1..=START_ATTEMPTS {
        let log_start = std::fs::metadata(&place.log).map_or(0, |meta| meta.len());
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&place.log)
            .map_err(|source| io("open", &place.log, source))?;
        let errors = log.try_clone().map_err(|source| io("open", &place.log, source))?;
        let mut command = user.command(&programs.postgres, &place.cluster);
        command
            .arg("-D")
            .arg(&place.cluster)
            .arg("-k")
            .arg(&place.socket_dir)
            .arg("-p")
            .arg(PORT.to_string());
        for setting in SERVER_SETTINGS {
            command.args(["-c", setting]);
        }
        // Its own process group: Ctrl-C reaches this process first, which stops the server when it has finished with it.
        command.process_group(0).stdin(Stdio::null()).stdout(log).stderr(errors);
        let mut child = command.spawn().map_err(|source| io("run", &programs.postgres, source))?;
        if wait_until_ready(&mut child, place).await? {
            return Ok(child);
        }
        let said = log_since(&place.log, log_start);
        // Backends of a server that was killed hold its memory until they notice; they need a moment.
        let wait_for_orphans = said.contains("shared memory block") || said.contains("lock file");
        if !wait_for_orphans || attempt == START_ATTEMPTS {
            return Err(StoreError::NoServer(format!(
                "the PostgreSQL server does not start, see {}: {}",
                place.log.display(),
                said.trim()
            )));
        }
        tokio::time::sleep(POLL * 10).await;
    }
    Err(StoreError::NoServer("the PostgreSQL server does not start".to_owned()))
}

/// `false` when the server ended instead.
async fn wait_until_ready(child: &mut Child, place: &Place) -> Result<bool, StoreError> {
    for _ in 0..START_POLLS {
        if let Some(_status) = child.try_wait().map_err(|source| io("wait for", &place.cluster, source))? {
            return Ok(false);
        }
        if let Ok(conn) = PgConnection::connect(&place.url("postgres")).await {
            // a failed goodbye changes nothing for the caller
            let _ = conn.close().await;
            return Ok(true);
        }
        tokio::time::sleep(POLL).await;
    }
    signal_child(child, Signal::QUIT);
    Err(StoreError::NoServer(format!("the PostgreSQL server does not answer, see {}", place.log.display())))
}

fn log_since(path: &Path, start: u64) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let start = usize::try_from(start).unwrap_or(0).min(bytes.len());
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}

async fn create_database(place: &Place) -> Result<(), StoreError> {
    let mut conn = PgConnection::connect(&place.url("postgres")).await?;
    let exists: bool = sqlx::query_scalar("select exists (select 1 from pg_database where datname = $1)")
        .bind(NAME)
        .fetch_one(&mut conn)
        .await?;
    if !exists {
        sqlx::query("create database headroom").execute(&mut conn).await?;
    }
    Ok(conn.close().await?)
}

fn signal_child(child: &Child, signal: Signal) {
    // An ended child that was not waited for keeps its number, so this reaches nobody else.
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Whom the server runs as.
#[derive(Debug, Clone, Copy)]
enum ServerUser {
    /// This process's own user.
    Own,
    /// Another one, because PostgreSQL refuses to run as root.
    Other { uid: u32, gid: u32 },
}

impl ServerUser {
    fn choose() -> Result<Self, StoreError> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        let path = Path::new("/etc/passwd");
        let users = std::fs::read_to_string(path).map_err(|source| io("read", path, source))?;
        let find = |name: &str| {
            let fields: Vec<&str> = users
                .lines()
                .map(|line| line.split(':').collect())
                .find(|fields: &Vec<&str>| fields[0] == name)?;
            Some(Self::Other { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
        };
        UNPRIVILEGED.into_iter().find_map(find).ok_or_else(|| {
            StoreError::NoServer(
                "PostgreSQL does not run as root and there is neither a user postgres nor nobody: run headroom as an ordinary user, or set DATABASE_URL"
                    .to_owned(),
            )
        })
    }

    /// Mode of a new data directory: another user must be able to pass through it to the cluster.
    fn data_dir_mode(self) -> u32 {
        match self {
            Self::Own => 0o700,
            Self::Other { .. } => 0o711,
        }
    }

    fn uid(self) -> u32 {
        match self {
            Self::Own => geteuid().as_raw(),
            Self::Other { uid, .. } => uid,
        }
    }

    /// A command that runs as this user in `dir`, with a clean environment.
    fn command(self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives an empty directory to this user.
    fn own(self, dir: &Path) -> Result<(), StoreError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => {
                std::os::unix::fs::chown(dir, Some(uid), Some(gid)).map_err(|source| io("chown", dir, source))
            }
        }
    }

    /// Whether this user may pass through `dir` and everything above it.
    fn reaches(self, dir: &Path) -> bool {
        let Self::Other { uid, gid } = self else { return true };
        dir.ancestors().all(|ancestor| {
            std::fs::metadata(ancestor).is_ok_and(|meta| {
                let mode = meta.mode();
                match (meta.uid() == uid, meta.gid() == gid) {
                    (true, _) => mode & 0o100 != 0,
                    (_, true) => mode & 0o010 != 0,
                    _ => mode & 0o001 != 0,
                }
            })
        })
    }
}

/// Where the parts of the server are.
#[derive(Debug)]
struct Place {
    cluster: PathBuf,
    socket_dir: PathBuf,
    log: PathBuf,
}

impl Place {
    fn choose(data_dir: &Path, temp_dir: &Path, user: &ServerUser) -> Result<Self, StoreError> {
        let base = if user.reaches(data_dir) {
            data_dir.to_owned()
        } else {
            // A home directory that others can't enter: typical for root.
            let base = Path::new(SYSTEM_DIR).join(short_hash(data_dir));
            create_dir(Path::new(SYSTEM_DIR), 0o711)?;
            create_dir(&base, 0o711)?;
            if !user.reaches(&base) {
                return Err(StoreError::NoServer(format!(
                    "the database server does not run as root, and its user can enter neither {} nor {SYSTEM_DIR}: choose a --data-dir that everybody can enter, or set DATABASE_URL",
                    data_dir.display()
                )));
            }
            base
        };
        let near = base.join("run");
        let socket_dir = if near.as_os_str().len() + socket_name().len() <= SOCKET_PATH_MAX {
            near
        } else {
            temp_dir.join(format!("headroom-{}-{}", user.uid(), short_hash(data_dir)))
        };
        if socket_dir.as_os_str().len() + socket_name().len() > SOCKET_PATH_MAX {
            return Err(StoreError::NoServer(format!(
                "{} is too long for the socket of a database server: choose a shorter --data-dir or TMPDIR, or set DATABASE_URL",
                socket_dir.display()
            )));
        }
        create_dir(&socket_dir, 0o700)?;
        if std::fs::symlink_metadata(&socket_dir).is_ok_and(|meta| meta.uid() == geteuid().as_raw()) {
            user.own(&socket_dir)?;
        }
        let meta =
            std::fs::symlink_metadata(&socket_dir).map_err(|source| io("read", &socket_dir, source))?;
        if !meta.is_dir() || meta.uid() != user.uid() || meta.permissions().mode() & 0o077 != 0 {
            return Err(StoreError::NoServer(format!(
                "{} belongs to somebody else or is open to others: remove it and try again",
                socket_dir.display()
            )));
        }
        Ok(Self { cluster: base.join("postgres"), socket_dir, log: base.join("postgres.log") })
    }

    /// The major version that made the cluster, if there is one.
    fn major_version(&self) -> Option<String> {
        let version = std::fs::read_to_string(self.cluster.join("PG_VERSION")).ok()?;
        Some(version.trim().to_owned())
    }

    fn url(&self, database: &str) -> String {
        let host: String = self
            .socket_dir
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(*byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        format!("postgres://{NAME}@localhost:{PORT}/{database}?host={host}")
    }
}

fn socket_name() -> String {
    // with the slash before it, and the suffix of the lock file beside it
    format!("/.s.PGSQL.{PORT}.lock")
}

/// Creates a directory with a mode, whatever the umask, and its parents; one that is there already is left as it is.
fn create_dir(dir: &Path, mode: u32) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(|source| io("create", parent, source))?;
    }
    let mut builder = std::fs::DirBuilder::new();
    match builder.mode(mode & 0o700).create(dir) {
        Ok(()) => std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode))
            .map_err(|source| io("chmod", dir, source)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(io("create", dir, source)),
    }
}

fn short_hash(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn io(verb: &str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { action: format!("can't {verb} {}", path.display()), source }
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
