//! `headroom plan …` and `headroom replay …` on small files: the shapes that scripts rely on.

use std::fmt::Write;

use headroom_tests::Headroom;
use serde_json::Value;

/// Prices of one instance type: on demand, a savings plan and a reservation.
pub(crate) const PRICES: &str = "provider,region,instance_type,os,plan,term_years,payment,hourly,upfront\n\
AWS,eu-central-1,m7i.large,Linux,on_demand,,,0.12,0\n\
AWS,eu-central-1,m7i.large,Linux,compute_sp,1,no_upfront,0.085,0\n\
AWS,eu-central-1,m7i.large,Linux,ri_standard,1,all_upfront,0,604.44\n";

/// Ten machines by day, six by night, for `days` days of 2026 from January on.
pub(crate) fn usage(days: u32) -> String {
    let mut text = String::from("hour,provider,account,region,instance_type,os,quantity\n");
    for day in 0..days {
        let (month, day) = (1 + day / 28, 1 + day % 28);
        for hour in 0..24 {
            let machines = if (8..20).contains(&hour) { 10 } else { 6 };
            writeln!(
                text,
                "2026-{month:02}-{day:02}T{hour:02}:00:00Z,AWS,app,eu-central-1,m7i.large,Linux,{machines}"
            )
            .unwrap();
        }
    }
    text
}

/// Requests per second of a shop, hourly.
pub(crate) fn requests(days: u32) -> String {
    let mut text = String::from("unique_id,ds,y\n");
    for day in 1..=days {
        for hour in 0..24 {
            let load = if (8..20).contains(&hour) { 900 } else { 300 } + (day * 31 + hour * 17) % 40;
            writeln!(text, "shop,2026-03-{day:02}T{hour:02}:00:00Z,{load}").unwrap();
        }
    }
    text
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Fails unless all of these are there.
fn has(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value.get(name).is_some(), "{name} is missing among {:?}", keys(value));
    }
}

#[test]
fn commitments_cover_the_base_and_say_what_they_save() {
    let app = Headroom::new();
    let usage = app.file("usage.csv", usage(84));
    let prices = app.file("prices.csv", PRICES);
    let arguments = ["plan", "commitments", "--usage", &usage, "--prices", &prices, "--output", "-"];
    let plan = app.run(&arguments).expect(0).json();
    let names = ["as_of", "purchases", "later", "saving", "cost", "optimality_gap", "assumptions"];
    has(&plan, &names);
    has(&plan["saving"], &["expected_usd", "p10_usd", "p90_usd"]);
    has(&plan["cost"], &["on_demand", "current", "planned"]);
    let purchases = plan["purchases"].as_array().unwrap();
    assert!(!purchases.is_empty(), "{plan}");
    for purchase in purchases {
        has(
            purchase,
            &[
                "plan",
                "provider",
                "account",
                "region",
                "os",
                "term_years",
                "payment",
                "quantity",
                "starts_at",
                "ends_at",
                "expected_saving_usd",
                "saving_p10_usd",
                "saving_p90_usd",
                "break_even_utilization",
                "reason",
            ],
        );
        assert_eq!(purchase["starts_at"], plan["as_of"]);
    }
    assert!(plan["as_of"].as_str().unwrap().starts_with("2026-03-29T00:00:00"), "the end of the usage");
    let saving = plan["saving"]["expected_usd"].as_f64().unwrap();
    let (current, planned) =
        (plan["cost"]["current"].as_f64().unwrap(), plan["cost"]["planned"].as_f64().unwrap());
    assert!(saving > 0.0 && (current - planned - saving).abs() < 0.02, "{plan}");
    assert_eq!(app.run(&arguments).expect(0).json(), plan, "the same input, the same plan");
    let output = app.path("plan.json");
    let mut export = arguments;
    export[7] = &output;
    let text = app.run(&[&export[..], &["--export", "aws-cli"]].concat()).expect(0).text();
    for purchase in purchases {
        let quantity = purchase["quantity"].as_f64().unwrap();
        let bought = match purchase["plan"].as_str().unwrap() {
            "ri_standard" => format!("--instance-count {quantity}"),
            _ => format!("--commitment {quantity}"),
        };
        assert!(text.contains(&bought) && text.contains(" buy 'purchase"), "{bought}: {text}");
    }
    bash_reads(&app, &text);

    // What is held already is not bought again.
    let held = app.file(
        "held.csv",
        "id,provider,account,region,plan,instance_type,os,quantity,term_years,payment,starts_at,ends_at\n\
         ri-1,AWS,app,eu-central-1,ri_standard,m7i.large,Linux,10,1,all_upfront,2026-03-01T00:00:00Z,2027-12-01T00:00:00Z\n",
    );
    let mut with_held = arguments.to_vec();
    with_held.extend(["--commitments", &held]);
    let plan = app.run(&with_held).expect(0).json();
    assert_eq!(plan["purchases"].as_array().unwrap().len(), 0, "{plan}");
}

