//! Elastic net (linfa) on calendar facts: trend, Fourier terms, weekdays, month edges.

use linfa::prelude::*;
use linfa_elasticnet::ElasticNet;
use ndarray::{Array1, Array2};

use super::{Paths, Scale, View};
use crate::calendar::Date;

/// Newest points that are fitted.
const POINTS: usize = 800;

/// Strength of the penalty, and the lasso's share of it.
const PENALTY: f64 = 0.002;
const LASSO_SHARE: f64 = 0.3;

/// Harmonics of the year, used once a year and a half is known.
const YEARLY_HARMONICS: usize = 4;

/// Accuracy of the descent; the data has unit size.
const TOLERANCE: f64 = 1e-3;

/// Regresses daily history on its calendar, and lets the last error fade.
pub(super) fn run(views: &[View]) -> Option<Paths> {
    let oldest = views.first()?;
    if oldest.level.len() < 60 {
        return None;
    }
    let scale = if oldest.log.is_some() { Scale::Log } else { Scale::Level };
    views
        .iter()
        .map(|view| {
            let path = path(view.on(scale)?, &view.calendar?.dates, view.horizon)?;
            Some(view.back(scale, path))
        })
        .collect()
}

fn path(history: &[f64], dates: &[Date], horizon: usize) -> Option<Vec<f64>> {
    let n = history.len();
    let start = n.saturating_sub(POINTS);
    if dates.len() < n + horizon {
        return None;
    }
    let harmonics = if n - start > 548 { YEARLY_HARMONICS } else { 0 };
    // The trend stands still after the last point: growth is the business of other members.
    let row =
        |index: usize| features(&dates[index], (index.min(n) - start) as f64 / (n - start) as f64, harmonics);
    let width = row(start).len();
    let design: Vec<f64> = (start..n).flat_map(row).collect();
    let design = Array2::from_shape_vec((n - start, width), design).ok()?;
    let dataset = Dataset::new(design, Array1::from(history[start..].to_vec()));
    let model =
        ElasticNet::params().penalty(PENALTY).l1_ratio(LASSO_SHARE).tolerance(TOLERANCE).max_iterations(60);
    let fitted = model.fit(&dataset).ok()?;
    let at = |index: usize| {
        let row = row(index);
        fitted.intercept() + row.iter().zip(fitted.hyperplane()).map(|(x, weight)| x * weight).sum::<f64>()
    };
    let recent = n.saturating_sub(7).max(start);
    let offset =
        (recent..n).map(|index| history[index] - at(index)).sum::<f64>() / (n - recent).max(1) as f64;
    Some((0..horizon).map(|step| at(n + step) + offset * (-(step as f64) / 60.0).exp()).collect())
}

fn features(date: &Date, trend: f64, harmonics: usize) -> Vec<f64> {
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    let mut row = vec![trend, (trend - 0.5).max(0.0), (trend - 0.8).max(0.0)];
    row.extend((0..7).map(|weekday| flag(date.weekday == weekday)));
    let left = date.month_length - date.day_of_month;
    row.extend([
        flag(date.day_of_month == 0),
        flag(date.day_of_month == 1),
        flag(left == 1),
        flag(left == 2),
    ]);
    for harmonic in 1..=harmonics {
        let angle = std::f64::consts::TAU * harmonic as f64 * date.year_phase;
        row.extend([angle.sin(), angle.cos()]);
    }
    row
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};

    use super::*;
    use crate::calendar::Calendar;

    #[test]
    fn learns_the_fee_on_the_first_of_the_month() {
        let start = Stamp::Time("2025-01-01T00:00:00Z".parse().unwrap());
        let dates = Calendar::daily(Grid { start, frequency: Frequency::DAY }, 460).unwrap().dates;
        let history: Vec<f64> =
            (0..400).map(|day| 1.0 + if dates[day].day_of_month == 0 { 0.8 } else { 0.0 }).collect();
        let path = path(&history, &dates, 60).unwrap();
        for (step, value) in path.iter().enumerate() {
            let fee = dates[400 + step].day_of_month == 0;
            assert!(if fee { *value > 1.5 } else { (*value - 1.0).abs() < 0.1 }, "step {step}: {value}");
        }
    }
}
