//! The weekly report: facts from the same queries as the pages, charts, and the way to its readers.

use anyhow::Context as _;
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};
use domain::{Currency, OrganizationId, Period, RecommendationStatus, Stamp, midnight, to_statistic};
use notify::weekly::{Advice, Budget, Outlook, Row, WeeklyReport};
use notify::{Chart, Mail, NotifyError, Smtp, Subscription};
use rust_decimal::Decimal;
use store::PgConnection;
use store::charge::{Dimension, Query};

/// Teams and services listed by name; the rest is one row.
const ROWS: u32 = 8;
/// Recommendations listed.
const ADVICE: usize = 5;
/// Events listed are at most this far away.
const EVENT_DAYS: u64 = 60;
/// Charts are drawn at twice the width at which mail programs show them.
const CHART_PIXELS: u32 = 1200;
/// Days in the cost chart.
const CHART_DAYS: i64 = 56;

/// Everything that a report is made from.
pub(crate) struct Desk<'a> {
    pub(crate) conn: &'a mut PgConnection,
    pub(crate) org: OrganizationId,
    pub(crate) public_url: String,
    pub(crate) now: DateTime<Utc>,
}

impl Desk<'_> {
    /// The report of the last full week before now (Monday to Sunday, UTC), rendered.
    pub(crate) async fn weekly(&mut self) -> anyhow::Result<(WeeklyReport, Mail)> {
        let organization = store::organization::get(self.conn, self.org).await?;
        let currency = organization.currency;
        let (_, last) = store::charge::span(self.conn, self.org, currency)
            .await?
            .context("there is no charge yet: import a bill first (`headroom ingest billing --help`)")?;
        let data_until = midnight(last.succ_opt().unwrap_or(last));
        let week = last_week(data_until.min(self.now).date_naive());
        let before = Period { start: week.start - TimeDelta::days(7), end: week.start };

        let cost = self.total(week, currency).await?;
        let previous_cost = self.total(before, currency).await?;
        let month_start = first_of_month(week.end - TimeDelta::seconds(1));
        let month_to_date = self.total(Period { start: month_start, end: week.end }, currency).await?;
        let outlooks = self.outlooks(currency).await?;
        let (open_recommendations, open_savings, recommendations) = self.advice().await?;
        let report = WeeklyReport {
            organization: organization.name,
            week,
            data_until,
            currency,
            link: format!(
                "{}/costs?from={}&to={}",
                self.public_url,
                week.start.format("%Y-%m-%d"),
                // Last day, inclusive, as on the page.
                (week.end - TimeDelta::days(1)).format("%Y-%m-%d")
            ),
            cost,
            previous_cost,
            month_to_date,
            outlooks,
            budgets: self.budgets(currency).await?,
            teams: self.rows(Dimension::Team, week, before, currency).await?,
            services: self.rows(Dimension::Service, week, before, currency).await?,
            open_savings,
            open_recommendations,
            recommendations,
            events: self.events().await?,
            changes: self.changes(week).await?,
        };
        let charts = self.charts(data_until, currency).await?;
        let mail = report.mail(charts)?;
        Ok((report, mail))
    }

    async fn total(&mut self, period: Period, currency: Currency) -> anyhow::Result<Decimal> {
        Ok(store::charge::totals(self.conn, self.org, &query(period, currency)).await?.effective)
    }

    /// Largest groups of the week beside the week before; their sum is the week's total.
    async fn rows(
        &mut self,
        dimension: Dimension,
        week: Period,
        before: Period,
        currency: Currency,
    ) -> anyhow::Result<Vec<Row>> {
        let by = |period| Query { group_by: Some(dimension), ..query(period, currency) };
        let now = store::charge::groups(self.conn, self.org, &by(week), ROWS).await?;
        let then = store::charge::groups(self.conn, self.org, &by(before), u32::MAX).await?;
        let earlier = |group: &str| {
            then.top.iter().find(|total| total.group == group).map_or(Decimal::ZERO, |total| total.cost)
        };
        let mut rows: Vec<Row> = now
            .top
            .iter()
            .map(|total| Row {
                name: named(&total.group, dimension),
                cost: total.cost,
                previous_cost: earlier(&total.group),
            })
            .collect();
        let listed: Decimal = rows.iter().map(|row| row.previous_cost).sum();
        if now.other_count > 0 || listed != then.total {
            rows.push(Row {
                name: "everything else".to_owned(),
                cost: now.other,
                previous_cost: then.total - listed,
            });
        }
        Ok(rows)
    }

    /// The month and the year in which the forecast starts: what is in the ledger, plus the forecast of the rest.
    async fn outlooks(&mut self, currency: Currency) -> anyhow::Result<Vec<Outlook>> {
        let Some(stored) = store::forecast::latest(self.conn, self.org, "cost/total").await? else {
            return Ok(Vec::new());
        };
        let Some([month, year]) =
            store::outlook::read(self.conn, self.org, &stored.forecast, currency).await?
        else {
            return Ok(Vec::new());
        };
        let named = [
            (month.first.format("%B %Y").to_string(), month),
            (format!("the year {}", year.first.year()), year),
        ];
        let shown = named.into_iter().filter_map(|(period, outlook)| {
            outlook.total.map(|[p10, p50, p90]| Outlook { period, p10, p50, p90 })
        });
        Ok(shown.collect())
    }

    async fn budgets(&mut self, currency: Currency) -> anyhow::Result<Vec<Budget>> {
        let mut budgets = Vec::new();
        for stored in store::budget::list(self.conn, self.org).await? {
            let cost = store::budget::known_cost(self.conn, self.org, &stored.budget, currency).await?;
            let Some(cost) = cost else { continue };
            let outlook = cost.outlook(&stored.budget, &cost.stored.forecast);
            budgets.push(Budget {
                name: stored.budget.name,
                amount: stored.budget.amount,
                chance: outlook.risk.map(|risk| risk.chance()),
                breaks_on: outlook.breaks_on,
                owner: stored.budget.owner,
                link: format!("{}/budgets/{}", self.public_url, stored.id),
            });
        }
        Ok(budgets)
    }

    async fn advice(&mut self) -> anyhow::Result<(usize, Decimal, Vec<Advice>)> {
        let Some(run) = store::run::latest(self.conn, self.org).await? else {
            return Ok((0, Decimal::ZERO, Vec::new()));
        };
        let all = store::plan::recommendations(self.conn, self.org, run.id, self.now).await?;
        let open: Vec<_> =
            all.into_iter().filter(|stored| stored.status == RecommendationStatus::Open).collect();
        let savings =
            open.iter().map(|stored| stored.recommendation.estimated_monthly_savings.expected).sum();
        let mut largest: Vec<&store::plan::StoredRecommendation> = open.iter().collect();
        largest.sort_by_key(|stored| {
            std::cmp::Reverse(stored.recommendation.estimated_monthly_savings.expected)
        });
        let advice = largest.iter().take(ADVICE).map(|stored| Advice {
            summary: stored.recommendation.summary.clone(),
            team: stored.recommendation.team.clone(),
            monthly_savings: stored.recommendation.estimated_monthly_savings.expected,
            link: format!("{}{}", self.public_url, web::recommendation_path(&stored.recommendation.key)),
        });
        Ok((open.len(), savings, advice.collect()))
    }

    async fn events(&mut self) -> anyhow::Result<Vec<String>> {
        let horizon = self.now.checked_add_days(Days::new(EVENT_DAYS)).unwrap_or(self.now);
        let events = store::event::list(self.conn, self.org).await?;
        let line = |event: domain::Event| match event.starts_at {
            Stamp::Time(starts_at) if starts_at > self.now && starts_at < horizon => Some(format!(
                "{}, {}: {} × demand",
                event.name,
                starts_at.format("%-d %b %Y"),
                event.multiplier
            )),
            _ => None,
        };
        Ok(events.into_iter().filter_map(|stored| line(stored.event)).collect())
    }

    /// Anomalies of the week.
    async fn changes(&mut self, week: Period) -> anyhow::Result<Vec<String>> {
        let Some(run) = store::run::latest(self.conn, self.org).await? else { return Ok(Vec::new()) };
        let found = store::anomaly::list(self.conn, self.org, run.id).await?;
        let inside = found
            .into_iter()
            .filter(|anomaly| midnight(anomaly.day) < week.end && week.start <= midnight(anomaly.last_day));
        Ok(inside
            .map(|anomaly| {
                let title = web::series_title(&anomaly.unique_id);
                format!("{title}, {}: {}", web::days(anomaly.day, anomaly.last_day), anomaly.reason)
            })
            .collect())
    }

    /// Costs up to the last day there is, which is where the forecast starts.
    async fn charts(&mut self, until: DateTime<Utc>, currency: Currency) -> anyhow::Result<Vec<Chart>> {
        let period = Period::days_before(until, CHART_DAYS);
        let daily = Query { group_by: None, ..query(period, currency) };
        let history = store::charge::costs(self.conn, self.org, &daily).await?;
        let history: Vec<(DateTime<Utc>, f64)> =
            history.iter().map(|row| (midnight(row.day), to_statistic(row.cost))).collect();
        let outlook = store::forecast::latest(self.conn, self.org, "cost/total").await?;
        let svg = crate::charts::cost(&history, outlook.as_ref().map(|stored| &stored.forecast), currency);
        let alt = format!(
            "Daily cost of the last {CHART_DAYS} days in {currency}, and the forecast of the next four weeks"
        );
        match chart::png(&svg, CHART_PIXELS) {
            Ok(png) => Ok(vec![Chart { name: "daily-cost".to_owned(), alt, png }]),
            Err(error) => {
                // A mail without its picture is better than none: the figures are all in the text.
                tracing::warn!(%error, "the mail goes without its chart");
                Ok(Vec::new())
            }
        }
    }
}

