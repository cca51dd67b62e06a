//! The pages: one file each, with its route's handler, its query and its view.

pub(crate) mod budgets;
pub(crate) mod calendar;
pub(crate) mod capacity;
pub(crate) mod costs;
pub(crate) mod events;
pub(crate) mod forecasts;
pub(crate) mod help;
pub(crate) mod overview;
pub(crate) mod plan;
pub(crate) mod policies;
pub(crate) mod purchases;
pub(crate) mod recommendations;
pub(crate) mod reports;
pub(crate) mod runbook;
pub(crate) mod runs;
pub(crate) mod scenarios;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod sources;
pub(crate) mod throughput;
