//! The feeds that are understood.

use std::fmt;
use std::str::FromStr;

use domain::Provider;

/// A public price feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feed {
    /// AWS bulk price list of `AmazonEC2`, `index.json` or `index.csv`: on-demand and Reserved Instance
    /// prices, machine shapes, EBS volumes.
    AwsEc2,
    /// AWS bulk price list of `AWSComputeSavingsPlan`, one file a region.
    AwsSavingsPlans,
    /// AWS bulk price list of `AmazonS3`, `index.json` or `index.csv`.
    AwsS3,
    /// AWS Spot Advisor: how much spot saves and how often it is interrupted.
    AwsSpotAdvisor,
    /// Azure Retail Prices API, in pages.
    AzureRetail,
    /// SKUs of Compute Engine in the Google Cloud Billing Catalog API, in pages.
    GcpCatalog,
}

impl Feed {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::AwsEc2,
        Self::AwsSavingsPlans,
        Self::AwsS3,
        Self::AwsSpotAdvisor,
        Self::AzureRetail,
        Self::GcpCatalog,
    ];

    /// The name in commands and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwsEc2 => "aws-ec2",
            Self::AwsSavingsPlans => "aws-savings-plans",
            Self::AwsS3 => "aws-s3",
            Self::AwsSpotAdvisor => "aws-spot-advisor",
            Self::AzureRetail => "azure-retail",
            Self::GcpCatalog => "gcp-catalog",
        }
    }

    /// Whose feed it is.
    pub fn provider(self) -> Provider {
        match self {
            Self::AzureRetail => Provider::Azure,
            Self::GcpCatalog => Provider::Gcp,
            Self::AwsEc2 | Self::AwsSavingsPlans | Self::AwsS3 | Self::AwsSpotAdvisor => Provider::Aws,
        }
    }

    /// What it is called where prices name their source.
    pub fn title(self) -> &'static str {
        match self {
            Self::AwsEc2 => "AWS bulk price list, AmazonEC2",
            Self::AwsSavingsPlans => "AWS bulk price list, AWSComputeSavingsPlan",
            Self::AwsS3 => "AWS bulk price list, AmazonS3",
            Self::AwsSpotAdvisor => "AWS Spot Advisor",
            Self::AzureRetail => "Azure Retail Prices API",
            Self::GcpCatalog => "Google Cloud Billing Catalog API, Compute Engine",
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A feed name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown price feed {0:?}: expected one of aws-ec2, aws-savings-plans, aws-s3, aws-spot-advisor, azure-retail, gcp-catalog"
)]
pub struct UnknownFeed(pub String);

impl FromStr for Feed {
    type Err = UnknownFeed;

    fn from_str(text: &str) -> Result<Self, UnknownFeed> {
        let name = text.trim().to_ascii_lowercase();
        Self::ALL.into_iter().find(|feed| feed.as_str() == name).ok_or_else(|| UnknownFeed(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused_with_the_list() {
        for feed in Feed::ALL {
            assert_eq!(feed.to_string().to_uppercase().parse::<Feed>(), Ok(feed));
        }
        let error = "aws".parse::<Feed>().unwrap_err().to_string();
        assert!(Feed::ALL.iter().all(|feed| error.contains(feed.as_str())), "{error}");
    }
}
