//! Stateless computation: the file mode of the command line for JSON bodies, with the same results. Nothing is
//! stored, and nothing answers later: what would take longer than a request may take is refused by its size.

mod backtests;
mod capacity;
mod commitments;
mod containers;
mod forecasts;
mod rightsizing;
mod rows;
mod series;
mod throughput;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::answer::{Answer, json, to_json};
use crate::error::WebError;
use crate::state::App;

/// Largest body of a computation: about 100,000 rows.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Computations of this process at a time; each uses all cores.
const AT_ONCE: usize = 2;
/// How long a computation waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an answer may take once it is its turn.
const LONGEST: Duration = Duration::from_secs(40);

/// All computations.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(forecasts::compute))
        .routes(routes!(backtests::compute))
        .routes(routes!(capacity::compute))
        .routes(routes!(capacity::replay))
        .routes(routes!(capacity::advise))
        .routes(routes!(throughput::compute))
        .routes(routes!(commitments::compute))
        .routes(routes!(commitments::replay))
        .routes(routes!(rightsizing::compute))
        .routes(routes!(containers::compute))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// The places for computations.
#[derive(Debug, Clone)]
pub(crate) struct Computations(Arc<Semaphore>);

impl Default for Computations {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Computations {
    /// Computes an answer beside the threads that serve.
    pub(super) async fn answer<T, F>(&self, compute: F) -> Answer
    where
        T: Serialize + Send + 'static,
        F: FnOnce() -> Result<T, WebError> + Send + 'static,
    {
        let busy = |_| WebError::TooMany(PATIENCE.as_secs(), "Other computations are under way.".to_owned());
        let place = timeout(PATIENCE, self.0.clone().acquire_owned()).await.map_err(busy)?;
        let place = place.map_err(|_| WebError::Internal)?;
        // A computation that nobody waits for any more keeps its place until it ends.
        let computing = tokio::task::spawn_blocking(move || {
            let _place = place;
            compute()
        });
        let too_long = |_| {
            let seconds = LONGEST.as_secs();
            WebError::Invalid("body", format!("This takes longer than {seconds} s: send less at a time."))
        };
        let computed = timeout(LONGEST, computing).await.map_err(too_long)?.map_err(|error| {
            tracing::error!(%error, "a computation ended without an answer");
            WebError::Internal
        })??;
        Ok(json(StatusCode::OK, to_json(&computed)?))
    }
}
