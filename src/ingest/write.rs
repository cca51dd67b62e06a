//! Tables out: CSV, gzip or Parquet by extension, CSV on standard output.

use std::path::Path;

use chrono::{DateTime, Utc};
use domain::Stamp;

use crate::WriteError;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; formula characters are escaped in CSV.
    Text,
    /// A number with a fraction.
    Number,
    /// A whole number.
    Integer,
    /// A UTC instant.
    Time,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Empty,
    /// Text.
    Text(&'a str),
    /// A number with a fraction; one that is not finite is written as nothing.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// A UTC instant.
    Time(DateTime<Utc>),
}

impl From<Stamp> for Cell<'_> {
    fn from(stamp: Stamp) -> Self {
        match stamp {
            Stamp::Step(step) => Self::Integer(step),
            Stamp::Time(time) => Self::Time(time),
        }
    }
}

/// A table being written. Nothing appears under the output's name before [`TableWriter::finish`].
#[derive(Debug)]
pub struct TableWriter {}

impl TableWriter {
    /// Starts a table with these columns.
    pub fn create(output: &Path, _columns: &[(&str, Kind)]) -> Result<Self, WriteError> {
        Err(WriteError { path: output.display().to_string(), source: std::io::Error::other("not open") })
    }

    /// Adds a row with one cell a column.
    pub fn row(&mut self, _cells: &[Cell<'_>]) -> Result<(), WriteError> {
        Ok(())
    }

    /// Writes what is left and puts the file in its place.
    pub fn finish(self) -> Result<(), WriteError> {
        Ok(())
    }
}
