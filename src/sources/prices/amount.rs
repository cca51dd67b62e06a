//! Prices as feeds write them: read from their digits, never through a float.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Why a row gave no price: one of few fixed sentences, so that rows can be counted by it.
pub(super) type Reason = &'static str;

pub(super) const NOT_A_NUMBER: Reason = "price is not a decimal number";
pub(super) const NEGATIVE: Reason = "price is negative";
pub(super) const NOT_USD: Reason = "price is not in USD";
const BEYOND_REASON: Reason = "price is above a billion USD";

/// No unit of anything costs more; below it, sums over terms and machines cannot overflow a decimal.
const MAX_PRICE: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// The digits of a JSON number, or of a string that holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amount(String);

impl Amount {
    /// The exact value.
    pub(super) fn price(&self) -> Result<Decimal, Reason> {
        price(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(raw.get().trim_matches('"').to_owned()))
    }
}

/// The exact value of `text`, plain (`0.096`) or scientific (`9.6E-02`). Zero is a value; whether it is a
/// price depends on what it stands for.
pub(super) fn price(text: &str) -> Result<Decimal, Reason> {
    let text = text.trim();
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let digits = Decimal::from_str_exact(digits).map_err(|_| NOT_A_NUMBER)?;
    let exponent: i32 = exponent.parse().map_err(|_| NOT_A_NUMBER)?;
    let value = shift(digits, exponent).ok_or(NOT_A_NUMBER)?;
    if value.is_sign_negative() && !value.is_zero() {
        return Err(NEGATIVE);
    }
    if value > MAX_PRICE {
        return Err(BEYOND_REASON);
    }
    Ok(value.normalize())
}

/// `value × 10^exponent`, or `None` where a decimal cannot hold it exactly.
fn shift(value: Decimal, exponent: i32) -> Option<Decimal> {
    if value.is_zero() || exponent == 0 {
        return Some(value);
    }
    let value = value.normalize();
    let scale = i32::try_from(value.scale()).ok()?.checked_sub(exponent)?;
    if scale >= 0 {
        return Decimal::try_from_i128_with_scale(value.mantissa(), u32::try_from(scale).ok()?).ok();
    }
    let factor = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
    Decimal::try_from_i128_with_scale(value.mantissa().checked_mul(factor)?, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_digit_of_every_spelling() {
        for (text, expected) in [
            ("0.0960000000", "0.096"),
            ("9.6E-02", "0.096"),
            ("1e2", "100"),
            ("0E-7", "0"),
            ("12", "12"),
            ("0.1000000000000000055511151231", "0.1000000000000000055511151231"),
        ] {
            assert_eq!(price(text).unwrap().to_string(), expected, "{text}");
        }
        for bad in ["", "NaN", "1,5", "1e", "1e400", "1e-400", "0.1.2", "99999999999999999999999999999999999"]
        {
            assert_eq!(price(bad), Err(NOT_A_NUMBER), "{bad}");
        }
        assert_eq!(price("-0.1"), Err(NEGATIVE));
        assert_eq!(price("1e10"), Err(BEYOND_REASON));
    }

    #[test]
    fn numbers_and_strings_of_json_are_the_same() {
        let amounts: Vec<Amount> = serde_json::from_str("[0.1, \"0.1\", 1E-1]").unwrap();
        assert!(amounts.iter().all(|amount| amount.price() == Ok(Decimal::new(1, 1))));
        let other: Amount = serde_json::from_str("{\"a\": 1}").unwrap();
        assert_eq!(other.price(), Err(NOT_A_NUMBER));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9eE+.-]{0,40}|.{0,12}") {
            let _ = price(&text);
        }

        #[test]
        fn shifting_is_exact(units in 0_i64..1_000, exponent in -15_i32..7) {
            let factor = Decimal::new(10_i64.pow(exponent.unsigned_abs()), 0);
            let expected = if exponent < 0 { Decimal::new(units, 0) / factor } else { Decimal::new(units, 0) * factor };
            prop_assert_eq!(price(&format!("{units}E{exponent}")), Ok(expected));
        }
    }
}
