//! Fixed-point numbers: a trillionth of an instance-hour or of a dollar, in integers.
//!
//! Sums of products stay exact in `i128`, whatever their order; a decimal is made once, at the end.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// Decimal places of one tick.
pub(crate) const PLACES: u32 = 12;
/// Ticks in one whole unit.
pub(crate) const ONE: i128 = 10_i128.pow(PLACES);

/// A decimal in ticks, rounded half away from zero past the twelfth place.
///
/// Returns `None` beyond ±10¹⁵, where sums over hours could overflow.
pub(crate) fn to_ticks(value: Decimal) -> Option<i128> {
    let limit = Decimal::from(1_000_000_000_000_000_i64);
    if value.abs() > limit {
        return None;
    }
    let rounded = value.round_dp_with_strategy(PLACES, RoundingStrategy::MidpointAwayFromZero);
    Some(rounded.mantissa() * 10_i128.pow(PLACES - rounded.scale()))
}

/// Ticks as a decimal.
pub(crate) fn from_ticks(ticks: i128) -> Decimal {
    Decimal::try_from_i128_with_scale(ticks, PLACES).unwrap_or(Decimal::MAX).normalize()
}

/// A sum of products of two ticked numbers as a decimal, rounded to one tick half away from zero.
pub(crate) fn from_product(product: i128) -> Decimal {
    let half = if product < 0 { -ONE / 2 } else { ONE / 2 };
    from_ticks((product + half) / ONE)
}

/// The part of `total` that `part` is of `whole`; zero when `whole` is.
pub(crate) fn share(total: Decimal, part: i128, whole: i128) -> Decimal {
    if part == 0 || whole == 0 {
        return Decimal::ZERO;
    }
    if part == whole {
        return total;
    }
    // A decimal has 96 bits; the ratio keeps its first 28 digits.
    let spare = (whole.unsigned_abs().ilog2()).saturating_sub(94);
    let ratio =
        Decimal::from_i128_with_scale(part >> spare, 0) / Decimal::from_i128_with_scale(whole >> spare, 0);
    (total * ratio).round_dp(PLACES)
}

/// A ratio for reading; `None` when there is nothing to divide by.
pub(crate) fn ratio(part: Decimal, whole: Decimal) -> Option<f64> {
    if whole.is_zero() { None } else { (part / whole).to_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_twelve_places() {
        let price: Decimal = "0.0416666666666666".parse().unwrap();
        assert_eq!(from_ticks(to_ticks(price).unwrap()).to_string(), "0.041666666667");
        assert_eq!(to_ticks(Decimal::MAX), None);
    }

    #[test]
    fn products_round_once() {
        let third = to_ticks("0.333333333333".parse().unwrap()).unwrap();
        assert_eq!(from_product(third * to_ticks(Decimal::from(3)).unwrap()).to_string(), "0.999999999999");
        assert_eq!(share(Decimal::ONE, 1 << 120, 1 << 121), Decimal::new(5, 1));
    }
}
