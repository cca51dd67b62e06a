//! Trend that bends, waves of the year and a profile of each season, added up (the model of Taylor & Letham 2018, here
//! fitted by ridge regression): it looks at all of history alike, not at how it ended.

use std::f64::consts::TAU;

use super::{Paths, Scale, View};
use crate::linear::{dot, factor, substitute};
use crate::order::mean;
use crate::seasons::Seasons;

/// Fewest seasons that make a trend, and the blocks that they are joined into where there are many more.
const LEAST_SEASONS: usize = 60;
const BLOCKS: usize = 150;

/// The slope may change at so many places, evenly spread over this share of history.
const BENDS: usize = 12;
const BENDING_SHARE: f64 = 0.9;

/// Years from which waves of the year are told from the trend, and pairs of waves.
const LEAST_YEARS: f64 = 1.5;
const WAVES: usize = 4;

/// Penalty of a squared change of slope, in units of the scale over the whole of history, and of a squared wave, for
/// every hundred blocks.
const BEND_PENALTY: f64 = 0.5;
const WAVE_PENALTY: f64 = 0.5;

/// Times that trend and seasons are fitted, each to what the other leaves.
const ROUNDS: usize = 2;

/// The mean of the paths on both scales, or the path on the level where there is no logarithm.
pub(super) fn run(views: &[View]) -> Option<Paths> {
    let designs = views.iter().map(|view| Design::new(view, WAVES)).collect::<Option<Vec<Design>>>()?;
    let path = |(view, design): (&View, &Design)| {
        let mut path = design.path(&view.level, view.horizon);
        if let Some(log) = &view.log {
            let other = view.back(Scale::Log, design.path(log, view.horizon));
            path.iter_mut().zip(other).for_each(|(value, other)| *value = f64::midpoint(*value, other));
        }
        path
    };
    Some(views.iter().zip(&designs).map(path).collect())
}

/// The end of a history, cut into blocks of whole seasons.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    /// Points in each of them.
    length: usize,
    count: usize,
}

impl Blocks {
    fn of(view: &View) -> Option<Self> {
        let n = view.level.len();
        let enough = |season: &usize| n / season >= LEAST_SEASONS;
        let season = [view.seasons.long(), view.seasons.short()].into_iter().find(enough)?;
        let length = season * (n / season / BLOCKS).max(1);
        Some(Self { length, count: n / length })
    }

    fn points(self) -> usize {
        self.length * self.count
    }
}

/// What does not depend on the values: what the trend is made of in each block.
pub(super) struct Design<'a> {
    blocks: Blocks,
    seasons: &'a Seasons,
    /// Steps of a year, where history tells its waves.
    pub(super) year: Option<usize>,
    /// Pairs of waves of the year.
    waves: usize,
    /// Constant, slope, changes of slope and waves in the middle of each block.
    rows: Vec<Vec<f64>>,
    /// Cholesky factor of the penalized sums of products.
    factor: Vec<f64>,
}

impl<'a> Design<'a> {
    /// `None` where history is too short for a trend.
    pub(super) fn new(view: &View<'a>, waves: usize) -> Option<Self> {
        let (blocks, seasons) = (Blocks::of(view)?, view.seasons);
        let year = seasons.year.filter(|year| blocks.points() as f64 >= LEAST_YEARS * *year as f64);
        let mut design = Self { blocks, seasons, year, waves, rows: Vec::new(), factor: Vec::new() };
        let middle = |index: usize| (index as f64 + 0.5) * blocks.length as f64 - 0.5;
        design.rows = (0..blocks.count).map(|index| design.row(middle(index))).collect();
        design.factor = design.factor()?;
        Some(design)
    }

    /// The parts of the trend at a point, counted from the start of the first block.
    fn row(&self, point: f64) -> Vec<f64> {
        let position = point / self.blocks.points() as f64;
        let bend = |index: usize| (position - BENDING_SHARE * index as f64 / BENDS as f64).max(0.0);
        let mut row = vec![1.0, position];
        row.extend((1..=BENDS).map(bend));
        if let Some(year) = self.year {
            let waves = (1..=self.waves).map(|wave| TAU * wave as f64 * point / year as f64);
            row.extend(waves.flat_map(|angle| [angle.sin(), angle.cos()]));
        }
        row
    }

    fn factor(&self) -> Option<Vec<f64>> {
        let width = self.rows.first()?.len();
        let mut matrix = vec![0.0; width * width];
        for row in &self.rows {
            for (line, x) in matrix.chunks_exact_mut(width).zip(row) {
                line.iter_mut().zip(row).for_each(|(sum, y)| *sum += x * y);
            }
        }
        for index in 2..width {
            let penalty = if index < 2 + BENDS { BEND_PENALTY } else { WAVE_PENALTY };
            matrix[index * width + index] += penalty * self.blocks.count as f64 / 100.0;
        }
        factor(&mut matrix, width)?;
        Some(matrix)
    }

