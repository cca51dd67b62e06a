-- The ledger of charges, what was imported into it, and the rollups that pages read.

-- Makes the partitions of `parent` for the months that hold `days`. A partition is made apart and then attached, which
-- does not stop readers of the parent. Two callers wait for each other.
create function create_month_partitions(parent text, days date[]) returns void language plpgsql as $$
declare
    first_day date;
    partition text;
begin
    for first_day in select distinct date_trunc('month', day::timestamp)::date from unnest(days) day order by 1 loop
        partition := parent || '_' || to_char(first_day, 'YYYYMM');
        continue when to_regclass(partition) is not null;
        perform pg_advisory_xact_lock(hashtextextended('create_month_partitions ' || parent, 0));
        -- to_regclass would answer from a cache that waiting for an advisory lock does not refresh
        continue when exists (
            select from pg_class where relname = partition
                and relnamespace = (select relnamespace from pg_class where oid = parent::regclass)
        );
        execute format('create table %I (like %I including defaults including constraints)', partition, parent);
        execute format(
            'alter table %I attach partition %I for values from (%L) to (%L)',
            parent, partition,
            to_char(first_day, 'YYYY-MM-DD') || ' 00:00:00+00',
            to_char(first_day + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
        );
    end loop;
end
$$;

-- One row per imported object.
create table manifests (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    source text not null,
    object_key text not null,
    checksum text not null,
    format text not null,
    size_bytes bigint not null,
    status text not null check (status in ('done', 'superseded')),
    row_count bigint not null,
    billed_cost numeric not null,
    effective_cost numeric not null,
    list_cost numeric not null,
    contracted_cost numeric not null,
    loaded_at timestamptz not null
);
create index manifests_object on manifests (organization_id, source, object_key, id);

-- The rows of one object for one billing account, month and currency: the unit that a later delivery replaces.
create table charge_parts (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    manifest_id bigint not null references manifests,
    source text not null,
    object_key text not null,
    provider_name text not null,
    billing_account_id text not null,
    billing_month date not null,
    currency text not null,
    first_day date not null,
    last_day date not null,
    row_count bigint not null,
    billed_cost numeric not null,
    effective_cost numeric not null,
    list_cost numeric not null,
    contracted_cost numeric not null,
    superseded_by bigint references manifests
);
create index charge_parts_live on charge_parts (organization_id, source, billing_month) where superseded_by is null;
create index charge_parts_manifest on charge_parts (manifest_id);

create sequence charge_id;

-- FOCUS rows. No foreign keys: a check for each of millions of rows would cost more than the load itself, and the only
-- writer is the load, which owns both sides.
create table charges (
    id bigint not null default nextval('charge_id'),
    organization_id bigint not null,
    part_id bigint not null,
    charge_period_start timestamptz not null,
    charge_period_end timestamptz not null,
    billed_cost numeric not null,
    effective_cost numeric not null,
    list_cost numeric not null,
    contracted_cost numeric not null,
    billing_currency text not null,
    billing_account_id text not null,
    billing_period_start timestamptz not null,
    billing_period_end timestamptz not null,
    charge_category text not null,
    correction boolean not null,
    charge_description text,
    provider_name text not null,
    sub_account_id text,
    sub_account_name text,
    service_category text,
    service_name text not null,
    sku_id text,
    region_id text,
    availability_zone text,
    resource_id text,
    resource_name text,
    resource_type text,
    pricing_category text,
    pricing_quantity numeric,
    pricing_unit text,
    consumed_quantity numeric,
    consumed_unit text,
    commitment_discount_id text,
    commitment_discount_type text,
    commitment_discount_status text,
    instance_type text,
    os text,
    team text,
    tags jsonb not null
) partition by range (charge_period_start);
create index charges_latest on charges (organization_id, charge_period_start desc, id desc);
create index charges_resource on charges (organization_id, resource_id, charge_period_start);

-- Sums per day: what pages and the pipeline read. The empty text stands for "has none".
create table daily_costs (
    organization_id bigint not null,
    part_id bigint not null references charge_parts,
    day date not null,
    currency text not null,
    provider_name text not null,
    billing_account_id text not null,
    sub_account_id text not null,
    service_name text not null,
    region_id text not null,
    team text not null,
    charge_category text not null,
    pricing_category text not null,
    commitment_discount_status text not null,
    row_count bigint not null,
    billed_cost numeric not null,
    effective_cost numeric not null,
    list_cost numeric not null,
    contracted_cost numeric not null,
    consumed_quantity numeric not null
);
create index daily_costs_day on daily_costs (organization_id, day);
create index daily_costs_part on daily_costs (part_id);

-- Values of the dimensions for type-ahead, with the number of live parts that have them.
create table dimension_values (
    organization_id bigint not null references organizations,
    dimension text not null,
    value text not null,
    name text,
    part_count bigint not null,
    primary key (organization_id, dimension, value)
);

-- What the invoices say, to be laid beside the ledger.
create table invoices (
    organization_id bigint not null references organizations,
    provider_name text not null,
    billing_account_id text not null,
    billing_month date not null,
    currency text not null,
    billed_cost numeric not null,
    primary key (organization_id, provider_name, billing_account_id, billing_month, currency)
);
