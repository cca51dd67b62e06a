//! The only SQL: plain functions over a PostgreSQL connection, one file per table family.
//!
//! Every function that touches tenant data takes the organization; none of them reads a clock, so callers
//! pass `now`, `at` or `as_of`. A function that needs several statements to hold together opens its own
//! transaction (a savepoint when the caller has one open already).

pub mod advice_replay;
pub mod anomaly;
pub mod audit;
pub mod budget;
pub mod capacity;
pub mod charge;
pub mod commitment;
pub mod embedded;
pub mod event;
pub mod forecast;
pub mod idempotency;
pub mod job;
pub mod load;
pub mod manifest;
pub mod metric;
pub mod organization;
pub mod outlook;
pub mod plan;
pub mod price;
pub mod report_schedule;
pub mod resource;
pub mod run;
pub mod scenario;
pub mod session;
pub mod source;
pub mod token;
pub mod usage;
pub mod user;

mod copy;
mod cost_leaf;
mod cost_query;
mod error;
mod line_item;
mod overlap;
mod pool;
mod programs;
mod publish;
mod reconciliation;
mod row;

#[cfg(test)]
mod testing;

pub use error::{Overlap, StoreError};
pub use pool::{connect, migrate, ready};
pub use sqlx::{Connection, PgConnection, PgPool};
