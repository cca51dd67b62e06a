//! Numbers as people read them on an axis: short, with unit, without false precision.

use domain::{Currency, group_digits, symbol};

/// What an axis measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// An amount of money.
    Money(Currency),
    /// A ratio, shown in percent.
    Ratio,
    /// A whole number of things; the text is their name (`instances`), possibly empty.
    Count(String),
    /// A measured quantity; the text is its unit (`req/s`), possibly empty.
    Quantity(String),
}

impl Unit {
    /// A short text for a tick or a label, such as `$1.2k` or `35 %`.
    pub fn short(&self, value: f64) -> String {
        match self {
            Self::Money(currency) => {
                let sign = if value < 0.0 { "−" } else { "" };
                format!("{sign}{}{}", symbol(*currency), si(value.abs()))
            }
            Self::Ratio => format!("{} %", digits(value * 100.0, 1)),
            Self::Count(_) | Self::Quantity(_) => signed(value),
        }
    }

    /// A full text for a tooltip, such as `$1,234.57` or `812.4 req/s`.
    pub fn long(&self, value: f64) -> String {
        match self {
            Self::Money(currency) => {
                let sign = if value < 0.0 { "−" } else { "" };
                format!("{sign}{}{}", symbol(*currency), group_digits(&format!("{:.2}", value.abs())))
            }
            Self::Ratio => self.short(value),
            Self::Count(name) => join(group_digits(&format!("{value:.0}")), name),
            Self::Quantity(name) => join(group_digits(&digits(value, 2)), name),
        }
    }

    /// The name that stands at the axis.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Money(currency) => currency.as_str(),
            Self::Ratio => "",
            Self::Count(name) | Self::Quantity(name) => name,
        }
    }

    /// Whether ticks stand on whole numbers only.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Count(_))
    }
}

fn join(number: String, name: &str) -> String {
    if name.is_empty() { number } else { format!("{number} {name}") }
}

fn signed(value: f64) -> String {
    if value < 0.0 { format!("−{}", si(-value)) } else { si(value) }
}

/// Three significant digits with an SI letter.
fn si(value: f64) -> String {
    for (factor, letter) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        // 999.5 of one step rounds to 1 of the next.
        if value >= factor * 0.9995 {
            let scaled = value / factor;
            let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
            return format!("{}{letter}", digits(scaled, decimals));
        }
    }
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    digits(value, decimals)
}

/// A number with at most `decimals` decimals and no trailing zeros.
fn digits(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short_and_tooltips_exact() {
        let usd = Unit::Money(Currency::USD);
        assert_eq!(usd.short(1234.0), "$1.23k");
        assert_eq!(usd.short(999_999.0), "$1M");
        assert_eq!(usd.short(-20.0), "−$20");
        assert_eq!(usd.long(1_234_567.891), "$1,234,567.89");
        assert_eq!(usd.short(0.0), "$0");
        assert_eq!(Unit::Ratio.short(0.355), "35.5 %");
        assert_eq!(Unit::Quantity("req/s".into()).long(-1234.5), "−1,234.5 req/s");
        let chf = "CHF".parse().unwrap();
        assert_eq!(Unit::Money(chf).short(12_000.0), "CHF 12k");
    }
}
