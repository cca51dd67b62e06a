//! Parquet, in bounded batches and only after its footer was found plausible.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaData;

use super::open::Input;
use super::text::MAX_COLUMNS;
use super::{Cells, EachRow, Ending, Row, cell};
use crate::{Place, ReadError};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 4_096;
/// Rows in one file; a year of a very large bill is split into more files than that.
const MAX_ROWS: i64 = 100_000_000;
/// Row groups in one file.
const MAX_GROUPS: usize = 100_000;
/// Rows in one row group; writers stay at about a million.
const MAX_GROUP_ROWS: i64 = 20_000_000;
/// Size of the footer; 5,000 columns in 1,000 groups stay below.
const MAX_FOOTER_BYTES: u32 = 64 << 20;

/// An open Parquet file whose footer was read.
pub(crate) struct Groups {
    file: File,
    bytes: u64,
    metadata: ArrowReaderMetadata,
    leaves: Vec<Leaf>,
}

/// A column by name: a top-level field, or a member of nested structs.
#[derive(Debug, Clone)]
struct Leaf {
    name: String,
    /// Positions from the top-level field inwards.
    path: Vec<usize>,
}

/// A wanted column of one batch.
pub(crate) struct Column {
    /// Structs around the values; where one is null, so is the value.
    parents: Vec<ArrayRef>,
    values: Option<ArrayRef>,
}

impl Column {
    pub(crate) fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.parents.iter().any(|parent| parent.is_null(row)) {
            return None;
        }
        cell::text(self.values.as_deref()?, row)
    }
}

impl Groups {
    /// Reads and checks the footer.
    pub(crate) fn open(input: Input) -> Result<(Self, Vec<String>), ReadError> {
        let Input { file: path, seekable, .. } = input;
        let place = Place::file(&path);
        let broken = |reason: String| ReadError::Damaged { place: place.clone(), reason };
        let Some(mut file) = seekable else {
            return Err(broken("it cannot be read from its end".to_owned()));
        };
        let bytes = check_tail(&mut file, &path)?;
        // Text as views: cells that share one dictionary entry then share its bytes, so that a batch
        // never grows beyond the pages it comes from. The writer's own Arrow schema is not trusted.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let plain = guarded(|| ArrowReaderMetadata::load(&file, options.clone())).map_err(&broken)?;
        check_footer(plain.metadata(), bytes, &path)?;
        let schema = Schema::new(plain.schema().fields().iter().map(as_view).collect::<Vec<_>>());
        let options = options.with_schema(Arc::new(schema));
        let metadata = guarded(|| ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options))
            .map_err(&broken)?;
        let mut leaves = Vec::new();
        list_leaves(metadata.schema().fields(), "", &[], &mut leaves);
        let names = leaves.iter().map(|leaf| leaf.name.clone()).collect();
        Ok((Self { file, bytes, metadata, leaves }, names))
    }

    /// Hands over every row, one bounded batch after the other.
    pub(crate) fn for_each(
        self,
        file: &str,
        wanted: &[usize],
        each: &mut EachRow<'_>,
    ) -> Result<Ending, ReadError> {
        let Self { file: handle, bytes, metadata, leaves } = self;
        let total = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mut row_number = 0;
        let broken = |row: u64, reason: String| ReadError::Damaged {
            place: Box::new(Place { file: file.to_owned(), row: Some(row + 1), ..Place::default() }),
            reason,
        };
        let picked: Vec<Option<&Leaf>> = wanted.iter().map(|index| leaves.get(*index)).collect();
        let mut roots: Vec<usize> =
            picked.iter().flatten().filter_map(|leaf| leaf.path.first().copied()).collect();
        roots.sort_unstable();
        roots.dedup();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        let mut reader = guarded(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata)
                .with_batch_size(BATCH_ROWS)
                .with_projection(mask)
                .build()
        })
        .map_err(|reason| broken(0, reason))?;
        while let Some(batch) =
            guarded(|| reader.next().transpose()).map_err(|reason| broken(row_number, reason))?
        {
            let columns: Vec<Column> = picked.iter().map(|leaf| column(&batch, &roots, *leaf)).collect();
            for index in 0..batch.num_rows() {
                row_number += 1;
                let row = Row {
                    file,
                    line: None,
                    row: Some(row_number),
                    cells: Cells::Batch { columns: &columns, index },
                };
                // rows are about equally long: their share is the share of bytes
                let done = bytes.saturating_mul(row_number).checked_div(total).unwrap_or(bytes);
                each(Ok(&row), done)?;
            }
        }
        if row_number != total {
            return Err(broken(
                row_number,
                format!("the footer states {total} rows, {row_number} could be decoded"),
            ));
        }
        Ok(Ending::default())
    }
}

/// Runs code that decodes bytes of strangers: a panic in there is an error of the file.
fn guarded<T, E: std::fmt::Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the decoder failed on its content".to_owned()),
    }
}

