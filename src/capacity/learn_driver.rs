//! Which demands a resource follows, and after how long: learned from history, judged on what was not seen.

use std::ops::RangeInclusive;

use domain::Series;
use serde::{Deserialize, Serialize};

use crate::driver::{Driver, DriverSource, Term};
use crate::regression::{least_squares, mean, squared_error};

/// Fewest points that a driver is learned from.
const FEWEST_POINTS: usize = 48;

/// A further driver has to take away this share of the error that is left.
const WORTH_A_TERM: f64 = 0.1;

/// Most drivers of one resource.
const MOST_TERMS: usize = 3;

/// A fit that explains less than this of the points it has not seen is none.
const LEAST_FIT: f64 = 0.2;

/// Longest lag in steps that is looked for where none is stated: a day of hours.
const MOST_LAG: usize = 24;

/// Why nothing was learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoDriver {
    /// Too little to learn from.
    #[error("{resource}: {points} points are shared with the demands, {FEWEST_POINTS} are needed")]
    TooShort {
        /// The resource.
        resource: String,
        /// Points there are.
        points: usize,
    },
    /// Nothing explains it.
    #[error("{resource}: no demand explains it; the best, {best}, explains {percent:.0} %")]
    NoFit {
        /// The resource.
        resource: String,
        /// The best demand.
        best: String,
        /// What it explains, in percent.
        percent: f64,
    },
}

/// What a resource is said to be driven by; what is left out is learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrivenBy {
    /// The resource series.
    pub resource: String,
    /// The demand that drives it.
    pub demand: String,
    /// Steps after which the resource feels it.
    pub lag_steps: Option<usize>,
    /// More of the resource for one more of the demand.
    pub slope: Option<f64>,
}

impl DrivenBy {
    /// The driver: learned from history, with what is stated in place of what was learned.
    ///
    /// # Errors
    /// As of [`learn_driver`]; where the slope is stated there is always a driver.
    pub fn driver(&self, resource: &Series, demand: &Series) -> Result<Driver, NoDriver> {
        let lags = self.lag_steps.map_or(0..=MOST_LAG, |lag| lag..=lag);
        let learned = learn_within(resource, std::slice::from_ref(demand), lags);
        match (learned, self.slope) {
            (Ok(driver), None) => Ok(driver),
            (Ok(driver), Some(slope)) => Ok(driver.corrected(&self.demand, slope)),
            (Err(_), Some(slope)) => {
                let lag = self.lag_steps.unwrap_or(0);
                Ok(Driver::by_hand(&self.resource, &self.demand, slope, lag))
            }
            (Err(reason), None) => Err(reason),
        }
    }
}

/// The drivers of a chain (requests → database reads → cache), each from the histories of both its ends.
///
/// # Errors
/// The first link that has no history, or no driver.
pub fn learn_chain(chain: &[DrivenBy], histories: &[Series]) -> Result<Vec<Driver>, NoDriver> {
    let find = |id: &str| histories.iter().find(|history| history.unique_id == id);
    let link = |by: &DrivenBy| match (find(&by.resource), find(&by.demand)) {
        (Some(resource), Some(demand)) => by.driver(resource, demand),
        _ => Err(NoDriver::TooShort { resource: by.resource.clone(), points: 0 }),
    };
    chain.iter().map(link).collect()
}

/// What `resource` follows among `demands`, with a lag of at most `max_lag` steps; all with steps of one length.
///
/// Demands are added one by one, each with the lag that explains most, as long as the next takes away a tenth of
/// the error on the last third of history, which no fit sees. Resources never fall when demand rises: a negative
/// slope is no driver.
///
/// # Errors
/// Too few points in common, or nothing that explains it.
pub fn learn_driver(resource: &Series, demands: &[Series], max_lag: usize) -> Result<Driver, NoDriver> {
    learn_within(resource, demands, 0..=max_lag)
}

