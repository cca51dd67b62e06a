//! Commitments held: `id, provider, account, region, plan, instance_type|family, os, quantity, term_years,
//! payment, starts_at, ends_at[, hourly, upfront]`.

use std::path::Path;

use domain::{Commitment, PricingPlan};

use crate::columns::{Field, Layout, Problem};
use crate::prices::term_years;
use crate::rows::{self, Rows};
use crate::table::Row;
use crate::{ReadError, os};

struct Columns {
    id: Field,
    provider: Field,
    account: Field,
    region: Field,
    plan: Field,
    instance_type: Field,
    family: Field,
    os: Field,
    quantity: Field,
    term_years: Field,
    payment: Field,
    starts_at: Field,
    ends_at: Field,
    hourly: Field,
    upfront: Field,
}

/// Reads the table at `input` (CSV, gzip or Parquet; `-` is standard input).
pub fn read(input: &Path) -> Result<Rows<Commitment>, ReadError> {
    rows::read(input, find, parse)
}

fn find(layout: &mut Layout<'_>) -> Result<Columns, ReadError> {
    layout.require(&["instance_type", "family"])?;
    Ok(Columns {
        id: layout.require(&["id"])?,
        provider: layout.require(&["provider"])?,
        account: layout.require(&["account"])?,
        region: layout.require(&["region"])?,
        plan: layout.require(&["plan"])?,
        instance_type: layout.field(&["instance_type"]),
        family: layout.field(&["family"]),
        os: layout.require(&["os"])?,
        quantity: layout.require(&["quantity"])?,
        term_years: layout.require(&["term_years"])?,
        payment: layout.require(&["payment"])?,
        starts_at: layout.require(&["starts_at"])?,
        ends_at: layout.require(&["ends_at"])?,
        hourly: layout.field(&["hourly"]),
        upfront: layout.field(&["upfront"]),
    })
}

fn parse(columns: &Columns, row: &Row<'_>) -> Result<Commitment, Problem> {
    let plan: PricingPlan = columns.plan.need_named(row)?;
    if !plan.is_commitment() {
        return Err(columns.plan.problem(plan.as_str(), "a plan with a term", "not a commitment"));
    }
    let instance_type = columns.instance_type.text(row)?;
    let family = columns.family.text(row)?;
    let any_machine =
        matches!(plan, PricingPlan::ComputeSp | PricingPlan::AzureSavingsPlan | PricingPlan::GcpCudFlexible);
    if !any_machine && instance_type.is_none() && family.is_none() {
        let expected = "an instance type or a family";
        return Err(columns.instance_type.problem("", expected, "empty"));
    }
    let (starts_at, ends_at) = (columns.starts_at.need_instant(row)?, columns.ends_at.need_instant(row)?);
    if ends_at <= starts_at {
        let expected = format!("a time after {}", starts_at.to_rfc3339());
        return Err(columns.ends_at.problem(&ends_at.to_rfc3339(), &expected, "ends before it starts"));
    }
    Ok(Commitment {
        id: columns.id.need_text(row, "an id")?,
        provider: columns.provider.need_provider(row)?,
        account: columns.account.need_text(row, "an account")?,
        region: columns.region.text(row)?,
        plan,
        instance_type,
        family,
        os: columns.os.text(row)?.map(|name| os::canonical(&name)),
        quantity: columns
            .quantity
            .price(row)?
            .ok_or_else(|| columns.quantity.problem("", "a number", "empty"))?,
        term_years: term_years(&columns.term_years, row)?,
        payment: columns.payment.need_named(row)?,
        starts_at,
        ends_at,
        hourly: columns.hourly.price(row)?,
        upfront: columns.upfront.price(row)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn spend_plans_need_no_machine_and_reservations_do() {
        let file = fixture(
            "held.csv",
            "id,provider,account,region,plan,family,os,quantity,term_years,payment,starts_at,ends_at\n\
             sp-1,aws,111,,compute_sp,,,4.25,1,no_upfront,2026-01-01,2027-01-01\n\
             sp-2,aws,111,us-east-1,ec2_instance_sp,m6i,linux,2,3,partial_upfront,2025-01-01,2028-01-01\n\
             ri-1,aws,111,us-east-1,ri_standard,,Linux,2,1,no_upfront,2026-01-01,2027-01-01\n\
             ri-2,aws,111,us-east-1,ri_standard,m6i,Linux,2,1,no_upfront,2027-01-01,2026-01-01\n",
        );
        let read = read(file.path()).unwrap();
        assert_eq!(read.rows.iter().map(|held| held.id.as_str()).collect::<Vec<_>>(), ["sp-1", "sp-2"]);
        assert_eq!((read.rows[0].region.clone(), read.rows[0].hourly), (None, None));
        assert_eq!(read.rejects[0].place.column.as_deref(), Some("instance_type"));
        assert_eq!(read.rejects[1].place.column.as_deref(), Some("ends_at"));
    }
}
