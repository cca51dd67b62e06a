//! Reading the costs of the ledger: rollups for pages and the pipeline.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use domain::{
    Currency, Frequency, Grid, OrganizationId, Period, Series, Stamp, TimeCost, is_unit_of_time, to_statistic,
};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, QueryBuilder, Row};

use crate::StoreError;
use crate::cost_query::Table;
use crate::manifest::Sums;
use crate::row;

pub use crate::cost_leaf::{CostLeaf, daily_leaves};
pub use crate::cost_query::{CostColumn, Dimension, Filter, Granularity, Match, Query, SeriesScope};
pub use crate::line_item::{Cursor, LineItem, LineItems, line_items};
pub use crate::reconciliation::{Invoice, Reconciliation, reconciliation, set_invoice};

/// The cost of one group in one step of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostRow {
    /// First day of the step.
    pub day: NaiveDate,
    /// Value of the grouping dimension; empty for charges without one, and when nothing is grouped.
    pub group: String,
    /// The chosen cost.
    pub cost: Decimal,
    /// Sum of `ConsumedQuantity`, whatever the unit; only meaningful for one service and unit.
    pub quantity: Decimal,
}

/// The cost of one group over the whole period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupTotal {
    /// Value of the grouping dimension.
    pub group: String,
    /// The chosen cost.
    pub cost: Decimal,
}

/// Groups by cost, the small ones taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Groups {
    /// The largest groups, largest first.
    pub top: Vec<GroupTotal>,
    /// Number of groups that are not in `top`.
    pub other_count: u64,
    /// Their cost.
    pub other: Decimal,
    /// Cost of all groups: `top` plus `other`.
    pub total: Decimal,
}

/// A value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct DimensionValue {
    /// The value as stored; empty for charges without one.
    pub value: String,
    /// A name to show beside it, where the bill has one (accounts, resources).
    pub name: Option<String>,
}

/// Cost per step of time (and group), ordered by group, then day. Steps without a charge have no row.
///
/// # Errors
/// Only those of the database.
pub async fn costs(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
) -> Result<Vec<CostRow>, StoreError> {
    let table = Table::of(query);
    let mut sql = QueryBuilder::new("select ");
    sql.push(table.step(query.granularity)).push(" as step, ");
    sql.push(query.group_by.map_or("''", |dimension| table.column(dimension))).push(" as value, sum(");
    sql.push(query.cost.column()).push(") as cost, coalesce(sum(consumed_quantity), 0) as quantity");
    table.push_from_where(&mut sql, org, query);
    sql.push(" group by 1, 2 order by 2, 1");
    let rows = sql
        .build()
        .try_map(|row: PgRow| {
            Ok(CostRow {
                day: row.try_get("step")?,
                group: row.try_get("value")?,
                cost: row::sum(&row, "cost")?,
                quantity: row::sum(&row, "quantity")?,
            })
        })
        .fetch_all(conn)
        .await?;
    Ok(rows)
}

/// Rows and sums of all four costs; `group_by` and `granularity` play no part.
///
/// # Errors
/// Only those of the database.
pub async fn totals(conn: &mut PgConnection, org: OrganizationId, query: &Query) -> Result<Sums, StoreError> {
    let table = Table::of(query);
    let mut sql = QueryBuilder::new("select ");
    sql.push(table.row_count()).push(
        " as row_count, coalesce(sum(billed_cost), 0) as billed_cost, coalesce(sum(effective_cost), 0) as effective_cost,
            coalesce(sum(list_cost), 0) as list_cost, coalesce(sum(contracted_cost), 0) as contracted_cost",
    );
    table.push_from_where(&mut sql, org, query);
    Ok(sql.build_query_as().fetch_one(conn).await?)
}