fn learn_within(
    resource: &Series,
    demands: &[Series],
    lags: RangeInclusive<usize>,
) -> Result<Driver, NoDriver> {
    let demands: Vec<Series> = demands.iter().map(|demand| on_grid_of(resource, demand)).collect();
    let (demands, max_lag) = (demands.as_slice(), *lags.end());
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    let mut best = Fit::none();
    let mut points = 0;
    while chosen.len() < MOST_TERMS {
        let mut next: Option<(Fit, (usize, usize))> = None;
        for demand in (0..demands.len()).filter(|demand| chosen.iter().all(|(taken, _)| taken != demand)) {
            for lag in lags.clone() {
                let mut tried = chosen.clone();
                tried.push((demand, lag));
                let table = Table::new(resource, demands, &tried, max_lag);
                points = points.max(table.y.len());
                let Some(fit) = table.fit() else { continue };
                if next.as_ref().is_none_or(|(best, _)| fit.unexplained < best.unexplained) {
                    next = Some((fit, (demand, lag)));
                }
            }
        }
        let Some((fit, term)) = next else { break };
        if !chosen.is_empty() && fit.unexplained > best.unexplained * (1.0 - WORTH_A_TERM) {
            break;
        }
        chosen.push(term);
        best = fit;
    }
    let id = || resource.unique_id.clone();
    if points < FEWEST_POINTS || chosen.is_empty() {
        return Err(NoDriver::TooShort { resource: id(), points });
    }
    let r_squared = 1.0 - best.unexplained;
    if r_squared < LEAST_FIT {
        let best = demands[chosen[0].0].unique_id.clone();
        return Err(NoDriver::NoFit { resource: id(), best, percent: 100.0 * r_squared.max(0.0) });
    }
    let terms = chosen.iter().enumerate().map(|(index, (demand, lag))| Term {
        demand: demands[*demand].unique_id.clone(),
        lag_steps: *lag,
        slope: best.coefficients[index + 1],
        elasticity: best.coefficients[index + 1] * best.means[index] / best.mean,
    });
    Ok(Driver {
        resource: id(),
        intercept: best.coefficients[0],
        terms: terms.collect(),
        r_squared: Some(r_squared),
        residual: best.residual,
        points,
        source: DriverSource::Learned,
    })
}

/// `demand` with its first value at the first stamp of `resource`: what came before is cut, what is not there is missing.
fn on_grid_of(resource: &Series, demand: &Series) -> Series {
    let (start, grid) = (resource.grid.start, demand.grid);
    let before = (0..demand.len()).position(|step| grid.stamp(step) >= start).unwrap_or(demand.len());
    let missing = (0..resource.len()).position(|step| resource.grid.stamp(step) >= grid.start);
    let mut values = vec![None; missing.unwrap_or(resource.len())];
    values.extend(demand.values[before..].iter().copied());
    Series { unique_id: demand.unique_id.clone(), grid: resource.grid, values }
}

/// One fit, and how it did on points it had not seen.
struct Fit {
    coefficients: Vec<f64>,
    means: Vec<f64>,
    mean: f64,
    residual: f64,
    /// Share of the variance of unseen points that is left.
    unexplained: f64,
}

impl Fit {
    fn none() -> Self {
        Self { coefficients: Vec::new(), means: Vec::new(), mean: 0.0, residual: 0.0, unexplained: 1.0 }
    }
}

/// The points that resource and lagged demands share.
struct Table {
    columns: Vec<Vec<f64>>,
    y: Vec<f64>,
}

impl Table {
    fn new(resource: &Series, demands: &[Series], terms: &[(usize, usize)], max_lag: usize) -> Self {
        let mut table = Self { columns: vec![Vec::new(); terms.len()], y: Vec::new() };
        for step in max_lag..resource.len() {
            let Some(observed) = resource.values[step] else { continue };
            let row: Option<Vec<f64>> = terms
                .iter()
                .map(|(demand, lag)| demands[*demand].values.get(step - lag).copied().flatten())
                .collect();
            if let Some(row) = row {
                table.columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
                table.y.push(observed);
            }
        }
        table
    }

    /// Fitted on the first two thirds and judged on the last; the coefficients are those of all points.
    fn fit(&self) -> Option<Fit> {
        let points = self.y.len();
        if points < FEWEST_POINTS {
            return None;
        }
        let seen = points * 2 / 3;
        let part = |from: usize, until: usize| -> Vec<&[f64]> {
            self.columns.iter().map(|column| &column[from..until]).collect()
        };
        let judged = least_squares(&part(0, seen), &self.y[..seen])?;
        let unseen = &self.y[seen..];
        let middle = mean(unseen);
        let spread: f64 = unseen.iter().map(|value| (value - middle).powi(2)).sum();
        let coefficients = least_squares(&part(0, points), &self.y)?;
        if coefficients[1..].iter().any(|slope| *slope < 0.0) || spread == 0.0 {
            return None;
        }
        let squared = squared_error(&coefficients, &part(0, points), &self.y);
        Some(Fit {
            unexplained: squared_error(&judged, &part(seen, points), unseen) / spread,
            means: self.columns.iter().map(|column| mean(column)).collect(),
            mean: mean(&self.y),
            residual: (squared / points as f64).sqrt(),
            coefficients,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};

    use super::*;

    const GRID: Grid = Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) };

    fn wobble(step: usize, prime: usize) -> f64 {
        ((step * prime) % 101) as f64 / 101.0 - 0.5
    }

    fn series(id: &str, value: impl Fn(usize) -> f64) -> Series {
        Series {
            unique_id: id.to_owned(),
            grid: GRID,
            values: (0..500).map(|step| Some(value(step))).collect(),
        }
    }

