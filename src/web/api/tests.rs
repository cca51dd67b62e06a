//! The document and the router agree, and the API keeps to its rules on every route.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use chrono::{DateTime, Duration, Timelike, Utc};
use domain::{
    ActionType, AdviceReplay, Budget, BudgetPeriod, CapacityPlan, Components, Currency, Effort, Event,
    Finding, Forecast, Frequency, Grid, HourlyMetric, MetricName, Plan, Provider, Recommendation, Risk,
    SavingRange, Skip, Stamp, Step,
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use store::forecast::ForecastKind;
use store::run::Stage;
use store::source::Outcome;
use store::token::{NewToken, Scope};

use super::*;
use crate::new_secret;
use crate::surface::{Surface, now, text};

/// Stands in everything that belongs to the other organization.
pub(crate) const SECRET: &str = "secret-launch";
/// The demand of the workload that is called so.
pub(crate) const SECRET_DEMAND: &str = "requests/secret-launch";

#[test]
fn the_document_is_openapi_3_1_and_names_every_path() {
    let json: Value = serde_json::to_value(&*DOCUMENT).unwrap();
    assert!(json["openapi"].as_str().unwrap().starts_with("3.1"), "{}", json["openapi"]);
    let mut lines = vec![];
    for (path, method, operation) in operations(&json) {
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        for status in ["401", "404", "429", "503"] {
            let name = format!("#/components/responses/Problem{status}");
            assert_eq!(operation["responses"][status]["$ref"], name, "{method} {path}");
        }
        lines.push(format!("{method} {path}"));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_reference_of_the_document_leads_somewhere_and_no_body_is_just_anything() {
    let json: Value = serde_json::to_value(&*DOCUMENT).unwrap();
    let mut found = 0;
    let mut walk = vec![&json];
    while let Some(value) = walk.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(json.pointer(pointer).is_some(), "{reference} leads nowhere");
                    found += 1;
                }
                walk.extend(members.values());
            }
            Value::Array(items) => walk.extend(items),
            _ => {}
        }
    }
    assert!(found > 100, "{found} references");
    for (path, method, operation) in operations(&json) {
        if path.ends_with("/openapi.json") || method == "DELETE" {
            continue;
        }
        let responses = operation["responses"].as_object().unwrap();
        let (_, good) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap();
        if good["content"]["text/plain"].is_object() {
            continue;
        }
        let schema = &good["content"]["application/json"]["schema"];
        let typed = schema["$ref"].is_string() || schema["items"]["$ref"].is_string();
        assert!(typed, "{method} {path} answers {schema}");
    }
}

/// Path, method and description of every operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut all = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((path.clone(), method.to_uppercase(), operation));
        }
    }
    all
}

/// The rules that need a database: called by the test of the whole surface, which has one.
pub(crate) async fn the_rules_hold(surface: &Surface) {
    let filled = fill(surface).await;
    strangers_and_other_organizations_get_nothing(surface, &filled).await;
    every_answer_says_who_asked_and_how_often_they_may(surface).await;
    what_cannot_be_used_is_a_problem_with_its_field(surface).await;
    events_that_no_series_uses_are_named_in_the_answer(surface).await;
    sending_again_under_one_key_does_it_once(surface).await;
}

/// Keys of what the other organization has.
struct Filled {
    event: i64,
    run: i64,
    scenario: i64,
    budget: i64,
}

impl Filled {
    /// The path with the keys in the place of its parameters.
    fn path(&self, path: &str) -> String {
        let key = match path {
            path if path.contains("/runs/") => self.run,
            path if path.contains("/scenarios/") => self.scenario,
            path if path.contains("/budgets/") => self.budget,
            _ => self.event,
        };
        path.replace("{id}", &key.to_string())
            .replace("{event}", &self.event.to_string())
            .replace("{unique_id}", SECRET)
            .replace("{workload}", SECRET)
            .replace("{key}", SECRET)
            .replace("{format}", "aws-cli")
    }
}

