//! Commands of `az`, which takes whole resource ids.

use domain::{ActionType, ResourceKind};

use super::Item;
use super::steps::{Command, Kind, Steps};
use super::word::{name, safe};

/// Tiers of flexible servers by the start of their types' names.
const TIERS: [(&str, &str); 3] = [("gp_", "GeneralPurpose"), ("mo_", "MemoryOptimized"), ("b_", "Burstable")];
/// The state of a machine.
const POWER: &str = "instanceView.statuses[?starts_with(code, 'PowerState/')].code | [0]";

/// What does it, of what is done in place.
pub(super) fn steps(item: Item<'_>) -> Result<Steps, String> {
    use ActionType::{ChangeStorageClass, Delete, MigrateToGraviton, Rightsize, Schedule, Stop, Upgrade};
    use ResourceKind::{Bucket, Database, Vm};
    let resource = item.resource()?;
    safe(&resource.resource_id)?;
    match (item.recommendation.action_type, resource.kind) {
        (Rightsize | Upgrade, Vm) => machine(item),
        (Rightsize | Upgrade | MigrateToGraviton, Database) => database(item),
        (Stop, Vm) => stop(item),
        (Schedule, Vm) => Err(schedule(item)?),
        (Delete, kind) => delete(item, kind),
        (ChangeStorageClass, Bucket) => bucket(item),
        (action, kind) => Err(format!("there is no command for {action} of a {kind}")),
    }
}

fn call(item: Item<'_>, fixed: &str) -> Result<Command, String> {
    Ok(Command::new(fixed).with("--ids", safe(&item.resource()?.resource_id)?))
}

fn ask(item: Item<'_>, fixed: &str, query: &str) -> Result<Command, String> {
    Ok(call(item, fixed)?.with("--query", query).with("--output", "tsv"))
}

/// The part of a resource id that follows a name.
fn part<'a>(id: &'a str, of: &str) -> Result<&'a str, String> {
    let mut parts = id.split('/');
    let found = parts.find(|part| part.eq_ignore_ascii_case(of)).and_then(|_| parts.next());
    safe(found.ok_or_else(|| format!("its id names no {of}"))?)
}

fn machine(item: Item<'_>) -> Result<Steps, String> {
    let resize = |size: &str| Ok::<_, String>(call(item, "az vm resize")?.with("--size", safe(size)?));
    Ok(Steps::new(Kind::Change)
        .expect(safe(&item.recommendation.current)?, ask(item, "az vm show", "hardwareProfile.vmSize")?)
        .run(resize(item.recommended()?)?)
        .back(resize(&item.recommendation.current)?)
        .note("it restarts; where its host does not offer the size, deallocate it first"))
}

/// The service of a flexible server, by its id.
pub(super) fn server(id: &str) -> Result<&'static str, String> {
    let low = id.to_ascii_lowercase();
    match () {
        () if low.contains("/microsoft.dbforpostgresql/flexibleservers/") => Ok("postgres"),
        () if low.contains("/microsoft.dbformysql/flexibleservers/") => Ok("mysql"),
        () => Err("only flexible servers of PostgreSQL and MySQL have a command for their size".to_owned()),
    }
}

/// Tier and name of a type as `az` calls them: `GP_Standard_D2ds_v4` is `Standard_D2ds_v4` of `GeneralPurpose`.
pub(super) fn sku(name: &str) -> Result<(&'static str, &str), String> {
    let low = name.to_ascii_lowercase();
    let found = TIERS.iter().find(|(start, _)| low.starts_with(start));
    let (start, tier) = found.ok_or_else(|| format!("{name:?} names no tier"))?;
    Ok((tier, safe(&name[start.len()..])?))
}

