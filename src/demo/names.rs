//! Resource ids in each provider's own form, derived from names.

use domain::{Provider, ResourceKind};

use crate::random::hash;
use crate::spec::Account;

/// The provider's id of a resource.
pub(crate) fn resource_id(kind: ResourceKind, account: &Account, region: &str, name: &str) -> String {
    match account.provider {
        Provider::Aws => aws(kind, account, region, name),
        Provider::Azure => {
            let path = match kind {
                ResourceKind::Vm => "Microsoft.Compute/virtualMachines",
                ResourceKind::Disk => "Microsoft.Compute/disks",
                ResourceKind::Snapshot => "Microsoft.Compute/snapshots",
                ResourceKind::Bucket => "Microsoft.Storage/storageAccounts",
                ResourceKind::IpAddress => "Microsoft.Network/publicIPAddresses",
                _ => "Microsoft.Resources/deployments",
            };
            format!("{}/resourceGroups/office/providers/{path}/{name}", account.id)
        }
        Provider::Gcp => {
            let project = &account.id;
            match kind {
                ResourceKind::Bucket => format!("//storage.googleapis.com/projects/_/buckets/{name}"),
                ResourceKind::Database => {
                    format!("//cloudsql.googleapis.com/projects/{project}/instances/{name}")
                }
                ResourceKind::Disk => {
                    format!("//compute.googleapis.com/projects/{project}/zones/{region}-b/disks/{name}")
                }
                ResourceKind::IpAddress => {
                    format!("//compute.googleapis.com/projects/{project}/regions/{region}/addresses/{name}")
                }
                _ => format!("//compute.googleapis.com/projects/{project}/zones/{region}-b/instances/{name}"),
            }
        }
    }
}

/// `name` when it is the only one, `name-1`, `name-2`, … otherwise. `index` counts from 0.
pub(crate) fn numbered(name: &str, index: u32, alone: bool) -> String {
    if alone { name.to_owned() } else { format!("{name}-{}", index + 1) }
}

fn aws(kind: ResourceKind, account: &Account, region: &str, name: &str) -> String {
    let owner = &account.id;
    let number = hash(&format!("{kind}/{owner}/{region}/{name}")) | 1 << 60;
    match kind {
        ResourceKind::Vm => format!("i-0{number:016x}"),
        ResourceKind::Disk => format!("vol-0{number:016x}"),
        ResourceKind::Snapshot => format!("snap-0{number:016x}"),
        ResourceKind::NatGateway => format!("nat-0{number:016x}"),
        ResourceKind::IpAddress => format!("eipalloc-0{number:016x}"),
        ResourceKind::Bucket => format!("arn:aws:s3:::{name}"),
        ResourceKind::Database => format!("arn:aws:rds:{region}:{owner}:db:{name}"),
        ResourceKind::Cache => format!("arn:aws:elasticache:{region}:{owner}:cluster:{name}"),
        ResourceKind::LoadBalancer => {
            format!("arn:aws:elasticloadbalancing:{region}:{owner}:loadbalancer/app/{name}/{number:016x}")
        }
        ResourceKind::Function => format!("arn:aws:lambda:{region}:{owner}:function:{name}"),
        ResourceKind::Queue => format!("arn:aws:sqs:{region}:{owner}:{name}"),
        ResourceKind::Cluster => format!("arn:aws:eks:{region}:{owner}:cluster/{name}"),
        // Kubernetes knows no accounts: its names are told apart by where the cluster is.
        ResourceKind::Container => format!("{region}/{owner}/{name}"),
    }
}
