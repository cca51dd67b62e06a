//! What every forecast promises, checked on ordinary, hostile and random series.

use domain::{Event, Forecast, Frequency, Grid, Series, Stamp};
use proptest::prelude::*;

use crate::{Holiday, Request, forecast, forecast_all};

/// Deterministic noise in (-1, 1), for any test of the crate.
pub(crate) fn noise(index: usize) -> f64 {
    ((index as f64 * 12.9898).sin() * 43_758.547).fract()
}

fn hourly(values: Vec<Option<f64>>) -> Series {
    let start = Stamp::Time("2026-01-05T00:00:00Z".parse().unwrap());
    Series { unique_id: "s".to_owned(), grid: Grid { start, frequency: Frequency::HOUR }, values }
}

fn daily(values: Vec<Option<f64>>) -> Series {
    let start = Stamp::Time("2025-01-01T00:00:00Z".parse().unwrap());
    Series { unique_id: "s".to_owned(), grid: Grid { start, frequency: Frequency::DAY }, values }
}

/// A shop's requests by hour.
fn shop(hours: usize) -> Vec<Option<f64>> {
    (0..hours)
        .map(|hour| {
            let day = (hour as f64 * std::f64::consts::TAU / 24.0).sin();
            let weekend = if hour / 24 % 7 >= 5 { 0.7 } else { 1.0 };
            Some((100.0 + 40.0 * day) * weekend * (1.0 + 0.05 * noise(hour)))
        })
        .collect()
}

fn assert_honest(forecast: &Forecast, request: &Request, non_negative: bool) {
    let horizon = request.horizon;
    assert_eq!(forecast.horizon(), horizon);
    assert_eq!(forecast.mase_by_step.len(), horizon);
    assert_eq!(forecast.components.trend.len(), horizon);
    assert_eq!(forecast.quantiles.len(), forecast.levels.len());
    let of_intermittent = ["average", "croston_sba", "tsb"];
    let is_intermittent =
        forecast.members.iter().any(|member| of_intermittent.contains(&member.model.as_str()));
    for step in 0..horizon {
        let column: Vec<f64> = forecast.quantiles.iter().map(|path| path[step]).collect();
        assert!(column.iter().all(|value| value.is_finite()), "{column:?}");
        assert!(column.is_sorted(), "quantiles cross at step {step}: {column:?}");
        // One amount among zeros may lift the mean beyond every quantile.
        let between = column[0] <= forecast.mean[step] && forecast.mean[step] <= column[column.len() - 1];
        assert!(
            between || is_intermittent,
            "step {step}: {} in {column:?} {} {:?}",
            forecast.mean[step],
            forecast.reason,
            forecast.warnings
        );
        assert!(!non_negative || column[0] >= 0.0, "negative at step {step}");
    }
    assert!(!forecast.reason.is_empty());
}

#[test]
fn a_season_that_was_told_and_is_not_there_is_named() {
    let warnings = |length: usize| {
        let mut request = Request::new(24);
        request.season_lengths = Some(vec![length]);
        forecast(&hourly(shop(400)), &request).warnings.join("; ")
    };
    assert!(warnings(90).contains("season of 90 steps that was told is not used"), "{}", warnings(90));
    assert_eq!(warnings(24), "");
}

#[test]
fn bad_input_gets_an_honest_forecast_with_a_warning() {
    let cases: Vec<(&str, Vec<Option<f64>>)> = vec![
        ("empty", vec![]),
        ("all missing", vec![None; 100]),
        ("one point", vec![Some(5.0)]),
        ("two points", vec![Some(5.0), Some(7.0)]),
        ("one point after a gap", [vec![None; 50], vec![Some(5.0)]].concat()),
        ("constant", vec![Some(3.0); 200]),
        ("all zero", vec![Some(0.0); 200]),
        ("infinite", vec![Some(f64::INFINITY); 50]),
        ("mostly infinite", (0..50).map(|i| Some(if i % 2 == 0 { f64::NAN } else { i as f64 })).collect()),
        ("short", (0..7).map(|i| Some(i as f64)).collect()),
        ("gap at the end", [shop(300), vec![None; 100]].concat()),
        ("huge", shop(300).into_iter().map(|value| value.map(|value| value * 1e95)).collect()),
    ];
    let request = Request::new(48);
    for (name, values) in cases {
        for series in [hourly(values.clone()), daily(values.clone())] {
            let forecast = forecast(&series, &request);
            assert_honest(&forecast, &request, true);
            assert!(name == "huge" || !forecast.warnings.is_empty(), "{name}: no warning");
        }
    }
}

