-- Runs of the pipeline and their results, written once.

create table runs (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    as_of timestamptz not null,
    version text not null,
    status text not null check (status in ('running', 'done', 'failed')),
    started_at timestamptz not null,
    finished_at timestamptz,
    error text,
    stages jsonb not null default '[]'
);
create index runs_organization on runs (organization_id, id);

create table forecasts (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    run_id bigint not null references runs,
    as_of timestamptz not null,
    kind text not null check (kind in ('cost', 'demand', 'utilization')),
    unique_id text not null,
    grid jsonb not null,
    horizon integer not null,
    levels double precision[] not null,
    total double precision not null,
    detail jsonb not null,
    unique (run_id, unique_id)
);
create index forecasts_unique_id on forecasts (organization_id, unique_id, run_id);

-- Partitioned by what the run could see, so that the points of old runs go with one drop.
create table forecast_points (
    organization_id bigint not null,
    forecast_id bigint not null,
    as_of timestamptz not null,
    step integer not null,
    ds timestamptz not null,
    mean double precision not null,
    quantiles double precision[] not null,
    trend double precision,
    seasonal double precision,
    event_multiplier double precision,
    primary key (forecast_id, step, as_of)
) partition by range (as_of);

create table plans (
    run_id bigint primary key references runs,
    organization_id bigint not null references organizations,
    as_of timestamptz not null,
    currency text not null,
    monthly_cost_before numeric not null,
    monthly_cost_after numeric not null,
    plan jsonb not null
);
create index plans_organization on plans (organization_id, run_id);

create table recommendations (
    run_id bigint not null references plans,
    organization_id bigint not null references organizations,
    key text not null,
    position integer not null,
    step text not null,
    resource_id text,
    team text,
    expected_monthly_savings numeric not null,
    recommendation jsonb not null,
    primary key (run_id, key)
);
create index recommendations_key on recommendations (organization_id, key, run_id);

-- The life of a recommendation: the latest decision that was not undone counts.
create table recommendation_decisions (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    key text not null,
    status jsonb not null,
    decided_by text not null,
    decided_at timestamptz not null,
    note text,
    undone_by text,
    undone_at timestamptz
);
create index recommendation_decisions_key on recommendation_decisions (organization_id, key, id);

create table capacity_plans (
    run_id bigint not null references runs,
    organization_id bigint not null references organizations,
    unique_id text not null,
    plan jsonb not null,
    primary key (run_id, unique_id)
);

create table anomalies (
    run_id bigint not null references runs,
    organization_id bigint not null references organizations,
    unique_id text not null,
    day date not null,
    actual numeric not null,
    expected numeric not null,
    lower numeric not null,
    upper numeric not null,
    reason text not null,
    primary key (run_id, unique_id, day)
);
