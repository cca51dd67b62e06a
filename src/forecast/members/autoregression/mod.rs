//! Ridge autoregression on few chosen lags: the last points and the neighbourhood of each season.
//!
//! The folds of a member share one table of moments. The forecast runs recursively over the horizon.

mod lags;
mod moments;

use super::{Paths, Scale, View};
use crate::order::mean;
use lags::lags;
use moments::Moments;

/// Ridge penalty per row, for a series of unit variance.
const PENALTY: f64 = 2e-3;

/// The newest rows that are fitted: at least this many, or this many long seasons. More rows of older behaviour made
/// forecasts of long series worse, and this keeps the cost of a long series that of a short one.
const ROWS: usize = 1_200;
const ROW_SEASONS: usize = 8;

/// Fewest rows in a block of moments, and most blocks before the oldest origin.
const BLOCK_ROWS: usize = 12;
const BLOCKS: usize = 16;

/// Fading memory halves the weight of a row after this many long seasons (or points without a season).
const HALF_LIFE_SEASONS: f64 = 2.0;
const HALF_LIFE_POINTS: f64 = 60.0;

/// A steady drift of differences is halved after this share of the rows that showed it: growth fades by default.
const DRIFT_HALF_LIFE: f64 = 1.0 / 8.0;

/// Differences taken before the regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// None: returns to the mean.
    None,
    /// From the point before: keeps its level.
    First,
    /// From a short season before.
    Short,
    /// From a long season before.
    Long,
    /// From the point before and from a short season before, both.
    FirstAndShort,
}

impl Difference {
    /// Whether old rows count less: how one point follows the last changes sooner than the shape of a season.
    fn fades(self) -> bool {
        self == Self::First
    }
}

/// One view's values as they are regressed.
struct Rows {
    /// Differences around `centre`.
    values: Vec<f64>,
    centre: f64,
    /// Largest distance from the centre that a forecast may reach.
    reach: f64,
}

/// What others leave of a history, forecast on its level with a long memory.
pub(super) fn of_rest(views: &[View]) -> Option<Paths> {
    run(Scale::Level, Difference::None, views)
}

/// Fits at every origin and forecasts recursively.
pub(super) fn run(scale: Scale, difference: Difference, views: &[View]) -> Option<Paths> {
    let (oldest, newest) = (views.first()?, views.last()?);
    let seasons = oldest.seasons;
    let (short, long) = (seasons.short(), seasons.long());
    let distances: &[usize] = match difference {
        Difference::None => &[],
        Difference::First => &[1],
        Difference::Short if short > 1 => &[short],
        Difference::Long if long > short => &[long],
        Difference::FirstAndShort if short > 1 => &[1, short],
        Difference::Short | Difference::Long | Difference::FirstAndShort => return None,
    };
    let distance: usize = distances.iter().sum();
    let lags = lags(short, long, oldest.level.len().checked_sub(distance)?);
    let longest = *lags.last()?;
    let keep = (ROW_SEASONS * long).max(ROWS) + longest + distance;
    let from = oldest.level.len().saturating_sub(keep);
    let ends: Vec<usize> = views.iter().map(|view| view.level.len() - from - distance).collect();

    // The centre of the oldest view serves all: what is subtracted changes nothing but rounding.
    let centre = mean(&differences(&oldest.on(scale)?[from..], distances));
    let shared = Rows::new(&newest.on(scale)?[from..], distances, centre);
    let half_life = difference.fades().then(|| (HALF_LIFE_SEASONS * long as f64).max(HALF_LIFE_POINTS));
    let blocks = |ends: &[usize]| blocks(half_life.is_some(), longest, ends);
    let moments = Moments::new(&shared.values, &lags, blocks(&ends));
    let path = |(view, end): (&View, &usize)| {
        let history = &view.on(scale)?[from..];
        // A history that was cleaned otherwise at this origin (an episode that was not known to be one) is its own.
        let own = Rows::new(history, distances, centre);
        let same = own.values == shared.values[..*end];
        let own_moments =
            (!same).then(|| Moments::new(&own.values, &lags, blocks(std::slice::from_ref(end))));
        let moments = own_moments.as_ref().unwrap_or(&moments);
        let coefficients = moments.fit(&weights(moments, *end, half_life), PENALTY)?;
        Some(view.back(scale, own.predict(&coefficients, &lags, history, distances, view.horizon)))
    };
    views.iter().zip(&ends).map(path).collect()
}

fn differences(history: &[f64], distances: &[usize]) -> Vec<f64> {
    distances.iter().fold(history.to_vec(), |values, distance| {
        values[*distance..].iter().zip(&values).map(|(now, before)| now - before).collect()
    })
}

/// Ends of blocks: the origins, and evenly before the oldest where old rows count less.
fn blocks(fading: bool, start: usize, origins: &[usize]) -> Vec<usize> {
    let rows = origins[0] - start;
    let count = if fading { (rows / BLOCK_ROWS).clamp(1, BLOCKS) } else { 1 };
    (1..count).map(|block| start + rows * block / count).chain(origins.iter().copied()).collect()
}

