//! Placeholder.
pub mod commitments;
