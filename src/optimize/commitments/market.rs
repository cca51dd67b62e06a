//! Held and offered commitments on the time axis of a future, and purchases that can really be made.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use billing::{LineKey, PriceBook, UnitPrice, Waterfall};
use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, from_statistic, to_statistic};
use rust_decimal::Decimal;

use super::cutting_planes::{Granularity, Limit};
use super::offers::Offer;
use super::problem::Span;
use super::scenarios::BLOCK_HOURS;
use super::{CommitmentError, Later, Settings};

/// Held and offered commitments, in hours after the first purchase.
pub(super) struct Market {
    pub(super) waterfall: Waterfall,
    pub(super) held: Vec<Span>,
    pub(super) columns: Vec<Span>,
    /// Offer and start hour of each column.
    pub(super) bought: Vec<(usize, usize)>,
}

impl Market {
    /// Purchases are possible at `as_of` and, in the `hours` that follow, at the dates of `later`.
    pub(super) fn new(
        lines: &[LineKey],
        held: &[Commitment],
        offers: &[Offer],
        prices: &PriceBook,
        as_of: DateTime<Utc>,
        later: Later,
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
        let held: Vec<Span> = held
            .iter()
            .enumerate()
            .map(|(commitment, held)| Span {
                commitment,
                units: to_statistic(held.quantity),
                hours: hour(held.starts_at)..hour(held.ends_at),
            })
            .filter(|span| !span.hours.is_empty())
            .collect();
        let mut columns = Vec::new();
        let mut bought = Vec::new();
        let reached = reached(&waterfall);
        for (index, offer) in offers.iter().enumerate() {
            let term = usize::from(offer.unit.term_years) * 8760;
            let commitment = first_offer + index;
            let later = match later {
                Later::Never => vec![],
                Later::Every { days } => (0..hours).step_by(days as usize * 24).skip(1).collect(),
                Later::WhenHeldEnds => ends_of_rivals(&reached, &held, commitment, hours),
            };
            for start in iter::once(0).chain(later) {
                let hours = start..start.saturating_add(term).min(hours);
                columns.push(Span { commitment, units: 1.0, hours });
                bought.push((index, start));
            }
        }
        Ok(Self { waterfall, held, columns, bought })
    }

    /// What today's purchases may cost at most, as far as it is limited.
    pub(super) fn limits(&self, settings: &Settings) -> Vec<Limit> {
        let price = |of: fn(&UnitPrice) -> Decimal| -> Vec<f64> {
            let columns = self.columns.iter().zip(&self.bought);
            columns
                .map(|(column, (_, start))| match start {
                    0 => to_statistic(of(&self.waterfall.unit_prices[column.commitment])),
                    _ => 0.0,
                })
                .collect()
        };
        let monthly = settings.maximum_monthly_commitment.map(|most| Limit {
            prices: price(|unit| unit.amortized * Decimal::from(730)),
            most: to_statistic(most),
        });
        let upfront = settings
            .maximum_upfront
            .map(|most| Limit { prices: price(|unit| unit.upfront), most: to_statistic(most) });
        monthly.into_iter().chain(upfront).collect()
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

/// The lines that each commitment can cover.
fn reached(waterfall: &Waterfall) -> Vec<BTreeSet<usize>> {
    let mut of_pool = vec![BTreeSet::new(); waterfall.pools.len()];
    for step in &waterfall.steps {
        of_pool[step.pool].insert(step.line);
    }
    let mut reached = vec![BTreeSet::new(); waterfall.capacity.len()];
    for (pool, lines) in waterfall.pools.iter().zip(of_pool) {
        for &member in &pool.members {
            reached[member].clone_from(&lines);
        }
    }
    reached
}

/// Hours before `hours` in which a held commitment ends that covers usage which `offer` would cover, too: the last one of
/// each block, because every date of every offer is a column of the problem.
fn ends_of_rivals(reached: &[BTreeSet<usize>], held: &[Span], offer: usize, hours: usize) -> Vec<usize> {
    let ends = held
        .iter()
        .filter(|span| span.hours.end < hours && !reached[span.commitment].is_disjoint(&reached[offer]))
        .map(|span| span.hours.end);
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    for end in ends {
        let known = last.entry(end / BLOCK_HOURS).or_insert(end);
        *known = end.max(*known);
    }
    last.into_values().collect()
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
