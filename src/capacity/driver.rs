//! Which demand drives which resource: learned by regression with a lag, or set by hand, and carried ahead.

use domain::{Forecast, Series};
use serde::{Deserialize, Serialize};

use crate::fan::quantile_path;
use crate::normal;

/// One demand behind a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DriverSource {
    /// From history.
    Learned,
    /// Somebody knows better.
    ByHand,
}

/// What a resource follows: intercept + Σ slope × demand, `lag_steps` before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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

/// `demand` carried through a chain of drivers, each driven by the resource of the one before.
pub fn carry_through(drivers: &[Driver], demand: Forecast) -> Forecast {
    drivers
        .iter()
        .fold(demand, |demand, driver| driver.carry(std::slice::from_ref(&demand)).unwrap_or(demand))
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
        let through = |path_of: &dyn Fn(&Forecast) -> Vec<f64>| -> Vec<f64> {
            let paths: Vec<(&Term, Vec<f64>)> =
                found.iter().map(|(term, demand)| (*term, path_of(demand))).collect();
            let felt = |step: usize, (term, path): &(&Term, Vec<f64>)| {
                let before = path.get(step.saturating_sub(term.lag_steps)).or(path.last());
                term.slope * before.copied().unwrap_or(0.0)
            };
            (0..first.horizon())
                .map(|step| self.intercept + paths.iter().map(|term| felt(step, term)).sum::<f64>())
                .collect()
        };
        let middle = through(&|demand| quantile_path(demand, 0.5));
        let widened = |level: &f64| {
            let z = normal::quantile(*level);
            let path = through(&|demand| quantile_path(demand, *level));
            let distances = path.iter().zip(&middle).map(|(value, middle)| {
                let distance = (value - middle).hypot(z * self.residual).copysign(z);
                (middle + distance).max(0.0)
            });
            distances.collect()
        };
        let quantiles = first.levels.iter().map(widened).collect();
        let mean = through(&|demand| demand.mean.clone()).into_iter().map(|value| value.max(0.0)).collect();
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

/// What one more of `demand` costs: money of a period over the demand of the same period, per step of its grid.
///
/// `None` where there was no demand.
pub fn unit_cost(cost: rust_decimal::Decimal, demand: &Series) -> Option<rust_decimal::Decimal> {
    let seconds = demand.grid.frequency.mean_seconds().unwrap_or(3600.0);
    let total: f64 = demand.values.iter().flatten().sum::<f64>() * seconds;
    let total = domain::from_statistic(total);
    (total > rust_decimal::Decimal::ZERO).then(|| cost / total)
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};

    use super::*;

    const GRID: Grid = Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) };

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
        let demand =
            Series { unique_id: "requests".to_owned(), grid: GRID, values: vec![Some(10.0), Some(20.0)] };
        // 30 a second for an hour each: 108,000 requests.
        let cost = unit_cost(rust_decimal::Decimal::from(54), &demand).unwrap();
        assert_eq!(cost, rust_decimal::Decimal::new(5, 4));
    }
}