#[test]
fn commitments_are_replayed_without_looking_ahead() {
    let app = Headroom::new();
    let usage = app.file("usage.csv", usage(140));
    let prices = app.file("prices.csv", PRICES);
    let arguments = [
        "replay",
        "commitments",
        "--usage",
        &usage,
        "--prices",
        &prices,
        "--policies",
        "headroom,lookback-30,none",
        "--every",
        "30d",
        "--start",
        "2026-03-01T00:00:00Z",
        "--output",
        "-",
    ];
    let replayed = app.run(&arguments).expect(0).json();
    let text = replayed.to_string();
    for policy in ["headroom", "lookback-30", "none"] {
        assert!(text.contains(policy), "{policy} is missing: {text}");
    }
    let policies = replayed["policies"].as_array().unwrap();
    for policy in policies {
        has(policy, &["cost", "regret", "savings", "coverage", "utilization", "effective_savings_rate"]);
        // Nobody beats the one who knew the future; buying nothing saves nothing.
        assert!(policy["regret"].as_f64().unwrap() >= 0.0, "{policy}");
        let saves = policy["savings"].as_f64().unwrap() > 0.0;
        assert_eq!(saves, policy["policy"] != "none", "{policy}");
    }
}

#[test]
fn a_machine_gets_the_size_it_needs() {
    let app = Headroom::new();
    let mut metrics = String::from("resource_id,ds,metric,value\n");
    for (id, cpu, memory) in [("i-idle", 1, 1), ("i-large", 12, 6), ("i-right", 55, 26)] {
        for hour in 0..14 * 24 {
            let ds = format!("2026-03-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24);
            writeln!(metrics, "{id},{ds},cpu_utilization,{}", cpu + hour % 3 * cpu / 10).unwrap();
            writeln!(metrics, "{id},{ds},memory_used,{memory}").unwrap();
            for (name, value) in [
                ("network_in", 0.01),
                ("network_out", 0.01),
                ("disk_read_iops", 0.1),
                ("disk_write_iops", 0.1),
            ] {
                writeln!(metrics, "{id},{ds},{name},{value}").unwrap();
            }
        }
    }
    writeln!(metrics, "i-new,2026-03-14T00:00:00Z,cpu_utilization,5").unwrap();
    let metrics = app.file("metrics.csv", metrics);
    let mut inventory = String::from("resource_id,provider,account,region,instance_type,os,tags\n");
    for id in ["i-idle", "i-large", "i-right", "i-new"] {
        writeln!(inventory, "{id},AWS,app,eu-central-1,m7i.2xlarge,Linux,\"{{\"\"team\"\":\"\"web\"\"}}\"")
            .unwrap();
    }
    let inventory = app.file("inventory.csv", inventory);
    let mut catalog = String::from(
        "provider,region,instance_type,family,architecture,vcpu,memory_gib,network_gbps,ebs_mbps,ebs_iops,burstable,\
         performance_per_vcpu,on_demand_hourly\n",
    );
    for (size, vcpu) in [("large", 2), ("xlarge", 4), ("2xlarge", 8), ("4xlarge", 16)] {
        writeln!(
            catalog,
            "AWS,eu-central-1,m7i.{size},m7i,x86_64,{vcpu},{},12.5,10000,40000,false,1.0,{}",
            vcpu * 4,
            f64::from(vcpu) * 0.06
        )
        .unwrap();
    }
    let catalog = app.file("catalog.csv", catalog);
    let arguments =
        ["--metrics", &metrics, "--inventory", &inventory, "--catalog", &catalog, "--output", "-"];
    let sizes = app.run(&[&["plan", "rightsize"], &arguments[..]].concat()).expect(0).json();
    let of = |id: &str| sizes.as_array().unwrap().iter().find(|one| one["resource_id"] == id).unwrap();
    assert_eq!(sizes.as_array().unwrap().len(), 4);
    for size in sizes.as_array().unwrap() {
        has(
            size,
            &[
                "resource_id",
                "finding",
                "current",
                "recommended",
                "monthly_saving_usd",
                "performance_risk",
                "limiting_metric",
                "evidence",
                "reason",
            ],
        );
        let risk = size["performance_risk"].as_f64().unwrap_or(0.0);
        assert!((0.0..=1.0).contains(&risk), "{size}");
    }
    assert_eq!((&of("i-idle")["finding"], &of("i-idle")["recommended"]), (&"idle".into(), &Value::Null));
    assert_eq!(of("i-large")["finding"], "over_provisioned");
    has(&of("i-large")["recommended"], &["instance_type", "hourly"]);
    assert!(of("i-large")["monthly_saving_usd"].as_f64().unwrap() > 0.0);
    assert_eq!(of("i-right")["finding"], "optimized", "{}", of("i-right"));
    assert_eq!(of("i-new")["finding"], "insufficient_data");

    // The configured policy decides here as in the plan.
    let patient = app.file("patient.toml", "[policy.rightsize]\nminimum_days = 15\n");
    let sizes = app.run(&[&["plan", "rightsize", "--config", &patient], &arguments[..]].concat());
    let sizes = sizes.expect(0).json();
    assert!(sizes.as_array().unwrap().iter().all(|size| size["finding"] == "insufficient_data"), "{sizes}");

    // What carries it out: a script that bash reads, and Terraform.
    let output = app.path("sizes.json");
    let mut export = arguments.to_vec();
    let at = export.iter().position(|word| *word == "-").unwrap();
    export[at] = &output;
    let script = [&["plan", "rightsize"], &export[..], &["--export", "aws-cli"]].concat();
    let text = app.run(&script).expect(0).text();
    assert!(text.contains("aws ec2 stop-instances --region eu-central-1 --instance-ids i-idle"), "{text}");
    let wanted = of("i-large")["recommended"]["instance_type"].as_str().unwrap();
    assert!(text.contains(&format!("{{\"Value\":\"{wanted}\"}}")), "{text}");
    bash_reads(&app, &text);
    let terraform = [&["plan", "rightsize"], &export[..], &["--export", "terraform"]].concat();
    let text = app.run(&terraform).expect(0).text();
    assert!(text.contains(&format!("# +   instance_type = \"{wanted}\"")), "{text}");
    let unknown = [&["plan", "rightsize"], &export[..], &["--export", "pulumi"]].concat();
    app.run(&unknown).fails_with(1, &["pulumi", "terraform, aws-cli, azure-cli or gcp-cli"]);
    let both = [&["plan", "rightsize"], &arguments[..], &["--export", "aws-cli"]].concat();
    app.run(&both).fails_with(1, &["cannot share standard output"]);
}

fn bash_reads(app: &Headroom, script: &str) {
    let file = app.file("script.sh", script);
    let read = std::process::Command::new("bash").args(["-n", &file]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn capacity_follows_demand_and_the_event() {
    let app = Headroom::new();
    let demand = app.file("requests.csv", requests(28));
    let events = app.file(
        "events.csv",
        "name,starts_at,ends_at,multiplier\nsale,2026-03-30T09:00:00Z,2026-03-30T17:00:00Z,10\n",
    );
    let out = app.path("capacity.csv");
    let plan = [
        "plan",
        "capacity",
        "--demand",
        &demand,
        "--unit-throughput",
        "100",
        "--target-utilization",
        "0.7",
        "--horizon",
        "4d",
        "--output",
        &out,
        "--json",
        "--limit",
        "60",
    ];
    let with_event = [&plan[..], &["--events", &events]].concat();
    let summary = app.run(&with_event).expect(0).json();
    println!("{summary}");
    let mut reader = csv::Reader::from_path(&out).unwrap();
    let header = ["unique_id", "ds", "demand_p50", "demand_p95", "required", "scheduled"];
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), header);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 96);
    let largest =
        |rows: &[csv::StringRecord]| rows.iter().map(|row| row[5].parse::<u32>().unwrap()).max().unwrap();
    for row in &rows {
        assert!(row[2].parse::<f64>().unwrap() <= row[3].parse::<f64>().unwrap(), "{row:?}");
        assert!(row[4].parse::<f64>().unwrap() * 100.0 * 0.7 >= row[2].parse::<f64>().unwrap(), "{row:?}");
    }
    let peak = largest(&rows);
    assert!((120..400).contains(&peak), "ten times 930 requests on 70 each need 133 at least: {peak}");
    let quiet = rows.iter().filter(|row| !row[1].starts_with("2026-03-30")).cloned().collect::<Vec<_>>();
    assert!(largest(&quiet) < 40, "{}", largest(&quiet));
    assert!(summary.to_string().contains("2026-03-30"), "the quota is crossed on that day: {summary}");

    // An event for another series scales nothing, and that is said.
    let other = "name,starts_at,ends_at,multiplier,unique_id\nsale,2026-03-30,2026-03-31,10,shpo\n";
    let other = app.file("other.csv", other);
    let unused = format!(
        "1 event is not used, as no series has the unique_id: \"sale\" for \"shpo\" ({other}, line 2)"
    );
    let told = app.run(&[&plan[..], &["--events", &other]].concat()).expect(0);
    assert!(told.stderr.contains(&format!("warning: {unused}")), "{}", told.stderr);
    let assumed = told.json()["assumptions"].as_array().unwrap().clone();
    assert!(assumed.iter().any(|sentence| sentence.as_str().unwrap().starts_with(&unused)), "{assumed:?}");
    let replayed = app.path("replayed.json");
    let replay =
        ["replay", "autoscaling", "--demand", &demand, "--policies", "static-5", "--output", &replayed];
    let told = app.run(&[&replay[..], &["--events", &other]].concat()).expect(0).stderr;
    assert!(told.contains(&format!("warning: {unused}")), "{told}");
    let replayed: Value = serde_json::from_slice(&std::fs::read(replayed).unwrap()).unwrap();
    assert!(replayed["warnings"][0].as_str().unwrap().starts_with(&unused), "{}", replayed["warnings"]);

    // Without the event the peak is that of any day.
    app.run(&plan).expect(0);
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_path(&out).unwrap().records().map(Result::unwrap).collect();
    assert!(largest(&rows) < 40, "{}", largest(&rows));

    for (format, part) in [
        ("terraform", "aws_autoscaling_schedule"),
        ("aws-cli", "put-scheduled-update-group-action"),
        ("azure-autoscale", "profiles"),
        ("gcp-autoscaler", "scaling"),
        ("k8s-hpa", "HorizontalPodAutoscaler"),
        ("keda-cron", "ScaledObject"),
    ] {
        let arguments = [
            "plan",
            "capacity",
            "--demand",
            &demand,
            "--unit-throughput",
            "100",
            "--horizon",
            "2d",
            "--output",
            &out,
            "--export",
            format,
        ];
        let text = app.run(&arguments).expect(0).text();
        assert!(text.contains(part), "{format}: {text}");
    }
    let unknown = ["plan", "capacity", "--demand", &demand, "--unit-throughput", "0", "--output", "-"];
    app.run(&unknown).fails_with(1, &["unit throughput"]);

    // Two instances answered 200 a second: one carries 100.
    let summary = r#"{"metrics": {"http_reqs": {"rate": 200.0}, "http_req_duration": {"p(95)": 150.0}}}"#;
    let test = app.file("summary.json", summary);
    let typed = ["plan", "capacity", "--demand", &demand, "--horizon", "2d", "--output", "-"];
    let tested = [&typed[..], &["--load-test", &test, "--load-test-instances", "2"]].concat();
    let typed = [&typed[..], &["--unit-throughput", "100"]].concat();
    assert_eq!(app.run(&tested).expect(0).text(), app.run(&typed).expect(0).text());
    let strict = [&tested[..], &["--load-test-latency", "100"]].concat();
    app.run(&strict).fails_with(1, &["summary.json", "keeps p95 within 100 ms"]);
    app.run(&["plan", "capacity", "--demand", &demand, "--output", "-"])
        .fails_with(2, &["--unit-throughput"]);
}

