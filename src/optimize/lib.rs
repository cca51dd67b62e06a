//! Recommendations: idle, right-sizing, schedule, placement, spot, storage and commitments, joined in one plan.
//!
//! [`plan`] turns [`Facts`] into a [`domain::Plan`]: pure, deterministic, and independent of the order of its
//! input. [`rightsize::plan`] and [`commitments`] are the file modes of the command line.

mod action;
pub mod commitments;
pub mod containers;
#[cfg(test)]
mod demo_company;
pub mod export;
mod facts;
mod held;
pub mod idle;
mod ledger;
mod managed;
mod metrics;
mod opening;
pub mod placement;
mod plan;
mod policy;
#[cfg(test)]
mod properties;
mod proposals;
mod purchases;
mod quantile;
pub mod replay;
mod residual;
pub mod rightsize;
mod round;
#[cfg(test)]
mod rules_tests;
mod runs;
pub mod schedule;
mod second_look;
#[cfg(test)]
mod sized_tests;
mod sizings;
pub mod spot;
pub mod storage;
#[cfg(test)]
mod testing;

pub use facts::Facts;
pub use metrics::{Metrics, Reading, ResourceMetrics, Sample};
pub use plan::{PlanError, plan};
pub use policy::{PlanSettings, Policy, PolicyError};

/// Hours of a month.
const HOURS_PER_MONTH: u32 = 730;
