//! The demo company from its files to its plan, as `headroom demo` serves it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use demo::Expectation;
use headroom_tests::{Headroom, Server};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::bills::{Ledger, amount, ledger};

/// The demo, loaded twice: first on its own, then by the server that every test here asks. Loading takes long, so there
/// is one. It ends with the test process.
pub(crate) struct Demo {
    stages: Value,
    after_first: BTreeMap<String, Ledger>,
    pub(crate) server: Server,
    pub(crate) app: Headroom,
}

pub(crate) fn shared() -> &'static Demo {
    // Lazy, not once: a demo that fails is not tried again by every test.
    static SHARED: LazyLock<Demo> = LazyLock::new(|| {
        let app = Headroom::new();
        // Other commands on the demo's data folder have to be about the same company.
        app.file("headroom.toml", include_str!("../../data/demo-headroom.toml"));
        let stages = app.run(&["demo", "--no-serve", "--json"]).expect(0).json();
        let folder = app.path("demo");
        let mut first = app.serve_on(&folder);
        first.sign_in(&app, "demo");
        let after_first = ledger(&first);
        first.end("INT");
        let mut server = app.demo();
        server.sign_in(&app, "demo");
        Demo { stages, after_first, server, app }
    });
    &SHARED
}

#[test]
fn every_stage_says_how_much_it_did() {
    let stages = shared().stages.as_array().unwrap();
    let items = |name: &str| {
        let stage = stages.iter().find(|stage| stage["name"] == name);
        let stage = stage.unwrap_or_else(|| panic!("no stage {name:?} in {stages:?}"));
        assert!(stage["duration_ms"].is_u64(), "{stage}");
        stage["items"].as_u64().unwrap()
    };
    assert!(items("import bills") > 50_000);
    assert!(items("import utilization and inventory") > 500_000);
    assert!(items("load prices, events and budgets") > 1_000);
    assert!(items("forecast cost") > 50);
    assert!(items("find anomalies") >= 1);
    assert!(items("forecast demand and utilization") > 100);
    assert!(items("plan capacity") >= 1);
    assert!(items("plan savings") >= 20);
}

#[test]
fn the_ledger_is_the_same_after_a_second_time() {
    let demo = shared();
    assert!(!demo.after_first.is_empty());
    assert_eq!(ledger(&demo.server), demo.after_first);
    // What was imported is what the pages show.
    let months = demo.after_first.iter().filter(|(key, _)| key.ends_with("USD"));
    let billed: Decimal = months.map(|(_, month)| month.billed).sum();
    let costs = demo.server.api("/costs?period=all&cost=billed&group_by=provider");
    assert_eq!(amount(&costs["total"]), billed);
    let groups = costs["groups"].as_array().unwrap();
    assert_eq!(groups.iter().map(|group| amount(&group["cost"])).sum::<Decimal>(), billed);
    assert_eq!(groups.len(), 3, "AWS, Azure, Google Cloud: {groups:?}");
}

#[test]
fn a_workload_without_a_unit_throughput_is_planned_by_the_history_of_its_group() {
    let server = &shared().server;
    let plan = server.api("/capacity/order%20workers");
    let mut said = plan["assumptions"].as_array().unwrap().iter().filter_map(|text| text.as_str());
    let said = said.find(|text| text.starts_with("By the history of the group “order-worker”")).unwrap();
    assert!(said.contains("The line explains") && said.contains("no knee was seen"), "{said}");
    let told = server.api("/capacity/order%20workers/throughput");
    let unit = told["throughput"]["unit_throughput"].as_f64().unwrap();
    assert!(said.contains(&format!("{unit:.1} each")), "{said}: {told}");
    let rows = plan["rows"].as_array().unwrap();
    let most = |column: &str| rows.iter().filter_map(|row| row[column].as_f64()).fold(0.0, f64::max);
    // 62 % of what one worker carries is used, and the least is two workers.
    assert!(
        most("required") >= 2.0 && most("required") <= (most("demand_p95") / unit / 0.62 * 2.0).max(2.0),
        "{unit}"
    );
}

