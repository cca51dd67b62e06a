//! Held and offered commitments on the time axis of a future, and purchases that can really be made.

use billing::{LineKey, PriceBook, Waterfall};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, from_statistic};

use super::CommitmentError;
use super::cutting_planes::{Objective, Solution};
use super::offers::Offer;
use super::problem::{Problem, Span};

/// Steps of a spend commitment in one USD per hour: a tenth of a cent.
const SPEND_STEPS: f64 = 1000.0;

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
            .map(|(commitment, held)| Span { commitment, hours: hour(held.starts_at)..hour(held.ends_at) })
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
                columns.push(Span { commitment, hours: start..start.saturating_add(term).min(hours) });
                bought.push((index, start));
                start = start.saturating_add(every);
            }
        }
        Ok(Self { waterfall, held, columns, bought })
    }
}

/// Rounds purchases to what can be bought: whole instances, tenths of a cent per hour.
pub(super) fn round(
    problem: &Problem,
    objective: &Objective,
    market: &Market,
    offers: &[Offer],
    solution: &mut Solution,
) {
    for (units, (offer, _)) in solution.units.iter_mut().zip(&market.bought) {
        if !offers[*offer].whole {
            *units = (*units * SPEND_STEPS).round() / SPEND_STEPS;
        }
    }
    let whole: Vec<usize> =
        (0..solution.units.len()).filter(|&column| offers[market.bought[column].0].whole).collect();
    for column in whole {
        let down = solution.units[column].floor();
        if solution.units[column] - down < 1e-9 {
            solution.units[column] = down;
            continue;
        }
        let mut value = |units: f64| {
            solution.units[column] = units;
            objective.value(&problem.evaluate(&solution.units))
        };
        let (lower, upper) = (value(down), value(down + 1.0));
        solution.units[column] = if upper < lower { down + 1.0 } else { down };
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
