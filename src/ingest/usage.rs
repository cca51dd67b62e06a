//! Instance-hours: `hour, provider, account, region, instance_type, os, quantity`.

use std::path::Path;

use domain::UsageHour;

use crate::columns::{Field, Layout, Problem};
use crate::rows::{self, Rows};
use crate::table::Row;
use crate::{ReadError, os};

struct Columns {
    hour: Field,
    provider: Field,
    account: Field,
    region: Field,
    instance_type: Field,
    os: Field,
    quantity: Field,
}

/// Reads the table at `input` (CSV, gzip or Parquet; `-` is standard input), in file order. Rows of the
/// same hour and machine stay separate: their quantities add up.
pub fn read(input: &Path) -> Result<Rows<UsageHour>, ReadError> {
    rows::read(input, find, parse)
}

fn find(layout: &mut Layout<'_>) -> Result<Columns, ReadError> {
    Ok(Columns {
        hour: layout.require(&["hour"])?,
        provider: layout.require(&["provider"])?,
        account: layout.require(&["account"])?,
        region: layout.require(&["region"])?,
        instance_type: layout.require(&["instance_type"])?,
        os: layout.require(&["os"])?,
        quantity: layout.require(&["quantity"])?,
    })
}

fn parse(columns: &Columns, row: &Row<'_>) -> Result<UsageHour, Problem> {
    let hour = columns.hour.need_instant(row)?;
    if hour.timestamp() % 3600 != 0 {
        return Err(columns.hour.problem(&hour.to_rfc3339(), "the start of a UTC hour", "not a whole hour"));
    }
    Ok(UsageHour {
        hour,
        provider: columns.provider.need_provider(row)?,
        account: columns.account.need_text(row, "an account")?,
        region: columns.region.need_text(row, "a region")?,
        instance_type: columns.instance_type.need_text(row, "an instance type")?,
        os: os::canonical(&columns.os.need_text(row, "an operating system")?),
        quantity: columns
            .quantity
            .price(row)?
            .ok_or_else(|| columns.quantity.problem("", "a number of instance-hours", "empty"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn hours_are_read_and_bad_cells_are_placed() {
        let file = fixture(
            "usage.csv",
            "quantity,os,instance_type,region,account,provider,hour,note\n\
             2.5,linux,m6i.large,us-east-1,111,aws,2026-03-01T05:00:00Z,x\n\
             1,Windows,Standard_D2s_v5,westeurope,sub,azure,2026-03-01 06:00:00,y\n\
             -1,Linux,m6i.large,us-east-1,111,aws,2026-03-01T07:00:00Z,z\n\
             1,Linux,m6i.large,us-east-1,111,ibm,2026-03-01T07:00:00Z,z\n\
             1,Linux,m6i.large,us-east-1,111,aws,2026-03-01T07:30:00Z,z\n",
        );
        let read = read(file.path()).unwrap();
        assert_eq!((read.rows_read, read.rejected), (5, 3));
        assert_eq!(read.rows[0].quantity, "2.5".parse().unwrap());
        assert_eq!(read.rows[0].os, "Linux");
        let told: Vec<String> = read.rejects.iter().map(ToString::to_string).collect();
        assert!(
            told[0].ends_with(
                "usage.csv, line 4, column quantity: negative: found \"-1\", expected a number of 0 or more"
            ),
            "{told:?}"
        );
        assert!(told[1].contains("line 5, column provider"), "{told:?}");
        assert!(told[2].contains("line 6, column hour"), "{told:?}");
        assert!(read.all().is_err());
    }

    #[test]
    fn a_missing_column_is_named() {
        let file = fixture("usage.csv", "hour,provider\n");
        let error = super::read(file.path()).unwrap_err().to_string();
        assert!(error.contains("column account is missing: found hour, provider"), "{error}");
    }
}
