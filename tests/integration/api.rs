//! The JSON API as programs use it: the file mode for bodies, limits of requests, and whatever schemathesis makes up.

use std::time::Duration;

use headroom_tests::{Headroom, Server};
use serde_json::{Map, Value, json};

use crate::plan_files::{PRICES, requests, usage};
use crate::tools::{repository, tool};

/// Columns that are text even where they look like a number.
const TEXTS: [&str; 4] = ["account", "resource_id", "unique_id", "os"];

/// Rows of a table as the API takes them: an empty cell is not there, a number is a number.
fn rows(csv: &str) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = header.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        let value = |column: &str, cell: &str| match serde_json::from_str(cell) {
            Ok(found @ (Value::Number(_) | Value::Bool(_) | Value::Object(_)))
                if !TEXTS.contains(&column) =>
            {
                found
            }
            _ => Value::from(cell),
        };
        Value::Object(
            cells.map(|(column, cell)| (column.to_owned(), value(column, cell))).collect::<Map<_, _>>(),
        )
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// The hourly series of a long table.
fn series(csv: &str) -> Value {
    let rows = rows(csv);
    let y: Vec<&Value> = rows.iter().map(|row| &row["y"]).collect();
    json!([{"unique_id": rows[0]["unique_id"], "start": rows[0]["ds"], "step_seconds": 3600, "y": y}])
}

