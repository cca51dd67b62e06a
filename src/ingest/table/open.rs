//! Opening a file: what it is by name and by content, its checksum, and limits that keep memory bounded.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::{Place, ReadError};

/// Longest line or quoted row; real ones stay under 100 kB.
pub(crate) const MAX_RECORD_BYTES: u64 = 4 << 20;
/// A gzip file may grow by this factor; exports of bills grow by 10 to 60.
const MAX_EXPANSION: u64 = 300;
/// Below this size the factor does not matter.
const EXPANSION_FREE_BYTES: u64 = 64 << 20;
/// How much of the content is looked at to tell what it is.
const SNIFF_BYTES: usize = 4096;

/// What a file holds once gzip is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Csv,
    JsonLines,
    Parquet,
}

/// Counters that a text reader shares with whoever reads from it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Bytes of the file so far, before gzip is taken off.
    pub(crate) file_bytes: Cell<u64>,
    /// Bytes of text so far.
    pub(crate) text_bytes: Cell<u64>,
    /// Bytes of text when the current record began, as far as is known.
    pub(crate) record_start: Cell<u64>,
    /// The last byte of text.
    pub(crate) last_byte: Cell<u8>,
    /// Whether the number of double quotes so far is odd.
    pub(crate) inside_quotes: Cell<bool>,
    /// Whether the first line ends in CRLF; `None` before its end.
    pub(crate) crlf: Cell<Option<bool>>,
    /// A limit that was hit, with the limit.
    pub(crate) over_limit: Cell<Option<(&'static str, &'static str)>>,
}

/// An open file of known kind.
pub(crate) struct Input {
    /// Path as given.
    pub(crate) file: String,
    pub(crate) kind: Kind,
    /// Text without gzip and byte-order mark; empty for Parquet.
    pub(crate) text: Box<dyn Read>,
    pub(crate) counters: Rc<Counters>,
    /// The file itself, for Parquet.
    pub(crate) seekable: Option<File>,
}

impl Input {
    /// Opens `path` (`-` is standard input) and makes sure that name and content agree.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let file = path.display().to_string();
        let unreadable = |source| ReadError::Unreadable { path: file.clone(), source };
        let counters = Rc::new(Counters::default());
        let (raw, seekable): (Box<dyn Read>, Option<File>) = if file == "-" {
            (Box::new(io::stdin()), None)
        } else {
            let handle = File::open(path).map_err(unreadable)?;
            if handle.metadata().map_err(unreadable)?.is_dir() {
                return Err(unreadable(io::Error::other("it is a folder, not a file")));
            }
            let is_file = handle.metadata().map_err(unreadable)?.is_file();
            (Box::new(handle.try_clone().map_err(unreadable)?), Some(handle).filter(|_| is_file))
        };
        let mut raw =
            BufReader::with_capacity(1 << 16, CountFile { inner: raw, counters: Rc::clone(&counters) });
        let head = peek(&mut raw).map_err(unreadable)?;
        if head.is_empty() {
            return Err(ReadError::Empty { path: file });
        }
        let named = Named::of(&file);
        if head.starts_with(b"PAR1") {
            named.agrees_with_parquet(&file)?;
            let Some(mut handle) = seekable else {
                return Err(ReadError::WrongFormat {
                    path: file,
                    found: "Parquet from a pipe".to_owned(),
                    next_step: "give the path of the file instead: Parquet is read from its end".to_owned(),
                });
            };
            handle.seek(SeekFrom::Start(0)).map_err(unreadable)?;
            return Ok(Self {
                file,
                kind: Kind::Parquet,
                text: Box::new(io::empty()),
                counters,
                seekable: Some(handle),
            });
        }
        let gzip = head.starts_with(&[0x1f, 0x8b]);
        named.agrees_with_text(&file, gzip, &head)?;
        let mut text: BufReader<Box<dyn Read>> = if gzip {
            BufReader::new(Box::new(MultiGzDecoder::new(raw)))
        } else {
            BufReader::new(Box::new(raw))
        };
        let head = peek(&mut text).map_err(|error| damaged(&file, None, &error))?;
        if head.is_empty() {
            return Err(ReadError::Empty { path: file });
        }
        refuse_binary(&file, &head)?;
        if head.starts_with(&[0xef, 0xbb, 0xbf]) {
            text.consume(3);
        }
        let head = head.trim_ascii_start();
        let kind = if head.first() == Some(&b'{') { Kind::JsonLines } else { Kind::Csv };
        let text = Box::new(CountText { inner: text, counters: Rc::clone(&counters) });
        Ok(Self { file, kind, text, counters, seekable: None })
    }
}

/// SHA-256 in hexadecimal, and the size, of the bytes of a file; read in blocks. Importers tell files
/// apart by it before they read them.
pub fn checksum(path: &Path) -> Result<(String, u64), ReadError> {
    let unreadable = |source| ReadError::Unreadable { path: path.display().to_string(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut block).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        digest.update(block.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
    let hexadecimal = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hexadecimal, bytes))
}

