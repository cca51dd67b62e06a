//! Commands of `gcloud`, which takes names, zones and projects apart.

use domain::{ActionType, ResourceKind};

use super::Item;
use super::steps::{Command, Kind, Steps};
use super::word::{name, safe};

/// What does it, of what is done in place.
pub(super) fn steps(item: Item<'_>) -> Result<Steps, String> {
    use ActionType::{ChangeStorageClass, Delete, MigrateToGraviton, Rightsize, Schedule, Stop, Upgrade};
    use ResourceKind::{Bucket, Database, Vm};
    match (item.recommendation.action_type, item.resource()?.kind) {
        (Rightsize | Upgrade, Vm) => machine(item),
        (Rightsize | Upgrade | MigrateToGraviton, Database) => database(item),
        (Stop, Vm) => stop(item),
        (Schedule, Vm) => schedule(item),
        (Delete, kind) => delete(item, kind),
        (ChangeStorageClass, Bucket) => bucket(item),
        (action, kind) => Err(format!("there is no command for {action} of a {kind}")),
    }
}

/// The part of a resource name that follows a word.
fn part<'a>(item: Item<'a>, of: &str) -> Result<&'a str, String> {
    let mut parts = item.resource()?.resource_id.split('/');
    let found = parts.find(|part| *part == of).and_then(|_| parts.next());
    safe(found.ok_or_else(|| format!("its name says nothing of {of}"))?)
}

/// A command about something of `kind` in a zone.
fn zonal(item: Item<'_>, verb: &str, kind: &str) -> Result<Command, String> {
    Ok(Command::new(verb)
        .word(part(item, kind)?)
        .with("--zone", part(item, "zones")?)
        .with("--project", part(item, "projects")?))
}

fn answer(command: Command, format: &str) -> Command {
    command.with("--format", format!("value({format})"))
}

fn machine(item: Item<'_>) -> Result<Steps, String> {
    let on = |verb: &str| zonal(item, &format!("gcloud compute instances {verb}"), "instances");
    let change = |steps: Steps, kind: &str| -> Result<Steps, String> {
        Ok(steps
            .run(on("stop")?)
            .run(on("set-machine-type")?.with("--machine-type", safe(kind)?))
            .run(on("start")?))
    };
    let now = item.recommendation.current.as_str();
    let steps =
        Steps::new(Kind::Change).expect(safe(now)?, answer(on("describe")?, "machineType.basename()"));
    let mut steps = change(steps, item.recommended()?)?;
    steps.undo = change(Steps::new(Kind::Change), now)?.acts;
    Ok(steps.note("it stops for minutes; what is on local SSDs is lost, and an ephemeral address changes"))
}

fn sql(item: Item<'_>, verb: &str) -> Result<Command, String> {
    let command = Command::new(&format!("gcloud sql instances {verb}")).word(part(item, "instances")?);
    Ok(command.with("--project", part(item, "projects")?))
}

fn database(item: Item<'_>) -> Result<Steps, String> {
    let tier = |tier: &str| Ok::<_, String>(sql(item, "patch")?.with("--tier", safe(tier)?).word("--quiet"));
    Ok(Steps::new(Kind::Change)
        .expect(item.recommendation.current.as_str(), answer(sql(item, "describe")?, "settings.tier"))
        .run(tier(item.recommended()?)?)
        .back(tier(&item.recommendation.current)?)
        .note("it restarts at once"))
}

fn stop(item: Item<'_>) -> Result<Steps, String> {
    let on = |verb: &str| zonal(item, &format!("gcloud compute instances {verb}"), "instances");
    Ok(Steps::new(Kind::Change)
        .expect("RUNNING", answer(on("describe")?, "status"))
        .run(on("stop")?)
        .back(on("start")?)
        .note("its disks are still paid; what is on local SSDs is lost"))
}

