//! The members of the combination: many cheap models, each judged by the backtest, none trusted alone.

mod additive;
mod autoregression;
mod drivers;
mod ets;
mod harmonic;
mod mstl;
mod naive;
mod profile;
mod regression;
mod theta;
mod total_shape;
mod year_ago;

use crate::calendar::Calendar;
use crate::seasons::Seasons;

/// What a member sees at one origin: cleaned history and nothing after it.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// History in units of its typical size, without gaps.
    pub(crate) level: Vec<f64>,
    /// Logarithm of history, for series that are never negative.
    pub(crate) log: Option<Vec<f64>>,
    /// Added before the logarithm was taken.
    pub(crate) log_offset: f64,
    /// Season lengths.
    pub(crate) seasons: &'a Seasons,
    /// Values of what drives the series, from the first point of history to the last step of the horizon.
    pub(crate) drivers: &'a [Vec<f64>],
    /// Civil dates, from the first point of history to the last step of the horizon.
    pub(crate) calendar: Option<&'a Calendar>,
    /// Steps ahead.
    pub(crate) horizon: usize,
}

/// The scale that a member works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As measured: errors and seasons add.
    Level,
    /// Logarithm: errors and seasons multiply.
    Log,
}

impl View<'_> {
    /// History on a scale; `None` when the series does not allow it.
    pub(crate) fn on(&self, scale: Scale) -> Option<&[f64]> {
        match scale {
            Scale::Level => Some(&self.level),
            Scale::Log => self.log.as_deref(),
        }
    }

    /// A path on a scale, brought back to the level.
    pub(crate) fn back(&self, scale: Scale, mut path: Vec<f64>) -> Vec<f64> {
        if scale == Scale::Log {
            path.iter_mut().for_each(|value| *value = value.min(50.0).exp() - self.log_offset);
        }
        path
    }

    /// What is left of this history, to be forecast on its own: without logarithm, drivers and calendar.
    fn rest(&self, level: Vec<f64>) -> Self {
        Self { level, log: None, log_offset: 0.0, drivers: &[], calendar: None, ..*self }
    }
}

#[cfg(test)]
impl<'a> View<'a> {
    /// A history on its level alone, without calendar and drivers.
    fn plain(level: Vec<f64>, seasons: &'a Seasons, horizon: usize) -> Self {
        Self { level, log: None, log_offset: 0.0, seasons, drivers: &[], calendar: None, horizon }
    }
}

/// A path for each view, oldest first, in units of the history.
pub(crate) type Paths = Vec<Vec<f64>>;

/// One member's forecasts.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Name in results; stable.
    pub(crate) name: &'static str,
    pub(crate) paths: Paths,
}

/// One member, or a family of members that share their work.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Model {
    One(&'static str, fn(&[View]) -> Option<Paths>),
    /// One that may meet its match by chance: it wants more folds than others.
    Regression(&'static str, fn(&[View]) -> Option<Paths>),
    Family(fn(&[View]) -> Option<Vec<Member>>),
}

/// Folds from which a member's weight is told, and those of regressions.
const LEAST_FOLDS: usize = 2;
const LEAST_FOLDS_OF_REGRESSION: usize = 3;

/// The baseline of every comparison; always applicable.
pub(crate) const SEASONAL_NAIVE: Model =
    Model::One("seasonal_naive", |views| naive::seasonal(views.first()?.seasons.short(), views));

/// Every member, the baseline first. Which of them apply is decided per series.
pub(crate) const ZOO: &[Model] = {
    use Model::{Family, One, Regression};
    use Scale::{Level, Log};
    use autoregression::{Difference, run as ridge};
    &[
        SEASONAL_NAIVE,
        One("seasonal_naive_long", |views| naive::seasonal(views.first()?.seasons.longer()?, views)),
        One("profile", |views| profile::run(views.first()?.seasons.short(), views)),
        One("profile_long", |views| profile::run(views.first()?.seasons.longer()?, views)),
        One("ets", |views| ets::simple(Level, false, views)),
        One("ets_trend", |views| ets::simple(Level, true, views)),
        One("ets_trend_log", |views| ets::simple(Log, true, views)),
        One("ets_seasonal_log", |views| ets::seasonal(Log, views)),
        One("theta", |views| theta::run(Level, views)),
        One("theta_log", |views| theta::run(Log, views)),
        One("drift", |views| theta::drift(Level, views)),
        One("drift_log", |views| theta::drift(Log, views)),
        One("mstl", |views| mstl::run(Level, views)),
        One("mstl_log", |views| mstl::run(Log, views)),
        Regression("ridge", |views| ridge(Level, Difference::None, views)),
        Regression("ridge_log", |views| ridge(Log, Difference::None, views)),
        Regression("ridge_first", |views| ridge(Level, Difference::First, views)),
        Regression("ridge_first_log", |views| ridge(Log, Difference::First, views)),
        Regression("ridge_season", |views| ridge(Level, Difference::Short, views)),
        Regression("ridge_season_log", |views| ridge(Log, Difference::Short, views)),
        Regression("ridge_both_log", |views| ridge(Log, Difference::FirstAndShort, views)),
        Regression("ridge_long_season", |views| ridge(Level, Difference::Long, views)),
        Regression("ridge_long_season_log", |views| ridge(Log, Difference::Long, views)),
        One("total_shape", total_shape::run),
        One("total_ridge", total_shape::ridge),
        One("year_ago", |views| year_ago::run(Level, views)),
        One("year_ago_log", |views| year_ago::run(Log, views)),
        One("regression", regression::run),
        One("additive", additive::run),
        One("harmonic", harmonic::run),
        Family(drivers::run),
    ]
};

impl Model {
    /// Forecasts from each origin, oldest first; empty when the model does not apply to this series.
    ///
    /// Where the oldest origins have too little history for the model, it forecasts from the later ones, a few folds at
    /// least. Parameters that need a search are found at the oldest of its origins, and searched on from there at most, so
    /// no fold sees its own future.
    pub(crate) fn run(&self, views: &[View]) -> Vec<Member> {
        let folds = match self {
            Self::One(..) => LEAST_FOLDS,
            Self::Regression(..) | Self::Family(_) => LEAST_FOLDS_OF_REGRESSION,
        };
        let latest = views.len().saturating_sub(1 + folds);
        let made = (0..=latest).find_map(|late| self.run_on_all(&views[late..]));
        made.unwrap_or_default()
    }

    fn run_on_all(&self, views: &[View]) -> Option<Vec<Member>> {
        match self {
            Self::One(name, run) | Self::Regression(name, run) => {
                Some(vec![Member { name, paths: run(views)? }])
            }
            Self::Family(run) => run(views),
        }
    }
}