fn post(server: &Server, token: &str, path: &str, body: &Value) -> Value {
    let answer = server.call("POST", &format!("/api/v1/{path}"), token, Some(body));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[test]
fn bodies_get_what_files_get() {
    let app = Headroom::new();
    let server = app.serve();
    let token = app.run(&["token", "create", "--name", "twins", "--scope", "read"]).expect(0).text();
    let token = token.trim();
    let file = |arguments: &[&str]| app.run(&[arguments, &["--output", "-"]].concat()).expect(0);

    let hours = usage(84);
    let (usage, prices) = (app.file("usage.csv", &hours), app.file("prices.csv", PRICES));
    let tables = ["--usage", &usage, "--prices", &prices];
    let held = "id,provider,account,region,plan,instance_type,os,quantity,term_years,payment,starts_at,ends_at\n\
        sp-1,AWS,app,,compute_sp,,,0.2,1,no_upfront,2026-01-01T00:00:00Z,2026-12-01T00:00:00Z\n";
    let holding = app.file("held.csv", held);
    let settings = ["--commitments", &holding, "--every", "28d", "--risk", "0.3"];
    let from_files = file(&[&["plan", "commitments"], &tables[..], &settings].concat()).json();
    let body = json!({"usage": rows(&hours), "prices": rows(PRICES), "commitments": rows(held),
        "every_days": 28, "risk": 0.3});
    assert_eq!(post(&server, token, "commitments:compute", &body), from_files);
    assert!(!from_files["purchases"].as_array().unwrap().is_empty());

    let settings =
        ["--policies", "headroom,lookback-30,none", "--every", "30d", "--start", "2026-03-01T00:00:00Z"];
    let from_files = file(&[&["replay", "commitments"], &tables[..], &settings].concat()).json();
    let body = json!({"usage": rows(&hours), "prices": rows(PRICES), "start": "2026-03-01T00:00:00Z",
        "policies": ["headroom", "lookback-30", "none"], "every_days": 30});
    assert_eq!(post(&server, token, "commitments:replay", &body), from_files);

    let (metrics, inventory, catalog) = machines();
    let tables = [
        app.file("metrics.csv", &metrics),
        app.file("inventory.csv", &inventory),
        app.file("catalog.csv", &catalog),
    ];
    let from_files = file(&[
        "plan",
        "rightsize",
        "--metrics",
        &tables[0],
        "--inventory",
        &tables[1],
        "--catalog",
        &tables[2],
    ]);
    let body = json!({"metrics": rows(&metrics), "inventory": rows(&inventory), "catalog": rows(&catalog)});
    assert_eq!(post(&server, token, "rightsizing:compute", &body), from_files.json());

    let load = requests(28);
    let demand = app.file("requests.csv", &load);
    let sent = series(&load);
    let scaling =
        ["replay", "autoscaling", "--demand", &demand, "--unit-throughput", "100", "--lead-time", "5m"];
    let body = json!({"demand": sent, "unit_throughput": 100, "lead_time_seconds": 300});
    assert_eq!(post(&server, token, "autoscaling:replay", &body), file(&scaling).json());

    let scoring = ["backtest", "--input", &demand, "--horizon", "24", "--windows", "2"];
    let mut from_files = file(&scoring).json();
    let mut scores =
        post(&server, token, "backtests:compute", &json!({"series": sent, "horizon": 24, "windows": 2}));
    for answer in [&mut from_files, &mut scores] {
        // How long it took is never the same.
        assert!(answer["seconds"].take().as_f64().unwrap() > 0.0);
        assert!(answer["ms_per_series"].take().as_f64().unwrap() > 0.0);
        for scored in answer["series"].as_array_mut().unwrap() {
            scored["models"]["headroom"].as_object_mut().unwrap().remove("ms_per_series");
        }
        answer["overall"]["models"]["headroom"].as_object_mut().unwrap().remove("ms_per_series");
    }
    assert_eq!(scores, from_files);

    let ahead = ["forecast", "--input", &demand, "--horizon", "24", "--quantiles", "0.1,0.5,0.9"];
    let from_files = rows(&file(&ahead).text());
    let body = json!({"series": sent, "horizon": 24, "levels": [0.1, 0.5, 0.9]});
    let forecast = &post(&server, token, "forecasts:compute", &body)[0];
    for (step, row) in from_files.iter().enumerate() {
        let numbers =
            [&forecast["mean"][step], &forecast["quantiles"][0][step], &forecast["quantiles"][2][step]];
        for (number, column) in numbers.into_iter().zip(["mean", "q0.1", "q0.9"]) {
            close(number, &row[column]);
        }
    }
    assert_eq!(from_files.len(), forecast["mean"].as_array().unwrap().len());

    let planning = [
        "plan",
        "capacity",
        "--demand",
        &demand,
        "--unit-throughput",
        "100",
        "--horizon",
        "2d",
        "--schedule-utilization",
        "0.9",
    ];
    let from_files = rows(&file(&planning).text());
    let body = json!({"demand": {"series": sent, "horizon": 48}, "unit_throughput": 100, "schedule_utilization": 0.9});
    let plan = &post(&server, token, "capacity:compute", &body)[0];
    for (made, row) in plan["rows"].as_array().unwrap().iter().zip(&from_files) {
        assert_eq!((&made["required"], &made["scheduled"]), (&row["required"], &row["scheduled"]));
        close(&made["demand_p95"], &row["demand_p95"]);
    }
    assert_eq!(from_files.len(), 48);
}

/// Files round what they write for people's eyes.
fn close(a: &Value, b: &Value) {
    let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
    assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{a} {b}");
}

/// Two machines, one of them far too large, and the sizes there are.
fn machines() -> (String, String, String) {
    let mut metrics = String::from("resource_id,ds,metric,value\n");
    let inventory = "resource_id,provider,account,region,instance_type,os,tags\n\
        i-large,AWS,app,eu-central-1,m7i.2xlarge,linux,\"{\"\"team\"\":\"\"web\"\"}\"\n\
        i-right,AWS,app,eu-central-1,m7i.2xlarge,Linux,\n";
    let mut catalog = String::from(
        "provider,region,instance_type,family,architecture,vcpu,memory_gib,network_gbps,ebs_mbps,ebs_iops,burstable,\
         performance_per_vcpu,on_demand_hourly\n",
    );
    for (id, cpu, memory) in [("i-large", 12, 6), ("i-right", 55, 26)] {
        for hour in 0..7 * 24 {
            let ds = format!("2026-03-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
            for (name, value) in [("cpu_utilization", cpu + hour % 3), ("memory_used", memory)] {
                metrics.push_str(&format!("{id},{ds},{name},{value}\n"));
            }
        }
    }
    for (size, vcpu) in [("large", 2), ("xlarge", 4), ("2xlarge", 8)] {
        let (memory, price) = (vcpu * 4, f64::from(vcpu) * 0.06);
        catalog.push_str(&format!(
            "AWS,eu-central-1,m7i.{size},m7i,x86_64,{vcpu},{memory},12.5,10000,40000,false,,{price}\n"
        ));
    }
    (metrics, inventory.to_owned(), catalog)
}

#[test]
fn who_asks_too_often_waits_and_others_do_not() {
    let app = Headroom::new();
    app.file("headroom.toml", "[server]\napi_requests_per_minute = 20\n");
    let server = app.serve();
    let token = |name: &str| {
        app.run(&["token", "create", "--name", name, "--scope", "read"]).expect(0).text().trim().to_owned()
    };
    let (often, once) = (token("often"), token("once"));
    let ask = |token: &str| server.call("GET", "/api/v1/runs", token, None);
    let answers: Vec<_> = (0..30).map(|_| ask(&often)).collect();
    assert_eq!(answers[0].header("ratelimit-policy"), Some("\"default\";q=20;w=60"));
    assert_eq!(answers[0].header("ratelimit"), Some("\"default\";r=19;t=3"));
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!((5..=10).contains(&refused.len()), "{} of 30 refused", refused.len());
    let last = refused.last().unwrap();
    assert_eq!(last.header("content-type"), Some("application/problem+json"));
    let wait: u64 = last.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    assert_eq!(ask(&once).status, 200, "another token");
    // Guesses share the bucket of their address, whatever address they claim.
    let guesses: Vec<_> = (0..30).map(|n| ask(&format!("guess-{n}")).status).collect();
    assert_eq!((guesses[0], guesses[29]), (401, 429), "{guesses:?}");
    assert_eq!(ask(&once).status, 200, "a token from the same address");
    assert_eq!(server.get("/healthz").status, 200);
    std::thread::sleep(Duration::from_secs(wait));
    assert_eq!(ask(&often).status, 200, "after waiting as long as was said");
}

/// Test cases that schemathesis makes up for each operation while it fuzzes; its phase of coverage has its own number.
const CASES: &str = "5";

/// Runs schemathesis over the document as its caller may use it, and fails on whatever it finds.
fn schemathesis(server: &Server, folder: &std::path::Path, token: &str) {
    let ended = tool("schemathesis")
        .current_dir(folder)
        .env("SCHEMATHESIS_TOKEN", token)
        .arg("--config-file")
        .arg(repository("tests/schemathesis.toml"))
        .args(["run", &server.url("/api/v1/openapi.json"), "--max-examples", CASES])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{printed}\n{}", String::from_utf8_lossy(&ended.stderr));
    let summary = printed.split("SUMMARY").nth(1).unwrap_or_default();
    println!("{summary}");
}

#[test]
fn whatever_is_made_up_is_answered_as_the_document_says() {
    let app = Headroom::new();
    app.file("headroom.toml", "[server]\napi_requests_per_minute = 1000000\n");
    let server = app.serve();
    for scope in ["read", "write", "admin"] {
        let token = app.run(&["token", "create", "--name", scope, "--scope", scope]).expect(0).text();
        schemathesis(&server, app.folder(), token.trim());
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
