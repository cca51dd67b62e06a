//! Loading charges exactly once: stage by COPY, count and sum, then one transaction replaces and publishes.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use domain::{BillingMonth, Charge, Currency, ManifestId, OrganizationId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::StoreError;
use crate::copy::CopyText;
use crate::manifest::{self, Manifest, Sums};
use crate::publish;

/// One object of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Path or URL inside the source; the same key again means a newer version of the same thing.
    pub key: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub checksum: String,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// Objects that belong together and are loaded all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Name of the source; only charges of the same source can replace each other.
    pub source: String,
    /// Format of the objects (`focus`, `cur2`, …), for the record.
    pub format: String,
    /// The objects.
    pub objects: Vec<Object>,
}

/// What to do with charges of the same source, account and month whose days partly overlap the new ones. Charges on other
/// days are always kept; older ones that the new days cover (to within a day at each edge), and the months of an older
/// version of the same object, are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOverlap {
    /// Stop with [`StoreError::Overlap`]; nothing changes.
    #[default]
    Refuse,
    /// The new rows replace the old ones of that account and month.
    Replace,
    /// Keep both, also where the new rows cover the old ones. Only a newer version of the same object still replaces it.
    Append,
}

/// How a load begins.
#[derive(Debug)]
pub enum Begin<'c> {
    /// Every object is in the ledger already, byte for byte: nothing to do.
    AlreadyLoaded(Vec<Manifest>),
    /// Feed the rows to the loader.
    Load(Loader<'c>),
}

/// Rows of an earlier import that went away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// Object that had them.
    pub object_key: String,
    /// Its manifest.
    pub manifest_id: ManifestId,
    /// Provider on the bill.
    pub provider_name: String,
    /// Billing account.
    pub billing_account_id: String,
    /// Billing month.
    pub billing_month: BillingMonth,
    /// Currency of the sums.
    pub currency: Currency,
    /// Rows and sums that went.
    pub old: Sums,
    /// Rows and sums of the same account, month and currency in the new delivery.
    pub new: Sums,
}

/// What a load did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Whether another process loaded the same bytes while this one was staging them; nothing was changed then.
    pub already_loaded: bool,
    /// One manifest per object, in the order of the delivery.
    pub manifests: Vec<Manifest>,
    /// Rows and sums of the whole delivery, as they stand in the ledger.
    pub sums: Sums,
    /// First UTC day of a charge; `None` when there was no row.
    pub first_day: Option<NaiveDate>,
    /// Last UTC day of a charge.
    pub last_day: Option<NaiveDate>,
    /// What was replaced.
    pub replaced: Vec<Replaced>,
}

/// A load under way: its rows are in a table that only this connection sees and that dies with it.
#[derive(Debug)]
pub struct Loader<'c> {
    conn: &'c mut PgConnection,
    org: OrganizationId,
    delivery: Delivery,
    on_overlap: OnOverlap,
    /// What was handed to [`Loader::add`].
    given: Sums,
}

/// Begins to load a delivery on `conn`, which stays borrowed until [`Loader::commit`].
///
/// # Errors
/// [`StoreError::Invalid`] for a delivery without objects or with one key twice.
pub async fn begin<'c>(
    conn: &'c mut PgConnection,
    org: OrganizationId,
    delivery: &Delivery,
    on_overlap: OnOverlap,
) -> Result<Begin<'c>, StoreError> {
    let keys: BTreeSet<&str> = delivery.objects.iter().map(|object| object.key.as_str()).collect();
    if keys.is_empty() || keys.len() < delivery.objects.len() {
        return Err(StoreError::Invalid(format!(
            "a delivery of source {:?} needs at least one object, each under its own key",
            delivery.source
        )));
    }
    if let Some(manifests) = already_loaded(conn, org, delivery).await? {
        return Ok(Begin::AlreadyLoaded(manifests));
    }
    drop_staged(conn).await?;
    let sql = "create temporary table staged_charges (object integer not null, like charges)";
    sqlx::query(sql).execute(&mut *conn).await?;
    let sql = "alter table staged_charges drop column id, drop column organization_id, drop column part_id";
    sqlx::query(sql).execute(&mut *conn).await?;
    let delivery = delivery.clone();
    Ok(Begin::Load(Loader { conn, org, delivery, on_overlap, given: Sums::default() }))
}

