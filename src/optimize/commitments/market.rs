//! Held and offered commitments on the time axis of a future, and purchases that can really be made.

use billing::{LineKey, PriceBook, Waterfall};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, from_statistic, to_statistic};

use super::CommitmentError;
use super::cutting_planes::Granularity;
use super::offers::Offer;
use super::problem::Span;

/// Held and offered commitments, in hours after the first purchase.
pub(super) struct Market {
    pub(super) waterfall: Waterfall,
    pub(super) held: Vec<Span>,
    pub(super) columns: Vec<Span>,
    /// Offer and start hour of each column.
    pub(super) bought: Vec<(usize, usize)>,
}

impl Market {
    /// Purchases are possible at `as_of` and, with `every_days`, at that rhythm until `hours` later.
    pub(super) fn new(
        lines: &[LineKey],
        held: &[Commitment],
        offers: &[Offer],
        prices: &PriceBook,
        as_of: DateTime<Utc>,
        every_days: Option<u32>,
        hours: usize,
    ) -> Result<Self, CommitmentError> {
        let mut commitments: Vec<Commitment> = held.to_vec();
        commitments.extend(offers.iter().enumerate().map(|(index, offer)| Commitment {
            id: format!("offer {index} of {}", offer.unit.account),
            ..offer.unit.clone()
        }));
        let waterfall = Waterfall::new(lines, &commitments, prices)?;
        let hour = |instant: DateTime<Utc>| {
            let seconds = (instant - as_of).num_seconds().saturating_add(3599);
            usize::try_from(seconds.div_euclid(3600)).unwrap_or(0).min(hours)
        };
        let first_offer = held.len();
        let held = held
            .iter()
            .enumerate()
            .map(|(commitment, held)| Span {
                commitment,
                units: to_statistic(held.quantity),
                hours: hour(held.starts_at)..hour(held.ends_at),
            })
            .filter(|span| !span.hours.is_empty())
            .collect();
        let every = every_days.map_or(usize::MAX, |days| days as usize * 24);
        let mut columns = Vec::new();
        let mut bought = Vec::new();
        for (index, offer) in offers.iter().enumerate() {
            let term = usize::from(offer.unit.term_years) * 8760;
            let mut start = 0;
            while start < hours {
                let commitment = first_offer + index;
                columns.push(Span {
                    commitment,
                    units: 1.0,
                    hours: start..start.saturating_add(term).min(hours),
                });
                bought.push((index, start));
                start = start.saturating_add(every);
            }
        }
        Ok(Self { waterfall, held, columns, bought })
    }

    /// How each column can be bought; steps that are only foreseen are not rounded.
    pub(super) fn granularity(&self, offers: &[Offer]) -> Vec<Granularity> {
        let of = |(offer, start): &(usize, usize)| match (start, offers[*offer].whole) {
            (0, true) => Granularity::Whole,
            (0, false) => Granularity::Fine,
            _ => Granularity::Any,
        };
        self.bought.iter().map(of).collect()
    }
}

/// The commitment that buying `units` of an offer makes.
pub(super) fn buy(offer: &Offer, starts_at: DateTime<Utc>, units: f64) -> Commitment {
    let unit = &offer.unit;
    let quantity = from_statistic(units);
    Commitment {
        id: format!("plan-{}-{}-{}", unit.plan, starts_at.format("%Y%m%dT%H"), name_of(unit)),
        quantity: if offer.whole { quantity.round() } else { quantity.round_dp(3) },
        starts_at,
        ends_at: starts_at + Duration::hours(8760 * i64::from(unit.term_years)),
        ..unit.clone()
    }
}

fn name_of(unit: &Commitment) -> String {
    let parts =
        [unit.region.as_deref(), unit.family.as_deref(), unit.instance_type.as_deref(), unit.os.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    format!("{}-{}y", if parts.is_empty() { "all".to_owned() } else { parts.join("-") }, unit.term_years)
}
