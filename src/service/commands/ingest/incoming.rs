//! Copies of objects while they are read: a folder that ends with its owner, also when that is killed.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Name of the file that the owner of a folder holds a lock on.
const LOCK: &str = "lock";

/// A folder of its own below the data folder; removed at the end.
pub(super) struct Incoming {
    folder: PathBuf,
    /// The system gives the lock back when the process ends, however it does.
    _lock: File,
}

impl Incoming {
    /// Makes a folder, and removes those whose owners were killed.
    pub(super) fn new(data_dir: &Path) -> anyhow::Result<Self> {
        let all = data_dir.join("incoming");
        Self::below(&all).with_context(|| {
            format!("cannot copy objects to {}; check the permissions and the space left", all.display())
        })
    }

    fn below(all: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(all)?;
        // Held while folders come and go: nobody sees one that is not locked yet.
        let gate = File::create(all.join(LOCK))?;
        gate.lock()?;
        for entry in std::fs::read_dir(all)? {
            let folder = entry?.path();
            if folder.is_dir() && !is_owned(&folder) {
                std::fs::remove_dir_all(&folder)?;
            }
        }
        let mut number = 0;
        let folder = loop {
            let folder = all.join(number.to_string());
            match create_private(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                made => break made.map(|()| folder)?,
            }
        };
        let lock = File::create(folder.join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where the copy of the `number`-th object goes. The end of the name stays: readers look at it.
    pub(super) fn path(&self, number: usize, url: &str) -> PathBuf {
        let name = url.rsplit('/').next().unwrap_or_default();
        let plain = |character: &char| character.is_ascii_alphanumeric() || ".-_".contains(*character);
        let end: Vec<char> = name.chars().rev().take_while(plain).take(60).collect();
        let end: String = end.into_iter().rev().collect();
        self.folder.join(format!("{number}-{end}"))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next import.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_owned(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err())
}

/// Bills are nobody else's business.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_dead_go_and_those_of_the_living_stay() {
        let data_dir = tempfile::tempdir().unwrap();
        let living = Incoming::new(data_dir.path()).unwrap();
        let copy = living.path(0, "s3://bills/a b/jan uary.csv.gz");
        assert!(copy.ends_with("0-uary.csv.gz"), "{}", copy.display());
        std::fs::write(&copy, "x").unwrap();
        let dead = data_dir.path().join("incoming/7");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(LOCK), "").unwrap();
        std::fs::write(dead.join("0-jan.csv"), "x").unwrap();

        let other = Incoming::new(data_dir.path()).unwrap();
        assert!(copy.exists() && !dead.exists());
        assert_ne!(other.folder, living.folder);
        drop(living);
        assert!(!copy.exists() && other.folder.exists());
    }
}
