//! Rows in any order, put together by series: some in memory, the rest in one temporary file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use domain::Stamp;

use super::grid::Points;

/// Rows held in memory at most: 64 MB.
const ROWS_IN_MEMORY: usize = 4_000_000;
/// A stamp and a value.
const ROW_BYTES: usize = 16;

/// Rows by series. Each series keeps its rows in the order in which they came.
#[derive(Default)]
pub(super) struct Gathered {
    places: HashMap<String, usize>,
    series: Vec<Gathering>,
    /// The series of the last row; rows of one series mostly follow each other.
    last: usize,
    in_memory: usize,
    spilled: Option<File>,
}

/// One series: what is in the file, then what is in memory.
struct Gathering {
    name: String,
    blocks: Vec<Block>,
    points: Points,
}

/// Rows of one series that lie together in the file.
struct Block {
    at: u64,
    rows: u32,
}

impl Gathered {
    /// Adds a row; false when its stamp is of the other kind than the first one's of its series.
    pub(super) fn push(&mut self, name: &str, stamp: Stamp, value: Option<f64>) -> io::Result<bool> {
        if self.in_memory >= ROWS_IN_MEMORY {
            self.spill()?;
        }
        if self.series.get(self.last).is_none_or(|known| known.name != name) {
            self.last = match self.places.get(name) {
                Some(place) => *place,
                None => {
                    self.places.insert(name.to_owned(), self.series.len());
                    let (blocks, points) = (Vec::new(), Points::default());
                    self.series.push(Gathering { name: name.to_owned(), blocks, points });
                    self.series.len() - 1
                }
            };
        }
        self.in_memory += 1;
        Ok(self.series.get_mut(self.last).is_none_or(|series| series.points.push(stamp, value)))
    }

    /// Number of series.
    pub(super) fn series(&self) -> usize {
        self.series.len()
    }

    /// Places of the series in ascending order of their names.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.series.len()).collect();
        order.sort_by(|a, b| self.series[*a].name.cmp(&self.series[*b].name));
        order
    }

    /// All rows of the series at `place`, first come first.
    pub(super) fn points(&mut self, place: usize) -> io::Result<Points> {
        let series = &self.series[place];
        let mut points = series.points.empty();
        if let Some(file) = &mut self.spilled {
            let mut bytes = Vec::new();
            for block in &series.blocks {
                bytes.resize(block.rows as usize * ROW_BYTES, 0);
                file.seek(SeekFrom::Start(block.at))?;
                file.read_exact(&mut bytes)?;
                points.rows.extend(bytes.chunks_exact(ROW_BYTES).map(decode));
            }
        }
        points.rows.extend_from_slice(&series.points.rows);
        Ok(points)
    }

    /// The name of the series at `place`, which is not asked for again.
    pub(super) fn take_name(&mut self, place: usize) -> String {
        self.series[place].points.rows = Vec::new();
        std::mem::take(&mut self.series[place].name)
    }

    /// Moves every row from memory to the end of the file.
    fn spill(&mut self) -> io::Result<()> {
        let mut file = match self.spilled.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        let mut at = file.seek(SeekFrom::End(0))?;
        let mut out = BufWriter::with_capacity(1 << 20, &mut file);
        for series in &mut self.series {
            let rows = std::mem::take(&mut series.points.rows);
            if rows.is_empty() {
                continue;
            }
            for (stamp, value) in &rows {
                out.write_all(&stamp.to_le_bytes())?;
                out.write_all(&value.to_le_bytes())?;
            }
            // at most as many as are held in memory
            series.blocks.push(Block { at, rows: u32::try_from(rows.len()).unwrap_or(u32::MAX) });
            at += (rows.len() * ROW_BYTES) as u64;
        }
        out.flush()?;
        drop(out);
        self.spilled = Some(file);
        self.in_memory = 0;
        Ok(())
    }
}

fn decode(row: &[u8]) -> (i64, f64) {
    let (stamp, value) = row.split_at(ROW_BYTES / 2);
    let eight = |bytes: &[u8]| bytes.try_into().unwrap_or([0; 8]);
    (i64::from_le_bytes(eight(stamp)), f64::from_le_bytes(eight(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spilled_comes_back_before_what_was_not() {
        let mut gathered = Gathered::default();
        for round in 0..3 {
            for name in ["b", "a"] {
                for step in 0..4 {
                    assert!(gathered.push(name, Stamp::Step(round * 10 + step), Some(0.5)).unwrap());
                }
            }
            if round < 2 {
                gathered.spill().unwrap();
            }
        }
        assert!(!gathered.push("a", Stamp::Time(chrono::DateTime::UNIX_EPOCH), None).unwrap());
        assert_eq!((gathered.series(), gathered.in_order()), (2, vec![1, 0]));
        for place in [1, 0] {
            let stamps: Vec<Stamp> = gathered.points(place).unwrap().stamps().collect();
            let steps = (0..3).flat_map(|round| (0..4).map(move |step| Stamp::Step(round * 10 + step)));
            assert_eq!(stamps, steps.collect::<Vec<_>>());
        }
        assert_eq!(gathered.take_name(1), "a");
    }
}
