//! Charges that come on the same day of every month (support, taxes, subscriptions): taken out of a daily
//! series before it is studied, and put back on those days ahead.

use chrono::Datelike;
use domain::{Frequency, Grid};

use crate::history::History;
use crate::order::median;

/// Days of the month that are looked at: those that every month has.
const DAYS: std::ops::RangeInclusive<u32> = 1..=28;
/// A fee has come in each of the last months, this many at least.
const MONTHS: usize = 3;
/// It stands out by this many typical deviations of other days …
const DEVIATIONS: f64 = 6.0;
/// … and by this share of the typical size of the series.
const SHARE: f64 = 0.1;
/// Months whose errors tell how uncertain a fee is.
const YEAR: usize = 12;
/// Where the usual amount of a day is read: the same weekday one and two weeks before and after.
const SAME_WEEKDAY: [isize; 4] = [-14, -7, 7, 14];
/// Scale of the median absolute deviation of a normal distribution (Rousseeuw & Croux 1993).
const MAD_SCALE: f64 = 1.4826;

/// What comes on the same day of every month, in units of the history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fee {
    day: u32,
    /// What is expected.
    pub(crate) amount: f64,
    /// Standard deviation around it, that of other days left out.
    pub(crate) doubt: f64,
    /// Where it came last.
    last: usize,
}

/// The fees of a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fees(Vec<Fee>);

impl Fees {
    /// Finds the fees of a daily history and takes them out of it; other series have none. Days on which one came say no
    /// more about the usual course than those of announced events.
    ///
    /// A fee of today is the median of its last three occurrences: older ones say what it used to be. It is doubted by
    /// how wrong that was before.
    pub(crate) fn take_out(history: &mut History) -> Self {
        if history.grid.frequency != Frequency::DAY || history.len() < MONTHS * 31 {
            return Self::default();
        }
        let excess: Vec<f64> = (0..history.len()).map(|index| excess(&history.values, index)).collect();
        let days: Vec<u32> =
            (0..history.len()).map(|index| day_of_month(&history.grid, index).unwrap_or(0)).collect();
        let mut sizes: Vec<f64> =
            excess.iter().filter(|value| !value.is_nan()).map(|value| value.abs()).collect();
        if sizes.is_empty() {
            return Self::default();
        }
        let usual = median(&mut sizes);
        let threshold = (DEVIATIONS * MAD_SCALE * usual).max(SHARE);
        let mut fees = Vec::new();
        for day in DAYS {
            let seen: Vec<usize> = (0..days.len())
                .filter(|index| days[*index] == day && !excess[*index].is_nan() && !history.in_event[*index])
                .collect();
            let Some(last) = seen.len().checked_sub(MONTHS).map(|from| &seen[from..]) else { continue };
            if last.iter().all(|index| excess[*index] > threshold) {
                let came: Vec<usize> = seen.into_iter().filter(|index| excess[*index] > threshold).collect();
                let amounts: Vec<f64> = came.iter().map(|index| excess[*index]).collect();
                let doubt = (error(&amounts).powi(2) - usual.powi(2)).max(0.0).sqrt();
                let amount = median(&mut amounts[amounts.len() - MONTHS..].to_vec());
                fees.push(Fee { day, amount, doubt: MAD_SCALE * doubt, last: came[came.len() - 1] });
                for index in came {
                    history.values[index] -= excess[index];
                    history.in_event[index] = true;
                }
            }
        }
        Self(fees)
    }

    /// Leaves out those that have not come since a point of history.
    pub(crate) fn since(&mut self, point: usize) {
        self.0.retain(|fee| fee.last >= point);
    }

    /// What comes at each of `steps` steps of `grid`; `None` on most days.
    pub(crate) fn ahead(&self, grid: &Grid, steps: usize) -> Vec<Option<Fee>> {
        let fee = |step| self.0.iter().find(|fee| Some(fee.day) == day_of_month(grid, step)).copied();
        (0..steps).map(fee).collect()
    }
}

/// How far the median of three months was from the next one in the middle, lately, and more where that was seen a few times
/// only; with no next one, half of what lies between the three.
fn error(amounts: &[f64]) -> f64 {
    let mut errors: Vec<f64> = amounts
        .windows(MONTHS + 1)
        .map(|months| (median(&mut months[..MONTHS].to_vec()) - months[MONTHS]).abs())
        .collect();
    if errors.is_empty() {
        let (low, high) = amounts.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), amount| {
            (low.min(*amount), high.max(*amount))
        });
        return 0.5 * (high - low);
    }
    let older = errors.len().saturating_sub(YEAR);
    let lately = &mut errors[older..];
    (1.0 + 1.0 / lately.len() as f64) * median(lately)
}

