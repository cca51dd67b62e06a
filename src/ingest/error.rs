//! Why a file, or one row of it, could not be read: place, what was found, what to do next.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// Where in a file something stands. Lines and rows count from 1, the header included for lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Path as given by the caller; `-` for standard input.
    pub file: String,
    /// Line, in text files.
    pub line: Option<u64>,
    /// Row, in Parquet files.
    pub row: Option<u64>,
    /// Column name.
    pub column: Option<String>,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: &str) -> Box<Self> {
        Box::new(Self { file: file.to_owned(), ..Self::default() })
    }

    /// The same row, in this column.
    pub fn in_column(mut self: Box<Self>, column: &str) -> Box<Self> {
        self.column = Some(column.to_owned());
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.file == "-" { "standard input" } else { &self.file })?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        Ok(())
    }
}

/// One row that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Where it stands.
    pub place: Box<Place>,
    /// What stood there.
    pub found: String,
    /// What should have stood there.
    pub expected: String,
    /// Why that matters, in a few words (`not a number`, `unknown currency`).
    pub reason: String,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: found {:?}, expected {}", self.place, self.reason, self.found, self.expected)
    }
}

/// Why a whole file was refused. Nothing of it may be kept by the caller.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("{path}: cannot be read: check that the file exists and may be read")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Not even a header.
    #[error("{path}: the file is empty: expected at least a header; export it again")]
    Empty {
        /// The file.
        path: String,
    },
    /// Text that is not UTF-8.
    #[error("{place}: {found}: expected UTF-8; convert it, for example with `{next_step}`")]
    Encoding {
        /// Where the first wrong byte stands.
        place: Box<Place>,
        /// What it looks like.
        found: String,
        /// A command that mends it.
        next_step: String,
    },
    /// The name promises another kind of file than the content is.
    #[error("{path}: the name says {named}, but the content is {found}; rename the file or export it again")]
    Mislabelled {
        /// The file.
        path: String,
        /// Kind by name.
        named: &'static str,
        /// Kind by content.
        found: String,
    },
    /// The header is that of another format.
    #[error("{path}: {found}; {next_step}")]
    WrongFormat {
        /// The file.
        path: String,
        /// What the header looks like.
        found: String,
        /// What to do.
        next_step: String,
    },
    /// A column that cannot be done without.
    #[error("{path}: column {column} is missing: found {found}; expected {expected}")]
    MissingColumn {
        /// The file.
        path: String,
        /// The column.
        column: String,
        /// The columns that are there.
        found: String,
        /// The columns that have to be there.
        expected: String,
    },
    /// Truncated, mutated or otherwise broken.
    #[error("{place}: damaged: {reason}; fetch or export the file again")]
    Damaged {
        /// As near as is known.
        place: Box<Place>,
        /// What is wrong.
        reason: String,
    },
    /// Over a limit that keeps memory and time bounded.
    #[error("{place}: too large: {found}, the limit is {limit}; split the file")]
    TooLarge {
        /// Where.
        place: Box<Place>,
        /// What was found.
        found: String,
        /// The limit.
        limit: String,
    },
    /// A row is malformed, and the caller wanted every row.
    #[error("{0}; correct the row")]
    Malformed(Box<Reject>),
    /// The receiver of the rows failed; the file is fine.
    #[error("{path}: the rows could not be taken over")]
    Refused {
        /// The file.
        path: String,
        /// What the receiver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be written: check the folder, the permissions and the space left")]
pub struct WriteError {
    /// The file.
    pub path: String,
    /// What the system said.
    #[source]
    pub source: io::Error,
}