impl Loader<'_> {
    /// Stages rows of the `object`-th object of the delivery. Any batch size works; 5,000 rows are fast.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an object that the delivery does not have, and for a charge outside the years 2000 to
    /// 2099.
    pub async fn add(&mut self, object: usize, batch: &[Charge]) -> Result<(), StoreError> {
        if object >= self.delivery.objects.len() {
            return Err(StoreError::Invalid(format!("the delivery has no object {object}")));
        }
        let mut text = CopyText::default();
        for charge in batch {
            crate::copy::check_year(charge.charge_period_start)?;
            stage(&mut text, object, charge);
            self.given.add(charge);
        }
        text.send(self.conn, COPY_STAGED).await?;
        Ok(())
    }

    /// Publishes everything that was staged in one transaction: checks the sums (`counted` is what the reader of the files
    /// counted, if it did), replaces what is superseded, updates the rollups, writes the manifests.
    ///
    /// # Errors
    /// [`StoreError::SumsDiffer`], [`StoreError::Overlap`], [`StoreError::MonthGone`]: nothing was changed.
    pub async fn commit(self, counted: Option<&Sums>, at: DateTime<Utc>) -> Result<LoadReport, StoreError> {
        let counted = [Some(&self.given), counted];
        let delivery = &self.delivery;
        let report = publish::publish(self.conn, self.org, delivery, self.on_overlap, counted, at).await;
        let dropped = drop_staged(self.conn).await;
        // what was published stands, whatever became of the staging table
        if report.is_err() { report } else { dropped.and(report) }
    }

    /// Drops what was staged.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn abandon(self) -> Result<(), StoreError> {
        drop_staged(self.conn).await
    }
}

/// The manifests of the delivery when the latest version of each of its objects is this one.
pub(crate) async fn already_loaded(
    conn: &mut PgConnection,
    org: OrganizationId,
    delivery: &Delivery,
) -> Result<Option<Vec<Manifest>>, StoreError> {
    let mut manifests = Vec::with_capacity(delivery.objects.len());
    for object in &delivery.objects {
        match manifest::find(conn, org, &delivery.source, &object.key, &object.checksum).await? {
            Some(manifest) => manifests.push(manifest),
            None => return Ok(None),
        }
    }
    Ok(Some(manifests))
}

async fn drop_staged(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("drop table if exists pg_temp.staged_charges").execute(conn).await?;
    Ok(())
}

/// Columns in the order of [`stage`].
const COPY_STAGED: &str = "copy staged_charges (object, charge_period_start, charge_period_end, billed_cost, \
    effective_cost, list_cost, contracted_cost, billing_currency, billing_account_id, billing_period_start, \
    billing_period_end, charge_category, correction, charge_description, provider_name, sub_account_id, \
    sub_account_name, service_category, service_name, sku_id, region_id, availability_zone, resource_id, \
    resource_name, resource_type, pricing_category, pricing_quantity, pricing_unit, consumed_quantity, \
    consumed_unit, commitment_discount_id, commitment_discount_type, commitment_discount_status, instance_type, \
    os, team, tags) from stdin";

