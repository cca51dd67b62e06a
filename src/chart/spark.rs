//! A sparkline: the shape of a series in the height of a line of text.

use crate::Frame;
use crate::ink::Ink;
use crate::svg::{Svg, n};

/// A sparkline as SVG from values, oldest first; `None` breaks the line.
///
/// The size is the frame's. With fewer than two values the picture is empty but keeps its title.
pub fn sparkline(frame: &Frame, values: &[Option<f64>]) -> String {
    let mut svg = Svg::open(frame);
    let (width, height) = (f64::from(frame.width), f64::from(frame.height));
    let known = || values.iter().filter_map(|value| *value).filter(|value| value.is_finite());
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    if values.len() < 2 || low > high {
        return svg.finish();
    }
    let span = if high > low { high - low } else { 1.0 };
    let mut path = String::new();
    let mut pen_down = false;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            pen_down = false;
            continue;
        };
        let x = 1.0 + (width - 2.0) * index as f64 / (values.len() - 1) as f64;
        let y = height - 2.0 - (height - 4.0) * (value - low) / span;
        path.push(if pen_down { 'L' } else { 'M' });
        path.push_str(&format!("{} {}", n(x), n(y)));
        pen_down = true;
    }
    svg.path(Ink::Line(0), &path, "");
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_breaks_at_gaps_and_stays_inside() {
        let frame = Frame { width: 100, ..Frame::page("s", "Trend", "", 20) };
        let svg = sparkline(&frame, &[Some(1.0), Some(3.0), None, Some(2.0)]);
        assert!(svg.contains("d=\"M1 18L33.7 2M99 10\""), "{svg}");
        assert!(!sparkline(&frame, &[Some(1.0)]).contains("<path"));
    }
}