#[test]
fn what_is_planned_may_be_workers_units_or_storage() {
    let app = Headroom::new();
    let demand = app.file("requests.csv", requests(28));
    let plan = |more: &[&str]| {
        let typed = ["plan", "capacity", "--demand", &demand, "--unit-throughput", "10", "--horizon", "2d"];
        app.run(&[&typed[..], &["--output", "-"], more].concat())
    };
    let required = |more: &[&str]| {
        let text = plan(more).expect(0).text();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows = reader.records().map(|row| row.unwrap()[4].parse().unwrap());
        rows.collect::<Vec<u32>>()
    };
    let instances = required(&[]);
    let workers = required(&[
        "--kind",
        "workers",
        "--backlog",
        "252000",
        "--drain",
        "2h",
        "--target-utilization",
        "0.7",
    ]);
    // 35 a second more for two hours, of which one worker carries 7.
    assert!(workers[0] >= instances[0] + 5 && workers[1] >= instances[1] + 5, "{workers:?} {instances:?}");
    assert_eq!(workers[2..], instances[2..]);
    let units = required(&["--kind", "throughput_units", "--lot", "25"]);
    assert!(units.iter().zip(&instances).all(|(units, one)| *units == one.div_ceil(25) * 25), "{units:?}");
    assert!(required(&["--kind", "storage"]).is_sorted() && !instances.is_sorted());
    plan(&["--kind", "storage", "--export", "terraform"]).fails_with(1, &["no file for an autoscaler"]);
    plan(&["--lot", "25"]).fails_with(1, &["lot 25 makes no sense for kind instances", "leave it out"]);
    plan(&["--kind", "shards"]).fails_with(2, &["--kind", "expected one of instances, read_replicas"]);
    plan(&["--backlog", "5"]).fails_with(2, &["--drain"]);
}

