//! Which demand drives which resource: learned by regression with a lag, or set by hand, and carried ahead.

use domain::{Forecast, Series};
use serde::{Deserialize, Serialize};

use crate::normal;
use crate::regression::{least_squares, mean, squared_error};

/// Fewest points that a driver is learned from.
const FEWEST_POINTS: usize = 48;

/// A further driver has to take away this share of the error that is left.
const WORTH_A_TERM: f64 = 0.1;

/// Most drivers of one resource.
const MOST_TERMS: usize = 3;

/// A fit that explains less than this of the points it has not seen is none.
const LEAST_FIT: f64 = 0.2;

/// One demand behind a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The demand series.
    pub demand: String,
    /// Steps after which the resource feels it.
    pub lag_steps: usize,
    /// More of the resource for one more of the demand.
    pub slope: f64,
    /// Percent more of the resource for one percent more of the demand, at their means.
    pub elasticity: f64,
}

/// Where a driver comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverSource {
    /// From history.
    Learned,
    /// Somebody knows better.
    ByHand,
}

/// What a resource follows: intercept + Σ slope × demand, `lag_steps` before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    /// The resource series (database reads, cache hits, queue arrivals, …).
    pub resource: String,
    /// Use without any demand.
    pub intercept: f64,
    /// The demands behind it, the strongest first.
    pub terms: Vec<Term>,
    /// Share of the variance explained, on the last third of history, which the fit has not seen; `None` by hand.
    pub r_squared: Option<f64>,
    /// Standard deviation of what is not explained, in the unit of the resource.
    pub residual: f64,
    /// Points of the fit.
    pub points: usize,
    /// Learned or set.
    pub source: DriverSource,
}

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

impl Driver {
    /// A driver that somebody states: one more of `demand` takes `slope` more of `resource`.
    pub fn by_hand(resource: &str, demand: &str, slope: f64, lag_steps: usize) -> Self {
        let term = Term { demand: demand.to_owned(), lag_steps, slope, elasticity: 1.0 };
        Self {
            resource: resource.to_owned(),
            intercept: 0.0,
            terms: vec![term],
            r_squared: None,
            residual: 0.0,
            points: 0,
            source: DriverSource::ByHand,
        }
    }

    /// The same with the slope of one demand corrected; the intercept stays.
    pub fn corrected(mut self, demand: &str, slope: f64) -> Self {
        for term in self.terms.iter_mut().filter(|term| term.demand == demand) {
            term.elasticity *= if term.slope == 0.0 { 1.0 } else { slope / term.slope };
            term.slope = slope;
            self.source = DriverSource::ByHand;
        }
        self
    }

    /// The resource's forecast from those of its demands; `None` when one of them is missing.
    ///
    /// Each quantile of the resource takes the same quantile of every demand, as demands of one company rise and
    /// fall together; what the fit leaves open widens it like an independent normal error. Within the lag the
    /// first step of the demand stands for what came before it.
    pub fn carry(&self, demands: &[Forecast]) -> Option<Forecast> {
        let found: Option<Vec<(&Term, &Forecast)>> = self
            .terms
            .iter()
            .map(|term| {
                let demand = demands.iter().find(|forecast| forecast.unique_id == term.demand)?;
                Some((term, demand))
            })
            .collect();
        let found = found?;
        let first = found.first()?.1;
        let sum = |of: &dyn Fn(&Forecast, usize) -> f64, step: usize| {
            let terms = found.iter().map(|(term, demand)| {
                let last = demand.horizon().saturating_sub(1);
                term.slope * of(demand, step.saturating_sub(term.lag_steps).min(last))
            });
            (self.intercept + terms.sum::<f64>()).max(0.0)
        };
        let steps = 0..first.horizon();
        let mean: Vec<f64> = steps.clone().map(|step| sum(&|demand, step| demand.mean[step], step)).collect();
        let middle: Vec<f64> = {
            let paths: Vec<Vec<f64>> =
                found.iter().map(|(_, demand)| crate::fan::quantile_path(demand, 0.5)).collect();
            let middle = |step: usize| {
                let terms = found.iter().zip(&paths).map(|((term, _), path)| {
                    term.slope * path[step.saturating_sub(term.lag_steps).min(path.len() - 1)]
                });
                (self.intercept + terms.sum::<f64>()).max(0.0)
            };
            steps.clone().map(middle).collect()
        };
        let quantiles = first.levels.iter().map(|level| {
            let z = normal::quantile(*level);
            let paths: Vec<Vec<f64>> =
                found.iter().map(|(_, demand)| crate::fan::quantile_path(demand, *level)).collect();
            let at = |step: usize| {
                let terms = found.iter().zip(&paths).map(|((term, _), path)| {
                    term.slope * path[step.saturating_sub(term.lag_steps).min(path.len() - 1)]
                });
                let distance = self.intercept + terms.sum::<f64>() - middle[step];
                (middle[step] + distance.hypot(z * self.residual).copysign(z)).max(0.0)
            };
            steps.clone().map(at).collect()
        });
        let quantiles: Vec<Vec<f64>> = quantiles.collect();
        Some(Forecast {
            unique_id: self.resource.clone(),
            mean,
            quantiles,
            reason: self.sentence(),
            members: Vec::new(),
            accuracy: None,
            baseline: None,
            mase_by_step: Vec::new(),
            ..first.clone()
        })
    }

