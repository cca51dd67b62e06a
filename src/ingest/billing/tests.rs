//! Bills read as a whole: the formats, real files against sums of their own, and broken files.

mod broken;
mod formats;
mod real;

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use super::*;

/// A fixture of ours.
fn ours(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/ingest")).join(name)
}

/// All charges and the report.
fn all(path: &Path, format: Format) -> Result<(Vec<Charge>, Report), ReadError> {
    let mut charges = Vec::new();
    let report = read(path, format, &mut |batch| {
        charges.extend(batch);
        Ok::<(), Infallible>(())
    })?;
    assert_eq!(report.rows_read, report.accepted + report.rejected);
    assert_eq!(report.accepted, charges.len() as u64);
    Ok((charges, report))
}
