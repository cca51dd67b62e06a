//! Prices and machine shapes, per provider with source and date.

use domain::{DiskPrice, OrganizationId, PriceQuote, PriceSource, Provider, Shape, StoragePrice};
use sqlx::PgConnection;

use crate::StoreError;

/// Everything a price book is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prices {
    /// Instance-hours under each plan.
    pub quotes: Vec<PriceQuote>,
    /// Machine types.
    pub shapes: Vec<Shape>,
    /// Block storage.
    pub disks: Vec<DiskPrice>,
    /// Object storage classes.
    pub storage: Vec<StoragePrice>,
    /// Where they come from.
    pub sources: Vec<PriceSource>,
}

/// Replaces the prices of one provider.
///
/// # Errors
/// [`StoreError::Invalid`] when a row is of another provider.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    provider: Provider,
    prices: &Prices,
) -> Result<(), StoreError> {
    todo!()
}

/// The prices of all providers, each list in a fixed order.
///
/// # Errors
/// Only those of the database.
pub async fn load(conn: &mut PgConnection, org: OrganizationId) -> Result<Prices, StoreError> {
    todo!()
}
