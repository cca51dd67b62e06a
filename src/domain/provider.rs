//! The clouds whose prices and rules Headroom knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A cloud provider. Charges of others stay in the ledger under their `provider_name`;
/// only these three have prices, commitments and capacity rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
}

impl Provider {
    /// All of them, in the order that pages list them.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Gcp];

    /// The short name in files and URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Gcp => "gcp",
        }
    }

    /// The name on a bill (FOCUS `ProviderName`).
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Azure => "Microsoft",
            Self::Gcp => "Google Cloud",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl TryFrom<String> for Provider {
    type Error = UnknownProvider;

    fn try_from(text: String) -> Result<Self, UnknownProvider> {
        text.parse()
    }
}

/// A provider name that is none of the three.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider {0:?}: expected aws, azure or gcp")]
pub struct UnknownProvider(pub String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        match text.trim().to_ascii_lowercase().as_str() {
            "aws" | "amazon" | "amazon web services" | "amazon web services, inc." => Ok(Self::Aws),
            "azure" | "microsoft" | "microsoft azure" => Ok(Self::Azure),
            "gcp" | "google" | "google cloud" | "google cloud platform" => Ok(Self::Gcp),
            _ => Err(UnknownProvider(text.to_owned())),
        }
    }
}
