//! Planned and past events: `name, starts_at, ends_at, multiplier[, multiplier_low, multiplier_high][, unique_id]`.

use std::path::Path;

use domain::Event;

use crate::columns::{Field, Layout, Problem};
use crate::rows::{self, Rows};
use crate::table::Row;
use crate::{Place, ReadError};

struct Columns {
    name: Field,
    starts_at: Field,
    ends_at: Field,
    multiplier: Field,
    low: Field,
    high: Field,
    unique_id: Field,
}

/// Reads the table at `input` (CSV, gzip or Parquet; `-` is standard input): each event with the place of its row, for
/// what is wrong with an event may show only beside the series. An event without a multiplier announces nothing: it
/// counts as 1, without doubt.
pub fn read(input: &Path) -> Result<Rows<(Event, Place)>, ReadError> {
    rows::read(input, find, |columns, row| Ok((parse(columns, row)?, *row.place())))
}

fn find(layout: &mut Layout<'_>) -> Result<Columns, ReadError> {
    Ok(Columns {
        name: layout.require(&["name"])?,
        starts_at: layout.require(&["starts_at"])?,
        ends_at: layout.require(&["ends_at"])?,
        multiplier: layout.require(&["multiplier"])?,
        low: layout.field(&["multiplier_low"]),
        high: layout.field(&["multiplier_high"]),
        unique_id: layout.field(&["unique_id"]),
    })
}

fn parse(columns: &Columns, row: &Row<'_>) -> Result<Event, Problem> {
    let (starts_at, ends_at) = (columns.starts_at.need_stamp(row)?, columns.ends_at.need_stamp(row)?);
    let same_kind = std::mem::discriminant(&starts_at) == std::mem::discriminant(&ends_at);
    if !same_kind || ends_at <= starts_at {
        let expected = format!("a stamp after {starts_at}, of the same kind");
        return Err(columns.ends_at.problem(&ends_at.to_string(), &expected, "ends before it starts"));
    }
    let announced = positive(&columns.multiplier, row)?;
    let certain = announced.is_none().then_some(1.0);
    let multiplier = announced.unwrap_or(1.0);
    let low = positive(&columns.low, row)?.or(certain);
    let high = positive(&columns.high, row)?.or(certain);
    for (field, value, fits) in
        [(&columns.low, low, low <= Some(multiplier)), (&columns.high, high, high >= Some(multiplier))]
    {
        if let (Some(value), false) = (value, fits) {
            let expected = format!("low ≤ {multiplier} ≤ high");
            return Err(field.problem(&value.to_string(), &expected, "the multipliers are out of order"));
        }
    }
    Ok(Event {
        name: columns.name.need_text(row, "a name")?,
        starts_at,
        ends_at,
        multiplier,
        multiplier_low: low,
        multiplier_high: high,
        unique_id: columns.unique_id.text(row)?,
    })
}

fn positive(field: &Field, row: &Row<'_>) -> Result<Option<f64>, Problem> {
    match field.number(row)? {
        Some(value) if value < 0.0 => {
            Err(field.problem(&value.to_string(), "a number of 0 or more", "negative"))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn events_by_time_and_by_step() {
        let file = fixture(
            "events.csv",
            "name,starts_at,ends_at,multiplier,multiplier_low,multiplier_high,unique_id\n\
             sale,2026-11-27,2026-11-28,10,8,13,shop\n\
             launch,100,120,2,,,\n\
             outage,2026-01-01,2026-01-02,,,,\n\
             back,2026-01-02,2026-01-01,1,,,\n\
             odd,2026-01-01,2026-01-02,2,3,4,\n",
        );
        let read = read(file.path()).unwrap();
        assert_eq!(read.rows.len(), 3);
        let [(sale, _), (launch, place), (outage, _)] = &read.rows[..] else { panic!("{:?}", read.rows) };
        assert_eq!((sale.low(), sale.high()), (8.0, 13.0));
        assert_eq!((launch.low(), launch.unique_id.as_deref(), place.line), (1.4, None, Some(3)));
        assert_eq!((outage.low(), outage.high()), (1.0, 1.0));
        assert_eq!(read.rejects[0].place.column.as_deref(), Some("ends_at"));
        assert_eq!(read.rejects[1].place.column.as_deref(), Some("multiplier_low"));
    }
}
