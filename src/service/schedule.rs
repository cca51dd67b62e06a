//! When something is due: cron expressions in civil time of a zone.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::CronParser;
use jiff::Timestamp;

use crate::zone;

/// The first time after `after` that the expression names, in the civil time of `zone`.
///
/// A civil time that daylight saving skips fires right after the gap; one that it repeats fires once.
pub(crate) fn next(expression: &str, zone: &str, after: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    let cron = parse(expression)?;
    let start = Timestamp::from_second(after.timestamp())?.to_zoned(zone::named(zone)?);
    let next = cron
        .find_next_occurrence(&start, false)
        .with_context(|| format!("{expression:?} never fires again"))?;
    DateTime::from_timestamp(next.timestamp().as_second(), 0).context("the next time is out of range")
}

fn parse(expression: &str) -> anyhow::Result<Cron> {
    CronParser::new()
        .parse(expression)
        .with_context(|| format!("{expression:?} is not a cron expression: expected minute hour day month weekday, as in 0 7 * * MON"))
}
