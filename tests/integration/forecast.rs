//! `headroom forecast` and `headroom backtest` on files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};

use headroom_tests::{Headroom, Output, shared_data};

/// Files of the shared folder by a part of their name: steps ahead, and origins of a backtest. A competition has the
/// one origin that its organizers chose; years of hours are forecast a week ahead; a single series needs more origins
/// than three to say anything.
const TASKS: [(&str, usize, usize); 16] = [
    ("m3_yearly", 6, 1),
    ("m3_quarterly", 8, 1),
    ("m3_monthly", 18, 1),
    ("m3_other", 8, 1),
    ("m4_hourly", 48, 1),
    ("m4_daily", 14, 1),
    ("m4_weekly", 13, 1),
    ("pjm_hourly", 168, 3),
    ("grid_carbon_hourly", 168, 3),
    ("wp_peyton_manning_daily", 14, 12),
    ("_1min", 30, 3),
    ("_5min", 24, 3),
    ("_30min", 48, 3),
    ("_hourly", 24, 3),
    ("_daily", 14, 3),
    ("_weekly", 13, 3),
];
/// Months: the files that are left.
const MONTHS: (usize, usize) = (12, 3);

/// A file of series and how it is forecast.
struct Task {
    name: String,
    path: String,
    horizon: usize,
    windows: usize,
}

/// Three weeks of hours with the rhythm of days, a trend, and a little that repeats nowhere.
fn demand(names: &[&str]) -> String {
    let mut text = String::from("ds,extra,unique_id,y\n");
    for (index, name) in names.iter().enumerate() {
        for hour in 0..504_u32 {
            let rhythm = [40, 30, 25, 30, 60, 90, 100, 80][(hour % 24 / 3) as usize];
            let value = rhythm + hour / 20 + (hour * 7_919 + 13) % 11 + 10 * index as u32;
            let (day, hour) = (1 + hour / 24, hour % 24);
            writeln!(text, "2026-03-{day:02}T{hour:02}:00:00Z,x,{name},{value}").unwrap();
        }
    }
    text
}

fn forecast(app: &Headroom, input: &str, horizon: usize, output: &str, more: &[&str]) -> Output {
    let horizon = horizon.to_string();
    let mut arguments =
        vec!["forecast", "--input", input, "--horizon", &horizon, "--output", output, "--json"];
    arguments.extend(more);
    app.run(&arguments)
}

/// Rows by series, after checking header, order and quantiles.
fn table(text: &str, horizon: usize) -> BTreeMap<String, Vec<Vec<f64>>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<&str> = "unique_id,ds,mean,q0.025,q0.1,q0.5,q0.9,q0.975".split(',').collect();
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), header);
    let mut series: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
    let mut last = (String::new(), 0, String::new());
    for row in reader.records() {
        let row = row.unwrap();
        // by series, then time: steps as numbers, instants as text
        let place = (row[0].to_owned(), row[1].parse().unwrap_or(0), row[1].to_owned());
        let steps = place.0 == last.0 && place.1 > last.1;
        assert!(steps || (place.1 == 0 && place > last) || place.0 > last.0, "{last:?} before {place:?}");
        last = place;
        let numbers: Vec<f64> = row.iter().skip(2).map(|cell| cell.parse().unwrap()).collect();
        assert!(numbers.iter().all(|number| number.is_finite()), "{row:?}");
        assert!(numbers[1..].windows(2).all(|pair| pair[0] <= pair[1]), "quantiles cross: {row:?}");
        series.entry(row[0].to_owned()).or_default().push(numbers);
    }
    assert!(series.values().all(|rows| rows.len() == horizon));
    series
}

/// Every file of series, a competition's test part appended to its training part.
fn tasks(app: &Headroom) -> Vec<Task> {
    let Some(folder) = shared_data("series") else { return Vec::new() };
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.contains("_test") && !name.contains("anomaly_windows"))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    let prepare = |name: String| {
        let known = TASKS.iter().find(|(part, ..)| name.contains(part));
        let (horizon, windows) = known.map_or(MONTHS, |(_, horizon, windows)| (*horizon, *windows));
        let mut text = content(&name);
        if let Some((competition, _)) = name.split_once("_train") {
            text.push_str(content(&format!("{competition}_test.csv")).split_once('\n').unwrap().1);
        }
        let path = app.file(name.trim_end_matches(".gz"), text);
        Task { name, path, horizon, windows }
    };
    files.into_iter().map(prepare).collect()
}