#[test]
fn unusual_magnitudes_change_nothing_but_the_unit() {
    let request = Request::new(24);
    let plain = forecast(&hourly(shop(400)), &request);
    for factor in [1e9, 1e-9] {
        let scaled = shop(400).into_iter().map(|value| value.map(|value| value * factor)).collect();
        let scaled = forecast(&hourly(scaled), &request);
        for (a, b) in plain.mean.iter().zip(&scaled.mean) {
            assert!((b / factor / a - 1.0).abs() < 1e-6, "{a} against {b}");
        }
    }
}

#[test]
fn a_horizon_beyond_history_and_negative_values_are_forecast_with_what_is_known() {
    let request = Request::new(200);
    let short = forecast(&hourly(shop(60)), &request);
    assert_honest(&short, &request, true);
    assert!(short.warnings.iter().any(|warning| warning.contains("backtest of")), "{:?}", short.warnings);

    let below = shop(400).into_iter().map(|value| value.map(|value| value - 500.0)).collect();
    let below = forecast(&hourly(below), &Request::new(24));
    assert_honest(&below, &Request::new(24), false);
    assert!(below.mean.iter().all(|value| (-500.0..-300.0).contains(value)), "{:?}", below.mean);
}

#[test]
fn a_very_long_series_is_forecast_from_its_end_alone() {
    let long = hourly(shop(150_000));
    let end =
        Series { grid: long.grid.advance(100_000), values: long.values[100_000..].to_vec(), ..long.clone() };
    let request = Request::new(24);
    let (long, end) = (forecast(&long, &request), forecast(&end, &request));
    assert_eq!((long.mean, long.quantiles), (end.mean, end.quantiles));
}

/// Mean of the forecast and mean width of its 80 % interval.
fn size_and_width(forecast: &Forecast) -> (f64, f64) {
    let (low, high) = (forecast.quantile(0.1).unwrap(), forecast.quantile(0.9).unwrap());
    let horizon = forecast.horizon() as f64;
    let width: f64 = low.iter().zip(high).map(|(low, high)| high - low).sum();
    (forecast.mean.iter().sum::<f64>() / horizon, width / horizon)
}

fn sale(from_hour: i64, multiplier: f64) -> Event {
    let start: chrono::DateTime<chrono::Utc> = "2026-01-05T00:00:00Z".parse().unwrap();
    let at = |hour: i64| Stamp::Time(start + chrono::Duration::hours(hour));
    Event {
        name: "sale".to_owned(),
        starts_at: at(from_hour),
        ends_at: at(from_hour + 24),
        multiplier,
        multiplier_low: None,
        multiplier_high: None,
        unique_id: None,
    }
}

