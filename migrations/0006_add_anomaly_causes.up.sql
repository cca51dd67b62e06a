-- The same charge is seen by its service, its account and its team: the others' series are named beside the first.
alter table anomalies add column also_in text[] not null default '{}';
