//! Whom the server runs as: PostgreSQL refuses root.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

use super::place::io;
use crate::StoreError;

/// Unprivileged users that a server started by root runs as, the first that exists.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Whom the server runs as.
#[derive(Debug, Clone, Copy)]
pub(super) enum ServerUser {
    /// This process's own user.
    Own,
    /// Another one, because PostgreSQL refuses to run as root.
    Other { uid: u32, gid: u32 },
}

impl ServerUser {
    pub(super) fn choose() -> Result<Self, StoreError> {
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
    pub(super) fn data_dir_mode(self) -> u32 {
        match self {
            Self::Own => 0o700,
            Self::Other { .. } => 0o711,
        }
    }

    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Own => geteuid().as_raw(),
            Self::Other { uid, .. } => uid,
        }
    }

    /// A command that runs as this user in `dir`, with a clean environment.
    pub(super) fn command(self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives an empty directory to this user.
    pub(super) fn own(self, dir: &Path) -> Result<(), StoreError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => {
                std::os::unix::fs::chown(dir, Some(uid), Some(gid)).map_err(|source| io("chown", dir, source))
            }
        }
    }

    /// Whether this user may pass through `dir` and everything above it.
    pub(super) fn reaches(self, dir: &Path) -> bool {
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
