-- Tenants, the people and tokens that act for them, and what they did.

create table organizations (
    id bigint generated always as identity primary key,
    name text not null unique,
    currency text not null
);

create table users (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    email text not null,
    name text not null,
    role text not null check (role in ('admin', 'editor', 'viewer')),
    password_hash text not null,
    created_at timestamptz not null,
    disabled_at timestamptz
);
create unique index users_email on users (lower(email));
create index users_organization on users (organization_id);

create table sessions (
    token_hash bytea primary key,
    organization_id bigint not null references organizations,
    user_id bigint not null references users on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index sessions_user on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

create table tokens (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    name text not null,
    token_hash bytea not null unique,
    scopes text[] not null,
    created_by bigint references users on delete set null,
    created_at timestamptz not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
create unique index tokens_name on tokens (organization_id, name) where revoked_at is null;

create table audit_entries (
    id bigint generated always as identity primary key,
    organization_id bigint not null references organizations,
    at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    detail jsonb not null
);
create index audit_entries_organization on audit_entries (organization_id, id);
