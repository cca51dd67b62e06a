//! Prices and machine shapes, per provider with source and date.

use crate::copy::CopyText;
use crate::row;
use domain::{DiskPrice, OrganizationId, PriceQuote, PriceSource, Provider, Shape, StoragePrice};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};

use crate::StoreError;

/// Everything a price book is made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prices {
    /// Instance-hours under each plan.
    pub quotes: Vec<PriceQuote>,
    /// Machine types.
    pub shapes: Vec<Shape>,
    /// Block storage.
    pub disks: Vec<DiskPrice>,
    /// Object storage classes.
    pub storage: Vec<StoragePrice>,
    /// Where they come from.
    pub sources: Vec<PriceSource>,
}

/// Replaces the prices of one provider.
///
/// # Errors
/// [`StoreError::Invalid`] when a row is of another provider.
pub async fn replace(
    conn: &mut PgConnection,
    org: OrganizationId,
    provider: Provider,
    prices: &Prices,
) -> Result<(), StoreError> {
    let mut providers = prices.quotes.iter().map(|quote| quote.provider);
    let stranger = providers
        .find(|given| *given != provider)
        .or_else(|| prices.shapes.iter().map(|shape| shape.provider).find(|given| *given != provider))
        .or_else(|| prices.disks.iter().map(|disk| disk.provider).find(|given| *given != provider))
        .or_else(|| prices.storage.iter().map(|class| class.provider).find(|given| *given != provider));
    if let Some(stranger) = stranger {
        return Err(StoreError::Invalid(format!("a price of {stranger} stands among those of {provider}")));
    }
    let mut tx = conn.begin().await?;
    for sql in [
        "delete from price_sources where organization_id = $1 and provider = $2",
        "delete from price_quotes where organization_id = $1 and provider = $2",
        "delete from shapes where organization_id = $1 and provider = $2",
        "delete from disk_prices where organization_id = $1 and provider = $2",
        "delete from storage_prices where organization_id = $1 and provider = $2",
    ] {
        sqlx::query(sql).bind(org.0).bind(provider.as_str()).execute(&mut *tx).await?;
    }
    for source in &prices.sources {
        let sql =
            "insert into price_sources (organization_id, provider, source, as_of) values ($1, $2, $3, $4)";
        sqlx::query(sql)
            .bind(org.0)
            .bind(provider.as_str())
            .bind(&source.source)
            .bind(source.as_of)
            .execute(&mut *tx)
            .await?;
    }
    quotes_text(org, &prices.quotes)
        .send(&mut tx, "copy price_quotes (organization_id, provider, region, instance_type, os, plan, term_years, payment, hourly, upfront) from stdin")
        .await?;
    shapes_text(org, &prices.shapes)
        .send(&mut tx, "copy shapes (organization_id, provider, region, instance_type, family, architecture, vcpu, memory_gib, network_gbps, ebs_mbps, ebs_iops, burstable, performance_per_vcpu, on_demand_hourly) from stdin")
        .await?;
    disks_text(org, &prices.disks)
        .send(&mut tx, "copy disk_prices (organization_id, provider, region, disk_type, gib_month, included_iops, iops_month, included_mbps, mbps_month) from stdin")
        .await?;
    storage_text(org, &prices.storage)
        .send(&mut tx, "copy storage_prices (organization_id, provider, region, storage_class, gib_month, retrieval_gib, read_1000, write_1000, minimum_days, minimum_object_kib) from stdin")
        .await?;
    Ok(tx.commit().await?)
}

/// The prices of all providers, each list in a fixed order.
///
/// # Errors
/// Only those of the database.
pub async fn load(conn: &mut PgConnection, org: OrganizationId) -> Result<Prices, StoreError> {
    let quotes = "select * from price_quotes where organization_id = $1
        order by provider, region, instance_type, os, plan, term_years, payment, hourly, upfront";
    let shapes = "select * from shapes where organization_id = $1 order by provider, region, instance_type";
    let disks = "select * from disk_prices where organization_id = $1 order by provider, region, disk_type";
    let storage =
        "select * from storage_prices where organization_id = $1 order by provider, region, storage_class";
    let sources = "select * from price_sources where organization_id = $1 order by provider, source, as_of";
    Ok(Prices {
        quotes: sqlx::query(quotes).bind(org.0).try_map(quote).fetch_all(&mut *conn).await?,
        shapes: sqlx::query(shapes).bind(org.0).try_map(shape).fetch_all(&mut *conn).await?,
        disks: sqlx::query(disks).bind(org.0).try_map(disk).fetch_all(&mut *conn).await?,
        storage: sqlx::query(storage).bind(org.0).try_map(storage_class).fetch_all(&mut *conn).await?,
        sources: sqlx::query(sources).bind(org.0).try_map(price_source).fetch_all(conn).await?,
    })
}

