//! One series studied: cleaned, tried at earlier origins, combined and calibrated.

use domain::Series;

use crate::anniversaries::Anniversaries;
use crate::calendar::Calendar;
use crate::calibrate::{Calibration, Lessons};
use crate::combine::{self, Actuals, Errors, Run};
use crate::driver;
use crate::events;
use crate::fees::{Fee, Fees};
use crate::folds::{self, Folds};
use crate::history::History;
use crate::intermittent::Intermittent;
use crate::members::{Member, SEASONAL_NAIVE, View, ZOO};
use crate::order::mean;
use crate::repetition::Repetition;
use crate::request::Checked;
use crate::seasons::{self, Seasons};
use crate::shift::Jumps;
use crate::stacking::Stacking;

/// Paths may leave the range of history by this share of it, and by more when the horizon is long against history.
const CLIP_SHARE: f64 = 0.5;

/// Folds that cross a lasting jump say nothing of the steps after it where so many others have none to cross.
const STEADY_FOLDS: usize = 3;

/// Differences below this share of the largest value are rounding.
const ROUNDING: f64 = 1e-6;

/// Below this share of the mean, a smallest value makes logarithms unsteady, and the offset is added before.
const LOG_NEAR_ZERO: f64 = 0.02;
const LOG_OFFSET: f64 = 0.1;

/// Everything that was found out about one series; values are in units of `history.unit`.
#[derive(Debug)]
pub(crate) struct Study {
    /// Dates that come back every year; history is studied without them.
    pub(crate) anniversaries: Anniversaries,
    /// What comes on the same day of every month, by step ahead; it is in none of the other fields.
    pub(crate) fees: Vec<Option<Fee>>,
    pub(crate) history: History,
    pub(crate) seasons: Seasons,
    pub(crate) folds: Folds,
    pub(crate) actuals: Actuals,
    /// Members that apply, the baseline first.
    pub(crate) runs: Vec<Run>,
    /// Mean absolute error by member and fold.
    pub(crate) errors: Errors,
    /// Weight by member; they add up to 1.
    pub(crate) weights: Vec<f64>,
    /// The combination at each fold, with weights that did not see that fold.
    pub(crate) fold_paths: Vec<Vec<f64>>,
    /// Mean absolute seasonal difference before the oldest fold, on the level of today: the scale of MASE. `None` when it
    /// is 0.
    pub(crate) scale: Option<f64>,
    /// The combination ahead.
    pub(crate) path: Vec<f64>,
    /// History with everything unusual replaced.
    pub(crate) usual: Vec<f64>,
    /// How wrong a plain repetition of what is usual would have been.
    repetition: Repetition,
    /// Newest points that are nothing but zero, where that is taken to last.
    pub(crate) switched_off: Option<usize>,
    /// Nothing ever changed.
    pub(crate) constant: bool,
    /// Mostly zeros, and now and then an amount.
    pub(crate) intermittent: Option<Intermittent>,
}