async fn fill(surface: &Surface) -> Filled {
    let (org, mut conn) = (surface.other, surface.pool.acquire().await.unwrap());
    let run = store::run::create(&mut conn, org, now(), "1", now()).await.unwrap();
    let grid = Grid { start: Stamp::Time(now()), frequency: Frequency::DAY };
    let forecast = |unique_id: &str| Forecast {
        unique_id: unique_id.into(),
        grid,
        mean: vec![1.0],
        levels: vec![0.5],
        quantiles: vec![vec![1.0]],
        members: vec![],
        reason: SECRET.into(),
        accuracy: None,
        baseline: None,
        mase_by_step: vec![None],
        components: Components::default(),
        warnings: vec![],
    };
    store::forecast::save(&mut conn, org, run, ForecastKind::Cost, &[forecast(SECRET)]).await.unwrap();
    let demand = forecast(SECRET_DEMAND);
    store::forecast::save(&mut conn, org, run, ForecastKind::Demand, &[demand]).await.unwrap();
    let hours: Vec<HourlyMetric> =
        (1..=24 * 30).map(|back| requests(now() - Duration::hours(back))).collect();
    store::metric::upsert(&mut conn, org, "test", &hours).await.unwrap();
    let plan = CapacityPlan {
        kind: domain::CapacityKind::Instances,
        unique_id: SECRET.into(),
        rows: vec![],
        policies: vec![],
        crosses_quota_at: None,
        act_by: None,
        assumptions: vec![],
    };
    store::capacity::save(&mut conn, org, run, &[plan]).await.unwrap();
    let hour = now() - Duration::hours(1);
    let ran = serde_json::from_value(
        json!({"hour": hour, "provider": "aws", "account": "1", "region": "eu-west-1",
        "instance_type": "m6i.large", "os": "Linux", "quantity": "2"}),
    );
    let period = domain::Period { start: hour, end: now() };
    store::usage::replace(&mut conn, org, "test", period, &[ran.unwrap()]).await.unwrap();
    let quote = serde_json::from_value(
        json!({"provider": "aws", "region": "eu-west-1", "instance_type": "m6i.large",
        "os": "Linux", "plan": "on_demand", "term_years": null, "payment": null, "hourly": "0.107", "upfront": "0"}),
    );
    let prices = store::price::Prices { quotes: vec![quote.unwrap()], ..Default::default() };
    store::price::replace(&mut conn, org, domain::Provider::Aws, &prices).await.unwrap();
    store::plan::save(&mut conn, org, run, &plan_of_one()).await.unwrap();
    let unjudged = Skip { subject: SECRET.into(), considered: SECRET.into(), reason: "it is gone".into() };
    let replay = AdviceReplay {
        run_id: run,
        since: now() - Duration::days(21),
        until: now(),
        currency: Currency::USD,
        paid: Decimal::ONE,
        with_advice: Decimal::ONE,
        steps: vec![],
        advice: vec![],
        unjudged: vec![unjudged],
        assumptions: vec![],
    };
    store::advice_replay::save(&mut conn, org, run, &[replay]).await.unwrap();
    let stage = Stage { name: SECRET.into(), duration_ms: 1, items: 1, unit: "rows".into() };
    store::run::add_stage(&mut conn, org, run, &stage).await.unwrap();
    store::run::finish(&mut conn, org, run, now()).await.unwrap();
    let outcome = Outcome { rows: 1, rejected: 0, data_until: None };
    store::source::record(&mut conn, org, SECRET, "billing_files", Ok(&outcome), now(), None).await.unwrap();
    let event = Event {
        name: SECRET.into(),
        starts_at: Stamp::Time(now() - Duration::days(2)),
        ends_at: Stamp::Time(now() - Duration::days(1)),
        multiplier: 2.0,
        multiplier_low: None,
        multiplier_high: None,
        unique_id: None,
    };
    let event = store::event::create(&mut conn, org, &event, "stranger", now()).await.unwrap().id;
    let growth = json!([{"kind": "growth", "factor": 2.0}]);
    let scenario =
        store::scenario::create(&mut conn, org, SECRET, &growth, "stranger", now()).await.unwrap().id;
    let budget = Budget {
        name: SECRET.into(),
        unique_id: "cost/total".into(),
        period: BudgetPeriod::Month,
        amount: Decimal::ONE,
        owner: None,
    };
    let budget = store::budget::create(&mut conn, org, &budget, "stranger", now()).await.unwrap().id;
    Filled { event, run: run.0, scenario, budget }
}

