//! What a URL names: one object, or every object below a folder in order of name.

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt as _};

use super::error::refused;
use super::{Bucket, BucketError};

/// One object, as it was when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its URL.
    pub url: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What the cloud calls this version of it (`ETag`), without quotation marks.
    pub version: Option<String>,
    pub(super) key: Path,
}

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Objects in order of key, at least one.
    pub objects: Vec<Object>,
    /// Objects that are not data: hidden ones, markers, manifests of exports.
    pub left_out: usize,
}

impl Bucket {
    /// Asks what the URL names.
    ///
    /// # Errors
    /// [`BucketError::Empty`] when nothing is there, [`BucketError::Access`].
    pub async fn list(&self) -> Result<Listing, BucketError> {
        let location = &self.location;
        let place = location.to_string();
        if !location.folder {
            match self.store.head(&location.key).await {
                Ok(meta) => return Ok(Listing { objects: vec![self.object(meta)], left_out: 0 }),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(refused(location, &place, &error)),
            }
        }
        let prefix = Some(&location.key).filter(|key| !key.is_root());
        let found: Vec<ObjectMeta> =
            self.store.list(prefix).try_collect().await.map_err(|error| refused(location, &place, &error))?;
        let all = found.len();
        let mut objects: Vec<Object> =
            found.into_iter().filter(|meta| self.is_data(meta)).map(|meta| self.object(meta)).collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        let left_out = all - objects.len();
        if objects.is_empty() {
            return Err(BucketError::Empty { place, left_out });
        }
        Ok(Listing { objects, left_out })
    }

    /// Whether an object below the folder is a file that somebody wants to have read.
    fn is_data(&self, meta: &ObjectMeta) -> bool {
        let Some(mut below) = meta.location.prefix_match(&self.location.key) else { return false };
        let hidden = below.any(|part| part.as_ref().starts_with(['.', '_']));
        let name = meta.location.filename().unwrap_or_default();
        // Consoles and file systems mark folders with empty objects.
        let marks_folder = meta.size == 0 && !name.contains('.');
        let manifest = name.to_ascii_lowercase().ends_with("manifest.json");
        !hidden && !marks_folder && !manifest
    }

    fn object(&self, meta: ObjectMeta) -> Object {
        Object {
            url: self.location.url(&meta.location),
            size_bytes: meta.size,
            version: version(&meta),
            key: meta.location,
        }
    }
}

/// Azure writes the same ETag with quotation marks in one place and without in another.
pub(super) fn version(meta: &ObjectMeta) -> Option<String> {
    meta.e_tag.as_ref().map(|tag| tag.trim_matches('"').to_owned())
}
