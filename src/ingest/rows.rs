//! What reading a small table gives: the good rows, and the bad ones with their reasons.

use std::path::Path;

use crate::columns::{Layout, Problem};
use crate::table::{Row, Table};
use crate::{ReadError, Reject};

/// How many rejected rows are listed one by one.
pub(crate) const MAX_LISTED: usize = 1_000;

/// Rows of a table, and what was left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// Rows that were understood, in file order.
    pub rows: Vec<T>,
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows left out.
    pub rejected: u64,
    /// The first 1,000 of them.
    pub rejects: Vec<Reject>,
}

impl<T> Rows<T> {
    /// All rows, or an error for the first one that was malformed.
    pub fn all(self) -> Result<Vec<T>, ReadError> {
        match self.rejects.into_iter().next() {
            Some(reject) => Err(ReadError::Malformed(Box::new(reject))),
            None => Ok(self.rows),
        }
    }
}

/// Reads the table at `input`: `find` looks its columns up, `parse` turns each row into a value.
pub(crate) fn read<C, T>(
    input: &Path,
    find: impl FnOnce(&mut Layout<'_>) -> Result<C, ReadError>,
    parse: impl Fn(&C, &Row<'_>) -> Result<T, Problem>,
) -> Result<Rows<T>, ReadError> {
    let mut table = Table::open(input)?;
    let file = input.display().to_string();
    let mut layout = Layout { header: &mut table.header, file: &file, wanted: Vec::new() };
    let columns = find(&mut layout)?;
    let wanted = layout.wanted;
    let mut rows = Rows { rows: Vec::new(), rows_read: 0, rejected: 0, rejects: Vec::new() };
    table.for_each(&wanted, &mut |row, _| {
        rows.rows_read += 1;
        match row.and_then(|row| parse(&columns, row).map_err(|problem| problem.at(row))) {
            Ok(value) => rows.rows.push(value),
            Err(reject) => {
                rows.rejected += 1;
                if rows.rejects.len() < MAX_LISTED {
                    rows.rejects.push(reject);
                }
            }
        }
        Ok(())
    })?;
    Ok(rows)
}
