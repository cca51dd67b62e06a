//! The one place that asks the clock.

use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};

static OFFSET: OnceLock<TimeDelta> = OnceLock::new();

/// Now, in UTC. The demo lives in its own time: see [`start_at`].
pub(crate) fn now() -> DateTime<Utc> {
    let real = DateTime::<Utc>::from(std::time::SystemTime::now());
    real + OFFSET.get().copied().unwrap_or_default()
}

/// Makes `instant` the present; time goes on from there. The demo's data ends at a fixed day, and its
/// pages should show that day as today. Only the first call counts.
pub(crate) fn start_at(instant: DateTime<Utc>) {
    let offset = instant - DateTime::<Utc>::from(std::time::SystemTime::now());
    let _ = OFFSET.set(offset);
}
