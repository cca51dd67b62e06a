//! Bills made to measure: exactly once, restated, overlapping, interrupted, broken.

use std::io::Write;
use std::time::Duration;

use headroom_tests::{Headroom, Output, Server, signal};
use rust_decimal::Decimal;

use crate::bills::{Bill, Ledger, amount, ledger};

/// Rows of the file that imports are interrupted on.
const LARGE: u64 = 200_000;

fn import(app: &Headroom, path: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["ingest", "billing", "--format", "focus", "--json", path];
    arguments.extend(more);
    app.run(&arguments)
}

fn serving(app: &Headroom) -> Server {
    let mut server = app.serve();
    server.sign_in(app, "");
    server
}

fn billed(ledger: &std::collections::BTreeMap<String, Ledger>) -> Decimal {
    ledger.values().map(|month| month.billed).sum()
}

#[test]
fn a_bill_is_loaded_once_restated_and_never_doubled() {
    let app = Headroom::new();
    let server = serving(&app);
    let january = Bill::of_days(1, 1..=31, 620);
    let path = app.file("january.csv", january.csv());

    let first = import(&app, &path, &[]).expect(0).json();
    january.assert_sums(&first["load"]["sums"]);
    let before = ledger(&server);
    assert_eq!(billed(&before), january.billed);

    // The same bytes again, also from a copy beside it, change nothing.
    let again = import(&app, &path, &[]).expect(0).json();
    assert_eq!(again["already_loaded"], true);
    assert_eq!(ledger(&server), before);

    // By service, on the API.
    let costs = server.api("/costs?period=all&group_by=service&cost=billed");
    assert_eq!(amount(&costs["total"]), january.billed);
    for group in costs["groups"].as_array().unwrap() {
        assert_eq!(amount(&group["cost"]), january.by_service[group["group"].as_str().unwrap()]);
    }

    // The provider restates the month: another file that covers it replaces it.
    let restated = Bill::of_days(1, 1..=31, 651);
    let newer = app.file("january-2.csv", restated.csv());
    let report = import(&app, &newer, &[]).expect(0).json();
    let replaced = &report["load"]["replaced"][0];
    assert_eq!((&replaced["billing_month"], &replaced["old"]["rows"]), (&"2026-01".into(), &620.into()));
    assert_eq!(billed(&ledger(&server)), restated.billed);

    // Part of a month is refused with both names and both ways out; nothing changes.
    let part = Bill::of_days(1, 10..=20, 30);
    let partial = app.file("partial.csv", part.csv());
    let choices = ["partial.csv", "january-2.csv", "--on-overlap replace", "--on-overlap append"];
    import(&app, &partial, &[]).fails_with(1, &choices);
    assert_eq!(billed(&ledger(&server)), restated.billed);
    import(&app, &partial, &["--on-overlap", "append"]).expect(0);
    assert_eq!(billed(&ledger(&server)), restated.billed + part.billed);

    // Another month is added.
    let february = Bill::of_days(2, 1..=28, 56);
    let path = app.file("february.csv", february.csv());
    import(&app, &path, &[]).expect(0);
    let months = ledger(&server);
    assert_eq!(months["2026-02 USD"].billed, february.billed);
    assert_eq!(billed(&months), restated.billed + part.billed + february.billed);
}

#[test]
fn rows_that_cannot_be_read_are_named_and_the_others_kept() {
    let app = Headroom::new();
    let server = serving(&app);
    let mut good = Bill::of_days(3, 1..=31, 31);
    let mut mixed = good.csv();
    let mut bad = Bill::default();
    bad.row(3, 5, "QQQ");
    mixed.push_str(bad.csv().lines().nth(1).unwrap());
    mixed.push('\n');
    good.row(3, 6, "USD");
    mixed.push_str(good.csv().lines().last().unwrap());
    mixed.push('\n');
    let path = app.file("mixed.csv", mixed);
    let output = import(&app, &path, &[]).expect(3);
    let report = output.json();
    good.assert_sums(&report["load"]["sums"]);
    let reject = &report["files"][0]["rejects"][0];
    assert_eq!(reject["place"]["line"], 33, "{reject}");
    assert_eq!((&reject["place"]["column"], &reject["found"]), (&"BillingCurrency".into(), &"QQQ".into()));
    assert_eq!(billed(&ledger(&server)), good.billed);

    // People see the same without --json.
    let other = app.file("again.csv", bad.csv());
    let shown = app.run(&["ingest", "billing", "--format", "focus", "--source", "other", &other]);
    shown.fails_with(3, &["again.csv", "line 2", "BillingCurrency", "QQQ"]);
}

