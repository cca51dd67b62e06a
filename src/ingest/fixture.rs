//! Small files for the tests, gone when dropped.

use std::path::{Path, PathBuf};

/// A file in a folder of its own.
pub(crate) struct Fixture {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes a file of this name.
pub(crate) fn fixture(name: &str, content: impl AsRef<[u8]>) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    Fixture { path, _folder: folder }
}
