//! The kinds of bills, and how to tell them apart by their header.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::azure::{Azure, View};
use super::notes::Notes;
use crate::ReadError;
use crate::columns::Layout;
use crate::table::{Header, Table};

/// A kind of bill. The first four leave something to be found out from the file;
/// a report always names one of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Any of the below, by header.
    Auto,
    /// AWS Cost and Usage Report, legacy or 2.0 by header.
    AwsCur,
    /// Azure cost export, actual or amortized by content.
    Azure,
    /// FOCUS 1.0, 1.1 or 1.2.
    Focus,
    /// AWS Cost and Usage Report 2.0 (Data Exports).
    AwsCur2,
    /// AWS Cost and Usage Report, legacy (`lineItem/UnblendedCost`, or Athena's names).
    AwsCurLegacy,
    /// Azure cost export, actual cost.
    AzureActual,
    /// Azure cost export, amortized cost.
    AzureAmortized,
    /// Google Cloud billing export, standard or detailed.
    Gcp,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Auto,
        Self::Focus,
        Self::AwsCur,
        Self::AwsCur2,
        Self::AwsCurLegacy,
        Self::Azure,
        Self::AzureActual,
        Self::AzureAmortized,
        Self::Gcp,
    ];

    /// The spelling on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Focus => "focus",
            Self::AwsCur => "aws-cur",
            Self::AwsCur2 => "aws-cur2",
            Self::AwsCurLegacy => "aws-cur-legacy",
            Self::Azure => "azure",
            Self::AzureActual => "azure-actual",
            Self::AzureAmortized => "azure-amortized",
            Self::Gcp => "gcp",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown format {0:?}: expected one of auto, focus, aws-cur, aws-cur2, aws-cur-legacy, azure, azure-actual, azure-amortized, gcp"
)]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// The one format of the file at `path` that `asked` allows.
pub(super) fn resolve(path: &Path, asked: Format) -> Result<Format, ReadError> {
    let table = Table::open(path)?;
    let file = path.display().to_string();
    let found = by_header(&table.header);
    let refuse = |found: &str, next_step: String| {
        Err(ReadError::WrongFormat { path: file.clone(), found: format!("the header {found}"), next_step })
    };
    let Some(found) = found else {
        let next_step =
            "give a FOCUS, AWS Cost and Usage, Azure cost or Google Cloud billing export".to_owned();
        // a header that only lacks columns is better told by their names
        return if matches!(asked, Format::Auto) || table.header.is_open() {
            refuse(&format!("is of no known bill (it has {})", table.header.summary()), next_step)
        } else {
            Ok(asked)
        };
    };
    let wrong = |found: Format| {
        refuse(&format!("is that of {found}, not of {asked}"), format!("use --format {found}, or auto"))
    };
    match (asked, found) {
        (Format::AzureActual | Format::AzureAmortized, Format::Azure) => Ok(asked),
        (Format::Auto | Format::Azure, Format::Azure) => azure_view(table, path),
        (Format::Auto, found) => Ok(found),
        (Format::AwsCur, Format::AwsCur2 | Format::AwsCurLegacy) => Ok(found),
        // the spelling is the same, only AWS knows which of the two it delivered
        (Format::AwsCur2 | Format::AwsCurLegacy, Format::AwsCur2) => Ok(asked),
        (asked, found) if asked == found => Ok(found),
        (_, found) => wrong(found),
    }
}

/// The format a header belongs to; `Azure` leaves the view open.
fn by_header(header: &Header) -> Option<Format> {
    let has = |names: &[&str]| names.iter().any(|name| header.has(name));
    if header.is_open() {
        return Some(Format::Gcp);
    }
    if has(&["BilledCost"]) && has(&["ChargePeriodStart", "ChargeCategory"]) {
        Some(Format::Focus)
    } else if has(&["lineItem/UnblendedCost"]) {
        let slashes = header.names().iter().any(|name| name.contains('/'));
        // Athena's table of a legacy report has no map columns
        let legacy = slashes || !has(&["product", "resource_tags", "bill_payer_account_name"]);
        Some(if legacy { Format::AwsCurLegacy } else { Format::AwsCur2 })
    } else if has(&["usage_start_time"]) && has(&["cost"]) {
        Some(Format::Gcp)
    } else if has(&["CostInBillingCurrency", "PreTaxCost", "Cost", "ExtendedCost"])
        && has(&["SubscriptionId", "SubscriptionGuid"])
    {
        Some(Format::Azure)
    } else {
        None
    }
}

/// Both views have the same header. Their rows differ where a reservation or savings plan is involved;
/// without such rows the two views are the same, unless the name says so.
fn azure_view(mut table: Table, path: &Path) -> Result<Format, ReadError> {
    let file = path.display().to_string();
    let mut layout = Layout { header: &mut table.header, file: &file, wanted: Vec::new() };
    let azure = Azure::new(&mut layout, View::Actual, &mut Notes::default())?;
    let wanted = layout.wanted;
    let mut view = None;
    table.for_each(&wanted, &mut |row, _| {
        if let (Ok(row), None) = (row, view) {
            view = azure.hint(row);
        }
        Ok(())
    })?;
    let named_amortized = file.to_ascii_lowercase().contains("amortized");
    Ok(match view {
        Some(View::Amortized) => Format::AzureAmortized,
        None if named_amortized => Format::AzureAmortized,
        _ => Format::AzureActual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("cur".parse::<Format>().unwrap_err().to_string().contains("aws-cur-legacy"));
    }
}
