//! Long tables `unique_id, ds, y` become series on a regular grid.

mod frequency;
mod gather;
mod grid;

pub use frequency::{format_frequency, parse_frequency};

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;

use domain::{Frequency, Series, Stamp};
use serde::Serialize;

use crate::columns::{Field, Layout, Problem};
use crate::rows::MAX_LISTED;
use crate::table::{Row, Table};
use crate::{ReadError, Reject, WriteError};
use frequency::Spacings;
use gather::Gathered;
use grid::Points;

/// What was found and done on the way from rows to series.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows left out.
    pub rejected: u64,
    /// The first 1,000 of them.
    pub rejects: Vec<Reject>,
    /// Series.
    pub series: u64,
    /// Rows that fell on a point which was already taken; the point is the mean of all of them.
    pub duplicates: u64,
    /// Rows whose stamp was moved onto the grid.
    pub off_grid: u64,
    /// Points of the grid without a value.
    pub missing: u64,
    /// The spacing, given or inferred; a series with a clear spacing of its own keeps that.
    pub frequency: Option<Frequency>,
    /// Series that were left out as a whole; they are in the warnings, too.
    pub skipped: Vec<Skipped>,
    /// What a reader should know, one sentence each.
    pub warnings: Vec<String>,
}

/// A series that was left out as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its name.
    pub unique_id: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "series {:?} was left out: {}", self.unique_id, self.reason)
    }
}

impl Summary {
    /// Counts a series that is left out as a whole.
    pub fn skip(&mut self, skipped: Skipped) {
        self.warn(skipped.to_string());
        self.skipped.push(skipped);
    }

    /// What was not used: rows that were rejected, and series that were left out.
    pub fn unused(&self) -> u64 {
        self.rejected + self.skipped.len() as u64
    }

    fn warn(&mut self, sentence: String) {
        if self.warnings.len() < MAX_LISTED {
            self.warnings.push(sentence);
        }
    }
}

/// A table of series after its first pass: how many there are, and whether they can be handed over as they come.
///
/// A file whose names, and the stamps of each name, ascend is read twice (for its spacing, then for its values) and
/// held one series at a time. Anything else, standard input and pipes included, is gathered by series: in memory up to
/// 64 MB of rows, the rest in one temporary file. Either way the series come in ascending order of their names (by
/// bytes).
pub struct Source<'p> {
    input: &'p Path,
    frequency: Option<Frequency>,
    series: u64,
    rows: Rows,
    summary: Summary,
}

/// Where the rows of a source are.
enum Rows {
    InOrder(Spacings),
    Gathered(Gathered),
}

impl<'p> Source<'p> {
    /// Reads `input` (`-` is standard input) for the first time; `frequency` is inferred when absent.
    pub fn open(input: &'p Path, frequency: Option<Frequency>) -> Result<Self, ReadError> {
        let mut summary = Summary::default();
        // what is no regular file, such as a pipe, can be read only once
        if input != Path::new("-") && input.metadata().is_ok_and(|meta| meta.is_file()) {
            let survey = Survey::of(input)?;
            if survey.ascending {
                let rows = Rows::InOrder(survey.spacings);
                return Ok(Self { input, frequency, series: survey.series, rows, summary });
            }
        }
        let gathered = gather(input, &mut summary)?;
        let series = gathered.series() as u64;
        Ok(Self { input, frequency, series, rows: Rows::Gathered(gathered), summary })
    }

    /// Number of series.
    pub fn series(&self) -> u64 {
        self.series
    }

    /// Hands over one series after the other.
    pub fn for_each<E>(self, each: &mut dyn FnMut(Series) -> Result<(), E>) -> Result<Summary, ReadError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { input, frequency, rows, mut summary, .. } = self;
        let mut hand_over = |series| {
            each(series).map_err(|error| ReadError::Refused {
                path: input.display().to_string(),
                source: error.into(),
            })
        };
        match rows {
            Rows::InOrder(spacings) => {
                one_by_one(input, frequency, &spacings, &mut summary, &mut hand_over)?;
            }
            Rows::Gathered(gathered) => {
                from_gathered(input, frequency, gathered, &mut summary, &mut hand_over)?;
            }
        }
        Ok(summary)
    }
}

/// Reads every series of `input` (`-` is standard input), in ascending order of their names.
pub fn read(input: &Path, frequency: Option<Frequency>) -> Result<(Vec<Series>, Summary), ReadError> {
    let mut all = Vec::new();
    let summary = Source::open(input, frequency)?.for_each(&mut |series| {
        all.push(series);
        Ok::<(), std::convert::Infallible>(())
    })?;
    Ok((all, summary))
}

