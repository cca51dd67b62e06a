//! Things seen on the way through a bill that a reader of its report should know.

use std::collections::BTreeMap;

use domain::Currency;
use rust_decimal::Decimal;

use crate::columns::{Field, Problem};
use crate::table::Row;
use crate::tags;

/// Counts and sentences.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Rows whose tags could not be understood; the charge was kept without them.
    pub(super) unread_tags: u64,
    /// Savings plan covered usage at on-demand cost, and its negation: they must cancel.
    pub(super) savings_plan_offset: BTreeMap<Currency, Decimal>,
    /// What the header made necessary to assume.
    pub(super) assumptions: Vec<String>,
}

impl Notes {
    /// The tags in a cell; none, and a note, when they cannot be read.
    pub(super) fn tags(&mut self, field: &Field, row: &Row<'_>) -> Result<BTreeMap<String, String>, Problem> {
        let Some(text) = field.text(row)? else { return Ok(BTreeMap::new()) };
        Ok(tags::parse(&text).unwrap_or_else(|| {
            self.unread_tags += 1;
            BTreeMap::new()
        }))
    }
}
