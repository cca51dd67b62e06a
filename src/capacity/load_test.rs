//! Results of load tests: the summary of k6 (JSON), result and summary tables of JMeter (CSV).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::throughput::{NoThroughput, Stage, UnitThroughput, throughput_from_load_test};

/// Length of the windows that a JMeter result table is cut into, in milliseconds.
const WINDOW_MS: i64 = 10_000;

/// Why a result cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadTestError {
    /// Not JSON, or not CSV.
    #[error("the load test cannot be read: {0}")]
    Unreadable(String),
    /// Something is not there.
    #[error("the load test has no {0}")]
    Missing(&'static str),
    /// Nothing can be learned from it.
    #[error(transparent)]
    Throughput(#[from] NoThroughput),
}

/// What a load test ran against, and which promises count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LoadTest {
    /// Instances that answered it.
    pub instances: u32,
    /// 95th percentile of latency that was kept, in milliseconds.
    pub latency_p95_ms: f64,
    /// Share of failed requests that was accepted, 0 to 1.
    pub error_share: f64,
}

impl Default for LoadTest {
    fn default() -> Self {
        Self { instances: 1, latency_p95_ms: 200.0, error_share: 0.01 }
    }
}

impl LoadTest {
    /// The throughput of one instance from the text of a result: JSON is a summary of k6, anything else a table of JMeter.
    ///
    /// # Errors
    /// Text that cannot be read, or a test that broke the promises from its start.
    pub fn throughput(&self, result: &str) -> Result<UnitThroughput, LoadTestError> {
        let stages =
            if result.trim_start().starts_with('{') { vec![read_k6(result)?] } else { read_jmeter(result)? };
        Ok(throughput_from_load_test(&stages, self.instances, self.latency_p95_ms, self.error_share)?)
    }
}

/// The one stage of a k6 summary, as `--summary-export` or `handleSummary` write it.
///
/// # Errors
/// Text that is not JSON, or a summary without rate or 95th percentile of HTTP requests.
pub fn read_k6(text: &str) -> Result<Stage, LoadTestError> {
    let summary: Value =
        serde_json::from_str(text).map_err(|error| LoadTestError::Unreadable(error.to_string()))?;
    // `handleSummary` puts what `--summary-export` has into an object `values`.
    let number = |metric: &str, keys: &[&str]| {
        let metric = &summary["metrics"][metric];
        keys.iter().find_map(|key| metric["values"][key].as_f64().or_else(|| metric[key].as_f64()))
    };
    Ok(Stage {
        throughput: number("http_reqs", &["rate"]).ok_or(LoadTestError::Missing("metrics.http_reqs.rate"))?,
        latency_p95_ms: number("http_req_duration", &["p(95)"])
            .ok_or(LoadTestError::Missing("metrics.http_req_duration.p(95)"))?,
        error_share: number("http_req_failed", &["rate", "value"]).unwrap_or(0.0),
    })
}

/// The stages of a JMeter CSV: windows of ten seconds of a result table (`timeStamp,elapsed,…,success`), or the
/// `TOTAL` line of a summary or aggregate report (`Label,# Samples,…,Throughput`).
///
/// The first and the last window of a result table are left out: they are not whole.
///
/// # Errors
/// A header of neither kind, or a cell that is no number.
pub fn read_jmeter(text: &str) -> Result<Vec<Stage>, LoadTestError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let unreadable = |error: csv::Error| LoadTestError::Unreadable(error.to_string());
    let header = reader.headers().map_err(unreadable)?.clone();
    let column = |names: &[&str]| {
        header.iter().position(|found| names.iter().any(|name| found.trim().eq_ignore_ascii_case(name)))
    };
    let rows = reader.into_records().collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    if let (Some(at), Some(elapsed)) = (column(&["timeStamp"]), column(&["elapsed"])) {
        return windows(&rows, at, elapsed, column(&["success"]));
    }
    let throughput =
        column(&["Throughput"]).ok_or(LoadTestError::Missing("column timeStamp or Throughput"))?;
    let p95 = column(&["95% Line", "95th pct"]);
    let (average, deviation) = (column(&["Average"]), column(&["Std. Dev."]));
    let total = rows
        .iter()
        .find(|row| row.get(0).is_some_and(|label| label.eq_ignore_ascii_case("total")))
        .or(rows.last())
        .ok_or(LoadTestError::Missing("rows"))?;
    let number = |column: Option<usize>| column.and_then(|column| leading_number(total.get(column)?));
    // A summary report has no percentile: the one of a normal distribution stands for it.
    let from_mean = || Some(number(average)? + 1.645 * number(deviation)?);
    Ok(vec![Stage {
        throughput: number(Some(throughput)).ok_or(LoadTestError::Missing("throughput"))?,
        latency_p95_ms: number(p95).or_else(from_mean).ok_or(LoadTestError::Missing("95% Line"))?,
        error_share: number(column(&["Error %"])).unwrap_or(0.0) / 100.0,
    }])
}

