//! The kinds of bills, and how to tell them apart by their header.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
