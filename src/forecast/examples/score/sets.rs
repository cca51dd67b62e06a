//! The sets, where each is forecast from, and which part of each may be looked at while the forecaster is designed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::{DateTime, Utc};
use domain::{Frequency, Grid, Series, Stamp};

/// One set of series with its origins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Set {
    pub(crate) name: &'static str,
    file: &'static str,
    /// Continues `file`; the one origin is where it starts.
    test: Option<&'static str>,
    pub(crate) horizon: usize,
    /// Lag of the naive error that scales MASE.
    pub(crate) scale: usize,
    /// Means over this many seconds (integer steps where the file has no clock) before anything else.
    every: Option<i64>,
    windows: usize,
    /// Steps between origins.
    step: usize,
    /// Fewest points before an origin.
    least: usize,
    /// Last points of a history that are seen.
    limit: usize,
    /// Whether rows are counted rather than timed: closed hours have none.
    counted: bool,
    split: Split,
}

/// **The split.** Members, settings and tables under `models/` were chosen on the tuned part alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Split {
    /// Every second series (the first, the third, … by name) is tuned on, the others are held out.
    Alternate,
    /// The first series by name are tuned on, this many, the others are held out.
    First(usize),
    /// Nothing is tuned on.
    HeldOut,
}

/// A part of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Tuned,
    HeldOut,
}

const PLAIN: Set = Set {
    name: "",
    file: "",
    test: None,
    horizon: 24,
    scale: 24,
    every: None,
    windows: 1,
    step: 0,
    least: 3,
    limit: usize::MAX,
    counted: false,
    split: Split::Alternate,
};

/// A competition set: one origin.
const fn competition(
    name: &'static str,
    file: &'static str,
    test: &'static str,
    horizon: usize,
    scale: usize,
) -> Set {
    Set { name, file, test: Some(test), horizon, scale, ..PLAIN }
}

/// A set with rolling origins, one horizon apart.
const fn rolling(
    name: &'static str,
    file: &'static str,
    horizon: usize,
    scale: usize,
    windows: usize,
) -> Set {
    Set { name, file, horizon, scale, windows, step: horizon, ..PLAIN }
}

/// Every set.
pub(crate) const SETS: &[Set] = &[
    competition("m4_hourly", "m4_hourly_dev_train.csv.gz", "m4_hourly_dev_test.csv", 48, 24),
    competition("m4_weekly", "m4_weekly_dev_train.csv.gz", "m4_weekly_dev_test.csv", 13, 1),
    competition("m4_daily", "m4_daily_dev_train.csv.gz", "m4_daily_dev_test.csv", 14, 1),
    competition("m3_monthly", "m3_monthly_train.csv.gz", "m3_monthly_test.csv", 18, 12),
    competition("m3_quarterly", "m3_quarterly_train.csv", "m3_quarterly_test.csv", 8, 4),
    competition("m3_other", "m3_other_train.csv", "m3_other_test.csv", 8, 1),
    Set {
        every: Some(3600),
        least: 168,
        ..rolling("nab_cloudwatch", "nab_cloudwatch_5min.csv.gz", 24, 24, 8)
    },
    Set { every: Some(600), least: 576, ..rolling("crane", "crane_1min.csv.gz", 144, 144, 3) },
    Set {
        every: Some(12),
        least: 120,
        ..rolling("fleet", "fleet_google2019_alibaba2018_5min.csv.gz", 24, 24, 5)
    },
    Set { every: Some(3600), ..rolling("tweets", "tweets_5min.csv.gz", 24, 24, 7) },
    rolling("wikipedia_h14", "wikipedia_daily.csv", 14, 7, 6),
    rolling("wikipedia_h90", "wikipedia_daily.csv", 90, 7, 2),
    rolling("misc_weekly", "misc_weekly.csv", 13, 1, 3),
    Set {
        step: 2184,
        limit: 17_520,
        split: Split::First(2),
        ..rolling("pjm_h168", "pjm_hourly_dev.csv.gz", 168, 24, 4)
    },
    Set {
        step: 2184,
        limit: 17_520,
        split: Split::HeldOut,
        ..rolling("grid_carbon_h168", "grid_carbon_hourly.csv.gz", 168, 24, 4)
    },
    Set {
        every: Some(86_400),
        step: 182,
        least: 730,
        split: Split::First(2),
        ..rolling("pjm_daily_h365", "pjm_hourly_dev.csv.gz", 365, 7, 3)
    },
    Set {
        every: Some(86_400),
        step: 182,
        least: 730,
        split: Split::HeldOut,
        ..rolling("grid_carbon_daily_h365", "grid_carbon_hourly.csv.gz", 365, 7, 3)
    },
    Set { split: Split::HeldOut, ..rolling("nasa_july", "nasa_july_hourly.csv", 24, 24, 7) },
    Set { split: Split::HeldOut, ..rolling("taylor", "taylor_30min.csv", 48, 48, 7) },
    Set {
        counted: true,
        limit: 6_760,
        split: Split::HeldOut,
        ..rolling("bank_calls", "bank_calls_5min.csv", 169, 169, 5)
    },
    Set { split: Split::HeldOut, ..rolling("nyc_taxi", "nyc_taxi_30min.csv", 48, 48, 7) },
    Set { split: Split::HeldOut, ..rolling("misc_hourly", "misc_hourly.csv", 48, 24, 7) },
    Set {
        split: Split::HeldOut,
        ..rolling("wp_peyton_manning_h14", "wp_peyton_manning_daily.csv", 14, 7, 12)
    },
    Set {
        split: Split::HeldOut,
        ..rolling("wp_peyton_manning_h90", "wp_peyton_manning_daily.csv", 90, 7, 6)
    },
    Set { least: 180, split: Split::HeldOut, ..rolling("misc_daily_h14", "misc_daily.csv", 14, 7, 6) },
    Set { least: 180, split: Split::HeldOut, ..rolling("misc_daily_h90", "misc_daily.csv", 90, 7, 2) },
];

