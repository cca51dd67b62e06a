//! The product's own forecast: the study of a series turned into quantiles, scores and words.

use domain::{Accuracy, Components, Forecast, Member, Series};
use rayon::prelude::*;

use crate::calibrate::Lessons;
use crate::civil::Civil;
use crate::events;
use crate::paths::normal_quantile;
use crate::request::{Checked, Request};
use crate::score::{Fold, ModelScore, SCORED_LEVELS};
use crate::seasons::moving_average;
use crate::study::Study;

/// Fewer observations than this and a forecast says so.
const FEW_OBSERVATIONS: usize = 10;

/// Forecasts one series. Never fails: what cannot be forecast well falls back to the simplest honest
/// model, and the forecast's warnings say why.
pub fn forecast(series: &Series, request: &Request) -> Forecast {
    one(series, &Checked::new(request))
}

/// Forecasts every series, over all cores of the current rayon pool; the result does not depend on their number.
pub fn forecast_all(series: &[Series], request: &Request) -> Vec<Forecast> {
    let checked = Checked::new(request);
    series.par_iter().map(|series| one(series, &checked)).collect()
}

fn one(series: &Series, request: &Checked) -> Forecast {
    match Civil::new(series, request.horizon, &request.utc_offsets) {
        Some(civil) => civil.back(by_utc(&civil.series(series), &civil.request(request)), series.next_grid()),
        None => by_utc(series, request),
    }
}

fn by_utc(series: &Series, request: &Checked) -> Forecast {
    let study = Study::new(series, request);
    let lessons = study.lessons(&study.fold_paths);
    let (accuracy, mase_by_step) = accuracy(&study, &study.fold_paths, &lessons, request.horizon);
    let baseline = study.runs.first().and_then(|baseline| {
        self::accuracy(&study, &baseline.folds, &study.lessons(&baseline.folds), request.horizon).0
    });
    let Finished { path, quantiles, event_multiplier } = finish(
        &study,
        request,
        series,
        &study.path,
        study.quantiles(&lessons, None, &study.path, &request.levels),
        &request.levels,
    );
    Forecast {
        unique_id: series.unique_id.clone(),
        grid: series.next_grid(),
        mean: path,
        levels: request.levels.clone(),
        quantiles,
        members: members(&study),
        reason: reason(&study, accuracy.as_ref(), baseline.as_ref()),
        accuracy,
        baseline,
        mase_by_step,
        components: components(&study, event_multiplier),
        warnings: warnings(&study, request),
    }
}

/// A path and its quantiles in the unit of the series, events applied, within bounds, never crossing.
pub(crate) struct Finished {
    pub(crate) path: Vec<f64>,
    pub(crate) quantiles: Vec<Vec<f64>>,
    pub(crate) event_multiplier: Vec<f64>,
}

/// Brings a path and its quantiles at `levels` from the study's units to the caller's.
pub(crate) fn finish(
    study: &Study,
    request: &Checked,
    series: &Series,
    path: &[f64],
    mut quantiles: Vec<Vec<f64>>,
    levels: &[f64],
) -> Finished {
    let mut path = path.to_vec();
    let multipliers = events::multipliers(request, &series.unique_id, series.next_grid(), study);
    let lower = request.lower_bound.or(study.history.non_negative.then_some(0.0)).unwrap_or(f64::MIN);
    let upper = request.upper_bound.unwrap_or(f64::MAX);
    let unit = study.history.unit;
    // Bounded before the events too: a multiplier must not blow up an impossible value.
    let bound = |value: f64| value.max(lower / unit).min(upper / unit);
    path.iter_mut().chain(quantiles.iter_mut().flatten()).for_each(|value| *value = bound(*value));
    events::apply(&multipliers, levels, &mut path, &mut quantiles);
    // No event multiplies a fee.
    for (step, fee) in study.fees.iter().enumerate().filter_map(|(step, fee)| Some((step, (*fee)?))) {
        for (level, quantile) in levels.iter().zip(&mut quantiles) {
            let spread = events::with_doubt(quantile[step] - path[step], normal_quantile(*level) * fee.doubt);
            quantile[step] = path[step] + fee.amount + spread;
        }
        path[step] += fee.amount;
    }
    let scaled = |value: f64| (value * unit).max(lower).min(upper);
    path.iter_mut().chain(quantiles.iter_mut().flatten()).for_each(|value| *value = scaled(*value));
    for step in 0..path.len() {
        for level in 1..quantiles.len() {
            quantiles[level][step] = quantiles[level][step].max(quantiles[level - 1][step]);
        }
        // The mean lies between the outermost quantiles, where they are on both sides of the middle and nothing rare
        // makes it.
        if study.intermittent.is_none()
            && levels.first().is_some_and(|level| *level < 0.5)
            && levels.last().is_some_and(|level| *level > 0.5)
        {
            path[step] = path[step].max(quantiles[0][step]).min(quantiles[levels.len() - 1][step]);
        }
    }
    Finished {
        path,
        quantiles,
        event_multiplier: multipliers.iter().map(|multiplier| multiplier.expected).collect(),
    }
}

