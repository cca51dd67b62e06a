//! The OpenAPI document, and a page made from it that needs nothing from elsewhere.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

use crate::cookie;
use crate::error::WebError;
use crate::layout::{Layout, page};
use crate::session::{Caller, Visitor};

/// Title, version and how to sign in.
pub(crate) fn opening() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Headroom")
        .version("1")
        .description(Some(
            "Costs, forecasts, capacity and recommendations. Names are snake_case, money is a decimal string with a \
             currency beside it, times are RFC 3339 UTC. Errors are RFC 9457 problems. Lists have `limit` and `cursor`.",
        ))
        .build();
    let mut components = Components::new();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("token", bearer);
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(cookie::SESSION)));
    components.add_security_scheme("session", session);
    let none: [&str; 0] = [];
    let either = vec![SecurityRequirement::new("token", none), SecurityRequirement::new("session", none)];
    OpenApiBuilder::new().info(info).components(Some(components)).security(Some(either)).build()
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn document(_: Caller, json: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// One operation of the document.
#[derive(Debug, Clone)]
struct Operation {
    method: String,
    path: String,
    summary: String,
    /// Name, place, whether it must be there, description.
    parameters: Vec<(String, String, bool, String)>,
    body: Option<String>,
    statuses: Vec<String>,
}

/// What the page lists.
#[derive(Debug, Clone)]
pub(crate) struct Documented {
    description: String,
    operations: Vec<Operation>,
    schemas: Vec<(String, String)>,
}

impl Documented {
    /// Reads the document.
    pub(crate) fn new(document: OpenApi) -> Self {
        let json = serde_json::to_value(&document).unwrap_or_default();
        // The page shows plain text; the document may hold Markdown.
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().replace('`', "");
        let mut operations = vec![];
        for (path, item) in json["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| {
                    let required = parameter["required"].as_bool().unwrap_or(false);
                    (
                        text(&parameter["name"]),
                        text(&parameter["in"]),
                        required,
                        text(&parameter["description"]),
                    )
                });
                let body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    summary: text(&operation["summary"]),
                    parameters: parameters.collect(),
                    body: body.and_then(|body| body.rsplit('/').next()).map(str::to_owned),
                    statuses: operation["responses"]
                        .as_object()
                        .into_iter()
                        .flatten()
                        .map(|(s, _)| s.clone())
                        .collect(),
                });
            }
        }
        let schemas = json["components"]["schemas"].as_object().into_iter().flatten();
        let schemas = schemas
            .map(|(name, schema)| (name.clone(), serde_json::to_string_pretty(schema).unwrap_or_default()))
            .collect();
        Self { description: text(&json["info"]["description"]), operations, schemas }
    }
}

#[derive(Template)]
#[template(path = "api_docs.html")]
struct DocsPage {
    layout: Layout,
    documented: Documented,
}

/// `GET /api/docs`.
pub(crate) async fn show(visitor: Visitor, documented: Documented) -> Result<Response, WebError> {
    page(&DocsPage { layout: Layout::new(&visitor, "/help", "JSON API"), documented })
}