/// Sends a mail to each recipient; the first failure ends it, those before have theirs.
pub(crate) async fn send(
    smtp: &Smtp,
    mail: &Mail,
    from: &str,
    recipients: &[String],
    key: &str,
    unsubscribe_url: Option<&str>,
) -> Result<(), NotifyError> {
    for (index, to) in recipients.iter().enumerate() {
        let subscription = Subscription {
            from: from.to_owned(),
            to: to.clone(),
            key: format!("{key}-{index}"),
            unsubscribe_url: unsubscribe_url.map(str::to_owned),
        };
        smtp.send(mail, &subscription).await?;
    }
    Ok(())
}

fn query(period: Period, currency: Currency) -> Query {
    Query::new(period.start.date_naive(), period.end.date_naive(), currency)
}

fn named(group: &str, dimension: Dimension) -> String {
    match (group, dimension) {
        ("", Dimension::Team) => "(untagged)".to_owned(),
        ("", _) => "(none)".to_owned(),
        _ => group.to_owned(),
    }
}

fn first_of_month(instant: DateTime<Utc>) -> DateTime<Utc> {
    midnight(instant.date_naive().with_day(1).unwrap_or(instant.date_naive()))
}

/// The last full week that ended at or before the start of `day`.
fn last_week(day: NaiveDate) -> Period {
    let monday =
        day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day);
    Period::days_before(midnight(monday), 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_week_is_a_full_one() {
        let week = |day: &str| last_week(day.parse().unwrap()).start.format("%Y-%m-%d").to_string();
        // the first of November 2026 is a Sunday
        assert_eq!(week("2026-11-01"), "2026-10-19");
        assert_eq!(week("2026-11-02"), "2026-10-26");
    }
}
