//! Dynamic regression: what drives the series explains a part of it, and the rest is forecast as any other series
//! (Hyndman & Athanasopoulos 2021, chapter 10). The slopes are those between changes over a season, so that neither
//! level nor season can pass for an effect; an elastic net (linfa) leaves out what does not help.

use linfa::prelude::*;
use linfa_elasticnet::ElasticNet;
use ndarray::{Array1, Array2};

use super::{Member, Scale, View, autoregression, ets, mstl};
use crate::order::mean;

/// An effect may come so many steps later, at most.
const LAGS: usize = 3;

/// Fewest changes that a slope is told from, for each driver and lag.
const LEAST_CHANGES: usize = 12;

/// Newest changes that are looked at.
const MOST_CHANGES: usize = 2_000;

/// Share of the squared changes that drivers must explain to be used.
const LEAST_EXPLAINED: f64 = 0.05;

/// Penalty of the elastic net on changes of unit size, and the share of it that is lasso.
const PENALTY: f64 = 0.01;
const LASSO_SHARE: f64 = 0.5;

/// Members on each scale that series and drivers allow, where drivers were told.
pub(super) fn run(views: &[View]) -> Option<Vec<Member>> {
    let oldest = views.first().filter(|oldest| !oldest.drivers.is_empty())?;
    let positive = oldest.drivers.iter().flatten().all(|value| *value > 0.0);
    let mut members = on(Scale::Level, views).unwrap_or_default();
    if positive && oldest.log.is_some() {
        members.extend(on(Scale::Log, views).unwrap_or_default());
    }
    (!members.is_empty()).then_some(members)
}

fn on(scale: Scale, views: &[View]) -> Option<Vec<Member>> {
    let drivers: Vec<Vec<f64>> = views[0]
        .drivers
        .iter()
        .map(|driver| match scale {
            Scale::Level => driver.clone(),
            Scale::Log => driver.iter().map(|value| value.ln()).collect(),
        })
        .collect();
    let effects: Vec<Vec<f64>> = views
        .iter()
        .map(|view| effect(view.on(scale)?, &drivers, view.seasons.short(), view.horizon))
        .collect::<Option<_>>()?;
    // Where drivers explain next to nothing, the rest is the series itself, which has its members already.
    let newest = views.last()?;
    if explained(newest.on(scale)?, effects.last()?, newest.seasons.short()) < LEAST_EXPLAINED {
        return None;
    }
    let rests: Vec<View> = views
        .iter()
        .zip(&effects)
        .map(|(view, effect)| {
            Some(
                view.rest(view.on(scale)?.iter().zip(effect).map(|(value, effect)| value - effect).collect()),
            )
        })
        .collect::<Option<_>>()?;
    let (smooth, ridge) = match scale {
        Scale::Level => ("drivers_smooth", "drivers_ridge"),
        Scale::Log => ("drivers_smooth_log", "drivers_ridge_log"),
    };
    let smoothed = mstl::run(Scale::Level, &rests).or_else(|| ets::simple(Scale::Level, true, &rests));
    let made = [(ridge, autoregression::of_rest(&rests)), (smooth, smoothed)];
    let mut members: Vec<Member> =
        made.into_iter().filter_map(|(name, paths)| Some(Member { name, paths: paths? })).collect();
    for member in &mut members {
        for ((path, view), effect) in member.paths.iter_mut().zip(views).zip(&effects) {
            let ahead = &effect[view.level.len()..];
            path.iter_mut().zip(ahead).for_each(|(value, effect)| *value += effect);
            *path = view.back(scale, std::mem::take(path));
        }
    }
    Some(members)
}

/// Share of the squared changes over a season that an effect explains.
fn explained(history: &[f64], effect: &[f64], season: usize) -> f64 {
    let (mut left, mut all) = (0.0, 1e-12);
    for index in season + LAGS..history.len() {
        let change = history[index] - history[index - season];
        all += change * change;
        left += (change - (effect[index] - effect[index - season])).powi(2);
    }
    1.0 - left / all
}

/// What the drivers add to each point of history and each step ahead.
fn effect(history: &[f64], drivers: &[Vec<f64>], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let n = history.len();
    let columns: Vec<(&Vec<f64>, usize)> =
        drivers.iter().flat_map(|driver| (0..LAGS).map(move |lag| (driver, lag))).collect();
    let first = (season + LAGS).max(n.saturating_sub(MOST_CHANGES));
    if n < first + LEAST_CHANGES * columns.len() {
        return None;
    }
    let change = |values: &[f64], index: usize| values[index] - values[index - season];
    let target: Vec<f64> = (first..n).map(|index| change(history, index)).collect();
    let size = |changes: &mut dyn Iterator<Item = f64>| mean(&changes.map(f64::abs).collect::<Vec<_>>());
    let unit = size(&mut target.iter().copied()).max(1e-12);
    let units: Vec<f64> = columns
        .iter()
        .map(|(driver, lag)| size(&mut (first..n).map(|index| change(driver, index - lag))).max(1e-12))
        .collect();
    let row = |index: usize| {
        columns.iter().zip(&units).map(move |((driver, lag), unit)| change(driver, index - lag) / unit)
    };
    let design: Vec<f64> = (first..n).flat_map(row).collect();
    let design = Array2::from_shape_vec((n - first, columns.len()), design).ok()?;
    let dataset = Dataset::new(design, target.iter().map(|change| change / unit).collect::<Array1<f64>>());
    let model = ElasticNet::params().penalty(PENALTY).l1_ratio(LASSO_SHARE).with_intercept(false);
    let fitted = model.fit(&dataset).ok()?;
    let slopes: Vec<f64> =
        fitted.hyperplane().iter().zip(&units).map(|(slope, own)| slope * unit / own).collect();
    let at = |index: usize| {
        let parts = columns.iter().zip(&slopes);
        parts.map(|((driver, lag), slope)| slope * driver[index.saturating_sub(*lag)]).sum::<f64>()
    };
    Some((0..n + horizon).map(at).collect())
}