/// The three columns.
struct Columns {
    unique_id: Field,
    ds: Field,
    y: Field,
}

impl Columns {
    fn find(layout: &mut Layout<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            unique_id: layout.require(&["unique_id"])?,
            ds: layout.require(&["ds"])?,
            y: layout.require(&["y"])?,
        })
    }

    /// Name, stamp and value; an empty value, or `NaN` as data frames write it, is a missing one.
    fn parse<'r>(&self, row: &'r Row<'_>) -> Result<(Cow<'r, str>, Stamp, Option<f64>), Problem> {
        let id = self.unique_id.need_cell(row, "the name of a series")?;
        let stamp = self.ds.need_stamp(row)?;
        let missing = self.y.cell(row)?.is_none_or(|text| text.eq_ignore_ascii_case("nan"));
        let value = if missing { None } else { self.y.number(row)? };
        Ok((id, stamp, value))
    }
}

/// A row that was understood, with the place it came from.
struct Found<'r> {
    id: Cow<'r, str>,
    stamp: Stamp,
    value: Option<f64>,
    row: &'r Row<'r>,
}

/// What is done with each row.
type EachFound<'f> = dyn FnMut(Result<Found<'_>, Reject>) -> Result<(), ReadError> + 'f;

/// Reads the rows of the three columns.
fn rows(input: &Path, each: &mut EachFound<'_>) -> Result<(), ReadError> {
    let mut table = Table::open(input)?;
    let file = input.display().to_string();
    let mut layout = Layout { header: &mut table.header, file: &file, wanted: Vec::new() };
    let columns = Columns::find(&mut layout)?;
    let wanted = layout.wanted;
    table.for_each(&wanted, &mut |row, _| {
        each(row.and_then(|row| match columns.parse(row) {
            Ok((id, stamp, value)) => Ok(Found { id, stamp, value, row }),
            Err(problem) => Err(problem.at(row)),
        }))
    })?;
    Ok(())
}

/// What a first pass over a file finds.
struct Survey {
    /// Whether the rows of each series follow each other, oldest first, and the names ascend: the distances of stamps
    /// in any other order say nothing about the spacing.
    ascending: bool,
    series: u64,
    spacings: Spacings,
}

impl Survey {
    fn of(input: &Path) -> Result<Self, ReadError> {
        let (mut current, mut before) = (String::new(), None);
        let mut survey = Self { ascending: true, series: 0, spacings: Spacings::default() };
        rows(input, &mut |found| {
            let Ok(Found { id, stamp, .. }) = found else { return Ok(()) };
            if id != current {
                survey.ascending &= *id > *current;
                survey.series += 1;
                current.clear();
                current.push_str(&id);
                before = None;
                survey.spacings.next_series();
            }
            survey.ascending &= before.replace(stamp).is_none_or(|before| before <= stamp);
            survey.spacings.add(stamp);
            Ok(())
        })?;
        Ok(survey)
    }
}

fn one_by_one(
    input: &Path,
    frequency: Option<Frequency>,
    spacings: &Spacings,
    summary: &mut Summary,
    hand_over: &mut dyn FnMut(Series) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut current: Option<(String, Points)> = None;
    let mut read = Read { summary, asked: frequency, common: frequency.or_else(|| spacings.common()) };
    rows(input, &mut |found| {
        read.summary.rows_read += 1;
        let Some(found) = read.good(found) else { return Ok(()) };
        if current.as_ref().is_none_or(|(known, _)| *known != found.id)
            && let Some((id, points)) = current.replace((found.id.into_owned(), Points::default()))
        {
            read.finish(id, points, hand_over)?;
        }
        let fits = current.as_mut().is_none_or(|(_, points)| points.push(found.stamp, found.value));
        if !fits {
            read.reject(mixed(found.row, found.stamp));
        }
        Ok(())
    })?;
    if let Some((id, points)) = current {
        read.finish(id, points, hand_over)?;
    }
    read.summary.frequency = read.common;
    Ok(())
}

