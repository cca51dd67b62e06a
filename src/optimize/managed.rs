//! Managed databases and caches: what their types and engines are called, and what an engine asks of a node.

use billing::PriceBook;
use domain::{Provider, Resource, ResourceKind};

/// Bytes in a GiB.
const BYTES_PER_GIB: f64 = 1_073_741_824.0;
/// Memory per connection by the default parameter groups ("Quotas and constraints for Amazon RDS", "Maximum number of
/// database connections"): as many connections are allowed as the memory of the node holds of this.
const POSTGRES_BYTES: f64 = 9_531_392.0;
const MYSQL_BYTES: f64 = 12_582_880.0;
/// Aurora MySQL ("Maximum connections to an Aurora MySQL DB instance"): 45 for each doubling of the memory above the
/// first of these, or 1,000 for each doubling above the second, whichever is more.
const AURORA_SLOW: (f64, f64) = (45.0, 805_306_368.0 / BYTES_PER_GIB);
const AURORA_FAST: (f64, f64) = (1_000.0, 8_187_281_408.0 / BYTES_PER_GIB);

/// The name under which the price book has what costs the same whatever open engine runs on it.
pub(crate) const OPEN_ENGINES: &str = "Linux";

/// What an instance type is a type of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Machine,
    Database,
    Cache,
}

/// How the providers mark the types of managed nodes; names without one of these are machines.
const PREFIXES: [(Provider, &str, Service); 6] = [
    (Provider::Aws, "db.", Service::Database),
    (Provider::Aws, "cache.", Service::Cache),
    (Provider::Azure, "gp_", Service::Database),
    (Provider::Azure, "mo_", Service::Database),
    (Provider::Azure, "b_", Service::Database),
    (Provider::Gcp, "db-", Service::Database),
];

impl Service {
    /// Of an instance type, by its name.
    pub(crate) fn of_type(provider: Provider, instance_type: &str) -> Self {
        split(provider, instance_type).0
    }

    /// Of a resource, by its kind; `None` for what has no instance type to choose.
    pub(crate) fn of_kind(kind: ResourceKind) -> Option<Self> {
        match kind {
            ResourceKind::Vm => Some(Self::Machine),
            ResourceKind::Database => Some(Self::Database),
            ResourceKind::Cache => Some(Self::Cache),
            _ => None,
        }
    }
}

/// The family of a managed type as the machines call it (`db.r6g` is `r6g`).
pub(crate) fn machine_family(provider: Provider, family: &str) -> &str {
    split(provider, family).1
}

fn split(provider: Provider, name: &str) -> (Service, &str) {
    let marked = PREFIXES.iter().find(|(of, prefix, _)| {
        *of == provider && name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    });
    marked.map_or((Service::Machine, name), |(_, prefix, service)| (*service, &name[prefix.len()..]))
}

/// What runs on a managed node, as far as its size depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Mysql,
    AuroraPostgres,
    AuroraMysql,
    Redis,
    Memcached,
    /// Oracle, SQL Server and whatever else has a price of its own.
    Other,
    /// Nobody said.
    Unknown,
}

impl Engine {
    /// The engine that the inventory names: in the column `os` of databases and caches, or in the tag `engine`.
    pub(crate) fn of(resource: &Resource) -> Self {
        let Some(name) = name(resource) else { return Self::Unknown };
        let name = name.to_ascii_lowercase();
        let has = |word: &str| name.contains(word);
        match () {
            () if has("aurora") && has("postgres") => Self::AuroraPostgres,
            () if has("aurora") => Self::AuroraMysql,
            () if has("postgres") => Self::Postgres,
            () if has("mysql") || has("mariadb") => Self::Mysql,
            () if has("redis") || has("valkey") => Self::Redis,
            () if has("memcached") => Self::Memcached,
            () => Self::Other,
        }
    }

    /// Memory of the node in GiB below which the engine's default limit refuses so many connections; 0 where the limit
    /// is the same on every node. Of an engine that nobody named, what the most demanding one asks.
    pub(crate) fn memory_for(self, connections: f64) -> f64 {
        let linear = |bytes: f64| connections * bytes / BYTES_PER_GIB;
        let doublings = |(each, from): (f64, f64)| from * (connections / each).exp2();
        let aurora = doublings(AURORA_SLOW).min(doublings(AURORA_FAST));
        match self {
            Self::Postgres | Self::AuroraPostgres => linear(POSTGRES_BYTES),
            Self::Mysql => linear(MYSQL_BYTES),
            Self::AuroraMysql => aurora,
            Self::Redis | Self::Memcached | Self::Other => 0.0,
            Self::Unknown => linear(MYSQL_BYTES).max(aurora),
        }
    }

