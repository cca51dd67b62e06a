//! Commands of `aws`.

use domain::{ActionType, Effect, Resource, ResourceKind};
use serde_json::json;

use super::Item;
use super::steps::{Command, Kind, Part, Steps};
use super::week::Week;
use super::word::{name, safe};
use crate::storage;

/// The variable with the role that switches machines on and off.
pub(super) const ROLE: &str = "SCHEDULER_ROLE_ARN";
/// What it must be allowed to.
const ROLE_WORDS: &str =
    "the ARN of a role that scheduler.amazonaws.com may take and that may start and stop the machine";
/// Classes to which objects may go after a month only.
const INFREQUENT: [&str; 2] = ["STANDARD_IA", "ONEZONE_IA"];

/// What does it, of what is done in place.
pub(super) fn steps(item: Item<'_>) -> Result<Steps, String> {
    use ActionType::{ChangeStorageClass, Delete, MigrateToGraviton, Rightsize, Schedule, Stop, Upgrade};
    use ResourceKind::{Bucket, Cache, Database, Disk, Function, Vm};
    let resource = item.resource()?;
    safe(&resource.resource_id)?;
    match (item.recommendation.action_type, resource.kind) {
        (Rightsize | Upgrade, Vm) => machine(item),
        (Rightsize | Upgrade | MigrateToGraviton, Database) => database(item),
        (Rightsize | Upgrade | MigrateToGraviton, Cache) => cache(item, resource),
        (Rightsize, Function) => function(item),
        (Upgrade, Disk) => disk(item),
        (Stop, Vm) => stop(item),
        (Delete, kind) => delete(item, kind),
        (Schedule, Vm) => schedule(item),
        (ChangeStorageClass, Bucket) => bucket(item),
        (action, kind) => Err(format!("there is no command for {action} of a {kind}")),
    }
}

/// The last part of an ARN, or the whole of what is none.
pub(super) fn tail(id: &str) -> Result<&str, String> {
    safe(id.rsplit([':', '/']).next().unwrap_or(id))
}

/// Steps whose first check is that the credentials are those of the account, where that is said by its number.
pub(super) fn in_account(account: &str, kind: Kind) -> Steps {
    if account.len() != 12 || !account.bytes().all(|digit| digit.is_ascii_digit()) {
        return Steps::new(kind).note(format!("with the credentials of the account {account}"));
    }
    let who = Command::new("aws sts get-caller-identity --query Account --output text");
    Steps::new(kind).expect(account, who)
}

fn begin(item: Item<'_>, kind: Kind) -> Steps {
    in_account(&item.recommendation.account, kind)
}

/// A command about the resource, in its region.
fn call(item: Item<'_>, fixed: &str, option: &str, value: &str) -> Result<Command, String> {
    Ok(Command::new(fixed).with("--region", item.region()?).with(option, safe(value)?))
}

/// The same as a question with a one-word answer.
fn ask(item: Item<'_>, fixed: &str, option: &str, value: &str, query: &str) -> Result<Command, String> {
    Ok(call(item, fixed, option, value)?.with("--query", query).with("--output", "text"))
}

fn id(item: Item<'_>) -> Result<&str, String> {
    Ok(&item.resource()?.resource_id)
}

fn machine(item: Item<'_>) -> Result<Steps, String> {
    let (id, now, new) = (id(item)?, item.recommendation.current.as_str(), item.recommended()?);
    let on = |fixed: &str| call(item, fixed, "--instance-ids", id);
    let become_type = |kind: &str| {
        let value = json!({ "Value": kind }).to_string();
        Ok::<_, String>(
            call(item, "aws ec2 modify-instance-attribute", "--instance-id", id)?
                .with("--instance-type", value),
        )
    };
    let query = "Reservations[0].Instances[0].InstanceType";
    let change = |steps: Steps, kind: &str| -> Result<Steps, String> {
        Ok(steps
            .run(on("aws ec2 stop-instances")?)
            .run(on("aws ec2 wait instance-stopped")?)
            .run(become_type(kind)?)
            .run(on("aws ec2 start-instances")?)
            .run(on("aws ec2 wait instance-running")?))
    };
    let steps = begin(item, Kind::Change)
        .expect(safe(now)?, ask(item, "aws ec2 describe-instances", "--instance-ids", id, query)?);
    let mut steps = change(steps, safe(new)?)?;
    steps.undo = change(Steps::new(Kind::Change), now)?.acts;
    Ok(steps.note(
        "it stops for minutes; what is on instance store is lost, and a public address that is not elastic changes",
    ))
}

