//! `headroom forecast` and `headroom backtest` on files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};

use headroom_tests::{Headroom, Output, shared_data};

/// Files with a time, small enough for a debug build, and their horizons.
const SHARED: [(&str, usize); 3] =
    [("series/misc_weekly.csv", 12), ("series/nasa_july_hourly.csv", 48), ("series/misc_monthly.csv", 12)];

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
    let mut last = (String::new(), String::new());
    for row in reader.records() {
        let row = row.unwrap();
        let place = (row[0].to_owned(), row[1].to_owned());
        let is_next = if place.0 == last.0 { place.1 > last.1 } else { !series.contains_key(&place.0) };
        assert!(is_next, "{last:?} before {place:?}");
        last = place;
        let numbers: Vec<f64> = row.iter().skip(2).map(|cell| cell.parse().unwrap()).collect();
        assert!(numbers.iter().all(|number| number.is_finite()), "{row:?}");
        assert!(numbers[1..].windows(2).all(|pair| pair[0] <= pair[1]), "quantiles cross: {row:?}");
        series.entry(row[0].to_owned()).or_default().push(numbers);
    }
    assert!(series.values().all(|rows| rows.len() == horizon));
    series
}

#[test]
fn every_shared_series_is_forecast_alike_on_one_thread_and_two() {
    let app = Headroom::new();
    for (name, horizon) in SHARED {
        let Some(path) = shared_data(name) else { continue };
        let path_text = path.display().to_string();
        let (one, two) = (app.path("one.csv"), app.path("two.csv"));
        let summary = forecast(&app, &path_text, horizon, &one, &["--threads", "1"]).expect(0).json();
        forecast(&app, &path_text, horizon, &two, &["--threads", "2"]).expect(0);
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
        assert_eq!((&summary["series"], &summary["failed"]), (&lowest.len().into(), &0.into()));
        for (id, rows) in forecasts.iter().filter(|(id, _)| lowest[*id] >= 0.0) {
            assert!(rows.iter().all(|row| row[1] >= 0.0), "{id} of {name} was never negative");
        }
    }
}

#[test]
fn a_backtest_beats_seasonal_naive_on_shared_series() {
    let app = Headroom::new();
    for (name, horizon) in SHARED {
        let Some(path) = shared_data(name) else { continue };
        let (path, horizon) = (path.display().to_string(), horizon.to_string());
        let output = app.path("scores.json");
        let arguments =
            ["backtest", "--input", &path, "--horizon", &horizon, "--windows", "3", "--output", &output];
        app.run(&arguments).expect(0);
        let scores: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&output).unwrap()).unwrap();
        let mase = |model: &str| scores["overall"]["models"][model]["mase"].as_f64().unwrap();
        println!("{name}: {:.3} beside {:.3}", mase("headroom"), mase("seasonal_naive"));
        assert!(mase("headroom") < mase("seasonal_naive"), "{name}");
        let own = &scores["overall"]["models"]["headroom"];
        for score in ["smape", "pinball", "crps", "coverage_50", "coverage_80", "coverage_95", "bias"] {
            assert!(own[score].is_number(), "{score} is missing: {own}");
        }
        assert!(scores["ms_per_series"].is_number());
        assert_eq!(scores["series"].as_array().unwrap().len(), scores["overall"]["series"]);
    }
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
    forecast(&app, &good, 3, "-", &["--quantiles", "0.5,1.5"]).fails_with(1, &["1.5"]);
    forecast(&app, &good, 0, "-", &[]).fails_with(1, &["horizon"]);
    forecast(&app, &good, 3, "/nowhere/out.csv", &[]).fails_with(1, &["/nowhere/out.csv"]);
}