    /// Whether the same node costs the same as under another open engine.
    fn is_open(self) -> bool {
        matches!(self, Self::Postgres | Self::Mysql | Self::Redis | Self::Memcached | Self::Unknown)
    }

    /// Whether the provider runs it on either architecture.
    pub(crate) fn any_architecture(self) -> bool {
        self != Self::Other
    }
}

/// The engine's name as the inventory has it.
pub(crate) fn name(resource: &Resource) -> Option<&str> {
    let is_system =
        |name: &&str| ["linux", "windows", "rhel", "suse"].iter().any(|os| os.eq_ignore_ascii_case(name));
    let column = resource.os.as_deref().map(str::trim).filter(|name| !name.is_empty() && !is_system(name));
    column.or_else(|| resource.tags.get("engine").map(|name| name.trim()).filter(|name| !name.is_empty()))
}

/// The name under which the price book knows what a managed node costs: its engine where that has a price of its own,
/// else [`OPEN_ENGINES`] for engines without a licence.
pub(crate) fn price_name<'a>(book: &PriceBook, resource: &'a Resource) -> Option<&'a str> {
    let instance_type = resource.instance_type.as_deref().unwrap_or_default();
    let has_own =
        |name: &&str| book.on_demand(resource.provider, &resource.region, instance_type, name).is_ok();
    name(resource).filter(has_own).or_else(|| Engine::of(resource).is_open().then_some(OPEN_ENGINES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{book, resource, tagged};

    fn running(engine: &str) -> Resource {
        let mut database = resource("db", ResourceKind::Database);
        (database.instance_type, database.os) = (Some("db.r6g.large".to_owned()), Some(engine.to_owned()));
        database
    }

    #[test]
    fn a_type_says_what_it_is_a_type_of() {
        for (provider, name, service, rest) in [
            (Provider::Aws, "db.r6g.large", Service::Database, "r6g.large"),
            (Provider::Aws, "CACHE.m6g.large", Service::Cache, "m6g.large"),
            (Provider::Gcp, "db-custom-4-16384", Service::Database, "custom-4-16384"),
            (Provider::Azure, "MO_Standard_E4ds_v4", Service::Database, "Standard_E4ds_v4"),
            (Provider::Aws, "m6i.large", Service::Machine, "m6i.large"),
            (Provider::Azure, "db.r6g.large", Service::Machine, "db.r6g.large"),
        ] {
            assert_eq!((Service::of_type(provider, name), machine_family(provider, name)), (service, rest));
        }
    }

    #[test]
    fn engines_are_named_in_the_column_or_by_a_tag() {
        for (name, engine) in [
            ("postgres", Engine::Postgres),
            ("PostgreSQL 16.3", Engine::Postgres),
            ("aurora-mysql", Engine::AuroraMysql),
            ("aurora-postgresql", Engine::AuroraPostgres),
            ("MariaDB", Engine::Mysql),
            ("valkey", Engine::Redis),
            ("sqlserver-se", Engine::Other),
            ("Linux", Engine::Unknown),
        ] {
            assert_eq!(Engine::of(&running(name)), engine, "{name}");
        }
        let by_tag = tagged(running("Linux"), &[("engine", "mysql")]);
        assert_eq!(Engine::of(&by_tag), Engine::Mysql);
    }

    #[test]
    fn limits_of_connections_are_those_of_the_default_parameters() {
        // 16 GiB: about 1,800 on PostgreSQL, 1,365 on MySQL, 1,069 on Aurora MySQL.
        for (engine, connections) in
            [(Engine::Postgres, 1802.0), (Engine::Mysql, 1365.0), (Engine::AuroraMysql, 1069.0)]
        {
            let gib = engine.memory_for(connections);
            assert!((gib - 16.0).abs() < 0.02, "{engine:?}: {gib}");
            assert!(Engine::Unknown.memory_for(connections) >= gib, "{engine:?}");
        }
        assert_eq!(Engine::Redis.memory_for(60_000.0), 0.0);
    }

    #[test]
    fn a_licence_has_no_price_of_an_open_engine() {
        let book = book();
        assert_eq!(price_name(&book, &running("postgres")), Some(OPEN_ENGINES));
        assert_eq!(price_name(&book, &running("Linux")), Some(OPEN_ENGINES));
        // The book of the tests has a price for it, and for no other engine of its own.
        assert_eq!(price_name(&book, &running("aurora-postgresql")), Some("aurora-postgresql"));
        assert_eq!(price_name(&book, &running("oracle-ee")), None);
    }
}
