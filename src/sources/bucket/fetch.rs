//! The bytes of an object into a file, in parts, so that one broken connection costs one part.

use std::path::Path;

use futures_util::TryStreamExt as _;
use object_store::{Error, GetOptions, ObjectStore as _};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::error::refused;
use super::list::version;
use super::{Bucket, BucketError, Object};

/// Bytes of one request: small enough to come within its time limit on a slow line.
const PART_BYTES: u64 = 16 << 20;

impl Bucket {
    /// Copies an object to a new file, and answers the SHA-256 of its bytes in hexadecimal. `progress` is told how many
    /// bytes came. Memory does not grow with the object.
    ///
    /// # Errors
    /// [`BucketError::Changed`] and [`BucketError::Length`] when this is not the object that was listed,
    /// [`BucketError::Access`], [`BucketError::Copy`]. The file is incomplete then.
    pub async fn fetch(
        &self,
        object: &Object,
        to: &Path,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<String, BucketError> {
        let cannot_write = |source| BucketError::Copy { path: to.to_owned(), source };
        let mut file = File::create(to).await.map_err(cannot_write)?;
        let mut digest = Sha256::new();
        let mut received = 0;
        while received < object.size_bytes {
            let end = object.size_bytes.min(received + PART_BYTES);
            let options = GetOptions::new().with_range(Some(received..end));
            let part = self.store.get_opts(&object.key, options).await;
            let part = part.map_err(|error| self.lost(object, &error))?;
            if part.meta.size != object.size_bytes || version(&part.meta) != object.version {
                return Err(BucketError::Changed { url: object.url.clone() });
            }
            let mut stream = part.into_stream();
            while let Some(bytes) = stream.try_next().await.map_err(|error| self.lost(object, &error))? {
                file.write_all(&bytes).await.map_err(cannot_write)?;
                digest.update(&bytes);
                received += bytes.len() as u64;
                progress(bytes.len() as u64);
            }
            if received != end {
                let (url, announced) = (object.url.clone(), object.size_bytes);
                return Err(BucketError::Length { url, announced, received });
            }
        }
        file.flush().await.map_err(cannot_write)?;
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// An object that was listed and is not there any more has changed, too.
    fn lost(&self, object: &Object, error: &Error) -> BucketError {
        match error {
            Error::NotFound { .. } | Error::Precondition { .. } => {
                BucketError::Changed { url: object.url.clone() }
            }
            _ => refused(&self.location, &object.url, error),
        }
    }
}
