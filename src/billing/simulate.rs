//! The simulator: every hour of usage under every commitment, use it or lose it.

use std::ops::Range;

use chrono::{DateTime, Duration, Utc};
use domain::{Commitment, UsageHour};
use rust_decimal::Decimal;

use crate::bill::{Bill, settle};
use crate::demand::Demand;
use crate::price_book::{MissingPrice, PriceBook};
use crate::waterfall::{Step, Waterfall};

/// Why usage could not be billed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BillingError {
    /// A price without which there is no bill.
    #[error(transparent)]
    MissingPrice(#[from] MissingPrice),
    /// A price that no arithmetic stands.
    #[error("price of {instance_type} is out of range: {price}; correct the row")]
    Price {
        /// Instance type.
        instance_type: String,
        /// What stood there.
        price: Decimal,
    },
    /// Usage below zero.
    #[error("negative usage of {instance_type} at {hour} (row {row}): {quantity}; correct the row")]
    Negative {
        /// Row index; 0 is the first.
        row: usize,
        /// Its hour.
        hour: DateTime<Utc>,
        /// Its instance type.
        instance_type: String,
        /// What stood there.
        quantity: Decimal,
    },
    /// Usage of an impossible size.
    #[error("usage at {hour} (row {row}) is out of range: {quantity}; correct the row")]
    TooLarge {
        /// Row index; 0 is the first.
        row: usize,
        /// Its hour.
        hour: DateTime<Utc>,
        /// What stood there.
        quantity: Decimal,
    },
    /// A stamp that is not the start of a UTC hour.
    #[error("usage at {hour} (row {row}) does not start on a full UTC hour; aggregate usage to hours")]
    OffHour {
        /// Row index; 0 is the first.
        row: usize,
        /// What stood there.
        hour: DateTime<Utc>,
    },
    /// A window that cannot be right.
    #[error(
        "usage from {start} to {end} spans more than 20 years or ends before it starts; check the stamps"
    )]
    Window {
        /// First hour.
        start: DateTime<Utc>,
        /// End, exclusive.
        end: DateTime<Utc>,
    },
    /// A change of usage that would leave less than nothing.
    #[error(
        "cannot change usage of {instance_type} by {quantity} in hours {hours:?}: usage would fall below 0 or is out of the window"
    )]
    Change {
        /// Instance type of the line.
        instance_type: String,
        /// Hours of the window.
        hours: Range<usize>,
        /// Instance-hours per hour.
        quantity: Decimal,
    },
    /// A commitment that makes no sense.
    #[error("commitment {id:?}: {problem}")]
    Commitment {
        /// Its id.
        id: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// Bills `usage` from its first to its last hour. See [`Demand::bill`].
pub fn simulate(
    usage: &[UsageHour],
    commitments: &[Commitment],
    book: &PriceBook,
) -> Result<Bill, BillingError> {
    Demand::new(usage)?.bill(commitments, book)
}

impl Demand {
    /// Bills every hour of the window exactly.
    ///
    /// In each hour the active commitments are applied in the providers' order ([`Waterfall`]); what
    /// they do not cover is paid at list price, what is not used of them is lost. Accounts of one provider
    /// are one organization with sharing on. What is left of Google Cloud gets sustained-use discounts by month.
    pub fn bill(&self, commitments: &[Commitment], book: &PriceBook) -> Result<Bill, BillingError> {
        let waterfall = Waterfall::new(self.lines(), commitments, book)?;
        let tally = count(self, commitments, &waterfall);
        Ok(settle(self, commitments, waterfall, &tally))
    }
}

/// Sums over the hours of a window, in ticks.
pub(crate) struct Tally {
    /// Instance-hours covered by each step.
    pub(crate) covered: Vec<i128>,
    /// Instance-hours of each line that nothing covered.
    pub(crate) uncovered: Vec<i128>,
    /// What was used of each commitment, in units of its capacity.
    pub(crate) used: Vec<i128>,
    /// Ticks that nothing covered hour by hour, for lines with a sustained-use discount.
    pub(crate) hourly: Vec<Vec<i128>>,
    /// Hours in which each commitment was active.
    pub(crate) active_hours: Vec<u64>,
}

fn count(demand: &Demand, commitments: &[Commitment], waterfall: &Waterfall) -> Tally {
    let lines = demand.lines().len();
    let mut tally = Tally {
        covered: vec![0; waterfall.steps.len()],
        uncovered: vec![0; lines],
        used: vec![0; commitments.len()],
        hourly: (0..lines).map(|_| Vec::new()).collect(),
        active_hours: vec![0; commitments.len()],
    };
    let sustained: Vec<usize> =
        (0..lines).filter(|line| !waterfall.sustained.shares(*line).is_empty()).collect();
    let rows: Vec<&[i128]> = (0..lines).map(|line| demand.row(line)).collect();
    let mut open = vec![0_i128; lines];
    let mut full = vec![0_i128; waterfall.pools.len()];
    let mut left = full.clone();
    for span in spans(demand, commitments) {
        let hour = demand.period().start + Duration::hours(span.start as i64);
        let active: Vec<bool> = commitments.iter().map(|commitment| commitment.is_active(hour)).collect();
        for (pool, full) in waterfall.pools.iter().zip(&mut full) {
            *full = pool.members.iter().filter(|&&m| active[m]).map(|&m| waterfall.capacity[m]).sum();
        }
        for (hours, _) in tally.active_hours.iter_mut().zip(&active).filter(|(_, active)| **active) {
            *hours += span.len() as u64;
        }
        for hour in span {
            for (open, row) in open.iter_mut().zip(&rows) {
                *open = row[hour];
            }
            left.copy_from_slice(&full);
            apply(&waterfall.steps, &mut open, &mut left, &mut tally.covered);
            for (uncovered, open) in tally.uncovered.iter_mut().zip(&open) {
                *uncovered += open;
            }
            for &line in &sustained {
                tally.hourly[line].push(open[line]);
            }
            for (pool, (full, left)) in waterfall.pools.iter().zip(full.iter().zip(&left)) {
                let mut used = full - left;
                for &member in pool.members.iter().filter(|&&member| active[member]) {
                    if used == 0 {
                        break;
                    }
                    let taken = used.min(waterfall.capacity[member]);
                    tally.used[member] += taken;
                    used -= taken;
                }
            }
        }
    }
    tally
}

/// One hour: each step takes what its pool has left and its line still needs.
fn apply(steps: &[Step], open: &mut [i128], left: &mut [i128], covered: &mut [i128]) {
    for (step, covered) in steps.iter().zip(covered) {
        let (need, pool) = (open[step.line], left[step.pool]);
        if need == 0 || pool == 0 {
            continue;
        }
        let wanted = need * step.weight;
        if wanted <= pool {
            left[step.pool] -= wanted;
            open[step.line] = 0;
            *covered += need;
        } else {
            // The rest of the pool goes into the line; less than one tick of usage is lost to rounding.
            let taken = pool / step.weight;
            left[step.pool] = 0;
            open[step.line] -= taken;
            *covered += taken;
        }
    }
}

/// The window cut where commitments start or end.
fn spans(demand: &Demand, commitments: &[Commitment]) -> Vec<Range<usize>> {
    let period = demand.period();
    let hours = demand.hours();
    // The first full hour at or after an instant.
    let hour_of = |instant: DateTime<Utc>| {
        let seconds = (instant - period.start).num_seconds();
        usize::try_from(seconds.saturating_add(3599) / 3600).unwrap_or(0).min(hours)
    };
    let mut cuts: Vec<usize> = commitments
        .iter()
        .flat_map(|commitment| [commitment.starts_at, commitment.ends_at])
        .map(hour_of)
        .chain([0, hours])
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}
