//! Time zones by their name, from the system's own table.

use anyhow::Context as _;
use chrono::DateTime;
use forecast::UtcOffset;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Changes of the clock that a forecast is told of: 1980 to 2060.
const FIRST: i64 = 315_532_800;
const LAST: i64 = 2_840_140_800;

/// The zone of an IANA name.
pub(crate) fn named(zone: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(zone)
        .with_context(|| format!("unknown time zone {zone:?}: expected an IANA name such as Europe/Berlin"))
}

/// What the clock of a zone shows, from each of its changes on.
pub(crate) fn utc_offsets(zone: &TimeZone) -> anyhow::Result<Vec<UtcOffset>> {
    let start = Timestamp::from_second(FIRST)?;
    let mut offsets = vec![offset(FIRST, zone.to_offset(start).seconds())?];
    for change in zone.following(start) {
        let second = change.timestamp().as_second();
        if second >= LAST {
            break;
        }
        offsets.push(offset(second, change.offset().seconds())?);
    }
    Ok(offsets)
}

fn offset(second: i64, seconds: i32) -> anyhow::Result<UtcOffset> {
    Ok(UtcOffset {
        from: DateTime::from_timestamp(second, 0).context("a change of the clock is out of range")?,
        seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn berlin_puts_its_clocks_forward_and_back() {
        let offsets = utc_offsets(&named("Europe/Berlin").unwrap()).unwrap();
        let from =
            |text: &str| offsets.iter().find(|offset| offset.from.to_rfc3339() == text).unwrap().seconds;
        assert_eq!(from("2026-03-29T01:00:00+00:00"), 7_200);
        assert_eq!(from("2026-10-25T01:00:00+00:00"), 3_600);
        assert_eq!(utc_offsets(&TimeZone::UTC).unwrap().len(), 1);
        let error = named("Mars/Base").unwrap_err().to_string();
        assert_eq!(error, "unknown time zone \"Mars/Base\": expected an IANA name such as Europe/Berlin");
    }
}
