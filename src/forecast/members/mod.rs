//! The members of the combination: many cheap models, each judged by the backtest, none trusted alone.

mod additive;
mod autoregression;
mod drivers;
mod ets;
mod growth;
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
}

#[cfg(test)]
impl<'a> View<'a> {
    /// A history on its level alone, without calendar and drivers.
    fn plain(level: Vec<f64>, seasons: &'a Seasons, horizon: usize) -> Self {
        Self { level, log: None, log_offset: 0.0, seasons, drivers: &[], calendar: None, horizon }
    }
}

/// One member's forecasts: a path for each view, oldest first, in units of the history.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Name in results; stable.
    pub(crate) name: &'static str,
    pub(crate) paths: Vec<Vec<f64>>,
}

/// One member, or a family of members that share their work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    SeasonalNaive(naive::Season),
    RecentMedian,
    Profile(profile::Spec),
    Ets(ets::Spec),
    Theta(Scale),
    Mstl(Scale),
    Autoregression(autoregression::Family),
    TotalShape,
    TotalRidge,
    YearAgo(Scale),
    Growth,
    Regression,
    Additive,
    Harmonic,
    Drivers,
}

const fn model(name: &'static str, kind: Kind) -> Model {
    Model { name, kind }
}

/// Folds from which a member's weight is told, and those of a regression, which may have met its match by chance.
const LEAST_FOLDS: usize = 2;
const LEAST_FOLDS_OF_REGRESSION: usize = 3;

/// The baseline of every comparison; always applicable.
pub(crate) const SEASONAL_NAIVE: Model = model("seasonal_naive", Kind::SeasonalNaive(naive::Season::Short));

/// Every member, the baseline first. Which of them apply is decided per series.
pub(crate) const ZOO: &[Model] = {
    use autoregression::{Difference, Family, Memory};
    use ets::{Seasonal, Spec as Es};
    use profile::{Cycle, Spec as Pr};
    const fn ar(scale: Scale, difference: Difference, fits: &'static [(&'static str, Memory)]) -> Model {
        model("ridge", Kind::Autoregression(Family { scale, difference, fits }))
    }
    const fn es(scale: Scale, trend: bool, seasonal: Seasonal) -> Kind {
        Kind::Ets(Es { scale, trend, seasonal })
    }
    &[
        SEASONAL_NAIVE,
        model("seasonal_naive_long", Kind::SeasonalNaive(naive::Season::Long)),
        model("recent_median", Kind::RecentMedian),
        model("profile", Kind::Profile(Pr { cycle: Cycle::Short, count: 8 })),
        model("profile_long", Kind::Profile(Pr { cycle: Cycle::Long, count: 8 })),
        model("ets", es(Scale::Level, false, Seasonal::None)),
        model("ets_trend", es(Scale::Level, true, Seasonal::None)),
        model("ets_trend_log", es(Scale::Log, true, Seasonal::None)),
        model("ets_seasonal_log", es(Scale::Log, true, Seasonal::Short)),
        model("theta", Kind::Theta(Scale::Level)),
        model("theta_log", Kind::Theta(Scale::Log)),
        model("mstl", Kind::Mstl(Scale::Level)),
        model("mstl_log", Kind::Mstl(Scale::Log)),
        ar(Scale::Level, Difference::None, &[("ridge", Memory::Long)]),
        ar(Scale::Log, Difference::None, &[("ridge_log", Memory::Long)]),
        ar(
            Scale::Level,
            Difference::First,
            &[("ridge_first", Memory::Long), ("ridge_first_fading", Memory::Fading)],
        ),
        ar(
            Scale::Log,
            Difference::First,
            &[("ridge_first_log", Memory::Long), ("ridge_first_fading_log", Memory::Fading)],
        ),
        ar(Scale::Level, Difference::Short, &[("ridge_season", Memory::Long)]),
        ar(Scale::Log, Difference::Short, &[("ridge_season_log", Memory::Long)]),
        ar(Scale::Log, Difference::FirstAndShort, &[("ridge_both_log", Memory::Long)]),
        ar(Scale::Level, Difference::Long, &[("ridge_long_season", Memory::Long)]),
        ar(Scale::Log, Difference::Long, &[("ridge_long_season_log", Memory::Long)]),
        model("total_shape", Kind::TotalShape),
        model("total_ridge", Kind::TotalRidge),
        model("year_ago", Kind::YearAgo(Scale::Level)),
        model("year_ago_log", Kind::YearAgo(Scale::Log)),
        model("growth", Kind::Growth),
        model("regression", Kind::Regression),
        model("additive", Kind::Additive),
        model("harmonic", Kind::Harmonic),
        model("drivers", Kind::Drivers),
    ]
};

impl Model {
    /// Forecasts from each origin, oldest first; empty when the model does not apply to this series.
    ///
    /// Where the oldest origins have too little history for the model, it forecasts from the later ones, a few folds at
    /// least. Parameters that need a search are found at the oldest origin and kept, so no fold sees its own future.
    pub(crate) fn run(&self, views: &[View]) -> Vec<Member> {
        let folds = match self.kind {
            Kind::Autoregression(_) => LEAST_FOLDS_OF_REGRESSION,
            _ => LEAST_FOLDS,
        };
        let latest = views.len().saturating_sub(1 + folds);
        let made = (0..=latest).map(|late| self.run_on_all(&views[late..])).find(|made| !made.is_empty());
        made.unwrap_or_default()
    }

    fn run_on_all(&self, views: &[View]) -> Vec<Member> {
        let paths = match self.kind {
            Kind::Drivers => return drivers::run(views),
            Kind::Autoregression(family) => return autoregression::run(family, views).unwrap_or_default(),
            Kind::SeasonalNaive(season) => naive::seasonal(season, views),
            Kind::RecentMedian => naive::recent_median(views),
            Kind::Profile(spec) => profile::run(spec, views),
            Kind::Ets(spec) => ets::run(spec, views),
            Kind::Theta(scale) => theta::run(scale, views),
            Kind::Mstl(scale) => mstl::run(scale, views),
            Kind::TotalShape => total_shape::run(views),
            Kind::TotalRidge => total_shape::ridge(views),
            Kind::YearAgo(scale) => year_ago::run(scale, views),
            Kind::Growth => growth::run(views),
            Kind::Regression => regression::run(views),
            Kind::Additive => additive::run(views),
            Kind::Harmonic => harmonic::run(views),
        };
        paths.map(|paths| Member { name: self.name, paths }).into_iter().collect()
    }
}