/// Reads rows in any order.
fn gather(input: &Path, summary: &mut Summary) -> Result<Gathered, ReadError> {
    let mut gathered = Gathered::default();
    let mut read = Read { summary, asked: None, common: None };
    rows(input, &mut |found| {
        read.summary.rows_read += 1;
        let Some(found) = read.good(found) else { return Ok(()) };
        let fits =
            gathered.push(&found.id, found.stamp, found.value).map_err(|error| refused(input, error))?;
        if !fits {
            read.reject(mixed(found.row, found.stamp));
        }
        Ok(())
    })?;
    Ok(gathered)
}

fn from_gathered(
    input: &Path,
    frequency: Option<Frequency>,
    mut gathered: Gathered,
    summary: &mut Summary,
    hand_over: &mut dyn FnMut(Series) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let order = gathered.in_order();
    let mut common = frequency;
    if common.is_none() {
        let mut spacings = Spacings::default();
        for place in &order {
            let mut points = gathered.points(*place).map_err(|error| refused(input, error))?;
            spacings.next_series();
            points.sort();
            points.stamps().for_each(|stamp| spacings.add(stamp));
        }
        common = spacings.common();
    }
    let mut read = Read { summary, asked: frequency, common };
    for place in order {
        let points = gathered.points(place).map_err(|error| refused(input, error))?;
        read.finish(gathered.take_name(place), points, hand_over)?;
    }
    read.summary.frequency = read.common;
    Ok(())
}

/// The temporary file failed, not the input.
fn refused(input: &Path, source: io::Error) -> ReadError {
    let temporary = WriteError { path: "the temporary file of rows".to_owned(), source };
    ReadError::Refused { path: input.display().to_string(), source: Box::new(temporary) }
}

/// What is the same for every series of a file.
struct Read<'s> {
    summary: &'s mut Summary,
    /// The spacing that the user asked for.
    asked: Option<Frequency>,
    /// The spacing of most rows of the file, unless asked for another.
    common: Option<Frequency>,
}

impl Read<'_> {
    /// Puts one series on its grid and hands it over.
    fn finish(
        &mut self,
        id: String,
        mut points: Points,
        hand_over: &mut dyn FnMut(Series) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        points.sort();
        let own = if self.asked.is_none() { points.own_frequency(self.common) } else { None };
        let on_grid = match self.asked.and_then(|asked| points.refuse(asked)) {
            Some(reason) => Err(reason),
            None => points.on_grid(own.or(self.common)),
        };
        let (grid, counts) = match on_grid {
            Ok(on_grid) => on_grid,
            Err(reason) => {
                self.summary.skip(Skipped { unique_id: id, reason });
                return Ok(());
            }
        };
        if let (Some(own), Some(common)) = (own, self.common) {
            let (own, common) = (format_frequency(own), format_frequency(common));
            self.summary.warn(format!("series {id:?} has a spacing of its own, {own} instead of {common}"));
        }
        self.summary.series += 1;
        self.summary.duplicates += counts.duplicates;
        self.summary.off_grid += counts.off_grid;
        self.summary.missing += counts.missing;
        hand_over(Series { unique_id: id, grid, values: counts.values })
    }

    /// The row, unless it was rejected.
    fn good<'r>(&mut self, found: Result<Found<'r>, Reject>) -> Option<Found<'r>> {
        match found {
            Ok(found) => Some(found),
            Err(reject) => {
                self.reject(reject);
                None
            }
        }
    }

    fn reject(&mut self, reject: Reject) {
        self.summary.rejected += 1;
        if self.summary.rejects.len() < MAX_LISTED {
            self.summary.rejects.push(reject);
        }
    }
}

