//! Tables out: CSV, gzip or Parquet by extension, CSV on standard output.

mod parquet;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::Stamp;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::WriteError;
use parquet::Batches;

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

/// A table being written. Nothing appears under the output's name before [`TableWriter::finish`]; a
/// table that is dropped before leaves nothing behind.
#[derive(Debug)]
pub struct TableWriter {
    path: PathBuf,
    /// Where the rows go until the table is complete; `None` for standard output.
    draft: Option<Draft>,
    sink: Sink,
    columns: usize,
    line: String,
}

enum Sink {
    Text(Box<dyn Write>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
    Parquet(Box<Batches>),
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Gzip(_) => "Gzip",
            Self::Parquet(_) => "Parquet",
        })
    }
}

impl TableWriter {
    /// Starts a table with these columns at `output`; `-` is standard output.
    pub fn create(output: &Path, columns: &[(&str, Kind)]) -> Result<Self, WriteError> {
        let name = output.display().to_string();
        let failed = |source| WriteError { path: name.clone(), source };
        let lower = name.to_ascii_lowercase();
        let (draft, sink) = if name == "-" {
            (None, Sink::Text(Box::new(BufWriter::new(io::stdout()))))
        } else {
            let (draft, file) = Draft::of(output)?;
            let sink = if lower.ends_with(".parquet") || lower.ends_with(".pq") {
                Sink::Parquet(Box::new(Batches::new(file, columns).map_err(failed)?))
            } else if lower.ends_with(".gz") {
                Sink::Gzip(Box::new(GzEncoder::new(BufWriter::new(file), Compression::default())))
            } else {
                Sink::Text(Box::new(BufWriter::new(file)))
            };
            (draft, sink)
        };
        let mut table =
            Self { path: output.to_owned(), draft, sink, columns: columns.len(), line: String::new() };
        if !matches!(table.sink, Sink::Parquet(_)) {
            let header: Vec<Cell<'_>> = columns.iter().map(|(name, _)| Cell::Text(name)).collect();
            table.row(&header)?;
        }
        Ok(table)
    }

    /// Adds a row with one cell a column; missing cells are empty.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), WriteError> {
        let written = match &mut self.sink {
            Sink::Parquet(batches) => batches.row(cells),
            Sink::Text(out) => write_line(out, &mut self.line, cells, self.columns),
            Sink::Gzip(out) => write_line(out, &mut self.line, cells, self.columns),
        };
        written.map_err(|source| WriteError { path: self.path.display().to_string(), source })
    }

    /// Writes what is left and puts the file in its place.
    pub fn finish(self) -> Result<(), WriteError> {
        let Self { path, draft, sink, .. } = self;
        let written = match sink {
            Sink::Text(mut out) => out.flush(),
            Sink::Gzip(out) => out.finish().and_then(|mut out| out.flush()),
            Sink::Parquet(batches) => batches.finish(),
        };
        written.map_err(|source| WriteError { path: path.display().to_string(), source })?;
        draft.map_or(Ok(()), |draft| draft.move_to(&path))
    }
}

/// A file beside the output, removed unless it takes the output's place.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// An empty file to write to, and its draft; devices and pipes are written to as they are and have none.
    pub fn of(output: &Path) -> Result<(Option<Self>, File), WriteError> {
        let opened = if output.metadata().is_ok_and(|meta| !meta.is_file()) {
            File::options().write(true).open(output).map(|file| (None, file))
        } else {
            Self::beside(output).map(|(draft, file)| (Some(draft), file))
        };
        opened.map_err(|source| WriteError { path: output.display().to_string(), source })
    }

    /// Puts the file in its place.
    pub fn move_to(self, output: &Path) -> Result<(), WriteError> {
        std::fs::rename(&self.path, output)
            .map_err(|source| WriteError { path: output.display().to_string(), source })
    }

    fn beside(output: &Path) -> io::Result<(Self, File)> {
        let mut name = output.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let path = output.with_file_name(name);
        let file = File::create(&path)?;
        Ok((Self { path }, file))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // after a move there is nothing left to remove
        let _gone = std::fs::remove_file(&self.path);
    }
}