/// The `limit` largest groups of `query.group_by` and the rest as one.
///
/// # Errors
/// [`StoreError::Invalid`] when the query groups by nothing.
pub async fn groups(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
    limit: u32,
) -> Result<Groups, StoreError> {
    let Some(dimension) = query.group_by else {
        return Err(StoreError::Invalid("groups need a dimension to group by".to_owned()));
    };
    let table = Table::of(query);
    let mut sql = QueryBuilder::new(
        "select value, cost, sum(cost) over () as total, count(*) over () as groups from (select ",
    );
    sql.push(table.column(dimension)).push(" as value, sum(").push(query.cost.column()).push(") as cost");
    table.push_from_where(&mut sql, org, query);
    sql.push(" group by 1) grouped order by cost desc, value limit ").push_bind(i64::from(limit.max(1)));
    let rows = sql.build().fetch_all(conn).await?;
    let Some(first) = rows.first() else {
        return Ok(Groups { top: Vec::new(), other_count: 0, other: Decimal::ZERO, total: Decimal::ZERO });
    };
    let total = row::sum(first, "total")?;
    let groups = row::count(first, "groups")?;
    let top = rows
        .iter()
        .map(|row| Ok(GroupTotal { group: row.try_get("value")?, cost: row::sum(row, "cost")? }))
        .collect::<Result<Vec<_>, sqlx::Error>>()?;
    let shown: Decimal = top.iter().map(|group| group.cost).sum();
    Ok(Groups { other_count: groups - top.len() as u64, other: total - shown, total, top })
}

/// Values of a dimension whose value or name contains `text` (ignoring case), those that start with it first.
///
/// # Errors
/// Only those of the database.
pub async fn values(
    conn: &mut PgConnection,
    org: OrganizationId,
    dimension: Dimension,
    text: &str,
    limit: u32,
) -> Result<Vec<DimensionValue>, StoreError> {
    let sql = "select value, name from dimension_values
        where organization_id = $1 and dimension = $2
            and (position(lower($3) in lower(value)) > 0 or position(lower($3) in lower(name)) > 0)
        order by not starts_with(lower(value), lower($3)), value limit $4";
    Ok(sqlx::query_as(sql)
        .bind(org.0)
        .bind(dimension.as_str())
        .bind(text)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?)
}

/// Names of accounts by id, as the bills give them.
///
/// # Errors
/// Only those of the database.
pub async fn account_names(
    conn: &mut PgConnection,
    org: OrganizationId,
) -> Result<BTreeMap<String, String>, StoreError> {
    let sql = "select value, name from dimension_values
        where organization_id = $1 and dimension = 'account' and name is not null";
    let names: Vec<(String, String)> = sqlx::query_as(sql).bind(org.0).fetch_all(conn).await?;
    Ok(names.into_iter().collect())
}

/// Daily cost as series on one common grid, from the first to the last day with a charge (and inside `from`..`to`); a day
/// without a charge of a group is 0, a group of charges without a value is called `(none)`.
///
/// # Errors
/// Only those of the database.
pub async fn daily_series(
    conn: &mut PgConnection,
    org: OrganizationId,
    scope: SeriesScope,
    query: &Query,
) -> Result<Vec<Series>, StoreError> {
    let mut daily = query.clone();
    daily.granularity = Granularity::Day;
    daily.group_by = match scope {
        SeriesScope::Total => None,
        SeriesScope::By(dimension) => Some(dimension),
    };
    let rows = costs(conn, org, &daily).await?;
    let first = rows.iter().map(|row| row.day).min();
    let last = rows.iter().map(|row| row.day).max();
    let Some((first, last)) = first.zip(last) else { return Ok(Vec::new()) };
    let days = usize::try_from((last - first).num_days()).unwrap_or(0) + 1;
    let grid =
        Grid { start: Stamp::Time(first.and_time(NaiveTime::MIN).and_utc()), frequency: Frequency::DAY };
    let mut series: Vec<Series> = Vec::new();
    for group in rows.chunk_by(|a, b| a.group == b.group) {
        let mut values = vec![Some(0.0); days];
        for row in group {
            let index = usize::try_from((row.day - first).num_days()).unwrap_or(0);
            values[index] = Some(to_statistic(row.cost));
        }
        let name = group.first().map(|row| row.group.as_str()).unwrap_or_default();
        series.push(Series { unique_id: scope.unique_id(name), grid, values });
    }
    Ok(series)
}

