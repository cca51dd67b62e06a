//! Buckets of Amazon S3, Azure Blob Storage and Google Cloud Storage: what a URL names, and its bytes on this machine.
//!
//! Every request is bounded in time and in retries. An object that is not the one that was listed any more is refused,
//! so that what was counted is what is read.

mod access;
mod error;
mod fetch;
mod list;
mod location;

pub use access::{Environment, reads};
pub use error::BucketError;
pub use list::{Listing, Object};
pub use location::{Location, is_url};

use std::sync::Arc;

use object_store::ObjectStore;

/// An open bucket, and the place in it that was asked for.
#[derive(Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    location: Location,
}

#[cfg(test)]
mod tests;
