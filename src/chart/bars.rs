//! Stacked bars over time: daily or monthly cost by group, credits below zero.

use chrono::{DateTime, Utc};

use crate::ink::Ink;
use crate::plot::{Key, Plot, bottom, legend, legend_height};
use crate::svg::Svg;
use crate::{Frame, Unit};

/// Height of the legend that the frame's height reckons with.
const LEGEND_ROOM: f64 = 42.0;

/// One group: a colour and a value for each period.
#[derive(Debug, Clone, PartialEq)]
pub struct BarGroup {
    /// Its name in the legend.
    pub name: String,
    /// One value per period; negative ones stack below zero.
    pub values: Vec<f64>,
}

/// A chart of stacked bars.
#[derive(Debug, Clone, PartialEq)]
pub struct StackedBars {
    /// What the value axis measures.
    pub unit: Unit,
    /// Start of each period, ascending.
    pub periods: Vec<DateTime<Utc>>,
    /// End of the last period.
    pub end: DateTime<Utc>,
    /// The groups, the first at the bottom.
    pub groups: Vec<BarGroup>,
}

impl StackedBars {
    /// The chart as SVG.
    pub fn svg(&self, frame: &Frame) -> String {
        let keys: Vec<Key> = self
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| Key { ink: Ink::Fill(index), name: group.name.clone() })
            .collect();
        // Many groups need a tall legend, above all on a phone: the chart grows instead of the bars shrinking.
        let mut frame = frame.clone();
        frame.height += (legend_height(&frame, &self.unit, &keys) - LEGEND_ROOM).max(0.0) as u32;
        let frame = &frame;
        let mut svg = Svg::open(frame);
        let top = legend(&mut svg, frame, &self.unit, &keys);
        let Some(start) = self.periods.first().copied() else {
            return svg.finish();
        };
        let plot = Plot::layout(frame, &self.unit, (start, self.end), self.extent(), [top, bottom(frame)]);
        plot.axes(&mut svg, &self.unit);
        for (index, from) in self.periods.iter().enumerate() {
            let until = self.periods.get(index + 1).copied().unwrap_or(self.end);
            let (left, right) = (plot.x_of(*from), plot.x_of(until));
            // A gap of a pixel or so between bars, none when bars are that thin.
            let gap = ((right - left) * 0.12).min(4.0);
            let (mut up, mut down) = (0.0, 0.0);
            for (series, group) in self.groups.iter().enumerate() {
                let value = group.values.get(index).copied().filter(|v| v.is_finite()).unwrap_or(0.0);
                if value == 0.0 {
                    continue;
                }
                let base = if value > 0.0 { &mut up } else { &mut down };
                let (from_y, to_y) = (plot.y.at(*base), plot.y.at(*base + value));
                *base += value;
                let title =
                    format!("{}, {}: {}", group.name, from.format("%-d %b %Y"), self.unit.long(value));
                let height = (from_y - to_y).abs();
                svg.rect(Ink::Fill(series), [left, from_y.min(to_y), right - left - gap, height], &title);
            }
        }
        svg.finish()
    }

    fn extent(&self) -> (f64, f64) {
        let sums = (0..self.periods.len()).map(|index| {
            let values = self.groups.iter().filter_map(|group| group.values.get(index).copied());
            values.filter(|value| value.is_finite()).fold((0.0, 0.0), |(down, up), value| {
                if value < 0.0 { (down + value, up) } else { (down, up + value) }
            })
        });
        sums.fold((0.0, 0.0), |(low, high): (f64, f64), (down, up)| (low.min(down), high.max(up)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;

    #[test]
    fn bars_with_a_credit() {
        let start: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
        let day = chrono::Duration::days(1);
        let chart = StackedBars {
            unit: Unit::Money(Currency::USD),
            periods: vec![start, start + day],
            end: start + day * 2,
            groups: vec![
                BarGroup { name: "EC2".into(), values: vec![100.0, 120.0] },
                BarGroup { name: "Credit".into(), values: vec![0.0, -30.0] },
            ],
        };
        let mut frame = Frame::mail("bars", "Cost", "Cost by day and service");
        frame.height = 160;
        insta::assert_snapshot!(chart.svg(&frame));
    }
}