#[test]
fn a_workload_counts_what_its_kind_says_from_the_configuration_on() {
    let server = &shared().server;
    let kind = |name: &str| server.api(&format!("/capacity/{name}"))["kind"].clone();
    assert_eq!((kind("storefront%20web"), kind("order%20workers")), ("instances".into(), "workers".into()));
    let workers = server.api("/capacity/order%20workers")["assumptions"].to_string();
    assert!(workers.contains("A new worker serves 300 s"), "{workers}");
    assert!(
        workers.contains("By queue_length/arn:aws:sqs:") && workers.contains("messages waited in"),
        "{workers}"
    );
    assert!(workers.contains("messages wait already and are gone 3600 s after the start"), "{workers}");
    let events = server.api_list("/events");
    let sale = events.iter().find(|stored| stored["event"]["starts_at"] == "2026-11-27T00:00:00Z");
    let sale = &sale.unwrap_or_else(|| panic!("{events:?}"))["id"];
    let steps = server.api(&format!("/capacity/order%20workers/runbooks/{sale}")).to_string();
    assert!(steps.contains(" workers are scheduled") && !steps.contains("instance"), "{steps}");

    let disk = "shop%20database%20storage";
    let plan = server.api(&format!("/capacity/{disk}"));
    assert_eq!(plan["kind"], "storage");
    let rows = plan["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 180, "a row a day for half a year");
    let column = |name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).collect::<Vec<u64>>();
    let (required, scheduled) = (column("required"), column("scheduled"));
    assert!(required.is_sorted() && scheduled.is_sorted() && required.iter().all(|gib| gib % 10 == 0));
    // 80 % of it is to be used: what is there has room for a quarter more.
    let last = rows.last().unwrap()["demand_p95"].as_f64().unwrap();
    let largest = *required.last().unwrap() as f64;
    assert!((last / 0.8..last / 0.8 * 1.1 + 10.0).contains(&largest), "{last}: {largest}");
    assert!(plan["policies"].as_array().unwrap().is_empty());

    let why = "Storage does not boot, queue or shrink";
    assert!(plan["assumptions"].to_string().contains(why), "{plan}");
    let advice = server.api(&format!("/capacity/{disk}/advice"));
    assert!(advice["advice"]["chosen"].is_null(), "{advice}");
    assert!(advice["advice"]["reasons"][0].as_str().unwrap().starts_with(why), "{advice}");
    let triggers = server.api(&format!("/capacity/{disk}/triggers"));
    assert!(triggers[0]["reason"].as_str().unwrap().starts_with(why), "{triggers}");
    // The same forecast today as in the run: nothing was announced that storage would follow.
    let outlooks = server.api(&format!("/capacity/{disk}/outlooks"));
    assert_eq!(outlooks["outlooks"][0]["peak_required"], outlooks["outlooks"][1]["peak_required"]);
    assert_eq!(outlooks["outlooks"][0]["cost"], outlooks["outlooks"][1]["cost"]);
}

#[test]
fn the_plan_adds_up_in_every_digit() {
    let plan = &shared().server.api("/plan")["plan"];
    let (before, after) = (amount(&plan["before"]), amount(&plan["after"]));
    let steps = plan["steps"].as_array().unwrap();
    let increments: Decimal = steps.iter().map(|step| amount(&step["incremental"])).sum();
    assert_eq!(increments, before - after);
    assert!(after > Decimal::ZERO && increments > Decimal::ZERO, "{before} to {after}");
    // The parts of a step are its recommendations.
    let mut by_step: BTreeMap<&str, Decimal> = BTreeMap::new();
    for found in plan["recommendations"].as_array().unwrap() {
        *by_step.entry(found["step"].as_str().unwrap()).or_default() +=
            amount(&found["estimated_monthly_savings"]["expected"]);
    }
    for step in steps {
        let sum = by_step.get(step["step"].as_str().unwrap()).copied().unwrap_or_default();
        assert_eq!(sum, amount(&step["incremental"]), "{step}");
    }
}

#[test]
fn budgets_stand_between_the_ledger_and_the_forecast() {
    let demo = shared();
    let budgets = demo.server.api("/budgets");
    let budgets = budgets["items"].as_array().unwrap();
    assert_eq!(budgets.len(), demo::company().budgets.len());
    for budget in budgets {
        let (outlook, id) = (&budget["outlook"], budget["budget"]["unique_id"].as_str().unwrap());
        let risk = &outlook["risk"];
        let total = risk["total"].as_array().unwrap();
        let (p10, p50, p90) = (amount(&total[0]), amount(&total[1]), amount(&total[2]));
        assert!(amount(&outlook["spent"]) <= p10 && p10 < p50 && p50 < p90, "{budget}");
        let allowed = amount(&budget["budget"]["amount"]);
        let chance = risk["breach_probability"].as_f64().unwrap();
        assert_eq!(chance > 0.5, p50 > allowed, "{budget}");
        assert_eq!(outlook["breaks_on"].is_string(), p50 > allowed, "{budget}");
        // What was spent is what the cost pages say of the days before the forecast; their periods end with a day inside.
        let forecast = demo.server.api(&format!("/forecasts/{}", id.replace('/', "%2F")));
        let start = &forecast["forecast"]["grid"]["start"].as_str().unwrap()[..10];
        let team = id.strip_prefix("cost/team/").map(|team| format!("&include=team%3A{team}"));
        let costs = |from: &str| {
            let team = team.as_deref().unwrap_or_default();
            amount(&demo.server.api(&format!("/costs?from={from}&to={start}{team}"))["total"])
        };
        let before = costs(outlook["first"].as_str().unwrap()) - costs(start);
        assert_eq!(before, amount(&outlook["spent"]), "{id}");
    }
}