/// The text of a file, gzip or plain.
fn content(name: &str) -> String {
    let file = std::fs::File::open(shared_data(&format!("series/{name}")).unwrap()).unwrap();
    let mut bytes: Box<dyn Read> = if name.ends_with(".gz") {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut text = String::new();
    bytes.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn every_shared_series_is_forecast_alike_on_one_thread_and_two() {
    let app = Headroom::new();
    for Task { name, path, horizon, .. } in tasks(&app) {
        let (one, two) = (app.path("one.csv"), app.path("two.csv"));
        let summary = forecast(&app, &path, horizon, &one, &["--threads", "1"]).expect(0).json();
        forecast(&app, &path, horizon, &two, &["--threads", "2"]).expect(0);
        let (one, two) = (std::fs::read_to_string(&one).unwrap(), std::fs::read_to_string(&two).unwrap());
        assert!(one == two, "{name}: one thread and two differ");

        let mut lowest: BTreeMap<String, f64> = BTreeMap::new();
        for row in csv::Reader::from_path(&path).unwrap().records() {
            let row = row.unwrap();
            let y = row[2].parse().unwrap_or(f64::INFINITY);
            let low = lowest.entry(row[0].to_owned()).or_insert(f64::INFINITY);
            *low = low.min(y);
        }
        let forecasts = table(&one, horizon);
        assert_eq!(forecasts.keys().collect::<Vec<_>>(), lowest.keys().collect::<Vec<_>>(), "{name}");
        assert_eq!((&summary["series"], &summary["failed"]), (&lowest.len().into(), &0.into()), "{name}");
        for (id, rows) in forecasts.iter().filter(|(id, _)| lowest[*id] >= 0.0) {
            assert!(rows.iter().all(|row| row[1] >= 0.0), "{id} of {name} was never negative");
        }
    }
}

#[test]
fn a_backtest_beats_seasonal_naive_on_every_shared_file() {
    let app = Headroom::new();
    let mut worse = Vec::new();
    for Task { name, path, horizon, windows } in tasks(&app) {
        let (horizon, windows) = (horizon.to_string(), windows.to_string());
        let output = app.path("scores.json");
        let arguments =
            ["backtest", "--input", &path, "--horizon", &horizon, "--windows", &windows, "--output", &output];
        app.run(&arguments).expect(0);
        let scores: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&output).unwrap()).unwrap();
        let mase = |model: &str| scores["overall"]["models"][model]["mase"].as_f64().unwrap();
        println!("{name}: {:.3} beside {:.3}", mase("headroom"), mase("seasonal_naive"));
        if mase("headroom") >= mase("seasonal_naive") {
            worse.push(name);
        }
        let own = &scores["overall"]["models"]["headroom"];
        for score in
            ["smape", "pinball", "crps", "coverage_50", "coverage_80", "coverage_95", "bias", "ms_per_series"]
        {
            assert!(own[score].is_number(), "{score} is missing: {own}");
        }
        let series = scores["series"].as_array().unwrap();
        let counted = [&scores["overall"]["series"], &scores["overall"]["skipped"]];
        assert_eq!(series.len() as u64, counted.iter().filter_map(|count| count.as_u64()).sum::<u64>());
        assert!(series.is_sorted_by_key(|series| series["unique_id"].as_str().unwrap()));
    }
    assert!(worse.is_empty(), "not better than seasonal naive: {worse:?}");
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let app = Headroom::new();
    let text = demand(&["b", "a", "c"]);
    let (header, rows) = text.split_once('\n').unwrap();
    let by_series: Vec<&str> = rows.lines().collect();
    let mut by_time = by_series.clone();
    by_time.sort();
    let backwards: Vec<&str> = by_time.iter().rev().copied().collect();
    let outputs = [by_series, by_time, backwards].map(|rows| {
        let path = app.file("rows.csv", format!("{header}\n{}\n", rows.join("\n")));
        forecast(&app, &path, 5, "-", &[]).expect(0).text()
    });
    assert_eq!(table(&outputs[0], 5).len(), 3);
    assert!(outputs[0].lines().nth(1).unwrap().starts_with("a,"), "{}", outputs[0]);
    assert!(outputs.iter().all(|output| *output == outputs[0]));
}

