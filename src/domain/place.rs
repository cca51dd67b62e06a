//! Where something runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Provider, Resource};

/// A region of a provider, written `aws/eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place {
    /// Cloud.
    pub provider: Provider,
    /// Region id, in small letters.
    pub region: String,
}

impl Place {
    /// Where a resource is.
    pub fn of(resource: &Resource) -> Self {
        Self { provider: resource.provider, region: resource.region.trim().to_ascii_lowercase() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.region)
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no place: expected provider/region, as in aws/eu-central-1");
        let (provider, region) = text.split_once('/').ok_or_else(wrong)?;
        let region = region.trim().to_ascii_lowercase();
        let provider = provider.parse().map_err(|_| wrong())?;
        if region.is_empty() { Err(wrong()) } else { Ok(Self { provider, region }) }
    }
}
