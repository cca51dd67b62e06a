//! Tests of the whole surface against a real database: who may reach what, and what every answer carries.

use std::num::NonZeroU32;
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use chrono::{DateTime, Utc};
use domain::{Currency, Event, OrganizationId, Stamp};
use store::PgPool;
use store::embedded::{self, IfRunning};
use store::token::{NewToken, Scope};
use store::user::{NewUser, Role};
use tower::ServiceExt;

use crate::api::tests::{SECRET, SECRET_DEMAND};
use crate::{AppState, Settings, Workload, hash_password, new_secret, router};

const PASSWORD: &str = "correct horse battery";

/// Pages that somebody who is signed in reaches while nothing is stored.
const PAGES: [&str; 16] = [
    "/",
    "/costs",
    "/costs?group_by=team&compare=previous&period=last-12-months",
    "/costs?period=nonsense",
    "/forecasts",
    "/forecasts?kind=demand&q=x&sort=ratio",
    "/budgets",
    "/capacity",
    "/recommendations",
    "/recommendations?status=all&sort=risk",
    "/plan",
    "/sources",
    "/sources/reconciliation",
    "/runs",
    "/reports",
    "/help",
];

pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

pub(crate) struct Surface {
    app: Router,
    pub(crate) pool: PgPool,
    pub(crate) org: OrganizationId,
    pub(crate) other: OrganizationId,
}

impl Surface {
    async fn new(pool: PgPool) -> Self {
        let mut conn = pool.acquire().await.unwrap();
        let org = store::organization::ensure(&mut conn, "Shop", Currency::USD).await.unwrap().id;
        let other = store::organization::ensure(&mut conn, "Other", "EUR".parse().unwrap()).await.unwrap().id;
        let hash = hash_password(PASSWORD).unwrap();
        for (org, email, role) in [
            (org, "viewer@example.com", Role::Viewer),
            (org, "editor@example.com", Role::Editor),
            (org, "admin@example.com", Role::Admin),
            (other, "stranger@example.com", Role::Admin),
        ] {
            let user = NewUser { email, name: email, role, password_hash: &hash };
            store::user::create(&mut conn, org, &user, now()).await.unwrap();
        }
        drop(conn);
        let settings = Settings {
            public_url: "https://headroom.example.com".into(),
            organization: org,
            secure_cookies: true,
            api_requests_per_minute: NonZeroU32::MAX,
            demo: None,
        };
        let state = AppState {
            pool: pool.clone(),
            settings,
            clock: now,
            workloads: vec![Workload {
                name: SECRET.into(),
                demand: SECRET_DEMAND.into(),
                settings: capacity::SettingsInput::new(10.0),
                basis: None,
                group: Some(SECRET.into()),
                by_history: false,
                queue: None,
                drivers: vec![],
                utc_offsets: vec![],
                lead_times: vec![capacity::LeadTime { name: "hardware".into(), seconds: 86_400, holds: 1 }],
            }],
            send_report: None,
            policy: optimize::Policy::default(),
            process_metrics: None,
        };
        Self { app: router(state), pool, org, other }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str, cookie: &str) -> Response<Body> {
        let request = Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        self.send(request).await
    }

    async fn post(&self, path: &str, cookie: &str, form: &str) -> Response<Body> {
        let request = Request::post(path)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        self.send(request).await
    }

