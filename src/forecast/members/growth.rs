//! Daily cost far ahead: damped growth × weekday × place in the month × yearly shape shrunk by evidence.

use super::{Paths, View};
use crate::calendar::Date;
use crate::members::theta::slope;
use crate::order::{mean, median};

/// Days whose growth is continued.
const GROWTH_DAYS: usize = 120;

/// Growth fades with this time constant: a year ahead about half a year's growth is left.
const GROWTH_FADES_AFTER_DAYS: f64 = 180.0;

/// Growth counts in full only when it stands out of its own error by this much.
const GROWTH_EVIDENCE: f64 = 2.0;

/// Days of level at the end.
const LEVEL_DAYS: usize = 28;

/// Pulls the effect of a weekday or day of month towards none, in observations.
const SHRINK: f64 = 2.0;

/// Years of history that make the yearly shape half believed, beyond the first year.
const YEARS_HALF_BELIEVED: f64 = 1.5;

/// Harmonics of the yearly shape.
const YEARLY_HARMONICS: usize = 3;

/// Forecasts in logs; applies to daily series that are never negative.
pub(super) fn run(views: &[View]) -> Option<Paths> {
    let oldest = views.first()?;
    if oldest.level.len() < 2 * LEVEL_DAYS {
        return None;
    }
    views
        .iter()
        .map(|view| {
            let path = path(view.log.as_ref()?, &view.calendar?.dates, view.horizon)?;
            Some(view.back(super::Scale::Log, path))
        })
        .collect()
}

fn path(history: &[f64], dates: &[Date], horizon: usize) -> Option<Vec<f64>> {
    let n = history.len();
    if dates.len() < n + horizon {
        return None;
    }
    let trend = crate::seasons::moving_average(history, 29);
    let rest: Vec<f64> = history.iter().zip(&trend).map(|(value, trend)| value - trend).collect();
    let weekday = effects(&rest, dates, 7, |date| Some(date.weekday));
    let rest: Vec<f64> = rest.iter().zip(dates).map(|(value, date)| value - weekday[date.weekday]).collect();
    let month_day = effects(&rest, dates, 4, month_edge);
    let calendar = |date: &Date| weekday[date.weekday] + month_edge(date).map_or(0.0, |edge| month_day[edge]);
    let adjusted: Vec<f64> = history.iter().zip(dates).map(|(value, date)| value - calendar(date)).collect();
    let yearly = yearly_shape(&adjusted, dates);
    let steady: Vec<f64> = adjusted.iter().zip(dates).map(|(value, date)| value - yearly(date)).collect();

    let level = median(&mut steady[n - LEVEL_DAYS.min(n)..].to_vec());
    let recent = &steady[n.saturating_sub(GROWTH_DAYS)..];
    let growth = slope(recent) * believed(recent);
    // The level belongs to the middle of its window.
    let lead = LEVEL_DAYS as f64 / 2.0;
    let grown = |ahead: f64| GROWTH_FADES_AFTER_DAYS * (1.0 - (-ahead / GROWTH_FADES_AFTER_DAYS).exp());
    Some(
        (0..horizon)
            .map(|step| {
                let date = &dates[n + step];
                level + growth * (lead + grown((step + 1) as f64)) + calendar(date) + yearly(date)
            })
            .collect(),
    )
}

/// First and second day of the month, and its last two, where bills have their fees.
fn month_edge(date: &Date) -> Option<usize> {
    match (date.day_of_month, date.month_length - date.day_of_month) {
        (0, _) => Some(0),
        (1, _) => Some(1),
        (_, 2) => Some(2),
        (_, 1) => Some(3),
        _ => None,
    }
}

/// Median rest per kind of day, shrunk towards 0 by the number of observations.
fn effects(rest: &[f64], dates: &[Date], kinds: usize, kind: impl Fn(&Date) -> Option<usize>) -> Vec<f64> {
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); kinds];
    for (value, date) in rest.iter().zip(dates) {
        if let Some(kind) = kind(date) {
            samples[kind].push(*value);
        }
    }
    samples
        .iter_mut()
        .map(|sample| {
            let share = sample.len() as f64 / (sample.len() as f64 + SHRINK);
            share * median(sample)
        })
        .collect()
}