#[test]
fn a_past_tenfold_day_neither_lifts_nor_widens_the_next_weeks_and_comes_back_when_announced() {
    let mut request = Request::new(24 * 14);
    let usual = size_and_width(&forecast(&hourly(shop(24 * 60)), &request));
    for day in [20, 40, 57] {
        let mut values = shop(24 * 60);
        values[24 * day..24 * (day + 1)].iter_mut().flatten().for_each(|value| *value *= 10.0);
        let series = hourly(values);
        for events in [Vec::new(), vec![sale(24 * day as i64, 10.0)]] {
            request.events = events;
            let after = size_and_width(&forecast(&series, &request));
            assert!(
                (after.0 / usual.0 - 1.0).abs() < 0.03,
                "day {day}: level {} against {}",
                after.0,
                usual.0
            );
            assert!(
                (after.1 / usual.1 - 1.0).abs() < 0.3,
                "day {day}: width {} against {}",
                after.1,
                usual.1
            );
        }
        let before = forecast(&series, &request);
        request.events = vec![sale(24 * day as i64, 10.0), sale(24 * 62, 10.0)];
        let again = forecast(&series, &request);
        for step in 0..request.horizon {
            let factor = if (48..72).contains(&step) { 10.0 } else { 1.0 };
            assert!((again.mean[step] / before.mean[step] - factor).abs() < 1e-9, "step {step}");
        }
        let doubt = again.quantile(0.9).unwrap()[50] / (10.0 * before.quantile(0.9).unwrap()[50]);
        assert!(doubt > 1.1, "the doubt about the multiplier widens the interval: {doubt}");
    }
}

/// How the forecast of a week of the shop goes whose history was changed, against that of the shop itself: the level
/// and the width of the middle 80 %, as ratios.
fn beside_the_shop(change: impl Fn(usize) -> f64) -> (f64, f64) {
    let hours = 54 * 24;
    let request = Request { levels: vec![0.1, 0.5, 0.9], ..Request::new(168) };
    let (level, width) = size_and_width(&forecast(&hourly(shop(hours)), &request));
    let changed = shop(hours)
        .into_iter()
        .enumerate()
        .map(|(hour, value)| value.map(|value| value * change(hours - hour)));
    let (changed_level, changed_width) = size_and_width(&forecast(&hourly(changed.collect()), &request));
    (changed_level / level, changed_width / width)
}

#[test]
fn a_move_to_a_third_is_the_new_level_days_later_and_its_doubt_that_of_the_new_level() {
    for days in [3, 14, 40] {
        let (level, width) = beside_the_shop(|ago| if ago <= days * 24 { 0.3 } else { 1.0 });
        assert!((0.28..0.32).contains(&level), "{days} days: {level}");
        assert!((0.2..0.7).contains(&width), "{days} days: {width}");
    }
}

#[test]
fn a_tenfold_day_within_the_last_week_changes_neither_level_nor_week() {
    let (level, width) = beside_the_shop(|ago| if (145..=168).contains(&ago) { 10.0 } else { 1.0 });
    assert!((0.97..1.03).contains(&level) && (0.8..1.25).contains(&width), "{level} {width}");
}

#[test]
fn an_outage_that_goes_on_and_a_refund_of_yesterday_change_little() {
    let (level, width) = beside_the_shop(|ago| if ago <= 8 { 0.02 } else { 1.0 });
    assert!((0.95..1.03).contains(&level) && (0.8..1.4).contains(&width), "{level} {width}");
    let daily_cost = |change: fn(usize) -> f64| {
        let days = (0..180).map(|day| {
            Some(100.0 * if day % 7 >= 5 { 0.6 } else { 1.0 } * (1.0 + 0.03 * noise(day)) * change(180 - day))
        });
        let request = Request { levels: vec![0.1, 0.5, 0.9], ..Request::new(14) };
        forecast(&daily(days.collect()), &request)
    };
    let (level, width) = size_and_width(&daily_cost(|_| 1.0));
    assert!(daily_cost(|_| 1.0).warnings.is_empty());
    let partial = daily_cost(|ago| if ago == 1 { 0.3 } else { 1.0 });
    assert!(partial.warnings[0].contains("newest points (1) are far below"), "{:?}", partial.warnings);
    for change in [|ago| if ago == 3 { -4.0 } else { 1.0 }, |ago| if ago == 1 { 0.3 } else { 1.0 }] {
        let changed = daily_cost(change);
        let (changed_level, changed_width) = size_and_width(&changed);
        assert!((0.97..1.03).contains(&(changed_level / level)), "{changed_level} {level}");
        assert!((0.7..1.4).contains(&(changed_width / width)), "{changed_width} {width}");
    }
}

