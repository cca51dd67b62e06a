//! Machine types: `provider, region, instance_type, family, architecture, vcpu, memory_gib, network_gbps,
//! ebs_mbps, ebs_iops, burstable, performance_per_vcpu, on_demand_hourly`.

use std::path::Path;

use domain::Shape;

use crate::ReadError;
use crate::columns::{Field, Layout, Problem};
use crate::rows::{self, Rows};
use crate::table::Row;

struct Columns {
    provider: Field,
    region: Field,
    instance_type: Field,
    family: Field,
    architecture: Field,
    vcpu: Field,
    memory_gib: Field,
    network_gbps: Field,
    ebs_mbps: Field,
    ebs_iops: Field,
    burstable: Field,
    performance_per_vcpu: Field,
    on_demand_hourly: Field,
}

/// Reads the table at `input` (CSV, gzip or Parquet; `-` is standard input). Limits that are not stated
/// stay unknown; a performance that is not stated is 1.
pub fn read(input: &Path) -> Result<Rows<Shape>, ReadError> {
    rows::read(input, find, parse)
}

fn find(layout: &mut Layout<'_>) -> Result<Columns, ReadError> {
    Ok(Columns {
        provider: layout.require(&["provider"])?,
        region: layout.require(&["region"])?,
        instance_type: layout.require(&["instance_type"])?,
        family: layout.require(&["family"])?,
        architecture: layout.require(&["architecture"])?,
        vcpu: layout.require(&["vcpu"])?,
        memory_gib: layout.require(&["memory_gib"])?,
        network_gbps: layout.require(&["network_gbps"])?,
        ebs_mbps: layout.require(&["ebs_mbps"])?,
        ebs_iops: layout.require(&["ebs_iops"])?,
        burstable: layout.require(&["burstable"])?,
        performance_per_vcpu: layout.require(&["performance_per_vcpu"])?,
        on_demand_hourly: layout.require(&["on_demand_hourly"])?,
    })
}

fn parse(columns: &Columns, row: &Row<'_>) -> Result<Shape, Problem> {
    let above_zero = |field: &Field, value: f64| {
        if value > 0.0 {
            Ok(value)
        } else {
            Err(field.problem(&value.to_string(), "a number above 0", "not above 0"))
        }
    };
    // some catalogues write 0 where they state no limit
    let stated = |field: &Field| {
        let value = field.number(row)?.filter(|value| *value != 0.0);
        value.map(|value| above_zero(field, value)).transpose()
    };
    Ok(Shape {
        provider: columns.provider.need_provider(row)?,
        region: columns.region.need_text(row, "a region")?,
        instance_type: columns.instance_type.need_text(row, "an instance type")?,
        family: columns.family.need_text(row, "a family")?,
        architecture: columns.architecture.need_text(row, "x86_64 or arm64")?,
        vcpu: above_zero(&columns.vcpu, columns.vcpu.need_number(row)?)?,
        memory_gib: above_zero(&columns.memory_gib, columns.memory_gib.need_number(row)?)?,
        network_gbps: stated(&columns.network_gbps)?,
        ebs_mbps: stated(&columns.ebs_mbps)?,
        ebs_iops: stated(&columns.ebs_iops)?,
        burstable: columns.burstable.flag(row)?.unwrap_or(false),
        performance_per_vcpu: stated(&columns.performance_per_vcpu)?.unwrap_or(1.0),
        on_demand_hourly: columns
            .on_demand_hourly
            .price(row)?
            .ok_or_else(|| columns.on_demand_hourly.problem("", "a price in USD per hour", "empty"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn limits_may_be_unknown_and_sizes_may_not() {
        let file = fixture(
            "catalog.csv",
            "provider,region,instance_type,family,architecture,vcpu,memory_gib,network_gbps,ebs_mbps,ebs_iops,burstable,performance_per_vcpu,on_demand_hourly\n\
             aws,us-east-1,m6i.large,m6i,x86_64,2,8,0.78,650,3600,false,1.1,0.096\n\
             aws,us-east-1,t4g.nano,t4g,arm64,2,0.5,,,,true,,0.0042\n\
             aws,us-east-1,bad.nano,bad,arm64,0,0.5,,,,true,,0.0042\n\
             aws,us-east-1,bad.tiny,bad,arm64,NaN,0.5,,,,true,,0.0042\n",
        );
        let read = read(file.path()).unwrap();
        assert_eq!(read.rows.len(), 2);
        assert_eq!((read.rows[1].network_gbps, read.rows[1].performance_per_vcpu), (None, 1.0));
        assert!(read.rows[1].burstable);
        assert!(read.rejects.iter().all(|reject| reject.place.column.as_deref() == Some("vcpu")));
    }
}