fn database(item: Item<'_>) -> Result<Steps, String> {
    let id = tail(id(item)?)?;
    let become_class = |class: &str| {
        let command = call(item, "aws rds modify-db-instance", "--db-instance-identifier", id)?;
        Ok::<_, String>(command.with("--db-instance-class", safe(class)?).word("--no-apply-immediately"))
    };
    let query = "DBInstances[0].DBInstanceClass";
    Ok(begin(item, Kind::Change)
        .expect(
            item.recommendation.current.as_str(),
            ask(item, "aws rds describe-db-instances", "--db-instance-identifier", id, query)?,
        )
        .run(become_class(item.recommended()?)?)
        .back(become_class(&item.recommendation.current)?)
        .note("it changes in the next maintenance window, and is away for minutes or fails over then"))
}

fn cache(item: Item<'_>, resource: &Resource) -> Result<Steps, String> {
    if resource.os.as_deref().is_some_and(|engine| engine.eq_ignore_ascii_case("memcached")) {
        return Err("nodes of memcached keep their size: make a new cluster and switch over to it".to_owned());
    }
    let cluster = tail(id(item)?)?;
    let (fixed, option, who) = match resource.group.as_deref() {
        Some(group) => ("aws elasticache modify-replication-group", "--replication-group-id", group),
        None => ("aws elasticache modify-cache-cluster", "--cache-cluster-id", cluster),
    };
    let become_type = |kind: &str| {
        let command = call(item, fixed, option, who)?.with("--cache-node-type", safe(kind)?);
        Ok::<_, String>(command.word("--no-apply-immediately"))
    };
    let query = "CacheClusters[0].CacheNodeType";
    let steps = begin(item, Kind::Change)
        .expect(
            item.recommendation.current.as_str(),
            ask(item, "aws elasticache describe-cache-clusters", "--cache-cluster-id", cluster, query)?,
        )
        .run(become_type(item.recommended()?)?)
        .back(become_type(&item.recommendation.current)?)
        .note("it changes in the next maintenance window");
    Ok(match &resource.group {
        Some(group) => steps.note(format!("all nodes of {group} change together: once is enough")),
        None => steps,
    })
}

fn function(item: Item<'_>) -> Result<Steps, String> {
    let id = id(item)?;
    let memory = |size: &str| super::steps::mebibytes(size).ok_or("the plan does not say how much memory");
    let (now, new) = (memory(&item.recommendation.current)?, memory(item.recommended()?)?);
    let become_size = |mib: u32| {
        let command = call(item, "aws lambda update-function-configuration", "--function-name", id)?;
        Ok::<_, String>(command.with("--memory-size", mib.to_string()))
    };
    let question = "aws lambda get-function-configuration";
    Ok(begin(item, Kind::Change)
        .expect(now.to_string(), ask(item, question, "--function-name", id, "MemorySize")?)
        .run(become_size(new)?)
        .back(become_size(now)?)
        .note("its CPU changes with its memory: compare the length of its runs with its timeout"))
}

fn disk(item: Item<'_>) -> Result<Steps, String> {
    let id = id(item)?;
    let (iops, mbps) =
        storage::provisioned(item.recommendation).ok_or("the plan does not say what it has to carry")?;
    let gp3 = call(item, "aws ec2 modify-volume", "--volume-id", id)?
        .with("--volume-type", "gp3")
        .with("--iops", iops.to_string())
        .with("--throughput", mbps.to_string());
    let question = "aws ec2 describe-volumes";
    Ok(begin(item, Kind::Change)
        .expect("gp2", ask(item, question, "--volume-ids", id, "Volumes[0].VolumeType")?)
        .run(gp3)
        .back(call(item, "aws ec2 modify-volume", "--volume-id", id)?.with("--volume-type", "gp2"))
        .note("it stays in use; the way back is open six hours later"))
}

fn stop(item: Item<'_>) -> Result<Steps, String> {
    let id = id(item)?;
    let query = "Reservations[0].Instances[0].State.Name";
    Ok(begin(item, Kind::Change)
        .expect("running", ask(item, "aws ec2 describe-instances", "--instance-ids", id, query)?)
        .run(call(item, "aws ec2 stop-instances", "--instance-ids", id)?)
        .back(call(item, "aws ec2 start-instances", "--instance-ids", id)?)
        .note("its disks are still paid; what is on instance store is lost"))
}

