//! Budgets, and what their current period comes to.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Budget, BudgetOutlook, Currency, Forecast, OrganizationId};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{PgConnection, Postgres, Row};

use crate::charge::{self, Query, SeriesScope};
use crate::forecast::StoredForecast;
use crate::{StoreError, row};

/// A budget with its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StoredBudget {
    /// Key.
    pub id: i64,
    /// The budget.
    pub budget: Budget,
    /// Who wrote it last.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// Adds a budget.
///
/// # Errors
/// [`StoreError::Invalid`] for an amount that is not above zero or a name of no cost series;
/// [`StoreError::AlreadyExists`] when the name is taken.
pub async fn create(
    conn: &mut PgConnection,
    org: OrganizationId,
    budget: &Budget,
    by: &str,
    at: DateTime<Utc>,
) -> Result<StoredBudget, StoreError> {
    check(budget)?;
    let sql = "insert into budgets (organization_id, name, unique_id, period, amount, owner, changed_by, changed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) returning *";
    let created = written(sql, org, budget, by, at).fetch_one(conn).await;
    created.map_err(|error| StoreError::or_exists(error, "budget", &budget.name))
}

/// Changes a budget.
///
/// # Errors
/// [`StoreError::NotFound`], and those of [`create`].
pub async fn update(
    conn: &mut PgConnection,
    org: OrganizationId,
    id: i64,
    budget: &Budget,
    by: &str,
    at: DateTime<Utc>,
) -> Result<StoredBudget, StoreError> {
    check(budget)?;
    let sql =
        "update budgets set name = $2, unique_id = $3, period = $4, amount = $5, owner = $6, changed_by = $7,
            changed_at = $8
        where organization_id = $1 and id = $9 returning *";
    let changed = written(sql, org, budget, by, at).bind(id).fetch_optional(conn).await;
    changed
        .map_err(|error| StoreError::or_exists(error, "budget", &budget.name))?
        .ok_or_else(|| StoreError::not_found("budget", id))
}

/// A statement whose first eight parameters are what a budget is written with.
fn written<'q>(
    sql: &'static str,
    org: OrganizationId,
    budget: &'q Budget,
    by: &'q str,
    at: DateTime<Utc>,
) -> QueryAs<'q, Postgres, StoredBudget, PgArguments> {
    sqlx::query_as(sql)
        .bind(org.0)
        .bind(&budget.name)
        .bind(&budget.unique_id)
        .bind(budget.period.as_str())
        .bind(budget.amount)
        .bind(&budget.owner)
        .bind(by)
        .bind(at)
}

/// One budget.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<StoredBudget, StoreError> {
    let sql = "select * from budgets where organization_id = $1 and id = $2";
    let found = sqlx::query_as(sql).bind(org.0).bind(id).fetch_optional(conn).await?;
    found.ok_or_else(|| StoreError::not_found("budget", id))
}

/// Budgets by name.
///
/// # Errors
/// Only those of the database.
pub async fn list(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<StoredBudget>, StoreError> {
    let sql = "select * from budgets where organization_id = $1 order by name";
    Ok(sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?)
}

/// Removes a budget.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn delete(conn: &mut PgConnection, org: OrganizationId, id: i64) -> Result<(), StoreError> {
    let sql = "delete from budgets where organization_id = $1 and id = $2";
    let done = sqlx::query(sql).bind(org.0).bind(id).execute(conn).await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("budget", id));
    }
    Ok(())
}

/// What is known of the cost that a budget is for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownCost {
    /// First day of the forecast.
    pub start: NaiveDate,
    /// The ledger before it: the days with a charge, ascending, of the period in which the forecast starts.
    pub days: Vec<(NaiveDate, Decimal)>,
    /// The latest forecast.
    pub stored: StoredForecast,
}

impl KnownCost {
    /// What the period of `budget` comes to in which the forecast starts, by that forecast or by what a scenario makes
    /// of it.
    pub fn outlook(&self, budget: &Budget, forecast: &Forecast) -> BudgetOutlook {
        budget.outlook(self.start, &self.days, forecast)
    }
}

