//! What the charts over time share: margins, axes, legend, marks, and thinning of long series.

use chrono::{DateTime, Utc};

use crate::ink::Ink;
use crate::scale::{self, Linear};
use crate::svg::{Anchor, Svg, fit, n, text_width};
use crate::{Frame, Unit};

/// Height of one line of the legend.
const LEGEND_LINE: f64 = 18.0;
/// Where the legend starts.
const LEGEND_LEFT: f64 = 8.0;
/// Base line of its first line.
const LEGEND_TOP: f64 = 12.0;
/// Room below the plot for the time labels.
const FOOT: f64 = 22.0;
/// Pixels that one value tick takes, and one time tick.
const TICK_PIXELS: (f64, f64) = (42.0, 84.0);

/// Something that happened or is planned, marked on the time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When it is, or starts.
    pub at: DateTime<Utc>,
    /// When it ends; `None` for a moment.
    pub until: Option<DateTime<Utc>>,
    /// Its name.
    pub label: String,
}

/// An entry of the legend: how it is drawn, and what it is.
pub(crate) struct Key {
    pub(crate) ink: Ink,
    pub(crate) name: String,
}

/// The plotting area with its scales.
pub(crate) struct Plot {
    pub(crate) x: Linear,
    pub(crate) y: Linear,
    ticks: Vec<f64>,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Plot {
    /// Lays out a plot over `start..end` and `low..high` below a legend of `legend` lines.
    pub(crate) fn layout(
        frame: &Frame,
        unit: &Unit,
        (start, end): (DateTime<Utc>, DateTime<Utc>),
        (low, high): (f64, f64),
        [top, bottom]: [f64; 2],
    ) -> Self {
        let count = ((bottom - top) / TICK_PIXELS.0).max(2.0) as usize;
        let ticks = scale::ticks(low, high, count, unit.is_whole());
        let left = ticks.iter().map(|tick| text_width(&unit.short(*tick))).fold(20.0, f64::max) + 8.0;
        let right = f64::from(frame.width) - 8.0;
        let (first, last) = (ticks.first().copied().unwrap_or(0.0), ticks.last().copied().unwrap_or(1.0));
        // A period of no length still needs a scale.
        let seconds = ((end - start).num_seconds() as f64).max(1.0);
        Self {
            x: Linear { low: 0.0, high: seconds, from: left, to: right },
            y: Linear { low: first, high: last, from: bottom, to: top },
            ticks,
            start,
            end,
        }
    }

    /// The pixel of an instant.
    pub(crate) fn x_of(&self, at: DateTime<Utc>) -> f64 {
        self.x.at((at - self.start).num_seconds() as f64)
    }

    /// Grid, value labels, time labels, and the unit's name above the value axis.
    pub(crate) fn axes(&self, svg: &mut Svg, unit: &Unit) {
        for tick in &self.ticks {
            let y = self.y.at(*tick);
            svg.line(if *tick == 0.0 { Ink::Axis } else { Ink::Grid }, [self.x.from, y, self.x.to, y]);
            svg.text(Ink::Label, self.x.from - 6.0, y + 4.0, Anchor::End, &unit.short(*tick));
        }
        self.time_axis(svg);
    }

    fn time_axis(&self, svg: &mut Svg) {
        let width = self.x.to - self.x.from;
        let count = (width / TICK_PIXELS.1).max(2.0) as usize;
        for tick in scale::time_ticks(self.start, self.end, count) {
            let x = self.x_of(tick.at);
            svg.line(Ink::Axis, [x, self.y.from, x, self.y.from + 4.0]);
            let half = text_width(&tick.label) / 2.0;
            // Labels at the edges would be cut by the view box.
            let x = x.clamp(self.x.from - 20.0 + half, (self.x.to + 8.0 - half).max(self.x.from));
            svg.text(Ink::Label, x, self.y.from + 16.0, Anchor::Middle, &tick.label);
        }
    }

    /// Draws marks with their labels, moved down where they would overlap.
    pub(crate) fn marks(&self, svg: &mut Svg, marks: &[Mark]) {
        let mut taken: Vec<(usize, f64)> = Vec::new();
        let mut visible: Vec<&Mark> = marks
            .iter()
            .filter(|mark| mark.at <= self.end && mark.until.unwrap_or(mark.at) >= self.start)
            .collect();
        visible.sort_by_key(|mark| mark.at);
        for mark in visible {
            let x = self.x_of(mark.at.max(self.start));
            if let Some(until) = mark.until {
                let width = (self.x_of(until.min(self.end)) - x).max(2.0);
                svg.rect(Ink::Span, [x, self.y.to, width, self.y.from - self.y.to], &mark.label);
            }
            svg.line(Ink::Mark, [x, self.y.to, x, self.y.from]);
            let label = fit(&mark.label, 150.0);
            let width = text_width(&label);
            let (text_x, anchor) =
                if x + width + 8.0 > self.x.to { (x - 4.0, Anchor::End) } else { (x + 4.0, Anchor::Start) };
            let left = if anchor == Anchor::End { text_x - width } else { text_x };
            let row = (0..4)
                .find(|row| !taken.iter().any(|(other, right)| other == row && *right > left))
                .unwrap_or_default();
            taken.push((row, left + width + 8.0));
            svg.text(Ink::Label, text_x, self.y.to + 11.0 + 13.0 * row as f64, anchor, &label);
        }
    }

    /// The line between the known and the forecast.
    pub(crate) fn today(&self, svg: &mut Svg, today: DateTime<Utc>) {
        if today < self.start || today > self.end {
            return;
        }
        let x = self.x_of(today);
        svg.line(Ink::Today, [x, self.y.to, x, self.y.from]);
        let (text_x, anchor) =
            if x + 44.0 > self.x.to { (x - 4.0, Anchor::End) } else { (x + 4.0, Anchor::Start) };
        svg.text(Ink::Label, text_x, self.y.from - 5.0, anchor, "today");
    }

    /// The path of a line, broken where nothing was measured, thinned to what the width can show.
    pub(crate) fn line_path(&self, points: &[(DateTime<Utc>, Option<f64>)]) -> String {
        let mut path = String::new();
        let mut pen_down = false;
        for (at, value) in thin(points, (self.x.to - self.x.from) as usize) {
            let Some(value) = value.filter(|value| value.is_finite()) else {
                pen_down = false;
                continue;
            };
            path.push(if pen_down { 'L' } else { 'M' });
            path.push_str(&format!("{} {}", n(self.x_of(at)), n(self.y.at(value))));
            pen_down = true;
        }
        path
    }

    /// The closed path between two lines over the same instants.
    pub(crate) fn band_path(&self, times: &[DateTime<Utc>], low: &[f64], high: &[f64]) -> String {
        let pair = |values: &[f64]| -> Vec<(DateTime<Utc>, Option<f64>)> {
            times.iter().copied().zip(values.iter().copied().map(Some)).collect()
        };
        let width = (self.x.to - self.x.from) as usize;
        let there = thin(&pair(high), width);
        let back = thin(&pair(low), width);
        let mut path = String::new();
        for (at, value) in there.into_iter().chain(back.into_iter().rev()) {
            path.push(if path.is_empty() { 'M' } else { 'L' });
            path.push_str(&format!("{} {}", n(self.x_of(at)), n(self.y.at(value.unwrap_or(0.0)))));
        }
        if !path.is_empty() {
            path.push('Z');
        }
        path
    }

    /// The path of a stair: each value holds until the next instant, the last until the end.
    pub(crate) fn step_path(&self, times: &[DateTime<Utc>], values: &[f64]) -> String {
        let mut path = String::new();
        let mut last = None;
        for (at, value) in times.iter().zip(values) {
            let (x, y) = (n(self.x_of(*at)), n(self.y.at(*value)));
            match &last {
                None => path.push_str(&format!("M{x} {y}")),
                Some(before) if *before == y => continue,
                Some(_) => path.push_str(&format!("H{x}V{y}")),
            }
            last = Some(y);
        }
        if !path.is_empty() {
            path.push_str(&format!("H{}", n(self.x.to)));
        }
        path
    }
}

/// Writes the legend and gives the height that it took.
pub(crate) fn legend(svg: &mut Svg, frame: &Frame, unit: &Unit, keys: &[Key]) -> f64 {
    if !unit.name().is_empty() {
        svg.text(Ink::Label, LEGEND_LEFT, LEGEND_TOP, Anchor::Start, unit.name());
    }
    for (key, (name, x, y)) in keys.iter().zip(legend_places(frame, unit, keys)) {
        match key.ink {
            Ink::Fill(_)
            | Ink::Area(_)
            | Ink::Band(_)
            | Ink::Saving
            | Ink::Increase
            | Ink::Total
            | Ink::Span => {
                svg.rect(key.ink, [x, y - 9.0, 10.0, 10.0], "");
            }
            _ => svg.line(key.ink, [x, y - 4.0, x + 12.0, y - 4.0]),
        }
        svg.text(Ink::Label, x + 16.0, y, Anchor::Start, &name);
    }
    legend_height(frame, unit, keys)
}

/// The height that the legend takes.
pub(crate) fn legend_height(frame: &Frame, unit: &Unit, keys: &[Key]) -> f64 {
    legend_places(frame, unit, keys).last().map_or(LEGEND_TOP, |(_, _, y)| *y) + 12.0
}

/// Name and corner of each entry, line by line.
fn legend_places(frame: &Frame, unit: &Unit, keys: &[Key]) -> Vec<(String, f64, f64)> {
    let width = f64::from(frame.width);
    let (mut x, mut y) = (LEGEND_LEFT, LEGEND_TOP);
    if !unit.name().is_empty() {
        x += text_width(unit.name()) + 14.0;
    }
    let mut places = Vec::with_capacity(keys.len());
    for key in keys {
        let name = fit(&key.name, width - 40.0);
        let needed = 18.0 + text_width(&name);
        if x + needed > width && x > LEGEND_LEFT {
            x = LEGEND_LEFT;
            y += LEGEND_LINE;
        }
        places.push((name, x, y));
        x += needed + 14.0;
    }
    places
}

/// The lowest pixel of a plot in `frame`.
pub(crate) fn bottom(frame: &Frame) -> f64 {
    f64::from(frame.height) - FOOT
}

/// Smallest and largest finite value, with 0 inside when `zero`.
pub(crate) fn extent(values: impl Iterator<Item = f64>, zero: bool) -> (f64, f64) {
    let start = if zero { (0.0, 0.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
    values
        .filter(|value| value.is_finite())
        .fold(start, |(low, high), value| (low.min(value), high.max(value)))
}

/// Keeps the lowest and the highest point of every pixel column: peaks survive, the file stays small.
fn thin(points: &[(DateTime<Utc>, Option<f64>)], pixels: usize) -> Vec<(DateTime<Utc>, Option<f64>)> {
    let column = points.len().div_ceil(pixels.max(1));
    if column <= 2 {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(pixels * 2);
    for chunk in points.chunks(column) {
        let known =
            || chunk.iter().enumerate().filter_map(|(index, (_, value))| value.map(|value| (index, value)));
        let low = known().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = known().max_by(|a, b| a.1.total_cmp(&b.1));
        match (low, high) {
            (Some((low, _)), Some((high, _))) => {
                kept.push(chunk[low.min(high)]);
                if low != high {
                    kept.push(chunk[low.max(high)]);
                }
            }
            // A column without any value stays a gap.
            _ => kept.push(chunk[0]),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_peaks_and_gaps() {
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let points: Vec<_> = (0..10_000i64)
            .map(|index| {
                let value = match index {
                    7_777 => Some(99.0),
                    2_000..3_000 => None,
                    _ => Some(1.0),
                };
                (start + chrono::Duration::hours(index), value)
            })
            .collect();
        let thinned = thin(&points, 100);
        assert!(thinned.len() <= 200);
        assert!(thinned.iter().any(|(_, value)| *value == Some(99.0)));
        assert!(thinned.iter().any(|(_, value)| value.is_none()));
    }
}
