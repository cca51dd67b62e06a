//! The books before anything is done: which usage, machines, bills and commitments the plan can price.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use billing::{BillingError, Demand, LineKey, PriceBook};
use chrono::{DateTime, Duration, Timelike, Utc};
use domain::{
    Commitment, MetricName, Period, Provider, Resource, ResourceKind, ResourceState, Skip, UsageHour,
};
use rust_decimal::Decimal;

use crate::Facts;
use crate::ledger::{Ledger, Run, list_price};
use crate::metrics::ResourceMetrics;

/// Hours of usage that stand for a month: 30 days, as in the bill.
const WINDOW_HOURS: i64 = 720;
/// Share of the hours since the first sample above which a machine counts as always on: gaps are lost samples.
const ALWAYS_ON: f64 = 0.95;

/// The books as they are.
pub(crate) struct Opening<'a> {
    pub(crate) ledger: Ledger<'a>,
    /// Usage, machines and commitments that cannot be priced.
    pub(crate) skips: Vec<Skip>,
    /// Lines of usage without a price.
    pub(crate) unpriced: BTreeSet<LineKey>,
    /// The last 30 days, or what there is of them.
    pub(crate) window: Period,
}

/// Opens the books of `facts`.
pub(crate) fn open(facts: &Facts) -> Result<Opening<'_>, BillingError> {
    let end = full_hour(facts.as_of);
    let earliest = end - Duration::hours(WINDOW_HOURS);
    let known = |row: &&UsageHour| row.hour < end;
    let first = facts.usage.iter().filter(known).map(|row| row.hour).filter(|hour| *hour >= earliest).min();
    let window = Period { start: first.unwrap_or(earliest), end };
    let mut skips = Vec::new();
    if let Some((row, negative)) =
        facts.usage.iter().enumerate().find(|(_, used)| used.quantity < Decimal::ZERO)
    {
        return Err(BillingError::Negative {
            row,
            hour: negative.hour,
            instance_type: negative.instance_type.clone(),
            quantity: negative.quantity,
        });
    }

    let mut unpriced = BTreeSet::new();
    let mut usage: BTreeMap<Provider, Demand> = BTreeMap::new();
    for provider in Provider::ALL {
        let rows = || facts.usage.iter().filter(known).filter(|row| row.provider == provider);
        for line in lines(rows()) {
            match list_price(&facts.prices, &line, window.start) {
                Ok(_) => {}
                Err(BillingError::MissingPrice(missing)) => {
                    skips.push(Skip {
                        subject: format!("{} {} {} {}", provider, line.region, line.instance_type, line.os),
                        considered: "pricing".to_owned(),
                        reason: missing.to_string(),
                    });
                    unpriced.insert(line);
                }
                Err(error) => return Err(error),
            }
        }
        let in_window = rows().filter(|row| window.contains(row.hour));
        let priced: Vec<UsageHour> =
            in_window.filter(|row| !unpriced.contains(&LineKey::of(row))).cloned().collect();
        usage.insert(provider, Demand::over(window, &priced)?);
    }

    let runs = runs(facts, window, &usage);
    let exists: BTreeSet<&str> =
        facts.resources.iter().map(|resource| resource.resource_id.as_str()).collect();
    let mut billed: BTreeMap<String, Decimal> = facts
        .monthly_costs
        .iter()
        .filter(|(id, cost)| {
            exists.contains(id.as_str()) && !runs.contains_key(*id) && **cost > Decimal::ZERO
        })
        .map(|(id, cost)| (id.clone(), *cost))
        .collect();
    // Nothing is saved by deleting what is gone.
    for gone in facts.resources.iter().filter(|resource| resource.state == ResourceState::Deleted) {
        billed.remove(&gone.resource_id);
    }
    let (held, unpriceable) = priceable(&facts.commitments, &facts.prices, window);
    skips.extend(unpriceable);
    let horizon = Period { start: end, end: end + Duration::days(i64::from(facts.policy.plan.horizon_days)) };
    let ledger = Ledger::new(&facts.prices, window, horizon, usage, runs, billed, held)?;
    Ok(Opening { ledger, skips, unpriced, window })
}

/// The different lines of many rows, each spelling looked at once.
fn lines<'a>(rows: impl Iterator<Item = &'a UsageHour>) -> BTreeSet<LineKey> {
    let mut spellings = HashSet::new();
    let spelling =
        |row: &'a UsageHour| [&row.account, &row.region, &row.instance_type, &row.os].map(String::as_str);
    rows.filter(|row| spellings.insert(spelling(row))).map(LineKey::of).collect()
}

