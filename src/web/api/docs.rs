//! The OpenAPI document, and a page made from it that needs nothing from elsewhere.

use std::sync::LazyLock;

use askama::Template;
use axum::response::Response;
use utoipa::PartialSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    ResponseBuilder, SecurityRequirement,
};

use crate::api::DOCUMENT;
use crate::api::answer::{Answer, Reading};
use crate::cookie;
use crate::error::{FieldError, ProblemBody, WebError};
use crate::layout::{Layout, page};
use crate::session::Visitor;

/// Answers of 400 and above: status, when, and its name in the document.
const PROBLEMS: [(&str, &str, Applies); 11] = [
    ("400", "The body is not JSON", Applies::Body),
    ("401", "No usable token, and no session", Applies::Always),
    ("403", "The token or role may only read", Applies::Change),
    ("404", "Nothing there, or nothing of this organization", Applies::Always),
    ("409", "The same request is under way", Applies::Change),
    ("413", "The body is too large", Applies::Body),
    ("415", "The body is called something else than application/json", Applies::Body),
    ("422", "A value can't be used: `errors` names the fields", Applies::Always),
    ("429", "Too many requests: `Retry-After` says when to come back", Applies::Always),
    ("500", "Our fault: the log has the reason beside the request id", Applies::Always),
    ("503", "The database is away: `Retry-After` says when to come back", Applies::Always),
];

/// Which operations can end in a problem.
#[derive(Clone, Copy, PartialEq)]
enum Applies {
    Always,
    /// Those with a body.
    Body,
    /// Those that are not reads.
    Change,
}

/// Headers of every answer.
const HEADERS: [(&str, &str); 3] = [
    ("X-Request-Id", "Names the request in the log; the caller's own when it sent one"),
    ("RateLimit-Policy", "Quota of requests and window in seconds: `\"default\";q=6000;w=60`"),
    ("RateLimit", "Requests left, and seconds until the quota is full again: `\"default\";r=5999;t=1`"),
];

/// Title, version and how to sign in.
pub(crate) fn opening() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Headroom")
        .version("1")
        .description(Some(
            "Costs, forecasts, capacity and recommendations. Names are snake_case, money is a decimal string with a \
             currency beside it, times are RFC 3339 UTC. Errors are RFC 9457 problems. Lists have `limit` and `cursor`. \
             Paths that end in `:compute` and `:replay` are the file mode of the command line: they store nothing.",
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

/// Adds what all operations have in common, so that no handler has to say it.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    components.schemas.insert("FieldError".to_owned(), FieldError::schema());
    for (status, when, _) in PROBLEMS {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let mut response = ResponseBuilder::new().description(when).content("application/problem+json", body);
        for (name, description) in HEADERS {
            response = response.header(name, header(description));
        }
        if matches!(status, "429" | "503") {
            response = response.header("Retry-After", header("Seconds to wait"));
        }
        components.responses.insert(format!("Problem{status}"), RefOr::T(response.build()));
    }
    for item in document.paths.paths.values_mut() {
        for (operation, is_change) in
            [(&mut item.get, false), (&mut item.post, true), (&mut item.put, true), (&mut item.delete, true)]
        {
            if let Some(operation) = operation {
                complete_operation(operation, is_change);
            }
        }
    }
    document
}

fn complete_operation(operation: &mut Operation, is_change: bool) {
    let has_body = operation.request_body.is_some();
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        for (name, description) in HEADERS {
            response.headers.insert(name.to_owned(), RefOr::T(header(description)));
        }
        if !is_change {
            let tag = header("Send it as `If-None-Match`: 304 says that the answer is the same");
            response.headers.insert("ETag".to_owned(), RefOr::T(tag));
        }
    }
    if !is_change {
        let same = ResponseBuilder::new().description("The answer that `If-None-Match` names still holds");
        operation.responses.responses.insert("304".to_owned(), RefOr::T(same.build()));
    }
    for (status, _, applies) in PROBLEMS {
        let can_be = match applies {
            Applies::Always => true,
            Applies::Body => has_body,
            Applies::Change => is_change,
        };
        if can_be {
            let shared = RefOr::Ref(Ref::from_response_name(format!("Problem{status}")));
            operation.responses.responses.insert(status.to_owned(), shared);
        }
    }
}

fn header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(String::schema())).description(Some(description)).build()
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "document",
    responses((status = 200, body = serde_json::Value, description = "OpenAPI 3.1")),
)]
pub(crate) async fn document(read: Reading) -> Answer {
    read.answer(&*DOCUMENT)
}

/// What the page shows of it.
static DOCUMENTED: LazyLock<Documented> = LazyLock::new(|| Documented::new(&DOCUMENT));

/// One operation of the document.
#[derive(Debug, Clone)]
struct ShownOperation {
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
struct Documented {
    description: String,
    operations: Vec<ShownOperation>,
    schemas: Vec<(String, String)>,
}

impl Documented {
    /// Reads the document.
    fn new(document: &OpenApi) -> Self {
        let json = serde_json::to_value(document).unwrap_or_default();
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
                operations.push(ShownOperation {
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
    documented: &'static Documented,
}

/// `GET /api/docs`.
pub(crate) async fn show(visitor: Visitor) -> Result<Response, WebError> {
    page(&DocsPage { layout: Layout::new(&visitor, "/help", "JSON API"), documented: &DOCUMENTED })
}
