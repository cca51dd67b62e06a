//! Exponential smoothing in its additive error-correction form (Hyndman, Koehler, Ord & Snyder 2008):
//! level, optional damped trend, none or one season, and with a season a first-order correction of the error.

use super::{Paths, Scale, View};
use crate::order::mean;

/// Points at the end of history that the parameter search looks at: at least this, or this many seasons.
const SEARCH_POINTS: usize = 500;
const SEARCH_SEASONS: usize = 6;

/// Rounds of the search; each tries both directions of each parameter.
const SEARCH_ROUNDS: usize = 6;

/// Rounds at later origins, from where the one before ended.
const TOUCH_UP_ROUNDS: usize = 2;

/// Farther ahead the latest one-step errors say little, and chasing them does harm.
const TOUCH_UP_HORIZON: usize = 24;

/// Smoothing weights, each in 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    /// Of the level.
    pub(crate) level: f64,
    /// Of the trend.
    pub(crate) trend: f64,
    /// Damping of the trend; 1 keeps it, 0 has none.
    pub(crate) damping: f64,
    /// Of the season.
    pub(crate) season: f64,
    /// Share of the last error that carries over to the next step.
    pub(crate) carry: f64,
}

/// Smoothing with or without a damped trend, for series without a season.
pub(super) fn simple(scale: Scale, trend: bool, views: &[View]) -> Option<Paths> {
    let season = views.first()?.seasons.short();
    if season == 1 { run(scale, trend, season, views) } else { None }
}

/// Smoothing with a damped trend and the shortest season.
pub(super) fn seasonal(scale: Scale, views: &[View]) -> Option<Paths> {
    let season = views.first()?.seasons.short();
    if season > 1 { run(scale, true, season, views) } else { None }
}

/// Finds weights at the oldest origin, filters at every origin and forecasts.
fn run(scale: Scale, trend: bool, season: usize, views: &[View]) -> Option<Paths> {
    let window =
        |history: &'_ [f64]| history.len().saturating_sub((SEARCH_SEASONS * season).max(SEARCH_POINTS));
    let history = views.first()?.on(scale)?;
    if history.len() < 2 * season + 3 {
        return None;
    }
    let mut weights = search(&history[window(history)..], season, trend, start(season, trend), SEARCH_ROUNDS);
    views
        .iter()
        .enumerate()
        .map(|(fold, view)| {
            let history = view.on(scale)?;
            let history = &history[window(history)..];
            // Without seasons a step of the search is cheap, and a level that moves more than before is followed.
            if fold > 0 && season == 1 && view.horizon <= TOUCH_UP_HORIZON {
                weights = search(history, season, trend, weights, TOUCH_UP_ROUNDS);
            }
            Some(view.back(scale, filter(history, season, [weights]).predict(view.horizon)))
        })
        .collect()
}

/// Simple smoothing with or without a damped trend of what is left of a series at each origin, oldest first: the path
/// ahead, and the weight of the level. `season` is the longest that was taken out (1: none).
pub(super) fn smooth(
    rests: &[Vec<f64>],
    season: usize,
    damping: Option<f64>,
    horizons: &[usize],
) -> Vec<(Vec<f64>, f64)> {
    let mut weights = start(1, damping.is_some());
    let mut rounds = SEARCH_ROUNDS;
    let mut paths = Vec::with_capacity(rests.len());
    for (rest, horizon) in rests.iter().zip(horizons) {
        let recent = &rest[rest.len().saturating_sub(SEARCH_POINTS)..];
        weights = search(recent, 1, damping.is_some(), weights, rounds);
        // Within a season the weights of the oldest origin are steadier, and a search at every origin costs most there.
        rounds = if season < *horizon && *horizon <= TOUCH_UP_HORIZON { TOUCH_UP_ROUNDS } else { 0 };
        if let Some(cap) = damping {
            weights.damping = weights.damping.min(cap);
        }
        paths.push((filter(recent, 1, [weights]).predict(*horizon), weights.level));
    }
    paths
}

/// Where the search starts.
fn start(season: usize, trend: bool) -> Weights {
    let seasonal = season > 1;
    let when = |on: bool, value: f64| if on { value } else { 0.0 };
    Weights {
        level: if seasonal { 0.1 } else { 0.5 },
        trend: when(trend, 0.05),
        damping: when(trend, 0.95),
        season: when(seasonal, 0.1),
        carry: when(seasonal, 0.5),
    }
}

