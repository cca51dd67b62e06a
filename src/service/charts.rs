//! Charts of the mail.

use chart::{Band, Fan, Frame, Unit};
use chrono::{DateTime, Utc};
use domain::{Currency, Forecast, Stamp};

/// Days of forecast in the chart.
const DAYS_AHEAD: usize = 28;

/// Daily cost and the next four weeks of its forecast, as a standalone picture.
pub(crate) fn cost(
    history: &[(DateTime<Utc>, f64)],
    forecast: Option<&Forecast>,
    currency: Currency,
) -> String {
    let frame = Frame::mail(
        "daily-cost",
        "Daily cost",
        "Daily effective cost and the forecast of the next four weeks",
    );
    let mut fan = Fan {
        unit: Unit::Money(currency),
        history: history.iter().map(|(time, cost)| (*time, Some(*cost))).collect(),
        times: Vec::new(),
        median: Vec::new(),
        bands: Vec::new(),
        marks: Vec::new(),
        today: history.last().map(|(time, _)| *time),
        budget: None,
    };
    if let Some(forecast) = forecast {
        let steps = forecast.horizon().min(DAYS_AHEAD);
        let time = |step| match forecast.grid.stamp(step) {
            Stamp::Time(time) => time,
            Stamp::Step(_) => DateTime::UNIX_EPOCH,
        };
        let path =
            |level: f64| forecast.quantile(level).map(|path| path[..steps].to_vec()).unwrap_or_default();
        fan.times = (0..steps).map(time).collect();
        fan.median = path(0.5);
        fan.bands = vec![Band { probability: 0.8, low: path(0.1), high: path(0.9) }];
    }
    fan.svg(&frame)
}
