-- What may be spent on a cost series in every month, quarter or year.
create table budgets (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    name text not null,
    unique_id text not null,
    period text not null check (period in ('month', 'quarter', 'year')),
    amount numeric not null check (amount > 0),
    owner text,
    changed_by text not null,
    changed_at timestamptz not null,
    unique (organization_id, name)
);
