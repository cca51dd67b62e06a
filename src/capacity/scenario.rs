//! What-if on a forecast: growth, events of any shape, launches, moves, prices, the loss of a zone or region.

use domain::{Event, Forecast, Stamp};
use serde::{Deserialize, Serialize};

use crate::normal;

/// How an event unfolds between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The whole multiplier all the time.
    #[default]
    Flat,
    /// The whole multiplier at the start, falling exponentially to a twentieth of it at the end.
    Spike,
    /// Growing evenly from nothing to the whole multiplier at the end.
    Ramp,
    /// Falling evenly from the whole multiplier to nothing.
    Decay,
}

/// A change of demand to be tried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Scenario {
    /// All demand times `factor` (1.2 = 20 % more).
    Growth {
        /// The factor, 0 or more.
        factor: f64,
    },
    /// An event or launch: its multiplier, with the doubt about it, in its shape.
    Event {
        /// Start, end, multiplier and doubt.
        event: Event,
        /// How it unfolds.
        shape: Shape,
    },
    /// Users move over: demand goes evenly from what it is to `factor` times that between start and end, and stays.
    Migration {
        /// The factor at the end, 0 or more.
        factor: f64,
        /// When the first users have moved.
        starts_at: Stamp,
        /// When the last ones have.
        ends_at: Stamp,
    },
    /// Something new that brings demand of its own, whatever the rest is, from `starts_at` on.
    Launch {
        /// Expected demand it adds, in the unit of the series.
        adds: f64,
        /// P10 of what it adds.
        low: f64,
        /// P90 of what it adds.
        high: f64,
        /// When it begins.
        starts_at: Stamp,
    },
    /// Customers pay another price from `starts_at` on: demand follows at a constant elasticity.
    PriceChange {
        /// New price over old price, above 0.
        price_factor: f64,
        /// Percent more demand for one percent more price; −1.5 for a shop that loses half again as much.
        elasticity: f64,
        /// When the price changes.
        starts_at: Stamp,
    },
    /// Another region is lost and its users come here.
    RegionLoss {
        /// Their demand as a share of this region's own.
        comes_here: f64,
        /// First instant, inclusive.
        starts_at: Stamp,
        /// Last instant, exclusive.
        ends_at: Stamp,
    },
    /// One of `zones` zones is down: the same demand has to be met by a group of which 1/`zones` is missing.
    ZoneLoss {
        /// Zones the group spans, 2 or more.
        zones: u32,
        /// First instant, inclusive.
        starts_at: Stamp,
        /// Last instant, exclusive.
        ends_at: Stamp,
    },
}

/// The forecast under `scenarios`, applied one after the other (their multipliers multiply).
///
/// A certain multiplier scales every quantile. A doubtful one widens them: the distance of a quantile from
/// the median becomes the root of the summed squares of what demand and multiplier each cause, as for
/// independent errors. A step that an event touches for a part of its length only gets the whole multiplier:
/// capacity has to be there for the part. A forecast that was given an event already must not be given it
/// again here.
pub fn apply(demand: &Forecast, scenarios: &[Scenario]) -> Forecast {
    scenarios.iter().fold(demand.clone(), |demand, scenario| match scenario {
        Scenario::Growth { factor } => scaled(demand, |_| Some(Multiplier::certain(factor.max(0.0)))),
        Scenario::Event { event, shape } => {
            let id = demand.unique_id.clone();
            scaled(demand, |step| {
                let concerned = event.unique_id.as_deref().is_none_or(|concerned| concerned == id);
                (concerned && step.touches(event.starts_at, event.ends_at))
                    .then(|| Multiplier::of(event, shape.weight_at(event, step.start)))
            })
        }
        Scenario::Migration { factor, starts_at, ends_at } => scaled(demand, |step| {
            // The end of a step: capacity has to be there for the last of it.
            let moved = position((*starts_at, *ends_at), step.end);
            (moved > 0.0).then(|| Multiplier::certain((1.0 + (factor - 1.0) * moved).max(0.0)))
        }),
        Scenario::Launch { adds, low, high, starts_at } => scaled(demand, |step| {
            let times = |adds: f64| 1.0 + adds.max(0.0) / step.median;
            (*starts_at < step.end && step.median > 0.0).then(|| Multiplier {
                low: times(*low),
                middle: times(*adds),
                high: times(*high),
            })
        }),
        Scenario::PriceChange { price_factor, elasticity, starts_at } => {
            let factor = price_factor.max(f64::MIN_POSITIVE).powf(*elasticity);
            scaled(demand, |step| (*starts_at < step.end).then(|| Multiplier::certain(factor)))
        }
        Scenario::RegionLoss { comes_here, starts_at, ends_at } => scaled(demand, |step| {
            step.touches(*starts_at, *ends_at).then(|| Multiplier::certain(1.0 + comes_here.max(0.0)))
        }),
        Scenario::ZoneLoss { zones, starts_at, ends_at } => {
            let zones = f64::from((*zones).max(2));
            scaled(demand, |step| {
                step.touches(*starts_at, *ends_at).then(|| Multiplier::certain(zones / (zones - 1.0)))
            })
        }
    })
}

