//! How wrong a plain repetition would have been from every point of history: what to expect of a forecast's errors
//! before many of them are seen.

use std::ops::Range;

use crate::folds::Folds;
use crate::seasons::Seasons;

/// Fewer errors than this say nothing about their size.
const FEWEST: f64 = 8.0;

/// Errors of repeating history a few steps or whole seasons later, from every point of it.
#[derive(Debug)]
pub(crate) struct Repetition {
    additive: Vec<Repeated>,
    /// Of log ratios; empty where history is not above zero throughout.
    ratio: Vec<Repeated>,
}

/// Errors of repeating what was one lag before.
#[derive(Debug)]
struct Repeated {
    all: ErrorSums,
    /// Those at the steps of each fold.
    folds: Vec<ErrorSums>,
}

/// Sums over errors, each counted once or with a weight.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ErrorSums {
    absolute: f64,
    square: f64,
    count: f64,
}

impl ErrorSums {
    pub(crate) fn add(&mut self, error: f64) {
        self.absolute += error.abs();
        self.square += error * error;
        self.count += 1.0;
    }

    /// Mean absolute error; NaN without any.
    pub(crate) fn mean(self) -> f64 {
        self.absolute / self.count
    }

    /// Half the mean absolute error, half the root of the mean square; NaN without any.
    pub(crate) fn size(self) -> f64 {
        0.5 * (self.square / self.count).max(0.0).sqrt() + 0.5 * self.mean()
    }

    /// These and `weight` times the others.
    pub(crate) fn plus(self, weight: f64, other: Self) -> Self {
        Self {
            absolute: self.absolute + weight * other.absolute,
            square: self.square + weight * other.square,
            count: self.count + weight * other.count,
        }
    }
}

impl Repetition {
    /// Repeats `history` as late as the last step of a fold needs: by the step, and by whole seasons.
    pub(crate) fn new(history: &[f64], folds: &Folds, seasons: &Seasons) -> Self {
        let reach = folds.horizon.max(1);
        let later = |history: &[f64]| -> Vec<Repeated> {
            let by_season = seasons.cycles.iter().map(|season| reach.div_ceil(*season) * season);
            std::iter::once(reach).chain(by_season).map(|lag| Repeated::new(history, folds, lag)).collect()
        };
        let positive = history.iter().all(|value| *value > 0.0);
        let ratio = if positive {
            let logs: Vec<f64> = history.iter().map(|value| value.ln()).collect();
            later(&logs)
        } else {
            Vec::new()
        };
        Self { additive: later(history), ratio }
    }

    /// Size of the errors of the better repetition, a fold left out; `None` where history is too short or repeats itself.
    pub(crate) fn additive(&self, left_out: Option<usize>) -> Option<f64> {
        size(&self.additive, left_out)
    }

    /// The same of log ratios.
    pub(crate) fn ratio(&self, left_out: Option<usize>) -> Option<f64> {
        size(&self.ratio, left_out)
    }
}

fn size(repeated: &[Repeated], left_out: Option<usize>) -> Option<f64> {
    // Where history is too short to repeat a season, repeating a step says how large the season is.
    if repeated.get(1).is_some_and(|season| season.all.count < FEWEST) {
        return None;
    }
    let seen = repeated.iter().map(|repeated| match left_out {
        Some(fold) => repeated.all.plus(-1.0, repeated.folds[fold]),
        None => repeated.all,
    });
    let least =
        seen.filter(|errors| errors.count >= FEWEST).map(ErrorSums::size).fold(f64::INFINITY, f64::min);
    (least > 0.0 && least.is_finite()).then_some(least)
}

impl Repeated {
    fn new(history: &[f64], folds: &Folds, lag: usize) -> Self {
        let errors = |steps: Range<usize>| {
            let mut errors = ErrorSums::default();
            for at in steps.start.max(lag)..steps.end.min(history.len()) {
                errors.add(history[at] - history[at - lag]);
            }
            errors
        };
        Self {
            all: errors(0..history.len()),
            folds: folds.origins.iter().map(|origin| errors(*origin..origin + folds.horizon)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repetition(history: &[f64]) -> Repetition {
        let folds = Folds { origins: vec![30, 35], horizon: 5 };
        Repetition::new(history, &folds, &Seasons { cycles: vec![4], year: None })
    }

    #[test]
    fn the_season_repeats_better_than_the_last_step() {
        let history: Vec<f64> = (0..40).map(|at| 10.0 * f64::from(at % 4) + f64::from(at)).collect();
        // Two seasons later everything is higher by 8.
        assert!((repetition(&history).additive(None).unwrap() - 8.0).abs() < 1e-9);
        assert_eq!(repetition(&history).ratio(None), None, "history starts at zero");
    }

    #[test]
    fn a_fold_that_is_left_out_is_not_seen() {
        let mut history: Vec<f64> = (0..40).map(|at| 1.0 + f64::from(at % 7)).collect();
        let before = repetition(&history).additive(Some(1)).unwrap();
        history[35..].fill(1e6);
        assert!((repetition(&history).additive(Some(1)).unwrap() - before).abs() < 1e-3 * before);
        assert!(repetition(&history).additive(None).unwrap() > 1e3 * before);
        assert!(repetition(&history).ratio(None).unwrap() > repetition(&history).ratio(Some(1)).unwrap());
    }

    #[test]
    fn what_repeats_itself_or_is_too_short_says_nothing() {
        assert_eq!(repetition(&[3.0; 40]).additive(None), None);
        assert_eq!(repetition(&[]).additive(None), None);
        assert_eq!(repetition(&[1.0, 2.0, 4.0, 8.0, 16.0]).additive(None), None);
    }
}
