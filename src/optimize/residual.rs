//! Usage as it would have been with the plan's actions done: what commitments are bought for.

use std::collections::{BTreeMap, BTreeSet};

use billing::LineKey;
use chrono::{DateTime, Duration, Utc};
use domain::UsageHour;
use rust_decimal::Decimal;

use crate::ledger::Run;
use crate::schedule::{WEEK, hour_of_week};

/// What becomes of one machine: it leaves `from`, and runs as `to` where it still runs on demand.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    from: LineKey,
    to: LineKey,
    /// Since when it exists.
    since: Option<DateTime<Utc>>,
    /// Mean instance-hours before and after, by hour of the week.
    before: Vec<Decimal>,
    after: Vec<Decimal>,
}

impl Move {
    /// From what the machine had of the window that starts at `start` and what it will have.
    pub(crate) fn new(before: &Run, after: &Run, start: DateTime<Utc>, since: Option<DateTime<Utc>>) -> Self {
        let weeks = |run: &Run| {
            let hours = run
                .hours
                .iter()
                .flat_map(|(hours, quantity)| hours.clone().map(move |hour| (hour, *quantity)));
            let mut sums = vec![Decimal::ZERO; WEEK];
            for (hour, quantity) in hours {
                sums[hour_of_week(start + Duration::hours(hour as i64))] += quantity;
            }
            sums
        };
        // Both sides are divided by the hours before: a machine counts as itself, however short the window.
        let mut seen = vec![0_u32; WEEK];
        for hour in before.hours.iter().flat_map(|(hours, _)| hours.clone()) {
            seen[hour_of_week(start + Duration::hours(hour as i64))] += 1;
        }
        let mean = |sums: Vec<Decimal>| {
            sums.iter()
                .zip(&seen)
                .map(|(sum, hours)| (*sum / Decimal::from((*hours).max(1))).round_dp(6))
                .collect()
        };
        Self {
            from: before.line.clone(),
            to: after.line.clone(),
            since,
            before: mean(weeks(before)),
            after: mean(weeks(after)),
        }
    }
}

/// `usage` before `end` without the lines in `unpriced`, and with every move done in all of its hours, never
/// taking more from a line than it had. Sorted by hour and line.
pub(crate) fn usage_after(
    usage: &[UsageHour],
    unpriced: &BTreeSet<LineKey>,
    moves: &[Move],
    end: DateTime<Utc>,
) -> Vec<UsageHour> {
    let mut hours: BTreeMap<DateTime<Utc>, BTreeMap<LineKey, Decimal>> = BTreeMap::new();
    for row in usage.iter().filter(|row| row.hour < end) {
        let line = LineKey::of(row);
        if !unpriced.contains(&line) {
            *hours.entry(row.hour).or_default().entry(line).or_default() += row.quantity;
        }
    }
    for (hour, lines) in &mut hours {
        let week = hour_of_week(*hour);
        for moved in moves.iter().filter(|moved| moved.since.is_none_or(|since| since <= *hour)) {
            let Some(had) = lines.get_mut(&moved.from) else { continue };
            let taken = (*had).min(moved.before[week]);
            *had -= taken;
            let stays = moved.after[week].min(taken);
            if stays > Decimal::ZERO {
                *lines.entry(moved.to.clone()).or_default() += stays;
            }
        }
    }
    let row = |hour: DateTime<Utc>, (line, quantity): (LineKey, Decimal)| UsageHour {
        hour,
        provider: line.provider,
        account: line.account,
        region: line.region,
        instance_type: line.instance_type,
        os: line.os,
        quantity,
    };
    hours.into_iter().flat_map(|(hour, lines)| lines.into_iter().map(move |line| row(hour, line))).collect()
}
