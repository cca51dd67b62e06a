//! Charts as text: SVG for pages, mails and print, and PNG made from the same SVG.
//!
//! Every chart is a plain struct with one verb, `svg(&self, &Frame) -> String`. The [`Frame`] says how
//! large it is, what it is called and whether colours are CSS classes (pages: light, dark and print) or
//! written out (mails, files).

mod bars;
mod duration;
mod fan;
mod frame;
mod ink;
mod lines;
mod number;
mod plot;
mod png;
mod scale;
mod spark;
mod staffing;
mod svg;
mod waterfall;

pub use bars::{BarGroup, StackedBars};
pub use duration::{DurationCurve, Level};
pub use fan::{Band, Fan};
pub use frame::{Frame, Look};
pub use lines::{Line, Lines};
pub use number::Unit;
pub use plot::Mark;
pub use png::{PngError, png};
pub use spark::sparkline;
pub use staffing::Staffing;
pub use waterfall::{Fall, Waterfall};
