drop table scenarios, events, storage_prices, disk_prices, shapes, price_quotes, price_sources, commitments, resources,
    hourly_metrics, metric_series, usage_hours;