/// Requests of one hour, with the rhythm of the day.
fn requests(hour: DateTime<Utc>) -> HourlyMetric {
    let rate = 10.0 + f64::from(hour.hour());
    HourlyMetric {
        resource_id: SECRET.into(),
        metric: MetricName::Requests,
        hour,
        average: rate,
        p95: rate,
        maximum: rate,
        samples: 60,
    }
}

fn plan_of_one() -> Plan {
    let one = Decimal::ONE;
    Plan {
        as_of: now(),
        currency: Currency::USD,
        before: one,
        after: Decimal::ZERO,
        steps: vec![],
        recommendations: vec![Recommendation {
            key: SECRET.into(),
            step: Step::Delete,
            action_type: ActionType::Delete,
            finding: Finding::Unattached,
            resource_id: Some(SECRET.into()),
            provider: Provider::Aws,
            account: "1".into(),
            region: None,
            team: None,
            summary: SECRET.into(),
            current: "gp2".into(),
            recommended: None,
            stand_alone_monthly_savings: one,
            estimated_monthly_savings: SavingRange { low: one, expected: one, high: one },
            risk: Risk::new(0.0),
            evidence: vec![],
            flips_if: String::new(),
            implementation_effort: Effort::Low,
            restart_needed: false,
            rollback_possible: false,
            lookback_days: 14,
            purchase: None,
            patch: None,
            effect: None,
        }],
        later: vec![],
        skips: vec![],
        optimality_gap: None,
        assumptions: vec![],
    }
}

/// A token of an organization, as the value of `Authorization`.
async fn token(surface: &Surface, org: domain::OrganizationId, name: &str, scopes: &[Scope]) -> String {
    let (secret, hash) = new_secret();
    let token = NewToken { name, scopes, token_hash: &hash, created_by: None, expires_at: None };
    let mut conn = surface.pool.acquire().await.unwrap();
    store::token::create(&mut conn, org, &token, now()).await.unwrap();
    format!("Bearer {secret}")
}

async fn call(surface: &Surface, method: &str, path: &str, auth: &str, body: &Value) -> Response<Body> {
    let name = if auth.starts_with("Bearer") { header::AUTHORIZATION } else { header::COOKIE };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(name, auth)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()));
    surface.send(request.unwrap()).await
}

