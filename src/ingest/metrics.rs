//! Utilization samples become hourly average, P95 and maximum.

mod hours;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::ops::RangeInclusive;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use domain::{HourlyMetric, MetricName, Stamp};

use crate::columns::{Field, Layout, Problem};
use crate::rows::{self, MAX_LISTED, Rows};
use crate::table::{Row, Table};
use crate::{Place, ReadError, Reject};
use hours::Samples;

/// Samples held at a time, at about 24 bytes each; larger files are read once for each part of their resources.
const MAX_SAMPLES_HELD: usize = 8_000_000;
/// Years in which a machine can have been measured; others are typing errors.
const YEARS: RangeInclusive<i32> = 1970..=2199;

/// One raw sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Whose.
    pub resource_id: String,
    /// When.
    pub ds: Stamp,
    /// What, in the unit of [`MetricName`].
    pub metric: MetricName,
    /// How much.
    pub value: f64,
}

/// When the integer steps of a file without a clock were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepClock {
    /// The instant of step 0.
    pub origin: DateTime<Utc>,
    /// Seconds from step to step.
    pub step_seconds: u32,
}

/// What was found on the way from samples to hours.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows without a value; they are not samples.
    pub missing: u64,
    /// Rows left out.
    pub rejected: u64,
    /// The first 1,000 of them.
    pub rejects: Vec<Reject>,
    /// Rows left out for a metric of a name that is not known, by name (at most 100 names).
    pub unknown_metrics: BTreeMap<String, u64>,
    /// Hours handed over.
    pub hours: u64,
}

/// Rolls the samples of `input` up by hour and hands the hours over in batches, all hours of a resource in
/// the same batch, each ordered by resource, metric and hour.
///
/// `clock` is needed only for files whose `ds` are integer steps. At most some 8 million samples are held:
/// a larger file is read again for each part of its resources, which standard input does not allow.
pub fn read<E>(
    input: &Path,
    clock: Option<StepClock>,
    sink: &mut dyn FnMut(Vec<HourlyMetric>) -> Result<(), E>,
) -> Result<Summary, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    read_in_parts(input, clock, MAX_SAMPLES_HELD, sink)
}

/// The raw samples in file order, for `plan rightsize`; rows without a value are left out.
pub fn samples(input: &Path) -> Result<Rows<Sample>, ReadError> {
    let read = rows::read(input, Columns::find, Columns::parse)?;
    let Rows { rows, rows_read, rejected, rejects } = read;
    Ok(Rows { rows: rows.into_iter().flatten().collect(), rows_read, rejected, rejects })
}

fn read_in_parts<E>(
    input: &Path,
    clock: Option<StepClock>,
    most: usize,
    sink: &mut dyn FnMut(Vec<HourlyMetric>) -> Result<(), E>,
) -> Result<Summary, ReadError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let file = input.display().to_string();
    let mut summary = Summary::default();
    // (part, parts): resources whose hash leaves the rest `part` when divided by `parts`
    let mut open = vec![(0, 1)];
    let mut first = true;
    while let Some((part, mut parts)) = open.pop() {
        let mut pass = Pass { part, parts, most, clock, samples: Samples::default(), hashes: HashMap::new() };
        // what is rejected is the same in every pass
        let mut counted = Summary::default();
        pass.run(input, &mut counted)?;
        while parts < pass.parts {
            open.push((part + parts, parts * 2));
            parts *= 2;
        }
        if std::mem::take(&mut first) {
            summary = counted;
        }
        let hours = pass
            .samples
            .roll_up()
            .map_err(|reason| ReadError::Damaged { place: Place::file(&file), reason })?;
        summary.hours += hours.len() as u64;
        if !hours.is_empty() {
            sink(hours).map_err(|error| ReadError::Refused { path: file.clone(), source: error.into() })?;
        }
    }
    Ok(summary)
}

/// The four columns.
struct Columns {
    resource_id: Field,
    ds: Field,
    metric: Field,
    value: Field,
}

impl Columns {
    fn find(layout: &mut Layout<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            resource_id: layout.require(&["resource_id"])?,
            ds: layout.require(&["ds"])?,
            metric: layout.require(&["metric"])?,
            value: layout.require(&["value"])?,
        })
    }

    /// A sample, `None` when its value is missing.
    fn parse(&self, row: &Row<'_>) -> Result<Option<Sample>, Problem> {
        let missing = self.value.text(row)?.is_none_or(|text| text.eq_ignore_ascii_case("nan"));
        let sample = Sample {
            resource_id: self.resource_id.need_text(row, "an id")?,
            ds: self.ds.need_stamp_in(row, YEARS)?,
            metric: self.metric.need_named(row)?,
            value: if missing { 0.0 } else { self.value.need_number(row)? },
        };
        Ok((!missing).then_some(sample))
    }
}

/// One reading of the file, for the resources of one part.
struct Pass {
    part: u64,
    parts: u64,
    most: usize,
    clock: Option<StepClock>,
    samples: Samples,
    hashes: HashMap<String, u64>,
}