/// A few harmonics of the year around a straight line, scaled by how far history reaches beyond one year.
fn yearly_shape(adjusted: &[f64], dates: &[Date]) -> impl Fn(&Date) -> f64 + use<> {
    let years = adjusted.len() as f64 / 365.25;
    let believed = if years > 1.05 { (years - 1.0) / (years - 1.0 + YEARS_HALF_BELIEVED) } else { 0.0 };
    let size = 2 + 2 * YEARLY_HARMONICS;
    let mut coefficients = vec![0.0; size];
    if believed > 0.0 {
        let mut matrix = vec![0.0; size * size];
        for (index, (value, date)) in adjusted.iter().zip(dates).enumerate() {
            let row = yearly_row(index as f64 / 365.25, date);
            for a in 0..size {
                coefficients[a] += row[a] * value;
                for b in 0..=a {
                    matrix[a * size + b] += row[a] * row[b];
                }
            }
        }
        for diagonal in 1..size {
            matrix[diagonal * size + diagonal] += 20.0;
        }
        if crate::linear::solve(&mut matrix, &mut coefficients).is_none() {
            coefficients.fill(0.0);
        }
    }
    move |date| {
        let row = yearly_row(0.0, date);
        believed * row[2..].iter().zip(&coefficients[2..]).map(|(x, c)| x * c).sum::<f64>()
    }
}

fn yearly_row(years: f64, date: &Date) -> Vec<f64> {
    let mut row = vec![1.0, years];
    for harmonic in 1..=YEARLY_HARMONICS {
        let angle = std::f64::consts::TAU * harmonic as f64 * date.year_phase;
        row.extend([angle.sin(), angle.cos()]);
    }
    row
}

/// 0 for a slope within its error, 1 for one far beyond it. Weekly means stand for independent observations.
fn believed(values: &[f64]) -> f64 {
    let weeks: Vec<f64> = values.chunks_exact(7).map(mean).collect();
    if weeks.len() < 4 {
        return 0.0;
    }
    let per_week = slope(&weeks);
    let middle = (weeks.len() as f64 - 1.0) / 2.0;
    let centre = mean(&weeks);
    let fitted = |index: usize| centre + per_week * (index as f64 - middle);
    let rest: f64 = weeks.iter().enumerate().map(|(index, value)| (value - fitted(index)).powi(2)).sum();
    let spread: f64 = (0..weeks.len()).map(|index| (index as f64 - middle).powi(2)).sum();
    let error = (rest / (weeks.len() - 2) as f64 / spread).sqrt();
    let ratio = per_week.abs() / (GROWTH_EVIDENCE * error).max(1e-12);
    ratio * ratio / (1.0 + ratio * ratio)
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};

    use super::*;
    use crate::calendar::Calendar;

    fn dates(length: usize) -> Vec<Date> {
        let start = Stamp::Time("2025-01-01T00:00:00Z".parse().unwrap());
        Calendar::daily(Grid { start, frequency: Frequency::DAY }, length).unwrap().dates
    }

    #[test]
    fn growth_goes_on_but_fades_and_weekends_stay_low() {
        let dates = dates(800);
        let value = |day: usize| 0.002 * day as f64 - if dates[day].weekday >= 5 { 0.5 } else { 0.0 };
        let history: Vec<f64> = (0..420).map(value).collect();
        let path = path(&history, &dates, 365).unwrap();
        let (full, kept) = (value(784) - value(420), path[364] - path[0]);
        assert!(kept > 0.3 * full && kept < 0.7 * full, "{kept} of {full}");
        let weekend = (0..28).filter(|day| dates[420 + day].weekday >= 5).map(|day| path[day]);
        let weekday = (0..28).filter(|day| dates[420 + day].weekday < 5).map(|day| path[day]);
        assert!(weekday.fold(f64::INFINITY, f64::min) > weekend.fold(f64::NEG_INFINITY, f64::max) + 0.3);
    }

    #[test]
    fn noise_has_no_growth() {
        let dates = dates(800);
        let history: Vec<f64> =
            (0..420).map(|day| ((day as f64 * 12.9898).sin() * 43_758.547).fract()).collect();
        let path = path(&history, &dates, 365).unwrap();
        assert!((path[364] - path[0]).abs() < 0.4, "{} to {}", path[0], path[364]);
    }
}
