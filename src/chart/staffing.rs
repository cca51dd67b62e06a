//! Demand above, instances (or what else carries it) below, over one time axis: what is asked for and what is there to serve it.

use chrono::{DateTime, Utc};

use crate::ink::Ink;
use crate::plot::{Key, Plot, bottom, extent, legend};
use crate::svg::Svg;
use crate::{Frame, Mark, Unit};

/// Share of the height for demand; the rest is for instances.
const DEMAND_SHARE: f64 = 0.5;
/// Room between the two plots for the labels of the upper one.
const BETWEEN: f64 = 30.0;

/// Demand quantiles and the instances, or other units, that follow from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Staffing {
    /// Unit of demand, such as `req/s`.
    pub demand_unit: String,
    /// What carries it: `instances`, `workers`, `GiB`.
    pub unit: String,
    /// Start of each step; every value holds until the next.
    pub times: Vec<DateTime<Utc>>,
    /// Median of demand.
    pub demand_p50: Vec<f64>,
    /// 95th percentile of demand.
    pub demand_p95: Vec<f64>,
    /// Demand that came, where it is known already; empty before.
    pub came: Vec<Option<f64>>,
    /// Instances needed.
    pub required: Vec<f64>,
    /// Instances scheduled, lead time counted in.
    pub scheduled: Vec<f64>,
    /// Most instances allowed (quota), if known.
    pub limit: Option<f64>,
    /// Events.
    pub marks: Vec<Mark>,
}

impl Staffing {
    /// The chart as SVG: two plots with one time axis, never two scales in one plot.
    pub fn svg(&self, frame: &Frame) -> String {
        let mut svg = Svg::open(frame);
        let unit = Unit::Quantity(self.demand_unit.clone());
        let count_unit = Unit::Count(self.unit.clone());
        let mut keys = vec![
            Key { ink: Ink::Line(0), name: "demand P50".into() },
            Key { ink: Ink::Area(0), name: "up to P95".into() },
            Key { ink: Ink::Line(2), name: "scheduled".into() },
            Key { ink: Ink::Dashed(1), name: "required".into() },
        ];
        if !self.came.is_empty() {
            keys.insert(2, Key { ink: Ink::Line(3), name: "came".into() });
        }
        if self.limit.is_some() {
            keys.push(Key { ink: Ink::Dashed(4), name: "quota".into() });
        }
        let top = legend(&mut svg, frame, &unit, &keys);
        let (Some(start), Some(end)) = (self.times.first().copied(), self.times.last().copied()) else {
            return svg.finish();
        };
        let bottom = bottom(frame);
        let middle = top + (bottom - top) * DEMAND_SHARE;
        let demand_extent = extent(self.demand_p50.iter().chain(&self.demand_p95).copied(), true);
        let demand = Plot::layout(frame, &unit, (start, end), demand_extent, [top, middle - BETWEEN / 2.0]);
        let count = self.required.iter().chain(&self.scheduled).copied().chain(self.limit);
        let range = extent(count, true);
        let mut supply =
            Plot::layout(frame, &count_unit, (start, end), range, [middle + BETWEEN / 2.0, bottom]);
        // One time axis: both plots start at the wider of the two margins.
        let mut demand = demand;
        let left = demand.x.from.max(supply.x.from);
        demand.x.from = left;
        supply.x.from = left;

        demand.axes(&mut svg, &unit);
        demand.marks(&mut svg, &self.marks);
        svg.path(
            Ink::Area(0),
            &demand.band_path(&self.times, &self.demand_p50, &self.demand_p95),
            "up to P95",
        );
        let median: Vec<_> =
            self.times.iter().copied().zip(self.demand_p50.iter().copied().map(Some)).collect();
        svg.path(Ink::Line(0), &demand.line_path(&median), "demand P50");
        if !self.came.is_empty() {
            let came: Vec<_> = self.times.iter().copied().zip(self.came.iter().copied()).collect();
            svg.path(Ink::Line(3), &demand.line_path(&came), "came");
        }
        supply.axes(&mut svg, &count_unit);
        svg.path(Ink::Line(2), &supply.step_path(&self.times, &self.scheduled), "scheduled");
        svg.path(Ink::Dashed(1), &supply.step_path(&self.times, &self.required), "required");
        if let Some(limit) = self.limit {
            svg.line(Ink::Dashed(4), [supply.x.from, supply.y.at(limit), supply.x.to, supply.y.at(limit)]);
        }
        svg.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_step_below_demand() {
        let start: DateTime<Utc> = "2026-11-27T00:00:00Z".parse().unwrap();
        let chart = Staffing {
            demand_unit: "req/s".into(),
            unit: "instances".into(),
            times: (0..4).map(|hour| start + chrono::Duration::hours(hour)).collect(),
            demand_p50: vec![100.0, 400.0, 900.0, 200.0],
            demand_p95: vec![150.0, 600.0, 1200.0, 300.0],
            came: vec![],
            required: vec![2.0, 6.0, 12.0, 3.0],
            scheduled: vec![6.0, 12.0, 12.0, 3.0],
            limit: Some(16.0),
            marks: vec![],
        };
        insta::assert_snapshot!(chart.svg(&Frame::page("cap", "Capacity", "", 300)));
    }
}