fn write_line(out: &mut impl Write, line: &mut String, cells: &[Cell<'_>], columns: usize) -> io::Result<()> {
    line.clear();
    for index in 0..columns {
        if index > 0 {
            line.push(',');
        }
        match cells.get(index) {
            Some(Cell::Text(text)) => push_text(text, line),
            Some(Cell::Number(number)) if number.is_finite() => line.push_str(&number.to_string()),
            Some(Cell::Integer(number)) => line.push_str(&number.to_string()),
            Some(Cell::Time(time)) => line.push_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Some(Cell::Empty | Cell::Number(_)) | None => (),
        }
    }
    line.push('\n');
    out.write_all(line.as_bytes())
}

/// Text that a spreadsheet would take for a formula gets an apostrophe in front; numbers never do.
fn push_text(text: &str, line: &mut String) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quoted = text.contains(['"', ',', '\n', '\r']);
    if quoted {
        line.push('"');
    }
    if formula {
        line.push('\'');
    }
    if text.contains('"') {
        line.push_str(&text.replace('"', "\"\""))
    } else {
        line.push_str(text)
    }
    if quoted {
        line.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [(&str, Kind); 4] =
        [("unique_id", Kind::Text), ("ds", Kind::Time), ("mean", Kind::Number), ("required", Kind::Integer)];

    fn write(path: &Path) {
        let mut table = TableWriter::create(path, &COLUMNS).unwrap();
        let time = "2026-01-01T05:00:00Z".parse().unwrap();
        table
            .row(&[Cell::Text("=cmd|' /C calc'!A0"), Cell::Time(time), Cell::Number(-1.5), Cell::Integer(3)])
            .unwrap();
        table
            .row(&[Cell::Text("a \"b\", c"), Cell::Time(time), Cell::Number(f64::NAN), Cell::Empty])
            .unwrap();
        table.finish().unwrap();
    }

    #[test]
    fn formulas_are_escaped_in_text_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let table = TableWriter::create(&path, &COLUMNS).unwrap();
        assert!(!path.exists());
        drop(table);
        write(&path);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "unique_id,ds,mean,required\n'=cmd|' /C calc'!A0,2026-01-01T05:00:00Z,-1.5,3\n\
             \"a \"\"b\"\", c\",2026-01-01T05:00:00Z,,\n"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_format_reads_back_and_is_the_same_twice() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["out.csv", "out.csv.gz", "out.parquet"] {
            let path = folder.path().join(name);
            write(&path);
            let bytes = std::fs::read(&path).unwrap();
            let mut table = crate::table::Table::open(&path).unwrap();
            let wanted: Vec<usize> =
                COLUMNS.iter().map(|(name, _)| table.header.find(name).unwrap()).collect();
            let mut rows = Vec::new();
            table
                .for_each(&wanted, &mut |row, _| {
                    let row = row.unwrap();
                    rows.push(
                        (0..4).map(|slot| row.get(slot).map(|cell| cell.into_owned())).collect::<Vec<_>>(),
                    );
                    Ok(())
                })
                .unwrap();
            assert_eq!(rows[0][1].as_deref(), Some("2026-01-01T05:00:00Z"), "{name}");
            assert_eq!((rows[0][2].as_deref(), rows[0][3].as_deref()), (Some("-1.5"), Some("3")), "{name}");
            assert_eq!((rows[1][0].as_deref(), rows[1][2].as_deref()), (Some("a \"b\", c"), None), "{name}");
            write(&path);
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
        }
    }

    #[test]
    fn a_table_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(TableWriter::create(&folder.path().join("out.parquet"), &COLUMNS).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let error = TableWriter::create(&folder.path().join("no/out.csv"), &COLUMNS).unwrap_err();
        assert!(error.to_string().contains("no/out.csv: cannot be written"), "{error}");
    }
}
