drop table invoices, dimension_values, daily_costs, charges, charge_parts, manifests;
drop sequence charge_id;
drop function create_month_partitions;
