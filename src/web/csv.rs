//! CSV for spreadsheets: quoted where needed, and never a formula.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use rust_decimal::Decimal;

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Words; a leading formula character is defused.
    Text(String),
    /// An exact number; a negative one stays a number.
    Number(Decimal),
    /// A statistic.
    Statistic(f64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Decimal> for Cell {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

/// A file of `header` and `rows` that a browser saves under `name`.
pub(crate) fn download(name: &str, header_row: &[&str], rows: Vec<Vec<Cell>>) -> Response {
    let mut out = header_row.iter().map(|name| text_cell(name)).collect::<Vec<_>>().join(",");
    out.push_str("\r\n");
    for row in rows {
        out.push_str(&row.iter().map(cell).collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    }
    attachment(name, "text/csv; charset=utf-8", out)
}

/// A body that a browser saves under `name`; the name is reduced to letters that are safe in a header.
pub(crate) fn attachment(name: &str, content_type: &'static str, body: String) -> Response {
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{safe}\"")),
    ];
    (headers, body).into_response()
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text_cell(text),
        Cell::Number(number) => number.normalize().to_string(),
        Cell::Statistic(value) if value.is_finite() => value.to_string(),
        Cell::Statistic(_) => String::new(),
    }
}

/// Spreadsheets run a cell that starts with one of these as a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

fn text_cell(text: &str) -> String {
    let defused = if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() };
    if defused.contains([',', '"', '\n', '\r', '\t']) {
        format!("\"{}\"", defused.replace('"', "\"\""))
    } else {
        defused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_credits_stay_numbers() {
        assert_eq!(cell(&"=HYPERLINK(\"x\")".into()), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(cell(&"-1+1".into()), "'-1+1");
        assert_eq!(cell(&"@SUM(A1)".into()), "'@SUM(A1)");
        assert_eq!(cell(&"\tx".into()), "\"'\tx\"");
        assert_eq!(cell(&"a, b".into()), "\"a, b\"");
        assert_eq!(cell(&Cell::Number("-30.500".parse().unwrap())), "-30.5");
        assert_eq!(cell(&Cell::Statistic(f64::NAN)), "");
    }

    #[test]
    fn file_names_cannot_break_the_header() {
        let response = attachment("a\"; x=\r\ny.csv", "text/csv", String::new());
        let value = response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert_eq!(value, "attachment; filename=\"a---x---y.csv\"");
    }
}