/// A reading error of text as an error of the file: what broke, and near which line.
pub(crate) fn damaged(file: &str, line: Option<u64>, error: &io::Error) -> ReadError {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the gzip stream ends too early, the file is truncated".to_owned(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            format!("the gzip stream is broken ({error})")
        }
        _ => error.to_string(),
    };
    ReadError::Damaged { place: Box::new(Place { file: file.to_owned(), line, ..Place::default() }), reason }
}

/// What the name promises.
struct Named {
    parquet: bool,
    gzip: bool,
    text: bool,
}

impl Named {
    fn of(file: &str) -> Self {
        let lower = file.to_ascii_lowercase();
        let ends = |end: &str| lower.ends_with(end);
        Self {
            parquet: ends(".parquet") || ends(".pq"),
            gzip: ends(".gz") || ends(".gzip"),
            text: [".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"].into_iter().any(ends),
        }
    }

    fn agrees_with_parquet(&self, file: &str) -> Result<(), ReadError> {
        if self.gzip || self.text {
            let named = if self.gzip { "gzip" } else { "text" };
            return Err(ReadError::Mislabelled { path: file.to_owned(), named, found: "Parquet".to_owned() });
        }
        Ok(())
    }

    fn agrees_with_text(&self, file: &str, gzip: bool, head: &[u8]) -> Result<(), ReadError> {
        let named = match (self.parquet, self.gzip, gzip) {
            (true, ..) => "Parquet",
            (_, true, false) => "gzip",
            (_, false, true) if self.text => "plain text",
            _ => return Ok(()),
        };
        let start: String = String::from_utf8_lossy(head).chars().take(24).collect();
        let found =
            if gzip { "gzip".to_owned() } else { format!("something else (it begins with {start:?})") };
        Err(ReadError::Mislabelled { path: file.to_owned(), named, found })
    }
}

/// The first bytes, without taking them.
fn peek<R: Read>(reader: &mut BufReader<R>) -> io::Result<Vec<u8>> {
    Ok(reader.fill_buf()?.iter().take(SNIFF_BYTES).copied().collect())
}

/// Refuses content that cannot be a table of UTF-8 text.
fn refuse_binary(file: &str, head: &[u8]) -> Result<(), ReadError> {
    let place = Box::new(Place { file: file.to_owned(), line: Some(1), ..Place::default() });
    let little_endian = head.starts_with(&[0xff, 0xfe]) || head.get(1) == Some(&0);
    if little_endian || head.starts_with(&[0xfe, 0xff]) || head.first() == Some(&0) {
        let name = if little_endian { "UTF-16LE" } else { "UTF-16BE" };
        let found = format!("the text looks like {name}");
        return Err(ReadError::Encoding { place, found, next_step: format!("iconv -f {name} -t UTF-8") });
    }
    let found = match head {
        [b'P', b'K', 3, 4, ..] => "a ZIP archive or spreadsheet: unpack it, or save it as CSV",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "a zstd archive: unpack it, or compress it with gzip",
        [b'B', b'Z', b'h', ..] => "a bzip2 archive: unpack it, or compress it with gzip",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "an xz archive: unpack it, or compress it with gzip",
        [b'[', ..] => "a JSON array: export it with one object a line (newline-delimited JSON)",
        [b'<', ..] => "a page of HTML or XML: fetch the file itself, not a sign-in or error page",
        _ if head.contains(&0) => "binary data: give a CSV, gzip, JSON lines or Parquet file",
        _ => return Ok(()),
    };
    let (found, next_step) = found.split_once(": ").unwrap_or((found, "export it again"));
    Err(ReadError::WrongFormat {
        path: file.to_owned(),
        found: format!("the content is {found}"),
        next_step: next_step.to_owned(),
    })
}

/// Counts the bytes of the file, for progress.
struct CountFile {
    inner: Box<dyn Read>,
    counters: Rc<Counters>,
}

impl Read for CountFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.counters.file_bytes.set(self.counters.file_bytes.get() + read as u64);
        Ok(read)
    }
}

/// Counts the bytes of text and stops at the limits.
struct CountText {
    inner: BufReader<Box<dyn Read>>,
    counters: Rc<Counters>,
}

impl Read for CountText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let counters = &self.counters;
        if counters.text_bytes.get() - counters.record_start.get() > MAX_RECORD_BYTES {
            counters.over_limit.set(Some(("a row of more than 4 MiB (an open quote?)", "4 MiB a row")));
            return Err(io::Error::other("row too long"));
        }
        let expansion_limit = counters.file_bytes.get().saturating_mul(MAX_EXPANSION);
        if counters.text_bytes.get() > expansion_limit.max(EXPANSION_FREE_BYTES) {
            counters.over_limit.set(Some(("gzip that grows more than 300-fold", "300-fold")));
            return Err(io::Error::other("gzip grows too much"));
        }
        let read = self.inner.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if let (None, Some(at)) = (counters.crlf.get(), bytes.iter().position(|byte| *byte == b'\n')) {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at).copied());
            counters.crlf.set(Some(before.unwrap_or(counters.last_byte.get()) == b'\r'));
        }
        if let Some(last) = bytes.last() {
            counters.last_byte.set(*last);
        }
        let odd = bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        counters.inside_quotes.set(counters.inside_quotes.get() ^ odd);
        counters.text_bytes.set(counters.text_bytes.get() + read as u64);
        Ok(read)
    }
}
