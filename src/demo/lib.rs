//! The demo company: a shop on three clouds, generated from a small spec and a seed, with planted truths.
//!
//! [`company`] makes everything in memory; [`files::write`] writes it in the formats that the product
//! itself reads, so that the demo walks the same way as real data. [`price_snapshot`] is the embedded
//! price book: facts with a source and a date.

mod charges;
mod company;
mod coverage;
mod demand;
mod error;
pub mod files;
mod fleet;
mod inventory;
mod names;
mod prices;
mod random;
mod services;
mod spec;
mod truth;
mod utilization;

pub use company::{Company, company, company_with};
pub use demand::{events, series};
pub use error::DemoError;
pub use prices::{PriceSnapshot, ServiceRate, price_snapshot};
pub use spec::Spec;
pub use truth::{Expectation, Truth};
