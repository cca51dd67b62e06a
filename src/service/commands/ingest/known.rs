//! Checksums of the objects of a source's last import: what has not changed need not be copied again to see that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sources::bucket::Object;

/// Objects by URL. Nothing depends on it: what is not known is copied.
pub(super) struct Known {
    file: PathBuf,
    before: BTreeMap<String, Version>,
    now: BTreeMap<String, Version>,
}

/// One version of an object: as long as the cloud names the same version, it has the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    version: String,
    size_bytes: u64,
    checksum: String,
}

impl Known {
    /// What the last import of `source` learned; nothing, when that cannot be read.
    pub(super) fn load(data_dir: &Path, source: &str) -> Self {
        // Two sources that come to share a file only copy more.
        let plain: String = source.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let file = data_dir.join("cache").join("objects").join(format!("{plain}.json"));
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let before = serde_json::from_str(&text).unwrap_or_default();
        Self { file, before, now: BTreeMap::new() }
    }

    /// The checksum of exactly this version.
    pub(super) fn checksum(&self, object: &Object) -> Option<String> {
        let known = self.before.get(&object.url)?;
        let same = Some(&known.version) == object.version.as_ref() && known.size_bytes == object.size_bytes;
        same.then(|| known.checksum.clone())
    }

    /// Notes the checksum of an object.
    pub(super) fn learn(&mut self, object: &Object, checksum: &str) {
        if let Some(version) = object.version.clone() {
            let known = Version { version, size_bytes: object.size_bytes, checksum: checksum.to_owned() };
            self.now.insert(object.url.clone(), known);
        }
    }

    /// Keeps what was noted, and forgets the rest. It is only a cache: when it cannot be written, the next import copies.
    pub(super) fn save(&self) {
        if self.before == self.now {
            return;
        }
        let write = || -> std::io::Result<()> {
            if let Some(folder) = self.file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let beside = self.file.with_extension("partial");
            std::fs::write(&beside, serde_json::to_string(&self.now)?)?;
            std::fs::rename(&beside, &self.file)
        };
        if let Err(error) = write() {
            tracing::warn!(file = %self.file.display(), %error, "checksums of objects are not kept");
        }
    }
}