#[test]
fn a_launch_that_is_all_of_history_is_what_is_usual() {
    let hours = 24 * 4;
    let launch = Event { ends_at: sale(hours, 1.0).starts_at, ..sale(0, 2.0) };
    let request = Request { events: vec![launch], ..Request::new(24) };
    let values = (0..hours as usize).map(|hour| Some(500.0 + 50.0 * noise(hour))).collect();
    let forecast = forecast(&hourly(values), &request);
    assert!((400.0..600.0).contains(&size_and_width(&forecast).0), "{:?}", forecast.mean);
    assert!(forecast.warnings[0].contains("within events"), "{:?}", forecast.warnings);
}

#[test]
fn a_service_that_was_moved_two_days_ago_is_forecast_where_it_is_now() {
    let moved = |factor: f64| {
        let values = shop(24 * 30).into_iter().enumerate();
        values
            .map(|(hour, value)| value.map(|value| if hour >= 24 * 28 { factor * value } else { value }))
            .collect()
    };
    let coming = &shop(24 * 31)[24 * 30..];
    for factor in [0.4, 3.0] {
        let forecast = forecast(&hourly(moved(factor)), &Request::new(24));
        for (step, value) in coming.iter().flatten().enumerate() {
            let ratio = forecast.mean[step] / (factor * value);
            assert!((0.8..1.25).contains(&ratio), "step {step} at {factor}: {ratio}");
        }
    }
    let mut since_yesterday = hourly(moved(0.0));
    since_yesterday.values.truncate(24 * 29 + 8);
    let off = forecast(&since_yesterday, &Request::new(24));
    assert!(off.quantiles.iter().flatten().all(|value| *value == 0.0), "{:?}", off.mean);
    assert!(off.warnings[0].contains("switched off") && off.reason.contains("newest 32 points"), "{off:?}");
}

#[test]
fn a_launch_from_nothing_has_intervals() {
    let launched = |day| Some(if day < 200 { 0.0 } else { 100.0 + 5.0 * noise(day) });
    let forecast = forecast(&daily((0..220).map(launched).collect()), &Request::new(30));
    assert!(forecast.quantile(0.9).unwrap()[0] > forecast.quantile(0.1).unwrap()[0] + 0.5, "{forecast:?}");
}

#[test]
fn a_switch_off_takes_a_day_of_measured_zeros_and_leaves_the_fees_that_still_come() {
    // A fee on the first of the month outlives what it was for by three weeks.
    let day_of_month = |day: usize| {
        (chrono::NaiveDate::from_ymd_opt(2025, 1, 1).unwrap() + chrono::Duration::days(day as i64))
            .format("%d")
            .to_string()
    };
    let cost = |day: usize| {
        let fee = if day_of_month(day) == "01" { 50.0 } else { 0.0 };
        Some(fee + if day < 200 { 100.0 + noise(day) } else { 0.0 })
    };
    let forecast_of = |values: Vec<Option<f64>>| forecast(&daily(values), &Request::new(30));
    let off = forecast_of((0..225).map(cost).collect());
    let fees: Vec<f64> = off.mean.iter().copied().filter(|value| *value > 0.0).collect();
    assert!(fees.len() == 1 && (fees[0] - 50.0).abs() < 3.0, "{fees:?}");
    assert!(off.reason.contains("apart from charges"), "{}", off.reason);
    let unknown = forecast_of((0..225).map(|day| cost(day).filter(|_| day < 205)).collect());
    assert!(
        !unknown.warnings.iter().any(|warning| warning.contains("switched off")),
        "{:?}",
        unknown.warnings
    );
    // A quarter of an hour by the minute is no switch-off, whether or not a day is in sight.
    let start = Stamp::Time("2026-01-05T00:00:00Z".parse().unwrap());
    let grid = Grid { start, frequency: Frequency::Seconds(60) };
    let values = (0..900).map(|minute| Some(if minute < 880 { 100.0 + 10.0 * noise(minute) } else { 0.0 }));
    let minutes = Series { unique_id: "s".to_owned(), grid, values: values.collect() };
    assert!(forecast(&minutes, &Request::new(30)).reason.contains("models were tried"));
}

