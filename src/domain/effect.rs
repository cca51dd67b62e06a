//! What an action does to the bill.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Place;

/// What an action does to what a resource costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Nothing is paid any more.
    Remove,
    /// The machine becomes another type.
    Resize {
        /// The new type.
        instance_type: String,
        /// New over old list price.
        price_ratio: Decimal,
    },
    /// The machine runs in some hours of the week only.
    Schedule {
        /// Whether it runs, by hour of the week; the first is Monday 00:00 UTC.
        on: Vec<bool>,
    },
    /// The resource goes to another place and pays what is monthly there.
    Move(Relocation),
    /// The machine leaves on-demand capacity.
    Spot {
        /// What it costs, as a part of its list price.
        price_ratio: Decimal,
    },
    /// Some of today's cost remains.
    Keep {
        /// The part that remains.
        share: Decimal,
    },
    /// Machines are not needed any more: what ran on them fits on others.
    Free {
        /// Their ids.
        machines: Vec<String>,
    },
}

impl Effect {
    /// The resources that feel the effect of an action on `resource_id`, with what happens to each.
    pub fn felt<'e>(&'e self, resource_id: &'e str) -> Vec<(&'e str, &'e Self)> {
        match self {
            Self::Free { machines } => machines.iter().map(|id| (id.as_str(), &Self::Remove)).collect(),
            _ => vec![(resource_id, self)],
        }
    }

    /// USD a month that come to the cost of the resource, whatever its price.
    pub fn monthly(&self) -> Decimal {
        match self {
            Self::Move(relocation) => relocation.traffic + relocation.transition,
            _ => Decimal::ZERO,
        }
    }
}

/// Where a resource goes, and what that costs beside its price there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Relocation {
    /// Where to.
    pub place: Place,
    /// Who pays there, where that is somebody else.
    pub account: Option<String>,
    /// The type that takes its place; none where it stays the same.
    pub instance_type: Option<String>,
    /// New over old list price.
    pub price_ratio: Decimal,
    /// USD a month for traffic that was free, or cheaper.
    pub traffic: Decimal,
    /// USD a month for what the move costs once.
    pub transition: Decimal,
}
