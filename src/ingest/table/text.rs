//! CSV, plain or from gzip.

use std::io::Read;
use std::rc::Rc;

use csv::{ErrorKind, StringRecord};

use super::open::{Counters, Input, damaged};
use super::{Cells, EachRow, Ending, Row};
use crate::{Place, ReadError, Reject};

/// More columns than any export has (the widest Cost and Usage Report has some 250).
pub(crate) const MAX_COLUMNS: usize = 5_000;

/// An open CSV file after its header.
pub(crate) struct Text {
    reader: csv::Reader<Box<dyn Read>>,
    counters: Rc<Counters>,
    /// The reader leaves the line feed of CRLF to the next record, which so seems to begin a line early.
    lines_ahead: u64,
}

impl Text {
    /// Reads the header.
    pub(crate) fn open(input: Input) -> Result<(Self, Vec<String>), ReadError> {
        let Input { file, text, counters, .. } = input;
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut this = Self { reader, counters, lines_ahead: 0 };
        let mut record = StringRecord::new();
        if !this.next(&file, &mut record)? {
            return Err(ReadError::Empty { path: file });
        }
        this.lines_ahead = u64::from(this.counters.crlf.get() == Some(true));
        if record.len() > MAX_COLUMNS {
            return Err(ReadError::TooLarge {
                place: Place::file(&file),
                found: format!("{} columns", record.len()),
                limit: format!("{MAX_COLUMNS}"),
            });
        }
        let names = record.iter().map(|name| name.trim().to_owned()).collect();
        Ok((this, names))
    }

    /// Hands over every row.
    pub(crate) fn for_each(
        mut self,
        file: &str,
        wanted: &[usize],
        columns: usize,
        each: &mut EachRow<'_>,
    ) -> Result<Ending, ReadError> {
        let mut record = StringRecord::new();
        let mut last_was_short = false;
        let mut ending = Ending::default();
        let mut width = None;
        while self.next(file, &mut record)? {
            let line = record.position().map(|position| position.line() + self.lines_ahead);
            let row = Row { file, line, row: None, cells: Cells::Text { record: &record, wanted } };
            last_was_short = record.len() < columns;
            // some exports leave the last columns out of every row
            let columns = *width.get_or_insert_with(|| {
                if record.len() < columns {
                    let sentence = format!("rows have {} cells, the header {columns}", record.len());
                    ending.warnings.push(format!("{sentence}: the last columns were taken as empty"));
                }
                record.len().min(columns)
            });
            let problem = if record.len() == columns {
                None
            } else {
                Some((format!("{} cells", record.len()), format!("{columns} cells, as in the first row")))
            };
            let bytes = self.counters.file_bytes.get();
            match problem {
                None => each(Ok(&row), bytes)?,
                Some((found, expected)) => {
                    let reason = "the number of cells differs".to_owned();
                    each(Err(Reject { place: row.place(), found, expected, reason }), bytes)?;
                }
            }
        }
        self.check_ending(file, last_was_short, ending)
    }

    /// Reads one record; false at the end.
    fn next(&mut self, file: &str, record: &mut StringRecord) -> Result<bool, ReadError> {
        self.counters.record_start.set(self.counters.text_bytes.get());
        self.reader.read_record(record).map_err(|error| self.failed(file, error))
    }

    fn failed(&self, file: &str, error: csv::Error) -> ReadError {
        let line = error.position().map_or(self.reader.position().line(), csv::Position::line);
        let line = line + self.lines_ahead;
        let place = Box::new(Place { file: file.to_owned(), line: Some(line), ..Place::default() });
        if let Some((found, limit)) = self.counters.over_limit.get() {
            return ReadError::TooLarge { place, found: found.to_owned(), limit: limit.to_owned() };
        }
        match error.into_kind() {
            ErrorKind::Utf8 { err, .. } => ReadError::Encoding {
                place: place.in_column(&(err.field() + 1).to_string()),
                found: "a byte that is not UTF-8, as Latin-1 and Windows-1252 have".to_owned(),
                next_step: "iconv -f WINDOWS-1252 -t UTF-8".to_owned(),
            },
            ErrorKind::Io(error) => damaged(file, Some(line), &error),
            _ => ReadError::Damaged { place, reason: "the row cannot be split into cells".to_owned() },
        }
    }

    /// Whether the end of the file looks cut off.
    fn check_ending(
        &self,
        file: &str,
        last_was_short: bool,
        mut ending: Ending,
    ) -> Result<Ending, ReadError> {
        let line_end = matches!(self.counters.last_byte.get(), b'\n' | b'\r');
        let place = Box::new(Place {
            file: file.to_owned(),
            line: Some(self.reader.position().line()),
            ..Place::default()
        });
        if self.counters.inside_quotes.get() && !line_end {
            return Err(ReadError::Damaged {
                place,
                reason: "the file ends inside a quoted cell".to_owned(),
            });
        }
        if last_was_short && !line_end {
            return Err(ReadError::Damaged {
                place,
                reason: "the file ends in the middle of a row".to_owned(),
            });
        }
        if !line_end {
            ending
                .warnings
                .push(format!("{place}: the last line has no line end; make sure that the file is complete"));
        }
        Ok(ending)
    }
}
