//! Files of every format in, domain nouns out: bounded memory, every refusal with its place and next step.

pub mod billing;
pub mod catalog;
pub mod commitments;
pub mod events;
pub mod inventory;
pub mod metrics;
pub mod prices;
pub mod series;
pub mod usage;
pub mod write;

mod columns;
mod container;
mod error;
mod os;
mod rows;
mod table;
mod tags;

pub use error::{Place, ReadError, Reject, WriteError};
pub use rows::Rows;
pub use table::checksum;

#[cfg(test)]
mod fixture;
#[cfg(test)]
use fixture::fixture;