impl Study {
    /// Studies a series; with `None` observed it forecasts zeros.
    pub(crate) fn new(series: &Series, request: &Checked) -> Self {
        let grid = series.grid;
        let announced = |index: usize| events::covered(request, &series.unique_id, grid.step(index));
        let anniversaries = Anniversaries::find(series, announced);
        let mut history =
            History::new(series, |index| announced(index) || anniversaries.covers(grid.stamp(index)));
        let mut fees = Fees::take_out(&mut history);
        let n = history.len();
        // An outburst that lasts is told from its neighbours only a day away, whether or not the days are alike.
        let day = seasons::steps_per_day(grid.frequency).filter(|steps| *steps > 1);
        let rough = history.without_one_offs(n, day.as_slice());
        let seasons = seasons::find(&rough, grid.frequency, request.season_lengths.as_deref());
        history.warnings.extend(unused(request, &seasons));
        let (mut usual, jumps) = history.usual(n, &seasons.cycles);
        let switched_off = history.switched_off(&seasons.cycles);
        if let Some(place) = switched_off {
            usual.fill(0.0);
            fees.since(place);
        }
        let first = usual.first().copied().unwrap_or(0.0);
        let constant = usual.iter().all(|value| (value - first).abs() <= 1e-12 * first.abs());
        let folds = if constant {
            Folds { origins: Vec::new(), horizon: 0 }
        } else {
            folds::plan(n, request.horizon, &seasons)
        };
        let unusual = history.unusual(&seasons.cycles);
        history.warnings.extend(drop_going_on(&history, &unusual));
        // Errors count as they would be on the level of today.
        let actuals = actuals(&history, &folds, &unusual, &jumps);
        let measured = history.values.iter().enumerate().take(folds.origins.first().copied().unwrap_or(n));
        let measured: Vec<f64> = measured.map(|(at, value)| value * jumps.to_today(at)).collect();
        let scale = seasonal_difference(&measured, seasons.short());
        let (drivers, problems) = driver::align(&request.drivers, history.grid, n, request.horizon);
        history.warnings.extend(problems);
        let intermittent = Intermittent::find(&history, &seasons).filter(|_| !folds.origins.is_empty());
        let mut runs = match &intermittent {
            Some(intermittent) => intermittent.runs(&folds, request.horizon),
            None => zoo(&history, &folds, &usual, &seasons, &drivers, request.horizon),
        };
        for run in &mut runs {
            for (path, origin) in run.folds.iter_mut().zip(&folds.origins) {
                path.iter_mut().enumerate().for_each(|(step, value)| *value *= jumps.to_today(origin + step));
            }
        }
        let errors = match &intermittent {
            Some(_) => Intermittent::errors(&runs, &actuals),
            None => combine::errors(&runs, &actuals),
        };
        // An intermittent series is judged by what came in the mean: its members' errors step by step say nothing.
        let stacking = intermittent.is_none().then(|| Stacking::new(&runs, &actuals));
        let weigh = |left_out: Option<usize>| {
            let weights = combine::weights(&errors, left_out);
            match &stacking {
                Some(stacking) => stacking.refine(weights, left_out),
                None => weights,
            }
        };
        let weights = weigh(None);
        let fold_paths = (0..folds.origins.len())
            .map(|fold| {
                let weights = weigh(Some(fold));
                combine::join(runs.iter().map(|run| &run.folds[fold]), &weights, folds.horizon)
            })
            .collect();
        let path = combine::join(runs.iter().map(|run| &run.ahead), &weights, request.horizon);
        let repetition = Repetition::new(&usual, &folds, &seasons);
        Self {
            anniversaries,
            fees: fees.ahead(&series.next_grid(), request.horizon),
            history,
            seasons,
            folds,
            actuals,
            runs,
            errors,
            weights,
            fold_paths,
            scale,
            path,
            usual,
            repetition,
            switched_off: switched_off.map(|place| n - place),
            constant,
            intermittent,
        }
    }

    /// What paths forecast at the folds teach: the combination's, or one member's.
    pub(crate) fn lessons(&self, fold_paths: &[Vec<f64>]) -> Lessons {
        let phases: Vec<usize> = (0..fold_paths.len()).map(|fold| self.phase(fold)).collect();
        Lessons::new(fold_paths, &self.actuals, &phases, self.seasons.short())
    }

    /// Quantiles around the path of a fold, as the other folds show, or around the path ahead; one path a level.
    pub(crate) fn quantiles(
        &self,
        lessons: &Lessons,
        fold: Option<usize>,
        path: &[f64],
        levels: &[f64],
    ) -> Vec<Vec<f64>> {
        if let Some(intermittent) = &self.intermittent {
            let span = |fold: usize| self.folds.origins[fold]..self.folds.origins[fold] + self.folds.horizon;
            return intermittent.quantiles(path, levels, fold.map_or(0..0, span));
        }
        let left_out = fold.filter(|_| self.folds.origins.len() > 1);
        Calibration::learn(lessons, &self.repetition, left_out)
            .unwrap_or_else(|| Calibration::from_changes(&self.usual, self.seasons.short()))
            .quantiles(path, levels, fold.map_or(0, |fold| self.phase(fold)))
    }

    /// Phase of a fold's first step; the forecast ahead starts at 0.
    pub(crate) fn phase(&self, fold: usize) -> usize {
        let season = self.seasons.short();
        let back = (self.history.len() - self.folds.origins[fold]) % season;
        (season - back) % season
    }
}

/// What to say of seasons that were told in vain.
fn unused(request: &Checked, seasons: &Seasons) -> impl Iterator<Item = String> {
    let used = |length: &usize| seasons.cycles.contains(length) || seasons.year == Some(*length);
    let unused = request.season_lengths.iter().flatten().filter(move |length| !used(length));
    unused.map(|length| {
        format!(
            "the season of {length} steps that was told is not used: history does not show it, or two others are enough"
        )
    })
}

/// What to say of a drop that is still going on.
fn drop_going_on(history: &History, unusual: &[bool]) -> Option<String> {
    let going_on = (0..history.len()).rev().take_while(|at| unusual[*at]);
    let dropped = going_on.filter(|at| !history.values[*at].is_nan() && !history.in_event[*at]).count();
    (dropped > 0).then(|| {
        format!(
            "the newest points ({dropped}) are far below what is usual and are left out: an outage, or a step that is \
             not whole yet"
        )
    })
}

