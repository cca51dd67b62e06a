//! What a call brings: a path, which page of a list, a JSON body. What can't be used is answered as a problem.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::error::{FieldError, Problem, WebError};
use crate::state::App;

/// Items of a page when the caller has no wish, and at most.
const LIMITS: (usize, usize) = (100, 1000);

/// The parameters of a path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(crate) struct Path<T>(pub(crate) T);

/// The parameters of a query string.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        let axum::extract::Query(query) =
            query.map_err(|rejection| Problem(WebError::Invalid("query", rejection.body_text())))?;
        Ok(Self(query))
    }
}

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Items of one page, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000, value_type = Option<u32>)]
    pub(crate) limit: usize,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

impl Paging {
    fn parse(query: &str) -> Result<Self, WebError> {
        let mut paging = Self { limit: LIMITS.0, cursor: None };
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "limit" => {
                    let limit = text.parse().ok().filter(|limit| (1..=LIMITS.1).contains(limit));
                    let wrong =
                        || WebError::Invalid("limit", format!("limit must be a number, 1 to {}.", LIMITS.1));
                    paging.limit = limit.ok_or_else(wrong)?;
                }
                "cursor" => paging.cursor = Some(text.into_owned()),
                _ => {}
            }
        }
        Ok(paging)
    }
}

impl FromRequestParts<App> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default())?)
    }
}

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let wanted = "Send the body as Content-Type: application/json.".to_owned();
            return Err(Problem(WebError::Unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE, wanted)));
        }
        let read = Bytes::from_request(request, app).await;
        let bytes = read
            .map_err(|rejection| Problem(WebError::Unreadable(rejection.status(), rejection.body_text())))?;
        Ok(Self(parse(&bytes)?))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Reads a value; an error names the place in the body.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WebError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            let field = if path == "." { "body" } else { &path };
            WebError::Fields(vec![FieldError::new(field, error.to_string())])
        } else {
            WebError::Unreadable(StatusCode::BAD_REQUEST, format!("The body is not JSON: {error}."))
        }
    })?;
    json.end().map_err(|error| {
        WebError::Unreadable(StatusCode::BAD_REQUEST, format!("More than one value: {error}."))
    })?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_bounds() {
        assert_eq!(Paging::parse("").unwrap(), Paging { limit: 100, cursor: None });
        let asked = Paging::parse("q=x&limit=7&cursor=a%2Fb").unwrap();
        assert_eq!(asked, Paging { limit: 7, cursor: Some("a/b".into()) });
        for bad in ["limit=0", "limit=1001", "limit=", "limit=ten", "limit=-1"] {
            assert!(matches!(Paging::parse(bad), Err(WebError::Invalid("limit", _))), "{bad}");
        }
    }

    #[test]
    fn a_body_that_cannot_be_used_names_the_place() {
        #[derive(Debug, serde::Deserialize)]
        struct Row {
            #[expect(dead_code, reason = "only read")]
            quantity: u32,
        }
        let read = |text: &str| parse::<Vec<Row>>(text.as_bytes()).unwrap_err();
        match read(r#"[{"quantity": 1}, {"quantity": "two"}]"#) {
            WebError::Fields(errors) => {
                let json = serde_json::to_value(&errors).unwrap();
                assert_eq!(json[0]["field"], "[1].quantity");
                assert!(json[0]["detail"].as_str().unwrap().contains("expected u32"), "{json}");
            }
            other => panic!("{other:?}"),
        }
        for bad in ["", "[", "[] []", "\u{0}"] {
            assert!(matches!(read(bad), WebError::Unreadable(StatusCode::BAD_REQUEST, _)), "{bad:?}");
        }
    }

    #[test]
    fn only_json_is_read_as_json() {
        let headers = |kind: &str| HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(is_json(&headers(good)), "{good}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "json"] {
            assert!(!is_json(&headers(bad)), "{bad}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
