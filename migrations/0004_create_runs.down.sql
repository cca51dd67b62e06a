drop table anomalies, capacity_plans, recommendation_decisions, recommendations, plans, forecast_points, forecasts, runs;
