//! The measured past of a forecast series, found by its name.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Currency, MetricName, OrganizationId, Period, midnight, to_statistic};
use store::PgConnection;
use store::charge::{self, Query, SeriesScope};

use crate::error::WebError;

/// What the series of this name shows, in words: `Cost of service Amazon EC2`.
pub fn series_title(unique_id: &str) -> String {
    Subject::of(unique_id).title(unique_id)
}

/// What a series measures, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `cost/total` or `cost/<dimension>/<value>`, with the value.
    Cost(SeriesScope, String),
    /// `<metric>/<resource id>`.
    Metric(MetricName, String),
    /// Something that this version does not store.
    Unknown,
}

impl Subject {
    /// Reads a series name.
    pub(crate) fn of(unique_id: &str) -> Self {
        if let Some((scope, value)) = SeriesScope::of(unique_id) {
            return Self::Cost(scope, value);
        }
        match unique_id.split_once('/') {
            Some((kind, rest)) => {
                kind.parse().map_or(Self::Unknown, |metric| Self::Metric(metric, rest.to_owned()))
            }
            None => Self::Unknown,
        }
    }

    /// Its unit.
    pub(crate) fn unit(&self, currency: Currency) -> chart::Unit {
        match self {
            Self::Cost(..) => chart::Unit::Money(currency),
            Self::Metric(metric, _) => chart::Unit::Quantity(metric_unit(*metric).to_owned()),
            Self::Unknown => chart::Unit::Quantity(String::new()),
        }
    }

    /// Its name in words.
    pub(crate) fn title(&self, unique_id: &str) -> String {
        match self {
            Self::Cost(SeriesScope::Total, _) => "Total cost".to_owned(),
            Self::Cost(SeriesScope::By(dimension), value) => {
                let value = if value.is_empty() { "(none)" } else { value };
                format!("Cost of {} {value}", crate::cost_view::dimension_name(*dimension).to_lowercase())
            }
            Self::Metric(metric, resource) => {
                let name = metric.as_str().replace('_', " ");
                let first = name.chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
                format!("{first}{} of {resource}", name.get(1..).unwrap_or_default())
            }
            Self::Unknown => unique_id.to_owned(),
        }
    }

    /// Measured values in `period`, by time.
    pub(crate) async fn values(
        &self,
        conn: &mut PgConnection,
        org: OrganizationId,
        period: Period,
        currency: Currency,
    ) -> Result<Vec<(DateTime<Utc>, Option<f64>)>, WebError> {
        match self {
            Self::Cost(scope, value) => {
                let (from, to) = (period.start.date_naive(), period.end.date_naive());
                let query = Query { filters: scope.filters(value), ..Query::new(from, to, currency) };
                let rows = charge::costs(conn, org, &query).await?;
                let known = rows.into_iter().map(|row| (row.day, to_statistic(row.cost))).collect();
                Ok(fill_days(from, to, &known))
            }
            Self::Metric(metric, resource) => {
                let rows = store::metric::read(conn, org, period, Some(resource)).await?;
                let own = rows.into_iter().filter(|row| row.metric == *metric);
                Ok(own.map(|row| (row.hour, Some(row.average))).collect())
            }
            Self::Unknown => Ok(vec![]),
        }
    }
}

/// Every day of a period from the first known one on; a day without a charge cost nothing.
pub(crate) fn fill_days(
    from: NaiveDate,
    to: NaiveDate,
    known: &std::collections::BTreeMap<NaiveDate, f64>,
) -> Vec<(DateTime<Utc>, Option<f64>)> {
    let Some(first) = known.keys().next() else { return vec![] };
    let days = first.iter_days().take_while(|day| *day < to).filter(|day| *day >= from);
    days.map(|day| (midnight(day), Some(known.get(&day).copied().unwrap_or(0.0)))).collect()
}

fn metric_unit(metric: MetricName) -> &'static str {
    match metric {
        MetricName::CpuUtilization => "% of vCPUs",
        MetricName::CpuUsed => "cores",
        MetricName::MemoryUsed | MetricName::StorageUsed => "GiB",
        MetricName::NetworkIn | MetricName::NetworkOut | MetricName::DiskThroughput => "MB/s",
        MetricName::DiskReadIops | MetricName::DiskWriteIops => "operations/s",
        MetricName::Requests => "requests/s",
        MetricName::Connections => "connections",
        MetricName::QueueLength => "messages",
    }
}

#[cfg(test)]
mod tests {
    use store::charge::Dimension;

    use super::*;

    #[test]
    fn series_names_tell_what_they_measure() {
        assert_eq!(Subject::of("cost/total").title(""), "Total cost");
        let by_team = SeriesScope::By(Dimension::Team);
        assert_eq!(Subject::of("cost/team/(none)"), Subject::Cost(by_team, String::new()));
        let service = Subject::of("cost/service/A/B");
        assert_eq!(service, Subject::Cost(SeriesScope::By(Dimension::Service), "A/B".into()));
        assert_eq!(service.title(""), "Cost of service A/B");
        assert_eq!(Subject::of("requests/arn:x/y"), Subject::Metric(MetricName::Requests, "arn:x/y".into()));
        assert_eq!(Subject::of("weather"), Subject::Unknown);
    }
}
