-- What runs in the background and on a clock.

create table report_schedules (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    name text not null,
    report text not null,
    cron text not null,
    time_zone text not null,
    recipients text[] not null,
    enabled boolean not null,
    last_fired_at timestamptz,
    created_at timestamptz not null,
    unique (organization_id, name)
);

create table report_deliveries (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    schedule_id bigint not null references report_schedules on delete cascade,
    fire_at timestamptz not null,
    status text not null check (status in ('claimed', 'sent', 'failed')),
    claimed_at timestamptz not null,
    finished_at timestamptz,
    message_id text,
    error text,
    -- one delivery per firing time, whoever asks
    unique (schedule_id, fire_at)
);

create table source_statuses (
    organization_id bigint not null references organizations,
    name text not null,
    kind text not null,
    last_run_at timestamptz not null,
    last_success_at timestamptz,
    next_run_at timestamptz,
    last_error text,
    row_count bigint not null default 0,
    rejected_count bigint not null default 0,
    data_until timestamptz,
    primary key (organization_id, name)
);

create table idempotency_keys (
    organization_id bigint not null references organizations,
    key text not null,
    request_hash bytea not null,
    taken_at timestamptz not null,
    status smallint,
    body bytea,
    primary key (organization_id, key)
);
create index idempotency_keys_taken_at on idempotency_keys (taken_at);

create table jobs (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    kind text not null,
    payload jsonb not null,
    dedupe_key text,
    status text not null check (status in ('queued', 'running', 'done', 'failed')),
    attempts integer not null default 0,
    available_at timestamptz not null,
    worker text,
    lease_until timestamptz,
    progress double precision not null default 0,
    message text,
    result jsonb,
    error text,
    created_at timestamptz not null,
    finished_at timestamptz
);
create unique index jobs_dedupe_key on jobs (organization_id, dedupe_key) where status in ('queued', 'running');
create index jobs_waiting on jobs (available_at, id) where status in ('queued', 'running');
create index jobs_organization on jobs (organization_id, id);
