//! Lines over time, with an optional area below.

use chrono::{DateTime, Utc};

use crate::ink::Ink;
use crate::plot::{Key, Plot, bottom, extent, legend};
use crate::svg::Svg;
use crate::{Frame, Mark, Unit};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// When and how much; `None` breaks the line.
    pub points: Vec<(DateTime<Utc>, Option<f64>)>,
    /// Whether the area below is tinted.
    pub area: bool,
    /// Whether it is dashed (plans, limits, previous periods).
    pub dashed: bool,
}

/// A chart of lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// What the value axis measures.
    pub unit: Unit,
    /// The lines, first on top of the legend.
    pub lines: Vec<Line>,
    /// Events and other notes.
    pub marks: Vec<Mark>,
}

impl Lines {
    /// The chart as SVG. The value axis starts at zero or below.
    pub fn svg(&self, frame: &Frame) -> String {
        let mut svg = Svg::open(frame);
        let ink = |index: usize, line: &Line| if line.dashed { Ink::Dashed(index) } else { Ink::Line(index) };
        let keys: Vec<Key> = self
            .lines
            .iter()
            .enumerate()
            .map(|(index, line)| Key { ink: ink(index, line), name: line.name.clone() })
            .collect();
        let top = legend(&mut svg, frame, &self.unit, &keys);
        let times = || self.lines.iter().flat_map(|line| line.points.iter().map(|(at, _)| *at));
        let (Some(start), Some(end)) = (times().min(), times().max()) else {
            return svg.finish();
        };
        let values = self.lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value));
        let plot = Plot::layout(frame, &self.unit, (start, end), extent(values, true), [top, bottom(frame)]);
        plot.axes(&mut svg, &self.unit);
        plot.marks(&mut svg, &self.marks);
        for (index, line) in self.lines.iter().enumerate() {
            if line.area {
                let known: Vec<_> = line.points.iter().filter_map(|(at, v)| v.map(|v| (*at, v))).collect();
                let times: Vec<_> = known.iter().map(|(at, _)| *at).collect();
                let high: Vec<_> = known.iter().map(|(_, value)| *value).collect();
                svg.path(Ink::Area(index), &plot.band_path(&times, &vec![0.0; high.len()], &high), "");
            }
            svg.path(ink(index, line), &plot.line_path(&line.points), &line.name);
        }
        svg.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Currency;

    #[test]
    fn line_chart_of_a_week() {
        let start: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
        let points = (0..7i64)
            .map(|day| (start + chrono::Duration::days(day), (day != 3).then_some(100.0 + 10.0 * day as f64)))
            .collect();
        let chart = Lines {
            unit: Unit::Money(Currency::USD),
            lines: vec![Line { name: "cost".into(), points, area: true, dashed: false }],
            marks: vec![Mark { at: start + chrono::Duration::days(5), until: None, label: "sale".into() }],
        };
        insta::assert_snapshot!(chart.svg(&Frame::page("week", "Cost", "Cost by day", 200)));
    }

    #[test]
    fn no_lines_is_a_picture_with_a_title() {
        let chart = Lines { unit: Unit::Ratio, lines: vec![], marks: vec![] };
        let svg = chart.svg(&Frame::page("none", "Nothing", "", 100));
        assert!(svg.ends_with("</svg>") && svg.contains("<title id=\"none-title\">Nothing</title>"));
    }
}
