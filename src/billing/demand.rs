//! Usage as a table of lines by hours, in a form that can be billed again and again.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use chrono::{DateTime, Duration, Timelike, Utc};
use domain::{Period, Provider, UsageHour};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::price_book::os_key;
use crate::simulate::BillingError;
use crate::ticks::{from_ticks, to_ticks};

/// Longest window that is billed at once, in hours (20 years): beyond it, a stamp is wrong.
const LONGEST_HOURS: i64 = 20 * 8766;

/// What makes instance-hours interchangeable on a bill.
///
/// On AWS and Google Cloud `region` may name a zone (`us-east-1a`) where the usage tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineKey {
    /// Cloud.
    pub provider: Provider,
    /// Account, subscription or project.
    pub account: String,
    /// Region, or zone.
    pub region: String,
    /// Instance type.
    pub instance_type: String,
    /// Operating system.
    pub os: String,
}

impl LineKey {
    /// The line that an hour of usage belongs to; the usual operating systems get one spelling.
    pub fn of(usage: &UsageHour) -> Self {
        let os = match os_key(&usage.os).as_str() {
            "linux" => "Linux".to_owned(),
            "windows" => "Windows".to_owned(),
            "rhel" => "RHEL".to_owned(),
            "suse" => "SUSE".to_owned(),
            _ => usage.os.trim().to_owned(),
        };
        Self {
            provider: usage.provider,
            account: usage.account.trim().to_owned(),
            region: usage.region.trim().to_owned(),
            instance_type: usage.instance_type.trim().to_owned(),
            os,
        }
    }
}

/// Instance-hours by line and hour; an hour without a row is 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand {
    start: DateTime<Utc>,
    hours: usize,
    /// Sorted; every sum and tie goes in this order, so that the order of the input never matters.
    lines: Vec<LineKey>,
    /// Ticks of instance-hours, all hours of the first line, then of the second, …
    ticks: Vec<i128>,
}

impl Demand {
    /// The table from the first to the last hour of `usage`; rows of the same line and hour add up.
    ///
    /// Errors name the row (0 is the first): negative quantities, stamps off the full hour, a window
    /// longer than 20 years.
    pub fn new(usage: &[UsageHour]) -> Result<Self, BillingError> {
        let first = usage.iter().map(|row| row.hour).min();
        let last = usage.iter().map(|row| row.hour).max();
        match (first, last) {
            (Some(start), Some(last)) => Self::over(Period { start, end: last + Duration::hours(1) }, usage),
            _ => Ok(Self { start: DateTime::UNIX_EPOCH, hours: 0, lines: vec![], ticks: vec![] }),
        }
    }

    /// The table over exactly `period` (full hours); rows outside it are left out.
    pub fn over(period: Period, usage: &[UsageHour]) -> Result<Self, BillingError> {
        let length = (period.end - period.start).num_hours();
        if !(0..=LONGEST_HOURS).contains(&length) {
            return Err(BillingError::Window { start: period.start, end: period.end });
        }
        let hours = usize::try_from(length).unwrap_or(0);
        // Rows of a line repeat their texts: each different spelling is looked at once.
        let mut spellings = HashMap::new();
        let mut keys: Vec<LineKey> = Vec::new();
        let mut cells = Vec::with_capacity(usage.len());
        for (row, used) in usage.iter().enumerate() {
            if used.hour.minute() != 0 || used.hour.second() != 0 || used.hour.nanosecond() != 0 {
                return Err(BillingError::OffHour { row, hour: used.hour });
            }
            if used.quantity.is_sign_negative() && !used.quantity.is_zero() {
                let instance_type = used.instance_type.clone();
                return Err(BillingError::Negative {
                    row,
                    hour: used.hour,
                    instance_type,
                    quantity: used.quantity,
                });
            }
            if !period.contains(used.hour) {
                continue;
            }
            let ticks = to_ticks(used.quantity).ok_or(BillingError::TooLarge {
                row,
                hour: used.hour,
                quantity: used.quantity,
            })?;
            let spelling = (
                used.provider,
                used.account.as_str(),
                used.region.as_str(),
                used.instance_type.as_str(),
                used.os.as_str(),
            );
            let next = spellings.len();
            let index = *spellings.entry(spelling).or_insert_with(|| {
                keys.push(LineKey::of(used));
                next
            });
            let hour = usize::try_from((used.hour - period.start).num_hours()).unwrap_or(0);
            cells.push((index, hour, ticks));
        }
        let mut order: BTreeMap<&LineKey, usize> = keys.iter().map(|key| (key, 0)).collect();
        for (position, index) in order.values_mut().enumerate() {
            *index = position;
        }
        let position: Vec<usize> = keys.iter().map(|key| order[key]).collect();
        let lines: Vec<LineKey> = order.into_keys().cloned().collect();
        let mut ticks = vec![0; lines.len() * hours];
        for (index, hour, quantity) in cells {
            ticks[position[index] * hours + hour] += quantity;
        }
        Ok(Self { start: period.start, hours, lines, ticks })
    }

    /// The window.
    pub fn period(&self) -> Period {
        Period { start: self.start, end: self.start + Duration::hours(self.hours as i64) }
    }