/// Minimizes the mean absolute one-step error by a pattern search with shrinking steps.
fn search(history: &[f64], season: usize, trend: bool, from: Weights, rounds: usize) -> Weights {
    let seasonal = season > 1;
    let mut best = from;
    type Pick = fn(&mut Weights) -> &mut f64;
    let mut free: Vec<(Pick, f64)> = vec![(|weights| &mut weights.level, 0.99)];
    if trend {
        free.push((|weights| &mut weights.trend, 0.5));
        free.push((|weights| &mut weights.damping, 0.99));
    }
    if seasonal {
        free.push((|weights| &mut weights.season, 0.6));
        free.push((|weights| &mut weights.carry, 0.95));
    }
    let [mut least] = filter(history, season, [best]).error;
    // Steps are on the logistic scale, so that 0.01 and 0.99 are as easy to reach as 0.5.
    let mut step = 1.6;
    for _ in 0..rounds {
        let before = least;
        for (pick, cap) in &free {
            let tried = [step, -step].map(|direction| {
                let mut tried = best;
                let value = pick(&mut tried);
                let odds = (*value / (1.0 - *value)).ln() + direction;
                *value = (1.0 / (1.0 + (-odds).exp())).clamp(0.001, *cap);
                tried
            });
            let errors = filter(history, season, tried).error;
            if let Some(better) = (0..2).find(|direction| errors[*direction] < least) {
                (best, least) = (tried[better], errors[better]);
            }
        }
        if least >= before {
            step *= 0.5;
        }
    }
    best
}

/// The states after the last point of history, for `N` sets of weights side by side: each step of one set waits for
/// the step before, so two cost hardly more time than one.
pub(crate) struct State<const N: usize> {
    weights: [Weights; N],
    level: [f64; N],
    trend: [f64; N],
    /// The next step's part is at `phase`.
    season: Vec<[f64; N]>,
    phase: usize,
    last_error: [f64; N],
    /// Mean absolute one-step error after the first season.
    error: [f64; N],
}

/// Runs the recursions over history.
pub(crate) fn filter<const N: usize>(history: &[f64], season: usize, weights: [Weights; N]) -> State<N> {
    let warm = season.max(1);
    let mut shape = vec![[0.0; N]; warm];
    let start = if warm > 1 {
        mean(&history[..warm.min(history.len())])
    } else {
        history.first().copied().unwrap_or(0.0)
    };
    if warm > 1 {
        // The first two cycles give the first shape.
        let cycles = (2 * warm).min(history.len()) / warm;
        let base = mean(&history[..cycles * warm]);
        for (phase, value) in shape.iter_mut().enumerate() {
            let sum: f64 = (0..cycles).map(|cycle| history[cycle * warm + phase] - base).sum();
            *value = [sum / cycles as f64; N];
        }
    }
    let mut state = State {
        weights,
        level: [start; N],
        trend: [0.0; N],
        season: shape,
        phase: 0,
        last_error: [0.0; N],
        error: [0.0; N],
    };
    for value in &history[..warm.min(history.len())] {
        state.step(*value);
    }
    let mut sums = [0.0; N];
    for value in &history[warm.min(history.len())..] {
        let errors = state.step(*value);
        sums.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error.abs());
    }
    let count = history.len().saturating_sub(warm);
    state.error = sums.map(|sum| if count == 0 { f64::INFINITY } else { sum / count as f64 });
    state
}

impl<const N: usize> State<N> {
    /// Takes one value in and returns its one-step errors.
    fn step(&mut self, value: f64) -> [f64; N] {
        let seasonal = self.season.len() > 1;
        let mut errors = [0.0; N];
        for (lane, error) in errors.iter_mut().enumerate() {
            let Weights { level, trend, damping, season, carry } = self.weights[lane];
            let drift = damping * self.trend[lane];
            let shape = if seasonal { self.season[self.phase][lane] } else { 0.0 };
            let raw = value - (self.level[lane] + drift + shape);
            *error = raw - carry * self.last_error[lane];
            self.level[lane] += drift + level * *error;
            self.trend[lane] = drift + level * trend * *error;
            if seasonal {
                self.season[self.phase][lane] = shape + season * *error;
            }
            self.last_error[lane] = raw;
        }
        self.phase = if self.phase + 1 == self.season.len() { 0 } else { self.phase + 1 };
        errors
    }
}

