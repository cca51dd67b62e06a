//! The JSON API under `/api/v1`: the same data as the pages, with an OpenAPI 3.1 document.

mod answer;
mod capacity;
mod charges;
mod compute;
pub(crate) mod costs;
mod docs;
mod events;
mod forecasts;
mod recommendations;
mod runs;
mod sources;

use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{Problem, WebError};
use crate::state::App;

/// The routes below `/api`, and the page that describes them.
pub(crate) fn router() -> axum::Router<App> {
    let (router, document) = described();
    let json = document.to_pretty_json().unwrap_or_default();
    let listed = docs::Documented::new(document);
    router
        .route("/api/v1/openapi.json", get(move |caller| docs::document(caller, json)))
        .route("/api/docs", get(move |visitor| docs::show(visitor, listed)))
        .route("/api/{*rest}", get(missing).post(missing).put(missing).delete(missing).patch(missing))
}

/// Every route with its description: a route that is not described does not exist.
fn described() -> (axum::Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(docs::opening())
        .nest(
            "/api/v1",
            OpenApiRouter::new()
                .routes(routes!(costs::list))
                .routes(routes!(charges::list))
                .routes(routes!(forecasts::list))
                .routes(routes!(forecasts::one))
                .routes(routes!(compute::forecasts))
                .routes(routes!(capacity::list))
                .routes(routes!(capacity::one))
                .routes(routes!(compute::capacity))
                .routes(routes!(events::list, events::create))
                .routes(routes!(events::one, events::replace, events::remove))
                .routes(routes!(recommendations::list))
                .routes(routes!(recommendations::one))
                .routes(routes!(recommendations::decide))
                .routes(routes!(recommendations::plan))
                .routes(routes!(sources::list))
                .routes(routes!(sources::imports))
                .routes(routes!(sources::reconciliation))
                .routes(routes!(runs::list))
                .routes(routes!(runs::one)),
        )
        .split_for_parts()
}

async fn missing() -> Problem {
    Problem(WebError::NotFound("There is no such path in the API: see /api/docs.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_openapi_3_1_and_names_every_path() {
        let (_, document) = described();
        let json: serde_json::Value = serde_json::to_value(&document).unwrap();
        assert!(json["openapi"].as_str().unwrap().starts_with("3.1"), "{}", json["openapi"]);
        let paths: Vec<&str> = json["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        insta::assert_snapshot!(paths.join("\n"));
        for (path, item) in json["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                assert!(operation["responses"]["401"].is_object(), "{method} {path} does not say 401");
            }
        }
    }
}
