//! Forecasting: a series in, calibrated quantiles out. Pure: no clock, no files, no randomness of its own.
//!
//! The road of one series: [`Request`] → season lengths → cleaned history → members → rolling-origin
//! backtest → combination → conformal calibration → events → [`Forecast`](domain::Forecast).

#[cfg(test)]
mod accuracy;
mod anniversaries;
mod anomaly;
mod backtest;
mod calendar;
mod calibrate;
mod civil;
mod combine;
mod driver;
mod ensemble;
mod events;
mod fees;
mod folds;
mod history;
mod intermittent;
mod linear;
mod members;
mod order;
mod paths;
#[cfg(test)]
mod promises;
mod recipe;
mod reconcile;
mod repetition;
mod report;
mod request;
mod score;
mod seasons;
mod shift;
mod stacking;
mod study;
mod totals;

pub use anomaly::{Anomaly, anomalies};
pub use backtest::{Backtest, BacktestSettings, BacktestSummary, OWN, backtest, merge};
pub use ensemble::{forecast, forecast_all};
pub use paths::paths;
pub use reconcile::{Group, ReconcileError, Reconciled, reconcile};
pub use report::BacktestReport;
pub use request::{Driver, Holiday, MAX_HORIZON, Request, RequestError, UtcOffset};
pub use score::ModelScore;
pub use totals::BacktestTotals;
