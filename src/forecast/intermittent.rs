//! Intermittent demand: mostly zeros, and now and then an amount. The middle of such a series is zero and says nothing
//! about what it will come to, so its forecast is the mean rate, and its quantiles are those of the amounts.

use crate::combine::{Actuals, Errors, Run};
use crate::folds::Folds;
use crate::history::History;
use crate::order::{mean, sorted_quantile};
use crate::seasons::Seasons;

/// Mean distance between demands from which a series is intermittent (Syntetos, Boylan & Croston 2005) …
const LEAST_INTERVAL: f64 = 1.32;
/// … where zeros have come and gone so often: a retired machine stops once.
const LEAST_PAUSES: usize = 8;

/// Smoothing constants that are tried.
const SMOOTHING: [f64; 4] = [0.02, 0.05, 0.1, 0.2];

/// What a member makes of the values so far: the amount that comes in a step, in the mean.
type Rate = fn(&[f64]) -> f64;

/// A series of zeros and amounts, in units of the history.
#[derive(Debug)]
pub(crate) struct Intermittent {
    /// NaN where nothing usual was measured.
    values: Vec<f64>,
}

impl Intermittent {
    /// The series, when it is one; what is zero every night or weekend has a season and is none.
    pub(crate) fn find(history: &History, seasons: &Seasons) -> Option<Self> {
        if !history.non_negative || !seasons.cycles.is_empty() {
            return None;
        }
        let masked = |(value, in_event): (&f64, &bool)| if *in_event { f64::NAN } else { *value };
        let values: Vec<f64> = history.values.iter().zip(&history.in_event).map(masked).collect();
        let known = measured(&values);
        let demands = known.iter().filter(|value| **value > 0.0).count();
        let pauses = known.windows(2).filter(|pair| pair[0] > 0.0 && pair[1] == 0.0).count();
        let interval = known.len() as f64 / demands.max(1) as f64;
        (interval >= LEAST_INTERVAL && pauses >= LEAST_PAUSES).then_some(Self { values })
    }

    /// Members at every fold and ahead, the baseline first: repeating the last value.
    pub(crate) fn runs(&self, folds: &Folds, horizon: usize) -> Vec<Run> {
        let members: [(&'static str, Rate); 4] =
            [("seasonal_naive", last), ("average", mean), ("croston_sba", croston), ("tsb", tsb)];
        let run = |(name, rate): (&'static str, Rate)| {
            let at = |origin: usize, steps: usize| vec![rate(&measured(&self.values[..origin])); steps];
            Run {
                name,
                folds: folds.origins.iter().map(|origin| at(*origin, folds.horizon)).collect(),
                ahead: at(self.values.len(), horizon),
            }
        };
        members.into_iter().map(run).collect()
    }

    /// How far each member's mean over a fold is from what came in the mean: where the middle is zero, the sum of
    /// absolute errors is smallest for a forecast of nothing.
    pub(crate) fn errors(runs: &[Run], actuals: &Actuals) -> Errors {
        let error = |(path, actual): (&Vec<f64>, &Vec<Option<f64>>)| {
            let known: Vec<f64> = actual.iter().flatten().copied().collect();
            Some(if known.is_empty() { 0.0 } else { (mean(path) - mean(&known)).abs() })
        };
        runs.iter().map(|run| run.folds.iter().zip(actuals).map(error).collect()).collect()
    }

    /// Quantiles around a path of mean rates, one path a level: zero as often as it has been, and otherwise the
    /// amounts that were seen outside of `hidden`, scaled to the rate.
    pub(crate) fn quantiles(
        &self,
        path: &[f64],
        levels: &[f64],
        hidden: std::ops::Range<usize>,
    ) -> Vec<Vec<f64>> {
        let outside = |(index, value): (usize, &f64)| (!hidden.contains(&index)).then_some(*value);
        let known = measured(&self.values.iter().enumerate().filter_map(outside).collect::<Vec<f64>>());
        let mut amounts: Vec<f64> = known.iter().copied().filter(|value| *value > 0.0).collect();
        amounts.sort_unstable_by(f64::total_cmp);
        let zeros = 1.0 - amounts.len() as f64 / known.len().max(1) as f64;
        let usual = mean(&known);
        let quantile = |level: f64| {
            if amounts.is_empty() || level <= zeros {
                return 0.0;
            }
            sorted_quantile(&amounts, (level - zeros) / (1.0 - zeros)) / usual
        };
        levels
            .iter()
            .map(|level| {
                let relative = quantile(*level);
                path.iter().map(|rate| rate * relative).collect()
            })
            .collect()
    }
}

fn measured(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| !value.is_nan()).collect()
}

fn last(values: &[f64]) -> f64 {
    values.last().copied().unwrap_or(0.0)
}

/// The rate after the last value, smoothed by the constant with the smallest squared errors one step ahead; `rates`
/// gives those before each value and after the last one.
fn best(values: &[f64], rates: fn(&[f64], f64) -> Vec<f64>) -> f64 {
    let error =
        |rates: &[f64]| values.iter().zip(rates).map(|(value, rate)| (value - rate).powi(2)).sum::<f64>();
    let tried = SMOOTHING.map(|smoothing| rates(values, smoothing));
    let best = tried.iter().min_by(|a, b| error(a).total_cmp(&error(b)));
    best.and_then(|rates| rates.last()).copied().unwrap_or(0.0)
}

/// Croston's amount over interval with the correction of Syntetos & Boylan (2005).
fn croston(values: &[f64]) -> f64 {
    best(values, |values, smoothing| {
        let mut amount = first_amount(values);
        let mut interval = values.len() as f64 / demands(values).max(1.0);
        let mut since = 1.0;
        let mut rates = Vec::with_capacity(values.len() + 1);
        let rate = |amount: f64, interval: f64| (1.0 - smoothing / 2.0) * amount / interval;
        rates.push(rate(amount, interval));
        for value in values {
            if *value > 0.0 {
                amount += smoothing * (value - amount);
                interval += smoothing * (since - interval);
                since = 1.0;
            } else {
                since += 1.0;
            }
            rates.push(rate(amount, interval.max(1.0)));
        }
        rates
    })
}

/// Amount times probability, the latter updated in every step, so that it fades when nothing comes any more
/// (Teunter, Syntetos & Babai 2011).
fn tsb(values: &[f64]) -> f64 {
    best(values, |values, smoothing| {
        let mut amount = first_amount(values);
        let mut probability = demands(values) / values.len().max(1) as f64;
        let mut rates = Vec::with_capacity(values.len() + 1);
        rates.push(amount * probability);
        for value in values {
            let came = if *value > 0.0 { 1.0 } else { 0.0 };
            probability += smoothing * (came - probability);
            amount += smoothing * came * (value - amount);
            rates.push(amount * probability);
        }
        rates
    })
}

fn demands(values: &[f64]) -> f64 {
    values.iter().filter(|value| **value > 0.0).count() as f64
}

/// The mean of the amounts: where smoothing starts.
fn first_amount(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / demands(values).max(1.0)
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Series, Stamp};