#[test]
fn planted_truths_are_found_and_the_control_group_left_alone() {
    let company = demo::company();
    let plan = &shared().server.api("/plan")["plan"];
    let recommendations = plan["recommendations"].as_array().unwrap();
    let skips: BTreeSet<&str> =
        plan["skips"].as_array().unwrap().iter().filter_map(|skip| skip["subject"].as_str()).collect();
    let (mut scored, mut missed) = (0, Vec::new());
    for truth in &company.truths {
        let about = |id: &str| truth.resource_ids.iter().any(|resource| resource == id);
        let named = |found: &Value| found["resource_id"].as_str().is_some_and(about);
        let is_found = match &truth.expected {
            Expectation::Recommend { actions, finding } => recommendations.iter().any(|found| {
                (truth.resource_ids.is_empty() || named(found))
                    && actions.iter().any(|action| found["action_type"] == action.as_str())
                    && finding.is_none_or(|finding| found["finding"] == finding.as_str())
            }),
            Expectation::LeftAlone => {
                !recommendations.iter().any(named) && skips.iter().any(|subject| about(subject))
            }
            Expectation::CommitmentWarning => skips.iter().any(|subject| about(subject)),
            // The stage that looks for anomalies has tests of its own.
            Expectation::Anomaly { .. } => continue,
        };
        scored += 1;
        if !is_found {
            missed.push(&truth.id);
        }
    }
    println!("{} of {scored} truths found, missed: {missed:?}", scored - missed.len());
    assert!(scored >= 20 && missed.len() * 10 <= scored, "missed {missed:?} of {scored}");

    let control = |found: &&Value| {
        found["resource_id"].as_str().is_some_and(|id| company.controls.iter().any(|control| control == id))
    };
    let alarms: Vec<&Value> =
        recommendations.iter().filter(|found| found["step"] != "commit").filter(control).collect();
    assert!(!company.controls.is_empty() && alarms.is_empty(), "{alarms:?}");
}

#[test]
fn forecasts_travel_with_interval_and_score() {
    let server = &shared().server;
    let forecasts = server.api_list("/forecasts");
    assert!(forecasts.len() > 100, "{}", forecasts.len());
    let runs = server.api_list("/runs");
    assert_eq!(runs.len(), 3, "one for each time that the demo ran, and the plan of three weeks before");
}

#[test]
fn the_advice_of_three_weeks_before_is_looked_back_at() {
    let replays = shared().server.api("/plan/replays");
    let [replay] = replays["items"].as_array().unwrap().as_slice() else { panic!("{replays}") };
    assert_eq!(
        (&replay["since"], &replay["until"]),
        (&"2026-10-11T00:00:00Z".into(), &"2026-11-01T00:00:00Z".into())
    );
    let (paid, with) = (amount(&replay["paid"]), amount(&replay["with_advice"]));
    let sum = |of: &str, what: &str| -> Decimal {
        replay[of].as_array().unwrap().iter().map(|part| amount(&part[what])).sum()
    };
    assert_eq!((sum("steps", "realized"), sum("advice", "realized")), (paid - with, paid - with));
    assert_eq!(sum("steps", "claimed"), sum("advice", "claimed"));
    assert!(paid > with && with > Decimal::ZERO, "{paid} {with}");
    let hours = |what: &str| -> u64 {
        let each = replay["advice"].as_array().unwrap().iter();
        each.filter_map(|advice| advice["overload"][what].as_u64()).sum()
    };
    assert!(hours("hours") > 1_000 && hours("short") * 20 < hours("hours"), "{}", hours("short"));
}

#[test]
fn recommendations_are_scripts_that_bash_reads() {
    let demo = shared();
    for (format, part) in [
        ("aws-cli", "aws ec2 modify-instance-attribute"),
        ("azure-cli", "az "),
        ("gcp-cli", "gcloud "),
        ("terraform", "resource \"aws_s3_bucket_lifecycle_configuration\""),
    ] {
        let text = demo.server.api_text(&format!("/recommendations/exports/{format}"));
        assert!(text.contains(part), "{format}: {text}");
        if format != "terraform" {
            let file = demo.app.file("script.sh", &text);
            let read = std::process::Command::new("bash").args(["-n", &file]).output().unwrap();
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        }
    }
}