/// Scores of paths forecast at the folds, each with an interval that did not see its own fold.
fn accuracy(
    study: &Study,
    paths: &[Vec<f64>],
    lessons: &Lessons,
    horizon: usize,
) -> (Option<Accuracy>, Vec<Option<f64>>) {
    let scale = study.scale;
    let floor = if study.history.non_negative { 0.0 } else { f64::MIN };
    let quantiles: Vec<Vec<Vec<f64>>> = paths
        .iter()
        .enumerate()
        .map(|(fold, path)| {
            let mut quantiles = study.quantiles(lessons, Some(fold), path, &SCORED_LEVELS);
            quantiles.iter_mut().flatten().for_each(|value| *value = value.max(floor));
            quantiles
        })
        .collect();
    let folds: Vec<Fold> = paths
        .iter()
        .zip(&quantiles)
        .zip(&study.actuals)
        .map(|((path, quantiles), actual)| Fold { actual, path, quantiles, scale })
        .collect();
    let mase_by_step = (0..horizon)
        .map(|step| {
            let errors: Vec<f64> = folds
                .iter()
                .filter_map(|fold| Some((fold.path.get(step)? - (*fold.actual.get(step)?)?).abs()))
                .collect();
            (!errors.is_empty()).then(|| scale.map(|scale| crate::order::mean(&errors) / scale)).flatten()
        })
        .collect();
    let score = ModelScore::of(&folds);
    let accuracy = (score.folds > 0).then(|| Accuracy {
        mase: score.mase,
        smape: score.smape.unwrap_or(0.0),
        wape: score.wape,
        wql: score.pinball.and_then(|pinball| relative_pinball(pinball, &folds)),
        coverage: [score.coverage_50, score.coverage_80, score.coverage_95],
        bias: score.bias,
        folds: score.folds,
    });
    (accuracy, mase_by_step)
}

/// Mean pinball loss over the mean absolute actual.
fn relative_pinball(pinball: f64, folds: &[Fold]) -> Option<f64> {
    let sizes: Vec<f64> =
        folds.iter().flat_map(|fold| fold.actual.iter().flatten()).map(|actual| actual.abs()).collect();
    let size = crate::order::mean(&sizes);
    (size > 0.0).then(|| pinball / size)
}

/// Members with weight, heaviest first.
fn members(study: &Study) -> Vec<Member> {
    let scale = study.scale;
    let mut members: Vec<Member> = study
        .runs
        .iter()
        .zip(&study.weights)
        .zip(&study.errors)
        .filter(|((_, weight), _)| **weight > 0.0)
        .map(|((run, weight), errors)| {
            let errors: Vec<f64> = errors.iter().copied().flatten().collect();
            let mase = scale.filter(|_| !errors.is_empty()).map(|scale| crate::order::mean(&errors) / scale);
            Member { model: run.name.to_owned(), weight: *weight, mase }
        })
        .collect();
    members.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    members
}

