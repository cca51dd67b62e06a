//! The embedded price snapshot: public list prices typed in as facts, with source and date.

use domain::{DiskPrice, PriceQuote, PriceSource, Provider, Shape, StoragePrice};
use rust_decimal::Decimal;

/// The price of one unit of a service that is neither a machine, a disk nor object storage.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRate {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// What (`nat_gateway_hour`, `egress_gib`, …).
    pub item: String,
    /// Unit of the price (`hour`, `GiB`, …).
    pub unit: String,
    /// USD per unit.
    pub price: Decimal,
}

/// Everything the snapshot knows. A price that is not here is unknown, not zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PriceSnapshot {
    /// Instance-hours under every plan.
    pub quotes: Vec<PriceQuote>,
    /// Machine types.
    pub shapes: Vec<Shape>,
    /// Block storage.
    pub disks: Vec<DiskPrice>,
    /// Object storage.
    pub storage: Vec<StoragePrice>,
    /// Everything else.
    pub rates: Vec<ServiceRate>,
    /// Where the prices come from.
    pub sources: Vec<PriceSource>,
}

/// The embedded snapshot.
pub fn price_snapshot() -> PriceSnapshot {
    PriceSnapshot::default()
}
