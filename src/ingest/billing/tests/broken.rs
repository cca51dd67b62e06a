//! Truncated, mutated, empty, wrongly encoded, gigantic and mislabelled files: an error with its place or
//! a rejected row, never a panic.

use std::io::Write;

use super::*;
use crate::fixture;
use crate::write::{Cell, Kind, TableWriter};

/// A small deterministic generator (Knuth's constants for a 64-bit linear congruential one).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides as u64) as usize
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// Our Cost and Usage Report, several times over, as Parquet.
fn parquet_bytes() -> Vec<u8> {
    let text = std::fs::read(ours("cur_legacy.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let columns: Vec<(&str, Kind)> = names.iter().map(|name| (name.as_str(), Kind::Text)).collect();
    let file = fixture("bill.parquet", "");
    let mut table = TableWriter::create(file.path(), &columns).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        table.row(&record.iter().map(Cell::Text).collect::<Vec<_>>()).unwrap();
    }
    table.finish().unwrap();
    std::fs::read(file.path()).unwrap()
}

/// Changes up to eight bytes, or cuts, doubles or drops a piece.
fn mutate(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match dice.roll(4) {
        0 => bytes.truncate(dice.roll(bytes.len())),
        1 => {
            let start = dice.roll(bytes.len());
            let end = (start + dice.roll(64)).min(bytes.len());
            bytes.drain(start..end);
        }
        _ => {
            for _ in 0..=dice.roll(8) {
                let at = dice.roll(bytes.len());
                bytes[at] = dice.roll(256) as u8;
            }
        }
    }
    bytes
}

/// Reads `bytes` under `name`; every refusal names the file and says what to do.
fn attempt(name: &str, bytes: &[u8]) -> Result<Report, ReadError> {
    let file = fixture(name, bytes);
    let result = all(file.path(), Format::Auto).map(|(_, report)| report);
    match &result {
        Ok(report) => {
            assert!(report.rejects.iter().all(|reject| reject.place.line.or(reject.place.row).is_some()))
        }
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains(name) && (told.contains("; ") || told.contains(": check")), "{told}");
        }
    }
    result
}

#[test]
fn mutated_text_never_panics() {
    let mut dice = Dice(1);
    for name in ["cur_legacy.csv", "cur2.csv", "focus.csv", "azure_actual.csv", "gcp.jsonl", "gcp_flat.csv"] {
        let good = std::fs::read(ours(name)).unwrap();
        for _ in 0..100 {
            let _either = attempt(name, &mutate(&good, &mut dice));
        }
    }
}

#[test]
fn mutated_gzip_is_refused_or_the_same() {
    let mut dice = Dice(2);
    let good = gzip(&std::fs::read(ours("cur_legacy.csv")).unwrap());
    let sums = attempt("bill.csv.gz", &good).unwrap().sums;
    for _ in 0..300 {
        if let Ok(report) = attempt("bill.csv.gz", &mutate(&good, &mut dice)) {
            // bytes of the gzip header that mean nothing
            assert_eq!(report.sums, sums);
        }
    }
}

#[test]
fn mutated_parquet_never_panics_and_keeps_the_promised_rows() {
    let mut dice = Dice(3);
    let good = parquet_bytes();
    let report = attempt("bill.parquet", &good).unwrap();
    assert_eq!((report.accepted, report.format), (13, Format::AwsCurLegacy));
    let mut fine = 0;
    for _ in 0..500 {
        if let Ok(report) = attempt("bill.parquet", &mutate(&good, &mut dice)) {
            assert_eq!(report.rows_read, 13);
            fine += 1;
        }
    }
    assert!(fine < 250, "{fine} of 500 mutations went unnoticed");
}

#[test]
fn every_truncation_of_parquet_and_gzip_is_refused() {
    let parquet = parquet_bytes();
    let gzip = gzip(&std::fs::read(ours("focus.csv")).unwrap());
    for (name, good) in [("bill.parquet", parquet), ("bill.csv.gz", gzip)] {
        for length in (0..good.len()).step_by(good.len() / 60 + 1) {
            assert!(attempt(name, &good[..length]).is_err(), "{name} cut at {length}");
        }
    }
}

