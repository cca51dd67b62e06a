//! Spans of time as typed on the command line: `10m`, `48h`, `14d`.

use anyhow::bail;

const SECONDS: [(&str, u64); 6] =
    [("s", 1), ("min", 60), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];

/// Seconds of a span.
pub(crate) fn seconds(flag: &str, text: &str) -> anyhow::Result<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let scale = SECONDS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds);
    match (digits.parse::<u64>().ok(), scale) {
        (Some(count), Some(scale)) if count > 0 => Ok(count.saturating_mul(scale)),
        _ => bail!(
            "--{flag} {text:?} is not a span of time: expected a number and s, m, h, d or w, as in 10m or 14d"
        ),
    }
}

/// Whole days of a span.
pub(crate) fn days(flag: &str, text: &str) -> anyhow::Result<u32> {
    let seconds = seconds(flag, text)?;
    match u32::try_from(seconds / 86_400) {
        Ok(days) if seconds.is_multiple_of(86_400) => Ok(days),
        _ => bail!("--{flag} {text:?} is not a whole number of days: expected something like 28d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(seconds("lead-time", "10m").unwrap(), 600);
        assert_eq!(days("every", "4w").unwrap(), 28);
        for bad in ["", "10", "m", "1.5h", "-1d", "0h", "3mo"] {
            assert!(seconds("x", bad).unwrap_err().to_string().contains("expected a number"), "{bad}");
        }
        assert!(days("every", "36h").unwrap_err().to_string().contains("whole number of days"));
    }
}
