//! Rows of a body: the same columns, and the same demands on them, as the tables of the file mode.

use chrono::{DateTime, Datelike, Utc};
use rust_decimal::Decimal;

use crate::error::{FieldError, WebError};

/// Faults that are listed one by one.
const MAX_FAULTS: usize = 20;
/// Years that a time may lie in.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2200;
/// Prices and quantities above this are a mistake.
const MAX_AMOUNT: i64 = 1_000_000_000;

/// What is wrong with the rows, by place.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    /// Wants something of a value; `place` is only asked for when it is not so.
    pub(super) fn want(&mut self, holds: bool, place: impl FnOnce() -> String, wanted: &str) {
        if !holds && self.0.len() < MAX_FAULTS {
            self.0.push(FieldError::new(place(), format!("must be {wanted}")));
        }
    }

    /// Wants a table of this many rows.
    pub(super) fn want_rows<T>(&mut self, rows: &[T], table: &str, most: usize) {
        let wanted = format!("1 to {most} rows");
        self.want((1..=most).contains(&rows.len()), || table.to_owned(), &wanted);
    }

    /// All is well, or 422 with the faults.
    pub(super) fn none(self) -> Result<(), WebError> {
        if self.0.is_empty() { Ok(()) } else { Err(WebError::Fields(self.0)) }
    }
}

/// One row while it is checked.
pub(super) struct Row<'a> {
    pub(super) faults: &'a mut Faults,
    pub(super) table: &'static str,
    pub(super) index: usize,
}

impl Row<'_> {
    /// Wants something of a column.
    pub(super) fn want(&mut self, holds: bool, column: &str, wanted: &str) {
        let (table, index) = (self.table, self.index);
        self.faults.want(holds, || format!("{table}[{index}].{column}"), wanted);
    }

    pub(super) fn texts(&mut self, columns: &[(&str, &str)]) {
        for (column, text) in columns {
            self.want(!text.trim().is_empty(), column, "a text that is not empty");
        }
    }

    pub(super) fn amount(&mut self, column: &str, amount: Decimal) {
        let fits = Decimal::ZERO <= amount && amount <= Decimal::from(MAX_AMOUNT);
        self.want(fits, column, "a number, 0 to 1000000000");
    }

    pub(super) fn time(&mut self, column: &str, time: DateTime<Utc>) {
        self.want(YEARS.contains(&time.year()), column, "a time between 1970 and 2200");
    }
}

/// Checks every row of a table.
pub(super) fn each<'a, T>(
    faults: &mut Faults,
    table: &'static str,
    rows: impl IntoIterator<Item = &'a mut T>,
    check: impl Fn(&mut Row<'_>, &'a mut T),
) where
    T: 'a,
{
    for (index, row) in rows.into_iter().enumerate() {
        check(&mut Row { faults, table, index }, row);
    }
}
