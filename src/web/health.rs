//! What operators and load balancers ask: alive, ready, and figures.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::session::connection;
use crate::state::App;

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database answers and its schema is current.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    match store::ready(app.pool()).await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}\n")).into_response(),
    }
}

/// `GET /metrics`: Prometheus text. Only counts and times, nothing of any organization's data.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let pool = app.pool();
    let up = u8::from(connection(&app).await.is_ok());
    let mut text = format!(
        "# HELP headroom_database_up Whether a connection to the database can be had.\n\
         # TYPE headroom_database_up gauge\n\
         headroom_database_up {up}\n\
         # HELP headroom_database_connections Open connections to the database, by state.\n\
         # TYPE headroom_database_connections gauge\n\
         headroom_database_connections{{state=\"idle\"}} {idle}\n\
         headroom_database_connections{{state=\"used\"}} {used}\n\
         # HELP headroom_http_responses_total Answers by class of status.\n\
         # TYPE headroom_http_responses_total counter\n",
        idle = pool.num_idle(),
        used = usize::try_from(pool.size()).unwrap_or(0).saturating_sub(pool.num_idle()),
    );
    for (class, count) in app.responses.counts() {
        text.push_str(&format!("headroom_http_responses_total{{class=\"{class}xx\"}} {count}\n"));
    }
    if let Some(process) = app.state.process_metrics {
        text.push_str(&process());
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
