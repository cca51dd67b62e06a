//! The weekly report as it arrives: sent by hand to a real mail server, taken apart like a mail program does.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use headroom_tests::Output;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

use crate::bills::amount;
use crate::demo::{Demo, shared};
use crate::tools::{python, repository};

/// Mail programs cut off, and mail servers refuse, what is much larger.
const MOST_BYTES: u64 = 100_000;

#[test]
fn the_report_arrives_whole_and_its_total_is_that_of_the_costs() {
    let demo = shared();
    let mail = receive(demo);
    let tree: Vec<&str> = mail["tree"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(
        tree,
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "multipart/related",
            "text/html",
            "image/png",
            "text/csv"
        ]
    );
    assert_eq!(mail["defects"], Value::Array(vec![]));
    assert_eq!(mail["to"][0], "finance@example.org");
    assert!(mail["bytes"].as_u64().unwrap() < MOST_BYTES, "{} bytes", mail["bytes"]);
    // Sent by hand, nobody has subscribed to it.
    assert!(mail["headers"].get("list-unsubscribe").is_none(), "{}", mail["headers"]);

    let part =
        |kind: &str| mail["parts"].as_array().unwrap().iter().find(|part| part["type"] == kind).unwrap();
    let (text, html) =
        (part("text/plain")["text"].as_str().unwrap(), part("text/html")["text"].as_str().unwrap());
    let picture = part("image/png");
    assert_eq!(picture["disposition"], "inline");
    assert!(picture["pixels"][0].as_u64().unwrap() >= 1000, "{}", picture["pixels"]);
    let id = picture["id"].as_str().unwrap().trim_matches(['<', '>']);
    assert!(html.contains(&format!("cid:{id}")), "the picture is not shown");
    assert!(!html.contains("<script") && !html.contains("src=\"http"), "nothing is loaded from elsewhere");

    // The link of the report leads to the costs of the same days.
    let days = text.split("/costs?").nth(1).unwrap().split_whitespace().next().unwrap();
    let costs = demo.server.api(&format!("/costs?group_by=team&{days}"));
    let total = amount(&costs["total"]);
    let shown = in_cents(total);
    for (place, words) in [("subject", mail["subject"].as_str().unwrap()), ("text", text), ("HTML", html)] {
        assert!(words.contains(&shown), "{shown} is not in the {place}: {words}");
    }
    check_attachment(part("text/csv"), total, &costs);
}

/// The table: the same total in every digit, and teams that add up to it.
fn check_attachment(part: &Value, total: Decimal, costs: &Value) {
    assert_eq!(part["disposition"], "attachment");
    let start = costs["from"].as_str().unwrap();
    assert!(part["file"].as_str().unwrap().contains(start), "{}", part["file"]);
    let mut reader = csv::Reader::from_reader(part["text"].as_str().unwrap().as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let sum = |dimension: &str| -> Decimal {
        rows.iter().filter(|row| &row[0] == dimension).map(|row| row[2].parse::<Decimal>().unwrap()).sum()
    };
    assert!(rows.iter().all(|row| &row[4] == "USD"));
    assert_eq!(sum("total"), total);
    assert_eq!(sum("team"), total);
    assert_eq!(sum("service"), total);
}

/// Sends the report to a server that takes one message.
fn receive(demo: &Demo) -> Value {
    let mut server =
        python("tests/mail/receive.py").stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let port = next()["port"].as_u64().unwrap();
    let sent = send(demo, port);
    if sent.code != Some(0) {
        let _ = server.kill();
    }
    assert!(sent.expect(0).stderr.contains("finance@example.org"));
    let mail = next();
    assert!(server.wait().unwrap().success());
    mail
}

fn send(demo: &Demo, port: u64) -> Output {
    let company = std::fs::read_to_string(repository("data/demo-headroom.toml")).unwrap();
    let config = format!("{company}\n[mail]\nsmtp_url = \"smtp://127.0.0.1:{port}\"\n");
    let config = demo.app.file("with-mail.toml", config);
    let folder = demo.app.path("demo");
    demo.app.run(&[
        "report",
        "send",
        "--to",
        "finance@example.org",
        "--data-dir",
        &folder,
        "--config",
        &config,
    ])
}

/// `1,234.57`.
fn in_cents(amount: Decimal) -> String {
    let rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let plain = format!("{rounded:.2}");
    let (whole, cents) = plain.split_once('.').unwrap();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{cents}")
}