impl State<1> {
    /// The path ahead.
    pub(crate) fn predict(&self, horizon: usize) -> Vec<f64> {
        let (Weights { damping, carry, .. }, [level], [trend]) = (self.weights[0], self.level, self.trend);
        let ([mut carried], mut growth, mut factor) = (self.last_error, 0.0, damping);
        (0..horizon)
            .map(|step| {
                growth += factor * trend;
                factor *= damping;
                carried *= carry;
                level + growth + self.season[(self.phase + step) % self.season.len()][0] + carried
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE: Weights = Weights { level: 0.5, trend: 0.0, damping: 0.0, season: 0.0, carry: 0.0 };

    #[test]
    fn simple_smoothing_is_the_textbook_recursion() {
        // level: 10, then 10 + 0.5 (12 - 10) = 11, then 11 + 0.5 (8 - 11) = 9.5
        assert_eq!(filter(&[10.0, 12.0, 8.0], 1, [SIMPLE]).predict(2), [9.5, 9.5]);
    }

    #[test]
    fn damped_trend_is_the_textbook_recursion() {
        let weights = Weights { level: 0.5, trend: 0.4, damping: 0.9, ..SIMPLE };
        // Error 2 at the second point: level 11, trend 0.5 · 0.4 · 2 = 0.4; ahead: 11 + 0.36, 11 + 0.36 + 0.324.
        let path = filter(&[10.0, 12.0], 1, [weights]).predict(2);
        assert!((path[0] - 11.36).abs() < 1e-12 && (path[1] - 11.684).abs() < 1e-12, "{path:?}");
    }

    /// The recursions of statsforecast 2.1.1: `ets_f(y, 4, model="AAA", damped=True)`, run from the parameters and initial
    /// states that it found (printed to nine digits), must end in the first step of its `forecast_ets`. Further ahead
    /// that function counts the first damping twice; the textbook's sum is tested above.
    #[test]
    fn damped_seasonal_smoothing_forecasts_what_statsforecast_does() {
        let history = [
            112.0, 118.0, 132.0, 129.0, 121.0, 135.0, 148.0, 148.0, 136.0, 119.0, 104.0, 118.0, 115.0, 126.0,
            141.0, 135.0, 125.0, 149.0, 170.0, 170.0,
        ];
        let alpha = 0.324_739_122;
        let weights = Weights {
            level: alpha,
            trend: 0.056_161_465_9 / alpha,
            damping: 0.837_894_894,
            season: 0.082_526_559_1,
            carry: 0.0,
        };
        let mut state = State {
            weights: [weights],
            level: [114.640_248],
            trend: [4.290_329_68],
            season: vec![[-6.592_128_96], [-1.909_870_99], [4.983_868_82], [3.518_131_13]],
            phase: 0,
            last_error: [0.0],
            error: [0.0],
        };
        for value in history {
            state.step(value);
        }
        let next = state.predict(1)[0];
        assert!((next - 152.009_002).abs() < 1e-5, "{next}");
    }

    /// `SimpleExponentialSmoothing(alpha=0.3)` of statsforecast 2.1.1 on the same twelve values.
    #[test]
    fn simple_smoothing_forecasts_what_statsforecast_does() {
        let history = [112.0, 118.0, 132.0, 129.0, 121.0, 135.0, 148.0, 148.0, 136.0, 119.0, 104.0, 118.0];
        let path = filter(&history, 1, [Weights { level: 0.3, ..SIMPLE }]).predict(1);
        assert!((path[0] - 121.647_942_75).abs() < 1e-6, "{path:?}");
    }

    #[test]
    fn an_exact_season_has_no_error() {
        let history: Vec<f64> = (0..40).map(|index| [1.0, 5.0, 3.0, 2.0][index % 4]).collect();
        let weights = search(&history, 4, true, start(4, true), SEARCH_ROUNDS);
        let path = filter(&history, 4, [weights]).predict(6);
        let worst = path.iter().zip([1.0, 5.0, 3.0, 2.0, 1.0, 5.0]).map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f64::max) < 1e-6, "{path:?}");
    }
}
