//! Planned and past events.

use serde::{Deserialize, Serialize};

use crate::Stamp;

/// Something that multiplies demand for a while: a sale, a launch, an outage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its name.
    pub name: String,
    /// First instant, inclusive.
    pub starts_at: Stamp,
    /// Last instant, exclusive.
    pub ends_at: Stamp,
    /// Announced multiplier of demand (10 = ten times the usual).
    pub multiplier: f64,
    /// P10 of the multiplier; `None`: 30 % below.
    pub multiplier_low: Option<f64>,
    /// P90 of the multiplier; `None`: 30 % above.
    pub multiplier_high: Option<f64>,
    /// The one series it concerns; `None`: all.
    pub unique_id: Option<String>,
}

/// Doubt about an announced multiplier where none is stated.
const DEFAULT_DOUBT: f64 = 0.3;

impl Event {
    /// P10 of the multiplier.
    pub fn low(&self) -> f64 {
        self.multiplier_low.unwrap_or(self.multiplier * (1.0 - DEFAULT_DOUBT))
    }

    /// P90 of the multiplier.
    pub fn high(&self) -> f64 {
        self.multiplier_high.unwrap_or(self.multiplier * (1.0 + DEFAULT_DOUBT))
    }

    /// Whether the event concerns `unique_id` at `stamp`.
    pub fn covers(&self, unique_id: &str, stamp: Stamp) -> bool {
        self.unique_id.as_deref().is_none_or(|id| id == unique_id)
            && self.starts_at <= stamp
            && stamp < self.ends_at
    }
}
