//! Resources: `resource_id, provider, account, region, instance_type, os, tags` and, where known, `kind`,
//! `state`, `state_since`, `size_gib`, `storage_class`, `reads_per_gib_month`, `mean_object_kib`, `spot`, `group`, and for
//! containers the columns of [`container`](crate::container).

use std::path::Path;

use domain::{Resource, ResourceKind, ResourceState};

use crate::columns::{Field, Layout, Problem};
use crate::rows::{self, Rows};
use crate::table::Row;
use crate::{ReadError, container, os, tags};

struct Columns {
    resource_id: Field,
    provider: Field,
    account: Field,
    region: Field,
    instance_type: Field,
    os: Field,
    tags: Field,
    kind: Field,
    state: Field,
    state_since: Field,
    size_gib: Field,
    storage_class: Field,
    reads_per_gib_month: Field,
    mean_object_kib: Field,
    spot: Field,
    group: Field,
    container: container::Columns,
}

/// Reads the table at `input` (CSV, gzip or Parquet; `-` is standard input). A resource without a `kind`
/// is a machine, one without a `state` is running.
pub fn read(input: &Path) -> Result<Rows<Resource>, ReadError> {
    rows::read(input, find, parse)
}

fn find(layout: &mut Layout<'_>) -> Result<Columns, ReadError> {
    Ok(Columns {
        resource_id: layout.require(&["resource_id"])?,
        provider: layout.require(&["provider"])?,
        account: layout.require(&["account"])?,
        region: layout.require(&["region"])?,
        instance_type: layout.require(&["instance_type"])?,
        os: layout.require(&["os"])?,
        tags: layout.require(&["tags"])?,
        kind: layout.field(&["kind"]),
        state: layout.field(&["state"]),
        state_since: layout.field(&["state_since"]),
        size_gib: layout.field(&["size_gib"]),
        storage_class: layout.field(&["storage_class"]),
        reads_per_gib_month: layout.field(&["reads_per_gib_month"]),
        mean_object_kib: layout.field(&["mean_object_kib"]),
        spot: layout.field(&["spot"]),
        group: layout.field(&["group"]),
        container: container::Columns::find(layout),
    })
}

fn parse(columns: &Columns, row: &Row<'_>) -> Result<Resource, Problem> {
    let tags = match columns.tags.text(row)? {
        None => Default::default(),
        Some(text) => tags::parse(&text)
            .ok_or_else(|| columns.tags.problem(&text, "a JSON object of tags", "not tags"))?,
    };
    let kind = columns.kind.named(row)?.unwrap_or(ResourceKind::Vm);
    let container = match kind {
        ResourceKind::Container => Some(columns.container.parse(row)?),
        _ => None,
    };
    Ok(Resource {
        resource_id: columns.resource_id.need_text(row, "an id")?,
        provider: columns.provider.need_provider(row)?,
        account: columns.account.need_text(row, "an account")?,
        region: columns.region.need_text(row, "a region")?,
        kind,
        instance_type: columns.instance_type.text(row)?,
        os: columns.os.text(row)?.map(|name| os::canonical(&name)),
        state: columns.state.named(row)?.unwrap_or(ResourceState::Running),
        state_since: columns.state_since.instant(row)?,
        size_gib: not_negative(&columns.size_gib, row)?,
        storage_class: columns.storage_class.text(row)?,
        reads_per_gib_month: not_negative(&columns.reads_per_gib_month, row)?,
        mean_object_kib: not_negative(&columns.mean_object_kib, row)?,
        spot: columns.spot.flag(row)?.unwrap_or(false),
        group: columns.group.text(row)?,
        container,
        tags,
    })
}

fn not_negative(field: &Field, row: &Row<'_>) -> Result<Option<f64>, Problem> {
    match field.number(row)? {
        Some(value) if value < 0.0 => {
            Err(field.problem(&value.to_string(), "a number of 0 or more", "negative"))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn optional_columns_may_be_absent_and_tags_may_not_be_broken() {
        let file = fixture(
            "inventory.csv",
            "resource_id,provider,account,region,instance_type,os,tags,kind,size_gib\n\
             i-1,aws,111,us-east-1,m6i.large,linux,\"{\"\"team\"\": \"\"web\"\"}\",,\n\
             vol-1,aws,111,us-east-1,gp3,,,disk,500\n\
             vol-2,aws,111,us-east-1,gp3,,{team,disk,500\n\
             vol-3,aws,111,us-east-1,gp3,,,plate,500\n",
        );
        let read = read(file.path()).unwrap();
        assert_eq!(read.rows[0].team(), Some("web"));
        assert_eq!((read.rows[1].kind, read.rows[1].size_gib), (ResourceKind::Disk, Some(500.0)));
        assert_eq!(read.rejects[0].place.column.as_deref(), Some("tags"));
        assert!(read.rejects[1].to_string().contains("expected one of vm, disk"), "{}", read.rejects[1]);
    }
}