/// A body that the route accepts.
fn body(path: &str) -> Value {
    let series = json!([{"unique_id": "a", "start": "2026-01-01T00:00:00Z", "step_seconds": 86400, "y": vec![1.0; 40]}]);
    let events = json!([{"name": "Sale", "starts_at": "2026-02-11T00:00:00Z", "ends_at": "2026-02-12T00:00:00Z",
        "multiplier": 3, "unique_id": "a"}]);
    let usage = json!([{"hour": "2026-01-01T00:00:00Z", "provider": "aws", "account": "1", "region": "r",
        "instance_type": "m7i.large", "os": "Linux", "quantity": 1}]);
    let demand = json!({"series": series, "horizon": 3, "events": events});
    let prices = json!([{"provider": "aws", "region": "r", "instance_type": "m7i.large", "os": "linux",
        "plan": "on_demand", "hourly": "0.1"}]);
    match path.rsplit('/').next().unwrap() {
        "status" => json!({"status": "accepted"}),
        "scenarios" => {
            // Every name is taken once.
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let name = format!("Growth {}", COUNT.fetch_add(1, Ordering::Relaxed));
            json!({"name": name, "changes": [{"kind": "growth", "factor": 1.5}]})
        }
        _ if path.contains("/budgets") => {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let name = format!("Budget {}", COUNT.fetch_add(1, Ordering::Relaxed));
            json!({"name": name, "unique_id": "cost/total", "period": "month", "amount": "12000.50"})
        }
        "forecasts:compute" | "backtests:compute" => demand,
        "capacity:compute" => json!({"demand": demand, "unit_throughput": 1}),
        "advice:compute" => json!({"capacity": {"demand": demand, "unit_throughput": 1}}),
        "throughput:compute" => json!({"demand": 900, "load_test":
            r#"{"metrics": {"http_reqs": {"rate": 240.0}, "http_req_duration": {"p(95)": 120.0}}}"#}),
        "autoscaling:replay" => json!({"demand": series, "events": events, "triggers": ["CPU > 70 %"]}),
        "commitments:compute" => json!({"usage": usage, "prices": prices}),
        "commitments:replay" => {
            let mut two = usage.as_array().unwrap().clone();
            let mut next = two[0].clone();
            next["hour"] = json!("2026-01-02T00:00:00Z");
            two.push(next);
            json!({"usage": two, "prices": prices, "start": "2026-01-02T00:00:00Z", "policies": ["none"]})
        }
        "rightsizing:compute" => json!({
            "metrics": [{"resource_id": "i", "ds": "2026-01-01T00:00:00Z", "metric": "cpu_utilization", "value": 1}],
            "inventory": [{"resource_id": "i", "provider": "aws", "account": "1", "region": "r"}],
            "catalog": [{"provider": "aws", "region": "r", "instance_type": "t", "family": "t", "architecture": "arm64",
                "vcpu": 1, "memory_gib": 1, "on_demand_hourly": 0.1}],
        }),
        "containers:compute" => json!({
            "metrics": [{"resource_id": "c", "ds": "2026-01-01T00:00:00Z", "metric": "cpu_used", "value": 1}],
            "inventory": [{"resource_id": "c", "provider": "aws", "account": "1", "region": "r", "kind": "container",
                "container": {"namespace": "n", "workload": "w", "name": "c", "cpu_request": 1, "replicas": 2,
                    "autoscaler": {"name": "w", "min_replicas": 2, "max_replicas": 4, "cpu_target": 70}}}],
        }),
        "calendars" => json!({"days": "de", "multiplier": 0.8}),
        _ => {
            json!({"name": "Sale", "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-02T00:00:00Z", "multiplier": 3})
        }
    }
}

async fn strangers_and_other_organizations_get_nothing(surface: &Surface, filled: &Filled) {
    let json: Value = serde_json::to_value(&*DOCUMENT).unwrap();
    let mut callers = vec![];
    for who in ["viewer", "editor", "admin"] {
        callers.push((surface.sign_in(who).await, who != "viewer"));
    }
    for (name, scopes, writes) in [
        ("r", &[Scope::Read][..], false),
        ("w", &[Scope::Read, Scope::Write][..], true),
        ("a", &[Scope::Admin][..], true),
    ] {
        callers.push((token(surface, surface.org, name, scopes).await, writes));
    }
    let stranger = token(surface, surface.other, "owner", &[Scope::Admin]).await;
    let (mut refused, mut seen) = (0, 0);
    for (path, method, _) in operations(&json) {
        let (route, path) = (format!("{method} {path}"), filled.path(&path));
        let nobody = call(surface, &method, &path, "", &body(&path)).await;
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED, "{route}");
        assert_eq!(nobody.headers()[header::CONTENT_TYPE], "application/problem+json", "{route}");
        let keyed = route.contains('{');
        let computes = route.contains(':');
        for (caller, writes) in &callers {
            let response = call(surface, &method, &path, caller, &body(&path)).await;
            let status = response.status();
            let answer = text(response).await;
            assert!(!answer.contains(SECRET) || status == StatusCode::NOT_FOUND, "{route}: {answer}");
            let expected = match (method.as_str(), *writes) {
                ("GET", _) if keyed => StatusCode::NOT_FOUND,
                ("GET", _) => continue,
                (_, false) if !computes => StatusCode::FORBIDDEN,
                (_, true) if keyed => StatusCode::NOT_FOUND,
                (_, _) if computes => StatusCode::OK,
                _ => StatusCode::CREATED,
            };
            assert_eq!(status, expected, "{route}: {answer}");
            refused += usize::from(keyed);
        }
        // Whoever owns it gets it: the keys are right. What removes and replaces was refused above.
        if method == "GET" && keyed {
            let response = call(surface, &method, &path, &stranger, &Value::Null).await;
            assert_eq!(response.status(), StatusCode::OK, "{route}");
            assert!(text(response).await.contains(SECRET), "{route}");
            seen += 1;
        }
    }
    assert!(
        operations(&json).iter().filter(|(path, _, _)| path.contains('{')).count() * 6 == refused,
        "{refused}"
    );
    assert_eq!(seen, 16);
}

async fn every_answer_says_who_asked_and_how_often_they_may(surface: &Surface) {
    let viewer = surface.sign_in("viewer").await;
    for (path, status) in [
        ("/api/v1/runs", 200),
        ("/api/v1/anomalies", 200),
        ("/api/v1/openapi.json", 200),
        ("/api/v1/runs/0", 404),
        ("/api/v1/runs/one", 404),
        ("/api/v1/runs?limit=0", 422),
        ("/api/v1/recommendations?status=a&status=b", 422),
        ("/api/v1/recommendations?risk=none", 422),
        ("/api/v1/nothing", 404),
        ("/api/v1/events/%00", 404),
        ("/api/v1/budgets/0", 404),
        ("/api/v1/forecasts/%00", 422),
    ] {
        let response = call(surface, "GET", path, &viewer, &Value::Null).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let headers = response.headers().clone();
        assert!(headers.contains_key("x-request-id"), "{path}");
        assert_eq!(headers["ratelimit-policy"], format!("\"default\";q={};w=60", u32::MAX), "{path}");
        assert!(headers["ratelimit"].to_str().unwrap().starts_with("\"default\";r="), "{path}");
        if status != 200 {
            assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
            continue;
        }
        let known = Request::get(path)
            .header(header::COOKIE, &viewer)
            .header(header::IF_NONE_MATCH, &headers[header::ETAG])
            .header("x-request-id", "mine");
        let same = surface.send(known.body(Body::empty()).unwrap()).await;
        assert_eq!(same.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(same.headers()["x-request-id"], "mine", "{path}");
    }
    let wrong = call(surface, "PATCH", "/api/v1/runs", &viewer, &Value::Null).await;
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert!(wrong.headers()[header::ALLOW].to_str().unwrap().contains("GET"));
}

async fn what_cannot_be_used_is_a_problem_with_its_field(surface: &Surface) {
    let writer = token(surface, surface.org, "fields", &[Scope::Write]).await;
    for (path, at, value, field) in [
        ("/api/v1/events", "/name", json!(""), "name"),
        ("/api/v1/events", "/name", json!("a\u{0}b"), "name"),
        ("/api/v1/events", "/multiplier", json!("three"), "multiplier"),
        ("/api/v1/events", "/ends_at", json!("2026-01-01T00:00:00Z"), "ends_at"),
        ("/api/v1/budgets", "/amount", json!("-1"), "amount"),
        ("/api/v1/budgets", "/unique_id", json!("requests/web"), "unique_id"),
        ("/api/v1/budgets", "/period", json!("week"), "period"),
        ("/api/v1/forecasts:compute", "/series/0/y", json!([]), "series[0].y"),
        ("/api/v1/forecasts:compute", "/series/0/y/3", json!(true), "series[0].y[3]"),
        ("/api/v1/forecasts:compute", "/horizon", json!(0), "horizon"),
        ("/api/v1/forecasts:compute", "/series/0/start", json!("1799-12-31T00:00:00Z"), "series[0].start"),
        // 40 days are there before the year ends, three more are not
        ("/api/v1/forecasts:compute", "/series/0/start", json!("9999-11-21T00:00:00Z"), "series[0].start"),
        (
            "/api/v1/forecasts:compute",
            "/events/0/starts_at",
            json!("0001-01-01T00:00:00Z"),
            "events[0].starts_at",
        ),
        (
            "/api/v1/backtests:compute",
            "/events/0/ends_at",
            json!("+10000-01-01T00:00:00Z"),
            "events[0].ends_at",
        ),
        (
            "/api/v1/backtests:compute",
            "/events/0/ends_at",
            json!("2026-02-11T00:00:00Z"),
            "events[0].ends_at",
        ),
        ("/api/v1/capacity:compute", "/demand/horizon", json!(0), "demand.horizon"),
        ("/api/v1/capacity:compute", "/demand/series/0/y", json!([]), "demand.series[0].y"),
        (
            "/api/v1/advice:compute",
            "/capacity/demand/events/0/multiplier",
            json!(-1),
            "capacity.demand.events[0].multiplier",
        ),
        ("/api/v1/commitments:compute", "/usage/0/quantity", json!(-1), "usage[0].quantity"),
        ("/api/v1/commitments:compute", "/usage/0/hour", json!("2026-01-01T00:30:00Z"), "usage[0].hour"),
        ("/api/v1/commitments:compute", "/prices/0/plan", json!("gift"), "prices[0].plan"),
        ("/api/v1/commitments:compute", "/prices/0/plan", json!("compute_sp"), "prices[0].term_years"),
        ("/api/v1/rightsizing:compute", "/catalog/0/vcpu", json!(0), "catalog[0].vcpu"),
        (
            "/api/v1/containers:compute",
            "/inventory/0/container/cpu_request",
            json!(0),
            "inventory[0].container.cpu_request",
        ),
        ("/api/v1/autoscaling:replay", "/demand/0/step_seconds", json!(null), "demand[0].step_seconds"),
        ("/api/v1/throughput:compute", "/load_test", json!("guess"), "load_test"),
        ("/api/v1/throughput:compute", "/demand", json!(-1), "demand"),
        ("/api/v1/autoscaling:replay", "/triggers/0", json!("memory > 3"), "triggers[0]"),
    ] {
        let mut body = body(path);
        *body.pointer_mut(at).unwrap() = value;
        let response = call(surface, "POST", path, &writer, &body).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path} {at}");
        let problem: Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let send = |kind: &'static str, body: Vec<u8>| {
        let request = Request::post("/api/v1/events")
            .header(header::AUTHORIZATION, &writer)
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body));
        surface.send(request.unwrap())
    };
    assert_eq!(send("application/json", b"{".to_vec()).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(send("text/plain", b"{}".to_vec()).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = send("application/json", vec![b' '; 2 * 1024 * 1024]).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.headers()[header::CONTENT_TYPE], "application/problem+json");
}