/// A weight for each block before `end`, halved with the half-life if there is one; later ones are not known yet.
fn weights(moments: &Moments, end: usize, half_life: Option<f64>) -> Vec<f64> {
    let mut from = moments.start;
    moments
        .ends
        .iter()
        .map(|block_end| {
            let middle = 0.5 * (from + block_end) as f64;
            from = *block_end;
            if *block_end > end {
                return 0.0;
            }
            half_life.map_or(1.0, |half_life| 0.5_f64.powf((end as f64 - middle) / half_life))
        })
        .collect()
}

impl Rows {
    fn new(history: &[f64], distances: &[usize], centre: f64) -> Self {
        let mut values = differences(history, distances);
        values.iter_mut().for_each(|value| *value -= centre);
        let reach = 1.5 * values.iter().fold(0.0_f64, |reach, value| reach.max(value.abs()));
        Self { values, centre, reach }
    }

    /// The path ahead, in units of `history`.
    fn predict(
        &self,
        coefficients: &[f64],
        lags: &[usize],
        history: &[f64],
        distances: &[usize],
        horizon: usize,
    ) -> Vec<f64> {
        let longest = lags[lags.len() - 1];
        let mut rows = Vec::with_capacity(longest + horizon);
        rows.extend_from_slice(&self.values[self.values.len() - longest..]);
        for _ in 0..horizon {
            let now = rows.len();
            // Four sums: one alone waits for its own addition at every lag.
            let mut sums = [coefficients[0], 0.0, 0.0, 0.0];
            for (lags, coefficients) in lags.chunks(4).zip(coefficients[1..].chunks(4)) {
                for ((sum, lag), coefficient) in sums.iter_mut().zip(lags).zip(coefficients) {
                    *sum += coefficient * rows[now - lag];
                }
            }
            rows.push(sums.iter().sum::<f64>().clamp(-self.reach, self.reach));
        }
        // What the differences settle at goes on for ever unless it fades.
        let pull = 1.0 - coefficients[1..].iter().sum::<f64>();
        let drift =
            if distances.first() == Some(&1) { self.centre + coefficients[0] / pull.max(0.1) } else { 0.0 };
        let kept = 0.5_f64.powf(1.0 / (DRIFT_HALF_LIFE * self.values.len() as f64).max(1.0));
        let mut share = 1.0;
        // Differences are undone value by value from those before.
        let distance: usize = distances.iter().sum();
        let mut path = history[history.len() - distance..].to_vec();
        for row in &rows[longest..] {
            let now = path.len();
            let base = match distances {
                [] => 0.0,
                [one] => path[now - one],
                [one, other, ..] => path[now - one] + path[now - other] - path[now - one - other],
            };
            share *= kept;
            path.push(base + row + self.centre - drift * (1.0 - share));
        }
        path.split_off(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seasons::Seasons;

    #[test]
    fn a_seasonal_wave_is_continued_at_every_origin() {
        let wave = |index: usize| (index as f64 * std::f64::consts::TAU / 24.0).sin();
        let seasons = Seasons { cycles: vec![24], year: None };
        let views: Vec<View> =
            [432, 480].map(|length| View::plain((0..length).map(wave).collect(), &seasons, 48)).into();
        for difference in [Difference::None, Difference::First, Difference::Short, Difference::FirstAndShort]
        {
            for (path, view) in run(Scale::Level, difference, &views).unwrap().iter().zip(&views) {
                let miss = |(step, value): (usize, &f64)| (value - wave(view.level.len() + step)).abs();
                assert!(path.iter().enumerate().map(miss).fold(0.0, f64::max) < 0.05, "{difference:?}");
            }
        }
    }

    #[test]
    fn growth_goes_on_and_fades() {
        let seasons = Seasons::default();
        let wobble = |index: usize| 0.1 * (index as f64 * 0.26).sin();
        let views = [View::plain((0..200).map(|index| index as f64 + wobble(index)).collect(), &seasons, 48)];
        let path = &run(Scale::Level, Difference::First, &views).unwrap()[0];
        assert!((path[0] - 200.0).abs() < 0.5, "{}", path[0]);
        let grown = path[47] - path[0];
        assert!((20.0..40.0).contains(&grown), "{grown} of 47");
    }

    #[test]
    fn a_fold_forecasts_what_it_would_alone() {
        let value = |index: usize| (index as f64 * 0.26).sin() + ((index * index) as f64 * 0.7).cos();
        let seasons = Seasons { cycles: vec![24], year: None };
        let both: Vec<View> =
            [400, 448].map(|length| View::plain((0..length).map(value).collect(), &seasons, 48)).into();
        let (together, alone) = (of_rest(&both).unwrap(), of_rest(&both[..1]).unwrap());
        let worst = together[0].iter().zip(&alone[0]).map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f64::max) < 1e-9);
    }
}
