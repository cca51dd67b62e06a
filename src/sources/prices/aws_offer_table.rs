//! The CSV variant of a bulk price list: five lines about the file, a header, and a row for every amount.

use std::collections::HashMap;
use std::io::BufRead;

use csv::{ReaderBuilder, StringRecord};

use super::amount::{NOT_USD, price};
use super::aws_offer::{Attributes, Offer, Product, Rate, Reserved, Service, Term};
use super::input::Input;
use super::quotes::date;
use super::read::TableError;

/// Lines in front of the header: format, disclaimer, publication date, version, offer code.
const PREAMBLE_LINES: usize = 5;

/// Reads a whole table into `offer`.
pub(super) fn read<S: Service>(
    offer: &mut Offer<S>,
    table: &mut Input<impl BufRead>,
) -> Result<(), TableError> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(table);
    let mut row = StringRecord::new();
    for _ in 0..PREAMBLE_LINES {
        if !next(&mut reader, &mut row)? {
            return Err(malformed(&row, "the file ends before its header"));
        }
        preamble(offer, &row)?;
    }
    if !next(&mut reader, &mut row)? {
        return Err(malformed(&row, "the file ends before its header"));
    }
    let header = Header::new(&row)?;
    offer.has_products = true;
    offer.has_terms = true;
    while next(&mut reader, &mut row)? {
        if row.len() != header.width {
            let reason = format!("{} cells found, expected {} as in the header", row.len(), header.width);
            return Err(malformed(&row, reason));
        }
        take(offer, &header, &row);
    }
    Ok(())
}

fn next(reader: &mut csv::Reader<impl std::io::Read>, row: &mut StringRecord) -> Result<bool, TableError> {
    reader.read_record(row).map_err(|error| {
        let place = error.position().map_or(String::new(), |position| format!("line {}", position.line()));
        match error.into_kind() {
            csv::ErrorKind::Io(source) => TableError { place, reason: String::new(), io: Some(source) },
            csv::ErrorKind::Utf8 { err, .. } => TableError { place, reason: err.to_string(), io: None },
            other => TableError { place, reason: format!("{other:?}"), io: None },
        }
    })
}

fn malformed(row: &StringRecord, reason: impl Into<String>) -> TableError {
    let line = row.position().map_or(0, csv::Position::line);
    TableError { place: format!("line {line}"), reason: reason.into(), io: None }
}

fn preamble<S: Service>(offer: &mut Offer<S>, row: &StringRecord) -> Result<(), TableError> {
    match (row.get(0), row.get(1)) {
        (Some("Publication Date"), Some(text)) => offer.publish(text),
        (Some("OfferCode"), Some(code)) if code != S::CODE => {
            return Err(malformed(row, format!("offer {code:?} found, expected {:?}", S::CODE)));
        }
        (Some("FormatVersion" | "Disclaimer" | "Version" | "OfferCode"), Some(_)) => {}
        (first, _) => {
            let reason = format!("{:?} found, expected the lines about the file", first.unwrap_or_default());
            return Err(malformed(row, reason));
        }
    }
    Ok(())
}

/// Columns by name.
struct Header {
    columns: HashMap<String, usize>,
    width: usize,
}

impl Header {
    fn new(row: &StringRecord) -> Result<Self, TableError> {
        let columns: HashMap<String, usize> =
            row.iter().enumerate().map(|(index, name)| (name.trim().to_ascii_lowercase(), index)).collect();
        for needed in ["SKU", "TermType", "Unit", "PricePerUnit", "Currency", "usageType"] {
            if !columns.contains_key(&needed.to_ascii_lowercase()) {
                return Err(malformed(row, format!("column {needed} is missing from the header")));
            }
        }
        Ok(Self { columns, width: row.len() })
    }

    fn cell<'r>(&self, row: &'r StringRecord, name: &str) -> Option<&'r str> {
        let index = self.columns.get(name).or_else(|| self.columns.get(&name.to_ascii_lowercase()))?;
        row.get(*index)
    }
}

fn take<S: Service>(offer: &mut Offer<S>, header: &Header, row: &StringRecord) {
    let text = |name: &str| header.cell(row, name).unwrap_or_default();
    let reserved = match text("TermType") {
        "OnDemand" => None,
        "Reserved" => Some(Reserved {
            length: text("LeaseContractLength"),
            offering_class: text("OfferingClass"),
            purchase_option: text("PurchaseOption"),
        }),
        _ => return,
    };
    let sku = text("SKU");
    if !offer.service.knows(sku) {
        let attributes = Attributes::from_columns(|column| header.cell(row, column));
        let product = Product { sku: sku.to_owned(), family: text("Product Family").to_owned(), attributes };
        if let Err(reason) = offer.service.product(product) {
            // A product has many rows, and most of them on other terms: count it once.
            if reserved.is_none() {
                offer.skipped.count(reason);
            }
            return;
        }
        if !offer.service.knows(sku) {
            return;
        }
    }
    let price = if text("Currency") == "USD" { price(text("PricePerUnit")) } else { Err(NOT_USD) };
    let from = if text("StartingRange").is_empty() { "0" } else { text("StartingRange") };
    let term = Term { since: date(text("EffectiveDate")), reserved };
    if let Err(reason) = offer.service.rate(sku, &term, &Rate { unit: text("Unit"), from, price }) {
        offer.skipped.count(reason);
    }
}
