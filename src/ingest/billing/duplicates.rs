//! Rows that stand twice in one file.
//!
//! Only a Cost and Usage Report numbers its line items: there, a row equal to an earlier one in every
//! column that is read is a copy. Elsewhere equal rows can be two charges, and are only counted.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::columns::Field;
use crate::table::Row;

/// Rows remembered, at 8 bytes each; later ones are no longer compared.
const MAX_REMEMBERED: usize = 7_000_000;

/// What was seen so far.
pub(super) struct Duplicates {
    identity: Option<Field>,
    columns: usize,
    seen: HashSet<u64>,
    equal_rows: u64,
    forgotten: bool,
}

impl Duplicates {
    pub(super) fn new(identity: Option<&Field>, columns: usize) -> Self {
        Self { identity: identity.cloned(), columns, seen: HashSet::new(), equal_rows: 0, forgotten: false }
    }

    /// Whether this line item was there before.
    pub(super) fn is_known(&mut self, row: &Row<'_>) -> bool {
        let mut hasher = DefaultHasher::new();
        for slot in 0..self.columns {
            row.get(slot).hash(&mut hasher);
        }
        let hash = hasher.finish();
        if self.seen.len() >= MAX_REMEMBERED {
            self.forgotten = true;
            return self.seen.contains(&hash) && self.numbered(row);
        }
        if self.seen.insert(hash) {
            return false;
        }
        let numbered = self.numbered(row);
        self.equal_rows += u64::from(!numbered);
        numbered
    }

    /// A sentence about what was not decided.
    pub(super) fn warning(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.equal_rows > 0 {
            sentences.push(format!(
                "{} rows equal an earlier row; they were kept, for they have no number that tells them apart",
                self.equal_rows
            ));
        }
        if self.forgotten {
            sentences.push(format!("rows after {MAX_REMEMBERED} were not compared with each other"));
        }
        sentences
    }

    fn numbered(&self, row: &Row<'_>) -> bool {
        self.identity.as_ref().is_some_and(|field| matches!(field.text(row), Ok(Some(_))))
    }
}
