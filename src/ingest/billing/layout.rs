//! Which columns of a bill are read, and how their cells become values or a reason to reject the row.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::Currency;
use rust_decimal::Decimal;

use super::tags;
use crate::table::{self, Header, Row};
use crate::{ReadError, Reject};

/// Years that a charge can fall into; others are typing errors.
const CHARGE_YEARS: std::ops::Range<i32> = 2000..2100;

/// Why a row cannot become a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) column: String,
    pub(super) found: String,
    pub(super) expected: String,
    pub(super) reason: &'static str,
}

impl Problem {
    /// The problem as it is told to people.
    pub(super) fn at(self, row: &Row<'_>) -> Reject {
        let found = self.found.chars().take(200).collect();
        let place = row.place().in_column(&self.column);
        Reject { place, found, expected: self.expected, reason: self.reason.to_owned() }
    }
}

/// Things seen on the way that a reader of the report should know.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Rows whose tags could not be understood; the charge was kept without them.
    pub(super) unread_tags: u64,
    /// Savings plan covered usage at on-demand cost, and its negation: they must cancel.
    pub(super) savings_plan_offset: BTreeMap<Currency, Decimal>,
    /// What the header made necessary to assume.
    pub(super) assumptions: Vec<String>,
}

/// Collects the columns that a mapping wants.
pub(super) struct Layout<'h> {
    pub(super) header: &'h mut Header,
    pub(super) file: &'h str,
    pub(super) wanted: Vec<usize>,
}

/// One value of a charge, from the first of its columns that holds something.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    /// The first column's name as in the file, or as it should be.
    name: String,
    slots: Vec<usize>,
}

impl Layout<'_> {
    /// The columns of these names that exist, in order of preference.
    pub(super) fn field(&mut self, names: &[&str]) -> Field {
        let mut field = Field { name: names.first().copied().unwrap_or_default().to_owned(), slots: Vec::new() };
        for name in names {
            if let Some(column) = self.header.find(name) {
                if field.slots.is_empty() {
                    field.name = self.header.names().get(column).cloned().unwrap_or_default();
                }
                field.slots.push(self.slot(column));
            }
        }
        field
    }

    /// As [`Layout::field`], and an error when none of the columns exists.
    pub(super) fn require(&mut self, names: &[&str]) -> Result<Field, ReadError> {
        let field = self.field(names);
        if field.slots.is_empty() {
            return Err(ReadError::MissingColumn {
                path: self.file.to_owned(),
                column: field.name,
                found: self.header.summary(),
                expected: names.join(" or "),
            });
        }
        Ok(field)
    }

    /// Columns whose name begins with one of the prefixes, as (rest of the name, field).
    pub(super) fn prefixed(&mut self, prefixes: &[&str]) -> Vec<(String, Field)> {
        let mut found = Vec::new();
        for (column, name) in self.header.names().to_vec().into_iter().enumerate() {
            if let Some(rest) = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)) {
                let slots = vec![self.slot(column)];
                found.push((rest.to_owned(), Field { name: name.clone(), slots }));
            }
        }
        found
    }

    fn slot(&mut self, column: usize) -> usize {
        self.wanted.iter().position(|wanted| *wanted == column).unwrap_or_else(|| {
            self.wanted.push(column);
            self.wanted.len() - 1
        })
    }
}

impl Field {
    /// Whether the file has such a column.
    pub(super) fn exists(&self) -> bool {
        !self.slots.is_empty()
    }

    /// The text, with `NULL` in words and blanks around it taken as exports mean them.
    pub(super) fn text(&self, row: &Row<'_>) -> Result<Option<String>, Problem> {
        for slot in &self.slots {
            let Some(cell) = row.get(*slot) else { continue };
            let text = cell.trim();
            if text.is_empty() || text.eq_ignore_ascii_case("null") || text == "\\N" {
                continue;
            }
            if text.contains('\0') {
                let expected = "text without a NUL character";
                return Err(self.problem(text, expected, "a character that cannot be stored"));
            }
            return Ok(Some(text.to_owned()));
        }
        Ok(None)
    }

    /// The text, or a rejection when there is none.
    pub(super) fn need_text(&self, row: &Row<'_>, expected: &str) -> Result<String, Problem> {
        self.text(row)?.ok_or_else(|| self.problem("", expected, "empty"))
    }

    /// An exact amount.
    pub(super) fn decimal(&self, row: &Row<'_>) -> Result<Option<Decimal>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        match table::decimal(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.problem(&text, "a decimal number below 1e15", "not a number")),
        }
    }

    /// An exact amount, or a rejection when there is none.
    pub(super) fn need_decimal(&self, row: &Row<'_>) -> Result<Decimal, Problem> {
        self.decimal(row)?.ok_or_else(|| self.problem("", "a decimal number", "empty"))
    }

    /// An instant of UTC.
    pub(super) fn instant(&self, row: &Row<'_>) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        let instant = table::instant(&text).or_else(|| table::us_instant(&text));
        match instant.filter(|instant| CHARGE_YEARS.contains(&chrono::Datelike::year(instant))) {
            Some(instant) => Ok(Some(instant)),
            None => Err(self.problem(
                &text,
                "a time such as 2026-01-31T00:00:00Z or 01/31/2026, from 2000 to 2099",
                "not a time",
            )),
        }
    }

    /// An instant of UTC, or a rejection when there is none.
    pub(super) fn need_instant(&self, row: &Row<'_>) -> Result<DateTime<Utc>, Problem> {
        self.instant(row)?.ok_or_else(|| self.problem("", "a time", "empty"))
    }

    /// The billing currency; USD where the file has no such column, which the notes then say.
    pub(super) fn currency(&self, row: &Row<'_>) -> Result<Currency, Problem> {
        if !self.exists() {
            return Ok(Currency::USD);
        }
        let text = self.need_text(row, "an ISO 4217 code")?;
        text.parse().map_err(|_| self.problem(&text, "an ISO 4217 code such as USD or EUR", "unknown currency"))
    }

    /// Tags written as JSON, with or without braces, or as a list of keys and values.
    pub(super) fn tags(&self, row: &Row<'_>, notes: &mut Notes) -> Result<BTreeMap<String, String>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(BTreeMap::new()) };
        match tags::parse(&text) {
            Some(tags) => Ok(tags),
            None => {
                notes.unread_tags += 1;
                Ok(BTreeMap::new())
            }
        }
    }

    /// A value of a closed set.
    pub(super) fn named<T: std::str::FromStr<Err = domain::UnknownValue>>(
        &self,
        row: &Row<'_>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        text.parse().map(Some).map_err(|unknown: domain::UnknownValue| {
            self.problem(&text, &format!("one of {}", unknown.expected), "unknown value")
        })
    }

    /// What is wrong with the cell.
    pub(super) fn problem(&self, found: &str, expected: &str, reason: &'static str) -> Problem {
        Problem { column: self.name.clone(), found: found.to_owned(), expected: expected.to_owned(), reason }
    }
}