impl Shape {
    /// Share of the multiplier's effect that is felt at `stamp`, 0 to 1.
    pub fn weight_at(self, event: &Event, stamp: Stamp) -> f64 {
        self.weight(position((event.starts_at, event.ends_at), stamp))
    }

    /// The same at `position`, 0 (start) to 1 (end).
    fn weight(self, position: f64) -> f64 {
        match self {
            Self::Flat => 1.0,
            Self::Spike => 20f64.powf(-position),
            Self::Ramp => position,
            Self::Decay => 1.0 - position,
        }
    }
}

/// Where `stamp` lies between two others, 0 to 1.
fn position((start, end): (Stamp, Stamp), stamp: Stamp) -> f64 {
    let number = |stamp: Stamp| match stamp {
        Stamp::Step(step) => step as f64,
        Stamp::Time(time) => time.timestamp() as f64,
    };
    let (start, end) = (number(start), number(end));
    ((number(stamp) - start) / (end - start).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
}

/// A multiplier of demand: P10, median, P90.
struct Multiplier {
    low: f64,
    middle: f64,
    high: f64,
}

impl Multiplier {
    fn certain(value: f64) -> Self {
        Self { low: value, middle: value, high: value }
    }

    /// The event's multiplier where only `weight` of its effect is felt.
    fn of(event: &Event, weight: f64) -> Self {
        let felt = |multiplier: f64| (1.0 + (multiplier - 1.0) * weight).max(0.0);
        Self { low: felt(event.low()), middle: felt(event.multiplier), high: felt(event.high()) }
    }

    /// Distance of its `z` quantile (in standard normal units) from its median.
    fn distance(&self, z: f64) -> f64 {
        let side = if z > 0.0 { self.high - self.middle } else { self.middle - self.low };
        z.abs() / normal::quantile(0.9) * side.max(0.0)
    }
}

/// One step of a forecast.
struct Step {
    start: Stamp,
    end: Stamp,
    median: f64,
}

impl Step {
    fn touches(&self, from: Stamp, until: Stamp) -> bool {
        from < self.end && self.start < until
    }
}

/// The forecast with the multiplier of each step, where there is one.
fn scaled(mut demand: Forecast, multiplier: impl Fn(&Step) -> Option<Multiplier>) -> Forecast {
    let medians = crate::fan::quantile_path(&demand, 0.5);
    let scores: Vec<f64> = demand.levels.iter().map(|level| normal::quantile(*level)).collect();
    demand.components.event_multiplier.resize(demand.mean.len(), 1.0);
    for (step, median) in medians.into_iter().enumerate() {
        let (start, end) = (demand.grid.stamp(step), demand.grid.stamp(step + 1));
        let Some(multiplier) = multiplier(&Step { start, end, median }) else {
            continue;
        };
        demand.mean[step] *= multiplier.middle;
        demand.components.event_multiplier[step] *= multiplier.middle;
        let mut floor = f64::NEG_INFINITY;
        for (path, z) in demand.quantiles.iter_mut().zip(&scores) {
            let centre = multiplier.middle * median;
            let from_demand = multiplier.middle * (path[step] - median);
            let from_multiplier = median * multiplier.distance(*z);
            let distance = from_demand.hypot(from_multiplier).copysign(*z);
            let value = if from_multiplier == 0.0 { centre + from_demand } else { centre + distance };
            // Far below the median the doubt may exceed demand itself: nothing is the least there can be.
            floor = value.max(path[step].min(0.0)).max(floor);
            path[step] = floor;
        }
    }
    demand
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid};
    use proptest::prelude::*;

    use super::*;

    const LEVELS: [f64; 5] = [0.1, 0.25, 0.5, 0.9, 0.99];

    fn demand(steps: usize) -> Forecast {
        let grid = Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) };
        let paths: Vec<Vec<f64>> =
            [80.0, 90.0, 100.0, 120.0, 136.0].iter().map(|value| vec![*value; steps]).collect();
        crate::testing::forecast(grid, &LEVELS, &paths)
    }

    fn event(multiplier: f64, low: Option<f64>, high: Option<f64>) -> Event {
        Event {
            name: "sale".to_owned(),
            starts_at: Stamp::Step(2),
            ends_at: Stamp::Step(6),
            multiplier,
            multiplier_low: low,
            multiplier_high: high,
            unique_id: None,
        }
    }

    #[test]
    fn growth_and_lost_zones_scale_every_quantile() {
        let grown = apply(&demand(3), &[Scenario::Growth { factor: 1.5 }]);
        assert_eq!(grown.quantiles[3], [180.0; 3]);
        assert_eq!(grown.mean, [150.0; 3]);
        let zone = Scenario::ZoneLoss { zones: 3, starts_at: Stamp::Step(1), ends_at: Stamp::Step(2) };
        assert_eq!(apply(&demand(3), &[zone]).quantiles[2], [100.0, 150.0, 100.0]);
    }

    #[test]
    fn moves_launches_prices_and_lost_regions_change_what_they_say() {
        let median = |scenario| apply(&demand(4), &[scenario]).quantiles[2].clone();
        let at = Stamp::Step;
        let moved = Scenario::Migration { factor: 3.0, starts_at: at(0), ends_at: at(2) };
        assert_eq!(median(moved), [200.0, 300.0, 300.0, 300.0]);
        let launch = Scenario::Launch { adds: 50.0, low: 30.0, high: 90.0, starts_at: at(2) };
        let launched = apply(&demand(4), &[launch]);
        assert_eq!(launched.quantiles[2], [100.0, 100.0, 150.0, 150.0]);
        // P90: 1.5 × 20 from demand and 40 from the launch.
        assert!((launched.quantiles[3][2] - 200.0).abs() < 1e-9, "{launched:?}");
        let price = Scenario::PriceChange { price_factor: 1.21, elasticity: -0.5, starts_at: at(1) };
        let priced = median(price);
        assert!(priced[0] == 100.0 && (priced[1] - 100.0 / 1.1).abs() < 1e-9);
        let lost = Scenario::RegionLoss { comes_here: 0.6, starts_at: at(1), ends_at: at(3) };
        assert_eq!(median(lost), [100.0, 160.0, 160.0, 100.0]);
    }

    #[test]
    fn an_unstated_doubt_of_thirty_percent_dominates_the_fan() {
        let scenario = Scenario::Event { event: event(10.0, None, None), shape: Shape::Flat };
        let sale = apply(&demand(7), &[scenario]);
        assert_eq!(sale.quantiles[2], [100.0, 100.0, 1000.0, 1000.0, 1000.0, 1000.0, 100.0]);
        // P90: 1000 + √(200² + 300²), P10 likewise below.
        assert!((sale.quantiles[3][2] - 1360.555).abs() < 1e-3);
        assert!((sale.quantiles[0][2] - 639.445).abs() < 1e-3);
        assert_eq!(sale.components.event_multiplier[2], 10.0);
    }

    #[test]
    fn shapes_spread_the_multiplier_over_the_event() {
        let path = |shape| {
            let event = event(5.0, Some(5.0), Some(5.0));
            apply(&demand(7), &[Scenario::Event { event, shape }]).quantiles[2].clone()
        };
        assert_eq!(path(Shape::Ramp), [100.0, 100.0, 100.0, 200.0, 300.0, 400.0, 100.0]);
        assert_eq!(path(Shape::Decay), [100.0, 100.0, 500.0, 400.0, 300.0, 200.0, 100.0]);
        let spike = path(Shape::Spike);
        assert!(spike[2] == 500.0 && spike[3] < 300.0 && spike[5] > 100.0);
    }

    #[test]
    fn an_event_inside_a_step_is_not_missed() {
        let start: chrono::DateTime<chrono::Utc> = "2026-11-27T00:00:00Z".parse().unwrap();
        let minutes = |minutes| Stamp::Time(start + chrono::Duration::minutes(minutes));
        let mut hourly = demand(3);
        hourly.grid = Grid { start: minutes(0), frequency: Frequency::HOUR };
        let mut launch = event(4.0, Some(4.0), Some(4.0));
        (launch.starts_at, launch.ends_at) = (minutes(75), minutes(90));
        let scenario = Scenario::Event { event: launch.clone(), shape: Shape::Spike };
        assert_eq!(apply(&hourly, &[scenario]).quantiles[2], [100.0, 400.0, 100.0]);
        launch.unique_id = Some("another".to_owned());
        let scenario = Scenario::Event { event: launch, shape: Shape::Flat };
        assert_eq!(apply(&hourly, &[scenario]), {
            let mut same = hourly.clone();
            same.components.event_multiplier = vec![1.0; 3];
            same
        });
    }

    proptest! {
        #[test]
        fn quantiles_never_cross_and_stay_above_zero(
            multiplier in 0.0..20.0, doubt in 0.0..2.0, factor in 0.0..3.0,
        ) {
            let event = event(multiplier, Some(multiplier * (1.0 - doubt)), Some(multiplier * (1.0 + doubt)));
            let scenarios = [Scenario::Event { event, shape: Shape::Spike }, Scenario::Growth { factor }];
            let result = apply(&demand(8), &scenarios);
            for step in 0..8 {
                let fan: Vec<f64> = result.quantiles.iter().map(|path| path[step]).collect();
                prop_assert!(fan.windows(2).all(|pair| pair[0] <= pair[1]), "{fan:?}");
                prop_assert!(fan[0] >= 0.0);
            }
        }
    }
}