impl Pass {
    fn run(&mut self, input: &Path, summary: &mut Summary) -> Result<(), ReadError> {
        let mut table = Table::open(input)?;
        let file = input.display().to_string();
        let mut layout = Layout { header: &mut table.header, file: &file, wanted: Vec::new() };
        let columns = Columns::find(&mut layout)?;
        let wanted = layout.wanted;
        table.for_each(&wanted, &mut |row, _| {
            summary.rows_read += 1;
            let parsed = row.and_then(|row| match columns.parse(row) {
                Ok(None) => Ok(None),
                Ok(Some(sample)) => self.instant(&columns, row, sample.ds).map(|at| Some((row, sample, at))),
                Err(problem) => {
                    if let Ok(Some(name)) = columns.metric.text(row)
                        && name.parse::<MetricName>().is_err()
                        && (summary.unknown_metrics.len() < 100
                            || summary.unknown_metrics.contains_key(&name))
                    {
                        *summary.unknown_metrics.entry(name).or_default() += 1;
                    }
                    Err(problem.at(row))
                }
            });
            match parsed {
                Ok(Some((row, sample, at))) => return self.keep(row, sample, at),
                Ok(None) => summary.missing += 1,
                Err(reject) => {
                    summary.rejected += 1;
                    if summary.rejects.len() < MAX_LISTED {
                        summary.rejects.push(reject);
                    }
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    fn instant(&self, columns: &Columns, row: &Row<'_>, ds: Stamp) -> Result<DateTime<Utc>, Reject> {
        let expected =
            "a time; for integer steps the instant of step 0 and the seconds of a step have to be given";
        match (ds, self.clock) {
            (Stamp::Time(time), _) => Some(time),
            (Stamp::Step(step), Some(clock)) => i64::from(clock.step_seconds)
                .checked_mul(step)
                .and_then(Duration::try_seconds)
                .and_then(|later| clock.origin.checked_add_signed(later)),
            (Stamp::Step(_), None) => None,
        }
        .ok_or_else(|| columns.ds.problem(&ds.to_string(), expected, "a step without a clock").at(row))
    }

    /// Keeps the sample if its resource belongs to this part; halves the part when it grows too large.
    fn keep(&mut self, row: &Row<'_>, sample: Sample, at: DateTime<Utc>) -> Result<(), ReadError> {
        let hash = *self
            .hashes
            .entry(sample.resource_id.clone())
            .or_insert_with(|| BuildHasherDefault::<DefaultHasher>::default().hash_one(&sample.resource_id));
        if hash % self.parts != self.part {
            return Ok(());
        }
        self.samples.push(&sample.resource_id, sample.metric, at, sample.value);
        while self.samples.len() > self.most {
            if self.parts >= 1 << 20 || row.place().file == "-" {
                return Err(ReadError::TooLarge {
                    place: row.place(),
                    found: "more samples than fit into memory".to_owned(),
                    limit: format!("{} samples at a time", self.most),
                });
            }
            self.parts *= 2;
            let (parts, part, hashes) = (self.parts, self.part, &self.hashes);
            self.samples.retain(|id| hashes.get(id).is_some_and(|hash| hash % parts == part));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use std::convert::Infallible;

    fn all(input: &Path, clock: Option<StepClock>, most: usize) -> (Vec<HourlyMetric>, Summary) {
        let mut hours = Vec::new();
        let summary = read_in_parts(input, clock, most, &mut |batch| {
            hours.extend(batch);
            Ok::<(), Infallible>(())
        });
        let summary = summary.unwrap();
        hours.sort_by(|a, b| (&a.resource_id, a.metric, a.hour).cmp(&(&b.resource_id, b.metric, b.hour)));
        (hours, summary)
    }

    #[test]
    fn samples_roll_up_by_hour() {
        let mut text = String::from("resource_id,ds,metric,value\n");
        for minute in 0..60 {
            text += &format!("i-1,2026-01-01T05:{minute:02}:30Z,cpu_utilization,{minute}\n");
        }
        text += "i-1,2026-01-01T06:00:00Z,cpu_utilization,\ni-1,2026-01-01T06:05:00Z,cpu_utilization,7\n";
        text += "i-1,2026-01-01T06:05:00Z,cpu_pct,7\ni-1,2026-01-01T06:05:00Z,memory_used,x\n";
        let (hours, summary) = all(fixture("metrics.csv", text).path(), None, 1_000);
        assert_eq!(hours.len(), 2);
        let first = &hours[0];
        assert_eq!((first.average, first.maximum, first.samples), (29.5, 59.0, 60));
        assert!((first.p95 - 56.05).abs() < 1e-9, "{}", first.p95);
        assert_eq!((hours[1].average, hours[1].p95, hours[1].samples), (7.0, 7.0, 1));
        assert_eq!((summary.rows_read, summary.missing, summary.rejected, summary.hours), (64, 1, 2, 2));
        assert_eq!(summary.unknown_metrics.get("cpu_pct"), Some(&1));
    }

    #[test]
    fn parts_give_the_same_hours_as_one_reading() {
        let mut text = String::from("resource_id,ds,metric,value\n");
        for step in 0..48 {
            for resource in 0..20 {
                text += &format!("vm-{resource},{step},memory_used,{}\n", (step * 7 + resource * 3) % 11);
            }
        }
        let file = fixture("metrics.csv", text);
        let clock = StepClock { origin: "2026-01-01T00:00:00Z".parse().unwrap(), step_seconds: 300 };
        let (whole, summary) = all(file.path(), Some(clock), 10_000);
        let (parts, again) = all(file.path(), Some(clock), 300);
        assert_eq!(whole.len(), 20 * 4);
        assert_eq!(whole, parts);
        assert_eq!(summary, again);
        let (nothing, refused) = all(file.path(), None, 10_000);
        assert!(nothing.is_empty() && refused.rejected == 960);
    }

    #[test]
    fn real_machines_roll_up_to_the_same_means() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vms"));
        if !folder.is_dir() {
            println!("skipped: no folder of real machines beside the repository");
            return;
        }
        let (_, summary) = all(&folder.join("google2011_cpu_mem_5min.parquet"), None, 1_000_000);
        assert_eq!(summary.rows_read, 276_480);
        assert_eq!(summary.rejected, 276_480);
    }
}
