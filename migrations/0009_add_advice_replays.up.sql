-- What would have come of the advice of older plans, as each run finds it.
create table advice_replays (
    run_id bigint not null references runs,
    organization_id bigint not null references organizations,
    since timestamptz not null,
    replay jsonb not null,
    primary key (run_id, since)
);
