//! Imports from object storage: the same promises as for files, on a server of somebody else's that speaks S3.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use headroom_tests::{Headroom, Output, signal};
use serde_json::{Value, json};

use crate::bills::{Bill, ledger};
use crate::tools::python;

/// Rows of the bill that is killed on its way: several parts of 16 MiB.
const LARGE: u64 = 200_000;

/// A running imitation of S3 with the bucket `bills`; it ends with its standard input.
struct S3 {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl S3 {
    /// Starts it, and points an installation at it.
    fn start(app: &mut Headroom) -> Self {
        let mut command = python("tests/buckets/s3.py");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut s3 = Self { child, input, lines };
        let endpoint = format!("http://127.0.0.1:{}", s3.answer()["port"]);
        for (name, value) in [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ] {
            app.set(name, value);
        }
        s3
    }

    fn tell(&mut self, command: &Value) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Puts a file under a key.
    fn put(&mut self, app: &Headroom, key: &str, contents: impl AsRef<[u8]>) {
        let file = app.file("to-be-put", contents);
        self.tell(&json!({"do": "put", "key": key, "file": file}));
    }

    /// How often a part of an object was asked for.
    fn reads(&mut self) -> u64 {
        self.tell(&json!({"do": "reads"}))["reads"].as_u64().unwrap()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

fn import(app: &Headroom, url: &str) -> Output {
    app.run(&["ingest", "billing", "--format", "focus", "--json", url])
}

/// Copies that an import left behind, beside the lock.
fn left_behind(app: &Headroom) -> usize {
    std::fs::read_dir(app.folder().join("incoming"))
        .map_or(0, |found| found.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count())
}

#[test]
fn a_folder_of_a_bucket_is_loaded_once_restated_and_never_doubled() {
    let mut app = Headroom::new();
    let mut s3 = S3::start(&mut app);
    let mut server = app.serve();
    server.sign_in(&app, "");
    let (january, february) = (Bill::of_days(1, 1..=31, 620), Bill::of_days(2, 1..=28, 56));
    s3.put(&app, "focus/data/2026-01/part-0.csv", january.csv());
    s3.put(&app, "focus/data/2026-02/part 0.csv", february.csv());
    s3.put(&app, "focus/metadata/2026-01/focus-Manifest.json", "{}");
    s3.put(&app, "focus/data/_SUCCESS", "x");
    s3.put(&app, "focus-old/part-0.csv", "not a bill");
    s3.tell(&json!({"do": "mark", "key": "focus/"}));
    s3.tell(&json!({"do": "mark", "key": "focus/data/"}));

    let first = import(&app, "s3://bills/focus/").expect(0);
    assert!(first.stderr.contains("s3://bills/focus/: 2 objects"), "{}", first.stderr);
    assert!(first.stderr.contains("4 hidden"), "{}", first.stderr);
    let report = first.json();
    let names: Vec<&str> =
        report["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["s3://bills/focus/data/2026-01/part-0.csv", "s3://bills/focus/data/2026-02/part 0.csv"]
    );
    let before = ledger(&server);
    assert_eq!(before["2026-01 USD"].billed, january.billed);
    assert_eq!(before["2026-02 USD"].billed, february.billed);
    assert_eq!((s3.reads(), left_behind(&app)), (2, 0));

    // Again: nothing changes, and nothing is fetched to see that.
    assert_eq!(import(&app, "s3://bills/focus").expect(0).json()["already_loaded"], true);
    assert_eq!((ledger(&server), s3.reads()), (before, 2));

    // Without the cache it is fetched, and still nothing changes.
    std::fs::remove_dir_all(app.folder().join("cache")).unwrap();
    assert_eq!(import(&app, "s3://bills/focus").expect(0).json()["already_loaded"], true);
    assert_eq!(s3.reads(), 4);

    // The provider writes the month anew under the same key.
    let restated = Bill::of_days(1, 1..=31, 651);
    s3.put(&app, "focus/data/2026-01/part-0.csv", restated.csv());
    let report = import(&app, "s3://bills/focus/").expect(0).json();
    let replaced = report["load"]["replaced"].as_array().unwrap();
    let january = replaced.iter().find(|month| month["billing_month"] == "2026-01").unwrap();
    assert_eq!(january["object_key"], "s3://bills/focus/data/2026-01/part-0.csv");
    assert_eq!((&january["old"]["rows"], &january["new"]["rows"]), (&620.into(), &651.into()));
    assert_eq!(ledger(&server)["2026-01 USD"].billed, restated.billed);
    assert_eq!(ledger(&server)["2026-02 USD"].billed, february.billed);
    assert_eq!(left_behind(&app), 0);
}

#[test]
fn a_configured_source_says_first_what_it_would_read() {
    let mut app = Headroom::new();
    let mut s3 = S3::start(&mut app);
    let mut server = app.serve();
    server.sign_in(&app, "");
    let bill = Bill::of_days(3, 1..=31, 62);
    s3.put(&app, "export/march.csv", bill.csv());
    for id in ["i-1", "i-2"] {
        s3.put(&app, &format!("inventory/{id}.csv"), machine(id));
    }
    let config = "[[source]]\nname = \"bill\"\nkind = \"billing_files\"\nformat = \"focus\"\npath = \"s3://bills/export/\"\n\
                  [[source]]\nname = \"machines\"\nkind = \"inventory_file\"\npath = \"s3://bills/inventory/\"\n";
    app.file("headroom.toml", config);

    let would = app.run(&["ingest", "--dry-run", "bill"]).expect(0).text();
    assert!(
        would.contains("bill: would read 1 files") && would.contains("s3://bills/export/march.csv"),
        "{would}"
    );
    assert_eq!((s3.reads(), ledger(&server).len()), (0, 0));

    app.run(&["ingest"]).expect(0);
    assert_eq!(ledger(&server)["2026-03 USD"].billed, bill.billed);
    // Several files of one inventory are one inventory: it is replaced as a whole, so one id may be in one of them only.
    let again = app.run(&["ingest", "machines"]).expect(0);
    assert!(again.stderr.contains("machines: 2 rows, 0 rejected"), "{}", again.stderr);
    s3.put(&app, "inventory/i-3.csv", machine("i-1"));
    app.run(&["ingest", "machines"]).fails_with(1, &["machines", "i-1", "twice"]);
}

fn machine(id: &str) -> String {
    format!(
        "resource_id,provider,account,region,instance_type,os,tags\n{id},aws,app,eu-central-1,m5.large,Linux,{{}}\n"
    )
}

#[test]
fn a_fetch_that_is_killed_in_the_middle_loses_and_doubles_nothing() {
    let mut app = Headroom::new();
    let mut s3 = S3::start(&mut app);
    let mut server = app.serve();
    server.sign_in(&app, "");
    let bill = Bill::large(LARGE);
    s3.put(&app, "large.csv", bill.csv());
    s3.tell(&json!({"do": "weather", "slow_seconds": 2}));
    let before = s3.reads();
    let mut child = app.start(&["ingest", "billing", "--format", "focus", "s3://bills/large.csv"]);
    while s3.reads() < before + 2 {
        assert!(child.try_wait().unwrap().is_none(), "the import ended before it could be killed");
        std::thread::sleep(Duration::from_millis(50));
    }
    signal(child.id(), "KILL");
    child.wait().unwrap();
    assert_eq!((ledger(&server).len(), left_behind(&app)), (0, 1));

    // Servers have bad moments, too.
    s3.tell(&json!({"do": "weather", "failures": 2}));
    let report = import(&app, "s3://bills/large.csv").expect(0).json();
    bill.assert_sums(&report["load"]["sums"]);
    assert_eq!(left_behind(&app), 0);
    assert_eq!(import(&app, "s3://bills/large.csv").expect(0).json()["already_loaded"], true);
}

#[test]
fn what_cannot_be_read_is_refused_with_place_reason_and_next_step() {
    let mut app = Headroom::new();
    let mut s3 = S3::start(&mut app);
    let mut server = app.serve();
    server.sign_in(&app, "");
    s3.put(&app, "good.csv", Bill::of_days(4, 1..=30, 30).csv());
    s3.put(&app, "folder/cut.csv.gz", [0x1f_u8, 0x8b, 8, 0]);
    s3.put(&app, "mixed/a.csv", Bill::of_days(4, 1..=30, 30).csv());
    s3.put(&app, "mixed/b.csv", "not,a,bill\n1,2,3\n");

    let refuse = |url: &str, parts: &[&str]| {
        let output = app.run(&["ingest", "billing", "--format", "focus", url]);
        println!("{url}: {}", output.stderr.trim());
        let output = output.fails_with(1, parts);
        assert!(!output.stderr.contains("incoming"), "the copy is named: {}", output.stderr);
        assert_eq!((ledger(&server).len(), left_behind(&app)), (0, 0), "{url} left something behind");
    };
    refuse("s3://other/", &["s3://other/", "no bucket", "AWS_REGION"]);
    refuse("s3://bills/nothing/", &["s3://bills/nothing/", "no such object", "check the name"]);
    refuse("s3://bills/folder/", &["s3://bills/folder/cut.csv.gz", "damaged"]);
    refuse("s3://bills/mixed/", &["s3://bills/mixed/b.csv"]);
    refuse("http://example.org/bill.csv", &["http://example.org/bill.csv", "s3://bucket/folder/"]);
    // Five times an error is one too many.
    s3.tell(&json!({"do": "weather", "failures": 1000}));
    refuse("s3://bills/good.csv", &["s3://bills/good.csv", "after retries", "run the import again"]);
    s3.tell(&json!({"do": "weather"}));

    let mut strangers = Headroom::new();
    for (name, value) in [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
    ] {
        strangers.set(name, value);
    }
    let output = strangers.run(&["ingest", "billing", "--format", "focus", "s3://bills/good.csv"]);
    println!("{}", output.stderr.trim());
    output.fails_with(1, &["s3://bills/good.csv", "no AWS credentials", "AWS_ACCESS_KEY_ID"]);
}
