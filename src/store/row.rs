//! Reading columns into domain types.

use std::fmt::Display;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime};
use domain::BillingMonth;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::postgres::{PgRow, PgValueFormat};
use sqlx::types::Json;

use crate::StoreError;

/// A text column as a type that parses from text.
pub(crate) fn parsed<T>(row: &PgRow, column: &'static str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    T::Err: Display,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error: T::Err| unreadable(column, error))
}

/// A nullable text column as a type that parses from text.
pub(crate) fn parsed_option<T>(row: &PgRow, column: &'static str) -> Result<Option<T>, sqlx::Error>
where
    T: FromStr,
    T::Err: Display,
{
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|error: T::Err| unreadable(column, error))).transpose()
}

/// A `jsonb` column as a type that deserializes.
pub(crate) fn json<T: DeserializeOwned>(row: &PgRow, column: &'static str) -> Result<T, sqlx::Error> {
    row.try_get::<Json<T>, _>(column).map(|Json(value)| value)
}

/// A `bigint` count as an unsigned number.
pub(crate) fn count(row: &PgRow, column: &'static str) -> Result<u64, sqlx::Error> {
    let count: i64 = row.try_get(column)?;
    u64::try_from(count).map_err(|error| unreadable(column, error))
}

/// A sum of `numeric`. PostgreSQL keeps every digit; those beyond the 28 that a [`Decimal`] holds are rounded.
pub(crate) fn sum(row: &PgRow, column: &'static str) -> Result<Decimal, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    let bytes = value.as_bytes().map_err(|error| unreadable(column, error))?;
    let text = match value.format() {
        PgValueFormat::Text => String::from_utf8_lossy(bytes).into_owned(),
        PgValueFormat::Binary => {
            numeric_text(bytes).ok_or_else(|| unreadable(column, "not a finite number"))?
        }
    };
    text.parse().map_err(|error| unreadable(column, error))
}

/// The billing month that holds a day.
pub(crate) fn month(day: NaiveDate) -> BillingMonth {
    BillingMonth::of(day.and_time(NaiveTime::MIN).and_utc())
}

/// A `smallint` of years.
pub(crate) fn years(row: &PgRow, column: &'static str) -> Result<u8, sqlx::Error> {
    let years: i16 = row.try_get(column)?;
    u8::try_from(years).map_err(|error| unreadable(column, error))
}

/// A value as `jsonb`.
pub(crate) fn to_json<T: serde::Serialize>(
    what: &'static str,
    value: &T,
) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|source| StoreError::Corrupt { what, source })
}

/// An unsigned count as `bigint`; counts beyond 2^63 do not occur.
pub(crate) fn bigint(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// A column whose text means nothing to this version.
pub(crate) fn unreadable(column: &str, error: impl Display) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.to_string().into() }
}

/// Decimal text of a binary `numeric`: a header of four 16-bit words (digits, weight of the first one, sign, scale), then
/// digits to base 10,000. `None` for NaN and infinities.
fn numeric_text(bytes: &[u8]) -> Option<String> {
    let words: Vec<u16> = bytes.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
    let (&[_, weight, sign, scale], digits) = words.split_first_chunk::<4>()?;
    let weight = i32::from(weight.cast_signed());
    let digit = |power: i32| {
        let index = usize::try_from(weight - power).ok();
        index.and_then(|index| digits.get(index)).copied().unwrap_or(0)
    };
    let mut text = match sign {
        0x0000 => String::new(),
        0x4000 => "-".to_owned(),
        _ => return None,
    };
    for power in (0..=weight.max(0)).rev() {
        text.push_str(&format!("{:04}", digit(power)));
    }
    let fraction: String =
        (1..=i32::from(scale.div_ceil(4))).map(|power| format!("{:04}", digit(-power))).collect();
    if scale > 0 {
        text.push('.');
        text.push_str(&fraction[..usize::from(scale)]);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::testing::with_database;

    #[tokio::test]
    async fn decimals_come_back_digit_by_digit() {
        with_database(async |pool, _| {
            let mut runner = TestRunner::deterministic();
            let numbers = (-(1_i128 << 95)..(1_i128 << 95), 0_u32..=28);
            for _ in 0..200 {
                let (mantissa, scale) = numbers.new_tree(&mut runner).unwrap().current();
                let number = Decimal::from_i128_with_scale(mantissa, scale);
                let sql = "select $1::numeric as summed, $1::numeric as plain";
                let row = sqlx::query(sql).bind(number).fetch_one(&pool).await.unwrap();
                assert_eq!(sum(&row, "summed").unwrap(), number);
                assert_eq!(row.try_get::<Decimal, _>("plain").unwrap(), number);
            }
            for (text, expected) in [
                ("0", "0"),
                ("-0.0001", "-0.0001"),
                ("10000", "10000"),
                ("123456789012.000000000000000000004", "123456789012"),
                ("0.10000000000000000000000000000000001", "0.1"),
            ] {
                let row = sqlx::query("select $1::text::numeric as summed").bind(text).fetch_one(&pool).await;
                assert_eq!(
                    sum(&row.unwrap(), "summed").unwrap(),
                    expected.parse::<Decimal>().unwrap(),
                    "{text}"
                );
            }
            let row = sqlx::query("select 'NaN'::numeric as summed").fetch_one(&pool).await.unwrap();
            assert!(sum(&row, "summed").is_err());
        })
        .await;
    }
}
