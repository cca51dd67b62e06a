//! Rolling-origin backtest: what the forecasts would have been, had they been made earlier.

use std::collections::BTreeMap;

use domain::Series;
use serde::{Deserialize, Serialize};

use crate::civil::Civil;
use crate::ensemble::finish;
use crate::history::measured;
use crate::request::{Checked, Request};
use crate::score::{Fold, ModelScore, SCORED_LEVELS};
use crate::study::{Study, seasonal_difference};
use crate::totals::BacktestTotals;

/// Name of the product's own forecast among the models.
pub const OWN: &str = "headroom";

/// Fewest points before an origin.
const LEAST_HISTORY: usize = 3;

/// How to test.
#[derive(Debug, Clone, PartialEq)]
pub struct BacktestSettings {
    /// What is forecast at each origin. Its events are known there, and so is what its drivers were at each step; its levels
    /// do not count: every score has levels of its own.
    pub request: Request,
    /// Number of origins, the last one a horizon before the end.
    pub windows: usize,
    /// Steps between origins; at least 1.
    pub step: usize,
    /// Lag of the seasonal naive error that scales MASE; `None`: the shortest season, given or found.
    pub scale_season: Option<usize>,
}

impl BacktestSettings {
    /// Three origins, a horizon apart.
    pub fn new(request: Request) -> Self {
        Self { windows: 3, step: request.horizon, scale_season: None, request }
    }
}

/// Scores of one series: per model, and for the product's own forecast under `headroom`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Backtest {
    /// The series.
    pub unique_id: String,
    /// Scores by model name. A model that did not apply at every origin counts the origins where it did.
    pub models: BTreeMap<String, ModelScore>,
    /// What a reader must know (too short for one window, …).
    pub warnings: Vec<String>,
}

/// Scores averaged over series, each series counting the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BacktestSummary {
    /// Series with at least one scored origin.
    pub series: usize,
    /// Series that were too short for one origin.
    pub skipped: usize,
    /// Mean score by model name.
    pub models: BTreeMap<String, ModelScore>,
}

/// Scores forecasts of the series made at earlier origins; nothing after an origin is seen by its forecast.
///
/// A series too short for one origin has no models and a warning.
pub fn backtest(series: &Series, settings: &BacktestSettings) -> Backtest {
    let request = Checked::new(&settings.request);
    let civil = Civil::new(series, 0, &request.utc_offsets);
    let by_clock = civil.as_ref().map(|civil| (civil.series(series), civil.request(&request)));
    let (series, request) =
        by_clock.as_ref().map_or((series, &request), |(series, request)| (series, request));
    let mut warnings: Vec<String> = request.problems.iter().map(ToString::to_string).collect();
    let origins = origins(series.len(), settings);
    if origins.len() < settings.windows {
        warnings.push(format!(
            "{} points allow {} of {} windows of {} steps",
            series.len(),
            origins.len(),
            settings.windows,
            request.horizon
        ));
    }
    let windows: Vec<Window> = origins
        .into_iter()
        .map(|origin| Window::new(series, origin, request, settings.scale_season))
        .collect();
    let mut folds: BTreeMap<&str, Vec<Fold>> = BTreeMap::new();
    for window in &windows {
        for (name, path, quantiles) in &window.forecasts {
            let fold = Fold { actual: &window.actual, path, quantiles, scale: window.scale };
            folds.entry(name).or_default().push(fold);
        }
    }
    let models = folds.into_iter().map(|(name, folds)| (name.to_owned(), ModelScore::of(&folds))).collect();
    Backtest { unique_id: series.unique_id.clone(), models, warnings }
}

/// The mean over series of every score, per model; a score that a series lacks is left out of its mean.
pub fn merge(backtests: &[Backtest]) -> BacktestSummary {
    let mut totals = BacktestTotals::default();
    backtests.iter().for_each(|backtest| totals.add(backtest));
    totals.summary()
}

/// Numbers of points before each origin, oldest first.
fn origins(length: usize, settings: &BacktestSettings) -> Vec<usize> {
    let step = settings.step.max(1);
    let newest = length.checked_sub(settings.request.horizon.max(1));
    let mut origins: Vec<usize> = (0..settings.windows)
        .map_while(|back| newest?.checked_sub(back.checked_mul(step)?))
        .take_while(|origin| *origin >= LEAST_HISTORY)
        .collect();
    origins.reverse();
    origins
}