/// Checks the last eight bytes: length of the footer and magic. Gives the size of the file.
fn check_tail(file: &mut File, file_name: &str) -> Result<u64, ReadError> {
    let broken =
        |reason: &str| ReadError::Damaged { place: Place::file(file_name), reason: reason.to_owned() };
    let unreadable = |source| ReadError::Unreadable { path: file_name.to_owned(), source };
    let bytes = file.metadata().map_err(unreadable)?.len();
    if bytes < 12 {
        return Err(broken("it is too short for Parquet"));
    }
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8)).map_err(unreadable)?;
    file.read_exact(&mut tail).map_err(unreadable)?;
    let [a, b, c, d, magic @ ..] = tail;
    if &magic != b"PAR1" {
        return Err(broken("it does not end as Parquet does, the file is truncated"));
    }
    let footer = u32::from_le_bytes([a, b, c, d]);
    if footer > MAX_FOOTER_BYTES {
        return Err(ReadError::TooLarge {
            place: Place::file(file_name),
            found: format!("a footer of {footer} bytes"),
            limit: format!("{MAX_FOOTER_BYTES}"),
        });
    }
    if u64::from(footer) + 8 > bytes {
        return Err(broken("its footer would be longer than the file"));
    }
    Ok(bytes)
}

/// Refuses footers that promise more than is plausible, before anything is decoded.
fn check_footer(metadata: &ParquetMetaData, bytes: u64, file_name: &str) -> Result<(), ReadError> {
    let too_large =
        |found: String, limit: String| ReadError::TooLarge { place: Place::file(file_name), found, limit };
    let broken =
        |reason: &str| ReadError::Damaged { place: Place::file(file_name), reason: reason.to_owned() };
    let rows = metadata.file_metadata().num_rows();
    if rows > MAX_ROWS {
        return Err(too_large(format!("{rows} rows"), format!("{MAX_ROWS}")));
    }
    if metadata.num_row_groups() > MAX_GROUPS {
        return Err(too_large(format!("{} row groups", metadata.num_row_groups()), format!("{MAX_GROUPS}")));
    }
    let columns = metadata.file_metadata().schema_descr().num_columns();
    if columns > MAX_COLUMNS {
        return Err(too_large(format!("{columns} columns"), format!("{MAX_COLUMNS}")));
    }
    let mut sum = 0_i64;
    for group in metadata.row_groups() {
        if group.num_rows() > MAX_GROUP_ROWS {
            return Err(too_large(
                format!("a row group of {} rows", group.num_rows()),
                format!("{MAX_GROUP_ROWS}"),
            ));
        }
        sum = sum.saturating_add(group.num_rows());
        if group.num_rows() < 0 || group.columns().len() != columns {
            return Err(broken("a row group does not match the schema"));
        }
        for chunk in group.columns() {
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = u64::try_from(start.saturating_add(chunk.compressed_size()));
            let inside = start >= 0 && chunk.compressed_size() >= 0 && end.is_ok_and(|end| end <= bytes);
            if !inside || chunk.num_values() < 0 {
                return Err(broken("a column lies outside of the file"));
            }
        }
    }
    if sum != rows || rows < 0 {
        return Err(broken("its row groups do not add up to its rows"));
    }
    Ok(())
}

/// The same field with text read as views.
fn as_view(field: &FieldRef) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        DataType::Struct(members) => DataType::Struct(members.iter().map(as_view).collect::<Fields>()),
        DataType::List(item) => DataType::List(as_view(item)),
        DataType::Map(entries, sorted) => DataType::Map(as_view(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), kind, field.is_nullable()).with_metadata(field.metadata().clone()))
}

fn list_leaves(fields: &Fields, prefix: &str, path: &[usize], leaves: &mut Vec<Leaf>) {
    for (index, field) in fields.iter().enumerate() {
        let name =
            if prefix.is_empty() { field.name().clone() } else { format!("{prefix}.{}", field.name()) };
        let path: Vec<usize> = path.iter().copied().chain([index]).collect();
        // a struct is both: its members by dotted name, and the whole as JSON
        if let DataType::Struct(members) = field.data_type() {
            list_leaves(members, &name, &path, leaves);
        }
        leaves.push(Leaf { name, path });
    }
}

/// Finds a leaf in a batch that holds only the top-level fields `roots`.
fn column(batch: &RecordBatch, roots: &[usize], leaf: Option<&Leaf>) -> Column {
    let mut found = Column { parents: Vec::new(), values: None };
    let Some((root, inner)) = leaf.and_then(|leaf| leaf.path.split_first()) else { return found };
    let Ok(position) = roots.binary_search(root) else { return found };
    let mut values = batch.column(position).clone();
    for member in inner {
        let Some(child) = values.as_struct_opt().and_then(|parent| parent.columns().get(*member).cloned())
        else {
            return found;
        };
        found.parents.push(values);
        values = child;
    }
    found.values = Some(values);
    found
}
