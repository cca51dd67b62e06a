//! Civil time: people get up by the clock on the wall, so where it is put forward or back, the shape of the day moves
//! against UTC. A series is read by the wall clock, forecast there, and the forecast is brought back to UTC.

use chrono::{DateTime, Duration, Utc};
use domain::{Components, Event, Forecast, Frequency, Grid, Series, Stamp};

use crate::request::{Checked, Driver, Holiday, UtcOffset};

/// A day and longer steps do not see the clock move.
const LONGEST_STEP: i64 = 86_400;

/// The wall clock over history and horizon.
#[derive(Debug)]
pub(crate) struct Civil<'a> {
    offsets: &'a [UtcOffset],
    grid: Grid,
    /// Cell of the wall clock for each point of history, then for each step ahead; the hour that is there twice in
    /// autumn is one cell, the one that is left out in spring has no point.
    cells: Vec<usize>,
    /// Points of history.
    known: usize,
}

impl<'a> Civil<'a> {
    /// The clock, when it moves by whole steps during the series or its horizon; otherwise UTC does as well.
    pub(crate) fn new(series: &Series, horizon: usize, offsets: &'a [UtcOffset]) -> Option<Self> {
        let (Stamp::Time(start), Frequency::Seconds(step)) = (series.grid.start, series.grid.frequency)
        else {
            return None;
        };
        let first = offset_at(offsets, start);
        if !(1..LONGEST_STEP).contains(&step) || series.is_empty() {
            return None;
        }
        let time = |index: usize| series.grid.stamp(index).time().unwrap_or(start);
        let count = series.len() + horizon;
        let moved: Vec<i64> = (0..count).map(|index| offset_at(offsets, time(index)) - first).collect();
        if moved.iter().all(|moved| *moved == 0) || moved.iter().any(|moved| moved % step != 0) {
            return None;
        }
        let cells: Vec<i64> = moved.iter().zip(0_i64..).map(|(moved, index)| index + moved / step).collect();
        let lowest = cells.iter().copied().min()?;
        let cells = cells.iter().filter_map(|cell| usize::try_from(cell - lowest).ok()).collect();
        let start = start + Duration::seconds(first + lowest * step);
        let grid = Grid { start: Stamp::Time(start), frequency: series.grid.frequency };
        Some(Self { offsets, grid, cells, known: series.len() })
    }

    /// Cells of history.
    fn length(&self) -> usize {
        self.cells[..self.known].iter().max().map_or(0, |last| last + 1)
    }

    /// The series by the wall clock: means where an hour is there twice, nothing where one is left out.
    pub(crate) fn series(&self, series: &Series) -> Series {
        let mut cells = vec![(0.0, 0_u32); self.length()];
        for (cell, value) in self.cells.iter().zip(&series.values) {
            if let Some(value) = value {
                cells[*cell].0 += value;
                cells[*cell].1 += 1;
            }
        }
        let values = cells.iter().map(|(sum, count)| (*count > 0).then(|| sum / f64::from(*count))).collect();
        Series { unique_id: series.unique_id.clone(), grid: self.grid, values }
    }

    /// The request by the wall clock: events move with it, and the horizon may be an hour longer or shorter.
    pub(crate) fn request(&self, request: &Checked) -> Checked {
        let wall = |stamp: Stamp| match stamp {
            Stamp::Time(time) => Stamp::Time(time + Duration::seconds(offset_at(self.offsets, time))),
            Stamp::Step(_) => stamp,
        };
        let event = |event: &Event| Event {
            starts_at: wall(event.starts_at),
            ends_at: wall(event.ends_at),
            ..event.clone()
        };
        let holiday = |holiday: &Holiday| Holiday {
            name: holiday.name.clone(),
            starts_at: wall(holiday.starts_at),
            ends_at: wall(holiday.ends_at),
        };
        let driver =
            |driver: &Driver| Driver { name: driver.name.clone(), points: on_the_wall(driver, wall) };
        let horizon = self.steps().max().map_or(request.horizon, |last| last + 1);
        Checked {
            horizon,
            events: request.events.iter().map(event).collect(),
            holidays: request.holidays.iter().map(holiday).collect(),
            drivers: request.drivers.iter().map(driver).collect(),
            utc_offsets: Vec::new(),
            ..request.clone()
        }
    }

