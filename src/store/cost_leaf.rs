//! The finest cost series of the pipeline: account × service × team. Accounts, services, teams and the total
//! are sums of them, which is what makes their forecasts add up.

use chrono::{NaiveDate, NaiveTime};
use domain::{Frequency, Grid, OrganizationId, Series, Stamp, to_statistic};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::StoreError;
use crate::charge::{Dimension, Query, SeriesScope};

/// Daily effective cost of one account, service and team.
#[derive(Debug, Clone, PartialEq)]
pub struct CostLeaf {
    /// `SubAccountId`, or empty.
    pub account: String,
    /// `ServiceName`.
    pub service: String,
    /// Team tag, or empty.
    pub team: String,
    /// The cost, named `cost/leaf/account/service/team`.
    pub series: Series,
}

impl CostLeaf {
    /// Whether the leaf is part of the series called `unique_id`.
    pub fn belongs_to(&self, unique_id: &str) -> bool {
        let of = |dimension, value: &str| SeriesScope::By(dimension).unique_id(value) == unique_id;
        SeriesScope::Total.unique_id("") == unique_id
            || of(Dimension::Account, &self.account)
            || of(Dimension::Service, &self.service)
            || of(Dimension::Team, &self.team)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    day: NaiveDate,
    sub_account_id: String,
    service_name: String,
    team: String,
    cost: Decimal,
}

/// Every leaf on one common grid, from the first to the last day with a charge inside the query; a day without
/// a charge is 0. Only period and currency of the query count.
///
/// # Errors
/// Only those of the database.
pub async fn daily_leaves(
    conn: &mut PgConnection,
    org: OrganizationId,
    query: &Query,
) -> Result<Vec<CostLeaf>, StoreError> {
    let sql = "select day, sub_account_id, service_name, team, sum(effective_cost) as cost from daily_costs
        where organization_id = $1 and day >= $2 and day < $3 and currency = $4
        group by sub_account_id, service_name, team, day order by sub_account_id, service_name, team, day";
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(org.0)
        .bind(query.from)
        .bind(query.to)
        .bind(query.currency.as_str())
        .fetch_all(conn)
        .await?;
    let Some((first, last)) = rows.iter().map(|row| row.day).min().zip(rows.iter().map(|row| row.day).max())
    else {
        return Ok(Vec::new());
    };
    let index = |day: NaiveDate| usize::try_from((day - first).num_days()).unwrap_or(0);
    let grid =
        Grid { start: Stamp::Time(first.and_time(NaiveTime::MIN).and_utc()), frequency: Frequency::DAY };
    let same = |a: &Row, b: &Row| {
        (&a.sub_account_id, &a.service_name, &a.team) == (&b.sub_account_id, &b.service_name, &b.team)
    };
    let leaf = |group: &[Row]| {
        let mut values = vec![Some(0.0); index(last) + 1];
        group.iter().for_each(|row| values[index(row.day)] = Some(to_statistic(row.cost)));
        let head = &group[0];
        let unique_id = format!("cost/leaf/{}/{}/{}", head.sub_account_id, head.service_name, head.team);
        CostLeaf {
            account: head.sub_account_id.clone(),
            service: head.service_name.clone(),
            team: head.team.clone(),
            series: Series { unique_id, grid, values },
        }
    };
    Ok(rows.chunk_by(same).map(leaf).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge::daily_series;
    use crate::load::{Begin, Delivery, Object, OnOverlap, begin};
    use crate::testing::{charge, time, with_database};
    use domain::Currency;

    #[tokio::test]
    async fn leaves_add_up_to_every_group_above_them() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let mut other = charge(3, "b", "5.5");
            (other.service_name, other.sub_account_id) = ("Amazon S3".to_owned(), None);
            other.tags.clear();
            let object = Object { key: "a".to_owned(), checksum: "1".to_owned(), size_bytes: 1 };
            let delivery =
                Delivery { source: "files".to_owned(), format: "focus".to_owned(), objects: vec![object] };
            let Begin::Load(mut loader) = begin(&mut conn, org, &delivery, OnOverlap::Refuse).await.unwrap()
            else {
                panic!("nothing is loaded yet")
            };
            loader
                .add(0, &[charge(1, "a", "1"), charge(1, "c", "2"), charge(2, "a", "4"), other])
                .await
                .unwrap();
            loader.commit(None, time("2026-02-01T00:00:00Z")).await.unwrap();

            let query =
                Query::new("2026-01-01".parse().unwrap(), "2026-02-01".parse().unwrap(), Currency::USD);
            let leaves = daily_leaves(&mut conn, org, &query).await.unwrap();
            assert_eq!(leaves.len(), 2);
            for scope in SeriesScope::ALL {
                for group in daily_series(&mut conn, org, scope, &query).await.unwrap() {
                    let mut sums = vec![0.0; group.len()];
                    for leaf in leaves.iter().filter(|leaf| leaf.belongs_to(&group.unique_id)) {
                        assert_eq!(leaf.series.grid, group.grid);
                        leaf.series
                            .values
                            .iter()
                            .enumerate()
                            .for_each(|(day, cost)| sums[day] += cost.unwrap());
                    }
                    let whole: Vec<f64> = group.values.iter().map(|cost| cost.unwrap()).collect();
                    assert_eq!(sums, whole, "{}", group.unique_id);
                }
            }
        })
        .await;
    }
}
