//! The nouns of Headroom: plain data without I/O, shared by every crate.
//!
//! Money follows FOCUS, forecasts follow Hyndman & Athanasopoulos and Nixtla,
//! recommendations follow the FinOps Framework and AWS Cost Optimization Hub.

mod budget;
mod capacity;
mod charge;
mod commitment;
mod container;
mod effect;
mod event;
mod forecast;
mod ids;
mod metric;
mod money;
mod os;
mod period;
mod place;
mod price;
mod provider;
mod recommendation;
mod replay;
mod resource;
#[cfg(feature = "schema")]
pub mod schema;
mod series;
mod unused_events;
mod usage;
mod values;

pub use budget::{Budget, BudgetOutlook, BudgetPeriod, BudgetRisk};
pub use capacity::{CapacityKind, CapacityPlan, PolicyOutcome, Requirement};
pub use charge::{
    Charge, ChargeCategory, CommitmentDiscountStatus, PricingCategory, TimeCost, is_unit_of_time,
};
pub use commitment::{Commitment, Payment, PricingPlan};
pub use container::{Autoscaler, Container, WorkloadKind};
pub use effect::{Effect, Relocation};
pub use event::{Event, share_of_step};
pub use forecast::{Accuracy, Components, Forecast, Member};
pub use ids::{ManifestId, OrganizationId, RunId, UserId};
pub use metric::{HourlyMetric, MetricName};
pub use money::{
    Currency, Money, UnknownCurrency, from_statistic, group_digits, show_amount, symbol, to_cents,
    to_statistic,
};
pub use os::canonical_os;
pub use period::{BillingMonth, Period, easter, midnight};
pub use place::Place;
pub use price::{DiskPrice, PriceQuote, PriceSource, Shape, StoragePrice};
pub use provider::{Provider, UnknownProvider};
pub use recommendation::{
    ActionType, Effort, Evidence, Finding, Plan, PlanStep, Purchase, Recommendation, RecommendationStatus,
    Risk, RiskLabel, SavingRange, Skip, Step,
};
pub use replay::{AdviceReplay, Overload, ReplayedAdvice, ReplayedStep};
pub use resource::{Resource, ResourceKind, ResourceState};
pub use series::{Frequency, Grid, Series, Stamp};
pub use unused_events::UnusedEvents;
pub use usage::UsageHour;
pub use values::UnknownValue;
