//! Prices, and the exact hour-by-hour bill of any usage under any mix of commitments.
//!
//! [`PriceBook`] answers what something costs, or says which price is missing. [`simulate`] applies
//! commitments to usage in the providers' order; [`Demand`] is the same in a form that can be priced
//! again and again, [`Meter`] prices a change alone, and [`Waterfall`] is the order itself, for planners that need marginal values.

mod bill;
mod demand;
#[cfg(test)]
mod fixture;
mod flexibility;
mod meter;
mod price_book;
#[cfg(test)]
mod rules;
mod simulate;
mod sustained;
mod ticks;
mod waterfall;

pub use bill::{Bill, CommitmentBill, LineBill};
pub use demand::{Demand, LineKey};
pub use flexibility::{Flexibility, family, flexibility};
pub use meter::{Change, Meter, Priced};
pub use price_book::{MissingPrice, PriceBook, PriceError};
pub use simulate::{BillingError, simulate};
pub use sustained::Sustained;
pub use waterfall::{Pool, Stage, Step, UnitPrice, Waterfall};
