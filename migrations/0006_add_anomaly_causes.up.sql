-- What went on for days is one anomaly, with sums over its days. The same charge is seen by its service, its account
-- and its team: the others' series are named beside the first.
alter table anomalies add column last_day date;
update anomalies set last_day = day;
alter table anomalies alter column last_day set not null;
alter table anomalies add column also_in text[] not null default '{}';