fn schedule(item: Item<'_>) -> Result<Steps, String> {
    let week = super::aws::week(item)?;
    let ([start], [stop]) = (week.starts.as_slice(), week.stops.as_slice()) else {
        let times =
            |at: &[super::week::At]| at.iter().map(super::week::At::cron).collect::<Vec<_>>().join(" and ");
        return Err(format!(
            "an instance schedule has one start and one stop: let Cloud Scheduler start it at {} and stop it at {} UTC",
            times(&week.starts),
            times(&week.stops)
        ));
    };
    let policy = name(&format!("-{}", part(item, "instances")?));
    let policies = |verb: &str| {
        let command = Command::new(&format!("gcloud compute resource-policies {verb}")).word(policy.clone());
        Ok::<_, String>(command.with("--region", item.region()?).with("--project", part(item, "projects")?))
    };
    let attach = |verb: &str| {
        let on = zonal(item, &format!("gcloud compute instances {verb}"), "instances")?;
        Ok::<_, String>(on.with("--resource-policies", policy.clone()))
    };
    Ok(Steps::new(Kind::Change)
        .expect(
            "",
            answer(zonal(item, "gcloud compute instances describe", "instances")?, "resourcePolicies"),
        )
        .run(
            policies("create instance-schedule")?
                .with("--vm-start-schedule", start.cron())
                .with("--vm-stop-schedule", stop.cron())
                .with("--timezone", "UTC"),
        )
        .run(attach("add-resource-policies")?)
        .back(attach("remove-resource-policies")?)
        .back(policies("delete")?.word("--quiet"))
        .note("the Compute Engine service agent must be allowed to start and stop machines"))
}

fn delete(item: Item<'_>, kind: ResourceKind) -> Result<Steps, String> {
    let begin = Steps::new(Kind::Delete);
    match kind {
        ResourceKind::Disk => {
            let on = |verb: &str| zonal(item, &format!("gcloud compute disks {verb}"), "disks");
            let last = name(&format!("-last-{}", part(item, "disks")?));
            Ok(begin
                .expect("", answer(on("describe")?, "users"))
                .run(on("snapshot")?.with("--snapshot-names", last.clone()))
                .run(on("delete")?.word("--quiet"))
                .back(on("create")?.with("--source-snapshot", last))
                .note("a last snapshot is made first, of which the way back makes the disk again"))
        }
        ResourceKind::IpAddress => {
            let on = |verb: &str| {
                let command = Command::new(&format!("gcloud compute addresses {verb}"));
                let command = command.word(part(item, "addresses")?).with("--region", part(item, "regions")?);
                Ok::<_, String>(command.with("--project", part(item, "projects")?))
            };
            Ok(begin
                .expect("RESERVED", answer(on("describe")?, "status"))
                .run(on("delete")?.word("--quiet"))
                .note("the address itself is gone for good"))
        }
        ResourceKind::Snapshot => {
            let on = |verb: &str| {
                let command = Command::new(&format!("gcloud compute snapshots {verb}"));
                let command = command.word(part(item, "snapshots")?);
                Ok::<_, String>(command.with("--project", part(item, "projects")?))
            };
            Ok(begin.expect("READY", answer(on("describe")?, "status")).run(on("delete")?.word("--quiet")))
        }
        ResourceKind::Vm => {
            let on = |verb: &str| zonal(item, &format!("gcloud compute instances {verb}"), "instances");
            Ok(begin
                .expect("TERMINATED", answer(on("describe")?, "status"))
                .run(on("delete")?.with("--keep-disks", "all").word("--quiet"))
                .note("its disks stay, and are still paid: a new machine can be made of them"))
        }
        ResourceKind::Database => Err(
            "its backups would go with it: export it first, then delete it with gcloud sql instances delete"
                .to_owned(),
        ),
        kind => Err(format!(
            "there is no command for deleting a {kind} of Google Cloud: look at it in the console first"
        )),
    }
}

fn bucket(item: Item<'_>) -> Result<Steps, String> {
    let bucket = format!("gs://{}", part(item, "buckets")?);
    let new = safe(item.recommended()?)?;
    let default = |class: &str| {
        let command = Command::new("gcloud storage buckets update").word(bucket.clone());
        command.with("--default-storage-class", class)
    };
    let ask = Command::new("gcloud storage buckets describe").word(bucket.clone());
    Ok(Steps::new(Kind::Change)
        .expect(item.recommendation.current.as_str(), answer(ask, "default_storage_class"))
        .run(default(new))
        .run(
            Command::new("gcloud storage objects update")
                .word(format!("{bucket}/**"))
                .with("--storage-class", new),
        )
        .back(default(safe(&item.recommendation.current)?))
        .note("all objects are rewritten, which is billed as a request each; the way back is for new objects only"))
}
