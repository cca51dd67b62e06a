//! The one transaction that turns staged charges into ledger, rollups and manifests.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use domain::OrganizationId;
use rust_decimal::Decimal;
use sqlx::{Connection, PgConnection};

use crate::StoreError;
use crate::load::{self, Delivery, LoadReport, OnOverlap, Replaced};
use crate::manifest::{Manifest, Part, Sums};
use crate::overlap::{self, Unit};
use crate::row;

/// How far two sums of the same rows may differ: a billionth of the currency unit, less than what rounding to the 28 digits of
/// a decimal can add up to over ten million rows.
const SUM_TOLERANCE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// Publishes what is staged on this connection. `counted` are sums that must equal what arrived.
pub(crate) async fn publish(
    conn: &mut PgConnection,
    org: OrganizationId,
    delivery: &Delivery,
    on_overlap: OnOverlap,
    counted: [Option<&Sums>; 2],
    at: DateTime<Utc>,
) -> Result<LoadReport, StoreError> {
    // Apart from the transaction, because making a partition keeps other writers waiting.
    let sql = "select create_month_partitions('charges', array(
            select distinct date_trunc('month', charge_period_start at time zone 'UTC')::date from staged_charges
        ))";
    sqlx::query(sql).execute(&mut *conn).await?;

    let mut tx = conn.begin().await?;
    // Loads of one organization are published one after the other: each has to see what the others put there.
    let sql = "select pg_advisory_xact_lock(hashtextextended('charges', $1))";
    sqlx::query(sql).bind(org.0).execute(&mut *tx).await?;
    if let Some(manifests) = load::already_loaded(&mut tx, org, delivery).await? {
        return Ok(report_already_loaded(manifests));
    }
    let manifests = insert_manifests(&mut tx, org, delivery, at).await?;
    let parts = insert_parts(&mut tx, org, &manifests).await?;
    check_sums(&delivery.source, &parts, counted)?;

    let units = units(&parts);
    let live = live_parts(&mut tx, org, delivery, &units, &manifests).await?;
    let keys: BTreeSet<&str> = delivery.objects.iter().map(|object| object.key.as_str()).collect();
    let gone = overlap::superseded(&delivery.source, &units, &keys, &live, on_overlap)?;
    remove(&mut tx, org, &gone, &parts, &manifests).await?;

    insert_charges(&mut tx, org, &delivery.source, &manifests, &parts).await?;
    insert_daily_costs(&mut tx, org, &delivery.source, &parts).await?;
    count_values(&mut tx, org, &ids(&parts), &days(&parts), 1).await?;
    let report = report(&mut tx, &manifests, &parts, &gone).await?;
    tx.commit().await?;
    Ok(report)
}

async fn insert_manifests(
    conn: &mut PgConnection,
    org: OrganizationId,
    delivery: &Delivery,
    at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let sql = "insert into manifests (organization_id, source, object_key, checksum, format, size_bytes, status, row_count,
            billed_cost, effective_cost, list_cost, contracted_cost, loaded_at)
        select $1, $2, $3, $4, $5, $6, 'done', count(*), coalesce(sum(billed_cost), 0), coalesce(sum(effective_cost), 0),
            coalesce(sum(list_cost), 0), coalesce(sum(contracted_cost), 0), $7
        from staged_charges where object = $8 returning id";
    let mut ids = Vec::with_capacity(delivery.objects.len());
    for (index, object) in delivery.objects.iter().enumerate() {
        let id = sqlx::query_scalar(sql)
            .bind(org.0)
            .bind(&delivery.source)
            .bind(&object.key)
            .bind(&object.checksum)
            .bind(&delivery.format)
            .bind(row::bigint(object.size_bytes))
            .bind(at)
            .bind(i32::try_from(index).unwrap_or(i32::MAX))
            .fetch_one(&mut *conn)
            .await?;
        ids.push(id);
    }
    Ok(ids)
}

async fn insert_parts(
    conn: &mut PgConnection,
    org: OrganizationId,
    manifests: &[i64],
) -> Result<Vec<Part>, StoreError> {
    let sql = "insert into charge_parts (organization_id, manifest_id, source, object_key, provider_name, billing_account_id,
            billing_month, currency, first_day, last_day, row_count, billed_cost, effective_cost, list_cost,
            contracted_cost)
        select $1, m.id, m.source, m.object_key, s.provider_name, s.billing_account_id,
            date_trunc('month', s.billing_period_start at time zone 'UTC')::date, s.billing_currency,
            min(s.charge_period_start at time zone 'UTC')::date, max(s.charge_period_start at time zone 'UTC')::date,
            count(*), sum(s.billed_cost), sum(s.effective_cost), sum(s.list_cost), sum(s.contracted_cost)
        from staged_charges s join manifests m on m.id = ($2::bigint[])[s.object + 1]
        group by m.id, 5, 6, 7, 8
        returning *";
    Ok(sqlx::query_as(sql).bind(org.0).bind(manifests).fetch_all(conn).await?)
}