fn mixed(row: &Row<'_>, stamp: Stamp) -> Reject {
    let place = row.place().in_column("ds");
    let expected = "the kind of stamp that the series began with".to_owned();
    Reject {
        place,
        found: stamp.to_string(),
        expected,
        reason: "times and steps are mixed in one series".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn values(series: &Series) -> Vec<f64> {
        series.values.iter().map(|value| value.unwrap_or(f64::NAN)).collect()
    }

    #[test]
    fn rows_become_points_of_a_grid() {
        let file = fixture(
            "demand.csv",
            "ds,y,unique_id\n\
             2026-01-01T00:00:00Z,1,a\n2026-01-01T01:00:00Z,2,a\n2026-01-01T01:00:00Z,4,a\n\
             2026-01-01T03:00:10Z,5,a\n2026-01-01T04:00:00+00:00,,a\n\
             2026-01-01T05:00:00Z,7,b\nsoon,8,b\n2026-01-01T06:00:00Z,x,b\n2026-01-01 06:00:00,9,b\n",
        );
        let (series, summary) = read(file.path(), None).unwrap();
        assert_eq!(series.len(), 2);
        assert_eq!(format!("{:?}", values(&series[0])), "[1.0, 3.0, NaN, 5.0, NaN]");
        assert_eq!(values(&series[1]), [7.0, 9.0]);
        assert_eq!(summary.frequency, Some(Frequency::HOUR));
        assert_eq!((summary.rows_read, summary.rejected, summary.duplicates), (9, 2, 1));
        assert_eq!((summary.off_grid, summary.missing), (1, 2));
        assert_eq!(summary.rejects[0].place.line, Some(8));
        assert_eq!(summary.rejects[1].place.column.as_deref(), Some("y"));
    }

    #[test]
    fn history_of_any_century_is_read_and_an_odd_year_is_rejected_with_the_range() {
        let file = fixture(
            "years.csv",
            "unique_id,ds,y\na,1949-11-01,1\na,1949-12-01,2\na,1950-01-01,3\na,0001-01-01,4\n\
             b,2249-12-01T00:00:00Z,5\nb,2250-01-01T00:00:00Z,6\n",
        );
        let (series, summary) = read(file.path(), None).unwrap();
        assert_eq!((values(&series[0]), values(&series[1])), (vec![1.0, 2.0, 3.0], vec![5.0, 6.0]));
        assert_eq!(series[0].grid.start.to_string(), "1949-11-01T00:00:00Z");
        assert_eq!(summary.rejected, 1);
        assert!(summary.rejects[0].expected.contains("from 1800 to 9999"), "{}", summary.rejects[0]);
    }

    #[test]
    fn a_shuffled_series_has_the_spacing_of_a_sorted_one() {
        let rows: String = (0..300).map(|row| format!("a,{},1\n", (row * 77) % 300)).collect();
        let file = fixture("shuffled.csv", format!("unique_id,ds,y\n{rows}"));
        let (series, summary) = read(file.path(), None).unwrap();
        assert_eq!(series[0].grid.frequency, Frequency::Steps(1));
        assert_eq!((summary.frequency, summary.warnings), (Some(Frequency::Steps(1)), Vec::new()));
    }

    #[test]
    fn sorted_and_mixed_files_give_the_same() {
        let mut lines: Vec<String> = (0..40)
            .flat_map(|step| ["a", "b", "c"].map(|id| format!("{id},{step},{}", step * 3 + id.len())))
            .collect();
        let mixed = fixture("mixed.csv", format!("unique_id,ds,y\n{}\n", lines.join("\n")));
        lines.sort_by_key(|line| {
            (line.chars().next(), line.split(',').nth(1).unwrap().parse::<i64>().unwrap())
        });
        let sorted = fixture("sorted.csv", format!("unique_id,ds,y\n{}\n", lines.join("\n")));
        assert_eq!(read(mixed.path(), None).unwrap(), read(sorted.path(), None).unwrap());
    }

    #[test]
    fn every_real_file_gives_its_series() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/series"));
        if !folder.is_dir() {
            println!("skipped: no folder of real series beside the repository");
            return;
        }
        // (file, rows, series, duplicates, spacing)
        let facts = [
            ("nab_cloudwatch_5min.csv.gz", 67_740, 17, None, Frequency::Seconds(300)),
            ("misc_weekly.csv", 2_356, 8, Some(0), Frequency::Seconds(604_800)),
            ("misc_monthly.csv", 293, 1, Some(0), Frequency::Months(1)),
            ("m4_hourly_dev_train.csv.gz", 176_620, 207, Some(0), Frequency::Steps(1)),
            ("tweets_5min.csv.gz", 79_321, 5, None, Frequency::Seconds(300)),
            ("bank_calls_5min.csv", 27_716, 1, Some(0), Frequency::Seconds(300)),
            ("misc_daily.csv", 2_586, 3, Some(0), Frequency::DAY),
        ];
        for (name, rows, count, duplicates, frequency) in facts {
            let (series, summary) = read(&folder.join(name), None).unwrap();
            assert_eq!((summary.rows_read, series.len()), (rows, count), "{name}");
            assert_eq!(summary.frequency, Some(frequency), "{name}");
            assert_eq!(summary.rejected, 0, "{name}");
            if let Some(duplicates) = duplicates {
                assert_eq!(summary.duplicates, duplicates, "{name}");
            }
            let points: usize = series.iter().map(Series::len).sum();
            assert_eq!(points as u64 - summary.missing + summary.duplicates, rows, "{name}");
        }
    }
}
