//! Commitments: what was promised to a provider for a lower rate.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Provider;
use crate::values::named_values;

named_values! {
    /// How an instance-hour is paid.
    PricingPlan, "plan",
    "on_demand, spot, ri_standard, ri_convertible, ec2_instance_sp, compute_sp, azure_reservation, azure_savings_plan, gcp_cud_resource, gcp_cud_flexible", {
        /// List price by the hour.
        OnDemand = "on_demand",
        /// Interruptible, market price.
        Spot = "spot",
        /// AWS standard Reserved Instance.
        RiStandard = "ri_standard",
        /// AWS convertible Reserved Instance.
        RiConvertible = "ri_convertible",
        /// AWS EC2 Instance Savings Plan: one family in one region.
        Ec2InstanceSp = "ec2_instance_sp",
        /// AWS Compute Savings Plan: any family, any region.
        ComputeSp = "compute_sp",
        /// Azure reservation.
        AzureReservation = "azure_reservation",
        /// Azure savings plan for compute.
        AzureSavingsPlan = "azure_savings_plan",
        /// Google Cloud resource-based committed use discount.
        GcpCudResource = "gcp_cud_resource",
        /// Google Cloud flexible (spend-based) committed use discount.
        GcpCudFlexible = "gcp_cud_flexible",
    }
}

impl PricingPlan {
    /// Whether the plan is a commitment (neither on-demand nor spot).
    pub fn is_commitment(self) -> bool {
        !matches!(self, Self::OnDemand | Self::Spot)
    }

    /// What its provider calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::RiStandard => "Standard Reserved Instance",
            Self::RiConvertible => "Convertible Reserved Instance",
            Self::Ec2InstanceSp => "EC2 Instance Savings Plan",
            Self::ComputeSp => "Compute Savings Plan",
            Self::AzureReservation => "Azure reservation",
            Self::AzureSavingsPlan => "Azure savings plan",
            Self::GcpCudResource => "Resource-based committed use",
            Self::GcpCudFlexible => "Flexible committed use",
            Self::OnDemand | Self::Spot => "No commitment",
        }
    }

    /// Whether a commitment of this plan is counted in committed USD per hour rather than in instances.
    pub fn is_spend_based(self) -> bool {
        matches!(self, Self::Ec2InstanceSp | Self::ComputeSp | Self::AzureSavingsPlan | Self::GcpCudFlexible)
    }
}

named_values! {
    /// When a commitment is paid.
    Payment, "payment", "no_upfront, partial_upfront, all_upfront", {
        /// Hour by hour.
        NoUpfront = "no_upfront",
        /// Part at purchase, the rest hour by hour.
        PartialUpfront = "partial_upfront",
        /// All at purchase.
        AllUpfront = "all_upfront",
    }
}

/// A commitment already held, or to be bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Commitment {
    /// The provider's id, or one of ours for a purchase that is only planned.
    pub id: String,
    /// Who sold it.
    pub provider: Provider,
    /// The account that owns it.
    pub account: String,
    /// Region it is bound to; `None` for plans that cover all regions.
    pub region: Option<String>,
    /// What it is.
    pub plan: PricingPlan,
    /// Instance type (`m6i.large`) for reservations.
    pub instance_type: Option<String>,
    /// Family (`m6i`) for plans bound to a family.
    pub family: Option<String>,
    /// Operating system, as in FOCUS/EC2 (`Linux`, `Windows`, …); `None` when any.
    pub os: Option<String>,
    /// Instances for reservations and resource CUDs; committed USD per hour at plan rates for
    /// savings plans and flexible CUDs.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::amount))]
    pub quantity: Decimal,
    /// Term in years, 1 or 3.
    pub term_years: u8,
    /// How it is paid.
    pub payment: Payment,
    /// First instant of the term, inclusive.
    pub starts_at: DateTime<Utc>,
    /// End of the term, exclusive.
    pub ends_at: DateTime<Utc>,
    /// USD per unit and hour locked at purchase; `None`: today's price counts.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::optional_amount))]
    pub hourly: Option<Decimal>,
    /// USD per unit for the whole term locked at purchase; `None`: today's price counts.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schema::optional_amount))]
    pub upfront: Option<Decimal>,
}

impl Commitment {
    /// Whether it covers the hour that starts at `hour`.
    pub fn is_active(&self, hour: DateTime<Utc>) -> bool {
        self.starts_at <= hour && hour < self.ends_at
    }
}
