//! What a feed gave: prices, and a count for everything that gave none.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{DiskPrice, PriceQuote, PriceSource, PricingPlan, Provider, Shape, StoragePrice};
use rust_decimal::Decimal;

use super::Feed;

/// What one feed says about spot capacity of one machine type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpotAdvice {
    /// Who sells.
    pub provider: Provider,
    /// Region id.
    pub region: String,
    /// Instance type.
    pub instance_type: String,
    /// Operating system (`Linux`, `Windows`).
    pub os: String,
    /// Average saving against on-demand over the last 30 days, in percent; below 0 where spot was dearer.
    pub savings_percent: i16,
    /// Band of the monthly interruption rate, from 0 (rarest) in the order of the feed.
    pub interruption_band: u8,
    /// The band in the words of the feed (`<5%`).
    pub interruption_label: String,
}

/// Prices of one feed, ready for the price book, in a fixed order.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// Instance-hours, at most one quote for a thing.
    pub quotes: Vec<PriceQuote>,
    /// Machine shapes whose Linux on-demand price the feed has too.
    pub shapes: Vec<Shape>,
    /// Block storage.
    pub disks: Vec<DiskPrice>,
    /// Object storage classes that answer within milliseconds.
    pub storage: Vec<StoragePrice>,
    /// Spot advice; spot prices follow from it with [`SpotAdvice::quote`].
    pub spot: Vec<SpotAdvice>,
    /// Which feed, and the day it was published (or read, when it does not say).
    pub source: PriceSource,
    /// Rows that were wanted but gave no price, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Link or token of the page that comes next and was not read; `None` when the feed is complete.
    pub next_page: Option<String>,
}

impl Prices {
    pub(super) fn empty(feed: Feed, as_of: DateTime<Utc>) -> Self {
        Self {
            quotes: Vec::new(),
            shapes: Vec::new(),
            disks: Vec::new(),
            storage: Vec::new(),
            spot: Vec::new(),
            source: PriceSource { source: feed.title().to_owned(), as_of },
            skipped: BTreeMap::new(),
            next_page: None,
        }
    }
}

impl SpotAdvice {
    /// The spot price that follows from an on-demand price: what an hour cost on average over the last
    /// 30 days. `None` when `on_demand` is the price of something else.
    pub fn quote(&self, on_demand: &PriceQuote) -> Option<PriceQuote> {
        let same = on_demand.plan == PricingPlan::OnDemand
            && on_demand.provider == self.provider
            && on_demand.region == self.region
            && on_demand.instance_type == self.instance_type
            && on_demand.os.eq_ignore_ascii_case(&self.os);
        let left = Decimal::new(100 - i64::from(self.savings_percent), 2);
        let hourly = on_demand.hourly.checked_mul(left).filter(|hourly| *hourly > Decimal::ZERO)?.normalize();
        same.then(|| PriceQuote { plan: PricingPlan::Spot, hourly, ..on_demand.clone() })
    }
}
