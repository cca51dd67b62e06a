//! The one mapping that a file needs.

use domain::{Charge, Currency};
use rust_decimal::Decimal;

use super::Format;
use super::azure::{Azure, View};
use super::cur::Cur;
use super::focus::Focus;
use super::gcp::Gcp;
use super::notes::Notes;
use crate::ReadError;
use crate::columns::{Field, Layout, Problem};
use crate::table::Row;

/// A format with its columns found in one file.
pub(super) enum Mapping {
    Focus(Box<Focus>),
    Cur(Box<Cur>),
    Azure(Box<Azure>),
    Gcp(Box<Gcp>),
}

impl Mapping {
    /// Finds the columns that `format` needs.
    pub(super) fn new(format: Format, layout: &mut Layout<'_>, notes: &mut Notes) -> Result<Self, ReadError> {
        Ok(match format {
            Format::AwsCur | Format::AwsCur2 | Format::AwsCurLegacy => {
                Self::Cur(Box::new(Cur::new(layout, notes)?))
            }
            Format::AzureAmortized => Self::Azure(Box::new(Azure::new(layout, View::Amortized, notes)?)),
            Format::Azure | Format::AzureActual => {
                Self::Azure(Box::new(Azure::new(layout, View::Actual, notes)?))
            }
            Format::Gcp => Self::Gcp(Box::new(Gcp::new(layout)?)),
            Format::Focus | Format::Auto => Self::Focus(Box::new(Focus::new(layout, notes)?)),
        })
    }

    /// The row as a charge, or why not.
    pub(super) fn charge(&self, row: &Row<'_>, notes: &mut Notes) -> Result<Charge, Problem> {
        let charge = match self {
            Self::Focus(focus) => focus.charge(row, notes),
            Self::Cur(cur) => cur.charge(row, notes),
            Self::Azure(azure) => azure.charge(row, notes),
            Self::Gcp(gcp) => gcp.charge(row, notes),
        }?;
        if charge.charge_period_end < charge.charge_period_start {
            return Err(Problem {
                column: "charge period".to_owned(),
                found: format!("{} to {}", charge.charge_period_start, charge.charge_period_end),
                expected: "an end after the start".to_owned(),
                reason: "the period ends before it starts",
            });
        }
        Ok(charge)
    }

    /// The billed cost of a row, if it can be read.
    pub(super) fn money(&self, row: &Row<'_>) -> Option<(Currency, Decimal)> {
        match self {
            Self::Focus(focus) => focus.money(row),
            Self::Cur(cur) => cur.money(row),
            Self::Azure(azure) => azure.money(row),
            Self::Gcp(gcp) => gcp.money(row),
        }
    }

    /// The column that tells line items apart, in formats that have one.
    pub(super) fn identity(&self) -> Option<&Field> {
        match self {
            Self::Cur(cur) => cur.identity(),
            _ => None,
        }
    }
}
