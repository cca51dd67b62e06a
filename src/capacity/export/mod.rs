//! A plan's schedule in the language of the system that is to follow it; one file a format.

mod aws_cli;
mod azure;
mod azure_cli;
mod gcp;
mod keda;
mod kubernetes;
mod policy;
mod replicas;
mod schedule;
mod terraform;

use std::str::FromStr;

use domain::{CapacityKind, CapacityPlan};

use crate::settings::Settings;

pub use policy::export_policy;
pub use schedule::ExportError;

/// What a schedule is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `terraform`: `aws_autoscaling_schedule` resources; for read replicas, `aws_appautoscaling_scheduled_action`.
    Terraform,
    /// `aws-cli`: a shell script of `aws autoscaling put-scheduled-update-group-action`; for read replicas, of
    /// `aws application-autoscaling`.
    AwsCli,
    /// `azure-autoscale`: a Resource Manager template with autoscale profiles.
    AzureAutoscale,
    /// `gcp-autoscaler`: a shell script that adds scaling schedules to managed instance groups.
    GcpAutoscaler,
    /// `k8s-hpa`: a HorizontalPodAutoscaler and the cron jobs that move its minimum.
    K8sHpa,
    /// `keda-cron`: a ScaledObject with cron triggers.
    KedaCron,
    /// `keda-prometheus`: the same, scaling on requests from Prometheus instead of CPU.
    KedaPrometheus,
    /// `terraform-policy`: the schedule with `aws_autoscaling_policy` target tracking beside it.
    TerraformPolicy,
    /// `azure-cli`: a shell script of `az monitor autoscale`.
    AzureCli,
}

impl Format {
    /// Every format with its name in `--export`.
    pub const ALL: [(&'static str, Self); 9] = [
        ("terraform", Self::Terraform),
        ("aws-cli", Self::AwsCli),
        ("azure-autoscale", Self::AzureAutoscale),
        ("gcp-autoscaler", Self::GcpAutoscaler),
        ("k8s-hpa", Self::K8sHpa),
        ("keda-cron", Self::KedaCron),
        ("keda-prometheus", Self::KedaPrometheus),
        ("terraform-policy", Self::TerraformPolicy),
        ("azure-cli", Self::AzureCli),
    ];

    /// Whether a workload of this kind can be told in this format.
    pub fn fits(self, kind: CapacityKind) -> bool {
        match kind {
            CapacityKind::ReadReplicas => {
                matches!(self, Self::Terraform | Self::TerraformPolicy | Self::AwsCli)
            }
            kind => kind.unscaled().is_none(),
        }
    }

    /// Whether step scaling of such a workload can be told in this format: that of autoscaling groups in Terraform.
    pub fn fits_steps(self, kind: CapacityKind) -> bool {
        kind != CapacityKind::ReadReplicas
            && self.fits(kind)
            && matches!(self, Self::Terraform | Self::TerraformPolicy)
    }

    /// Name of a file of this format that holds a policy, without a folder.
    pub fn policy_file_name(self) -> String {
        self.file_name().replacen("schedule", "policy", 1)
    }

    /// Name of a file of this format, without a folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Terraform => "schedule.tf",
            Self::AwsCli => "schedule-aws.sh",
            Self::AzureAutoscale => "schedule-azure.json",
            Self::GcpAutoscaler => "schedule-gcp.sh",
            Self::K8sHpa => "schedule-hpa.yaml",
            Self::KedaCron => "schedule-keda.yaml",
            Self::KedaPrometheus => "schedule-keda-prometheus.yaml",
            Self::TerraformPolicy => "schedule-policy.tf",
            Self::AzureCli => "schedule-azure.sh",
        }
    }
}

/// Of the formats, these have words for the readers of a database.
const READERS_ONLY: &str = "read replicas are no autoscaling group, and this format has no words for them; take terraform, terraform-policy or aws-cli";

/// An export format that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown export format {0:?}: expected terraform, aws-cli, azure-autoscale, gcp-autoscaler, k8s-hpa, keda-cron, \
     keda-prometheus, terraform-policy or azure-cli"
)]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, format)| *format).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// The schedules of `plans` as one document. Times are UTC, equal neighbours are one entry, and names are
/// reduced to lower-case letters, digits and hyphens, told apart by a number where they would collide.
///
/// # Errors
/// A plan without rows or without a clock, one too long for a format that knows no years, or of a kind that the format
/// has no words for.
pub fn export(plans: &[CapacityPlan], format: Format, settings: &Settings) -> Result<String, ExportError> {
    let groups = schedule::groups(plans, settings)?;
    if let Some(plan) = plans.iter().find(|plan| !format.fits(plan.kind)) {
        return Err(ExportError::NoGroup { unique_id: plan.unique_id.clone(), why: READERS_ONLY });
    }
    match format {
        Format::Terraform => Ok(terraform::write(&groups)),
        Format::AwsCli => Ok(aws_cli::write(&groups)),
        Format::AzureAutoscale => Ok(azure::write(&groups)),
        Format::GcpAutoscaler => Ok(gcp::write(&groups)),
        Format::K8sHpa => kubernetes::write(&groups),
        Format::KedaCron => keda::write(&groups, keda::Beside::Cpu),
        Format::KedaPrometheus => keda::write(&groups, keda::Beside::Prometheus),
        Format::TerraformPolicy => Ok(terraform::write_with_policies(&groups)),
        Format::AzureCli => Ok(azure_cli::write(&groups)),
    }
}