#[test]
fn scaling_policies_are_replayed_side_by_side() {
    let app = Headroom::new();
    let demand = app.file("requests.csv", requests(28));
    let arguments = [
        "replay",
        "autoscaling",
        "--demand",
        &demand,
        "--policies",
        "planned,reactive-70,static-peak",
        "--unit-throughput",
        "100",
        "--output",
        "-",
    ];
    let replayed = app.run(&arguments).expect(0).json();
    let outcomes = replayed["series"]["shop"].as_array().unwrap();
    assert_eq!(outcomes.len(), 3, "{replayed}");
    let text = replayed.to_string();
    for policy in ["planned", "reactive-70", "static-peak"] {
        assert!(text.contains(policy), "{policy} is missing: {text}");
    }
    assert!(replayed.get("triggers").is_none(), "nobody asked about one");

    let with_trigger = [&arguments[..], &["--trigger", "CPU > 70 %"]].concat();
    let tested = app.run(&with_trigger).expect(0).json();
    assert_eq!(tested["series"], replayed["series"]);
    let reports = tested["triggers"]["shop"].as_array().unwrap();
    assert_eq!(reports.len(), 3, "one for each policy: {tested}");
    assert_eq!(reports[2]["policy"], "static-peak");
    assert_eq!((&reports[2]["shortages"], &reports[2]["missed"]), (&Value::from(0), &Value::from(0)));
    let unknown = [&arguments[..], &["--trigger", "memory > 3"]].concat();
    app.run(&unknown).fails_with(1, &["memory > 3", "CPU > 70 %"]);
}

