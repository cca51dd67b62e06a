//! A waterfall: from a first total through changes to a last total.

use crate::ink::Ink;
use crate::scale::{self, Linear};
use crate::svg::{Anchor, Svg, fit, text_width};
use crate::{Frame, Unit};

/// Height of one row of the narrow layout.
const ROW: f64 = 30.0;

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Fall {
    /// What changes it.
    pub label: String,
    /// By how much; negative is a saving.
    pub change: f64,
}

/// A waterfall chart, one row a change: long labels stay readable at any width.
#[derive(Debug, Clone, PartialEq)]
pub struct Waterfall {
    /// What the axis measures.
    pub unit: Unit,
    /// Name and value of the first total.
    pub before: (String, f64),
    /// The changes in order.
    pub changes: Vec<Fall>,
    /// Name of the last total; its value is the first plus all changes.
    pub after: String,
}

impl Waterfall {
    /// The chart as SVG; the frame's height is replaced by what the rows need.
    pub fn svg(&self, frame: &Frame) -> String {
        let rows = self.changes.len() + 2;
        let mut frame = frame.clone();
        frame.height = (ROW * rows as f64 + 12.0) as u32;
        let mut svg = Svg::open(&frame);
        let width = f64::from(frame.width);
        let names =
            self.changes.iter().map(|fall| fall.label.as_str()).chain([self.before.0.as_str(), &self.after]);
        let left = (names.map(text_width).fold(0.0, f64::max) + 16.0).min(width * 0.38);
        let (mut low, mut high, mut level) = (0.0f64, self.before.1.max(0.0), self.before.1);
        for fall in &self.changes {
            level += fall.change;
            low = low.min(level);
            high = high.max(level);
        }
        let last = level;
        let ticks = scale::ticks(low, high, 4, false);
        let bounds = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
        let x = Linear { low: bounds.0, high: bounds.1, from: left, to: width - 84.0 };
        for tick in &ticks {
            let at = x.at(*tick);
            let ink = if *tick == 0.0 { Ink::Axis } else { Ink::Grid };
            svg.line(ink, [at, 4.0, at, f64::from(frame.height) - 4.0]);
        }
        let mut row = Rows { svg: &mut svg, x, left, y: 6.0, unit: &self.unit };
        row.draw(Ink::Total, &self.before.0, (0.0, self.before.1), &self.unit.short(self.before.1));
        let mut level = self.before.1;
        for fall in &self.changes {
            let next = level + fall.change;
            let ink = if fall.change <= 0.0 { Ink::Saving } else { Ink::Increase };
            let sign = if fall.change > 0.0 { "+" } else { "" };
            row.draw(ink, &fall.label, (level, next), &format!("{sign}{}", self.unit.short(fall.change)));
            level = next;
        }
        row.draw(Ink::Total, &self.after, (0.0, last), &self.unit.short(last));
        svg.finish()
    }
}

struct Rows<'a> {
    svg: &'a mut Svg,
    x: Linear,
    left: f64,
    y: f64,
    unit: &'a Unit,
}

impl Rows<'_> {
    fn draw(&mut self, ink: Ink, label: &str, (from, to): (f64, f64), figure: &str) {
        let (a, b) = (self.x.at(from), self.x.at(to));
        let title = format!("{label}: {}", self.unit.long(if from == 0.0 { to } else { to - from }));
        let label = fit(label, self.left - 10.0);
        self.svg.text(Ink::Label, self.left - 8.0, self.y + 16.0, Anchor::End, &label);
        // A change too small to see still leaves a line.
        self.svg.rect(ink, [a.min(b), self.y + 3.0, (a - b).abs().max(1.0), ROW - 10.0], &title);
        self.svg.text(Ink::Figure, a.max(b) + 6.0, self.y + 16.0, Anchor::Start, figure);
        self.y += ROW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;

    #[test]
    fn waterfall_ends_at_the_sum() {
        let chart = Waterfall {
            unit: Unit::Money(Currency::USD),
            before: ("Today".into(), 1000.0),
            changes: vec![
                Fall { label: "Delete".into(), change: -200.0 },
                Fall { label: "Upgrade".into(), change: 50.0 },
            ],
            after: "With the plan".into(),
        };
        let svg = chart.svg(&Frame::page("fall", "Plan", "Savings by stage", 100));
        assert!(svg.contains("<title>With the plan: $850.00</title>"), "{svg}");
        assert!(svg.contains("<title>Delete: −$200.00</title>"), "{svg}");
        insta::assert_snapshot!(svg);
    }
}
