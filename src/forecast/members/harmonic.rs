//! Dynamic harmonic regression (Hyndman & Athanasopoulos 2021): a bent trend with waves of the year, and an
//! autoregression of what it leaves, which knows how this week differs from such weeks.

use super::additive::Design;
use super::{Paths, Scale, View, autoregression};

/// Pairs of waves of the year: as many as Prophet has by default.
const WAVES: usize = 10;

/// Most steps of a year: hours are told better by the days before them.
const MOST_STEPS: usize = 400;

/// Forecasts logarithms, where there are any; `None` where history does not tell the waves of a year of days or weeks.
pub(super) fn run(views: &[View]) -> Option<Paths> {
    let scale = if views.iter().all(|view| view.log.is_some()) { Scale::Log } else { Scale::Level };
    let taken_apart = |view: &View| {
        view.seasons.year.filter(|year| *year <= MOST_STEPS)?;
        let design = Design::new(view, WAVES)?;
        design.year?;
        Some(design.without_trend(view.on(scale)?, view.horizon))
    };
    let (rests, trends): (Vec<_>, Vec<_>) =
        views.iter().map(taken_apart).collect::<Option<Vec<_>>>()?.into_iter().unzip();
    let rests: Vec<View> = views.iter().zip(rests).map(|(view, rest)| view.rest(rest)).collect();
    let ahead = autoregression::of_rest(&rests)?;
    let joined = views.iter().zip(trends).zip(ahead).map(|((view, mut path), errors)| {
        path.iter_mut().zip(errors).for_each(|(value, error)| *value += error);
        view.back(scale, path)
    });
    Some(joined.collect())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::seasons::Seasons;

    #[test]
    fn a_week_above_what_the_season_tells_returns_to_it_slowly() {
        let seasons = Seasons { cycles: vec![7], year: Some(365) };
        let year = |day: usize| 100.0 + 30.0 * (TAU * day as f64 / 365.0).sin();
        // Deviations with a memory of days, from a fixed generator.
        let (mut state, mut deviation, mut level) = (7_u64, 0.0, Vec::new());
        for day in 0..1_300 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            deviation = 0.9 * deviation + (state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5;
            level.push(year(day) + deviation);
        }
        let last = level.len() - 1;
        level[last] = year(last) + 8.0;
        let view = View::plain(level, &seasons, 60);
        let path = run(&[view]).unwrap().remove(0);
        let above = |step: usize| path[step] - year(last + 1 + step);
        assert!((4.0..8.0).contains(&above(0)), "{}", above(0));
        assert!(above(59).abs() < 3.0 && above(20) < above(5), "{} {} {}", above(5), above(20), above(59));
    }

    #[test]
    fn a_history_of_a_year_has_no_such_waves() {
        let seasons = Seasons { cycles: vec![7], year: Some(365) };
        let level = (0..400).map(f64::from).collect();
        let view = View::plain(level, &seasons, 7);
        assert!(run(&[view]).is_none());
    }
}
