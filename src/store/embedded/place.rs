//! Where the parts of the server are: cluster, socket and log, each where its user can get to it.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::user::ServerUser;
use super::{NAME, PORT};
use crate::StoreError;

/// Longest path of a Unix socket on every system that is served (macOS has 104, Linux 108, each with a final NUL).
const SOCKET_PATH_MAX: usize = 103;

/// Where root puts a cluster whose data directory the unprivileged user can't reach.
const SYSTEM_DIR: &str = "/var/lib/headroom";

/// Where the parts of the server are.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) cluster: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) log: PathBuf,
}

impl Place {
    pub(super) fn choose(data_dir: &Path, temp_dir: &Path, user: &ServerUser) -> Result<Self, StoreError> {
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
    pub(super) fn major_version(&self) -> Option<String> {
        let version = std::fs::read_to_string(self.cluster.join("PG_VERSION")).ok()?;
        Some(version.trim().to_owned())
    }

    pub(super) fn url(&self, database: &str) -> String {
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
pub(super) fn create_dir(dir: &Path, mode: u32) -> Result<(), StoreError> {
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

pub(super) fn io(verb: &str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { action: format!("can't {verb} {}", path.display()), source }
}
