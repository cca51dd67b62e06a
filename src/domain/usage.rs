//! Instance-hours.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Provider;

/// Instance-hours of one kind that ran in one UTC hour, whatever paid for them; spot is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsageHour {
    /// Start of the hour.
    pub hour: DateTime<Utc>,
    /// Cloud.
    pub provider: Provider,
    /// Account, subscription or project.
    pub account: String,
    /// Region id.
    pub region: String,
    /// Instance type.
    pub instance_type: String,
    /// Operating system (`Linux`, `Windows`, `RHEL`, `SUSE`).
    pub os: String,
    /// Instance-hours.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::amount))]
    pub quantity: Decimal,
}
