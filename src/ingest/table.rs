//! Tables of strangers, row by row, whatever the file is: CSV, gzip, JSON lines or Parquet.

mod cell;
mod json;
mod open;
mod parquet;
mod parse;
mod text;

pub use open::checksum;
pub(crate) use parse::{decimal, finite, instant, step_or_instant, us_instant};

use std::borrow::Cow;
use std::path::Path;

use crate::{Place, ReadError, Reject};
use open::Input;

/// Column names of a table, found by what is left of a name without case and punctuation, so that
/// `lineItem/UnblendedCost` and `line_item_unblended_cost` are the same column.
#[derive(Debug, Default)]
pub(crate) struct Header {
    names: Vec<String>,
    keys: Vec<String>,
    /// JSON objects state no columns: whatever is asked for may turn up.
    open: bool,
}

impl Header {
    fn new(names: Vec<String>, open: bool) -> Self {
        let keys = names.iter().map(|name| key(name)).collect();
        Self { names, keys, open }
    }

    /// The names as they stand in the file.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether columns can turn up that are not listed.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// The column called `name`, the first one when there are several.
    pub(crate) fn find(&mut self, name: &str) -> Option<usize> {
        let wanted = key(name);
        let found = self.keys.iter().position(|key| *key == wanted);
        if found.is_none() && self.open {
            self.names.push(name.to_owned());
            self.keys.push(wanted);
            return Some(self.names.len() - 1);
        }
        found
    }

    /// Whether a column is called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        let wanted = key(name);
        self.keys.contains(&wanted)
    }

    /// How many columns are called `name`.
    pub(crate) fn count(&self, name: &str) -> usize {
        let wanted = key(name);
        self.keys.iter().filter(|key| **key == wanted).count()
    }

    /// The names, shortened for a message.
    pub(crate) fn summary(&self) -> String {
        let shown: Vec<&str> = self.names.iter().take(8).map(String::as_str).collect();
        let more = self.names.len().saturating_sub(shown.len());
        let shown: String = shown.join(", ").chars().take(200).collect();
        if more == 0 { shown } else { format!("{shown} and {more} more") }
    }
}

/// A name without case and punctuation.
fn key(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// One row: cells by position in the list of wanted columns.
pub(crate) struct Row<'a> {
    file: &'a str,
    line: Option<u64>,
    row: Option<u64>,
    cells: Cells<'a>,
}

enum Cells<'a> {
    Text { record: &'a csv::StringRecord, wanted: &'a [usize] },
    Json(&'a [Option<Cow<'a, str>>]),
    Batch { columns: &'a [parquet::Column], index: usize },
}

impl Row<'_> {
    /// The cell of the wanted column at `slot`; `None` when empty.
    pub(crate) fn get(&self, slot: usize) -> Option<Cow<'_, str>> {
        let cell = match &self.cells {
            Cells::Text { record, wanted } => record.get(*wanted.get(slot)?).map(Cow::Borrowed),
            Cells::Json(cells) => cells.get(slot)?.as_deref().map(Cow::Borrowed),
            Cells::Batch { columns, index } => columns.get(slot)?.text(*index),
        };
        cell.filter(|text| !text.is_empty())
    }

    /// Where the row stands.
    pub(crate) fn place(&self) -> Box<Place> {
        Box::new(Place { file: self.file.to_owned(), line: self.line, row: self.row, column: None })
    }
}

/// What a caller does with each row, or with each line that is no row.
pub(crate) type EachRow<'f> = dyn FnMut(Result<&Row<'_>, Reject>, u64) -> Result<(), ReadError> + 'f;

/// What stood out when a file had been read to its end.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Sentences for the report.
    pub(crate) warnings: Vec<String>,
}

/// An open table whose header has been read.
pub(crate) struct Table {
    file: String,
    /// The columns.
    pub(crate) header: Header,
    source: Source,
}

enum Source {
    Text(Box<text::Text>),
    Json(Box<json::Lines>),
    Parquet(Box<parquet::Groups>),
}

impl Table {
    /// Opens the table at `path`; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let input = Input::open(path)?;
        let file = input.file.clone();
        let (names, is_open, source) = match input.kind {
            open::Kind::Csv => {
                let (text, names) = text::Text::open(input)?;
                (names, false, Source::Text(Box::new(text)))
            }
            open::Kind::JsonLines => (Vec::new(), true, Source::Json(Box::new(json::Lines::open(input)?))),
            open::Kind::Parquet => {
                let (groups, names) = parquet::Groups::open(input)?;
                (names, false, Source::Parquet(Box::new(groups)))
            }
        };
        Ok(Self { file, header: Header::new(names, is_open), source })
    }

    /// Hands every row to `each`, together with the bytes read so far; only `wanted` columns are decoded.
    pub(crate) fn for_each(self, wanted: &[usize], each: &mut EachRow<'_>) -> Result<Ending, ReadError> {
        match self.source {
            Source::Text(text) => text.for_each(&self.file, wanted, self.header.names.len(), each),
            Source::Json(lines) => {
                let names: Vec<&str> = wanted
                    .iter()
                    .filter_map(|column| self.header.names.get(*column))
                    .map(String::as_str)
                    .collect();
                lines.for_each(&self.file, &names, each)
            }
            Source::Parquet(groups) => groups.for_each(&self.file, wanted, each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_case_and_punctuation() {
        let mut header =
            Header::new(vec!["lineItem/UnblendedCost".into(), "resourceTags/user:app".into()], false);
        assert_eq!(header.find("line_item_unblended_cost"), Some(0));
        assert_eq!(header.find("product"), None);
        let mut open = Header::new(Vec::new(), true);
        assert_eq!(open.find("service.id"), Some(0));
        assert_eq!(open.find("service_id"), Some(0));
    }
}
