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

    /// The share of a step (its first instant and that of the next) that the event takes for `unique_id`: 0 to 1.
    pub fn share(&self, unique_id: &str, step: (Stamp, Stamp)) -> f64 {
        let concerned = self.unique_id.as_deref().is_none_or(|id| id == unique_id);
        if concerned { share_of_step((self.starts_at, self.ends_at), step) } else { 0.0 }
    }
}

/// The share of a step (its first instant and that of the next) that lies within a span (its end excluded): 0 to 1.
pub fn share_of_step(span: (Stamp, Stamp), step: (Stamp, Stamp)) -> f64 {
    let place = |stamp: Stamp| match stamp {
        Stamp::Time(time) => time.timestamp_millis(),
        Stamp::Step(step) => step,
    };
    let of_one_kind = matches!(
        (span.0, span.1, step.0),
        (Stamp::Time(_), Stamp::Time(_), Stamp::Time(_)) | (Stamp::Step(_), Stamp::Step(_), Stamp::Step(_))
    );
    let (from, until) = (place(step.0), place(step.1));
    if !of_one_kind || until <= from {
        return 0.0;
    }
    let shared = place(span.1).min(until).saturating_sub(place(span.0).max(from));
    shared.max(0) as f64 / until.saturating_sub(from) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_shared_by_what_lies_within_it() {
        let at = |text: &str| Stamp::Time(text.parse().unwrap());
        let day = (at("2026-11-27T00:00:00Z"), at("2026-11-28T00:00:00Z"));
        let share = |from: &str, until: &str| share_of_step((at(from), at(until)), day);
        assert_eq!(share("2026-11-27T08:00:00Z", "2026-11-27T20:00:00Z"), 0.5);
        assert_eq!(share("2026-11-26T18:00:00Z", "2026-11-27T06:00:00Z"), 0.25);
        assert_eq!(share("2026-11-20T00:00:00Z", "2026-12-20T00:00:00Z"), 1.0);
        assert_eq!(share("2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"), 0.0);
        assert_eq!(share_of_step((Stamp::Step(3), Stamp::Step(5)), (Stamp::Step(4), Stamp::Step(5))), 1.0);
        assert_eq!(share_of_step((Stamp::Step(3), Stamp::Step(5)), day), 0.0);
    }
}
