//! How wrong a plain repetition would have been from every point of history: what to expect of a forecast's errors
//! before many of them are seen.

use std::ops::Range;

use crate::folds::Folds;
use crate::seasons::Seasons;

/// A drift is half believed when it is so many times its own standard error.
const DRIFT_EVIDENCE: f64 = 2.0;

/// Errors that differ by less than this share of their square are the same.
const ROUNDING: f64 = 1e-12;

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
    lag: usize,
    all: ErrorSums,
    /// Those at the steps of each fold.
    folds: Vec<ErrorSums>,
}

/// Sums over errors, each counted once or with a weight.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ErrorSums {
    sum: f64,
    absolute: f64,
    square: f64,
    count: f64,
}

impl ErrorSums {
    pub(crate) fn add(&mut self, error: f64) {
        self.sum += error;
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

    /// Share of the square that is the same in all of them, between 0 and 1; 0 where nothing was wrong.
    pub(crate) fn steady(self) -> f64 {
        if self.square > 0.0 { (self.sum * self.sum / (self.count * self.square)).min(1.0) } else { 0.0 }
    }

    /// Share of the size that is left when the drift is known, errors being those of overlapping stretches of `lag` steps.
    /// A steady drift is no error of a forecast; one that may be chance is, in part.
    fn without_drift(self, lag: usize) -> f64 {
        let (drift, square) = (self.sum / self.count, self.square / self.count);
        let apart = self.count / lag as f64;
        if apart <= 1.0 || square <= 0.0 {
            return 1.0;
        }
        let around = (square - drift * drift).max(ROUNDING * square);
        // The drift against its own standard error.
        let ratio = drift * drift * (apart - 1.0) / around / DRIFT_EVIDENCE.powi(2);
        let steady = ratio / (1.0 + ratio);
        // What varies around a mean of few stretches varies more, and so does the mean.
        let around = (around / square * (apart + 1.0) / (apart - 1.0)).min(1.0);
        (1.0 - steady + steady * around).sqrt()
    }

    /// These and `weight` times the others.
    pub(crate) fn plus(self, weight: f64, other: Self) -> Self {
        Self {
            sum: self.sum + weight * other.sum,
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
    let enough = seen.zip(repeated).filter(|(errors, _)| errors.count >= FEWEST);
    let sizes = enough.map(|(errors, repeated)| errors.size() * errors.without_drift(repeated.lag));
    let least = sizes.fold(f64::INFINITY, f64::min);
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
            lag,
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
        let history: Vec<f64> =
            (0..40).map(|at| 10.0 * f64::from(at % 4) + 8.0 * f64::from(at / 8 % 2)).collect();
        // Two seasons later everything is higher or lower by 8, in turn.
        assert!((repetition(&history).additive(None).unwrap() - 8.0).abs() < 1e-9);
        assert_eq!(repetition(&history).ratio(None), None, "history starts at zero");
    }

    #[test]
    fn a_steady_drift_is_no_error_and_one_of_chance_is() {
        let noise = |at: u32| f64::from(at * 7919 % 101) / 50.0;
        let steady: Vec<f64> = (0..40).map(|at| 50.0 * f64::from(at) + noise(at)).collect();
        let size = repetition(&steady).additive(None).unwrap();
        assert!(size < 0.1 * 8.0 * 50.0, "{size}");
        // Up for half of history, and down for the other: no drift on the whole.
        let turning: Vec<f64> =
            (0..40).map(|at: u32| 50.0 * f64::from(at.min(40 - at)) + noise(at)).collect();
        let size = repetition(&turning).additive(None).unwrap();
        assert!(size > 0.7 * 5.0 * 50.0, "{size}");
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
