//! What reading a small table gives: the good rows, and the bad ones with their reasons.

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
