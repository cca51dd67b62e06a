//! What can be wrong with a spec or a price file.

/// Why a company cannot be generated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DemoError {
    /// The spec is not TOML, has an unknown key or a value of the wrong kind; the message names key and line.
    #[error("demo spec cannot be read: {0}")]
    Spec(String),
    /// The spec names something that it does not define, or that no price is known for.
    #[error("demo spec: {subject} refers to {missing:?}, which {place} does not have")]
    Unknown {
        /// Entry of the spec.
        subject: String,
        /// What it refers to.
        missing: String,
        /// Where it was looked up.
        place: &'static str,
    },
    /// A price file of the snapshot is malformed.
    #[error("price file {file}: {reason}")]
    Prices {
        /// File name.
        file: &'static str,
        /// What is wrong and where.
        reason: String,
    },
}