fn delete(item: Item<'_>, kind: ResourceKind) -> Result<Steps, String> {
    let id = id(item)?;
    let begin = begin(item, Kind::Delete);
    let last = name(&format!("-last-{id}"));
    let filter = |name: &str| json!([{ "Name": name, "Values": [id] }]).to_string();
    match kind {
        ResourceKind::Disk => {
            let question = "aws ec2 describe-volumes";
            let newest = call(item, "aws ec2 describe-snapshots", "--filters", &filter("volume-id"))?
                .with("--query", "sort_by(Snapshots, &StartTime)[-1].SnapshotId")
                .with("--output", "text");
            let zone = ask(
                item,
                "aws ec2 describe-availability-zones",
                "--filters",
                ZONES,
                "AvailabilityZones[0].ZoneName",
            )?;
            let restored = Command::new("aws ec2 create-volume")
                .with("--region", item.region()?)
                .parts("--availability-zone", vec![Part::Variable("zone")])
                .parts("--snapshot-id", vec![Part::Variable("snapshot")]);
            let mut steps = begin
                .expect("available", ask(item, question, "--volume-ids", id, "Volumes[0].State")?)
                .run(call(item, "aws ec2 create-snapshot", "--volume-id", id)?.with("--description", last))
                .run(call(item, "aws ec2 wait snapshot-completed", "--filters", &filter("volume-id"))?)
                .run(call(item, "aws ec2 delete-volume", "--volume-id", id)?)
                .look_back("snapshot", newest)
                .look_back("zone", zone);
            steps = steps.back(restored);
            Ok(steps.note(
                "a last snapshot is made first; the way back makes a new disk of it, in the first zone",
            ))
        }
        ResourceKind::IpAddress => {
            let question = "aws ec2 describe-addresses";
            Ok(begin
                .expect("None", ask(item, question, "--allocation-ids", id, "Addresses[0].AssociationId")?)
                .run(call(item, "aws ec2 release-address", "--allocation-id", id)?)
                .note("the address itself is gone for good"))
        }
        ResourceKind::Snapshot => {
            let images = call(
                item,
                "aws ec2 describe-images --owners self",
                "--filters",
                &filter("block-device-mapping.snapshot-id"),
            )?
            .with("--query", "length(Images)")
            .with("--output", "text");
            Ok(begin.expect("0", images).run(call(item, "aws ec2 delete-snapshot", "--snapshot-id", id)?))
        }
        ResourceKind::Vm => {
            let query = "Reservations[0].Instances[0].State.Name";
            let image = json!([{ "Name": "name", "Values": [last] }]).to_string();
            Ok(begin
                .expect("stopped", ask(item, "aws ec2 describe-instances", "--instance-ids", id, query)?)
                .run(call(item, "aws ec2 create-image", "--instance-id", id)?.with("--name", last))
                .run(call(item, "aws ec2 wait image-available --owners self", "--filters", &image)?)
                .run(call(item, "aws ec2 terminate-instances", "--instance-ids", id)?)
                .note("an image of it is made first, from which a new machine can be launched"))
        }
        ResourceKind::Database => {
            let database = tail(id)?;
            let query = "DBInstances[0].DBInstanceIdentifier";
            let by = "--db-instance-identifier";
            let restore = call(item, "aws rds restore-db-instance-from-db-snapshot", by, database)?;
            Ok(begin
                .expect(database, ask(item, "aws rds describe-db-instances", by, database, query)?)
                .run(call(item, "aws rds delete-db-instance", by, database)?
                    .with("--final-db-snapshot-identifier", last.clone()))
                .back(restore.with("--db-snapshot-identifier", last))
                .note("a last snapshot is made; an instance of an Aurora cluster refuses it: delete such a cluster by hand"))
        }
        ResourceKind::Cache => {
            if let Some(group) = item.resource()?.group.as_deref() {
                return Err(format!("it is a node of {group}: delete the whole group, or take it out of it"));
            }
            let cluster = tail(id)?;
            let by = "--cache-cluster-id";
            let query = "CacheClusters[0].CacheClusterStatus";
            Ok(begin
                .expect(
                    "available",
                    ask(item, "aws elasticache describe-cache-clusters", by, cluster, query)?,
                )
                .run(call(item, "aws elasticache delete-cache-cluster", by, cluster)?)
                .note("what it holds is gone for good"))
        }
        ResourceKind::LoadBalancer
            if id.starts_with("arn:") && id.contains(":loadbalancer/") && id.matches('/').count() > 1 =>
        {
            let by = "--load-balancer-arns";
            let query = "LoadBalancers[0].State.Code";
            Ok(begin
                .expect("active", ask(item, "aws elbv2 describe-load-balancers", by, id, query)?)
                .run(call(item, "aws elbv2 delete-load-balancer", "--load-balancer-arn", id)?)
                .note("its listeners and its name in the DNS go with it"))
        }
        ResourceKind::LoadBalancer => {
            let balancer = tail(id)?;
            let query = "LoadBalancerDescriptions[0].LoadBalancerName";
            let question = "aws elb describe-load-balancers";
            Ok(begin
                .expect(balancer, ask(item, question, "--load-balancer-names", balancer, query)?)
                .run(call(item, "aws elb delete-load-balancer", "--load-balancer-name", balancer)?))
        }
        ResourceKind::NatGateway => {
            let question = "aws ec2 describe-nat-gateways";
            Ok(begin
                .expect("available", ask(item, question, "--nat-gateway-ids", id, "NatGateways[0].State")?)
                .run(call(item, "aws ec2 delete-nat-gateway", "--nat-gateway-id", id)?)
                .note("routes that lead to it lead nowhere afterwards; its address is still paid"))
        }
        kind => Err(format!("there is no command for deleting a {kind}")),
    }
}

