//! Columns of containers in the inventory: `namespace, workload_kind, workload, container, cpu_request, cpu_limit`
//! (cores), `memory_request_gib, memory_limit_gib, replicas, autoscaler, min_replicas, max_replicas, cpu_target`
//! (percent of the request), `oom_killed`.

use domain::{Autoscaler, Container};

use crate::columns::{Field, Layout, Problem};
use crate::table::Row;

pub(crate) struct Columns {
    namespace: Field,
    workload_kind: Field,
    workload: Field,
    container: Field,
    cpu_request: Field,
    cpu_limit: Field,
    memory_request: Field,
    memory_limit: Field,
    replicas: Field,
    autoscaler: Field,
    min_replicas: Field,
    max_replicas: Field,
    cpu_target: Field,
    oom_killed: Field,
}

impl Columns {
    pub(crate) fn find(layout: &mut Layout<'_>) -> Self {
        Self {
            namespace: layout.field(&["namespace"]),
            workload_kind: layout.field(&["workload_kind"]),
            workload: layout.field(&["workload"]),
            container: layout.field(&["container"]),
            cpu_request: layout.field(&["cpu_request"]),
            cpu_limit: layout.field(&["cpu_limit"]),
            memory_request: layout.field(&["memory_request_gib"]),
            memory_limit: layout.field(&["memory_limit_gib"]),
            replicas: layout.field(&["replicas"]),
            autoscaler: layout.field(&["autoscaler"]),
            min_replicas: layout.field(&["min_replicas"]),
            max_replicas: layout.field(&["max_replicas"]),
            cpu_target: layout.field(&["cpu_target"]),
            oom_killed: layout.field(&["oom_killed"]),
        }
    }

    /// The container of a row whose kind says that it is one. Names default to those of the workload, the namespace to
    /// `default`; a request of 0 is none.
    pub(crate) fn parse(&self, row: &Row<'_>) -> Result<Container, Problem> {
        let workload = self.workload.need_text(row, "the name of a workload")?;
        Ok(Container {
            namespace: self.namespace.text(row)?.unwrap_or_else(|| "default".to_owned()),
            workload_kind: self.workload_kind.named(row)?.unwrap_or_default(),
            name: self.container.text(row)?.unwrap_or_else(|| workload.clone()),
            cpu_request: positive(&self.cpu_request, row)?,
            cpu_limit: positive(&self.cpu_limit, row)?,
            memory_request_gib: positive(&self.memory_request, row)?,
            memory_limit_gib: positive(&self.memory_limit, row)?,
            replicas: whole(&self.replicas, row)?.ok_or_else(|| self.replicas.problem("", PODS, "empty"))?,
            autoscaler: self.autoscaler(row, &workload)?,
            oom_killed: self.oom_killed.flag(row)?.unwrap_or(false),
            workload,
        })
    }

    /// There is one where the most pods are told.
    fn autoscaler(&self, row: &Row<'_>, workload: &str) -> Result<Option<Autoscaler>, Problem> {
        let cpu_target = positive(&self.cpu_target, row)?;
        let Some(max_replicas) = whole(&self.max_replicas, row)? else {
            return match cpu_target {
                Some(_) => Err(self.max_replicas.problem("", PODS, "empty, though there is a cpu_target")),
                None => Ok(None),
            };
        };
        let min_replicas = whole(&self.min_replicas, row)?.unwrap_or(1);
        if min_replicas < 1 || max_replicas < min_replicas {
            let expected = format!("{} or more, and a minimum of 1 or more", min_replicas.max(1));
            return Err(self.max_replicas.problem(&max_replicas.to_string(), &expected, "too few"));
        }
        let name = self.autoscaler.text(row)?.unwrap_or_else(|| workload.to_owned());
        Ok(Some(Autoscaler { name, min_replicas, max_replicas, cpu_target }))
    }
}

const PODS: &str = "a whole number of pods";

fn whole(field: &Field, row: &Row<'_>) -> Result<Option<u32>, Problem> {
    let Some(value) = field.number(row)? else { return Ok(None) };
    if value < 0.0 || value.fract() != 0.0 || value > f64::from(u32::MAX) {
        return Err(field.problem(&value.to_string(), PODS, "not a number of pods"));
    }
    Ok(Some(value as u32))
}

fn positive(field: &Field, row: &Row<'_>) -> Result<Option<f64>, Problem> {
    match field.number(row)? {
        Some(value) if value < 0.0 => {
            Err(field.problem(&value.to_string(), "a number of 0 or more", "negative"))
        }
        other => Ok(other.filter(|value| *value > 0.0)),
    }
}

#[cfg(test)]
mod tests {
    use domain::{ResourceKind, WorkloadKind};

    use crate::fixture;

    #[test]
    fn containers_have_requests_and_perhaps_an_autoscaler() {
        let file = fixture(
            "containers.csv",
            "resource_id,provider,account,region,instance_type,os,tags,kind,group,namespace,workload,container,\
             cpu_request,cpu_limit,memory_request_gib,replicas,min_replicas,max_replicas,cpu_target,oom_killed\n\
             shop/web,aws,1,us-east-1,,,,container,pool-a,shop,web,,0.5,0,1,4,2,10,70,\n\
             shop/db,aws,1,us-east-1,,,,container,pool-a,,db,main,1,2,4,1,,,,true\n\
             a,aws,1,us-east-1,,,,container,,,web,,0.5,,1,4,2,,70,\n\
             b,aws,1,us-east-1,,,,container,,,web,,0.5,,1,4,5,3,70,\n\
             c,aws,1,us-east-1,,,,container,,,web,,0.5,,1,1.5,,,,\n\
             d,aws,1,us-east-1,,,,container,,,web,,-1,,1,1,,,,\n\
             e,aws,1,us-east-1,,,,container,,,,,1,,1,1,,,,\n\
             f,aws,1,us-east-1,m6i.large,,,,pool-a,,,,,,,,,,,\n",
        );
        let read = crate::inventory::read(file.path()).unwrap();
        let web = read.rows[0].container.clone().unwrap();
        assert_eq!((web.name.as_str(), web.cpu_limit, web.oom_killed), ("web", None, false));
        let scaled = web.autoscaler.unwrap();
        assert_eq!((scaled.name.as_str(), scaled.max_replicas, scaled.cpu_target), ("web", 10, Some(70.0)));
        let db = read.rows[1].container.clone().unwrap();
        assert_eq!((db.namespace.as_str(), db.workload_kind), ("default", WorkloadKind::Deployment));
        assert!(db.autoscaler.is_none() && db.oom_killed && db.name == "main");
        assert_eq!((read.rows[2].kind, &read.rows[2].container), (ResourceKind::Vm, &None));
        let columns: Vec<_> =
            read.rejects.iter().map(|reject| reject.place.column.clone().unwrap_or_default()).collect();
        assert_eq!(columns, ["max_replicas", "max_replicas", "replicas", "cpu_request", "workload"]);
    }
}