    /// Number of hours of the window.
    pub fn hours(&self) -> usize {
        self.hours
    }

    /// The lines, sorted.
    pub fn lines(&self) -> &[LineKey] {
        &self.lines
    }

    /// Instance-hours of line `line` (an index of [`lines`](Self::lines)) in hour `hour` of the window.
    pub fn quantity(&self, line: usize, hour: usize) -> Decimal {
        from_ticks(self.row(line)[hour])
    }

    /// All hours of one line as statistics.
    pub fn series(&self, line: usize) -> Vec<f64> {
        self.row(line).iter().map(|ticks| ticks.to_f64().unwrap_or(0.0) / 1e12).collect()
    }

    /// The same lines over a part of the window; hours outside it are 0.
    pub fn window(&self, period: Period) -> Result<Self, BillingError> {
        let mut part = Self::over(period, &[])?;
        let shift = (period.start - self.start).num_hours();
        part.lines.clone_from(&self.lines);
        part.ticks = Vec::with_capacity(self.lines.len() * part.hours);
        for line in 0..self.lines.len() {
            let row = self.row(line);
            part.ticks.extend((0..part.hours as i64).map(|hour| {
                usize::try_from(hour + shift).ok().and_then(|index| row.get(index).copied()).unwrap_or(0)
            }));
        }
        Ok(part)
    }

    /// Adds `quantity` instance-hours (below 0: takes them away) to a line in each of `hours`.
    ///
    /// This is how an action is priced: bill before, change, bill after. Nothing changes and an error is
    /// returned when an hour would fall below 0 or lies outside the window.
    pub fn change(
        &mut self,
        line: &LineKey,
        hours: Range<usize>,
        quantity: Decimal,
    ) -> Result<(), BillingError> {
        let change =
            to_ticks(quantity).ok_or(BillingError::TooLarge { row: 0, hour: self.start, quantity })?;
        let outside = hours.end > self.hours || hours.start > hours.end;
        let index = match self.lines.binary_search(line) {
            Ok(index) => Some(index),
            Err(_) if outside => None,
            Err(index) => {
                self.lines.insert(index, line.clone());
                let at = index * self.hours;
                self.ticks.splice(at..at, std::iter::repeat_n(0, self.hours));
                Some(index)
            }
        };
        let cells = index
            .filter(|_| !outside)
            .map(|index| index * self.hours + hours.start..index * self.hours + hours.end);
        let short =
            cells.as_ref().is_none_or(|cells| self.ticks[cells.clone()].iter().any(|had| had + change < 0));
        let (false, Some(cells)) = (short, cells) else {
            return Err(BillingError::Change { instance_type: line.instance_type.clone(), hours, quantity });
        };
        for had in &mut self.ticks[cells] {
            *had += change;
        }
        Ok(())
    }

    pub(crate) fn row(&self, line: usize) -> &[i128] {
        &self.ticks[line * self.hours..(line + 1) * self.hours]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hour: u32, os: &str, quantity: &str) -> UsageHour {
        UsageHour {
            hour: format!("2026-01-01T{hour:02}:00:00Z").parse().unwrap(),
            provider: Provider::Aws,
            account: "1".to_owned(),
            region: "us-east-1".to_owned(),
            instance_type: "m5.large".to_owned(),
            os: os.to_owned(),
            quantity: quantity.parse().unwrap(),
        }
    }

    #[test]
    fn adds_up_rows_and_fills_gaps_with_zero() {
        let demand =
            Demand::new(&[row(3, "linux", "1.5"), row(0, "Linux", "2"), row(3, "Linux/UNIX", "1")]).unwrap();
        assert_eq!((demand.lines().len(), demand.hours()), (1, 4));
        assert_eq!(demand.series(0), [2.0, 0.0, 0.0, 2.5]);
    }

    #[test]
    fn names_the_bad_row() {
        let negative = Demand::new(&[row(0, "Linux", "1"), row(1, "Linux", "-1")]).unwrap_err();
        assert!(matches!(negative, BillingError::Negative { row: 1, .. }), "{negative}");
        let mut half = row(0, "Linux", "1");
        half.hour += Duration::minutes(30);
        assert!(matches!(Demand::new(&[half]), Err(BillingError::OffHour { row: 0, .. })));
    }

    #[test]
    fn changes_leave_the_rest_alone() {
        let mut demand = Demand::new(&[row(0, "Linux", "2"), row(1, "Linux", "2")]).unwrap();
        let before = demand.clone();
        let line = demand.lines()[0].clone();
        assert!(demand.change(&line, 0..2, Decimal::from(-3)).is_err());
        assert_eq!(demand, before);
        demand.change(&line, 1..2, Decimal::from(-2)).unwrap();
        let smaller = LineKey { instance_type: "m5.small".to_owned(), ..line };
        demand.change(&smaller, 1..2, Decimal::ONE).unwrap();
        assert_eq!((demand.series(0), demand.series(1)), (vec![2.0, 0.0], vec![0.0, 1.0]));
        let later = demand
            .window(Period { start: demand.period().start + Duration::hours(1), end: demand.period().end });
        assert_eq!(later.unwrap().series(1), [1.0]);
    }
}
