//! Drivers: other series that are known ahead, brought onto the points of the one that they drive.

use std::collections::BTreeMap;

use domain::{Grid, Stamp};

use crate::order::mean;
use crate::request::Driver;

/// A driver that is unknown for more than this share of history says too little.
const MOST_UNKNOWN: f64 = 0.2;

/// Values of each usable driver over history and horizon, in units of its own size, and why others are left out.
pub(crate) fn align(
    drivers: &[Driver],
    grid: Grid,
    known: usize,
    horizon: usize,
) -> (Vec<Vec<f64>>, Vec<String>) {
    let (mut aligned, mut warnings) = (Vec::new(), Vec::new());
    for driver in drivers {
        match one(driver, grid, known, horizon) {
            Ok(values) => aligned.push(values),
            Err(reason) => warnings.push(format!("driver {:?} is left out: {reason}", driver.name)),
        }
    }
    (aligned, warnings)
}

fn one(driver: &Driver, grid: Grid, known: usize, horizon: usize) -> Result<Vec<f64>, String> {
    let points: BTreeMap<Stamp, f64> =
        driver.points.iter().copied().filter(|(_, value)| value.is_finite()).collect();
    let at = |index: usize| points.get(&grid.stamp(index)).copied();
    let mut values: Vec<Option<f64>> = (0..known + horizon).map(at).collect();
    if let Some(step) = values[known..].iter().position(Option::is_none) {
        let stamp = grid.stamp(known + step);
        return Err(format!("it has no value at {stamp}; give one for every step ahead"));
    }
    let unknown = values[..known].iter().filter(|value| value.is_none()).count();
    if unknown as f64 > MOST_UNKNOWN * known as f64 {
        return Err(format!("it has no value at {unknown} of {known} points of history"));
    }
    // The value before stands in for a missing one, and the first one for what came before it.
    let mut last = values.iter().flatten().copied().next().unwrap_or(0.0);
    let filled: Vec<f64> = values
        .iter_mut()
        .map(|value| {
            last = value.unwrap_or(last);
            last
        })
        .collect();
    let size = mean(&filled[..known].iter().map(|value| value.abs()).collect::<Vec<_>>());
    if filled[..known].iter().all(|value| *value == filled[0]) {
        return Err("it never changed in history".to_owned());
    }
    Ok(filled.iter().map(|value| value / size).collect())
}

#[cfg(test)]
mod tests {
    use domain::{Event, Frequency, Series};

    use super::*;
    use crate::promises::noise;
    use crate::{Request, forecast};

    fn grid() -> Grid {
        let start = Stamp::Time("2026-01-01T00:00:00Z".parse().unwrap());
        Grid { start, frequency: Frequency::DAY }
    }

    /// Campaigns of one to three days, now and then.
    fn spend(day: usize) -> f64 {
        20.0 + if noise(day / 3 + 7).abs() < 0.25 { 150.0 * (1.0 + noise(day)) } else { 0.0 }
    }

    fn orders(day: usize) -> f64 {
        let weekend = if day % 7 >= 5 { -30.0 } else { 0.0 };
        let today = if day > 0 { 1.2 * spend(day) + 0.6 * spend(day - 1) } else { 0.0 };
        300.0 + today + weekend + 5.0 * noise(3 * day + 1)
    }

    fn driver(name: &str, days: usize, value: impl Fn(usize) -> f64) -> Driver {
        Driver {
            name: name.to_owned(),
            points: (0..days).map(|day| (grid().stamp(day), value(day))).collect(),
        }
    }

    fn series() -> Series {
        let values = (0..300).map(|day| Some(orders(day))).collect();
        Series { unique_id: "orders".to_owned(), grid: grid(), values }
    }

    fn error(request: &Request) -> f64 {
        let made = forecast(&series(), request);
        let errors = made.mean.iter().enumerate().map(|(step, value)| (value - orders(300 + step)).abs());
        errors.sum::<f64>() / made.mean.len() as f64
    }

    #[test]
    fn planned_spend_carries_orders_and_noise_does_not_mislead() {
        let mut request = Request::new(28);
        let alone = error(&request);
        request.drivers = vec![driver("weather", 328, |day| 10.0 + (day * day * 31 % 97) as f64)];
        let misled = error(&request);
        assert!(misled < 1.1 * alone, "{misled} against {alone}");
        request.drivers.push(driver("spend", 328, spend));
        let driven = error(&request);
        assert!(driven < 0.2 * alone, "{driven} against {alone}");
        let made = forecast(&series(), &request);
        assert!(made.reason.contains("drivers"), "{}", made.reason);
        assert!(made.quantiles.iter().flatten().all(|value| value.is_finite()));
    }

    #[test]
    fn a_driver_that_is_not_known_ahead_is_left_out_with_its_reason() {
        let mut request = Request::new(28);
        request.drivers = vec![driver("spend", 310, spend), driver("price", 328, |_| 9.0)];
        let made = forecast(&series(), &request);
        let warnings = made.warnings.join("\n");
        assert!(
            warnings.contains("driver \"spend\" is left out: it has no value at 2026-11-07"),
            "{warnings}"
        );
        assert!(warnings.contains("driver \"price\" is left out: it never changed"), "{warnings}");
        request.drivers.clear();
        assert_eq!(made.mean, forecast(&series(), &request).mean);
        let event = Event {
            name: "sale".to_owned(),
            starts_at: grid().stamp(305),
            ends_at: grid().stamp(306),
            multiplier: 2.0,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: None,
        };
        request.drivers = vec![driver("spend", 328, spend)];
        let calm = forecast(&series(), &request);
        request.events.push(event);
        let busy = forecast(&series(), &request);
        assert!((busy.mean[5] / calm.mean[5] - 2.0).abs() < 0.01, "events multiply what drivers say");
    }
}
