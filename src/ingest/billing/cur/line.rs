//! What the lines of a Cost and Usage Report are.

use domain::{ChargeCategory, PricingCategory};

/// What a line item is, in the terms that decide about its costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// On-demand or spot usage, and whatever else costs what it says.
    Plain,
    /// Usage paid by a reservation.
    DiscountedUsage,
    /// Usage paid by a savings plan.
    SavingsPlanCovered,
    /// Takes the on-demand cost of covered usage back.
    SavingsPlanNegation,
    /// Monthly fee of a reservation.
    ReservationFee,
    /// Hourly fee of a savings plan.
    SavingsPlanFee,
    /// Upfront part of a reservation or savings plan.
    UpfrontFee,
}

impl Line {
    /// The line of this `LineItemType`; a `Fee` is an upfront fee when it names a reservation.
    pub(super) fn of(kind: &str, has_reservation: bool) -> Self {
        match kind {
            "DiscountedUsage" => Self::DiscountedUsage,
            "SavingsPlanCoveredUsage" => Self::SavingsPlanCovered,
            "SavingsPlanNegation" => Self::SavingsPlanNegation,
            "RIFee" => Self::ReservationFee,
            "SavingsPlanRecurringFee" => Self::SavingsPlanFee,
            "SavingsPlanUpfrontFee" => Self::UpfrontFee,
            "Fee" if has_reservation => Self::UpfrontFee,
            _ => Self::Plain,
        }
    }

    /// Its FOCUS category.
    pub(super) fn category(self, kind: &str) -> ChargeCategory {
        match (kind, self) {
            (_, Line::ReservationFee | Line::SavingsPlanFee | Line::UpfrontFee) | ("Fee", _) => {
                ChargeCategory::Purchase
            }
            (_, Line::SavingsPlanNegation) | ("Refund", _) => ChargeCategory::Adjustment,
            ("Tax", _) => ChargeCategory::Tax,
            ("Credit", _) => ChargeCategory::Credit,
            // EdpDiscount, PrivateRateDiscount, BundledDiscount, SppDiscount
            (discount, _) if discount.ends_with("Discount") => ChargeCategory::Credit,
            _ => ChargeCategory::Usage,
        }
    }

    /// How its price came about.
    pub(super) fn pricing(self, kind: &str, usage_type: &str) -> PricingCategory {
        match self {
            Line::DiscountedUsage | Line::SavingsPlanCovered => PricingCategory::Committed,
            Line::Plain if usage_type.contains("SpotUsage") => PricingCategory::Dynamic,
            Line::Plain if kind != "Usage" && kind != "Fee" => PricingCategory::Other,
            Line::SavingsPlanNegation => PricingCategory::Other,
            _ => PricingCategory::Standard,
        }
    }
}

/// `us-east-1a` lies in `us-east-1`.
pub(super) fn region_of_zone(zone: &str) -> Option<String> {
    let region = zone.trim_end_matches(|c: char| c.is_ascii_lowercase());
    (region.len() < zone.len() && region.ends_with(|c: char| c.is_ascii_digit())).then(|| region.to_owned())
}

/// `user:team`, `user_team` → `team`; AWS's own tags keep their `aws:`.
pub(super) fn tag_key(key: &str) -> String {
    let plain = key.strip_prefix("user:").or_else(|| key.strip_prefix("user_"));
    plain.map_or_else(|| key.replacen("aws_", "aws:", 1), str::to_owned)
}