/// The instance-hours that each running machine has of the usage. Machines are served in the order of their ids,
/// and together get no more than the usage of their line.
fn runs(facts: &Facts, window: Period, usage: &BTreeMap<Provider, Demand>) -> BTreeMap<String, Run> {
    let mut left: BTreeMap<LineKey, Vec<Decimal>> = BTreeMap::new();
    for demand in usage.values() {
        for (index, line) in demand.lines().iter().enumerate() {
            left.insert(line.clone(), (0..demand.hours()).map(|hour| demand.quantity(index, hour)).collect());
        }
    }
    let mut machines: Vec<&Resource> =
        facts.resources.iter().filter(|resource| is_simulated(resource)).collect();
    machines.sort_by(|a, b| a.resource_id.cmp(&b.resource_id));
    let mut runs = BTreeMap::new();
    for machine in machines {
        let line = line_of(machine, window.start);
        let Some(left) = left.get_mut(&line) else { continue };
        let mut hours: Vec<(Range<usize>, Decimal)> = Vec::new();
        for hour in ran(machine, facts.metrics.of(&machine.resource_id), window) {
            let Some(left) = left.get_mut(hour) else { continue };
            let taken = (*left).min(Decimal::ONE);
            if taken <= Decimal::ZERO {
                continue;
            }
            *left -= taken;
            match hours.last_mut().filter(|(last, had)| last.end == hour && *had == taken) {
                Some((last, _)) => last.end += 1,
                None => hours.push((hour..hour + 1, taken)),
            }
        }
        if !hours.is_empty() {
            runs.insert(machine.resource_id.clone(), Run { line, hours });
        }
    }
    runs
}

fn is_simulated(resource: &Resource) -> bool {
    resource.kind == ResourceKind::Vm
        && resource.state == ResourceState::Running
        && !resource.spot
        && resource.instance_type.is_some()
}

/// The line of usage that a machine belongs to.
pub(crate) fn line_of(machine: &Resource, hour: DateTime<Utc>) -> LineKey {
    LineKey::of(&UsageHour {
        hour,
        provider: machine.provider,
        account: machine.account.clone(),
        region: machine.region.clone(),
        instance_type: machine.instance_type.clone().unwrap_or_default(),
        os: machine.os.clone().unwrap_or_else(|| "Linux".to_owned()),
        quantity: Decimal::ONE,
    })
}

/// The hours of the window in which a machine ran: those with a CPU sample, or all since it came up.
fn ran(machine: &Resource, metrics: Option<&ResourceMetrics>, window: Period) -> Vec<usize> {
    let index = |at: DateTime<Utc>| usize::try_from((at - window.start).num_hours()).unwrap_or(0);
    let hours = index(window.end);
    let up_since = machine.state_since.filter(|since| *since > window.start).map_or(0, index).min(hours);
    let cpu = metrics.and_then(|metrics| metrics.get(&MetricName::CpuUtilization));
    let mut measured: Vec<usize> = cpu
        .into_iter()
        .flatten()
        .filter(|reading| window.contains(reading.at))
        .map(|reading| index(reading.at))
        .collect();
    measured.dedup();
    let Some(first) = measured.first().copied() else { return (up_since..hours).collect() };
    if measured.len() as f64 >= (hours - first) as f64 * ALWAYS_ON {
        // Metrics are often kept for a shorter time than usage: it ran before as it does now.
        let start = if machine.state_since.is_some() { up_since.min(first) } else { 0 };
        return (start..hours).collect();
    }
    measured
}

/// Commitments that can be priced, as a bill of nothing under each alone tells.
fn priceable(held: &[Commitment], book: &PriceBook, window: Period) -> (Vec<Commitment>, Vec<Skip>) {
    let mut kept = Vec::new();
    let mut skips = Vec::new();
    let mut sorted: Vec<&Commitment> = held.iter().collect();
    sorted.sort_by(|a, b| a.id.cmp(&b.id));
    for commitment in sorted {
        let alone = std::slice::from_ref(commitment);
        match Demand::over(window, &[]).and_then(|nothing| nothing.bill(alone, book)) {
            Ok(_) => kept.push(commitment.clone()),
            Err(error) => skips.push(Skip {
                subject: commitment.id.clone(),
                considered: "held commitment".to_owned(),
                reason: error.to_string(),
            }),
        }
    }
    (kept, skips)
}

/// The start of the hour of an instant.
pub(crate) fn full_hour(instant: DateTime<Utc>) -> DateTime<Utc> {
    let past = i64::from(instant.minute()) * 3600 / 60 + i64::from(instant.second());
    instant - Duration::seconds(past) - Duration::nanoseconds(i64::from(instant.nanosecond()))
}