fn database(item: Item<'_>) -> Result<Steps, String> {
    let kind = server(&item.resource()?.resource_id)?;
    let become_type = |wanted: &str| {
        let (tier, sku) = sku(wanted)?;
        let update = call(item, &format!("az {kind} flexible-server update"))?;
        Ok::<_, String>(update.with("--tier", tier).with("--sku-name", sku))
    };
    let show = format!("az {kind} flexible-server show");
    Ok(Steps::new(Kind::Change)
        .expect(sku(&item.recommendation.current)?.1, ask(item, &show, "sku.name")?)
        .run(become_type(item.recommended()?)?)
        .back(become_type(&item.recommendation.current)?)
        .note("it restarts at once"))
}

fn stop(item: Item<'_>) -> Result<Steps, String> {
    Ok(Steps::new(Kind::Change)
        .expect("PowerState/running", ask(item, "az vm get-instance-view", POWER)?)
        .run(call(item, "az vm deallocate")?)
        .back(call(item, "az vm start")?)
        .note("its disks are still paid; what is on the temporary disk is lost"))
}

/// Why there is none, with what to put into a scheduler of one's own.
fn schedule(item: Item<'_>) -> Result<String, String> {
    let week = super::aws::week(item)?;
    let times =
        |at: &[super::week::At]| at.iter().map(super::week::At::cron).collect::<Vec<_>>().join(" and ");
    Ok(format!(
        "Azure has no schedule of its own that starts a machine: let a scheduler (Automation, a pipeline, cron) call az vm \
         start at {} and az vm deallocate at {} UTC",
        times(&week.starts),
        times(&week.stops)
    ))
}

fn delete(item: Item<'_>, kind: ResourceKind) -> Result<Steps, String> {
    let id = item.resource()?.resource_id.as_str();
    let begin = Steps::new(Kind::Delete);
    match kind {
        ResourceKind::Disk => {
            let (owner, group) = (part(id, "subscriptions")?, part(id, "resourceGroups")?);
            let disk = part(id, "disks")?;
            let last = name(&format!("-last-{disk}"));
            let of_group = |fixed: &str, name: &str, source: &str| {
                Command::new(fixed)
                    .with("--subscription", owner)
                    .with("--resource-group", group)
                    .with("--name", name)
                    .with("--source", source)
            };
            Ok(begin
                .expect("Unattached", ask(item, "az disk show", "diskState")?)
                .run(of_group("az snapshot create", &last, id))
                .run(call(item, "az disk delete")?.word("--yes"))
                .back(of_group("az disk create", disk, &last))
                .note("a last snapshot is made first, of which the way back makes the disk again"))
        }
        ResourceKind::IpAddress => Ok(begin
            .expect("free", ask(item, "az network public-ip show", "ipConfiguration.id || 'free'")?)
            .run(call(item, "az network public-ip delete")?)
            .note("the address itself is gone for good")),
        ResourceKind::Snapshot => {
            Ok(begin.expect(id, ask(item, "az snapshot show", "id")?).run(call(item, "az snapshot delete")?))
        }
        ResourceKind::Vm => Ok(begin
            .expect("PowerState/deallocated", ask(item, "az vm get-instance-view", POWER)?)
            .run(call(item, "az vm delete")?.word("--yes"))
            .note("its disks stay, and are still paid: a new machine can be made of them")),
        kind => {
            Err(format!("there is no command for deleting a {kind} of Azure: look at it in the portal first"))
        }
    }
}

fn bucket(item: Item<'_>) -> Result<Steps, String> {
    let tier = |tier: &str| {
        if tier.eq_ignore_ascii_case("archive") {
            return Err(
                "an account has no archive tier: set it on the blobs, with a lifecycle rule".to_owned()
            );
        }
        Ok(call(item, "az storage account update")?.with("--access-tier", safe(tier)?).word("--yes"))
    };
    Ok(Steps::new(Kind::Change)
        .expect(item.recommendation.current.as_str(), ask(item, "az storage account show", "accessTier")?)
        .run(tier(item.recommended()?)?)
        .back(tier(&item.recommendation.current)?)
        .note("all blobs without a tier of their own move, which is billed as a request each"))
}
