//! Colours by meaning: a class name on a page, a literal elsewhere.

use crate::Look;

/// Literal colours of the series, each at least 3:1 against white; the stylesheet has the same
/// ten for light pages and brighter ones for dark pages.
const SERIES: [&str; 10] = [
    "#2f5fc4", "#b4530a", "#13795b", "#8a3fa8", "#a3283c", "#4f6d7a", "#7a6a00", "#1c7d96", "#6a58c9",
    "#6b6b6b",
];

/// What something is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Filled area of the n-th series.
    Fill(usize),
    /// Faint area below the line of the n-th series.
    Area(usize),
    /// Line of the n-th series.
    Line(usize),
    /// Dashed line of the n-th series.
    Dashed(usize),
    /// Interval of a forecast, 0 the widest.
    Band(usize),
    /// Measured past.
    History,
    /// Grid line.
    Grid,
    /// Axis line.
    Axis,
    /// Axis and legend letters.
    Label,
    /// Letters of a figure.
    Figure,
    /// Span of an event.
    Span,
    /// Line of an event.
    Mark,
    /// Line between what is known and what is forecast.
    Today,
    /// A saving.
    Saving,
    /// An increase.
    Increase,
    /// A total.
    Total,
}

impl Ink {
    /// The attributes that paint it, with a leading space.
    pub(crate) fn attributes(self, look: Look) -> String {
        match look {
            Look::Page => format!(" class=\"{}\"", self.class()),
            Look::Standalone => self.literal(),
        }
    }

    fn class(self) -> String {
        match self {
            Self::Fill(n) => format!("f{}", n % SERIES.len()),
            Self::Area(n) => format!("a{}", n % SERIES.len()),
            Self::Line(n) => format!("l{}", n % SERIES.len()),
            Self::Dashed(n) => format!("l{} dash", n % SERIES.len()),
            Self::Band(n) => format!("band{}", n.min(2)),
            Self::History => "history".into(),
            Self::Grid => "grid".into(),
            Self::Axis => "axis".into(),
            Self::Label => "label".into(),
            Self::Figure => "figure".into(),
            Self::Span => "span".into(),
            Self::Mark => "mark".into(),
            Self::Today => "today".into(),
            Self::Saving => "saving".into(),
            Self::Increase => "increase".into(),
            Self::Total => "total".into(),
        }
    }

    fn literal(self) -> String {
        let fill = |colour: &str| format!(" fill=\"{colour}\"");
        let line = |colour: &str, more: &str| format!(" fill=\"none\" stroke=\"{colour}\" {more}");
        match self {
            Self::Fill(n) => fill(SERIES[n % SERIES.len()]),
            Self::Area(n) => format!(" fill=\"{}\" fill-opacity=\"0.14\"", SERIES[n % SERIES.len()]),
            Self::Line(n) => line(SERIES[n % SERIES.len()], "stroke-width=\"1.75\""),
            Self::Dashed(n) => {
                line(SERIES[n % SERIES.len()], "stroke-width=\"1.75\" stroke-dasharray=\"5 3\"")
            }
            Self::Band(0) => fill("#dbe5f8"),
            Self::Band(1) => fill("#b9cdf1"),
            Self::Band(_) => fill("#8fafe6"),
            Self::History => line("#1f2933", "stroke-width=\"1.5\""),
            Self::Grid => line("#e3e6ea", "stroke-width=\"1\""),
            Self::Axis => line("#6b7682", "stroke-width=\"1\""),
            Self::Label => " fill=\"#4a5560\" font-size=\"11\"".into(),
            Self::Figure => " fill=\"#1f2933\" font-size=\"11\" font-weight=\"bold\"".into(),
            Self::Span => " fill=\"#b4530a\" fill-opacity=\"0.12\"".into(),
            Self::Mark => line("#b4530a", "stroke-width=\"1\" stroke-dasharray=\"2 2\""),
            Self::Today => line("#1f2933", "stroke-width=\"1\" stroke-dasharray=\"4 3\""),
            Self::Saving => fill("#13795b"),
            Self::Increase => fill("#a3283c"),
            Self::Total => fill("#4f6d7a"),
        }
    }
}