fn check_sums(source: &str, parts: &[Part], counted: [Option<&Sums>; 2]) -> Result<(), StoreError> {
    let stored = total(parts);
    for counted in counted.into_iter().flatten() {
        let columns = [
            ("rows", Decimal::from(counted.rows), Decimal::from(stored.rows)),
            ("billed_cost", counted.billed, stored.billed),
            ("effective_cost", counted.effective, stored.effective),
            ("list_cost", counted.list, stored.list),
            ("contracted_cost", counted.contracted, stored.contracted),
        ];
        for (column, in_file, in_store) in columns {
            if (in_file - in_store).abs() > SUM_TOLERANCE {
                return Err(StoreError::SumsDiffer {
                    column,
                    source_name: source.to_owned(),
                    in_file,
                    in_store,
                });
            }
        }
    }
    Ok(())
}

fn total(parts: &[Part]) -> Sums {
    parts.iter().fold(Sums::default(), |sums, part| Sums {
        rows: sums.rows + part.sums.rows,
        billed: sums.billed + part.sums.billed,
        effective: sums.effective + part.sums.effective,
        list: sums.list + part.sums.list,
        contracted: sums.contracted + part.sums.contracted,
    })
}

/// The parts of a delivery, taken together per account and month.
fn units(parts: &[Part]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for part in parts {
        match units.iter_mut().find(|unit| unit.is_of(part)) {
            Some(unit) => {
                unit.first_day = unit.first_day.min(part.first_day);
                unit.last_day = unit.last_day.max(part.last_day);
            }
            None => units.push(Unit {
                provider_name: part.provider_name.clone(),
                billing_account_id: part.billing_account_id.clone(),
                billing_month: part.billing_month,
                object_key: part.object_key.clone(),
                first_day: part.first_day,
                last_day: part.last_day,
            }),
        }
    }
    units
}

/// Parts of the same source that the delivery may replace.
async fn live_parts(
    conn: &mut PgConnection,
    org: OrganizationId,
    delivery: &Delivery,
    units: &[Unit],
    manifests: &[i64],
) -> Result<Vec<Part>, StoreError> {
    let sql = "select * from charge_parts
        where organization_id = $1 and source = $2 and superseded_by is null and manifest_id <> all($3)
            and (billing_month = any($4) or object_key = any($5))
        order by id";
    let months: Vec<NaiveDate> = units.iter().map(|unit| unit.billing_month.first_day()).collect();
    let keys: Vec<&str> = delivery.objects.iter().map(|object| object.key.as_str()).collect();
    Ok(sqlx::query_as(sql)
        .bind(org.0)
        .bind(&delivery.source)
        .bind(manifests)
        .bind(months)
        .bind(keys)
        .fetch_all(conn)
        .await?)
}

/// Takes replaced parts out of the ledger and the rollups; their record stays, with what replaced them.
async fn remove(
    conn: &mut PgConnection,
    org: OrganizationId,
    gone: &[&Part],
    parts: &[Part],
    manifests: &[i64],
) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    let gone: Vec<Part> = gone.iter().map(|part| (*part).clone()).collect();
    let (ids, days) = (ids(&gone), days(&gone));
    count_values(conn, org, &ids, &days, -1).await?;
    let sql = "delete from charges where organization_id = $1 and part_id = any($2)
        and charge_period_start >= $3::date::timestamp at time zone 'UTC'
        and charge_period_start < ($4::date + 1)::timestamp at time zone 'UTC'";
    sqlx::query(sql).bind(org.0).bind(&ids).bind(days.0).bind(days.1).execute(&mut *conn).await?;
    sqlx::query("delete from daily_costs where part_id = any($1)").bind(&ids).execute(&mut *conn).await?;
    for part in &gone {
        let sql = "update charge_parts set superseded_by = $2 where id = $1";
        let by = successor(part, parts).or(manifests.first().copied());
        sqlx::query(sql).bind(part.id).bind(by).execute(&mut *conn).await?;
    }
    let sql = "update manifests m set status = 'superseded'
        where m.id = any($1)
            and not exists (select 1 from charge_parts p where p.manifest_id = m.id and p.superseded_by is null)";
    let of: Vec<i64> = gone.iter().map(|part| part.manifest_id.0).collect();
    sqlx::query(sql).bind(of).execute(conn).await?;
    Ok(())
}