#[test]
fn each_kind_of_bad_file_says_what_it_is() {
    let focus = std::fs::read_to_string(ours("focus.csv")).unwrap();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(focus.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let latin1 = focus.replacen("$0.096", "\u{e9}", 1).chars().map(|c| c as u8).collect::<Vec<u8>>();
    let long = format!("{}\"{}", focus, "x".repeat(5 << 20));
    let bomb =
        gzip(&[focus.as_bytes(), &format!("{}\n", "x".repeat(9_999)).repeat(8_000).into_bytes()].concat());
    let cut = &focus[..focus.len() - 40];
    for (name, bytes, expected) in [
        ("empty.csv", Vec::new(), "the file is empty"),
        ("utf16.csv", utf16, "looks like UTF-16LE: expected UTF-8"),
        ("latin1.csv", latin1, "line 2, column 13: a byte that is not UTF-8"),
        ("bill.parquet", focus.clone().into_bytes(), "the name says Parquet"),
        ("bill.csv.gz", focus.clone().into_bytes(), "the name says gzip"),
        ("bill.csv", gzip(focus.as_bytes()), "the name says plain text"),
        ("bill.csv", parquet_bytes(), "the name says text, but the content is Parquet"),
        ("bill.csv", b"PK\x03\x04zip".to_vec(), "a ZIP archive"),
        ("bill.json", b"[{\"cost\": 1}]".to_vec(), "a JSON array"),
        ("bill.csv", b"<!doctype html>".to_vec(), "a page of HTML"),
        ("bill.csv", long.into_bytes(), "a row of more than 4 MiB"),
        ("bomb.csv.gz", bomb, "grows more than 300-fold"),
        ("cut.csv", cut.as_bytes().to_vec(), "ends in the middle of a row"),
        ("bill.csv", b"a,b\n1,2\n".to_vec(), "of no known bill"),
    ] {
        let told = attempt(name, &bytes).unwrap_err().to_string();
        assert!(told.contains(expected), "{name}: {told}");
    }
    let file = fixture("bill.csv", &focus);
    let told = all(file.path(), Format::AwsCur).unwrap_err().to_string();
    assert!(told.contains("is that of focus, not of aws-cur; use --format focus, or auto"), "{told}");
    let told = all(Path::new("nowhere.csv"), Format::Auto).unwrap_err().to_string();
    assert!(told.contains("nowhere.csv: cannot be read"), "{told}");
}

#[test]
fn header_only_is_an_empty_report() {
    let header = std::fs::read_to_string(ours("focus.csv")).unwrap().lines().next().unwrap().to_owned();
    let report = attempt("bill.csv", format!("{header}\n").as_bytes()).unwrap();
    assert_eq!((report.rows_read, report.accepted), (0, 0));
    assert_eq!(report.warnings, ["the file has a header and no rows"]);
}

#[test]
fn a_footer_that_promises_too_much_is_refused_before_decoding() {
    use parquet::data_type::Int32Type;
    use parquet::file::writer::SerializedFileWriter;
    use std::sync::Arc;

    // one column of nulls: a few bytes for each million rows
    let schema = Arc::new(
        parquet::schema::parser::parse_message_type("message m { optional int32 BilledCost; }").unwrap(),
    );
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Default::default()).unwrap();
    let nulls = vec![0_i16; 1 << 20];
    for _ in 0..2 {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        for _ in 0..24 {
            column.typed::<Int32Type>().write_batch(&[], Some(&nulls), None).unwrap();
        }
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    assert!(bytes.len() < 200_000, "{}", bytes.len());
    let told = attempt("bomb.parquet", &bytes).unwrap_err().to_string();
    assert!(told.contains("too large: a row group of 25165824 rows"), "{told}");
}

#[test]
fn a_cost_column_that_stands_twice_is_not_guessed_between() {
    let text = std::fs::read_to_string(ours("focus.csv")).unwrap().replacen("x_Unknown", "billed_cost", 1);
    let told = attempt("bill.csv", text.as_bytes()).unwrap_err().to_string();
    assert!(told.contains("more than one column BilledCost"), "{told}");
}
