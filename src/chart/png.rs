//! SVG to PNG, with the fonts of the machine.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::svg::FONTS;

/// Largest width that is drawn: memory grows with its square.
const MAX_WIDTH: u32 = 4096;

/// Fonts are read from disk once.
static INSTALLED: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_system_fonts();
    let has = |name: &str| fonts.faces().any(|face| face.families.iter().any(|(family, _)| family == name));
    let preferred = FONTS.into_iter().find(|name| has(name)).map(str::to_owned);
    let any = || fonts.faces().find_map(|face| face.families.first().map(|(family, _)| family.clone()));
    if let Some(family) = preferred.or_else(any) {
        fonts.set_sans_serif_family(family);
    }
    Arc::new(fonts)
});

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// Letters would be missing; send the text instead, or install a font.
    #[error(
        "no font is installed, so the labels of a chart cannot be drawn: install a font package such as fonts-dejavu-core"
    )]
    NoFont,
    /// The text is not SVG.
    #[error("the chart is not valid SVG: {0}")]
    Svg(String),
    /// The width is 0 or above 4096, or the picture would have no height.
    #[error("a chart of {width} by {height} pixels cannot be drawn: the width must be between 1 and 4096")]
    Size {
        /// Asked width.
        width: u32,
        /// Height that follows.
        height: u32,
    },
    /// The encoder failed.
    #[error("the picture could not be encoded: {0}")]
    Encode(String),
}

/// Draws an SVG `width` pixels wide, at its own proportions, as PNG bytes.
///
/// # Errors
///
/// [`PngError::NoFont`] when the machine has no font at all: a caller then sends the figures as text.
pub fn png(svg: &str, width: u32) -> Result<Vec<u8>, PngError> {
    if INSTALLED.is_empty() {
        return Err(PngError::NoFont);
    }
    let options = Options { fontdb: INSTALLED.clone(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| PngError::Svg(error.to_string()))?;
    let scale = width as f32 / tree.size().width();
    let height = (tree.size().height() * scale).round() as u32;
    let mut pixels = (1..=MAX_WIDTH)
        .contains(&width)
        .then(|| Pixmap::new(width, height))
        .flatten()
        .ok_or(PngError::Size { width, height })?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PngError::Encode(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frame, Waterfall};

    #[test]
    fn a_chart_becomes_a_png_of_the_asked_width() {
        let chart = Waterfall {
            unit: crate::Unit::Ratio,
            before: ("Before".into(), 1.0),
            changes: vec![],
            after: "After".into(),
        };
        let svg = chart.svg(&Frame::mail("w", "Savings", ""));
        match png(&svg, 1200) {
            Ok(bytes) => {
                assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
                assert_eq!(bytes[16..20], 1200u32.to_be_bytes());
            }
            Err(PngError::NoFont) => eprintln!("skipped: no font is installed"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_is_not_a_picture_says_so() {
        if INSTALLED.is_empty() {
            eprintln!("skipped: no font is installed");
            return;
        }
        assert!(matches!(png("<p>", 600), Err(PngError::Svg(_))));
        let svg = Waterfall {
            unit: crate::Unit::Ratio,
            before: ("a".into(), 1.0),
            changes: vec![],
            after: "b".into(),
        }
        .svg(&Frame::mail("w", "Savings", ""));
        assert!(matches!(png(&svg, 0), Err(PngError::Size { .. })));
    }
}
