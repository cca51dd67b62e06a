//! A chart on a page: drawn once for wide and once for narrow screens, with a caption.

use chart::Frame;

/// A chart ready for a template.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// What it shows.
    pub(crate) title: String,
    /// SVG for wide screens.
    pub(crate) wide: String,
    /// SVG for phones: fewer ticks instead of smaller letters.
    pub(crate) narrow: String,
}

impl Figure {
    /// Draws `svg` at both widths. `id` is unique on the page.
    pub(crate) fn draw(
        id: &str,
        title: &str,
        description: &str,
        height: u32,
        svg: impl Fn(&Frame) -> String,
    ) -> Self {
        let frame = Frame::page(id, title, description, height);
        Self { title: title.to_owned(), wide: svg(&frame), narrow: svg(&frame.narrow()) }
    }
}