    /// The driver in words, with elasticity and fit.
    pub fn sentence(&self) -> String {
        let terms: Vec<String> = self
            .terms
            .iter()
            .map(|term| {
                let lag = match term.lag_steps {
                    0 => String::new(),
                    1 => ", one step later".to_owned(),
                    steps => format!(", {steps} steps later"),
                };
                format!(
                    "{:.4} for each of {} (elasticity {:.2}{lag})",
                    term.slope, term.demand, term.elasticity
                )
            })
            .collect();
        let fit = match self.r_squared {
            Some(share) => format!("; it explains {:.0} % of points it has not seen", share * 100.0),
            None => "; set by hand".to_owned(),
        };
        format!("{} takes {:.4} and {}{fit}", self.resource, self.intercept, terms.join(" and "))
    }
}

/// What `resource` follows among `demands`, with a lag of at most `max_lag` steps; all on one grid.
///
/// Demands are added one by one, each with the lag that explains most, as long as the next takes away a tenth of
/// the error on the last third of history, which no fit sees. Resources never fall when demand rises: a negative
/// slope is no driver.
///
/// # Errors
/// Too few points in common, or nothing that explains it.
pub fn learn_driver(resource: &Series, demands: &[Series], max_lag: usize) -> Result<Driver, NoDriver> {
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    let mut best = Fit::none();
    let mut points = 0;
    while chosen.len() < MOST_TERMS {
        let mut next: Option<(Fit, (usize, usize))> = None;
        for demand in (0..demands.len()).filter(|demand| chosen.iter().all(|(taken, _)| taken != demand)) {
            for lag in 0..=max_lag {
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

/// What one more of `demand` costs: money of a period over the demand of the same period, per step of its grid.
///
/// `None` where there was no demand.
pub fn unit_cost(cost: rust_decimal::Decimal, demand: &Series) -> Option<rust_decimal::Decimal> {
    let seconds = demand.grid.frequency.mean_seconds().unwrap_or(3600.0);
    let total: f64 = demand.values.iter().flatten().sum::<f64>() * seconds;
    let total = domain::from_statistic(total);
    (total > rust_decimal::Decimal::ZERO).then(|| cost / total)
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
    fn a_resource_is_forecast_from_its_demand() {
        let demand = crate::testing::forecast(
            GRID,
            &[0.1, 0.5, 0.9],
            &[vec![80.0, 90.0, 160.0], vec![100.0, 110.0, 200.0], vec![120.0, 130.0, 240.0]],
        );
        let mut driver = Driver::by_hand("reads", "shop", 2.0, 1);
        driver.intercept = 10.0;
        let reads = driver.carry(std::slice::from_ref(&demand)).unwrap();
        assert_eq!(reads.quantiles[1], [210.0, 210.0, 230.0]);
        assert_eq!(reads.quantiles[2], [250.0, 250.0, 270.0]);
        driver.residual = 30.0;
        let wider = driver.carry(&[demand]).unwrap();
        assert!(wider.quantiles[2][0] > 250.0 && wider.quantiles[0][0] < 170.0);
        assert_eq!(Driver::by_hand("reads", "another", 1.0, 0).carry(&[wider]), None);
    }

    #[test]
    fn a_unit_costs_what_its_period_did() {
        let demand = Series { values: vec![Some(10.0), Some(20.0)], ..series("requests", requests) };
        // 30 a second for an hour each: 108,000 requests.
        let cost = unit_cost(rust_decimal::Decimal::from(54), &demand).unwrap();
        assert_eq!(cost, rust_decimal::Decimal::new(5, 4));
    }
}