    /// The path ahead on the scale of `history`.
    fn path(&self, history: &[f64], horizon: usize) -> Vec<f64> {
        let history = self.seen(history);
        let (weights, profiles) = self.fit(history);
        let seasonal =
            |point: usize| profiles.iter().map(|profile| profile[point % profile.len()]).sum::<f64>();
        self.ahead(&weights, horizon)
            .enumerate()
            .map(|(step, trend)| trend + seasonal(history.len() + step))
            .collect()
    }

    /// History without the trend, and the trend ahead; what lies before the first block is lowered like its first point.
    pub(super) fn without_trend(&self, history: &[f64], horizon: usize) -> (Vec<f64>, Vec<f64>) {
        let seen = self.seen(history);
        let (weights, _) = self.fit(seen);
        let mut rest = history.to_vec();
        let before = history.len() - seen.len();
        self.take_out_trend(&weights, seen, &mut rest[before..]);
        let first = seen[0] - rest[before];
        rest[..before].iter_mut().for_each(|value| *value -= first);
        (rest, self.ahead(&weights, horizon).collect())
    }

    /// The blocks of a history.
    fn seen<'h>(&self, history: &'h [f64]) -> &'h [f64] {
        &history[history.len() - self.blocks.points()..]
    }

    fn ahead(&self, weights: &[f64], horizon: usize) -> impl Iterator<Item = f64> {
        let end = self.blocks.points();
        (end..end + horizon).map(|point| dot(&self.row(point as f64), weights))
    }

    /// Weights of the parts of the trend, and the profile of each season.
    fn fit(&self, history: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let mut profiles: Vec<Vec<f64>> = self.seasons.cycles.iter().map(|cycle| vec![0.0; *cycle]).collect();
        let mut rest = history.to_vec();
        let mut weights = Vec::new();
        let rounds = if profiles.is_empty() { 1 } else { ROUNDS };
        for _ in 0..rounds {
            weights = self.trend(&rest);
            self.take_out_trend(&weights, history, &mut rest);
            for profile in &mut profiles {
                *profile = profile_of(&rest, profile.len());
                add(&mut rest, profile, -1.0);
            }
            rest.copy_from_slice(history);
            profiles.iter().for_each(|profile| add(&mut rest, profile, -1.0));
        }
        (weights, profiles)
    }

    /// Weights of the parts of the trend of values without seasons.
    fn trend(&self, values: &[f64]) -> Vec<f64> {
        let mut weights = vec![0.0; self.rows[0].len()];
        for (row, block) in self.rows.iter().zip(values.chunks_exact(self.blocks.length)) {
            let level = mean(block);
            weights.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * level);
        }
        substitute(&self.factor, &mut weights);
        weights
    }

    /// History without its trend, which is a straight line between the middles of blocks.
    fn take_out_trend(&self, weights: &[f64], history: &[f64], rest: &mut [f64]) {
        let levels: Vec<f64> = self.rows.iter().map(|row| dot(row, weights)).collect();
        for (index, (rest, value)) in rest.iter_mut().zip(history).enumerate() {
            let place = (index as f64 + 0.5) / self.blocks.length as f64 - 0.5;
            let left = (place.max(0.0) as usize).min(self.blocks.count - 2);
            let share = (place - left as f64).clamp(0.0, 1.0);
            *rest = value - (levels[left] * (1.0 - share) + levels[left + 1] * share);
        }
    }
}

/// Means by phase around their own mean.
fn profile_of(values: &[f64], cycle: usize) -> Vec<f64> {
    let mut profile = vec![0.0; cycle];
    for chunk in values.chunks(cycle) {
        profile.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
    }
    let (whole, left) = (values.len() / cycle, values.len() % cycle);
    profile
        .iter_mut()
        .enumerate()
        .for_each(|(phase, sum)| *sum /= (whole + usize::from(phase < left)) as f64);
    let usual = mean(&profile);
    profile.iter_mut().for_each(|value| *value -= usual);
    profile
}

/// Adds a profile so many times to values that start at its first phase.
fn add(values: &mut [f64], profile: &[f64], times: f64) {
    for chunk in values.chunks_mut(profile.len()) {
        chunk.iter_mut().zip(profile).for_each(|(value, seasonal)| *value += times * seasonal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_trend_with_weeks_and_a_year_goes_on() {
        let truth = |day: usize| {
            let (at, turn) = (day as f64, TAU * day as f64 / 365.0);
            let trend = 10.0 + 0.01 * at + 0.02 * (at - 700.0).max(0.0);
            trend + 3.0 * turn.sin() + (2.0 * turn).cos() + if day % 7 >= 5 { -2.0 } else { 0.8 }
        };
        let seasons = Seasons { cycles: vec![7], year: Some(365) };
        let level: Vec<f64> = (0..1_400).map(truth).collect();
        let path = run(&[View::plain(level, &seasons, 365)]).unwrap().remove(0);
        let errors = path.iter().enumerate().map(|(step, value)| (value - truth(1_400 + step)).abs());
        let worst = errors.fold(0.0, f64::max);
        assert!(worst < 1.0, "{worst}");
    }

    #[test]
    fn a_short_history_has_no_such_trend() {
        let seasons = Seasons { cycles: vec![7], year: None };
        let level = vec![1.0; 50];
        assert!(run(&[View::plain(level, &seasons, 7)]).is_none());
    }
}
