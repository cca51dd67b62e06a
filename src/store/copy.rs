//! Rows as the text format of COPY, the fastest way into PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use domain::BillingMonth;
use sqlx::PgConnection;

use crate::StoreError;

/// Bytes handed to the connection at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Years that get partitions: a date beyond them is a broken file, not a bill.
const YEARS: RangeInclusive<i32> = 2000..=2099;

/// Rows under construction: one call per column, then [`CopyText::end_row`].
#[derive(Debug, Default)]
pub(crate) struct CopyText {
    text: String,
    row_started: bool,
}

impl CopyText {
    /// A column of any text.
    pub(crate) fn text(&mut self, value: &str) {
        self.separate();
        for character in value.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                // PostgreSQL stores no NUL
                '\0' => self.text.push(char::REPLACEMENT_CHARACTER),
                other => self.text.push(other),
            }
        }
    }

    /// A column of text, or null.
    pub(crate) fn optional_text(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// A column whose text has no character to escape: numbers, times, booleans, closed sets.
    pub(crate) fn plain(&mut self, value: impl Display) {
        self.separate();
        // writing to a String can't fail
        let _ = write!(self.text, "{value}");
    }

    /// The same, or null.
    pub(crate) fn optional_plain(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(value),
            None => self.null(),
        }
    }

    /// A column of numbers as an array.
    pub(crate) fn array(&mut self, values: impl IntoIterator<Item = f64>) {
        self.separate();
        self.text.push('{');
        for (index, value) in values.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(self.text, "{comma}{value}");
        }
        self.text.push('}');
    }

    /// A column of texts by name, as `jsonb`.
    pub(crate) fn map(&mut self, values: &BTreeMap<String, String>) {
        // `jsonb` stores no NUL either, and JSON spells it in a way that the escapes of COPY don't touch
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        let object: serde_json::Map<String, serde_json::Value> =
            values.iter().map(|(name, value)| (clean(name), clean(value).into())).collect();
        self.text(&serde_json::Value::Object(object).to_string());
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self) {
        self.text.push('\n');
        self.row_started = false;
    }

    fn null(&mut self) {
        self.separate();
        self.text.push_str("\\N");
    }

    fn separate(&mut self) {
        if self.row_started {
            self.text.push('\t');
        }
        self.row_started = true;
    }

    /// Sends the rows with `statement` (`copy … from stdin`) and says how many arrived.
    pub(crate) async fn send(
        self,
        conn: &mut PgConnection,
        statement: &'static str,
    ) -> Result<u64, StoreError> {
        let mut copy = conn.copy_in_raw(statement).await?;
        for chunk in self.text.as_bytes().chunks(CHUNK_BYTES) {
            copy.send(chunk).await?;
        }
        Ok(copy.finish().await?)
    }
}

/// Makes the monthly partitions of `table` that hold `instants`.
pub(crate) async fn create_partitions(
    conn: &mut PgConnection,
    table: &'static str,
    instants: impl IntoIterator<Item = DateTime<Utc>>,
) -> Result<(), StoreError> {
    let mut months = BTreeSet::new();
    for instant in instants {
        check_year(instant)?;
        months.insert(BillingMonth::of(instant).first_day());
    }
    let months: Vec<NaiveDate> = months.into_iter().collect();
    sqlx::query("select create_month_partitions($1, $2)").bind(table).bind(months).execute(conn).await?;
    Ok(())
}

/// Refuses an instant that no partition is made for.
pub(crate) fn check_year(instant: DateTime<Utc>) -> Result<(), StoreError> {
    if YEARS.contains(&instant.year()) {
        return Ok(());
    }
    Err(StoreError::Invalid(format!("{instant} lies outside the years 2000 to 2099")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_copy_would_misread() {
        let mut rows = CopyText::default();
        rows.text("a\tb\\\n");
        rows.optional_text(None);
        rows.plain(1.5);
        rows.array([1.0, -0.25]);
        rows.end_row();
        rows.text("\0");
        rows.end_row();
        assert_eq!(rows.text, "a\\tb\\\\\\n\t\\N\t1.5\t{1,-0.25}\n\u{fffd}\n");
    }

    #[tokio::test]
    async fn writers_that_need_the_same_partition_make_it_once() {
        crate::testing::with_database(async |pool, _| {
            let months = ["2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"].map(crate::testing::time);
            let writers = (0..8).map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    let mut conn = pool.acquire().await.unwrap();
                    create_partitions(&mut conn, "usage_hours", months).await
                })
            });
            for writer in writers.collect::<Vec<_>>() {
                writer.await.unwrap().unwrap();
            }
            let sql = "select count(*) from pg_inherits where inhparent = 'usage_hours'::regclass";
            let partitions: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            assert_eq!(partitions, 2);
        })
        .await;
    }
}