/// How far a day is above the same weekday around it; NaN where nothing is known.
fn excess(values: &[f64], index: usize) -> f64 {
    values[index] - around(values, index, &SAME_WEEKDAY)
}

/// Median of what was measured at these distances from an index; NaN where nothing was.
pub(crate) fn around(values: &[f64], index: usize, offsets: &[isize]) -> f64 {
    let mut around: Vec<f64> = offsets
        .iter()
        .filter_map(|offset| values.get(index.checked_add_signed(*offset)?).copied())
        .filter(|value| !value.is_nan())
        .collect();
    if around.is_empty() { f64::NAN } else { median(&mut around) }
}

fn day_of_month(grid: &Grid, index: usize) -> Option<u32> {
    grid.stamp(index).time().map(|time| time.day())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::{Series, Stamp};

    use crate::{Request, forecast};

    use super::*;

    /// Weekends at 70 %, a little noise, and a fee that grows on the first of each month.
    fn series(fee: f64) -> Series {
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let grid = Grid { start: Stamp::Time(start), frequency: Frequency::DAY };
        let values = (0..304).map(|index| {
            let weekend = if (index + 3) % 7 >= 5 { 0.7 } else { 1.0 };
            let noise = 1.0 + 0.02 * ((index * 7919 % 101) as f64 / 50.0 - 1.0);
            let first =
                if day_of_month(&grid, index) == Some(1) { fee * (1.0 + index as f64 / 1000.0) } else { 0.0 };
            Some(100.0 * weekend * noise + first)
        });
        Series { unique_id: "cost".to_owned(), grid, values: values.collect() }
    }

    #[test]
    fn a_monthly_fee_is_forecast_on_its_day_and_nowhere_else() {
        let with = forecast(&series(300.0), &Request::new(40));
        let without = forecast(&series(0.0), &Request::new(40));
        for step in 0..40 {
            let difference = with.mean[step] - without.mean[step];
            // the first of November is the first step, the first of December the 31st
            let expected = if [0, 30].contains(&step) { 300.0 * 1.25 } else { 0.0 };
            assert!((difference - expected).abs() < 25.0, "step {step}: {difference} instead of {expected}");
        }
        let width = |forecast: &domain::Forecast| {
            forecast.quantile(0.975).unwrap()[10] - forecast.quantile(0.025).unwrap()[10]
        };
        assert!(width(&with) < 2.0 * width(&without), "{} against {}", width(&with), width(&without));
    }

    #[test]
    fn a_series_of_nothing_but_fees_is_forecast() {
        let mut fees = series(300.0);
        for (index, value) in fees.values.iter_mut().enumerate() {
            *value = Some(if day_of_month(&fees.grid, index) == Some(1) { 50.0 } else { 0.0 });
        }
        let ahead = forecast(&fees, &Request::new(40));
        assert!(
            (ahead.mean[0] - 50.0).abs() < 1e-6 && (ahead.mean[30] - 50.0).abs() < 1e-6,
            "{:?}",
            ahead.mean
        );
        assert!(ahead.mean[1..30].iter().all(|value| value.abs() < 1e-6));
    }

    #[test]
    fn a_fee_that_varies_is_doubted_and_a_steady_one_is_not() {
        let width = |varies: f64| {
            let mut fees = series(0.0);
            for (month, index) in (0..304).filter(|at| day_of_month(&fees.grid, *at) == Some(1)).enumerate() {
                let fee = 300.0 * (1.0 + varies * ((month * 5 % 7) as f64 / 3.0 - 1.0));
                fees.values[index] = fees.values[index].map(|value| value + fee);
            }
            let made = forecast(&fees, &Request::new(40));
            assert!((made.mean[30] - 400.0).abs() < 70.0, "{}", made.mean[30]);
            let width = |step: usize| made.quantile(0.9).unwrap()[step] - made.quantile(0.1).unwrap()[step];
            width(30) / width(32)
        };
        assert!(width(0.3) > 10.0 && width(0.0) < 2.0, "{} and {}", width(0.3), width(0.0));
    }

    #[test]
    fn one_spike_is_no_fee() {
        let mut spiked = series(0.0);
        spiked.values[212] = Some(500.0);
        let ahead = forecast(&spiked, &Request::new(40));
        assert!(ahead.mean.iter().all(|value| *value < 130.0), "{:?}", ahead.mean);
    }
}
