//! A database of its own for each test: on the server of `DATABASE_URL`, or on one embedded server per test program.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use domain::{Charge, ChargeCategory, Currency, OrganizationId, Period};
use rust_decimal::Decimal;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::sync::OnceCell;

use crate::embedded::{self, IfRunning, Settings};

/// URL of a server on which databases may be made.
static SERVER: OnceCell<String> = OnceCell::const_new();

static NEXT: AtomicU32 = AtomicU32::new(1);

/// Runs a test on a migrated database of its own, with one organization. On a server that stays, the
/// database is dropped when the test is done.
pub(crate) async fn with_database(test: impl AsyncFnOnce(PgPool, OrganizationId)) {
    let server = SERVER.get_or_init(start_server).await;
    let name = format!("headroom_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect(server).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut admin).await.unwrap();
    let pool = crate::connect(&in_database(server, &name)).await.unwrap();
    crate::migrate(&pool).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let org = crate::organization::ensure(&mut conn, "Shop", Currency::USD).await.unwrap();
    drop(conn);
    test(pool.clone(), org.id).await;
    pool.close().await;
    if database_url().is_some() {
        let drop = format!("drop database {name} with (force)");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut admin).await.unwrap();
    }
}

/// The same server, another database.
fn in_database(server: &str, name: &str) -> String {
    let (rest, query) = server.split_once('?').map_or((server, None), |(rest, query)| (rest, Some(query)));
    let (host, _) = rest.rsplit_once('/').unwrap();
    match query {
        Some(query) => format!("{host}/{name}?{query}"),
        None => format!("{host}/{name}"),
    }
}

async fn start_server() -> String {
    if let Some(url) = database_url() {
        return url;
    }
    let dir = data_dir().keep();
    let server = embedded::start(&settings(&dir)).await.unwrap();
    let url = server.url().to_owned();
    // Statics are never dropped, so a shell looks after the server when this program is gone.
    let script = "while kill -0 $0 2>/dev/null; do sleep 0.3; done; kill -INT $(head -1 $1/postgres/postmaster.pid); \
        while [ -e $1/postgres/postmaster.pid ]; do sleep 0.1; done; rm -rf $1";
    let mut command = Command::new("sh");
    command.args(["-c", script, &std::process::id().to_string()]).arg(&dir);
    let shell = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Neither is waited for: both outlive this program by a moment.
    std::mem::forget((server, shell));
    // This server is thrown away, so nothing of it has to survive a power cut.
    let mut admin = PgConnection::connect(&url).await.unwrap();
    for sql in
        ["alter system set fsync = off", "alter system set full_page_writes = off", "select pg_reload_conf()"]
    {
        sqlx::query(sql).execute(&mut admin).await.unwrap();
    }
    url
}

/// A server that the caller of the tests wants to be used.
fn database_url() -> Option<String> {
    let url = std::env::var_os("DATABASE_URL").filter(|url| !url.is_empty())?;
    Some(url.into_string().unwrap())
}

/// A new data directory that the user of the server can pass through.
pub(crate) fn data_dir() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("headroom-test-").tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

pub(crate) fn settings(dir: &std::path::Path) -> Settings {
    Settings {
        data_dir: dir.to_owned(),
        path: std::env::var_os("PATH"),
        temp_dir: std::env::temp_dir(),
        if_running: IfRunning::Refuse,
    }
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// One day of one resource in January 2026: billed and effective `cost`, list and contracted twice that.
pub(crate) fn charge(day: u32, resource: &str, cost: &str) -> Charge {
    let start = time(&format!("2026-01-{day:02}T00:00:00Z"));
    Charge {
        billed_cost: decimal(cost),
        effective_cost: decimal(cost),
        list_cost: decimal(cost) * Decimal::TWO,
        contracted_cost: decimal(cost) * Decimal::TWO,
        billing_currency: Currency::USD,
        billing_account_id: "111".to_owned(),
        billing_period: Period { start: time("2026-01-01T00:00:00Z"), end: time("2026-02-01T00:00:00Z") },
        charge_period_start: start,
        charge_period_end: start + chrono::Duration::days(1),
        charge_category: ChargeCategory::Usage,
        correction: false,
        charge_description: Some("a\tb\\n \"quoted\"\nsecond line".to_owned()),
        provider_name: "AWS".to_owned(),
        sub_account_id: Some("222".to_owned()),
        sub_account_name: Some("Production".to_owned()),
        service_category: None,
        service_name: "Amazon Elastic Compute Cloud".to_owned(),
        sku_id: None,
        region_id: Some("eu-central-1".to_owned()),
        availability_zone: None,
        resource_id: Some(resource.to_owned()),
        resource_name: None,
        resource_type: None,
        pricing_category: Some(domain::PricingCategory::Standard),
        pricing_quantity: Some(decimal("24")),
        pricing_unit: Some("Hours".to_owned()),
        consumed_quantity: Some(decimal("24")),
        consumed_unit: Some("Hours".to_owned()),
        commitment_discount_id: None,
        commitment_discount_type: None,
        commitment_discount_status: None,
        instance_type: Some("m6i.large".to_owned()),
        os: Some("Linux".to_owned()),
        tags: [("team".to_owned(), "web".to_owned()), ("näme".to_owned(), "\\ \"x\"\t€".to_owned())].into(),
    }
}