    fn requests(step: usize) -> f64 {
        1000.0 + 600.0 * (step as f64 * std::f64::consts::TAU / 24.0).sin() + 300.0 * wobble(step, 7919)
    }

    fn orders(step: usize) -> f64 {
        50.0 + 30.0 * (step as f64 * std::f64::consts::TAU / 24.0).sin() + 30.0 * wobble(step, 104_729)
    }

    #[test]
    fn the_right_demand_lag_and_slopes_are_found() {
        let demands = [series("orders", orders), series("requests", requests)];
        let reads = series("database-reads", |step| {
            40.0 + 0.5 * requests(step.saturating_sub(2))
                + 3.0 * orders(step)
                + 5.0 * wobble(step, 15_485_863)
        });
        let driver = learn_driver(&reads, &demands, 4).unwrap();
        assert_eq!((driver.terms[0].demand.as_str(), driver.terms[0].lag_steps), ("requests", 2));
        assert_eq!((driver.terms[1].demand.as_str(), driver.terms[1].lag_steps), ("orders", 0));
        assert!((driver.terms[0].slope - 0.5).abs() < 0.01, "{driver:?}");
        assert!((driver.terms[1].slope - 3.0).abs() < 0.1, "{driver:?}");
        assert!((driver.terms[0].elasticity - 500.0 / 690.0).abs() < 0.02, "{driver:?}");
        assert!(driver.r_squared.unwrap() > 0.99);
        assert!(driver.sentence().contains("2 steps later"));
        let corrected = driver.corrected("orders", 6.0);
        assert_eq!((corrected.terms[1].slope, corrected.source), (6.0, DriverSource::ByHand));
    }

    #[test]
    fn noise_has_no_driver_and_neither_has_a_day() {
        let demands = [series("requests", requests)];
        let noise = series("noise", |step| wobble(step, 32_452_843));
        assert!(matches!(learn_driver(&noise, &demands, 3), Err(NoDriver::NoFit { .. })));
        let mut short = series("short", requests);
        short.values.truncate(30);
        assert!(learn_driver(&short, &demands, 3).unwrap_err().to_string().contains("27 points"));
    }

    #[test]
    fn histories_that_begin_at_different_times_are_laid_over_each_other() {
        let late = |id: &str, from: usize, value: fn(usize) -> f64| {
            let whole = series(id, value);
            Series { grid: GRID.advance(from), values: whole.values[from..].to_vec(), ..whole }
        };
        let connections = |step: usize| 70.0 + 0.2 * requests(step.saturating_sub(1));
        for (resource_from, demand_from) in [(0, 100), (100, 0)] {
            let resource = late("connections", resource_from, connections);
            let driver = learn_driver(&resource, &[late("requests", demand_from, requests)], 3).unwrap();
            assert_eq!(
                (driver.terms[0].lag_steps, driver.points),
                (1, if demand_from == 0 { 397 } else { 400 })
            );
            assert!((driver.terms[0].slope - 0.2).abs() < 1e-9 && (driver.intercept - 70.0).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_stated_is_not_learned_and_a_chain_needs_every_history() {
        let reads = |step: usize| 40.0 + 0.5 * requests(step.saturating_sub(2));
        let histories = [
            series("requests", requests),
            series("reads", reads),
            series("cache", |step| 3.0 * reads(step)),
            series("noise", |step| wobble(step, 32_452_843)),
        ];
        let by = |resource: &str, demand: &str| DrivenBy {
            resource: resource.to_owned(),
            demand: demand.to_owned(),
            lag_steps: None,
            slope: None,
        };
        let chain = [by("reads", "requests"), by("cache", "reads")];
        let drivers = learn_chain(&chain, &histories).unwrap();
        assert_eq!(drivers[0].terms[0].lag_steps, 2);
        assert!((drivers[1].terms[0].slope - 3.0).abs() < 1e-9);
        let wrong = learn_chain(&[by("noise", "requests")], &histories).unwrap_err();
        assert!(matches!(wrong, NoDriver::NoFit { .. }));
        assert!(
            learn_chain(&[by("disk", "requests")], &histories).unwrap_err().to_string().contains("0 points")
        );
        let stated = DrivenBy { slope: Some(2.0), lag_steps: Some(1), ..by("noise", "requests") };
        let driver = &learn_chain(&[stated], &histories).unwrap()[0];
        assert_eq!((driver.terms[0].slope, driver.terms[0].lag_steps), (2.0, 1));
        let stated = DrivenBy { lag_steps: Some(0), ..by("reads", "requests") };
        assert_eq!(learn_chain(&[stated], &histories).unwrap()[0].terms[0].lag_steps, 0);
    }
}
