//! A duration curve: values sorted from high to low over the share of time that they are exceeded.

use crate::ink::Ink;
use crate::plot::{Key, bottom, extent, legend};
use crate::scale::{self, Linear};
use crate::svg::{Anchor, Svg, n, text_width};
use crate::{Frame, Unit};

/// A horizontal line, such as what is committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its name in the legend.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// A duration curve with levels.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationCurve {
    /// What the value axis measures.
    pub unit: Unit,
    /// The values, in any order; what is not finite is left out.
    pub values: Vec<f64>,
    /// Lines to compare with.
    pub levels: Vec<Level>,
}

impl DurationCurve {
    /// The chart as SVG.
    pub fn svg(&self, frame: &Frame) -> String {
        let mut svg = Svg::open(frame);
        let mut keys = vec![Key { ink: Ink::Line(0), name: "hours, highest first".into() }];
        keys.extend(
            self.levels
                .iter()
                .enumerate()
                .map(|(index, level)| Key { ink: Ink::Dashed(index + 1), name: level.name.clone() }),
        );
        let top = legend(&mut svg, frame, &self.unit, &keys);
        let bottom = bottom(frame);
        let mut values: Vec<f64> = self.values.iter().copied().filter(|value| value.is_finite()).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        let everything = values.iter().copied().chain(self.levels.iter().map(|level| level.value));
        let (low, high) = extent(everything, true);
        let ticks = scale::ticks(low, high, ((bottom - top) / 42.0).max(2.0) as usize, self.unit.is_whole());
        let left = ticks.iter().map(|tick| text_width(&self.unit.short(*tick))).fold(20.0, f64::max) + 8.0;
        let right = f64::from(frame.width) - 16.0;
        let bounds = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
        let y = Linear { low: bounds.0, high: bounds.1, from: bottom, to: top };
        let x = Linear { low: 0.0, high: 1.0, from: left, to: right };
        for tick in &ticks {
            svg.line(
                if *tick == 0.0 { Ink::Axis } else { Ink::Grid },
                [left, y.at(*tick), right, y.at(*tick)],
            );
            svg.text(Ink::Label, left - 6.0, y.at(*tick) + 4.0, Anchor::End, &self.unit.short(*tick));
        }
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let label = format!("{:.0} %", share * 100.0);
            // The last label would be cut by the view box.
            let anchor = if share == 1.0 { Anchor::End } else { Anchor::Middle };
            svg.text(Ink::Label, x.at(share), bottom + 16.0, anchor, &label);
        }
        let pixels = (right - left) as usize;
        let step = values.len().div_ceil(pixels.max(1)).max(1);
        let mut path = String::new();
        for (index, value) in values.iter().enumerate().step_by(step) {
            path.push(if path.is_empty() { 'M' } else { 'L' });
            let share = index as f64 / values.len() as f64;
            path.push_str(&format!("{} {}", n(x.at(share)), n(y.at(*value))));
        }
        if let Some(least) = values.last() {
            path.push_str(&format!("L{} {}", n(right), n(y.at(*least))));
        }
        svg.path(Ink::Line(0), &path, "");
        for (index, level) in self.levels.iter().enumerate() {
            svg.line(Ink::Dashed(index + 1), [left, y.at(level.value), right, y.at(level.value)]);
        }
        svg.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_falls_whatever_the_order() {
        let curve = |values: &[f64]| DurationCurve {
            unit: Unit::Count("instances".into()),
            values: values.to_vec(),
            levels: vec![Level { name: "committed".into(), value: 2.0 }],
        };
        let frame = Frame::page("d", "Usage", "", 160);
        let svg = curve(&[1.0, 4.0, 2.0, f64::NAN]).svg(&frame);
        assert_eq!(svg, curve(&[4.0, 2.0, 1.0]).svg(&frame));
        insta::assert_snapshot!(svg);
    }
}
