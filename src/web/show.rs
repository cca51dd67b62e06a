//! How values are written on pages: money, counts, ratios and times, always the same way. Templates hold
//! some values and borrow others, so these take both.

use std::fmt::Display;

use chart::Unit;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{Currency, group_digits, show_amount, symbol, to_cents, to_statistic};
use rust_decimal::Decimal;

/// A small value as templates have it: their own, borrowed, or borrowed from a loop variable.
pub(crate) trait Given<T> {
    /// The value.
    fn given(&self) -> T;
}

impl<T: Copy> Given<T> for T {
    fn given(&self) -> T {
        *self
    }
}

impl<T: Copy> Given<T> for &T {
    fn given(&self) -> T {
        **self
    }
}

impl<T: Copy> Given<T> for &&T {
    fn given(&self) -> T {
        ***self
    }
}

/// An amount to the cent with its symbol: `$1,234.57`, `−$20.00`, `CHF 12.00`.
pub(crate) fn money(amount: impl Given<Decimal>, currency: impl Given<Currency>) -> String {
    let shown = show_amount(amount.given());
    let (sign, digits) = shown.strip_prefix('−').map_or(("", shown.as_str()), |digits| ("−", digits));
    format!("{sign}{}{digits}", symbol(currency.given()))
}

/// An amount in three digits: `$1.23k`.
pub(crate) fn money_short(amount: impl Given<Decimal>, currency: impl Given<Currency>) -> String {
    Unit::Money(currency.given()).short(to_statistic(amount.given()))
}

/// An amount to the cent without a currency, where the rows of a table have several.
pub(crate) fn amount(amount: impl Given<Decimal>) -> String {
    show_amount(amount.given())
}

/// A signed change: `+$12.00`, `−$3.00`.
pub(crate) fn change(amount: impl Given<Decimal>, currency: impl Given<Currency>) -> String {
    let amount = amount.given();
    let text = money(amount, currency);
    if to_cents(amount) > Decimal::ZERO { format!("+{text}") } else { text }
}

/// A ratio in percent with one decimal: `12.3 %`.
pub(crate) fn percent(ratio: impl Given<f64>) -> String {
    let ratio = ratio.given();
    if !ratio.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.1} %", ratio * 100.0);
    text.strip_prefix('-').map_or(text.clone(), |rest| format!("−{rest}"))
}

/// A probability in percent; one too small to show says so instead of claiming none.
pub(crate) fn chance(probability: impl Given<f64>) -> String {
    let probability = probability.given();
    if probability > 0.0 && probability < 0.0005 { "under 0.1 %".to_owned() } else { percent(probability) }
}

/// A number with at most `decimals` decimals and grouped digits.
pub(crate) fn number(value: impl Given<f64>, decimals: impl Given<usize>) -> String {
    let (value, decimals) = (value.given(), decimals.given());
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let sign = if value < 0.0 && text.bytes().any(|b| b.is_ascii_digit() && b != b'0') { "−" } else { "" };
    format!("{sign}{}", group_digits(&text))
}

/// A score with three decimals, or a dash where there is none.
pub(crate) fn score(value: impl Given<Option<f64>>) -> String {
    value.given().map_or_else(|| "–".to_owned(), |value| number(value, 3))
}

/// A ratio that may be missing, in percent.
pub(crate) fn percent_or_dash(value: impl Given<Option<f64>>) -> String {
    value.given().map_or_else(|| "–".to_owned(), percent)
}

/// A whole number with grouped digits.
pub(crate) fn count(value: impl Display) -> String {
    group_digits(&value.to_string())
}

/// The file at the end of a path or URL: where it lies on the server is nobody's business who reads figures.
pub(crate) fn file_name(key: &str) -> &str {
    key.rsplit(['/', '\\']).next().unwrap_or(key)
}

/// A day: `22 Nov 2026`.
pub(crate) fn day(at: impl Given<DateTime<Utc>>) -> String {
    at.given().format("%-d %b %Y").to_string()
}

/// One day, or the first and the last of several: `22 Nov 2026`, `22 Nov 2026 to 3 Dec 2026`.
pub fn days(first: NaiveDate, last: NaiveDate) -> String {
    let name = |day: NaiveDate| day.format("%-d %b %Y").to_string();
    if first == last { name(first) } else { format!("{} to {}", name(first), name(last)) }
}

/// A moment: `22 Nov 2026 15:04 UTC`.
pub(crate) fn moment(at: impl Given<DateTime<Utc>>) -> String {
    at.given().format("%-d %b %Y %H:%M UTC").to_string()
}

/// The machine-readable form for `<time datetime>`.
pub(crate) fn machine(at: impl Given<DateTime<Utc>>) -> String {
    at.given().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// A distance in the largest sensible unit: `3 days`, `5 hours`, `40 s`.
pub(crate) fn distance(span: Duration) -> String {
    let seconds = span.num_seconds().abs();
    let plural = |n: i64, unit: &str| if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") };
    match seconds {
        s if s < 90 => format!("{s} s"),
        s if s < 5400 => plural(s / 60, "minute"),
        s if s < 48 * 3600 => plural(s / 3600, "hour"),
        s => plural(s / 86_400, "day"),
    }
}

/// How long ago something was, or how far ahead it is: `3 days ago`, `in 5 hours`.
pub(crate) fn ago(at: impl Given<DateTime<Utc>>, now: impl Given<DateTime<Utc>>) -> String {
    let (at, now) = (at.given(), now.given());
    if at > now { format!("in {}", distance(at - now)) } else { format!("{} ago", distance(now - at)) }
}

/// A duration of a stage: `840 ms`, `12.4 s`, `3 min 5 s`.
pub(crate) fn milliseconds(ms: impl Given<u64>) -> String {
    match ms.given() {
        ms if ms < 1000 => format!("{ms} ms"),
        ms if ms < 60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// A name from a file format as words: `over_provisioned` → `over provisioned`, `UseSpot` → `Use spot`.
pub(crate) fn words(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (index, letter) in name.char_indices() {
        if letter == '_' {
            out.push(' ');
        } else if letter.is_uppercase() && index > 0 {
            out.push(' ');
            out.extend(letter.to_lowercase());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_and_rounds_half_away_from_zero() {
        let usd = Currency::USD;
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(money(decimal("1234567.005"), usd), "$1,234,567.01");
        assert_eq!(money(decimal("-20"), usd), "−$20.00");
        assert_eq!(money(decimal("-0.001"), usd), "$0.00");
        assert_eq!(money(decimal("12"), "CHF".parse::<Currency>().unwrap()), "CHF 12.00");
        assert_eq!(change(decimal("3.5"), usd), "+$3.50");
        // Beyond the 15 digits that a float keeps.
        assert_eq!(money(decimal("9007199254740993.25"), usd), "$9,007,199,254,740,993.25");
    }

    #[test]
    fn ratios_counts_and_distances() {
        assert_eq!(percent(-0.1234), "−12.3 %");
        assert_eq!(percent(f64::NAN), "–");
        assert_eq!([chance(0.0), chance(0.0001), chance(0.012)], ["0.0 %", "under 0.1 %", "1.2 %"]);
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(1234.5, 1), "1,234.5");
        assert_eq!(count(1_234_567u64), "1,234,567");
        assert_eq!(distance(Duration::hours(49)), "2 days");
        assert_eq!(distance(Duration::minutes(61)), "61 minutes");
        assert_eq!(milliseconds(12_480u64), "12.4 s");
        assert_eq!(words("MigrateToGraviton"), "Migrate to graviton");
        assert_eq!(words("over_provisioned"), "over provisioned");
    }
}
