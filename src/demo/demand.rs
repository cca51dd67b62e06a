//! Hourly demand: growth, year, week, day, events and noise.

use chrono::{DateTime, Datelike, Timelike, Utc};
use domain::{Event, Frequency, Grid, Series, Stamp};

use crate::random::Random;
use crate::spec::{self, Spec};

/// Relative demand by hour of the day in UTC for shoppers in Central Europe; scaled to mean 1 where it is used.
const HOUR_OF_DAY: [f64; 24] = [
    0.55, 0.38, 0.28, 0.24, 0.26, 0.36, 0.58, 0.84, 1.02, 1.10, 1.14, 1.18, 1.20, 1.14, 1.10, 1.12, 1.20,
    1.34, 1.55, 1.78, 1.74, 1.46, 1.10, 0.78,
];
/// Relative demand from Monday to Sunday.
const DAY_OF_WEEK: [f64; 7] = [1.00, 0.97, 0.96, 0.97, 1.00, 1.05, 1.10];
/// Relative demand in the middle of each month: people buy for summer and for Christmas.
const MONTH: [f64; 12] = [0.93, 0.92, 0.96, 1.00, 1.04, 1.06, 1.05, 1.00, 0.97, 0.98, 1.04, 1.10];
/// Share of an hour's noise that stays in the next hour.
const NOISE_MEMORY: f64 = 0.6;

/// One series for each demand of the spec, over the whole history.
pub fn series(spec: &Spec) -> Vec<Series> {
    spec.demands.iter().map(|demand| one(spec, demand)).collect()
}

/// Past and announced events.
pub fn events(spec: &Spec) -> Vec<Event> {
    let event = |event: &spec::Event| Event {
        name: event.name.clone(),
        starts_at: Stamp::Time(event.starts_at),
        ends_at: Stamp::Time(event.ends_at),
        multiplier: event.multiplier,
        multiplier_low: event.multiplier_low,
        multiplier_high: event.multiplier_high,
        unique_id: None,
    };
    spec.events.iter().map(event).collect()
}

/// The value of a series in one hour of history; 0 where there is none.
pub(crate) fn value(series: &Series, hour: usize) -> f64 {
    series.values.get(hour).copied().flatten().unwrap_or(0.0)
}

fn one(spec: &Spec, demand: &spec::Demand) -> Series {
    let mut random = Random::new(spec.seed, &demand.unique_id);
    let day_mean = HOUR_OF_DAY.iter().sum::<f64>() / 24.0;
    let hourly_growth = demand.growth / 720.0;
    let mut level = demand.base;
    let mut noise = 0.0;
    let values = (0..spec.hours())
        .map(|index| {
            let hour = spec.hour(index);
            level *= 1.0 + hourly_growth;
            noise = NOISE_MEMORY * noise + (1.0 - NOISE_MEMORY) * random.normal();
            let local = (hour.hour() as usize + 24 - demand.utc_shift % 24) % 24;
            let weekday = DAY_OF_WEEK[hour.weekday().num_days_from_monday() as usize];
            let shape = HOUR_OF_DAY[local] / day_mean * weekday * time_of_year(hour) * multiplier(spec, hour);
            let value = level * shape * (1.0 + demand.noise * 2.0 * noise);
            Some((value.max(0.0) * 1000.0).round() / 1000.0)
        })
        .collect();
    Series {
        unique_id: demand.unique_id.clone(),
        grid: Grid { start: Stamp::Time(spec.history_start), frequency: Frequency::HOUR },
        values,
    }
}

/// The yearly rhythm, linear between the middles of the months.
fn time_of_year(hour: DateTime<Utc>) -> f64 {
    let month = hour.month0() as usize;
    let progress = (f64::from(hour.day()) - 15.0) / 30.0;
    let neighbour = if progress < 0.0 { (month + 11) % 12 } else { (month + 1) % 12 };
    MONTH[month] + (MONTH[neighbour] - MONTH[month]) * progress.abs()
}

fn multiplier(spec: &Spec, hour: DateTime<Utc>) -> f64 {
    spec.events
        .iter()
        .filter(|event| event.starts_at <= hour && hour < event.ends_at)
        .map(|event| event.multiplier)
        .product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(series: &Series, from: &str, hours: usize) -> f64 {
        let spec = Spec::embedded().unwrap();
        let from: DateTime<Utc> = from.parse().unwrap();
        let start = usize::try_from((from - spec.history_start).num_hours()).unwrap();
        (start..start + hours).map(|hour| value(series, hour)).sum::<f64>() / hours as f64
    }

    #[test]
    fn black_friday_is_ten_ordinary_fridays() {
        let all = series(&Spec::embedded().unwrap());
        for series in &all {
            let sale = mean(series, "2025-11-28T00:00:00Z", 24);
            let before = mean(series, "2025-11-21T00:00:00Z", 24);
            assert!((8.5..11.5).contains(&(sale / before)), "{}: {sale} / {before}", series.unique_id);
        }
    }

    #[test]
    fn demand_grows_and_breathes() {
        let series = &series(&Spec::embedded().unwrap())[0];
        let growth = mean(series, "2026-10-01T00:00:00Z", 720) / mean(series, "2025-10-01T00:00:00Z", 720);
        assert!((1.25..1.45).contains(&growth), "{growth}");
        let night = mean(series, "2026-10-06T02:00:00Z", 3);
        let evening = mean(series, "2026-10-06T18:00:00Z", 3);
        assert!(evening > 4.0 * night, "{evening} {night}");
    }
}