#[test]
fn files_and_pipes_say_the_same() {
    let app = Headroom::new();
    let text = demand(&["api", "web"]);
    let plain = app.file("demand.csv", &text);
    let out = app.path("out.csv");
    let summary = forecast(&app, &plain, 24, &out, &[]).expect(0).json();
    assert_eq!((&summary["series"], &summary["failed"]), (&2.into(), &0.into()));
    assert_eq!(
        summary["models"].as_object().unwrap().values().filter_map(|count| count.as_u64()).sum::<u64>(),
        2
    );
    let expected = std::fs::read_to_string(&out).unwrap();
    let rows = table(&expected, 24);
    assert!(expected.lines().nth(1).unwrap().starts_with("api,2026-03-22T00:00:00Z,"), "{expected}");
    let level = rows["api"].iter().map(|row| row[0]).sum::<f64>() / 24.0;
    assert!((60.0..120.0).contains(&level), "a day of the last week had 85 on average, not {level}");

    // gzip in, gzip out
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    let zipped = app.file("demand.csv.gz", packed.finish().unwrap());
    let out = app.path("out.csv.gz");
    forecast(&app, &zipped, 24, &out, &[]).expect(0);
    let mut unpacked = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(&out).unwrap())
        .read_to_string(&mut unpacked)
        .unwrap();
    assert!(unpacked == expected, "gzip changes the forecast");

    // standard input, standard output: the summary goes elsewhere
    let arguments = ["forecast", "--input", "-", "--horizon", "24", "--output", "-", "--json"];
    let piped = app.run_with(&arguments, text.as_bytes()).expect(0);
    assert!(piped.text() == expected, "pipes change the forecast");
    let beside: serde_json::Value = serde_json::from_str(&piped.stderr).unwrap();
    assert_eq!(beside["series"], 2);
    // a pipe that is given as a path
    let arguments = ["forecast", "--input", "/dev/stdin", "--horizon", "24", "--output", "-"];
    assert!(app.run_with(&arguments, text.as_bytes()).expect(0).text() == expected, "the path changes it");
    app.run_with(&arguments, b"PAR1").fails_with(1, &["/dev/stdin", "Parquet from a pipe"]);

    // Parquet out
    let out = app.path("out.parquet");
    forecast(&app, &plain, 24, &out, &[]).expect(0);
    let bytes = std::fs::read(&out).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));

    // other levels, named as typed
    let levels = ["--quantiles", "0.50,0.9", "--season-length", "24", "--freq", "1h"];
    let piped = forecast(&app, &plain, 2, "-", &levels).expect(0).text();
    assert!(piped.starts_with("unique_id,ds,mean,q0.50,q0.9\n"), "{piped}");
}

#[test]
fn integer_steps_stay_integers_and_hopeless_series_are_named() {
    let app = Headroom::new();
    let mut text = String::from("unique_id,ds,y\n");
    (0..60).for_each(|step| writeln!(text, "steps,{step},{}", 10 + step % 6).unwrap());
    text.push_str("short,0,7\nmissing,0,\nmissing,1,\nmissing,2,\n");
    let path = app.file("steps.csv", text);
    let output = forecast(&app, &path, 3, "-", &[]).expect(0);
    let summary: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("short") && warnings.contains("missing"), "{warnings}");
    let shown = output.text();
    assert_eq!(shown.lines().count(), 1 + 3 * 3, "{shown}");
    assert!(shown.contains("\nsteps,60,") && shown.contains("\nshort,1,7"), "{shown}");
}