/// A model's name, its path, and its quantile paths.
type ModelForecast = (&'static str, Vec<f64>, Vec<Vec<f64>>);

/// Every model's forecast at one origin.
struct Window {
    actual: Vec<Option<f64>>,
    scale: Option<f64>,
    forecasts: Vec<ModelForecast>,
}

impl Window {
    fn new(series: &Series, origin: usize, request: &Checked, scale_season: Option<usize>) -> Self {
        let known = Series {
            unique_id: series.unique_id.clone(),
            grid: series.grid,
            values: series.values[..origin].to_vec(),
        };
        let study = Study::new(&known, request);
        let finished = |path: &[f64], fold_paths: &[Vec<f64>]| {
            let quantiles = study.quantiles(&study.lessons(fold_paths), None, path, &SCORED_LEVELS);
            let finished = finish(&study, request, &known, path, quantiles, &SCORED_LEVELS);
            (finished.path, finished.quantiles)
        };
        let mut forecasts = Vec::with_capacity(study.runs.len() + 1);
        let (path, quantiles) = finished(&study.path, &study.fold_paths);
        forecasts.push((OWN, path, quantiles));
        for run in &study.runs {
            let (path, quantiles) = finished(&run.ahead, &run.folds);
            forecasts.push((run.name, path, quantiles));
        }
        let raw: Vec<f64> = known.values.iter().map(|value| measured(*value).unwrap_or(f64::NAN)).collect();
        let ahead = &series.values[origin..origin + request.horizon];
        Self {
            actual: ahead.iter().map(|value| measured(*value)).collect(),
            scale: seasonal_difference(&raw, scale_season.unwrap_or(study.seasons.short())),
            forecasts,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};

    use super::*;

    fn wave(length: usize) -> Series {
        let values = (0..length)
            .map(|hour| {
                let noise = ((hour as f64 * 12.9898).sin() * 43_758.547).fract();
                Some(100.0 + 30.0 * (hour as f64 * std::f64::consts::TAU / 24.0).sin() + 10.0 * noise)
            })
            .collect();
        let grid = Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) };
        Series { unique_id: "wave".to_owned(), grid, values }
    }

    #[test]
    fn the_own_forecast_beats_the_baseline_and_covers_about_what_it_promises() {
        let result = backtest(&wave(600), &BacktestSettings::new(Request::new(24)));
        let (own, naive) = (&result.models[OWN], &result.models["seasonal_naive"]);
        assert!(own.mase < naive.mase && own.crps < naive.crps, "{own:?} against {naive:?}");
        assert!(own.coverage_80.unwrap() > 0.6, "{own:?}");
        assert_eq!(own.folds, 3);
    }

    #[test]
    fn what_comes_after_an_origin_does_not_change_its_forecast() {
        let (known, mut other) = (wave(600), wave(600));
        other.values[576..].iter_mut().for_each(|value| *value = Some(1e6));
        let request = Checked::new(&Request::new(24));
        let (a, b) = (Window::new(&known, 576, &request, None), Window::new(&other, 576, &request, None));
        assert_eq!(a.forecasts, b.forecasts);
    }

    #[test]
    fn what_a_forecast_reads_as_missing_is_not_scored() {
        let mut broken = wave(600);
        for (at, value) in [(590, f64::INFINITY), (595, 1e200), (400, -1e200)] {
            broken.values[at] = Some(value);
        }
        let settings = BacktestSettings::new(Request::new(24));
        let (own, whole) =
            (&backtest(&broken, &settings).models[OWN], &backtest(&wave(600), &settings).models[OWN]);
        assert!((own.mase.unwrap() / whole.mase.unwrap() - 1.0).abs() < 0.1, "{own:?} against {whole:?}");
    }

    #[test]
    fn too_short_a_series_is_skipped_with_a_warning() {
        let result = backtest(&wave(10), &BacktestSettings::new(Request::new(24)));
        assert!(result.models.is_empty() && !result.warnings.is_empty());
        assert_eq!(
            merge(&[result, backtest(&wave(600), &BacktestSettings::new(Request::new(24)))]).skipped,
            1
        );
    }
}
