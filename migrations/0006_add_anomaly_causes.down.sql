alter table anomalies drop column also_in;
alter table anomalies drop column last_day;