/// Effective cost of each resource over a period (hours count where their charge starts).
///
/// # Errors
/// Only those of the database.
pub async fn resource_costs(
    conn: &mut PgConnection,
    org: OrganizationId,
    period: Period,
    currency: Currency,
) -> Result<BTreeMap<String, Decimal>, StoreError> {
    let sql = "select resource_id, sum(effective_cost) as cost from charges
        where organization_id = $1 and charge_period_start >= $2 and charge_period_start < $3
            and billing_currency = $4 and resource_id is not null
        group by resource_id";
    let rows = sqlx::query(sql)
        .bind(org.0)
        .bind(period.start)
        .bind(period.end)
        .bind(currency.as_str())
        .try_map(|row: PgRow| Ok((row.try_get("resource_id")?, row::sum(&row, "cost")?)))
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// What of each resource's effective cost over a period is billed by time, and what of that commitments cover.
///
/// # Errors
/// Only those of the database.
pub async fn time_costs(
    conn: &mut PgConnection,
    org: OrganizationId,
    period: Period,
    currency: Currency,
) -> Result<BTreeMap<String, TimeCost>, StoreError> {
    let sql =
        "select resource_id, coalesce(pricing_unit, consumed_unit) as unit, sum(effective_cost) as cost,
            coalesce(sum(effective_cost) filter (where commitment_discount_id is not null), 0) as committed
        from charges
        where organization_id = $1 and charge_period_start >= $2 and charge_period_start < $3
            and billing_currency = $4 and resource_id is not null
            and coalesce(pricing_unit, consumed_unit) is not null
        group by resource_id, unit";
    let rows: Vec<(String, String, TimeCost)> = sqlx::query(sql)
        .bind(org.0)
        .bind(period.start)
        .bind(period.end)
        .bind(currency.as_str())
        .try_map(|row: PgRow| {
            let by_time = TimeCost { cost: row::sum(&row, "cost")?, committed: row::sum(&row, "committed")? };
            Ok((row.try_get("resource_id")?, row.try_get("unit")?, by_time))
        })
        .fetch_all(conn)
        .await?;
    let mut costs: BTreeMap<String, TimeCost> = BTreeMap::new();
    for (resource_id, _, by_time) in rows.into_iter().filter(|(_, unit, _)| is_unit_of_time(unit)) {
        let sum = costs.entry(resource_id).or_default();
        sum.cost += by_time.cost;
        sum.committed += by_time.committed;
    }
    Ok(costs)
}

/// First and last UTC day with a charge in a currency; `None` when there is none.
///
/// # Errors
/// Only those of the database.
pub async fn span(
    conn: &mut PgConnection,
    org: OrganizationId,
    currency: Currency,
) -> Result<Option<(NaiveDate, NaiveDate)>, StoreError> {
    let sql = "select min(day), max(day) from daily_costs where organization_id = $1 and currency = $2";
    let (first, last): (Option<NaiveDate>, Option<NaiveDate>) =
        sqlx::query_as(sql).bind(org.0).bind(currency.as_str()).fetch_one(conn).await?;
    Ok(first.zip(last))
}

/// Currencies of the ledger, most rows first.
///
/// # Errors
/// Only those of the database.
pub async fn currencies(conn: &mut PgConnection, org: OrganizationId) -> Result<Vec<Currency>, StoreError> {
    let sql = "select currency from charge_parts where organization_id = $1 and superseded_by is null
        group by currency order by sum(row_count) desc, currency";
    let currencies = sqlx::query(sql)
        .bind(org.0)
        .try_map(|row: PgRow| row::parsed(&row, "currency"))
        .fetch_all(conn)
        .await?;
    Ok(currencies)
}

#[cfg(test)]
mod tests {
    use domain::Charge;

    use super::*;
    use crate::load::{Begin, Delivery, Object, OnOverlap, begin};
    use crate::testing::{charge, decimal, time, with_database};

    /// Two services, two teams, three days; one charge without a team, one in euros, one credit.
    fn sample() -> Vec<Charge> {
        let mut charges = vec![
            charge(1, "i-1", "10.10"),
            charge(2, "i-1", "20.20"),
            charge(3, "i-2", "5"),
            charge(3, "b-1", "1.000000000000001"),
            charge(3, "b-1", "-0.5"),
            charge(3, "i-9", "1000"),
        ];
        charges[2].tags.clear();
        for bucket in &mut charges[3..5] {
            bucket.service_name = "Amazon S3".to_owned();
            bucket.sub_account_id = None;
            bucket.sub_account_name = None;
        }
        charges[4].charge_category = domain::ChargeCategory::Credit;
        charges[5].billing_currency = "EUR".parse().unwrap();
        charges
    }

    async fn load_sample(conn: &mut PgConnection, org: OrganizationId) {
        let delivery = Delivery {
            source: "bill".to_owned(),
            format: "focus".to_owned(),
            objects: vec![Object { key: "jan.csv".to_owned(), checksum: "c1".to_owned(), size_bytes: 1 }],
        };
        let Begin::Load(mut loader) = begin(conn, org, &delivery, OnOverlap::Refuse).await.unwrap() else {
            panic!("nothing was loaded yet")
        };
        loader.add(0, &sample()).await.unwrap();
        loader.commit(None, time("2026-02-03T04:05:06Z")).await.unwrap();
    }

    fn january() -> Query {
        Query::new("2026-01-01".parse().unwrap(), "2026-02-01".parse().unwrap(), Currency::USD)
    }

    fn filter(dimension: Dimension, matching: Match, value: &str) -> Filter {
        Filter { dimension, matching, values: vec![value.to_owned()] }
    }

    #[tokio::test]
    async fn costs_are_filtered_and_grouped() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            load_sample(&mut conn, org).await;
            let sums = totals(&mut conn, org, &january()).await.unwrap();
            assert_eq!((sums.rows, sums.billed), (5, decimal("35.800000000000001")));
            assert_eq!(sums.list, decimal("71.600000000000002"));

            let by_service = Query { group_by: Some(Dimension::Service), ..january() };
            let rows = costs(&mut conn, org, &by_service).await.unwrap();
            let rows: Vec<_> = rows
                .iter()
                .map(|row| (row.group.as_str(), row.day.to_string(), row.cost.to_string()))
                .collect();
            let ec2 = "Amazon Elastic Compute Cloud";
            let expected = [
                (ec2, "2026-01-01", "10.10"),
                (ec2, "2026-01-02", "20.20"),
                (ec2, "2026-01-03", "5"),
                ("Amazon S3", "2026-01-03", "0.500000000000001"),
            ];
            assert_eq!(rows, expected.map(|(group, day, cost)| (group, day.to_owned(), cost.to_owned())));
            let monthly = Query { granularity: Granularity::Month, ..by_service };
            assert_eq!(costs(&mut conn, org, &monthly).await.unwrap()[0].cost, decimal("35.30"));
            let other = OrganizationId(org.0 + 1);
            assert_eq!(totals(&mut conn, other, &january()).await.unwrap(), Sums::default());
        })
        .await;
    }

    #[tokio::test]
    async fn the_rollup_and_the_line_items_give_the_same_answer() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            load_sample(&mut conn, org).await;
            for filters in [
                vec![filter(Dimension::Team, Match::Include, "web")],
                vec![filter(Dimension::Team, Match::Include, "")],
                vec![filter(Dimension::Account, Match::Exclude, "222")],
                vec![
                    filter(Dimension::ChargeCategory, Match::Exclude, "Credit"),
                    filter(Dimension::Service, Match::Include, "Amazon S3"),
                ],
                vec![Filter { dimension: Dimension::Team, matching: Match::Include, values: Vec::new() }],
            ] {
                let rollup = Query { filters: filters.clone(), ..january() };
                let mut ledger = rollup.clone();
                ledger.filters.push(filter(Dimension::Resource, Match::Exclude, "nobody"));
                let rollup = totals(&mut conn, org, &rollup).await.unwrap();
                assert_eq!(rollup, totals(&mut conn, org, &ledger).await.unwrap(), "{filters:?}");
                assert!(rollup.rows > 0, "{filters:?}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn groups_and_the_rest_add_up_to_the_total() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            load_sample(&mut conn, org).await;
            let query = Query { group_by: Some(Dimension::Resource), ..january() };
            let found = groups(&mut conn, org, &query, 1).await.unwrap();
            assert_eq!(found.top, [GroupTotal { group: "i-1".to_owned(), cost: decimal("30.30") }]);
            assert_eq!((found.other_count, found.other), (2, decimal("5.500000000000001")));
            assert_eq!(found.total, decimal("35.800000000000001"));
            let nothing = groups(&mut conn, org, &january(), 1).await;
            assert!(matches!(nothing, Err(StoreError::Invalid(_))));
        })
        .await;
    }

    #[tokio::test]
    async fn series_share_one_grid_and_add_up() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            load_sample(&mut conn, org).await;
            let total = daily_series(&mut conn, org, SeriesScope::Total, &january()).await.unwrap();
            let by_team = SeriesScope::By(Dimension::Team);
            let teams = daily_series(&mut conn, org, by_team, &january()).await.unwrap();
            let names: Vec<&str> = teams.iter().map(|series| series.unique_id.as_str()).collect();
            assert_eq!(names, ["cost/team/(none)", "cost/team/web"]);
            assert_eq!(total[0].unique_id, "cost/total");
            assert!(teams.iter().all(|series| series.grid == total[0].grid && series.len() == 3));
            assert_eq!(teams[0].values, [Some(0.0), Some(0.0), Some(5.0)]);
            for day in 0..3 {
                let sum: f64 = teams.iter().filter_map(|series| series.values[day]).sum();
                assert!((sum - total[0].values[day].unwrap()).abs() < 1e-9);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn line_items_come_page_by_page() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            load_sample(&mut conn, org).await;
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = line_items(&mut conn, org, &january(), after, 2).await.unwrap();
                assert!(page.items.len() <= 2);
                seen.extend(page.items.iter().map(|item| item.id));
                match page.next {
                    Some(next) => after = Some(next.to_string().parse().unwrap()),
                    None => break,
                }
            }
            assert_eq!(seen.len(), 5);
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 5);
            assert!("rubbish".parse::<Cursor>().is_err());
        })
        .await;
    }

    #[tokio::test]
    async fn names_spans_and_resources_are_found() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            load_sample(&mut conn, org).await;
            let found = values(&mut conn, org, Dimension::Service, "amazon s", 10).await.unwrap();
            assert_eq!(found, [DimensionValue { value: "Amazon S3".to_owned(), name: None }]);
            let accounts = values(&mut conn, org, Dimension::Account, "PROD", 10).await.unwrap();
            assert_eq!(accounts[0].name.as_deref(), Some("Production"));
            assert_eq!(account_names(&mut conn, org).await.unwrap()["222"], "Production");
            for dimension in Dimension::ALL {
                let all = values(&mut conn, org, dimension, "", 100).await.unwrap();
                assert!(!all.is_empty(), "{dimension:?}");
                assert_eq!(dimension.as_str().parse(), Ok(dimension));
            }
            let (first, last) = span(&mut conn, org, Currency::USD).await.unwrap().unwrap();
            assert_eq!(
                (first.to_string(), last.to_string()),
                ("2026-01-01".to_owned(), "2026-01-03".to_owned())
            );
            let euro: Currency = "EUR".parse().unwrap();
            assert_eq!(currencies(&mut conn, org).await.unwrap(), [Currency::USD, euro]);
            let period = Period { start: time("2026-01-02T00:00:00Z"), end: time("2026-01-04T00:00:00Z") };
            let costs = resource_costs(&mut conn, org, period, Currency::USD).await.unwrap();
            assert_eq!((costs.len(), costs["i-1"]), (3, decimal("20.20")));
            let by_time = time_costs(&mut conn, org, period, Currency::USD).await.unwrap();
            assert_eq!(by_time["i-1"], TimeCost { cost: decimal("20.20"), committed: Decimal::ZERO });
        })
        .await;
    }

    #[tokio::test]
    async fn the_ledger_is_reconciled_with_the_invoice() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            load_sample(&mut conn, org).await;
            let invoice = Invoice {
                provider_name: "AWS",
                billing_account_id: "111",
                billing_month: "2026-01".parse().unwrap(),
                currency: Currency::USD,
                billed: decimal("35.79"),
            };
            set_invoice(&mut conn, org, &invoice).await.unwrap();
            set_invoice(&mut conn, org, &Invoice { billed: decimal("35.80"), ..invoice }).await.unwrap();
            let months = reconciliation(&mut conn, org).await.unwrap();
            assert_eq!(months.len(), 2);
            assert!(months.iter().all(Reconciliation::is_consistent));
            assert_eq!(months[1].unexplained(), Some(decimal("0.000000000000001")));
            assert_eq!((months[0].currency.as_str(), months[0].unexplained()), ("EUR", None));
        })
        .await;
    }
}
