//! Against a double that speaks the real protocol: paging, throttles, server errors, expired tokens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_costexplorer::config::{Credentials, SharedCredentialsProvider};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;

/// What the double answers before it behaves.
#[derive(Default)]
struct Behaviour {
    throttles: u32,
    server_errors: u32,
    expired_tokens: u32,
    denied: bool,
}

#[derive(Default)]
struct Double {
    calls: u32,
    behaviour: Behaviour,
    bodies: Vec<Value>,
}

type Shared = Arc<Mutex<Double>>;

async fn answer(State(double): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut double = double.lock().unwrap();
    double.calls += 1;
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert!(header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIATEST/"), "unsigned request");
    assert_eq!(header("x-amz-target"), "AWSInsightsIndexService.GetCostAndUsage");
    let request: Value = serde_json::from_str(&body).unwrap();
    double.bodies.push(request.clone());
    let error = |status, kind: &str| {
        (
            status,
            [("content-type", "application/x-amz-json-1.1")],
            json!({"__type": kind, "message": kind}).to_string(),
        )
            .into_response()
    };
    let behaviour = &mut double.behaviour;
    if behaviour.denied {
        return error(StatusCode::BAD_REQUEST, "AccessDeniedException");
    }
    if behaviour.throttles > 0 {
        behaviour.throttles -= 1;
        return error(StatusCode::BAD_REQUEST, "LimitExceededException");
    }
    if behaviour.server_errors > 0 {
        behaviour.server_errors -= 1;
        return error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
    }
    let token = request["NextPageToken"].as_str();
    if token.is_some() && behaviour.expired_tokens > 0 {
        behaviour.expired_tokens -= 1;
        return error(StatusCode::BAD_REQUEST, "InvalidNextTokenException");
    }
    // Two pages a month: the first day with one service, then the same day with another.
    let day = request["TimePeriod"]["Start"].as_str().unwrap();
    let next = NaiveDate::parse_from_str(day, "%Y-%m-%d").unwrap().succ_opt().unwrap().to_string();
    let (service, amount) =
        if token.is_some() { ("Amazon S3", "0.0000012345") } else { ("Amazon EC2", "12.34") };
    let mut page = json!({"ResultsByTime": [{
        "TimePeriod": {"Start": day, "End": next}, "Total": {}, "Estimated": false,
        "Groups": [{"Keys": ["111122223333", service], "Metrics": {
            "UnblendedCost": {"Amount": amount, "Unit": "USD"},
            "AmortizedCost": {"Amount": "10.00", "Unit": "USD"},
            "UsageQuantity": {"Amount": "24", "Unit": "N/A"}}}]}]});
    if token.is_none() {
        page["NextPageToken"] = json!("page-2");
    }
    ([("content-type", "application/x-amz-json-1.1")], page.to_string()).into_response()
}

async fn start(behaviour: Behaviour) -> (Shared, String) {
    let double: Shared = Arc::new(Mutex::new(Double { behaviour, ..Double::default() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(axum::routing::post(answer)).with_state(double.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (double, url)
}

fn source(url: &str, cache_dir: &std::path::Path) -> CostExplorer {
    CostExplorer {
        start: "2026-01-01".parse().unwrap(),
        end: "2026-04-01".parse().unwrap(),
        group_by: vec![Dimension::LinkedAccount, Dimension::Service],
        endpoint_url: Some(url.to_owned()),
        billing_account_id: "999988887777".to_owned(),
        cache_dir: cache_dir.to_owned(),
        max_calls_per_month: 100,
    }
}

fn shared() -> aws_config::SdkConfig {
    aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKIATEST", "secret", None, None, "test",
        )))
        .build()
}

fn as_of() -> DateTime<Utc> {
    "2026-06-15T08:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn reads_every_page_once_and_keeps_every_digit() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = start(Behaviour::default()).await;
    let source = source(&url, folder.path());
    assert_eq!(source.estimate(as_of()).unwrap().price_usd, Decimal::new(3, 2));

    let fetched = source.fetch_with(&shared(), as_of()).await.unwrap();
    assert_eq!((fetched.calls, fetched.charges.len()), (6, 6));
    let mut by_service = BTreeMap::<&str, Decimal>::new();
    for charge in &fetched.charges {
        *by_service.entry(&charge.service_name).or_default() += charge.billed_cost;
    }
    assert_eq!(by_service["Amazon EC2"], Decimal::new(3702, 2));
    assert_eq!(by_service["Amazon S3"], Decimal::new(37035, 10));
    assert_eq!(fetched.charges[0].sub_account_id.as_deref(), Some("111122223333"));

    let again = source.fetch_with(&shared(), as_of()).await.unwrap();
    assert_eq!((again.calls, again.cached_months), (0, 3));
    assert_eq!(again.charges, fetched.charges);
    assert_eq!(double.lock().unwrap().calls, 6);
}

#[tokio::test]
async fn retries_throttles_and_server_errors_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) =
        start(Behaviour { throttles: 2, server_errors: 1, expired_tokens: 1, ..Behaviour::default() }).await;
    let fetched = source(&url, folder.path()).fetch_with(&shared(), as_of()).await.unwrap();
    assert_eq!(fetched.charges.len(), 6);
    // 6 pages, 3 retries, 1 refused token and the first page of that month once more
    assert_eq!((fetched.calls, double.lock().unwrap().calls), (11, 11));
}

#[tokio::test]
async fn never_exceeds_the_budget_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = start(Behaviour::default()).await;
    let mut source = source(&url, folder.path());
    source.max_calls_per_month = 3;
    let error = source.fetch_with(&shared(), as_of()).await.unwrap_err();
    assert!(matches!(error, SourceError::BudgetUsedUp { allowed: 3, .. }), "{error}");
    assert_eq!(double.lock().unwrap().calls, 3);

    source.max_calls_per_month = 6;
    let fetched = source.fetch_with(&shared(), as_of()).await.unwrap();
    assert_eq!((fetched.calls, fetched.charges.len()), (3, 6));
    // the fourth call asked for the second page of February, not for its first once more
    assert_eq!(double.lock().unwrap().bodies[3]["NextPageToken"], "page-2");
}

#[tokio::test]
async fn says_which_permission_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (double, url) = start(Behaviour { denied: true, ..Behaviour::default() }).await;
    let error = source(&url, folder.path()).fetch_with(&shared(), as_of()).await.unwrap_err().to_string();
    assert!(error.contains("2026-01, page 1") && error.contains("ce:GetCostAndUsage"), "{error}");
    assert_eq!(double.lock().unwrap().calls, 1);
}

#[test]
fn an_open_month_is_asked_for_again_the_next_day() {
    let folder = tempfile::tempdir().unwrap();
    let source = source("http://127.0.0.1:1", folder.path());
    let march: BillingMonth = "2026-03".parse().unwrap();
    let cached = CachedMonth {
        fetched_on: "2026-03-20".parse().unwrap(),
        complete: true,
        next_page_token: None,
        pages: vec![],
    };
    cached.write(folder.path(), &source.cache_key(march)).unwrap();
    assert!(source.cached(march, "2026-03-20T23:00:00Z".parse().unwrap()).is_some());
    assert!(source.cached(march, "2026-03-21T01:00:00Z".parse().unwrap()).is_none());
}
