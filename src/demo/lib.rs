//! The demo company: a shop on three clouds, generated from a small spec and a seed, with planted truths.
//!
//! [`company`] makes everything in memory; [`files::write`] writes it in the formats that the product
//! itself reads, so that the demo walks the same way as real data. [`price_snapshot`] is the embedded
//! price book: facts with a source and a date.

mod company;
pub mod files;
mod prices;

pub use company::{Company, Expectation, Truth, company};
pub use prices::{PriceSnapshot, ServiceRate, price_snapshot};
