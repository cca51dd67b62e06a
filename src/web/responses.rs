//! Counts answers by class of status, for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

/// Answers so far: 1xx to 5xx.
#[derive(Debug, Default)]
pub(crate) struct Responses([AtomicU64; 5]);

impl Responses {
    /// Class (1 to 5) and number of answers.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().enumerate().map(|(index, count)| (index + 1, count.load(Ordering::Relaxed)))
    }
}

/// Counts one answer.
pub(crate) async fn count(State(responses): State<Arc<Responses>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let class = usize::from(response.status().as_u16() / 100);
    if let Some(counter) = class.checked_sub(1).and_then(|index| responses.0.get(index)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    response
}