/// What came at the folds, on the level of today, where it was usual and could be known.
fn actuals(history: &History, folds: &Folds, unusual: &[bool], jumps: &Jumps) -> Actuals {
    let span = |origin: usize| origin..origin + folds.horizon;
    let is_steady = |origin: &&usize| !jumps.lie_between(**origin, **origin + folds.horizon - 1);
    let all_count = folds.origins.iter().filter(is_steady).count() < STEADY_FOLDS;
    let actual = |origin: usize, at: usize| {
        let foreseen = all_count || !jumps.lie_between(origin, at);
        (!unusual[at] && foreseen).then(|| history.values[at] * jumps.to_today(at))
    };
    folds.origins.iter().map(|origin| span(*origin).map(|at| actual(*origin, at)).collect()).collect()
}

/// Mean absolute difference at a lag over measured points; `None` when there is no pair, or when it is no more than
/// rounding beside the values: errors divided by it would say nothing.
pub(crate) fn seasonal_difference(values: &[f64], lag: usize) -> Option<f64> {
    let pairs = values.iter().zip(values.get(lag..)?);
    let steps: Vec<f64> =
        pairs.map(|(before, now)| (now - before).abs()).filter(|step| !step.is_nan()).collect();
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    Some(mean(&steps)).filter(|scale| *scale > ROUNDING * largest)
}

/// The members that apply, tried at the folds and sent ahead; the baseline first.
fn zoo(
    history: &History,
    folds: &Folds,
    usual: &[f64],
    seasons: &Seasons,
    drivers: &[Vec<f64>],
    horizon: usize,
) -> Vec<Run> {
    let n = history.len();
    if n == 0 {
        return vec![Run { name: "seasonal_naive", folds: Vec::new(), ahead: vec![0.0; horizon] }];
    }
    let calendar = Calendar::daily(history.grid, n + horizon);
    let views = views(history, folds, usual, seasons, drivers, calendar.as_ref(), horizon);
    let zoo = if folds.origins.is_empty() { &[SEASONAL_NAIVE] } else { ZOO };
    let ranges: Vec<(f64, f64)> = views.iter().map(allowed).collect();
    zoo.iter().flat_map(|model| model.run(&views)).filter_map(|member| clip(member, &ranges)).collect()
}

/// One view a fold, oldest first, then the view of everything.
fn views<'a>(
    history: &History,
    folds: &Folds,
    usual: &[f64],
    seasons: &'a Seasons,
    drivers: &'a [Vec<f64>],
    calendar: Option<&'a Calendar>,
    horizon: usize,
) -> Vec<View<'a>> {
    let mut levels: Vec<(Vec<f64>, usize)> = folds
        .origins
        .iter()
        .map(|origin| (history.usual(*origin, &seasons.cycles).0, folds.horizon))
        .collect();
    levels.push((usual.to_vec(), horizon));
    let oldest = &levels[0].0;
    let smallest = oldest.iter().copied().fold(f64::INFINITY, f64::min);
    let size = mean(oldest);
    let log_offset = if smallest > LOG_NEAR_ZERO * size { 0.0 } else { LOG_OFFSET * size.max(1e-9) };
    levels
        .into_iter()
        .map(|(level, horizon)| {
            let logs = || level.iter().map(|value| (value + log_offset).ln()).collect::<Vec<f64>>();
            let log = history.non_negative.then(logs).filter(|logs| logs.iter().all(|log| log.is_finite()));
            View { log, level, log_offset, seasons, drivers, calendar, horizon }
        })
        .collect()
}

/// The range that paths are kept in: that of history and a margin.
fn allowed(view: &View) -> (f64, f64) {
    let low = view.level.iter().copied().fold(f64::INFINITY, f64::min);
    let high = view.level.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let margin = (high - low) * (CLIP_SHARE + view.horizon as f64 / view.level.len() as f64);
    (low - margin, high + margin)
}

/// A member with its paths kept within the ranges of the views; `None` when it did not end in numbers.
fn clip(member: Member, ranges: &[(f64, f64)]) -> Option<Run> {
    let Member { name, mut paths } = member;
    let late = ranges.len() - paths.len();
    for (path, (low, high)) in paths.iter_mut().zip(&ranges[late..]) {
        for value in path.iter_mut() {
            if !value.is_finite() {
                return None;
            }
            *value = value.clamp(*low, *high);
        }
    }
    let ahead = paths.pop()?;
    Some(Run { name, folds: std::iter::repeat_n(Vec::new(), late).chain(paths).collect(), ahead })
}