impl Set {
    /// Whether the set has a single origin given by its publisher.
    pub(crate) fn is_competition(&self) -> bool {
        self.test.is_some()
    }

    /// One series a forecast: a history, followed by the `horizon` points that came.
    pub(crate) fn tasks(&self, folder: &Path, part: Part) -> Result<Vec<Series>, Box<dyn Error>> {
        if part == Part::Tuned && self.split == Split::HeldOut {
            return Ok(Vec::new());
        }
        let mut table = read(&folder.join(self.file))?;
        if let Some(test) = self.test {
            for (id, rows) in read(&folder.join(test))? {
                table.entry(id).or_default().extend(rows);
            }
        }
        let tuned = |index: usize| match self.split {
            Split::Alternate => index.is_multiple_of(2),
            Split::First(count) => index < count,
            Split::HeldOut => false,
        };
        let mut tasks = Vec::new();
        for (index, (id, rows)) in table.into_iter().enumerate() {
            if tuned(index) != (part == Part::Tuned) {
                continue;
            }
            let series = self.on_grid(id, rows);
            for back in 0..self.windows {
                let Some(end) = series.len().checked_sub(back * self.step) else { break };
                let Some(origin) = end.checked_sub(self.horizon).filter(|origin| *origin >= self.least)
                else {
                    break;
                };
                let from = origin.saturating_sub(self.limit);
                tasks.push(Series {
                    unique_id: format!("{}/{back}", series.unique_id),
                    grid: series.grid.advance(from),
                    values: series.values[from..end].to_vec(),
                });
            }
        }
        Ok(tasks)
    }

    /// Means per cell of a regular grid, whose width is `every` or the most common distance.
    fn on_grid(&self, unique_id: String, rows: Vec<(Stamp, f64)>) -> Series {
        let number = |stamp: &Stamp| match stamp {
            Stamp::Step(step) => *step,
            Stamp::Time(time) => time.timestamp(),
        };
        let has_clock =
            !self.counted && rows.first().is_some_and(|(stamp, _)| matches!(stamp, Stamp::Time(_)));
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        for pair in rows.windows(2) {
            *counts.entry(number(&pair[1].0) - number(&pair[0].0)).or_default() += 1;
        }
        let common =
            counts.into_iter().max_by_key(|(gap, count)| (*gap > 0, *count)).map_or(1, |(gap, _)| gap);
        let width = if self.counted { 1 } else { self.every.unwrap_or(common) };
        let first = rows.first().map_or(0, |(stamp, _)| number(stamp).div_euclid(width) * width);
        let mut cells: Vec<(f64, usize)> = Vec::new();
        for (index, (stamp, value)) in rows.iter().enumerate() {
            let cell = (number(stamp) - first).div_euclid(width);
            let cell = if self.counted { index } else { usize::try_from(cell).unwrap_or(0) };
            if cell >= cells.len() {
                cells.resize(cell + 1, (0.0, 0));
            }
            if value.is_finite() {
                cells[cell].0 += value;
                cells[cell].1 += 1;
            }
        }
        if self.every.is_some() {
            // The last cell may be cut off.
            cells.pop();
        }
        let (start, frequency) = match DateTime::from_timestamp(first, 0) {
            Some(time) if has_clock => (Stamp::Time(time), Frequency::Seconds(width)),
            _ => (Stamp::Step(0), Frequency::Steps(1)),
        };
        let values = cells.into_iter().map(|(sum, count)| (count > 0).then(|| sum / count as f64)).collect();
        Series { unique_id, grid: Grid { start, frequency }, values }
    }
}

/// Rows by series, in the order of the file.
type Table = BTreeMap<String, Vec<(Stamp, f64)>>;

fn read(path: &Path) -> Result<Table, Box<dyn Error>> {
    let file = File::open(path)?;
    let input: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut table = Table::new();
    for record in csv::Reader::from_reader(input).into_records() {
        let record = record?;
        let ds = match record[1].parse::<i64>() {
            Ok(step) => Stamp::Step(step),
            Err(_) => Stamp::Time(record[1].parse::<DateTime<Utc>>()?),
        };
        table.entry(record[0].to_owned()).or_default().push((ds, record[2].parse().unwrap_or(f64::NAN)));
    }
    Ok(table)
}