fn reason(study: &Study, accuracy: Option<&Accuracy>, baseline: Option<&Accuracy>) -> String {
    if study.history.observed() == 0 {
        return "nothing was measured, so zero is forecast".to_owned();
    }
    if let Some(points) = study.switched_off {
        return format!("its newest {points} points are zero, so zero is forecast{}", apart_from_fees(study));
    }
    if study.constant {
        return "history never changes, so it is repeated".to_owned();
    }
    if study.folds.origins.is_empty() {
        return "history is too short for a backtest, so the last season is repeated".to_owned();
    }
    let kept = study.weights.iter().filter(|weight| **weight > 0.0).count();
    let compared = match (accuracy.and_then(|score| score.wape), baseline.and_then(|score| score.wape)) {
        (Some(own), Some(naive)) if naive > 0.0 => {
            let percent = 100.0 * (1.0 - own / naive);
            let word = if percent >= 0.0 { "smaller" } else { "larger" };
            format!("; its error is {:.0} % {word} than that of repeating the last season", percent.abs())
        }
        _ => String::new(),
    };
    let driven: f64 = study
        .runs
        .iter()
        .zip(&study.weights)
        .filter(|(run, _)| run.name.starts_with("drivers"))
        .map(|(_, weight)| weight)
        .sum();
    let by_drivers = match driven {
        driven if driven > 0.0 => format!("; {:.0} % of the weight follows the drivers", 100.0 * driven),
        _ => String::new(),
    };
    let names = study.anniversaries.names(study.history.grid.advance(study.history.len()), study.path.len());
    let anniversaries = match names.len() {
        0 => String::new(),
        1 => format!("; {} comes back every year and is forecast by what it did", names[0]),
        _ => format!("; days that come back every year are forecast by what they did: {}", names.join(", ")),
    };
    format!(
        "{} models were tried at {} earlier dates, {} steps ahead; the {kept} best are combined by their errors{compared}{by_drivers}{anniversaries}",
        study.runs.len(),
        study.folds.origins.len(),
        study.folds.horizon,
    )
}

fn apart_from_fees(study: &Study) -> &'static str {
    if study.fees.iter().any(Option::is_some) { ", apart from charges on a day of the month" } else { "" }
}

/// The combination without events, split into a level over the longest season and what is around it.
fn components(study: &Study, event_multiplier: Vec<f64>) -> Components {
    let season = study.seasons.long();
    let tail = &study.usual[study.usual.len().saturating_sub(season)..];
    let joined: Vec<f64> = tail.iter().chain(&study.path).copied().collect();
    let trend = if season > 1 { moving_average(&joined, season) } else { joined };
    let trend: Vec<f64> = trend[tail.len()..].iter().map(|value| value * study.history.unit).collect();
    let seasonal = study
        .path
        .iter()
        .zip(&study.fees)
        .zip(&trend)
        .map(|((value, fee), trend)| (value + fee.map_or(0.0, |fee| fee.amount)) * study.history.unit - trend)
        .collect();
    Components { trend, seasonal, event_multiplier }
}

fn warnings(study: &Study, request: &Checked) -> Vec<String> {
    let mut warnings: Vec<String> = request.problems.iter().map(ToString::to_string).collect();
    warnings.extend(study.history.warnings.iter().cloned());
    let observed = study.history.observed();
    if observed == 0 {
        warnings
            .push("no value was measured: zero is forecast, and nothing is known about its error".to_owned());
    } else if observed < FEW_OBSERVATIONS {
        warnings.push(format!("only {observed} values were measured: the forecast is a guess from them"));
    }
    if let Some(points) = study.switched_off {
        warnings.push(format!(
            "the newest {points} points are zero{}: it is taken as switched off; leave values empty where they are not known",
            apart_from_fees(study)
        ));
    } else if study.constant && observed > 0 {
        warnings.push("history is constant: nothing is known about how it changes".to_owned());
    } else if !study.folds.origins.is_empty() && study.folds.horizon < request.horizon {
        warnings.push(format!(
            "history allows a backtest of {} steps only: beyond them the intervals are extrapolated",
            study.folds.horizon
        ));
    }
    warnings
}
