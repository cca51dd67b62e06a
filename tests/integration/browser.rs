//! Pages as people see them: a real browser opens all of them and walks through the main job.

use serde_json::Value;

use crate::demo::shared;
use crate::tools::{node, repository};

/// Pages that have to be among those the browser found by itself.
const PAGES: [&str; 22] = [
    "sign-in",
    "overview",
    "costs",
    "forecasts",
    "forecast",
    "capacity",
    "workload",
    "scenarios",
    "throughput",
    "trigger",
    "advice",
    "driven",
    "calendar-preview",
    "runbook",
    "review",
    "recommendations",
    "plan",
    "sources",
    "run",
    "reports",
    "settings",
    "missing",
];

#[test]
fn every_page_reads_well_and_the_main_job_can_be_done() {
    let ended = node("tests/browser/pages.mjs")
        .arg(repository("target/screenshots"))
        .env("HEADROOM_URL", shared().server.url(""))
        .env("HEADROOM_EMAIL", "demo@example.org")
        .env("HEADROOM_PASSWORD", "headroom-demo")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let found: Value = serde_json::from_slice(&ended.stdout).unwrap();

    let problems: Vec<String> =
        found["problems"].as_array().unwrap().iter().map(|problem| format!("\n{problem}")).collect();
    assert!(problems.is_empty(), "{} problems:{}", problems.len(), problems.concat());
    for page in PAGES {
        assert!(found["pages"].as_array().unwrap().iter().any(|name| name == page), "{page} was not opened");
    }
    assert_eq!(found["views"], 4, "two widths, two themes");
    // The figures that the walk compared, so that it cannot have compared nothing.
    let drilled = found["story"]["costs"]["drilled"].as_str().unwrap();
    assert!(drilled.parse::<u64>().unwrap() > 0, "{}", found["story"]);
    assert_eq!(found["story"]["planned"]["clicks"].as_object().unwrap().len(), 11, "{}", found["story"]);
}
