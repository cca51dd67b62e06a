drop table jobs, idempotency_keys, source_statuses, report_deliveries, report_schedules;