    /// Step by the wall clock of each step ahead.
    fn steps(&self) -> impl Iterator<Item = usize> {
        let length = self.length();
        self.cells[self.known..].iter().map(move |cell| cell.saturating_sub(length))
    }

    /// A forecast by the wall clock, brought back to the steps of UTC.
    pub(crate) fn back(&self, forecast: Forecast, grid: Grid) -> Forecast {
        let steps: Vec<usize> = self.steps().collect();
        let back = |path: &Vec<f64>| -> Vec<f64> {
            steps.iter().filter_map(|step| path.get(*step)).copied().collect()
        };
        let Components { trend, seasonal, event_multiplier } = &forecast.components;
        Forecast {
            grid,
            mean: back(&forecast.mean),
            quantiles: forecast.quantiles.iter().map(back).collect(),
            mase_by_step: steps.iter().filter_map(|step| forecast.mase_by_step.get(*step)).copied().collect(),
            components: Components {
                trend: back(trend),
                seasonal: back(seasonal),
                event_multiplier: back(event_multiplier),
            },
            ..forecast
        }
    }
}

/// Points of a driver by the wall clock, the hour that it leaves out in spring filled with the value before.
fn on_the_wall(driver: &Driver, wall: impl Fn(Stamp) -> Stamp) -> Vec<(Stamp, f64)> {
    let mut points = driver.points.clone();
    points.sort_by_key(|(stamp, _)| *stamp);
    let mut moved = Vec::with_capacity(points.len());
    for (place, (stamp, value)) in points.iter().enumerate() {
        moved.push((wall(*stamp), *value));
        let Some((next, _)) = points.get(place + 1) else { break };
        let (Stamp::Time(from), Stamp::Time(to), Stamp::Time(mut at), Stamp::Time(until)) =
            (*stamp, *next, wall(*stamp), wall(*next))
        else {
            continue;
        };
        let step = to - from;
        while step > Duration::zero() && until - at > step {
            at += step;
            moved.push((Stamp::Time(at), *value));
        }
    }
    moved
}