async fn events_that_no_series_uses_are_named_in_the_answer(surface: &Surface) {
    let viewer = token(surface, surface.org, "events", &[Scope::Read]).await;
    for (path, table) in [
        ("forecasts:compute", "events"),
        ("backtests:compute", "events"),
        ("capacity:compute", "demand.events"),
        ("advice:compute", "capacity.demand.events"),
        ("autoscaling:replay", "events"),
    ] {
        let path = format!("/api/v1/{path}");
        let sentence = format!("no series has the unique_id: \\\"Sale\\\" for \\\"b\\\" ({table}[0])");
        for (id, is_used) in [("a", true), ("b", false)] {
            let mut body = body(&path);
            body.pointer_mut(&format!("/{}/0", table.replace('.', "/"))).unwrap()["unique_id"] = json!(id);
            let response = call(surface, "POST", &path, &viewer, &body).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let answer = text(response).await;
            if is_used {
                assert!(!answer.contains("not used"), "{path}: {answer}");
            } else {
                assert!(answer.contains(&sentence), "{path}: {answer}");
            }
        }
    }
    // History of any century is read, as from a file.
    let mut old = body("forecasts:compute");
    old["series"][0]["start"] = json!("1800-01-01T00:00:00Z");
    let response = call(surface, "POST", "/api/v1/forecasts:compute", &viewer, &old).await;
    assert_eq!(response.status(), StatusCode::OK);
}

async fn sending_again_under_one_key_does_it_once(surface: &Surface) {
    let writer = token(surface, surface.org, "keys", &[Scope::Write]).await;
    let send = |key: &str, name: &str| {
        let mut body = body("events");
        body["name"] = json!(name);
        let request = Request::post("/api/v1/events")
            .header(header::AUTHORIZATION, &writer)
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()));
        surface.send(request.unwrap())
    };
    let first = send("key-1", "Once").await;
    let again = send("key-1", "Once").await;
    assert_eq!((first.status(), again.status()), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.headers()[header::LOCATION], again.headers()[header::LOCATION]);
    assert_eq!(text(first).await, text(again).await);
    assert_eq!(send("key-1", "Twice").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let long = "x".repeat(201);
    assert_eq!(send(&long, "Once").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    // A failure leaves the key free.
    assert_eq!(send("key-2", "").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(send("key-2", "Twice").await.status(), StatusCode::CREATED);
}