fn windows(
    rows: &[csv::StringRecord],
    at: usize,
    elapsed: usize,
    success: Option<usize>,
) -> Result<Vec<Stage>, LoadTestError> {
    let mut windows: std::collections::BTreeMap<i64, (Vec<f64>, usize)> = std::collections::BTreeMap::new();
    for row in rows {
        let number = |column: usize| row.get(column).and_then(|cell| cell.trim().parse::<i64>().ok());
        let start = number(at).ok_or(LoadTestError::Missing("number in column timeStamp"))?;
        let took = number(elapsed).ok_or(LoadTestError::Missing("number in column elapsed"))?;
        let failed = success
            .and_then(|column| row.get(column))
            .is_some_and(|cell| cell.trim().eq_ignore_ascii_case("false"));
        let window = windows.entry((start + took).div_euclid(WINDOW_MS)).or_default();
        window.0.push(took as f64);
        window.1 += usize::from(failed);
    }
    let whole = windows.len().saturating_sub(2);
    let stages = windows.into_values().skip(1).take(whole).map(|(mut times, failed)| {
        times.sort_by(f64::total_cmp);
        Stage {
            throughput: times.len() as f64 * 1000.0 / WINDOW_MS as f64,
            latency_p95_ms: times[(times.len() * 95).div_ceil(100).max(1) - 1],
            error_share: failed as f64 / times.len() as f64,
        }
    });
    let stages: Vec<Stage> = stages.collect();
    if stages.is_empty() { Err(LoadTestError::Missing("whole window of ten seconds")) } else { Ok(stages) }
}

/// `12.3/sec` is 12.3, `3.4/min` is 0.057 a second, `1.5%` is 1.5.
fn leading_number(cell: &str) -> Option<f64> {
    let end = cell.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(cell.len());
    let number: f64 = cell[..end].parse().ok()?;
    let per = if cell.ends_with("/min") {
        60.0
    } else if cell.ends_with("/hour") {
        3600.0
    } else {
        1.0
    };
    Some(number / per)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_summaries_of_k6_are_one_stage() {
        let exported = r#"{"metrics":{"http_reqs":{"count":30000,"rate":500.5},
            "http_req_duration":{"avg":40.0,"p(90)":90.0,"p(95)":120.5},
            "http_req_failed":{"passes":30,"fails":29970,"value":0.001}}}"#;
        let handled = r#"{"metrics":{"http_reqs":{"type":"counter","values":{"count":30000,"rate":500.5}},
            "http_req_duration":{"type":"trend","values":{"p(95)":120.5}},
            "http_req_failed":{"type":"rate","values":{"rate":0.001}}}}"#;
        let stage = Stage { throughput: 500.5, latency_p95_ms: 120.5, error_share: 0.001 };
        assert_eq!(read_k6(exported), Ok(stage));
        assert_eq!(read_k6(handled), Ok(stage));
        assert!(read_k6("{}").unwrap_err().to_string().contains("http_reqs.rate"));
    }

    #[test]
    fn a_result_table_is_cut_into_windows() {
        let mut text = "timeStamp,elapsed,label,responseCode,success\n".to_owned();
        for request in 0..4000i64 {
            // 100 a second for 20 seconds, then 200 a second.
            let at = if request < 2000 { request * 10 } else { 20_000 + (request - 2000) * 5 };
            let took = if request % 10 == 0 { 100 } else { 20 };
            text += &format!("{},{took},home,200,{}\n", 1_700_000_000_000 + at, request % 50 != 0);
        }
        let stages = read_jmeter(&text).unwrap();
        assert_eq!(stages.len(), 2, "{stages:?}");
        assert!((stages[0].throughput - 100.0).abs() < 2.0);
        assert_eq!(stages[0].latency_p95_ms, 100.0);
        assert!((stages[0].error_share - 0.02).abs() < 0.005);
    }

    #[test]
    fn a_report_is_its_total() {
        let text = "Label,# Samples,Average,Median,90% Line,95% Line,99% Line,Min,Maximum,Error %,Throughput,Received KB/sec\n\
                    home,100,30,20,60,90,200,5,300,0.00%,50.0/sec,10\nTOTAL,200,40,30,70,110,250,5,400,0.50%,5940.0/min,20\n";
        let stage = Stage { throughput: 99.0, latency_p95_ms: 110.0, error_share: 0.005 };
        assert_eq!(read_jmeter(text), Ok(vec![stage]));
        assert!(read_jmeter("a,b\n1,2\n").unwrap_err().to_string().contains("timeStamp or Throughput"));
    }

    #[test]
    fn the_kind_of_a_result_is_seen_from_its_text() {
        let k6 = r#" {"metrics": {"http_reqs": {"rate": 240.0}, "http_req_duration": {"p(95)": 120.0}}}"#;
        let four = LoadTest { instances: 4, ..LoadTest::default() };
        assert_eq!(four.throughput(k6).unwrap().unit_throughput, 60.0);
        let report = "Label,# Samples,Average,Std. Dev.,Error %,Throughput\nTOTAL,9,80,20,0.00%,90.0/sec\n";
        assert_eq!(four.throughput(report).unwrap().unit_throughput, 22.5);
        let strict = LoadTest { latency_p95_ms: 100.0, ..four };
        assert!(matches!(strict.throughput(k6), Err(LoadTestError::Throughput(_))));
        assert!(strict.throughput("{").unwrap_err().to_string().contains("cannot be read"));
    }
}
