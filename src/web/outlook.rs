//! What a month and a year will have cost: the ledger so far plus the forecast of the rest.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use domain::{Currency, Forecast, OrganizationId, Stamp, from_statistic};
use rust_decimal::Decimal;
use store::PgConnection;
use store::charge::{self, Query};

use crate::cost_view::midnight;
use crate::error::WebError;

/// A period with what is known of it and what is expected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outlook {
    /// First day.
    pub(crate) first: NaiveDate,
    /// First day after.
    pub(crate) end: NaiveDate,
    /// In the ledger until the forecast starts.
    pub(crate) spent: Decimal,
    /// Whole-period cost at P10, P50 and P90; `None` when the forecast does not reach the end.
    pub(crate) total: Option<[Decimal; 3]>,
}

/// This month and this year. When the forecast starts on the first day of a month, that is the month.
pub(crate) async fn read(
    conn: &mut PgConnection,
    org: OrganizationId,
    forecast: &Forecast,
    currency: Currency,
) -> Result<Option<[Outlook; 2]>, WebError> {
    let Stamp::Time(start) = forecast.grid.start else { return Ok(None) };
    let day = start.date_naive();
    let month = domain::BillingMonth::of(start);
    let year = NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap_or(day);
    let next_year = NaiveDate::from_ymd_opt(day.year() + 1, 1, 1).unwrap_or(day);
    let periods = [(month.first_day(), month.next().first_day()), (year, next_year)];
    let mut outlooks = Vec::with_capacity(2);
    for (first, end) in periods {
        let spent = charge::totals(conn, org, &Query::new(first, day, currency)).await?.effective;
        outlooks.push(Outlook { first, end, spent, total: ahead(forecast, start, midnight(end), spent) });
    }
    Ok(outlooks.try_into().ok())
}

/// What was spent plus the forecast until `end`; `None` beyond the horizon.
///
/// Daily quantiles are added, which takes the days as moving together: wider than for independent days, and
/// right for errors of level, which dominate a month. The mail adds them in the same way.
fn ahead(
    forecast: &Forecast,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    spent: Decimal,
) -> Option<[Decimal; 3]> {
    let steps = usize::try_from((end - start).num_days()).ok()?;
    let sum = |level| Some(spent + from_statistic(forecast.quantile(level)?.get(..steps)?.iter().sum()));
    Some([sum(0.1)?, sum(0.5)?, sum(0.9)?])
}