/// Seconds that the wall clock is ahead of UTC.
fn offset_at(offsets: &[UtcOffset], time: DateTime<Utc>) -> i64 {
    let after = offsets.partition_point(|offset| offset.from <= time);
    offsets.get(after.saturating_sub(1)).map_or(0, |offset| i64::from(offset.seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BacktestSettings, Request, backtest, forecast};

    /// Berlin in 2026: summer time from 29 March to 25 October, 01:00 UTC.
    fn berlin() -> Vec<UtcOffset> {
        let offset = |from: &str, seconds| UtcOffset { from: from.parse().unwrap(), seconds };
        vec![
            offset("2025-10-26T01:00:00Z", 3_600),
            offset("2026-03-29T01:00:00Z", 7_200),
            offset("2026-10-25T01:00:00Z", 3_600),
        ]
    }

    /// A shop that is open from 9 to 18 by the wall clock.
    fn open(time: DateTime<Utc>) -> f64 {
        let hour = (time.timestamp() + offset_at(&berlin(), time)) / 3_600 % 24;
        if (9..18).contains(&hour) { 100.0 + hour as f64 } else { 10.0 }
    }

    fn shop(start: &str, hours: usize) -> Series {
        let grid = Grid { start: Stamp::Time(start.parse().unwrap()), frequency: Frequency::HOUR };
        let values = (0..hours).map(|hour| grid.stamp(hour).time().map(open)).collect();
        Series { unique_id: "shop".to_owned(), grid, values }
    }

    fn largest_error(forecast: &Forecast) -> f64 {
        let errors = forecast.mean.iter().enumerate().map(|(step, value)| match forecast.grid.stamp(step) {
            Stamp::Time(time) => (value - open(time)).abs(),
            Stamp::Step(_) => f64::NAN,
        });
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn the_shape_of_the_day_follows_the_wall_clock_over_both_changes() {
        // Four weeks before a change, and the week that it lies in.
        for start in ["2026-02-27T00:00:00Z", "2026-09-25T00:00:00Z"] {
            let series = shop(start, 672);
            let mut request = Request::new(24 * 7);
            let by_utc = forecast(&series, &request);
            request.utc_offsets = berlin();
            let by_clock = forecast(&series, &request);
            assert_eq!((by_clock.grid, by_clock.mean.len()), (series.next_grid(), 24 * 7));
            assert!(by_clock.quantiles.iter().all(|path| path.len() == 24 * 7));
            assert!(largest_error(&by_clock) < 1.0, "{start}: {}", largest_error(&by_clock));
            assert!(largest_error(&by_utc) > 50.0, "{start}: UTC cannot know");
        }
    }

    #[test]
    fn a_clock_that_stands_still_changes_nothing() {
        let series = shop("2026-05-01T00:00:00Z", 672);
        let mut request = Request::new(48);
        let by_utc = forecast(&series, &request);
        request.utc_offsets = berlin();
        assert_eq!(by_utc, forecast(&series, &request));
    }

    #[test]
    fn an_announced_hour_keeps_its_place() {
        let series = shop("2026-02-27T00:00:00Z", 672);
        let at = |text: &str| Stamp::Time(text.parse().unwrap());
        let mut request = Request { utc_offsets: berlin(), ..Request::new(24 * 7) };
        request.events.push(Event {
            name: "sale".to_owned(),
            starts_at: at("2026-03-30T10:00:00Z"),
            ends_at: at("2026-03-30T12:00:00Z"),
            multiplier: 3.0,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: None,
        });
        let forecast = forecast(&series, &request);
        let multiplied: Vec<String> = (0..24 * 7)
            .filter(|step| forecast.components.event_multiplier[*step] > 1.0)
            .map(|step| forecast.grid.stamp(step).to_string())
            .collect();
        assert_eq!(multiplied, ["2026-03-30T10:00:00Z", "2026-03-30T11:00:00Z"]);
    }

    #[test]
    fn a_driver_lasts_over_the_hour_that_is_left_out() {
        let mut series = shop("2026-02-27T00:00:00Z", 672);
        let orders = |hour: usize| f64::from(u32::try_from(hour * 7_919 % 101).unwrap());
        series.values.iter_mut().enumerate().for_each(|(hour, value)| {
            *value = value.map(|value| value + 5.0 * orders(hour));
        });
        let points = (0..672 + 24 * 7).map(|hour| (series.grid.stamp(hour), orders(hour))).collect();
        let driver = Driver { name: "orders".to_owned(), points };
        let request = Request { utc_offsets: berlin(), drivers: vec![driver], ..Request::new(24 * 7) };
        let forecast = forecast(&series, &request);
        assert!(forecast.warnings.is_empty(), "{:?}", forecast.warnings);
        assert!(forecast.reason.contains("follows the drivers"), "{}", forecast.reason);
    }

    #[test]
    fn a_backtest_over_a_change_is_better_by_the_wall_clock() {
        let series = shop("2026-03-05T00:00:00Z", 24 * 35);
        let mut settings = BacktestSettings::new(Request::new(24 * 7));
        settings.windows = 2;
        let error =
            |settings: &BacktestSettings| backtest(&series, settings).models["headroom"].smape.unwrap();
        let by_utc = error(&settings);
        settings.request.utc_offsets = berlin();
        assert!(error(&settings) < 0.1 * by_utc, "{} against {by_utc}", error(&settings));
    }
}