#[test]
fn the_cheapest_policy_that_serves_everything_is_advised() {
    let app = Headroom::new();
    let demand = app.file("requests.csv", requests(28));
    let out = app.path("capacity.csv");
    let arguments = ["plan", "capacity", "--demand", &demand, "--unit-throughput", "100", "--horizon", "2d"];
    let arguments = [&arguments[..], &["--output", &out, "--json", "--advise"]].concat();
    let told = app.run(&arguments).expect(0).json();
    let advice = &told["advice"]["shop"];
    let chosen = &advice["chosen"];
    assert!(chosen["breaks"].is_null() && chosen["unserved_share"] == 0.0, "{advice}");
    assert!(chosen["latency_p95_ms"].as_f64().unwrap() <= 200.0, "{advice}");
    let reasons = advice["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason.as_str().unwrap().contains("is the cheapest")), "{advice}");
    let hours = |candidate: &Value| candidate["instance_hours"].as_f64().unwrap();
    for cheaper in advice["candidates"].as_array().unwrap().iter().filter(|one| hours(one) < hours(chosen)) {
        assert!(cheaper["breaks"].is_string(), "{cheaper} is cheaper than {chosen}");
    }
}

#[test]
fn the_advised_policy_is_exported_with_its_parameters() {
    let app = Headroom::new();
    let demand = app.file("requests.csv", requests(28));
    let out = app.path("capacity.csv");
    let arguments = ["plan", "capacity", "--demand", &demand, "--unit-throughput", "100", "--horizon", "2d"];
    let arguments = [&arguments[..], &["--output", &out, "--advise", "--export", "terraform"]].concat();
    let exported = app.run(&arguments).expect(0);
    let said = &exported.stderr;
    let text = exported.text();
    let (_, policy) = text.lines().next().unwrap().split_once("# Headroom: ").unwrap();
    let (policy, _) = policy.split_once(" for shop").unwrap();
    assert!(said.contains(&format!("{policy} is the cheapest")) || said.contains(policy), "{policy}: {said}");
    assert!(text.contains("resource \"aws_autoscaling_schedule\" \"shop_"), "{text}");
    let two = app.file(
        "two.csv",
        requests(28) + &requests(28).replace("shop,", "other,").replace("unique_id,ds,y\n", ""),
    );
    let both = ["plan", "capacity", "--demand", &two, "--unit-throughput", "100", "--horizon", "2d"];
    let both = [&both[..], &["--output", &out, "--advise", "--export", "terraform"]].concat();
    app.run(&both).fails_with(1, &["give one series"]);
}

#[test]
fn history_says_what_an_instance_carries() {
    let app = Headroom::new();
    let demand = app.file("requests.csv", requests(28));
    // Five machines share the load; each uses a percent of CPU for every two requests a second, so it saturates at 200.
    let mut metrics = String::from("resource_id,ds,metric,value\n");
    for row in requests(28).lines().skip(1) {
        let (ds, load) = row.strip_prefix("shop,").unwrap().split_once(',').unwrap();
        for machine in 1..=5 {
            writeln!(
                metrics,
                "web-{machine},{ds},cpu_utilization,{}",
                load.parse::<f64>().unwrap() / 5.0 / 2.0
            )
            .unwrap();
        }
    }
    let metrics = app.file("metrics.csv", metrics);
    let arguments = ["plan", "capacity", "--demand", &demand, "--horizon", "2d", "--output", "-"];
    let learned = app.run(&[&arguments[..], &["--utilization", &metrics]].concat()).expect(0);
    let said = &learned.stderr;
    assert!(said.contains("unit throughput 200.0: ") && said.contains("672 steps, fit 1.000"), "{said}");
    assert!(said.contains("careful: no knee was seen"), "{said}");
    let typed = app.run(&[&arguments[..], &["--unit-throughput", "200"]].concat()).expect(0);
    assert_eq!(learned.text(), typed.text());
    app.run(&[&arguments[..], &["--utilization", &metrics, "--unit-throughput", "1"]].concat())
        .fails_with(2, &["--utilization"]);
}

#[test]
fn an_autoscaled_container_gets_a_patch_for_both() {
    let app = Headroom::new();
    let mut metrics = String::from("resource_id,ds,metric,value\n");
    for minute in (0..5 * 24 * 60).step_by(5) {
        let ds = format!("2026-03-{:02}T{:02}:{:02}:00Z", 1 + minute / 1440, minute / 60 % 24, minute % 60);
        let day = f64::from(minute % 1440) / 1440.0;
        writeln!(metrics, "web,{ds},cpu_used,{}", 3.0 - 2.0 * (day * std::f64::consts::TAU).cos()).unwrap();
        writeln!(metrics, "web,{ds},memory_used,0.6").unwrap();
    }
    let metrics = app.file("metrics.csv", metrics);
    let inventory = app.file(
        "inventory.csv",
        "resource_id,provider,account,region,instance_type,os,tags,kind,namespace,workload,cpu_request,\
         memory_request_gib,replicas,min_replicas,max_replicas,cpu_target\n\
         web,aws,1,eu-central-1,,,{},container,shop,web,1,2,8,4,30,40\n",
    );
    let output = app.folder().join("sizes.json");
    let output = output.to_str().unwrap();
    let arguments =
        ["plan", "containers", "--metrics", &metrics, "--inventory", &inventory, "--output", output];
    let patch = app.run(&[&arguments[..], &["--export", "k8s-patch"]].concat()).expect(0).text();
    let sizes: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(output).unwrap()).unwrap();
    assert_eq!(sizes[0]["finding"], "over_provisioned", "{sizes}");
    let target = sizes[0]["recommended"]["autoscaler"]["cpu_target"].as_f64().unwrap();
    assert!(target > 40.0 && sizes[0]["recommended"]["cpu_request"].as_f64().unwrap() < 1.0, "{sizes}");
    assert!(patch.contains(&format!("averageUtilization: {target:.0}")), "{patch}");
    assert!(patch.contains("kind: Deployment") && patch.contains("memory: 720Mi"), "{patch}");
}
