//! The JSON API under `/api/v1`: the same data as the pages, with an OpenAPI 3.1 document.

mod anomalies;
mod answer;
mod budgets;
mod calendars;
mod capacity;
mod charges;
mod compute;
pub(crate) mod costs;
mod docs;
mod events;
mod forecasts;
mod rate_limit;
mod recommendations;
mod request;
mod runs;
mod scenarios;
mod sources;
#[cfg(test)]
pub(crate) mod tests;
mod writing;

use std::sync::LazyLock;

use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::compute::Computations;
pub(crate) use self::rate_limit::RateLimit;
use crate::error::{Problem, WebError};
use crate::state::App;

/// What the API is, for programs.
static DOCUMENT: LazyLock<OpenApi> = LazyLock::new(|| docs::complete(described().1));

/// The routes below `/api`, and the page that describes them.
pub(crate) fn router(app: &App) -> axum::Router<App> {
    described()
        .0
        .route("/api/{*rest}", any(missing))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), rate_limit::limit))
        .route("/api/docs", get(docs::show))
}

/// Every route with its description: a route that is not described does not exist.
fn described() -> (axum::Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(docs::opening())
        .nest(
            "/api/v1",
            OpenApiRouter::new()
                .routes(routes!(costs::list))
                .routes(routes!(charges::list))
                .routes(routes!(anomalies::list))
                .routes(routes!(forecasts::list))
                .routes(routes!(forecasts::one))
                .routes(routes!(budgets::list, budgets::create))
                .routes(routes!(budgets::one, budgets::replace, budgets::remove))
                .routes(routes!(capacity::list))
                .routes(routes!(capacity::one))
                .routes(routes!(capacity::exhaustion))
                .routes(routes!(capacity::outlooks))
                .routes(routes!(capacity::triggers))
                .routes(routes!(capacity::advice))
                .routes(routes!(capacity::drivers))
                .routes(routes!(capacity::throughput))
                .routes(routes!(capacity::runbook))
                .routes(routes!(capacity::review))
                .routes(routes!(calendars::list, calendars::add))
                .routes(routes!(calendars::remove))
                .routes(routes!(scenarios::list, scenarios::create))
                .routes(routes!(scenarios::one, scenarios::remove))
                .routes(routes!(scenarios::purchases))
                .routes(routes!(events::list, events::create))
                .routes(routes!(events::one, events::replace, events::remove))
                .routes(routes!(recommendations::list))
                .routes(routes!(recommendations::export))
                .routes(routes!(recommendations::one))
                .routes(routes!(recommendations::decide))
                .routes(routes!(recommendations::plan))
                .routes(routes!(recommendations::replays))
                .routes(routes!(sources::list))
                .routes(routes!(sources::imports))
                .routes(routes!(sources::reconciliation))
                .routes(routes!(runs::list))
                .routes(routes!(runs::one))
                .routes(routes!(docs::document))
                .merge(compute::router()),
        )
        .split_for_parts()
}

async fn missing() -> Problem {
    Problem(WebError::NotFound("There is no such path in the API: see /api/docs.".to_owned()))
}

async fn wrong_method() -> Problem {
    Problem(WebError::Method)
}
