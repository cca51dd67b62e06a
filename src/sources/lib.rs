//! Clients of the providers' APIs: each turns answers into the same nouns as files do.

pub mod bucket;
pub mod cost_explorer;
pub mod prices;

pub use cost_explorer::{CostExplorer, Dimension, Estimate, Fetched, SourceError};
