//! Prices: `provider, region, instance_type, os, plan, term_years, payment, hourly, upfront`.

use std::path::Path;

use domain::PriceQuote;
use rust_decimal::Decimal;

use crate::columns::{Field, Layout, Problem};
use crate::rows::{self, Rows};
use crate::table::Row;
use crate::{ReadError, os};

struct Columns {
    provider: Field,
    region: Field,
    instance_type: Field,
    os: Field,
    plan: Field,
    term_years: Field,
    payment: Field,
    hourly: Field,
    upfront: Field,
}

/// Reads the table at `input` (CSV, gzip or Parquet; `-` is standard input).
pub fn read(input: &Path) -> Result<Rows<PriceQuote>, ReadError> {
    rows::read(input, find, parse)
}

fn find(layout: &mut Layout<'_>) -> Result<Columns, ReadError> {
    Ok(Columns {
        provider: layout.require(&["provider"])?,
        region: layout.require(&["region"])?,
        instance_type: layout.require(&["instance_type"])?,
        os: layout.require(&["os"])?,
        plan: layout.require(&["plan"])?,
        term_years: layout.require(&["term_years"])?,
        payment: layout.require(&["payment"])?,
        hourly: layout.require(&["hourly"])?,
        upfront: layout.require(&["upfront"])?,
    })
}

fn parse(columns: &Columns, row: &Row<'_>) -> Result<PriceQuote, Problem> {
    let plan: domain::PricingPlan = columns.plan.need_named(row)?;
    let (hourly, upfront) = (columns.hourly.price(row)?, columns.upfront.price(row)?);
    if hourly.is_none() && upfront.is_none() {
        return Err(columns.hourly.problem("", "a price in USD per hour", "empty"));
    }
    let (term_years, payment) = if plan.is_commitment() {
        (Some(term_years(&columns.term_years, row)?), Some(columns.payment.need_named(row)?))
    } else {
        (None, None)
    };
    Ok(PriceQuote {
        provider: columns.provider.need_provider(row)?,
        region: columns.region.need_text(row, "a region")?,
        instance_type: columns.instance_type.need_text(row, "an instance type")?,
        os: os::canonical(&columns.os.need_text(row, "an operating system")?),
        plan,
        term_years,
        payment,
        hourly: hourly.unwrap_or(Decimal::ZERO),
        upfront: upfront.unwrap_or(Decimal::ZERO),
    })
}

/// A term of one to five years.
pub(crate) fn term_years(field: &Field, row: &Row<'_>) -> Result<u8, Problem> {
    const EXPECTED: &str = "a term in years, 1 or 3";
    let text = field.need_text(row, EXPECTED)?;
    // Parquet writers of data frames turn columns with gaps into floats
    match text.trim_end_matches(".0").parse::<u8>() {
        Ok(years @ 1..=5) => Ok(years),
        _ => Err(field.problem(&text, EXPECTED, "not a term")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use domain::{Payment, PricingPlan};

    #[test]
    fn on_demand_needs_no_term_and_commitments_do() {
        let file = fixture(
            "prices.csv",
            "provider,region,instance_type,os,plan,term_years,payment,hourly,upfront\n\
             aws,us-east-1,m6i.large,LINUX,on_demand,,,0.096,\n\
             aws,us-east-1,m6i.large,Linux,ri_standard,3,all_upfront,,1009\n\
             aws,us-east-1,m6i.large,Linux,compute_sp,,no_upfront,0.07,0\n\
             aws,us-east-1,m6i.large,Linux,reserved,1,no_upfront,0.07,0\n\
             aws,us-east-1,m6i.large,Linux,spot,,,,\n",
        );
        let read = read(file.path()).unwrap();
        assert_eq!(read.rows.len(), 2);
        assert_eq!(read.rows[0].hourly, "0.096".parse().unwrap());
        assert_eq!(read.rows[0].os, "Linux");
        assert_eq!(
            (read.rows[1].plan, read.rows[1].payment),
            (PricingPlan::RiStandard, Some(Payment::AllUpfront))
        );
        let places: Vec<_> =
            read.rejects.iter().map(|reject| (reject.place.line, reject.place.column.as_deref())).collect();
        assert_eq!(
            places,
            [(Some(4), Some("term_years")), (Some(5), Some("plan")), (Some(6), Some("hourly"))]
        );
    }
}
