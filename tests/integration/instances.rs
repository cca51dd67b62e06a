//! Starting, stopping, sharing and losing what runs.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use headroom_tests::{Headroom, signal};

use crate::bills::{Bill, ledger};

#[test]
fn a_second_instance_is_refused_and_a_killed_one_is_replaced() {
    let app = Headroom::embedded();
    let mut first = app.serve();
    let pid = first.pid().to_string();
    let refused = app.run(&["serve", "--addr", "127.0.0.1:0"]);
    refused.fails_with(1, &[&format!("process {pid}"), "--data-dir", "DATABASE_URL"]);
    // Short commands use the database that is running.
    let listed = app.run(&["user", "list", "--json"]).expect(0);
    assert_eq!(listed.json(), serde_json::json!([]));
    assert_eq!(first.get("/readyz").status, 200);

    first.end("KILL");
    // The database that it left behind is stopped and started again.
    let mut second = app.serve();
    assert_eq!(second.get("/readyz").status, 200);
    second.sign_in(&app, "");
    assert_eq!(ledger(&second).len(), 0);
    assert_eq!(second.end("INT").code(), Some(0));
    assert!(!app.folder().join("postgres/postmaster.pid").exists(), "the database still runs");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the promise is one about time")]
fn a_polite_end_is_quick_and_a_taken_port_is_named() {
    let app = Headroom::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "demo"] {
        app.run(&[command, "--addr", &address]).fails_with(1, &[&address, "--addr", "HEADROOM_ADDR"]);
    }
    assert!(!app.folder().join("postgres").exists(), "nothing should have been started");

    let mut server = app.serve();
    assert!(server.get("/healthz").body.starts_with("ok"));
    // A connection that somebody keeps open does not hold it up for ever.
    let _idle = std::net::TcpStream::connect(server.address()).unwrap();
    let start = Instant::now();
    assert_eq!(server.end("TERM").code(), Some(0), "{}", server.log());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn nothing_but_health_is_told_to_strangers() {
    let app = Headroom::new();
    let server = app.serve();
    for path in ["/healthz", "/readyz", "/metrics", "/sign-in"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let pages = [
        "/",
        "/costs",
        "/costs.csv",
        "/costs.json",
        "/forecasts",
        "/forecasts.csv",
        "/capacity",
        "/recommendations",
        "/recommendations.csv",
        "/recommendations.yaml",
        "/plan",
        "/plan.csv",
        "/plan.json",
        "/sources",
        "/sources/reconciliation",
        "/runs",
        "/reports",
        "/settings",
        "/help",
        "/no-such-page",
    ];
    for path in pages {
        let answer = server.get(path);
        let to_sign_in = answer.header("location").is_some_and(|place| place.starts_with("/sign-in"));
        let hidden = answer.status == 404 && path == "/no-such-page";
        assert!(hidden || (300..400).contains(&answer.status) && to_sign_in, "{path}: {answer:?}");
    }
    for path in
        ["costs", "charges", "forecasts", "recommendations", "plan", "events", "capacity", "runs", "sources"]
    {
        let answer = server.get(&format!("/api/v1/{path}"));
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
    }
}

#[test]
fn a_database_that_goes_away_in_the_middle_is_said_and_costs_nothing() {
    let app = Headroom::embedded();
    app.run(&["db", "migrate"]).expect(0);
    let bill = Bill::large(200_000);
    let path = app.file("large.csv", bill.csv());
    let import = ["ingest", "billing", "--format", "focus", "--json", &path];
    let child = app.start(&import);
    let pid_file = app.folder().join("postgres/postmaster.pid");
    let postmaster = loop {
        let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
        if let Some(pid) = text.lines().next().and_then(|line| line.parse().ok()) {
            break pid;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    std::thread::sleep(Duration::from_millis(1500));
    signal(postmaster, "KILL");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the database") && !said.contains("panicked"), "{said}");

    let report = app.run(&import).expect(0).json();
    assert_eq!(report["already_loaded"], false);
    bill.assert_sums(&report["load"]["sums"]);
    let mut server = app.serve();
    server.sign_in(&app, "");
    let months = ledger(&server);
    assert_eq!(months.values().map(|month| month.rows).sum::<u64>(), bill.count);
    assert_eq!(months.values().map(|month| month.billed).sum::<rust_decimal::Decimal>(), bill.billed);
}
