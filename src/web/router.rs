//! All routes, and the layers around them.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, StatusCode};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::error::WebError;
use crate::pages::{
    budgets, calendar, capacity, costs, events, forecasts, help, overview, plan, policies, purchases,
    recommendations, reports, runbook, runs, scenarios, settings, sign_in, sources, throughput,
};
use crate::state::{App, AppState};
use crate::{api, assets, headers, health, responses};

/// Largest form or JSON body that is read, unless a route says otherwise.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Result table of a load test of an hour.
const MAX_LOAD_TEST_BYTES: usize = 16 * 1024 * 1024;
/// Longest time that one answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Header that names a request in answers and logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All pages and the JSON API.
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that sign-in attempts are limited
/// per address.
pub fn router(state: AppState) -> axum::Router {
    let csrf = CsrfLayer::new();
    // An origin that is no origin is an error of the settings; the layer then still compares with `Host`.
    let csrf = csrf.clone().add_trusted_origin(&state.settings.public_url).unwrap_or(csrf);
    let app = App::new(state);
    let responses = app.responses.clone();
    axum::Router::new()
        .route("/", get(overview::show))
        .route("/costs", get(costs::show))
        .route("/costs.csv", get(costs::table_csv))
        .route("/costs-over-time.csv", get(costs::steps_csv))
        .route("/costs.json", get(costs::json))
        .route("/forecasts", get(forecasts::list))
        .route("/forecasts.csv", get(forecasts::file))
        .route("/forecasts/{*name}", get(forecasts::detail))
        .route("/budgets", get(budgets::list).post(budgets::create))
        .route("/budgets/{id}", get(budgets::detail).post(budgets::update))
        .route("/budgets/{id}/delete", post(budgets::delete))
        .route("/capacity", get(capacity::list))
        .route("/capacity/workloads/{*name}", get(capacity::detail))
        .route("/capacity/policies/{*name}", get(policies::show))
        .route(
            "/capacity/throughput/{*name}",
            get(throughput::show).post(throughput::learn).layer(DefaultBodyLimit::max(MAX_LOAD_TEST_BYTES)),
        )
        .route("/capacity/exports/{format}/{*name}", get(capacity::export))
        .route("/capacity/scenarios", post(scenarios::create))
        .route("/capacity/scenarios/{*name}", get(scenarios::show))
        .route("/capacity/scenario/{id}/purchases", get(purchases::show))
        .route("/capacity/scenario/{id}/delete", post(scenarios::delete))
        .route("/capacity/runbooks/{event}/{*name}", get(runbook::runbook))
        .route("/capacity/reviews/{event}/{*name}", get(runbook::review))
        .route("/capacity/calendar", get(calendar::preview).post(calendar::add))
        .route("/capacity/calendar/delete", post(calendar::remove))
        .route("/capacity/events", post(events::create))
        .route("/capacity/events/{id}", get(events::edit).post(events::update))
        .route("/capacity/events/{id}/delete", post(events::delete))
        .route("/recommendations", get(recommendations::list))
        .route("/recommendations.csv", get(recommendations::file))
        .route("/recommendations.yaml", get(recommendations::patches))
        .route("/recommendations/exports/{format}", get(recommendations::export))
        .route("/recommendations/{*key}", get(recommendations::detail).post(recommendations::decide))
        .route("/plan", get(plan::show))
        .route("/plan.csv", get(plan::file))
        .route("/plan.json", get(plan::json))
        .route("/sources", get(sources::show))
        .route("/sources/reconciliation", get(sources::reconciliation))
        .route("/sources/imports/{id}", get(sources::import))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::detail))
        .route("/reports", get(reports::show).post(reports::create))
        .route("/reports/{id}/enabled", post(reports::toggle))
        .route("/reports/{id}/delete", post(reports::delete))
        .route("/reports/{id}/test", post(reports::test))
        .route("/settings", get(settings::show))
        .route("/settings/users", post(settings::add_user))
        .route("/settings/users/{id}", post(settings::change_user))
        .route("/settings/tokens", post(settings::add_token))
        .route("/settings/tokens/{id}/revoke", post(settings::revoke_token))
        .route("/help", get(help::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/theme", post(sign_in::theme))
        .route("/static/{file}", get(assets::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(api::router(&app))
        .fallback(missing)
        .with_state(app)
        .layer(csrf)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, TIMEOUT))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn_with_state(responses, responses::count))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

/// The log span of one request. The query stays out: it may hold names of resources.
fn span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
}

async fn missing() -> Response {
    use axum::response::IntoResponse;
    WebError::NotFound("There is no such page.".to_owned()).into_response()
}