/// The ledger and the latest forecast of a budget's cost; `None` without a forecast.
///
/// # Errors
/// Only those of the database.
pub async fn known_cost(
    conn: &mut PgConnection,
    org: OrganizationId,
    budget: &Budget,
    currency: Currency,
) -> Result<Option<KnownCost>, StoreError> {
    let Some(stored) = crate::forecast::latest(conn, org, &budget.unique_id).await? else { return Ok(None) };
    let Some(start) = stored.forecast.grid.start.time() else { return Ok(None) };
    let Some((scope, value)) = SeriesScope::of(&budget.unique_id) else { return Ok(None) };
    let start = start.date_naive();
    let (first, _) = budget.period.around(start);
    let query = Query { filters: scope.filters(&value), ..Query::new(first, start, currency) };
    let rows = charge::costs(conn, org, &query).await?;
    let days = rows.into_iter().map(|row| (row.day, row.cost)).collect();
    Ok(Some(KnownCost { start, days, stored }))
}

fn check(budget: &Budget) -> Result<(), StoreError> {
    if budget.amount <= Decimal::ZERO {
        return Err(StoreError::Invalid(format!(
            "a budget of {}: the amount must be above zero",
            budget.amount
        )));
    }
    match SeriesScope::of(&budget.unique_id) {
        Some(_) => Ok(()),
        None => Err(StoreError::Invalid(format!("{:?} is no cost series", budget.unique_id))),
    }
}

impl sqlx::FromRow<'_, PgRow> for StoredBudget {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            budget: Budget {
                name: row.try_get("name")?,
                unique_id: row.try_get("unique_id")?,
                period: row::parsed(row, "period")?,
                amount: row.try_get("amount")?,
                owner: row.try_get("owner")?,
            },
            changed_by: row.try_get("changed_by")?,
            changed_at: row.try_get("changed_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::BudgetPeriod;

    use super::*;
    use crate::testing::{time, with_database};

    fn total() -> Budget {
        Budget {
            name: "Everything".to_owned(),
            unique_id: "cost/total".to_owned(),
            period: BudgetPeriod::Quarter,
            amount: Decimal::new(1_000_001, 2),
            owner: Some("finance@shop.test".to_owned()),
        }
    }

    #[tokio::test]
    async fn budgets_are_kept_by_name() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let at = time("2026-02-03T04:05:06Z");
            let stored = create(&mut conn, org, &total(), "ada", at).await.unwrap();
            assert_eq!(stored.budget, total());
            let twice = create(&mut conn, org, &total(), "ada", at).await.unwrap_err();
            assert!(matches!(twice, StoreError::AlreadyExists { .. }), "{twice}");
            let team = Budget { unique_id: "cost/team/(none)".to_owned(), owner: None, ..total() };
            let changed = update(&mut conn, org, stored.id, &team, "eve", at).await.unwrap();
            assert_eq!((&changed.budget, changed.changed_by.as_str()), (&team, "eve"));
            assert_eq!(list(&mut conn, org).await.unwrap(), [get(&mut conn, org, stored.id).await.unwrap()]);
            let known = known_cost(&mut conn, org, &team, Currency::USD).await.unwrap();
            assert_eq!(known, None, "no forecast yet");
            delete(&mut conn, org, stored.id).await.unwrap();
            assert!(matches!(delete(&mut conn, org, stored.id).await, Err(StoreError::NotFound { .. })));
        })
        .await;
    }

    #[tokio::test]
    async fn impossible_budgets_are_refused() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            for budget in [
                Budget { amount: Decimal::ZERO, ..total() },
                Budget { unique_id: "requests/web".to_owned(), ..total() },
                Budget { unique_id: "cost/leaf/1/EC2/shop".to_owned(), ..total() },
            ] {
                let made = create(&mut conn, org, &budget, "ada", time("2026-02-03T04:05:06Z")).await;
                assert!(matches!(made, Err(StoreError::Invalid(_))), "{made:?}");
            }
        })
        .await;
    }
}
