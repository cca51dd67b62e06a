alter table anomalies drop column also_in;
