//! What a person does to follow recommendations, as commands of a cloud's own tool or as Terraform; one file a cloud.
//!
//! Ids and tags are whatever somebody typed into a cloud: no value reaches a shell or Terraform but quoted, and what a
//! tool itself would read as an option or as the name of a file is not exported at all.

mod aws;
mod azure;
mod files;
mod gcp;
mod purchase;
mod script;
mod steps;
mod terraform;
#[cfg(test)]
mod tests;
mod week;
mod word;

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::{Provider, Recommendation, Resource};

pub use self::files::{of_purchases, of_sizings};
use self::steps::Steps;

/// What recommendations are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `terraform`: new resources, and the attributes that change in others as comments.
    Terraform,
    /// `aws-cli`, `azure-cli`, `gcp-cli`: a bash script of the provider's commands.
    Cli(Provider),
}

impl Format {
    /// Every format with its name in `--export` and in URLs.
    pub const ALL: [(&'static str, Self); 4] = [
        ("terraform", Self::Terraform),
        ("aws-cli", Self::Cli(Provider::Aws)),
        ("azure-cli", Self::Cli(Provider::Azure)),
        ("gcp-cli", Self::Cli(Provider::Gcp)),
    ];

    /// The name of the format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::Cli(Provider::Aws) => "aws-cli",
            Self::Cli(Provider::Azure) => "azure-cli",
            Self::Cli(Provider::Gcp) => "gcp-cli",
        }
    }

    /// Name of a file of this format, without a folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Terraform => "recommendations.tf",
            Self::Cli(Provider::Aws) => "recommendations-aws.sh",
            Self::Cli(Provider::Azure) => "recommendations-azure.sh",
            Self::Cli(Provider::Gcp) => "recommendations-gcp.sh",
        }
    }
}

/// An export format that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown export format {0:?}: expected terraform, aws-cli, azure-cli or gcp-cli")]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, format)| *format).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// What is exported, all of one plan.
#[derive(Debug, Clone, Copy)]
pub struct Advice<'a> {
    /// What the plan could see.
    pub as_of: DateTime<Utc>,
    /// In the order in which it is written.
    pub recommendations: &'a [Recommendation],
    /// The inventory by id: what kind a resource is, and what group it belongs to. One that is missing is listed as such.
    pub resources: &'a BTreeMap<&'a str, &'a Resource>,
}

/// `advice` as one document. A script leaves out other clouds, and says how many; what the format cannot say stands at the
/// end as a comment with the reason.
pub fn export(advice: Advice<'_>, format: Format) -> String {
    match format {
        Format::Terraform => terraform::write(advice),
        Format::Cli(provider) => script::write(advice, provider),
    }
}

/// The same without what all documents of a format share: for reading, not for running.
pub fn excerpt(advice: Advice<'_>, format: Format) -> String {
    match format {
        Format::Terraform => terraform::body(advice),
        Format::Cli(provider) => script::body(advice, provider),
    }
    .trim_start()
    .to_owned()
}

/// A recommendation with the resource it is about.
#[derive(Clone, Copy)]
struct Item<'a> {
    recommendation: &'a Recommendation,
    resource: Option<&'a Resource>,
}

impl<'a> Item<'a> {
    fn all(advice: Advice<'a>) -> impl Iterator<Item = Self> {
        advice.recommendations.iter().map(move |recommendation| {
            let id = recommendation.resource_id.as_deref();
            let resource = id.and_then(|id| advice.resources.get(id).copied());
            Self { recommendation, resource }
        })
    }

    /// The resource, or why there is none.
    fn resource(self) -> Result<&'a Resource, String> {
        self.resource.ok_or_else(|| "it is not in the inventory any more".to_owned())
    }

    /// What it is to be instead.
    fn recommended(self) -> Result<&'a str, String> {
        let recommended = self.recommendation.recommended.as_deref();
        recommended.ok_or_else(|| "the plan does not say what it is to be instead".to_owned())
    }

    /// Where it is.
    fn region(self) -> Result<&'a str, String> {
        let region = self.recommendation.region.as_deref();
        word::safe(region.ok_or_else(|| "the plan does not say in which region it is".to_owned())?)
    }

    /// The commands that do it, or why there are none.
    fn steps(self) -> Result<Steps, String> {
        if self.recommendation.patch.is_some() {
            return Err("Kubernetes does it: its patch is on the page of the recommendation and in \
                        /recommendations.yaml"
                .to_owned());
        }
        if let Some(purchase) = &self.recommendation.purchase {
            return purchase::steps(self.recommendation, purchase);
        }
        by_hand(self)?;
        match self.recommendation.provider {
            Provider::Aws => aws::steps(self),
            Provider::Azure => azure::steps(self),
            Provider::Gcp => gcp::steps(self),
        }
    }
}

/// What no tool does in place, whatever the cloud.
fn by_hand(item: Item<'_>) -> Result<(), String> {
    use domain::ActionType::{MigrateToGraviton, MoveCloud, MoveRegion, UseSpot};
    let recommendation = item.recommendation;
    let machine = item.resource.is_some_and(|resource| resource.kind == domain::ResourceKind::Vm);
    let wanted = recommendation.recommended.as_deref().unwrap_or("another one");
    match (recommendation.action_type, item.resource.and_then(|resource| resource.group.as_deref())) {
        (MoveRegion | MoveCloud, _) => {
            Err("it is made anew there from an image, its data copied, its traffic \
                                            switched over, and then deleted here"
                .to_owned())
        }
        (UseSpot, None) => Err(format!(
            "a running machine does not become a spot machine: launch it anew as {wanted}, and stop this one"
        )),
        (UseSpot, Some(group)) => Err(format!(
            "the group {group} decides what it launches: give its launch template spot capacity of {wanted}, and keep \
             on-demand as fallback"
        )),
        (MigrateToGraviton, _) if machine => Err(format!(
            "an image for another processor is needed: launch {wanted} from it, and stop this one"
        )),
        (_, Some(group)) if machine => Err(format!(
            "it belongs to the group {group}, which would undo a change to one machine: change the launch template or \
             the size of the group"
        )),
        _ => Ok(()),
    }
}
