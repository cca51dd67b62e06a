//! Text of a cell as a number or an instant.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use domain::Stamp;
use rust_decimal::Decimal;

/// Largest amount that is still believed; it keeps sums far from the end of the decimal range.
const MAX_AMOUNT: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);

/// An exact amount: plain, with an exponent, or as spreadsheets show it (`$1,234.50 `, `(12.00)`).
///
/// More digits than a decimal holds (28) are rounded off at the end.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let value = match Decimal::from_str_exact(text) {
        Ok(value) => value,
        Err(_) => loose_decimal(text)?,
    };
    (value.abs() <= MAX_AMOUNT).then_some(value)
}

fn loose_decimal(text: &str) -> Option<Decimal> {
    if let Ok(value) = text.parse::<Decimal>() {
        return Some(value);
    }
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok().or_else(|| tiny(text));
    }
    let (negative, inner) = match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let (sign, inner) = match inner.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, inner),
    };
    let inner = inner.trim_start_matches(['$', '€', '£', '¥']).trim();
    let digits = if has_thousands(inner) { inner.replace(',', "") } else { inner.to_owned() };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value = digits.parse::<Decimal>().ok()?;
    Some(if negative ^ sign { -value } else { value })
}

/// Commas that group the digits before the point by three.
fn has_thousands(text: &str) -> bool {
    let whole = text.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    groups.next().is_some_and(|first| (1..=3).contains(&first.len()))
        && groups.clone().next().is_some()
        && groups.all(|group| group.len() == 3)
}

/// A number with so negative an exponent that no decimal holds it is zero, or nearly so.
fn tiny(text: &str) -> Option<Decimal> {
    let value: f64 = text.parse().ok()?;
    if value.abs() < 1e-12 {
        // 28 digits after the point are all that a decimal has
        return format!("{value:.28}").parse().ok();
    }
    value.is_finite().then(|| format!("{value}"))?.parse().ok()
}

/// A statistic: a finite number.
pub(crate) fn finite(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

/// An instant as RFC 3339 writes it, or with a blank for the `T`, without seconds, without a time, or
/// without a zone (UTC then).
pub(crate) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let date = NaiveDate::from_ymd_opt(digits(text, 0, 4)?, unsigned(text, 5, 2)?, unsigned(text, 8, 2)?)?;
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-')
        || bytes.get(7) != Some(&b'-')
        || !Stamp::YEARS.contains(&digits(text, 0, 4)?)
    {
        return None;
    }
    if text.len() == 10 {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    if !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) || bytes.get(13) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (unsigned(text, 11, 2)?, unsigned(text, 14, 2)?);
    let (second, rest) = match bytes.get(16) {
        Some(b':') => (unsigned(text, 17, 2)?, text.get(19..)?),
        _ => (0, text.get(16..)?),
    };
    let (nanos, rest) = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
            let nanos: String = fraction.get(..end)?.chars().chain("000000000".chars()).take(9).collect();
            (if end == 0 { return None } else { nanos.parse().ok()? }, fraction.get(end..)?)
        }
        None => (0, rest),
    };
    // a leap second is the second before it
    let time = NaiveTime::from_hms_nano_opt(hour, minute, second.min(59), nanos).filter(|_| second <= 60)?;
    let offset = zone_seconds(rest.trim())?;
    Some(date.and_time(time).and_utc() - Duration::seconds(offset))
}

/// A day as spreadsheets and Azure write it, month first: `09/01/2023`, `5/1/25`, also with a time.
pub(crate) fn us_instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let (day, time) = text.split_once(' ').unwrap_or((text, ""));
    let mut parts = day.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let lengths =
        (1..=2).contains(&month.len()) && (1..=2).contains(&day.len()) && matches!(year.len(), 2 | 4);
    if !lengths || parts.next().is_some() {
        return None;
    }
    let short_year = if year.len() == 2 { 2000 } else { 0 };
    let year = number(year)? + short_year;
    let date = NaiveDate::from_ymd_opt(
        year,
        u32::try_from(number(month)?).ok()?,
        u32::try_from(number(day)?).ok()?,
    )?;
    let midnight = date.and_time(NaiveTime::MIN).and_utc();
    match time {
        "" => Some(midnight).filter(|_| Stamp::YEARS.contains(&year)),
        time => {
            let iso = format!("{} {}", date.format("%Y-%m-%d"), time.trim());
            let iso = if iso.as_bytes().get(12) == Some(&b':') { iso.replacen(' ', " 0", 1) } else { iso };
            instant(&iso)
        }
    }
}