#[test]
fn a_holiday_is_learned_from_its_past_occurrences() {
    let closed = [100, 130, 160, 190];
    let values = (0..200)
        .map(|day| Some((100.0 + 3.0 * noise(day)) * if closed.contains(&day) { 0.3 } else { 1.0 }))
        .collect();
    let start: chrono::DateTime<chrono::Utc> = "2025-01-01T00:00:00Z".parse().unwrap();
    let at = |day: i64| Stamp::Time(start + chrono::Duration::days(day));
    let holiday = |day: i64| Holiday { name: "closed".to_owned(), starts_at: at(day), ends_at: at(day + 1) };
    let mut request = Request::new(14);
    request.holidays = closed.iter().map(|day| holiday(*day as i64)).chain([holiday(205)]).collect();
    let forecast = forecast(&daily(values), &request);
    assert!((30.0..45.0).contains(&forecast.mean[5]), "{}", forecast.mean[5]);
    assert!((90.0..110.0).contains(&forecast.mean[6]), "{}", forecast.mean[6]);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let series: Vec<Series> = (0..12)
        .map(|index| {
            let values = shop(300 + 10 * index);
            Series { unique_id: index.to_string(), ..hourly(values) }
        })
        .collect();
    let request = Request::new(48);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&forecast_all(&series, &request)).unwrap())
    };
    assert_eq!(with(1), with(2));
}

#[test]
fn bounds_hold() {
    let mut request = Request::new(48);
    (request.lower_bound, request.upper_bound) = (Some(0.0), Some(100.0));
    let busy = shop(400).into_iter().map(|value| value.map(|value| (value * 0.9).min(100.0))).collect();
    let forecast = forecast(&hourly(busy), &request);
    assert!(forecast.quantiles.iter().flatten().all(|value| (0.0..=100.0).contains(value)));
}

#[test]
fn a_year_of_daily_cost_keeps_growing_a_little_and_widens() {
    let values = (0..425)
        .map(|day| {
            Some(
                (1000.0 + 1.5 * day as f64)
                    * (1.0 + 0.03 * noise(day))
                    * if day % 7 >= 5 { 0.8 } else { 1.0 },
            )
        })
        .collect();
    let request = Request::new(365);
    let forecast = forecast(&daily(values), &request);
    assert_honest(&forecast, &request, true);
    let month = |from: usize| forecast.mean[from..from + 28].iter().sum::<f64>() / 28.0;
    assert!(month(0) > 1400.0 && month(0) < 1700.0, "first month {}", month(0));
    assert!(month(330) > 0.98 * month(0) && month(330) < 1.5 * month(0), "last month {}", month(330));
    let width = |step: usize| forecast.quantile(0.9).unwrap()[step] - forecast.quantile(0.1).unwrap()[step];
    assert!(width(350) > width(14), "{} then {}", width(14), width(350));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_series_gets_an_honest_forecast(
        values in proptest::collection::vec(proptest::option::weighted(0.9, prop_oneof![
            8 => -1e3..1e6_f64,
            1 => Just(0.0),
            1 => prop::num::f64::ANY,
        ]), 0..300),
        horizon in 1_usize..120,
        seasons in proptest::option::of(proptest::collection::vec(2_usize..60, 0..3)),
    ) {
        let mut request = Request::new(horizon);
        request.season_lengths = seasons;
        for series in [hourly(values.clone()), daily(values)] {
            let once = forecast(&series, &request);
            assert_honest(&once, &request, false);
            prop_assert_eq!(once, forecast(&series, &request));
        }
    }

    #[test]
    fn what_was_never_negative_never_gets_a_negative_quantile(
        values in proptest::collection::vec(proptest::option::weighted(0.95, 0.0..1e3_f64), 1..200),
    ) {
        let request = Request::new(30);
        assert_honest(&forecast(&hourly(values), &request), &request, true);
    }
}
