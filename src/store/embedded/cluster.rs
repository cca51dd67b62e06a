//! The server process: a cluster made once, started, waited for, and taken over when its owner was killed.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sqlx::{Connection, PgConnection};

use super::place::{Place, create_dir, io};
use super::user::ServerUser;
use super::{NAME, POLL, PORT, START_POLLS, STOP_POLLS};
use crate::StoreError;
use crate::programs::Programs;

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

/// Stops a server whose owner was killed.
pub(super) async fn stop_ownerless(place: &Place) -> Result<(), StoreError> {
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
pub(super) fn create_cluster(
    programs: &Programs,
    user: &ServerUser,
    place: &Place,
) -> Result<(), StoreError> {
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
pub(super) async fn start_server(
    programs: &Programs,
    user: &ServerUser,
    place: &Place,
) -> Result<Child, StoreError> {
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

pub(super) async fn create_database(place: &Place) -> Result<(), StoreError> {
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

pub(super) fn signal_child(child: &Child, signal: Signal) {
    // An ended child that was not waited for keeps its number, so this reaches nobody else.
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
