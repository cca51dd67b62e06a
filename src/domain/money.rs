//! Exact money. Ledger amounts are decimals; statistics are `f64`; they meet only in
//! [`to_statistic`] and [`from_statistic`].

use std::fmt;
use std::str::FromStr;

use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// Every active ISO 4217 code that a cloud invoice can carry, in alphabetical order.
const ISO_4217: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD \
BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS \
GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT \
LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR \
PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL \
THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL";

/// An ISO 4217 currency code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar: the currency of public price feeds.
    pub const USD: Self = Self(*b"USD");

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("USD")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A currency code that ISO 4217 does not list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency {0:?}: expected an ISO 4217 code such as USD or EUR")]
pub struct UnknownCurrency(pub String);

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        let code = text.trim().to_ascii_uppercase();
        let known = code.len() == 3 && ISO_4217.split_ascii_whitespace().any(|known| known == code);
        match (known, code.as_bytes()) {
            (true, &[a, b, c]) => Ok(Self([a, b, c])),
            _ => Err(UnknownCurrency(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;

    fn try_from(text: String) -> Result<Self, UnknownCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An exact amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Exact decimal amount.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", to_cents(self.amount), self.currency)
    }
}

/// An amount rounded to cents, half away from zero, with exactly two decimals.
///
/// Formatting a `Decimal` with a precision truncates it; every shown amount goes through here.
pub fn to_cents(amount: Decimal) -> Decimal {
    let mut cents = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    cents.rescale(2);
    cents
}

/// An amount as people read it: cents, thousands separated by commas, a true minus sign for less than zero.
pub fn show_amount(amount: Decimal) -> String {
    let cents = to_cents(amount);
    // A decimal that was negated keeps its sign at zero.
    let shown = if cents.is_zero() { cents.abs() } else { cents };
    group_digits(&shown.to_string())
}

/// The usual symbol of a currency, or its code and a space: what stands before an amount.
pub fn symbol(currency: Currency) -> String {
    match currency.as_str() {
        "USD" => "$".into(),
        "EUR" => "€".into(),
        "GBP" => "£".into(),
        "JPY" => "¥".into(),
        "INR" => "₹".into(),
        code => format!("{code} "),
    }
}

/// A plain decimal number with the digits before its point in groups of three and a true minus sign.
pub fn group_digits(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("−", digits));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut shown = String::from(sign);
    for (place, digit) in digits.char_indices() {
        if place > 0 && place < whole && (whole - place) % 3 == 0 {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Ledger money as a statistic, to be fitted or plotted.
pub fn to_statistic(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(0.0)
}

/// A statistic as ledger money, rounded to a millionth of the currency unit.
///
/// A value that is not finite, or too large for a decimal, becomes zero: callers must have
/// turned such a value into a documented `Skip` before.
pub fn from_statistic(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or(Decimal::ZERO).round_dp(6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knows_currencies_and_refuses_others() {
        assert_eq!("eur ".parse::<Currency>().unwrap().as_str(), "EUR");
        for bad in ["", "US", "XXQ", "dollars", "€"] {
            assert_eq!(bad.parse::<Currency>(), Err(UnknownCurrency(bad.to_owned())));
        }
    }

    #[test]
    fn shows_money_to_the_cent() {
        let money = Money { amount: Decimal::new(123_456, 3), currency: Currency::USD };
        assert_eq!(money.to_string(), "123.46 USD");
    }

    #[test]
    fn groups_thousands() {
        let shown = |units, scale| show_amount(Decimal::new(units, scale));
        assert_eq!(shown(123_456_789, 2), "1,234,567.89");
        assert_eq!(shown(-1_000, 0), "−1,000.00");
        assert_eq!(show_amount(-Decimal::ZERO), "0.00");
        assert_eq!(
            (shown(999, 0), shown(0, 0), shown(-4, 3)),
            ("999.00".into(), "0.00".into(), "0.00".into())
        );
    }

    proptest! {
        #[test]
        fn statistics_keep_cents(cents in -1_000_000_000_i64..1_000_000_000) {
            let amount = Decimal::new(cents, 2);
            prop_assert_eq!(from_statistic(to_statistic(amount)), amount);
        }
    }
}
