//! Hourly electricity loads of several years, made into instances.

use std::collections::BTreeMap;
use std::io::Read;

use chrono::{DateTime, Duration, Utc};

/// Zones of the PJM grid, beside the checkout.
pub(crate) const SOURCE: &str = "../shared/data/series/pjm_hourly_dev.csv.gz";

/// First hour and hourly values of a zone.
pub(crate) type Zone = (DateTime<Utc>, Vec<f64>);

/// Hourly values by zone; duplicates are averaged, gaps and zeros filled with the hour before.
pub(crate) fn read() -> Result<BTreeMap<String, Zone>, Box<dyn std::error::Error>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(SOURCE)?).read_to_string(&mut text)?;
    let mut rows: BTreeMap<String, BTreeMap<DateTime<Utc>, (f64, f64)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        let (Some(zone), Some(ds), Some(y)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let (Ok(ds), Ok(y)) = (ds.parse::<DateTime<Utc>>(), y.parse::<f64>()) else { continue };
        if y > 0.0 {
            let cell = rows.entry(zone.to_owned()).or_default().entry(ds).or_default();
            *cell = (cell.0 + y, cell.1 + 1.0);
        }
    }
    let filled = rows.into_iter().filter_map(|(zone, hours)| {
        let (start, end) = (*hours.keys().next()?, *hours.keys().next_back()?);
        let mut last = 0.0;
        let at = |hour: i64| {
            if let Some((sum, count)) = hours.get(&(start + Duration::hours(hour))) {
                last = sum / count;
            }
            last
        };
        Some((zone, (start, (0..=(end - start).num_hours()).map(at).collect())))
    });
    Ok(filled.collect())
}

/// The sum of some zones between two days, most of its base taken off, scaled to a mean of 200 instances: first hour,
/// and instances by hour.
pub(crate) fn load(zones: &BTreeMap<String, Zone>, of: &[&str], start: &str, end: &str) -> Zone {
    let day = |text: &str| format!("{text}T00:00:00Z").parse::<DateTime<Utc>>().unwrap_or_default();
    let (start, end) = (day(start), day(end));
    let mut hours = vec![0.0; (end - start).num_hours() as usize];
    for zone in of {
        let (first, values) = &zones[*zone];
        let shift = (start - *first).num_hours() as usize;
        for (sum, value) in hours.iter_mut().zip(&values[shift..]) {
            *sum += value;
        }
    }
    let mut sorted = hours.clone();
    sorted.sort_by(f64::total_cmp);
    let base = 0.7 * sorted[sorted.len() / 200];
    hours.iter_mut().for_each(|value| *value = (*value - base).max(0.0));
    let mean = hours.iter().sum::<f64>() / hours.len() as f64;
    hours.iter_mut().for_each(|value| *value *= 200.0 / mean);
    (start, hours)
}
