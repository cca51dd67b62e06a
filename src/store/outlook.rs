//! What a month and a year will have cost: the ledger so far plus the forecast of the rest.

use chrono::{Datelike, NaiveDate};
use domain::{BillingMonth, Currency, Forecast, OrganizationId, from_statistic};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::StoreError;
use crate::charge::{self, Query};

/// A period with what is known of it and what is expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// First day.
    pub first: NaiveDate,
    /// First day after.
    pub end: NaiveDate,
    /// In the ledger until the forecast starts.
    pub spent: Decimal,
    /// Whole-period cost at P10, P50 and P90; `None` when the forecast does not reach the end.
    pub total: Option<[Decimal; 3]>,
}

/// The month and the year in which a forecast of daily cost starts; `None` when it counts in steps.
///
/// When the forecast starts on the first day of a month, that is the month.
///
/// # Errors
/// Only those of the database.
pub async fn read(
    conn: &mut PgConnection,
    org: OrganizationId,
    forecast: &Forecast,
    currency: Currency,
) -> Result<Option<[Outlook; 2]>, StoreError> {
    let Some(start) = forecast.grid.start.time() else { return Ok(None) };
    let day = start.date_naive();
    let month = BillingMonth::of(start);
    let first_of_year = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(day);
    let periods = [
        (month.first_day(), month.next().first_day()),
        (first_of_year(day.year()), first_of_year(day.year() + 1)),
    ];
    let mut outlooks = Vec::with_capacity(2);
    for (first, end) in periods {
        let spent = charge::totals(conn, org, &Query::new(first, day, currency)).await?.effective;
        let days = usize::try_from((end - day).num_days()).unwrap_or(0);
        outlooks.push(Outlook { first, end, spent, total: ahead(forecast, days, spent) });
    }
    Ok(outlooks.try_into().ok())
}

/// What was spent plus the forecast of the next `days` days; `None` beyond the horizon.
fn ahead(forecast: &Forecast, days: usize, spent: Decimal) -> Option<[Decimal; 3]> {
    let total = |level| Some(spent + from_statistic(forecast.total(level, days)?));
    Some([total(0.1)?, total(0.5)?, total(0.9)?])
}
