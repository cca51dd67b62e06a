//! Bills of every cloud become FOCUS charges.

mod azure;
mod cur;
mod duplicates;
mod focus;
mod format;
mod gcp;
mod mapping;
mod notes;
mod report;
mod shape;

pub use format::{Format, UnknownFormat};
pub use report::{CostSums, Coverage, Report};

use std::path::Path;

use domain::Charge;

use crate::columns::Layout;
use crate::table::{self, Table};
use crate::{Place, ReadError, Reject};
use duplicates::Duplicates;
use mapping::Mapping;
use notes::Notes;

/// Stands where a source names no service, provider or billing account.
pub const NONE: &str = "(none)";
/// Charges handed over at a time.
const BATCH: usize = 4_096;

/// Streams the bill at `path` into `sink` in batches of at most 4,096 charges, in file order.
///
/// An error means that the file as a whole is refused: the caller drops what it was given.
/// Rows that are malformed on their own are left out and listed in the report.
pub fn read<E>(
    path: &Path,
    format: Format,
    sink: &mut dyn FnMut(Vec<Charge>) -> Result<(), E>,
) -> Result<Report, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    read_with_progress(path, format, &mut |_, _| (), sink)
}

/// [`read`], telling `progress` the bytes done and the bytes in all after every batch.
pub fn read_with_progress<E>(
    path: &Path,
    format: Format,
    progress: &mut dyn FnMut(u64, u64),
    sink: &mut dyn FnMut(Vec<Charge>) -> Result<(), E>,
) -> Result<Report, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let file = path.display().to_string();
    let (checksum, bytes) = table::checksum(path)?;
    let format = format::resolve(path, format)?;
    let mut table = Table::open(path)?;
    let mut notes = Notes::default();
    let mut layout = Layout { header: &mut table.header, file: &file, wanted: Vec::new() };
    let mapping = Mapping::new(format, &mut layout, &mut notes)?;
    let wanted = layout.wanted;
    let mut report = Report::new(&file, format, checksum, bytes);
    let mut duplicates = Duplicates::new(mapping.identity(), wanted.len());
    let mut batch = Vec::with_capacity(BATCH);
    let mut hand_over = |batch: &mut Vec<Charge>, done: u64| {
        progress(done, bytes);
        sink(std::mem::replace(batch, Vec::with_capacity(BATCH)))
            .map_err(|error| ReadError::Refused { path: file.clone(), source: error.into() })
    };
    let ending = table.for_each(&wanted, &mut |row, done| {
        report.rows_read += 1;
        let row = match row {
            Ok(row) => row,
            Err(reject) => {
                report.reject(reject, None);
                return Ok(());
            }
        };
        if duplicates.is_known(row) {
            let expected = "every line item once".to_owned();
            let found = "the same line item as an earlier row".to_owned();
            let reject = Reject { place: row.place(), found, expected, reason: "duplicated row".to_owned() };
            report.reject(reject, mapping.money(row));
            return Ok(());
        }
        match mapping.charge(row, &mut notes) {
            Ok(charge) => {
                report.accept(&charge)?;
                batch.push(charge);
            }
            Err(problem) => report.reject(problem.at(row), mapping.money(row)),
        }
        if batch.len() == BATCH { hand_over(&mut batch, done) } else { Ok(()) }
    })?;
    if !batch.is_empty() {
        hand_over(&mut batch, bytes)?;
    }
    if std::fs::metadata(path).is_ok_and(|now| now.len() != bytes) {
        let reason = "the file changed its size while it was read".to_owned();
        return Err(ReadError::Damaged { place: Place::file(&file), reason });
    }
    report.warnings = warnings(notes, &report, &duplicates);
    report.warnings.extend(ending.warnings);
    Ok(report)
}

/// The format of the bill at `path`, by its header (and, for Azure, its rows).
pub fn detect(path: &Path) -> Result<Format, ReadError> {
    format::resolve(path, Format::Auto)
}

fn warnings(notes: Notes, report: &Report, duplicates: &Duplicates) -> Vec<String> {
    let mut warnings = notes.assumptions;
    if report.rows_read == 0 {
        warnings.push("the file has a header and no rows".to_owned());
    }
    if notes.unread_tags > 0 {
        warnings
            .push(format!("{} rows have tags that could not be read; the rows were kept", notes.unread_tags));
    }
    for (currency, offset) in notes.savings_plan_offset {
        if !offset.is_zero() {
            warnings.push(format!(
                "usage covered by savings plans and its negation differ by {offset} {currency}: \
                 import all files of the report"
            ));
        }
    }
    warnings.extend(duplicates.warning());
    warnings
}

#[cfg(test)]
mod tests;