#[test]
fn broken_files_are_refused_with_a_reason_and_nothing_is_loaded() {
    let app = Headroom::new();
    let server = serving(&app);
    let csv = Bill::of_days(4, 1..=30, 3000).csv();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(csv.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let utf_16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(csv.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let without_cost = csv.replacen("BilledCost", "Billed", 1);

    let cases: [(&str, &[u8], &str, &[&str]); 8] = [
        ("cut.csv.gz", &packed[..packed.len() / 2], "focus", &["cut.csv.gz"]),
        ("utf-16.csv", &utf_16, "focus", &["utf-16.csv", "UTF-8"]),
        ("empty.csv", b"", "focus", &["empty.csv", "empty"]),
        ("mislabelled.csv.gz", csv.as_bytes(), "focus", &["mislabelled.csv.gz", "gzip"]),
        ("mislabelled.parquet", csv.as_bytes(), "focus", &["mislabelled.parquet", "Parquet"]),
        ("wrong-format.csv", csv.as_bytes(), "azure", &["wrong-format.csv"]),
        ("no-cost.csv", without_cost.as_bytes(), "focus", &["no-cost.csv", "BilledCost"]),
        ("right.csv", csv.as_bytes(), "excel", &["excel", "focus"]),
    ];
    for (name, bytes, format, parts) in cases {
        let path = app.file(name, bytes);
        let output = app.run(&["ingest", "billing", "--format", format, &path]);
        println!("{name}: {}", output.stderr.trim());
        output.fails_with(1, parts);
        assert_eq!(ledger(&server).len(), 0, "{name} left something behind");
    }
    let missing = app.path("nowhere.csv");
    app.run(&["ingest", "billing", &missing]).fails_with(1, &["nowhere.csv"]);

    // One broken file among good ones: all or nothing.
    let good = app.file("good.csv", &csv);
    let cut = app.path("cut.csv.gz");
    app.run(&["ingest", "billing", "--format", "focus", &good, &cut]).fails_with(1, &["cut.csv.gz"]);
    assert_eq!(ledger(&server).len(), 0);
}

#[test]
fn an_import_that_is_killed_in_the_middle_loses_and_doubles_nothing() {
    let app = Headroom::new();
    let server = serving(&app);
    let bill = Bill::large(LARGE);
    let path = app.file("large.csv", bill.csv());
    for wait_ms in [400, 1500] {
        let mut child = app.start(&["ingest", "billing", "--format", "focus", &path]);
        std::thread::sleep(Duration::from_millis(wait_ms));
        assert!(child.try_wait().unwrap().is_none(), "the import was over before it could be killed");
        signal(child.id(), "KILL");
        child.wait().unwrap();
        assert_eq!(ledger(&server).len(), 0, "rows of an import that was killed are in the ledger");
    }
    let report = import(&app, &path, &[]).expect(0).json();
    assert_eq!(report["already_loaded"], false);
    bill.assert_sums(&report["load"]["sums"]);
    for (month, sum) in &bill.by_month {
        assert_eq!(amount(&report["files"][0]["by_month"]["USD"][month]["billed_cost"]), *sum);
        assert_eq!(ledger(&server)[&format!("{month} USD")].billed, *sum);
    }
    assert_eq!(import(&app, &path, &[]).expect(0).json()["already_loaded"], true);
}