/// The manifest that stands for a replaced part: the same object if it is there, else one with the same account and month.
fn successor(gone: &Part, parts: &[Part]) -> Option<i64> {
    let same_object = parts.iter().find(|part| part.object_key == gone.object_key);
    let same_unit = || {
        parts.iter().find(|part| {
            part.billing_month == gone.billing_month
                && part.billing_account_id == gone.billing_account_id
                && part.provider_name == gone.provider_name
        })
    };
    same_object.or_else(same_unit).map(|part| part.manifest_id.0)
}

async fn insert_charges(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    manifests: &[i64],
    parts: &[Part],
) -> Result<(), StoreError> {
    let sql = "insert into charges (organization_id, part_id, charge_period_start, charge_period_end, billed_cost,
            effective_cost, list_cost, contracted_cost, billing_currency, billing_account_id, billing_period_start,
            billing_period_end, charge_category, correction, charge_description, provider_name, sub_account_id,
            sub_account_name, service_category, service_name, sku_id, region_id, availability_zone, resource_id,
            resource_name, resource_type, pricing_category, pricing_quantity, pricing_unit, consumed_quantity,
            consumed_unit, commitment_discount_id, commitment_discount_type, commitment_discount_status, instance_type,
            os, team, tags)
        select $1, p.id, s.charge_period_start, s.charge_period_end, s.billed_cost,
            s.effective_cost, s.list_cost, s.contracted_cost, s.billing_currency, s.billing_account_id,
            s.billing_period_start, s.billing_period_end, s.charge_category, s.correction, s.charge_description,
            s.provider_name, s.sub_account_id, s.sub_account_name, s.service_category, s.service_name, s.sku_id,
            s.region_id, s.availability_zone, s.resource_id, s.resource_name, s.resource_type, s.pricing_category,
            s.pricing_quantity, s.pricing_unit, s.consumed_quantity, s.consumed_unit, s.commitment_discount_id,
            s.commitment_discount_type, s.commitment_discount_status, s.instance_type, s.os, s.team, s.tags
        from staged_charges s
        join charge_parts p on p.manifest_id = ($2::bigint[])[s.object + 1]
            and p.provider_name = s.provider_name and p.billing_account_id = s.billing_account_id
            and p.billing_month = date_trunc('month', s.billing_period_start at time zone 'UTC')::date
            and p.currency = s.billing_currency";
    let done = sqlx::query(sql).bind(org.0).bind(manifests).execute(conn).await?;
    let staged = total(parts).rows;
    if done.rows_affected() == staged {
        return Ok(());
    }
    Err(StoreError::SumsDiffer {
        column: "rows in the ledger",
        source_name: source.to_owned(),
        in_file: staged.into(),
        in_store: done.rows_affected().into(),
    })
}

/// Sums the ledger rows of the new parts per day, and checks them against what was staged.
async fn insert_daily_costs(
    conn: &mut PgConnection,
    org: OrganizationId,
    source: &str,
    parts: &[Part],
) -> Result<(), StoreError> {
    let (ids, days) = (ids(parts), days(parts));
    let sql = "insert into daily_costs (organization_id, part_id, day, currency, provider_name, billing_account_id,
            sub_account_id, service_name, region_id, team, charge_category, pricing_category,
            commitment_discount_status, row_count, billed_cost, effective_cost, list_cost, contracted_cost,
            consumed_quantity)
        select organization_id, part_id, (charge_period_start at time zone 'UTC')::date, billing_currency, provider_name,
            billing_account_id, coalesce(sub_account_id, ''), service_name, coalesce(region_id, ''), coalesce(team, ''),
            charge_category, coalesce(pricing_category, ''), coalesce(commitment_discount_status, ''), count(*),
            sum(billed_cost), sum(effective_cost), sum(list_cost), sum(contracted_cost),
            coalesce(sum(consumed_quantity), 0)
        from charges
        where organization_id = $1 and part_id = any($2)
            and charge_period_start >= $3::date::timestamp at time zone 'UTC'
            and charge_period_start < ($4::date + 1)::timestamp at time zone 'UTC'
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13";
    sqlx::query(sql).bind(org.0).bind(&ids).bind(days.0).bind(days.1).execute(&mut *conn).await?;
    let sql = "select p.billed_cost as in_file, coalesce(d.billed_cost, 0) as in_store
        from charge_parts p
        left join (
            select part_id, sum(row_count) as row_count, sum(billed_cost) as billed_cost,
                sum(effective_cost) as effective_cost, sum(list_cost) as list_cost, sum(contracted_cost) as contracted_cost
            from daily_costs where part_id = any($1) group by part_id
        ) d on d.part_id = p.id
        where p.id = any($1)
            and (p.row_count, p.billed_cost, p.effective_cost, p.list_cost, p.contracted_cost)
                is distinct from (d.row_count, d.billed_cost, d.effective_cost, d.list_cost, d.contracted_cost)
        limit 1";
    let differs = sqlx::query(sql).bind(&ids).fetch_optional(conn).await?;
    let Some(row) = differs else { return Ok(()) };
    Err(StoreError::SumsDiffer {
        column: "billed_cost of the daily rollup",
        source_name: source.to_owned(),
        in_file: row::sum(&row, "in_file")?,
        in_store: row::sum(&row, "in_store")?,
    })
}

