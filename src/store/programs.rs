//! Finding the programs of a PostgreSQL server on this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::StoreError;

/// Folders of versions, with the beginning of their names: Debian, Red Hat's packages, Homebrew.
const VERSION_DIRS: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
];

/// The two programs that the embedded server is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
}

impl Programs {
    /// The programs of the major version that made the cluster, or of the newest there is.
    pub(crate) fn find(path: Option<&OsStr>, major: Option<&str>) -> Result<Self, StoreError> {
        Self::in_directories(&directories(path), major)
    }

    pub(crate) fn in_directories(dirs: &[PathBuf], major: Option<&str>) -> Result<Self, StoreError> {
        let found: Vec<&PathBuf> = dirs.iter().filter(|dir| has_programs(dir)).collect();
        let Some(first) = found.first() else {
            return Err(StoreError::NoServer(
                "no PostgreSQL server found: install one (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql), or set DATABASE_URL to a server that runs already"
                    .to_owned(),
            ));
        };
        let dir = match major {
            None => first,
            Some(major) => found.iter().find(|dir| version_of(dir).as_deref() == Some(major)).ok_or_else(|| {
                StoreError::NoServer(format!(
                    "the database was made by PostgreSQL {major}, which is no longer installed: install it again (Debian, Ubuntu: apt-get install postgresql-{major}), or set DATABASE_URL"
                ))
            })?,
        };
        Ok(Self { initdb: dir.join("initdb"), postgres: dir.join("postgres") })
    }
}

/// A client program (`pg_dump`, `pg_restore`) of the newest version there is.
pub(crate) fn client(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    directories(path).into_iter().map(|dir| dir.join(name)).find(|program| program.is_file())
}

/// Directories to look in, best first.
fn directories(path: Option<&OsStr>) -> Vec<PathBuf> {
    let on_path: Vec<PathBuf> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let mut dirs: Vec<PathBuf> = on_path.iter().filter_map(|dir| bindir_of(&dir.join("pg_config"))).collect();
    dirs.extend(on_path);
    for (dir, prefix) in VERSION_DIRS {
        dirs.extend(newest_first(Path::new(dir), prefix));
    }
    dirs
}

/// What `pg_config --bindir` says.
fn bindir_of(pg_config: &Path) -> Option<PathBuf> {
    if !pg_config.is_file() {
        return None;
    }
    let output = Command::new(pg_config).arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

/// `bin` directories of the versions under `dir`, whose names are `prefix` and a number, the highest first.
fn newest_first(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut versions: Vec<(u32, PathBuf)> = names
        .filter_map(|name| {
            let version = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, dir.join(name).join("bin")))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

fn has_programs(dir: &Path) -> bool {
    ["initdb", "postgres"].into_iter().all(|name| dir.join(name).is_file())
}

/// Major version of the server in `dir`, from `postgres (PostgreSQL) 15.14 (…)`.
fn version_of(dir: &Path) -> Option<String> {
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    Some(version.split(|c: char| !c.is_ascii_digit()).next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_the_newest_version_of_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        for version in ["v9", "v15", "v17", "vnext", "20"] {
            std::fs::create_dir_all(dir.path().join(version).join("bin")).unwrap();
        }
        let found = newest_first(dir.path(), "v");
        let expected = ["v17", "v15", "v9"].map(|version| dir.path().join(version).join("bin"));
        assert_eq!(found, expected);
    }

    #[test]
    fn looks_into_the_path_it_is_given() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["initdb", "postgres"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = Programs::find(Some(dir.path().as_os_str()), None).unwrap();
        assert_eq!(found.postgres, dir.path().join("postgres"));
        let error = Programs::find(Some(dir.path().as_os_str()), Some("3")).unwrap_err();
        assert!(error.to_string().contains("postgresql-3"), "{error}");
    }
}
