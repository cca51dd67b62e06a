//! A call that changes something: by whom, noted in the audit log, and done once for each `Idempotency-Key`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, Utc};
use domain::OrganizationId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::audit::NewEntry;
use store::idempotency::{self, Answer, Known};
use utoipa::IntoParams;

use crate::api::answer::{Connection, json, to_json};
use crate::error::{Problem, WebError};
use crate::session::{Caller, connection};
use crate::state::App;

/// How long an unfinished request keeps its key.
const STALE_MINUTES: i64 = 5;
/// Longest key.
const MAX_KEY_LETTERS: usize = 200;

/// The header, as the document describes it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes the header in the OpenAPI document")]
pub(crate) struct IdempotencyKey {
    /// Of the caller's choice: a request sent again under the same key gets the first answer again.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 200, pattern = "^[!-~]+$")]
    key: Option<String>,
}

/// A call of somebody who may change things.
pub(crate) struct Writing {
    /// The caller's organization.
    pub(crate) org: OrganizationId,
    /// The caller's name in the audit log.
    pub(crate) by: String,
    /// A connection to the database.
    pub(crate) conn: Connection,
    /// When.
    pub(crate) now: DateTime<Utc>,
    /// The `Idempotency-Key`.
    key: Option<String>,
    /// Method and path: what the key was used for.
    call: String,
}

impl FromRequestParts<App> for Writing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.writer()?;
        let key = match parts.headers.get("idempotency-key").map(|value| value.to_str()) {
            None => None,
            Some(Ok(key)) if (1..=MAX_KEY_LETTERS).contains(&key.len()) => Some(key.to_owned()),
            Some(_) => {
                let wanted = format!("A key has 1 to {MAX_KEY_LETTERS} printable ASCII characters.");
                return Err(Problem(WebError::Invalid("Idempotency-Key", wanted)));
            }
        };
        Ok(Self {
            org: caller.org,
            by: caller.name,
            conn: Box::new(connection(app).await?),
            now: app.now(),
            key,
            call: format!("{} {} ", parts.method, parts.uri.path()),
        })
    }
}

impl Writing {
    /// The answer that this request got before. `None`: the caller does it now and gives the outcome to
    /// [`Writing::finish`].
    pub(crate) async fn answered<T: Serialize>(&mut self, body: &T) -> Result<Option<Answer>, WebError> {
        let Some(key) = &self.key else { return Ok(None) };
        let digest = Sha256::digest([self.call.as_bytes(), &to_json(body)?].concat());
        let stale = self.now - Duration::minutes(STALE_MINUTES);
        match idempotency::begin(&mut self.conn, self.org, key, &digest, self.now, stale).await? {
            Known::New => Ok(None),
            Known::Answered(answer) => Ok(Some(answer)),
            Known::InProgress => Err(WebError::Conflict("The same request is under way.".to_owned())),
            Known::OtherRequest => {
                Err(WebError::Invalid("Idempotency-Key", "The key was used for another request.".to_owned()))
            }
        }
    }

    /// Keeps a good outcome under the key; a failure frees the key.
    pub(crate) async fn finish<T: Serialize, E: Into<WebError>>(
        &mut self,
        status: StatusCode,
        outcome: Result<T, E>,
    ) -> Result<Answer, WebError> {
        let made = match outcome.map_err(Into::into).and_then(|made| to_json(&made)) {
            Ok(body) => Ok(Answer { status: status.as_u16(), body }),
            Err(error) => Err(error),
        };
        if let Some(key) = &self.key {
            match &made {
                Ok(answer) => idempotency::finish(&mut self.conn, self.org, key, answer).await?,
                Err(_) => idempotency::forget(&mut self.conn, self.org, key).await?,
            }
        }
        made
    }

    /// Writes a line of the audit log.
    pub(crate) async fn note(&mut self, action: &str, subject: &str) -> Result<(), WebError> {
        let entry = NewEntry { actor: &self.by, action, subject, detail: serde_json::Value::Null };
        Ok(store::audit::record(&mut self.conn, self.org, &entry, self.now).await?)
    }
}

/// The answer to a creation: 201, with the path of what was made below that of its list.
pub(crate) fn created(answer: Answer, list: &str) -> Result<Response, WebError> {
    let made: Made = serde_json::from_slice(&answer.body).map_err(|_| WebError::Internal)?;
    let location = [(header::LOCATION, format!("{list}/{}", made.id))];
    Ok((location, json(StatusCode::CREATED, answer.body)).into_response())
}

/// The key in the answer to a creation.
#[derive(Deserialize)]
struct Made {
    id: i64,
}