/// Counts (`by` = 1) or discounts (−1) the values of the dimensions that these parts have.
async fn count_values(
    conn: &mut PgConnection,
    org: OrganizationId,
    parts: &[i64],
    days: &(Option<NaiveDate>, Option<NaiveDate>),
    by: i64,
) -> Result<(), StoreError> {
    let sql = "with seen as (
            select part_id, dimension, value, null::text as name
            from daily_costs
            cross join lateral (values ('provider', provider_name), ('billing_account', billing_account_id),
                ('service', service_name), ('region', region_id), ('team', team), ('charge_category', charge_category),
                ('pricing_category', pricing_category), ('commitment_status', commitment_discount_status)
            ) as given (dimension, value)
            where part_id = any($2)
            group by 1, 2, 3
            union all
            select part_id, 'account', coalesce(sub_account_id, ''), max(sub_account_name)
            from charges
            where organization_id = $1 and part_id = any($2)
                and charge_period_start >= $3::date::timestamp at time zone 'UTC'
                and charge_period_start < ($4::date + 1)::timestamp at time zone 'UTC'
            group by 1, 3
            union all
            select part_id, 'resource', coalesce(resource_id, ''), max(resource_name)
            from charges
            where organization_id = $1 and part_id = any($2)
                and charge_period_start >= $3::date::timestamp at time zone 'UTC'
                and charge_period_start < ($4::date + 1)::timestamp at time zone 'UTC'
            group by 1, 3
        )
        insert into dimension_values as known (organization_id, dimension, value, name, part_count)
        select $1, dimension, value, max(name), count(*) * $5 from seen group by dimension, value
        on conflict (organization_id, dimension, value) do update set
            part_count = known.part_count + excluded.part_count,
            name = coalesce(excluded.name, known.name)";
    sqlx::query(sql).bind(org.0).bind(parts).bind(days.0).bind(days.1).bind(by).execute(&mut *conn).await?;
    if by > 0 {
        return Ok(());
    }
    let sql = "delete from dimension_values where organization_id = $1 and part_count <= 0";
    sqlx::query(sql).bind(org.0).execute(conn).await?;
    Ok(())
}

async fn report(
    conn: &mut PgConnection,
    manifests: &[i64],
    parts: &[Part],
    gone: &[&Part],
) -> Result<LoadReport, StoreError> {
    let sql = "select * from manifests where id = any($1) order by id";
    let manifests: Vec<Manifest> = sqlx::query_as(sql).bind(manifests).fetch_all(conn).await?;
    let replaced = gone.iter().map(|old| {
        let same = parts.iter().filter(|new| {
            new.provider_name == old.provider_name
                && new.billing_account_id == old.billing_account_id
                && new.billing_month == old.billing_month
                && new.currency == old.currency
        });
        Replaced {
            object_key: old.object_key.clone(),
            manifest_id: old.manifest_id,
            provider_name: old.provider_name.clone(),
            billing_account_id: old.billing_account_id.clone(),
            billing_month: old.billing_month,
            currency: old.currency,
            old: old.sums,
            new: total(&same.cloned().collect::<Vec<_>>()),
        }
    });
    let (first_day, last_day) = days(parts);
    Ok(LoadReport {
        already_loaded: false,
        manifests,
        sums: total(parts),
        first_day,
        last_day,
        replaced: replaced.collect(),
    })
}

fn report_already_loaded(manifests: Vec<Manifest>) -> LoadReport {
    LoadReport {
        already_loaded: true,
        manifests,
        sums: Sums::default(),
        first_day: None,
        last_day: None,
        replaced: Vec::new(),
    }
}

fn ids(parts: &[Part]) -> Vec<i64> {
    parts.iter().map(|part| part.id).collect()
}

/// First and last day of all parts: the months that have to be looked at.
fn days(parts: &[Part]) -> (Option<NaiveDate>, Option<NaiveDate>) {
    (parts.iter().map(|part| part.first_day).min(), parts.iter().map(|part| part.last_day).max())
}
