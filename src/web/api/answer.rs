//! How the API answers a read: JSON with an `ETag`, lists page by page.

use std::ops::DerefMut;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::OrganizationId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::PgConnection;
use utoipa::ToSchema;

use crate::api::request::Paging;
use crate::error::{Problem, WebError};
use crate::session::{Caller, connection};
use crate::state::App;

/// What every handler of the API gives back.
pub(crate) type Answer = Result<Response, Problem>;

/// A connection of the pool, until it is dropped.
pub(crate) type Connection = Box<dyn DerefMut<Target = PgConnection> + Send>;

/// A call that only reads: whose data, a connection, and which answer the caller has already.
pub(crate) struct Reading {
    /// The caller's organization.
    pub(crate) org: OrganizationId,
    /// A connection to the database.
    pub(crate) conn: Connection,
    known: Option<HeaderValue>,
}

impl FromRequestParts<App> for Reading {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let org = Caller::from_request_parts(parts, app).await?.org;
        let conn = Box::new(connection(app).await?);
        Ok(Self { org, conn, known: parts.headers.get(header::IF_NONE_MATCH).cloned() })
    }
}

impl Reading {
    /// A document.
    pub(crate) fn answer<T: Serialize>(&self, body: &T) -> Answer {
        answer(self.known.as_ref(), body)
    }

    /// A document, or 404 with this reason.
    pub(crate) fn found<T: Serialize>(&self, body: Option<T>, missing: impl Into<String>) -> Answer {
        self.answer(&body.ok_or_else(|| WebError::NotFound(missing.into()))?)
    }

    /// The page of `all` after the item whose key is the cursor.
    pub(crate) fn page<T: Serialize>(
        &self,
        all: Vec<T>,
        paging: &Paging,
        key: impl Fn(&T) -> String,
    ) -> Answer {
        self.answer(&page_of(all, paging, key)?)
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items, in the order that the path describes.
    pub(crate) items: Vec<T>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
}

fn page_of<T>(all: Vec<T>, paging: &Paging, key: impl Fn(&T) -> String) -> Result<Page<T>, WebError> {
    let skip = match &paging.cursor {
        None => 0,
        Some(cursor) => {
            let found = all.iter().position(|item| key(item) == *cursor);
            let gone =
                || WebError::Invalid("cursor", "The cursor names nothing on this list any more.".to_owned());
            found.ok_or_else(gone)? + 1
        }
    };
    let has_more = all.len() > skip + paging.limit;
    let items: Vec<T> = all.into_iter().skip(skip).take(paging.limit).collect();
    let next_cursor = items.last().filter(|_| has_more).map(key);
    Ok(Page { items, next_cursor })
}

/// A JSON answer with an `ETag`, or 304 when the caller has it already.
fn answer<T: Serialize>(known: Option<&HeaderValue>, body: &T) -> Answer {
    let bytes = to_json(body)?;
    let digest = Sha256::digest(&bytes);
    let tag: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // Weak, because the answer may be compressed on its way.
    let tag = format!("W/\"{tag}\"");
    let known = known.and_then(|value| value.to_str().ok());
    let same =
        known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag || known.trim() == "*"));
    let etag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"0\""));
    let shared =
        [(header::ETAG, etag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if same {
        return Ok((StatusCode::NOT_MODIFIED, shared).into_response());
    }
    Ok((shared, json(StatusCode::OK, bytes)).into_response())
}

/// A body as JSON.
pub(crate) fn to_json<T: Serialize>(body: &T) -> Result<Vec<u8>, WebError> {
    serde_json::to_vec(body).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        WebError::Internal
    })
}

/// Bytes that are JSON already.
pub(crate) fn json(status: StatusCode, bytes: Vec<u8>) -> Response {
    (
        status,
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
        bytes,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let all: Vec<u32> = (0..25).collect();
        let mut seen = vec![];
        let mut paging = Paging { limit: 10, cursor: None };
        loop {
            let page = page_of(all.clone(), &paging, u32::to_string).unwrap();
            seen.extend(page.items);
            let Some(next) = page.next_cursor else { break };
            paging.cursor = Some(next);
        }
        assert_eq!(seen, all);
        let gone = Paging { limit: 10, cursor: Some("x".into()) };
        assert!(matches!(page_of(all, &gone, u32::to_string), Err(WebError::Invalid("cursor", _))));
    }

    #[test]
    fn an_answer_that_is_known_is_not_sent_again() {
        let first = answer(None, &[1, 2]).unwrap();
        let tag = &first.headers()[header::ETAG];
        assert_eq!(answer(Some(tag), &[1, 2]).unwrap().status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(Some(tag), &[1, 3]).unwrap().status(), StatusCode::OK);
    }
}