fn quotes_text(org: OrganizationId, quotes: &[PriceQuote]) -> CopyText {
    let mut text = CopyText::default();
    for quote in quotes {
        text.plain(org);
        text.plain(quote.provider);
        text.text(&quote.region);
        text.text(&quote.instance_type);
        text.text(&quote.os);
        text.plain(quote.plan);
        text.optional_plain(quote.term_years);
        text.optional_plain(quote.payment);
        text.plain(quote.hourly);
        text.plain(quote.upfront);
        text.end_row();
    }
    text
}

fn shapes_text(org: OrganizationId, shapes: &[Shape]) -> CopyText {
    let mut text = CopyText::default();
    for shape in shapes {
        text.plain(org);
        text.plain(shape.provider);
        text.text(&shape.region);
        text.text(&shape.instance_type);
        text.text(&shape.family);
        text.text(&shape.architecture);
        text.plain(shape.vcpu);
        text.plain(shape.memory_gib);
        text.optional_plain(shape.network_gbps);
        text.optional_plain(shape.ebs_mbps);
        text.optional_plain(shape.ebs_iops);
        text.plain(shape.burstable);
        text.plain(shape.performance_per_vcpu);
        text.plain(shape.on_demand_hourly);
        text.end_row();
    }
    text
}

fn disks_text(org: OrganizationId, disks: &[DiskPrice]) -> CopyText {
    let mut text = CopyText::default();
    for disk in disks {
        text.plain(org);
        text.plain(disk.provider);
        text.text(&disk.region);
        text.text(&disk.disk_type);
        text.plain(disk.gib_month);
        text.plain(disk.included_iops);
        text.plain(disk.iops_month);
        text.plain(disk.included_mbps);
        text.plain(disk.mbps_month);
        text.end_row();
    }
    text
}

fn storage_text(org: OrganizationId, classes: &[StoragePrice]) -> CopyText {
    let mut text = CopyText::default();
    for class in classes {
        text.plain(org);
        text.plain(class.provider);
        text.text(&class.region);
        text.text(&class.storage_class);
        text.plain(class.gib_month);
        text.plain(class.retrieval_gib);
        text.plain(class.read_1000);
        text.plain(class.write_1000);
        text.plain(class.minimum_days);
        text.plain(class.minimum_object_kib);
        text.end_row();
    }
    text
}

fn quote(row: PgRow) -> Result<PriceQuote, sqlx::Error> {
    Ok(PriceQuote {
        provider: row::parsed(&row, "provider")?,
        region: row.try_get("region")?,
        instance_type: row.try_get("instance_type")?,
        os: row.try_get("os")?,
        plan: row::parsed(&row, "plan")?,
        term_years: match row.try_get::<Option<i16>, _>("term_years")? {
            Some(_) => Some(row::years(&row, "term_years")?),
            None => None,
        },
        payment: row::parsed_option(&row, "payment")?,
        hourly: row.try_get("hourly")?,
        upfront: row.try_get("upfront")?,
    })
}

fn shape(row: PgRow) -> Result<Shape, sqlx::Error> {
    Ok(Shape {
        provider: row::parsed(&row, "provider")?,
        region: row.try_get("region")?,
        instance_type: row.try_get("instance_type")?,
        family: row.try_get("family")?,
        architecture: row.try_get("architecture")?,
        vcpu: row.try_get("vcpu")?,
        memory_gib: row.try_get("memory_gib")?,
        network_gbps: row.try_get("network_gbps")?,
        ebs_mbps: row.try_get("ebs_mbps")?,
        ebs_iops: row.try_get("ebs_iops")?,
        burstable: row.try_get("burstable")?,
        performance_per_vcpu: row.try_get("performance_per_vcpu")?,
        on_demand_hourly: row.try_get("on_demand_hourly")?,
    })
}

fn disk(row: PgRow) -> Result<DiskPrice, sqlx::Error> {
    Ok(DiskPrice {
        provider: row::parsed(&row, "provider")?,
        region: row.try_get("region")?,
        disk_type: row.try_get("disk_type")?,
        gib_month: row.try_get("gib_month")?,
        included_iops: row.try_get("included_iops")?,
        iops_month: row.try_get("iops_month")?,
        included_mbps: row.try_get("included_mbps")?,
        mbps_month: row.try_get("mbps_month")?,
    })
}

