//! The total of each period, pulled towards the last one, and the split of the newest periods.

use super::{Scale, View};
use crate::linear::{dot, solve};
use crate::order::mean;

const FLOOR: f64 = 1e-6;
const LEAST: usize = 10;
const MOST: usize = 400;

fn env(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

pub(super) fn run(by_long: bool, views: &[View]) -> Option<Vec<Vec<f64>>> {
    let oldest = views.first()?;
    let (short, long) = (oldest.seasons.short(), oldest.seasons.long());
    if by_long && long == short {
        return None;
    }
    let period = if by_long { long } else { short };
    if period < 2 || long % short != 0 || oldest.level.len() < LEAST * period {
        return None;
    }
    oldest.log.as_ref()?;
    let year = oldest.seasons.year;
    views.iter().map(|view| path(&view.level, period, long / period, year, view.horizon)).collect()
}

fn path(history: &[f64], period: usize, kinds: usize, year: Option<usize>, horizon: usize) -> Option<Vec<f64>> {
    let all: Vec<&[f64]> = history[history.len() % period..].chunks_exact(period).collect();
    let periods = &all[all.len().saturating_sub(MOST.max(env("L_MOST", 800.0) as usize))..];
    let n = periods.len();
    let totals: Vec<f64> = periods.iter().map(|period| mean(period).max(FLOOR)).collect();
    // shape
    let newest = (env("L_K", 2.0) as usize).min(n);
    let mut shape = vec![0.0; period];
    for (values, total) in periods.iter().zip(&totals).skip(n - newest) {
        shape.iter_mut().zip(*values).for_each(|(sum, value)| *sum += value / total / newest as f64);
    }
    // usual of each kind, shrunk
    let kind = |index: usize| (index + kinds * n - n) % kinds;
    let mut usual = vec![1.0; kinds];
    if kinds > 1 && n / kinds >= 2 {
        let raw: Vec<f64> = (0..kinds)
            .map(|wanted| mean(&(0..n).filter(|index| kind(*index) == wanted).map(|index| totals[index]).collect::<Vec<_>>()))
            .collect();
        let centre = mean(&raw);
        let rounds = (n / kinds) as f64;
        let share = rounds / (rounds + kinds as f64);
        usual.iter_mut().zip(&raw).for_each(|(usual, raw)| *usual = (1.0 + share * (raw / centre - 1.0)).max(FLOOR));
    }
    let levels: Vec<f64> = totals.iter().enumerate().map(|(index, total)| (total / usual[kind(index)]).ln()).collect();
    let last = levels[n - 1];
    let mut rest: Vec<f64> = levels.iter().map(|level| level - last).collect();
    let mut lag = kinds;
    if let Some(year) = year {
        let back = (year + period / 2) / period / kinds * kinds;
        if n >= 2 * back { lag = back; }
    }
    if lag < 2 || n < lag + LEAST { lag = 0; }
    let start = lag.max(1);
    let count = n - start;
    let width = if lag > 0 { 4 } else { 3 };
    let rows: Vec<Vec<f64>> = (start..n).map(|index| {
        let mut row = vec![1.0, index as f64 / n as f64, -rest[index - 1]];
        if lag > 0 { row.push(rest[index - lag]); }
        row
    }).collect();
    let target: Vec<f64> = (start..n).map(|index| rest[index] - rest[index - 1]).collect();
    let mut gram = vec![0.0; width * width];
    let mut right = vec![0.0; width];
    for (row, target) in rows.iter().zip(&target) {
        for a in 0..width {
            right[a] += row[a] * target;
            for b in 0..width { gram[a * width + b] += row[a] * row[b]; }
        }
    }
    let mut fits: Vec<(f64, Vec<f64>)> = Vec::new();
    for step in 0..9 {
        let alpha = 10_f64.powi(step - 4);
        let mut matrix = gram.clone();
        for a in 0..width { matrix[a * width + a] += alpha; }
        let mut weights = right.clone();
        let mut factored = matrix.clone();
        solve(&mut factored, &mut weights)?;
        // leave-one-out errors
        let mut inverse = vec![0.0; width * width];
        for a in 0..width {
            let mut unit = vec![0.0; width];
            unit[a] = 1.0;
            crate::linear::substitute(&factored, &mut unit);
            inverse[a * width..(a + 1) * width].copy_from_slice(&unit);
        }
        let mut sum = 0.0;
        for (row, target) in rows.iter().zip(&target) {
            let leverage: f64 = (0..width).map(|a| row[a] * dot(&inverse[a * width..(a + 1) * width], row)).sum();
            let error = (target - dot(row, &weights)) / (1.0 - leverage).max(1e-6);
            sum += error * error;
        }
        fits.push((sum / count as f64, weights));
    }
    let best = fits.iter().map(|fit| fit.0).fold(f64::INFINITY, f64::min).max(1e-12);
    let mut weights = vec![0.0; width];
    let mut total = 0.0;
    for (error, fit) in &fits {
        let share = (-(error - best) / best).exp();
        total += share;
        weights.iter_mut().zip(fit).for_each(|(sum, weight)| *sum += share * weight);
    }
    weights.iter_mut().for_each(|weight| *weight /= total);
    let changes: Vec<f64> = levels.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let middle = mean(&changes);
    let (mut c0, mut c1) = (1e-12, 0.0);
    for (index, change) in changes.iter().enumerate() {
        c0 += (change - middle).powi(2);
        if index > 0 { c1 += (change - middle) * (changes[index - 1] - middle); }
    }
    let phi = (c1 / c0).clamp(0.0, 0.999);
    for step in 0..horizon.div_ceil(period) {
        let on = phi * (1.0 - phi.powi(step as i32 + 1)) / (1.0 - phi);
        let trend = ((n - 1) as f64 + on) / n as f64;
        let now = rest.len();
        let mut value = weights[0] + weights[1] * trend + (1.0 - weights[2]) * rest[now - 1];
        if lag > 0 { value += weights[3] * rest[now - lag]; }
        rest.push(value);
    }
    Some((0..horizon).map(|step| {
        let block = step / period;
        (rest[n + block] + last).exp() * usual[block % kinds] * shape[step % period]
    }).collect())
}
