//! Which columns of a table are read, and how their cells become values or a reason to reject the row.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Utc};
use domain::{Currency, Provider, Stamp};
use rust_decimal::Decimal;

use crate::table::{self, Header, Row};
use crate::{ReadError, Reject};

/// Years that bills and plans can fall into; others are typing errors.
const YEARS: std::ops::Range<i32> = 2000..2100;

/// Why a row cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) column: String,
    pub(crate) found: String,
    pub(crate) expected: String,
    pub(crate) reason: &'static str,
}

impl Problem {
    /// The problem as it is told to people.
    pub(crate) fn at(self, row: &Row<'_>) -> Reject {
        let found = self.found.chars().take(200).collect();
        let place = row.place().in_column(&self.column);
        Reject { place, found, expected: self.expected, reason: self.reason.to_owned() }
    }
}

/// Collects the columns that are wanted of a table.
pub(crate) struct Layout<'h> {
    pub(crate) header: &'h mut Header,
    pub(crate) file: &'h str,
    pub(crate) wanted: Vec<usize>,
}

/// One value of a row, from the first of its columns that holds something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    /// The first column's name as in the file, or as it should be.
    name: String,
    slots: Vec<usize>,
}

impl Layout<'_> {
    /// The columns of these names that exist, in order of preference.
    pub(crate) fn field(&mut self, names: &[&str]) -> Field {
        let mut field =
            Field { name: names.first().copied().unwrap_or_default().to_owned(), slots: Vec::new() };
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
    pub(crate) fn require(&mut self, names: &[&str]) -> Result<Field, ReadError> {
        let field = self.field(names);
        if field.slots.is_empty() {
            return Err(ReadError::MissingColumn {
                path: self.file.to_owned(),
                column: field.name,
                found: self.header.summary(),
                expected: names.join(" or "),
            });
        }
        if let Some(twice) = names.iter().find(|name| self.header.count(name) > 1) {
            return Err(ReadError::WrongFormat {
                path: self.file.to_owned(),
                found: format!("the header has more than one column {twice}"),
                next_step: "remove or rename all but one".to_owned(),
            });
        }
        Ok(field)
    }

    /// Columns whose name begins with one of the prefixes, as (rest of the name, field).
    pub(crate) fn prefixed(&mut self, prefixes: &[&str]) -> Vec<(String, Field)> {
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
    pub(crate) fn exists(&self) -> bool {
        !self.slots.is_empty()
    }

    /// The text, with `NULL` in words and blanks around it taken as exports mean them.
    pub(crate) fn text(&self, row: &Row<'_>) -> Result<Option<String>, Problem> {
        Ok(self.cell(row)?.map(Cow::into_owned))
    }

    /// As [`Field::text`], without a copy where the table has the text as it is.
    pub(crate) fn cell<'r>(&self, row: &'r Row<'_>) -> Result<Option<Cow<'r, str>>, Problem> {
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
            return Ok(Some(match &cell {
                Cow::Borrowed(whole) => Cow::Borrowed(whole.trim()),
                Cow::Owned(_) => Cow::Owned(text.to_owned()),
            }));
        }
        Ok(None)
    }

    /// As [`Field::need_text`], without a copy.
    pub(crate) fn need_cell<'r>(&self, row: &'r Row<'_>, expected: &str) -> Result<Cow<'r, str>, Problem> {
        self.cell(row)?.ok_or_else(|| self.problem("", expected, "empty"))
    }

    /// The text, or a rejection when there is none.
    pub(crate) fn need_text(&self, row: &Row<'_>, expected: &str) -> Result<String, Problem> {
        self.text(row)?.ok_or_else(|| self.problem("", expected, "empty"))
    }

    /// An exact amount.
    pub(crate) fn decimal(&self, row: &Row<'_>) -> Result<Option<Decimal>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        match table::decimal(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.problem(&text, "a decimal number below 1e15", "not a number")),
        }
    }

    /// An exact amount, or a rejection when there is none.
    pub(crate) fn need_decimal(&self, row: &Row<'_>) -> Result<Decimal, Problem> {
        self.decimal(row)?.ok_or_else(|| self.problem("", "a decimal number", "empty"))
    }

    /// An instant of UTC.
    pub(crate) fn instant(&self, row: &Row<'_>) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        let instant = table::instant(&text).or_else(|| table::us_instant(&text));
        match instant.filter(|instant| YEARS.contains(&instant.year())) {
            Some(instant) => Ok(Some(instant)),
            None => Err(self.problem(
                &text,
                "a time such as 2026-01-31T00:00:00Z or 01/31/2026, from 2000 to 2099",
                "not a time",
            )),
        }
    }

    /// An instant of UTC, or a rejection when there is none.
    pub(crate) fn need_instant(&self, row: &Row<'_>) -> Result<DateTime<Utc>, Problem> {
        self.instant(row)?.ok_or_else(|| self.problem("", "a time", "empty"))
    }

    /// A finite number.
    pub(crate) fn number(&self, row: &Row<'_>) -> Result<Option<f64>, Problem> {
        let Some(text) = self.cell(row)? else { return Ok(None) };
        table::finite(&text).map(Some).ok_or_else(|| self.problem(&text, "a finite number", "not a number"))
    }

    /// A finite number, or a rejection when there is none.
    pub(crate) fn need_number(&self, row: &Row<'_>) -> Result<f64, Problem> {
        self.number(row)?.ok_or_else(|| self.problem("", "a number", "empty"))
    }

    /// An integer step or an instant of UTC.
    pub(crate) fn need_stamp(&self, row: &Row<'_>) -> Result<Stamp, Problem> {
        self.need_stamp_in(row, Stamp::YEARS)
    }

    /// An integer step or an instant of UTC within these years.
    pub(crate) fn need_stamp_in(&self, row: &Row<'_>, years: RangeInclusive<i32>) -> Result<Stamp, Problem> {
        let text = self.cell(row)?.unwrap_or_default();
        table::step_or_instant(&text).filter(|stamp| stamp.within(&years)).ok_or_else(|| {
            let (first, last) = (years.start(), years.end());
            let expected = format!(
                "a time such as 2026-01-31T00:00:00Z, from {first} to {last}, or a whole number of steps"
            );
            self.problem(&text, &expected, if text.is_empty() { "empty" } else { "not a time" })
        })
    }

    /// `true`, `false`, `yes`, `no`, `1` or `0`.
    pub(crate) fn flag(&self, row: &Row<'_>) -> Result<Option<bool>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Some(true)),
            "false" | "no" | "0" => Ok(Some(false)),
            _ => Err(self.problem(&text, "true or false", "not a truth value")),
        }
    }

    /// The billing currency; USD where the file has no such column, which the notes then say.
    pub(crate) fn currency(&self, row: &Row<'_>) -> Result<Currency, Problem> {
        if !self.exists() {
            return Ok(Currency::USD);
        }
        let text = self.need_text(row, "an ISO 4217 code")?;
        text.parse()
            .map_err(|_| self.problem(&text, "an ISO 4217 code such as USD or EUR", "unknown currency"))
    }

    /// A value of a closed set.
    pub(crate) fn named<T: std::str::FromStr<Err = domain::UnknownValue>>(
        &self,
        row: &Row<'_>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(row)? else { return Ok(None) };
        text.parse().map(Some).map_err(|unknown: domain::UnknownValue| {
            self.problem(&text, &format!("one of {}", unknown.expected), "unknown value")
        })
    }

    /// A value of a closed set, or a rejection when there is none.
    pub(crate) fn need_named<T: std::str::FromStr<Err = domain::UnknownValue>>(
        &self,
        row: &Row<'_>,
    ) -> Result<T, Problem> {
        self.named(row)?.ok_or_else(|| self.problem("", "a value", "empty"))
    }

    /// A cloud.
    pub(crate) fn need_provider(&self, row: &Row<'_>) -> Result<Provider, Problem> {
        const EXPECTED: &str = "aws, azure or gcp";
        let text = self.need_text(row, EXPECTED)?;
        text.parse().map_err(|_| self.problem(&text, EXPECTED, "unknown provider"))
    }

    /// An amount that is not negative.
    pub(crate) fn price(&self, row: &Row<'_>) -> Result<Option<Decimal>, Problem> {
        match self.decimal(row)? {
            Some(value) if value.is_sign_negative() && !value.is_zero() => {
                Err(self.problem(&value.to_string(), "a number of 0 or more", "negative"))
            }
            other => Ok(other),
        }
    }

    /// What is wrong with the cell.
    pub(crate) fn problem(&self, found: &str, expected: &str, reason: &'static str) -> Problem {
        Problem { column: self.name.clone(), found: found.to_owned(), expected: expected.to_owned(), reason }
    }
}
