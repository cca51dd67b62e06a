//! Terraform: new resources as they are, and as comments the attributes that change in resources whose address nobody
//! told.

use domain::{ActionType, Provider, Resource, ResourceKind};

use super::aws::{days_until, tail, week};
use super::script::heading;
use super::steps::mebibytes;
use super::word::{hcl, line, safe};
use super::{Advice, Item};
use crate::storage;

/// The role of schedules, which Terraform is told.
const ROLE: &str = r#"
# The ARN of a role that scheduler.amazonaws.com may take and that may start and stop the machines.
variable "scheduler_role_arn" {
  type = string
}
"#;

/// What to know before something is destroyed.
const GONE: &str = "# Terraform makes no last snapshot: the script of the cloud does.\n";

/// What one recommendation is in Terraform.
enum Said {
    /// Resources that are new, as blocks, and what to know about them.
    New(Vec<Block>, &'static str),
    /// Attributes that change in a resource that exists.
    Change(Change),
    /// The resource goes: its block is taken out.
    Gone,
}

/// A block with its attributes in order.
struct Block {
    head: String,
    attributes: Vec<(&'static str, String)>,
    blocks: Vec<Block>,
}

/// What changes in a resource that exists, or that is known to Terraform under an address of its own.
struct Change {
    kind: &'static str,
    /// Attribute, what it is, what it is to be; as expressions.
    attributes: Vec<(&'static str, Option<String>, String)>,
}

/// The document.
pub(super) fn write(advice: Advice<'_>) -> String {
    let text = format!(
        "# What Headroom recommends, with data until {}, as fragments for a configuration that exists; savings in USD a month.\n\
         # Blocks are new resources. Where a resource exists already, its address is not known here: the comment says what\n\
         # changes in its block, and `terraform state list -id=ID` finds it. The script of the cloud does the same, with checks.\n",
        advice.as_of.format("%Y-%m-%d")
    );
    text + &body(advice)
}

/// The document without its heading.
pub(super) fn body(advice: Advice<'_>) -> String {
    let mut text = String::new();
    let (mut blocks, mut unsaid) = (String::new(), Vec::new());
    let mut role = false;
    for (number, item) in Item::all(advice).enumerate() {
        let recommendation = item.recommendation;
        match say(item, number + 1) {
            Ok(said) => {
                blocks += &format!("\n# {}\n", heading(recommendation));
                match said {
                    Said::New(new, note) => {
                        blocks += &format!("# {note}\n");
                        role |= new.iter().any(|block| block.head.contains("aws_scheduler_schedule"));
                        let written: Vec<String> = new.iter().map(|block| block.write(0)).collect();
                        blocks += &written.join("\n");
                    }
                    Said::Change(change) => blocks += &change.write(recommendation.resource_id.as_deref()),
                    Said::Gone => {
                        let id = hcl(recommendation.resource_id.as_deref().unwrap_or_default());
                        blocks += &format!("# Take out the block whose id is {}.\n{GONE}", line(&id));
                    }
                }
            }
            Err(reason) => unsaid.push((recommendation, reason)),
        }
    }
    if role {
        text += ROLE;
    }
    text += &blocks;
    if !unsaid.is_empty() {
        text += "\n# What Terraform cannot say:\n";
        for (recommendation, reason) in unsaid {
            text += &format!("#   {}\n#     {}\n", heading(recommendation), line(&reason));
        }
    }
    text
}

fn say(item: Item<'_>, number: usize) -> Result<Said, String> {
    use ActionType::{ChangeStorageClass, Delete, MigrateToGraviton, Rightsize, Schedule, Stop, Upgrade};
    if item.recommendation.purchase.is_some() {
        return Err("a purchase cannot be destroyed, so it is nothing that Terraform keeps: the script of the cloud buys it"
            .to_owned());
    }
    if item.recommendation.patch.is_some() {
        return Err(item.steps().err().unwrap_or_default());
    }
    super::by_hand(item)?;
    let resource = item.resource()?;
    let action = item.recommendation.action_type;
    match (action, resource.kind) {
        (Rightsize | Upgrade | MigrateToGraviton, ResourceKind::Disk) => disk(item),
        (Rightsize, ResourceKind::Function) => function(item),
        (Rightsize | Upgrade | MigrateToGraviton, _) => size(item, resource),
        (Stop, ResourceKind::Vm) if resource.provider == Provider::Aws => {
            let attributes = vec![("instance_id", hcl(&resource.resource_id)), ("state", hcl("stopped"))];
            Ok(Said::New(
                vec![block("aws_ec2_instance_state", number, "", attributes)],
                "Its disks are still paid.",
            ))
        }
        (Stop, _) => {
            Err("whether a machine runs is nothing that its Terraform resource says: the script stops it"
                .to_owned())
        }
        (Delete, _) => Ok(Said::Gone),
        (Schedule, ResourceKind::Vm) => schedule(item, resource, number),
        (ChangeStorageClass, ResourceKind::Bucket) => bucket(item, resource, number),
        (action, kind) => Err(format!("there is no resource for {action} of a {kind}")),
    }
}

fn block(kind: &str, number: usize, suffix: &str, attributes: Vec<(&'static str, String)>) -> Block {
    Block {
        head: format!("resource \"{kind}\" \"headroom_{number}{suffix}\""),
        attributes,
        blocks: Vec::new(),
    }
}

fn change(kind: &'static str, attribute: &'static str, now: &str, new: &str) -> Said {
    Said::Change(Change { kind, attributes: vec![(attribute, Some(hcl(now)), hcl(new))] })
}

fn size(item: Item<'_>, resource: &Resource) -> Result<Said, String> {
    let (now, new) = (item.recommendation.current.as_str(), item.recommended()?);
    Ok(match (resource.provider, resource.kind) {
        (Provider::Aws, ResourceKind::Vm) => change("aws_instance", "instance_type", now, new),
        (Provider::Aws, ResourceKind::Database) => change("aws_db_instance", "instance_class", now, new),
        (Provider::Aws, ResourceKind::Cache) if resource.group.is_some() => {
            change("aws_elasticache_replication_group", "node_type", now, new)
        }
        (Provider::Aws, ResourceKind::Cache) => change("aws_elasticache_cluster", "node_type", now, new),
        (Provider::Azure, ResourceKind::Vm) => change("azurerm_linux_virtual_machine", "size", now, new),
        (Provider::Azure, ResourceKind::Database) => {
            let kind = match super::azure::server(&resource.resource_id)? {
                "mysql" => "azurerm_mysql_flexible_server",
                _ => "azurerm_postgresql_flexible_server",
            };
            change(kind, "sku_name", now, new)
        }
        (Provider::Gcp, ResourceKind::Vm) => change("google_compute_instance", "machine_type", now, new),
        (Provider::Gcp, ResourceKind::Database) => {
            change("google_sql_database_instance", "settings.tier", now, new)
        }
        (provider, kind) => {
            return Err(format!(
                "there is no resource for the size of a {kind} of {}",
                provider.display_name()
            ));
        }
    })
}

fn function(item: Item<'_>) -> Result<Said, String> {
    let size = |text: &str| mebibytes(text).ok_or("the plan does not say how much memory");
    let (now, new) = (size(&item.recommendation.current)?, size(item.recommended()?)?);
    if item.recommendation.provider != Provider::Aws {
        return Err("its memory is set when it is deployed".to_owned());
    }
    let attributes = vec![("memory_size", Some(now.to_string()), new.to_string())];
    Ok(Said::Change(Change { kind: "aws_lambda_function", attributes }))
}

fn disk(item: Item<'_>) -> Result<Said, String> {
    let (iops, mbps) =
        storage::provisioned(item.recommendation).ok_or("the plan does not say what it has to carry")?;
    let attributes = vec![
        ("type", Some(hcl("gp2")), hcl("gp3")),
        ("iops", None, iops.to_string()),
        ("throughput", None, mbps.to_string()),
    ];
    Ok(Said::Change(Change { kind: "aws_ebs_volume", attributes }))
}

fn schedule(item: Item<'_>, resource: &Resource, number: usize) -> Result<Said, String> {
    let week = week(item)?;
    match resource.provider {
        Provider::Aws => {
            let input = serde_json::json!({ "InstanceIds": [resource.resource_id] }).to_string();
            let mut blocks = Vec::new();
            for (verb, times) in [("start", &week.starts), ("stop", &week.stops)] {
                for (at_number, at) in times.iter().enumerate() {
                    let suffix = format!("_{verb}_{}", at_number + 1);
                    let called =
                        super::word::name(&format!("-{verb}-{}-{}", at_number + 1, resource.resource_id));
                    let attributes = vec![
                        ("name", hcl(&called)),
                        ("schedule_expression", hcl(&at.aws())),
                        ("schedule_expression_timezone", hcl("UTC")),
                    ];
                    let target = vec![
                        ("arn", hcl(&format!("arn:aws:scheduler:::aws-sdk:ec2:{verb}Instances"))),
                        ("role_arn", "var.scheduler_role_arn".to_owned()),
                        ("input", hcl(&input)),
                    ];
                    let part = |head: &str, attributes| Block {
                        head: head.to_owned(),
                        attributes,
                        blocks: Vec::new(),
                    };
                    blocks.push(Block {
                        blocks: vec![
                            part("flexible_time_window", vec![("mode", hcl("OFF"))]),
                            part("target", target),
                        ],
                        ..block("aws_scheduler_schedule", number, &suffix, attributes)
                    });
                }
            }
            Ok(Said::New(blocks, "Times are UTC the whole year round."))
        }
        Provider::Gcp => {
            let ([start], [stop]) = (week.starts.as_slice(), week.stops.as_slice()) else {
                return Err(item.steps().err().unwrap_or_default());
            };
            let part = |head: &str, at: &super::week::At| Block {
                head: head.to_owned(),
                attributes: vec![("schedule", hcl(&at.cron()))],
                blocks: Vec::new(),
            };
            let policy = Block {
                head: "instance_schedule_policy".to_owned(),
                attributes: vec![("time_zone", hcl("UTC"))],
                blocks: vec![part("vm_start_schedule", start), part("vm_stop_schedule", stop)],
            };
            let called = super::word::name(&format!("-{}", tail(&resource.resource_id)?));
            let attributes = vec![("name", hcl(&called)), ("region", hcl(item.region()?))];
            let policy = Block {
                blocks: vec![policy],
                ..block("google_compute_resource_policy", number, "", attributes)
            };
            Ok(Said::New(vec![policy], "Name it in resource_policies of the google_compute_instance."))
        }
        Provider::Azure => Err(item.steps().err().unwrap_or_default()),
    }
}

fn bucket(item: Item<'_>, resource: &Resource, number: usize) -> Result<Said, String> {
    let class = item.recommended()?;
    match resource.provider {
        Provider::Aws => {
            let transition = Block {
                head: "transition".to_owned(),
                attributes: vec![
                    ("days", days_until(class).to_string()),
                    ("storage_class", hcl(safe(class)?)),
                ],
                blocks: Vec::new(),
            };
            let filter = Block { head: "filter".to_owned(), attributes: Vec::new(), blocks: Vec::new() };
            let rule = Block {
                head: "rule".to_owned(),
                attributes: vec![("id", hcl("headroom")), ("status", hcl("Enabled"))],
                blocks: vec![filter, transition],
            };
            let attributes = vec![("bucket", hcl(tail(&resource.resource_id)?))];
            let configuration = Block {
                blocks: vec![rule],
                ..block("aws_s3_bucket_lifecycle_configuration", number, "", attributes)
            };
            Ok(Said::New(vec![configuration], "It takes the place of every other rule of the bucket."))
        }
        Provider::Azure => {
            Ok(change("azurerm_storage_account", "access_tier", &item.recommendation.current, class))
        }
        Provider::Gcp => {
            Ok(change("google_storage_bucket", "storage_class", &item.recommendation.current, class))
        }
    }
}

impl Block {
    /// As `terraform fmt` writes it, ending with a line break.
    fn write(&self, depth: usize) -> String {
        let (outer, inner) = ("  ".repeat(depth), "  ".repeat(depth + 1));
        if self.attributes.is_empty() && self.blocks.is_empty() {
            return format!("{outer}{} {{}}\n", self.head);
        }
        let widest = self.attributes.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines = self.attributes.iter().map(|(name, value)| format!("{inner}{name:<widest$} = {value}\n"));
        let attributes: String = lines.collect();
        let parts: Vec<String> = Some(attributes)
            .filter(|text| !text.is_empty())
            .into_iter()
            .chain(self.blocks.iter().map(|block| block.write(depth + 1)))
            .collect();
        format!("{outer}{} {{\n{}{outer}}}\n", self.head, parts.join("\n"))
    }
}

impl Change {
    fn write(&self, id: Option<&str>) -> String {
        let mut text =
            format!("# resource \"{}\", whose id is {} {{\n", self.kind, line(&hcl(id.unwrap_or_default())));
        for (attribute, now, new) in &self.attributes {
            if let Some(now) = now {
                text += &format!("# -   {attribute} = {}\n", line(now));
            }
            text += &format!("# +   {attribute} = {}\n", line(new));
        }
        text + "# }\n"
    }
}