fn stage(text: &mut CopyText, object: usize, charge: &Charge) {
    text.plain(object);
    text.plain(charge.charge_period_start.to_rfc3339());
    text.plain(charge.charge_period_end.to_rfc3339());
    text.plain(charge.billed_cost);
    text.plain(charge.effective_cost);
    text.plain(charge.list_cost);
    text.plain(charge.contracted_cost);
    text.plain(charge.billing_currency);
    text.text(&charge.billing_account_id);
    text.plain(charge.billing_period.start.to_rfc3339());
    text.plain(charge.billing_period.end.to_rfc3339());
    text.plain(charge.charge_category);
    text.plain(charge.correction);
    text.optional_text(charge.charge_description.as_deref());
    text.text(&charge.provider_name);
    text.optional_text(charge.sub_account_id.as_deref());
    text.optional_text(charge.sub_account_name.as_deref());
    text.optional_text(charge.service_category.as_deref());
    text.text(&charge.service_name);
    text.optional_text(charge.sku_id.as_deref());
    text.optional_text(charge.region_id.as_deref());
    text.optional_text(charge.availability_zone.as_deref());
    text.optional_text(charge.resource_id.as_deref());
    text.optional_text(charge.resource_name.as_deref());
    text.optional_text(charge.resource_type.as_deref());
    text.optional_plain(charge.pricing_category);
    text.optional_plain(charge.pricing_quantity);
    text.optional_text(charge.pricing_unit.as_deref());
    text.optional_plain(charge.consumed_quantity);
    text.optional_text(charge.consumed_unit.as_deref());
    text.optional_text(charge.commitment_discount_id.as_deref());
    text.optional_text(charge.commitment_discount_type.as_deref());
    text.optional_plain(charge.commitment_discount_status);
    text.optional_text(charge.instance_type.as_deref());
    text.optional_text(charge.os.as_deref());
    text.optional_text(charge.team());
    text.map(&charge.tags);
    text.end_row();
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::charge::{self, Query};
    use crate::testing::{charge, decimal, time, with_database};

    const AT: &str = "2026-02-03T04:05:06Z";

    fn delivery(objects: &[(&str, &str)]) -> Delivery {
        let object = |(key, checksum): &(&str, &str)| Object {
            key: (*key).to_owned(),
            checksum: (*checksum).to_owned(),
            size_bytes: 10,
        };
        Delivery {
            source: "bill".to_owned(),
            format: "focus".to_owned(),
            objects: objects.iter().map(object).collect(),
        }
    }

    /// Loads charges as one object, and checks afterwards that ledger, manifests and rollup agree.
    async fn load(
        pool: &PgPool,
        org: OrganizationId,
        key: &str,
        checksum: &str,
        charges: &[Charge],
        on_overlap: OnOverlap,
    ) -> Result<LoadReport, StoreError> {
        let mut conn = pool.acquire().await.unwrap();
        let result = match begin(&mut conn, org, &delivery(&[(key, checksum)]), on_overlap).await? {
            Begin::AlreadyLoaded(manifests) => Ok(LoadReport {
                already_loaded: true,
                manifests,
                sums: Sums::default(),
                first_day: None,
                last_day: None,
                replaced: Vec::new(),
            }),
            Begin::Load(mut loader) => {
                for batch in charges.chunks(3) {
                    loader.add(0, batch).await?;
                }
                let mut counted = Sums::default();
                charges.iter().for_each(|charge| counted.add(charge));
                loader.commit(Some(&counted), time(AT)).await
            }
        };
        assert_consistent(pool, org).await;
        result
    }

    async fn assert_consistent(pool: &PgPool, org: OrganizationId) {
        let mut conn = pool.acquire().await.unwrap();
        let months = charge::reconciliation(&mut conn, org).await.unwrap();
        for month in months {
            assert!(month.is_consistent(), "{month:?}");
        }
    }

    async fn ledger(pool: &PgPool, org: OrganizationId) -> Sums {
        let mut conn = pool.acquire().await.unwrap();
        let day = |text: &str| text.parse().unwrap();
        let all = Query::new(day("2000-01-01"), day("2100-01-01"), Currency::USD);
        charge::totals(&mut conn, org, &all).await.unwrap()
    }

    fn january(first: u32, last: u32, cost: &str) -> Vec<Charge> {
        (first..=last).map(|day| charge(day, "i-1", cost)).collect()
    }

    #[tokio::test]
    async fn a_file_is_loaded_once_and_comes_back_as_it_was() {
        with_database(async |pool, org| {
            let given = january(1, 10, "0.1234567890123456789012345");
            let report = load(&pool, org, "jan.csv", "c1", &given, OnOverlap::Refuse).await.unwrap();
            assert_eq!(report.sums.rows, 10);
            assert_eq!(report.sums.billed, decimal("1.234567890123456789012345"));
            assert_eq!(report.manifests[0].sums, report.sums);
            let before = ledger(&pool, org).await;

            let again = load(&pool, org, "jan.csv", "c1", &given, OnOverlap::Refuse).await.unwrap();
            assert!(again.already_loaded);
            assert_eq!(again.manifests, report.manifests);
            assert_eq!(ledger(&pool, org).await, before);

            let mut conn = pool.acquire().await.unwrap();
            let query =
                Query::new("2026-01-01".parse().unwrap(), "2026-02-01".parse().unwrap(), Currency::USD);
            let page = charge::line_items(&mut conn, org, &query, None, 100).await.unwrap();
            let mut stored: Vec<Charge> = page.items.into_iter().map(|item| item.charge).collect();
            stored.reverse();
            assert_eq!(stored, given);
        })
        .await;
    }

    #[tokio::test]
    async fn a_restated_month_replaces_the_old_one() {
        with_database(async |pool, org| {
            load(&pool, org, "jan-v1.csv", "c1", &january(1, 20, "1"), OnOverlap::Refuse).await.unwrap();
            let report =
                load(&pool, org, "jan-v2.csv", "c2", &january(1, 31, "2"), OnOverlap::Refuse).await.unwrap();
            let [replaced] = report.replaced.as_slice() else { panic!("{report:?}") };
            assert_eq!(
                (replaced.object_key.as_str(), replaced.old.rows, replaced.new.rows),
                ("jan-v1.csv", 20, 31)
            );
            assert_eq!((replaced.old.billed, replaced.new.billed), (decimal("20"), decimal("62")));
            assert_eq!(ledger(&pool, org).await.billed, decimal("62"));

            // The old file again changes nothing: it was loaded, and what it said was restated.
            let old =
                load(&pool, org, "jan-v1.csv", "c1", &january(1, 20, "1"), OnOverlap::Refuse).await.unwrap();
            assert!(old.already_loaded);
            assert_eq!(old.manifests[0].status, manifest::ManifestStatus::Superseded);
            assert_eq!(ledger(&pool, org).await.billed, decimal("62"));

            // A newer version under the same key replaces, however few days it has.
            load(&pool, org, "jan-v2.csv", "c3", &january(30, 31, "5"), OnOverlap::Refuse).await.unwrap();
            assert_eq!(ledger(&pool, org).await.billed, decimal("10"));
        })
        .await;
    }

    #[tokio::test]
    async fn deliveries_apart_are_kept_and_overlapping_ones_need_a_decision() {
        with_database(async |pool, org| {
            load(&pool, org, "a.csv", "c1", &january(1, 10, "1"), OnOverlap::Refuse).await.unwrap();
            load(&pool, org, "b.csv", "c2", &january(11, 20, "1"), OnOverlap::Refuse).await.unwrap();
            assert_eq!(ledger(&pool, org).await.rows, 20);

            let late = january(15, 31, "3");
            let error = load(&pool, org, "c.csv", "c3", &late, OnOverlap::Refuse).await.unwrap_err();
            let StoreError::Overlap(overlap) = &error else { panic!("{error}") };
            assert_eq!((overlap.new_object.as_str(), overlap.old_object.as_str()), ("c.csv", "b.csv"));
            assert_eq!(ledger(&pool, org).await.rows, 20);

            let report = load(&pool, org, "c.csv", "c3", &late, OnOverlap::Replace).await.unwrap();
            assert_eq!(report.replaced.len(), 1);
            assert_eq!(ledger(&pool, org).await.rows, 10 + 17);

            load(&pool, org, "d.csv", "c4", &january(1, 31, "1"), OnOverlap::Append).await.unwrap();
            assert_eq!(ledger(&pool, org).await.rows, 10 + 17 + 31);
        })
        .await;
    }

    #[tokio::test]
    async fn a_truncated_version_of_a_file_is_refused() {
        with_database(async |pool, org| {
            load(&pool, org, "jan.csv", "c1", &january(1, 31, "1"), OnOverlap::Refuse).await.unwrap();
            let error = load(&pool, org, "jan.csv", "c2", &[], OnOverlap::Refuse).await.unwrap_err();
            assert!(matches!(&error, StoreError::MonthGone { rows: 31, .. }), "{error}");
            assert_eq!(ledger(&pool, org).await.rows, 31);
            load(&pool, org, "jan.csv", "c2", &[], OnOverlap::Replace).await.unwrap();
            assert_eq!(ledger(&pool, org).await.rows, 0);
        })
        .await;
    }

    #[tokio::test]
    async fn files_of_one_delivery_are_one_unit() {
        with_database(async |pool, org| {
            let both = delivery(&[("1.csv", "c1"), ("2.csv", "c2")]);
            for round in 0..2 {
                let mut conn = pool.acquire().await.unwrap();
                match begin(&mut conn, org, &both, OnOverlap::Refuse).await.unwrap() {
                    Begin::Load(mut loader) => {
                        loader.add(0, &january(1, 31, "1")).await.unwrap();
                        loader.add(1, &january(1, 31, "2")).await.unwrap();
                        let report = loader.commit(None, time(AT)).await.unwrap();
                        assert_eq!(round, 0);
                        assert_eq!(
                            report.manifests.iter().map(|m| m.sums.rows).collect::<Vec<_>>(),
                            [31, 31]
                        );
                    }
                    Begin::AlreadyLoaded(manifests) => assert_eq!((round, manifests.len()), (1, 2)),
                }
            }
            assert_eq!(ledger(&pool, org).await.billed, decimal("93"));
            assert_consistent(&pool, org).await;
        })
        .await;
    }

    #[tokio::test]
    async fn sums_that_differ_from_the_file_change_nothing() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let one = delivery(&[("jan.csv", "c1")]);
            let Begin::Load(mut loader) = begin(&mut conn, org, &one, OnOverlap::Refuse).await.unwrap()
            else {
                panic!("nothing was loaded yet")
            };
            loader.add(0, &january(1, 31, "1")).await.unwrap();
            let counted = Sums { rows: 32, ..Sums::default() };
            let error = loader.commit(Some(&counted), time(AT)).await.unwrap_err();
            assert!(matches!(error, StoreError::SumsDiffer { column: "rows", .. }), "{error}");
            assert_eq!(ledger(&pool, org).await, Sums::default());
        })
        .await;
    }

    #[tokio::test]
    async fn a_load_that_dies_leaves_nothing_and_can_be_run_again() {
        with_database(async |pool, org| {
            load(&pool, org, "jan.csv", "c1", &january(1, 31, "1"), OnOverlap::Refuse).await.unwrap();
            let one = delivery(&[("jan.csv", "c2")]);
            let many: Vec<Charge> = (0..400).flat_map(|_| january(1, 31, "2")).collect();
            // Killed between the stages, and at several moments of the one transaction.
            for delay_ms in [None, Some(0), Some(5), Some(20), Some(50), Some(100), Some(150)] {
                let mut conn = pool.acquire().await.unwrap().detach();
                let pid: i32 =
                    sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut conn).await.unwrap();
                let Begin::Load(mut loader) = begin(&mut conn, org, &one, OnOverlap::Refuse).await.unwrap()
                else {
                    panic!("an interrupted load counts as done")
                };
                loader.add(0, &many).await.unwrap();
                let kill = async {
                    tokio::time::sleep(std::time::Duration::from_millis(delay_ms.unwrap_or(0))).await;
                    let sql = "select pg_terminate_backend($1)";
                    sqlx::query(sql).bind(pid).execute(&pool).await.unwrap();
                };
                let result = if delay_ms.is_none() {
                    kill.await;
                    loader.commit(None, time(AT)).await
                } else {
                    tokio::join!(loader.commit(None, time(AT)), kill).0
                };
                if result.is_ok() {
                    // done before it was killed: as good as a load that nobody disturbed
                    break;
                }
                assert_eq!(ledger(&pool, org).await.billed, decimal("31"));
                assert_consistent(&pool, org).await;
            }
            load(&pool, org, "jan.csv", "c2", &many, OnOverlap::Refuse).await.unwrap();
            assert_eq!(ledger(&pool, org).await.rows, 400 * 31);
        })
        .await;
    }

    #[tokio::test]
    async fn two_loaders_of_the_same_and_of_different_files_do_not_double_anything() {
        with_database(async |pool, org| {
            let (a, b) = (january(1, 31, "1"), january(1, 31, "2"));
            let (first, second, other) = tokio::join!(
                load(&pool, org, "jan.csv", "c1", &a, OnOverlap::Refuse),
                load(&pool, org, "jan.csv", "c1", &a, OnOverlap::Refuse),
                load(&pool, org, "copy.csv", "c2", &b, OnOverlap::Refuse),
            );
            let loaded = [first.unwrap(), second.unwrap()].map(|report| report.already_loaded);
            assert!(loaded[0] != loaded[1], "{loaded:?}");
            other.unwrap();
            // whichever came last covers the other
            let sums = ledger(&pool, org).await;
            assert_eq!(sums.rows, 31);
            assert!([decimal("31"), decimal("62")].contains(&sums.billed));
        })
        .await;
    }

    #[tokio::test]
    async fn a_charge_of_no_possible_year_is_refused() {
        with_database(async |pool, org| {
            let mut odd = charge(1, "i-1", "1");
            odd.charge_period_start = time("1899-12-31T00:00:00Z");
            let error = load(&pool, org, "odd.csv", "c1", &[odd], OnOverlap::Refuse).await.unwrap_err();
            assert!(error.to_string().contains("1899"), "{error}");
        })
        .await;
    }
}
