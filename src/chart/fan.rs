//! A forecast as a fan: the measured past, the median, and one band per interval.

use chrono::{DateTime, Utc};

use crate::ink::Ink;
use crate::plot::{Key, Plot, bottom, extent, legend};
use crate::svg::Svg;
use crate::{Frame, Mark, Unit};

/// One interval of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Its probability, such as 0.8.
    pub probability: f64,
    /// Lower edge per step.
    pub low: Vec<f64>,
    /// Upper edge per step.
    pub high: Vec<f64>,
}

/// A fan chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Fan {
    /// What the value axis measures.
    pub unit: Unit,
    /// The measured past; `None` where nothing was measured.
    pub history: Vec<(DateTime<Utc>, Option<f64>)>,
    /// When each step of the forecast is true.
    pub times: Vec<DateTime<Utc>>,
    /// The median per step.
    pub median: Vec<f64>,
    /// Intervals in any order; drawn widest first.
    pub bands: Vec<Band>,
    /// Events and other notes.
    pub marks: Vec<Mark>,
    /// First instant that was not known; drawn as a line.
    pub today: Option<DateTime<Utc>>,
    /// What may be spent, if the chart is of a budget; drawn as a line.
    pub budget: Option<f64>,
}

impl Fan {
    /// The chart as SVG. The value axis starts at zero or below.
    pub fn svg(&self, frame: &Frame) -> String {
        let mut svg = Svg::open(frame);
        let mut bands: Vec<&Band> = self.bands.iter().collect();
        bands.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        let mut keys = vec![
            Key { ink: Ink::History, name: "measured".into() },
            Key { ink: Ink::Dashed(0), name: "median".into() },
        ];
        // With fewer than three bands, the darker tones are used.
        let tone = |index: usize| index + 3usize.saturating_sub(bands.len());
        keys.extend(bands.iter().enumerate().map(|(index, band)| Key {
            ink: Ink::Band(tone(index)),
            name: format!("{:.0} % interval", band.probability * 100.0),
        }));
        if self.budget.is_some() {
            keys.push(Key { ink: Ink::Dashed(4), name: "budget".into() });
        }
        let top = legend(&mut svg, frame, &self.unit, &keys);
        let times = || self.history.iter().map(|(at, _)| *at).chain(self.times.iter().copied());
        let (Some(start), Some(end)) = (times().min(), times().max()) else {
            return svg.finish();
        };
        let values = self
            .history
            .iter()
            .filter_map(|(_, value)| *value)
            .chain(self.median.iter().copied())
            .chain(self.budget)
            .chain(self.bands.iter().flat_map(|band| band.low.iter().chain(&band.high).copied()));
        let plot = Plot::layout(frame, &self.unit, (start, end), extent(values, true), [top, bottom(frame)]);
        for (index, band) in bands.iter().enumerate() {
            let path = plot.band_path(&self.times, &band.low, &band.high);
            svg.path(Ink::Band(tone(index)), &path, &format!("{:.0} % interval", band.probability * 100.0));
        }
        plot.axes(&mut svg, &self.unit);
        plot.marks(&mut svg, &self.marks);
        svg.path(Ink::History, &plot.line_path(&self.history), "measured");
        let median: Vec<_> = self.times.iter().copied().zip(self.median.iter().copied().map(Some)).collect();
        svg.path(Ink::Dashed(0), &plot.line_path(&median), "median");
        if let Some(budget) = self.budget {
            svg.line(Ink::Dashed(4), [plot.x.from, plot.y.at(budget), plot.x.to, plot.y.at(budget)]);
        }
        if let Some(today) = self.today {
            plot.today(&mut svg, today);
        }
        svg.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fan_of_three_bands() {
        let start: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
        let at = |day: i64| start + chrono::Duration::days(day);
        let band = |probability: f64| Band {
            probability,
            low: vec![100.0 - 40.0 * probability; 3],
            high: vec![100.0 + 40.0 * probability; 3],
        };
        let chart = Fan {
            unit: Unit::Quantity("req/s".into()),
            history: (0..4).map(|day| (at(day), Some(100.0))).collect(),
            times: (4..7).map(at).collect(),
            median: vec![100.0; 3],
            bands: vec![band(0.5), band(0.95), band(0.8)],
            marks: vec![Mark { at: at(5), until: Some(at(6)), label: "Black Friday".into() }],
            today: Some(at(4)),
            budget: None,
        };
        insta::assert_snapshot!(chart.svg(&Frame::page("fan", "Demand", "Demand and its forecast", 220)));
    }

    #[test]
    fn a_budget_is_a_line_with_its_name() {
        let at: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
        let mut chart = Fan {
            unit: Unit::Quantity("USD".into()),
            history: vec![(at, Some(1.0)), (at + chrono::Duration::days(1), Some(2.0))],
            times: vec![],
            median: vec![],
            bands: vec![],
            marks: vec![],
            today: None,
            budget: None,
        };
        let frame = Frame::page("budget", "Budget", "Spent of a budget", 220);
        let without = chart.svg(&frame);
        chart.budget = Some(30.0);
        let with = chart.svg(&frame);
        assert!(!without.contains("budget</text>") && with.contains("budget</text>"));
        assert!(with.contains(">30<"), "the axis reaches the budget");
    }
}