fn storage_class(row: PgRow) -> Result<StoragePrice, sqlx::Error> {
    Ok(StoragePrice {
        provider: row::parsed(&row, "provider")?,
        region: row.try_get("region")?,
        storage_class: row.try_get("storage_class")?,
        gib_month: row.try_get("gib_month")?,
        retrieval_gib: row.try_get("retrieval_gib")?,
        read_1000: row.try_get("read_1000")?,
        write_1000: row.try_get("write_1000")?,
        minimum_days: row.try_get::<i32, _>("minimum_days")?.unsigned_abs(),
        minimum_object_kib: row.try_get::<i32, _>("minimum_object_kib")?.unsigned_abs(),
    })
}

fn price_source(row: PgRow) -> Result<PriceSource, sqlx::Error> {
    Ok(PriceSource { source: row.try_get("source")?, as_of: row.try_get("as_of")? })
}

#[cfg(test)]
mod tests {
    use domain::{Payment, PricingPlan};

    use super::*;
    use crate::testing::{decimal, time, with_database};

    fn prices(provider: Provider, hourly: &str) -> Prices {
        let (region, hourly) = ("eu\\central\t1".to_owned(), decimal(hourly));
        let on_demand = PriceQuote {
            provider,
            region: region.clone(),
            instance_type: "m6i.large".to_owned(),
            os: "Linux".to_owned(),
            plan: PricingPlan::OnDemand,
            term_years: None,
            payment: None,
            hourly,
            upfront: decimal("0"),
        };
        let reserved = PriceQuote {
            plan: PricingPlan::RiStandard,
            term_years: Some(1),
            payment: Some(Payment::AllUpfront),
            hourly: decimal("0"),
            upfront: decimal("540.5"),
            ..on_demand.clone()
        };
        let shape = Shape {
            provider,
            region: region.clone(),
            instance_type: "m6i.large".to_owned(),
            family: "m6i".to_owned(),
            architecture: "x86_64".to_owned(),
            vcpu: 2.0,
            memory_gib: 8.0,
            network_gbps: Some(0.781),
            ebs_mbps: None,
            ebs_iops: None,
            burstable: false,
            performance_per_vcpu: 1.0,
            on_demand_hourly: hourly,
        };
        let disk = DiskPrice {
            provider,
            region: region.clone(),
            disk_type: "gp3".to_owned(),
            gib_month: decimal("0.0952"),
            included_iops: 3000.0,
            iops_month: decimal("0.006"),
            included_mbps: 125.0,
            mbps_month: decimal("0.048"),
        };
        let class = StoragePrice {
            provider,
            region,
            storage_class: "STANDARD_IA".to_owned(),
            gib_month: decimal("0.0135"),
            retrieval_gib: decimal("0.01"),
            read_1000: decimal("0.001"),
            write_1000: decimal("0.01"),
            minimum_days: 30,
            minimum_object_kib: 128,
        };
        Prices {
            quotes: vec![on_demand, reserved],
            shapes: vec![shape],
            disks: vec![disk],
            storage: vec![class],
            sources: vec![PriceSource { source: "a feed".to_owned(), as_of: time("2026-01-01T00:00:00Z") }],
        }
    }

    #[tokio::test]
    async fn prices_of_a_provider_are_replaced_whole() {
        with_database(async |pool, org| {
            let mut conn = pool.acquire().await.unwrap();
            let aws = prices(Provider::Aws, "0.115");
            replace(&mut conn, org, Provider::Aws, &aws).await.unwrap();
            assert_eq!(load(&mut conn, org).await.unwrap(), aws);
            let newer = prices(Provider::Aws, "0.12");
            replace(&mut conn, org, Provider::Aws, &newer).await.unwrap();
            assert_eq!(load(&mut conn, org).await.unwrap(), newer);
            replace(&mut conn, org, Provider::Gcp, &prices(Provider::Gcp, "0.1")).await.unwrap();
            assert_eq!(load(&mut conn, org).await.unwrap().quotes.len(), 4);
            let stranger = replace(&mut conn, org, Provider::Gcp, &aws).await.unwrap_err();
            assert!(matches!(stranger, StoreError::Invalid(_)), "{stranger}");
        })
        .await;
    }
}