/// A stamp of a series: an integer step, or an instant.
pub(crate) fn step_or_instant(text: &str) -> Option<Stamp> {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(step) => Some(Stamp::Step(step)),
        Err(_) => instant(text).map(Stamp::Time),
    }
}

/// Seconds east of UTC of `Z`, `UTC`, `+02:00`, `+0200`, `+02`, or nothing.
fn zone_seconds(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let hours = i64::from(unsigned(rest, 0, 2)?);
    let minutes = match rest.get(2..)? {
        "" => 0,
        more => {
            let more = more.strip_prefix(':').unwrap_or(more);
            if more.len() != 2 {
                return None;
            }
            i64::from(unsigned(more, 0, 2)?)
        }
    };
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn digits(text: &str, start: usize, length: usize) -> Option<i32> {
    number(text.get(start..start + length)?)
}

fn unsigned(text: &str, start: usize, length: usize) -> Option<u32> {
    u32::try_from(digits(text, start, length)?).ok()
}

/// Digits only: no sign, no blanks.
fn number(text: &str) -> Option<i32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_every_digit() {
        for (text, exact) in [
            ("0.00000080000", "0.00000080000"),
            ("116.81796202410585", "116.81796202410585"),
            ("-2.6137", "-2.6137"),
            ("$10,000.00 ", "10000.00"),
            ("($12.50)", "-12.50"),
            ("-$1,234,567.8", "-1234567.8"),
            ("1.5E-7", "0.00000015"),
            ("2e3", "2000"),
            ("1E-40", "0"),
            ("0.10000000000000000000000000000000001", "0.1"),
        ] {
            assert_eq!(decimal(text), Some(exact.parse().unwrap()), "{text}");
        }
        for bad in
            ["", "abc", "NaN", "inf", "1,5", "12,34", "1,234,5", "1e400", "--1", "$", "1e30", "0x10", "1 2"]
        {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn instants_of_every_export() {
        let expected: DateTime<Utc> = "2024-09-18T22:00:00Z".parse().unwrap();
        for text in [
            "2024-09-18T22:00:00Z",
            "2024-09-18 22:00:00",
            "2024-09-18 22:00:00+00:00",
            "2024-09-18 22:00:00.000 UTC",
            "2024-09-18T22:00Z",
            "2024-09-19T00:00:00+02:00",
            "2024-09-18T16:30:00-0530",
        ] {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        assert_eq!(instant("2024-09-18").unwrap().to_rfc3339(), "2024-09-18T00:00:00+00:00");
        for bad in [
            "2023-02-01T30:00:00Z",
            "2024-13-01",
            "0001-01-01",
            "1799-12-31",
            "2024-09-18Q22:00",
            "24-9-1",
            "２０２４-01-01",
            "",
        ] {
            assert_eq!(instant(bad), None, "{bad}");
        }
        assert_eq!(instant("1800-01-01").unwrap().timestamp(), -5_364_662_400);
        assert_eq!(instant("9999-12-31T23:59:59Z").unwrap().timestamp(), 253_402_300_799);
        assert_eq!(us_instant("09/01/2023").unwrap().to_rfc3339(), "2023-09-01T00:00:00+00:00");
        assert_eq!(us_instant("5/1/25").unwrap().to_rfc3339(), "2025-05-01T00:00:00+00:00");
        assert_eq!(us_instant("5/1/2025 4:30").unwrap().to_rfc3339(), "2025-05-01T04:30:00+00:00");
        assert_eq!(us_instant("13/01/2023"), None);
    }
}
