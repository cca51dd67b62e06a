create table organization (
    id bigint generated always as identity primary key
);