#[test]
fn a_series_that_is_left_out_is_named_and_counted() {
    let app = Headroom::new();
    let mut text = String::from("unique_id,ds,y\n");
    for name in ["late", "whole"] {
        (0..60).for_each(|second| {
            writeln!(text, "{name},2026-01-01T00:00:{second:02}Z,{}", second % 6).unwrap()
        });
    }
    let path = app.file("gap.csv", text.replace("late,2026-01-01T00:00:59Z", "late,2126-01-01T00:00:00Z"));
    let output = forecast(&app, &path, 3, &app.path("out.csv"), &[]).expect(3);
    let summary = output.json();
    assert_eq!((&summary["series"], &summary["failed"]), (&2.into(), &1.into()), "{summary}");
    let reason = summary["input"]["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("2126-01-01T00:00:00Z") && reason.contains("coarser --freq"), "{reason}");

    let rows: String = (0..60).map(|row| format!("far,{},1\nnear,{row},1\n", i64::MAX - 62 + row)).collect();
    let far = app.file("far.csv", format!("unique_id,ds,y\n{rows}"));
    let output = forecast(&app, &far, 3, &app.path("out.csv"), &[]).expect(3);
    let reason = output.json()["input"]["skipped"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("no 3 stamps after its last one, 9223372036854775804"), "{reason}");
    forecast(&app, &far, 2, &app.path("out.csv"), &[]).expect(0);

    // An event of a series that is there and was left out is no mistake.
    let events = "name,starts_at,ends_at,multiplier,unique_id\nsale,2026-01-01,2026-01-02,2,late\n";
    let events = app.file("events.csv", events);
    let told = forecast(&app, &path, 3, &app.path("out.csv"), &["--events", &events]).expect(3).json();
    assert_eq!(told["warnings"], summary["warnings"]);

    let reason = summary["input"]["skipped"][0]["reason"].as_str().unwrap();
    let scores = app.path("scores.json");
    app.run(&["backtest", "--input", &path, "--horizon", "3", "--output", &scores]).expect(3);
    let scores: serde_json::Value = serde_json::from_slice(&std::fs::read(scores).unwrap()).unwrap();
    assert_eq!((&scores["overall"]["series"], &scores["overall"]["skipped"]), (&1.into(), &1.into()));
    assert_eq!(scores["series"][1]["unique_id"], "late");
    assert_eq!(scores["series"][1]["warnings"][0], reason);
}

#[test]
fn what_became_of_the_rows_is_told_by_both_commands() {
    let app = Headroom::new();
    let mut text = demand(&["api"]);
    text.push_str("2026-03-01T00:00:00Z,x,api,44\n2026-03-01T00:05:00Z,x,api,44\n");
    (0..30).for_each(|_| text.push_str("later,x,api,5\n"));
    let path = app.file("rows.csv", text);
    let counts = "536 rows: 30 rejected, 2 averaged with others at their point, 1 moved onto the grid";
    for command in ["forecast", "backtest"] {
        let output = app.path("out");
        let arguments = [command, "--input", &path, "--horizon", "3", "--output", &output];
        let told = app.run(&arguments).expect(3).stderr;
        for part in [counts, "line 508, column ds: not a time: found \"later\"", "10 more"] {
            assert!(told.contains(part), "{command}: {told}");
        }
        let told = app.run(&[&arguments[..], &["--json"]].concat()).expect(3).json();
        assert_eq!((&told["input"]["rejected"], &told["input"]["duplicates"]), (&30.into(), &2.into()));
    }

    let hopeless = app.file("hopeless.csv", "unique_id,ds,y\na,01/02/2026,1\na,01/03/2026,2\n");
    for command in ["forecast", "backtest"] {
        let output = app.path("none");
        app.run(&[command, "--input", &hopeless, "--horizon", "3", "--output", &output])
            .fails_with(1, &["2 of 2 rows were rejected", "line 2, column ds", "01/02/2026", "line 3"]);
        assert!(!std::path::Path::new(&output).exists());
        let output = app.run(&[command, "--input", &hopeless, "--horizon", "3", "--output", "-"]).expect(1);
        assert_eq!(output.text(), "");
    }
}

#[test]
fn a_spacing_of_the_wrong_kind_is_refused() {
    let app = Headroom::new();
    let times = app.file("times.csv", demand(&["api"]));
    let rows: String = (0..60).map(|row| format!("steps,{},{}\n", 1_000 + 5 * row, row % 6)).collect();
    let steps = app.file("steps.csv", format!("unique_id,ds,y\n{rows}"));
    let wrong = [(&times, "24", "its stamps are times"), (&steps, "1h", "its stamps are steps")];
    for (path, freq, reason) in wrong {
        forecast(&app, path, 3, "-", &["--freq", freq]).fails_with(1, &[reason, &format!("--freq {freq}")]);
    }
    forecast(&app, &times, 3, "-", &["--freq", "1ms"]).fails_with(2, &["--freq", "milliseconds"]);
    let shown = forecast(&app, &steps, 3, "-", &["--freq", "5"]).expect(0).text();
    assert!(shown.contains("\nsteps,1300,"), "{shown}");
}

#[test]
fn what_is_read_is_not_written_over() {
    let app = Headroom::new();
    let text = demand(&["api"]);
    let path = app.file("history.csv", &text);
    let events = app.file("events.csv", "name,starts_at,ends_at,multiplier\n");
    let other = app.path("./history.csv");
    for command in ["forecast", "backtest"] {
        app.run(&[command, "--input", &path, "--horizon", "3", "--output", &other])
            .fails_with(2, &["--output", "--input", "history.csv"]);
    }
    forecast(&app, &path, 3, &events, &["--events", &events]).fails_with(2, &["--events"]);
    assert!(std::fs::read_to_string(&path).unwrap() == text, "the history is as it was");
}

#[test]
fn bad_rows_are_named_and_bad_files_refused() {
    let app = Headroom::new();
    let mut text = demand(&["api"]);
    text.push_str("2026-03-22T00:00:00Z,x,api,many\nlater,x,api,5\n");
    let path = app.file("bad.csv", text);
    let output = forecast(&app, &path, 3, &app.path("out.csv"), &[]).expect(3);
    let rejects = &output.json()["input"]["rejects"];
    assert_eq!((&rejects[0]["place"]["line"], &rejects[0]["place"]["column"]), (&506.into(), &"y".into()));
    assert_eq!((&rejects[1]["place"]["line"], &rejects[1]["found"]), (&507.into(), &"later".into()));

    let no_y = app.file("no-y.csv", "unique_id,ds,value\na,1,2\n");
    forecast(&app, &no_y, 3, "-", &[]).fails_with(1, &["no-y.csv", "y"]);
    let empty = app.file("empty.csv", "");
    forecast(&app, &empty, 3, "-", &[]).fails_with(1, &["empty.csv"]);
    let header_only = app.file("header.csv", "unique_id,ds,y\n");
    forecast(&app, &header_only, 3, "-", &[]).fails_with(1, &["no series"]);
    let good = app.file("good.csv", demand(&["api"]));
    forecast(&app, &good, 3, "-", &["--quantiles", "0.5,1.5"]).fails_with(2, &["--quantiles", "1.5"]);
    forecast(&app, &good, 0, "-", &[]).fails_with(2, &["--horizon"]);
    forecast(&app, &good, 3, "-", &["--threads", "20000"]).expect(0);
    forecast(&app, &good, 3, "/nowhere/out.csv", &[]).fails_with(1, &["/nowhere/out.csv"]);
}

#[test]
fn the_rhythm_of_the_day_follows_the_clock_of_a_time_zone() {
    let app = Headroom::new();
    let path = app.file("demand.csv", demand(&["api"]));
    // 9 March is in winter; the clock is put forward on 29 March, and 14:00 UTC becomes what 15:00 was.
    let at = |zone: &str| {
        let text = forecast(&app, &path, 240, "-", &["--time-zone", zone]).expect(0).text();
        let row = text.lines().find(|row| row.starts_with("api,2026-03-30T14:00:00Z,")).unwrap().to_owned();
        assert_eq!(text.lines().count(), 241);
        row.split(',').nth(2).unwrap().parse::<f64>().unwrap()
    };
    let (utc, berlin) = (at("UTC"), at("Europe/Berlin"));
    assert!(berlin - utc > 20.0, "{berlin} by the clock of Berlin, {utc} by UTC");
    forecast(&app, &path, 24, "-", &["--time-zone", "Mars/Base"])
        .fails_with(2, &["--time-zone", "Mars/Base", "Europe/Berlin"]);
}

#[test]
fn a_driver_that_is_known_ahead_carries_the_forecast() {
    let app = Headroom::new();
    let busy = |step: u32| if step * step * 7 % 31 < 6 { 9 } else { 1 + step * 13 % 3 };
    let table = |name: &str, steps: u32, value: &dyn Fn(u32) -> u32| {
        let rows = (0..steps).map(|step| format!("{name},{step},{}\n", value(step)));
        format!("unique_id,ds,y\n{}", rows.collect::<String>())
    };
    let orders = app.file("orders.csv", table("orders", 200, &|step| 50 + 20 * busy(step)));
    let campaigns = app.file("campaigns.csv", table("campaigns", 214, &busy));
    let output = forecast(&app, &orders, 14, "-", &["--drivers", &campaigns]).expect(0).text();
    for (step, row) in (200..).zip(output.lines().skip(1)) {
        let mean: f64 = row.split(',').nth(2).unwrap().parse().unwrap();
        let expected = f64::from(50 + 20 * busy(step));
        assert!((mean / expected - 1.0).abs() < 0.15, "{row} against {expected}");
    }
    let scores = app.path("scores.json");
    let backtest = ["backtest", "--input", &orders, "--horizon", "14", "--output", &scores, "--json"];
    let mase = |more: &[&str]| {
        let output = app.run(&[&backtest[..], more].concat()).expect(0);
        output.json()["models"]["headroom"]["mase"].as_f64().unwrap()
    };
    let (driven, alone) = (mase(&["--drivers", &campaigns]), mase(&[]));
    assert!(driven < 0.5 * alone, "{driven} against {alone}");

    let short = app.file("short.csv", table("campaigns", 205, &busy));
    let output = forecast(&app, &orders, 14, "-", &["--drivers", &short]).expect(0);
    assert!(output.stderr.contains("no value at 205"), "{}", output.stderr);
    let none = app.file("none.csv", "unique_id,ds,y\n");
    forecast(&app, &orders, 14, "-", &["--drivers", &none])
        .fails_with(1, &["--drivers", "none.csv", "no series"]);
}

#[test]
fn events_that_no_series_uses_are_named_before_anything_else() {
    let app = Headroom::new();
    let mut text = demand(&["shop"]);
    // More series with something to say about than are shown.
    (0..30).for_each(|index| writeln!(text, "2026-03-01T00:00:00Z,x,short-{index},1").unwrap());
    let path = app.file("demand.csv", text);
    let header = "name,starts_at,ends_at,multiplier,unique_id\n";
    let sale = "sale,2026-03-22T08:00:00Z,2026-03-22T20:00:00Z,3,shop\n";
    let good = app.file("good.csv", format!("{header}{sale}"));
    let wrong = app.file(
        "wrong.csv",
        format!(
            "{header}{sale}launch,2026-03-22,2026-03-23,2,shpo\nlaunch,510,520,2,shop\nlaunch,510,520,2,\n"
        ),
    );
    let out = app.path("out.csv");
    let at_eight = |events: &str| {
        let summary = forecast(&app, &path, 24, &out, &["--events", events]).expect(0).json();
        let table = table(&std::fs::read_to_string(&out).unwrap(), 24);
        (summary["warnings"].as_array().unwrap().clone(), table["shop"][8][0])
    };
    let (silent, mean) = at_eight(&good);
    let (told, same) = at_eight(&wrong);
    assert_eq!(mean, same);
    let named = [
        format!(
            "1 event is not used, as no series has the unique_id: \"launch\" for \"shpo\" ({wrong}, line 3); \
             correct the unique_id, or leave it empty for all series"
        ),
        format!(
            "2 events are not used, as the stamps are of another kind: \"launch\" starts at 510 where \"shop\" has \
             times ({wrong}, line 4), \"launch\" starts at 510 where the series have times ({wrong}, line 5); \
             give starts_at and ends_at as the stamps of the series"
        ),
    ];
    assert_eq!(told[..2], named);
    assert!(silent.len() > 20 && told[2..] == silent, "{told:?}");

    let arguments = ["forecast", "--input", &path, "--horizon", "24", "--output", &out, "--events", &wrong];
    let shown = app.run(&arguments).expect(0).stderr;
    assert!(named.iter().all(|sentence| shown.contains(&format!("warning: {sentence}\n"))), "{shown}");

    let backwards = app.file("backwards.csv", format!("{header}sale,2026-03-23,2026-03-22,3,shop\n"));
    forecast(&app, &path, 24, &out, &["--events", &backwards])
        .fails_with(1, &["backwards.csv, line 2, column ends_at", "ends before it starts"]);
}
