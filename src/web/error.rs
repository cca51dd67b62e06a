//! What went wrong, named after what the visitor did, with a page and a JSON face.

use askama::Template;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use store::StoreError;

use crate::layout::Layout;

/// What a handler answers when it can't do what was asked.
#[derive(Debug)]
pub(crate) enum WebError {
    /// Nothing there, or nothing of the visitor's organization.
    NotFound(String),
    /// The visitor's role or token does not allow it.
    Forbidden(&'static str),
    /// Nobody is signed in; the path to come back to.
    SignIn(String),
    /// No usable token came with an API call.
    Unauthorized(&'static str),
    /// A value can't be used: the field, and what is wrong with it.
    Invalid(&'static str, String),
    /// Values of a JSON body can't be used.
    Fields(Vec<FieldError>),
    /// A body that can't be read: not JSON (400), too large (413), or called something else (415).
    Unreadable(StatusCode, String),
    /// The path is there, but not for this method.
    Method,
    /// Too much was asked for; seconds until there is room again.
    TooMany(u64, String),
    /// The thing is there already, or is being made.
    Conflict(String),
    /// The database is away: the stale or missing page says so.
    Unavailable,
    /// Our fault; logged where it happened.
    Internal,
}

impl From<StoreError> for WebError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, key } => Self::NotFound(format!("There is no {what} “{key}”.")),
            StoreError::AlreadyExists { .. } => Self::Conflict(sentence(&error.to_string())),
            StoreError::Invalid(reason) => Self::Invalid("", sentence(&reason)),
            StoreError::Unavailable(source) => {
                tracing::warn!(error = %source, "the database is not reachable");
                Self::Unavailable
            }
            other => {
                tracing::error!(error = %chain(&other), "a page could not be read from the database");
                Self::Internal
            }
        }
    }
}

impl From<PathRejection> for WebError {
    /// A path that can't be taken apart (a word where a number stands) leads nowhere.
    fn from(rejection: PathRejection) -> Self {
        Self::NotFound(format!("There is nothing at this path: {}.", rejection.body_text()))
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be rendered");
        Self::Internal
    }
}

impl WebError {
    /// The same of a body that is a field of another one.
    pub(crate) fn within(self, field: &str) -> Self {
        let within = |fault: FieldError| FieldError::new(format!("{field}.{}", fault.field), fault.detail);
        match self {
            Self::Fields(faults) => Self::Fields(faults.into_iter().map(within).collect()),
            other => other,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::SignIn(_) => StatusCode::SEE_OTHER,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Invalid(..) | Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unreadable(status, _) => *status,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany(..) => StatusCode::TOO_MANY_REQUESTS,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::Forbidden(_) => "Not allowed",
            Self::SignIn(_) | Self::Unauthorized(_) => "Sign-in needed",
            Self::Invalid(..) | Self::Fields(_) => "Not usable",
            Self::Unreadable(..) => "Not readable",
            Self::Method => "Not for this method",
            Self::TooMany(..) => "Too many requests",
            Self::Conflict(_) => "Already there",
            Self::Unavailable => "The database is not reachable",
            Self::Internal => "Something went wrong here",
        }
    }

    pub(crate) fn detail(&self) -> String {
        match self {
            Self::NotFound(what)
            | Self::Conflict(what)
            | Self::Invalid(_, what)
            | Self::Unreadable(_, what)
            | Self::TooMany(_, what) => what.clone(),
            Self::Fields(errors) => match errors.as_slice() {
                [error] => format!("{}: {}", error.field, error.detail),
                errors => format!("{} values can't be used.", errors.len()),
            },
            Self::Method => "The path has no such method: the header Allow names those it has.".to_owned(),
            Self::Forbidden(needed) => format!("This needs the role {needed}."),
            Self::SignIn(_) => "Sign in to go on.".to_owned(),
            Self::Unauthorized(why) => (*why).to_owned(),
            Self::Unavailable => {
                "Nothing is lost. The page comes back by itself once the database answers.".to_owned()
            }
            Self::Internal => "The log of the server has the reason beside the request id.".to_owned(),
        }
    }

    fn next_step(&self) -> (&'static str, &'static str) {
        match self {
            Self::Unavailable => ("/", "Try again"),
            _ => ("/", "Go to the overview"),
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    layout: Layout,
    title: &'static str,
    detail: String,
    next: (&'static str, &'static str),
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        if let Self::SignIn(next) = &self {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            return see_other(&format!("/sign-in?{query}"));
        }
        let page = ErrorPage {
            layout: Layout::bare(self.title()),
            title: self.title(),
            detail: self.detail(),
            next: self.next_step(),
        };
        // An error page that can't be rendered still answers with its status.
        let body = page.render().unwrap_or_default();
        with_retry(&self, (self.status(), Html(body)).into_response())
    }
}

/// A redirect after a form, or to the sign-in page. `to` is a path of our own.
pub(crate) fn see_other(to: &str) -> Response {
    let location = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// The same error as RFC 9457 `application/problem+json`.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) WebError);

impl<E: Into<WebError>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Members of a problem document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the status says it all.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// Fields that can't be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// One field that can't be used.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct FieldError {
    /// Its name.
    field: String,
    /// Why.
    detail: String,
}

impl FieldError {
    /// `field` is a path into the body, as `usage[3].quantity`.
    pub(crate) fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            WebError::SignIn(_) => StatusCode::UNAUTHORIZED,
            other => other.status(),
        };
        let errors = match &self.0 {
            WebError::Invalid(field, detail) if !field.is_empty() => {
                vec![FieldError::new(*field, detail.as_str())]
            }
            WebError::Fields(errors) => errors.clone(),
            _ => Vec::new(),
        };
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.0.title(),
            status: status.as_u16(),
            detail: self.0.detail(),
            errors,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        with_retry(&self.0, response)
    }
}

/// Answers of 429 and 503 say when to come back.
fn with_retry(error: &WebError, mut response: Response) -> Response {
    let seconds = match error {
        WebError::Unavailable => 5,
        WebError::TooMany(seconds, _) => *seconds,
        _ => return response,
    };
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// An error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A lower-case message as a sentence for a page.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let rest = letters.as_str();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{rest}{end}")
}
