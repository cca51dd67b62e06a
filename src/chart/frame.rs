//! The outside of a chart: its name, its size and how its colours are written.

/// Width of a chart on a wide page, in CSS pixels.
const WIDE: u32 = 960;
/// Width of a chart on a phone and the height that keeps its text legible there.
const NARROW: (u32, u32) = (344, 240);
/// Width of a chart in a mail: Outlook cuts what is wider than 600.
const MAIL: (u32, u32) = (600, 260);

/// How colours and letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// CSS classes, for a page whose stylesheet knows light, dark and print.
    Page,
    /// Literal colours on white and a named font, for a mail, a file or a PNG.
    Standalone,
}

/// Name, description, size and look of one chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Unique on the page; prefixes the ids inside.
    pub id: String,
    /// What the chart is, for `<title>`.
    pub title: String,
    /// What it shows, in a sentence or two, for `<desc>`.
    pub description: String,
    /// Width of the view box.
    pub width: u32,
    /// Height of the view box.
    pub height: u32,
    /// How colours are written.
    pub look: Look,
}

impl Frame {
    /// A chart for a page, 960 wide.
    pub fn page(id: &str, title: &str, description: &str, height: u32) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            width: WIDE,
            height,
            look: Look::Page,
        }
    }

    /// The same chart for a narrow screen: fewer ticks instead of smaller letters.
    pub fn narrow(&self) -> Self {
        let (width, height) = NARROW;
        Self {
            id: format!("{}-narrow", self.id),
            width,
            height: height.max(self.height * 2 / 3),
            ..self.clone()
        }
    }

    /// A chart for a mail, 600 wide with literal colours.
    pub fn mail(id: &str, title: &str, description: &str) -> Self {
        let (width, height) = MAIL;
        Self { look: Look::Standalone, width, ..Self::page(id, title, description, height) }
    }
}
