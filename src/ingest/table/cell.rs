//! One cell of an Arrow column as the text that a CSV of it would hold; nested values as JSON.

use std::borrow::Cow;

use arrow::array::{Array, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DecimalType, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};

/// The cell at `row`, `None` when null or of a kind that no table here uses.
pub(crate) fn text(array: &dyn Array, row: usize) -> Option<Cow<'_, str>> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8View => Some(Cow::Borrowed(array.as_string_view().value(row))),
        DataType::Utf8 => Some(Cow::Borrowed(array.as_string::<i32>().value(row))),
        DataType::LargeUtf8 => Some(Cow::Borrowed(array.as_string::<i64>().value(row))),
        DataType::BinaryView => Some(String::from_utf8_lossy(array.as_binary_view().value(row))),
        DataType::Binary => Some(String::from_utf8_lossy(array.as_binary::<i32>().value(row))),
        DataType::Boolean => {
            Some(Cow::Borrowed(if array.as_boolean().value(row) { "true" } else { "false" }))
        }
        DataType::Struct(_) | DataType::List(_) | DataType::Map(..) => {
            let mut out = String::new();
            json(array, row, &mut out);
            Some(Cow::Owned(out))
        }
        _ => scalar(array, row).map(Cow::Owned),
    }
}

/// Numbers and instants.
fn scalar(array: &dyn Array, row: usize) -> Option<String> {
    match array.data_type() {
        DataType::Int8 => Some(shown::<Int8Type>(array, row)),
        DataType::Int16 => Some(shown::<Int16Type>(array, row)),
        DataType::Int32 => Some(shown::<Int32Type>(array, row)),
        DataType::Int64 => Some(shown::<Int64Type>(array, row)),
        DataType::UInt8 => Some(shown::<UInt8Type>(array, row)),
        DataType::UInt16 => Some(shown::<UInt16Type>(array, row)),
        DataType::UInt32 => Some(shown::<UInt32Type>(array, row)),
        DataType::UInt64 => Some(shown::<UInt64Type>(array, row)),
        DataType::Float32 => Some(shown::<Float32Type>(array, row)),
        DataType::Float64 => Some(shown::<Float64Type>(array, row)),
        DataType::Decimal128(precision, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            Some(Decimal128Type::format_decimal(value, *precision, *scale))
        }
        DataType::Decimal256(precision, scale) => {
            let value = array.as_primitive::<Decimal256Type>().value(row);
            Some(Decimal256Type::format_decimal(value, *precision, *scale))
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
            epoch.checked_add_signed(TimeDelta::days(days.into())).map(|day| day.to_string())
        }
        DataType::Timestamp(unit, _) => {
            instant(array, row, *unit).map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        _ => None,
    }
}

fn shown<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> String
where
    T::Native: std::fmt::Display,
{
    array.as_primitive::<T>().value(row).to_string()
}

fn instant(array: &dyn Array, row: usize, unit: TimeUnit) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Second => {
            DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0)
        }
        TimeUnit::Millisecond => {
            DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        TimeUnit::Microsecond => {
            DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        TimeUnit::Nanosecond => {
            Some(DateTime::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(row)))
        }
    }
}

/// Writes a nested value: structs and maps as objects, lists as arrays, numbers as they are.
fn json(array: &dyn Array, row: usize, out: &mut String) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Struct(fields) => {
            out.push('{');
            for (index, (field, column)) in fields.iter().zip(array.as_struct().columns()).enumerate() {
                separate(index, out);
                quote(field.name(), out);
                out.push(':');
                json(column, row, out);
            }
            out.push('}');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            out.push('{');
            for index in 0..entries.len() {
                separate(index, out);
                quote(&text(entries.column(0), index).unwrap_or_default(), out);
                out.push(':');
                json(entries.column(1), index, out);
            }
            out.push('}');
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            out.push('[');
            for index in 0..items.len() {
                separate(index, out);
                json(&items, index, out);
            }
            out.push(']');
        }
        DataType::Float32 | DataType::Float64 | DataType::Boolean => {
            // JSON has no NaN
            let number = text(array, row).filter(|text| text != "NaN" && !text.ends_with("inf"));
            out.push_str(number.as_deref().unwrap_or("null"));
        }
        kind if kind.is_integer() || kind.is_decimal() => {
            out.push_str(text(array, row).as_deref().unwrap_or("null"))
        }
        _ => match text(array, row) {
            Some(text) => quote(&text, out),
            None => out.push_str("null"),
        },
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
