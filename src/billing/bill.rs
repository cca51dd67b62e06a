//! What a bill says: totals, lines and commitments, in the amortized and in the cash view.

use std::ops::Range;

use chrono::{DateTime, Utc};
use domain::{BillingMonth, Commitment, Period};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::demand::{Demand, LineKey};
use crate::price_book::MissingPrice;
use crate::simulate::Tally;
use crate::sustained::months;
use crate::ticks::{from_product, from_ticks, ratio, share};
use crate::waterfall::Waterfall;

/// The bill of one window. Amounts are USD; [`total`](Self::total) is the amortized view (FOCUS
/// `EffectiveCost`), [`cash`](Self::cash) the invoice (FOCUS `BilledCost`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// The window.
    pub period: Period,
    /// All usage at list price.
    pub on_demand_equivalent: Decimal,
    /// What no commitment covered, at list price less the sustained-use discount, and licences that commitments do
    /// not cover.
    pub on_demand_cost: Decimal,
    /// What Google Cloud takes off for sustained use.
    #[serde(default)]
    pub sustained_use_discount: Decimal,
    /// Commitments in the window, used or not, upfront spread over the term.
    pub commitment_cost: Decimal,
    /// The part of it that covered usage.
    pub commitment_used_cost: Decimal,
    /// The part of it that was lost.
    pub commitment_unused_cost: Decimal,
    /// `on_demand_cost + commitment_cost`.
    pub total: Decimal,
    /// What is paid in the window: on-demand, hourly fees, and the upfront of terms that start in it.
    pub cash: Decimal,
    /// Share of the list price of usage that commitments covered; `None` without usage.
    pub coverage: Option<f64>,
    /// Used share of the cost of commitments; `None` without commitments.
    pub utilization: Option<f64>,
    /// `1 − total ÷ on_demand_equivalent`; `None` without usage.
    pub effective_savings_rate: Option<f64>,
    /// One entry a commitment, in the order given.
    pub commitments: Vec<CommitmentBill>,
    /// One entry a line, sorted. Their `cost` and the unused cost add up to `total`.
    pub lines: Vec<LineBill>,
    /// Plan rates that are not in the price book: those lines counted as not covered by those plans.
    pub missing: Vec<MissingPrice>,
    /// What had to be assumed, one sentence each.
    pub assumptions: Vec<String>,
}

/// One commitment in the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommitmentBill {
    /// Its id.
    pub id: String,
    /// Hours of the window in which it was active.
    pub hours: u64,
    /// Its cost, upfront spread: used and unused.
    pub cost: Decimal,
    /// The part that covered usage.
    pub used_cost: Decimal,
    /// The part that was lost.
    pub unused_cost: Decimal,
    /// What is paid for it in the window.
    pub cash: Decimal,
    /// List price of what it covered.
    pub covered_on_demand_equivalent: Decimal,
    /// `covered_on_demand_equivalent − cost`, less the sustained-use discount that what it covers no longer gets:
    /// below 0 it lost money.
    pub net_saving: Decimal,
    /// Used share; `None` when it was not active.
    pub utilization: Option<f64>,
}

/// One line in the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineBill {
    /// Which.
    pub line: LineKey,
    /// Instance-hours.
    pub quantity: Decimal,
    /// Those that commitments covered.
    pub covered_quantity: Decimal,
    /// All of them at list price.
    pub on_demand_equivalent: Decimal,
    /// What was paid at list price, less the sustained-use discount.
    pub on_demand_cost: Decimal,
    /// What was taken off for sustained use.
    #[serde(default)]
    pub sustained_use_discount: Decimal,
    /// Its part of the used cost of commitments.
    pub committed_cost: Decimal,
    /// `on_demand_cost + committed_cost`.
    pub cost: Decimal,
}

