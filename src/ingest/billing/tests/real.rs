//! Real bills: sums by month and by service against an addition that knows nothing of the mapping.

use std::collections::BTreeMap;

use parquet::file::reader::{FileReader, SerializedFileReader};
use rust_decimal::Decimal;

use super::*;

type Rows = Vec<BTreeMap<String, String>>;

/// Folder, or nothing when it is not there.
fn data() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/billing"));
    if folder.is_dir() {
        return Some(folder.to_owned());
    }
    println!("skipped: no folder of real bills beside the repository");
    None
}

/// Every row by lower-case column name, with the plain reader of the format.
fn plain_rows(path: &Path) -> Rows {
    if path.extension().is_some_and(|extension| extension == "parquet") {
        let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let text = |field: &parquet::record::Field| match field {
            parquet::record::Field::Null => String::new(),
            parquet::record::Field::Str(text) => text.clone(),
            other => other.to_string(),
        };
        let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        return rows
            .map(|row| {
                row.get_column_iter().map(|(name, field)| (name.to_lowercase(), text(field))).collect()
            })
            .collect();
    }
    let bytes = std::fs::read(path).unwrap();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_lowercase).collect();
    reader
        .records()
        .map(|record| names.iter().cloned().zip(record.unwrap().iter().map(str::to_owned)).collect())
        .collect()
}

fn first<'r>(row: &'r BTreeMap<String, String>, names: &[&str]) -> &'r str {
    let found =
        names.iter().filter_map(|name| row.get(*name)).find(|text| !text.is_empty() && *text != "NULL");
    found.map_or("", |text| text.trim())
}

/// `2026-03` of any of the ways dates are written.
fn month(text: &str) -> String {
    let mut parts = text.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(month), Some(_), Some(year)) => {
            format!("{:0>4}-{month:0>2}", format!("20{}", &year[year.len() - 2..]))
        }
        _ => text[..7].to_owned(),
    }
}

fn amount(text: &str) -> Option<Decimal> {
    let text: String = text.chars().filter(|c| !matches!(c, '$' | ',' | ' ')).collect();
    text.parse().ok()
}

fn check(path: &Path, cost: &[&str], period: &[&str], service: &[&str]) {
    let (charges, report) = all(path, Format::Auto).unwrap_or_else(|error| panic!("{error}"));
    let rows = plain_rows(path);
    assert_eq!(report.rows_read, rows.len() as u64, "{}", path.display());
    let total: Decimal = rows.iter().filter_map(|row| amount(first(row, cost))).sum();
    let ledger: Decimal = charges.iter().map(|charge| charge.billed_cost).sum();
    let left_out: Decimal = report.rejected_cost.values().sum();
    assert_eq!(total, ledger + left_out, "{}", path.display());
    assert_eq!(ledger, report.sums.values().map(|sums| sums.billed_cost).sum(), "{}", path.display());
    if report.rejected > 0 {
        println!("{}: {} of {} rows rejected", path.display(), report.rejected, report.rows_read);
        return;
    }
    let (mut by_month, mut by_service) = (BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let cost = amount(first(row, cost)).unwrap();
        *by_month.entry(month(first(row, period))).or_insert(Decimal::ZERO) += cost;
        let service = Some(first(row, service)).filter(|name| !name.is_empty()).unwrap_or(NONE);
        *by_service.entry(service.to_owned()).or_insert(Decimal::ZERO) += cost;
    }
    for sums in report.by_month.values() {
        let months = sums.iter().map(|(month, sums)| (month.to_string(), sums.billed_cost));
        assert_eq!(months.collect::<BTreeMap<_, _>>(), by_month, "{}", path.display());
    }
    for sums in report.by_service.values() {
        let services = sums.iter().map(|(name, sums)| (name.clone(), sums.billed_cost));
        assert_eq!(services.collect::<BTreeMap<_, _>>(), by_service, "{}", path.display());
    }
}

#[test]
fn focus_files_reconcile() {
    let Some(folder) = data() else { return };
    let mut files = vec![folder.join("focus_1_0_sample.csv")];
    files.extend(std::fs::read_dir(folder.join("focus_spec")).unwrap().map(|entry| entry.unwrap().path()));
    assert!(files.len() > 20);
    for file in files {
        check(&file, &["billedcost"], &["billingperiodstart"], &["servicename"]);
    }
}

#[test]
fn the_worked_examples_of_the_specification_keep_their_effective_cost() {
    let Some(folder) = data() else { return };
    for (name, billed, effective) in [
        ("commitment_usage_scenario_1", "0", "1"),
        ("commitment_usage_scenario_2", "0", "1"),
        ("commitment_usage_scenario_3", "0", "1"),
        ("commitment_usage_scenario_4", "0.5", "1.5"),
        ("commitment_purchase_scenario_1", "8760", "0"),
    ] {
        let (_, report) = all(&folder.join(format!("focus_spec/{name}.csv")), Format::Focus).unwrap();
        let sums = report.sums.values().next().unwrap();
        assert_eq!(sums.billed_cost, billed.parse().unwrap(), "{name}");
        assert_eq!(sums.effective_cost, effective.parse().unwrap(), "{name}");
    }
}

#[test]
fn aws_files_reconcile() {
    let Some(folder) = data() else { return };
    for name in [
        "aws_cur_hourly_2026-01-05_week.csv",
        "aws_cur_hourly_2026-01.parquet",
        "aws_cur_hourly_2026-02.parquet",
    ] {
        check(
            &folder.join("synthetic").join(name),
            &["lineitem/unblendedcost"],
            &["bill/billingperiodstartdate"],
            &["product/productname", "lineitem/productcode"],
        );
    }
    check(
        &folder.join("aws_cur2_schema_seed.csv"),
        &["line_item_unblended_cost"],
        &["bill_billing_period_start_date"],
        &[],
    );
}

#[test]
fn azure_files_reconcile() {
    let Some(folder) = data() else { return };
    for name in [
        "azure_ea_actual_cost.csv",
        "azure_ea_no_rows.csv",
        "azure_headers/bom.csv",
        "azure_headers/enterprise.csv",
        "azure_headers/payasyougo.csv",
        "azure_headers/values_template.csv",
    ] {
        check(
            &folder.join(name),
            &["costinbillingcurrency", "cost", "pretaxcost"],
            &["billingperiodstartdate", "date", "usagedatetime"],
            &["metercategory"],
        );
    }
    let error =
        all(&folder.join("azure_reservation_recommendations.csv"), Format::Auto).unwrap_err().to_string();
    assert!(error.contains("of no known bill"), "{error}");
}
