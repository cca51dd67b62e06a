//! How the API answers: JSON with an `ETag`, and lists page by page.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::error::{Problem, WebError};

/// Items of a page when the caller has no wish, and at most.
const LIMITS: (usize, usize) = (100, 1000);

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Items of one page, 1 to 1000; 100 when absent.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Paging {
    /// The number of items of a page.
    pub(crate) fn limit(&self) -> Result<usize, WebError> {
        match self.limit {
            None => Ok(LIMITS.0),
            Some(limit) if (1..=LIMITS.1).contains(&limit) => Ok(limit),
            Some(_) => Err(WebError::Invalid("limit", format!("limit must be 1 to {}.", LIMITS.1))),
        }
    }

    /// The cursor as sent.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// One page of a list, as the document describes it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes `Listed` of any item in the OpenAPI document")]
pub(crate) struct ListBody {
    /// The items, in the order that the path describes.
    items: Vec<serde_json::Value>,
    /// Send it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// The page of `all` after the item whose key is the cursor.
///
/// # Errors
/// [`WebError::Invalid`] when the cursor names no item, as after a new run.
pub(crate) fn page_of<T>(
    all: Vec<T>,
    paging: &Paging,
    key: impl Fn(&T) -> String,
) -> Result<Listed<T>, WebError> {
    let limit = paging.limit()?;
    let skip = match &paging.cursor {
        None => 0,
        Some(cursor) => {
            let found = all.iter().position(|item| key(item) == *cursor);
            let gone =
                || WebError::Invalid("cursor", "The cursor names nothing on this list any more.".to_owned());
            found.ok_or_else(gone)? + 1
        }
    };
    let has_more = all.len() > skip + limit;
    let items: Vec<T> = all.into_iter().skip(skip).take(limit).collect();
    let next_cursor = items.last().filter(|_| has_more).map(key);
    Ok(Listed { items, next_cursor })
}

/// A JSON answer with an `ETag`, or 304 when the caller has it already.
pub(crate) fn answer<T: Serialize>(headers: &HeaderMap, body: &T) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        Problem(WebError::Internal)
    })?;
    let digest = Sha256::digest(&bytes);
    let tag: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // Weak, because the answer may be compressed on its way.
    let tag = format!("W/\"{tag}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same =
        known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag || known.trim() == "*"));
    let etag = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("W/\"0\""));
    let shared =
        [(header::ETAG, etag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if same {
        return Ok((StatusCode::NOT_MODIFIED, shared).into_response());
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((shared, kind, bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let all: Vec<u32> = (0..25).collect();
        let mut seen = vec![];
        let mut paging = Paging { limit: Some(10), cursor: None };
        loop {
            let page = page_of(all.clone(), &paging, u32::to_string).unwrap();
            seen.extend(page.items);
            let Some(next) = page.next_cursor else { break };
            paging.cursor = Some(next);
        }
        assert_eq!(seen, all);
        let gone = Paging { limit: None, cursor: Some("x".into()) };
        assert!(matches!(page_of(all.clone(), &gone, u32::to_string), Err(WebError::Invalid("cursor", _))));
        let bad = Paging { limit: Some(0), cursor: None };
        assert!(matches!(page_of(all, &bad, u32::to_string), Err(WebError::Invalid("limit", _))));
    }

    #[test]
    fn an_answer_that_is_known_is_not_sent_again() {
        let first = answer(&HeaderMap::new(), &[1, 2]).unwrap();
        let tag = first.headers()[header::ETAG].clone();
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, tag);
        assert_eq!(answer(&headers, &[1, 2]).unwrap().status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(&headers, &[1, 3]).unwrap().status(), StatusCode::OK);
    }
}