    /// Signs in and gives the cookie.
    pub(crate) async fn sign_in(&self, who: &str) -> String {
        let form = format!("email={who}%40example.com&password={}", PASSWORD.replace(' ', "+"));
        let response = self.post("/sign-in", "", &form).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{who}");
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.ends_with("HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

pub(crate) async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec()).unwrap()
}

fn programs(dir: &Path) -> embedded::Settings {
    embedded::Settings {
        data_dir: dir.to_owned(),
        path: None,
        temp_dir: std::env::temp_dir(),
        if_running: IfRunning::Refuse,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_surface_holds() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::Builder::new().prefix("headroom-web-").tempdir().unwrap();
    // A server started by root runs as somebody else, who has to get in.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let server = embedded::start(&programs(dir.path())).await.unwrap();
    let pool = store::connect(server.url()).await.unwrap();
    store::migrate(&pool).await.unwrap();
    let surface = Surface::new(pool.clone()).await;
    let (viewer, editor) = (surface.sign_in("viewer").await, surface.sign_in("editor").await);

    nothing_without_sign_in(&surface).await;
    every_page_has_an_empty_state(&surface, &viewer).await;
    roles_hold(&surface, &viewer, &editor).await;
    organizations_do_not_meet(&surface, &editor).await;
    tokens_have_scopes(&surface).await;
    crate::api::tests::the_rules_hold(&surface).await;
    other_sites_cannot_post(&surface, &editor).await;
    guessing_is_slowed(&surface).await;

    pool.close().await;
    server.stop().await.unwrap();
}

async fn nothing_without_sign_in(surface: &Surface) {
    for path in PAGES {
        let response = surface.get(path, "").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        let to = response.headers()[header::LOCATION].to_str().unwrap();
        assert!(to.starts_with("/sign-in?next="), "{path} → {to}");
    }
    for path in ["/api/v1/costs", "/api/v1/plan", "/api/v1/openapi.json"] {
        let response = surface.get(path, "headroom_session=guess").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{path}");
    }
    for path in ["/healthz", "/readyz", "/metrics", "/sign-in", "/static/app.css"] {
        let response = surface.get(path, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    for path in ["/healthz", "/nope", "/static/app.css", "/sign-in", "/api/nope"] {
        let response = surface.get(path, "").await;
        let headers = response.headers();
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert!(headers.contains_key("x-request-id"), "{path}");
    }
}

async fn every_page_has_an_empty_state(surface: &Surface, viewer: &str) {
    for path in PAGES {
        let response = surface.get(path, viewer).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let page = text(response).await;
        assert!(page.contains("<h1>") && page.contains("</html>"), "{path}");
        assert!(!page.contains("style=\"") && !page.contains("onclick"), "{path} breaks the policy");
    }
    for path in [
        "/plan.json",
        "/costs.csv",
        "/forecasts/cost/total",
        "/runs/99",
        "/recommendations/x/y",
        "/sources/imports/9",
    ] {
        assert_eq!(surface.get(path, viewer).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

async fn roles_hold(surface: &Surface, viewer: &str, editor: &str) {
    let form = "name=Sale&starts_at=2026-11-27T00:00&ends_at=2026-11-28T00:00&multiplier=10";
    assert_eq!(surface.post("/capacity/events", viewer, form).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(surface.post("/capacity/events", editor, form).await.status(), StatusCode::SEE_OTHER);
    let backwards = "name=Sale&starts_at=2026-11-28T00:00&ends_at=2026-11-27T00:00&multiplier=10";
    let refused = surface.post("/capacity/events", editor, backwards).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(refused).await.contains("The end must be after the start."));
    assert!(text(surface.get("/capacity", viewer).await).await.contains("Sale"));
    let unknown = format!("/capacity/policies/{SECRET}?latency_ms=200&unserved_percent=0&scenario=");
    assert_eq!(surface.get(&unknown, viewer).await.status(), StatusCode::NOT_FOUND, "no demand of it here");
    let calendar = "days=shopping&multiplier=3&years=1&past=&multiplier_low=&multiplier_high=&unique_id=";
    let preview = format!("/capacity/calendar?{calendar}");
    assert_eq!(surface.get(&preview, viewer).await.status(), StatusCode::FORBIDDEN);
    assert!(text(surface.get(&preview, editor).await).await.contains("Add 3 days"));
    assert_eq!(surface.post("/capacity/calendar", viewer, calendar).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(surface.post("/capacity/calendar", editor, calendar).await.status(), StatusCode::SEE_OTHER);
    let listed = text(surface.get("/capacity", editor).await).await;
    assert!(listed.contains("Cyber Monday 2026") && listed.contains("Remove Shopping days (3 days)"));
    assert!(
        text(surface.get(&preview, editor).await).await.contains("announced already"),
        "nothing is added twice"
    );
    let refused = surface.post("/capacity/calendar", editor, "days=shopping").await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let remove = "/capacity/calendar/delete";
    assert_eq!(surface.post(remove, viewer, "days=shopping").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(surface.post(remove, editor, "days=shopping").await.status(), StatusCode::SEE_OTHER);
    assert_eq!(surface.post(remove, editor, "days=shopping").await.status(), StatusCode::NOT_FOUND);
    let listed = text(surface.get("/capacity", editor).await).await;
    assert!(listed.contains("Sale") && !listed.contains("Cyber Monday 2026"));
    for path in ["/settings"] {
        assert_eq!(surface.get(path, editor).await.status(), StatusCode::FORBIDDEN, "{path}");
        let admin = surface.sign_in("admin").await;
        assert_eq!(surface.get(path, &admin).await.status(), StatusCode::OK, "{path}");
    }
}

async fn organizations_do_not_meet(surface: &Surface, editor: &str) {
    let event = Event {
        name: "secret launch".into(),
        starts_at: Stamp::Time(now()),
        ends_at: Stamp::Time(now() + chrono::Duration::hours(1)),
        multiplier: 2.0,
        multiplier_low: None,
        multiplier_high: None,
        unique_id: None,
    };
    let mut conn = surface.pool.acquire().await.unwrap();
    let id = store::event::create(&mut conn, surface.other, &event, "stranger", now()).await.unwrap().id;
    drop(conn);
    assert!(!text(surface.get("/capacity", editor).await).await.contains("secret launch"));
    for path in [format!("/capacity/events/{id}"), format!("/api/v1/events/{id}")] {
        assert_eq!(surface.get(&path, editor).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let path = format!("/capacity/events/{id}/delete");
    assert_eq!(surface.post(&path, editor, "").await.status(), StatusCode::NOT_FOUND);
    let stranger = surface.sign_in("stranger").await;
    assert!(text(surface.get("/capacity", &stranger).await).await.contains("secret launch"));
}

async fn tokens_have_scopes(surface: &Surface) {
    let mut secrets = vec![];
    let mut conn = surface.pool.acquire().await.unwrap();
    for (name, scopes) in [("reader", &[Scope::Read][..]), ("writer", &[Scope::Read, Scope::Write][..])] {
        let (secret, hash) = new_secret();
        let token = NewToken { name, scopes, token_hash: &hash, created_by: None, expires_at: None };
        store::token::create(&mut conn, surface.org, &token, now()).await.unwrap();
        secrets.push(secret);
    }
    drop(conn);
    let call = |secret: &str, key: &str, body: &str| {
        let request = Request::post("/api/v1/events")
            .header(header::AUTHORIZATION, format!("Bearer {secret}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_owned()));
        surface.send(request.unwrap())
    };
    let body = r#"{"name":"Launch","starts_at":"2026-12-01T00:00:00Z","ends_at":"2026-12-02T00:00:00Z","multiplier":3}"#;
    assert_eq!(call(&secrets[0], "a", body).await.status(), StatusCode::FORBIDDEN);
    let first = call(&secrets[1], "a", body).await;
    assert_eq!(first.status(), StatusCode::CREATED);
    let again = call(&secrets[1], "a", body).await;
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(text(first).await, text(again).await, "the same key gives the same answer");
    let other = body.replace("Launch", "Lunch");
    assert_eq!(call(&secrets[1], "a", &other).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(call(&secrets[1], "b", "{\"name\":1}").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let mut conn = surface.pool.acquire().await.unwrap();
    let events = store::event::list(&mut conn, surface.org).await.unwrap();
    assert_eq!(events.iter().filter(|stored| stored.event.name == "Launch").count(), 1);
}

async fn other_sites_cannot_post(surface: &Surface, editor: &str) {
    let request = Request::post("/sign-out")
        .header(header::COOKIE, editor)
        .header(header::HOST, "headroom.example.com")
        .header(header::ORIGIN, "https://evil.example")
        .header("sec-fetch-site", "cross-site")
        .body(Body::empty());
    assert_eq!(surface.send(request.unwrap()).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(surface.get("/", editor).await.status(), StatusCode::OK, "still signed in");
}

async fn guessing_is_slowed(surface: &Surface) {
    let mut statuses = vec![];
    for _ in 0..10 {
        let form = "email=admin%40example.com&password=wrong";
        statuses.push(surface.post("/sign-in", "", form).await.status());
    }
    assert_eq!(statuses[0], StatusCode::UNAUTHORIZED);
    assert_eq!(statuses[9], StatusCode::TOO_MANY_REQUESTS);
    surface.sign_in("viewer").await;
}
