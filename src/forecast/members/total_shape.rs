//! Total of each period times its shape: totals are forecast in logs, the split within a period is the usual one.

use super::{Paths, View, autoregression};
use crate::linear::solve;
use crate::order::mean;
use crate::seasons::Seasons;

/// Totals are at least this, for their logarithm.
const FLOOR: f64 = 1e-6;

/// Periods whose split is averaged, and the weight of each against the next newer one.
const SHAPE_PERIODS: usize = 8;
const SHAPE_FADING: f64 = 0.85;

/// Periods that the totals are fitted on.
const TOTAL_PERIODS: usize = 120;

/// Ridge penalty of the autoregression of totals, per period: pulls to a plain repetition of the last total.
const RIDGE: f64 = 0.1;

/// Fewest periods at the oldest origin whose totals are regressed with a long memory.
const LEAST_TOTALS: usize = 60;

/// Regresses each period's log total on its two predecessors' changes.
pub(super) fn run(views: &[View]) -> Option<Paths> {
    split_ahead(views, |short, long| 2 * long.max(3 * short), |totals| totals.iter().map(predict).collect())
}

/// Regresses log totals on those before, a long memory included.
pub(super) fn ridge(views: &[View]) -> Option<Paths> {
    split_ahead(views, |short, _| LEAST_TOTALS * short, autoregression::of_rest)
}

/// Forecasts log totals and splits them as usual; `least` tells the points that it takes from the seasons.
///
/// The period is the short season; where there is a long one, the split depends on the place in the long season
/// (a Saturday has a Saturday's hours).
fn split_ahead(
    views: &[View],
    least: fn(usize, usize) -> usize,
    forecast: fn(&[View]) -> Option<Paths>,
) -> Option<Paths> {
    let oldest = views.first()?;
    let (period, long) = (oldest.seasons.short(), oldest.seasons.long());
    if period < 2 || long % period != 0 || oldest.level.len() < least(period, long) {
        return None;
    }
    oldest.log.as_ref()?;
    let kinds = long / period;
    let seasons = Seasons { cycles: (kinds > 1).then_some(kinds).into_iter().collect(), year: None };
    let periods: Vec<Vec<&[f64]>> = views.iter().map(|view| periods(&view.level, period)).collect();
    let totals: Vec<View> = views
        .iter()
        .zip(&periods)
        .map(|(view, periods)| {
            let level = periods.iter().map(|period| mean(period).max(FLOOR).ln()).collect();
            View { seasons: &seasons, horizon: view.horizon.div_ceil(period), ..view.rest(level) }
        })
        .collect();
    let split = views.iter().zip(&periods).zip(forecast(&totals)?).map(|((view, periods), totals)| {
        let shapes = shapes(periods, period, kinds);
        (0..view.horizon)
            .map(|step| totals[step / period].exp() * shapes[step / period % kinds][step % period])
            .collect()
    });
    Some(split.collect())
}

/// Whole periods, counted back from the end.
fn periods(history: &[f64], period: usize) -> Vec<&[f64]> {
    history[history.len() % period..].chunks_exact(period).collect()
}

/// The shape of each kind of period; kind 0 is the period that comes next.
fn shapes(periods: &[&[f64]], period: usize, kinds: usize) -> Vec<Vec<f64>> {
    let kind = |index: usize| (index + kinds * periods.len() - periods.len()) % kinds;
    (0..kinds).map(|wanted| shape(periods, period, |index| kind(index) == wanted)).collect()
}

/// Ratio of each point to its period's mean, averaged over the latest periods of one kind.
fn shape(blocks: &[&[f64]], period: usize, chosen: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut sums = vec![0.0; period];
    let mut total = 0.0;
    let newest = (0..blocks.len()).rev().filter(|index| chosen(*index)).take(SHAPE_PERIODS);
    for (age, index) in newest.enumerate() {
        let weight = SHAPE_FADING.powi(i32::try_from(age).unwrap_or(0));
        sums.iter_mut().zip(blocks[index]).for_each(|(sum, value)| *sum += weight * value);
        total += weight * mean(blocks[index]);
    }
    let total = if total > 0.0 { total } else { 1.0 };
    sums.iter().map(|sum| sum / total).collect()
}

/// Log totals ahead: the usual level of the kind of period, plus deviations that fade by autoregression.
fn predict(view: &View) -> Option<Vec<f64>> {
    let (kinds, totals) = (view.seasons.short(), &view.level);
    let totals = &totals[totals.len().saturating_sub(TOTAL_PERIODS.max(SHAPE_PERIODS * kinds))..];
    let n = totals.len();
    let usual: Vec<f64> = (0..kinds)
        .map(|kind| {
            let same: Vec<f64> = (1..=n)
                .filter(|back| (kinds * n - back) % kinds == kind % kinds)
                .take(SHAPE_PERIODS)
                .map(|back| totals[n - back])
                .collect();
            if same.is_empty() { mean(totals) } else { mean(&same) }
        })
        .collect();
    // Index n is kind 0, so index i is kind (i - n) modulo kinds.
    let kind = |index: usize| (index + kinds * n - n) % kinds;
    let mut rest: Vec<f64> =
        totals.iter().enumerate().map(|(index, total)| total - usual[kind(index)]).collect();
    // rest(t) - rest(t-1) on -(rest(t-1)) and the change before: ridge shrinks towards "as last period".
    let (mut matrix, mut right) = (vec![0.0; 4], vec![0.0; 2]);
    for index in 2..n {
        let row = [-rest[index - 1], rest[index - 1] - rest[index - 2]];
        let target = rest[index] - rest[index - 1];
        for a in 0..2 {
            right[a] += row[a] * target;
            for b in 0..2 {
                matrix[a * 2 + b] += row[a] * row[b];
            }
        }
    }
    let size = (matrix[0] + matrix[3]).max(1e-9);
    matrix[0] += RIDGE * size / 2.0;
    matrix[3] += RIDGE * size;
    solve(&mut matrix, &mut right)?;
    let (back, on) = (right[0].clamp(0.0, 1.0), right[1].clamp(-0.5, 0.5));
    for _ in 0..view.horizon {
        let now = rest.len();
        let (last, before) = (rest[now - 1], rest[now.saturating_sub(2)]);
        rest.push(last - back * last + on * (last - before));
    }
    Some((0..view.horizon).map(|period| rest[n + period] + usual[period % kinds]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_week_is_repeated_day_by_day() {
        let history: Vec<f64> = (0..24 * 7 * 5 + 24 * 3)
            .map(|hour| if hour / 24 % 7 >= 5 { 1.0 } else { 2.0 + (hour % 24) as f64 / 24.0 })
            .collect();
        let n = history.len();
        let seasons = Seasons { cycles: vec![24, 168], year: None };
        let log = Some(history.iter().map(|value| value.ln()).collect());
        let view = View { log, ..View::plain(history.clone(), &seasons, 24 * 5) };
        let path = run(&[view]).unwrap().remove(0);
        for (step, value) in path.iter().enumerate() {
            let expected = history[n - 168 + step];
            assert!((value - expected).abs() < 1e-6, "step {step}: {value} against {expected}");
        }
    }
}
