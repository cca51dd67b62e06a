//! Writes SVG elements; every text is escaped, every coordinate has one decimal.

use std::fmt::Write;

use crate::ink::Ink;
use crate::{Frame, Look};

/// Fonts of standalone pictures, the first that is installed wins.
pub(crate) const FONTS: [&str; 5] = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica"];

/// Mean width of a letter of a sans-serif font at 11 px, on the wide side: figures and capitals count more.
const LETTER: f64 = 6.6;

/// Where a text is anchored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG document under construction.
pub(crate) struct Svg {
    look: Look,
    out: String,
}

impl Svg {
    /// Opens the document with its title and description.
    pub(crate) fn open(frame: &Frame) -> Self {
        let Frame { id, title, description, width, height, look } = frame;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\"",
            id = escape(id)
        );
        out.push_str(&match look {
            Look::Page => " class=\"chart\">".to_owned(),
            Look::Standalone => {
                format!(
                    " width=\"{width}\" height=\"{height}\" font-family=\"{}, sans-serif\">",
                    FONTS.join(", ")
                )
            }
        });
        let _ = write!(
            out,
            "<title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>",
            escape(title),
            escape(description),
            id = escape(id)
        );
        if *look == Look::Standalone {
            let _ = write!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>");
        }
        Self { look: *look, out }
    }

    /// A rectangle, with a tooltip when `title` is not empty.
    pub(crate) fn rect(&mut self, ink: Ink, [x, y, width, height]: [f64; 4], title: &str) {
        let paint = ink.attributes(self.look);
        let _ = write!(
            self.out,
            "<rect{paint} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            n(x),
            n(y),
            n(width.max(0.0)),
            n(height.max(0.0))
        );
        self.close("rect", title);
    }

    /// A straight line.
    pub(crate) fn line(&mut self, ink: Ink, [x1, y1, x2, y2]: [f64; 4]) {
        let paint = ink.attributes(self.look);
        let _ = write!(self.out, "<path{paint} d=\"M{} {}L{} {}\"/>", n(x1), n(y1), n(x2), n(y2));
    }

    /// A path, left out when empty.
    pub(crate) fn path(&mut self, ink: Ink, d: &str, title: &str) {
        if d.is_empty() {
            return;
        }
        let paint = ink.attributes(self.look);
        let _ = write!(self.out, "<path{paint} d=\"{d}\"");
        self.close("path", title);
    }

    /// A line of text.
    pub(crate) fn text(&mut self, ink: Ink, x: f64, y: f64, anchor: Anchor, text: &str) {
        let paint = ink.attributes(self.look);
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let _ =
            write!(self.out, "<text{paint}{anchor} x=\"{}\" y=\"{}\">{}</text>", n(x), n(y), escape(text));
    }

    /// Closes the document.
    pub(crate) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }

    fn close(&mut self, element: &str, title: &str) {
        if title.is_empty() {
            self.out.push_str("/>");
        } else {
            let _ = write!(self.out, "><title>{}</title></{element}>", escape(title));
        }
    }
}

/// A coordinate with at most one decimal; what is not finite is drawn at 0.
pub(crate) fn n(value: f64) -> String {
    let rounded = if value.is_finite() { (value * 10.0).round() / 10.0 } else { 0.0 };
    // -0 would print its sign.
    format!("{}", rounded + 0.0)
}

/// Width of a text at 11 px, estimated.
pub(crate) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

/// A text cut to `width` pixels, with an ellipsis where something is missing.
pub(crate) fn fit(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    let letters = ((width / LETTER) as usize).saturating_sub(1).max(1);
    let mut cut: String = text.chars().take(letters).collect();
    cut.push('…');
    cut
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no way to carry the other control characters.
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let frame = Frame::page("x", "<script>alert(1)</script>", "a & b\u{0}", 100);
        let svg = Svg::open(&frame).finish();
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script"), "{svg}");
        assert!(svg.contains("a &amp; b "), "{svg}");
    }

    #[test]
    fn coordinates_are_short_and_never_nan() {
        assert_eq!(n(1.0 / 3.0), "0.3");
        assert_eq!(n(-0.01), "0");
        assert_eq!(n(f64::NAN), "0");
    }
}