/// Zones that can be used.
const ZONES: &str = r#"[{"Name":"state","Values":["available"]}]"#;

/// The week of a schedule.
pub(super) fn week(item: Item<'_>) -> Result<Week, String> {
    match &item.recommendation.effect {
        Some(Effect::Schedule { on }) => Week::of(on),
        _ => Err("the plan was made by a version that did not keep its schedules".to_owned()),
    }
}

fn schedule(item: Item<'_>) -> Result<Steps, String> {
    let (id, week) = (id(item)?, week(item)?);
    let input = json!({ "InstanceIds": [id] }).to_string();
    let mut steps = begin(item, Kind::Change).need(ROLE, ROLE_WORDS);
    for (verb, times) in [("start", &week.starts), ("stop", &week.stops)] {
        for (number, at) in times.iter().enumerate() {
            let called = name(&format!("-{verb}-{}-{id}", number + 1));
            let arn = format!("arn:aws:scheduler:::aws-sdk:ec2:{verb}Instances");
            // The role stands between two halves of one JSON document.
            let target = vec![
                Part::Text(format!("{{\"Arn\":{},\"Input\":{},\"RoleArn\":\"", json!(arn), json!(input))),
                Part::Variable(ROLE),
                Part::Text("\"}".to_owned()),
            ];
            steps = steps.run(
                call(item, "aws scheduler create-schedule", "--name", &called)?
                    .with("--schedule-expression", at.aws())
                    .with("--schedule-expression-timezone", "UTC")
                    .with("--flexible-time-window", r#"{"Mode":"OFF"}"#)
                    .parts("--target", target),
            );
            steps = steps.back(call(item, "aws scheduler delete-schedule", "--name", &called)?);
        }
    }
    Ok(steps.note("times are UTC the whole year round: give another time zone to follow its clock changes"))
}

/// After how many days objects may go to a class.
pub(super) fn days_until(class: &str) -> u32 {
    if INFREQUENT.contains(&class) { 30 } else { 0 }
}

fn bucket(item: Item<'_>) -> Result<Steps, String> {
    let (bucket, class) = (tail(id(item)?)?, safe(item.recommended()?)?);
    let rules = json!({ "Rules": [{
        "ID": "headroom",
        "Status": "Enabled",
        "Filter": {},
        "Transitions": [{ "Days": days_until(class), "StorageClass": class }],
    }] });
    let on = |fixed: &str| call(item, fixed, "--bucket", bucket);
    Ok(begin(item, Kind::Change)
        .absent("NoSuchLifecycleConfiguration", on("aws s3api get-bucket-lifecycle-configuration")?)
        .run(
            on("aws s3api put-bucket-lifecycle-configuration")?
                .with("--lifecycle-configuration", rules.to_string()),
        )
        .back(on("aws s3api delete-bucket-lifecycle")?)
        .note("the rule would take the place of all others of the bucket: where there are any, add it to them by hand")
        .note("the way back keeps what has not moved yet where it is; what has moved comes back by being copied"))
}