/// Turns the counts of the simulator into money, each amount rounded once.
pub(crate) fn settle(
    demand: &Demand,
    commitments: &[Commitment],
    waterfall: Waterfall,
    tally: &Tally,
) -> Bill {
    let period = demand.period();
    let months = months(period.start, demand.hours());
    let sustained = &waterfall.sustained;
    let discounts = sustained.discounts(&months, |line| &tally.hourly[line]);
    let mut licences = vec![0_i128; demand.lines().len()];
    for (step, covered) in waterfall.steps.iter().zip(&tally.covered) {
        licences[step.line] += covered * step.licence;
    }
    let mut lines: Vec<LineBill> = Vec::with_capacity(demand.lines().len());
    for (index, line) in demand.lines().iter().enumerate() {
        let quantity: i128 = demand.row(index).iter().sum();
        let on_demand_cost =
            from_product(tally.uncovered[index] * waterfall.on_demand[index] + licences[index])
                - discounts.lines[index];
        lines.push(LineBill {
            line: line.clone(),
            quantity: from_ticks(quantity),
            covered_quantity: from_ticks(quantity - tally.uncovered[index]),
            on_demand_equivalent: from_product(quantity * waterfall.on_demand[index]),
            on_demand_cost,
            sustained_use_discount: discounts.lines[index],
            committed_cost: Decimal::ZERO,
            cost: on_demand_cost,
        });
    }
    let mut bills = Vec::with_capacity(commitments.len());
    for (index, commitment) in commitments.iter().enumerate() {
        let terms = waterfall.unit_prices[index];
        let hours = tally.active_hours[index];
        let whole = waterfall.capacity[index] * i128::from(hours);
        let paid_hours = commitment.quantity * Decimal::from(hours);
        let cost = (paid_hours * terms.amortized).round_dp(12);
        let used_cost = share(cost, tally.used[index], whole);
        let bought = if period.contains(commitment.starts_at) { commitment.quantity } else { Decimal::ZERO };
        bills.push(CommitmentBill {
            id: commitment.id.clone(),
            hours,
            cost,
            used_cost,
            unused_cost: cost - used_cost,
            cash: (paid_hours * terms.hourly + bought * terms.upfront).round_dp(12),
            covered_on_demand_equivalent: Decimal::ZERO,
            net_saving: -cost,
            utilization: if whole == 0 { None } else { ratio(used_cost, cost).or(Some(0.0)) },
        });
    }
    let displaced = displaced(demand, &waterfall, tally, &discounts.pools, &months);
    for (index, pool) in waterfall.pools.iter().enumerate() {
        let used: i128 = pool.members.iter().map(|&member| tally.used[member]).sum();
        let used_cost: Decimal = pool.members.iter().map(|&member| bills[member].used_cost).sum();
        let mut taken = 0_i128;
        let mut covered_list = 0_i128;
        let mut handed_out = Decimal::ZERO;
        let weighed = |step: usize| tally.covered[step] * waterfall.steps[step].weight;
        let steps = || (0..waterfall.steps.len()).filter(|&step| waterfall.steps[step].pool == index);
        let all: i128 = steps().map(weighed).sum();
        for step in steps() {
            let line = waterfall.steps[step].line;
            covered_list += tally.covered[step] * (waterfall.on_demand[line] - waterfall.steps[step].licence);
            taken += weighed(step);
            // Cumulative shares, so that the parts add up to the whole without a remainder.
            let until_here = share(used_cost, taken, all);
            lines[line].committed_cost += until_here - handed_out;
            handed_out = until_here;
        }
        let covered_list = from_product(covered_list);
        for &member in &pool.members {
            let bill = &mut bills[member];
            bill.covered_on_demand_equivalent = share(covered_list, tally.used[member], used);
            bill.net_saving = bill.covered_on_demand_equivalent
                - share(displaced[index], tally.used[member], used)
                - bill.cost;
        }
    }
    for line in &mut lines {
        line.cost = line.on_demand_cost + line.committed_cost;
    }
    let on_demand_equivalent: Decimal = lines.iter().map(|line| line.on_demand_equivalent).sum();
    let on_demand_cost: Decimal = lines.iter().map(|line| line.on_demand_cost).sum();
    let sustained_use_discount: Decimal = discounts.pools.iter().sum();
    let mut assumptions = waterfall.assumptions;
    assumptions.extend(in_part(period, sustained.is_empty()));
    let commitment_cost: Decimal = bills.iter().map(|bill| bill.cost).sum();
    let used_cost: Decimal = bills.iter().map(|bill| bill.used_cost).sum();
    let total = on_demand_cost + commitment_cost;
    Bill {
        period,
        on_demand_equivalent,
        on_demand_cost,
        sustained_use_discount,
        commitment_cost,
        commitment_used_cost: used_cost,
        commitment_unused_cost: commitment_cost - used_cost,
        total,
        cash: on_demand_cost + bills.iter().map(|bill| bill.cash).sum::<Decimal>(),
        coverage: ratio(on_demand_equivalent - sustained_use_discount - on_demand_cost, on_demand_equivalent),
        utilization: ratio(used_cost, commitment_cost),
        effective_savings_rate: ratio(on_demand_equivalent - total, on_demand_equivalent),
        commitments: bills,
        lines,
        missing: waterfall.missing,
        assumptions,
    }
}

/// The sustained-use discount that goes away with what each pool of commitments covers: what all usage would get, less
/// what the rest of it does get, in proportion to the list price of what is covered.
fn displaced(
    demand: &Demand,
    waterfall: &Waterfall,
    tally: &Tally,
    discounts: &[Decimal],
    months: &[Range<usize>],
) -> Vec<Decimal> {
    let mut displaced = vec![Decimal::ZERO; waterfall.pools.len()];
    let of_all = waterfall.sustained.discounts(months, |line| demand.row(line)).pools;
    for (sustained, (of_all, of_rest)) in of_all.iter().zip(discounts).enumerate() {
        let covered = |step: usize| {
            let shares = waterfall.sustained.shares(waterfall.steps[step].line).iter();
            let price = shares.filter(|(pool, _)| *pool == sustained).map(|(_, price)| price);
            tally.covered[step] * price.sum::<i128>()
        };
        let all: i128 = (0..waterfall.steps.len()).map(covered).sum();
        for (step, of) in waterfall.steps.iter().enumerate() {
            displaced[of.pool] += share(of_all - of_rest, covered(step), all);
        }
    }
    displaced
}

/// Says so when a month with sustained-use discounts lies in the window only in part.
fn in_part(period: Period, without_discounts: bool) -> Option<String> {
    let is_cut = |at: DateTime<Utc>| BillingMonth::of(at).period().start != at;
    (!without_discounts && (is_cut(period.start) || is_cut(period.end))).then(|| {
        "sustained-use discounts: months that are billed in part are taken to go on like that part".to_owned()
    })
}
