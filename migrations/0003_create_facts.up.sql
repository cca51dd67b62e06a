-- What else the planners look at: usage, metrics, inventory, commitments, prices, events.

create table usage_hours (
    organization_id bigint not null,
    source text not null,
    hour timestamptz not null,
    provider text not null,
    account text not null,
    region text not null,
    instance_type text not null,
    os text not null,
    quantity numeric not null
) partition by range (hour);
create index usage_hours_hour on usage_hours (organization_id, hour);

-- Names of hourly metrics, so that the many rows stay narrow.
create table metric_series (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    resource_id text not null,
    metric text not null,
    source text not null,
    unique (organization_id, resource_id, metric)
);

create table hourly_metrics (
    organization_id bigint not null,
    series_id bigint not null,
    hour timestamptz not null,
    average double precision not null,
    p95 double precision not null,
    maximum double precision not null,
    samples bigint not null,
    primary key (series_id, hour)
) partition by range (hour);

create table resources (
    organization_id bigint not null references organizations,
    resource_id text not null,
    source text not null,
    kind text not null,
    seen_at timestamptz not null,
    resource jsonb not null,
    primary key (organization_id, resource_id)
);
create index resources_kind on resources (organization_id, kind);

create table commitments (
    organization_id bigint not null references organizations,
    id text not null,
    source text not null,
    provider text not null,
    account text not null,
    region text,
    plan text not null,
    instance_type text,
    family text,
    os text,
    quantity numeric not null,
    term_years smallint not null,
    payment text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    hourly numeric,
    upfront numeric,
    primary key (organization_id, id)
);

create table price_sources (
    organization_id bigint not null references organizations,
    provider text not null,
    source text not null,
    as_of timestamptz not null
);
create index price_sources_provider on price_sources (organization_id, provider);

create table price_quotes (
    organization_id bigint not null references organizations,
    provider text not null,
    region text not null,
    instance_type text not null,
    os text not null,
    plan text not null,
    term_years smallint,
    payment text,
    hourly numeric not null,
    upfront numeric not null
);
create index price_quotes_provider on price_quotes (organization_id, provider);

create table shapes (
    organization_id bigint not null references organizations,
    provider text not null,
    region text not null,
    instance_type text not null,
    family text not null,
    architecture text not null,
    vcpu double precision not null,
    memory_gib double precision not null,
    network_gbps double precision,
    ebs_mbps double precision,
    ebs_iops double precision,
    burstable boolean not null,
    performance_per_vcpu double precision not null,
    on_demand_hourly numeric not null
);
create index shapes_provider on shapes (organization_id, provider);

create table disk_prices (
    organization_id bigint not null references organizations,
    provider text not null,
    region text not null,
    disk_type text not null,
    gib_month numeric not null,
    included_iops double precision not null,
    iops_month numeric not null,
    included_mbps double precision not null,
    mbps_month numeric not null
);
create index disk_prices_provider on disk_prices (organization_id, provider);

create table storage_prices (
    organization_id bigint not null references organizations,
    provider text not null,
    region text not null,
    storage_class text not null,
    gib_month numeric not null,
    retrieval_gib numeric not null,
    read_1000 numeric not null,
    write_1000 numeric not null,
    minimum_days integer not null,
    minimum_object_kib integer not null
);
create index storage_prices_provider on storage_prices (organization_id, provider);

create table events (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    name text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    multiplier double precision not null,
    multiplier_low double precision,
    multiplier_high double precision,
    unique_id text,
    changed_by text not null,
    changed_at timestamptz not null,
    check (starts_at < ends_at)
);
create index events_starts_at on events (organization_id, starts_at);

create table scenarios (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    name text not null,
    assumptions jsonb not null,
    created_by text not null,
    created_at timestamptz not null,
    unique (organization_id, name)
);
