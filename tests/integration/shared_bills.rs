//! Real bills beside the checkout: sums by month and service are those that the files add up to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use headroom_tests::{Headroom, shared_data};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::bills::{Ledger, amount, ledger};

/// Files that are no bills: refused.
const NO_BILLS: [&str; 4] = [
    "azure_reservation_recommendations.csv",
    "mapping/azure_pricing_units.csv",
    "mapping/azure_regions.csv",
    "mapping/azure_services.csv",
];

/// Bills, the format to read them in, and the columns that month, service and billed cost come from.
const BILLS: [(&str, &str, Columns); 10] = [
    ("focus_1_0_sample.csv", "focus", FOCUS),
    ("focus_spec", "focus", FOCUS),
    ("azure_ea_actual_cost.csv", "azure-actual", AZURE),
    ("azure_ea_no_rows.csv", "azure-actual", AZURE),
    ("azure_headers/enterprise.csv", "azure", AZURE),
    ("azure_headers/payasyougo.csv", "azure", AZURE),
    ("azure_headers/values_template.csv", "azure", AZURE),
    ("synthetic/aws_cur_hourly_2026-01-05_week.csv", "aws-cur", CUR),
    ("synthetic/aws_cur_hourly_2026-01.parquet", "aws-cur", CUR),
    ("synthetic/aws_cur_hourly_2026-02.parquet", "auto", CUR),
];

/// Names of the same thing in different exports; the first that a header has counts.
struct Columns {
    billed: &'static [&'static str],
    month: &'static [&'static str],
    service: &'static [&'static str],
}

const FOCUS: Columns =
    Columns { billed: &["billedcost"], month: &["billingperiodstart"], service: &["servicename"] };
const AZURE: Columns =
    Columns { billed: &["costinbillingcurrency", "cost", "pretaxcost"], month: &[], service: &[] };
const CUR: Columns = Columns {
    billed: &["lineitem/unblendedcost", "line_item_unblended_cost"],
    month: &["bill/billingperiodstartdate", "bill_billing_period_start_date"],
    service: &[],
};

/// What a file adds up to, counted here.
#[derive(Default)]
struct Counted {
    rows: u64,
    billed: Decimal,
    by_month: BTreeMap<String, Decimal>,
    by_service: BTreeMap<String, Decimal>,
}

/// Adds up a CSV file; a service that is not told is `(none)`. Leaves out these rows (counted from 1).
fn count(path: &Path, columns: &Columns, without: &BTreeSet<u64>) -> Counted {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).unwrap();
    let header: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').trim().trim_matches('"').to_lowercase())
        .collect();
    let place = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|found| found == name));
    let (billed, month, service) = (place(columns.billed), place(columns.month), place(columns.service));
    let mut counted = Counted::default();
    for (index, row) in reader.records().enumerate() {
        let row = row.unwrap();
        if without.contains(&(index as u64 + 1)) {
            continue;
        }
        let cell = |place: Option<usize>| {
            place
                .and_then(|place| row.get(place))
                .filter(|cell| !cell.eq_ignore_ascii_case("null"))
                .unwrap_or("")
        };
        // Worked examples write "$10,000.00 ".
        let text = cell(billed).trim().trim_start_matches('$').replace(',', "");
        let cost = if text.is_empty() {
            Decimal::ZERO
        } else {
            text.parse().or_else(|_| Decimal::from_scientific(&text)).unwrap()
        };
        counted.rows += 1;
        counted.billed += cost;
        if !cell(month).is_empty() {
            *counted.by_month.entry(month_of(cell(month))).or_default() += cost;
        }
        if !columns.service.is_empty() {
            let name = if cell(service).is_empty() { "(none)" } else { cell(service) };
            *counted.by_service.entry(name.to_owned()).or_default() += cost;
        }
    }
    counted
}

/// `2026-01-31…` and `1/31/26` as `2026-01`.
fn month_of(date: &str) -> String {
    let american: Vec<&str> = date.split([' ', '/']).collect();
    match american[..] {
        [month, _, year, ..] if date.contains('/') => format!("20{year}-{month:0>2}"),
        _ => date[..7].to_owned(),
    }
}

/// Billed cost by name of one part of a report, over all currencies.
fn by_name(part: &Value) -> BTreeMap<String, Decimal> {
    let mut sums = BTreeMap::new();
    for currency in part.as_object().unwrap().values() {
        for (name, found) in currency.as_object().unwrap() {
            *sums.entry(name.clone()).or_default() += amount(&found["billed_cost"]);
        }
    }
    sums
}

fn files_of(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_shared_bill_adds_up_and_twice_is_once() {
    let Some(folder) = shared_data("billing") else { return };
    let app = Headroom::new();
    let mut server = app.serve();
    server.sign_in(&app, "");
    let mut expected: BTreeMap<String, Ledger> = BTreeMap::new();

    for name in NO_BILLS {
        let path = folder.join(name).display().to_string();
        app.run(&["ingest", "billing", &path]).fails_with(1, &[name, "no known bill"]);
    }
    let schema_only = folder.join("aws_cur2_schema_seed.csv").display().to_string();
    let report = app.run(&["ingest", "billing", "--json", "--source", "seed", &schema_only]).expect(3).json();
    assert_eq!(report["files"][0]["rejected"], 20);

    for (name, format, columns) in &BILLS {
        for path in files_of(&folder.join(name)) {
            let shown = path.display().to_string();
            let arguments = ["ingest", "billing", "--format", format, "--json", "--source", &shown, &shown];
            let output = app.run(&arguments);
            let report = output.json();
            let file = &report["files"][0];
            let rejected = file["rejected"].as_u64().unwrap();
            println!("{shown}: {} of {} rows", file["accepted"], file["rows_read"]);
            output.expect(if rejected == 0 { 0 } else { 3 });

            if path.extension().is_some_and(|extension| extension == "csv") {
                let lines = file["rejects"].as_array().unwrap().iter();
                let without = lines.map(|reject| reject["place"]["line"].as_u64().unwrap() - 1).collect();
                let counted = count(&path, columns, &without);
                assert_eq!(file["accepted"], counted.rows, "{shown}");
                assert_eq!(amount(&report["load"]["sums"]["billed"]), counted.billed, "{shown}");
                if !columns.month.is_empty() {
                    assert_eq!(by_name(&file["by_month"]), counted.by_month, "{shown}");
                }
                if !columns.service.is_empty() {
                    assert_eq!(by_name(&file["by_service"]), counted.by_service, "{shown}");
                }
            }
            for (currency, months) in file["by_month"].as_object().unwrap() {
                for (month, sums) in months.as_object().unwrap() {
                    let into = expected.entry(format!("{month} {currency}")).or_default();
                    into.rows += sums["rows"].as_u64().unwrap();
                    into.billed += amount(&sums["billed_cost"]);
                    into.effective += amount(&sums["effective_cost"]);
                    into.list += amount(&sums["list_cost"]);
                    into.contracted += amount(&sums["contracted_cost"]);
                }
            }
            let again = app.run(&arguments).expect(0).json();
            assert_eq!(again["already_loaded"], true, "{shown}");
        }
    }
    assert_eq!(ledger(&server), expected);
}