    use super::*;
    use crate::{Request, forecast};

    /// An amount of 5 to 15 on every tenth day or so.
    fn parts(days: usize) -> Series {
        let chance = |day: usize| ((day as f64 * 12.9898).sin() * 43_758.547).fract().abs();
        let value = |day: usize| if chance(day) < 0.1 { 5.0 + 100.0 * chance(day) } else { 0.0 };
        let start = Stamp::Time("2026-01-01T00:00:00Z".parse().unwrap());
        Series {
            unique_id: "parts".to_owned(),
            grid: Grid { start, frequency: Frequency::DAY },
            values: (0..days).map(|day| Some(value(day))).collect(),
        }
    }

    #[test]
    fn the_mean_is_the_rate_and_most_days_are_expected_to_be_empty() {
        let series = parts(400);
        let usual = series.values.iter().flatten().sum::<f64>() / 400.0;
        let forecast = forecast(&series, &Request::new(28));
        let mean = forecast.mean.iter().sum::<f64>() / 28.0;
        assert!((mean / usual - 1.0).abs() < 0.3, "{mean} against {usual}");
        let at = |level: f64| forecast.levels.iter().position(|known| *known == level).unwrap();
        assert_eq!(forecast.quantiles[at(0.5)], vec![0.0; 28]);
        assert!(forecast.quantiles[at(0.975)][0] > 5.0);
        let members: Vec<&str> = forecast.members.iter().map(|member| member.model.as_str()).collect();
        assert!(members.contains(&"tsb") && members.contains(&"croston_sba"), "{members:?}");
    }

    #[test]
    fn the_recursions_are_the_published_ones() {
        // One amount of 4 every second step: Croston's rate is 2 and Syntetos & Boylan take off half the constant;
        // with the smallest constant the squared errors are smallest.
        let values = [0.0, 4.0].repeat(40);
        assert!((croston(&values) - 2.0 * (1.0 - SMOOTHING[0] / 2.0)).abs() < 0.05, "{}", croston(&values));
        // After a step with demand the probability is half the constant above one half.
        assert!((tsb(&values) - 4.0 * 0.505).abs() < 0.02, "{}", tsb(&values));
    }

    #[test]
    fn what_is_no_longer_asked_for_fades() {
        let mut values = [0.0, 0.0, 6.0].repeat(30);
        let before = tsb(&values);
        values.extend(vec![0.0; 60]);
        assert!(tsb(&values) < 0.4 * before, "{} after {before}", tsb(&values));
    }

    #[test]
    fn a_series_with_a_rhythm_or_few_pauses_is_none() {
        let history = |values: &[f64]| {
            let grid = Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) };
            let values = values.iter().map(|value| Some(*value)).collect();
            History::new(&Series { unique_id: String::new(), grid, values }, |_| false)
        };
        let week = Seasons { cycles: vec![7], year: None };
        let off_and_on = history(&[0.0, 0.0, 1.0].repeat(20));
        assert!(Intermittent::find(&off_and_on, &week).is_none());
        assert!(Intermittent::find(&off_and_on, &Seasons::default()).is_some());
        let retired = [vec![1.0; 40], vec![0.0; 40]].concat();
        assert!(Intermittent::find(&history(&retired), &Seasons::default()).is_none());
    }
}
