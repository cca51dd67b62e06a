//! A database of its own for each installation, on the server that `DATABASE_URL` names.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts the databases of this test process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database that the guard of an installation removes.
pub(crate) struct OwnDatabase {
    server: String,
    name: String,
}

impl OwnDatabase {
    /// Makes one where `DATABASE_URL` is set.
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests chooses the server")]
    pub(crate) fn create() -> Option<Self> {
        let server = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())?;
        let name = format!("headroom_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let made = run(&psql(&server, &format!("create database {name}")));
        assert!(
            made.status.success(),
            "cannot make a database for a test on the server of DATABASE_URL: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        Some(Self { server, name })
    }

    /// Its URL: that of the server with another path.
    pub(crate) fn url(&self) -> String {
        let (address, query) = match self.server.split_once('?') {
            Some((address, query)) => (address, format!("?{query}")),
            None => (self.server.as_str(), String::new()),
        };
        let authority = address.find("://").map_or(0, |scheme| scheme + 3);
        let end = address[authority..].find('/').map_or(address.len(), |slash| authority + slash);
        format!("{}/{}{query}", &address[..end], self.name)
    }

    /// The command that removes it.
    pub(crate) fn removal(&self) -> Vec<String> {
        psql(&self.server, &format!("drop database if exists {} with (force)", self.name))
    }
}

/// A command that runs a statement.
fn psql(url: &str, statement: &str) -> Vec<String> {
    let program = program().display().to_string();
    let options = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", statement, url];
    std::iter::once(program).chain(options.map(str::to_owned)).collect()
}

fn run(command: &[String]) -> Output {
    Command::new(&command[0])
        .args(&command[1..])
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}, the client of PostgreSQL: {error}", command[0]))
}

/// `psql` of the path, or the one that came with a server package.
fn program() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let packaged = folders.map(|folder| folder.path().join("bin/psql")).find(|path| path.is_file());
    let on_path = Command::new("psql").arg("--version").output().is_ok();
    if on_path { PathBuf::from("psql") } else { packaged.unwrap_or_else(|| PathBuf::from("psql")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_database_changes() {
        for (server, expected) in [
            ("postgres://ann:pw@db.example:5433/main", "postgres://ann:pw@db.example:5433/t"),
            ("postgres://db.example", "postgres://db.example/t"),
            ("postgres:///main?host=/run/postgresql", "postgres:///t?host=/run/postgresql"),
        ] {
            let database = OwnDatabase { server: server.into(), name: "t".into() };
            assert_eq!(database.url(), expected);
        }
    }
}
